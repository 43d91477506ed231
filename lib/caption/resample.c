/* resample.c -- bootstrap intervals of all caption metrics at once.
 *
 * A resample is a vector of counts, how often each caption is drawn.  Means and the sums that BLEU and METEOR are made
 * of are products of that vector with columns, one column a statistic: so every draw is made once and used for all
 * metrics.  Draws are taken BLOCK at a time, since the products wait for memory more than for arithmetic. */
#include "caption/meteor_internal.h"
#include "caption/report.h"

#include "base/thread.h"

#include <math.h>
#include <stdlib.h>

/* Resamples of one piece of work; of one pass over the columns; rows of it, few enough for the nearest cache. */
enum { TILE = 16, BLOCK = 4, ROWS = 256 };
/* BLEU's statistics, METEOR's, those of meteor-ws, then each metric's values. */
enum { FAMILIES = 3, COLUMNS = FAMILIES * RIL_CAP_WIDTH + RIL_CAP_METRICS };
static const enum ril_caption_metric family[FAMILIES] = {RIL_CAP_BLEU1, RIL_CAP_METEOR, RIL_CAP_METEOR_WS};

struct resampling {
	const struct ril_caption_scores *s;
	const struct ril_resampling *how;
	double *own[COLUMNS];          /* columns to be freed */
	const double *column[COLUMNS]; /* [n]; NULL: not needed */
	uint32_t *pick;                /* [workers, n] */
	double *count;                 /* [workers, BLOCK, n] */
	double *value;                 /* [RIL_CAP_METRICS, resamples] */
};

/* A metric's first column. */
static size_t column_of(enum ril_caption_metric m)
{
	for (size_t f = 0; f < FAMILIES; f++)
		if (m == family[f] || (!f && m <= RIL_CAP_BLEU4))
			return f * RIL_CAP_WIDTH;
	return FAMILIES * RIL_CAP_WIDTH + m;
}

static bool wants_bleu(const struct ril_caption_scores *s)
{
	return s->value[RIL_CAP_BLEU1] || s->value[RIL_CAP_BLEU2] || s->value[RIL_CAP_BLEU3] || s->value[RIL_CAP_BLEU4];
}

static int transpose(struct resampling *r, struct ril_err *err)
{
	const struct ril_caption_scores *s = r->s;
	size_t width;
	for (size_t f = 0; f < FAMILIES; f++) {
		const double *stats = ril_caption_statistics(s, family[f], &width);
		for (size_t k = 0; stats && (f || wants_bleu(s)) && k < width; k++) {
			double *column = ril_new(s->n, sizeof *column, err);
			if (!column)
				return -1;
			for (size_t i = 0; i < s->n; i++)
				column[i] = stats[i * width + k];
			r->column[f * RIL_CAP_WIDTH + k] = r->own[f * RIL_CAP_WIDTH + k] = column;
		}
	}
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		if (!ril_caption_statistics(s, m, &width))
			r->column[column_of(m)] = s->value[m];
	return 0;
}

/* sum[j] += column . count[j] */
static void add_products(double sum[BLOCK], const double *column, const double *count /* [BLOCK, stride] */,
			 size_t stride, size_t n)
{
	const double *c0 = count, *c1 = c0 + stride, *c2 = c1 + stride, *c3 = c2 + stride;
	double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
	for (size_t i = 0; i < n; i++) {
		s0 += column[i] * c0[i];
		s1 += column[i] * c1[i];
		s2 += column[i] * c2[i];
		s3 += column[i] * c3[i];
	}
	sum[0] += s0;
	sum[1] += s1;
	sum[2] += s2;
	sum[3] += s3;
}

static void draw(const struct resampling *r, size_t b, uint32_t *pick, double *count)
{
	size_t n = r->s->n;
	ril_resample(pick, n, r->how->seed, (uint32_t)b, 0);
	memset(count, 0, n * sizeof *count);
	for (size_t i = 0; i < n; i++)
		count[pick[i]]++;
}

static void keep(struct resampling *r, size_t b, const double *sum /* [COLUMNS, BLOCK] */)
{
	double own[RIL_CAP_WIDTH];
	size_t width;
	for (int m = 0; m < RIL_CAP_METRICS; m++) {
		if (!r->s->value[m])
			continue;
		bool summed = ril_caption_statistics(r->s, m, &width);
		for (size_t k = 0; k < (summed ? width : 1); k++)
			own[k] = sum[(column_of(m) + k) * BLOCK];
		r->value[(size_t)m * (size_t)r->how->resamples + b] =
			summed ? ril_caption_of_sums(m, own) : *own / (double)r->s->n;
	}
}

/* Resamples b to b + BLOCK, as far as there are so many. */
static void resample(struct resampling *r, size_t b, uint32_t *pick, double *count)
{
	size_t n = r->s->n;
	double sum[COLUMNS][BLOCK] = {0};
	for (size_t j = 0; j < BLOCK; j++)
		draw(r, b + j, pick, count + j * n);
	for (size_t i = 0; i < n; i += ROWS)
		for (size_t k = 0; k < COLUMNS; k++)
			if (r->column[k])
				add_products(sum[k], r->column[k] + i, count + i, n, n - i < ROWS ? n - i : ROWS);
	for (size_t j = 0; j < BLOCK && b + j < (size_t)r->how->resamples; j++)
		keep(r, b + j, sum[0] + j);
}

static void tile(void *ctx, int t, int worker)
{
	struct resampling *r = ctx;
	size_t to = (size_t)(t + 1) * TILE, n = r->s->n;
	for (size_t b = (size_t)t * TILE; b < to && b < (size_t)r->how->resamples; b += BLOCK)
		resample(r, b, r->pick + (size_t)worker * n, r->count + (size_t)worker * BLOCK * n);
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
		  (r.count = ril_new(all, BLOCK * sizeof *r.count, err)) &&
		  (r.value = ril_new(resamples, RIL_CAP_METRICS * sizeof *r.value, err)) && !transpose(&r, err);
	if (ok)
		ril_parallel((int)((resamples + TILE - 1) / TILE), tile, &r);
	for (int m = 0; ok && m < RIL_CAP_METRICS; m++)
		if (s->value[m])
			out[m] = ril_percentiles(r.value + (size_t)m * resamples, resamples, how->confidence);
	for (size_t k = 0; k < COLUMNS; k++)
		free(r.own[k]);
	free(r.pick);
	free(r.count);
	free(r.value);
	return ok ? 0 : -1;
}
