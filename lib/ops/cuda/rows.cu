/* rows.cu -- choosing, repeating, placing and adding rows: embedding, gather, scatter, learned positions.
 *
 * Forward, a thread moves one pack of a row: bound by bytes.
 *
 * Backward passes of embed and gather add several rows into one.  A first kernel gives every row t its key (the row it is
 * added to) and finds for each key its first t and how often it comes.  Then there is a block for each t and each tile of
 * columns: only the one whose t is its key's first works.  It keeps the sum in registers and adds the rows in the order of
 * t, looking for later ones in the keys, KEYS at a time, until it has as many as there are: a key that comes once costs no
 * search.  Searching reads all T keys at worst, from the second-level cache: with 200,000 tokens, a tenth of them the first
 * of their kind and repeated, that is 16 GB a tile, some milliseconds where the pass itself takes seconds; with 10,000
 * tokens it is nothing.  A single key that takes every row is added by as many blocks as there are tiles. */
#include "pack_internal.h"

/* ---- moving rows ---- */

enum { MOVE_EMBED, MOVE_GATHER, MOVE_SCATTER };

struct move {
	const int32_t *id, *other;
	const void *vis; /* embed: rows for those with other >= 0 */
	int64_t ldvis;
};

/* y row t (scatter: row id[t]) = x row id[t] (scatter: row t); embed: or other's row of vis. */
template <typename T, typename W, int HOW>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	move_kernel(ril_m<T> y, ril_m<W> x, int64_t count, move m, bool wide)
{
	float v[RIL_PACK];
	int64_t packs = ril_parts(y.cols, RIL_PACK), i = ril_thread(), t = i / packs, c = (i - t * packs) * RIL_PACK;
	if (t >= count)
		return;
	int n = ril_pack_count(c, y.cols);
	int32_t other = HOW == MOVE_EMBED && m.other ? m.other[t] : -1;
	if (other >= 0)
		ril_pack_load(v, (const T *)m.vis + other * m.ldvis + c, n, wide);
	else
		ril_pack_load(v, x.at(HOW == MOVE_SCATTER ? t : m.id[t], c), n, wide);
	ril_pack_store(y.at(HOW == MOVE_SCATTER ? m.id[t] : t, c), v, n, wide);
}

template <typename T, typename W, int HOW>
static void move_rows(struct ril_mat y, struct ril_mat x, int64_t n, const int32_t *id, const int32_t *other,
		      struct ril_mat vis)
{
	int64_t packs = n * ril_parts(y.cols, RIL_PACK);
	struct move m = {id, vis.p ? other : NULL, vis.p, vis.ld};
	bool wide = ril_rows_wide(y) && ril_rows_wide(x) && ril_rows_wide(vis);
	if (packs > 0)
		RIL_LAUNCH((move_kernel<T, W, HOW>), ril_pack_grid(packs), RIL_PACK_THREADS, 0, ril_of<T>(y),
			   ril_of<W>(x), n, m, wide);
}

template <typename T>
static void embed(struct ril_mat y, const int32_t *ids, const int32_t *vrow, struct ril_mat table, struct ril_mat vis)
{
	RIL_BY_STORED(table.type, move_rows<T, W, MOVE_EMBED>(y, table, y.rows, ids, vrow, vis));
}

extern "C" void ril_cuda_embed(struct ril_mat y, const int32_t *ids, const int32_t *vrow, struct ril_mat table,
			       struct ril_mat vis)
{
	assert(!vis.p || vis.type == y.type);
	RIL_BY_TYPE(y.type, embed<T>(y, ids, vrow, table, vis));
}

extern "C" void ril_cuda_gather(struct ril_mat y, struct ril_mat x, const int32_t *idx)
{
	assert(x.type == y.type);
	RIL_BY_TYPE(y.type, move_rows<T, T, MOVE_GATHER>(y, x, y.rows, idx, NULL, x));
}

extern "C" void ril_cuda_scatter(struct ril_mat y, struct ril_mat x, const int32_t *row)
{
	assert(x.type == y.type);
	RIL_BY_TYPE(y.type, move_rows<T, T, MOVE_SCATTER>(y, x, x.rows, row, NULL, x));
}

/* ---- keys ---- */

/* Of T rows: where each goes, a row of `to` or, from `to_rows` on, one of `also`; -1: nowhere. */
struct keys {
	int32_t *key;           /* [T] */
	int32_t *first, *count; /* [K] */
	int64_t T, K;
};

static __global__ void __launch_bounds__(RIL_PACK_THREADS) clear_keys_kernel(keys k)
{
	int64_t i = ril_thread();
	if (i >= k.K)
		return;
	k.first[i] = INT32_MAX;
	k.count[i] = 0;
}

/* Whole numbers come out the same in any order, so these may be atomic. */
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	find_keys_kernel(keys k, const int32_t *id, const int32_t *other, int64_t to_rows)
{
	int64_t t = ril_thread();
	if (t >= k.T)
		return;
	bool seen = other && other[t] >= 0;
	int64_t key = seen ? to_rows + other[t] : id[t];
	if (seen ? key >= k.K : !to_rows)
		key = -1; /* a gradient that is not computed */
	k.key[t] = (int32_t)key;
	if (key < 0)
		return;
	atomicMin(&k.first[key], (int32_t)t);
	atomicAdd(&k.count[key], 1);
}

/* ---- adding rows that repeat ---- */

enum { ADD_THREADS = 128, ADD_WARPS = ADD_THREADS / 32, EACH = 8, KEYS = ADD_THREADS * EACH, AHEAD = 4 };

struct found {
	uint32_t votes[2][EACH * ADD_WARPS]; /* bit l of [.][e, w]: key e of lane l of warp w */
	int32_t t[KEYS];
};

/* The rows t in [from, from + KEYS) that have `key`, in order, in s.t; returns how many.  Called by whole blocks, `turn`
 * alternating, so that the votes of one call may be read while the next ones are cast. */
static __device__ int find_rows(found &s, const keys &k, int64_t from, int32_t key, int turn)
{
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	uint32_t *votes = s.votes[turn];
	bool mine[EACH];
#pragma unroll
	for (int e = 0; e < EACH; e++) {
		int64_t t = from + e * ADD_THREADS + threadIdx.x;
		mine[e] = t < k.T && k.key[t] == key;
	}
#pragma unroll
	for (int e = 0; e < EACH; e++) {
		uint32_t vote = __ballot_sync(RIL_ALL_LANES, mine[e]);
		if (lane == 0)
			votes[e * ADD_WARPS + warp] = vote;
	}
	__syncthreads();
	int n = 0;
	for (int e = 0; e < EACH; e++) {
		for (int w = 0; w < ADD_WARPS; w++) {
			uint32_t vote = votes[e * ADD_WARPS + w];
			if (w == warp && (vote >> lane & 1))
				s.t[n + __popc(vote & ((1u << lane) - 1))] =
					(int32_t)(from + e * ADD_THREADS + threadIdx.x);
			n += __popc(vote);
		}
	}
	if (n)
		__syncthreads(); /* n is the block's */
	return n;
}

/* sum[RIL_PACK] += the rows t[0..n) of dy, in that order; AHEAD of them are on their way at a time. */
template <typename T>
static __device__ __forceinline__ void add_found(float *sum, const ril_m<T> &dy, const int32_t *t, int n, int64_t c,
						 int columns, bool wide)
{
	float x[AHEAD][RIL_PACK];
	for (int i = 0; i < n; i += AHEAD) {
#pragma unroll
		for (int a = 0; a < AHEAD; a++)
			ril_pack_load(x[a], dy.at(t[i + a < n ? i + a : i], c), columns, wide);
#pragma unroll
		for (int a = 0; a < AHEAD; a++)
#pragma unroll
			for (int k = 0; k < RIL_PACK; k++)
				sum[k] += i + a < n ? x[a][k] : 0.f;
	}
}

/* The rows of one key onto row `key` of `to`. */
template <typename D, typename T>
static __device__ __forceinline__ void add_key(found &s, const keys &k, int64_t t, int32_t key, D *to,
					       const ril_m<T> &dy, int64_t c, bool wide)
{
	float sum[RIL_PACK], x[RIL_PACK];
	int columns = ril_pack_count(c, dy.cols), turn = 0;
	ril_pack_load(sum, to, columns, wide);
	ril_pack_load(x, dy.at(t, c), columns, wide);
#pragma unroll
	for (int i = 0; i < RIL_PACK; i++)
		sum[i] += x[i];
	int left = k.count[key] - 1;
	for (int64_t from = t + 1; left > 0; from += KEYS, turn ^= 1) {
		int n = find_rows(s, k, from, key, turn);
		add_found(sum, dy, s.t, n, c, columns, wide);
		left -= n;
		if (n)
			__syncthreads(); /* s.t is free again */
	}
	ril_pack_store(to, sum, columns, wide);
}

/* Block (t, tile): ADD_THREADS packs of columns of the rows with t's key, if t is the first of them. */
template <typename D, typename T>
static __global__ void __launch_bounds__(ADD_THREADS)
	add_repeated_kernel(ril_m<D> to, ril_m<T> also, ril_m<T> dy, keys k, bool wide)
{
	RIL_SHARED(struct found, s);
	int64_t t = blockIdx.x, c = ((int64_t)blockIdx.y * ADD_THREADS + threadIdx.x) * RIL_PACK;
	int32_t key = k.key[t];
	if (key < 0 || k.first[key] != t)
		return;
	if (key < to.rows)
		add_key(s, k, t, key, to.at(key, c), dy, c, wide);
	else
		add_key(s, k, t, key, also.at(key - to.rows, c), dy, c, wide);
}

/* `to` row id[t] += dy row t; where other[t] >= 0 instead `also` row other[t]. */
template <typename D, typename T>
static void add_repeated(struct ril_mat to, struct ril_mat also, struct ril_mat dy, const int32_t *id,
			 const int32_t *other)
{
	int64_t to_rows = to.p ? to.rows : 0, also_rows = also.p ? also.rows : 0;
	struct keys k = {NULL, NULL, NULL, dy.rows, to_rows + also_rows};
	bool wide = ril_rows_wide(to) && ril_rows_wide(also) && ril_rows_wide(dy);
	if (k.T < 1 || k.K < 1 || dy.cols < 1)
		return;
	k.key = (int32_t *)ril_cuda_scratch(RIL_ROOM_A, (size_t)k.T, sizeof *k.key);
	k.first = (int32_t *)ril_cuda_scratch(RIL_ROOM_B, (size_t)(2 * k.K), sizeof *k.first);
	if (!k.key || !k.first)
		return;
	k.count = k.first + k.K;
	to.rows = to_rows;
	dim3 grid((unsigned)k.T, (unsigned)ril_parts(dy.cols, ADD_THREADS * RIL_PACK));
	RIL_LAUNCH(clear_keys_kernel, ril_pack_grid(k.K), RIL_PACK_THREADS, 0, k);
	RIL_LAUNCH(find_keys_kernel, ril_pack_grid(k.T), RIL_PACK_THREADS, 0, k, id, other, to_rows);
	RIL_LAUNCH((add_repeated_kernel<D, T>), grid, ADD_THREADS, sizeof(struct found), ril_of<D>(to), ril_of<T>(also),
		   ril_of<T>(dy), k, wide);
}

extern "C" void ril_cuda_embed_bwd(struct ril_mat dtable, struct ril_mat dvis, const int32_t *ids, const int32_t *vrow,
				   struct ril_mat dy)
{
	assert(!dvis.p || dvis.type == dy.type);
	if (dtable.p && dtable.type != dy.type && dy.type == RIL_BF16)
		add_repeated<float, ril_bf16>(dtable, dvis, dy, ids, vrow);
	else if (dtable.p && dtable.type != dy.type)
		add_repeated<ril_bf16, float>(dtable, dvis, dy, ids, vrow);
	else
		RIL_BY_TYPE(dy.type, add_repeated<T, T>(dtable, dvis, dy, ids, vrow));
}

extern "C" void ril_cuda_gather_bwd(struct ril_mat dx, struct ril_mat dy, const int32_t *idx)
{
	struct ril_mat none = {};
	assert(!dx.p || dx.type == dy.type);
	if (dx.p)
		RIL_BY_TYPE(dy.type, add_repeated<T, T>(dx, none, dy, idx, NULL));
}

/* ---- learned positions ---- */

/* A thread moves one pack.  Bound by bytes: x and y. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	add_rows_kernel(ril_m<T> y, ril_m<T> x, ril_m<float> p, bool wide)
{
	float u[RIL_PACK], v[RIL_PACK];
	int64_t packs = ril_parts(y.cols, RIL_PACK), i = ril_thread(), t = i / packs, c = (i - t * packs) * RIL_PACK;
	if (t >= y.rows)
		return;
	int n = ril_pack_count(c, y.cols);
	ril_pack_load(u, x.at(t, c), n, wide);
	ril_pack_load(v, p.at(t % p.rows, c), n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		u[k] += v[k];
	ril_pack_store(y.at(t, c), u, n, wide);
}

extern "C" void ril_cuda_add_rows(struct ril_mat y, struct ril_mat x, struct ril_mat p)
{
	int64_t packs = y.rows * ril_parts(y.cols, RIL_PACK);
	bool wide = ril_rows_wide(y) && ril_rows_wide(x) && ril_rows_wide(p);
	assert(x.type == y.type && p.type == RIL_F32);
	if (packs > 0)
		RIL_BY_TYPE(y.type, RIL_LAUNCH(add_rows_kernel<T>, ril_pack_grid(packs), RIL_PACK_THREADS, 0,
					       ril_of<T>(y), ril_of<T>(x), ril_of<float>(p), wide));
}

/* A thread has a pack of a row of p and takes all rows t = p mod P in their order, in dx and in dp.  Bound by bytes: dy,
 * and dx twice. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	add_rows_bwd_kernel(ril_m<T> dx, ril_m<float> dp, ril_m<T> dy, int64_t P, bool wide)
{
	float sum[RIL_PACK] = {0}, d[RIL_PACK];
	int64_t packs = ril_parts(dy.cols, RIL_PACK), i = ril_thread(), r = i / packs, c = (i - r * packs) * RIL_PACK;
	if (r >= P || r >= dy.rows)
		return;
	int n = ril_pack_count(c, dy.cols);
	if (dp.p)
		ril_pack_load(sum, dp.at(r, c), n, wide);
	for (int64_t t = r; t < dy.rows; t += P) {
		ril_pack_load(d, dy.at(t, c), n, wide);
		if (dx.p)
			ril_pack_add(dx.at(t, c), d, n, wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			sum[k] += d[k];
	}
	if (dp.p)
		ril_pack_store(dp.at(r, c), sum, n, wide);
}

extern "C" void ril_cuda_add_rows_bwd(struct ril_mat dx, struct ril_mat dp, struct ril_mat dy)
{
	int64_t P = dp.p ? dp.rows : dy.rows, packs = ril_min(P, dy.rows) * ril_parts(dy.cols, RIL_PACK);
	bool wide = ril_rows_wide(dx) && ril_rows_wide(dp) && ril_rows_wide(dy);
	assert((!dx.p || dx.type == dy.type) && (!dp.p || dp.type == RIL_F32));
	if (packs > 0 && (dx.p || dp.p))
		RIL_BY_TYPE(dy.type, RIL_LAUNCH(add_rows_bwd_kernel<T>, ril_pack_grid(packs), RIL_PACK_THREADS, 0,
						ril_of<T>(dx), ril_of<float>(dp), ril_of<T>(dy), P, wide));
}
