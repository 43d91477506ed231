/* penalty_internal.h -- R1 for a discriminator whose gradients are of first order: how much its logit of a teacher's response moves
 * when that response does.
 *
 * R1 is the squared norm of D's gradient by its input at real samples (Mescheder, Geiger, Nowozin, "Which training methods
 * for GANs do actually converge?", arXiv 1801.04406); its gradient by the parameters would be one of second order.  What is
 * minimised here is the approximation of "Diffusion adversarial post-training for one-step video generation" (arXiv
 * 2501.08316):
 *
 *     weight * mean over teachers' responses of (z(q, e) - z(q, e + n))^2,   n ~ N(0, s^2)
 *
 * with e the embeddings of the response's tokens (tokens themselves cannot move; the prompt and its pictures are the
 * condition and stay).  To first order its expectation is weight s^2 times the squared norm of dz/de.  Both logits are
 * differentiated: it is a loss like any other.  s is `sigma` times the root mean square of the token embeddings' table, as it
 * is when the step begins, so that sigma means the same for every model; s is a constant of the loss.
 *
 * Noise is drawn on the host, a function of seed, training step, optimiser step, question, response and element. */
#ifndef RIL_ALGO_PENALTY_INTERNAL_H
#define RIL_ALGO_PENALTY_INTERNAL_H

#include "algo/mirror_internal.h"
#include "algo/work.h"

struct ril_penalty {
	double weight, sigma;
	uint32_t seed;
	double scale; /* s */
	float *noise; /* of a micro-batch */
	size_t room;
	struct ril_mirror sum, store;
};
void ril_penalty_free(struct ril_penalty *);

/* Whose responses are real. */
bool ril_penalty_real(int32_t source);

/* Before an optimiser step's passes, and before the tape's: s.  Waits for the device. */
int ril_penalty_begin(struct ril_penalty *, const struct ril_model *, struct ril_tape *, struct ril_err *);
/* Gives the pack of micro-batch m, which has been packed with responses once more, its noise, that of optimiser step k of
 * training step t. */
int ril_penalty_draw(struct ril_penalty *, const struct ril_work *, size_t m, int64_t t, int64_t k, struct ril_pack *,
		     int64_t hidden, struct ril_err *);
/* The squared differences of that pack's logits z[R,1] (RIL_REAL), `each` times: their gradient is added to dz[R,1], their
 * sum, once, to *sum.  All of it on the device. */
int ril_penalty_add(struct ril_penalty *, const struct ril_pack *, struct ril_mat dz, struct ril_mat z, double each,
		    double *sum, struct ril_err *);

#endif
