/* grader.h -- whoever judges a run: the records' own judges, one named judge, a model, or an outside program.
 *
 * A grader is opened from what --judge says (NULL: each record's own) and is asked question by question for all
 * responses at once, so that a model can share the work. */
#ifndef RIL_SCORE_GRADER_H
#define RIL_SCORE_GRADER_H

#include "score/judge.h"

struct ril_grader;
struct ril_grader *ril_grader_open(const char *judge, struct ril_err *);
void ril_grader_free(struct ril_grader *);

/* Judges n items that share one question; verdicts [n] are used again. */
int ril_grader_items(struct ril_grader *, struct ril_item *, size_t n, struct ril_verdict *, struct ril_err *);
/* Judges a group's responses and sets `reward.answer`.  The grades are the grader's, valid until its next call. */
struct ril_grades {
	int32_t n;
	struct ril_item *item;       /* [n] */
	struct ril_verdict *verdict; /* [n] */
	const int32_t *source;       /* [n] */
};
int ril_grader_group(struct ril_grader *, struct ril_record *, struct ril_grades *, struct ril_err *);

#endif
