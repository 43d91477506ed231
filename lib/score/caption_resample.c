/* caption_resample.c -- bootstrap intervals of all caption metrics at once.
 *
 * A resample is a vector of counts, how often each caption is drawn.  Means and the sums that BLEU and METEOR are made
 * of are products of that vector with columns, one column a statistic: so every draw is made once and used for all
 * metrics. */
#include "score/caption_meteor.h"
#include "score/caption_report.h"

#include "base/thread.h"

#include <math.h>
#include <stdlib.h>

enum { TILE = 16 }; /* resamples */
enum { STATS = sizeof(struct ril_caption_stats) / sizeof(double), COLUMNS = STATS + RIL_CAP_METRICS };

struct resampling {
	const struct ril_caption_scores *s;
	const struct ril_resampling *how;
	double *column[COLUMNS]; /* [n]; the statistics, then each metric's values; NULL: not needed */
	uint32_t *pick;          /* [workers, n] */
	double *count;           /* [workers, n] */
	double *value;           /* [RIL_CAP_METRICS, resamples] */
};

/* Which statistics the metrics that were scored are made of. */
static bool needs(const struct ril_caption_scores *s, size_t stat)
{
	const size_t meteor = offsetof(struct ril_caption_stats, meteor) / sizeof(double);
	const size_t ws = offsetof(struct ril_caption_stats, meteor_ws) / sizeof(double);
	if (stat >= ws)
		return s->value[RIL_CAP_METEOR_WS];
	if (stat >= meteor)
		return s->value[RIL_CAP_METEOR];
	return s->value[RIL_CAP_BLEU1] || s->value[RIL_CAP_BLEU2] || s->value[RIL_CAP_BLEU3] || s->value[RIL_CAP_BLEU4];
}

static int transpose(struct resampling *r, struct ril_err *err)
{
	for (size_t k = 0; k < STATS; k++) {
		if (!needs(r->s, k))
			continue;
		if (!(r->column[k] = ril_new(r->s->n, sizeof(double), err)))
			return -1;
		for (size_t i = 0; i < r->s->n; i++)
			r->column[k][i] = ((const double *)(r->s->stats + i))[k];
	}
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		if (r->s->value[m] && !ril_caption_is_summed(m))
			r->column[STATS + m] = r->s->value[m];
	return 0;
}

static double product(const double *a, const double *b, size_t n)
{
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void resample(struct resampling *r, size_t b, uint32_t *pick, double *count)
{
	size_t n = r->s->n;
	struct ril_caption_stats sum = {0};
	ril_resample(pick, n, r->how->seed, (uint32_t)b, 0);
	memset(count, 0, n * sizeof *count);
	for (size_t i = 0; i < n; i++)
		count[pick[i]]++;
	for (size_t k = 0; k < STATS; k++)
		if (r->column[k])
			((double *)&sum)[k] = product(r->column[k], count, n);
	for (int m = 0; m < RIL_CAP_METRICS; m++) {
		const double *v = r->column[STATS + m];
		if (r->s->value[m])
			r->value[(size_t)m * (size_t)r->how->resamples + b] =
				ril_caption_value(m, &sum, v ? product(v, count, n) : 0, n);
	}
}

static void tile(void *ctx, int t, int worker)
{
	struct resampling *r = ctx;
	size_t to = (size_t)(t + 1) * TILE, n = r->s->n;
	for (size_t b = (size_t)t * TILE; b < to && b < (size_t)r->how->resamples; b++)
		resample(r, b, r->pick + (size_t)worker * n, r->count + (size_t)worker * n);
}

int ril_caption_intervals(const struct ril_caption_scores *s, const struct ril_resampling *how,
			  struct ril_interval out[RIL_CAP_METRICS], struct ril_err *err)
{
	struct resampling r = {.s = s, .how = how};
	size_t workers = (size_t)ril_threads(), all, resamples = (size_t)how->resamples;
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		out[m] = (struct ril_interval){NAN, NAN};
	if (!resamples || !s->n)
		return 0;
	bool ok = ril_mul(&all, workers, s->n) && (r.pick = ril_new(all, sizeof *r.pick, err)) &&
		  (r.count = ril_new(all, sizeof *r.count, err)) &&
		  (r.value = ril_new(resamples, RIL_CAP_METRICS * sizeof *r.value, err)) && !transpose(&r, err);
	if (ok)
		ril_parallel((int)((resamples + TILE - 1) / TILE), tile, &r);
	for (int m = 0; ok && m < RIL_CAP_METRICS; m++)
		if (s->value[m])
			out[m] = ril_percentiles(r.value + (size_t)m * resamples, resamples, how->confidence);
	for (size_t k = 0; k < STATS; k++)
		free(r.column[k]);
	free(r.pick);
	free(r.count);
	free(r.value);
	return ok ? 0 : -1;
}
