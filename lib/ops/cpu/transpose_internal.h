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

/* t[4,4] = scale * x[4,4] transposed: pairs of rows are interleaved twice. */
static inline void ril_transpose_quads(ril_real *t, int64_t ldt, const ril_real *x, int64_t ldx, ril_real scale)
{
	const ril_quad_index low = {0, 4, 1, 5}, high = {2, 6, 3, 7};
	ril_quad r0 = scale * *(const ril_quad *)x, r1 = scale * *(const ril_quad *)(x + ldx);
	ril_quad r2 = scale * *(const ril_quad *)(x + 2 * ldx), r3 = scale * *(const ril_quad *)(x + 3 * ldx);
	ril_quad a = __builtin_shuffle(r0, r2, low), b = __builtin_shuffle(r1, r3, low);
	ril_quad c = __builtin_shuffle(r0, r2, high), d = __builtin_shuffle(r1, r3, high);
	*(ril_quad *)t = __builtin_shuffle(a, b, low);
	*(ril_quad *)(t + ldt) = __builtin_shuffle(a, b, high);
	*(ril_quad *)(t + 2 * ldt) = __builtin_shuffle(c, d, low);
	*(ril_quad *)(t + 3 * ldt) = __builtin_shuffle(c, d, high);
}

#endif
