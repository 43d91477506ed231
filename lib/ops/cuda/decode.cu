/* decode.cu -- what lies between two decoding steps: rows take their tokens and move on; those still going close up.
 *
 * A few dozen words a row (ops/decode_row.h), a thread a row: the launch is what it costs. */
#include "cuda_internal.h"

#include "ops/decode_row.h"

enum { THREADS = 128 };

static __global__ void __launch_bounds__(THREADS) advance_kernel(struct ril_decode d)
{
	int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
	if (i < d.n)
		ril_row_advance(&d, i);
}

extern "C" void ril_cuda_advance(struct ril_decode d)
{
	if (d.n > 0)
		RIL_LAUNCH(advance_kernel, (unsigned)ril_parts(d.n, THREADS), THREADS, 0, d);
}

static __global__ void __launch_bounds__(THREADS)
	keep_rows_kernel(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
	if (i < to.n)
		ril_row_keep(&to, &from, i, row[i]);
}

extern "C" void ril_cuda_keep_rows(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	if (to.n > 0)
		RIL_LAUNCH(keep_rows_kernel, (unsigned)ril_parts(to.n, THREADS), THREADS, 0, to, from, row);
}
