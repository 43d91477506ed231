/* mm.c -- matrix products whose sums stay in registers: what attention and linear maps are made of.
 *
 * A block of ROWS x 2 vectors of C is summed up while k runs: A's elements are broadcast, from rows or from columns as they
 * lie, B's rows are loaded as vectors.  Attention multiplies thousands of matrices with 10 to 100 rows a step, where a
 * library's call costs as much as the product; a linear map packs its weights into panels of B once for all its rows, where
 * a library packs them again for every tile.
 *
 * Each element of C is one sum over k in order: neither the rows and columns beside it nor the width of a vector change it. */
#include "cpu_internal.h"
#include "transpose_internal.h"

enum { ROWS = RIL_MM_ROWS };

#define INLINE static inline __attribute__((always_inline))

struct operands {
	const ril_real *a, *b;
	ril_real *c;
	int64_t K, ars, acs, ldb, ldc;
	bool add;
};

/* Of a vector: the lanes [from, to) alone are stored. */
struct lanes {
	int64_t from, to;
};

INLINE void store(ril_real *c, ril_vec sum, bool add, const bool some, struct lanes l)
{
	if (some)
		for (int64_t j = l.from; j < l.to; j++)
			c[j] = add ? c[j] + sum[j] : sum[j];
	else if (add)
		*(ril_vec *)c += sum;
	else
		*(ril_vec *)c = sum;
}

/* One block of `rows` x `nv` vectors, both constant where this is inlined. */
INLINE void block(struct operands o, const int rows, const int nv, const bool some, struct lanes l)
{
	ril_vec acc[ROWS][2];
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			acc[i][v] = (ril_vec){0};
	for (int64_t k = 0; k < o.K; k++) {
		ril_vec b[2];
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			b[v] = *(const ril_vec *)(o.b + k * o.ldb + v * RIL_LANES);
#pragma GCC unroll 12
		for (int i = 0; i < rows; i++) {
			ril_vec a = o.a[i * o.ars + k * o.acs] - (ril_vec){0}; /* in all lanes */
#pragma GCC unroll 2
			for (int v = 0; v < nv; v++)
				acc[i][v] = ril_fma(a, b[v], acc[i][v]);
		}
	}
#pragma GCC unroll 12
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			store(o.c + i * o.ldc + v * RIL_LANES, acc[i][v], o.add, some, l);
}

/* All rows of one panel of columns. */
INLINE void rows_of(struct operands o, int64_t M, const int nv, const bool some, struct lanes l)
{
#define RIL_ROWS_AT_ONCE(n)                                                                                            \
	for (; M >= (n); M -= (n), o.a += (n)*o.ars, o.c += (n)*o.ldc)                                                 \
	block(o, n, nv, some, l)
	RIL_ROWS_AT_ONCE(ROWS);
	if (ROWS > 8)
		RIL_ROWS_AT_ONCE(8);
	RIL_ROWS_AT_ONCE(4);
	RIL_ROWS_AT_ONCE(2);
	RIL_ROWS_AT_ONCE(1);
#undef RIL_ROWS_AT_ONCE
}

/* A is stored by rows or by columns: one of its strides is 1. */
INLINE void panel(struct operands o, int64_t M, const int nv, const bool some, struct lanes l)
{
	if (o.acs == 1) {
		o.acs = 1;
		rows_of(o, M, nv, some, l);
	} else {
		assert(o.ars == 1);
		o.ars = 1;
		rows_of(o, M, nv, some, l);
	}
}

static void panel2(struct operands o, int64_t M)
{
	panel(o, M, 2, false, (struct lanes){0});
}

static void panel1(struct operands o, int64_t M)
{
	panel(o, M, 1, false, (struct lanes){0});
}

static void panel_part(struct operands o, int64_t M, struct lanes l)
{
	panel(o, M, 1, true, l);
}

/* Fewer columns than a vector has lanes, of a B that is not wider. */
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
	if (j < N) { /* an overlapping panel, of which only the new columns are stored */
		o.b = b + N - RIL_LANES;
		o.c = c + N - RIL_LANES;
		panel_part(o, M, (struct lanes){RIL_LANES - (N - j), RIL_LANES});
	}
}

/* ---- packed panels ---- */

void ril_mm_panel(int64_t M, int64_t n, int64_t K, const ril_real *a, int64_t lda, const ril_real *b, ril_real *c,
		  int64_t ldc, bool add)
{
	struct operands o = {a, b, c, K, lda, 1, ril_panel_width(n), ldc, add};
	if (n == RIL_PANEL) {
		panel2(o, M);
		return;
	}
	if (n >= RIL_LANES) {
		panel1(o, M);
		o.b += RIL_LANES;
		o.c += RIL_LANES;
		n -= RIL_LANES;
	}
	if (n)
		panel_part(o, M, (struct lanes){0, n});
}

/* Four rows at a time for as long as the panel's part stays in the first cache: a row's start may be a page from the next
 * one's, and then there is no room for more of them there. */
void ril_pack_panel(ril_real *to, const ril_real *w, int64_t ldw, int64_t n, int64_t K)
{
	int64_t width = ril_panel_width(n), even = n & ~(int64_t)3, whole = K & ~(int64_t)3;
	for (int64_t k0 = 0; k0 < whole; k0 += RIL_DEPTH)
		for (int64_t j = 0; j < even; j += 4)
			for (int64_t k = k0; k < ril_min(k0 + RIL_DEPTH, whole); k += 4)
				ril_transpose_quads(to + k * width + j, width, w + j * ldw + k, ldw, 1);
	for (int64_t k = 0; k < K; k++) {
		for (int64_t j = k < whole ? even : 0; j < n; j++)
			to[k * width + j] = w[j * ldw + k];
		for (int64_t j = n; j < width; j++)
			to[k * width + j] = 0;
	}
}
