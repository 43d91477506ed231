/* ril-teach -- adds teacher responses to every question: saved ones, those of local teachers, those of servers.
 *
 * The draw depends on the number of the step, which stands in its barrier.  Groups that are worked on before a barrier
 * was seen (more than --groups-at-once of them, or a stream without barriers) belong to the step after the last one. */
#include "tool.h"

#include "loop/stage.h"
#include "algo/teach.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/unused.h"
#include "endpoint_options.h"
#include "plan_options.h"

#include <limits.h>
#include <stdlib.h>

static struct {
	const char *in, *out, *tokenizer, *save, *metrics, *cut;
	bool gzip, dry;
	struct ril_strlist caches, models, servers, stops; /* models: folders, once those of servers are taken out, */
	const char **names;                                /* [servers]: to here */
	struct endpoint_args endpoint;
	int64_t n, max_new, teacher_tokens, at_once, start;
	struct ril_teach_options how;
	struct plan_args plan;
} opt = {.in = "-",
	 .out = "-",
	 .cut = "keep",
	 .at_once = 256,
	 .endpoint = ENDPOINT_DEFAULT,
	 .how = {.sampling = RIL_SAMPLING_DEFAULT}};

static const struct ril_opt options[] = {
	{RIL_OPT_LIST, 0, "cache", &opt.caches, "FILE", "saved responses, JSON lines", 0, 0, NULL},
	{RIL_OPT_LIST, 'm', "model", &opt.models, "DIR",
	 "a teacher that answers here and now; behind --endpoint, its name there", 0, 0, NULL},
	{RIL_OPT_LIST, 0, "endpoint", &opt.servers, "URL", "a server that answers; --model names which of its models",
	 0, 0, NULL},
	{RIL_OPT_INT, 'n', "responses", &opt.n, "G", "responses to every question, over all teachers", 1, 1e6, NULL},
	{RIL_OPT_STR, 0, "tokenizer", &opt.tokenizer, "DIR", "the student: its tokenizer", 0, 0, NULL},
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_INT, 0, "max-new-tokens", &opt.max_new, "L", "longest response, end included; 0: as the stream says",
	 0, 1e6, NULL},
	{RIL_OPT_FLAG, 0, "allow-missing", &opt.how.allow_missing, NULL, "go on where saved responses are too few", 0,
	 0, NULL},
	{RIL_OPT_STR, 0, "image-root", &opt.how.image_root, "DIR",
	 "folder of relative picture paths, for teachers that see them", 0, 0, NULL},
	{RIL_OPT_STR, 0, "system", &opt.how.system, "TEXT", "system message; default: the teacher's own", 0, 0, NULL},
	{RIL_OPT_REAL, 0, "temperature", &opt.how.sampling.temperature, "T", "sampling temperature of teachers", 1e-6,
	 1e6, NULL},
	{RIL_OPT_INT, 0, "top-k", &opt.how.sampling.top_k, "K", "draw from the K most likely ids; 0: from all", 0, 1e9,
	 NULL},
	{RIL_OPT_REAL, 0, "top-p", &opt.how.sampling.top_p, "P", "draw from the most likely ids of mass P", 1e-9, 1,
	 NULL},
	{RIL_OPT_FLAG, 0, "greedy", &opt.how.sampling.greedy, NULL, "take the most likely id", 0, 0, NULL},
	{RIL_OPT_INT, 0, "teacher-tokens", &opt.teacher_tokens, "N",
	 "longest in the teacher's tokens; 0: as --max-new-tokens", 0, 1e6, NULL},
	{RIL_OPT_LIST, 0, "stop", &opt.stops, "TEXT", "a text at which a server ends its answer", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "truncated", &opt.cut, NULL,
	 "answers that a model or server cut off: used, without an end, or not used", 0, 0, "keep|drop"},
	{RIL_OPT_STR, 0, "keep", &opt.how.keep, "FILE",
	 "keep servers' answers as they come; ask only for what is not there", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "dry-run", &opt.dry, NULL, "count what servers would be asked, and ask nothing", 0, 0, NULL},
	ENDPOINT_OPTIONS(opt.endpoint),
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
	char **key;                         /* [servers] */
	struct ril_http_counts asked;       /* as `told` */
	struct ril_progress progress;
	double began;
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
	struct ril_http_counts c;
	ril_teach_asked(t->teach, &c);
	int rc = ril_buf_printf(
		&b, err, "{\"step\":%lld,\"responses\":%lld,\"refused\":%lld,\"missing\":%lld,\"truncated\":%lld",
		(long long)t->stage.done, (long long)(s->responses - t->told.responses),
		(long long)(s->refused - t->told.refused), (long long)(s->missing - t->told.missing),
		(long long)(s->truncated - t->told.truncated));
	if (!rc && opt.servers.n)
		rc = ril_buf_printf(
			&b, err,
			",\"declined\":%lld,\"kept\":%lld,\"asked\":%lld,\"failed\":%lld,\"requests\":%lld,"
			"\"retries\":%lld,\"prompt_tokens\":%lld,\"tokens\":%lld",
			(long long)(s->declined - t->told.declined), (long long)(s->kept - t->told.kept),
			(long long)(c.asked - t->asked.asked), (long long)(c.failed - t->asked.failed),
			(long long)(c.requests - t->asked.requests), (long long)(c.retries - t->asked.retries),
			(long long)(c.prompt_tokens - t->asked.prompt_tokens), (long long)(c.tokens - t->asked.tokens));
	t->told = *s;
	t->asked = c;
	if (!rc)
		rc = ril_buf_puts(&b, "}\n", err) || ril_metrics_step(opt.metrics, &t->stage.clock, &b, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

/* "420 requests (8.4/s), 12 tried again (status 429), 3 failed, 120k + 45k tokens (900/s)" */
static void note_servers(const struct teach *t, const struct ril_http_counts *c, char *out, size_t size)
{
	double s = ril_now() - t->began;
	int n = snprintf(out, size, "%lld requests (%.1f/s), %lld + %lld tokens (%.0f/s)", (long long)c->requests,
			 (double)c->requests / s, (long long)c->prompt_tokens, (long long)c->tokens,
			 (double)c->tokens / s);
	if (c->retries + c->failed && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, ", %lld tried again, %lld failed (%.60s)", (long long)c->retries,
			 (long long)c->failed, c->last);
}

/* Servers' answers so far, of about so many: in all of a file, as far as it was read in a pipe.  Kept ones took no time. */
static void show_servers(struct teach *t)
{
	const double share = ril_reader_share(t->stage.in);
	const double groups = (double)t->stage.batches.groups / (share > 0 ? share : 1);
	struct ril_http_counts c;
	char note[240];
	ril_teach_asked(t->teach, &c);
	note_servers(t, &c, note, sizeof note);
	int64_t done = t->stats.kept + c.done + c.refused + c.failed;
	int64_t all = (int64_t)(groups * (double)opt.n * ril_teach_servers(t->teach) + .5);
	bool end = share >= 1;
	t->progress.first = t->stats.kept;
	t->progress.total = done < all ? all : end ? done : share > 0 ? done + 1 : 0;
	ril_progress_show(&t->progress, done, note);
}

/* While servers are waited for. */
static void on_wait(void *ctx, RIL_UNUSED const struct ril_http_counts *one)
{
	show_servers(ctx);
}

static void say_all(const struct teach *t)
{
	const struct ril_teach_stats *s = &t->stats;
	struct ril_http_counts c;
	char note[240];
	ril_say(t->tool, "%lld responses to %lld questions; %lld refused as too long, %lld missing, %lld cut by length",
		(long long)s->responses, (long long)t->stage.batches.groups, (long long)s->refused,
		(long long)s->missing, (long long)s->truncated);
	if (!opt.servers.n)
		return;
	ril_teach_asked(t->teach, &c);
	note_servers(t, &c, note, sizeof note);
	ril_say(t->tool,
		"servers: %lld answers asked for: %lld came, %lld declined or empty, %lld failed; %lld kept before; %s",
		(long long)c.asked, (long long)c.done, (long long)c.refused, (long long)c.failed, (long long)s->kept,
		note);
}

static int say_dry(const struct teach *t, struct ril_err *err)
{
	struct ril_http_counts c;
	char text[400];
	ril_teach_asked(t->teach, &c);
	int n = snprintf(
		text, sizeof text,
		"requests\t%lld\nanswers\t%lld\nkept\t%lld\npictures\t%lld\nbytes\t%lld\nprompt tokens, about\t%lld\n"
		"new tokens, at most\t%lld\n",
		(long long)c.requests, (long long)c.asked, (long long)t->stats.kept, (long long)c.pictures,
		(long long)c.bytes, (long long)c.guessed,
		(long long)c.asked * (opt.teacher_tokens ? opt.teacher_tokens : opt.max_new));
	return ril_print(text, (size_t)n, err);
}

static int teach_one(struct teach *t, struct ril_err *err)
{
	struct ril_buf lines = {0};
	char note[RIL_CLOCK_NOTE];
	int rc = ril_teach_batch(t->teach, &t->stage.batch, ril_stage_step(&t->stage), &t->stats,
				 opt.save ? &lines : NULL, err);
	if (!rc && lines.len)
		rc = ril_write_all(t->save.fd, &(struct iovec){lines.data, lines.len}, 1, err);
	ril_buf_free(&lines);
	if (rc || ril_stage_put(&t->stage, t->stage.batch.checkpoint, err))
		return -1;
	if (t->stage.batch.barrier && report(t, err))
		return -1;
	ril_clock_note(&t->stage.clock, note);
	if (opt.servers.n && !opt.dry)
		show_servers(t);
	else
		ril_progress_show(&t->progress, t->stage.batches.groups, note);
	return 0;
}

static int teach_all(struct teach *t, struct ril_err *err)
{
	int rc;
	t->began = ril_now();
	ril_progress_start(&t->progress, t->tool->common.quiet ? NULL : stderr,
			   opt.servers.n && !opt.dry ? "ril-teach: servers' answers" : "ril-teach: groups", 0, 0);
	while ((rc = ril_stage_next(&t->stage, err)) == 1)
		if (teach_one(t, err))
			return -1;
	ril_progress_end(&t->progress);
	if (rc)
		return -1;
	say_all(t);
	ril_tool_times(t->tool, &t->stage.clock);
	if (opt.dry && say_dry(t, err))
		return -1;
	if (opt.save && ril_file_commit(&t->save, true, err))
		return -1;
	return ril_stage_end(&t->stage, err);
}

/* ---- opening ---- */

/* Takes the models that servers have out of the folders: the first one behind each server is its. */
static int name_models(const char **name, struct ril_err *err)
{
	struct ril_strlist *m = &opt.models;
	for (size_t k = 0; k < opt.servers.n; k++) {
		int from = opt.servers.place[k], to = k + 1 < opt.servers.n ? opt.servers.place[k + 1] : INT_MAX;
		size_t i = 0;
		while (i < m->n && !(m->place[i] > from && m->place[i] < to))
			i++;
		if (i == m->n)
			return ril_fail(err, RIL_EUSAGE, "--endpoint %s: which of its models? --model NAME behind it",
					opt.servers.at[k]);
		name[k] = m->at[i];
		memmove(m->at + i, m->at + i + 1, (m->n - i - 1) * sizeof *m->at);
		memmove(m->place + i, m->place + i + 1, (m->n - i - 1) * sizeof *m->place);
		m->n--;
	}
	return 0;
}

static int open_servers(struct teach *t, struct ril_err *err)
{
	for (size_t k = 0; k < opt.servers.n; k++) {
		struct ril_http_options o = {.url = opt.servers.at[k],
					     .model = opt.names[k],
					     .stop = opt.stops.at,
					     .stops = opt.stops.n,
					     .dry = opt.dry,
					     .tell = on_wait,
					     .ctx = t};
		int to = k + 1 < opt.servers.n ? opt.servers.place[k + 1] : INT_MAX;
		if (endpoint_options(&opt.endpoint, opt.servers.place[k], to, &o, &t->key[k], err) ||
		    ril_teach_use_server(t->teach, &o, err))
			return -1;
	}
	if (opt.servers.n && !opt.how.keep && !opt.dry)
		ril_say(t->tool, "servers' answers are not kept (--keep FILE): a run that ends early asks again");
	return 0;
}

static int open_saved(struct teach *t, struct ril_err *err)
{
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

static int open_teachers(struct teach *t, struct ril_err *err)
{
	if (!(t->tok = ril_tokenizer_load(opt.tokenizer, err)) || !(t->teach = ril_teach_new(t->tok, &opt.how, err)) ||
	    !(t->key = ril_new(opt.servers.n, sizeof *t->key, err)))
		return -1;
	for (size_t i = 0; i < opt.models.n; i++)
		if (ril_teach_use_model(t->teach, opt.models.at[i], err))
			return -1;
	if (open_servers(t, err))
		return -1;
	return opt.caches.n ? open_saved(t, err) : 0;
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
	if (!(opt.names = ril_new(opt.servers.n, sizeof *opt.names, err)) || name_models(opt.names, err) ||
	    endpoint_check(&opt.endpoint, opt.servers.n ? opt.servers.place[0] : INT_MAX, err))
		return -1;
	if (!opt.caches.n && !opt.models.n && !opt.servers.n)
		return ril_fail(err, RIL_EUSAGE, "responses come from --cache, from -m or from --endpoint");
	if (opt.save && !opt.models.n && !opt.servers.n)
		return ril_fail(err, RIL_EUSAGE, "--save keeps what -m and --endpoint answer");
	if (!opt.servers.n && (opt.how.keep || opt.dry || opt.stops.n))
		return ril_fail(err, RIL_EUSAGE, "--keep, --dry-run and --stop go with --endpoint");
	if (opt.dry && (opt.models.n || opt.caches.n))
		return ril_fail(err, RIL_EUSAGE, "--dry-run is about servers alone");
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
	if (plan_check(&opt.plan, tool, err) || check_options(err))
		return -1;
	struct plan_of p = plan_of(tool);
	if (opt.plan.on)
		return plan_run(&p, err);
	ril_tool_allow_files();
	opt.how.n = (int32_t)opt.n;
	opt.how.max_new_tokens = (int32_t)opt.max_new;
	opt.how.teacher_tokens = (int32_t)opt.teacher_tokens;
	opt.how.seed = (uint32_t)tool->common.seed;
	opt.how.drop_cut = !strcmp(opt.cut, "drop");
	if (opt.dry)
		opt.out = "/dev/null";
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
	for (size_t k = 0; t.key && k < opt.servers.n; k++)
		endpoint_forget(t.key[k]);
	ril_strlist_free(&opt.servers);
	ril_strlist_free(&opt.stops);
	endpoint_free(&opt.endpoint);
	free(t.key);
	free(opt.names);
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
		.operands = "-n G --tokenizer DIR {--cache FILE | -m DIR | --endpoint URL --model NAME}...",
		.opts = options,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
