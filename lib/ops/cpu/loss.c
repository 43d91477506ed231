/* loss.c -- the losses: clipped surrogates with a KL penalty, fine-tuning, binary cross-entropy of responses and of pairs.
 *
 * A few numbers per token, beside the thousands of multiplications that made each of them: one thread, in the tokens'
 * order, so that the sums are the same for any number of threads and for any cut into micro-batches. */
#include "cpu_internal.h"

#include "base/logistic.h"

#include <math.h>

/* The logarithm of every token's ratio where that is its response's, in the place of its gradient. */
static void spread_ratios(double *at, struct ril_loss_tokens x, struct ril_policy_tokens p)
{
	for (int64_t r = 0; r < p.responses; r++) {
		int64_t from = p.start[r] - p.start[0], to = p.start[r + 1] - p.start[0];
		double sum = 0;
		for (int64_t t = from; t < to; t++)
			sum += x.logp[t] - p.old[t];
		for (int64_t t = from; t < to; t++)
			at[t] = sum / (double)(to - from);
	}
}

/* min(exp(old - sampler), cap); what is not a number stays so, but for a sampler that said nothing. */
static double importance(double old, double sampler, double cap)
{
	double c = isnan(sampler) ? 1 : exp(old - sampler);
	return c > cap ? cap : c;
}

/* -w S of a token, whose gradient is set. */
static void add_surrogate(struct ril_loss_sums *s, double *dlogp, double logp, double rho, double A, double w,
			  struct ril_surrogate c)
{
	bool above = rho > c.high, below = rho < c.low;
	bool stopped = A > 0 ? above : A < 0 && below;
	double bound = A > 0 ? c.high : c.low;
	if (c.clip == RIL_CLIP_WEIGHT) {
		double constant = above ? c.high : below ? c.low : rho;
		s->loss -= w * constant * A * logp;
		*dlogp = -w * constant * A;
		stopped = above || below;
	} else {
		s->loss -= w * (stopped ? bound : rho) * A;
		*dlogp = stopped ? 0 : -w * rho * A;
	}
	s->clipped += stopped;
}

/* w beta KL of a token, d = ref - logp. */
static void add_penalty(struct ril_loss_sums *s, double *dlogp, double d, double w, struct ril_surrogate c)
{
	double e = expm1(d), k3 = e - d, kl = k3, slope = e;
	if (c.kl == RIL_KL_K2) {
		kl = d * d / 2;
		slope = d;
	} else if (c.kl == RIL_KL_K1) {
		kl = -d;
		slope = -1;
	}
	s->loss += w * c.beta * kl;
	*dlogp -= w * c.beta * slope;
	s->k3 += k3;
}

void ril_cpu_policy_loss(double *dlogp, double *dentropy, struct ril_loss_sums *sums, struct ril_loss_tokens x,
			 struct ril_policy_tokens p, struct ril_surrogate c)
{
	bool spread = p.start && p.old;
	if (spread)
		spread_ratios(dlogp, x, p);
	for (int64_t t = 0; t < x.n; t++) {
		struct ril_loss_sums *s = &sums[x.side[t]];
		double A = p.advantage[t], w = x.weight[t], logp = x.logp[t];
		double rho = !p.old ? 1 : exp(spread ? dlogp[t] : logp - p.old[t]);
		dlogp[t] = 0;
		if (c.bonus != 0)
			dentropy[t] = isnan(A) ? 0 : -w * c.bonus;
		if (isnan(A))
			continue;
		if (c.cap > 0)
			A *= importance(p.old ? p.old[t] : logp, p.sampler[t], c.cap);
		add_surrogate(s, &dlogp[t], logp, rho, A, w, c);
		if (c.beta != 0)
			add_penalty(s, &dlogp[t], p.ref[t] - logp, w, c);
		if (c.bonus != 0)
			s->loss -= w * c.bonus * p.entropy[t];
		s->ratio += rho;
		s->tokens++;
	}
}

void ril_cpu_sft_loss(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x)
{
	for (int64_t t = 0; t < x.n; t++) {
		struct ril_loss_sums *s = &sums[x.side[t]];
		s->loss -= x.weight[t] * x.logp[t];
		s->ratio++;
		s->tokens++;
		dlogp[t] = -x.weight[t];
	}
}

/* log(1 + exp(z)) without overflow. */
static double softplus(double z)
{
	return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

/* -y log D - (1 - y) log(1 - D), y = 1 - smoothing/2, D = 1/(1 + exp(-x)). */
static double cross_entropy(double x, double smoothing)
{
	return softplus(-x) + (smoothing > 0 ? smoothing / 2 * x : 0);
}

static bool saturated(double D)
{
	return D < .01 || D > .99;
}

void ril_cpu_bce_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
		      struct ril_bce how)
{
	const ril_real *logit = ril_reals(z);
	ril_real *gradient = ril_reals(dz);
	for (int64_t r = 0; r < z.rows; r++) {
		double x = (double)logit[r * z.ld], D = ril_logistic(x);
		int side = label[r];
		sums->broken += !isfinite(x);
		if (side < 0)
			continue;
		double w = side ? how.w1 : how.w0;
		sums->loss += w * cross_entropy(side ? x : -x, how.smoothing);
		sums->n[side]++;
		sums->right[side] += (D >= .5) == (side == 1);
		sums->saturated += saturated(D);
		if (gradient)
			gradient[r * dz.ld] += (ril_real)(w * (D - side + (side ? .5 : -.5) * how.smoothing));
	}
}

/* One response against those of the other label in its group, rows [from, to). */
static void pair_row(ril_real *gradient, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label, int64_t r,
		     int64_t from, int64_t to, struct ril_pairs how)
{
	const ril_real *logit = ril_reals(z);
	int side = label[r];
	double sign = side ? 1 : -1, pairs = 0, right = 0, sure = 0, slope = 0;
	for (int64_t k = from; k < to; k++) {
		if (label[k] != 1 - side)
			continue;
		double x = sign * ((double)logit[r * z.ld] - (double)logit[k * z.ld]), D = ril_logistic(x);
		if (side)
			sums->loss += how.weight * cross_entropy(x, how.smoothing);
		slope += how.weight * (D - 1 + how.smoothing / 2);
		pairs++;
		right += x > 0;
		sure += saturated(D);
	}
	if (!(pairs > 0))
		return;
	sums->n[side]++;
	sums->right[side] += right / pairs;
	sums->saturated += sure / pairs;
	if (gradient)
		*gradient += (ril_real)(sign * slope);
}

void ril_cpu_pair_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
		       struct ril_pairs how)
{
	ril_real *gradient = ril_reals(dz);
	for (int64_t g = 0; g < how.groups; g++) {
		int64_t from = how.start[g] - how.start[0], to = how.start[g + 1] - how.start[0];
		for (int64_t r = from; r < to; r++) {
			sums->broken += !isfinite((double)ril_reals(z)[r * z.ld]);
			if (label[r] >= 0)
				pair_row(gradient ? gradient + r * dz.ld : NULL, sums, z, label, r, from, to, how);
		}
	}
}
