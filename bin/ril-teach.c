/* ril-teach -- adds teacher responses to every question: saved ones, or those of local teachers.
 *
 * The draw depends on the number of the step, which stands in its barrier.  Groups that are worked on before a barrier
 * was seen (more than --groups-at-once of them, or a stream without barriers) belong to the step after the last one. */
#include "tool.h"

#include "loop/stage.h"
#include "algo/teach.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/unused.h"
#include "plan_options.h"

#include <stdlib.h>

static struct {
	const char *in, *out, *tokenizer, *save, *metrics;
	bool gzip;
	struct ril_strlist caches, models;
	int64_t n, max_new, teacher_tokens, at_once, start;
	struct ril_teach_options how;
	struct plan_args plan;
} opt = {.in = "-", .out = "-", .at_once = 256, .how = {.sampling = RIL_SAMPLING_DEFAULT}};

static const struct ril_opt options[] = {
	{RIL_OPT_LIST, 0, "cache", &opt.caches, "FILE", "saved responses, JSON lines", 0, 0, NULL},
	{RIL_OPT_LIST, 'm', "model", &opt.models, "DIR", "a teacher that answers here and now", 0, 0, NULL},
	{RIL_OPT_INT, 'n', "responses", &opt.n, "G", "responses to every question, over all teachers", 1, 1e6, NULL},
	{RIL_OPT_STR, 0, "tokenizer", &opt.tokenizer, "DIR", "the student: its tokenizer", 0, 0, NULL},
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_INT, 0, "max-new-tokens", &opt.max_new, "L", "longest response, end included; 0: as the stream says",
	 0, 1e6, NULL},
	{RIL_OPT_FLAG, 0, "allow-missing", &opt.how.allow_missing, NULL, "go on where saved responses are too few", 0,
	 0, NULL},
	{RIL_OPT_STR, 0, "image-root", &opt.how.image_root, "DIR", "folder of relative picture paths, for -m", 0, 0,
	 NULL},
	{RIL_OPT_STR, 0, "system", &opt.how.system, "TEXT", "system message for -m; default: the teacher's own", 0, 0,
	 NULL},
	{RIL_OPT_REAL, 0, "temperature", &opt.how.sampling.temperature, "T", "sampling temperature of -m", 1e-6, 1e6,
	 NULL},
	{RIL_OPT_INT, 0, "top-k", &opt.how.sampling.top_k, "K", "draw from the K most likely ids; 0: from all", 0, 1e9,
	 NULL},
	{RIL_OPT_REAL, 0, "top-p", &opt.how.sampling.top_p, "P", "draw from the most likely ids of mass P", 1e-9, 1,
	 NULL},
	{RIL_OPT_FLAG, 0, "greedy", &opt.how.sampling.greedy, NULL, "take the most likely id", 0, 0, NULL},
	{RIL_OPT_INT, 0, "teacher-tokens", &opt.teacher_tokens, "N",
	 "longest in the teacher's tokens; 0: as --max-new-tokens", 0, 1e6, NULL},
	{RIL_OPT_STR, 0, "save", &opt.save, "FILE", "write the responses added, as --cache reads them", 0, 0, NULL},
	{RIL_OPT_INT, 0, "groups-at-once", &opt.at_once, "N", "groups worked on together where no barrier says", 1, 1e6,
	 NULL},
	{RIL_OPT_INT, 0, "start-step", &opt.start, "S", "steps done before", 0, 1e12, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a line of JSON at every step", 0, 0, NULL},
	PLAN_OPTIONS(opt.plan),
	{0},
};

struct teach {
	struct ril_tool *tool;
	struct ril_tokenizer *tok;
	struct ril_saved *saved;
	struct ril_teach *teach;
	struct ril_stage stage;
	struct ril_file save;
	struct ril_teach_stats stats, told; /* so far; up to the last line of metrics */
};

static int on_head(void *ctx, struct ril_record *head, struct ril_err *err)
{
	struct teach *t = ctx;
	return ril_teach_head(t->teach, head, err);
}

/* A step's line of metrics: what was counted so far, as the last line of talk does for all. */
static int report(struct teach *t, struct ril_err *err)
{
	struct ril_buf b = {0};
	const struct ril_teach_stats *s = &t->stats;
	int rc = ril_buf_printf(
		&b, err, "{\"step\":%lld,\"responses\":%lld,\"refused\":%lld,\"missing\":%lld,\"truncated\":%lld}\n",
		(long long)t->stage.done, (long long)(s->responses - t->told.responses),
		(long long)(s->refused - t->told.refused), (long long)(s->missing - t->told.missing),
		(long long)(s->truncated - t->told.truncated));
	t->told = *s;
	if (!rc)
		rc = ril_metrics_step(opt.metrics, &t->stage.clock, &b, err);
	ril_buf_free(&b);
	return rc;
}

static int teach_all(struct teach *t, struct ril_err *err)
{
	struct ril_progress p;
	char note[RIL_CLOCK_NOTE];
	int rc;
	ril_progress_start(&p, t->tool->common.quiet ? NULL : stderr, "ril-teach: groups", 0, 0);
	while ((rc = ril_stage_next(&t->stage, err)) == 1) {
		struct ril_buf lines = {0};
		rc = ril_teach_batch(t->teach, &t->stage.batch, ril_stage_step(&t->stage), &t->stats,
				     opt.save ? &lines : NULL, err);
		if (!rc && lines.len)
			rc = ril_write_all(t->save.fd, &(struct iovec){lines.data, lines.len}, 1, err);
		ril_buf_free(&lines);
		if (rc || ril_stage_put(&t->stage, t->stage.batch.checkpoint, err))
			return -1;
		if (t->stage.batch.barrier && report(t, err))
			return -1;
		ril_clock_note(&t->stage.clock, note);
		ril_progress_show(&p, t->stage.batches.groups, note);
	}
	ril_progress_end(&p);
	if (rc)
		return -1;
	ril_say(t->tool, "%lld responses to %lld questions; %lld refused as too long, %lld missing, %lld cut by length",
		(long long)t->stats.responses, (long long)t->stage.batches.groups, (long long)t->stats.refused,
		(long long)t->stats.missing, (long long)t->stats.truncated);
	ril_tool_times(t->tool, &t->stage.clock);
	if (opt.save && ril_file_commit(&t->save, true, err))
		return -1;
	return ril_stage_end(&t->stage, err);
}

static int open_teachers(struct teach *t, struct ril_err *err)
{
	if (!(t->tok = ril_tokenizer_load(opt.tokenizer, err)) || !(t->teach = ril_teach_new(t->tok, &opt.how, err)))
		return -1;
	for (size_t i = 0; i < opt.models.n; i++)
		if (ril_teach_use_model(t->teach, opt.models.at[i], err))
			return -1;
	if (!opt.caches.n)
		return 0;
	if (!(t->saved = ril_saved_new(err)))
		return -1;
	for (size_t i = 0; i < opt.caches.n; i++)
		if (ril_saved_read(t->saved, opt.caches.at[i], err))
			return -1;
	if (ril_saved_index(t->saved, err) || ril_teach_use_saved(t->teach, t->saved, err))
		return -1;
	ril_tool_note(t->tool, "%zu saved responses of %d teachers", ril_saved_count(t->saved),
		      (int)ril_saved_teachers(t->saved));
	return 0;
}

static int open_streams(struct teach *t, struct ril_err *err)
{
	if (opt.save && ril_file_create(&t->save, opt.save, err))
		return -1;
	t->stage = (struct ril_stage){
		.lineage = ril_tool_lineage(t->tool, NULL),
		.on_head = on_head,
		.ctx = t,
		.steps = RIL_STEPS_ADOPTED,
		.start = opt.start,
		.limit = (size_t)opt.at_once,
	};
	return ril_stage_open(&t->stage, opt.in, opt.out, opt.gzip, err);
}

static int check_options(struct ril_err *err)
{
	if (!opt.n || !opt.tokenizer)
		return ril_fail(err, RIL_EUSAGE, "%s is needed", opt.n ? "--tokenizer" : "-n");
	if (!opt.caches.n == !opt.models.n)
		return ril_fail(err, RIL_EUSAGE, "responses come either from --cache or from -m");
	if (opt.save && !opt.models.n)
		return ril_fail(err, RIL_EUSAGE, "--save keeps what -m generates");
	return 0;
}

/* Every teacher stays open, and embeds its pictures with a pass of its own before it answers its share. */
static int measure(RIL_UNUSED void *ctx, const struct ril_plan_batch *batch, struct ril_memory *m, struct ril_err *err)
{
	struct ril_plan_batch b = *batch;
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .reads = RIL_PARTS_ALL};
	int rc = 0;
	b.responses = (b.responses + (int64_t)opt.models.n - 1) / (opt.models.n ? (int64_t)opt.models.n : 1);
	for (size_t i = 0; i < opt.models.n && !rc; i++) {
		struct ril_model *model = ril_model_sketch(opt.models.at[i], &use, err);
		rc = model ? ril_plan_picture(m, model, &b, err) || ril_plan_answers(m, model, &b, false, err) : -1;
		if (!rc)
			ril_memory_model(m, model, NULL);
		ril_model_free(model);
	}
	return rc ? -1 : 0;
}

static struct plan_of plan_of(const struct ril_tool *tool)
{
	int64_t length = opt.teacher_tokens ? opt.teacher_tokens : opt.max_new;
	return (struct plan_of){.tool = tool,
				.args = &opt.plan,
				.batch = {.groups = opt.at_once, .responses = opt.n, .length = length, .image = -1},
				.measure = measure};
}

static int run(struct ril_tool *tool, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	struct teach t = {.tool = tool};
	if (check_options(err) || plan_check(&opt.plan, err))
		return -1;
	struct plan_of p = plan_of(tool);
	if (opt.plan.on)
		return plan_run(&p, err);
	ril_tool_allow_files();
	opt.how.n = (int32_t)opt.n;
	opt.how.max_new_tokens = (int32_t)opt.max_new;
	opt.how.teacher_tokens = (int32_t)opt.teacher_tokens;
	opt.how.seed = (uint32_t)tool->common.seed;
	int rc = (opt.models.n && plan_guard(&p, err)) || open_teachers(&t, err) || open_streams(&t, err) ||
				 teach_all(&t, err)
			 ? -1
			 : 0;
	ril_stage_close(&t.stage, rc ? err : NULL);
	ril_file_discard(&t.save);
	ril_teach_free(t.teach);
	ril_saved_free(t.saved);
	ril_tokenizer_free(t.tok);
	ril_strlist_free(&opt.caches);
	ril_strlist_free(&opt.models);
	return rc;
}

/* Saved responses need no backend. */
static bool computes(const struct ril_tool *t)
{
	return opt.models.n > 0 && plan_computes(&opt.plan, t);
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-teach",
		.summary = "Add teacher responses to the questions of a stream",
		.operands = "-n G --tokenizer DIR {--cache FILE | -m DIR}...",
		.opts = options,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
