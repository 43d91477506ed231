/* linear_few.c -- y = x w^T + b for a few rows of x: decoding, where a weight is read for a handful of products.
 *
 * Up to DOTS rows the product is bound by reading w: each row of w is widened in registers and multiplied with all rows of x
 * at once.  More rows, up to RIL_FEW_ROWS: a library's product would pack x and w for every call, which costs as much as it
 * saves; here x is turned once to columns, and a block of ROWS rows of w meets it in vectors over the rows of x, DEPTH
 * features at a time, so that these columns stay in the first cache and w, if it is to be widened, is so only there.
 *
 * A sum's order depends on the shapes alone. */
#include "cpu_internal.h"

#include "base/unused.h"

enum {
	DOTS = 8,
	WORK = 1 << 17, /* multiplications in a tile of dots */
};

struct few {
	ril_real *y;
	const ril_real *x, *b;
	struct ril_mat w;
	int64_t ldy, ldx, T, N, K;
	int64_t cols; /* outputs in a tile */
	bool accumulate;
	/* more rows than DOTS */
	ril_real *turned; /* [K, wide]: x as columns, zeros behind its rows */
	int64_t wide;
};

/* ---- dot products ---- */

/* A vector of a stored row: as it is, or two bytes an element that become the upper half of a float. */
static inline __attribute__((always_inline)) ril_vec load(const void *w, int64_t k, RIL_UNUSED const bool bf16)
{
#ifndef RIL_REAL_IS_DOUBLE
	typedef uint16_t half __attribute__((vector_size(RIL_VBYTES / 2), aligned(2), may_alias));
	typedef uint32_t whole __attribute__((vector_size(RIL_VBYTES)));
	if (bf16)
		return (ril_vec)(__builtin_convertvector(*(const half *)((const uint16_t *)w + k), whole) << 16);
#endif
	return *(const ril_vec *)((const ril_real *)w + k);
}

static inline ril_real load_one(const void *w, int64_t k, const bool bf16)
{
	return bf16 ? (ril_real)ril_bf16_f32(((const uint16_t *)w)[k]) : ((const ril_real *)w)[k];
}

/* sum[i][t] += the products of features [k, k + RIL_LANES). */
static inline __attribute__((always_inline)) void step(ril_vec (*sum)[DOTS], const void *const *w, const ril_real *x,
						       int64_t ldx, int64_t k, const int outs, const int rows,
						       const bool bf16)
{
#pragma GCC unroll 4
	for (int i = 0; i < outs; i++) {
		ril_vec v = load(w[i], k, bf16);
#pragma GCC unroll 8
		for (int t = 0; t < rows; t++)
			sum[i][t] += v * *(const ril_vec *)(x + t * ldx + k);
	}
}

/* dot[i][t] = w[i] . x row t, for `outs` rows of w, which lie one after another unless the last is given again, and `rows` of
 * x, at most DOTS products at once.  Of BF16 the block of rows that comes next is asked for meanwhile: rows are short runs, a
 * page or less each, whose successor the processor does not foresee. */
static inline __attribute__((always_inline)) void dots(ril_real (*dot)[DOTS], const void *const *w, const ril_real *x,
						       int64_t ldx, int64_t K, const int outs, const int rows,
						       const bool bf16)
{
	enum { LINE = 64 / sizeof(uint16_t) };
	ril_vec sum[4][DOTS];
	int64_t k = 0;
#pragma GCC unroll 4
	for (int i = 0; i < outs; i++)
#pragma GCC unroll 8
		for (int t = 0; t < rows; t++)
			sum[i][t] = (ril_vec){0};
	for (; bf16 && k + LINE <= K; k += LINE) {
#pragma GCC unroll 4
		for (int i = 0; i < outs; i++)
			__builtin_prefetch((const uint16_t *)w[i] + k + outs * K);
#pragma GCC unroll 8
		for (int64_t j = 0; j < LINE; j += RIL_LANES)
			step(sum, w, x, ldx, k + j, outs, rows, bf16);
	}
	for (; k + RIL_LANES <= K; k += RIL_LANES)
		step(sum, w, x, ldx, k, outs, rows, bf16);
#pragma GCC unroll 4
	for (int i = 0; i < outs; i++)
#pragma GCC unroll 8
		for (int t = 0; t < rows; t++) {
			ril_real total = 0;
			for (int l = 0; l < RIL_LANES; l++)
				total += sum[i][t][l];
			for (int64_t m = k; m < K; m++)
				total += load_one(w[i], m, bf16) * x[t * ldx + m];
			dot[i][t] = total;
		}
}

/* Rows of w at once: each vector of x is loaded once for all of them, and several streams of memory keep going.  Their
 * sums fill half of the registers. */
enum { REGISTERS = RIL_VBYTES == 64 ? 32 : 16, OUTS_4 = REGISTERS / 8, OUTS_8 = REGISTERS / 16 };

static int outs_at_once(int64_t T)
{
	return T <= 2 ? 4 : T <= 4 ? OUTS_4 : OUTS_8;
}

static inline __attribute__((always_inline)) void few_dots(ril_real (*dot)[DOTS], const void *const *w,
							   const ril_real *x, int64_t ldx, int64_t T, int64_t K,
							   const bool bf16)
{
	switch (T) {
	case 1: dots(dot, w, x, ldx, K, 4, 1, bf16); break;
	case 2: dots(dot, w, x, ldx, K, 4, 2, bf16); break;
	case 3: dots(dot, w, x, ldx, K, OUTS_4, 3, bf16); break;
	case 4: dots(dot, w, x, ldx, K, OUTS_4, 4, bf16); break;
	case 5: dots(dot, w, x, ldx, K, OUTS_8, 5, bf16); break;
	case 6: dots(dot, w, x, ldx, K, OUTS_8, 6, bf16); break;
	case 7: dots(dot, w, x, ldx, K, OUTS_8, 7, bf16); break;
	default: dots(dot, w, x, ldx, K, OUTS_8, DOTS, bf16); break;
	}
}

static bool read_in_place(enum ril_dtype t)
{
	return t == RIL_REAL || (t == RIL_BF16 && RIL_REAL == RIL_F32);
}

/* A range of outputs for a few rows.  Types that cannot be read in place are widened a few rows of w at a time. */
static void dots_tile(void *ctx, int tile, int worker)
{
	const struct few *l = ctx;
	int64_t n0 = tile * l->cols, n1 = ril_min(n0 + l->cols, l->N);
	int outs = outs_at_once(l->T);
	bool in_place = read_in_place(l->w.type);
	size_t size = ril_dtype_size(l->w.type);
	ril_real *wide = in_place ? NULL : ril_cpu_scratch(worker, (size_t)(outs * l->K), sizeof *wide), dot[4][DOTS];
	if (!in_place && !wide)
		return;
	for (int64_t n = n0; n < n1; n += outs) {
		const void *w[4];
		for (int i = 0; i < outs; i++) {
			int64_t row = ril_min(n + i, n1 - 1);
			w[i] = in_place ? (const char *)l->w.p + (size_t)(row * l->K) * size
					: (const char *)(wide + i * l->K);
			if (!in_place)
				ril_cpu_widen(wide + i * l->K, l->w, row * l->K, l->K);
		}
		if (in_place && l->w.type != RIL_REAL)
			few_dots(dot, w, l->x, l->ldx, l->T, l->K, true);
		else
			few_dots(dot, w, l->x, l->ldx, l->T, l->K, false);
		for (int64_t i = 0; i < ril_min(outs, n1 - n); i++)
			for (int64_t t = 0; t < l->T; t++) {
				ril_real *y = l->y + t * l->ldy + n + i;
				*y = dot[i][t] + (l->b ? l->b[n + i] : 0) + (l->accumulate ? *y : 0);
			}
	}
}

/* ---- columns ---- */

enum {
	ROWS = RIL_VBYTES == 64 ? 12 : 6, /* with two vectors each: 24 of 32 registers, or 12 of 16, hold sums */
	DEPTH = 512,
	COLUMN_WORK = 1 << 21, /* multiplications in a tile */
};

static void turn(void *ctx, int64_t from, int64_t to)
{
	const struct few *l = ctx;
	for (int64_t k = from; k < to; k++) {
		ril_real *at = l->turned + k * l->wide;
		for (int64_t t = 0; t < l->T; t++)
			at[t] = l->x[t * l->ldx + k];
		for (int64_t t = l->T; t < l->wide; t++)
			at[t] = 0;
	}
}

/* c[ROWS, nv vectors] (+)= a[ROWS, K] b[K, nv vectors] */
static inline __attribute__((always_inline)) void block(ril_real *c, int64_t ldc, const ril_real *a, int64_t lda,
							const ril_real *b, int64_t ldb, int64_t K, bool add,
							const int nv)
{
	ril_vec sum[ROWS][2];
#pragma GCC unroll 12
	for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			sum[i][v] = add ? *(const ril_vec *)(c + i * ldc + v * RIL_LANES) : (ril_vec){0};
	for (int64_t k = 0; k < K; k++) {
		ril_vec x[2];
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			x[v] = *(const ril_vec *)(b + k * ldb + v * RIL_LANES);
#pragma GCC unroll 12
		for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
			for (int v = 0; v < nv; v++)
				sum[i][v] += a[i * lda + k] * x[v];
	}
#pragma GCC unroll 12
	for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			*(ril_vec *)(c + i * ldc + v * RIL_LANES) = sum[i][v];
}

/* All columns; a function of its own, so that the block's registers are its own. */
static __attribute__((noinline)) void block_row(const struct few *l, ril_real *c, const ril_real *a, int64_t lda,
						int64_t k0, int64_t K)
{
	const ril_real *b = l->turned + k0 * l->wide;
	int64_t t = 0;
	for (; t + 2 * RIL_LANES <= l->wide; t += 2 * RIL_LANES)
		block(c + t, l->wide, a, lda, b + t, l->wide, K, k0 > 0, 2);
	if (t < l->wide)
		block(c + t, l->wide, a, lda, b + t, l->wide, K, k0 > 0, 1);
}

/* Rows [n, n + ROWS) of w, the last one of the tile again beyond its end, and features [k0, k0 + K); the rows that come next
 * are asked for meanwhile: each is a short run of a page of its own, which the processor does not foresee. */
static const ril_real *weights(const struct few *l, int64_t n, int64_t n1, int64_t k0, int64_t K, ril_real *panel,
			       int64_t *lda)
{
	enum { LINE = 64 };
	size_t size = ril_dtype_size(l->w.type);
	if (l->w.type == RIL_REAL && n + ROWS <= n1) {
		*lda = l->K;
		return (const ril_real *)l->w.p + n * l->K + k0;
	}
	*lda = K;
	for (int i = 0; i < ROWS; i++) {
		int64_t row = ril_min(n + i, n1 - 1), next = ril_min(n + ROWS + i, n1 - 1);
		const char *ahead = (const char *)l->w.p + (size_t)(next * l->K + k0) * size;
		for (size_t byte = 0; byte < (size_t)K * size; byte += LINE)
			__builtin_prefetch(ahead + byte);
		ril_cpu_widen(panel + i * K, l->w, row * l->K + k0, K);
	}
	return panel;
}

static void columns_tile(void *ctx, int tile, int worker)
{
	const struct few *l = ctx;
	int64_t n0 = tile * l->cols, n1 = ril_min(n0 + l->cols, l->N), lda;
	int64_t rows = ril_parts(n1 - n0, ROWS) * ROWS;
	ril_real *panel = ril_cpu_scratch(worker, (size_t)(ROWS * DEPTH + rows * l->wide), sizeof *panel);
	ril_real *c = panel + ROWS * DEPTH;
	if (!panel)
		return;
	for (int64_t k0 = 0; k0 < l->K; k0 += DEPTH) {
		int64_t K = ril_min(DEPTH, l->K - k0);
		for (int64_t n = n0; n < n1; n += ROWS) {
			const ril_real *a = weights(l, n, n1, k0, K, panel, &lda);
			block_row(l, c + (n - n0) * l->wide, a, lda, k0, K);
		}
	}
	for (int64_t t = 0; t < l->T; t++) {
		ril_real *y = l->y + t * l->ldy;
		for (int64_t n = n0; n < n1; n++)
			y[n] = (l->K ? c[(n - n0) * l->wide + t] : 0) + (l->b ? l->b[n] : 0) +
			       (l->accumulate ? y[n] : 0);
	}
}

void ril_linear_few(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	struct few l = {.y = ril_reals(y),
			.ldy = y.ld,
			.x = ril_reals(x),
			.ldx = x.ld,
			.T = x.rows,
			.N = w.rows,
			.K = w.cols,
			.w = w,
			.b = b,
			.accumulate = accumulate};
	if (l.T <= DOTS) {
		l.cols = ril_even_part(l.N, WORK / ril_max(l.K * l.T, 1), 1);
		ril_parallel((int)ril_parts(l.N, l.cols), dots_tile, &l);
		return;
	}
	l.wide = ril_parts(l.T, RIL_LANES) * RIL_LANES;
	if (!(l.turned = ril_cpu_scratch(RIL_SHARED_A, (size_t)(l.K * l.wide), sizeof *l.turned)))
		return;
	ril_cpu_ranges(l.K, RIL_GRAIN / l.wide, turn, &l);
	l.cols = ril_even_part(l.N, COLUMN_WORK / ril_max(l.K * l.wide, 1), ROWS);
	ril_parallel((int)ril_parts(l.N, l.cols), columns_tile, &l);
}
