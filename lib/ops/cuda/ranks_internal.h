/* ranks_internal.h -- other processes' devices (peers.c), and the sum over them (ranks.cu); see ops/peers.h. */
#ifndef RIL_OPS_CUDA_RANKS_INTERNAL_H
#define RIL_OPS_CUDA_RANKS_INTERNAL_H

#include "cuda_internal.h"

#include "ops/peers.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct ril_peers ril_cuda_peers;

/* As peers.h has sum(), in the backend's own stream. */
void ril_cuda_sum_ranks(void *own, const void *parts, int rank, int size, int64_t stride, int64_t n, enum ril_dtype);

#ifdef __cplusplus
}
#endif
#endif
