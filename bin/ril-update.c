/* ril-update -- one optimiser step (or mu of them) for every batch of a scored stream; the end of the training loop.
 *
 * Several processes may train together (world.h): each on its own stream's groups, with one loss, one gradient and the same
 * weights.  For each batch: train, publish the new weights as a version and announce it on the edge, append metrics, write the
 * groups on, and on a step that asks for it add the student and the optimiser's state to the run's checkpoint and
 * commit it. */
#include "signals.h"
#include "tool.h"

#include "loop/run.h"
#include "loop/stage.h"
#include "algo/update.h"
#include "base/progress.h"
#include "base/unused.h"
#include "ops/backend.h"
#include "optim_options.h"
#include "plan_options.h"
#include "stream/edge.h"
#include "text/tokenizer.h"
#include "world.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *in, *out, *model, *ref, *objective, *kl, *edge, *versions, *run, *record, *metrics, *save,
		*save_ema;
	const char *distill, *divergence;
	struct world_args world;
	bool gzip;
	int64_t start, keep, overlong;
	double clip; /* both sides; NaN: not given */
	struct ril_update_options how;
	struct ril_distill_options distilling;
	struct optim_args optim;
	struct plan_args plan;
} opt = {.in = "-",
	 .objective = "ril",
	 .kl = "k3",
	 .divergence = "reverse",
	 .world = WORLD_ARGS_DEFAULT,
	 .distilling = {.weight = 1},
	 .clip = NAN,
	 .optim = OPTIM_ARGS_DEFAULT,
	 .how = {.loss = {.below = NAN, .above = NAN}, .mu = 1}};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.model, "DIR", "the student as it was at the start", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "objective", &opt.objective, NULL, "what to minimise", 0, 0, RIL_OBJECTIVES},
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write, with log-probs; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_STR, 0, "ref", &opt.ref, "DIR", "reference of the KL term (default: as -m)", 0, 0, NULL},
	{RIL_OPT_REAL, 0, "beta", &opt.how.loss.beta, "R", "weight of the KL term; 0: no reference", 0, 1e6, NULL},
	{RIL_OPT_CHOICE, 0, "kl", &opt.kl, NULL, "the KL term's estimator", 0, 0, "k1|k2|k3"},
	{RIL_OPT_STR, 0, "distill", &opt.distill, "DIR", "add the divergence from this teacher to the loss", 0, 0,
	 NULL},
	{RIL_OPT_REAL, 0, "distill-weight", &opt.distilling.weight, "R", "its weight", 0, 1e6, NULL},
	{RIL_OPT_CHOICE, 0, "distill-kl", &opt.divergence, NULL, "of teacher from student, or the reverse", 0, 0,
	 "forward|reverse"},
	{RIL_OPT_REAL, 0, "clip", &opt.clip, "R", "the ratio's clip, epsilon, on both sides (default: the objective's)",
	 0, 1e6, NULL},
	{RIL_OPT_REAL, 0, "clip-low", &opt.how.loss.below, "R", "the clip below 1 (default: as --clip)", 0, 1e6, NULL},
	{RIL_OPT_REAL, 0, "clip-high", &opt.how.loss.above, "R", "and above", 0, 1e6, NULL},
	{RIL_OPT_REAL, 0, "importance-cap", &opt.how.loss.cap, "C",
	 "weigh by min(trainer / sampler, C); 0: no such weights", 0, 1e6, NULL},
	{RIL_OPT_REAL, 0, "entropy", &opt.how.loss.bonus, "R", "weight of the tokens' entropy, which is a bonus", -1e6,
	 1e6, NULL},
	{RIL_OPT_INT, 0, "mu", &opt.how.mu, "N", "optimiser steps on each batch", 1, 1e6, NULL},
	{RIL_OPT_REAL, 0, "length", &opt.how.length, "L", "the loss's constant; 0: the stream's max_new_tokens", 0, 1e9,
	 NULL},
	{RIL_OPT_STR, 0, "reward-field", &opt.how.reward, "NAME", "reward for ril, else reward.answer", 0, 0, NULL},
	{RIL_OPT_INT, 0, "overlong", &opt.overlong, "N", "the reward falls by 1 over the last N tokens; 0: it does not",
	 0, 1e9, NULL},
	{RIL_OPT_INT, 0, "dynamic-sampling", &opt.how.wanted, "N",
	 "train on a step's first N groups with different rewards; 0: on all", 0, 1e9, NULL},
	{RIL_OPT_FLAG, 0, "mask-truncated", &opt.how.mask_truncated, NULL, "leave cut responses out of the loss", 0, 0,
	 NULL},
	{RIL_OPT_FLAG, 0, "allow-truncated-sampling", &opt.how.allow_truncated_sampling, NULL,
	 "accept top-k, top-p and greedy responses", 0, 0, NULL},
	OPTIM_OPTIONS(opt.optim),
	{RIL_OPT_REAL, 0, "ema", &opt.optim.how.ema, "D", "keep an average of the weights, decay D; 0: none", 0,
	 .9999999999, NULL},
	{RIL_OPT_INT, 0, "start-step", &opt.start, "S", "steps done; with --run, go on from there", 0, 1e12, NULL},
	{RIL_OPT_STR, 0, "run", &opt.run, "DIR", "run folder for checkpoints", 0, 0, NULL},
	{RIL_OPT_INT, 0, "keep", &opt.keep, "N", "checkpoints to keep besides current and best; 0: all", 0, 1e9, NULL},
	{RIL_OPT_STR, 0, "edge", &opt.edge, "FIFO", "where to announce versions to ril-rollout", 0, 0, NULL},
	{RIL_OPT_STR, 0, "versions", &opt.versions, "DIR", "where to put them", 0, 0, NULL},
	{RIL_OPT_STR, 0, "save", &opt.save, "DIR", "write the student there at the end", 0, 0, NULL},
	{RIL_OPT_STR, 0, "save-ema", &opt.save_ema, "DIR", "and their average there", 0, 0, NULL},
	{RIL_OPT_STR, 0, "record", &opt.record, "DIR", "keep every step's groups there, without vision.*", 0, 0, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a line of JSON at every step", 0, 0, NULL},
	WORLD_OPTIONS(opt.world),
	PLAN_OPTIONS(opt.plan),
	PLAN_RANKS(opt.plan),
	{0},
};

/* Options of which each rank has its own. */
static const char *const of_a_rank[] = {"model",      "ref",           "distill", "input",    "output", "gzip",
					"edge",       "versions",      "save",    "save-ema", "record", "metrics",
					"plan-batch", "device-memory", "trace",   NULL};

struct update {
	struct ril_tool *tool;
	struct ril_model *student, *ref, *teacher;
	struct ril_distill *distill;
	struct ril_tokenizer *tok;
	struct ril_optim *optim;
	struct ril_update *trainer;
	struct ril_edge *edge;
	struct ril_stage stage;
	struct ril_progress progress;
	int64_t saved; /* step of the newest checkpoint */
	bool announced, lends;
	char lent[RIL_PATH]; /* the file that ril-rollout borrows by */
	char id[RIL_ID_SIZE];
	char start[RIL_PATH]; /* the folder begun with */
};

/* ---- versions and checkpoints ---- */

static int version_path(char out[RIL_PATH], int64_t step, struct ril_err *err)
{
	return ril_path(out, err, "%s/step-%lld", opt.versions, (long long)step);
}

static int drop_version(int64_t step, struct ril_err *err)
{
	char path[RIL_PATH];
	if (!opt.versions || step < opt.start)
		return 0;
	return version_path(path, step, err) ? -1 : ril_remove_tree(path, err);
}

static int write_version(struct update *u, int64_t step, struct ril_err *err)
{
	char path[RIL_PATH];
	if (u->lends) /* the weights are where they were, and as they are now once what was called is done */
		return ril_ops()->sync(err) ? -1 : ril_edge_announce(u->edge, step, u->lent, err);
	if (version_path(path, step, err) || ril_remove_tree(path, err) ||
	    ril_params_save(u->student->params, path, false, err))
		return -1;
	return ril_edge_announce(u->edge, step, path, err);
}

/* What ril-rollout gets after a step: the new weights, or, where the ranks were asked to end, word that it was the last. */
static int publish_version(struct update *u, int64_t step, struct ril_err *err)
{
	if (u->edge && world_stops())
		return ril_edge_announce(u->edge, step, "", err);
	return u->edge && (ril_optim_whole(u->optim, false, err) || write_version(u, step, err)) ? -1 : 0;
}

/* Does ril-rollout compute where we do?  What it said of that goes no further. */
static int same_device(const struct update *u, struct ril_record *head, bool *same, struct ril_err *err)
{
	struct ril_buf here = {0};
	const char *there = ril_record_meta(head, RIL_EDGE_WHERE);
	if (there && ril_params_where(u->student->params, &here, err))
		return -1;
	*same = there && here.len && !strcmp(there, here.data);
	ril_buf_free(&here);
	ril_record_drop(head, RIL_EDGE_WHERE);
	return 0;
}

/* The first version, where only adapters change: a folder of them, for ril-rollout may have none yet. */
static int first_adapters(struct update *u, struct ril_err *err)
{
	u->lends = false;
	if (ril_is_adapter(u->start))
		return ril_edge_announce(u->edge, opt.start, u->start, err);
	return write_version(u, opt.start, err);
}

/* The first version, once HEAD has said where ril-rollout is: on this device it reads the weights where they are. */
static int announce_first(void *ctx, struct ril_record *head, struct ril_err *err)
{
	struct update *u = ctx;
	struct ril_err why = {0};
	if (!u->edge || u->announced)
		return 0;
	u->announced = true;
	if (head && same_device(u, head, &u->lends, err))
		return -1;
	if (u->student->params->adapters) /* ril-rollout has the base; what changes is small */
		return first_adapters(u, err);
	if (u->lends && (ril_path(u->lent, err, "%s/lent.json", opt.versions) || ril_ops()->sync(err)))
		return -1;
	if (u->lends && ril_params_lend(u->student->params, u->lent, &why)) {
		ril_say(u->tool, "%s: versions go to %s", why.msg, opt.versions);
		u->lends = false;
	}
	return ril_edge_announce(u->edge, opt.start, u->lends ? u->lent : u->start, err);
}

static char *settings(const struct ril_tool *t, struct ril_err *err)
{
	struct ril_buf b = {0};
	for (int i = 1; i < t->argc; i++)
		if (ril_buf_printf(&b, err, "%s%s", i > 1 ? " " : "", t->argv[i])) {
			ril_buf_free(&b);
			return NULL;
		}
	return b.data;
}

/* The average of the weights, beside them. */
static int checkpoint_average(const struct update *u, const char *tmp, struct ril_err *err)
{
	char dir[RIL_PATH];
	if (!u->optim->ema)
		return 0;
	if (ril_path(dir, err, "%s/ema", tmp) || (world_first() && ril_remove_tree(dir, err)))
		return -1;
	return ril_ema_save(u->optim->ema, world_first() ? dir : NULL, false, err);
}

static int checkpoint_folders(const struct update *u, const char *tmp, struct ril_err *err)
{
	char student[RIL_PATH];
	if (ril_path(student, err, "%s/student", tmp) || (world_first() && ril_remove_tree(student, err)) ||
	    ril_params_save(u->student->params, world_first() ? student : NULL, false, err))
		return -1;
	return checkpoint_average(u, tmp, err);
}

/* All ranks have a part in it; the first one writes. */
static int checkpoint(struct update *u, int64_t step, struct ril_err *err)
{
	char tmp[RIL_PATH], state[RIL_PATH];
	if (!opt.run || u->saved == step)
		return 0;
	if (ril_run_begin(opt.run, step, tmp, err) || ril_path(state, err, "%s/state.safetensors", tmp) ||
	    ril_optim_whole(u->optim, true, err) || checkpoint_folders(u, tmp, err))
		return -1;
	char *how = settings(u->tool, err);
	int rc = how ? ril_optim_save(u->optim, step, state, how, err) : -1;
	free(how);
	u->saved = step;
	return rc || (world_first() && ril_run_commit(opt.run, step, opt.keep, opt.start, err)) ? -1 : 0;
}

/* ---- a step ---- */

static int record_step(struct update *u, int64_t step, struct ril_err *err)
{
	char path[RIL_PATH], rank[16] = "";
	const struct ril_batch *b = &u->stage.batch;
	if (!opt.record)
		return 0;
	if (world()->size > 1)
		snprintf(rank, sizeof rank, ".%d", world()->rank);
	if (ril_path(path, err, "%s/step-%lld%s.ril", opt.record, (long long)step, rank))
		return -1;
	struct ril_writer *w = ril_writer_open(path, &(struct ril_writer_options){.gzip = opt.gzip}, err);
	int rc = w ? ril_writer_put(w, u->stage.head, err) : -1;
	for (size_t i = 0; i < b->n && !rc; i++) {
		ril_record_drop(b->group[i], "vision.*");
		rc = ril_writer_put(w, b->group[i], err);
	}
	if (!rc)
		rc = ril_writer_step(w, step, b->checkpoint, err);
	if (!rc)
		rc = ril_writer_end(w, err);
	ril_writer_free(w);
	return rc;
}

static double mean(double sum, double n)
{
	return n > 0 ? sum / n : 0;
}

static int report(struct update *u, int64_t step, const struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_side_stats *me = &s->side[RIL_SIDE_STUDENT], *them = &s->side[RIL_SIDE_TEACHER];
	char note[96 + RIL_CLOCK_NOTE], times[RIL_CLOCK_NOTE], teachers[48] = "", chosen[64] = "";
	struct ril_buf b = {0};
	if (them->rewarded)
		snprintf(teachers, sizeof teachers, " (teachers %.3f)", mean(them->reward, (double)them->rewarded));
	if (opt.how.wanted)
		snprintf(chosen, sizeof chosen, ", %lld of %lld wanted", (long long)s->groups,
			 (long long)opt.how.wanted);
	if (u->trainer && opt.how.objective != RIL_SFT && s->drawn)
		ril_say(u->tool,
			"step %lld: loss %.4g, reward %.3f%s, kl %.2g, entropy %.3f, gradient %.3g, "
			"cut %.3g%%, zero-variance %lld of %lld%s, |sampler - trainer| <= %.1e",
			(long long)step, s->loss, mean(me->reward, (double)me->rewarded), teachers,
			mean(me->loss.k3, me->loss.tokens), mean(me->entropy, (double)me->tokens), s->norm,
			100 * mean((double)me->truncated, (double)me->responses), (long long)s->zero_variance,
			(long long)s->drawn, chosen, s->logp_diff_max);
	ril_clock_note(&u->stage.clock, times);
	snprintf(note, sizeof note, "loss %.4g  lr %.3g  %s", s->loss, s->lr, times);
	ril_progress_show(&u->progress, step, note);
	int rc = ril_update_json(s, step, opt.objective, &b, err);
	if (!rc && world_first())
		rc = ril_metrics_step(opt.metrics, &u->stage.clock, &b, err);
	ril_buf_free(&b);
	return rc;
}

static int train_step(struct update *u, struct ril_err *err)
{
	struct ril_update_stats s;
	int64_t step = ril_stage_step(&u->stage);
	if (drop_version(step - 2, err) || ril_update_batch(u->trainer, &u->stage.batch, step, &s, err) ||
	    publish_version(u, step, err) || report(u, step, &s, err))
		return -1;
	bool save = u->stage.batch.checkpoint;
	if (ril_stage_put(&u->stage, save, err) || record_step(u, step, err) || (save && checkpoint(u, step, err)))
		return -1;
	ril_batch_clear(&u->stage.batch);
	return 0;
}

static struct ril_memory memory_of(const struct update *u)
{
	struct ril_memory m = {0};
	ril_memory_model(&m, u->student, u->optim);
	if (u->ref)
		ril_memory_model(&m, u->ref, NULL);
	if (u->teacher)
		ril_memory_model(&m, u->teacher, NULL);
	return m;
}

/* 1: a batch; 0: the end; -1. */
static int next_batch(struct update *u, struct ril_err *err)
{
	int rc = ril_stage_next(&u->stage, err);
	return rc < 0 || world_meet(&u->stage, rc, err) ? -1 : rc;
}

/* What was asked for at the end. */
static int save(struct update *u, struct ril_err *err)
{
	if ((opt.save || opt.save_ema) && ril_optim_whole(u->optim, opt.save_ema != NULL, err))
		return -1;
	bool first = world_first();
	if (opt.save && ril_save_whole(u->student->params, false, first ? opt.save : NULL, err))
		return -1;
	return opt.save_ema ? ril_save_average(u->optim->ema, first ? opt.save_ema : NULL, err) : 0;
}

static int train_all(struct update *u, struct ril_err *err)
{
	int rc;
	ril_progress_start(&u->progress, u->tool->common.quiet ? NULL : stderr, "ril-update: step", opt.start,
			   opt.optim.how.total);
	while ((rc = next_batch(u, err)) == 1)
		if (train_step(u, err))
			return -1;
	ril_progress_end(&u->progress);
	ril_tool_times(u->tool, &u->stage.clock);
	if (rc || ril_stage_end(&u->stage, err) || checkpoint(u, u->stage.done, err) || save(u, err))
		return -1;
	struct ril_memory m = memory_of(u);
	m.activations = ril_update_peak(u->trainer);
	ril_tool_note(u->tool, "%lld steps; at most %.1f MB of activations", (long long)(u->stage.done - opt.start),
		      (double)m.activations / 1e6);
	if (plan_note(u->tool, &m, err))
		return -1;
	return drop_version(u->stage.done - 1, err) || drop_version(u->stage.done, err) ? -1 : 0;
}

/* ---- opening ---- */

/* later: what of it is brought to the device, its training says. */
static struct ril_model *open_model(const char *dir, bool sketch, int reads, const struct ril_model *shares, bool later,
				    const struct ril_lora_spec *lora, struct ril_err *err)
{
	const struct ril_model_use use = {
		.head = RIL_HEAD_LM, .reads = reads, .shares = shares, .later = later, .lora = lora};
	return sketch ? ril_model_sketch(dir, &use, err) : ril_model_open_for(dir, &use, err);
}

/* What the options say of the loss beside its numbers. */
static void loss_settings(void)
{
	struct ril_loss_settings *l = &opt.how.loss;
	l->kl = !strcmp(opt.kl, "k1") ? RIL_KL_K1 : !strcmp(opt.kl, "k2") ? RIL_KL_K2 : RIL_KL_K3;
	l->below = isnan(l->below) ? opt.clip : l->below;
	l->above = isnan(l->above) ? opt.clip : l->above;
	opt.how.overlong = (double)opt.overlong;
}

static int open_models(struct update *u, const char *dir, bool sketch, struct ril_err *err)
{
	bool pixels;
	int parts;
	uint32_t seed = (uint32_t)u->tool->common.seed;
	struct ril_lora_spec room;
	const struct ril_lora_spec *lora;
	if (optim_args_parts(&opt.optim, &parts, &pixels, err) ||
	    optim_args_lora(&opt.optim, parts, seed, &room, &lora, err))
		return -1;
	int reads = RIL_PART_LLM | (pixels ? RIL_PARTS_PICTURES : 0);
	if (!(u->student = open_model(dir, sketch, reads, NULL, opt.optim.how.reduce.weights, lora, err)) ||
	    optim_args_apply(&opt.optim, u->student->params, parts, err) ||
	    !(u->optim = ril_optim_new(u->student->params, &opt.optim.how, seed, err)))
		return -1;
	opt.how.objective = ril_objective_parse(opt.objective);
	loss_settings();
	opt.how.pixels = pixels;
	opt.how.micro_batch = opt.optim.micro_batch;
	opt.how.recompute = ril_recompute_parse(opt.optim.recompute);
	opt.how.record = opt.out || opt.record;
	if (opt.how.loss.beta > 0 && opt.how.objective != RIL_SFT &&
	    !(u->ref = open_model(opt.ref ? opt.ref : opt.model, sketch, RIL_PART_LLM, u->student, false, NULL, err)))
		return -1;
	opt.distilling.reverse = !strcmp(opt.divergence, "reverse");
	if (opt.distill &&
	    !(u->teacher = open_model(opt.distill, sketch, RIL_PART_LLM | RIL_PARTS_PICTURES, NULL, false, NULL, err)))
		return -1;
	return 0;
}

static void close_models(struct update *u)
{
	ril_optim_free(u->optim);
	ril_model_free(u->teacher);
	ril_model_free(u->ref);
	ril_model_free(u->student);
}

/* Its pass, pictures and all, and the logits of both. */
static int plan_teacher(struct ril_memory *m, const struct update *u, const struct ril_plan_batch *b,
			struct ril_plan_pass how, struct ril_err *err)
{
	how.pixels = true;
	how.record = false;
	m->activations += ril_distill_room(u->teacher, u->student);
	return ril_plan_train(m, u->teacher, b, &how, err);
}

static int measure(void *ctx, const struct ril_plan_batch *b, struct ril_memory *m, struct ril_err *err)
{
	struct update u = {.tool = ctx};
	int rc = open_models(&u, opt.model, true, err);
	if (!rc) {
		const struct ril_plan_pass how = {.use = RIL_PACK_POLICY,
						  .recompute = opt.how.recompute,
						  .micro_batch = opt.how.micro_batch,
						  .pixels = opt.how.pixels,
						  .record = true};
		*m = memory_of(&u);
		rc = ril_memory_shared(m, u.student, u.optim, err) || ril_plan_train(m, u.student, b, &how, err);
		if (!rc && u.teacher)
			rc = plan_teacher(m, &u, b, how, err);
	}
	close_models(&u);
	return rc;
}

static struct plan_of plan_of(struct ril_tool *t)
{
	int64_t length = (int64_t)opt.how.length;
	return (struct plan_of){.tool = t,
				.args = &opt.plan,
				.optim = &opt.optim,
				.batch = {.groups = INT32_MAX, .responses = 8, .length = length, .image = -1},
				.measure = measure,
				.ctx = t};
}

static void rest(void *ctx)
{
	ril_update_rest(ctx);
}

/* The teacher reads the student's ids. */
static int open_distill(struct update *u, struct ril_err *err)
{
	struct ril_tokenizer *theirs = ril_tokenizer_load(u->teacher->files, err);
	if (!theirs)
		return -1;
	bool same = !strcmp(ril_tokenizer_key(theirs), ril_tokenizer_key(u->tok));
	ril_tokenizer_free(theirs);
	if (!same)
		return ril_fail(err, RIL_EFAIL, "%s: its tokenizer is not the student's", opt.distill),
		       ril_setting(err, "distill");
	u->distill = opt.how.distill = ril_distill_new(u->teacher, u->student, &opt.distilling, err);
	return u->distill ? 0 : -1;
}

static int open_all(struct update *u, struct ril_err *err)
{
	struct ril_tool *t = u->tool;
	char state[RIL_PATH], *dir = u->start;
	bool resume = opt.run && opt.start > 0;
	if (ril_path(dir, err, "%s", opt.model) ||
	    (resume && (ril_path(dir, err, "%s/step-%lld/student", opt.run, (long long)opt.start) ||
			ril_path(state, err, "%s/step-%lld/state.safetensors", opt.run, (long long)opt.start))))
		return -1;
	struct plan_of p = plan_of(t);
	if (plan_guard(&p, err) || open_models(u, dir, false, err) ||
	    !(u->tok = ril_tokenizer_load(u->student->files, err)) || (u->teacher && open_distill(u, err)) ||
	    !(u->trainer = ril_update_new(u->student, u->ref, u->optim, &opt.how, err)) ||
	    (resume && ril_optim_load(u->optim, opt.start, state, err)))
		return -1;
	ril_model_id(ril_params_folder(u->student->params), false, u->id);
	if (world_agree(t, of_a_rank, u->id, err))
		return -1;
	u->saved = opt.start;
	if ((opt.run && ril_mkdirs(opt.run, err)) || (opt.versions && ril_mkdirs(opt.versions, err)) ||
	    (opt.record && ril_mkdirs(opt.record, err)))
		return -1;
	u->stage = (struct ril_stage){
		.tokenizer = ril_tokenizer_key(u->tok),
		.start = opt.start,
		.may_be_empty = world()->size > 1, /* all of them together may not */
		.lineage = ril_tool_lineage(t, u->id),
		.on_head = announce_first,
		.ctx = u,
	};
	if (opt.edge) {
		const struct ril_watch in = {strcmp(opt.in, "-") ? -1 : STDIN_FILENO,
					     "ril-rollout or a stage after it"};
		if (!(u->edge = ril_edge_open_write(opt.edge, &in, 1, err)))
			return -1;
		if (!ril_ops()->where && announce_first(u, NULL, err)) /* nothing to wait for */
			return -1;
	}
	if (ril_stage_open(&u->stage, opt.in, opt.out, opt.gzip, err))
		return -1;
	ril_reader_rest(u->stage.in, rest, u->trainer);
	return 0;
}

static int join(struct ril_tool *t, struct ril_err *err)
{
	if (world_open(t, &opt.world, err) || world_path(&opt.in, err) || world_path(&opt.out, err) ||
	    world_path(&opt.edge, err) || world_path(&opt.versions, err))
		return -1;
	opt.how.world = opt.optim.how.world = world();
	opt.optim.how.reduce = world_reduce();
	if (opt.edge && ril_world_started())
		ril_signals_take_one(SIGINT);
	return 0;
}

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	if (!opt.model)
		return ril_fail(err, RIL_EUSAGE, "-m is needed");
	if (!opt.edge != !opt.versions)
		return ril_fail(err, RIL_EUSAGE, "--edge and --versions go together");
	if (opt.save_ema && !(opt.optim.how.ema > 0))
		return ril_fail(err, RIL_EUSAGE, "--save-ema needs --ema");
	if (plan_check(&opt.plan, t, err) || (opt.save && ril_save_check(opt.save, err)) ||
	    (opt.save_ema && ril_save_check(opt.save_ema, err)))
		return -1;
	if (!opt.plan.on && !opt.save && !opt.save_ema && !opt.run && !opt.edge && !opt.out && !opt.record &&
	    !opt.metrics)
		ril_say(t, "without --run, --save or --edge the new weights are not kept");
	opt.plan.zero = opt.world.zero;
	opt.optim.how.reduce.bucket = opt.world.bucket * 1e6;
	struct plan_of p = plan_of(t);
	if (opt.plan.on)
		return plan_run(&p, err);
	struct update u = {.tool = t};
	int rc = join(t, err);
	if (!rc)
		rc = open_all(&u, err);
	if (!rc)
		rc = train_all(&u, err);
	ril_stage_close(&u.stage, rc ? err : NULL);
	ril_edge_free(u.edge);
	if (u.lends)
		unlink(u.lent);
	ril_update_free(u.trainer);
	ril_distill_free(u.distill);
	ril_tokenizer_free(u.tok);
	close_models(&u);
	world_close(err);
	return err->code ? -1 : rc;
}

static bool computes(const struct ril_tool *t)
{
	return plan_computes(&opt.plan, t);
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-update",
		.summary = "Train the student on the batches of a scored stream",
		.operands = "-m DIR",
		.opts = options,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
