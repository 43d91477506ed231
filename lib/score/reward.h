/* reward.h -- the reward of a response as a weighted sum of terms that stay in the stream.
 *
 * An expression such as "similarity + 0.5*answer" names tensors `reward.similarity` and `reward.answer` (F32, [n]).  A term
 * may have limits, which hold before its weight is applied: min(cider, 3) is at most 3, max(x, -1) at least -1, clip(x, -1,
 * 3) both; a weight within is applied first, min(0.1*cider, 1).
 * The sum becomes `reward`.  A term that the group lacks is an error.  `answer`, and any other that a judge gives, may be NaN
 * (it could not decide): then the sum is NaN, whatever the weight, and the response is left out of the group's mean and of the
 * loss.  Any other number that is not finite is RIL_ENONFINITE. */
#ifndef RIL_SCORE_REWARD_H
#define RIL_SCORE_REWARD_H

#include "stream/stream.h"

/* weight * (scale * value, at least low and at most high) */
struct ril_reward_term {
	char *tensor;
	double scale, low, high, weight;
	bool judged; /* it may be NaN */
};
struct ril_reward {
	struct ril_reward_term *term;
	size_t n, cap;
};

int ril_reward_parse(struct ril_reward *, const char *expression,
		     struct ril_err *); /* RIL_EUSAGE when it is malformed */
/* The term of this name is a judge's. */
void ril_reward_judged(struct ril_reward *, const char *name);
void ril_reward_free(struct ril_reward *);
int ril_reward_sum(const struct ril_reward *, struct ril_record *, struct ril_err *);

#endif
