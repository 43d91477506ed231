/* head.cu -- the language head fused with log-softmax, a chunk of rows at a time.
 *
 * A chunk's logits are one product into scratch, bounded in bytes whatever the number of rows, and read once by one
 * kernel.  The way back computes them again, turns them into their gradient where they lie (or, for BF16 products, beside),
 * and multiplies that both ways.  Bound by the products' FLOPs: at 2,048 columns a logit costs 4,096 and 8 bytes. */
#include "cuda_internal.h"

/* Bytes of logits kept at once. */
#define CHUNK ((int64_t)256 << 20)
enum { THREADS = 512 };

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
	int64_t rows = ril_max(CHUNK / (int64_t)sizeof(float) / V, 1);
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

/* dz = dlogp / T (target - softmax(z)), [rows, V]: block (j, r) turns 4 x 256 logits of row r.  In place for T float.
 * Bound by the bytes of z and dz. */
enum { TURN_THREADS = 256, TURN = 4 * TURN_THREADS };

template <typename T>
static __global__ void __launch_bounds__(TURN_THREADS)
	dz_kernel(T *dz, const float *z, const double *dlogp, const float *lse, const int32_t *target, double inv_t,
		  int64_t V)
{
	int64_t r = blockIdx.x;
	float scale = (float)(dlogp[r] * inv_t), all = lse[r];
	int64_t right = target[r], from = (int64_t)blockIdx.y * TURN + threadIdx.x;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		int64_t v = from + i * TURN_THREADS;
		if (v >= V)
			return;
		float g = scale == 0 ? 0 : -scale * expf(z[r * V + v] - all);
		ril_store(dz + r * V + v, v == right ? g + scale : g);
	}
}

/* The gradient of a chunk's logits, for products with h. */
static struct ril_mat turned(struct ril_mat z, enum ril_dtype type, const double *dlogp, const float *lse,
			     const int32_t *target, double inv_t)
{
	void *room = type == RIL_F32 ? z.p : ril_cuda_scratch(RIL_ROOM_B, (size_t)(z.rows * z.cols), 2);
	dim3 grid((unsigned)z.rows, (unsigned)ril_parts(z.cols, TURN));
	if (room)
		RIL_BY_TYPE(type, RIL_LAUNCH((dz_kernel<T>), grid, TURN_THREADS, 0, (T *)room, (const float *)z.p,
					     dlogp, lse, target, inv_t, z.cols));
	return ril_mat_of(room, type, z.rows, z.cols);
}

void ril_cuda_head_logp_bwd(struct ril_mat dh, struct ril_mat dw, const double *dlogp, const ril_real *lse,
			    struct ril_mat h, const int32_t *target, struct ril_mat w, double inv_t)
{
	if (h.rows <= 0 || w.rows <= 0 || (!dh.p && !dw.p))
		return;
	struct ril_mat as = ril_cuda_as(w, h.type, RIL_ROOM_C);
	int64_t rows = chunk_rows(h.rows, w.rows);
	for (int64_t r = 0; as.p && r < h.rows; r += rows) {
		struct ril_mat part = ril_mat_rows(h, r, ril_min(rows, h.rows - r));
		struct ril_mat z = logits(part, as, inv_t);
		if (!z.p)
			return;
		struct ril_mat dz = turned(z, h.type, dlogp + r, lse + r, target + r, inv_t);
		if (!dz.p)
			return;
		if (dh.p)
			ril_cuda_gemm(ril_mat_rows(dh, r, part.rows), dz, false, as, false, 1, 1, NULL);
		if (dw.p)
			ril_cuda_gemm_add(dw, dz, true, part, false);
	}
}
