/* linear.c -- y = x w^T + b, by linear_few.c or linear_panels.c, and its gradients, by BLAS on tiles.
 *
 * Weights are read as they are stored: types other than ril_real are widened a part at a time into a worker's scratch, never
 * as a whole. */
#include "cpu_internal.h"

enum {
	PANEL = 1 << 17,     /* elements of w widened at once */
	TILE_WORK = 1 << 19, /* multiplications in a tile */
	MIN_ROWS = 128,
	MAX_ROWS = 512,
	MAX_COLS = 512,
};

struct linear {
	ril_real *dx, *dw, *db;
	const ril_real *x, *dy;
	struct ril_mat w;
	int64_t ldx, lddx, lddy, T, N, K;
	int64_t rows, cols; /* of a tile */
	int row_tiles, dw_tiles, dw_cols;
	int64_t dw_rows, dw_width;
};

/* ---- widening ---- */

static void widen_bf16(ril_real *dst, const uint16_t *src, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		dst[i] = ril_bf16_f32(src[i]);
}

static void widen_f16(ril_real *dst, const uint16_t *src, int64_t n)
{
	int64_t i = 0;
#if defined(__F16C__) && !defined(RIL_REAL_IS_DOUBLE)
	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(src + i))));
#endif
	for (; i < n; i++)
		dst[i] = ril_f16_f32(src[i]);
}

void ril_cpu_widen(ril_real *dst, struct ril_mat w, int64_t at, int64_t n)
{
	if (w.type == RIL_REAL) {
		memcpy(dst, (const ril_real *)w.p + at, (size_t)n * sizeof *dst);
	} else if (w.type == RIL_BF16) {
		widen_bf16(dst, (const uint16_t *)w.p + at, n);
	} else if (w.type == RIL_F16) {
		widen_f16(dst, (const uint16_t *)w.p + at, n);
	} else {
		const char *from = (const char *)w.p + (size_t)at * ril_dtype_size(w.type);
#ifdef RIL_REAL_IS_DOUBLE
		ril_to_f64(dst, from, w.type, (size_t)n);
#else
		ril_to_f32(dst, from, w.type, (size_t)n);
#endif
	}
}

/* Rows [n0, n0+n) and columns [k0, k0+k) of w as ril_real: in place, or widened into the worker's scratch. */
static const ril_real *panel_of(struct ril_mat w, int64_t n0, int64_t n, int64_t k0, int64_t k, int64_t *ld, int worker)
{
	*ld = w.cols;
	if (w.type == RIL_REAL)
		return (const ril_real *)w.p + n0 * w.cols + k0;
	ril_real *p = ril_cpu_scratch(worker, (size_t)(n * k), sizeof *p);
	*ld = k;
	if (p && k == w.cols)
		ril_cpu_widen(p, w, n0 * k, n * k);
	for (int64_t i = 0; p && k < w.cols && i < n; i++)
		ril_cpu_widen(p + i * k, w, (n0 + i) * w.cols + k0, k);
	return p;
}

static int64_t panel_rows(int64_t k)
{
	return ril_max(16, PANEL / ril_max(k, 1));
}

/* Rows of a tile whose other sides have `area`: BLAS packs, and we widen, the whole area for each tile, so it must meet many
 * rows. */
static int64_t tile_rows(int64_t rows, int64_t area)
{
	return ril_even_part(rows, ril_min(MAX_ROWS, ril_max(MIN_ROWS, TILE_WORK / ril_max(area, 1))), 16);
}

/* ---- forward ---- */

void ril_wide_linear(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	if (x.rows <= 0 || w.rows <= 0)
		return;
	if (x.rows <= RIL_FEW_ROWS)
		ril_linear_few(y, x, w, b, accumulate);
	else
		ril_linear_panels(y, x, w, b, accumulate, &ril_reals_form);
}

/* ---- backward: tiles of dw and db, which are few and long, then the many of dx, in one dispatch ---- */

static void dx_tile(const struct linear *l, int tile, int worker)
{
	int64_t t0 = tile % l->row_tiles * l->rows, rows = ril_min(l->rows, l->T - t0);
	int64_t k0 = tile / l->row_tiles * l->cols, k = ril_min(l->cols, l->K - k0), ldw;
	int64_t step = l->w.type == RIL_REAL ? l->N : panel_rows(k);
	for (int64_t n0 = 0; n0 < l->N; n0 += step) {
		int64_t n = ril_min(step, l->N - n0);
		const ril_real *w = panel_of(l->w, n0, n, k0, k, &ldw, worker);
		if (w)
			ril_gemm(false, false, rows, k, n, l->dy + t0 * l->lddy + n0, l->lddy, w, ldw, 1,
				 l->dx + t0 * l->lddx + k0, l->lddx);
	}
}

static void dw_tile(const struct linear *l, int tile)
{
	int64_t n0 = tile / l->dw_cols * l->dw_rows, k0 = tile % l->dw_cols * l->dw_width;
	int64_t n = ril_min(l->dw_rows, l->N - n0), k = ril_min(l->dw_width, l->K - k0);
	if (l->dw)
		ril_gemm(true, false, n, k, l->T, l->dy + n0, l->lddy, l->x + k0, l->ldx, 1, l->dw + n0 * l->K + k0,
			 l->K);
	if (l->db && k0 == 0)
		for (int64_t t = 0; t < l->T; t++)
			for (int64_t i = n0; i < n0 + n; i++)
				l->db[i] += l->dy[t * l->lddy + i];
}

static void linear_bwd_tile(void *ctx, int tile, int worker)
{
	const struct linear *l = ctx;
	if (tile < l->dw_tiles)
		dw_tile(l, tile);
	else
		dx_tile(l, tile - l->dw_tiles, worker);
}

void ril_wide_linear_bwd(struct ril_mat dx, struct ril_mat dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
			 struct ril_mat w)
{
	int64_t T = x.rows;
	struct linear l = {.dx = ril_reals(dx),
			   .lddx = dx.ld,
			   .dw = ril_reals(dw),
			   .db = db,
			   .dy = ril_reals(dy),
			   .lddy = dy.ld,
			   .x = ril_reals(x),
			   .ldx = x.ld,
			   .T = T,
			   .N = w.rows,
			   .K = w.cols,
			   .w = w};
	if (T <= 0 || l.N <= 0 || l.K <= 0)
		return;
	int dx_tiles = 0;
	if (dx.p) {
		l.cols = ril_even_part(l.K, MAX_COLS, 16);
		l.rows = tile_rows(T, l.N * l.cols);
		l.row_tiles = (int)ril_parts(T, l.rows);
		dx_tiles = l.row_tiles * (int)ril_parts(l.K, l.cols);
	}
	if (dw.p || db) {
		l.dw_width = dw.p ? ril_even_part(l.K, MAX_COLS, 16) : l.K;
		l.dw_rows = tile_rows(l.N, T * l.dw_width);
		l.dw_cols = (int)ril_parts(l.K, l.dw_width);
		l.dw_tiles = (int)ril_parts(l.N, l.dw_rows) * l.dw_cols;
	}
	ril_parallel(l.dw_tiles + dx_tiles, linear_bwd_tile, &l);
}
