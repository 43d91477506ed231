/* sample.h -- drawing one token from a row of logits.
 *
 * Log-probabilities are log-softmax(logits / T) over ALL vocabulary rows, as the trainer computes them; barred ids
 * (image, video, rows without a token), top-k and top-p narrow only the draw.  So the sampler's number and the
 * trainer's mean the same thing, and truncated sampling is visible as a difference of distributions, not of
 * definitions.
 *
 * The draw takes one uniform number: pass ril_rng_uniform at (step, question, response, position). */
#ifndef RIL_ALGO_SAMPLE_H
#define RIL_ALGO_SAMPLE_H

#include "base/mem.h"
#include "ops/ops.h"

/* True when the draw's distribution is not the one the log-probabilities describe (up to barred ids). */
static inline bool ril_sampling_truncates(const struct ril_sampling *s)
{
	return s->greedy || s->top_k > 0 || s->top_p < 1;
}

/* Scratch of one thread; zero-initialise, release with ril_sampler_free. */
struct ril_sampler {
	struct ril_candidate {
		double z;
		int32_t id;
	} * cand;         /* [V] */
	ril_real *weight; /* [V] */
	size_t cap, weights;
};
void ril_sampler_free(struct ril_sampler *);

/* Draws from logits[V] (raw: the temperature is applied here).  barred[V] may be NULL.  Ties between equal logits go to
 * the lower id.  RIL_ENONFINITE when a logit is NaN or infinite or every id is barred. */
int ril_sample(struct ril_sampler *, const struct ril_sampling *, const ril_real *logits, int64_t V, const bool *barred,
	       double uniform, int32_t *id, double *logp, struct ril_err *);

#endif
