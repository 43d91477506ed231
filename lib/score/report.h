/* report.h -- what a run's verdicts add up to: accuracy by category with intervals, benchmarks' own figures, caption
 * metrics.
 *
 * Sections of the sheet:
 *   scores          source, type, questions, responses, score, low, high, cut, undecided; after the categories the rows
 *                   "macro-average" (mean over categories) and "all" (over responses)
 *   samples         of sources with several responses to a question: pass@k for k = 1, 2, 4... and how many responses differ,
 *                   with intervals (pass.c)
 *   pope            where the judge was pope: accuracy, precision, recall, F1, yes-ratio by type and over all
 *   hallusion       where the judge was hallusion, or questions have its fields: aAcc, fAcc, qAcc
 *   caption_scores  where questions ask for captions (type "caption", or a field `references`): metric, value, interval
 * A source is "gold", "student" or "teacher N".  Undecided verdicts (NaN) are counted and left out of means.
 *
 * JSON begins with the figures of the student (of the first source when there is none): "accuracy", "macro", "n",
 * "types" {TYPE: {"accuracy", "n"}}, "captions" {METRIC: value}. */
#ifndef RIL_SCORE_REPORT_H
#define RIL_SCORE_REPORT_H

#include "score/judge/judge.h"
#include "base/sheet.h"
#include "base/resampling.h"

struct ril_report;
/* Categories are the questions' types, or their field `by` when it is not NULL. */
struct ril_report *ril_report_new(const char *by, struct ril_err *);
void ril_report_free(struct ril_report *);
int ril_report_add(struct ril_report *, const struct ril_item *, const struct ril_verdict *, const char *judge,
		   int32_t source, struct ril_err *);
size_t ril_report_rows(const struct ril_report *);
int ril_report_fill(struct ril_report *, const struct ril_resampling *, struct ril_sheet *, struct ril_err *);

#endif
