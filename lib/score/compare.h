/* compare.h -- two runs over the same questions: is b better than a?
 *
 * A question's score is the mean over its responses, of the student, of teachers or of both.  Scores are the streams' own `reward.answer`, unless a
 * judge is named or a stream has none: then responses are judged.  A question that only one stream has is an error;
 * one that either run left undecided is left out and counted.  Section "compare": type, questions, a, b, difference,
 * low, high, p, undecided; the last row is "all". */
#ifndef RIL_SCORE_COMPARE_H
#define RIL_SCORE_COMPARE_H

#include "score/grader.h"
#include "base/sheet.h"
#include "base/resampling.h"

enum ril_compare_source { RIL_COMPARE_STUDENT, RIL_COMPARE_TEACHER, RIL_COMPARE_ALL };
struct ril_comparison {
	const char *a, *b; /* streams */
	enum ril_compare_source source;
	bool judge_anew;
};
int ril_compare_streams(const struct ril_comparison *, struct ril_grader *, const struct ril_resampling *,
			struct ril_sheet *, struct ril_err *);

#endif
