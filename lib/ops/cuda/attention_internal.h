/* attention_internal.h -- what the ways through attention share: their matrices, head sizes, the list of query tiles, and
 * the running softmax. */
#ifndef RIL_OPS_CUDA_ATTENTION_INTERNAL_H
#define RIL_OPS_CUDA_ATTENTION_INTERNAL_H

#include "tile_internal.h"

enum { RIL_WARP_ROWS = 16, RIL_TILE_WARPS = 4, RIL_TILE_THREADS = 32 * RIL_TILE_WARPS };
enum { RIL_QUERY_ROWS = RIL_WARP_ROWS * RIL_TILE_WARPS };
#define RIL_LOG2E 1.4426950408889634f
#define RIL_LN2 0.6931471805599453f

template <typename T> struct ril_attended {
	ril_m<T> q, k, v, o;
	const struct ril_seg *seg;
	int n, D, group; /* query heads that share a key head */
	float scale;
};

/* Rows [row, row + rows) of a segment's queries. */
struct ril_tile {
	int32_t seg, row;
};

/* Writes the tiles of all segments, in order, to list[most], and their number: segments that lie on the device are cut
 * there.  most: what ril_tiles_most says for these rows. */
struct ril_tiles {
	struct ril_tile *list;
	int32_t *count;
	int64_t most;
};
struct ril_tiles ril_cuda_tiles(struct ril_segs, int64_t rows);

/* Segments of about one query row each: attention_decode.cu. */
void ril_cuda_attention_decode(struct ril_mat o, float *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			       struct ril_segs, struct ril_heads);

/* RIL_BY_HEAD(D, code with DP): the code with the smallest head size there are kernels for. */
#define RIL_BY_HEAD(D_, ...)                                                                                           \
	do {                                                                                                           \
		if ((D_) <= 32) {                                                                                      \
			constexpr int DP = 32;                                                                         \
			__VA_ARGS__;                                                                                   \
		} else if ((D_) <= 64) {                                                                               \
			constexpr int DP = 64;                                                                         \
			__VA_ARGS__;                                                                                   \
		} else if ((D_) <= 80) {                                                                               \
			constexpr int DP = 80;                                                                         \
			__VA_ARGS__;                                                                                   \
		} else if ((D_) <= 128) {                                                                              \
			constexpr int DP = 128;                                                                        \
			__VA_ARGS__;                                                                                   \
		} else if ((D_) <= 256) {                                                                              \
			constexpr int DP = 256;                                                                        \
			__VA_ARGS__;                                                                                   \
		} else {                                                                                               \
			ril_cuda_fail(RIL_EFAIL, "attention heads of %d elements; 256 at most", (int)(D_));            \
		}                                                                                                      \
	} while (0)

/* What a block may have of shared memory: on some GPUs there is no more than this. */
#define RIL_SHARED_MOST (99 * 1024)

/* Keys that a block holds at once: as many as leave room for two blocks on a multiprocessor, where that can be. */
template <typename T, int DP> static __host__ __device__ constexpr int ril_key_rows()
{
	return DP <= 80 || (sizeof(T) == 2 && DP <= 128) ? 64 : sizeof(T) == 2 || DP <= 128 ? 32 : 16;
}

/* Own keys that query row `row` of a segment sees. */
static __device__ __forceinline__ int ril_sees(const struct ril_seg &s, int row)
{
	int n = s.causal ? row + 1 + s.kn - s.qn : s.kn;
	return n < 0 ? 0 : n < s.kn ? n : s.kn;
}

/* The key tiles of some query rows: those of the prefix, then of the own keys up to what their last row sees. */
struct ril_key_tile {
	int64_t row; /* of the key matrix */
	int n, own;  /* keys in it; the first one's place among the own keys, -1: they are the prefix's */
};

template <int ROWS>
static __device__ __forceinline__ struct ril_key_tile ril_key_tile_of(const struct ril_seg &s, int own, int i)
{
	int before = (s.pn + ROWS - 1) / ROWS;
	int at = (i < before ? i : i - before) * ROWS, all = i < before ? s.pn : own;
	int n = all - at < ROWS ? all - at : ROWS;
	return {(int64_t)(i < before ? s.p0 : s.k0) + at, n, i < before ? -1 : at};
}

/* Whether all rows from `row` on see all N keys of a tile: nothing is to be masked. */
template <int N>
static __device__ __forceinline__ bool ril_all_seen(const struct ril_seg &s, const struct ril_key_tile &k, int row)
{
	return k.n == N && (k.own < 0 || k.own + N <= ril_sees(s, row));
}

template <int ROWS> static __device__ __forceinline__ int ril_key_tiles(const struct ril_seg &s, int own)
{
	return (s.pn + ROWS - 1) / ROWS + (own + ROWS - 1) / ROWS;
}

/* ---- the running softmax of a warp's 16 rows: lane l has rows g = l / 4 and g + 8 ---- */

template <int DP> struct ril_running {
	float o[DP / 8][4];
	float max[2], sum[2]; /* of scores in units of log2; `sum` is the lane's own columns' */
};

template <int DP> static __device__ __forceinline__ void ril_running_start(ril_running<DP> &r)
{
#pragma unroll
	for (int d = 0; d < DP / 8; d++)
		r.o[d][0] = r.o[d][1] = r.o[d][2] = r.o[d][3] = 0;
	r.max[0] = r.max[1] = -INFINITY;
	r.sum[0] = r.sum[1] = 0;
}

/* x[16, N] are scores, -inf where a key is not seen; they become exp2(x - max). */
template <int N, int DP> static __device__ __forceinline__ void ril_running_take(ril_running<DP> &r, float (*x)[4])
{
#pragma unroll
	for (int h = 0; h < 2; h++) {
		float max = r.max[h];
#pragma unroll
		for (int n = 0; n < N / 8; n++)
			max = fmaxf(max, fmaxf(x[n][2 * h], x[n][2 * h + 1]));
		max = ril_quad_max(max);
		float base = max == -INFINITY ? 0 : max, keep = exp2f(r.max[h] - base), sum = 0;
		r.max[h] = max;
#pragma unroll
		for (int n = 0; n < N / 8; n++)
#pragma unroll
			for (int e = 2 * h; e < 2 * h + 2; e++) {
				x[n][e] = exp2f(x[n][e] - base);
				sum += x[n][e];
			}
		r.sum[h] = r.sum[h] * keep + sum;
#pragma unroll
		for (int d = 0; d < DP / 8; d++) {
			r.o[d][2 * h] *= keep;
			r.o[d][2 * h + 1] *= keep;
		}
	}
}

/* Scores into units of log2, -inf where the mask hides them: key column c of the tile is seen by row r if c < n and, of own
 * keys, own + c < sees[r's half].  `all`: nothing is hidden, the same for the whole warp. */
template <int N>
static __device__ __forceinline__ void ril_mask(float (*x)[4], float scale, const struct ril_key_tile &k,
						const int sees[2], bool all)
{
	int t = threadIdx.x % 4 * 2;
	if (all) {
#pragma unroll
		for (int n = 0; n < N / 8; n++)
#pragma unroll
			for (int e = 0; e < 4; e++)
				x[n][e] *= scale;
		return;
	}
#pragma unroll
	for (int n = 0; n < N / 8; n++)
#pragma unroll
		for (int e = 0; e < 4; e++) {
			int c = 8 * n + t + e % 2, end = k.own < 0 ? k.n : min(k.n, sees[e / 2] - k.own);
			x[n][e] = c < end ? x[n][e] * scale : -INFINITY;
		}
}

#endif
