/* tokenizer.h -- byte-level BPE as Hugging Face folders carry it: tokenizer.json, or vocab.json + merges.txt +
 * added_tokens.json.
 *
 * Ids are those of the reference implementation: added tokens are found first (leftmost, longest), the text between
 * them is brought to NFC where the folder says so, cut into words by the folder's expressions, and each word is merged
 * by rank.  Text is bytes with a length: NUL is a character like any other.  What is not UTF-8 is refused.
 *
 * Ownership: load/free.  A tokenizer keeps a cache of words, so ril_tokenizer_encode must not run twice at once on the
 * same tokenizer; everything else may.  Borrowed strings live as long as the tokenizer. */
#ifndef RIL_TEXT_TOKENIZER_H
#define RIL_TEXT_TOKENIZER_H

#include "base/mem.h"

struct ril_tokenizer;

/* Token ids, growing; released with ril_ids_free. */
struct ril_ids {
	int32_t *at;
	size_t n, cap;
};
int ril_ids_add(struct ril_ids *, int32_t id, struct ril_err *);
void ril_ids_free(struct ril_ids *);

struct ril_tokenizer *ril_tokenizer_load(const char *dir, struct ril_err *);
void ril_tokenizer_free(struct ril_tokenizer *);

/* Appends the ids of text.  With `special`, special tokens written out in the text become their ids, as the reference
 * does for prompts; without, they are spelled in ordinary tokens, as text from outside should be (added tokens that are
 * not special are found either way). */
int ril_tokenizer_encode(struct ril_tokenizer *, const char *text, size_t n, bool special, struct ril_ids *out,
			 struct ril_err *);

/* Appends the bytes of ids, which may end inside a character; special tokens are left out with skip_special. */
int ril_tokenizer_decode(const struct ril_tokenizer *, const int32_t *ids, size_t n, bool skip_special,
			 struct ril_buf *out, struct ril_err *);
/* The same as UTF-8 text: fragments of characters become U+FFFD. */
int ril_tokenizer_text(const struct ril_tokenizer *, const int32_t *ids, size_t n, bool skip_special,
		       struct ril_buf *out, struct ril_err *);

/* Every id below the size has a token; a model's vocabulary may be larger (padding). */
int32_t ril_tokenizer_size(const struct ril_tokenizer *);
/* The id of an added token or of a vocabulary entry, given its bytes; -1 if there is none. */
int32_t ril_tokenizer_id(const struct ril_tokenizer *, const char *bytes, size_t n);
/* eos_token of tokenizer_config.json (a model's generation_config.json may name others); -1 if none. */
int32_t ril_tokenizer_eos(const struct ril_tokenizer *);
/* The token that the reference puts before a text that does not begin with it (Llama 3); -1 if none.  It is not put here:
 * a chat template writes it, or is refused. */
int32_t ril_tokenizer_lead(const struct ril_tokenizer *);
/* The tokenizer as lists, for the files of other programs (tokenizer_list.c). */
enum ril_token_kind { RIL_TOKEN_NONE, RIL_TOKEN_WORD, RIL_TOKEN_ADDED, RIL_TOKEN_SPECIAL };
/* The expressions that cut text into words one after another, each behind a line's end and ~ (or = where it is text); borrowed. */
const char *ril_tokenizer_words(const struct ril_tokenizer *);
enum ril_token_kind ril_tokenizer_kind(const struct ril_tokenizer *, int32_t id);
/* Appends a token as tokenizer.json has it: in the byte-level alphabet unless it was added. */
int ril_tokenizer_spell(const struct ril_tokenizer *, int32_t id, struct ril_buf *out, struct ril_err *);
struct ril_merge {
	int32_t left, right;
};
/* By rank; the caller frees it. */
struct ril_merge *ril_tokenizer_merges(const struct ril_tokenizer *, size_t *n, struct ril_err *);

/* 16 hex digits: equal for tokenizers that give equal ids, however their folders spell them.  Named in a stream's HEAD.
 */
const char *ril_tokenizer_key(const struct ril_tokenizer *);

#endif
