/* paired.h -- the same seeds and questions under two settings: exact tests of paired differences, Student's t, and the
 * bootstrap over seeds and questions together.
 *
 * Flips: were the settings alike, each pair's difference would as well have the other sign; p is the share of all sign patterns
 * whose |sum| is at least the observed one's, two-sided (Fisher's randomisation test).  Of differences of right and wrong
 * it is McNemar's exact test: the binomial one of the pairs that differ.
 *
 * The bootstrap draws seeds and, independently, questions, with replacement, and takes the mean of what both were drawn (the
 * pigeonhole bootstrap: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007, section 3).  Where there is one
 * seed or one question only the other is drawn.
 * Percentiles of the means of few values are too narrow: 95 % intervals of five normal ones hold the mean in 83 % of
 * cases, of ten in 90 %; Student's t has the level it says where means are normal. */
#ifndef RIL_BASE_PAIRED_H
#define RIL_BASE_PAIRED_H

#include "base/resampling.h"

/* P(|T| >= |t|) of Student's distribution, and the t with P(|T| < t) = level; df > 0, level in (0,1). */
double ril_student_p(double t, double df);
double ril_student_quantile(double level, double df);

/* Mean and, of two values or more, standard deviation of the sample (n - 1). */
struct ril_spread {
	double mean, sd; /* NaN where there are too few */
};
struct ril_spread ril_spread_of(const double *x, size_t n);

/* p of n differences; how: by counting all patterns where that is feasible -- whole numbers, or n of at most 20 --, else by
 * `resamples` random ones.  NaN for n = 0. */
struct ril_flips {
	double p;
	bool exact;
};
int ril_flip_test(struct ril_flips *, const double *d, size_t n, const struct ril_resampling *, struct ril_err *);

/* The percentile interval of the mean of x [seeds, questions]; NaN where neither can be drawn. */
int ril_crossed_interval(struct ril_interval *, const double *x, size_t seeds, size_t questions,
			 const struct ril_resampling *, struct ril_err *);

#endif
