/* attention.cu -- attention over packed segments, forward.
 *
 * A block has 64 query rows of one segment and head, 16 a warp, and runs over the keys they see, a tile at a time: first
 * the shared prefix, then the segment's own up to the last that its rows see.  Softmax runs along (Milakov & Gimelshein,
 * arXiv 1805.02867; in tiles as Dao, arXiv 2307.08691): scores stay in registers, and the result is divided once.  Copies
 * of the next keys travel while probabilities are mixed, those of the values while scores are made.  In bfloat16 the
 * probabilities are rounded for the second product, and only there.
 *
 * Bound by FLOPs: 4 D for each pair of a query and a key it sees; q, k and v are read through the second-level cache once
 * a block.  In bfloat16 registers let a multiprocessor have 16 warps with heads of 64, 12 with 80 and 128, 8 with 256, and
 * shared memory is less of a limit (27 to 67 KiB a block).  Steps with one query row a segment go by attention_decode.cu. */
#include "attention_internal.h"

/* ---- the list of tiles ---- */

enum { LISTERS = 256 };

struct lister {
	int32_t warp[LISTERS / 32];
};

/* [n] segments -> their tiles in order: one block, 256 segments at a time, a thread each.  Bound by its own launch. */
static __global__ void __launch_bounds__(LISTERS)
	list_kernel(struct ril_tile *list, int32_t *count, const struct ril_seg *seg, int n, int64_t most)
{
	RIL_SHARED(struct lister, s);
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	int64_t before = 0;
	for (int from = 0; from < n; from += LISTERS) {
		int i = from + threadIdx.x;
		int own = i < n ? (seg[i].qn + RIL_QUERY_ROWS - 1) / RIL_QUERY_ROWS : 0, sum = own;
		for (int d = 1; d < 32; d *= 2) {
			int left = __shfl_up_sync(RIL_ALL_LANES, sum, d);
			sum += lane >= d ? left : 0;
		}
		__syncthreads();
		if (lane == 31)
			s.warp[warp] = sum;
		__syncthreads();
		int64_t at = before + sum - own;
		for (int w = 0; w < LISTERS / 32; w++) {
			at += w < warp ? s.warp[w] : 0;
			before += s.warp[w];
		}
		for (int k = 0; k < own && at + k < most; k++)
			list[at + k] = {i, k * RIL_QUERY_ROWS};
	}
	if (threadIdx.x == 0)
		*count = (int32_t)(before < most ? before : most);
}

struct ril_tiles ril_cuda_tiles(struct ril_segs segs, int64_t rows)
{
	struct ril_tiles t = {NULL, NULL, rows / RIL_QUERY_ROWS + segs.n};
	char *room = (char *)ril_cuda_scratch(RIL_ROOM_A, (size_t)t.most + 2, sizeof *t.list);
	if (!room)
		return t;
	t.count = (int32_t *)room;
	t.list = (struct ril_tile *)(room + 16);
	RIL_LAUNCH(list_kernel, 1, LISTERS, sizeof(struct lister), t.list, t.count, segs.at, segs.n, t.most);
	return t;
}

/* ---- forward ---- */

template <typename T, int DP> struct forward_tiles {
	T q[RIL_QUERY_ROWS * ril_pitch<T, DP>()];
	T k[ril_key_rows<T, DP>() * ril_pitch<T, DP>()];
	T v[ril_key_rows<T, DP>() * ril_pitch<T, DP>()];
};

/* o and lse of the warp's rows [row, row + 16) of a segment, those below `end`. */
template <typename T, int DP>
static __device__ __forceinline__ void put_rows(const ril_attended<T> &a, float *lse, const ril_running<DP> &r,
						int64_t q0, int row, int end, int head)
{
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2, heads = gridDim.y;
#pragma unroll
	for (int h = 0; h < 2; h++) {
		float sum = ril_quad_sum(r.sum[h]);
		int i = row + g + 8 * h;
		if (i >= end)
			continue;
		float each = sum > 0 || sum != sum ? 1 / sum : 0;
		T *o = a.o.at(q0 + i, (int64_t)head * a.D);
#pragma unroll
		for (int d = 0; d < DP / 8; d++)
#pragma unroll
			for (int e = 0; e < 2; e++)
				if (8 * d + t + e < a.D)
					ril_store(o + 8 * d + t + e, r.o[d][2 * h + e] * each);
		if (lse && t == 0)
			lse[(q0 + i) * heads + head] =
				r.max[h] == -INFINITY && sum == sum ? -INFINITY : (r.max[h] + log2f(sum)) * RIL_LN2;
	}
}

template <typename T, int DP>
static __global__ void __launch_bounds__(RIL_TILE_THREADS, DP > 128                     ? 2
							   : sizeof(T) == 2 && DP <= 64 ? 4
											: 3)
	attention_kernel(ril_attended<T> a, float *lse, const struct ril_tile *list, const int32_t *count)
{
	typedef forward_tiles<T, DP> tiles;
	constexpr int N = ril_key_rows<T, DP>(), PITCH = ril_pitch<T, DP>();
	RIL_SHARED(tiles, s);
	if ((int)blockIdx.x >= *count)
		return;
	struct ril_tile tile = list[*count - 1 - blockIdx.x]; /* a segment's last rows see most: they begin */
	struct ril_seg seg = a.seg[tile.seg];
	int head = blockIdx.y, warp = threadIdx.x / 32, rows = min(seg.qn - tile.row, (int)RIL_QUERY_ROWS);
	int first = tile.row + RIL_WARP_ROWS * warp, g = threadIdx.x % 32 / 4;
	int sees[2] = {ril_sees(seg, first + g), ril_sees(seg, first + g + 8)};
	int own = ril_sees(seg, tile.row + rows - 1), key_tiles = ril_key_tiles<N>(seg, own);
	const ril_columns<T> k = ril_head_of(a.k, head / a.group, a.D), v = ril_head_of(a.v, head / a.group, a.D);
	ril_running<DP> run;
	ril_running_start(run);
	ril_fill<T, DP, RIL_QUERY_ROWS>(s.q, ril_head_of(a.q, head, a.D), (int64_t)seg.q0 + tile.row, rows);
	struct ril_key_tile at = ril_key_tile_of<N>(seg, own, 0);
	if (key_tiles)
		ril_fill<T, DP, N>(s.k, k, at.row, at.n);
	ril_copy_commit();
	for (int i = 0; i < key_tiles; i++) {
		float x[N / 8][4] = {};
		ril_fill<T, DP, N>(s.v, v, at.row, at.n);
		ril_copy_commit();
		ril_copy_wait<1>();
		__syncthreads();
		ril_scores<N, DP>(x, s.q + RIL_WARP_ROWS * warp * PITCH, s.k);
		__syncthreads();
		struct ril_key_tile next = ril_key_tile_of<N>(seg, own, i + 1);
		if (i + 1 < key_tiles)
			ril_fill<T, DP, N>(s.k, k, next.row, next.n);
		ril_copy_commit();
		ril_mask<N>(x, a.scale * RIL_LOG2E, at, sees, ril_all_seen<N>(seg, at, first));
		ril_running_take<N>(run, x);
		ril_copy_wait<1>();
		__syncthreads();
		ril_mix<N, DP>(run.o, x, s.v);
		__syncthreads();
		at = next;
	}
	ril_copy_wait<0>();
	put_rows(a, lse, run, seg.q0, first, tile.row + rows, head);
}

template <typename T, int DP>
static void attend(const ril_attended<T> &a, float *lse, const struct ril_tiles &t, int64_t H)
{
	static_assert(sizeof(forward_tiles<T, DP>) <= RIL_SHARED_MOST, "fewer keys at once");
	dim3 grid((unsigned)t.most, (unsigned)H);
	RIL_LAUNCH((attention_kernel<T, DP>), grid, RIL_TILE_THREADS, sizeof(forward_tiles<T, DP>), a, lse, t.list,
		   t.count);
}

void ril_cuda_attention(struct ril_mat o, ril_real *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			struct ril_segs segs, struct ril_heads h)
{
	if (segs.n <= 0 || q.rows <= 0 || h.H <= 0)
		return;
	if (q.rows <= segs.n) {
		ril_cuda_attention_decode(o, lse, q, k, v, segs, h);
		return;
	}
	struct ril_tiles t = ril_cuda_tiles(segs, q.rows);
	if (!t.list)
		return;
	RIL_BY_TYPE(q.type, ril_attended<T> a = {ril_of<T>(q), ril_of<T>(k), ril_of<T>(v), ril_of<T>(o), segs.at,
						 segs.n, (int)h.D, (int)(h.H / h.Hkv), (float)h.scale};
		    RIL_BY_HEAD(h.D, attend<T, DP>(a, lse, t, h.H)));
}
