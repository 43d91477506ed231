/* attention_bwd.cu -- attention over packed segments, backward.
 *
 * Scores are computed again and need no second softmax: with the saved lse, p = exp(s - lse), and ds = p (dp - delta) scale
 * with dp = dout v and delta = dout o of each row.  Two kernels do that, each in the order that lets it keep its sums in
 * registers: dq for 64 query rows over their keys, as forward; dk and dv for 64 key rows over all the queries that see
 * them.  That is 14 D FLOPs a pair where one kernel would do 10 D, and no sum depends on which block comes first.
 *
 * The second has a block for each query head, so that a prefix which a whole group reads does not wait for one block; the
 * heads' sums go to scratch and are added, in order, by a third.  p and ds are rounded for the second products in bfloat16,
 * as p is forward. */
#include "attention_internal.h"

/* What the way back has beside the way there. */
template <typename T> struct ril_returned {
	ril_attended<T> a;
	ril_m<T> dout, dq, dk, dv;
	const float *lse, *delta; /* [T, H] */
	int H;
};

/* Rows of the other side that a block holds at once: what shared memory and registers allow. */
template <typename T, int DP> static __host__ __device__ constexpr int back_keys()
{
	return sizeof(T) == 4 && DP > 80 ? 16 : 64;
}

template <typename T, int DP> static __host__ __device__ constexpr int back_queries()
{
	return sizeof(T) == 4 && DP > 80 ? 16 : DP > 64 ? 32 : 64;
}

/* ---- delta ---- */

/* delta[T, H]: a warp for each row and head.  Bound by the bytes of dout and o. */
template <typename T>
static __global__ void __launch_bounds__(128) delta_kernel(float *delta, ril_m<T> dout, ril_m<T> o, int H, int D)
{
	int64_t i = (int64_t)blockIdx.x * 4 + threadIdx.x / 32, row = i / H;
	if (row >= o.rows)
		return;
	int64_t c = i % H * D;
	float sum = 0;
	for (int d = threadIdx.x % 32; d < D; d += 32)
		sum += ril_load(dout.at(row, c + d)) * ril_load(o.at(row, c + d));
	sum = ril_warp_sum(sum);
	if (threadIdx.x % 32 == 0)
		delta[i] = sum;
}

/* ---- dq ---- */

template <typename T, int DP> struct query_tiles {
	T q[RIL_QUERY_ROWS * ril_pitch<T, DP>()];
	T dout[RIL_QUERY_ROWS * ril_pitch<T, DP>()];
	T k[back_keys<T, DP>() * ril_pitch<T, DP>()];
	T v[back_keys<T, DP>() * ril_pitch<T, DP>()];
};

/* x[16, N] scores, y[16, N] dp -> y = ds; rows are queries. */
template <int N>
static __device__ __forceinline__ void turn_rows(const float (*x)[4], float (*y)[4], float scale,
						 const struct ril_key_tile &k, const int sees[2], const float lse[2],
						 const float delta[2])
{
	int t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int n = 0; n < N / 8; n++)
#pragma unroll
		for (int e = 0; e < 4; e++) {
			int h = e / 2, c = 8 * n + t + e % 2, end = k.own < 0 ? k.n : min(k.n, sees[h] - k.own);
			float p = c < end ? exp2f((x[n][e] * scale - lse[h]) * RIL_LOG2E) : 0;
			y[n][e] = p == 0 ? 0 : p * (y[n][e] - delta[h]) * scale;
		}
}

/* to rows += x[16, D], those below `end` */
template <typename T, int DP>
static __device__ __forceinline__ void add_rows_of(const ril_m<T> &to, const float (*x)[4], int64_t row, int rows,
						   int64_t column, int D)
{
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int h = 0; h < 2; h++) {
		if (g + 8 * h >= rows)
			continue;
		T *p = to.at(row + g + 8 * h, column);
#pragma unroll
		for (int d = 0; d < DP / 8; d++)
#pragma unroll
			for (int e = 0; e < 2; e++)
				if (8 * d + t + e < D)
					ril_store(p + 8 * d + t + e, ril_load(p + 8 * d + t + e) + x[d][2 * h + e]);
	}
}

template <typename T, int DP>
static __device__ __forceinline__ void dq_rows(query_tiles<T, DP> &s, const ril_returned<T> &b,
					       const struct ril_seg &seg, int row, int rows, int head)
{
	constexpr int N = back_keys<T, DP>(), PITCH = ril_pitch<T, DP>();
	const ril_attended<T> &a = b.a;
	int mine = threadIdx.x / 32 * 16, first = row + mine, g = threadIdx.x % 32 / 4;
	int sees[2] = {ril_sees(seg, first + g), ril_sees(seg, first + g + 8)};
	float lse[2] = {0, 0}, delta[2] = {0, 0}, dq[DP / 8][4] = {};
	for (int h = 0; h < 2; h++)
		if (mine + g + 8 * h < rows) {
			int64_t at = ((int64_t)seg.q0 + first + g + 8 * h) * b.H + head;
			lse[h] = b.lse[at];
			delta[h] = b.delta[at];
		}
	ril_fill<T, DP, RIL_QUERY_ROWS>(s.q, ril_head_of(a.q, head, a.D), (int64_t)seg.q0 + row, rows);
	ril_fill<T, DP, RIL_QUERY_ROWS>(s.dout, ril_head_of(b.dout, head, a.D), (int64_t)seg.q0 + row, rows);
	int own = ril_sees(seg, row + rows - 1), key_tiles = ril_key_tiles<N>(seg, own);
	const ril_columns<T> k = ril_head_of(a.k, head / a.group, a.D), v = ril_head_of(a.v, head / a.group, a.D);
	for (int i = 0; i < key_tiles; i++) {
		struct ril_key_tile at = ril_key_tile_of<N>(seg, own, i);
		float x[N / 8][4] = {}, y[N / 8][4] = {};
		ril_fill<T, DP, N>(s.k, k, at.row, at.n);
		ril_fill<T, DP, N>(s.v, v, at.row, at.n);
		ril_copy_commit();
		ril_copy_wait<0>();
		__syncthreads();
		ril_scores<N, DP>(x, s.q + mine * PITCH, s.k);
		ril_scores<N, DP>(y, s.dout + mine * PITCH, s.v);
		turn_rows<N>(x, y, a.scale, at, sees, lse, delta);
		ril_mix<N, DP>(dq, y, s.k);
		__syncthreads();
	}
	ril_copy_commit();
	ril_copy_wait<0>();
	add_rows_of<T, DP>(b.dq, dq, (int64_t)seg.q0 + first, rows - mine, (int64_t)head * a.D, a.D);
}

/* grid (tiles of 64 query rows, query heads).  Bound by FLOPs. */
template <typename T, int DP>
static __global__ void __launch_bounds__(RIL_TILE_THREADS, 1)
	dq_kernel(ril_returned<T> b, const struct ril_tile *list, const int32_t *count)
{
	typedef query_tiles<T, DP> tiles;
	RIL_SHARED(tiles, s);
	if ((int)blockIdx.x >= *count)
		return;
	struct ril_tile tile = list[blockIdx.x];
	struct ril_seg seg = b.a.seg[tile.seg];
	dq_rows<T, DP>(s, b, seg, tile.row, min((int)RIL_QUERY_ROWS, seg.qn - tile.row), blockIdx.y);
}

/* ---- dk and dv ---- */

template <typename T, int DP> struct key_tiles {
	T k[RIL_QUERY_ROWS * ril_pitch<T, DP>()];
	T v[RIL_QUERY_ROWS * ril_pitch<T, DP>()];
	T q[back_queries<T, DP>() * ril_pitch<T, DP>()];
	T dout[back_queries<T, DP>() * ril_pitch<T, DP>()];
	float lse[back_queries<T, DP>()], delta[back_queries<T, DP>()];
	int32_t list[128], ends[4];
};

/* What of a segment lies in key rows [from, from + rows): its first own key there, and the first query that sees any. */
struct overlap {
	bool prefix, own;
	int start;
};

static __device__ __forceinline__ struct overlap overlap_of(const struct ril_seg &s, int64_t from, int rows)
{
	struct overlap o = {s.qn > 0 && s.pn > 0 && s.p0 < from + rows && from<(int64_t)s.p0 + s.pn, s.qn> 0 &&
				    s.kn > 0 && s.k0 < from + rows && from < (int64_t)s.k0 + s.kn,
			    0};
	if (!o.prefix && s.causal && from > s.k0)
		o.start = max(0, (int)(from - s.k0) - (s.kn - s.qn));
	return o;
}

/* The segments [base, base + threads) that have keys in the tile, in order, to s.list; returns how many. */
template <typename T, int DP>
static __device__ __forceinline__ int list_segments(key_tiles<T, DP> &s, const ril_attended<T> &a, int base,
						    int64_t from, int rows)
{
	int i = base + threadIdx.x, warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
	bool in = false;
	if (i < a.n) {
		struct overlap o = overlap_of(a.seg[i], from, rows);
		in = o.prefix || o.own;
	}
	unsigned all = __ballot_sync(RIL_ALL_LANES, in);
	__syncthreads();
	if (lane == 0)
		s.ends[warp] = __popc(all);
	__syncthreads();
	int at = 0, total = 0;
	for (int w = 0; w < warps; w++) {
		at += w < warp ? s.ends[w] : 0;
		total += s.ends[w];
	}
	if (in)
		s.list[at + __popc(all & ((1u << lane) - 1))] = i;
	__syncthreads();
	return total;
}

/* A lane's two key rows in a segment: of the prefix, or their place among its own keys (-1: neither). */
struct key_place {
	bool prefix;
	int own;
};

static __device__ __forceinline__ struct key_place place_of(const struct ril_seg &s, int64_t row, bool there)
{
	int64_t p = row - s.p0, k = row - s.k0;
	return {there && p >= 0 && p < s.pn, there && k >= 0 && k < s.kn ? (int)k : -1};
}

/* x[16, M] scores, y[16, M] dp -> x = p, y = ds; rows are keys, columns the queries from i on. */
template <int M>
static __device__ __forceinline__ void turn_columns(float (*x)[4], float (*y)[4], float scale, const struct ril_seg &s,
						    int i, const struct key_place key[2], const float *lse,
						    const float *delta)
{
	int t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int n = 0; n < M / 8; n++)
#pragma unroll
		for (int e = 0; e < 4; e++) {
			int c = 8 * n + t + e % 2;
			const struct key_place &k = key[e / 2];
			bool seen = i + c < s.qn && (k.prefix || (k.own >= 0 && k.own < ril_sees(s, i + c)));
			float p = seen ? exp2f((x[n][e] * scale - lse[c]) * RIL_LOG2E) : 0;
			x[n][e] = p;
			y[n][e] = p == 0 ? 0 : p * (y[n][e] - delta[c]) * scale;
		}
}

/* Queries [i, i + M) of a segment, with what belongs to their rows, into shared memory. */
template <typename T, int DP>
static __device__ __forceinline__ void fill_queries(key_tiles<T, DP> &s, const ril_returned<T> &b,
						    const struct ril_seg &seg, int i, int head)
{
	constexpr int M = back_queries<T, DP>();
	int n = min(M, seg.qn - i);
	int64_t row = (int64_t)seg.q0 + i;
	ril_fill<T, DP, M>(s.q, ril_head_of(b.a.q, head, b.a.D), row, n);
	ril_fill<T, DP, M>(s.dout, ril_head_of(b.dout, head, b.a.D), row, n);
	ril_copy_commit();
	for (int c = threadIdx.x; c < M; c += blockDim.x) {
		s.lse[c] = c < n ? b.lse[(row + c) * b.H + head] : 0;
		s.delta[c] = c < n ? b.delta[(row + c) * b.H + head] : 0;
	}
	ril_copy_wait<0>();
	__syncthreads();
}

/* Sums for a tile's key rows [from, from + rows), one query head */
template <typename T, int DP>
static __device__ __forceinline__ void sum_tile(key_tiles<T, DP> &s, const ril_returned<T> &b, int64_t from, int rows,
						int head, float (*dk)[4], float (*dv)[4])
{
	constexpr int M = back_queries<T, DP>(), PITCH = ril_pitch<T, DP>();
	int mine = threadIdx.x / 32 * 16, g = threadIdx.x % 32 / 4;
	for (int base = 0; base < b.a.n; base += blockDim.x) {
		int n = list_segments(s, b.a, base, from, rows);
		for (int j = 0; j < n; j++) {
			struct ril_seg seg = b.a.seg[s.list[j]];
			struct key_place key[2] = {place_of(seg, from + mine + g, mine + g < rows),
						   place_of(seg, from + mine + g + 8, mine + g + 8 < rows)};
			for (int i = overlap_of(seg, from, rows).start / M * M; i < seg.qn; i += M) {
				float x[M / 8][4] = {}, y[M / 8][4] = {};
				fill_queries<T, DP>(s, b, seg, i, head);
				ril_scores<M, DP>(x, s.k + mine * PITCH, s.q);
				ril_scores<M, DP>(y, s.v + mine * PITCH, s.dout);
				turn_columns<M>(x, y, b.a.scale, seg, i, key, s.lse, s.delta);
				ril_mix<M, DP>(dv, x, s.dout);
				ril_mix<M, DP>(dk, y, s.q);
				__syncthreads();
			}
		}
	}
}

/* x[16, D] of a warp's key rows to part[rows, D]. */
template <int DP> static __device__ __forceinline__ void leave_rows(float *part, const float (*x)[4], int rows, int D)
{
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int h = 0; h < 2; h++)
#pragma unroll
		for (int d = 0; d < DP / 8; d++)
#pragma unroll
			for (int e = 0; e < 2; e++)
				if (g + 8 * h < rows && 8 * d + t + e < D)
					part[(g + 8 * h) * D + 8 * d + t + e] = x[d][2 * h + e];
}

/* The heads' sums of key rows [from, from + n): [H, n, D] each. */
struct parts {
	float *dk, *dv;
	int64_t from, n;
};

/* grid (tiles of key rows, query heads).  Bound by FLOPs. */
template <typename T, int DP>
static __global__ void __launch_bounds__(RIL_TILE_THREADS, 1) dkv_kernel(ril_returned<T> b, struct parts part)
{
	typedef key_tiles<T, DP> tiles;
	constexpr int ROWS = RIL_QUERY_ROWS;
	RIL_SHARED(tiles, s);
	int64_t at = (int64_t)blockIdx.x * ROWS;
	int head = blockIdx.y, rows = (int)(part.n - at < ROWS ? part.n - at : ROWS), mine = threadIdx.x / 32 * 16;
	float dk[DP / 8][4] = {}, dv[DP / 8][4] = {};
	ril_fill<T, DP, ROWS>(s.k, ril_head_of(b.a.k, head / b.a.group, b.a.D), part.from + at, rows);
	ril_fill<T, DP, ROWS>(s.v, ril_head_of(b.a.v, head / b.a.group, b.a.D), part.from + at, rows);
	ril_copy_commit();
	ril_copy_wait<0>();
	__syncthreads();
	sum_tile<T, DP>(s, b, part.from + at, rows, head, dk, dv);
	int64_t to = (head * part.n + at + mine) * b.a.D;
	leave_rows<DP>(part.dv + to, dv, rows - mine, b.a.D);
	leave_rows<DP>(part.dk + to, dk, rows - mine, b.a.D);
}

/* to[from + r, key heads * D] += the sum over the query heads of each, in order; block (r, 0).  Bound by part's bytes. */
template <typename T>
static __global__ void __launch_bounds__(128)
	add_heads_kernel(ril_m<T> to, const float *part, int64_t from, int64_t n, int group, int D)
{
	int64_t r = blockIdx.x;
	for (int64_t c = threadIdx.x; c < to.cols; c += blockDim.x) {
		const float *x = part + ((c / D * group) * n + r) * D + c % D;
		float sum = 0;
		for (int h = 0; h < group; h++)
			sum += x[h * n * D];
		T *p = to.at(from + r, c);
		ril_store(p, ril_load(p) + sum);
	}
}

template <typename T, int DP> static void sum_keys(const ril_returned<T> &b, const struct parts &part)
{
	dim3 grid((unsigned)ril_parts(part.n, RIL_QUERY_ROWS), (unsigned)b.H);
	RIL_LAUNCH((dkv_kernel<T, DP>), grid, RIL_TILE_THREADS, sizeof(key_tiles<T, DP>), b, part);
}

/* Bytes of the heads' sums kept at once. */
#define PARTS_BYTES ((int64_t)256 << 20)

template <typename T, int DP> static void go_back_to_keys(const ril_returned<T> &b)
{
	int64_t row = (int64_t)b.H * b.a.D, all = b.a.k.rows;
	int64_t most = ril_min(all, ril_max(PARTS_BYTES / (8 * row) / 64, 1) * 64);
	float *room = (float *)ril_cuda_scratch(RIL_ROOM_C, (size_t)(2 * most * row), sizeof *room);
	for (int64_t from = 0; room && from < all; from += most) {
		int64_t n = ril_min(most, all - from);
		struct parts part = {room, room + n * row, from, n};
		sum_keys<T, DP>(b, part);
		if (b.dk.p)
			RIL_LAUNCH((add_heads_kernel<T>), (unsigned)n, 128, 0, b.dk, part.dk, from, n, b.a.group,
				   b.a.D);
		if (b.dv.p)
			RIL_LAUNCH((add_heads_kernel<T>), (unsigned)n, 128, 0, b.dv, part.dv, from, n, b.a.group,
				   b.a.D);
	}
}

template <typename T, int DP> static void go_back_to_queries(const ril_returned<T> &b, const struct ril_tiles &t)
{
	dim3 grid((unsigned)t.most, (unsigned)b.H);
	RIL_LAUNCH((dq_kernel<T, DP>), grid, RIL_TILE_THREADS, sizeof(query_tiles<T, DP>), b, t.list, t.count);
}

template <typename T, int DP> static void go_back(const ril_returned<T> &b, struct ril_segs segs)
{
	if (b.dq.p) {
		struct ril_tiles t = ril_cuda_tiles(segs, b.a.q.rows);
		if (!t.list)
			return;
		go_back_to_queries<T, DP>(b, t);
	}
	if (b.dk.p || b.dv.p)
		go_back_to_keys<T, DP>(b);
}

void ril_cuda_attention_bwd(struct ril_mat dq, struct ril_mat dk, struct ril_mat dv, struct ril_mat dout,
			    struct ril_mat o, const ril_real *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			    struct ril_segs segs, struct ril_heads h)
{
	if (segs.n <= 0 || q.rows <= 0 || h.H <= 0 || (!dq.p && !dk.p && !dv.p))
		return;
	float *delta = (float *)ril_cuda_scratch(RIL_ROOM_B, (size_t)(q.rows * h.H), sizeof *delta);
	unsigned blocks = (unsigned)ril_parts(q.rows * h.H, 4);
	if (!delta)
		return;
	RIL_BY_TYPE(q.type, RIL_LAUNCH((delta_kernel<T>), blocks, 128, 0, delta, ril_of<T>(dout), ril_of<T>(o),
				       (int)h.H, (int)h.D);
		    ril_attended<T> a = {ril_of<T>(q), ril_of<T>(k), ril_of<T>(v), ril_of<T>(o), segs.at, segs.n,
					 (int)h.D, (int)(h.H / h.Hkv), (float)h.scale};
		    ril_returned<T> b = {a, ril_of<T>(dout), ril_of<T>(dq), ril_of<T>(dk), ril_of<T>(dv), lse, delta,
					 (int)h.H};
		    RIL_BY_HEAD(h.D, go_back<T, DP>(b, segs)));
}
