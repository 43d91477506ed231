/* head.c -- the language head fused with log-softmax, in tiles of rows x vocabulary.
 *
 * Forward: a tile's logits live in scratch only long enough to give (maximum, sum of exponentials, their mean logit,
 * target logit) for each of its rows; these are merged in the order of the vocabulary.  Backward: a slab of rows at a
 * time, small enough that its dz [rows, V] stays bounded, is computed once and used for both gradients. */
#include "cpu_internal.h"
#include "vmath_internal.h"

enum {
	MAX_VOCAB = 1024, /* vocabulary rows in a tile */
	MAX_HEAD_ROWS = 128,
	SLAB = 1 << 22, /* elements of dz kept at once */
};

struct part { /* of one row over one stretch of the vocabulary; sums relative to exp(max) */
	double max, sum, sum_z;
	double target;
};

struct head {
	struct part *part; /* [R, chunks] */
	ril_real *dz;
	const ril_real *h, *lse;
	const double *dlogp, *dentropy, *entropy;
	const int32_t *target;
	struct ril_mat w;
	int64_t R, V, C, rows, chunk;
	int64_t r0, n; /* backward: the slab */
	int row_tiles, chunks;
	double inv_t;
};

/* z[rows, n] = inv_t * h w^T for rows [r0, ..) and vocabulary [v0, ..); the worker's scratch also widens w. */
static void logits(const struct head *a, ril_real *z, int64_t ldz, int64_t r0, int64_t rows, int64_t v0, int64_t n,
		   ril_real *wide)
{
	const ril_real *w = (const ril_real *)a->w.p + v0 * a->C;
	if (a->w.type != RIL_REAL) {
		ril_cpu_widen(wide, a->w, v0 * a->C, n * a->C);
		w = wide;
	}
	ril_gemm(false, true, rows, n, a->C, a->h + r0 * a->C, a->C, w, a->C, 0, z, ldz);
	if (a->inv_t == 1)
		return;
	ril_real s = (ril_real)a->inv_t;
	for (int64_t r = 0; r < rows; r++)
		for (int64_t v = 0; v < n; v++)
			z[r * ldz + v] *= s;
}

static size_t wide_size(const struct head *a, int64_t n)
{
	return a->w.type == RIL_REAL ? 0 : (size_t)(n * a->C);
}

static struct part part_of(const ril_real *z, int64_t n)
{
	ril_real max = z[0];
	double sum = 0, sum_z = 0;
#pragma omp simd reduction(max : max)
	for (int64_t v = 0; v < n; v++)
		max = z[v] > max ? z[v] : max;
	for (int64_t v0 = 0; v0 < n; v0 += 256) {
		ril_real s = 0, sz = 0;
		int64_t v1 = ril_min(v0 + 256, n);
#pragma omp simd reduction(+ : s, sz)
		for (int64_t v = v0; v < v1; v++) {
			ril_real e = ril_exp(z[v] - max);
			s += e;
			sz += e * (z[v] - max);
		}
		sum += s;
		sum_z += sz;
	}
	return (struct part){max, sum, sum_z, 0};
}

static void logp_tile(void *ctx, int tile, int worker)
{
	const struct head *a = ctx;
	int chunk = tile / a->row_tiles;
	int64_t r0 = tile % a->row_tiles * a->rows, rows = ril_min(a->rows, a->R - r0);
	int64_t v0 = chunk * a->chunk, n = ril_min(a->chunk, a->V - v0);
	ril_real *z = ril_cpu_scratch(worker, (size_t)(rows * n) + wide_size(a, n), sizeof *z);
	if (!z)
		return;
	logits(a, z, n, r0, rows, v0, n, z + rows * n);
	for (int64_t r = 0; r < rows; r++) {
		struct part p = part_of(z + r * n, n);
		int64_t target = a->target[r0 + r] - v0;
		if (target >= 0 && target < n)
			p.target = z[r * n + target];
		a->part[(r0 + r) * a->chunks + chunk] = p;
	}
}

/* A NaN anywhere in the row must come out: comparisons drop it from the maximum, the sum keeps it. */
static void merge_row(const struct head *a, int64_t r, double *logp, double *entropy, ril_real *lse)
{
	const struct part *p = a->part + r * a->chunks;
	double max = p[0].max, sum = 0, sum_z = 0, target = 0;
	for (int i = 1; i < a->chunks; i++)
		max = p[i].max > max ? p[i].max : max;
	for (int i = 0; i < a->chunks; i++) {
		double e = exp(p[i].max - max);
		sum += e * p[i].sum;
		sum_z += e * (p[i].sum_z + (p[i].max - max) * p[i].sum);
		target += p[i].target;
	}
	double log_sum = log(sum);
	logp[r] = target - max - log_sum;
	if (entropy)
		entropy[r] = log_sum - sum_z / sum;
	if (lse)
		lse[r] = (ril_real)(max + log_sum);
}

static void cut(struct head *a)
{
	int64_t limit =
		a->w.type == RIL_REAL ? MAX_VOCAB : ril_min(MAX_VOCAB, ril_max(64, (1 << 19) / ril_max(a->C, 1)));
	a->chunk = ril_even_part(a->V, limit, 16);
	a->chunks = (int)ril_parts(a->V, a->chunk);
	a->rows = ril_even_part(a->R, MAX_HEAD_ROWS, 8);
	a->row_tiles = (int)ril_parts(a->R, a->rows);
}

void ril_wide_head_logp(double *logp, double *entropy, ril_real *lse, struct ril_mat h, const int32_t *target,
			struct ril_mat w, double inv_t)
{
	int64_t R = h.rows;
	struct head a = {.h = ril_reals(h), .target = target, .R = R, .V = w.rows, .C = w.cols, .w = w, .inv_t = inv_t};
	if (R <= 0)
		return;
	cut(&a);
	a.part = ril_cpu_scratch(RIL_SHARED_A, (size_t)(R * a.chunks), sizeof *a.part);
	if (!a.part)
		return;
	ril_parallel(a.row_tiles * a.chunks, logp_tile, &a);
	for (int64_t r = 0; r < R; r++)
		merge_row(&a, r, logp, entropy, lse);
}

/* ---- backward ---- */

/* z[n] of a row -> d loss / d z, but for the target's own part. */
static void turn(ril_real *z, int64_t n, ril_real scale, const struct head *a, int64_t row)
{
	ril_real lse = a->lse[row], by_entropy = a->dentropy ? (ril_real)(a->dentropy[row] * a->inv_t) : 0;
	if (by_entropy != 0) {
		ril_real from = (ril_real)(a->entropy[row] - (double)lse);
#pragma omp simd
		for (int64_t v = 0; v < n; v++) {
			ril_real p = ril_exp(z[v] - lse);
			z[v] = p == 0 ? 0 : -p * (scale + by_entropy * (z[v] + from));
		}
	} else if (scale != 0) {
#pragma omp simd
		for (int64_t v = 0; v < n; v++)
			z[v] = -scale * ril_exp(z[v] - lse);
	} else {
		memset(z, 0, (size_t)n * sizeof *z);
	}
}

static void dz_tile(void *ctx, int tile, int worker)
{
	const struct head *a = ctx;
	int64_t r0 = tile % a->row_tiles * a->rows, rows = ril_min(a->rows, a->n - r0);
	int64_t v0 = tile / a->row_tiles * a->chunk, n = ril_min(a->chunk, a->V - v0);
	ril_real *wide = ril_cpu_scratch(worker, wide_size(a, n), sizeof *wide), *dz = a->dz + r0 * a->V + v0;
	if (!wide)
		return;
	logits(a, dz, a->V, a->r0 + r0, rows, v0, n, wide);
	for (int64_t r = 0; r < rows; r++, dz += a->V) {
		int64_t row = a->r0 + r0 + r, target = a->target[row] - v0;
		ril_real scale = (ril_real)(a->dlogp[row] * a->inv_t);
		turn(dz, n, scale, a, row);
		if (target >= 0 && target < n)
			dz[target] += scale;
	}
}

void ril_wide_head_logp_bwd(struct ril_mat dh, struct ril_mat dw, const double *dlogp, const double *dentropy,
			    const double *entropy, const ril_real *lse, struct ril_mat h, const int32_t *target,
			    struct ril_mat w, double inv_t)
{
	int64_t R = h.rows;
	struct head a = {.dlogp = dlogp,
			 .dentropy = dentropy,
			 .entropy = entropy,
			 .lse = lse,
			 .h = ril_reals(h),
			 .target = target,
			 .R = R,
			 .V = w.rows,
			 .C = w.cols,
			 .w = w,
			 .inv_t = inv_t};
	if (R <= 0 || (!dh.p && !dw.p))
		return;
	int64_t slab = ril_even_part(R, ril_max(64, SLAB / a.V), 8);
	a.dz = ril_cpu_scratch(RIL_SHARED_A, (size_t)(ril_min(slab, R) * a.V), sizeof *a.dz);
	if (!a.dz)
		return;
	cut(&a);
	for (a.r0 = 0; a.r0 < R; a.r0 += slab) {
		a.n = ril_min(slab, R - a.r0);
		a.rows = ril_even_part(a.n, MAX_HEAD_ROWS, 8);
		a.row_tiles = (int)ril_parts(a.n, a.rows);
		ril_parallel(a.row_tiles * a.chunks, dz_tile, &a);
		ril_wide_linear_bwd(ril_mat_rows(dh, a.r0, a.n), dw, NULL, ril_mat_of(a.dz, RIL_REAL, a.n, a.V),
				    ril_mat_rows(h, a.r0, a.n), w);
	}
}
