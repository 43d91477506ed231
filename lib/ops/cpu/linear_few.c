/* linear_few.c -- y = x w^T + b for up to RIL_FEW_ROWS rows of x: decoding, where a weight is read for a handful of
 * products and reading it is what takes the time.
 *
 * Each row of w is widened in registers and multiplied with all rows of x at once, in vectors over the features. */
#include "cpu_internal.h"

#include "base/unused.h"

enum {
	DOTS = RIL_FEW_ROWS,
	WORK = 1 << 17, /* multiplications in a tile of dots */
};

struct few {
	ril_real *y;
	const ril_real *x, *b;
	struct ril_mat w;
	int64_t ldy, ldx, T, N, K;
	int64_t cols; /* outputs in a tile */
	bool accumulate;
};

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
	l.cols = ril_even_part(l.N, WORK / ril_max(l.K * l.T, 1), 1);
	ril_parallel((int)ril_parts(l.N, l.cols), dots_tile, &l);
}
