/* transpose_internal.h -- a matrix's transpose, four rows and columns at a time. */
#ifndef RIL_OPS_CPU_TRANSPOSE_INTERNAL_H
#define RIL_OPS_CPU_TRANSPOSE_INTERNAL_H

#include "ops/ops.h"

typedef ril_real ril_quad __attribute__((vector_size(4 * sizeof(ril_real)), aligned(sizeof(ril_real)), may_alias));
#ifdef RIL_REAL_IS_DOUBLE
typedef int64_t ril_quad_index __attribute__((vector_size(32)));
#else
typedef int32_t ril_quad_index __attribute__((vector_size(16)));
#endif

/* t[4,4] = x[4,4] transposed, times `scale` unless it is 1, when bits are only moved: pairs of rows are interleaved twice. */
static inline __attribute__((always_inline)) void ril_transpose_quads(ril_real *t, int64_t ldt, const ril_real *x,
								      int64_t ldx, const ril_real scale)
{
	const ril_quad_index low = {0, 4, 1, 5}, high = {2, 6, 3, 7};
	ril_quad r[4];
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		r[i] = *(const ril_quad *)(x + i * ldx);
#pragma GCC unroll 4
	for (int i = 0; scale != 1 && i < 4; i++)
		r[i] *= scale;
	ril_quad a = __builtin_shuffle(r[0], r[2], low), b = __builtin_shuffle(r[1], r[3], low);
	ril_quad c = __builtin_shuffle(r[0], r[2], high), d = __builtin_shuffle(r[1], r[3], high);
	*(ril_quad *)t = __builtin_shuffle(a, b, low);
	*(ril_quad *)(t + ldt) = __builtin_shuffle(a, b, high);
	*(ril_quad *)(t + 2 * ldt) = __builtin_shuffle(c, d, low);
	*(ril_quad *)(t + 3 * ldt) = __builtin_shuffle(c, d, high);
}

#endif
