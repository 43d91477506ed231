/* bpe_train.h -- trains a small byte-level BPE tokenizer on a text and writes it in Hugging Face form. */
#ifndef RIL_TEXT_BPE_TRAIN_H
#define RIL_TEXT_BPE_TRAIN_H

#include "base/mem.h"

struct ril_bpe_token {
	const char *text;
	bool special;
};
/* What a family has besides Qwen2.5's special tokens. */
struct ril_bpe_own {
	const struct ril_bpe_token *token; /* [n] */
	size_t n;
	const char *config; /* further members of tokenizer_config.json, or NULL */
};

/* Learns merges from n bytes of UTF-8 text until the vocabulary has `vocab` entries besides the added tokens (256
 * single bytes and vocab - 256 merges, fewer if no pair occurs twice) and writes dir/tokenizer.json and
 * dir/tokenizer_config.json with the expression, the normaliser and the special tokens of Qwen2.5, plus a family's own
 * (NULL: none). */
int ril_bpe_train(const char *dir, const char *text, size_t n, int32_t vocab, const struct ril_bpe_own *,
		  struct ril_err *);

#endif
