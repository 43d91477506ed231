/* sample.c -- choosing tokens: temperature, top-k, top-p and greedy draws; rows in parallel, each on one thread.
 *
 * Without top-k and top-p the draw walks the ids in order through the cumulative sum and needs no sorting; its weights
 * are computed in ril_real, as the trainer does.  Else candidates are kept in double: with top-k in a heap of the best
 * seen so far.  Scratch is one line of the vocabulary for each thread (16 bytes an id at most). */
#include "cpu_internal.h"
#include "vmath_internal.h"

struct candidate {
	double z; /* logit / T */
	int32_t id;
};

/* What every row of a call shares. */
struct sample {
	int32_t *ids;
	ril_real *logp;
	struct ril_mat z;
	struct ril_draws rows;
	struct ril_sampling how;
};

/* One row of it. */
struct line {
	const ril_real *z; /* [V] */
	int64_t V;
	const bool *barred; /* [V]; NULL: none */
	double uniform;
	int worker;
};

/* ---- among the best, sorted ---- */

static int by_logit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->z != y->z)
		return x->z < y->z ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Puts the k largest of c[n] in front, sorted: a heap of the k best seen so far, its worst on top. */
static void sift_down(struct candidate *h, int64_t k, int64_t i)
{
	for (;;) {
		int64_t worst = i, l = 2 * i + 1;
		for (int64_t c = l; c < l + 2 && c < k; c++)
			if (by_logit(&h[c], &h[worst]) > 0)
				worst = c;
		if (worst == i)
			return;
		struct candidate t = h[i];
		h[i] = h[worst];
		h[worst] = t;
		i = worst;
	}
}

static void keep_best(struct candidate *c, int64_t n, int64_t k)
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

static int64_t keep_nucleus(const struct candidate *c, int64_t n, double p)
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

static int32_t draw(const struct candidate *c, int64_t n, double max, double uniform)
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

/* Ids that may be drawn, c[return value]; *best: the place of the most likely one.  -1: a logit is not finite. */
static int64_t candidates(const struct line *l, double inv_t, struct candidate *c, double *max, int64_t *best)
{
	int64_t n = 0;
	*max = -INFINITY;
	*best = 0;
	for (int64_t v = 0; v < l->V; v++) {
		double z = (double)l->z[v] * inv_t;
		if (!isfinite(z))
			return -1;
		if (z > *max)
			*max = z;
		if (l->barred && l->barred[v])
			continue;
		c[n] = (struct candidate){z, (int32_t)v};
		if (c[n].z > c[*best].z)
			*best = n;
		n++;
	}
	return n;
}

/* The id, or -1 where none can be chosen. */
static int32_t sample_best(const struct line *l, const struct ril_sampling *how, double *logp)
{
	double inv_t = 1 / how->temperature, max, sum = 0;
	struct candidate *c = ril_cpu_scratch(l->worker, (size_t)l->V, sizeof *c);
	int64_t best = 0, n = c ? candidates(l, inv_t, c, &max, &best) : 0;
	if (n <= 0)
		return -1;
	for (int64_t v = 0; v < l->V; v++)
		sum += exp((double)l->z[v] * inv_t - max);
	double lse = max + log(sum);
	int32_t id = c[best].id;
	if (!how->greedy) {
		double top = c[best].z;
		int64_t k = how->top_k > 0 && how->top_k < n ? how->top_k : n;
		if (k < n || how->top_p < 1)
			keep_best(c, n, k);
		if (how->top_p < 1)
			k = keep_nucleus(c, k, how->top_p);
		id = draw(c, k, top, l->uniform);
	}
	*logp = (double)l->z[id] * inv_t - lse;
	return id;
}

/* ---- all ids, no sorting: the common case, in vectors ---- */

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
			e[v] = ril_exp((logits[v] - max) * scale);
			sum += e[v];
		}
		total += (double)sum;
	}
	return total;
}

/* The id; -1 where all allowed ids are so unlikely that their weights vanished. */
static int32_t draw_any(const ril_real *e, const struct line *l, double total)
{
	double sum = 0;
	int32_t id = -1;
	for (int64_t v = 0; l->barred && v < l->V; v++)
		total -= l->barred[v] ? (double)e[v] : 0;
	double at = l->uniform * total;
	for (int64_t v = 0; v < l->V; v++) {
		if (e[v] <= 0 || (l->barred && l->barred[v]))
			continue;
		id = (int32_t)v; /* should rounding leave at == sum: the last id with any mass */
		sum += (double)e[v];
		if (at < sum)
			break;
	}
	return total > 0 ? id : -1;
}

/* The id, or -1: the slow way knows better. */
static int32_t sample_any(const struct line *l, double temperature, double *logp)
{
	double inv_t = 1 / temperature;
	ril_real max = largest(l->z, l->V);
	ril_real *weight = isfinite(max) ? ril_cpu_scratch(l->worker, (size_t)l->V, sizeof *weight) : NULL;
	if (!weight)
		return -1;
	double total = weigh(weight, l->z, max, inv_t, l->V);
	int32_t id = draw_any(weight, l, total);
	*logp = -log(total);
	if (id >= 0)
		*logp += ((double)l->z[id] - (double)max) * inv_t;
	return id;
}

/* ---- all rows ---- */

static struct line line_of(const struct sample *s, int64_t row, int worker)
{
	int64_t at = s->rows.line ? s->rows.line[row] : row;
	return (struct line){.z = (const ril_real *)ril_mat_at(s->z, at, 0),
			     .V = s->z.cols,
			     .barred = s->rows.barred,
			     .uniform = ril_rng_uniform(s->rows.seed, s->rows.purpose, s->rows.key[row]),
			     .worker = worker};
}

static void sample_tile(void *ctx, int tile, int worker)
{
	const struct sample *s = ctx;
	if (s->rows.done && s->rows.done[tile])
		return;
	struct line l = line_of(s, tile, worker);
	int32_t id = -1;
	double logp = NAN;
	if (!s->how.greedy && s->how.top_k <= 0 && s->how.top_p >= 1)
		id = sample_any(&l, s->how.temperature, &logp);
	if (id < 0)
		id = sample_best(&l, &s->how, &logp);
	s->ids[tile] = id;
	s->logp[tile] = (ril_real)logp;
}

/* Says why a row has no id. */
static void fail(const struct line *l, double inv_t)
{
	struct ril_err err = {0};
	for (int64_t v = 0; v < l->V; v++)
		if (!isfinite((double)l->z[v] * inv_t)) {
			ril_fail(&err, RIL_ENONFINITE, "logit of id %lld is not finite", (long long)v);
			ril_cpu_fail(&err);
			return;
		}
	for (int64_t v = 0; v < l->V; v++)
		if (!l->barred || !l->barred[v])
			return; /* there was no scratch: sync() knows */
	ril_fail(&err, RIL_ENONFINITE, "every id is barred");
	ril_cpu_fail(&err);
}

void ril_cpu_sample(int32_t *ids, ril_real *logp, struct ril_mat z, struct ril_draws rows, struct ril_sampling how)
{
	struct sample s = {ids, logp, z, rows, how};
	assert(z.type == RIL_REAL);
	ril_parallel((int)rows.n, sample_tile, &s);
	for (int64_t r = 0; r < rows.n; r++) {
		if (ids[r] >= 0 || (rows.done && rows.done[r]))
			continue;
		struct line l = line_of(&s, r, 0);
		fail(&l, 1 / how.temperature);
		return;
	}
}
