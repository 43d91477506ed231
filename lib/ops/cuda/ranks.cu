/* ranks.cu -- the sum of several ranks' parts, in the order of the ranks.
 *
 * One addition in float after the other, as the host makes it (world/collect.c): the same bits.  Bound by bytes: a thread
 * adds one pack, and reads the ranks' packs one rank at a time. */
#include "ranks_internal.h"

#include "pack_internal.h"

template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	sum_ranks_kernel(T *own, const T *parts, int rank, int size, int64_t stride, int64_t n, bool wide)
{
	float sum[RIL_PACK], x[RIL_PACK];
	int64_t at = ril_thread() * RIL_PACK;
	int count = ril_pack_count(at, n);
	if (!count)
		return;
	ril_pack_load(sum, rank ? parts + at : own + at, count, wide);
	for (int r = 1; r < size; r++) {
		ril_pack_load(x, r == rank ? own + at : parts + (r < rank ? r : r - 1) * stride + at, count, wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			sum[k] += x[k];
	}
	ril_pack_store(own + at, sum, count, wide);
}

extern "C" void ril_cuda_sum_ranks(void *own, const void *parts, int rank, int size, int64_t stride, int64_t n,
				   enum ril_dtype type)
{
	bool wide = ril_is_wide(own) && ril_is_wide(parts) && stride % RIL_PACK == 0;
	if (n > 0)
		RIL_BY_TYPE(type,
			    RIL_LAUNCH((sum_ranks_kernel<T>), ril_pack_grid(ril_parts(n, RIL_PACK)), RIL_PACK_THREADS,
				       0, (T *)own, (const T *)parts, rank, size, stride, n, wide));
}
