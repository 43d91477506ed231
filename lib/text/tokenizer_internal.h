/* tokenizer_internal.h -- what the files of the tokenizer share: loading fills it, encoding uses it. */
#ifndef RIL_TEXT_TOKENIZER_INTERNAL_H
#define RIL_TEXT_TOKENIZER_INTERNAL_H

#include "text/tokenizer.h"
#include "text/words.h"

enum { RIL_MAX_TOKENS = 1 << 24 };

struct ril_token {
	uint32_t off, len;        /* in ril_tokenizer.bytes; len 0: no such token yet */
	bool added, special, raw; /* raw: spelled outside the byte-level alphabet */
};

/* Added tokens are found in the text before anything else; longest first. */
struct ril_added {
	int32_t id;
	bool normalized; /* looked for after NFC, not before */
};

struct ril_pair {
	uint64_t key; /* left id << 32 | right id; ~0 is empty */
	int32_t rank, id;
};

struct ril_tokenizer {
	struct ril_buf bytes;
	struct ril_token *token; /* [size] */
	size_t token_cap;
	int32_t size;
	int32_t *index; /* bytes -> id, open addressing; -1 is empty */
	size_t index_mask;
	struct ril_pair *pair; /* open addressing */
	size_t pair_mask, npairs;
	int32_t byte_id[256];
	struct ril_added *added;
	size_t nadded, added_cap;
	bool first[2][256]; /* first bytes of added tokens: [normalized] */
	bool nfc, ignore_merges;
	struct ril_words *words;
	int32_t bos, eos;
	int32_t lead; /* what the post-processor puts before a text; -1: nothing */
	char key[17];
	struct ril_bpe *bpe; /* word cache and scratch of encoding */
};

/* Vocabulary entry or added token; its bytes must be new and its id free. */
int ril_tokenizer_put(struct ril_tokenizer *, int32_t id, const char *bytes, size_t n, bool added, struct ril_err *);

static inline const struct ril_pair *ril_pair_find(const struct ril_tokenizer *t, int32_t left, int32_t right)
{
	uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
	size_t i = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & t->pair_mask;
	while (t->pair[i].key != key) {
		if (t->pair[i].key == UINT64_MAX)
			return NULL;
		i = (i + 1) & t->pair_mask;
	}
	return &t->pair[i];
}

/* bpe.c: the ids of one word. */
struct ril_bpe;
struct ril_bpe *ril_bpe_new(struct ril_err *);
void ril_bpe_free(struct ril_bpe *);
/* `room`: bytes readable from word on, at least n. */
int ril_bpe_word(const struct ril_tokenizer *, const char *word, size_t n, size_t room, struct ril_ids *out,
		 struct ril_err *);

/* nfc.c: appends valid UTF-8 in NFC; 1, and nothing appended, when the text is in NFC as it is. */
int ril_nfc(struct ril_buf *out, const char *s, size_t n, struct ril_err *err);

/* bytelevel.c: GPT-2's alphabet, which writes each byte as a printable character. */
int ril_bytelevel_decode(struct ril_buf *out, const char *s, size_t n, struct ril_err *); /* 1: not in the alphabet */
int ril_bytelevel_encode(struct ril_buf *out, const char *bytes, size_t n, struct ril_err *);

#endif
