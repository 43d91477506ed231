/* ptb.h -- the Penn Treebank tokeniser that caption scores are defined with; see ptb.c. */
#ifndef RIL_CAPTION_PTB_H
#define RIL_CAPTION_PTB_H

#include "base/mem.h"

/* Appends the tokens of one caption (valid UTF-8), lower-cased, without the dropped punctuation, joined by blanks. */
int ril_ptb_tokenise(struct ril_buf *out, const char *text, size_t n, struct ril_err *);

#endif
