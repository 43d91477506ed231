/* tile_internal.h -- tiles of attention: rows of queries, keys and values in shared memory, and the two products that
 * attention is made of, by one warp, for float and bfloat16.
 *
 * Both types keep a product's 16 rows in the layout of the tensor cores' sums: of every block of 8 columns lane l holds,
 * with g = l / 4 and t = 2 (l % 4), the elements (g, t) (g, t + 1) (g + 8, t) (g + 8, t + 1).  bfloat16 goes through
 * mma, float through as many multiply-adds: one kernel serves both.
 *
 * A tile's rows lie 16 bytes further apart than they are long, an odd multiple of 16: eight rows' 16 bytes at the same
 * column, which ldmatrix reads at once, meet no bank twice. */
#ifndef RIL_OPS_CUDA_TILE_INTERNAL_H
#define RIL_OPS_CUDA_TILE_INTERNAL_H

#include "cuda_internal.h"

/* Elements from one row of a tile to the next, of D columns. */
template <typename T, int D> static __host__ __device__ constexpr int ril_pitch()
{
	return D + 16 / (int)sizeof(T);
}

/* ---- filling ---- */

/* Where a head's columns of a matrix begin, and whether its rows can be read 16 bytes at a time. */
template <typename T> struct ril_columns {
	const T *p;
	int64_t ld;
	int D;
	bool aligned;
};

template <typename T> static __device__ __forceinline__ ril_columns<T> ril_head_of(const ril_m<T> &m, int head, int D)
{
	const T *p = m.p + (int64_t)head * D;
	bool aligned = (uintptr_t)p % 16 == 0 && m.ld * sizeof(T) % 16 == 0 && D * sizeof(T) % 16 == 0;
	return {p, m.ld, D, aligned};
}

/* rows [from, from + n) of a head into tile[ROWS][pitch] by all threads of the block; rows beyond n and columns beyond D are
 * zero.  Arrives with ril_copy_commit, ril_copy_wait and a barrier. */
template <typename T, int DP, int ROWS>
static __device__ __forceinline__ void ril_fill(T *tile, const ril_columns<T> &m, int64_t from, int n)
{
	constexpr int PITCH = ril_pitch<T, DP>(), EACH = 16 / (int)sizeof(T), CHUNKS = DP / EACH;
	if (m.aligned) {
		for (int i = threadIdx.x; i < ROWS * CHUNKS; i += blockDim.x) {
			int r = i / CHUNKS, c = i % CHUNKS * EACH;
			bool in = r < n && c < m.D;
			ril_copy_async(tile + r * PITCH + c, in ? m.p + (from + r) * m.ld + c : m.p, in);
		}
		return;
	}
#pragma unroll(1) /* rare: not worth its length in every kernel */
	for (int i = threadIdx.x; i < ROWS * DP; i += blockDim.x) {
		int r = i / DP, c = i % DP;
		bool in = r < n && c < m.D;
		ril_store(tile + r * PITCH + c, in ? ril_load(m.p + (from + r) * m.ld + c) : 0.f);
	}
}

/* ---- x[16, N] += a[16, D] b[N, D]^T: a and b in shared memory ---- */

template <int N, int D>
static __device__ __forceinline__ void ril_scores(float (*x)[4], const ril_bf16 *a, const ril_bf16 *b)
{
	constexpr int PITCH = ril_pitch<ril_bf16, D>();
	int lane = threadIdx.x % 32;
	/* matrices 0..3 of a: rows 0-7 and 8-15 at columns k, then at k + 8; of b: columns k and k + 8 of rows 0-7, 8-15 */
	const ril_bf16 *ra = a + lane % 16 * PITCH + lane / 16 * 8;
	const ril_bf16 *rb = b + (lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 8;
#pragma unroll(D <= 128 ? D / 16 : 2)
	for (int k = 0; k < D; k += 16) {
		uint32_t fa[4];
		ril_ldmatrix(fa, ra + k);
#pragma unroll
		for (int n = 0; n < N; n += 16) {
			uint32_t fb[4];
			ril_ldmatrix(fb, rb + n * PITCH + k);
			ril_mma(x[n / 8], fa, fb);
			ril_mma(x[n / 8 + 1], fa, fb + 2);
		}
	}
}

template <int N, int D> static __device__ __forceinline__ void ril_scores(float (*x)[4], const float *a, const float *b)
{
	constexpr int PITCH = ril_pitch<float, D>();
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2;
#pragma unroll 1
	for (int k = 0; k < D; k += 4) {
		float4 a0 = *(const float4 *)(a + g * PITCH + k), a1 = *(const float4 *)(a + (g + 8) * PITCH + k);
#pragma unroll
		for (int n = 0; n < N / 8; n++) {
#pragma unroll
			for (int e = 0; e < 2; e++) {
				float4 y = *(const float4 *)(b + (8 * n + t + e) * PITCH + k);
				x[n][e] = fmaf(a0.w, y.w, fmaf(a0.z, y.z, fmaf(a0.y, y.y, fmaf(a0.x, y.x, x[n][e]))));
				x[n][2 + e] =
					fmaf(a1.w, y.w, fmaf(a1.z, y.z, fmaf(a1.y, y.y, fmaf(a1.x, y.x, x[n][2 + e]))));
			}
		}
	}
}

/* ---- x[16, D] += p[16, N] b[N, D]: p in registers, rounded to b's type; b in shared memory ---- */

template <int N, int D>
static __device__ __forceinline__ void ril_mix(float (*x)[4], const float (*p)[4], const ril_bf16 *b)
{
	constexpr int PITCH = ril_pitch<ril_bf16, D>();
	int lane = threadIdx.x % 32;
	/* matrices of b, transposed: rows 0-7 and 8-15 at columns d, then at d + 8 */
	const ril_bf16 *rb = b + lane % 16 * PITCH + lane / 16 * 8;
#pragma unroll
	for (int n = 0; n < N; n += 16) {
		const float *lo = p[n / 8], *hi = p[n / 8 + 1];
		uint32_t fa[4] = {ril_bf16_pair(lo[0], lo[1]), ril_bf16_pair(lo[2], lo[3]), ril_bf16_pair(hi[0], hi[1]),
				  ril_bf16_pair(hi[2], hi[3])};
#pragma unroll
		for (int d = 0; d < D; d += 16) {
			uint32_t fb[4];
			ril_ldmatrix_trans(fb, rb + n * PITCH + d);
			ril_mma(x[d / 8], fa, fb);
			ril_mma(x[d / 8 + 1], fa, fb + 2);
		}
	}
}

template <int N, int D>
static __device__ __forceinline__ void ril_mix(float (*x)[4], const float (*p)[4], const float *b)
{
	constexpr int PITCH = ril_pitch<float, D>();
	int quad = threadIdx.x % 32 & ~3, t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int n = 0; n < N / 8; n++) {
#pragma unroll 1
		for (int from = 0; from < 4; from++) { /* the lanes of a row hold its columns, two each */
#pragma unroll
			for (int e = 0; e < 2; e++) {
				float p0 = __shfl_sync(RIL_ALL_LANES, p[n][e], quad | from);
				float p1 = __shfl_sync(RIL_ALL_LANES, p[n][2 + e], quad | from);
				const float *row = b + (8 * n + 2 * from + e) * PITCH + t;
#pragma unroll
				for (int d = 0; d < D / 8; d++) {
					float2 y = *(const float2 *)(row + 8 * d);
					x[d][0] = fmaf(p0, y.x, x[d][0]);
					x[d][1] = fmaf(p0, y.y, x[d][1]);
					x[d][2] = fmaf(p1, y.x, x[d][2]);
					x[d][3] = fmaf(p1, y.y, x[d][3]);
				}
			}
		}
	}
}

/* Over the four lanes that share a row. */
static __device__ __forceinline__ float ril_quad_max(float x)
{
	x = fmaxf(x, __shfl_xor_sync(RIL_ALL_LANES, x, 1));
	return fmaxf(x, __shfl_xor_sync(RIL_ALL_LANES, x, 2));
}

static __device__ __forceinline__ float ril_quad_sum(float x)
{
	x += __shfl_xor_sync(RIL_ALL_LANES, x, 1);
	return x + __shfl_xor_sync(RIL_ALL_LANES, x, 2);
}

#endif
