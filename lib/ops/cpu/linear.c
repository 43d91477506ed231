/* linear.c -- y = x w^T + b, by linear_few.c or linear_panels.c, and its gradients, by product.c.
 *
 * Weights are read as they are stored: types other than ril_real are widened a part at a time into a worker's scratch, never
 * as a whole. */
#include "cpu_internal.h"

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

/* ---- forward ---- */

static bool invariant; /* rows of y must not depend on how many there are: linear_panels.c's do not */

void ril_cpu_invariant(void)
{
	invariant = true;
}

int64_t ril_cpu_few_rows(void)
{
	return invariant ? 0 : RIL_FEW_ROWS;
}

void ril_wide_linear(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	if (x.rows <= 0 || w.rows <= 0)
		return;
	if (x.rows <= ril_cpu_few_rows())
		ril_linear_few(y, x, w, b, accumulate);
	else
		ril_linear_panels(y, x, w, b, accumulate, &ril_reals_form);
}

/* ---- backward: tiles of dw and db, which are few and long, then the many of dx, in one dispatch ---- */

struct gradients {
	struct ril_product dx, dw;
	ril_real *db;
};

/* db of the tile's columns of dy, which are dw's rows. */
static void db_tile(const struct gradients *g, int tile)
{
	const struct ril_product *p = &g->dw;
	int64_t n0 = tile / p->col_tiles * p->rows, n1 = ril_min(n0 + p->rows, p->M);
	for (int64_t t = 0; g->db && tile % p->col_tiles == 0 && t < p->K; t++)
		for (int64_t n = n0; n < n1; n++)
			g->db[n] += p->a[t * p->acs + n];
}

static void gradients_tile(void *ctx, int tile, int worker)
{
	const struct gradients *g = ctx;
	if (tile >= g->dw.tiles) {
		ril_product_tile(&g->dx, tile - g->dw.tiles, worker);
		return;
	}
	if (g->dw.c)
		ril_product_tile(&g->dw, tile, worker);
	db_tile(g, tile);
}

void ril_wide_linear_bwd(struct ril_mat dx, struct ril_mat dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
			 struct ril_mat w)
{
	if (x.rows <= 0 || w.rows <= 0 || w.cols <= 0)
		return;
	struct gradients g = {.db = db};
	g.dx = (struct ril_product){.form = &ril_reals_form,
				    .M = x.rows,
				    .N = w.cols,
				    .K = w.rows,
				    .a = ril_reals(dy),
				    .ars = dy.ld,
				    .acs = 1,
				    .b = w,
				    .add = true,
				    .c = ril_reals(dx),
				    .ldc = dx.ld};
	g.dw = (struct ril_product){.form = &ril_reals_form,
				    .M = w.rows,
				    .N = w.cols,
				    .K = x.rows,
				    .a = ril_reals(dy),
				    .ars = 1,
				    .acs = dy.ld,
				    .b = x,
				    .add = true,
				    .c = ril_reals(dw),
				    .ldc = w.cols};
	if (dx.p)
		ril_product_cut(&g.dx);
	if (dw.p || db)
		ril_product_cut(&g.dw);
	ril_parallel(g.dw.tiles + g.dx.tiles, gradients_tile, &g);
}
