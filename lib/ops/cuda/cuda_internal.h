/* cuda_internal.h -- what the files of the CUDA backend share, host and kernels alike: the device, failures, scratch,
 * elements by type, sums over warps and blocks.
 *
 * All work goes to one stream, in order.  A kernel is launched by RIL_LAUNCH and nothing else; no operation allocates,
 * waits or copies to the host, so that a step can be captured as a graph: scratch grows at first use and is kept.
 *
 * Types: activations, their gradients and the cache are float or bf16 (template parameter T); whatever is summed is
 * float or double.  Every sum runs in an order that the shapes and the device alone decide: no atomics on
 * floating-point numbers. */
#ifndef RIL_OPS_CUDA_CUDA_INTERNAL_H
#define RIL_OPS_CUDA_CUDA_INTERNAL_H

#ifdef __cplusplus
#include "target_internal.h"
extern "C" {
#else
#include <cuda_runtime_api.h>
#endif

#include "ops/ops.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The device in use. */
struct ril_cuda {
	int index;
	cudaStream_t stream;
	int multiprocessors;
	int capability; /* 10 major + minor */
	int64_t chunk;  /* bytes of what an operation makes in parts: 256 MiB, less where memory is small */
	int *nonfinite; /* device: kernels set it to 1 where a number that must be finite is not; sync() tells */
};
extern struct ril_cuda ril_cuda;

/* Failures stick until sync() returns the first of them. */
void ril_cuda_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of a call into CUDA: false, and noted, unless it succeeded. */
bool ril_cuda_ok(cudaError_t, const char *what);
/* Before a kernel: allows more than 48 KiB of shared memory where it asks for it.  After: notes a failed launch. */
bool ril_cuda_launching(const void *kernel, const char *name, size_t shared);
void ril_cuda_launched(const char *name);

/* Device memory that is kept between calls and grows; what one operation put there the next may overwrite.  NULL when
 * memory is short, which sync() will report.  A to D: pieces for one operation. */
enum ril_cuda_room { RIL_ROOM_A, RIL_ROOM_B, RIL_ROOM_C, RIL_ROOM_D, RIL_ROOMS };
void *ril_cuda_scratch(enum ril_cuda_room, size_t n, size_t size);

/* Memory that other processes read (lend.c), as ops.h has it. */
int ril_cuda_where(char *out, size_t n, struct ril_err *);
int ril_cuda_lend(struct ril_loan *, const void *block, struct ril_err *);
void *ril_cuda_borrow(const struct ril_loan *, struct ril_err *);
void ril_cuda_give_back(void *);

/* Opens cuBLASLt (library.c; another file in the emulation): its name goes to how[n].  Its functions by name. */
int ril_cuda_library_open(char *how, size_t n, struct ril_err *);
void *ril_cuda_symbol(const char *name);
int ril_cuda_blas_open(char *how, size_t n, struct ril_err *);

/* C[M,N] = alpha op(A) op(B) + beta C + bias[N], row-major, by cuBLASLt (blas.c).  All three are F32 or BF16 each, A and B
 * alike; sums in float.  bias: of C's type; NULL: none.  K > 0. */
void ril_cuda_gemm(struct ril_mat c, struct ril_mat a, bool ta, struct ril_mat b, bool tb, float alpha, float beta,
		   const void *bias);
/* C = GELU(A B^T + bias[N]), the form by tanh, of the sum before it is rounded; that, rounded, in `sum` (p NULL: not wanted),
 * which has C's type, rows and leading dimension.  False: cuBLASLt has no algorithm for it, and nothing was done. */
bool ril_cuda_gemm_gelu(struct ril_mat c, struct ril_mat sum, struct ril_mat a, struct ril_mat b, const void *bias);
/* C += op(A) op(B), rounded once.  cuBLASLt has no product of floats into BF16: that one goes through scratch B. */
void ril_cuda_gemm_add(struct ril_mat c, struct ril_mat a, bool ta, struct ril_mat b, bool tb);
/* y, BF16, += x[rows, cols], rounded once. */
void ril_cuda_add_floats(struct ril_mat y, const float *x);
/* y = x in another of the four types, dense or not; x itself where its type is `type` already, else in `room`. */
struct ril_mat ril_cuda_as(struct ril_mat x, enum ril_dtype type, enum ril_cuda_room room);

/* The operations of this backend: ril_cuda_linear, ... */
#define RIL_CUDA_OP(op) ril_op_##op ril_cuda_##op;
RIL_OPS(RIL_CUDA_OP)
#undef RIL_CUDA_OP

#ifdef __cplusplus
}

static inline RIL_BOTH int64_t ril_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline RIL_BOTH int64_t ril_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How many parts of `part`. */
static inline RIL_BOTH int64_t ril_parts(int64_t n, int64_t part)
{
	return (n + part - 1) / part;
}

/* ---- elements ---- */

struct ril_bf16 {
	uint16_t bits;
};

/* A matrix as kernels see it. */
template <typename T> struct ril_m {
	T *p;
	int64_t rows, cols, ld;
	__device__ T *at(int64_t r, int64_t c) const
	{
		return p + r * ld + c;
	}
};

template <typename T> static inline ril_m<T> ril_of(struct ril_mat m)
{
	return {(T *)m.p, m.rows, m.cols, m.ld};
}

static __device__ __forceinline__ float ril_load(const float *p)
{
	return *p;
}

static __device__ __forceinline__ float ril_load(const ril_bf16 *p)
{
	return __uint_as_float((uint32_t)p->bits << 16);
}

static __device__ __forceinline__ void ril_store(float *p, float x)
{
	*p = x;
}

static __device__ __forceinline__ void ril_store(ril_bf16 *p, float x)
{
	p->bits = (uint16_t)ril_bf16_pair(x, 0);
}

/* RIL_BY_TYPE(mat.type, code with T): the code with T as the type of activations. */
#define RIL_BY_TYPE(type_, ...)                                                                                        \
	do {                                                                                                           \
		if ((type_) == RIL_BF16) {                                                                             \
			typedef ril_bf16 T;                                                                            \
			__VA_ARGS__;                                                                                   \
		} else {                                                                                               \
			assert((type_) == RIL_F32);                                                                    \
			typedef float T;                                                                               \
			__VA_ARGS__;                                                                                   \
		}                                                                                                      \
	} while (0)

/* ---- sums ---- */

#define RIL_ALL_LANES 0xffffffffu

/* Over the 32 lanes; all get the result. */
template <typename S> static __device__ __forceinline__ S ril_warp_sum(S x)
{
	for (int d = 16; d; d /= 2)
		x += __shfl_xor_sync(RIL_ALL_LANES, x, d);
	return x;
}

static __device__ __forceinline__ float ril_warp_max(float x)
{
	for (int d = 16; d; d /= 2)
		x = fmaxf(x, __shfl_xor_sync(RIL_ALL_LANES, x, d));
	return x;
}

/* Over a block of whole warps; all threads call, all get the result.  room[32], shared: free to use before and after. */
template <typename S> static __device__ __forceinline__ S ril_block_sum(S x, S *room)
{
	int warps = blockDim.x / 32, lane = threadIdx.x % 32;
	x = ril_warp_sum(x);
	__syncthreads();
	if (lane == 0)
		room[threadIdx.x / 32] = x;
	__syncthreads();
	return ril_warp_sum(lane < warps ? room[lane] : S(0));
}

#endif
#endif
