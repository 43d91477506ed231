/* gram.c -- n-grams as dense numbers and texts as sorted lists of them.
 *
 * An n-gram is the pair (number of its first n-1 words, last word), so one hash table of 64-bit keys serves all orders
 * and nothing is allocated per n-gram.  Numbers of different orders never meet: words come first, and a pair's first
 * half tells its order. */
#include "caption/caption_internal.h"

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
	free(b->side);
	free(b->key);
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

/* ---- the n-grams of some texts, side by side ---- */

/* One order more, for all texts: every n-gram's number, new or old, from (number of its prefix, last word).  The table
 * is larger than the caches, so all its lines are asked for before the first is used. */
static void extend(struct ril_bags *b, const struct ril_bag_text *t, size_t n, size_t order, size_t words)
{
	struct ril_gram *prefix = b->side + (order - 1) * words, *out = prefix + words;
	uint64_t *key = b->key;
	for (size_t k = 0; k < n; prefix += t[k++].n)
		for (size_t i = 0; i + order < t[k].n; i++) {
			*key = key_of(prefix[i].id, t[k].word[i + order]);
			__builtin_prefetch(b->slot + home(b->bits, *key++));
		}
	key = b->key;
	for (size_t k = 0; k < n; out += t[k++].n)
		for (size_t i = 0; i + order < t[k].n; i++, key++) {
			struct ril_gram_slot *s = place(b->slot, b->bits, *key);
			if (!s->key)
				*s = (struct ril_gram_slot){*key, (uint32_t)b->grams++};
			out[i] = (struct ril_gram){s->val, 1};
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

static int make_room(struct ril_bags *b, size_t words, struct ril_err *err)
{
	if (words > UINT32_MAX / 8 || b->grams + RIL_GRAM_MAX * words > UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "too many n-grams");
	while (!b->bits || (b->grams - b->unigrams + 3 * words) * 3 > (size_t)2 << b->bits)
		if (widen(b, err))
			return -1;
	return ril_grow(&b->entry, &b->cap, b->n + RIL_GRAM_MAX * words, sizeof *b->entry, err) ||
			       ril_grow(&b->side, &b->cap_side, RIL_GRAM_MAX * words, sizeof *b->side, err) ||
			       ril_grow(&b->key, &b->cap_key, words, sizeof *b->key, err)
		       ? -1
		       : 0;
}

/* A text's n-grams, which begin at `from` in each order's part of b->side, as a bag. */
static void add_bag(struct ril_bags *b, const struct ril_bag_text *t, size_t from, size_t words)
{
	size_t *start = b->start + t->text * (RIL_GRAM_MAX + 1);
	for (size_t k = 0; k < RIL_GRAM_MAX; k++) {
		size_t len = t->n > k ? t->n - k : 0;
		struct ril_gram *g = b->entry + b->n;
		memcpy(g, b->side + k * words + from, len * sizeof *g);
		start[k] = b->n;
		b->n += sort_bag(g, len);
	}
	start[RIL_GRAM_MAX] = b->n;
}

int ril_bags_add(struct ril_bags *b, const struct ril_bag_text *t, size_t n, struct ril_err *err)
{
	size_t words = 0, at = 0;
	for (size_t k = 0; k < n; k++)
		words += t[k].n;
	if (make_room(b, words, err))
		return -1;
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < t[k].n; i++)
			b->side[at++] = (struct ril_gram){t[k].word[i], 1};
	for (size_t order = 1; order < RIL_GRAM_MAX; order++)
		extend(b, t, n, order, words);
	at = 0;
	for (size_t k = 0; k < n; at += t[k++].n)
		add_bag(b, &t[k], at, words);
	size_t old = b->cap_use;
	if (ril_grow(&b->use, &b->cap_use, b->grams, sizeof *b->use, err))
		return -1;
	memset(b->use + old, 0, (b->cap_use - old) * sizeof *b->use);
	return 0;
}

void ril_bags_count(struct ril_bags *b, size_t text, uint32_t picture)
{
	const size_t *start = b->start + text * (RIL_GRAM_MAX + 1);
	for (size_t i = start[0]; i < start[RIL_GRAM_MAX]; i++) {
		struct ril_gram_use *u = b->use + b->entry[i].id;
		u->df += u->last != picture + 1;
		u->last = picture + 1;
	}
}

/* The other's number of every n-gram: words by their text, longer ones by the numbers of their two parts, which come
 * before them. */
static void translate(uint32_t *number, const uint64_t *key, const struct ril_bags *b, const struct ril_captions *c,
		      const struct ril_bags *from, const struct ril_captions *of)
{
	for (size_t i = 0; i < b->grams; i++) {
		number[i] = UINT32_MAX;
		if (i < b->unigrams) {
			int64_t word = ril_intern_find_str(&of->words, ril_intern_text(&c->words, i));
			if (word >= 0 && (size_t)word < from->unigrams)
				number[i] = (uint32_t)word;
			continue;
		}
		uint32_t prefix = number[(key[i] - 1) >> 32], last = number[(uint32_t)(key[i] - 1)];
		if (prefix == UINT32_MAX || last == UINT32_MAX || !from->bits)
			continue;
		struct ril_gram_slot *s = place(from->slot, from->bits, key_of(prefix, last));
		if (s->key)
			number[i] = s->val;
	}
}

int ril_bags_borrow(struct ril_bags *b, const struct ril_captions *c, const struct ril_bags *from,
		    const struct ril_captions *of, struct ril_err *err)
{
	uint32_t *number = ril_new(b->grams, sizeof *number, err);
	uint64_t *key = ril_new(b->grams, sizeof *key, err);
	if (number && key) {
		for (size_t i = 0; b->bits && i < (size_t)1 << b->bits; i++)
			if (b->slot[i].key)
				key[b->slot[i].val] = b->slot[i].key;
		translate(number, key, b, c, from, of);
		for (size_t i = 0; i < b->grams; i++)
			b->use[i].df = number[i] == UINT32_MAX ? 0 : from->use[number[i]].df;
	}
	int rc = number && key ? 0 : -1;
	free(number);
	free(key);
	return rc;
}
