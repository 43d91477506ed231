/* kl.cu -- the divergence of two softmaxes, row by row, and its gradient.
 *
 * A block takes a row and passes over it three times: for the sums of exponentials, for the divergence, and for the gradient.
 * Logarithms are float, sums double, and so is what is taken away from them.  Bound by the bytes of the logits; the later passes find a row in the cache. */
#include "cuda_internal.h"

enum { THREADS = 512 };

struct kl_room {
	double sum[32];
	float max[32];
};

/* Over the block; all threads get it. */
static __device__ float block_max(float x, float *room)
{
	int lane = threadIdx.x % 32;
	x = ril_warp_max(x);
	__syncthreads();
	if (lane == 0)
		room[threadIdx.x / 32] = x;
	__syncthreads();
	return ril_warp_max(lane < THREADS / 32 ? room[lane] : -INFINITY);
}

/* What a row's log-probabilities are found by: a (x - max) - log_sum.  The two apart, for together they would round off what a
 * likely id has. */
struct row {
	const float *x;
	float a, max, log_sum;
	__device__ __forceinline__ float log_p(int64_t v) const
	{
		return a * (x[v] - max) - log_sum;
	}
};

static __device__ struct row row_of(const float *x, int64_t n, float a, struct kl_room *s)
{
	float max = -INFINITY;
	double sum = 0;
	for (int64_t v = threadIdx.x; v < n; v += THREADS)
		max = fmaxf(max, x[v]);
	max = block_max(max, s->max);
	for (int64_t v = threadIdx.x; v < n; v += THREADS)
		sum += (double)expf(a * (x[v] - max));
	return {x, a, max, (float)log(ril_block_sum(sum, s->sum))};
}

static __global__ void __launch_bounds__(THREADS)
	kl_kernel(ril_m<float> dz, double *kl, ril_m<float> zs, ril_m<float> zt, const double *weight, float a,
		  bool reverse)
{
	RIL_SHARED(struct kl_room, room);
	int64_t r = blockIdx.x, n = zs.cols;
	struct row s = row_of(zs.at(r, 0), n, a, &room), t = row_of(zt.at(r, 0), n, a, &room);
	double sum = 0;
	for (int64_t v = threadIdx.x; v < n; v += THREADS) {
		float ps = s.log_p(v), pt = t.log_p(v), p = expf(reverse ? ps : pt);
		sum += p == 0 ? 0. : (double)p * (double)(reverse ? ps - pt : pt - ps);
	}
	sum = ril_block_sum(sum, room.sum);
	if (threadIdx.x == 0)
		kl[r] = sum;
	if (!dz.p)
		return;
	float w = (float)(weight[r] * (double)a);
	for (int64_t v = threadIdx.x; v < n; v += THREADS) {
		float ps = s.log_p(v), pt = t.log_p(v), p = expf(ps);
		float away = (float)((double)(ps - pt) - sum);
		*dz.at(r, v) = reverse ? (p == 0 ? 0.f : w * p * away) : w * (p - expf(pt));
	}
}

extern "C" void ril_cuda_kl_rows(struct ril_mat dz, double *kl, struct ril_mat s, struct ril_mat t,
				 const double *weight, double inv_t, bool reverse)
{
	assert(s.type == RIL_F32 && t.type == RIL_F32 && (!dz.p || dz.type == RIL_F32));
	assert(t.cols == s.cols && t.rows == s.rows);
	if (s.rows > 0 && s.cols > 0)
		RIL_LAUNCH(kl_kernel, (unsigned)s.rows, THREADS, sizeof(struct kl_room), ril_of<float>(dz), kl,
			   ril_of<float>(s), ril_of<float>(t), weight, (float)inv_t, reverse);
}
