/* update_impl.h -- what update.c (the step) and update_report.c (statistics and records) share. */
#ifndef RIL_ALGO_UPDATE_IMPL_H
#define RIL_ALGO_UPDATE_IMPL_H

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
	double *advantage, *weight;                  /* [work.R] */
	double *logp, *old, *ref_logp, *entropy, *dlogp; /* [work.T] */
};

enum ril_side ril_side_of(int32_t source);
/* Reward terms, lengths, entropies, the comparison with the sampler. */
int ril_update_describe(const struct ril_update *, struct ril_update_stats *, struct ril_err *);
/* advantage, logp.policy, logp.old, logp.ref into the groups' records. */
int ril_update_record(const struct ril_update *, struct ril_err *);

#endif
