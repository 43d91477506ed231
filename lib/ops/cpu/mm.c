/* mm.c -- matrix products whose sums stay in registers: what attention and linear maps are made of.
 *
 * A block of RIL_MM_ROWS x 2 vectors of C is summed up while k runs: A's elements are broadcast, from rows or from columns as they
 * lie, B's rows are loaded as vectors.  Attention multiplies thousands of matrices with 10 to 100 rows a step, where a
 * library's call costs as much as the product; a linear map packs its weights into panels of B once for all its rows, where
 * a library packs them again for every tile.
 *
 * Each element of C is one sum over k in order: neither the rows and columns beside it nor the width of a vector change it. */
#include "panel_block_internal.h"
#include "transpose_internal.h"

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

const struct ril_panel_form ril_reals_form = {multiply, RIL_LANES, RIL_MM_ROWS, RIL_DEPTH};

/* Four rows at a time for as long as the panel's part stays in the first cache: a row's start may be a page from the next
 * one's, and then there is no room for more of them there. */
void ril_pack_panel(ril_real *to, int64_t width, const ril_real *w, int64_t ldw, int64_t n, int64_t K)
{
	int64_t even = n & ~(int64_t)3, whole = K & ~(int64_t)3;
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
