/* ril-encode -- questions and their pictures to a stream of groups: prompt ids, picture embeddings, the data's fields.
 *
 * Which questions make up step t depends on the seed and the sizes alone, so a run can begin anywhere.  SIGINT or
 * SIGTERM: the batch at work is finished, its barrier asks for a checkpoint, the stream ends as it should. */
#include "plan_options.h"
#include "shard_options.h"
#include "signals.h"
#include "tool.h"

#include "data/encode.h"
#include "data/schedule.h"
#include "loop/stage.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "base/unused.h"
#include "image/rgb.h"

#include <stdlib.h>

enum { WINDOW = 64 }; /* questions at once in a stream without steps */

static struct {
	const char *out, *embeds, *metrics, *format, *annotations, *ask, *turns;
	bool gzip, shuffle, check, stats;
	int64_t batch, steps, epochs, count, start, buffer, save_every, cache;
	struct ril_encode_options how;
	struct plan_args plan;
	struct shard_args shard;
} opt = {.out = "-", .embeds = "f32", .format = "auto", .turns = "last", .cache = 512, .shard = {.by = "key"}};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.how.model, "DIR", "the student: its tokenizer, chat template and vision tower",
	 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "format", &opt.format, NULL, "the field of a record that holds its text, or a benchmark", 0,
	 0, RIL_DATA_FORMATS},
	{RIL_OPT_STR, 0, "annotations", &opt.annotations, "FILE", "answers to the questions of VQAv2", 0, 0, NULL},
	{RIL_OPT_STR, 0, "ask", &opt.ask, "TEXT", "what is asked of pictures that have captions", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "turns", &opt.turns, NULL, "the questions of a conversation that become groups", 0, 0,
	 "last|all"},
	{RIL_OPT_STR, 0, "image-root", &opt.how.image_root, "DIR",
	 "folder of relative picture paths; default: the data file's", 0, 0, NULL},
	{RIL_OPT_STR, 0, "system", &opt.how.system, "TEXT",
	 "system message of questions that bring none; default: the model's own", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_INT, 'b', "batch", &opt.batch, "B", "questions per step; 0: no steps", 0, 1e9, NULL},
	{RIL_OPT_INT, 0, "steps", &opt.steps, "N", "steps of the whole run; 0: as the epochs give", 0, 1e12, NULL},
	{RIL_OPT_INT, 0, "epochs", &opt.epochs, "E", "times through the data; 0: as the steps need, or once", 0, 1e9,
	 NULL},
	{RIL_OPT_FLAG, 0, "shuffle", &opt.shuffle, NULL, "another order each epoch, drawn from --seed", 0, 0, NULL},
	{RIL_OPT_INT, 0, "shuffle-buffer", &opt.buffer, "N",
	 "shuffle within N questions, which are read nearly in order; 0: all", 0, UINT32_MAX, NULL},
	{RIL_OPT_INT, 0, "start-step", &opt.start, "S", "steps done before", 0, 1e12, NULL},
	{RIL_OPT_INT, 0, "count", &opt.count, "K", "stop after K steps (without --batch: K questions); 0: do not", 0,
	 1e12, NULL},
	{RIL_OPT_INT, 0, "save-every", &opt.save_every, "K",
	 "ask for a checkpoint every K steps; the last step always does", 0, 1e12, NULL},
	SHARD_OPTIONS(opt.shard),
	{RIL_OPT_FLAG, 0, "with-answers", &opt.how.with_answers, NULL, "add the gold answers as responses", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "with-pixels", &opt.how.with_pixels, NULL,
	 "add vision.pixels, for training the vision tower or projector", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "embeds", &opt.embeds, NULL, "type of vision.embeds", 0, 0, "f32|bf16"},
	{RIL_OPT_INT, 0, "max-prompt", &opt.how.max_prompt, "P", "longest prompt in ids; 0: the model's positions", 0,
	 1e9, NULL},
	{RIL_OPT_INT, 0, "min-pixels", &opt.how.min_pixels, "N",
	 "smallest picture after resizing (Qwen); 0: as the model says", 0, 178956970, NULL},
	{RIL_OPT_INT, 0, "max-pixels", &opt.how.max_pixels, "N",
	 "largest picture after resizing (Qwen); 0: as the model says", 0, 178956970, NULL},
	{RIL_OPT_INT, 0, "min-tiles", &opt.how.min_tiles, "N",
	 "fewest tiles of a picture (InternVL); 0: as the model says", 0, 4096, NULL},
	{RIL_OPT_INT, 0, "max-tiles", &opt.how.max_tiles, "N",
	 "most tiles of a picture (InternVL, SmolVLM); 0: as the model says", 0, 4096, NULL},
	{RIL_OPT_INT, 0, "picture-cache", &opt.cache, "MIB", "memory for pictures that may come again", 0, 1 << 20,
	 NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a line of JSON at every step", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "check", &opt.check, NULL, "only look the data through, and tell every fault", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "stats", &opt.stats, NULL, "only count tokens and pictures, and print a summary", 0, 0, NULL},
	PLAN_OPTIONS(opt.plan),
	{0},
};

struct run {
	struct ril_tool *tool;
	struct ril_dataset data;
	struct ril_schedule plan;
	struct ril_encoder *encoder;
	struct ril_writer *out;
	struct ril_shard shard;
	const struct ril_question_line *whole; /* whose turns are written, with their place and how many came before */
	struct ril_shard_place at;
	uint32_t *pick;                            /* [window] */
	int64_t *place;                            /* [window] in the undivided stream */
	const struct ril_question_line **question; /* [window] */
	struct ril_question_line *room;            /* [window] */
	size_t window;
	int64_t groups, left;
	struct ril_clock clock;
};

/* The place behind the last question of this process's, in the sequence of all epochs. */
static uint64_t end_of(const struct run *r)
{
	uint64_t left = r->plan.end - r->plan.at, unit = opt.batch ? (uint64_t)opt.batch : 1;
	return opt.count && (uint64_t)opt.count < left / unit ? r->plan.at + (uint64_t)opt.count * unit : r->plan.end;
}

/* What all shards of a run have in common, and no other run: the data's ids in their order, and what makes a group of them. */
static int name_run(const struct run *r, char out[17], struct ril_err *err)
{
	const struct ril_encode_options *h = &opt.how;
	struct ril_sha256 s;
	struct ril_buf b = {0};
	char hex[65];
	int rc = ril_buf_printf(
		&b, err, "%zu %lld %lld %lld %d %lld %lld %s %s %d %d %s %lld %lld %lld %lld %lld %s %s %s", r->data.n,
		(long long)opt.batch, (long long)opt.steps, (long long)opt.epochs, opt.shuffle, (long long)opt.buffer,
		(long long)r->tool->common.seed, opt.format, opt.turns, h->with_answers, h->with_pixels, opt.embeds,
		(long long)h->max_prompt, (long long)h->min_pixels, (long long)h->max_pixels, (long long)h->min_tiles,
		(long long)h->max_tiles, ril_encoder_model_id(r->encoder), opt.ask ? opt.ask : "",
		h->system ? h->system : "");
	ril_sha256_start(&s);
	ril_sha256_add(&s, b.data, rc ? 0 : b.len);
	for (size_t i = 0; i < r->data.n; i++)
		ril_sha256_add(&s, ril_dataset_id_hash(&r->data, i), 16);
	ril_sha256_end(&s, hex);
	memcpy(out, hex, 16);
	out[16] = 0;
	ril_buf_free(&b);
	return rc;
}

static int mark_head(const struct run *r, struct ril_record *head, struct ril_err *err)
{
	struct ril_shard_mark m = {.shard = r->shard, .first = (int64_t)r->plan.at + 1, .last = (int64_t)end_of(r)};
	return name_run(r, m.run, err) || ril_shard_set_head(head, &m, err) ? -1 : 0;
}

static int write_head(struct run *r, struct ril_err *err)
{
	const struct ril_lineage l = ril_tool_lineage(r->tool, ril_encoder_model_id(r->encoder));
	struct ril_record *head = ril_head_extend(NULL, &l, err);
	int rc = head && (!r->shard.of || !mark_head(r, head, err)) ? 0 : -1;
	if (!rc)
		rc = ril_record_set_meta(head, "model", ril_encoder_model_id(r->encoder), err) ||
				     ril_record_set_meta(head, "tokenizer", ril_encoder_tokenizer_key(r->encoder),
							 err) ||
				     ril_writer_put(r->out, head, err)
			     ? -1
			     : 0;
	ril_record_free(head);
	return rc;
}

static int put_group(void *ctx, const struct ril_question_line *q, struct ril_err *err)
{
	struct run *r = ctx;
	struct ril_record *g = ril_encode_question(r->encoder, q, err);
	int rc = g ? 0 : -1;
	r->at.part = q == r->whole ? 0 : r->at.part + 1;
	if (!rc && r->shard.of)
		rc = ril_shard_set_place(g, r->at, err);
	if (!rc)
		rc = ril_writer_put(r->out, g, err);
	ril_record_free(g);
	r->groups += !rc;
	return rc;
}

/* A question, or all of its conversation; *left counts those that are not to be learnt from, where answers become responses. */
static int each_turn(const struct ril_question_line *q, int64_t *left,
		     int (*each)(void *, const struct ril_question_line *, struct ril_err *), void *ctx,
		     struct ril_err *err)
{
	bool all = !strcmp(opt.turns, "all");
	return all ? ril_question_turns(q, opt.how.with_answers ? left : NULL, each, ctx, err) : each(ctx, q, err);
}

static void say_left(struct ril_tool *t, int64_t left)
{
	if (left)
		ril_say(t, "%lld turns are not learnt: their answers are missing or marked so", (long long)left);
}

static int encode_questions(struct run *r, size_t n, struct ril_err *err)
{
	if (ril_encode_pictures(r->encoder, r->question, n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		r->whole = r->question[i];
		r->at = (struct ril_shard_place){r->place[i], 0};
		if (each_turn(r->whole, &r->left, put_group, r, err))
			return -1;
	}
	return 0;
}

/* Of the n questions picked, which are the sequence's next, those that belong to the shard. */
static size_t keep_own(struct run *r, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t place = (int64_t)(r->plan.at - n + i) + 1;
		uint64_t hash = r->shard.of ? ril_shard_hash(ril_dataset_id_hash(&r->data, r->pick[i])) : 0;
		if (!ril_shard_has(&r->shard, hash, place))
			continue;
		r->pick[kept] = r->pick[i];
		r->place[kept++] = place;
	}
	return kept;
}

static int encode_window(struct run *r, size_t n, struct ril_err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = ril_dataset_get(&r->data, r->pick[i], &r->room[i], &r->question[i], err);
	rc = rc ? rc : encode_questions(r, n, err);
	for (size_t i = 0; i < n; i++)
		ril_dataset_done(&r->room[i]);
	return rc;
}

/* n: groups of the step */
static int report(struct run *r, int64_t n, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = ril_buf_printf(&b, err, "{\"step\":%lld,\"groups\":%lld}\n", (long long)r->plan.step, (long long)n) ||
				 ril_metrics_step(opt.metrics, &r->clock, &b, err)
			 ? -1
			 : 0;
	ril_buf_free(&b);
	return rc;
}

static int put_step(struct run *r, bool last, struct ril_err *err)
{
	int64_t step = r->plan.step;
	bool due = opt.save_every && step % opt.save_every == 0;
	return ril_writer_step(r->out, step, due || step == r->plan.last || last, err);
}

static int encode_all(struct run *r, struct ril_err *err)
{
	struct ril_progress p;
	char note[RIL_CLOCK_NOTE];
	uint64_t at = r->plan.at, end = end_of(r);
	ril_progress_start(&p, r->tool->common.quiet ? NULL : stderr, "ril-encode: questions", (int64_t)at,
			   (int64_t)end);
	/* asked for once a batch: a signal that comes after its step was written is the next batch's */
	bool last = ril_stop_asked();
	while (!last && r->plan.at < end) {
		size_t most = end - r->plan.at < r->window ? (size_t)(end - r->plan.at) : r->window;
		size_t n = ril_schedule_next(&r->plan, r->pick, most);
		int64_t before = r->groups;
		if (encode_window(r, keep_own(r, n), err))
			return -1;
		last = ril_stop_asked();
		if (opt.batch && (put_step(r, last, err) || (opt.metrics && report(r, r->groups - before, err))))
			return -1;
		ril_clock_note(&r->clock, note);
		ril_progress_show(&p, (int64_t)r->plan.at, note);
	}
	ril_progress_end(&p);
	if (!r->groups && r->left)
		return ril_fail(err, RIL_EFAIL, "no answer is to be learnt: all are missing or marked so");
	say_left(r->tool, r->left);
	ril_say(r->tool, "%lld questions, %lld pictures embedded", (long long)r->groups,
		(long long)ril_encoder_pictures(r->encoder));
	ril_tool_times(r->tool, &r->clock);
	return ril_writer_end(r->out, err);
}

/* The data files' folder, unless the command line says otherwise; of standard input the current one. */
static int choose_root(const struct ril_strlist *data, char **owned, struct ril_err *err)
{
	const char *first = data->at[0], *slash = strrchr(first, '/');
	size_t n = slash ? (size_t)(slash - first) : 0;
	if (opt.how.image_root)
		return 0;
	for (size_t i = 1; i < data->n; i++) {
		const char *other = strrchr(data->at[i], '/');
		if ((other ? (size_t)(other - data->at[i]) : 0) != n || strncmp(data->at[i], first, n))
			return ril_fail(err, RIL_EUSAGE, "data files of several folders need --image-root");
	}
	if (!slash)
		return 0;
	*owned = ril_strndup(first, n ? n : 1, err);
	opt.how.image_root = *owned;
	return *owned ? 0 : -1;
}

/* Reads the files; their faults are told, if somebody is to be told. */
static int load(struct ril_dataset *d, const struct ril_strlist *files, void (*fault)(void *, const struct ril_err *),
		void *ctx, struct ril_err *err)
{
	struct ril_data_source *from = ril_new(files->n, sizeof *from, err);
	if (!from)
		return -1;
	for (size_t i = 0; i < files->n; i++)
		from[i] = (struct ril_data_source){.path = files->at[i],
						   .format = ril_data_format_named(opt.format),
						   .annotations = opt.annotations,
						   .ask = opt.ask,
						   .lasting = true,
						   .fault = fault,
						   .ctx = ctx};
	int rc = ril_dataset_load(d, from, files->n, err);
	free(from);
	return rc;
}

static int open_all(struct run *r, const struct ril_strlist *data, struct ril_err *err)
{
	if (load(&r->data, data, NULL, NULL, err))
		return -1;
	r->plan = (struct ril_schedule){
		.questions = r->data.n,
		.batch = (size_t)opt.batch,
		.steps = opt.steps,
		.epochs = opt.epochs,
		.start = opt.start,
		.shuffle = opt.shuffle || opt.buffer,
		.buffer = (size_t)opt.buffer,
		.seed = (uint32_t)r->tool->common.seed,
	};
	if (ril_schedule_open(&r->plan, err))
		return -1;
	if (r->plan.at >= r->plan.end)
		return ril_fail(err, RIL_EFAIL, "all %lld steps were done before", (long long)r->plan.last);
	r->window = opt.batch ? (size_t)opt.batch : WINDOW;
	r->pick = ril_new(r->window, sizeof *r->pick, err);
	r->place = ril_new(r->window, sizeof *r->place, err);
	r->question = ril_new(r->window, sizeof *r->question, err);
	r->room = ril_new(r->window, sizeof *r->room, err);
	if (!r->pick || !r->place || !r->question || !r->room || !(r->encoder = ril_encoder_new(&opt.how, err)))
		return -1;
	r->out = ril_writer_open(opt.out, &(struct ril_writer_options){.gzip = opt.gzip}, err);
	r->clock.out = r->out;
	ril_clock_start(&r->clock);
	return r->out ? write_head(r, err) : -1;
}

/* ---- --check, --stats: the data file alone ---- */

struct check {
	struct ril_tool *tool;
	struct ril_dataset data;
	struct ril_encoder *encoder;
	struct ril_sizes sizes;
	int64_t faults, left;
	int code; /* the exit code that they are worth: a damaged file weighs more than what does not fit */
};

static void tell(void *ctx, const struct ril_err *why)
{
	struct check *c = ctx;
	c->faults++;
	c->code = why->code > c->code ? why->code : c->code;
	fprintf(stderr, "%s: %s\n", c->tool->name, why->msg);
}

static int measure_group(void *ctx, const struct ril_question_line *q, struct ril_err *err)
{
	struct check *c = ctx;
	return ril_encode_measure(c->encoder, q, &c->sizes, err);
}

/* Pictures of many questions are read side by side, unless one of them is at fault. */
static int check_window(struct check *c, size_t from, size_t n, struct ril_err *err)
{
	const struct ril_question_line *q[WINDOW];
	struct ril_question_line room[WINDOW] = {{0}};
	struct ril_err why = {0};
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = ril_dataset_get(&c->data, from + i, &room[i], &q[i], err);
	bool all = !rc && !ril_encode_pictures(c->encoder, q, n, &why);
	for (size_t i = 0; i < n && !rc; i++) {
		why = (struct ril_err){0};
		if ((!all && ril_encode_pictures(c->encoder, &q[i], 1, &why)) ||
		    each_turn(q[i], &c->left, measure_group, c, &why))
			tell(c, &why);
	}
	for (size_t i = 0; i < n; i++)
		ril_dataset_done(&room[i]);
	return rc;
}

static int check_all(struct check *c, const struct ril_strlist *files, struct ril_err *err)
{
	const char *name, *more = files->n > 1 ? " and others" : "";
	if (!(c->encoder = ril_encoder_new(&opt.how, err)) || load(&c->data, files, tell, c, err))
		return -1;
	name = c->data.path[0];
	for (size_t at = 0; at < c->data.n; at += WINDOW)
		if (check_window(c, at, c->data.n - at < WINDOW ? c->data.n - at : WINDOW, err))
			return -1;
	struct ril_buf b = {0};
	int rc = opt.stats ? ril_sizes_show(&c->sizes, &b, err) || ril_print(b.data, b.len, err) : 0;
	ril_buf_free(&b);
	if (rc)
		return -1;
	if (c->faults)
		return ril_fail(err, c->code, "%s%s: faults: %lld", name, more, (long long)c->faults);
	if (!c->data.n)
		return ril_fail(err, RIL_EFAIL, "%s: no question in it", name);
	say_left(c->tool, c->left);
	ril_say(c->tool, "%s%s: %zu questions, no fault", name, more, c->data.n);
	return 0;
}

static int check(struct ril_tool *t, const struct ril_strlist *files, struct ril_err *err)
{
	struct check c = {.tool = t};
	opt.how.measures = true;
	int rc = check_all(&c, files, err);
	ril_sizes_free(&c.sizes);
	ril_encoder_free(c.encoder);
	ril_dataset_free(&c.data);
	return rc;
}

/* One picture at a time. */
static int measure(RIL_UNUSED void *ctx, const struct ril_plan_batch *b, struct ril_memory *m, struct ril_err *err)
{
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .reads = RIL_PARTS_PICTURES};
	struct ril_model *model = ril_model_sketch(opt.how.model, &use, err);
	if (!model)
		return -1;
	ril_memory_model(m, model, NULL);
	int rc = ril_plan_picture(m, model, b, err);
	ril_model_free(model);
	return rc;
}

static struct plan_of plan_of(const struct ril_tool *t)
{
	return (struct plan_of){
		.tool = t, .args = &opt.plan, .batch = {.groups = 1, .responses = 1, .image = -1}, .measure = measure};
}

static int run(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	struct plan_of p = plan_of(t);
	if (plan_check(&opt.plan, t, err))
		return -1;
	if (opt.check || opt.stats)
		t->output = NULL; /* no stream is written, nor its end */
	if (opt.plan.on)
		return opt.how.model ? plan_run(&p, err) : ril_fail(err, RIL_EUSAGE, "-m is needed");
	if (!opt.how.model || !operands->n)
		return ril_fail(err, RIL_EUSAGE, "%s is needed", opt.how.model ? "a data file" : "-m");
	if (!opt.batch && opt.save_every)
		return ril_fail(err, RIL_EUSAGE, "--save-every needs --batch");
	struct run r = {.tool = t};
	char *root = NULL;
	opt.how.bf16 = !strcmp(opt.embeds, "bf16");
	opt.how.room = (size_t)opt.cache << 20;
	ril_tool_note(t, "%s", ril_picture_decoders());
	if (ril_picture_caveat())
		ril_say(t, "%s", ril_picture_caveat());
	if (choose_root(operands, &root, err))
		return -1;
	ril_tool_allow_files();
	if (opt.check || opt.stats) {
		int rc = check(t, operands, err);
		free(root);
		return rc;
	}
	ril_signals_take_over();
	int rc = shard_choose(t, &opt.shard, &r.shard, err) || plan_guard(&p, err) ? -1 : 0;
	if (!rc)
		rc = open_all(&r, operands, err);
	if (!rc)
		rc = encode_all(&r, err);
	if (rc && r.out)
		ril_writer_abort(r.out, t->name, err);
	ril_writer_free(r.out);
	ril_encoder_free(r.encoder);
	ril_schedule_close(&r.plan);
	ril_dataset_free(&r.data);
	free(r.pick);
	free(r.place);
	free(r.question);
	free(r.room);
	free(root);
	int stop = ril_stop_signal();
	return !rc && stop ? ril_fail(err, 128 + stop, "interrupted after step %lld", (long long)r.plan.step) : rc;
}

static bool computes(const struct ril_tool *t)
{
	return !opt.check && !opt.stats && plan_computes(&opt.plan, t);
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-encode",
		.summary = "Turn questions and pictures into a stream of groups",
		.operands = "-m DIR FILE...",
		.opts = options,
		.max_operands = 1 << 20,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
