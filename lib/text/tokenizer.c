/* tokenizer.c -- encoding and decoding; see tokenizer.h.  Loading is tokenizer_load.c, cutting words.c, merging bpe.c.
 */
#include "text/tokenizer_internal.h"

#include "base/json.h"

#include <stdlib.h>

int ril_ids_add(struct ril_ids *ids, int32_t id, struct ril_err *err)
{
	if (ids->n == ids->cap && ril_grow(&ids->at, &ids->cap, ids->n + 1, sizeof *ids->at, err))
		return -1;
	ids->at[ids->n++] = id;
	return 0;
}

void ril_ids_free(struct ril_ids *ids)
{
	free(ids->at);
	*ids = (struct ril_ids){0};
}

void ril_tokenizer_free(struct ril_tokenizer *t)
{
	if (!t)
		return;
	ril_buf_free(&t->bytes);
	free(t->token);
	free(t->index);
	free(t->pair);
	free(t->added);
	ril_words_free(t->words);
	ril_bpe_free(t->bpe);
	free(t);
}

/* ---- lookup ---- */

static uint64_t bytes_hash(const char *s, size_t n)
{
	uint64_t h = n * 0x9E3779B97F4A7C15u;
	for (; n >= 8; s += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, s, 8);
		h = (h ^ w) * 0xFF51AFD7ED558CCDu;
		h ^= h >> 32;
	}
	uint64_t w = 0;
	memcpy(&w, s, n);
	h = (h ^ w) * 0xC4CEB9FE1A85EC53u;
	return h ^ h >> 29;
}

/* The slot where these bytes are, or would be. */
static size_t slot_of(const struct ril_tokenizer *t, const char *s, size_t n)
{
	size_t i = (size_t)bytes_hash(s, n) & t->index_mask;
	for (;; i = (i + 1) & t->index_mask) {
		if (t->index[i] < 0)
			return i;
		const struct ril_token *k = &t->token[t->index[i]];
		if (k->len == n && !memcmp(t->bytes.data + k->off, s, n))
			return i;
	}
}

static int index_grow(struct ril_tokenizer *t, struct ril_err *err)
{
	size_t slots = t->index ? (t->index_mask + 1) * 2 : 1024;
	int32_t *fresh = ril_new(slots, sizeof *fresh, err);
	if (!fresh)
		return -1;
	memset(fresh, 0xFF, slots * sizeof *fresh);
	free(t->index);
	t->index = fresh;
	t->index_mask = slots - 1;
	for (int32_t id = 0; id < t->size; id++)
		if (t->token[id].len)
			t->index[slot_of(t, t->bytes.data + t->token[id].off, t->token[id].len)] = id;
	return 0;
}

int ril_tokenizer_put(struct ril_tokenizer *t, int32_t id, const char *bytes, size_t n, bool added, struct ril_err *err)
{
	if (id < 0 || id >= RIL_MAX_TOKENS)
		return ril_fail(err, RIL_ECORRUPT, "token '%.*s' has the id %d", (int)(n < 64 ? n : 64), bytes,
				(int)id);
	if (!n)
		return ril_fail(err, RIL_ECORRUPT, "token %d is empty", (int)id);
	if (t->bytes.len + n > UINT32_MAX)
		return ril_fail(err, RIL_ECORRUPT, "a vocabulary of more than 4 GiB");
	if (id >= t->size) {
		if (ril_grow(&t->token, &t->token_cap, (size_t)id + 1, sizeof *t->token, err))
			return -1;
		memset(t->token + t->size, 0, ((size_t)id + 1 - (size_t)t->size) * sizeof *t->token);
		t->size = id + 1;
	}
	if (t->token[id].len)
		return ril_fail(err, RIL_ECORRUPT, "id %d is given to '%.*s' and to '%.*s'", (int)id,
				(int)t->token[id].len, t->bytes.data + t->token[id].off, (int)(n < 64 ? n : 64), bytes);
	if ((!t->index || (size_t)t->size * 2 > t->index_mask) && index_grow(t, err))
		return -1;
	size_t slot = slot_of(t, bytes, n);
	if (t->index[slot] >= 0)
		return ril_fail(err, RIL_ECORRUPT, "token '%.*s' has two ids, %d and %d", (int)(n < 64 ? n : 64), bytes,
				(int)t->index[slot], (int)id);
	t->token[id] = (struct ril_token){(uint32_t)t->bytes.len, (uint32_t)n, .added = added};
	t->index[slot] = id;
	return ril_buf_add(&t->bytes, bytes, n, err);
}

int32_t ril_tokenizer_size(const struct ril_tokenizer *t)
{
	return t->size;
}

int32_t ril_tokenizer_id(const struct ril_tokenizer *t, const char *bytes, size_t n)
{
	return n ? t->index[slot_of(t, bytes, n)] : -1;
}

int32_t ril_tokenizer_eos(const struct ril_tokenizer *t)
{
	return t->eos;
}

int32_t ril_tokenizer_lead(const struct ril_tokenizer *t)
{
	return t->lead;
}

const char *ril_tokenizer_key(const struct ril_tokenizer *t)
{
	return t->key;
}

/* ---- encoding ---- */

static int encode_words(const struct ril_tokenizer *t, const char *s, size_t n, struct ril_ids *out,
			struct ril_err *err)
{
	size_t start, end;
	if (ril_words_fast(t->words)) {
		for (start = 0; start < n; start = end) {
			end = ril_words_qwen((const unsigned char *)s, n, start);
			if (ril_bpe_word(t, s + start, end - start, n - start, out, err))
				return -1;
		}
		return 0;
	}
	struct ril_cut cut;
	ril_cut_start(&cut, s, n);
	int more;
	while ((more = ril_cut_next(t->words, &cut, &start, &end, err)) > 0)
		if (ril_bpe_word(t, s + start, end - start, n - start, out, err))
			return -1;
	return more;
}

/* The first added token of the kind at or after `from`, the longest that begins there; -1 if none.  *at is where. */
static int32_t find_added(const struct ril_tokenizer *t, const char *s, size_t n, size_t from, bool normalized,
			  bool special, size_t *at)
{
	const bool *first = t->first[normalized];
	for (size_t i = from; i < n; i++) {
		if (!first[(unsigned char)s[i]])
			continue;
		for (size_t k = 0; k < t->nadded; k++) {
			const struct ril_token *tok = &t->token[t->added[k].id];
			if (t->added[k].normalized == normalized && tok->len <= n - i && (special || !tok->special) &&
			    !memcmp(t->bytes.data + tok->off, s + i, tok->len)) {
				*at = i;
				return t->added[k].id;
			}
		}
	}
	return -1;
}

/* Text without added tokens of the first kind: normalised, then cut at those of the second. */
static int encode_plain(const struct ril_tokenizer *t, const char *s, size_t n, bool special, struct ril_ids *out,
			struct ril_err *err)
{
	size_t at, from = 0;
	int32_t id;
	while ((id = find_added(t, s, n, from, true, special, &at)) >= 0) {
		if (encode_words(t, s + from, at - from, out, err) || ril_ids_add(out, id, err))
			return -1;
		from = at + t->token[id].len;
	}
	return encode_words(t, s + from, n - from, out, err);
}

static int encode_normalized(const struct ril_tokenizer *t, const char *s, size_t n, bool special, struct ril_ids *out,
			     struct ril_err *err)
{
	struct ril_buf nfc = {0};
	int rc = t->nfc ? ril_nfc(&nfc, s, n, err) : 1;
	if (rc >= 0)
		rc = encode_plain(t, rc ? s : nfc.data, rc ? n : nfc.len, special, out, err);
	ril_buf_free(&nfc);
	return rc;
}

int ril_tokenizer_encode(struct ril_tokenizer *t, const char *s, size_t n, bool special, struct ril_ids *out,
			 struct ril_err *err)
{
	size_t at, from = 0;
	int32_t id;
	if (!ril_utf8_valid(s, n, &at))
		return ril_fail(err, RIL_ECORRUPT, "text is not UTF-8 at byte %zu", at);
	while ((id = find_added(t, s, n, from, false, special, &at)) >= 0) {
		if (encode_normalized(t, s + from, at - from, special, out, err) || ril_ids_add(out, id, err))
			return -1;
		from = at + t->token[id].len;
	}
	return encode_normalized(t, s + from, n - from, special, out, err);
}

/* ---- decoding ---- */

int ril_tokenizer_decode(const struct ril_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
			 struct ril_buf *out, struct ril_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] < 0 || ids[i] >= t->size)
			return ril_fail(err, RIL_EFAIL, "id %d has no token (the tokenizer has %d)", (int)ids[i],
					(int)t->size);
		const struct ril_token *k = &t->token[ids[i]];
		if (!(skip_special && k->special) && ril_buf_add(out, t->bytes.data + k->off, k->len, err))
			return -1;
	}
	return ril_buf_add(out, "", 0, err);
}

int ril_tokenizer_text(const struct ril_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
		       struct ril_buf *out, struct ril_err *err)
{
	struct ril_buf raw = {0};
	int rc = ril_tokenizer_decode(t, ids, n, skip_special, &raw, err);
	if (!rc)
		rc = ril_utf8_repair(out, raw.data, raw.len, err) || ril_buf_add(out, "", 0, err) ? -1 : 0;
	ril_buf_free(&raw);
	return rc;
}
