/* sample.c -- temperature, top-k, top-p and greedy draws; see sample.h.
 *
 * Top-k is applied before top-p, as is usual; top-p keeps the smallest set of most likely ids whose mass reaches p.
 * Without either the draw walks the ids in order through the cumulative sum and needs no sorting; its weights are
 * computed in ril_real, as the trainer does. */
#include "algo/sample.h"

#include "base/expf.h"

#include <math.h>
#include <stdlib.h>

void ril_sampler_free(struct ril_sampler *s)
{
	free(s->cand);
	free(s->weight);
	*s = (struct ril_sampler){0};
}

static int by_logit(const void *a, const void *b)
{
	const struct ril_candidate *x = a, *y = b;
	if (x->z != y->z)
		return x->z < y->z ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Puts the k largest of cand[n] in front, sorted: a heap of the k best seen so far, its worst on top. */
static void sift_down(struct ril_candidate *h, int64_t k, int64_t i)
{
	for (;;) {
		int64_t worst = i, l = 2 * i + 1;
		for (int64_t c = l; c < l + 2 && c < k; c++)
			if (by_logit(&h[c], &h[worst]) > 0)
				worst = c;
		if (worst == i)
			return;
		struct ril_candidate t = h[i];
		h[i] = h[worst];
		h[worst] = t;
		i = worst;
	}
}

static void keep_best(struct ril_candidate *c, int64_t n, int64_t k)
{
	for (int64_t i = k / 2; i-- > 0;)
		sift_down(c, k, i);
	for (int64_t i = k; i < n; i++)
		if (by_logit(&c[i], &c[0]) < 0) {
			c[0] = c[i];
			sift_down(c, k, 0);
		}
	qsort(c, (size_t)k, sizeof *c, by_logit);
}

static int64_t keep_nucleus(const struct ril_candidate *c, int64_t n, double p)
{
	double total = 0, sum = 0;
	for (int64_t i = 0; i < n; i++)
		total += exp(c[i].z - c[0].z);
	for (int64_t i = 0; i < n; i++) {
		sum += exp(c[i].z - c[0].z);
		if (sum >= p * total)
			return i + 1;
	}
	return n;
}

static int32_t draw(const struct ril_candidate *c, int64_t n, double max, double uniform)
{
	double total = 0, sum = 0;
	for (int64_t i = 0; i < n; i++)
		total += exp(c[i].z - max);
	double at = uniform * total;
	int32_t last = c[0].id;
	for (int64_t i = 0; i < n; i++) {
		double e = exp(c[i].z - max);
		if (e > 0)
			last = c[i].id;
		sum += e;
		if (at < sum)
			return c[i].id;
	}
	return last; /* rounding left at == sum: the last id with any mass */
}

/* ---- all ids, no sorting: the common case, in vectors ---- */

static inline ril_real weight_of(ril_real x)
{
#ifdef RIL_REAL_IS_DOUBLE
	return exp(x);
#else
	return ril_expf(x);
#endif
}

/* The largest logit, or NaN where one is not finite. */
static ril_real largest(const ril_real *logits, int64_t V)
{
	ril_real max = logits[0], odd = 0;
#pragma omp simd reduction(max : max) reduction(+ : odd)
	for (int64_t v = 0; v < V; v++) {
		max = logits[v] > max ? logits[v] : max;
		odd += logits[v] - logits[v]; /* 0, or NaN */
	}
	return max + odd;
}

/* e[v] = exp((logit - max) / T); the sum of all of them */
static double weigh(ril_real *e, const ril_real *logits, ril_real max, double inv_t, int64_t V)
{
	enum { BLOCK = 256 };
	ril_real scale = (ril_real)inv_t;
	double total = 0;
	for (int64_t from = 0; from < V; from += BLOCK) {
		int64_t to = from + BLOCK < V ? from + BLOCK : V;
		ril_real sum = 0;
#pragma omp simd reduction(+ : sum)
		for (int64_t v = from; v < to; v++) {
			e[v] = weight_of((logits[v] - max) * scale);
			sum += e[v];
		}
		total += (double)sum;
	}
	return total;
}

/* 1 and *id; 0 where all allowed ids are so unlikely that their weights vanished. */
static int draw_any(const ril_real *e, int64_t V, double total, const bool *barred, double uniform, int32_t *id)
{
	double sum = 0;
	for (int64_t v = 0; barred && v < V; v++)
		total -= barred[v] ? (double)e[v] : 0;
	double at = uniform * total;
	*id = -1;
	for (int64_t v = 0; v < V; v++) {
		if (e[v] <= 0 || (barred && barred[v]))
			continue;
		*id = (int32_t)v; /* should rounding leave at == sum: the last id with any mass */
		sum += (double)e[v];
		if (at < sum)
			break;
	}
	return *id >= 0 && total > 0;
}

static int sample_any(struct ril_sampler *s, const struct ril_sampling *how, const ril_real *logits, int64_t V,
		      const bool *barred, double uniform, int32_t *id, double *logp, struct ril_err *err)
{
	if (ril_grow(&s->weight, &s->weights, (size_t)V, sizeof *s->weight, err))
		return -1;
	double inv_t = 1 / how->temperature;
	ril_real max = largest(logits, V);
	if (!isfinite(max))
		return 0; /* the slow way says which */
	double total = weigh(s->weight, logits, max, inv_t, V);
	*logp = -log(total);
	if (!draw_any(s->weight, V, total, barred, uniform, id))
		return 0;
	*logp += ((double)logits[*id] - (double)max) * inv_t;
	return 1;
}

int ril_sample(struct ril_sampler *s, const struct ril_sampling *how, const ril_real *logits, int64_t V,
	       const bool *barred, double uniform, int32_t *id, double *logp, struct ril_err *err)
{
	double inv_t = 1 / how->temperature, max = -INFINITY, sum = 0;
	int64_t n = 0, best = 0;
	if (V >= 1 && !how->greedy && how->top_k <= 0 && how->top_p >= 1) {
		int rc = sample_any(s, how, logits, V, barred, uniform, id, logp, err);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
	if (V < 1 || ril_grow(&s->cand, &s->cap, (size_t)V, sizeof *s->cand, err))
		return -1;
	for (int64_t v = 0; v < V; v++) {
		double z = (double)logits[v] * inv_t;
		if (!isfinite(z))
			return ril_fail(err, RIL_ENONFINITE, "logit of id %lld is not finite", (long long)v);
		if (z > max)
			max = z;
		if (barred && barred[v])
			continue;
		s->cand[n] = (struct ril_candidate){z, (int32_t)v};
		if (s->cand[n].z > s->cand[best].z)
			best = n;
		n++;
	}
	if (n == 0)
		return ril_fail(err, RIL_ENONFINITE, "every id is barred");
	for (int64_t v = 0; v < V; v++)
		sum += exp((double)logits[v] * inv_t - max);
	double lse = max + log(sum);
	if (how->greedy) {
		*id = s->cand[best].id;
	} else {
		double top = s->cand[best].z;
		int64_t k = how->top_k > 0 && how->top_k < n ? how->top_k : n;
		if (k < n || how->top_p < 1)
			keep_best(s->cand, n, k);
		if (how->top_p < 1)
			k = keep_nucleus(s->cand, k, how->top_p);
		*id = draw(s->cand, k, top, uniform);
	}
	*logp = (double)logits[*id] * inv_t - lse;
	return 0;
}
