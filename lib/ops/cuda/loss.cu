/* loss.cu -- the losses: clipped surrogate with k3 penalty, fine-tuning, binary cross-entropy.
 *
 * A few numbers per token, beside the thousands of multiplications that made each of them: one block, so that their number
 * alone says in which order the sums run.  A warp takes 32 tokens at a time, every eighth time it is its turn; those of one
 * side are added lane to lane and then to the warp's sums of that side, in shared memory; in the end the warps' sums are
 * added in their order.  Double throughout; bound by the latency of exp. */
#include "cuda_internal.h"

#include "base/logistic.h"

enum { THREADS = 256, WARPS = THREADS / 32, SIDES = 256 /* what a byte names */, SUMS = 5 };

/* struct ril_loss_sums as an array. */
enum { LOSS, K3, RATIO, TOKENS, CLIPPED };
static_assert(sizeof(struct ril_loss_sums) == SUMS * sizeof(double) &&
		      offsetof(struct ril_loss_sums, k3) == K3 * sizeof(double) &&
		      offsetof(struct ril_loss_sums, ratio) == RATIO * sizeof(double) &&
		      offsetof(struct ril_loss_sums, tokens) == TOKENS * sizeof(double) &&
		      offsetof(struct ril_loss_sums, clipped) == CLIPPED * sizeof(double),
	      "the sums in their order");

struct side_sums {
	double at[WARPS][SIDES][SUMS];
};

static __device__ void start_sums(side_sums &s)
{
	double *at = &s.at[0][0][0];
	for (int i = threadIdx.x; i < WARPS * SIDES * SUMS; i += THREADS)
		at[i] = 0;
	__syncthreads();
}

/* What the lanes' tokens add; side -1: nothing.  Whole warps call. */
static __device__ void add_tokens(double sums[SIDES][SUMS], int side, const double x[SUMS])
{
	int lane = threadIdx.x % 32;
	uint32_t left = __ballot_sync(RIL_ALL_LANES, side >= 0);
	while (left) {
		int one = __shfl_sync(RIL_ALL_LANES, side, __ffs((int)left) - 1);
		for (int i = 0; i < SUMS; i++) {
			double sum = ril_warp_sum(side == one ? x[i] : 0.);
			if (lane == i)
				sums[one][i] += sum;
		}
		left &= ~__ballot_sync(RIL_ALL_LANES, side == one);
	}
}

/* A side that no token has is not touched: its sums need not be there. */
static __device__ void end_sums(side_sums &s, struct ril_loss_sums *sums)
{
	__syncthreads();
	int side = threadIdx.x;
	double tokens = 0;
	for (int w = 0; w < WARPS; w++)
		tokens += s.at[w][side][TOKENS];
	if (!(tokens > 0))
		return;
	for (int i = 0; i < SUMS; i++) {
		double sum = 0;
		for (int w = 0; w < WARPS; w++)
			sum += s.at[w][side][i];
		(&sums[side].loss)[i] += sum;
	}
}

/* ---- the surrogate ---- */

struct policy {
	double *dlogp;
	struct ril_loss_tokens x;
	const double *advantage, *old, *ref;
	struct ril_surrogate c;
};

/* Token t: its gradient, and what it adds to the sums. */
static __device__ void policy_token(const policy &p, int64_t t, double A, double sum[SUMS])
{
	double w = p.x.weight[t], rho = p.old ? exp(p.x.logp[t] - p.old[t]) : 1;
	double bound = A > 0 ? p.c.high : p.c.low;
	bool stopped = A > 0 ? rho > bound : A < 0 && rho < bound;
	double d_logp = stopped ? 0 : -w * rho * A;
	sum[LOSS] = -w * (stopped ? bound : rho) * A;
	if (p.c.beta != 0) {
		double d = p.ref[t] - p.x.logp[t], e = expm1(d);
		sum[K3] = e - d;
		sum[LOSS] += w * p.c.beta * (e - d);
		d_logp -= w * p.c.beta * e;
	}
	sum[RATIO] = rho;
	sum[TOKENS] = 1;
	sum[CLIPPED] = stopped;
	p.dlogp[t] = d_logp;
}

static __global__ void __launch_bounds__(THREADS) policy_kernel(policy p, struct ril_loss_sums *sums)
{
	RIL_SHARED(struct side_sums, s);
	start_sums(s);
	for (int64_t from = 0; from < p.x.n; from += THREADS) {
		int64_t t = from + threadIdx.x;
		double sum[SUMS] = {0}, A = t < p.x.n ? p.advantage[t] : 0;
		int side = -1;
		if (t < p.x.n && isnan(A))
			p.dlogp[t] = 0;
		else if (t < p.x.n) {
			side = p.x.side[t];
			policy_token(p, t, A, sum);
		}
		add_tokens(s.at[threadIdx.x / 32], side, sum);
	}
	end_sums(s, sums);
}

extern "C" void ril_cuda_policy_loss(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x,
				     const double *advantage, const double *old, const double *ref,
				     struct ril_surrogate c)
{
	policy p = {dlogp, x, advantage, old, ref, c};
	if (x.n > 0)
		RIL_LAUNCH(policy_kernel, 1, THREADS, sizeof(struct side_sums), p, sums);
}

/* ---- fine-tuning ---- */

static __global__ void __launch_bounds__(THREADS)
	sft_kernel(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x)
{
	RIL_SHARED(struct side_sums, s);
	start_sums(s);
	for (int64_t from = 0; from < x.n; from += THREADS) {
		int64_t t = from + threadIdx.x;
		double sum[SUMS] = {0};
		int side = -1;
		if (t < x.n) {
			side = x.side[t];
			sum[LOSS] = -x.weight[t] * x.logp[t];
			sum[RATIO] = sum[TOKENS] = 1;
			dlogp[t] = -x.weight[t];
		}
		add_tokens(s.at[threadIdx.x / 32], side, sum);
	}
	end_sums(s, sums);
}

extern "C" void ril_cuda_sft_loss(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x)
{
	if (x.n > 0)
		RIL_LAUNCH(sft_kernel, 1, THREADS, sizeof(struct side_sums), dlogp, sums, x);
}

/* ---- binary cross-entropy ---- */

enum { BCE_SUMS = sizeof(struct ril_bce_sums) / sizeof(double) };

struct bce_room {
	double sum[32];
};

/* log(1 + exp(z)) without overflow. */
static __device__ double softplus(double z)
{
	return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

/* A response's: what it adds to the sums; returns its gradient. */
static __device__ double bce_row(struct ril_bce_sums *sum, double x, int side, double w)
{
	double D = ril_logistic(x);
	sum->loss += w * softplus(side ? -x : x);
	sum->n[0] += !side; /* named one by one, all stay in registers */
	sum->n[1] += side;
	sum->right[0] += !side && D < .5;
	sum->right[1] += side && D >= .5;
	sum->saturated += D < .01 || D > .99;
	return w * (D - side);
}

/* A thread takes every THREADS-th response; then each sum goes over the block. */
static __global__ void __launch_bounds__(THREADS) bce_kernel(ril_m<float> dz, struct ril_bce_sums *sums, ril_m<float> z,
							     const int8_t *label, double w0, double w1)
{
	RIL_SHARED(struct bce_room, s);
	struct ril_bce_sums mine = {0, {0, 0}, {0, 0}, 0, 0};
	for (int64_t r = threadIdx.x; r < z.rows; r += THREADS) {
		double x = (double)*z.at(r, 0);
		int side = label[r];
		mine.broken += !isfinite(x);
		if (side < 0)
			continue;
		double gradient = bce_row(&mine, x, side != 0, side ? w1 : w0);
		if (dz.p)
			*dz.at(r, 0) += (float)gradient;
	}
	for (int i = 0; i < BCE_SUMS; i++) {
		double sum = ril_block_sum((&mine.loss)[i], s.sum);
		if (threadIdx.x == 0)
			(&sums->loss)[i] += sum;
	}
}

extern "C" void ril_cuda_bce_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
				  double w0, double w1)
{
	assert(z.type == RIL_F32 && (!dz.p || dz.type == RIL_F32));
	if (z.rows > 0)
		RIL_LAUNCH(bce_kernel, 1, THREADS, sizeof(struct bce_room), ril_of<float>(dz), sums, ril_of<float>(z),
			   label, w0, w1);
}
