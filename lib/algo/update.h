/* update.h -- one training step of the policy on a batch: advantages, reference, mu passes of loss and gradient.
 *
 *   reference log-probs (only with a KL term) -> pass 1: log-probs = logp_old -> loss -> gradient -> optimiser step
 *                                             -> pass 2... : ratio against logp_old -> ...            (spec: ril(7))
 *
 * The first pass is logp_old itself: no extra pass.  The sampler's own resp.logp is compared with it, and with a cap on
 * importance weights is what they divide by. */
#ifndef RIL_ALGO_UPDATE_H
#define RIL_ALGO_UPDATE_H

#include "algo/loss.h"
#include "algo/work.h"
#include "nn/optim.h"
#include "nn/world.h"

struct ril_update_options {
	enum ril_objective objective;
	struct ril_loss_settings loss;
	int64_t mu;           /* passes over the batch, one optimiser step each */
	int64_t micro_batch;  /* groups; 0: by tokens */
	int64_t micro_tokens; /* 0: RIL_MICRO_TOKENS */
	double length;        /* the constant L; 0: the stream's max_new_tokens */
	double overlong;      /* tokens before max_new_tokens over which the reward falls by 1; 0: it does not */
	int64_t wanted;       /* dynamic sampling: the first so many groups with different rewards; 0: all groups */
	bool mask_truncated;  /* responses cut by length stay out of the loss (N counts them) */
	bool allow_truncated_sampling; /* accept responses drawn with top-k, top-p or greedily */
	bool pixels;                   /* the student's projector or tower is trained: embeddings from vision.pixels */
	const char *reward;            /* field of the reward; NULL: "reward" for ril, "reward.answer" for the others */
	enum ril_recompute recompute;
	bool record;                   /* put advantage and logp.* into the groups */
	const struct ril_world *world; /* whose responses and tokens the loss divides by; NULL: this process alone */
};

/* Sums over the responses of one side; means are taken when they are printed. */
enum ril_side { RIL_SIDE_STUDENT, RIL_SIDE_TEACHER, RIL_SIDE_GOLD, RIL_SIDES };
enum { RIL_TERMS = 16 };
struct ril_side_stats {
	int64_t responses, tokens, truncated;
	double reward, entropy;
	int64_t rewarded;          /* responses with a decided reward */
	struct ril_loss_sums loss; /* of the last pass, in the world */
	struct {
		char name[48];
		double sum;
		int64_t n;
	} term[RIL_TERMS]; /* reward.*, disc.* scalars that the groups carry */
	int nterms;
};

struct ril_update_stats {
	int64_t drawn, groups; /* of the step; of these, those that take part */
	int64_t zero_variance; /* of those drawn */
	int64_t undecided;
	int64_t N;                            /* responses that the loss counts, in the world */
	double loss, norm, lr;                /* the world's; norm: before clipping, of the last pass */
	double logp_diff_max, logp_diff_mean; /* |sampler - trainer| */
	int64_t compared;                     /* tokens in that comparison */
	double importance, capped;            /* mean importance weight, share of them at the cap; with a cap */
	int64_t packed_tokens;                /* rows that one pass computes */
	double seconds;
	struct ril_side_stats side[RIL_SIDES];
};

struct ril_update;
/* All borrowed; `ref` is NULL without a KL term. */
struct ril_update *ril_update_new(struct ril_model *student, struct ril_model *ref, struct ril_optim *,
				  const struct ril_update_options *, struct ril_err *);
void ril_update_free(struct ril_update *);
void ril_update_rest(struct ril_update *);         /* gives memory back while waiting */
size_t ril_update_peak(const struct ril_update *); /* bytes of activations */

/* Training step t on the batch whose student responses must come from version t - 1.  On failure the weights may have
 * changed (a later pass failed): publish nothing. */
int ril_update_batch(struct ril_update *, struct ril_batch *, int64_t t, struct ril_update_stats *, struct ril_err *);

/* The step as one line of JSON; `what` names the objective. */
int ril_update_json(const struct ril_update_stats *, int64_t t, const char *what, struct ril_buf *out,
		    struct ril_err *);

#endif
