/* simt.h -- CUDA C for the compiler of the host: what kernels of lib/ops/cuda are written in, answered by the engine.
 *
 * A kernel is an ordinary function that every thread of a block runs on a stack of its own.  Where threads meet -- a
 * barrier, a shuffle, a vote, a product of the tensor cores -- the engine (engine.c) lets a thread wait for the others;
 * between such places a thread runs alone.  Each meeting knows its place in the source, so that threads that meet at
 * different places are found out. */
#ifndef RIL_SIMT_SIMT_H
#define RIL_SIMT_SIMT_H

#include "cuda_runtime_api.h"
#include "meet.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define RIL_BOTH
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

#define threadIdx simt_here.thread
#define blockIdx simt_here.block
#define blockDim simt_here.threads
#define gridDim simt_here.blocks
#define warpSize 32

/* Where a call stands, for messages. */
#define SIMT_AT const char *file = __builtin_FILE(), int line = __builtin_LINE()

/* ---- vectors ---- */

#define SIMT_VECTORS(type, name, size)                                                                                 \
	struct alignas(sizeof(type) * 2) name##2                                                                       \
	{                                                                                                              \
		type x, y;                                                                                             \
	};                                                                                                             \
	struct name##3                                                                                                 \
	{                                                                                                              \
		type x, y, z;                                                                                          \
	};                                                                                                             \
	struct alignas(size) name##4                                                                                   \
	{                                                                                                              \
		type x, y, z, w;                                                                                       \
	};                                                                                                             \
	static inline name##2 make_##name##2(type x, type y)                                                           \
	{                                                                                                              \
		return {x, y};                                                                                         \
	}                                                                                                              \
	static inline name##3 make_##name##3(type x, type y, type z)                                                   \
	{                                                                                                              \
		return {x, y, z};                                                                                      \
	}                                                                                                              \
	static inline name##4 make_##name##4(type x, type y, type z, type w)                                           \
	{                                                                                                              \
		return {x, y, z, w};                                                                                   \
	}
SIMT_VECTORS(float, float, 16)
SIMT_VECTORS(int, int, 16)
SIMT_VECTORS(unsigned, uint, 16)
SIMT_VECTORS(unsigned short, ushort, 8)
SIMT_VECTORS(unsigned char, uchar, 4)
SIMT_VECTORS(double, double, 16)
#undef SIMT_VECTORS

/* ---- launching ---- */

template <typename T> struct simt_same {
	typedef T type;
};

/* The arguments by value, as a real launch takes them; passed on one by one when the kernel runs. */
template <typename... P> struct simt_args;
template <> struct simt_args<> {
	template <typename F, typename... Q> void call(F *kernel, const Q &...before) const
	{
		kernel(before...);
	}
};
template <typename A, typename... P> struct simt_args<A, P...> {
	A first;
	simt_args<P...> rest;
	template <typename F, typename... Q> void call(F *kernel, const Q &...before) const
	{
		rest.call(kernel, before..., first);
	}
};

static inline void simt_pack(simt_args<> *)
{
}
template <typename A, typename... P> static inline void simt_pack(simt_args<A, P...> *to, A first, P... rest)
{
	static_assert(__is_trivially_copyable(A), "a kernel's arguments are copied as bytes");
	to->first = first;
	__builtin_clear_padding(&to->first); /* what lies there must not look like an address */
	simt_pack(&to->rest, rest...);
}

template <typename... P> struct simt_closure {
	void (*kernel)(P...);
	simt_args<P...> args;
	static void run(const void *closure)
	{
		const simt_closure *c = (const simt_closure *)closure;
		c->args.call(c->kernel);
	}
};

template <auto kernel> static inline const char *simt_spelt(void)
{
	return __PRETTY_FUNCTION__;
}

template <typename... P>
static inline void simt_launch(void (*kernel)(P...), const char *name, const char *spelt, dim3 grid, dim3 block,
			       size_t shared, cudaStream_t stream, typename simt_same<P>::type... args)
{
	simt_closure<P...> closure;
	memset((void *)&closure, 0, sizeof closure);
	closure.kernel = kernel;
	simt_pack(&closure.args, args...);
	struct simt_kernel k = {name, spelt, (const void *)kernel, grid, block, shared, &simt_closure<P...>::run};
	simt_queue_kernel(&k, &closure, sizeof closure, stream);
}

#define RIL_LAUNCH(kernel, grid, block, shared, ...)                                                                   \
	do {                                                                                                           \
		if (ril_cuda_launching((const void *)(kernel), #kernel, shared)) {                                     \
			simt_launch(kernel, #kernel, simt_spelt<kernel>(), grid, block, shared, ril_cuda.stream,       \
				    ##__VA_ARGS__);                                                                    \
			ril_cuda_launched(#kernel);                                                                    \
		}                                                                                                      \
	} while (0)

#define RIL_SHARED(type, name) type &name = *reinterpret_cast<type *>(simt_shared(sizeof(type), alignof(type)))

/* ---- barriers and votes ---- */

#define SIMT_MEET static inline __attribute__((always_inline))

SIMT_MEET void __syncthreads(SIMT_AT)
{
	simt_barrier(SIMT_BARRIER, 0, file, line);
}
SIMT_MEET int __syncthreads_or(int x, SIMT_AT)
{
	return simt_barrier(SIMT_BARRIER_OR, x, file, line);
}
SIMT_MEET int __syncthreads_and(int x, SIMT_AT)
{
	return simt_barrier(SIMT_BARRIER_AND, x, file, line);
}
SIMT_MEET int __syncthreads_count(int x, SIMT_AT)
{
	return simt_barrier(SIMT_BARRIER_COUNT, x, file, line);
}
SIMT_MEET void __syncwarp(uint32_t mask = 0xffffffffu, SIMT_AT)
{
	simt_warp(SIMT_SYNCWARP, mask, 0, 0, 32, file, line);
}
SIMT_MEET uint32_t __ballot_sync(uint32_t mask, int x, SIMT_AT)
{
	return (uint32_t)simt_warp(SIMT_BALLOT, mask, x != 0, 0, 32, file, line);
}
SIMT_MEET int __any_sync(uint32_t mask, int x, SIMT_AT)
{
	return simt_warp(SIMT_BALLOT, mask, x != 0, 0, 32, file, line) != 0;
}
SIMT_MEET int __all_sync(uint32_t mask, int x, SIMT_AT)
{
	return simt_warp(SIMT_BALLOT, mask, x != 0, 0, 32, file, line) == mask;
}

/* ---- shuffles, of 4 and 8 bytes ---- */

template <typename T>
SIMT_MEET T simt_shuffle(enum simt_meeting how, uint32_t mask, T x, int by, int width, const char *file, int line)
{
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "what a shuffle takes");
	uint64_t bits = 0;
	memcpy(&bits, &x, sizeof x);
	bits = simt_warp(how, mask, bits, by, width, file, line);
	memcpy(&x, &bits, sizeof x);
	return x;
}
template <typename T> SIMT_MEET T __shfl_sync(uint32_t mask, T x, int from, int width = 32, SIMT_AT)
{
	return simt_shuffle(SIMT_SHUFFLE, mask, x, from, width, file, line);
}
template <typename T> SIMT_MEET T __shfl_xor_sync(uint32_t mask, T x, int by, int width = 32, SIMT_AT)
{
	return simt_shuffle(SIMT_SHUFFLE_XOR, mask, x, by, width, file, line);
}
template <typename T> SIMT_MEET T __shfl_up_sync(uint32_t mask, T x, unsigned by, int width = 32, SIMT_AT)
{
	return simt_shuffle(SIMT_SHUFFLE_UP, mask, x, (int)by, width, file, line);
}
template <typename T> SIMT_MEET T __shfl_down_sync(uint32_t mask, T x, unsigned by, int width = 32, SIMT_AT)
{
	return simt_shuffle(SIMT_SHUFFLE_DOWN, mask, x, (int)by, width, file, line);
}

/* ---- tensor cores and what feeds them: as target_internal.h says ---- */

static inline uint32_t ril_bf16_pair(float lo, float hi)
{
	uint32_t half[2];
	float x[2] = {lo, hi};
	for (int i = 0; i < 2; i++) {
		uint32_t u;
		memcpy(&u, &x[i], 4);
		if ((u & 0x7fffffffu) > 0x7f800000u)
			half[i] = 0x7fff; /* the device's NaN */
		else
			half[i] = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
	}
	return half[1] << 16 | half[0];
}

SIMT_MEET void ril_mma(float d[4], const uint32_t a[4], const uint32_t b[2], SIMT_AT)
{
	struct simt_fragments f = {d, a, b};
	simt_warp(SIMT_MMA, 0xffffffffu, (uint64_t)(uintptr_t)&f, 0, 32, file, line);
}
SIMT_MEET void ril_ldmatrix(uint32_t r[4], const void *row, SIMT_AT)
{
	struct simt_rows f = {r, row};
	simt_warp(SIMT_LDMATRIX, 0xffffffffu, (uint64_t)(uintptr_t)&f, 0, 32, file, line);
}
SIMT_MEET void ril_ldmatrix_trans(uint32_t r[4], const void *row, SIMT_AT)
{
	struct simt_rows f = {r, row};
	simt_warp(SIMT_LDMATRIX_TRANS, 0xffffffffu, (uint64_t)(uintptr_t)&f, 0, 32, file, line);
}
static inline void ril_copy_async(void *shared, const void *global, bool valid)
{
	simt_copy_async(shared, global, valid);
}
static inline void ril_copy_commit(void)
{
	simt_copy_commit();
}
template <int n> static inline void ril_copy_wait(void)
{
	simt_copy_wait(n);
}

/* ---- atomics on integers: threads run one at a time, so they are plain; the checks are told ---- */

#define SIMT_ATOMICS(T)                                                                                                \
	static inline T atomicAdd(T *p, T x)                                                                           \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_ADD, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                         \
	}                                                                                                              \
	static inline T atomicSub(T *p, T x)                                                                           \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_ADD, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)(T)(0 - x), 0);                \
	}                                                                                                              \
	static inline T atomicMax(T *p, T x)                                                                           \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_MAX, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                         \
	}                                                                                                              \
	static inline T atomicMin(T *p, T x)                                                                           \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_MIN, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                         \
	}                                                                                                              \
	static inline T atomicOr(T *p, T x)                                                                            \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_OR, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                          \
	}                                                                                                              \
	static inline T atomicAnd(T *p, T x)                                                                           \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_AND, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                         \
	}                                                                                                              \
	static inline T atomicExch(T *p, T x)                                                                          \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_EXCHANGE, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, 0);                    \
	}                                                                                                              \
	static inline T atomicCAS(T *p, T old, T x)                                                                    \
	{                                                                                                              \
		return (T)simt_atomic(SIMT_COMPARE, p, sizeof(T), (T)(-1) < (T)0, (uint64_t)x, (uint64_t)old);         \
	}
SIMT_ATOMICS(int)
SIMT_ATOMICS(unsigned)
SIMT_ATOMICS(unsigned long long)
#undef SIMT_ATOMICS

static inline unsigned atomicInc(unsigned *p, unsigned last)
{
	return (unsigned)simt_atomic(SIMT_INC, p, sizeof *p, 0, last, 0);
}

static inline void __threadfence(void)
{
	simt_fence();
}
static inline void __threadfence_block(void)
{
}

/* ---- arithmetic ---- */

/* The C library declares functions of its own by these names. */
#define __expf expf
#define __exp10f exp10f
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __powf powf

template <typename To, typename From> static inline To simt_bits(From x)
{
	To y;
	static_assert(sizeof x == sizeof y, "of one size");
	memcpy(&y, &x, sizeof x);
	return y;
}
static inline float __uint_as_float(unsigned x)
{
	return simt_bits<float>(x);
}
static inline unsigned __float_as_uint(float x)
{
	return simt_bits<unsigned>(x);
}
static inline float __int_as_float(int x)
{
	return simt_bits<float>(x);
}
static inline int __float_as_int(float x)
{
	return simt_bits<int>(x);
}
static inline double __longlong_as_double(long long x)
{
	return simt_bits<double>(x);
}
static inline long long __double_as_longlong(double x)
{
	return simt_bits<long long>(x);
}
static inline int __popc(unsigned x)
{
	return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x)
{
	return __builtin_popcountll(x);
}
static inline int __clz(int x)
{
	return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __clzll(long long x)
{
	return x ? __builtin_clzll((unsigned long long)x) : 64;
}
static inline int __ffs(int x)
{
	return __builtin_ffs(x);
}
static inline unsigned __brev(unsigned x)
{
	unsigned y = 0;
	for (int i = 0; i < 32; i++)
		y |= (x >> i & 1) << (31 - i);
	return y;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
	return (unsigned)((uint64_t)a * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
	return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline float rsqrtf(float x)
{
	return 1 / sqrtf(x);
}
static inline double rsqrt(double x)
{
	return 1 / sqrt(x);
}
static inline float __fdividef(float x, float y)
{
	return x / y;
}
static inline float __frcp_rn(float x)
{
	return 1 / x;
}
static inline float __fsqrt_rn(float x)
{
	return sqrtf(x);
}
static inline float __fmul_rn(float x, float y)
{
	return x * y;
}
static inline float __fadd_rn(float x, float y)
{
	return x + y;
}
static inline double __dmul_rn(double x, double y)
{
	return x * y;
}
static inline double __dadd_rn(double x, double y)
{
	return x + y;
}
static inline float __fmaf_rn(float x, float y, float z)
{
	return fmaf(x, y, z);
}
static inline float __saturatef(float x)
{
	return x > 0 ? x < 1 ? x : 1 : 0;
}
static inline float __double2float_rn(double x)
{
	return (float)x;
}
static inline float __int2float_rn(int x)
{
	return (float)x;
}
static inline float __uint2float_rn(unsigned x)
{
	return (float)x;
}
static inline int __float2int_rn(float x)
{
	return (int)rintf(x);
}
static inline int __float2int_rd(float x)
{
	return (int)floorf(x);
}
static inline int __double2int_rn(double x)
{
	return (int)rint(x);
}
template <typename T> static inline T __ldg(const T *p)
{
	return *p;
}
template <typename T> static inline T __ldcs(const T *p)
{
	return *p;
}
template <typename T> static inline void __stcs(T *p, T x)
{
	*p = x;
}

#define SIMT_MIN_MAX(T)                                                                                                \
	static inline T min(T a, T b)                                                                                  \
	{                                                                                                              \
		return a < b ? a : b;                                                                                  \
	}                                                                                                              \
	static inline T max(T a, T b)                                                                                  \
	{                                                                                                              \
		return a < b ? b : a;                                                                                  \
	}
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
static inline float min(float a, float b)
{
	return fminf(a, b);
}
static inline float max(float a, float b)
{
	return fmaxf(a, b);
}
static inline double min(double a, double b)
{
	return fmin(a, b);
}
static inline double max(double a, double b)
{
	return fmax(a, b);
}

#endif
