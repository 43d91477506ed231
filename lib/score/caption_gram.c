/* caption_gram.c -- n-grams as dense numbers and texts as sorted lists of them.
 *
 * An n-gram is the pair (number of its first n-1 words, last word), so one hash table of 64-bit keys serves all orders and
 * nothing is allocated per n-gram.  Numbers of different orders never meet: words come first, and a pair's first half
 * tells its order. */
#include "score/caption_impl.h"

#include <stdlib.h>

int ril_bags_init(struct ril_bags *b, size_t texts, size_t words, struct ril_err *err)
{
	size_t n;
	*b = (struct ril_bags){.grams = words, .unigrams = words};
	if (!ril_mul(&n, texts, RIL_GRAM_MAX + 1))
		return ril_fail(err, RIL_EFAIL, "too many captions");
	if (!(b->start = ril_new(n, sizeof *b->start, err)))
		return -1;
	for (size_t i = 0; i < texts; i++)
		b->start[i * (RIL_GRAM_MAX + 1)] = SIZE_MAX;
	return 0;
}

void ril_bags_free(struct ril_bags *b)
{
	free(b->key);
	free(b->val);
	free(b->df);
	free(b->seen);
	free(b->entry);
	free(b->start);
	*b = (struct ril_bags){0};
}

static size_t slot_of(uint64_t key, unsigned bits)
{
	return (size_t)(key * 0x9E3779B97F4A7C15u >> (64 - bits));
}

static int widen(struct ril_bags *b, struct ril_err *err)
{
	unsigned bits = b->bits ? b->bits + 2 : 14;
	size_t mask = ((size_t)1 << bits) - 1;
	uint64_t *key = ril_new(mask + 1, sizeof *key, err);
	uint32_t *val = key ? ril_new(mask + 1, sizeof *val, err) : NULL;
	if (!val)
		return free(key), -1;
	for (size_t i = 0; b->bits && i < (size_t)1 << b->bits; i++) {
		if (!b->key[i])
			continue;
		size_t at = slot_of(b->key[i], bits);
		while (key[at])
			at = (at + 1) & mask;
		key[at] = b->key[i];
		val[at] = b->val[i];
	}
	free(b->key);
	free(b->val);
	b->key = key;
	b->val = val;
	b->bits = bits;
	return 0;
}

/* The number of (prefix, word), new or old. */
static inline uint32_t number(struct ril_bags *b, uint32_t prefix, uint32_t word)
{
	uint64_t key = ((uint64_t)prefix << 32 | word) + 1;
	size_t mask = ((size_t)1 << b->bits) - 1, at = slot_of(key, b->bits);
	for (; b->key[at]; at = (at + 1) & mask)
		if (b->key[at] == key)
			return b->val[at];
	b->key[at] = key;
	return b->val[at] = (uint32_t)b->grams++;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct ril_gram *)a)->id, y = ((const struct ril_gram *)b)->id;
	return (x > y) - (x < y);
}

/* Sorts and joins equal numbers; returns how many are left. */
static size_t sort_bag(struct ril_gram *g, size_t n)
{
	if (n > 64) {
		qsort(g, n, sizeof *g, by_id);
	} else {
		for (size_t i = 1; i < n; i++) {
			struct ril_gram x = g[i];
			size_t j = i;
			for (; j > 0 && g[j - 1].id > x.id; j--)
				g[j] = g[j - 1];
			g[j] = x;
		}
	}
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
	while (!b->bits || (b->grams - b->unigrams + 3 * n) * 2 > (size_t)1 << b->bits)
		if (widen(b, err))
			return -1;
	if (ril_grow(&b->entry, &b->cap, b->n + RIL_GRAM_MAX * n, sizeof *b->entry, err))
		return -1;
	struct ril_gram *prefix = NULL; /* the order before, in text order, must outlive sorting: numbers are made first */
	struct ril_gram *at = b->entry + b->n;
	size_t len[RIL_GRAM_MAX];
	for (int k = 0; k < RIL_GRAM_MAX; k++) {
		len[k] = n > (size_t)k ? n - (size_t)k : 0;
		for (size_t i = 0; i < len[k]; i++)
			at[i] = (struct ril_gram){k ? number(b, prefix[i].id, word[i + (size_t)k]) : word[i], 1};
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
	size_t old = b->cap_df, old_seen = b->cap_seen;
	if (ril_grow(&b->df, &b->cap_df, b->grams, sizeof *b->df, err) ||
	    ril_grow(&b->seen, &b->cap_seen, b->grams, sizeof *b->seen, err))
		return -1;
	memset(b->df + old, 0, (b->cap_df - old) * sizeof *b->df);
	memset(b->seen + old_seen, 0, (b->cap_seen - old_seen) * sizeof *b->seen);
	return 0;
}

void ril_bags_seen(struct ril_bags *b, size_t text, uint32_t picture)
{
	const size_t *start = b->start + text * (RIL_GRAM_MAX + 1);
	for (size_t i = start[0]; i < start[RIL_GRAM_MAX]; i++) {
		uint32_t id = b->entry[i].id;
		if (b->seen[id] == picture + 1)
			continue;
		b->seen[id] = picture + 1;
		b->df[id]++;
	}
}
