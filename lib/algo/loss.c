/* loss.c -- clipped surrogate with k3 penalty, SFT, binary cross-entropy; see loss.h. */
#include "algo/loss.h"

#include <math.h>
#include <string.h>

double ril_token_weight(enum ril_objective o, int64_t N, double L, int64_t len, int64_t tokens)
{
	switch (o) {
	case RIL_SFT: return 1 / (double)tokens;
	case RIL_GRPO: return 1 / ((double)N * (double)len);
	default: return 1 / ((double)N * L);
	}
}

void ril_loss_sums_add(struct ril_loss_sums *to, const struct ril_loss_sums *s)
{
	to->loss += s->loss;
	to->k3 += s->k3;
	to->ratio += s->ratio;
	to->tokens += s->tokens;
	to->clipped += s->clipped;
}

void ril_surrogate_loss(const struct ril_surrogate *c, double A, double w, const double *logp, const double *old,
			const double *ref, size_t n, double *dlogp, struct ril_loss_sums *sums)
{
	memset(dlogp, 0, n * sizeof *dlogp);
	if (isnan(A))
		return;
	for (size_t t = 0; t < n; t++) {
		double rho = old ? exp(logp[t] - old[t]) : 1;
		double bound = A > 0 ? 1 + c->clip : 1 - c->clip;
		bool stopped = A > 0 ? rho > bound : A < 0 && rho < bound;
		sums->loss -= w * (stopped ? bound : rho) * A;
		dlogp[t] = stopped ? 0 : -w * rho * A;
		if (c->beta != 0) {
			double d = ref[t] - logp[t], k3 = expm1(d) - d;
			sums->loss += w * c->beta * k3;
			dlogp[t] -= w * c->beta * expm1(d);
			sums->k3 += k3;
		}
		sums->ratio += rho;
		sums->clipped += stopped;
	}
	sums->tokens += (int64_t)n;
}

void ril_sft_loss(double w, const double *logp, size_t n, double *dlogp, struct ril_loss_sums *sums)
{
	for (size_t t = 0; t < n; t++) {
		sums->loss -= w * logp[t];
		sums->ratio += 1;
		dlogp[t] = -w;
	}
	sums->tokens += (int64_t)n;
}

double ril_sigmoid(double z)
{
	return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* log(1 + exp(z)) without overflow. */
static double softplus(double z)
{
	return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

void ril_bce_loss(const double *z, const int8_t *label, size_t n, const int64_t total[2], double *dz, struct ril_bce *b)
{
	double half = total[0] && total[1] ? .5 : 1;
	for (size_t i = 0; i < n; i++) {
		if (dz)
			dz[i] = 0;
		if (label[i] < 0)
			continue;
		double w = half / (double)total[label[i]], p = ril_sigmoid(z[i]);
		b->loss += w * (label[i] ? softplus(-z[i]) : softplus(z[i]));
		if (dz)
			dz[i] = w * (p - label[i]);
		b->n[label[i]]++;
		b->right[label[i]] += (p >= .5) == (label[i] == 1);
		b->saturated += p < .01 || p > .99;
	}
}
