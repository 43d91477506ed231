/* ril-discriminate -- who wrote this response, the student or a teacher?  Adds D's logit and the similarity reward.
 *
 * With --update D is first trained on the batch that it then judges.  Before a run the same tool pre-trains it
 * (--init-from STUDENT --update --save DIR); in the loop it writes D into the checkpoint that ril-update commits.
 * Several processes may train one D together (world.h). */
#include "tool.h"

#include "algo/disc.h"
#include "loop/run.h"
#include "loop/stage.h"
#include "base/progress.h"
#include "base/unused.h"
#include "optim_options.h"
#include "plan_options.h"
#include "tensor/folder.h"
#include "world.h"

#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *in, *out, *model, *init, *run, *save, *metrics;
	bool gzip, update, blind;
	const char *loss, *similarity;
	struct world_args world;
	double smoothing, r1, sigma;
	int64_t start, disc_steps, replay, replayed;
	struct optim_args optim;
	struct plan_args plan;
} opt = {.in = "-",
	 .out = "-",
	 .loss = "bce",
	 .world = WORLD_ARGS_DEFAULT,
	 .disc_steps = 1,
	 .optim = OPTIM_ARGS_DEFAULT};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.model, "DIR", "the discriminator", 0, 0, NULL},
	{RIL_OPT_STR, 0, "init-from", &opt.init, "DIR", "make one from this student instead", 0, 0, NULL},
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "update", &opt.update, NULL, "train on every batch before judging it", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "blind", &opt.blind, NULL, "D does not see the pictures", 0, 0, NULL},
	{RIL_OPT_INT, 0, "disc-steps", &opt.disc_steps, "N", "optimiser steps on each batch", 1, 1e6, NULL},
	{RIL_OPT_CHOICE, 0, "disc-loss", &opt.loss, NULL, "of single responses, or of pairs", 0, 0, RIL_DISC_LOSSES},
	{RIL_OPT_REAL, 0, "label-smoothing", &opt.smoothing, "R", "how unsure D is told to be", 0, 1, NULL},
	{RIL_OPT_REAL, 0, "r1", &opt.r1, "W", "penalty on how noise moves D at teachers' responses; 0: none", 0, 1e9,
	 NULL},
	{RIL_OPT_REAL, 0, "r1-sigma", &opt.sigma, "S", "that noise, as a share of what embeddings are", 1e-6, 1e3,
	 NULL},
	{RIL_OPT_CHOICE, 0, "similarity", &opt.similarity, NULL, "the similarity reward", 0, 0, RIL_SIMILARITIES},
	{RIL_OPT_INT, 0, "replay", &opt.replay, "N", "keep N earlier groups to train on, too; 0: none", 0, 1e9, NULL},
	{RIL_OPT_INT, 0, "replay-groups", &opt.replayed, "N", "of them at each batch; 0: as many as it has", 0, 1e9,
	 NULL},
	OPTIM_OPTIONS(opt.optim),
	{RIL_OPT_INT, 0, "start-step", &opt.start, "S", "steps done; with --run, go on from there", 0, 1e12, NULL},
	{RIL_OPT_STR, 0, "run", &opt.run, "DIR", "run folder: D goes into its checkpoints", 0, 0, NULL},
	{RIL_OPT_STR, 0, "save", &opt.save, "DIR", "write D there at the end", 0, 0, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a line of JSON at every step", 0, 0, NULL},
	WORLD_OPTIONS(opt.world),
	PLAN_OPTIONS(opt.plan),
	PLAN_RANKS(opt.plan),
	{0},
};

/* Options of which each rank has its own. */
static const char *const of_a_rank[] = {"model",   "init-from",  "input",         "output", "gzip", "save",
					"metrics", "plan-batch", "device-memory", "trace",  NULL};

struct discriminate {
	struct ril_tool *tool;
	struct ril_model *model;
	struct ril_tokenizer *tok;
	struct ril_optim *optim;   /* NULL: D only judges */
	struct ril_replay *replay; /* NULL: nothing is kept */
	struct ril_disc *disc;
	struct ril_stage stage;
	struct ril_progress progress;
	int64_t saved; /* step of the newest checkpoint */
	char id[RIL_ID_SIZE];
};

#define SIGMA .1

/* The replayed groups' file: of one process, of rank 0, 1... */
static int replay_path(char path[RIL_PATH], const char *dir, int rank, int ranks, struct ril_err *err)
{
	return ranks == 1 ? ril_path(path, err, "%s/disc-replay.ril", dir)
			  : ril_path(path, err, "%s/disc-replay.%d.ril", dir, rank);
}

static int checkpoint_folder(const struct discriminate *d, const char *tmp, struct ril_err *err)
{
	char dir[RIL_PATH];
	return ril_path(dir, err, "%s/disc", tmp) || (world_first() && ril_remove_tree(dir, err)) ||
			       ril_params_save(d->model->params, world_first() ? dir : NULL, true, err)
		       ? -1
		       : 0;
}

/* Puts D into step-N.tmp and syncs it: ril-update, further down, commits the folder when the step frame reaches it.  All ranks
 * have a part in it; the first one writes, and each its replayed groups. */
static int checkpoint(struct discriminate *d, int64_t step, struct ril_err *err)
{
	char tmp[RIL_PATH], state[RIL_PATH];
	const struct ril_world *w = world();
	if (!opt.run || !d->optim || d->saved == step)
		return 0;
	if (ril_run_begin(opt.run, step, tmp, err))
		return -1;
	if (d->replay && (replay_path(state, tmp, w->rank, w->size, err) || ril_replay_save(d->replay, state, err)))
		return -1;
	if (ril_path(state, err, "%s/disc-state.safetensors", tmp) || ril_optim_whole(d->optim, false, err) ||
	    checkpoint_folder(d, tmp, err) || ril_optim_save(d->optim, step, state, NULL, err))
		return -1;
	d->saved = step;
	return world_first() ? ril_sync_tree(tmp, err) : 0;
}

static int report(struct discriminate *d, int64_t step, const struct ril_disc_stats *s, struct ril_err *err)
{
	double before = ril_bce_accuracy(&s->before), after = ril_bce_accuracy(&s->after);
	char note[48 + RIL_CLOCK_NOTE], times[RIL_CLOCK_NOTE];
	struct ril_buf b = {0};
	ril_tool_note(
		d->tool,
		"step %lld: accuracy %.3f before, %.3f after; loss %.4f -> %.4f; %lld of %lld student responses not "
		"canonical",
		(long long)step, before, after, s->before.loss, s->after.loss, (long long)s->uncanonical,
		(long long)s->student);
	ril_clock_note(&d->stage.clock, times);
	snprintf(note, sizeof note, "accuracy %.3f -> %.3f  %s", before, after, times);
	ril_progress_show(&d->progress, step, note);
	int rc = ril_disc_json(s, step, &b, err);
	if (!rc && world_first())
		rc = ril_metrics_step(opt.metrics, &d->stage.clock, &b, err);
	ril_buf_free(&b);
	return rc;
}

/* 1: a batch; 0: the end; -1. */
static int next_batch(struct discriminate *d, struct ril_err *err)
{
	int rc = ril_stage_next(&d->stage, err);
	return rc < 0 || world_meet(&d->stage, rc, err) ? -1 : rc;
}

static int save(struct discriminate *d, struct ril_err *err)
{
	if (!opt.save)
		return 0;
	if (d->optim && ril_optim_whole(d->optim, false, err))
		return -1;
	return ril_save_whole(d->model->params, false, world_first() ? opt.save : NULL, err);
}

static int judge_all(struct discriminate *d, struct ril_err *err)
{
	int rc;
	ril_progress_start(&d->progress, d->tool->common.quiet ? NULL : stderr, "ril-discriminate: step", opt.start,
			   opt.optim.how.total);
	while ((rc = next_batch(d, err)) == 1) {
		struct ril_disc_stats s;
		int64_t step = ril_stage_step(&d->stage);
		bool save = d->stage.batch.checkpoint;
		if (ril_disc_batch(d->disc, &d->stage.batch, step, &s, err) || (save && checkpoint(d, step, err)) ||
		    ril_stage_put(&d->stage, save, err) || report(d, step, &s, err))
			return -1;
		ril_batch_clear(&d->stage.batch);
	}
	ril_progress_end(&d->progress);
	ril_tool_times(d->tool, &d->stage.clock);
	/* What the last barrier did not ask for must be there before END lets ril-update commit it. */
	if (rc || checkpoint(d, d->stage.done, err) || ril_stage_end(&d->stage, err))
		return -1;
	if (save(d, err))
		return -1;
	struct ril_memory m = {.activations = ril_disc_peak(d->disc)};
	ril_memory_model(&m, d->model, d->optim);
	return plan_note(d->tool, &m, err);
}

/* Where D comes from: the checkpoint that is resumed, -m, or a student. */
static int find_model(char dir[RIL_PATH], char state[RIL_PATH], struct ril_err *err)
{
	state[0] = 0;
	if (opt.run && opt.start > 0) {
		if (ril_path(dir, err, "%s/step-%lld/disc", opt.run, (long long)opt.start) ||
		    ril_path(state, err, "%s/step-%lld/disc-state.safetensors", opt.run, (long long)opt.start))
			return -1;
		if (!access(dir, F_OK))
			return 0;
		state[0] = 0;
	}
	return ril_path(dir, err, "%s", opt.model ? opt.model : opt.init);
}

static void rest(void *ctx)
{
	ril_disc_rest(ctx);
}

/* D and what trains it; *pixels: its vision part is trained. */
static int open_model(struct discriminate *d, const char *dir, bool sketch, bool *pixels, struct ril_err *err)
{
	uint32_t seed = (uint32_t)d->tool->common.seed;
	int parts = 0;
	struct ril_lora_spec room;
	const struct ril_lora_spec *lora = NULL;
	if (opt.update && (optim_args_parts(&opt.optim, &parts, pixels, err) ||
			   optim_args_lora(&opt.optim, parts, seed, &room, &lora, err)))
		return -1;
	const struct ril_model_use use = {.head = RIL_HEAD_SCORE,
					  .seed = seed,
					  .reads = RIL_PART_LLM | RIL_PART_SCORE | (*pixels ? RIL_PARTS_PICTURES : 0),
					  .later = opt.update && opt.optim.how.reduce.weights,
					  .lora = lora};
	d->model = sketch ? ril_model_sketch(dir, &use, err) : ril_model_open_for(dir, &use, err);
	if (!d->model || (opt.update && (optim_args_apply(&opt.optim, d->model->params, parts | RIL_PART_SCORE, err) ||
					 !(d->optim = ril_optim_new(d->model->params, &opt.optim.how, seed, err)))))
		return -1;
	return 0;
}

static int measure(void *ctx, const struct ril_plan_batch *b, struct ril_memory *m, struct ril_err *err)
{
	struct discriminate d = {.tool = ctx};
	bool pixels = false;
	int rc = open_model(&d, opt.model ? opt.model : opt.init, true, &pixels, err);
	if (!rc) {
		const struct ril_plan_pass how = {.use = RIL_PACK_SCORE,
						  .recompute = ril_recompute_parse(opt.optim.recompute),
						  .micro_batch = opt.optim.micro_batch,
						  .again = opt.r1 > 0 ? b->responses / 2 : 0, /* the teachers' */
						  .pixels = pixels,
						  .record = opt.update};
		ril_memory_model(m, d.model, d.optim);
		rc = ril_memory_shared(m, d.model, d.optim, err) || ril_plan_train(m, d.model, b, &how, err) ? -1 : 0;
	}
	ril_optim_free(d.optim);
	ril_model_free(d.model);
	return rc;
}

static struct plan_of plan_of(struct ril_tool *t)
{
	return (struct plan_of){.tool = t,
				.args = &opt.plan,
				.optim = opt.update ? &opt.optim : NULL,
				.batch = {.groups = INT32_MAX, .responses = 8, .image = -1},
				.measure = measure,
				.ctx = t};
}

/* The earlier groups of a checkpoint: this rank's own, or where other ranks kept them, its share of all. */
static int load_replay(struct ril_replay *r, struct ril_err *err)
{
	char dir[RIL_PATH], path[RIL_PATH];
	const struct ril_world *w = world();
	int files = 0;
	int64_t number = 0;
	if (ril_path(dir, err, "%s/step-%lld", opt.run, (long long)opt.start))
		return -1;
	while (!replay_path(path, dir, files, 2, err) && !access(path, F_OK))
		files++;
	int had = files ? files : 1;
	if (had == w->size)
		return replay_path(path, dir, w->rank, w->size, err) ? -1 : ril_replay_load(r, path, err);
	for (int i = 0; i < had; i++)
		if (replay_path(path, dir, i, files ? 2 : 1, err) ||
		    ril_replay_load_share(r, path, &number, w->rank, w->size, err))
			return -1;
	return 0;
}

/* Of the groups that are kept by all ranks, a rank keeps its part. */
static int open_replay(struct discriminate *d, bool resumed, bool pixels, struct ril_err *err)
{
	int64_t own = (opt.replay + world()->size - 1) / world()->size;
	if (!opt.replay || !opt.update)
		return 0;
	if (!(d->replay = ril_replay_new(own, pixels, (uint32_t)d->tool->common.seed, err)))
		return -1;
	return resumed ? load_replay(d->replay, err) : 0;
}

static enum ril_disc_loss loss_of(void)
{
	return !strcmp(opt.loss, "bce") ? RIL_DISC_BCE : RIL_DISC_BRADLEY_TERRY;
}

/* A score has no half. */
static enum ril_similarity similarity_of(void)
{
	const char *s = opt.similarity ? opt.similarity : loss_of() == RIL_DISC_BCE ? "threshold" : "logit";
	return !strcmp(s, "threshold")     ? RIL_SIMILARITY_THRESHOLD
	       : !strcmp(s, "probability") ? RIL_SIMILARITY_PROBABILITY
					   : RIL_SIMILARITY_LOGIT;
}

static int open_all(struct discriminate *d, struct ril_err *err)
{
	struct ril_tool *t = d->tool;
	char dir[RIL_PATH], state[RIL_PATH];
	bool pixels = false;
	struct plan_of p = plan_of(t);
	if (plan_guard(&p, err) || find_model(dir, state, err) || open_model(d, dir, false, &pixels, err) ||
	    !(d->tok = ril_tokenizer_load(d->model->files, err)) ||
	    (opt.update && state[0] && ril_optim_load(d->optim, opt.start, state, err)) ||
	    open_replay(d, state[0], pixels, err))
		return -1;
	if (opt.blind && pixels)
		return ril_fail(err, RIL_EUSAGE,
				"--blind: a D that does not see pictures has nothing to train in --train %s",
				opt.optim.train);
	const struct ril_disc_options how = {.loss = loss_of(),
					     .smoothing = opt.smoothing,
					     .similarity = similarity_of(),
					     .r1 = opt.r1,
					     .sigma = opt.sigma > 0 ? opt.sigma : SIGMA,
					     .seed = (uint32_t)t->common.seed,
					     .replay = d->replay,
					     .replayed = (opt.replayed + world()->size - 1) / world()->size,
					     .steps = opt.update ? opt.disc_steps : 0,
					     .micro_batch = opt.optim.micro_batch,
					     .blind = opt.blind,
					     .pixels = pixels,
					     .recompute = ril_recompute_parse(opt.optim.recompute),
					     .world = world()};
	if (!(d->disc = ril_disc_new(d->model, d->optim, d->tok, &how, err)) || (opt.run && ril_mkdirs(opt.run, err)))
		return -1;
	d->saved = opt.start;
	ril_model_id(ril_params_folder(d->model->params), false, d->id);
	if (world_agree(t, of_a_rank, d->id, err))
		return -1;
	d->stage = (struct ril_stage){
		.tokenizer = ril_tokenizer_key(d->tok),
		.start = opt.start,
		.may_be_empty = world()->size > 1, /* all of them together may not */
		.lineage = ril_tool_lineage(t, d->id),
	};
	if (ril_stage_open(&d->stage, opt.in, opt.out, opt.gzip, err))
		return -1;
	ril_reader_rest(d->stage.in, rest, d->disc);
	return 0;
}

static int check_options(struct ril_err *err)
{
	if (opt.replay && !opt.update)
		return ril_fail(err, RIL_EUSAGE, "--replay needs --update");
	if (opt.r1 > 0 && !opt.update)
		return ril_fail(err, RIL_EUSAGE, "--r1 needs --update");
	if (opt.sigma > 0 && !(opt.r1 > 0))
		return ril_fail(err, RIL_EUSAGE, "--r1-sigma needs --r1");
	if (opt.replayed && !opt.replay)
		return ril_fail(err, RIL_EUSAGE, "--replay-groups needs --replay");
	if (!opt.model == !opt.init)
		return ril_fail(err, RIL_EUSAGE, "one of -m and --init-from is needed");
	if (opt.save && ril_save_check(opt.save, err))
		return -1;
	if (opt.init || opt.plan.on)
		return 0;
	struct ril_folder *f = ril_folder_open(opt.model, err);
	if (!f)
		return -1;
	bool has = ril_folder_find(f, ril_is_adapter(opt.model) ? "base_model.model.score.weight" : "score.weight");
	ril_folder_free(f);
	return has ? 0
		   : ril_fail(err, RIL_EFAIL, "%s: no score.weight: not a discriminator (--init-from makes one)",
			      opt.model);
}

static int join(struct ril_tool *t, struct ril_err *err)
{
	if (world_open(t, &opt.world, err) || world_path(&opt.in, err) || world_path(&opt.out, err))
		return -1;
	opt.optim.how.world = world();
	opt.optim.how.reduce = world_reduce();
	return 0;
}

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	struct discriminate d = {.tool = t};
	int rc = plan_check(&opt.plan, t, err) || check_options(err) ? -1 : 0;
	opt.plan.zero = opt.world.zero;
	opt.optim.how.reduce.bucket = opt.world.bucket * 1e6;
	struct plan_of p = plan_of(t);
	if (!rc && opt.plan.on)
		return plan_run(&p, err);
	if (!rc)
		rc = join(t, err) || open_all(&d, err) || judge_all(&d, err) ? -1 : 0;
	ril_stage_close(&d.stage, rc ? err : NULL);
	ril_disc_free(d.disc);
	ril_replay_free(d.replay);
	ril_optim_free(d.optim);
	ril_tokenizer_free(d.tok);
	ril_model_free(d.model);
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
		.name = "ril-discriminate",
		.summary = "Judge who wrote each response, and learn to",
		.operands = "{-m DIR | --init-from DIR}",
		.opts = options,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
