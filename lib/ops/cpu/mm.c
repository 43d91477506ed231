/* mm.c -- small matrix products for attention.
 *
 * Attention multiplies thousands of matrices with 10 to 100 rows a step; a BLAS call costs as much as such a product.
 * Here a block of ROWS x 2 vectors of C stays in registers while k runs; A's elements are broadcast, so A may have any
 * strides (that is how transposes are read without a copy), B's rows are loaded as vectors. */
#include "cpu_internal.h"

#if RIL_VBYTES == 64
enum { ROWS = 8 }; /* 16 of 32 registers hold C */
#else
enum { ROWS = 4 }; /* 8 of 16 */
#endif

#define INLINE static inline __attribute__((always_inline))

struct operands {
	const ril_real *a, *b;
	ril_real *c;
	int64_t K, ars, acs, ldb, ldc;
	bool add;
};

/* One block of `rows` x `nv` vectors, both constant where this is inlined; the last `tail` columns alone are stored
 * when tail is set. */
INLINE void block(struct operands o, const int rows, const int nv, int64_t skip, bool some)
{
	ril_vec acc[8][2];
#pragma GCC unroll 8
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			acc[i][v] = (ril_vec){0};
	for (int64_t k = 0; k < o.K; k++) {
		ril_vec b[2];
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			b[v] = *(const ril_vec *)(o.b + k * o.ldb + v * RIL_LANES);
#pragma GCC unroll 8
		for (int i = 0; i < rows; i++) {
			ril_real a = o.a[i * o.ars + k * o.acs];
#pragma GCC unroll 2
			for (int v = 0; v < nv; v++)
				acc[i][v] += a * b[v];
		}
	}
#pragma GCC unroll 8
	for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++) {
			ril_real *c = o.c + i * o.ldc + v * RIL_LANES;
			if (some) {
				for (int64_t j = skip; j < RIL_LANES; j++)
					c[j] = o.add ? c[j] + acc[i][v][j] : acc[i][v][j];
			} else if (o.add) {
				*(ril_vec *)c += acc[i][v];
			} else {
				*(ril_vec *)c = acc[i][v];
			}
		}
	}
}

/* All rows of one panel of columns. */
INLINE void panel(struct operands o, int64_t M, const int nv, int64_t skip, bool some)
{
	for (; M >= ROWS; M -= ROWS, o.a += ROWS * o.ars, o.c += ROWS * o.ldc)
		block(o, ROWS, nv, skip, some);
	switch (M) {
	case 7: block(o, 7, nv, skip, some); break;
	case 6: block(o, 6, nv, skip, some); break;
	case 5: block(o, 5, nv, skip, some); break;
	case 4: block(o, 4, nv, skip, some); break;
	case 3: block(o, 3, nv, skip, some); break;
	case 2: block(o, 2, nv, skip, some); break;
	case 1: block(o, 1, nv, skip, some); break;
	default: break;
	}
}

static void panel2(struct operands o, int64_t M)
{
	panel(o, M, 2, 0, false);
}

static void panel1(struct operands o, int64_t M)
{
	panel(o, M, 1, 0, false);
}

/* The last N mod RIL_LANES columns, from an overlapping panel of which only the new columns are stored. */
static void panel_tail(struct operands o, int64_t M, int64_t skip)
{
	panel(o, M, 1, skip, true);
}

/* Fewer columns than a vector has lanes. */
static void narrow(struct operands o, int64_t M, int64_t N)
{
	for (int64_t i = 0; i < M; i++) {
		ril_real *c = o.c + i * o.ldc, sum[RIL_LANES] = {0};
		for (int64_t k = 0; k < o.K; k++)
			for (int64_t j = 0; j < N; j++)
				sum[j] += o.a[i * o.ars + k * o.acs] * o.b[k * o.ldb + j];
		for (int64_t j = 0; j < N; j++)
			c[j] = o.add ? c[j] + sum[j] : sum[j];
	}
}

void ril_mm(int64_t M, int64_t N, int64_t K, const ril_real *a, int64_t ars, int64_t acs, const ril_real *b,
	    int64_t ldb, ril_real *c, int64_t ldc, bool add, bool exact)
{
	struct operands o = {a, b, c, K, ars, acs, ldb, ldc, add};
	int64_t j = 0;
	if (!exact)
		N = ril_parts(N, RIL_LANES) * RIL_LANES;
	if (N < RIL_LANES) {
		narrow(o, M, N);
		return;
	}
	for (; j + 2 * RIL_LANES <= N; j += 2 * RIL_LANES, o.b = b + j, o.c = c + j)
		panel2(o, M);
	for (; j + RIL_LANES <= N; j += RIL_LANES, o.b = b + j, o.c = c + j)
		panel1(o, M);
	if (j < N) {
		o.b = b + N - RIL_LANES;
		o.c = c + N - RIL_LANES;
		panel_tail(o, M, RIL_LANES - (N - j));
	}
}
