/* passes_train.c -- passes over made-up groups, the language head, the optimiser.
 *
 * FLOPs are those of the products and of attention's two, and twice as many again for the way back: what is computed again
 * (by --recompute, by the head's way back) is not the floor's. */
#include "passes.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- made-up groups ---- */

/* Text tokens of the published vocabularies, whose special ones come last; a small vocabulary's begin with its bytes. */
int32_t made_up(uint32_t i)
{
	int64_t V = config()->text.vocab, first = V > 2000 ? 1000 : 0, n = V > 2000 ? V : 200;
	n = n > 151000 ? 151000 : n;
	return (int32_t)(first +
			 ril_rng_below(1, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, i}, (uint32_t)(n - first)));
}

static void add_groups(struct training *t, const struct batch *b)
{
	int total = b->prompt + b->responses * b->length;
	int32_t *ids = malloc((size_t)total * sizeof *ids), *start = malloc((size_t)(b->responses + 1) * sizeof *start);
	if (!ids || !start)
		fail();
	for (int i = 0; i < total; i++)
		ids[i] = made_up((uint32_t)i);
	for (int i = 0; i <= b->responses; i++)
		start[i] = i * b->length;
	struct ril_pack_group g = {.name = "bench",
				   .prompt = ids,
				   .P = b->prompt,
				   .ids = ids + b->prompt,
				   .start = start,
				   .n = b->responses};
	ril_pack_reset(t->pack, config(), RIL_PACK_SHARED, t->score ? RIL_PACK_SCORE : RIL_PACK_POLICY);
	for (int i = 0; i < b->groups / t->times; i++)
		if (ril_pack_add(t->pack, &g, &bench.err))
			fail();
	if (ril_pack_done(t->pack, &bench.err))
		fail();
	free(ids);
	free(start);
	t->tokens = (double)t->pack->tokens.T * t->times;
}

void training_begin(struct training *t, const struct batch *b, bool record, bool score)
{
	*t = (struct training){.times = b->groups / (bench.micro && bench.micro < b->groups ? bench.micro : b->groups),
			       .record = record,
			       .score = score,
			       .tape = ril_tape_new(&bench.err),
			       .pack = ril_pack_new(&bench.err)};
	if (!t->tape || !t->pack)
		fail();
	add_groups(t, b);
	size_t R = (size_t)t->pack->R;
	double *down = malloc(R * sizeof *down);
	int8_t *label = malloc(R);
	if (!down || !label)
		fail();
	for (size_t i = 0; i < R; i++) {
		down[i] = -1. / (double)(R * (size_t)t->times);
		label[i] = (int8_t)(i % 2);
	}
	t->logp = room(R * sizeof(double));
	t->dlogp = room(R * sizeof(double));
	t->label = room(R);
	t->sums = room(sizeof *t->sums);
	ril_ops()->to_device(t->dlogp, down, R * sizeof *down);
	ril_ops()->to_device(t->label, label, R);
	free(down);
	free(label);
}

void training_end(struct training *t)
{
	ril_ops()->put(t->logp);
	ril_ops()->put(t->dlogp);
	ril_ops()->put(t->label);
	ril_ops()->put(t->sums);
	ril_pack_free(t->pack);
	ril_tape_free(t->tape);
}

static int run_score(struct training *t)
{
	struct ril_val *z;
	if (ril_pack_score(t->tape, bench.model, t->pack, NULL, &z, &bench.err))
		return -1;
	double each = 1. / (double)(t->pack->R * t->times);
	t->z = z->m;
	if (t->record)
		ril_ops()->bce_loss(ril_tape_seed(t->tape, z), t->sums, z->m, t->label,
				    (struct ril_bce){each, each, 0});
	return 0;
}

static int run_one(struct training *t)
{
	ril_tape_reset(t->tape);
	ril_tape_record(t->tape, t->record);
	ril_tape_recompute(t->tape, bench.recompute);
	struct ril_logps to = {.logp = t->logp, .dlogp = t->record ? t->dlogp : NULL};
	if (t->score ? run_score(t) : ril_pack_logp(t->tape, bench.model, t->pack, NULL, 1, to, &bench.err))
		return -1;
	return t->record ? ril_tape_backward(t->tape, &bench.err) : ril_tape_check(t->tape, &bench.err);
}

int run_pass(void *ctx)
{
	struct training *t = ctx;
	int rc = 0;
	for (int i = 0; !rc && i < t->times; i++)
		rc = run_one(t);
	return rc;
}

double pass_flops(const struct batch *b, bool score)
{
	const struct ril_config *c = config();
	double P = b->prompt, L = b->length, N = b->responses, rows = b->groups * N * L;
	double tokens = b->groups * (P + N * (score ? L : L - 1)); /* the last token predicts nothing */
	double seen = b->groups * (P * (P + 1) / 2 + N * (L * P + L * L / 2));
	double head = score ? 0 : 2 * rows * (double)c->text.hidden * (double)c->text.vocab;
	return 2 * tokens * bench.matrices + head +
	       4 * seen * (double)(c->text.heads * c->text.head_dim * c->text.layers);
}

void time_pass(const char *part, bool record, bool score)
{
	const struct batch *b = &bench.batch;
	struct training t;
	char shape[96];
	training_begin(&t, b, record, score);
	snprintf(shape, sizeof shape, "%d x %d x %d, prompt %d: %.0f tokens", b->groups, b->responses, b->length,
		 b->prompt, t.tokens);
	report(part, shape, best(run_pass, &t), pass_flops(b, score) * (record ? 3 : 1), 0, t.tokens);
	training_end(&t);
}

/* ---- the language head ---- */

struct head {
	struct ril_mat h, dh, w, dw;
	int32_t *target;
	double *logp, *dlogp;
	ril_real *lse;
};

static int run_head(void *ctx)
{
	struct head *x = ctx;
	ril_ops()->head_logp(x->logp, NULL, x->lse, x->h, x->target, x->w, 1);
	ril_ops()->head_logp_bwd(x->dh, x->dw, x->dlogp, NULL, NULL, x->lse, x->h, x->target, x->w, 1);
	return 0;
}

void time_head(void)
{
	const struct ril_ops *ops = ril_ops();
	const struct batch *b = &bench.batch;
	int64_t R = (int64_t)b->groups * b->responses * b->length, H = config()->text.hidden, V = config()->text.vocab;
	size_t each = ril_dtype_size(ril_compute()), rows = (size_t)R;
	struct head x = {.w = bench.model->head.w->w,
			 .target = room(rows * sizeof(int32_t)),
			 .logp = room(rows * sizeof(double)),
			 .dlogp = room(rows * sizeof(double)),
			 .lse = room(rows * sizeof(ril_real))};
	x.h = ril_mat_of(noise(R * H), ril_compute(), R, H);
	x.dh = ril_mat_of(room((size_t)(R * H) * each), ril_compute(), R, H);
	x.dw = ril_mat_of(room((size_t)(V * H) * sizeof(ril_real)), RIL_REAL, V, H);
	int32_t *target = malloc(rows * sizeof *target);
	double *down = malloc(rows * sizeof *down);
	if (!target || !down)
		fail();
	for (size_t i = 0; i < rows; i++) {
		target[i] = made_up((uint32_t)i);
		down[i] = -1. / (double)R;
	}
	ops->to_device(x.target, target, rows * sizeof *target);
	ops->to_device(x.dlogp, down, rows * sizeof *down);
	free(target);
	free(down);
	char shape[96];
	snprintf(shape, sizeof shape, "%lld rows x %lld, %lld ids, both ways", (long long)R, (long long)H,
		 (long long)V);
	report("language head", shape, best(run_head, &x), 6. * (double)R * (double)H * (double)V, 0, (double)R);
	void *const all[] = {x.h.p, x.dh.p, x.dw.p, x.target, x.logp, x.dlogp, x.lse};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ops->put(all[i]);
}

/* ---- the optimiser ---- */

void train_parts(int parts)
{
	if (!bench.model->params->runs &&
	    ril_params_train(bench.model->params, &(struct ril_training){.parts = parts, .keep_master = true},
			     &bench.err))
		fail();
}

static int step(void *ctx)
{
	double norm;
	return ril_optim_step(ctx, 1, &norm, &bench.err);
}

/* Bytes: masters and two moments read and written, the gradient read, and again for its norm, weights written. */
void time_optimiser(void)
{
	struct ril_optim_options how = RIL_OPTIM_DEFAULT;
	struct ril_optim *o = ril_optim_new(bench.model->params, &how, 1, &bench.err);
	if (!o)
		fail();
	double n = (double)bench.model->params->count;
	char shape[64];
	snprintf(shape, sizeof shape, "%.0f M parameters", n / 1e6);
	report("optimiser", shape, best(step, o), 0, n * (6 * 4 + 2 * 4 + (double)ril_dtype_size(ril_compute())), 0);
	ril_optim_free(o);
}
