/* passes_agree.c -- numbers of each kind of pass, for a peer to be held to before it is timed (scripts/peer/passes.py).
 *
 * A file of lines, each a name and its values, blanks between them: the batch to time, the ids, log-probabilities of a small
 * batch and the norm of their gradient, tokens sampled with their log-probabilities, a discriminator's head and logits, and
 * a picture's first embeddings.  The made-up rules behind the ids and the pixels need not be known to the peer, but for the
 * pixels', which are many. */
#include "passes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLED = 16, ROWS = 4 };

static FILE *to;

static void line(const char *name, const double *x, int64_t n)
{
	fprintf(to, "%s", name);
	for (int64_t i = 0; i < n; i++)
		fprintf(to, " %.9g", x[i]);
	fprintf(to, "\n");
}

static double *doubles(int64_t n)
{
	double *x = calloc((size_t)(n ? n : 1), sizeof *x);
	if (!x) {
		ril_fail(&bench.err, RIL_EFAIL, "out of memory");
		fail();
	}
	return x;
}

/* The first n elements of the device's matrix, or vector. */
static void line_of(const char *name, const void *p, enum ril_dtype type, int64_t n)
{
	double *x = doubles(n), *raw = doubles(n);
	ril_ops()->to_host(raw, p, (size_t)n * ril_dtype_size(type));
	if (ril_ops()->sync(&bench.err))
		fail();
	for (int64_t i = 0; i < n; i++)
		switch (type) {
		case RIL_F64: x[i] = raw[i]; break;
		case RIL_F32: x[i] = (double)((const float *)raw)[i]; break;
		default: x[i] = (double)ril_bf16_f32(((const uint16_t *)raw)[i]);
		}
	line(name, x, n);
	free(x);
	free(raw);
}

static double gradient_norm(void)
{
	const struct ril_params *ps = bench.model->params;
	double *sum = room(sizeof *sum), host;
	for (int i = 0; i < ps->runs; i++)
		ril_ops()->sum_squares(sum, ril_mat_of(ps->run[i].grad, ps->run[i].grad_type, 1, ps->run[i].count));
	ril_ops()->to_host(&host, sum, sizeof host);
	if (ril_ops()->sync(&bench.err))
		fail();
	ril_ops()->put(sum);
	return sqrt(host);
}

static void small_pass(const struct batch *b, bool score)
{
	struct training t;
	training_begin(&t, b, true, score);
	ril_params_zero_grad(bench.model->params);
	if (run_pass(&t))
		fail();
	if (score)
		line_of("score", t.z.p, t.z.type, t.pack->R);
	else
		line_of("logp", t.logp, RIL_F64, t.pack->R);
	double norm = gradient_norm();
	line(score ? "score_gradient" : "gradient", &norm, 1);
	training_end(&t);
}

static void small_sample(void)
{
	struct ril_gen_prompt prompt;
	struct ril_generated out[2] = {0};
	struct ril_gen_options how = {
		.max_new_tokens = SAMPLED, .sampling = RIL_SAMPLING_DEFAULT, .purpose = RIL_RNG_TEST};
	struct ril_generator *gen = ril_generator_new(bench.model, NULL, &bench.err);
	made_up_prompt(&prompt, 1, 2);
	if (!gen || ril_generate(gen, &prompt, 1, &how, out, &bench.err))
		fail();
	for (int r = 0; r < 2; r++) {
		double ids[SAMPLED], logp[SAMPLED];
		for (int i = 0; i < out[r].n; i++) {
			ids[i] = out[r].ids[i];
			logp[i] = (double)out[r].logp[i];
		}
		line("sampled", ids, out[r].n);
		line("sampled_logp", logp, out[r].n);
	}
	ril_gen_free(out, 2);
	ril_generator_free(gen);
}

static void small_tower(void)
{
	struct tower t;
	tower_begin(&t);
	const double grid[3] = {t.in.grid[0], t.in.grid[1], t.in.grid[2]};
	if (embed(&t))
		fail();
	line("grid", grid, 3);
	line_of("tower", t.out->m.p, t.out->m.type, ROWS * t.out->m.cols);
	tower_end(&t);
}

void write_agreement(const char *path)
{
	const struct batch *b = &bench.batch;
	const struct batch small = {1, b->prompt, b->responses < 2 ? b->responses : 2, b->length < 32 ? b->length : 32};
	int ids = small.prompt + small.responses * small.length;
	double *x = doubles(ids);
	if (!(to = fopen(path, "w"))) {
		ril_fail_errno(&bench.err, "%s", path);
		fail();
	}
	line("batch", (double[]){b->groups, b->prompt, b->responses, b->length}, 4);
	line("small", (double[]){small.groups, small.prompt, small.responses, small.length}, 4);
	for (int i = 0; i < ids; i++)
		x[i] = made_up((uint32_t)i);
	line("ids", x, ids);
	free(x);
	small_sample();
	if (bench.model->vision)
		small_tower();
	train_parts(RIL_PART_LLM);
	small_pass(&small, false);
	open_model(RIL_HEAD_SCORE);
	line_of("score_weight", bench.model->score.w->w.p, bench.model->score.w->w.type, config()->text.hidden);
	train_parts(RIL_PART_LLM | RIL_PART_SCORE);
	small_pass(&small, true);
	if (fclose(to)) {
		ril_fail_errno(&bench.err, "%s", path);
		fail();
	}
}
