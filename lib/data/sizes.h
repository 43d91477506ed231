/* sizes.h -- how long prompts and answers are and what pictures take: numbers gathered, summed up, and drawn as text.
 *
 * Ownership: a zeroed struct is empty; ril_sizes_free releases what was added. */
#ifndef RIL_DATA_SIZES_H
#define RIL_DATA_SIZES_H

#include "base/mem.h"

/* Numbers of one kind, none below 0. */
struct ril_tally {
	int64_t *at; /* [n] */
	size_t n, cap;
};
int ril_tally_add(struct ril_tally *, int64_t, struct ril_err *);

struct ril_sizes {
	struct ril_tally prompt;   /* ids of each question's prompt, those that stand for pictures included */
	struct ril_tally answer;   /* ids of each gold answer, its end included */
	struct ril_tally pictures; /* of each question */
	struct ril_tally picture;  /* ids that stand for each of them */
};
/* A table of all four, and of each that is not all the same a histogram; sorts the numbers. */
int ril_sizes_show(struct ril_sizes *, struct ril_buf *out, struct ril_err *);
void ril_sizes_free(struct ril_sizes *);

#endif
