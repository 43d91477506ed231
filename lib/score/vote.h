/* vote.h -- the majority of several judges, and how far they agree.
 *
 * A score above one half is a yes, one below it a no, one half or NaN no vote.  More yes than no is 1, more no than yes 0; a
 * tie, or no vote at all, is undecided (NaN).
 *
 * Ownership: new/free. */
#ifndef RIL_SCORE_VOTE_H
#define RIL_SCORE_VOTE_H

#include "base/mem.h"

struct ril_votes {
	size_t judges;
	int64_t items, decided;
	int64_t unanimous; /* all judges voted, and alike */
	int64_t *cast;     /* [judges]: votes on items that were decided, */
	int64_t *with;     /* [judges]: and those that went with the majority */
};

int ril_votes_new(struct ril_votes *, size_t judges, struct ril_err *);
void ril_votes_free(struct ril_votes *);
/* The majority of score[judges], which is counted. */
double ril_votes_take(struct ril_votes *, const double *score);

#endif
