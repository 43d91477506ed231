/* norm.cu -- RMSNorm and LayerNorm.
 *
 * With n = x rstd (or (x - mean) rstd) and g = dy w, the gradient is dx = rstd (g - n mean(g n)), less mean(g) for
 * LayerNorm: both are projections of g off what the normalisation removes.
 *
 * A row is a warp's while it is short (up to SHORT columns), else a block's; its threads take packs of columns in turn.
 * A row is read once from memory: what further sums and the result need of it is in the first-level cache still.  All
 * kernels are bound by bytes: forward reads x and writes y; backward reads x and dy and adds to dx.
 *
 * Backward gives a block several rows, one after another (a warp every eighth of them): the sums for dw and db grow in
 * shared memory, where each column has one owner, and are left in scratch as the block's partial row (sums_internal.h). */
#include "pack_internal.h"
#include "sums_internal.h"

enum {
	THREADS = 256,
	WARPS = THREADS / 32,
	SHORT = 1024,    /* columns of a row that one warp takes */
	LONG = 8192,     /* columns whose sums a block of one row at a time holds */
	ROW_BLOCKS = 512 /* four blocks on each multiprocessor of the largest devices */
};

/* sums[] is as long as the launch says. */
struct norm_shared {
	float room[32];
	float sums[];
};

static size_t shared_of(int64_t floats)
{
	return offsetof(struct norm_shared, sums) + (size_t)floats * sizeof(float);
}

/* The sum over the G threads of a row: a warp, or the block. */
template <int G> static __device__ __forceinline__ float row_sum(float x, float *room)
{
	return G == 32 ? ril_warp_sum(x) : ril_block_sum(x, room);
}

/* ---- forward ---- */

template <typename T> struct norm_fwd {
	ril_m<T> y, x;
	float *mean, *rstd;
	const float *w, *b; /* b NULL: RMSNorm */
	float eps;
	bool wide;
};

/* The sum over a thread's packs of (x - mean), or of its square. */
template <typename T, int G, bool SQUARE>
static __device__ __forceinline__ float deviations(const T *x, int64_t C, float mean, bool wide)
{
	float sum = 0, v[RIL_PACK];
	for (int64_t c = (int64_t)(threadIdx.x % G) * RIL_PACK; c < C; c += G * RIL_PACK) {
		int n = ril_pack_count(c, C);
		ril_pack_load(v, x + c, n, wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			sum += k >= n ? 0.f : SQUARE ? (v[k] - mean) * (v[k] - mean) : v[k];
	}
	return sum;
}

/* One row: a block has THREADS / G of them. */
template <typename T, int G> static __global__ void __launch_bounds__(THREADS) norm_kernel(norm_fwd<T> a)
{
	RIL_SHARED(struct norm_shared, s);
	int64_t t = (int64_t)blockIdx.x * (THREADS / G) + threadIdx.x / G, C = a.x.cols;
	if (t >= a.x.rows)
		return; /* whole rows, so whole warps */
	const T *x = a.x.at(t, 0);
	float v[RIL_PACK], w[RIL_PACK], b[RIL_PACK], mean = 0;
	if (a.b)
		mean = row_sum<G>(deviations<T, G, false>(x, C, 0, a.wide), s.room) / (float)C;
	float squares = row_sum<G>(deviations<T, G, true>(x, C, mean, a.wide), s.room);
	float rstd = 1.f / sqrtf(squares / (float)C + a.eps);
	for (int64_t c = (int64_t)(threadIdx.x % G) * RIL_PACK; c < C; c += G * RIL_PACK) {
		int n = ril_pack_count(c, C);
		ril_pack_load(v, x + c, n, a.wide);
		ril_pack_load(w, a.w + c, n, a.wide);
		if (a.b)
			ril_pack_load(b, a.b + c, n, a.wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			v[k] = a.b ? (v[k] - mean) * rstd * w[k] + b[k] : v[k] * rstd * w[k];
		ril_pack_store(a.y.at(t, c), v, n, a.wide);
	}
	if (threadIdx.x % G)
		return;
	if (a.mean)
		a.mean[t] = mean;
	if (a.rstd)
		a.rstd[t] = rstd;
}

template <typename T>
static void forward(struct ril_mat y, float *mean, float *rstd, struct ril_mat x, const float *w, const float *b,
		    double eps)
{
	bool wide = ril_rows_wide(y) && ril_rows_wide(x) && ril_is_wide(w) && ril_is_wide(b);
	norm_fwd<T> a = {ril_of<T>(y), ril_of<T>(x), mean, rstd, w, b, (float)eps, wide};
	if (x.cols <= SHORT)
		RIL_LAUNCH((norm_kernel<T, 32>), (unsigned)ril_parts(x.rows, WARPS), THREADS, shared_of(0), a);
	else
		RIL_LAUNCH((norm_kernel<T, THREADS>), (unsigned)x.rows, THREADS, shared_of(0), a);
}

extern "C" void ril_cuda_rmsnorm(struct ril_mat y, ril_real *rstd, struct ril_mat x, const ril_real *w, double eps)
{
	assert(x.type == y.type);
	if (x.rows > 0 && x.cols > 0)
		RIL_BY_TYPE(x.type, forward<T>(y, NULL, rstd, x, w, NULL, eps));
}

extern "C" void ril_cuda_layernorm(struct ril_mat y, ril_real *mean, ril_real *rstd, struct ril_mat x,
				   const ril_real *w, const ril_real *b, double eps)
{
	assert(x.type == y.type);
	if (x.rows > 0 && x.cols > 0)
		RIL_BY_TYPE(x.type, forward<T>(y, mean, rstd, x, w, b, eps));
}

/* ---- backward ---- */

template <typename T> struct norm_bwd {
	ril_m<T> dx, dy, x;
	const float *w, *mean, *rstd; /* mean NULL: RMSNorm */
	float *part;                  /* [blocks, sums, C] */
	int64_t block;                /* rows of one */
	int64_t from, to;             /* columns whose sums are wanted: none, or as many as shared memory holds */
	int sums;                     /* dw; dw and db */
	bool wide;
};

/* A thread's share of the sums of dy w x and of dy w over a row; x less its mean. */
template <typename T, int G>
static __device__ __forceinline__ void projections(const norm_bwd<T> &a, int64_t t, float mean, float *dot,
						   float *level)
{
	float x[RIL_PACK], dy[RIL_PACK], w[RIL_PACK];
	int64_t C = a.x.cols;
	for (int64_t c = (int64_t)(threadIdx.x % G) * RIL_PACK; c < C; c += G * RIL_PACK) {
		int n = ril_pack_count(c, C);
		ril_pack_load(x, a.x.at(t, c), n, a.wide);
		ril_pack_load(dy, a.dy.at(t, c), n, a.wide);
		ril_pack_load(w, a.w + c, n, a.wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++) {
			*dot += dy[k] * w[k] * (x[k] - mean); /* beyond the row dy is 0 */
			*level += dy[k] * w[k];
		}
	}
}

/* dw and db of a pack, in the shared sums of whom the row belongs to. */
static __device__ __forceinline__ void add_sums(float *sums, int64_t width, bool both, const float *dy, const float *x,
						float mean, float rstd)
{
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		sums[k] += dy[k] * (x[k] - mean) * rstd;
		if (both)
			sums[width + k] += dy[k];
	}
}

/* A row. */
template <typename T, int G>
static __device__ __forceinline__ void bwd_row(const norm_bwd<T> &a, int64_t t, int64_t width, float *sums, float *room)
{
	float x[RIL_PACK], dy[RIL_PACK], w[RIL_PACK], dot = 0, level = 0;
	float mean = a.mean ? a.mean[t] : 0, rstd = a.rstd[t];
	int64_t C = a.x.cols;
	if (a.dx.p) {
		projections<T, G>(a, t, mean, &dot, &level);
		dot = row_sum<G>(dot, room) * rstd * rstd * rstd / (float)C;
		level = a.mean ? row_sum<G>(level, room) * rstd / (float)C : 0;
	}
	for (int64_t c = (int64_t)(threadIdx.x % G) * RIL_PACK; c < C; c += G * RIL_PACK) {
		int n = ril_pack_count(c, C);
		ril_pack_load(x, a.x.at(t, c), n, a.wide);
		ril_pack_load(dy, a.dy.at(t, c), n, a.wide);
		if (c >= a.from && c < a.to)
			add_sums(sums + (c - a.from), width, a.sums > 1, dy, x, mean, rstd);
		if (!a.dx.p)
			continue;
		ril_pack_load(w, a.w + c, n, a.wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			dy[k] = dy[k] * w[k] * rstd - level - (x[k] - mean) * dot;
		ril_pack_add(a.dx.at(t, c), dy, n, a.wide);
	}
}

/* Rows of a block: THREADS / G at a time, each time's every row with sums of its own, which come together in the order of
 * the warps. */
template <typename T, int G> static __global__ void __launch_bounds__(THREADS, 4) norm_bwd_kernel(norm_bwd<T> a)
{
	enum { GROUPS = THREADS / G };
	RIL_SHARED(struct norm_shared, s);
	int64_t width = ril_parts(a.to - a.from, RIL_PACK) * RIL_PACK, all = a.sums * width;
	for (int64_t i = threadIdx.x; i < GROUPS * all; i += THREADS)
		s.sums[i] = 0;
	__syncthreads();
	int64_t first = blockIdx.x * a.block, end = ril_min(first + a.block, a.x.rows);
	int group = threadIdx.x / G;
	for (int64_t t = first + group; t < end; t += GROUPS)
		bwd_row<T, G>(a, t, width, s.sums + group * all, s.room);
	__syncthreads();
	for (int64_t i = threadIdx.x; i < all; i += THREADS) {
		int64_t which = i / width, c = a.from + i % width;
		if (c >= a.to)
			continue;
		float sum = 0;
		for (int g = 0; g < GROUPS; g++)
			sum += s.sums[g * all + i];
		a.part[(blockIdx.x * a.sums + which) * (a.to - a.from) + (c - a.from)] = sum;
	}
}

template <typename T, int G>
static void bwd_columns(norm_bwd<T> a, int64_t from, int64_t to, struct ril_row_blocks blocks, float *const out[])
{
	float *const at[] = {out[0] ? out[0] + from : NULL, out[1] ? out[1] + from : NULL};
	int64_t floats = THREADS / G * a.sums * ril_parts(to - from, RIL_PACK) * RIL_PACK;
	a.from = from;
	a.to = to;
	RIL_LAUNCH((norm_bwd_kernel<T, G>), (unsigned)blocks.n, THREADS, shared_of(floats), a);
	ril_cuda_add_parts(at, a.sums, a.part, blocks.n, to - from);
}

/* Rows beyond LONG take the kernel once for every LONG columns of the sums; dx comes with the first. */
template <typename T>
static void backward(struct ril_mat dx, float *const out[], int sums, struct ril_mat dy, struct ril_mat x,
		     const float *w, const float *mean, const float *rstd)
{
	int64_t C = x.cols, wanted = out[0] || out[1] ? ril_min(C, LONG) : 0;
	struct ril_row_blocks blocks = ril_row_blocks(x.rows, WARPS, ROW_BLOCKS);
	bool wide = ril_rows_wide(dx) && ril_rows_wide(dy) && ril_rows_wide(x) && ril_is_wide(w);
	float *part = NULL;
	if (wanted && !(part = (float *)ril_cuda_scratch(RIL_ROOM_A, (size_t)(blocks.n * sums * wanted), sizeof *part)))
		return;
	norm_bwd<T> a = {ril_of<T>(dx), ril_of<T>(dy), ril_of<T>(x), w, mean, rstd, part, blocks.rows, 0, 0,
			 sums,          wide};
	if (C <= SHORT) {
		bwd_columns<T, 32>(a, 0, wanted, blocks, out);
		return;
	}
	bwd_columns<T, THREADS>(a, 0, wanted, blocks, out);
	a.dx.p = NULL;
	for (int64_t c = wanted; wanted && c < C; c += LONG)
		bwd_columns<T, THREADS>(a, c, ril_min(c + LONG, C), blocks, out);
}

extern "C" void ril_cuda_rmsnorm_bwd(struct ril_mat dx, ril_real *dw, struct ril_mat dy, struct ril_mat x,
				     const ril_real *w, const ril_real *rstd)
{
	float *const out[] = {dw, NULL};
	assert(x.type == dy.type && (!dx.p || dx.type == x.type));
	if (x.rows > 0 && x.cols > 0 && (dx.p || dw))
		RIL_BY_TYPE(x.type, backward<T>(dx, out, 1, dy, x, w, NULL, rstd));
}

extern "C" void ril_cuda_layernorm_bwd(struct ril_mat dx, ril_real *dw, ril_real *db, struct ril_mat dy,
				       struct ril_mat x, const ril_real *w, const ril_real *mean, const ril_real *rstd)
{
	float *const out[] = {dw, db};
	assert(x.type == dy.type && (!dx.p || dx.type == x.type));
	if (x.rows > 0 && x.cols > 0 && (dx.p || dw || db))
		RIL_BY_TYPE(x.type, backward<T>(dx, out, 2, dy, x, w, mean, rstd));
}
