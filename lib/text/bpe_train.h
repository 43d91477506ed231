/* bpe_train.h -- trains a small byte-level BPE tokenizer on a text and writes it in Hugging Face form. */
#ifndef RIL_TEXT_BPE_TRAIN_H
#define RIL_TEXT_BPE_TRAIN_H

#include "base/mem.h"

/* Learns merges from n bytes of UTF-8 text until the vocabulary has `vocab` entries besides the added tokens (256
 * single bytes and vocab - 256 merges, fewer if no pair occurs twice) and writes dir/tokenizer.json and
 * dir/tokenizer_config.json with the expression, the normaliser and the special tokens of Qwen2.5, plus InternVL's own
 * when `internvl` is set. */
int ril_bpe_train(const char *dir, const char *text, size_t n, int32_t vocab, bool internvl, struct ril_err *);

#endif
