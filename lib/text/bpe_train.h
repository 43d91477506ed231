/* bpe_train.h -- trains a small byte-level BPE tokenizer on a text and writes it in Hugging Face form. */
#ifndef RIL_TEXT_BPE_TRAIN_H
#define RIL_TEXT_BPE_TRAIN_H

#include "base/mem.h"

struct ril_bpe_token {
	const char *text;
	bool special;
};
/* How text is cut: NFC and Qwen2's expression; every digit alone and GPT-2's, as SmolLM has it. */
enum ril_bpe_words { RIL_BPE_QWEN, RIL_BPE_DIGITS };
/* What a family has besides Qwen2.5's special tokens, or instead of them. */
struct ril_bpe_own {
	const struct ril_bpe_token *token; /* [n] */
	size_t n;
	const char *config; /* further members of tokenizer_config.json, or NULL */
	bool whole;         /* these are all */
	const char *eos;    /* NULL: <|im_end|> */
	enum ril_bpe_words words;
};

/* Learns merges from n bytes of UTF-8 text until the vocabulary has `vocab` entries besides the added tokens (256
 * single bytes and vocab - 256 merges, fewer if no pair occurs twice) and writes dir/tokenizer.json and
 * dir/tokenizer_config.json with the expression, the normaliser and the special tokens of Qwen2.5, but for what a family
 * has of its own (NULL: nothing). */
int ril_bpe_train(const char *dir, const char *text, size_t n, int32_t vocab, const struct ril_bpe_own *,
		  struct ril_err *);

#endif
