/* resampling.h -- bootstrap intervals and the paired comparison of two runs, both seeded.
 *
 * What is drawn is questions (clusters), since responses to one question belong together; where questions fall in
 * categories (strata), each category is drawn from by itself, so that macro-averages keep all of theirs.  Intervals are
 * percentile intervals.  The p-value is that of the paired randomisation test: signs of the questions' differences are
 * flipped at random, p = (1 + times |flipped| >= |observed|) / (1 + flips), two-sided. */
#ifndef RIL_BASE_RESAMPLING_H
#define RIL_BASE_RESAMPLING_H

#include "base/mem.h"

struct ril_resampling {
	uint32_t seed;
	int64_t resamples; /* 0: no intervals */
	double confidence; /* percent, in (0,100) */
};

struct ril_interval {
	double low, high;
}; /* NaN without resamples */

/* Percentile interval of values, which are sorted in place; NaN values are left out. */
struct ril_interval ril_percentiles(double *values, size_t n, double confidence);

/* n draws with replacement from [0,n) for resample b of a stratum. */
void ril_resample(uint32_t *pick, size_t n, uint32_t seed, uint32_t b, uint32_t stratum);

struct ril_paired {
	size_t n;
	double mean_a, mean_b, difference; /* b - a */
	struct ril_interval interval;      /* of the difference */
	double p;
};
/* Scores of the same n questions under two runs. */
int ril_compare_paired(struct ril_paired *, const double *a, const double *b, size_t n, const struct ril_resampling *,
		       struct ril_err *);

#endif
