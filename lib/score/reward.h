/* reward.h -- the reward of a response as a weighted sum of terms that stay in the stream.
 *
 * An expression such as "similarity + 0.5*answer" names tensors `reward.similarity` and `reward.answer` (F32, [n]).
 * The sum becomes `reward`.  A term that the group lacks is an error.  `answer` may be NaN (its judge could not
 * decide): then the sum is NaN, whatever the weight, and the response is left out of the group's mean and of the
 * loss.  Any other number that is not finite is RIL_ENONFINITE. */
#ifndef RIL_SCORE_REWARD_H
#define RIL_SCORE_REWARD_H

#include "stream/stream.h"

struct ril_reward_term {
	char *tensor;
	double weight;
};
struct ril_reward {
	struct ril_reward_term *term;
	size_t n, cap;
};

int ril_reward_parse(struct ril_reward *, const char *expression,
		     struct ril_err *); /* RIL_EUSAGE when it is malformed */
void ril_reward_free(struct ril_reward *);
int ril_reward_sum(const struct ril_reward *, struct ril_record *, struct ril_err *);

#endif
