/* advantage.h -- from a group's rewards to its advantages.
 *
 *   ril      A_i = r_i - mean(r) over all responses, student and teacher alike       (arXiv 2510.19307, with Dr.GRPO)
 *   dr-grpo  the same over the student's responses only                             (arXiv 2503.20783)
 *   grpo     (r_i - mean(r)) / (std(r, ddof 1) + 1e-4), student responses only        (arXiv 2402.03300)
 *
 * A response that takes no part gets the advantage NaN: teacher responses under the last two objectives, and a reward
 * of NaN (the judge could not decide), which stays out of the mean and the loss but still counts in N. */
#ifndef RIL_ALGO_ADVANTAGE_H
#define RIL_ALGO_ADVANTAGE_H

#include <stdbool.h>
#include <stdint.h>

enum ril_objective { RIL_SFT, RIL_GRPO, RIL_DR_GRPO, RIL_RIL };

enum ril_objective ril_objective_parse(const char *name); /* one of RIL_OBJECTIVES */
#define RIL_OBJECTIVES "sft|grpo|dr-grpo|ril"

/* Whether a response of this source takes part under the objective; it is then one of the N of the loss. */
bool ril_objective_uses(enum ril_objective, int32_t source);

struct ril_group_stats {
	double mean;        /* of the rewards that count */
	double std;         /* ddof 1; 0 for fewer than two */
	int32_t used;       /* responses that count in N */
	int32_t undecided;  /* of these, with reward NaN */
	bool zero_variance; /* no response has an advantage other than 0 */
};

/* advantage[n] from reward[n], source[n]; not for RIL_SFT. */
struct ril_group_stats ril_advantages(enum ril_objective, int32_t n, const float *reward, const int32_t *source,
				      double *advantage);

#endif
