/* kl.c -- the divergence of two softmaxes, row by row, and its gradient; numbers are ril_real, sums over a row double. */
#include "cpu_internal.h"
#include "vmath_internal.h"

enum { PART = 256 }; /* numbers that one sum in ril_real covers */

struct kl {
	struct ril_mat dz, s, t;
	double *kl;
	const double *weight;
	ril_real inv_t;
	bool reverse;
};

/* What a row's log-probabilities are found by: a (x - max) - log_sum.  The two apart, for together they would round off what a
 * likely id has. */
struct row {
	const ril_real *x;
	ril_real a, max, log_sum;
};

static inline ril_real log_p(struct row r, int64_t v)
{
	return r.a * (r.x[v] - r.max) - r.log_sum;
}

static struct row row_of(const ril_real *x, int64_t n, ril_real a)
{
	ril_real max = x[0];
	double sum = 0;
#pragma omp simd reduction(max : max)
	for (int64_t v = 0; v < n; v++)
		max = x[v] > max ? x[v] : max;
	for (int64_t from = 0; from < n; from += PART) {
		ril_real part = 0;
		int64_t to = ril_min(from + PART, n);
#pragma omp simd reduction(+ : part)
		for (int64_t v = from; v < to; v++)
			part += ril_exp(a * (x[v] - max));
		sum += (double)part;
	}
	return (struct row){x, a, max, (ril_real)log(sum)};
}

/* The mean of log p - log q over p, in double: of the reverse divergence's gradient it is taken away from numbers as large. */
static double divergence(struct row p, struct row q, int64_t n)
{
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t v = 0; v < n; v++) {
		ril_real own = log_p(p, v), share = ril_exp(own);
		sum += share == 0 ? 0 : (double)share * (double)(own - log_p(q, v));
	}
	return sum;
}

/* d KL / d s times the weight; dz may be s. */
static void gradient(const struct kl *k, ril_real *dz, struct row s, struct row t, int64_t r)
{
	ril_real w = (ril_real)(k->weight[r] * (double)k->inv_t);
	double kl = k->kl[r];
#pragma omp simd
	for (int64_t v = 0; v < k->s.cols; v++) {
		ril_real own = log_p(s, v), p = ril_exp(own), other = log_p(t, v);
		ril_real away = (ril_real)((double)(own - other) - kl);
		dz[v] = k->reverse ? (p == 0 ? 0 : w * p * away) : w * (p - ril_exp(other));
	}
}

static void kl_range(void *ctx, int64_t from, int64_t to)
{
	const struct kl *k = ctx;
	int64_t n = k->s.cols;
	for (int64_t r = from; r < to; r++) {
		struct row s = row_of(ril_reals(k->s) + r * k->s.ld, n, k->inv_t),
			   t = row_of(ril_reals(k->t) + r * k->t.ld, n, k->inv_t);
		k->kl[r] = k->reverse ? divergence(s, t, n) : divergence(t, s, n);
		if (k->dz.p)
			gradient(k, ril_reals(k->dz) + r * k->dz.ld, s, t, r);
	}
}

void ril_cpu_kl_rows(struct ril_mat dz, double *kl, struct ril_mat s, struct ril_mat t, const double *weight,
		     double inv_t, bool reverse)
{
	struct kl k = {dz, s, t, kl, weight, (ril_real)inv_t, reverse};
	assert(t.cols == s.cols && t.rows == s.rows);
	if (s.cols > 0)
		ril_cpu_ranges(s.rows, ril_max(1, RIL_GRAIN / 8 / s.cols), kl_range, &k);
}
