/* target_internal.h -- the few constructs in which a GPU's compiler and the emulation on the host (tests/simt) differ.
 *
 * Everything else in a kernel is CUDA C that both take: threadIdx and its kin, __syncthreads, __syncwarp, the shuffles
 * and votes with a mask, atomics on integers.  Here are: launching, shared memory, rounding to bfloat16, and the tensor
 * cores with what feeds them.
 *
 * Shared memory is one struct a kernel, named in the kernel by RIL_SHARED and launched with its size: so the compiler
 * lays it out, and the emulation knows every word of it. */
#ifndef RIL_OPS_CUDA_TARGET_INTERNAL_H
#define RIL_OPS_CUDA_TARGET_INTERNAL_H

#ifdef __CUDACC__

#include <cuda_runtime.h>
#include <stdint.h>

#define RIL_BOTH __host__ __device__

/* RIL_LAUNCH((kernel<T, 64>), grid, block, shared bytes, arguments...): in the backend's stream. */
#define RIL_LAUNCH(kernel, grid, block, shared, ...)                                                                   \
	do {                                                                                                           \
		if (ril_cuda_launching((const void *)(kernel), #kernel, shared)) {                                     \
			kernel<<<grid, block, shared, ril_cuda.stream>>>(__VA_ARGS__);                                 \
			ril_cuda_launched(#kernel);                                                                    \
		}                                                                                                      \
	} while (0)

#define RIL_SHARED(type, name)                                                                                         \
	extern __shared__ __align__(128) unsigned char ril_shared_bytes[];                                             \
	type &name = *reinterpret_cast<type *>(ril_shared_bytes)

/* Two floats as bfloat16, to nearest, ties to even; `lo` in the low half. */
static __device__ __forceinline__ uint32_t ril_bf16_pair(float lo, float hi)
{
	uint32_t r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
	return r;
}

/* d[16,8] += a[16,16] b[16,8] by one warp, bfloat16 with float sums.  Lane l holds, with g = l / 4 and t = 2 (l % 4):
 *   a: 4 words, pairs at (g, t) (g + 8, t) (g, t + 8) (g + 8, t + 8)
 *   b: 2 words, pairs of rows (t, t + 1) and (t + 8, t + 9) of column g
 *   d: (g, t) (g, t + 1) (g + 8, t) (g + 8, t + 1) */
static __device__ __forceinline__ void ril_mma(float d[4], const uint32_t a[4], const uint32_t b[2])
{
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
		     "{%0,%1,%2,%3};"
		     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8x8 matrices of 16-bit elements from shared memory: lane 8 i + j gives the address of row j of matrix i, 16 bytes
 * at a multiple of 16.  Lane l gets of matrix i in r[i] the elements (l / 4, 2 (l % 4)) and its right neighbour; with
 * _trans those of the transposed matrices. */
static __device__ __forceinline__ void ril_ldmatrix(uint32_t r[4], const void *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"((uint32_t)__cvta_generic_to_shared(row))
		     : "memory");
}

static __device__ __forceinline__ void ril_ldmatrix_trans(uint32_t r[4], const void *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"((uint32_t)__cvta_generic_to_shared(row))
		     : "memory");
}

/* 16 bytes from global to shared memory without passing registers; `valid` false: zeros.  What a thread has copied since
 * its last commit is a group; wait<n> returns once all but its n youngest groups have arrived (for itself: a barrier makes
 * it so for all). */
static __device__ __forceinline__ void ril_copy_async(void *shared, const void *global, bool valid)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(shared)),
		     "l"(global), "r"(valid ? 16 : 0)
		     : "memory");
}

static __device__ __forceinline__ void ril_copy_commit(void)
{
	asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int n> static __device__ __forceinline__ void ril_copy_wait(void)
{
	asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

#else
#include "simt.h" /* tests/simt */
#endif
#endif
