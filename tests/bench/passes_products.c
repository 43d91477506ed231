/* passes_products.c -- what a training step would take if it were its products alone, each shape as fast as it is by itself.
 *
 * A large product's rate (passes_rates.c) is a floor that no small model can reach: 256 features leave a product less to do for
 * each byte it moves.  Here every linear layer's three products, and the head's, are run alone at the step's own shapes;
 * attention's, which read keys for a block of lanes (ops/cpu/plan_internal.h), as the host's BLAS multiplies them, every thread its
 * own, and on other devices at a large product's rate.  The line's seconds are the sum, its floor the same FLOPs at a large
 * product's rate: a step's seconds are to be held to this line's.  The line after it adds what the way back computes again rather
 * than keeps: attention's scores and the head's logits.  On the host both once more, as its BLAS library computes the same shapes
 * with threads of its own: what a program has that calls it for each product. */
#include "passes.h"

#include "base/thread.h"
#include "ops/cpu/plan_internal.h"

#include <cblas.h>
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

static int blas_forward(void *ctx)
{
	const struct products *p = ctx;
	int64_t rows = p->x.rows, in = p->x.cols, out = p->w.rows;
	ril_gemm(false, true, rows, out, in, p->x.p, in, p->w.p, in, 0, p->y.p, out);
	return 0;
}

static int blas_backward(void *ctx)
{
	const struct products *p = ctx;
	int64_t rows = p->x.rows, in = p->x.cols, out = p->w.rows;
	ril_gemm(false, false, rows, in, out, p->y.p, out, p->w.p, in, 0, p->dx.p, in);
	ril_gemm(true, false, out, in, rows, p->y.p, out, p->x.p, in, 0, p->dw.p, in);
	return 0;
}

/* Who multiplies. */
struct way {
	const char *name;
	work *forward, *backward;
};

/* Seconds of one layer's three products. */
static double alone(const struct shape *s, const struct way *way)
{
	size_t each = ril_dtype_size(ril_compute());
	struct products p = {
		.x = ril_mat_of(noise(s->rows * s->in), ril_compute(), s->rows, s->in),
		.w = ril_mat_of(noise(s->out * s->in), ril_compute(), s->out, s->in),
		.y = ril_mat_of(room((size_t)(s->rows * s->out) * each), ril_compute(), s->rows, s->out),
		.dx = ril_mat_of(room((size_t)(s->rows * s->in) * each), ril_compute(), s->rows, s->in),
		.dw = ril_mat_of(room((size_t)(s->out * s->in) * sizeof(ril_real)), RIL_REAL, s->out, s->in)};
	double seconds = best(way->forward, &p) + best(way->backward, &p);
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

enum { MOST = 16 };

struct step {
	struct shape shape[MOST], head;
	int n;
	int64_t rows, answers;          /* of every layer, of the head */
	double layers, logits;          /* FLOPs: of all layers and the head; of the head's way there alone */
	double attention, each, scores; /* FLOPs; seconds a FLOP, of its scores alone */
};

static bool count(struct step *s)
{
	const struct batch *b = &bench.batch;
	const struct ril_params *all = bench.model->params;
	int64_t V = config()->text.vocab, H = config()->text.hidden;
	s->answers = (int64_t)b->groups * b->responses * b->length;
	s->rows = (int64_t)b->groups * b->prompt + s->answers - (int64_t)b->groups * b->responses;
	s->head = (struct shape){s->answers < MOST_ROWS ? s->answers : MOST_ROWS, H, V, 1};
	s->logits = 2. * (double)s->answers * (double)(H * V);
	s->layers = 3 * s->logits;
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i]->part == RIL_PART_LLM && all->at[i]->hidden &&
		    !add(s->shape, &s->n, MOST, s->rows, all->at[i]))
			return false;
	for (int i = 0; i < s->n; i++)
		s->layers += 6. * s->shape[i].times * (double)(s->rows * s->shape[i].in * s->shape[i].out);
	s->attention = 3 * pass_flops(b, false) - s->layers;
	return true;
}

/* The two lines of one who multiplies. */
static void time_way(const struct step *s, const struct way *way)
{
	double seconds = alone(&s->head, way) * (double)s->answers / (double)s->head.rows, again = seconds / 3;
	char name[32], text[96];
	for (int i = 0; i < s->n; i++)
		seconds += s->shape[i].times * alone(&s->shape[i], way);
	seconds += s->attention * s->each;
	snprintf(name, sizeof name, "products%s", way->name);
	snprintf(text, sizeof text, "%lld rows of every layer, the head's, attention's", (long long)s->rows);
	report(name, text, seconds, s->layers + s->attention, 0, (double)s->rows);
	snprintf(name, sizeof name, "products again%s", way->name);
	report(name, "with attention's scores, the head's logits once more",
	       seconds + again + s->attention / 6 * s->scores, s->layers + s->attention + s->logits + s->attention / 6,
	       0, (double)s->rows);
}

void time_products(void)
{
	static const struct way ours = {"", forward, backward}, blas = {", BLAS", blas_forward, blas_backward};
	struct step s = {0};
	double asked = bench.seconds;
	if (!count(&s))
		return;
	bench.seconds = asked / 8;
	s.each = attention_alone(&s.scores);
	time_way(&s, &ours);
	if (ril_ops()->host_memory && ril_compute() == RIL_REAL) {
		openblas_set_num_threads(ril_threads());
		time_way(&s, &blas);
		openblas_set_num_threads(1);
	}
	bench.seconds = asked;
}
