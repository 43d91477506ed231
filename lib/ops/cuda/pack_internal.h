/* pack_internal.h -- some neighbouring elements at a time: what kernels that are bound by bytes load and store.
 *
 * A thread takes RIL_PACK elements of a row: 16 bytes of bfloat16, the most that one instruction moves, and twice that of
 * float.  Where an address is no multiple of 16, or fewer elements are left, they go one by one: the same kernel, the
 * same arithmetic, less bandwidth.  `wide` says that all of a kernel's packs start at multiples of 16 bytes; the host
 * finds out. */
#ifndef RIL_OPS_CUDA_PACK_INTERNAL_H
#define RIL_OPS_CUDA_PACK_INTERNAL_H

#include "cuda_internal.h"

#include <string.h>

enum { RIL_PACK = 8, RIL_PACK_THREADS = 256 };

/* ---- where packs lie ---- */

static inline bool ril_is_wide(const void *p)
{
	return !((uintptr_t)p & 15);
}

/* Every row's packs start at multiples of 16 bytes.  A matrix that is not there: true. */
static inline bool ril_rows_wide(struct ril_mat m)
{
	return !m.p || (ril_is_wide(m.p) && (m.rows < 2 || m.ld % RIL_PACK == 0));
}

/* Elements of a dense matrix. */
static inline int64_t ril_elements(struct ril_mat m)
{
	assert(m.ld == m.cols || m.rows < 2);
	return m.rows * m.cols;
}

/* Blocks of RIL_PACK_THREADS threads for n packs, one a thread. */
static inline unsigned ril_pack_grid(int64_t packs)
{
	return (unsigned)ril_parts(packs, RIL_PACK_THREADS);
}

/* The calling thread's number among all, and that of its first element in a dense array. */
static __device__ __forceinline__ int64_t ril_thread(void)
{
	return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

/* How many of a pack's elements lie before `end`: 0 to RIL_PACK. */
static __device__ __forceinline__ int ril_pack_count(int64_t at, int64_t end)
{
	return at >= end ? 0 : end - at < RIL_PACK ? (int)(end - at) : RIL_PACK;
}

/* ---- the other types that weights are stored in ---- */

struct ril_f16 {
	uint16_t bits;
};

static __device__ __forceinline__ float ril_load(const ril_f16 *p)
{
	uint32_t magnitude = p->bits & 0x7fffu, sign = (uint32_t)(p->bits & 0x8000u) << 16;
	if (magnitude >= 0x7c00u)
		return __uint_as_float(sign | 0x7f800000u | magnitude << 13);
	/* the exponents' biases differ by 112; a multiplication makes subnormal ones normal */
	return __uint_as_float(sign | __float_as_uint(__uint_as_float(magnitude << 13) * 0x1p112f));
}

static __device__ __forceinline__ void ril_store(ril_f16 *p, float x)
{
	uint32_t u = __float_as_uint(x), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu, h;
	if (a > 0x7f800000u)
		h = 0x7e00u; /* NaN */
	else if (a >= 0x477ff000u)
		h = 0x7c00u; /* from 65520 on nearer to infinity than to 65504 */
	else if (a < 0x38800000u)
		h = __float_as_uint(__uint_as_float(a) + .5f) - 0x3f000000u; /* subnormal: .5's last bit is 2^-24 */
	else
		h = (a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13;
	p->bits = (uint16_t)(sign | h);
}

static __device__ __forceinline__ double ril_load(const double *p)
{
	return *p;
}

static __device__ __forceinline__ void ril_store(double *p, double x)
{
	*p = x;
}

/* RIL_BY_STORED(type, code with W): the code with W as one of the four types of weights. */
#define RIL_BY_STORED(type_, ...)                                                                                      \
	do {                                                                                                           \
		if ((type_) == RIL_F16) {                                                                              \
			typedef ril_f16 W;                                                                             \
			__VA_ARGS__;                                                                                   \
		} else if ((type_) == RIL_F64) {                                                                       \
			typedef double W;                                                                              \
			__VA_ARGS__;                                                                                   \
		} else if ((type_) == RIL_BF16) {                                                                      \
			typedef ril_bf16 W;                                                                            \
			__VA_ARGS__;                                                                                   \
		} else {                                                                                               \
			assert((type_) == RIL_F32);                                                                    \
			typedef float W;                                                                               \
			__VA_ARGS__;                                                                                   \
		}                                                                                                      \
	} while (0)

/* ---- loads and stores ---- */

/* 16 bytes of anything, moved at once. */
struct alignas(16) ril_16_bytes {
	uint32_t word[4];
};

/* x[RIL_PACK] = the first n elements at p, and zeros.  S: float, or double. */
template <typename S, typename E>
static __device__ __forceinline__ void ril_pack_load(S *x, const E *p, int n, bool wide)
{
	enum { PARTS = RIL_PACK * sizeof(E) / sizeof(ril_16_bytes), EACH = RIL_PACK / PARTS };
	if (wide && n == RIL_PACK) {
#pragma unroll
		for (int i = 0; i < PARTS; i++) {
			ril_16_bytes part = reinterpret_cast<const ril_16_bytes *>(p)[i];
			E element[EACH];
			memcpy(element, &part, sizeof part);
#pragma unroll
			for (int k = 0; k < EACH; k++)
				x[i * EACH + k] = (S)ril_load(element + k);
		}
		return;
	}
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		x[k] = k < n ? (S)ril_load(p + k) : S(0);
}

/* The first n of x[RIL_PACK] to p, each rounded once. */
template <typename S, typename E>
static __device__ __forceinline__ void ril_pack_store(E *p, const S *x, int n, bool wide)
{
	enum { PARTS = RIL_PACK * sizeof(E) / sizeof(ril_16_bytes), EACH = RIL_PACK / PARTS };
	if (wide && n == RIL_PACK) {
#pragma unroll
		for (int i = 0; i < PARTS; i++) {
			ril_16_bytes part;
			E element[EACH];
#pragma unroll
			for (int k = 0; k < EACH; k++)
				ril_store(element + k, x[i * EACH + k]);
			memcpy(&part, element, sizeof part);
			reinterpret_cast<ril_16_bytes *>(p)[i] = part;
		}
		return;
	}
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		if (k < n)
			ril_store(p + k, x[k]);
}

/* The gradient at p += x: read, added in float, rounded once. */
template <typename E> static __device__ __forceinline__ void ril_pack_add(E *p, const float *x, int n, bool wide)
{
	float old[RIL_PACK];
	ril_pack_load(old, p, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		old[k] += x[k];
	ril_pack_store(p, old, n, wide);
}

#endif
