/* bpe.c -- the ids of one word: byte-pair merges by rank, behind a cache of words.
 *
 * Natural text repeats its words, so most are answered by the cache: two entries to a line of 64 bytes, a word of up to
 * 15 bytes compared exactly as two 64-bit numbers.  The rest are merged with a doubly linked list of symbols and a heap
 * of candidate pairs, lowest rank first and leftmost among equals: O(n log n), so that a megabyte without a space is no
 * trap. */
#include "text/tokenizer_internal.h"

#include <stdlib.h>

enum { CACHE_LINES = 1 << 15, CACHED_BYTES = 15, CACHED_IDS = 4 };

struct entry {
	uint64_t key[2];        /* the word's bytes, zero-padded; the last byte is its length, 0 when empty */
	int32_t id[CACHED_IDS]; /* -1 after the last */
};

struct symbol {
	int32_t id;
	int32_t prev, next; /* -1 at the ends; id -1 once merged into the symbol before */
};

struct candidate {
	int32_t rank, at;
};

struct ril_bpe {
	struct entry (*cache)[2];
	struct symbol *sym;
	size_t sym_cap;
	struct candidate *heap;
	size_t heap_n, heap_cap;
};

struct ril_bpe *ril_bpe_new(struct ril_err *err)
{
	struct ril_bpe *b = ril_new(1, sizeof *b, err);
	if (b && !(b->cache = ril_new(CACHE_LINES, sizeof *b->cache, err)))
		return free(b), NULL;
	return b;
}

void ril_bpe_free(struct ril_bpe *b)
{
	if (!b)
		return;
	free(b->cache);
	free(b->sym);
	free(b->heap);
	free(b);
}

/* ---- the heap ---- */

static inline bool before(struct candidate a, struct candidate b)
{
	return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static int push(struct ril_bpe *b, struct candidate c, struct ril_err *err)
{
	if (ril_grow(&b->heap, &b->heap_cap, b->heap_n + 1, sizeof c, err))
		return -1;
	size_t i = b->heap_n++;
	for (; i && before(c, b->heap[(i - 1) / 2]); i = (i - 1) / 2)
		b->heap[i] = b->heap[(i - 1) / 2];
	b->heap[i] = c;
	return 0;
}

static struct candidate pop(struct ril_bpe *b)
{
	struct candidate top = b->heap[0], last = b->heap[--b->heap_n];
	size_t i = 0;
	for (size_t k; (k = 2 * i + 1) < b->heap_n; i = k) {
		if (k + 1 < b->heap_n && before(b->heap[k + 1], b->heap[k]))
			k++;
		if (!before(b->heap[k], last))
			break;
		b->heap[i] = b->heap[k];
	}
	b->heap[i] = last;
	return top;
}

/* ---- merging ---- */

/* The pair that begins at symbol `at`, if it can merge. */
static inline const struct ril_pair *pair_at(const struct ril_tokenizer *t, const struct symbol *s, int32_t at)
{
	return at < 0 || s[at].next < 0 ? NULL : ril_pair_find(t, s[at].id, s[s[at].next].id);
}

static int offer(const struct ril_tokenizer *t, int32_t at, struct ril_err *err)
{
	const struct ril_pair *p = pair_at(t, t->bpe->sym, at);
	return p ? push(t->bpe, (struct candidate){p->rank, at}, err) : 0;
}

static int merge_word(const struct ril_tokenizer *t, const char *word, size_t n, struct ril_ids *out,
		      struct ril_err *err)
{
	struct ril_bpe *b = t->bpe;
	if (n > INT32_MAX - 1)
		return ril_fail(err, RIL_EFAIL, "a word of %zu bytes", n);
	if (ril_grow(&b->sym, &b->sym_cap, n, sizeof *b->sym, err))
		return -1;
	struct symbol *s = b->sym;
	for (int32_t i = 0; i < (int32_t)n; i++)
		s[i] = (struct symbol){t->byte_id[(unsigned char)word[i]], i - 1, i + 1 < (int32_t)n ? i + 1 : -1};
	b->heap_n = 0;
	for (int32_t i = 0; i + 1 < (int32_t)n; i++)
		if (offer(t, i, err))
			return -1;
	while (b->heap_n) {
		struct candidate c = pop(b);
		const struct ril_pair *p = s[c.at].id < 0 ? NULL : pair_at(t, s, c.at);
		if (!p || p->rank != c.rank)
			continue; /* one of the two has merged since */
		int32_t gone = s[c.at].next;
		s[c.at].id = p->id;
		s[c.at].next = s[gone].next;
		if (s[gone].next >= 0)
			s[s[gone].next].prev = c.at;
		s[gone].id = -1;
		if (offer(t, s[c.at].prev, err) || offer(t, c.at, err))
			return -1;
	}
	for (int32_t i = 0; i >= 0; i = s[i].next)
		if (ril_ids_add(out, s[i].id, err))
			return -1;
	return 0;
}

/* ---- the cache ---- */

static inline void word_key(uint64_t key[2], const char *word, size_t n, size_t room)
{
	if (room >= 16) {
		memcpy(key, word, 16);
		if (n < 8) {
			key[0] &= ((uint64_t)1 << n * 8) - 1;
			key[1] = 0;
		} else {
			key[1] &= ((uint64_t)1 << (n - 8) * 8) - 1;
		}
	} else {
		key[0] = key[1] = 0;
		memcpy(key, word, n);
	}
	key[1] |= (uint64_t)n << 56;
}

static inline size_t line_of(const uint64_t key[2])
{
	unsigned __int128 m = (unsigned __int128)(key[0] ^ 0x2D358DCCAA6C78A5u) * (key[1] ^ 0x8BB84B93962EACC9u);
	return (size_t)((uint64_t)m ^ (uint64_t)(m >> 64)) & (CACHE_LINES - 1);
}

static void remember(struct entry line[2], const uint64_t key[2], const int32_t *id, size_t n)
{
	if (n > CACHED_IDS)
		return;
	line[1] = line[0];
	line[0] = (struct entry){.key = {key[0], key[1]}, .id = {-1, -1, -1, -1}};
	memcpy(line[0].id, id, n * sizeof *id);
}

int ril_bpe_word(const struct ril_tokenizer *t, const char *word, size_t n, size_t room, struct ril_ids *out,
		 struct ril_err *err)
{
	size_t first = out->n;
	if (n > CACHED_BYTES) {
		int32_t whole = t->ignore_merges ? ril_tokenizer_id(t, word, n) : -1;
		return whole >= 0 ? ril_ids_add(out, whole, err) : merge_word(t, word, n, out, err);
	}
	uint64_t key[2];
	word_key(key, word, n, room);
	struct entry *line = t->bpe->cache[line_of(key)];
	for (int k = 0; k < 2; k++) {
		if (line[k].key[0] != key[0] || line[k].key[1] != key[1])
			continue;
		if (out->n + CACHED_IDS > out->cap &&
		    ril_grow(&out->at, &out->cap, out->n + CACHED_IDS, sizeof *out->at, err))
			return -1;
		memcpy(out->at + out->n, line[k].id, sizeof line[k].id);
		const int32_t *id = line[k].id;
		out->n += 1 + (id[1] >= 0) + (id[2] >= 0) + (id[3] >= 0);
		return 0;
	}
	int32_t whole = t->ignore_merges ? ril_tokenizer_id(t, word, n) : -1;
	if (whole >= 0 ? ril_ids_add(out, whole, err) : merge_word(t, word, n, out, err))
		return -1;
	remember(line, key, out->at + first, out->n - first);
	return 0;
}
