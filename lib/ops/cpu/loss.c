/* loss.c -- the losses: clipped surrogates with a KL penalty, fine-tuning, binary cross-entropy.
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

void ril_cpu_bce_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label, double w0,
		      double w1)
{
	const ril_real *logit = ril_reals(z);
	ril_real *gradient = ril_reals(dz);
	for (int64_t r = 0; r < z.rows; r++) {
		double x = (double)logit[r * z.ld], D = ril_logistic(x);
		int side = label[r];
		sums->broken += !isfinite(x);
		if (side < 0)
			continue;
		double w = side ? w1 : w0;
		sums->loss += w * (side ? softplus(-x) : softplus(x));
		sums->n[side]++;
		sums->right[side] += (D >= .5) == (side == 1);
		sums->saturated += D < .01 || D > .99;
		if (gradient)
			gradient[r * dz.ld] += (ril_real)(w * (D - side));
	}
}
