/* passes_products.c -- what a training step would take if it were its products alone, each shape as fast as it is by itself.
 *
 * A large product's rate (passes_rates.c) is a floor that no small model can reach: 256 features leave a product less to do for
 * each byte it moves.  Here every linear layer's three products, and the head's, are run alone at the step's own shapes;
 * attention's, of which there is no such shape, count at a large product's rate.  The line's seconds are the sum, its floor the
 * same FLOPs at a large product's rate: a step's seconds are to be held to this line's. */
#include "passes.h"

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
	double seconds = alone(&head) * (double)answers / (double)head.rows;
	for (int i = 0; i < n; i++) {
		seconds += shape[i].times * alone(&shape[i]);
		flops += 6. * shape[i].times * (double)(rows * shape[i].in * shape[i].out);
	}
	bench.seconds = asked;
	double attention = 3 * pass_flops(b, false) - flops;
	char text[96];
	snprintf(text, sizeof text, "%lld rows of every layer, the head's, attention's", (long long)rows);
	report("products", text, seconds + attention / bench.flops, flops + attention, 0, (double)rows);
}
