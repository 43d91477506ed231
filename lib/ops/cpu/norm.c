/* norm.c -- RMSNorm and LayerNorm.
 *
 * With n = x rstd (or (x - mean) rstd) and g = dy w, the gradient is dx = rstd (g - n mean(g n)), less mean(g) for
 * LayerNorm: both are projections of g off what the normalisation removes. */
#include "cpu_internal.h"
#include "vmath_internal.h"

struct norm {
	ril_real *y, *mean_out, *rstd_out; /* forward */
	ril_real *dx;                      /* backward */
	const ril_real *dy, *x, *w, *b, *mean, *rstd;
	int64_t ldy, ldx, lddx, C;
	double eps;
};

static ril_real sum(const ril_real *x, int64_t n)
{
	ril_real s = 0;
#pragma omp simd reduction(+ : s)
	for (int64_t i = 0; i < n; i++)
		s += x[i];
	return s;
}

static ril_real sum_of_squares(const ril_real *x, ril_real mean, int64_t n)
{
	ril_real s = 0;
#pragma omp simd reduction(+ : s)
	for (int64_t i = 0; i < n; i++)
		s += (x[i] - mean) * (x[i] - mean);
	return s;
}

static void rmsnorm_rows(void *ctx, int64_t from, int64_t to)
{
	const struct norm *a = ctx;
	for (int64_t t = from; t < to; t++) {
		const ril_real *x = a->x + t * a->ldx;
		ril_real *y = a->y + t * a->ldy;
		ril_real rstd = 1 / ril_sqrt(sum_of_squares(x, 0, a->C) / (ril_real)a->C + (ril_real)a->eps);
		for (int64_t c = 0; c < a->C; c++)
			y[c] = x[c] * rstd * a->w[c];
		if (a->rstd_out)
			a->rstd_out[t] = rstd;
	}
}

void ril_wide_rmsnorm(struct ril_mat y, ril_real *rstd, struct ril_mat x, const ril_real *w, double eps)
{
	struct norm a = {.y = ril_reals(y),
			 .ldy = y.ld,
			 .rstd_out = rstd,
			 .x = ril_reals(x),
			 .ldx = x.ld,
			 .w = w,
			 .C = x.cols,
			 .eps = eps};
	ril_cpu_ranges(x.rows, RIL_GRAIN / 2 / ril_max(a.C, 1), rmsnorm_rows, &a);
}

static void rmsnorm_bwd_rows(void *ctx, int64_t from, int64_t to, ril_real *dw)
{
	const struct norm *a = ctx;
	for (int64_t t = from; t < to; t++) {
		const ril_real *x = a->x + t * a->ldx, *dy = a->dy + t * a->ldy, *w = a->w;
		ril_real rstd = a->rstd[t], dot = 0;
#pragma omp simd reduction(+ : dot)
		for (int64_t c = 0; c < a->C; c++)
			dot += dy[c] * w[c] * x[c];
		for (int64_t c = 0; c < a->C; c++)
			dw[c] += dy[c] * x[c] * rstd;
		if (!a->dx)
			continue;
		ril_real *dx = a->dx + t * a->lddx, along = dot * rstd * rstd * rstd / (ril_real)a->C;
		for (int64_t c = 0; c < a->C; c++)
			dx[c] += dy[c] * w[c] * rstd - x[c] * along;
	}
}

void ril_wide_rmsnorm_bwd(struct ril_mat dx, ril_real *dw, struct ril_mat dy, struct ril_mat x, const ril_real *w,
			  const ril_real *rstd)
{
	struct norm a = {.dx = ril_reals(dx),
			 .lddx = dx.ld,
			 .dy = ril_reals(dy),
			 .ldy = dy.ld,
			 .x = ril_reals(x),
			 .ldx = x.ld,
			 .w = w,
			 .rstd = rstd,
			 .C = x.cols};
	ril_cpu_row_sums(x.rows, x.cols, 1, rmsnorm_bwd_rows, &a, &dw);
}

static void layernorm_rows(void *ctx, int64_t from, int64_t to)
{
	const struct norm *a = ctx;
	for (int64_t t = from; t < to; t++) {
		const ril_real *x = a->x + t * a->C;
		ril_real *y = a->y + t * a->C, mean = sum(x, a->C) / (ril_real)a->C;
		ril_real rstd = 1 / ril_sqrt(sum_of_squares(x, mean, a->C) / (ril_real)a->C + (ril_real)a->eps);
		for (int64_t c = 0; c < a->C; c++)
			y[c] = (x[c] - mean) * rstd * a->w[c] + a->b[c];
		if (a->mean_out)
			a->mean_out[t] = mean;
		if (a->rstd_out)
			a->rstd_out[t] = rstd;
	}
}

void ril_wide_layernorm(struct ril_mat y, ril_real *mean, ril_real *rstd, struct ril_mat x, const ril_real *w,
			const ril_real *b, double eps)
{
	struct norm a = {.y = ril_reals(y),
			 .mean_out = mean,
			 .rstd_out = rstd,
			 .x = ril_reals(x),
			 .w = w,
			 .b = b,
			 .C = x.cols,
			 .eps = eps};
	ril_cpu_ranges(x.rows, RIL_GRAIN / 2 / ril_max(a.C, 1), layernorm_rows, &a);
}

static void layernorm_bwd_rows(void *ctx, int64_t from, int64_t to, ril_real *dw)
{
	const struct norm *a = ctx;
	ril_real *db = dw + a->C;
	for (int64_t t = from; t < to; t++) {
		const ril_real *x = a->x + t * a->C, *dy = a->dy + t * a->C, *w = a->w;
		ril_real rstd = a->rstd[t], mean = a->mean[t], dot = 0, level = 0;
#pragma omp simd reduction(+ : dot, level)
		for (int64_t c = 0; c < a->C; c++) {
			dot += dy[c] * w[c] * (x[c] - mean);
			level += dy[c] * w[c];
		}
		for (int64_t c = 0; c < a->C; c++) {
			dw[c] += dy[c] * (x[c] - mean) * rstd;
			db[c] += dy[c];
		}
		if (!a->dx)
			continue;
		ril_real *dx = a->dx + t * a->C, along = dot * rstd * rstd * rstd / (ril_real)a->C;
		level *= rstd / (ril_real)a->C;
		for (int64_t c = 0; c < a->C; c++)
			dx[c] += dy[c] * w[c] * rstd - level - (x[c] - mean) * along;
	}
}

void ril_wide_layernorm_bwd(struct ril_mat dx, ril_real *dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
			    const ril_real *w, const ril_real *mean, const ril_real *rstd)
{
	struct norm a = {.dx = ril_reals(dx),
			 .dy = ril_reals(dy),
			 .x = ril_reals(x),
			 .w = w,
			 .mean = mean,
			 .rstd = rstd,
			 .C = x.cols};
	ril_real *const out[] = {dw, db};
	ril_cpu_row_sums(x.rows, x.cols, 2, layernorm_bwd_rows, &a, out);
}
