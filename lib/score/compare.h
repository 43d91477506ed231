/* compare.h -- two runs over the same questions: is b better than a?
 *
 * A question's score is the mean over its student responses.  Scores are the streams' own `reward.answer`, unless a
 * judge is named or a stream has none: then responses are judged.  A question that only one stream has is an error;
 * one that either run left undecided is left out and counted.  Section "compare": type, questions, a, b, difference,
 * low, high, p, undecided; the last row is "all". */
#ifndef RIL_SCORE_COMPARE_H
#define RIL_SCORE_COMPARE_H

#include "score/grader.h"
#include "score/sheet.h"
#include "score/stats.h"

int ril_compare_streams(const char *a, const char *b, struct ril_grader *, bool judge_anew,
			const struct ril_resampling *, struct ril_sheet *, struct ril_err *);

#endif
