/* sums.cu -- the second half of a sum over rows: the blocks' partial rows, added to a vector; see sums_internal.h. */
#include "sums_internal.h"

/* [blocks, n, C] -> [n, C].  A block adds 32 neighbouring columns, a lane each, so that a warp reads 128 bytes of a row;
 * each of its 32 warps adds every 32nd row, then the first warp adds the warps' sums in their order.  Bound by the bytes
 * of `part`. */
enum { COLUMNS = 32, SLICES = 32 };

struct slices {
	float sum[SLICES][COLUMNS];
};

static __global__ void __launch_bounds__(COLUMNS *SLICES)
	add_parts_kernel(float *out0, float *out1, const float *part, int64_t blocks, int64_t C)
{
	RIL_SHARED(struct slices, s);
	int lane = threadIdx.x % COLUMNS, slice = threadIdx.x / COLUMNS;
	int64_t c = (int64_t)blockIdx.x * COLUMNS + lane, n = gridDim.y;
	float *out = blockIdx.y ? out1 : out0, sum = 0;
	if (!out)
		return;
	if (c < C) {
#pragma unroll 4
		for (int64_t b = slice; b < blocks; b += SLICES)
			sum += part[(b * n + blockIdx.y) * C + c];
	}
	s.sum[slice][lane] = sum;
	__syncthreads();
	if (slice || c >= C)
		return;
	sum = 0;
	for (int k = 0; k < SLICES; k++)
		sum += s.sum[k][lane];
	out[c] += sum;
}

void ril_cuda_add_parts(float *const out[], int n, const float *part, int64_t blocks, int64_t C)
{
	if (blocks < 1 || C < 1)
		return;
	dim3 grid((unsigned)ril_parts(C, COLUMNS), (unsigned)n);
	RIL_LAUNCH(add_parts_kernel, grid, COLUMNS * SLICES, sizeof(struct slices), out[0], n > 1 ? out[1] : NULL, part,
		   blocks, C);
}
