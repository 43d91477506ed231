/* loss.c -- the losses: clipped surrogate with k3 penalty, fine-tuning, binary cross-entropy.
 *
 * A few numbers per token, beside the thousands of multiplications that made each of them: one thread, in the tokens'
 * order, so that the sums are the same for any number of threads and for any cut into micro-batches. */
#include "cpu_internal.h"

#include "base/logistic.h"

#include <math.h>

void ril_cpu_policy_loss(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x, const double *advantage,
			 const double *old, const double *ref, struct ril_surrogate c)
{
	for (int64_t t = 0; t < x.n; t++) {
		struct ril_loss_sums *s = &sums[x.side[t]];
		double A = advantage[t], w = x.weight[t];
		dlogp[t] = 0;
		if (isnan(A))
			continue;
		double rho = old ? exp(x.logp[t] - old[t]) : 1;
		double bound = A > 0 ? c.high : c.low;
		bool stopped = A > 0 ? rho > bound : A < 0 && rho < bound;
		s->loss -= w * (stopped ? bound : rho) * A;
		dlogp[t] = stopped ? 0 : -w * rho * A;
		if (c.beta != 0) {
			double d = ref[t] - x.logp[t], k3 = expm1(d) - d;
			s->loss += w * c.beta * k3;
			dlogp[t] -= w * c.beta * expm1(d);
			s->k3 += k3;
		}
		s->ratio += rho;
		s->clipped += stopped;
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
