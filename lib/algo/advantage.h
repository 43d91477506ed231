/* advantage.h -- from rewards to advantages.
 *
 *   baseline   group   r_i - mean(r) over the responses that take part
 *              others  r_i - mean of the others' = (r_i - mean(r)) k / (k - 1); 0 in a group of one
 *              none    r_i
 *   scale      group   / (std(r, ddof 1) + 1e-4)
 *              batch   (A - mean(A)) / sqrt(max(var(A), 1e-8)) over all tokens of the batch: a response counts as often as it
 *                      has tokens
 *
 * Which objective has which: objective.h.  A response that takes no part gets the advantage NaN: those of other sources,
 * and a reward of NaN (the judge could not decide), which stays out of the mean and the loss but still counts in N. */
#ifndef RIL_ALGO_ADVANTAGE_H
#define RIL_ALGO_ADVANTAGE_H

#include "algo/objective.h"
#include "nn/world.h"

struct ril_group_stats {
	double mean;        /* of the rewards that count */
	double std;         /* ddof 1; 0 for fewer than two */
	int32_t used;       /* responses that count in N */
	int32_t undecided;  /* of these, with reward NaN */
	bool zero_variance; /* all rewards that count are the same */
};

/* advantage[n] from reward[n], source[n], as far as a group can tell; not for RIL_SFT. */
struct ril_group_stats ril_advantages(enum ril_objective, int32_t n, const float *reward, const int32_t *source,
				      double *advantage);

/* RIL_SCALE_BATCH: advantage[n] of responses of len[n] tokens, normalised over the world's; nothing for other scales. */
int ril_advantages_scale(enum ril_objective, int64_t n, const int64_t *len, double *advantage, const struct ril_world *,
			 struct ril_err *);

/* What a response of `len` tokens loses of its reward (DAPO, arXiv 2503.14476, eq. 13): 0 up to most - cache tokens, then
 * linearly down to -1 at `most`. */
double ril_overlong(double len, double most, double cache);

#endif
