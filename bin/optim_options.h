/* optim_options.h -- the optimiser's options, the same for ril-update and ril-discriminate. */
#ifndef RIL_BIN_OPTIM_OPTIONS_H
#define RIL_BIN_OPTIM_OPTIONS_H

#include "nn/adapter.h"
#include "nn/optim.h"
#include "nn/tape.h"

struct optim_args {
	struct ril_optim_options how;
	const char *optimizer, *scale, *schedule, *shape, *train, *master, *recompute, *gradients, *moments, *lora,
		*freeze;
	int64_t micro_batch;
};

/* clang-format off */
#define OPTIM_ARGS_DEFAULT {.how = RIL_OPTIM_DEFAULT, .optimizer = "adamw", .scale = "match-rms-adamw", .schedule = "constant", .shape = "cosine", .train = "llm", .master = "f32", .recompute = "none", .gradients = "f32", .moments = "f32"}
/* clang-format on */

/* clang-format off */
#define OPTIM_OPTIONS(A)                                                                                            \
	{RIL_OPT_CHOICE, 0, "optimizer", &(A).optimizer, NULL, "AdamW, or Muon for matrices", 0, 0, RIL_OPTIMIZERS}, \
	{RIL_OPT_REAL, 0, "momentum", &(A).how.momentum, "R", "Muon's decay of momentum", 0, .999999, NULL},        \
	{RIL_OPT_CHOICE, 0, "muon-scale", &(A).scale, NULL, "of Muon's steps by shape", 0, 0, RIL_MUON_SCALES},     \
	{RIL_OPT_REAL, 0, "lr", &(A).how.lr, "R", "learning rate", 0, 100, NULL},                                   \
	{RIL_OPT_REAL, 0, "beta1", &(A).how.beta1, "R", "AdamW's decay of the first moment", 0, .999999, NULL},     \
	{RIL_OPT_REAL, 0, "beta2", &(A).how.beta2, "R", "and of the second", 0, .999999, NULL},                     \
	{RIL_OPT_REAL, 0, "eps", &(A).how.eps, "R", "AdamW's epsilon", 0, 1, NULL},                                 \
	{RIL_OPT_REAL, 0, "weight-decay", &(A).how.weight_decay, "R", "decoupled weight decay of matrices", 0, 100, NULL}, \
	{RIL_OPT_FLAG, 0, "weight-decay-all", &(A).how.decay_all, NULL, "and of vectors: biases, norms", 0, 0, NULL}, \
	{RIL_OPT_REAL, 0, "clip-grad", &(A).how.clip_grad, "R", "largest gradient norm; 0: any", 0, 1e30, NULL},    \
	{RIL_OPT_CHOICE, 0, "schedule", &(A).schedule, NULL, "learning rate over the steps", 0, 0, RIL_SCHEDULES},  \
	{RIL_OPT_INT, 0, "warmup", &(A).how.warmup, "N", "steps over which the rate rises", 0, 1e12, NULL},         \
	{RIL_OPT_REAL, 0, "min-lr-ratio", &(A).how.min_lr_ratio, "R", "its end, as a share of --lr", 0, 1, NULL},   \
	{RIL_OPT_INT, 0, "decay-steps", &(A).how.decay, "N", "last steps, of wsd's decay; 0: a tenth", 0, 1e12, NULL}, \
	{RIL_OPT_CHOICE, 0, "decay-shape", &(A).shape, NULL, "and how the rate falls in it", 0, 0, RIL_DECAYS},     \
	{RIL_OPT_INT, 0, "steps", &(A).how.total, "N", "steps of the whole run", 0, 1e12, NULL},                    \
	{RIL_OPT_INT, 0, "micro-batch", &(A).micro_batch, "N", "most groups at once; 0: what fits", 0, 1e9, NULL},  \
	{RIL_OPT_CHOICE, 0, "recompute", &(A).recompute, NULL, "keep less, compute it again", 0, 0, RIL_RECOMPUTES},\
	{RIL_OPT_STR, 0, "train", &(A).train, "LIST", "parts to train, of llm,projector,vision", 0, 0, NULL},       \
	{RIL_OPT_STR, 0, "freeze", &(A).freeze, "PATTERN,...", "parameters to leave as they are, by name", 0, 0, NULL}, \
	{RIL_OPT_STR, 0, "lora", &(A).lora, "SPEC", "train adapters of them: rank=16,alpha=32,targets=all", 0, 0, NULL}, \
	{RIL_OPT_CHOICE, 0, "master", &(A).master, NULL, "float masters, or chance rounding", 0, 0, "f32|none"},    \
	{RIL_OPT_CHOICE, 0, "gradients", &(A).gradients, NULL, "type of matrices' gradients", 0, 0, "f32|bf16"},    \
	{RIL_OPT_CHOICE, 0, "moments", &(A).moments, NULL, "of AdamW: floats, or 8 bits each", 0, 0, "f32|8bit"}
/* clang-format on */

/* The parts to train; *pixels: what pictures go through is among them. */
static inline int optim_args_parts(const struct optim_args *a, int *parts, bool *pixels, struct ril_err *err)
{
	if (ril_parts_parse(a->train, parts, err))
		return -1;
	*pixels = *parts & RIL_PARTS_PICTURES;
	return 0;
}

/* The adapters to begin with: *lora is room, or NULL for none. */
static inline int optim_args_lora(const struct optim_args *a, int parts, uint32_t seed, struct ril_lora_spec *room,
				  const struct ril_lora_spec **lora, struct ril_err *err)
{
	*lora = a->lora ? room : NULL;
	if (a->lora && ril_lora_parse(room, a->lora, err))
		return -1;
	room->seed = seed;
	room->parts = parts;
	return 0;
}

/* Settles the schedule and makes these parts of the parameters trainable. */
static inline int optim_args_apply(struct optim_args *a, struct ril_params *p, int parts, struct ril_err *err)
{
	a->how.schedule = ril_lr_schedule_parse(a->schedule);
	a->how.shape = ril_lr_decay_parse(a->shape);
	a->how.optimizer = !strcmp(a->optimizer, "muon") ? RIL_MUON : RIL_ADAMW;
	a->how.muon_scale = !strcmp(a->scale, "original") ? RIL_MUON_ORIGINAL : RIL_MUON_MATCH_RMS;
	if (ril_schedule_check(&a->how, err))
		return -1;
	if (a->freeze && ril_params_freeze(p, a->freeze, err))
		return -1;
	a->how.moments_8bit = !strcmp(a->moments, "8bit");
	const struct ril_training how = {.parts = parts,
					 .keep_master = !strcmp(a->master, "f32"),
					 .gradients = !strcmp(a->gradients, "bf16") ? RIL_BF16 : RIL_REAL,
					 .unit = ril_optim_unit(&a->how),
					 .shared = a->how.reduce.weights,
					 .apart = a->how.reduce.shard};
	return ril_params_train(p, &how, err);
}

#endif
