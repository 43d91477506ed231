/* words.h -- cutting text into the words that BPE merges within: the pre-tokeniser of tokenizer.json.
 *
 * A pre-tokeniser is a sequence of expressions; each cuts what the one before it left into its matches and the text
 * between them ("Isolated").  Expressions run by PCRE2 with Unicode properties.  Qwen2's expression, which nearly every
 * model here has, also exists written out by hand (ril_words_qwen); the tests hold the two equal. */
#ifndef RIL_TEXT_WORDS_H
#define RIL_TEXT_WORDS_H

#include "base/mem.h"

extern const char ril_words_qwen_expression[];
extern const char ril_words_gpt2_expression[];

struct ril_words;
struct ril_words *ril_words_new(struct ril_err *);
void ril_words_free(struct ril_words *);
/* Appends an expression; `literal` takes it as plain text. */
int ril_words_add(struct ril_words *, const char *expression, size_t n, bool literal, struct ril_err *);
/* True when ril_words_qwen does the same. */
bool ril_words_fast(const struct ril_words *);
/* The expressions joined, for a tokenizer's identity. */
const char *ril_words_text(const struct ril_words *);

/* Walks the words of valid UTF-8. */
enum { RIL_MAX_SPLITS = 8 };
struct ril_cut {
	const char *s;
	size_t n;
	struct {
		size_t start, end;
	} piece[RIL_MAX_SPLITS + 1];
};
void ril_cut_start(struct ril_cut *, const char *s, size_t n);
/* 1 and the next word, 0 after the last, -1 on failure (an expression that backtracks without end). */
int ril_cut_next(const struct ril_words *, struct ril_cut *, size_t *start, size_t *end, struct ril_err *);

/* Where the word that begins at s[at] ends, by Qwen2's expression; at < n. */
size_t ril_words_qwen(const unsigned char *s, size_t n, size_t at);

#endif
