/* passes_products.c -- what a training step would take if it were its products alone, each shape as fast as it is by itself.
 *
 * A large product's rate (passes_rates.c) is a floor that no small model can reach: 256 features leave a product less to do for
 * each byte it moves.  Here every linear layer's three products, and the head's, are run alone at the step's own shapes;
 * attention's, which read keys for a block of lanes (ops/cpu/plan_internal.h), as the host's BLAS multiplies them, every thread its
 * own, and on other devices at a large product's rate.  The line's seconds are the sum, its floor the same FLOPs at a large
 * product's rate: a step's seconds are to be held to this line's.  The line after it adds what the way back computes again rather
 * than keeps: attention's scores and the head's logits. */
#include "passes.h"

#include "base/thread.h"
#include "ops/cpu/plan_internal.h"

#include <stdio.h>

enum { MOST_ROWS = 4096 }; /* of the head's product, whose logits no pass has in memory all at once */

struct shape {
	int64_t rows, in, out;
	int times;
};

struct products {
	struct ril_mat x, w, y, dx, dw;
};

static int forward(void *ctx)
{
	const struct products *p = ctx;
	ril_ops()->linear(p->y, p->x, p->w, NULL, false);
	return 0;
}

static int backward(void *ctx)
{
	const struct products *p = ctx;
	ril_ops()->linear_bwd(p->dx, p->dw, NULL, p->y, p->x, p->w);
	return 0;
}

/* Seconds of one layer's three products. */
static double alone(const struct shape *s)
{
	size_t each = ril_dtype_size(ril_compute());
	struct products p = {
		.x = ril_mat_of(noise(s->rows * s->in), ril_compute(), s->rows, s->in),
		.w = ril_mat_of(noise(s->out * s->in), ril_compute(), s->out, s->in),
		.y = ril_mat_of(room((size_t)(s->rows * s->out) * each), ril_compute(), s->rows, s->out),
		.dx = ril_mat_of(room((size_t)(s->rows * s->in) * each), ril_compute(), s->rows, s->in),
		.dw = ril_mat_of(room((size_t)(s->out * s->in) * sizeof(ril_real)), RIL_REAL, s->out, s->in)};
	double seconds = best(forward, &p) + best(backward, &p);
	void *const all[] = {p.x.p, p.w.p, p.y.p, p.dx.p, p.dw.p};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
	return seconds;
}

/* Counts a layer among the shapes that are there; false where there are too many. */
static bool add(struct shape *shape, int *n, int most, int64_t rows, const struct ril_param *p)
{
	int i = 0;
	while (i < *n && (shape[i].in != p->w.cols || shape[i].out != p->w.rows))
		i++;
	if (i == most)
		return false;
	*n += i == *n;
	shape[i] = (struct shape){rows, p->w.cols, p->w.rows, shape[i].times + 1};
	return true;
}

/* ---- attention: C[m,n] = op(A) B, over and over ---- */

enum { TIMES = 64 };

struct tile {
	bool transposed;
	int64_t m, n, k;
	ril_real *room; /* for each worker */
	size_t each;
};

static void multiply_tile(void *ctx, int i, int worker)
{
	const struct tile *t = ctx;
	(void)i;
	ril_real *a = t->room + (size_t)worker * t->each, *b = a + t->m * t->k, *c = b + t->k * t->n;
	for (int n = 0; n < TIMES; n++)
		ril_gemm(t->transposed, false, t->m, t->n, t->k, a, t->transposed ? t->m : t->k, b, t->n, 0, c, t->n);
}

static int multiply_tiles(void *ctx)
{
	ril_parallel(ril_threads(), multiply_tile, ctx);
	return 0;
}

/* Seconds a FLOP, all threads together. */
static double tile_alone(bool transposed, int64_t m, int64_t n, int64_t k)
{
	struct tile t = {transposed, m, n, k, NULL, (size_t)(m * k + k * n + m * n)};
	t.room = noise((int64_t)t.each * ril_threads());
	double seconds = best(multiply_tiles, &t);
	ril_ops()->put(t.room);
	return seconds / (2. * TIMES * ril_threads() * (double)(m * n * k));
}

/* Scores and dP: keys x lanes; the output and dQ: lanes x features; dK and dV: keys x features.  As many FLOPs each. */
static double attention_alone(double *scores)
{
	int64_t keys = bench.batch.prompt + bench.batch.length / 2, D = config()->text.head_dim;
	if (!ril_ops()->host_memory || ril_compute() != RIL_REAL)
		return *scores = 1 / bench.flops;
	*scores = tile_alone(false, keys, RIL_BLOCK, D);
	return (*scores + tile_alone(true, RIL_BLOCK, D, keys) + tile_alone(false, keys, D, RIL_BLOCK)) / 3;
}

/* ---- all ---- */

void time_products(void)
{
	enum { MOST = 16 };
	const struct batch *b = &bench.batch;
	const struct ril_params *all = bench.model->params;
	int64_t answers = (int64_t)b->groups * b->responses * b->length, V = config()->text.vocab,
		H = config()->text.hidden;
	int64_t rows = (int64_t)b->groups * b->prompt + answers - (int64_t)b->groups * b->responses;
	struct shape shape[MOST] = {0}, head = {answers < MOST_ROWS ? answers : MOST_ROWS, H, V, 1};
	double asked = bench.seconds, flops = 6. * (double)answers * (double)(H * V);
	int n = 0;
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i]->part == RIL_PART_LLM && all->at[i]->hidden && !add(shape, &n, MOST, rows, all->at[i]))
			return;
	bench.seconds = asked / 8;
	double logits = 2. * (double)answers * (double)(H * V), scores;
	double seconds = alone(&head) * (double)answers / (double)head.rows, again = seconds / 3;
	for (int i = 0; i < n; i++) {
		seconds += shape[i].times * alone(&shape[i]);
		flops += 6. * shape[i].times * (double)(rows * shape[i].in * shape[i].out);
	}
	double attention = 3 * pass_flops(b, false) - flops, each = attention_alone(&scores);
	bench.seconds = asked;
	char text[96];
	snprintf(text, sizeof text, "%lld rows of every layer, the head's, attention's", (long long)rows);
	seconds += attention * each;
	report("products", text, seconds, flops + attention, 0, (double)rows);
	report("products again", "with attention's scores, the head's logits once more",
	       seconds + again + attention / 6 * scores, flops + attention + logits + attention / 6, 0, (double)rows);
}
