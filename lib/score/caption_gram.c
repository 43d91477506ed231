/* caption_gram.c -- n-grams as dense numbers and texts as sorted lists of them.
 *
 * An n-gram is the pair (number of its first n-1 words, last word), so one hash table of 64-bit keys serves all orders
 * and nothing is allocated per n-gram.  Numbers of different orders never meet: words come first, and a pair's first
 * half tells its order. */
#include "score/caption_impl.h"

#include <stdlib.h>

int ril_bags_init(struct ril_bags *b, const struct ril_captions *c, struct ril_err *err)
{
	size_t n;
	*b = (struct ril_bags){.grams = c->words.n, .unigrams = c->words.n, .tokens = c->n_tok};
	if (!ril_mul(&n, c->n_text, RIL_GRAM_MAX + 1))
		return ril_fail(err, RIL_EFAIL, "too many captions");
	b->cap = RIL_GRAM_MAX * (c->n_tok + 1);
	b->cap_use = c->words.n + c->n_tok + c->n_tok / 4;
	if (!(b->start = ril_new(n, sizeof *b->start, err)) || !(b->entry = ril_new(b->cap, sizeof *b->entry, err)) ||
	    !(b->use = ril_new(b->cap_use, sizeof *b->use, err)))
		return -1;
	ril_mem_dense(b->start, n * sizeof *b->start);
	ril_mem_dense(b->entry, b->cap * sizeof *b->entry);
	ril_mem_dense(b->use, b->cap_use * sizeof *b->use);
	for (size_t i = 0; i < c->n_text; i++)
		b->start[i * (RIL_GRAM_MAX + 1)] = SIZE_MAX;
	return 0;
}

void ril_bags_free(struct ril_bags *b)
{
	free(b->slot);
	free(b->use);
	free(b->entry);
	free(b->start);
	*b = (struct ril_bags){0};
}

/* Both halves of the key are small running numbers, which one multiplication would leave in clusters. */
static inline size_t home(unsigned bits, uint64_t key)
{
	uint64_t h = key * 0x9E3779B97F4A7C15u;
	h = (h ^ h >> 32) * 0xD6E8FEB86659FD93u;
	return (size_t)(h >> (64 - bits));
}

/* Where a key is or would be. */
static inline struct ril_gram_slot *place(struct ril_gram_slot *slot, unsigned bits, uint64_t key)
{
	size_t mask = ((size_t)1 << bits) - 1, at = home(bits, key);
	while (slot[at].key && slot[at].key != key)
		at = (at + 1) & mask;
	return slot + at;
}

/* A first table for about as many different n-grams as there are tokens, which captions come near to. */
static unsigned first_bits(size_t tokens)
{
	unsigned bits = 10;
	while (bits < 32 && (size_t)1 << bits < 2 * tokens)
		bits++;
	return bits;
}

static int widen(struct ril_bags *b, struct ril_err *err)
{
	unsigned bits = b->bits ? b->bits + 1 : first_bits(b->tokens);
	struct ril_gram_slot *slot = ril_new((size_t)1 << bits, sizeof *slot, err);
	if (!slot)
		return -1;
	ril_mem_dense(slot, sizeof *slot << bits);
	for (size_t i = 0; b->bits && i < (size_t)1 << b->bits; i++)
		if (b->slot[i].key)
			*place(slot, bits, b->slot[i].key) = b->slot[i];
	free(b->slot);
	b->slot = slot;
	b->bits = bits;
	return 0;
}

static uint64_t key_of(uint32_t prefix, uint32_t word)
{
	return ((uint64_t)prefix << 32 | word) + 1;
}

/* One order more: g[i] becomes the number, new or old, of (prefix[i], word[i]).  The table is larger than the caches,
 * so its lines are asked for ahead. */
static void extend(struct ril_bags *b, struct ril_gram *g, const struct ril_gram *prefix, const uint32_t *word,
		   size_t n)
{
	enum { AHEAD = 16 };
	for (size_t i = 0; i < n && i < AHEAD; i++)
		__builtin_prefetch(b->slot + home(b->bits, key_of(prefix[i].id, word[i])));
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			__builtin_prefetch(b->slot + home(b->bits, key_of(prefix[i + AHEAD].id, word[i + AHEAD])));
		uint64_t key = key_of(prefix[i].id, word[i]);
		struct ril_gram_slot *s = place(b->slot, b->bits, key);
		if (!s->key)
			*s = (struct ril_gram_slot){key, (uint32_t)b->grams++};
		g[i] = (struct ril_gram){s->val, 1};
	}
}

enum { SHORT = 64 };

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct ril_gram *)a)->id, y = ((const struct ril_gram *)b)->id;
	return (x > y) - (x < y);
}

/* Sorts by counting, for every element, how many are smaller: no branches to guess, many comparisons at once. */
static void sort_short(struct ril_gram *g, size_t n)
{
	uint64_t key[SHORT]; /* number, then place, so that no two are equal */
	for (size_t i = 0; i < n; i++)
		key[i] = (uint64_t)g[i].id << 8 | i;
	for (size_t i = 0; i < n; i++) {
		size_t smaller = 0;
		for (size_t j = 0; j < n; j++)
			smaller += key[j] < key[i];
		g[smaller] = (struct ril_gram){(uint32_t)(key[i] >> 8), 1};
	}
}

/* Sorts and joins equal numbers; returns how many are left. */
static size_t sort_bag(struct ril_gram *g, size_t n)
{
	if (n > SHORT)
		qsort(g, n, sizeof *g, by_id);
	else
		sort_short(g, n);
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		if (m && g[m - 1].id == g[i].id)
			g[m - 1].count++;
		else
			g[m++] = g[i];
	}
	return m;
}

int ril_bags_add(struct ril_bags *b, size_t text, const uint32_t *word, size_t n, struct ril_err *err)
{
	size_t *start = b->start + text * (RIL_GRAM_MAX + 1);
	if (start[0] != SIZE_MAX)
		return 0;
	if (n > UINT32_MAX / 8 || b->grams + 4 * n > UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "too many n-grams");
	while (!b->bits || (b->grams - b->unigrams + 3 * n) * 3 > (size_t)2 << b->bits)
		if (widen(b, err))
			return -1;
	if (ril_grow(&b->entry, &b->cap, b->n + RIL_GRAM_MAX * n, sizeof *b->entry, err))
		return -1;
	struct ril_gram *prefix = NULL; /* the order before, as in the text: sorting comes after */
	struct ril_gram *at = b->entry + b->n;
	size_t len[RIL_GRAM_MAX];
	for (int k = 0; k < RIL_GRAM_MAX; k++) {
		len[k] = n > (size_t)k ? n - (size_t)k : 0;
		if (k)
			extend(b, at, prefix, word + k, len[k]);
		for (size_t i = 0; !k && i < n; i++)
			at[i] = (struct ril_gram){word[i], 1};
		prefix = at;
		at += len[k];
	}
	at = b->entry + b->n;
	for (int k = 0; k < RIL_GRAM_MAX; k++) {
		size_t m = sort_bag(at, len[k]);
		start[k] = b->n;
		memmove(b->entry + b->n, at, m * sizeof *at);
		b->n += m;
		at += len[k];
	}
	start[RIL_GRAM_MAX] = b->n;
	size_t old = b->cap_use;
	if (ril_grow(&b->use, &b->cap_use, b->grams, sizeof *b->use, err))
		return -1;
	memset(b->use + old, 0, (b->cap_use - old) * sizeof *b->use);
	return 0;
}

void ril_bags_seen(struct ril_bags *b, size_t text, uint32_t picture)
{
	const size_t *start = b->start + text * (RIL_GRAM_MAX + 1);
	for (size_t i = start[0]; i < start[RIL_GRAM_MAX]; i++) {
		struct ril_gram_use *u = b->use + b->entry[i].id;
		u->df += u->last != picture + 1;
		u->last = picture + 1;
	}
}
