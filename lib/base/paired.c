/* paired.c -- see paired.h.
 *
 * The distribution of the sum of whole differences under random signs is built up pair by pair: of 5,000 questions and five
 * seeds that is 5,000 passes over at most 50,001 numbers.  Otherwise all patterns are counted in Gray order, one sign a step. */
#include "base/paired.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { COUNTED = 20 };               /* differences whose 2^n patterns are counted one by one */
static const double MOST_WORK = 4e9; /* additions, for an exact distribution */
static const double HAIR = 1e-9;     /* sums in another order */

/* ---- Student's t ---- */

/* Continued fraction of the incomplete beta function (Lentz's algorithm; Numerical Recipes, 3rd ed., section 6.4). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	double h = d;
	for (int m = 1; m < 10000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		if (fabs(d * c - 1) < 1e-15)
			break;
	}
	return h;
}

/* The regularised incomplete beta function I_x(a, b); y = 1 - x, which may be known better than x tells. */
static double beta_share(double a, double b, double x, double y)
{
	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, y) / b;
}

double ril_student_p(double t, double df)
{
	double t2 = t * t;
	return isinf(t) ? 0 : beta_share(df / 2, .5, df / (df + t2), t2 / (df + t2));
}

double ril_student_quantile(double level, double df)
{
	double low = 0, high = 1;
	while (ril_student_p(high, df) > 1 - level && high < 1e300)
		high *= 2;
	for (int i = 0; i < 200 && low < high; i++) {
		double mid = low + (high - low) / 2;
		if (mid <= low || mid >= high)
			break;
		if (ril_student_p(mid, df) > 1 - level)
			low = mid;
		else
			high = mid;
	}
	return high;
}

struct ril_spread ril_spread_of(const double *x, size_t n)
{
	double mean = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	return (struct ril_spread){n ? mean : NAN, n > 1 ? sqrt(squares / (double)(n - 1)) : NAN};
}

/* ---- flips ---- */

static double sum_of(const double *d, size_t n)
{
	double s = 0;
	for (size_t i = 0; i < n; i++)
		s += d[i];
	return s;
}

/* The sum of |d|, where all are whole numbers and the distribution of their sum can be afforded; else -1. */
static double whole_range(const double *d, size_t n)
{
	double range = 0;
	for (size_t i = 0; i < n; i++) {
		if (fabs(d[i] - round(d[i])) > HAIR)
			return -1;
		range += fabs(round(d[i]));
	}
	return range * (double)n > MOST_WORK || range > 1e8 ? -1 : range;
}

/* chance [2 range + 1] of every sum from -range on. */
static int flip_whole(double *p, const double *d, size_t n, size_t range, struct ril_err *err)
{
	size_t width = 2 * range + 1, spread = 0;
	double *now = ril_new(width, sizeof *now, err), *next = ril_new(width, sizeof *next, err);
	int rc = now && next ? 0 : -1;
	if (!rc)
		now[range] = 1;
	for (size_t i = 0; !rc && i < n; i++) {
		size_t k = (size_t)fabs(round(d[i]));
		if (!k)
			continue;
		spread += k;
		for (size_t at = range - spread; at <= range + spread; at++) {
			double up = at >= k ? now[at - k] : 0, down = at + k < width ? now[at + k] : 0;
			next[at] = (up + down) / 2;
		}
		double *t = now;
		now = next;
		next = t;
	}
	double observed = fabs(round(sum_of(d, n)));
	*p = 0;
	for (size_t at = 0; !rc && at < width; at++)
		if (fabs((double)at - (double)range) >= observed)
			*p += now[at];
	*p = fmin(*p, 1);
	free(now);
	free(next);
	return rc;
}

/* In Gray order pattern i differs from the one before in the sign of the lowest bit that is set in i. */
static double flip_counted(const double *d, size_t n)
{
	double sum = sum_of(d, n), size = 0;
	for (size_t i = 0; i < n; i++)
		size += fabs(d[i]);
	double observed = fabs(sum) - HAIR * size;
	uint32_t beyond = 0, all = 1U << n, flipped = 0;
	for (uint32_t i = 0; i < all; i++) {
		if (i) {
			uint32_t bit = (uint32_t)__builtin_ctz(i);
			sum += flipped >> bit & 1 ? 2 * d[bit] : -2 * d[bit];
			flipped ^= 1U << bit;
		}
		beyond += fabs(sum) >= observed;
	}
	return (double)beyond / all;
}

int ril_flip_test(struct ril_flips *out, const double *d, size_t n, const struct ril_resampling *how,
		  struct ril_err *err)
{
	*out = (struct ril_flips){NAN, true};
	double range = whole_range(d, n);
	if (!n)
		return 0;
	if (range >= 0)
		return flip_whole(&out->p, d, n, (size_t)range, err);
	if (n <= COUNTED) {
		out->p = flip_counted(d, n);
		return 0;
	}
	out->exact = false;
	double *zero = ril_new(n, sizeof *zero, err);
	struct ril_paired paired;
	int rc = zero ? ril_compare_paired(&paired, zero, d, n, how, err) : -1;
	if (!rc)
		out->p = paired.p;
	free(zero);
	return rc;
}

/* ---- the bootstrap ---- */

/* Questions and seeds are drawn from streams of their own, so that the draws of one do not depend on how many the other has. */
enum { QUESTIONS, SEEDS };

/* The mean of one resample; times and sum are scratch. */
static double drawn_mean(const double *x, size_t seeds, size_t questions, const uint32_t *seed,
			 const uint32_t *question, double *sum)
{
	double total = 0;
	memset(sum, 0, questions * sizeof *sum);
	for (size_t i = 0; i < seeds; i++) {
		const double *row = x + seed[i] * questions;
		for (size_t q = 0; q < questions; q++)
			sum[q] += row[q];
	}
	for (size_t q = 0; q < questions; q++)
		total += sum[question[q]];
	return total / (double)(seeds * questions);
}

int ril_crossed_interval(struct ril_interval *out, const double *x, size_t seeds, size_t questions,
			 const struct ril_resampling *how, struct ril_err *err)
{
	*out = (struct ril_interval){NAN, NAN};
	if (seeds * questions < 2 || !how->resamples)
		return 0;
	uint32_t *seed = ril_new(seeds, sizeof *seed, err), *question = ril_new(questions, sizeof *question, err);
	double *sum = ril_new(questions, sizeof *sum, err), *mean = ril_new((size_t)how->resamples, sizeof *mean, err);
	int rc = seed && question && sum && mean ? 0 : -1;
	for (int64_t b = 0; !rc && b < how->resamples; b++) {
		ril_resample(seed, seeds, how->seed, (uint32_t)b, SEEDS);
		ril_resample(question, questions, how->seed, (uint32_t)b, QUESTIONS);
		mean[b] = drawn_mean(x, seeds, questions, seed, question, sum);
	}
	if (!rc)
		*out = ril_percentiles(mean, (size_t)how->resamples, how->confidence);
	free(seed);
	free(question);
	free(sum);
	free(mean);
	return rc;
}
