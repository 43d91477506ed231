/* rollout.h -- the student answers: sampled responses for a batch of groups. */
#ifndef RIL_ALGO_ROLLOUT_H
#define RIL_ALGO_ROLLOUT_H

#include "loop/batch.h"
#include "nn/generate.h"
#include "text/tokenizer.h"

struct ril_rollout_options {
	struct ril_sampling sampling;
	int32_t n; /* responses for each group */
	int32_t max_new_tokens;
	uint32_t seed;
	bool append, replace; /* what to do with responses that are there already; neither: refuse */
	bool pixels;          /* embeddings from vision.pixels by the model at hand */
};

struct ril_rollout_stats {
	int64_t responses, tokens, truncated;
	double seconds;
};

struct ril_rollout;
/* Model and tokenizer are borrowed. */
struct ril_rollout *ril_rollout_new(struct ril_model *, const struct ril_tokenizer *,
				    const struct ril_rollout_options *, struct ril_err *);
void ril_rollout_free(struct ril_rollout *);
void ril_rollout_rest(struct ril_rollout *); /* gives memory back while waiting */
struct ril_generator_size ril_rollout_size(const struct ril_rollout *);

/* Adds responses to every group; `step` is the training step they are for, `policy` the version that answers. */
int ril_rollout_batch(struct ril_rollout *, struct ril_batch *, int64_t step, int64_t policy,
		      struct ril_rollout_stats *, struct ril_err *);

#endif
