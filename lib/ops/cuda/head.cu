/* head.cu -- the language head fused with log-softmax, a chunk of logits at a time.
 *
 * A chunk's logits are one product into scratch, bounded in bytes whatever the number of rows (ril_cuda.chunk), and read
 * once by one kernel.  Forward, a chunk is some rows over all of the vocabulary.  The way back computes the logits again,
 * turns them into their gradient where they lie (or, for BF16 products, beside), and multiplies that both ways.
 *
 * There a chunk is all rows over some of the vocabulary: its rows of dw are then one product, which is added and rounded
 * once, and w and dw pass by once, not once for every few hundred rows.  dh, to which every chunk adds, is summed in
 * float meanwhile and rounded at the end.  Only of more rows than leave a chunk LEAST columns some are taken at a time;
 * then the chunk's dw is summed in float, too.
 *
 * Bound by the products' FLOPs: at 2,048 columns a logit costs 4,096 and 8 bytes, on the way back in BF16 12,288 and 14. */
#include "cuda_internal.h"

enum { THREADS = 512, LEAST = 2048 };

/* ---- forward ---- */

/* Of some of a row's logits: sums of exp(z - max) and of its product with z - max. */
struct part {
	double max, sum, sum_z;
};

static __device__ __forceinline__ struct part merged(struct part a, struct part b)
{
	if (b.max > a.max || !(b.max <= a.max)) { /* the larger first; a NaN too, which the sums then carry on */
		struct part t = a;
		a = b;
		b = t;
	}
	double d = b.max - a.max, e = b.sum == 0 ? 0 : exp(d);
	if (b.sum != 0) {
		a.sum_z += e * (b.sum_z + d * b.sum);
		a.sum += e * b.sum;
	}
	return a;
}

static __device__ __forceinline__ struct part warp_merged(struct part p)
{
	for (int d = 1; d < 32; d *= 2) {
		struct part o = {__shfl_xor_sync(RIL_ALL_LANES, p.max, d), __shfl_xor_sync(RIL_ALL_LANES, p.sum, d),
				 __shfl_xor_sync(RIL_ALL_LANES, p.sum_z, d)};
		p = threadIdx.x & d ? merged(o, p) : merged(p, o); /* the lower lanes' first: both sides agree */
	}
	return p;
}

struct row_parts {
	struct part warp[THREADS / 32];
};

/* z[rows, V] -> logp, entropy, lse: a block a row.  A thread runs over every 512th logit with a running maximum, in float;
 * threads are merged in double.  Bound by the bytes of z, read once. */
static __global__ void __launch_bounds__(THREADS)
	logp_kernel(double *logp, double *entropy, float *lse, const float *z, const int32_t *target, int64_t V)
{
	RIL_SHARED(struct row_parts, s);
	int64_t r = blockIdx.x;
	const float *row = z + r * V;
	float max = -INFINITY, sum = 0, sum_z = 0;
	for (int64_t v = threadIdx.x; v < V; v += THREADS) {
		float x = row[v];
		if (x == -INFINITY)
			continue;
		if (x > max) {
			float e = max == -INFINITY ? 0.f : expf(max - x);
			sum_z = e * (sum_z + (sum == 0 ? 0.f : (max - x) * sum));
			sum *= e;
			max = x;
		}
		float d = x - max, e = expf(d);
		sum += e;
		sum_z += e == 0 ? 0.f : e * d;
	}
	struct part p = warp_merged({max, sum, sum_z});
	if (threadIdx.x % 32 == 0)
		s.warp[threadIdx.x / 32] = p;
	__syncthreads();
	if (threadIdx.x)
		return;
	for (int w = 1; w < THREADS / 32; w++)
		p = merged(p, s.warp[w]);
	double log_sum = log(p.sum);
	logp[r] = (double)row[target[r]] - p.max - log_sum;
	if (entropy)
		entropy[r] = log_sum - p.sum_z / p.sum;
	if (lse)
		lse[r] = (float)(p.max + log_sum);
}

/* Rows of logits that a chunk holds. */
static int64_t chunk_rows(int64_t R, int64_t V)
{
	int64_t rows = ril_max(ril_cuda.chunk / (int64_t)sizeof(float) / V, 1);
	return ril_parts(R, ril_parts(R, rows));
}

static struct ril_mat logits(struct ril_mat h, struct ril_mat w, double inv_t)
{
	float *room = (float *)ril_cuda_scratch(RIL_ROOM_A, (size_t)(h.rows * w.rows), sizeof *room);
	struct ril_mat z = ril_mat_of(room, RIL_F32, h.rows, w.rows);
	if (room)
		ril_cuda_gemm(z, h, false, w, true, (float)inv_t, 0, NULL);
	return z;
}

void ril_cuda_head_logp(double *logp, double *entropy, ril_real *lse, struct ril_mat h, const int32_t *target,
			struct ril_mat w, double inv_t)
{
	if (h.rows <= 0 || w.rows <= 0)
		return;
	struct ril_mat as = ril_cuda_as(w, h.type, RIL_ROOM_C);
	int64_t rows = chunk_rows(h.rows, w.rows);
	for (int64_t r = 0; as.p && r < h.rows; r += rows) {
		int64_t n = ril_min(rows, h.rows - r);
		struct ril_mat z = logits(ril_mat_rows(h, r, n), as, inv_t);
		if (!z.p)
			return;
		RIL_LAUNCH(logp_kernel, (unsigned)n, THREADS, sizeof(struct row_parts), logp + r,
			   entropy ? entropy + r : NULL, lse ? lse + r : NULL, (const float *)z.p, target + r, w.rows);
	}
}

/* ---- backward ---- */

/* What a loss has of rows: its gradients by their log-probabilities and, unless NULL, by their entropies. */
struct grads {
	const double *dlogp, *dentropy, *entropy;
};

static struct grads grads_from(struct grads g, int64_t row)
{
	return {g.dlogp + row, g.dentropy ? g.dentropy + row : NULL, g.dentropy ? g.entropy + row : NULL};
}

/* dz = dlogp / T (target - p) - dentropy / T p (log p + entropy), p = softmax(z), [rows, V], of the ids from `first` on:
 * block (r, j) turns 4 x 256 logits of row r.  In place for T float.  Bound by the bytes of z and dz. */
enum { TURN_THREADS = 256, TURN = 4 * TURN_THREADS };

template <typename T>
static __global__ void __launch_bounds__(TURN_THREADS)
	dz_kernel(T *dz, const float *z, struct grads by, const float *lse, const int32_t *target, double inv_t,
		  int64_t first, int64_t V)
{
	int64_t r = blockIdx.x;
	float scale = (float)(by.dlogp[r] * inv_t), all = lse[r];
	float by_entropy = by.dentropy ? (float)(by.dentropy[r] * inv_t) : 0;
	float log_from = by.dentropy ? (float)(by.entropy[r] - (double)all) : 0;
	int64_t right = target[r] - first, from = (int64_t)blockIdx.y * TURN + threadIdx.x;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		int64_t v = from + i * TURN_THREADS;
		if (v >= V)
			return;
		float x = z[r * V + v], g = scale;
		if (by_entropy != 0)
			g += by_entropy * (x + log_from);
		float p = g == 0 ? 0.f : expf(x - all);
		g = p == 0 ? 0 : -g * p;
		ril_store(dz + r * V + v, v == right ? g + scale : g);
	}
}

/* What the way back runs over, [R, V] in chunks of [rows, cols]. */
struct back {
	struct ril_mat h, w;
	struct grads by;
	const float *lse;
	const int32_t *target;
	double inv_t;
	int64_t rows, cols;
};

/* Equal parts of at most `most`, but for what makes them multiples of 64. */
static int64_t even(int64_t n, int64_t most)
{
	int64_t part = ril_parts(n, ril_parts(n, ril_max(most, 1)));
	return ril_min(ril_parts(part, 64) * 64, n);
}

/* Neither logits nor a sum of dw take more than a chunk's bytes. */
static void cut(struct back *b)
{
	int64_t most = ril_cuda.chunk / (int64_t)sizeof(float);
	b->rows = even(b->h.rows, most / LEAST);
	b->cols = even(b->w.rows, most / ril_max(b->rows, b->w.cols));
}

/* The gradient of the logits of rows [r, ..) of h and a chunk's rows of w, which begin at id v; for products with h. */
static struct ril_mat turned(const struct back *b, struct ril_mat h, struct ril_mat w, int64_t r, int64_t v)
{
	struct ril_mat z = logits(h, w, b->inv_t);
	void *room = h.type == RIL_F32 ? z.p : ril_cuda_scratch(RIL_ROOM_B, (size_t)(z.rows * z.cols), 2);
	dim3 grid((unsigned)z.rows, (unsigned)ril_parts(z.cols, TURN));
	if (z.p && room)
		RIL_BY_TYPE(h.type, RIL_LAUNCH((dz_kernel<T>), grid, TURN_THREADS, 0, (T *)room, (const float *)z.p,
					       grads_from(b->by, r), b->lse + r, b->target + r, b->inv_t, v, z.cols));
	return ril_mat_of(z.p ? room : NULL, h.type, z.rows, z.cols);
}

/* Some rows of a gradient, and where products are added for them: there, or, so that it is rounded once, in float beside. */
struct sum {
	struct ril_mat to, at;
};

static struct sum sum_of(struct ril_mat to, int64_t row, int64_t n, float *beside)
{
	struct ril_mat at = to.p ? ril_mat_rows(to, row, n) : to;
	return {at, at.p && beside ? ril_mat_of(beside, RIL_F32, n, to.cols) : at};
}

static void sum_add(const struct sum &s, int64_t row, int64_t n, struct ril_mat a, bool ta, struct ril_mat b,
		    bool first)
{
	if (!s.to.p)
		return;
	struct ril_mat at = ril_mat_rows(s.at, row, n);
	if (s.at.p == s.to.p)
		ril_cuda_gemm_add(at, a, ta, b, false);
	else
		ril_cuda_gemm(at, a, ta, b, false, 1, first ? 0 : 1, NULL);
}

static void sum_end(const struct sum &s)
{
	if (s.at.p != s.to.p)
		ril_cuda_add_floats(s.to, (const float *)s.at.p);
}

/* The chunk of the ids [v, v + n): false without memory. */
static bool go_back(const struct back &b, const struct sum &dh, struct ril_mat dw, float *beside, int64_t v, int64_t n)
{
	struct ril_mat w = ril_cuda_as(ril_mat_rows(b.w, v, n), b.h.type, RIL_ROOM_C);
	struct sum own = sum_of(dw, v, n, beside);
	for (int64_t r = 0; w.p && r < b.h.rows; r += b.rows) {
		struct ril_mat h = ril_mat_rows(b.h, r, ril_min(b.rows, b.h.rows - r)), dz = turned(&b, h, w, r, v);
		if (!dz.p)
			return false;
		sum_add(dh, r, h.rows, dz, false, w, v == 0);
		sum_add(own, 0, n, dz, true, h, r == 0);
	}
	sum_end(own);
	return w.p;
}

void ril_cuda_head_logp_bwd(struct ril_mat dh, struct ril_mat dw, const double *dlogp, const double *dentropy,
			    const double *entropy, const ril_real *lse, struct ril_mat h, const int32_t *target,
			    struct ril_mat w, double inv_t)
{
	struct back b = {h, w, {dlogp, dentropy, entropy}, lse, target, inv_t, 0, 0};
	if (h.rows <= 0 || w.rows <= 0 || (!dh.p && !dw.p))
		return;
	cut(&b);
	bool dh_apart = dh.p && dh.type != RIL_F32 && b.cols < w.rows;
	bool dw_apart = dw.p && dw.type != RIL_F32 && b.rows < h.rows;
	int64_t dh_rows = dh_apart ? h.rows : 0, dw_rows = dw_apart ? b.cols : 0;
	float *room = NULL;
	if (dh_rows + dw_rows &&
	    !(room = (float *)ril_cuda_scratch(RIL_ROOM_D, (size_t)((dh_rows + dw_rows) * w.cols), sizeof *room)))
		return;
	struct sum all = sum_of(dh, 0, h.rows, dh_apart ? room : NULL);
	for (int64_t v = 0; v < w.rows; v += b.cols)
		if (!go_back(b, all, dw, dw_apart ? room + dh_rows * w.cols : NULL, v, ril_min(b.cols, w.rows - v)))
			return;
	sum_end(all);
}
