/* vqa_internal.h -- the answer normalisations of the VQA challenges, which other benchmarks borrow; see vqa.c. */
#ifndef RIL_SCORE_JUDGE_VQA_INTERNAL_H
#define RIL_SCORE_JUDGE_VQA_INTERNAL_H

#include "score/judge/text_internal.h"

/* Which periods go: those without a digit after them (vqaEval.py as released), or with none on either side (as
 * corrected in VLMEvalKit). */
enum ril_period_rule { RIL_PERIOD_AFTER, RIL_PERIOD_NEITHER };
int ril_vqa_punctuation(struct ril_buf *out, const char *text, enum ril_period_rule, struct ril_err *);

/* out is overwritten. */
int ril_vqa_normalise(struct ril_buf *out, const char *text, struct ril_err *);
int ril_vizwiz_normalise(struct ril_buf *out, const char *text, struct ril_err *);

#endif
