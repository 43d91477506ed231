/* sums_internal.h -- sums over the rows of a matrix, column by column, in an order that its shape alone fixes.
 *
 * A kernel cuts the rows into blocks and leaves one partial row a block in scratch; a second kernel (sums.cu) adds the
 * blocks to the result. */
#ifndef RIL_OPS_CUDA_SUMS_INTERNAL_H
#define RIL_OPS_CUDA_SUMS_INTERNAL_H

#include "cuda_internal.h"

/* Rows in a block and the number of blocks, of T rows: enough blocks to fill any of the devices, not so many that the
 * partial rows weigh beside the matrix.  A block has a multiple of `unit` rows. */
struct ril_row_blocks {
	int64_t rows, n;
};
static inline struct ril_row_blocks ril_row_blocks(int64_t T, int64_t unit, int64_t most)
{
	int64_t rows = ril_parts(ril_max(ril_parts(T, most), 1), unit) * unit;
	return {rows, ril_parts(T, rows)};
}

/* out[i][C] += the sum over blocks b of part[b, i, C], for i < n <= 2; a NULL out is left out. */
void ril_cuda_add_parts(float *const out[], int n, const float *part, int64_t blocks, int64_t C);

#endif
