/* update_internal.h -- what update.c (the step), update_tokens.c (numbers per token), update_world.c (the ranks) and
 * update_report.c (statistics and records) share, and the tests look into. */
#ifndef RIL_ALGO_UPDATE_INTERNAL_H
#define RIL_ALGO_UPDATE_INTERNAL_H

#include "algo/mirror_internal.h"
#include "algo/update.h"

/* What every response token of a batch has; arrays [work.T] unless said otherwise. */
struct ril_token_values {
	double *old, *entropy, *logp, *ref; /* found by the passes; read back in this order */
	double *dlogp, *dentropy;           /* d loss / d logp, d loss / d entropy */
	double *later;                      /* entropy in passes after the first, where the loss reads it */
	double *advantage, *weight;         /* known beforehand; a NaN advantage is left out of the loss */
	double *sampler;            /* known beforehand where importance weights are wanted; NaN: it said nothing */
	struct ril_loss_sums *sums; /* [RIL_SIDES], of one pass */
	int64_t *start;             /* [work.R+1] of every response's tokens; known beforehand */
	uint8_t *side;              /* enum ril_side; known beforehand */
};

struct ril_update {
	struct ril_model *student, *ref;
	struct ril_optim *optim;
	struct ril_update_options how;
	struct ril_tape *tape;
	struct ril_pack *pack;
	struct ril_mirror store;
	/* of the current batch */
	struct ril_batch chosen; /* dynamic sampling: the groups that take part; it owns the array alone */
	struct ril_work work;
	struct ril_work_options layout;
	int64_t step, pass;
	double temperature, length, most;     /* most: the stream's max_new_tokens, or NaN */
	double *advantage;                    /* [work.R] */
	struct ril_token_values host, device; /* in the store */
};

/* Lays the batch out and weighs its responses; then device.old and device.ref may be filled. */
int ril_update_begin(struct ril_update *, const struct ril_batch *, int64_t t, struct ril_update_stats *,
		     struct ril_err *);
/* Loss and gradients of the whole batch, no step; `first`: this pass's log-probs are the old ones. */
int ril_update_gradient(struct ril_update *, bool first, struct ril_update_stats *, struct ril_err *);
void ril_update_forget(struct ril_update *);

/* Fills u->chosen. */
int ril_update_choose(struct ril_update *, const struct ril_batch *, struct ril_update_stats *, struct ril_err *);

/* ---- numbers per token ---- */
/* Makes room for the batch's tokens and sends up what is known of them; `N` responses and `tokens` in the world. */
int ril_update_send(struct ril_update *, int64_t N, int64_t tokens, struct ril_err *);
/* The sampler's log-probabilities of all tokens of a group; NULL: it has none. */
int ril_update_sampler(const struct ril_work_group *, const float **logp, struct ril_err *);
/* Reads back what describe and record look at. */
void ril_update_fetch(struct ril_update *);
/* host.sums of the pass that has just ended, summed over the world. */
int ril_update_sums(struct ril_update *, struct ril_err *);

/* ---- the ranks of a world; each is called by all ---- */
/* temperature and length of all ranks' groups; NaN where none says it. */
int ril_update_settle(struct ril_update *, struct ril_err *);
/* Leaves of u->chosen the groups that are among the first wanted ones of the world. */
int ril_update_choose_together(struct ril_update *, struct ril_err *);
/* Statistics of one rank, sums as yet, to the world's. */
int ril_update_pool(const struct ril_update *, struct ril_update_stats *, struct ril_err *);

/* ---- report ---- */
/* Adds n values to a term's sum. */
void ril_side_add(struct ril_side_stats *, const char *name, double sum, int64_t n);
enum ril_side ril_side_of(int32_t source);
/* Reward terms, lengths, entropies, the comparison with the sampler; of the world. */
int ril_update_describe(const struct ril_update *, struct ril_update_stats *, struct ril_err *);
/* advantage, logp.policy, logp.old, logp.ref into the groups' records. */
int ril_update_record(const struct ril_update *, struct ril_err *);

#endif
