/* linear_panels.c -- y = x w^T + b by panels (mm.c): one side is packed, the other is read where it lies.
 *
 * Packed is the side of which that moves less.  x, once, where its rows are few: w streams by, in blocks of a few rows, which
 * in other types than ril_real are widened a block at a time in the first cache.  That is a batch being decoded, bound by w's
 * bytes or nearly.  Else w, a tile's columns at a time (product.c).
 *
 * Either way an element of y is its start (bias, what y held) and then its sums over RIL_DEPTH features each, in order: how
 * many rows are multiplied together, above RIL_FEW_ROWS, does not change a row's bytes. */
#include "cpu_internal.h"

#include "base/unused.h"

enum {
	PACK_X = 256,        /* most rows of x that are packed: they pass w's blocks in a second cache */
	TILE_WORK = 1 << 20, /* multiplications in a tile of outputs */
};

struct panels {
	ril_real *y;
	const ril_real *x, *b;
	struct ril_mat w;
	ril_real *packed; /* panels of rows of x, [K, width] each, one after another */
	int64_t ldy, ldx, T, N, K;
	const struct ril_panel_form *form;
	int64_t cols; /* of a tile */
	bool accumulate;
};

/* ---- x packed ---- */

static void pack_x_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct panels *l = ctx;
	int64_t from = tile * 2 * l->form->lanes, n = ril_panel_columns(l->form, l->T, from);
	ril_pack_panel(l->packed + from * l->K, ril_panel_width(l->form, n), l->x + from * l->ldx, l->ldx, n, l->K);
}

/* `rows` rows of w from n on, features [k0, k0 + K).  The rows that come next are asked for meanwhile: each is a short run of
 * a page of its own, which the processor does not foresee. */
static const ril_real *weights(const struct panels *l, int64_t n, int64_t rows, int64_t k0, int64_t K, ril_real *wide,
			       int64_t *lda)
{
	enum { LINE = 64 };
	size_t size = ril_dtype_size(l->w.type);
	*lda = l->K;
	if (l->w.type == RIL_REAL)
		return (const ril_real *)l->w.p + n * l->K + k0;
	*lda = K;
	for (int64_t i = n; i < n + rows; i++) {
		const char *ahead =
			(const char *)l->w.p + (size_t)(ril_min(i + l->form->rows, l->N - 1) * l->K + k0) * size;
		for (size_t byte = 0; byte < (size_t)K * size; byte += LINE)
			__builtin_prefetch(ahead + byte);
		ril_cpu_widen(wide + (i - n) * K, l->w, i * l->K + k0, K);
	}
	return wide;
}

/* c[rows, T] += rows [n, n + rows) of w, features [k0, k0 + K), with all of x. */
static void add_outputs(const struct panels *l, int64_t n, int64_t rows, int64_t k0, int64_t K, ril_real *c,
			ril_real *wide)
{
	int64_t lda, width = 2 * l->form->lanes;
	const ril_real *a = weights(l, n, rows, k0, K, wide, &lda);
	for (int64_t t = 0; t < l->T; t += width) {
		int64_t m = ril_panel_columns(l->form, l->T, t);
		l->form->multiply(rows, m, K, a, lda, 1, l->packed + t * l->K + k0 * ril_panel_width(l->form, m), c + t,
				  l->T, true);
	}
}

/* Outputs [n0, n1) of all rows, as c[outputs, T] first. */
static void outputs_tile(void *ctx, int tile, int worker)
{
	const struct panels *l = ctx;
	int64_t n0 = tile * l->cols, n1 = ril_min(n0 + l->cols, l->N), room = l->form->rows * RIL_DEPTH;
	ril_real *wide = ril_cpu_scratch(worker, (size_t)(room + l->cols * l->T), sizeof *wide);
	if (!wide)
		return;
	ril_real *c = wide + room;
	for (int64_t n = n0; n < n1; n++)
		for (int64_t t = 0; t < l->T; t++)
			c[(n - n0) * l->T + t] = (l->b ? l->b[n] : 0) + (l->accumulate ? l->y[t * l->ldy + n] : 0);
	for (int64_t k0 = 0; k0 < l->K; k0 += l->form->depth)
		for (int64_t n = n0; n < n1; n += l->form->rows)
			add_outputs(l, n, ril_min(l->form->rows, n1 - n), k0, ril_min(l->form->depth, l->K - k0),
				    c + (n - n0) * l->T, wide);
	for (int64_t t = 0; t < l->T; t++)
		for (int64_t n = n0; n < n1; n++)
			l->y[t * l->ldy + n] = c[(n - n0) * l->T + t];
}

static void by_outputs(struct panels *l)
{
	int64_t width = 2 * l->form->lanes, packed = ril_parts(l->T, width) * width * l->K;
	if (!(l->packed = ril_cpu_scratch(RIL_SHARED_A, (size_t)packed, sizeof *l->packed)))
		return;
	ril_parallel((int)ril_parts(l->T, width), pack_x_tile, l);
	l->cols = ril_even_part(l->N, TILE_WORK / ril_max(l->K * l->T, 1), l->form->rows);
	ril_parallel((int)ril_parts(l->N, l->cols), outputs_tile, l);
}

static void product_tile(void *ctx, int tile, int worker)
{
	ril_product_tile(ctx, tile, worker);
}

/* ---- w packed ---- */

static void by_columns(const struct panels *l)
{
	struct ril_product p = {.form = l->form,
				.M = l->T,
				.N = l->N,
				.K = l->K,
				.a = l->x,
				.ars = l->ldx,
				.acs = 1,
				.b = l->w,
				.transposed = true,
				.bias = l->b,
				.add = l->accumulate,
				.c = l->y,
				.ldc = l->ldy};
	ril_product_cut(&p);
	ril_parallel(p.tiles, product_tile, &p);
}

void ril_linear_panels(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate,
		       const struct ril_panel_form *form)
{
	struct panels l = {.y = ril_reals(y),
			   .ldy = y.ld,
			   .x = ril_reals(x),
			   .ldx = x.ld,
			   .T = x.rows,
			   .N = w.rows,
			   .K = w.cols,
			   .w = w,
			   .form = form,
			   .b = b,
			   .accumulate = accumulate};
	if (l.T <= PACK_X && l.T * (l.K + l.N) < l.K * l.N)
		by_outputs(&l);
	else
		by_columns(&l);
}
