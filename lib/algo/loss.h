/* loss.h -- the objectives as functions of log-probabilities, with their gradients.
 *
 * Everything past the language head is a function of one number per response token, so losses return d loss / d logp
 * and the tape takes it from there.  For a response with advantage A and token weight w (spelled out at
 * ril_token_weight)
 *
 *   loss = -w sum_t [ min(rho A, clip(rho, 1-eps, 1+eps) A) - beta k3 ],
 *   rho = exp(logp - old),  k3 = exp(ref - logp) - (ref - logp) - 1            (arXiv 2510.19307; k3: Schulman 2020)
 *
 * Sums are kept apart for student and other responses, so that a report can tell them apart. */
#ifndef RIL_ALGO_LOSS_H
#define RIL_ALGO_LOSS_H

#include "algo/advantage.h"

#include <stddef.h>

/* The weight of each token of a response of `len` tokens in a batch of N responses, `tokens` of them in all:
 *   ril, dr-grpo 1/(N L), L a constant;  grpo 1/(N len);  sft 1/tokens. */
double ril_token_weight(enum ril_objective, int64_t N, double L, int64_t len, int64_t tokens);

struct ril_surrogate {
	double clip; /* eps */
	double beta; /* 0: `ref` is not read */
};

struct ril_loss_sums {
	double loss;
	double k3, ratio; /* sums over tokens */
	int64_t tokens;
	int64_t clipped; /* tokens whose gradient the clip stops */
};
void ril_loss_sums_add(struct ril_loss_sums *, const struct ril_loss_sums *);

/* One response of n tokens; adds to *sums and sets dlogp[n].  A NaN advantage: the response is left out (dlogp 0, no
 * sums).  old == NULL means old = logp: the first pass. */
void ril_surrogate_loss(const struct ril_surrogate *, double advantage, double weight, const double *logp,
			const double *old, const double *ref, size_t n, double *dlogp, struct ril_loss_sums *sums);

/* SFT: loss = -w sum_t logp. */
void ril_sft_loss(double weight, const double *logp, size_t n, double *dlogp, struct ril_loss_sums *sums);

/* Discriminator: 1/2 mean over student responses of -log D + 1/2 mean over teacher responses of -log(1 - D), where
 * D = sigmoid(z); `label` 1 student, 0 teacher, -1 left out.  Where only one side is present its mean counts whole. The
 * means are over the whole batch (`total`: its teacher, student responses), of which z[n] may be a part; sums add to
 * *sums.  dz[n] may be NULL. */
struct ril_bce {
	double loss;
	int64_t right[2]; /* by label: D on the right side of 1/2 */
	int64_t n[2];
	int64_t saturated; /* D below 0.01 or above 0.99 */
};
void ril_bce_loss(const double *z, const int8_t *label, size_t n, const int64_t total[2], double *dz,
		  struct ril_bce *sums);
double ril_sigmoid(double z);

#endif
