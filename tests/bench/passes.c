/* passes.c -- how long the passes of sampling and training take at a model's size, each beside its floor.
 *
 *     passes [--device D] [--compute TYPE] [--only PART] MODEL_DIR     run by scripts/bench-passes
 *
 * One line a part, tab-separated: device, type, model, part, shape, seconds, floor in seconds, what the floor is of.  The
 * floor is the part's FLOPs over the rate of a large product, or its bytes over the rate of a copy, both measured here
 * first; the larger of the two counts.  FLOPs are those of the products and of attention's two (twice as many again for
 * the way back); bytes are the weights, read once, and a cache. */
#include "base/opt.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/thread.h"
#include "nn/generate.h"
#include "nn/optim.h"
#include "nn/pack.h"
#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 4, RESPONSES = 16, PROMPT = 400, LENGTH = 256, DECODED = 64 };

/* As many of them as a small model's positions leave room for. */
static int prompt_tokens = PROMPT, answer_tokens = LENGTH;

static struct {
	const char *dir, *name, *only;
	struct ril_model *model;
	double flops, bytes; /* a second, measured */
	double matrices;     /* weights that every token meets: elements, without the head */
	struct ril_err err;
} bench;

static void fail(void)
{
	fprintf(stderr, "passes: %s\n", bench.err.msg);
	exit(bench.err.code ? bench.err.code : 1);
}

static const struct ril_config *config(void)
{
	return &bench.model->config;
}

/* ---- timing ---- */

typedef int work(void *ctx);

static double once(work *fn, void *ctx)
{
	double start = ril_now();
	if (fn(ctx) || ril_ops()->sync(&bench.err))
		fail();
	return ril_now() - start;
}

/* The best of what fits into some seconds, after a first run that makes room. */
static double best(work *fn, void *ctx)
{
	double least = once(fn, ctx), spent = least;
	for (int i = 0; i < 20 && (i < 1 || spent < 4); i++) {
		double t = once(fn, ctx);
		least = i == 0 || t < least ? t : least;
		spent += t;
	}
	return least;
}

static bool wanted(const char *part)
{
	return !bench.only || strstr(part, bench.only);
}

static void report(const char *part, const char *shape, double seconds, double flops, double bytes)
{
	double product = bench.flops ? flops / bench.flops : 0, copy = bench.bytes ? bytes / bench.bytes : 0;
	printf("%s\t%s\t%s\t%s\t%s\t%.6g\t%.6g\t%s\n", ril_ops()->name, ril_dtype_name(ril_compute()), bench.name, part,
	       shape, seconds, product > copy ? product : copy, product > copy ? "FLOPs" : "bytes");
	fflush(stdout);
}

/* ---- the machine's own rates ---- */

struct rates {
	struct ril_mat x, w, y;
	void *from, *to;
	size_t bytes;
};

static int multiply(void *ctx)
{
	const struct rates *r = ctx;
	ril_ops()->linear(r->y, r->x, r->w, NULL, false);
	return 0;
}

static int copy(void *ctx)
{
	const struct rates *r = ctx;
	ril_ops()->copy(r->to, r->from, r->bytes);
	return 0;
}

static void *room(size_t bytes)
{
	void *p = ril_ops()->get(bytes);
	if (!p) {
		ril_fail(&bench.err, RIL_EFAIL, "out of memory for %zu bytes", bytes);
		fail();
	}
	ril_ops()->zero(p, bytes);
	return p;
}

static void measure_rates(void)
{
	const struct ril_ops *ops = ril_ops();
	int64_t n = ops->host_memory ? 1024 : 8192;
	size_t each = ril_dtype_size(ril_compute()), matrix = (size_t)(n * n) * each;
	struct rates r = {.bytes = ops->host_memory ? (size_t)256 << 20 : (size_t)1 << 30};
	r.x = ril_mat_of(room(matrix), ril_compute(), n, n);
	r.w = ril_mat_of(room(matrix), ril_compute(), n, n);
	r.y = ril_mat_of(room(matrix), ril_compute(), n, n);
	double cube = 2. * (double)n * (double)n * (double)n, t = best(multiply, &r);
	bench.flops = cube / t;
	ops->put(r.x.p);
	ops->put(r.w.p);
	ops->put(r.y.p);
	r.from = room(r.bytes);
	r.to = room(r.bytes);
	double seconds = best(copy, &r);
	bench.bytes = 2 * (double)r.bytes / seconds;
	ops->put(r.from);
	ops->put(r.to);
	char shape[64];
	snprintf(shape, sizeof shape, "%lld^3", (long long)n);
	report("product", shape, t, cube, 0);
	snprintf(shape, sizeof shape, "%zu MiB", r.bytes >> 20);
	report("copy", shape, seconds, 0, 2 * (double)r.bytes);
}

/* ---- made-up groups ---- */

struct training {
	struct ril_tape *tape;
	struct ril_pack *pack;
	double *logp, *dlogp; /* [R], device */
	bool record, score;
	double tokens, seen; /* rows of the pass; keys that they see in all */
};

static int32_t made_up(uint32_t i)
{
	return (int32_t)ril_rng_below(1, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, i}, 200);
}

static void add_groups(struct training *t)
{
	static int32_t prompt[PROMPT], ids[RESPONSES * LENGTH], start[RESPONSES + 1];
	for (uint32_t i = 0; i < PROMPT; i++)
		prompt[i] = made_up(i);
	for (uint32_t i = 0; i < RESPONSES * LENGTH; i++)
		ids[i] = made_up(PROMPT + i);
	for (int i = 0; i <= RESPONSES; i++)
		start[i] = i * answer_tokens;
	struct ril_pack_group g = {
		.name = "bench", .prompt = prompt, .P = prompt_tokens, .ids = ids, .start = start, .n = RESPONSES};
	ril_pack_reset(t->pack, config(), RIL_PACK_SHARED, t->score ? RIL_PACK_SCORE : RIL_PACK_POLICY);
	for (int i = 0; i < GROUPS; i++)
		if (ril_pack_add(t->pack, &g, &bench.err))
			fail();
	if (ril_pack_done(t->pack, &bench.err))
		fail();
	t->tokens = (double)t->pack->tokens.T;
	double P = prompt_tokens, L = answer_tokens;
	t->seen = GROUPS * (P * (P + 1) / 2 + RESPONSES * (L * P + L * L / 2));
}

static void training_begin(struct training *t, bool record, bool score)
{
	*t = (struct training){
		.record = record, .score = score, .tape = ril_tape_new(&bench.err), .pack = ril_pack_new(&bench.err)};
	if (!t->tape || !t->pack)
		fail();
	add_groups(t);
	t->logp = room((size_t)t->pack->R * sizeof(double));
	t->dlogp = room((size_t)t->pack->R * sizeof(double));
}

static void training_end(struct training *t)
{
	ril_ops()->put(t->logp);
	ril_ops()->put(t->dlogp);
	ril_pack_free(t->pack);
	ril_tape_free(t->tape);
}

static int run_pass(void *ctx)
{
	struct training *t = ctx;
	struct ril_val *z;
	ril_tape_reset(t->tape);
	ril_tape_record(t->tape, t->record);
	ril_tape_recompute(t->tape, RIL_RECOMPUTE_BLOCK);
	if (t->score ? ril_pack_score(t->tape, bench.model, t->pack, NULL, &z, &bench.err)
		     : ril_pack_logp(t->tape, bench.model, t->pack, NULL, 1, t->logp, NULL, t->record ? t->dlogp : NULL,
				     &bench.err))
		return -1;
	if (t->score && t->record)
		ril_tape_seed(t->tape, z);
	return t->record ? ril_tape_backward(t->tape, &bench.err) : 0;
}

static double forward_flops(const struct training *t)
{
	const struct ril_config *c = config();
	double head = t->score ? 0 : 2. * (double)t->pack->R * (double)c->text.hidden * (double)c->text.vocab;
	return 2 * t->tokens * bench.matrices + head +
	       4 * t->seen * (double)(c->text.heads * c->text.head_dim * c->text.layers);
}

static void time_pass(const char *part, bool record, bool score)
{
	struct training t;
	char shape[96];
	training_begin(&t, record, score);
	snprintf(shape, sizeof shape, "%d x %d x %d, prompt %d: %.0f tokens", GROUPS, RESPONSES, answer_tokens,
		 prompt_tokens, t.tokens);
	report(part, shape, best(run_pass, &t), forward_flops(&t) * (record ? 3 : 1), 0);
	training_end(&t);
}

/* ---- sampling ---- */

struct sampling {
	struct ril_generator *gen;
	struct ril_gen_prompt *prompt;
	int prompts, each;
	struct ril_gen_options how;
	struct ril_generated *out;
};

static int sample(void *ctx)
{
	struct sampling *s = ctx;
	int rc = ril_generate(s->gen, s->prompt, (size_t)s->prompts, &s->how, s->out, &bench.err);
	ril_gen_free(s->out, (size_t)(s->prompts * s->each));
	return rc;
}

/* What one more token costs: the difference between long and short answers.  Made-up weights hardly ever end one. */
static void time_decode(int sequences)
{
	static int32_t ids[PROMPT];
	const struct ril_config *c = config();
	struct sampling s = {.each = sequences < RESPONSES ? sequences : RESPONSES,
			     .how = {.sampling = RIL_SAMPLING_DEFAULT, .purpose = RIL_RNG_TEST},
			     .gen = ril_generator_new(bench.model, NULL, &bench.err)};
	s.prompts = sequences / s.each;
	s.prompt = calloc((size_t)s.prompts, sizeof *s.prompt);
	s.out = calloc((size_t)sequences, sizeof *s.out);
	if (!s.gen || !s.prompt || !s.out)
		fail();
	for (uint32_t i = 0; i < PROMPT; i++)
		ids[i] = made_up(i);
	for (int i = 0; i < s.prompts; i++)
		s.prompt[i] = (struct ril_gen_prompt){
			.name = "bench", .ids = ids, .P = prompt_tokens, .n = s.each, .hash = (uint32_t)i};
	s.how.max_new_tokens = 1;
	double few = best(sample, &s);
	s.how.max_new_tokens = 1 + DECODED;
	double many = best(sample, &s), each = (double)ril_dtype_size(ril_compute());
	double weights = bench.matrices + (double)(c->text.hidden * c->text.vocab);
	double rows = s.prompts * (double)prompt_tokens + sequences * (1 + DECODED) / 2.;
	double cache = 2 * rows * (double)(c->text.layers * c->text.kv_heads * c->text.head_dim);
	char part[32], shape[64];
	snprintf(part, sizeof part, "decode %d", sequences);
	snprintf(shape, sizeof shape, "%d prompts of %d, a token", s.prompts, prompt_tokens);
	report(part, shape, (many - few) / DECODED, 2 * sequences * weights, (weights + cache) * each);
	if (sequences == 64) {
		snprintf(shape, sizeof shape, "%d prompts of %d", s.prompts, prompt_tokens);
		report("prefill", shape, few, 2 * (double)(s.prompts * prompt_tokens) * bench.matrices, 0);
	}
	ril_generator_free(s.gen);
	free(s.prompt);
	free(s.out);
}

/* ---- the tower ---- */

struct tower {
	struct ril_tape *tape;
	struct ril_tower_input in;
};

static int embed(void *ctx)
{
	struct tower *t = ctx;
	ril_tape_reset(t->tape);
	return ril_model_vision(t->tape, bench.model, &t->in) ? 0 : ril_tape_check(t->tape, &bench.err);
}

static void time_tower(void)
{
	const int32_t qwen[3] = {1, 32, 32}, one[3] = {1, 1, 1};
	const struct ril_config *c = config();
	const int32_t *grid = c->vision.merge > 1 ? qwen : one;
	int64_t rows = ril_config_pixel_rows(c, grid), cols = ril_config_pixel_cols(c);
	float *pixels = calloc((size_t)(rows * cols), sizeof *pixels);
	struct tower t = {ril_tape_new(&bench.err), {1, grid, pixels}};
	double weights = 0, patches = (double)rows;
	if (!t.tape || !pixels)
		fail();
	for (size_t i = 0; i < bench.model->params->n; i++)
		if (bench.model->params->at[i]->part == RIL_PART_VISION && bench.model->params->at[i]->ndim == 2)
			weights += (double)bench.model->params->at[i]->count;
	char shape[64];
	snprintf(shape, sizeof shape, "1 picture, %lld rows", (long long)rows);
	report("tower", shape, best(embed, &t), 2 * patches * weights, weights * (double)ril_dtype_size(ril_compute()));
	ril_tape_free(t.tape);
	free(pixels);
}

/* ---- the optimiser ---- */

static int step(void *ctx)
{
	double norm;
	return ril_optim_step(ctx, 1, &norm, &bench.err);
}

static void time_training(void)
{
	if (ril_params_train(bench.model->params, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true},
			     &bench.err))
		fail();
	if (wanted("policy step"))
		time_pass("policy step", true, false);
	if (!wanted("optimiser"))
		return;
	struct ril_optim_options how = RIL_OPTIM_DEFAULT;
	struct ril_optim *o = ril_optim_new(bench.model->params, &how, 1, &bench.err);
	if (!o)
		fail();
	double n = (double)bench.model->params->count;
	char shape[64];
	snprintf(shape, sizeof shape, "%.0f M parameters", n / 1e6);
	/* master, two moments read and written, the gradient read (twice, for its norm), weights written */
	report("optimiser", shape, best(step, o), 0, n * (6 * 4 + 2 * 4 + (double)ril_dtype_size(ril_compute())));
	ril_optim_free(o);
}

/* ---- the parts ---- */

static void open_model(enum ril_head head)
{
	ril_model_free(bench.model);
	if (!(bench.model = ril_model_open(bench.dir, head, 0, &bench.err)))
		fail();
	int most = (int)config()->text.max_positions;
	answer_tokens = most < PROMPT + LENGTH ? most / 4 : LENGTH;
	prompt_tokens = most < PROMPT + LENGTH ? most / 2 : PROMPT;
	bench.matrices = 0;
	for (size_t i = 0; i < bench.model->params->n; i++) {
		const struct ril_param *p = bench.model->params->at[i];
		if (p->part == RIL_PART_LLM && p->ndim == 2 && p->dim[0] != config()->text.vocab)
			bench.matrices += (double)p->count;
	}
}

int main(int argc, char **argv)
{
	const char *device = "auto";
	for (; argc > 2; argc -= 2, argv += 2) {
		if (!strcmp(argv[1], "--device"))
			device = argv[2];
		else if (!strcmp(argv[1], "--only"))
			bench.only = argv[2];
		else if (!strcmp(argv[1], "--compute") && ril_compute_use(argv[2], &bench.err))
			fail();
	}
	if (argc != 2)
		return fprintf(stderr, "usage: passes [--device D] [--compute TYPE] [--only PART] MODEL_DIR\n"), 2;
	bench.dir = argv[1];
	bench.name = strrchr(bench.dir, '/') ? strrchr(bench.dir, '/') + 1 : bench.dir;
	if (ril_backend_start(device, NULL, NULL, 0, &bench.err) || ril_threads_start(0, &bench.err))
		fail();
	measure_rates();
	open_model(RIL_HEAD_LM);
	if (wanted("tower") && bench.model->vision)
		time_tower();
	for (int n = 1; n <= 256; n = n == 1 ? 64 : 4 * n)
		if (wanted("decode"))
			time_decode(n);
	if (wanted("reference pass"))
		time_pass("reference pass", false, false);
	if (wanted("policy step") || wanted("optimiser"))
		time_training();
	if (wanted("discriminator step")) {
		open_model(RIL_HEAD_SCORE);
		if (ril_params_train(
			    bench.model->params,
			    &(struct ril_training){.parts = RIL_PART_LLM | RIL_PART_SCORE, .keep_master = true},
			    &bench.err))
			fail();
		time_pass("discriminator step", true, true);
	}
	ril_model_free(bench.model);
	ril_threads_stop();
	return 0;
}
