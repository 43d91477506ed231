/* loss.h -- what the losses' kernels (ops/ops.h) are given: weights, so that a sum over tokens is the objective.
 *
 * Everything past the language head is a function of one number per response token, so a loss is an operation on the
 * device that sets d loss / d logp, and the tape takes it from there.  The divisors are the world's counts (nn/world.h):
 * processes that train one model together divide by what all of them hold. */
#ifndef RIL_ALGO_LOSS_H
#define RIL_ALGO_LOSS_H

#include "algo/advantage.h"
#include "ops/ops.h"

/* The weight of each token of a response of `len` tokens in a batch of N responses, `tokens` of them in all, by the
 * objective's divisor:
 *   constant 1/(N L);  length 1/(N len);  tokens 1/tokens;  responses 1/N. */
double ril_token_weight(enum ril_objective, int64_t N, double L, int64_t len, int64_t tokens);

/* How the loss is set beside what the objective says. */
struct ril_loss_settings {
	double below, above; /* the clip, 1 - below .. 1 + above; NaN: the objective's own */
	double beta;
	enum ril_kl kl;
	double cap;   /* of the importance weights; 0: none */
	double bonus; /* weight of a token's entropy; 0: none */
};
struct ril_surrogate ril_surrogate_of(enum ril_objective, const struct ril_loss_settings *);

void ril_loss_sums_add(struct ril_loss_sums *, const struct ril_loss_sums *);

/* Discriminator: 1/2 mean over student responses (label 1) of -log D + 1/2 mean over teacher responses (label 0) of
 * -log(1 - D).  Sets the weight of a response of each label from their counts; where only one side is present its mean
 * counts whole. */
void ril_bce_weights(const int64_t total[2], double w[2]);

#endif
