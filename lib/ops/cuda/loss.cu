/* loss.cu -- the losses: clipped surrogates with a KL penalty, fine-tuning, binary cross-entropy.
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
	double *dlogp, *dentropy;
	struct ril_loss_tokens x;
	struct ril_policy_tokens at;
	struct ril_surrogate c;
};

/* The logarithm of every token's ratio where that is its response's, in the place of its gradient; a warp takes every eighth
 * response. */
static __device__ void spread_ratios(const policy &p)
{
	int lane = threadIdx.x % 32;
	for (int64_t r = threadIdx.x / 32; r < p.at.responses; r += WARPS) {
		int64_t from = p.at.start[r] - p.at.start[0], to = p.at.start[r + 1] - p.at.start[0];
		double sum = 0;
		for (int64_t t = from + lane; t < to; t += 32)
			sum += p.x.logp[t] - p.at.old[t];
		sum = ril_warp_sum(sum) / (double)(to - from);
		for (int64_t t = from + lane; t < to; t += 32)
			p.dlogp[t] = sum;
	}
	__syncthreads();
}

static __device__ double importance(double old, double sampler, double cap)
{
	double c = isnan(sampler) ? 1 : exp(old - sampler);
	return c > cap ? cap : c;
}

/* -w S of a token into its sums; returns its gradient. */
static __device__ double surrogate(const struct ril_surrogate &c, double logp, double rho, double A, double w,
				   double sum[SUMS])
{
	bool above = rho > c.high, below = rho < c.low;
	if (c.clip == RIL_CLIP_WEIGHT) {
		double constant = above ? c.high : below ? c.low : rho;
		sum[LOSS] = -w * constant * A * logp;
		sum[CLIPPED] = above || below;
		return -w * constant * A;
	}
	bool stopped = A > 0 ? above : A < 0 && below;
	double bound = A > 0 ? c.high : c.low;
	sum[LOSS] = -w * (stopped ? bound : rho) * A;
	sum[CLIPPED] = stopped;
	return stopped ? 0 : -w * rho * A;
}

/* The same of w beta KL, d = ref - logp. */
static __device__ double penalty(const struct ril_surrogate &c, double d, double w, double sum[SUMS])
{
	double e = expm1(d), k3 = e - d;
	double kl = c.kl == RIL_KL_K2 ? d * d / 2 : c.kl == RIL_KL_K1 ? -d : k3;
	double slope = c.kl == RIL_KL_K2 ? d : c.kl == RIL_KL_K1 ? -1 : e;
	sum[K3] = k3;
	sum[LOSS] += w * c.beta * kl;
	return -w * c.beta * slope;
}

/* Token t: its gradient, and what it adds to the sums.  `ratio` is the logarithm that spread_ratios left. */
static __device__ void policy_token(const policy &p, int64_t t, double A, double ratio, double sum[SUMS])
{
	double w = p.x.weight[t], logp = p.x.logp[t], old = p.at.old ? p.at.old[t] : logp;
	double rho = p.at.old ? exp(p.at.start ? ratio : logp - old) : 1;
	if (p.c.cap > 0)
		A *= importance(old, p.at.sampler[t], p.c.cap);
	double d_logp = surrogate(p.c, logp, rho, A, w, sum);
	if (p.c.beta != 0)
		d_logp += penalty(p.c, p.at.ref[t] - logp, w, sum);
	if (p.c.bonus != 0) {
		p.dentropy[t] = -w * p.c.bonus;
		sum[LOSS] -= w * p.c.bonus * p.at.entropy[t];
	}
	sum[RATIO] = rho;
	sum[TOKENS] = 1;
	p.dlogp[t] = d_logp;
}

static __device__ void leave_out(const policy &p, int64_t t)
{
	p.dlogp[t] = 0;
	if (p.c.bonus != 0)
		p.dentropy[t] = 0;
}

static __global__ void __launch_bounds__(THREADS) policy_kernel(policy p, struct ril_loss_sums *sums)
{
	RIL_SHARED(struct side_sums, s);
	bool spread = p.at.start && p.at.old;
	start_sums(s);
	if (spread)
		spread_ratios(p);
	for (int64_t from = 0; from < p.x.n; from += THREADS) {
		int64_t t = from + threadIdx.x;
		double sum[SUMS] = {0}, A = t < p.x.n ? p.at.advantage[t] : 0;
		int side = -1;
		if (t < p.x.n && isnan(A))
			leave_out(p, t);
		else if (t < p.x.n) {
			side = p.x.side[t];
			policy_token(p, t, A, spread ? p.dlogp[t] : 0, sum);
		}
		add_tokens(s.at[threadIdx.x / 32], side, sum);
	}
	end_sums(s, sums);
}

extern "C" void ril_cuda_policy_loss(double *dlogp, double *dentropy, struct ril_loss_sums *sums,
				     struct ril_loss_tokens x, struct ril_policy_tokens at, struct ril_surrogate c)
{
	policy p = {dlogp, dentropy, x, at, c};
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

/* -y log D - (1 - y) log(1 - D), y = 1 - smoothing/2, D = 1/(1 + exp(-x)). */
static __device__ double cross_entropy(double x, double smoothing)
{
	return softplus(-x) + (smoothing > 0 ? smoothing / 2 * x : 0);
}

static __device__ bool saturated(double D)
{
	return D < .01 || D > .99;
}

/* A response's: what it adds to the sums; returns its gradient. */
static __device__ double bce_row(struct ril_bce_sums *sum, double x, int side, struct ril_bce how)
{
	double D = ril_logistic(x), w = side ? how.w1 : how.w0;
	sum->loss += w * cross_entropy(side ? x : -x, how.smoothing);
	sum->n[0] += !side; /* named one by one, all stay in registers */
	sum->n[1] += side;
	sum->right[0] += !side && D < .5;
	sum->right[1] += side && D >= .5;
	sum->saturated += saturated(D);
	return w * (D - side + (side ? .5 : -.5) * how.smoothing);
}

/* Each sum over the block. */
static __device__ void add_bce_sums(struct ril_bce_sums *sums, const struct ril_bce_sums *mine, double *room)
{
	for (int i = 0; i < BCE_SUMS; i++) {
		double sum = ril_block_sum((&mine->loss)[i], room);
		if (threadIdx.x == 0)
			(&sums->loss)[i] += sum;
	}
}

/* A thread takes every THREADS-th response. */
static __global__ void __launch_bounds__(THREADS)
	bce_kernel(ril_m<float> dz, struct ril_bce_sums *sums, ril_m<float> z, const int8_t *label, struct ril_bce how)
{
	RIL_SHARED(struct bce_room, s);
	struct ril_bce_sums mine = {0, {0, 0}, {0, 0}, 0, 0};
	for (int64_t r = threadIdx.x; r < z.rows; r += THREADS) {
		double x = (double)*z.at(r, 0);
		int side = label[r];
		mine.broken += !isfinite(x);
		if (side < 0)
			continue;
		double gradient = bce_row(&mine, x, side != 0, how);
		if (dz.p)
			*dz.at(r, 0) += (float)gradient;
	}
	add_bce_sums(sums, &mine, s.sum);
}

extern "C" void ril_cuda_bce_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
				  struct ril_bce how)
{
	assert(z.type == RIL_F32 && (!dz.p || dz.type == RIL_F32));
	if (z.rows > 0)
		RIL_LAUNCH(bce_kernel, 1, THREADS, sizeof(struct bce_room), ril_of<float>(dz), sums, ril_of<float>(z),
			   label, how);
}

/* ---- pairs ---- */

/* The group of row r: the last that begins at or before it. */
static __device__ int64_t group_of(const struct ril_pairs &how, int64_t r)
{
	int64_t low = 0, high = how.groups; /* start[low] <= r < start[high] */
	while (high - low > 1) {
		int64_t middle = (low + high) / 2;
		if (how.start[middle] - how.start[0] <= r)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* A response against those of the other label in its group; returns its gradient. */
static __device__ double pair_row(struct ril_bce_sums *sum, const ril_m<float> &z, const int8_t *label, int64_t r,
				  int side, const struct ril_pairs &how)
{
	int64_t g = group_of(how, r), to = how.start[g + 1] - how.start[0];
	double sign = side ? 1 : -1, pairs = 0, right = 0, sure = 0, slope = 0;
	for (int64_t k = how.start[g] - how.start[0]; k < to; k++) {
		if (label[k] != 1 - side)
			continue;
		double x = sign * ((double)*z.at(r, 0) - (double)*z.at(k, 0)), D = ril_logistic(x);
		if (side)
			sum->loss += how.weight * cross_entropy(x, how.smoothing);
		slope += how.weight * (D - 1 + how.smoothing / 2);
		pairs++;
		right += x > 0;
		sure += saturated(D);
	}
	if (!(pairs > 0))
		return 0;
	sum->n[0] += !side;
	sum->n[1] += side;
	sum->right[0] += side ? 0 : right / pairs;
	sum->right[1] += side ? right / pairs : 0;
	sum->saturated += sure / pairs;
	return sign * slope;
}

/* A thread takes every THREADS-th response. */
static __global__ void __launch_bounds__(THREADS) pair_kernel(ril_m<float> dz, struct ril_bce_sums *sums,
							      ril_m<float> z, const int8_t *label, struct ril_pairs how)
{
	RIL_SHARED(struct bce_room, s);
	struct ril_bce_sums mine = {0, {0, 0}, {0, 0}, 0, 0};
	for (int64_t r = threadIdx.x; r < z.rows; r += THREADS) {
		mine.broken += !isfinite(*z.at(r, 0));
		if (label[r] < 0)
			continue;
		double gradient = pair_row(&mine, z, label, r, label[r] != 0, how);
		if (dz.p)
			*dz.at(r, 0) += (float)gradient;
	}
	add_bce_sums(sums, &mine, s.sum);
}

extern "C" void ril_cuda_pair_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
				   struct ril_pairs how)
{
	assert(z.type == RIL_F32 && (!dz.p || dz.type == RIL_F32));
	if (z.rows > 0)
		RIL_LAUNCH(pair_kernel, 1, THREADS, sizeof(struct bce_room), ril_of<float>(dz), sums, ril_of<float>(z),
			   label, how);
}
