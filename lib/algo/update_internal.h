/* update_internal.h -- what update.c (the step) and update_report.c (statistics and records) share, and the tests look
 * into. */
#ifndef RIL_ALGO_UPDATE_INTERNAL_H
#define RIL_ALGO_UPDATE_INTERNAL_H

#include "algo/update.h"

struct ril_update {
	struct ril_model *student, *ref;
	struct ril_optim *optim;
	struct ril_update_options how;
	struct ril_tape *tape;
	struct ril_pack *pack;
	/* of the current batch */
	struct ril_work work;
	struct ril_work_options layout;
	double temperature, length;
	double *advantage, *weight;                      /* [work.R] */
	double *logp, *old, *ref_logp, *entropy, *dlogp; /* [work.T] */
};

/* Lays the batch out and weighs its responses; then old and ref_logp may be filled. */
int ril_update_begin(struct ril_update *, const struct ril_batch *, int64_t t, struct ril_update_stats *,
		     struct ril_err *);
/* Loss and gradients of the whole batch, no step; `first`: this pass's log-probs are the old ones. */
int ril_update_gradient(struct ril_update *, bool first, struct ril_update_stats *, struct ril_err *);
void ril_update_forget(struct ril_update *);

enum ril_side ril_side_of(int32_t source);
/* Reward terms, lengths, entropies, the comparison with the sampler. */
int ril_update_describe(const struct ril_update *, struct ril_update_stats *, struct ril_err *);
/* advantage, logp.policy, logp.old, logp.ref into the groups' records. */
int ril_update_record(const struct ril_update *, struct ril_err *);

#endif
