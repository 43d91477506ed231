/* linear_panels.c -- y = x w^T + b by panels (mm.c): one side is packed, the other is read where it lies.
 *
 * Packed is the side of which that moves less.  x, once, where its rows are few: w streams by, in blocks of a few rows, which
 * in other types than ril_real are widened a block at a time in the first cache.  That is a batch being decoded, bound by w's
 * bytes or nearly.  Else w: a tile packs as many columns as stay in a second cache and meets hundreds of rows with them.
 *
 * Either way an element of y is its start (bias, what y held) and then its sums over RIL_DEPTH features each, in order: how
 * many rows are multiplied together, above RIL_FEW_ROWS, does not change a row's bytes. */
#include "cpu_internal.h"

#include "base/unused.h"

enum {
	PACK_X = 256,        /* most rows of x that are packed: they pass w's blocks in a second cache */
	TILE_WORK = 1 << 20, /* multiplications in a tile of outputs */
	TILE_ROWS = 512,     /* that pay for packing the columns of a tile of w */
	CHUNK = 96,          /* rows of these at once, a multiple of RIL_MM_ROWS: with RIL_DEPTH features 96 KiB */
	PACKED = 1 << 16,    /* elements of w in a tile */
	MAX_COLS = 256,
};

struct panels {
	ril_real *y;
	const ril_real *x, *b;
	struct ril_mat w;
	ril_real *packed; /* panels of rows of x, [K, width] each, one after another */
	int64_t ldy, ldx, T, N, K;
	const struct ril_panel_form *form;
	int64_t rows, cols; /* of a tile */
	int col_tiles;
	bool accumulate;
};

/* Columns of the panel that begins at `from`, of n. */
static int64_t rest(const struct panels *l, int64_t n, int64_t from)
{
	return ril_min(2 * l->form->lanes, n - from);
}

/* ---- w packed ---- */

/* Rows [n0, n0 + n) of w as one panel.  What is to be widened is so RIL_DEPTH features at a time. */
static void pack_weights(const struct panels *l, int64_t n0, int64_t n, ril_real *to, ril_real *wide)
{
	int64_t width = ril_panel_width(l->form, n);
	if (l->w.type == RIL_REAL) {
		ril_pack_panel(to, width, (const ril_real *)l->w.p + n0 * l->K, l->K, n, l->K);
		return;
	}
	for (int64_t k0 = 0; k0 < l->K; k0 += RIL_DEPTH) {
		int64_t K = ril_min(RIL_DEPTH, l->K - k0);
		for (int64_t j = 0; j < n; j++)
			ril_cpu_widen(wide + j * K, l->w, (n0 + j) * l->K + k0, K);
		ril_pack_panel(to + k0 * width, width, wide, K, n, K);
	}
}

/* What the sums are added to; nothing, where neither a bias nor y is. */
static void start_rows(const struct panels *l, int64_t t0, int64_t t1, int64_t n0, int64_t n)
{
	for (int64_t t = t0; l->b && t < t1; t++) {
		ril_real *y = l->y + t * l->ldy + n0;
		if (l->accumulate)
			for (int64_t i = 0; i < n; i++)
				y[i] += l->b[n0 + i];
		else
			memcpy(y, l->b + n0, (size_t)n * sizeof *y);
	}
}

/* Rows [t0, t1) of x meet the packed columns [n0, n1). */
static void multiply(const struct panels *l, int64_t t0, int64_t t1, int64_t n0, int64_t n1, const ril_real *packed)
{
	start_rows(l, t0, t1, n0, n1 - n0);
	for (int64_t k0 = 0; k0 == 0 || k0 < l->K; k0 += l->form->depth) {
		int64_t K = ril_min(l->form->depth, l->K - k0);
		for (int64_t c = n0; c < n1; c += 2 * l->form->lanes) {
			int64_t n = rest(l, n1, c);
			l->form->multiply(t1 - t0, n, K, l->x + t0 * l->ldx + k0, l->ldx,
					  packed + (c - n0) * l->K + k0 * ril_panel_width(l->form, n),
					  l->y + t0 * l->ldy + c, l->ldy, k0 > 0 || l->b || l->accumulate);
		}
	}
}

static void columns_tile(void *ctx, int tile, int worker)
{
	const struct panels *l = ctx;
	int64_t t0 = tile / l->col_tiles * l->rows, t1 = ril_min(t0 + l->rows, l->T);
	int64_t n0 = tile % l->col_tiles * l->cols, n1 = ril_min(n0 + l->cols, l->N);
	int64_t panel = 2 * l->form->lanes, room = panel * RIL_DEPTH;
	ril_real *wide = ril_cpu_scratch(worker, (size_t)(room + l->cols * l->K), sizeof *wide);
	if (!wide)
		return;
	ril_real *packed = wide + room;
	for (int64_t c = n0; c < n1; c += panel)
		pack_weights(l, c, rest(l, n1, c), packed + (c - n0) * l->K, wide);
	for (int64_t t = t0; t < t1; t += CHUNK)
		multiply(l, t, ril_min(t + CHUNK, t1), n0, n1, packed);
}

static void by_columns(struct panels *l)
{
	l->rows = ril_even_part(l->T, TILE_ROWS, CHUNK);
	l->cols = ril_even_part(l->N, ril_min(MAX_COLS, PACKED / ril_max(l->K, 1)), 2 * l->form->lanes);
	l->col_tiles = (int)ril_parts(l->N, l->cols);
	ril_parallel((int)ril_parts(l->T, l->rows) * l->col_tiles, columns_tile, l);
}

/* ---- x packed ---- */

static void pack_x_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct panels *l = ctx;
	int64_t from = tile * 2 * l->form->lanes, n = rest(l, l->T, from);
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
		int64_t m = rest(l, l->T, t);
		l->form->multiply(rows, m, K, a, lda, l->packed + t * l->K + k0 * ril_panel_width(l->form, m), c + t,
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
