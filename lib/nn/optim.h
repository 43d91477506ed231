/* optim.h -- AdamW, or Muon for the matrices that it is for, with gradient clipping over a model's trainable parameters, its schedule, and its saved state.
 *
 * AdamW as torch.optim.AdamW (decoupled decay; Loshchilov & Hutter, arXiv 1711.05101); clipping as
 * torch.nn.utils.clip_grad_norm_.  Without float masters (ril_params_train with keep_master false) the published type
 * is all there is: each weight is widened, stepped, and rounded up or down by chance in proportion to what rounding
 * would lose (Philox, keyed by seed, step, parameter, element), so that small steps count on average.
 *
 * With RIL_MUON the matrices of linear layers and of adapters are Muon's (muon.h; a matrix that a folder has fused, as qkv, is
 * one), everything else is AdamW's: embeddings, heads, vectors, what cuts pictures into patches.  Momentum stands in the place
 * of the first moment, a second there is none.  Muon needs float masters and float moments; in a world a matrix of its is
 * whole in one rank's range.
 *
 * Moments are ril_real, or codes of 8 bits in blocks with a scale each (ops/moments.h); the parameters must then have been
 * laid out with ril_optim_unit, so that no block spans two of them.
 *
 * A step is one door between gradient and weights, with the world in it (nn/world.h): of every run of the training blocks
 * the optimiser owns the rank's range.  Gradients are summed over the world into the ranges, their norm is the world's,
 * the range is stepped and published, and the published weights are gathered.  Moments exist for the own ranges only;
 * masters and the average outside of them are not kept up to date, until ril_optim_whole gathers them for who saves the
 * model's folder.  A rank that fails leaves the others waiting: that is for the transport to end.
 *
 * Where trained weights are shared out (reduce.weights, of parameters that ril_params_train was told are) masters, the average and what is
 * published exist for the own ranges only, too: passes gather what they read (gather.h), and who saves what he writes.
 *
 * Ownership: the optimiser borrows the parameters and the world and owns its moments. */
#ifndef RIL_NN_OPTIM_H
#define RIL_NN_OPTIM_H

#include "nn/ema.h"
#include "nn/muon.h"
#include "nn/params.h"
#include "nn/reduce.h"
#include "nn/world.h"

/* Warm-up, stable, decay (RIL_WSD): Hu et al., "MiniCPM", arXiv 2404.06395; shapes of the decay: Haegele et al.,
 * arXiv 2405.18392. */
enum ril_lr_schedule { RIL_CONSTANT, RIL_LINEAR, RIL_COSINE, RIL_WSD };
#define RIL_SCHEDULES "constant|linear|cosine|wsd"
enum ril_lr_schedule ril_lr_schedule_parse(const char *name);
enum ril_lr_decay { RIL_DECAY_COSINE, RIL_DECAY_LINEAR, RIL_DECAY_1_SQRT };
#define RIL_DECAYS "cosine|linear|1-sqrt"
enum ril_lr_decay ril_lr_decay_parse(const char *name);

/* "llm,projector,vision" as a set of enum ril_part; an unknown part is RIL_EUSAGE. */
int ril_parts_parse(const char *list, int *parts, struct ril_err *);

enum ril_optimizer { RIL_ADAMW, RIL_MUON };
#define RIL_OPTIMIZERS "adamw|muon"

struct ril_optim_options {
	enum ril_optimizer optimizer;
	double momentum; /* Muon's */
	enum ril_muon_scale muon_scale;
	double lr, beta1, beta2, eps, weight_decay;
	bool decay_all;   /* weight decay on tensors of one dimension, too */
	double clip_grad; /* largest norm of all gradients together; 0: no clipping */
	enum ril_lr_schedule schedule;
	int64_t warmup;          /* training steps over which the rate rises to lr */
	int64_t total;           /* training steps of the run; needed by all schedules but constant */
	double min_lr_ratio;     /* where these end, as a share of lr */
	int64_t decay;           /* of wsd: the last steps, over which the rate falls; 0: a tenth of all, rounded up */
	enum ril_lr_decay shape; /* and how it falls there */
	bool moments_8bit;
	double ema;                       /* decay of an average of the weights (ema.h); 0: none is kept */
	const struct ril_world *world;    /* whose gradients a step sums up; NULL: this process alone */
	struct ril_reduce_options reduce; /* how, while passes compute */
};
/* clang-format off */
#define RIL_OPTIM_DEFAULT                                                                                              \
	{                                                                                                              \
		.momentum = .95, .lr = 1e-6, .beta1 = .9, .beta2 = .999, .eps = 1e-8, .clip_grad = 1, .schedule = RIL_CONSTANT          \
	}
/* clang-format on */

/* RIL_EUSAGE where a schedule lacks the number of all steps, or its parts do not fit into them. */
int ril_schedule_check(const struct ril_optim_options *, struct ril_err *);
/* The rate of training step t = 1, 2...: t/warmup lr up to the warm-up's end, then the schedule, reaching min at
 * `total`.  With x the share of the way from where the decay begins (linear, cosine: the warm-up's end) to `total`, what
 * is left of lr - min is 1 - x, (1 + cos(pi x))/2 or 1 - sqrt(x). */
double ril_learning_rate(const struct ril_optim_options *, int64_t t);

struct ril_optim {
	struct ril_params *params;
	struct ril_optim_options how;
	uint32_t seed;
	const struct ril_world *world;
	int64_t steps;                      /* optimiser steps taken */
	int64_t *bound[RIL_MAX_RUNS];       /* [size + 1]: how each run's elements are shared out; in one block */
	struct ril_range own[RIL_MAX_RUNS]; /* the rank's */
	int64_t place[RIL_MAX_RUNS];        /* of each range in the moments */
	int64_t count;                      /* elements of all of them */
	struct ril_moments moments;         /* of the own ranges, one after another; at = 0 */
	double *squares;                    /* of the gradient, device */
	struct ril_ema *ema;                /* NULL: no average */
	struct ril_muon *muon;              /* NULL: AdamW alone */
	struct ril_gather *gather;          /* of weights that are shared out; NULL: all are there */
	struct ril_reduce *reduce;          /* whom passes tell which gradients are final */
};

/* Does weight decay apply to it?  To matrices: linear layers, heads, embeddings, tables of positions, adapters; not to tensors
 * of one dimension, which are biases, norm weights and layer scales (the groups of nanoGPT; transformers' Trainer has the
 * same but for layer scales).  With decay_all to everything. */
bool ril_optim_decays(const struct ril_optim_options *, const struct ril_param *);

/* Is it stepped by Muon? */
bool ril_optim_orthogonal(const struct ril_optim *, const struct ril_param *);
/* A parameter's place in the moments, or -1 where its beginning is not the rank's. */
int64_t ril_optim_place(const struct ril_optim *, const struct ril_param *);
/* The place of element `at` of the first moments among the second ones. */
int64_t ril_optim_second(const struct ril_optim *, int64_t at);

/* What parameters must begin at multiples of, for ril_params_train. */
int64_t ril_optim_unit(const struct ril_optim_options *);
size_t ril_optim_bytes(const struct ril_optim *); /* of moments, and of Muon's room */

struct ril_optim *ril_optim_new(struct ril_params *, const struct ril_optim_options *, uint32_t seed, struct ril_err *);
void ril_optim_free(struct ril_optim *);

/* One step with the gradients that have been added up, at training step t.  *norm gets the world's norm before clipping.
 * A norm that is not finite: RIL_ENONFINITE, nothing changed. */
int ril_optim_step(struct ril_optim *, int64_t t, double *norm, struct ril_err *);

/* The masters of the other ranks, where the model's folder is written from them, and the average's, from which ema.h's is.
 * All ranks call. */
int ril_optim_whole(struct ril_optim *, bool average, struct ril_err *);

/* Masters, moments (as ril_real, whatever they are here), the average and counters as safetensors; `step` is the training step they belong to.  The file does not depend on
 * the world's size: all ranks call, with the same path, and write each its own; durable, and whole once it returns.  No more than a few pieces of RIL_ST_PIECE are on the host at once.
 * Loading checks names, shapes and the step. */
int ril_optim_save(const struct ril_optim *, int64_t step, const char *path, const char *settings, struct ril_err *);
int ril_optim_load(struct ril_optim *, int64_t step, const char *path, struct ril_err *);

#endif
