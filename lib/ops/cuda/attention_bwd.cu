/* attention_bwd.cu -- attention over packed segments, backward.
 *
 * Scores are computed again and need no second softmax: with the saved lse, p = exp(s - lse), and ds = p (dp - delta) scale
 * with dp = dout v and delta = dout o of each row.  Two kernels do that, each in the order that lets it keep its sums in
 * registers: dq for 64 query rows over their keys, as forward; dk and dv for 64 key rows over all the queries that see
 * them.  That is 14 D FLOPs a pair where one kernel would do 10 D, and no sum depends on which block comes first.
 *
 * Copies of the next rows travel meanwhile, where shared memory has room for them.
 *
 * The queries that see a key tile are those of the segments with keys in it.  Which these can be, a kernel notes before for
 * all tiles, from the first to the last of them: in a pack they are neighbours, so a tile looks at no others.
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

/* Rows that a block keeps, those of the other side that come by it at once, and how many times it holds those: twice, where
 * there is room, so that the next ones travel meanwhile. */
template <typename T, int DP> static __host__ __device__ constexpr int back_rows()
{
	return sizeof(T) == 4 && DP > 128 ? 32 : RIL_QUERY_ROWS;
}

template <typename T, int DP> static __host__ __device__ constexpr int back_step()
{
	return DP <= 80 || (sizeof(T) == 2 && DP <= 128) ? 32 : 16;
}

template <typename T, int DP> static __host__ __device__ constexpr int back_stages()
{
	return DP <= 80 || (sizeof(T) == 2 && DP <= 128) ? 2 : 1;
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
	static constexpr int ROWS = back_rows<T, DP>(), N = back_step<T, DP>(), STAGES = back_stages<T, DP>();
	T q[ROWS * ril_pitch<T, DP>()];
	T dout[ROWS * ril_pitch<T, DP>()];
	T k[STAGES][N * ril_pitch<T, DP>()];
	T v[STAGES][N * ril_pitch<T, DP>()];
};

/* x[16, N] scores, y[16, N] dp -> y = ds without its scale; rows are queries. */
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
			y[n][e] = p == 0 ? 0 : p * (y[n][e] - delta[h]);
		}
}

/* to rows [row, row + rows) += scale x[16, D] */
template <typename T, int DP>
static __device__ __forceinline__ void add_rows_of(const ril_m<T> &to, const float (*x)[4], float scale, int64_t row,
						   int rows, int64_t column, int D)
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
					ril_store(p + 8 * d + t + e,
						  ril_load(p + 8 * d + t + e) + x[d][2 * h + e] * scale);
	}
}

/* A key tile into its stage, as a group of copies. */
template <typename T, int DP>
static __device__ __forceinline__ void fill_keys(query_tiles<T, DP> &s, const ril_returned<T> &b,
						 const struct ril_key_tile &k, int stage, int head)
{
	constexpr int N = query_tiles<T, DP>::N;
	ril_fill<T, DP, N>(s.k[stage], ril_head_of(b.a.k, head / b.a.group, b.a.D), k.row, k.n);
	ril_fill<T, DP, N>(s.v[stage], ril_head_of(b.a.v, head / b.a.group, b.a.D), k.row, k.n);
	ril_copy_commit();
}

/* dq of rows whose queries and dout are on their way to shared memory; the warp's 16 begin at row `first` of the segment. */
template <typename T, int DP>
static __device__ __forceinline__ void run_over_keys(query_tiles<T, DP> &s, const ril_returned<T> &b,
						     const struct ril_seg &seg, int own, int first, int head,
						     const float lse[2], const float delta[2], float (*dq)[4])
{
	constexpr int N = query_tiles<T, DP>::N, STAGES = query_tiles<T, DP>::STAGES, PITCH = ril_pitch<T, DP>();
	int mine = threadIdx.x / 32 * 16, g = threadIdx.x % 32 / 4, key_tiles = ril_key_tiles<N>(seg, own);
	int sees[2] = {ril_sees(seg, first + g), ril_sees(seg, first + g + 8)};
	struct ril_key_tile at = ril_key_tile_of<N>(seg, own, 0);
	if (key_tiles)
		fill_keys(s, b, at, 0, head);
	for (int i = 0; i < key_tiles; i++) {
		struct ril_key_tile next = ril_key_tile_of<N>(seg, own, i + 1);
		float x[N / 8][4] = {}, y[N / 8][4] = {};
		int stage = i % STAGES;
		if (STAGES > 1 && i + 1 < key_tiles)
			fill_keys(s, b, next, 1 - stage, head);
		else
			ril_copy_commit();
		ril_copy_wait<STAGES - 1>();
		__syncthreads();
		ril_scores<N, DP>(x, s.q + mine * PITCH, s.k[stage]);
		ril_scores<N, DP>(y, s.dout + mine * PITCH, s.v[stage]);
		turn_rows<N>(x, y, b.a.scale, at, sees, lse, delta);
		ril_mix<N, DP>(dq, y, s.k[stage]);
		__syncthreads();
		if (STAGES == 1 && i + 1 < key_tiles)
			fill_keys(s, b, next, 0, head);
		at = next;
	}
}

template <typename T, int DP>
static __device__ __forceinline__ void dq_rows(query_tiles<T, DP> &s, const ril_returned<T> &b,
					       const struct ril_seg &seg, int row, int rows, int head)
{
	constexpr int ROWS = query_tiles<T, DP>::ROWS;
	int mine = threadIdx.x / 32 * 16, first = row + mine, g = threadIdx.x % 32 / 4;
	float lse[2] = {0, 0}, delta[2] = {0, 0}, dq[DP / 8][4] = {};
	for (int h = 0; h < 2; h++)
		if (mine + g + 8 * h < rows) {
			int64_t at = ((int64_t)seg.q0 + first + g + 8 * h) * b.H + head;
			lse[h] = b.lse[at];
			delta[h] = b.delta[at];
		}
	ril_fill<T, DP, ROWS>(s.q, ril_head_of(b.a.q, head, b.a.D), (int64_t)seg.q0 + row, rows);
	ril_fill<T, DP, ROWS>(s.dout, ril_head_of(b.dout, head, b.a.D), (int64_t)seg.q0 + row, rows);
	run_over_keys<T, DP>(s, b, seg, ril_sees(seg, row + rows - 1), first, head, lse, delta, dq);
	ril_copy_commit();
	ril_copy_wait<0>();
	add_rows_of<T, DP>(b.dq, dq, b.a.scale, (int64_t)seg.q0 + first, rows - mine, (int64_t)head * b.a.D, b.a.D);
}

/* grid (tiles of 64 query rows, query heads, blocks that share a tile).  Bound by FLOPs. */
template <typename T, int DP>
static __global__ void __launch_bounds__(RIL_TILE_THREADS, 1)
	dq_kernel(ril_returned<T> b, const struct ril_tile *list, const int32_t *count)
{
	typedef query_tiles<T, DP> tiles;
	RIL_SHARED(tiles, s);
	if ((int)blockIdx.x >= *count)
		return;
	struct ril_tile tile = list[*count - 1 - blockIdx.x]; /* a segment's last rows see most: they begin */
	struct ril_seg seg = b.a.seg[tile.seg];
	int row = tile.row + blockIdx.z * tiles::ROWS;
	if (row < seg.qn)
		dq_rows<T, DP>(s, b, seg, row, min((int)tiles::ROWS, seg.qn - row), blockIdx.y);
}

/* ---- dk and dv ---- */

template <typename T, int DP> struct key_tiles {
	static constexpr int ROWS = back_rows<T, DP>(), M = back_step<T, DP>(), STAGES = back_stages<T, DP>();
	T k[ROWS * ril_pitch<T, DP>()];
	T v[ROWS * ril_pitch<T, DP>()];
	T q[STAGES][M * ril_pitch<T, DP>()];
	T dout[STAGES][M * ril_pitch<T, DP>()];
	float lse[M], delta[M];
	int32_t list[2 * ROWS], ends[ROWS / 16];
};

/* The segments [n - first, last) of n: all that have keys in a tile, and what lies between them.  Zeros: none has. */
struct reach {
	int32_t first, last;
};

/* Segment i of n has keys in rows [from, from + rows). */
static __device__ __forceinline__ void note_rows(struct reach *tile, int tile_rows, int64_t from, int rows, int i,
						 int n)
{
	for (int64_t t = from / tile_rows + threadIdx.x % 32; t * tile_rows < from + rows; t += 32) {
		atomicMax(&tile[t].first, n - i);
		atomicMax(&tile[t].last, i + 1);
	}
}

/* tile[tiles], zeros -> what each reaches: a warp a segment.  Bound by its own launch. */
static __global__ void __launch_bounds__(128)
	reach_kernel(struct reach *tile, int tile_rows, const struct ril_seg *seg, int n)
{
	int i = blockIdx.x * 4 + threadIdx.x / 32;
	if (i >= n || seg[i].qn <= 0)
		return;
	note_rows(tile, tile_rows, seg[i].p0, seg[i].pn, i, n);
	note_rows(tile, tile_rows, seg[i].k0, seg[i].kn, i, n);
}

static struct reach *reach_of(struct ril_segs segs, int64_t rows, int tile_rows)
{
	size_t tiles = (size_t)ril_parts(rows, tile_rows);
	struct reach *tile = (struct reach *)ril_cuda_scratch(RIL_ROOM_A, tiles, sizeof *tile);
	if (!tile || !ril_cuda_ok(cudaMemsetAsync(tile, 0, tiles * sizeof *tile, ril_cuda.stream), "zeroing"))
		return NULL;
	RIL_LAUNCH(reach_kernel, (unsigned)ril_parts(segs.n, 4), 128, 0, tile, tile_rows, segs.at, segs.n);
	return tile;
}

/* What of a segment lies in key rows [from, from + rows): its first own key there, and the first query that sees any. */
struct overlap {
	bool prefix, own;
	int start;
};

static __device__ __forceinline__ struct overlap overlap_of(const struct ril_seg &s, int64_t from, int rows)
{
	int64_t end = from + rows, prefix_end = (int64_t)s.p0 + s.pn, own_end = (int64_t)s.k0 + s.kn;
	struct overlap o = {false, false, 0};
	o.prefix = s.qn > 0 && s.pn > 0 && s.p0 < end && from < prefix_end;
	o.own = s.qn > 0 && s.kn > 0 && s.k0 < end && from < own_end;
	if (!o.prefix && s.causal && from > s.k0)
		o.start = max(0, (int)(from - s.k0) - (s.kn - s.qn));
	return o;
}

/* The segments [base, base + threads), below `end`, that have keys in the tile, in order, to s.list; returns how many. */
template <typename T, int DP>
static __device__ __forceinline__ int list_segments(key_tiles<T, DP> &s, const ril_attended<T> &a, int base, int end,
						    int64_t from, int rows)
{
	int i = base + threadIdx.x, warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
	bool in = false;
	if (i < end) {
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

/* x[16, M] scores, y[16, M] dp -> x = p, y = ds without its scale; rows are keys, columns the queries from i on. */
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
			y[n][e] = p == 0 ? 0 : p * (y[n][e] - delta[c]);
		}
}

/* Where a block is among the queries of the segments in its list: entry j, queries from i on. */
struct query_place {
	struct ril_seg seg;
	int j, i;
};

template <typename T, int DP>
static __device__ __forceinline__ void enter_segment(struct query_place &at, const key_tiles<T, DP> &s,
						     const ril_attended<T> &a, int64_t from, int rows)
{
	constexpr int M = key_tiles<T, DP>::M;
	at.seg = a.seg[s.list[at.j]];
	at.i = overlap_of(at.seg, from, rows).start / M * M;
}

/* Those queries into a stage, as a group of copies; returns what the thread keeps of their lse and delta (leave_saved). */
template <typename T, int DP>
static __device__ __forceinline__ float fill_queries(key_tiles<T, DP> &s, const ril_returned<T> &b,
						     const struct query_place &at, int stage, int head)
{
	constexpr int M = key_tiles<T, DP>::M;
	int n = min(M, at.seg.qn - at.i), c = threadIdx.x % M;
	int64_t row = (int64_t)at.seg.q0 + at.i;
	ril_fill<T, DP, M>(s.q[stage], ril_head_of(b.a.q, head, b.a.D), row, n);
	ril_fill<T, DP, M>(s.dout[stage], ril_head_of(b.dout, head, b.a.D), row, n);
	ril_copy_commit();
	if (threadIdx.x >= 2 * M || c >= n)
		return 0;
	return (threadIdx.x < M ? b.lse : b.delta)[(row + c) * b.H + head];
}

template <typename T, int DP> static __device__ __forceinline__ void leave_saved(key_tiles<T, DP> &s, float saved)
{
	constexpr int M = key_tiles<T, DP>::M;
	if (threadIdx.x < M)
		s.lse[threadIdx.x] = saved;
	else if (threadIdx.x < 2 * M)
		s.delta[threadIdx.x - M] = saved;
}

/* What a kernel sums: a head of 256 leaves registers for one of the two. */
enum { SUM_DK = 1, SUM_DV = 2 };

template <typename T, int DP, int WHAT>
static __device__ __forceinline__ void take_queries(key_tiles<T, DP> &s, const ril_returned<T> &b,
						    const struct query_place &at, const struct key_place key[2],
						    int stage, float (*dk)[4], float (*dv)[4])
{
	constexpr int M = key_tiles<T, DP>::M, PITCH = ril_pitch<T, DP>();
	int mine = threadIdx.x / 32 * 16;
	float x[M / 8][4] = {}, y[M / 8][4] = {};
	ril_scores<M, DP>(x, s.k + mine * PITCH, s.q[stage]);
	if (WHAT & SUM_DK)
		ril_scores<M, DP>(y, s.v + mine * PITCH, s.dout[stage]);
	turn_columns<M>(x, y, b.a.scale, at.seg, at.i, key, s.lse, s.delta);
	if (WHAT & SUM_DV)
		ril_mix<M, DP>(dv, x, s.dout[stage]);
	if (WHAT & SUM_DK)
		ril_mix<M, DP>(dk, y, s.q[stage]);
}

/* Over the queries of the n segments in the list, in order. */
template <typename T, int DP, int WHAT>
static __device__ __forceinline__ void sum_listed(key_tiles<T, DP> &s, const ril_returned<T> &b, int n, int64_t from,
						  int rows, int head, float (*dk)[4], float (*dv)[4])
{
	constexpr int M = key_tiles<T, DP>::M, STAGES = key_tiles<T, DP>::STAGES;
	int mine = threadIdx.x / 32 * 16, g = threadIdx.x % 32 / 4, stage = 0;
	struct query_place next = {};
	enter_segment(next, s, b.a, from, rows);
	float saved = fill_queries(s, b, next, 0, head);
	while (next.j < n) {
		struct query_place at = next;
		struct key_place key[2] = {place_of(at.seg, from + mine + g, mine + g < rows),
					   place_of(at.seg, from + mine + g + 8, mine + g + 8 < rows)};
		next.i += M;
		if (next.i >= next.seg.qn && ++next.j < n)
			enter_segment(next, s, b.a, from, rows);
		leave_saved(s, saved);
		if (STAGES > 1 && next.j < n)
			saved = fill_queries(s, b, next, 1 - stage, head);
		else
			ril_copy_commit();
		ril_copy_wait<STAGES - 1>();
		__syncthreads();
		take_queries<T, DP, WHAT>(s, b, at, key, stage, dk, dv);
		__syncthreads();
		if (STAGES == 1 && next.j < n)
			saved = fill_queries(s, b, next, 0, head);
		stage = STAGES - 1 - stage;
	}
	ril_copy_wait<0>();
}

/* scale x[16, D] of a warp's key rows to part[rows, D]. */
template <int DP>
static __device__ __forceinline__ void leave_rows(float *part, const float (*x)[4], float scale, int rows, int D)
{
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int h = 0; h < 2; h++)
#pragma unroll
		for (int d = 0; d < DP / 8; d++)
#pragma unroll
			for (int e = 0; e < 2; e++)
				if (g + 8 * h < rows && 8 * d + t + e < D)
					part[(g + 8 * h) * D + 8 * d + t + e] = x[d][2 * h + e] * scale;
}

/* The heads' sums of key rows [from, from + n): [H, n, D] each; and what all tiles of keys reach. */
struct parts {
	float *dk, *dv;
	int64_t from, n;
	const struct reach *reach;
};

/* grid (tiles of key rows, query heads).  Bound by FLOPs. */
template <typename T, int DP, int WHAT>
static __global__ void __launch_bounds__(RIL_TILE_THREADS, 1) dkv_kernel(ril_returned<T> b, struct parts part)
{
	typedef key_tiles<T, DP> tiles;
	constexpr int ROWS = tiles::ROWS;
	RIL_SHARED(tiles, s);
	int64_t at = (int64_t)blockIdx.x * ROWS, from = part.from + at;
	int head = blockIdx.y, rows = (int)(part.n - at < ROWS ? part.n - at : ROWS), mine = threadIdx.x / 32 * 16;
	float dk[DP / 8][4] = {}, dv[DP / 8][4] = {};
	ril_fill<T, DP, ROWS>(s.k, ril_head_of(b.a.k, head / b.a.group, b.a.D), from, rows);
	ril_fill<T, DP, ROWS>(s.v, ril_head_of(b.a.v, head / b.a.group, b.a.D), from, rows);
	ril_copy_commit();
	struct reach reach = part.reach[from / ROWS];
	for (int base = b.a.n - reach.first; base < reach.last; base += blockDim.x) {
		int n = list_segments(s, b.a, base, reach.last, from, rows);
		if (n)
			sum_listed<T, DP, WHAT>(s, b, n, from, rows, head, dk, dv);
	}
	ril_copy_wait<0>();
	int64_t to = (head * part.n + at + mine) * b.a.D;
	if (WHAT & SUM_DV)
		leave_rows<DP>(part.dv + to, dv, 1, rows - mine, b.a.D);
	if (WHAT & SUM_DK)
		leave_rows<DP>(part.dk + to, dk, b.a.scale, rows - mine, b.a.D);
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

template <typename T, int DP, int WHAT> static void launch_dkv(const ril_returned<T> &b, const struct parts &part)
{
	typedef key_tiles<T, DP> tiles;
	static_assert(sizeof(tiles) <= RIL_SHARED_MOST, "fewer queries at once");
	dim3 grid((unsigned)ril_parts(part.n, tiles::ROWS), (unsigned)b.H);
	RIL_LAUNCH((dkv_kernel<T, DP, WHAT>), grid, 2 * tiles::ROWS, sizeof(tiles), b, part);
}

template <typename T, int DP> static void sum_keys(const ril_returned<T> &b, const struct parts &part)
{
	constexpr int ALL = SUM_DK | SUM_DV;
	launch_dkv<T, DP, DP <= 128 ? ALL : (int)SUM_DK>(b, part);
	if (DP > 128)
		launch_dkv<T, DP, DP <= 128 ? ALL : (int)SUM_DV>(b, part);
}

template <typename T, int DP> static void go_back_to_keys(const ril_returned<T> &b, struct ril_segs segs)
{
	int64_t row = (int64_t)b.H * b.a.D, all = b.a.k.rows;
	int64_t most = ril_min(all, ril_max(ril_cuda.chunk / (8 * row) / 64, 1) * 64);
	float *room = (float *)ril_cuda_scratch(RIL_ROOM_C, (size_t)(2 * most * row), sizeof *room);
	const struct reach *reach = room ? reach_of(segs, all, key_tiles<T, DP>::ROWS) : NULL;
	for (int64_t from = 0; reach && from < all; from += most) {
		int64_t n = ril_min(most, all - from);
		struct parts part = {room, room + n * row, from, n, reach};
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
	typedef query_tiles<T, DP> tiles;
	static_assert(sizeof(tiles) <= RIL_SHARED_MOST, "fewer keys at once");
	dim3 grid((unsigned)t.most, (unsigned)b.H, RIL_QUERY_ROWS / tiles::ROWS);
	RIL_LAUNCH((dq_kernel<T, DP>), grid, 2 * tiles::ROWS, sizeof(tiles), b, t.list, t.count);
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
		go_back_to_keys<T, DP>(b, segs);
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
