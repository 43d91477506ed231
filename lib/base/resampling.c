/* resampling.c -- see resampling.h. */
#include "base/resampling.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Linear between order statistics. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1), low = floor(at);
	size_t i = (size_t)low, j = i + 1 < n ? i + 1 : i;
	return sorted[i] + (at - low) * (sorted[j] - sorted[i]);
}

struct ril_interval ril_percentiles(double *v, size_t n, double confidence)
{
	size_t m = 0;
	for (size_t i = 0; i < n; i++)
		if (!isnan(v[i]))
			v[m++] = v[i];
	if (!m)
		return (struct ril_interval){NAN, NAN};
	qsort(v, m, sizeof *v, ascending);
	double tail = (1 - confidence / 100) / 2;
	return (struct ril_interval){quantile(v, m, tail), quantile(v, m, 1 - tail)};
}

void ril_resample(uint32_t *pick, size_t n, uint32_t seed, uint32_t b, uint32_t stratum)
{
	enum { AT_ONCE = 256 };
	uint32_t word[AT_ONCE];
	for (size_t from = 0; from < n; from += AT_ONCE) {
		size_t m = n - from < AT_ONCE ? n - from : AT_ONCE;
		ril_rng_fill(seed, RIL_RNG_BOOTSTRAP, (struct ril_rng_at){b, stratum, 0, (uint32_t)(from / 4)}, word,
			     (m + 3) / 4);
		for (size_t i = 0; i < m; i++)
			pick[from + i] = (uint32_t)((uint64_t)word[i] * n >> 32);
	}
}

static double flipped_mean(const double *d, size_t n, uint32_t seed, uint32_t b)
{
	uint32_t word[4];
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		if (i % 128 == 0)
			ril_rng4(seed, RIL_RNG_BOOTSTRAP, (struct ril_rng_at){b, 0, 1, (uint32_t)(i / 128)}, word);
		sum += word[i / 32 % 4] >> i % 32 & 1 ? d[i] : -d[i];
	}
	return sum / (double)n;
}

int ril_compare_paired(struct ril_paired *out, const double *a, const double *b, size_t n,
		       const struct ril_resampling *how, struct ril_err *err)
{
	*out = (struct ril_paired){.n = n, .interval = {NAN, NAN}, .p = NAN};
	double *d = ril_new(n, sizeof *d, err), *value = ril_new((size_t)how->resamples, sizeof *value, err);
	uint32_t *pick = ril_new(n, sizeof *pick, err);
	int rc = d && value && pick ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		d[i] = b[i] - a[i];
		out->mean_a += a[i];
		out->mean_b += b[i];
		out->difference += d[i];
	}
	if (n) {
		out->mean_a /= (double)n;
		out->mean_b /= (double)n;
		out->difference /= (double)n;
	}
	int64_t beyond = 0;
	for (int64_t r = 0; !rc && n && r < how->resamples; r++) {
		ril_resample(pick, n, how->seed, (uint32_t)r, 0);
		value[r] = 0;
		for (size_t i = 0; i < n; i++)
			value[r] += d[pick[i]];
		value[r] /= (double)n;
		/* a hair's breadth for sums in another order */
		beyond += fabs(flipped_mean(d, n, how->seed, (uint32_t)r)) >= fabs(out->difference) - 1e-12;
	}
	if (!rc && n && how->resamples) {
		out->interval = ril_percentiles(value, (size_t)how->resamples, how->confidence);
		out->p = (double)(1 + beyond) / (double)(1 + how->resamples);
	}
	free(d);
	free(value);
	free(pick);
	return rc;
}
