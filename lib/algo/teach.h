/* teach.h -- teacher responses for the groups of a batch, from whoever answers (answer/answer.h): saved ones, or those
 * of local models.
 *
 * Only text passes between teacher and student: a response is tokenised anew by the student's tokenizer, and the end of
 * the turn is appended where the teacher ended it.  G responses a question are split over the teachers; what does not
 * divide evenly goes round from step to step.  One that is longer than the student may answer is refused and counted.
 *
 * Ownership: new/free; saved responses, tokenizer and strings in the options are borrowed. */
#ifndef RIL_ALGO_TEACH_H
#define RIL_ALGO_TEACH_H

#include "answer/answer.h"
#include "loop/batch.h"
#include "text/tokenizer.h"

struct ril_teach_options {
	int32_t n;              /* responses to a question, all teachers together */
	int32_t max_new_tokens; /* longest in the student's tokens, end included; 0: the group's max_new_tokens, if it
				   has one */
	uint32_t seed;
	bool allow_missing; /* too few saved responses are no error */
	/* local teachers */
	const char *image_root, *system;
	struct ril_sampling sampling;
	int32_t teacher_tokens; /* longest in the teacher's own tokens; 0: the same number as in the student's */
};

struct ril_teach_stats {
	int64_t responses, refused, missing, truncated;
};

struct ril_teach;
struct ril_teach *ril_teach_new(struct ril_tokenizer *student, const struct ril_teach_options *, struct ril_err *);
void ril_teach_free(struct ril_teach *);

/* Where responses come from: one table of saved ones, or any number of model folders, named as their last path element.
 */
int ril_teach_use_saved(struct ril_teach *, const struct ril_saved *, struct ril_err *);
int ril_teach_use_model(struct ril_teach *, const char *dir, struct ril_err *);

/* Numbers the teachers in a stream's HEAD; call for every HEAD before its groups. */
int ril_teach_head(struct ril_teach *, struct ril_record *head, struct ril_err *);
/* Adds responses to every group.  `saved` (NULL: not wanted) gets those as lines that were not saved before. */
int ril_teach_batch(struct ril_teach *, struct ril_batch *, int64_t step, struct ril_teach_stats *,
		    struct ril_buf *saved, struct ril_err *);

/* How many of n responses teacher k of `teachers` gives in this step. */
int32_t ril_teach_share(int32_t n, int32_t teachers, int32_t k, int64_t step);

#endif
