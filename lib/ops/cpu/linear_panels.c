/* linear_panels.c -- y = x w^T + b by panels (mm.c): one side is packed, the other is read where it lies.
 *
 * Packed is the side of which that moves less.  x, once, where its rows are few: w streams by, in blocks of a few rows, which
 * in other types than ril_real are widened a block at a time in the first cache.  That is a batch being decoded, bound by w's
 * bytes or nearly.  Else w: a tile packs as many columns as stay in a second cache and meets hundreds of rows with them.
 *
 * Either way an element of y is its start (bias, what y held) and then its sums over RIL_DEPTH features each, in order: how
 * many rows are multiplied together, from RIL_FEW_ROWS on, does not change a row's bytes. */
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
	ril_real *packed; /* panels of RIL_PANEL rows of x, [K, width] each, one after another */
	int64_t ldy, ldx, T, N, K;
	int64_t rows, cols; /* of a tile */
	int col_tiles;
	bool accumulate;
};

static int64_t rest(int64_t n, int64_t from)
{
	return ril_min(RIL_PANEL, n - from);
}

/* ---- w packed ---- */

/* Rows [n0, n0 + n) of w as one panel.  What is to be widened is so RIL_DEPTH features at a time. */
static void pack_weights(const struct panels *l, int64_t n0, int64_t n, ril_real *to, ril_real *wide)
{
	if (l->w.type == RIL_REAL) {
		ril_pack_panel(to, (const ril_real *)l->w.p + n0 * l->K, l->K, n, l->K);
		return;
	}
	for (int64_t k0 = 0; k0 < l->K; k0 += RIL_DEPTH) {
		int64_t K = ril_min(RIL_DEPTH, l->K - k0);
		for (int64_t j = 0; j < n; j++)
			ril_cpu_widen(wide + j * K, l->w, (n0 + j) * l->K + k0, K);
		ril_pack_panel(to + k0 * ril_panel_width(n), wide, K, n, K);
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
	for (int64_t k0 = 0; k0 == 0 || k0 < l->K; k0 += RIL_DEPTH) {
		int64_t K = ril_min(RIL_DEPTH, l->K - k0);
		for (int64_t c = n0; c < n1; c += RIL_PANEL)
			ril_mm_panel(t1 - t0, rest(n1, c), K, l->x + t0 * l->ldx + k0, l->ldx,
				     packed + (c - n0) * l->K + k0 * ril_panel_width(rest(n1, c)),
				     l->y + t0 * l->ldy + c, l->ldy, k0 > 0 || l->b || l->accumulate);
	}
}

static void columns_tile(void *ctx, int tile, int worker)
{
	const struct panels *l = ctx;
	int64_t t0 = tile / l->col_tiles * l->rows, t1 = ril_min(t0 + l->rows, l->T);
	int64_t n0 = tile % l->col_tiles * l->cols, n1 = ril_min(n0 + l->cols, l->N);
	ril_real *wide = ril_cpu_scratch(worker, (size_t)(RIL_PANEL * RIL_DEPTH + l->cols * l->K), sizeof *wide);
	ril_real *packed = wide + RIL_PANEL * RIL_DEPTH;
	if (!wide)
		return;
	for (int64_t c = n0; c < n1; c += RIL_PANEL)
		pack_weights(l, c, rest(n1, c), packed + (c - n0) * l->K, wide);
	for (int64_t t = t0; t < t1; t += CHUNK)
		multiply(l, t, ril_min(t + CHUNK, t1), n0, n1, packed);
}

static void by_columns(struct panels *l)
{
	l->rows = ril_even_part(l->T, TILE_ROWS, CHUNK);
	l->cols = ril_even_part(l->N, ril_min(MAX_COLS, PACKED / ril_max(l->K, 1)), RIL_PANEL);
	l->col_tiles = (int)ril_parts(l->N, l->cols);
	ril_parallel((int)ril_parts(l->T, l->rows) * l->col_tiles, columns_tile, l);
}

/* ---- x packed ---- */

static void pack_x_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct panels *l = ctx;
	int64_t from = tile * (int64_t)RIL_PANEL;
	ril_pack_panel(l->packed + from * l->K, l->x + from * l->ldx, l->ldx, rest(l->T, from), l->K);
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
			(const char *)l->w.p + (size_t)(ril_min(i + RIL_MM_ROWS, l->N - 1) * l->K + k0) * size;
		for (size_t byte = 0; byte < (size_t)K * size; byte += LINE)
			__builtin_prefetch(ahead + byte);
		ril_cpu_widen(wide + (i - n) * K, l->w, i * l->K + k0, K);
	}
	return wide;
}

/* Outputs [n0, n1) of all rows, as c[outputs, T] first. */
static void outputs_tile(void *ctx, int tile, int worker)
{
	const struct panels *l = ctx;
	int64_t n0 = tile * l->cols, n1 = ril_min(n0 + l->cols, l->N), lda;
	ril_real *wide = ril_cpu_scratch(worker, (size_t)(RIL_MM_ROWS * RIL_DEPTH + l->cols * l->T), sizeof *wide);
	ril_real *c = wide + RIL_MM_ROWS * RIL_DEPTH;
	if (!wide)
		return;
	for (int64_t n = n0; n < n1; n++)
		for (int64_t t = 0; t < l->T; t++)
			c[(n - n0) * l->T + t] = (l->b ? l->b[n] : 0) + (l->accumulate ? l->y[t * l->ldy + n] : 0);
	for (int64_t k0 = 0; k0 < l->K; k0 += RIL_DEPTH) {
		int64_t K = ril_min(RIL_DEPTH, l->K - k0);
		for (int64_t n = n0; n < n1; n += RIL_MM_ROWS) {
			int64_t rows = ril_min(RIL_MM_ROWS, n1 - n);
			const ril_real *a = weights(l, n, rows, k0, K, wide, &lda);
			for (int64_t t = 0; t < l->T; t += RIL_PANEL)
				ril_mm_panel(rows, rest(l->T, t), K, a, lda,
					     l->packed + t * l->K + k0 * ril_panel_width(rest(l->T, t)),
					     c + (n - n0) * l->T + t, l->T, true);
		}
	}
	for (int64_t t = 0; t < l->T; t++)
		for (int64_t n = n0; n < n1; n++)
			l->y[t * l->ldy + n] = c[(n - n0) * l->T + t];
}

static void by_outputs(struct panels *l)
{
	int64_t packed = ril_parts(l->T, RIL_PANEL) * RIL_PANEL * l->K;
	if (!(l->packed = ril_cpu_scratch(RIL_SHARED_A, (size_t)packed, sizeof *l->packed)))
		return;
	ril_parallel((int)ril_parts(l->T, RIL_PANEL), pack_x_tile, l);
	l->cols = ril_even_part(l->N, TILE_WORK / ril_max(l->K * l->T, 1), RIL_MM_ROWS);
	ril_parallel((int)ril_parts(l->N, l->cols), outputs_tile, l);
}

void ril_linear_panels(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	struct panels l = {.y = ril_reals(y),
			   .ldy = y.ld,
			   .x = ril_reals(x),
			   .ldx = x.ld,
			   .T = x.rows,
			   .N = w.rows,
			   .K = w.cols,
			   .w = w,
			   .b = b,
			   .accumulate = accumulate};
	if (l.T <= PACK_X && l.T * (l.K + l.N) < l.K * l.N)
		by_outputs(&l);
	else
		by_columns(&l);
}
