/* attention_decode.cu -- attention of single query rows to a cache: a decoding step.
 *
 * The query heads that share a key head are the 16 rows of a warp's products, so that keys and values are read once for all
 * of them; each of a block's warps takes 16 keys of a tile of 64, with a softmax of its own.  Where rows and heads alone
 * are too few blocks for the device, the keys of a row are split among several: how many is decided by the shapes, which
 * keys each gets on the device, from the segment, so that the same launch serves when responses have grown.  The warps'
 * and the splits' results are put together in order.
 *
 * Bound by the bytes of the keys and values: 4 D for each key and key head in bfloat16. */
#include "attention_internal.h"

enum { MOST_SPLITS = 32 };

/* Keys in a tile; a warp for each 16. */
template <typename T, int DP> static __host__ __device__ constexpr int step_keys()
{
	return sizeof(T) == 4 && DP > 128 ? 32 : 64;
}

template <typename T, int DP> struct step_tiles {
	static constexpr int N = step_keys<T, DP>();
	T q[RIL_WARP_ROWS * ril_pitch<T, DP>()];
	union {
		struct {
			T k[N * ril_pitch<T, DP>()];
			T v[N * ril_pitch<T, DP>()];
		} in;
		float out[N / 16][RIL_WARP_ROWS][DP + 2]; /* each warp's: o, maximum, sum */
	} u;
};

/* Where split results go: [q rows, H, splits, D + 2], as `out` above. */
static __device__ __forceinline__ float *part_of(float *part, int64_t row, int head, int H, int split, int splits,
						 int D)
{
	return part + ((row * H + head) * splits + split) * (D + 2);
}

template <typename T, int DP>
static __device__ __forceinline__ void leave_warp(step_tiles<T, DP> &s, const ril_running<DP> &run)
{
	int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4 * 2;
#pragma unroll
	for (int h = 0; h < 2; h++) {
		float *out = s.u.out[threadIdx.x / 32][g + 8 * h], sum = ril_quad_sum(run.sum[h]);
#pragma unroll
		for (int d = 0; d < DP / 8; d++) {
			out[8 * d + t] = run.o[d][2 * h];
			out[8 * d + t + 1] = run.o[d][2 * h + 1];
		}
		if (t == 0) {
			out[DP] = run.max[h];
			out[DP + 1] = sum;
		}
	}
}

/* One column of several results, of maxima at [max] and sums at [max + 1], `step` apart. */
struct joined {
	float o, max, sum;
};

static __device__ __forceinline__ struct joined join(const float *from, int64_t step, int n, int column, int max)
{
	struct joined j = {0, -INFINITY, 0};
	for (int i = 0; i < n; i++)
		j.max = fmaxf(j.max, from[i * step + max]);
	float base = j.max == -INFINITY ? 0 : j.max;
	for (int i = 0; i < n; i++) {
		float w = exp2f(from[i * step + max] - base);
		j.o += w * from[i * step + column];
		j.sum += w * from[i * step + max + 1];
	}
	return j;
}

template <typename T>
static __device__ __forceinline__ void put_column(const ril_attended<T> &a, float *lse, const struct joined &j,
						  int64_t row, int head, int H, int d)
{
	ril_store(a.o.at(row, (int64_t)head * a.D + d), j.sum > 0 || j.sum != j.sum ? j.o / j.sum : 0.f);
	if (lse && d == 0)
		lse[row * H + head] =
			j.max == -INFINITY && j.sum == j.sum ? -INFINITY : (j.max + log2f(j.sum)) * RIL_LN2;
}

/* The keys of one query row that this block has, `from` to `to` of its tiles. */
template <typename T, int DP>
static __device__ __forceinline__ void run_over(step_tiles<T, DP> &s, ril_running<DP> &run, const ril_attended<T> &a,
						const struct ril_seg &seg, int own, int kv, int from, int to)
{
	constexpr int N = step_keys<T, DP>(), PITCH = ril_pitch<T, DP>();
	const ril_columns<T> k = ril_head_of(a.k, kv, a.D), v = ril_head_of(a.v, kv, a.D);
	int mine = threadIdx.x / 32 * 16;
	struct ril_key_tile at = ril_key_tile_of<N>(seg, own, from);
	if (from < to)
		ril_fill<T, DP, N>(s.u.in.k, k, at.row, at.n);
	ril_copy_commit();
	for (int i = from; i < to; i++) {
		float x[2][4] = {};
		ril_fill<T, DP, N>(s.u.in.v, v, at.row, at.n);
		ril_copy_commit();
		ril_copy_wait<1>();
		__syncthreads();
		ril_scores<16, DP>(x, s.q, s.u.in.k + mine * PITCH);
		__syncthreads();
		struct ril_key_tile next = ril_key_tile_of<N>(seg, own, i + 1);
		if (i + 1 < to)
			ril_fill<T, DP, N>(s.u.in.k, k, next.row, next.n);
		ril_copy_commit();
		int left = at.n - mine, all[2] = {left, left};
		ril_mask<16>(x, a.scale * RIL_LOG2E, {at.row, left, -1}, all, left >= 16);
		ril_running_take<16>(run, x);
		ril_copy_wait<1>();
		__syncthreads();
		ril_mix<16, DP>(run.o, x, s.u.in.v + mine * PITCH);
		__syncthreads();
		at = next;
	}
	ril_copy_wait<0>();
	__syncthreads();
}

/* grid (segments, splits, key heads x blocks of 16 of their query heads) */
template <typename T, int DP>
static __global__ void __launch_bounds__(128, 1)
	decode_kernel(ril_attended<T> a, float *lse, float *part, int H, int blocks)
{
	typedef step_tiles<T, DP> tiles;
	constexpr int N = step_keys<T, DP>();
	RIL_SHARED(tiles, s);
	struct ril_seg seg = a.seg[blockIdx.x];
	int kv = blockIdx.z / blocks, first = blockIdx.z % blocks * RIL_WARP_ROWS;
	int heads = min(a.group - first, (int)RIL_WARP_ROWS), head = kv * a.group + first;
	for (int i = 0; i < seg.qn; i++) {
		int64_t row = (int64_t)seg.q0 + i;
		int own = ril_sees(seg, i), all = ril_key_tiles<N>(seg, own), splits = gridDim.y;
		int each = (all + splits - 1) / splits, from = min((int)blockIdx.y * each, all);
		ril_columns<T> q = ril_head_of(a.q, head, a.D);
		q.p += row * q.ld;
		q.ld = a.D;
		ril_running<DP> run;
		ril_running_start(run);
		ril_fill<T, DP, RIL_WARP_ROWS>(s.q, q, 0, heads);
		run_over<T, DP>(s, run, a, seg, own, kv, from, min(from + each, all));
		leave_warp<T, DP>(s, run);
		__syncthreads();
		for (int e = threadIdx.x; e < heads * a.D; e += blockDim.x) {
			int h = e / a.D, d = e % a.D;
			struct joined j = join(&s.u.out[0][h][0], RIL_WARP_ROWS * (DP + 2), N / 16, d, DP);
			float *to = part ? part_of(part, row, head + h, H, blockIdx.y, splits, a.D) : NULL;
			if (!to)
				put_column(a, lse, j, row, head + h, H, d);
			else
				to[d] = j.o;
			if (to && d == 0) {
				to[a.D] = j.max;
				to[a.D + 1] = j.sum;
			}
		}
		__syncthreads();
	}
}

/* The splits of every row and head into o: block (i, h) for segment i and head h.  Bound by the bytes of `part`. */
template <typename T>
static __global__ void __launch_bounds__(128) join_kernel(ril_attended<T> a, float *lse, const float *part, int splits)
{
	struct ril_seg seg = a.seg[blockIdx.x];
	int head = blockIdx.y, H = gridDim.y;
	for (int i = 0; i < seg.qn; i++) {
		int64_t row = (int64_t)seg.q0 + i;
		const float *from = part + (row * H + head) * splits * (a.D + 2);
		for (int d = threadIdx.x; d < a.D; d += blockDim.x)
			put_column(a, lse, join(from, a.D + 2, splits, d, a.D), row, head, H, d);
	}
}

/* As many splits as fill the device four times, if rows and heads alone do not. */
static int splits_for(int64_t blocks)
{
	return (int)ril_max(1, ril_min(MOST_SPLITS, 4 * ril_cuda.multiprocessors / ril_max(blocks, 1)));
}

template <typename T, int DP> static void step(const ril_attended<T> &a, float *lse, float *part, int H, int splits)
{
	int blocks = (int)ril_parts(a.group, RIL_WARP_ROWS);
	dim3 grid((unsigned)a.n, (unsigned)splits, (unsigned)(H / a.group * blocks));
	static_assert(sizeof(step_tiles<T, DP>) <= RIL_SHARED_MOST, "fewer keys at once");
	RIL_LAUNCH((decode_kernel<T, DP>), grid, 2 * (step_keys<T, DP>()), sizeof(step_tiles<T, DP>), a, lse, part, H,
		   blocks);
}

void ril_cuda_attention_decode(struct ril_mat o, float *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			       struct ril_segs segs, struct ril_heads h)
{
	int64_t group = h.H / h.Hkv;
	int splits = splits_for(segs.n * h.Hkv * ril_parts(group, RIL_WARP_ROWS));
	float *part = NULL;
	if (splits > 1 &&
	    !(part = (float *)ril_cuda_scratch(RIL_ROOM_A, (size_t)(q.rows * h.H * splits * (h.D + 2)), sizeof *part)))
		return;
	RIL_BY_TYPE(
		q.type, ril_attended<T> a = {ril_of<T>(q), ril_of<T>(k), ril_of<T>(v), ril_of<T>(o), segs.at, segs.n,
					     (int)h.D, (int)group, (float)h.scale};
		RIL_BY_HEAD(h.D, step<T, DP>(a, lse, part, (int)h.H, splits)); if (part) {
			dim3 grid((unsigned)segs.n, (unsigned)h.H);
			RIL_LAUNCH((join_kernel<T>), grid, 128, 0, a, lse, part, splits);
		});
}
