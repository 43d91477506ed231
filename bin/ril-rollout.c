/* ril-rollout -- the student answers every question G times.
 *
 * With --edge it is the head of the resident loop: batch t+1 is answered by the version that ril-update made from batch
 * t. SIGINT or SIGTERM: the batch at work is finished, its barrier asks for a checkpoint, the stream ends as it should.
 */
#include "signals.h"
#include "tool.h"

#include "algo/rollout.h"
#include "loop/stage.h"
#include "base/progress.h"
#include "ops/backend.h"
#include "base/unused.h"
#include "plan_options.h"
#include "stream/edge.h"

#include <stdlib.h>

static struct {
	const char *in, *out, *model, *edge, *metrics;
	bool gzip, own_weights;
	bool borrows; /* ril-update's weights, if it is on the same device */
	int64_t n, max_new, start, at_once;
	struct ril_rollout_options how;
	struct plan_args plan;
} opt = {.in = "-", .out = "-", .max_new = 256, .at_once = 256, .how = {.sampling = RIL_SAMPLING_DEFAULT}};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.model, "DIR", "the student", 0, 0, NULL},
	{RIL_OPT_INT, 'n', "responses", &opt.n, "G", "responses to every question", 1, 1e6, NULL},
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_REAL, 0, "temperature", &opt.how.sampling.temperature, "T",
	 "sampling temperature; instead of 0: --greedy", 1e-6, 1e6, NULL},
	{RIL_OPT_INT, 0, "top-k", &opt.how.sampling.top_k, "K", "draw from the K likeliest ids; 0: from all", 0, 1e9,
	 NULL},
	{RIL_OPT_REAL, 0, "top-p", &opt.how.sampling.top_p, "P", "draw from the likeliest ids of mass P", 1e-9, 1,
	 NULL},
	{RIL_OPT_FLAG, 0, "greedy", &opt.how.sampling.greedy, NULL, "take the most likely id", 0, 0, NULL},
	{RIL_OPT_INT, 0, "max-new-tokens", &opt.max_new, "L", "longest response, end included", 1, 1e6, NULL},
	{RIL_OPT_FLAG, 0, "append", &opt.how.append, NULL, "add to student responses that are there", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "replace", &opt.how.replace, NULL, "drop all responses that are there", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "from-pixels", &opt.how.pixels, NULL, "embed pictures anew, from vision.pixels", 0, 0, NULL},
	{RIL_OPT_STR, 0, "edge", &opt.edge, "FIFO", "where ril-update announces versions", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "own-weights", &opt.own_weights, NULL, "never read ril-update's weights on its GPU", 0, 0,
	 NULL},
	{RIL_OPT_INT, 0, "start-step", &opt.start, "S", "steps done before: the policy's version", 0, 1e12, NULL},
	{RIL_OPT_INT, 0, "groups-at-once", &opt.at_once, "N", "groups a batch, where no barrier says", 1, 1e6, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a line of JSON at every step", 0, 0, NULL},
	PLAN_OPTIONS(opt.plan),
	{0},
};

struct rollout {
	struct ril_tool *tool;
	struct ril_model *model;
	struct ril_tokenizer *tok;
	struct ril_rollout *sampler;
	struct ril_edge *edge;
	struct ril_stage stage;
	int64_t policy;
	int ended;            /* ril-update wants no further batch */
	bool waits;           /* the model's weights come with the first version */
	char id[RIL_ID_SIZE]; /* the model's */
};

/* Tells ril-update, which hears of it before it announces any version, where its weights would be read as they are. */
static int tell_where(void *ctx, struct ril_record *head, struct ril_err *err)
{
	const struct rollout *r = ctx;
	struct ril_buf where = {0};
	int rc = opt.borrows ? ril_params_where(r->model->params, &where, err) : 0;
	if (!rc && where.len)
		rc = ril_record_set_meta(head, RIL_EDGE_WHERE, where.data, err);
	ril_buf_free(&where);
	return rc;
}

static struct ril_model_use use(bool later)
{
	return (struct ril_model_use){
		.head = RIL_HEAD_LM, .reads = RIL_PART_LLM | (opt.how.pixels ? RIL_PARTS_PICTURES : 0), .later = later};
}

/* The model and what samples from it, in the place of those that are there: training began with fresh adapters, of which -m knows
 * nothing, or a folder of adapters is all that comes of a version. */
static int open_sampler(struct rollout *r, const char *dir, bool later, struct ril_err *err)
{
	const struct ril_model_use how = use(later);
	r->waits = later;
	ril_rollout_free(r->sampler);
	ril_model_free(r->model);
	r->sampler = NULL;
	r->model = ril_model_open_for(dir, &how, err);
	if (r->model && !r->tok)
		r->tok = ril_tokenizer_load(r->model->files, err);
	return r->model && r->tok && (r->sampler = ril_rollout_new(r->model, r->tok, &opt.how, err)) ? 0 : -1;
}

/* Waits for the version made from the step before this batch's, and takes its weights.  1: none comes, this batch is not wanted. */
static int next_version(struct rollout *r, struct ril_err *err)
{
	const struct ril_watch out = {ril_writer_fd(r->stage.out), "the next stage"};
	int64_t want = ril_stage_step(&r->stage) - 1;
	const char *path;
	if (!r->edge || r->policy == want)
		return 0;
	if (ril_edge_wait(r->edge, want, &out, 1, &r->policy, &path, err))
		return -1;
	if (!*path)
		return 1;
	ril_tool_note(r->tool, "version %lld: %s", (long long)r->policy, path);
	if (ril_is_adapter(path) && (r->waits || !r->model->params->adapters))
		return open_sampler(r, path, false, err);
	return ril_params_reload(r->model->params, path, err);
}

/* Says what a step took, and adds it to the total. */
static int report(struct rollout *r, int64_t step, struct ril_rollout_stats *s, struct ril_rollout_stats *total,
		  struct ril_err *err)
{
	double rate = s->seconds > 0 ? (double)s->tokens / s->seconds : 0;
	double cut = s->responses ? (double)s->truncated / (double)s->responses : 0;
	struct ril_buf b = {0};
	ril_tool_note(r->tool, "step %lld: %lld responses, %lld tokens, %.3g%% cut by length, %.0f tokens/s",
		      (long long)step, (long long)s->responses, (long long)s->tokens, 100 * cut, rate);
	int rc = ril_buf_printf(&b, err,
				"{\"step\":%lld,\"responses\":%lld,\"tokens\":%lld,\"truncated\":%.6g,\"seconds\":%.6g,"
				"\"tokens_per_second\":%.6g}\n",
				(long long)step, (long long)s->responses, (long long)s->tokens, cut, s->seconds, rate);
	if (!rc)
		rc = ril_metrics_step(opt.metrics, &r->stage.clock, &b, err);
	ril_buf_free(&b);
	total->responses += s->responses;
	total->tokens += s->tokens;
	total->truncated += s->truncated;
	*s = (struct ril_rollout_stats){0};
	return rc;
}

static int answer_all(struct rollout *r, struct ril_err *err)
{
	struct ril_progress p;
	char note[RIL_CLOCK_NOTE];
	struct ril_rollout_stats s = {0}, total = {0}; /* of the step, which may come in several batches; of all */
	int rc = 0;
	ril_progress_start(&p, r->tool->common.quiet ? NULL : stderr, "ril-rollout: groups", 0, 0);
	/* A stop is asked for once a batch: a signal that comes after its step was written is the next batch's, one
	 * that comes before the first the first's (a stream without groups would be a failure).  Nor does it end a step
	 * that comes in several batches in the middle. */
	bool last = false;
	while (!last && (rc = ril_stage_next(&r->stage, err)) == 1) {
		int64_t step = ril_stage_step(&r->stage);
		if ((r->ended = next_version(r, err)) < 0)
			return -1;
		if (r->ended)
			break;
		if (ril_rollout_batch(r->sampler, &r->stage.batch, step, r->policy, &s, err))
			return -1;
		last = ril_stop_asked() && (r->stage.batch.barrier || !(r->edge || r->stage.batches.steps));
		if (ril_stage_put(&r->stage, r->stage.batch.checkpoint || last, err) ||
		    (r->stage.batch.barrier && report(r, step, &s, &total, err)))
			return -1;
		ril_rollout_rest(r->sampler);
		ril_clock_note(&r->stage.clock, note);
		ril_progress_show(&p, r->stage.batches.groups, note);
	}
	ril_progress_end(&p);
	/* A signal to a whole pipeline also cuts the input off: that is an end like any other. */
	if ((!ril_stop_signal() && rc < 0) || (s.responses && report(r, ril_stage_step(&r->stage), &s, &total, err)))
		return -1;
	const struct ril_generator_size size = ril_rollout_size(r->sampler);
	struct ril_memory m = {.activations = size.activations, .cache = size.cache};
	ril_memory_model(&m, r->model, NULL);
	if (plan_note(r->tool, &m, err))
		return -1;
	ril_say(r->tool, "%lld responses, %lld tokens; %lld cut by length", (long long)total.responses,
		(long long)total.tokens, (long long)total.truncated);
	ril_tool_times(r->tool, &r->stage.clock);
	ril_params_return(r->model->params); /* before ril-update learns of the end, and goes */
	return ril_stage_end(&r->stage, err);
}

/* Borrowed weights are ril-update's. */
static int measure(RIL_UNUSED void *ctx, const struct ril_plan_batch *b, struct ril_memory *m, struct ril_err *err)
{
	const struct ril_model_use how = use(false);
	struct ril_model *model = ril_model_sketch(opt.model, &how, err);
	if (!model)
		return -1;
	if (!opt.borrows)
		ril_memory_model(m, model, NULL);
	int rc = ril_plan_answers(m, model, b, opt.how.pixels, err);
	ril_model_free(model);
	return rc;
}

static struct plan_of plan_of(const struct ril_tool *t)
{
	return (struct plan_of){
		.tool = t,
		.args = &opt.plan,
		.batch = {.groups = opt.at_once, .responses = opt.n, .length = opt.max_new, .image = -1},
		.measure = measure};
}

static int open_all(struct rollout *r, struct ril_err *err)
{
	struct ril_tool *t = r->tool;
	struct plan_of p = plan_of(t);
	if (plan_guard(&p, err) || (opt.edge && !(r->edge = ril_edge_open_read(opt.edge, err))))
		return -1;
	if (open_sampler(r, opt.model, opt.borrows, err))
		return -1;
	ril_model_id(ril_params_folder(r->model->params), false, r->id);
	r->policy = r->edge ? -1 : opt.start;
	r->stage = (struct ril_stage){
		.tokenizer = ril_tokenizer_key(r->tok),
		.start = opt.start,
		.limit = (size_t)opt.at_once,
		.lineage = ril_tool_lineage(t, r->id),
		.on_head = tell_where,
		.edge = r->edge,
		.ctx = r,
	};
	return ril_stage_open(&r->stage, opt.in, opt.out, opt.gzip, err);
}

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	if (plan_check(&opt.plan, t, err))
		return -1;
	if (!opt.model || !opt.n)
		return ril_fail(err, RIL_EUSAGE, "%s is needed", opt.model ? "-n" : "-m");
	if (opt.how.append && opt.how.replace)
		return ril_fail(err, RIL_EUSAGE, "--append and --replace do not go together");
	opt.how.n = (int32_t)opt.n;
	opt.how.max_new_tokens = (int32_t)opt.max_new;
	opt.how.seed = (uint32_t)t->common.seed;
	opt.borrows = opt.edge && !opt.own_weights && (opt.plan.on ? !plan_computes(&opt.plan, t) : !!ril_ops()->where);
	struct plan_of p = plan_of(t);
	if (opt.plan.on)
		return plan_run(&p, err);
	struct rollout r = {.tool = t};
	ril_signals_take_over();
	int rc = open_all(&r, err);
	if (!rc)
		rc = answer_all(&r, err);
	int64_t done = r.stage.done;
	int stop = ril_stop_signal();
	/* the output is closed first: ril-update learns of the stream's end by it, and only then ends the edge */
	ril_stage_close(&r.stage, rc ? err : NULL);
	if (!rc && r.edge)
		rc = ril_edge_drain(r.edge, NULL, 0, err);
	ril_edge_free(r.edge);
	ril_rollout_free(r.sampler);
	ril_tokenizer_free(r.tok);
	ril_model_free(r.model);
	if (!rc && (ril_stop_asked() || r.ended))
		ril_say(t, "stopped by %s after step %lld",
			r.ended ? "ril-update"
			: stop  ? "a signal"
				: "the end of its launcher",
			(long long)done);
	return !rc && stop && !opt.edge ? ril_fail(err, 128 + stop, "interrupted") : rc;
}

static bool computes(const struct ril_tool *t)
{
	return plan_computes(&opt.plan, t);
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-rollout",
		.summary = "Let the student answer every question of a stream",
		.operands = "-m DIR -n G",
		.opts = options,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
