/* sample.c -- choosing tokens: every mode against a naive sampler, frequencies, edges, failures, threads (RIL_TEST_F64:
 * also in double).
 *
 * All arrays of a call lie on the device; `struct call` puts them there and brings the choices back. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/rng.h"
#include "base/thread.h"
#include "ops/backend.h"

static const double LOGP_ERROR = sizeof(ril_real) == 8 ? 1e-11 : 4e-6;
static const double WEIGHT_ERROR = sizeof(ril_real) == 8 ? 1e-12 : 1e-5; /* of a cumulative sum, in the fast way */

/* RIL_TEST_SMALL=1: less of everything, for a slow device; 2: no draws by the thousand either, for one that looks at
 * every access. */
static int small(void)
{
	const char *s = getenv("RIL_TEST_SMALL");
	return s && *s >= '1' ? *s - '0' : 0;
}

/* ---- one call ---- */

struct call {
	int64_t R, lines, V, ld;
	const ril_real *z; /* [lines, ld] */
	const struct ril_rng_at *key;
	const int32_t *line, *done;
	const bool *barred;
	struct ril_sampling how;
	int32_t *ids;   /* [R]; what they hold before goes up, too */
	ril_real *logp; /* [R] */
};

/* NULL stays NULL. */
static void *up(const void *x, size_t bytes)
{
	return x ? test_up(x, bytes) : NULL;
}

static int sample(const struct call *c, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t R = (size_t)c->R;
	struct ril_mat z = {up(c->z, (size_t)(c->lines * c->ld) * sizeof *c->z), RIL_REAL, c->lines, c->V, c->ld};
	struct ril_draws d = {.n = c->R,
			      .seed = 1,
			      .purpose = RIL_RNG_TEST,
			      .key = up(c->key, R * sizeof *c->key),
			      .line = up(c->line, R * sizeof *c->line),
			      .done = up(c->done, R * sizeof *c->done),
			      .barred = up(c->barred, (size_t)c->V)};
	int32_t *ids = up(c->ids, R * sizeof *ids);
	ril_real *logp = up(c->logp, R * sizeof *logp);
	ops->sample(ids, logp, z, d, c->how);
	int rc = ops->sync(err);
	test_down(c->ids, ids, R * sizeof *ids);
	test_down(c->logp, logp, R * sizeof *logp);
	void *all[] = {z.p, (void *)d.key, (void *)d.line, (void *)d.done, (void *)d.barred, ids, logp};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ops->put(all[i]);
	return rc;
}

/* Keys that all differ, some in every word. */
static void fill_keys(struct ril_rng_at *key, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		key[i] = (struct ril_rng_at){(uint32_t)i % 3, (uint32_t)i / 3 % 5, (uint32_t)i / 15 % 7, (uint32_t)i};
}

/* ---- the naive sampler ---- */

struct ranked {
	double z;
	int32_t id;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->z > y->z ? -1 : x->z < y->z ? 1 : x->id - y->id;
}

/* The id; *near: how far the draw was from giving another one, as a share of the mass. */
static int32_t naive(const ril_real *z, int64_t V, const bool *barred, struct ril_sampling how, double u, double *logp,
		     double *near)
{
	struct ranked *c = malloc((size_t)V * sizeof *c);
	double max = -INFINITY, lse = 0, total = 0, sum = 0;
	int64_t n = 0, keep;
	for (int64_t v = 0; v < V; v++) {
		max = fmax(max, (double)z[v] / how.temperature);
		if (!barred || !barred[v])
			c[n++] = (struct ranked){(double)z[v] / how.temperature, (int32_t)v};
	}
	for (int64_t v = 0; v < V; v++)
		lse += exp((double)z[v] / how.temperature - max);
	bool truncates = how.greedy || (how.top_k > 0 && how.top_k < n) || how.top_p < 1;
	if (truncates)
		qsort(c, (size_t)n, sizeof *c, by_rank);
	keep = how.greedy ? 1 : how.top_k > 0 && how.top_k < n ? how.top_k : n;
	for (int64_t i = 0; i < keep; i++)
		total += exp(c[i].z - max);
	if (how.top_p < 1 && !how.greedy) {
		double p = how.top_p * total;
		total = 0;
		for (n = 0; n < keep && total < p; n++)
			total += exp(c[n].z - max);
		keep = n;
	}
	int32_t id = c[keep - 1].id;
	*near = 1;
	for (int64_t i = 0; i < keep; i++) {
		sum += exp(c[i].z - max);
		*near = i + 1 < keep ? fmin(*near, fabs(sum / total - u)) : *near;
		if (u * total < sum) {
			id = c[i].id;
			break;
		}
	}
	*logp = (double)z[id] / how.temperature - max - log(lse);
	free(c);
	return id;
}

/* ---- every mode ---- */

enum { MAX_V = 152064, MAX_R = 64 };

static const struct ril_sampling modes[] = {
	{.temperature = 1, .top_p = 1},
	{.temperature = .7, .top_p = 1},
	{.temperature = 1.3, .top_p = 1, .top_k = 1},
	{.temperature = 1.3, .top_p = 1, .top_k = 5},
	{.temperature = 1, .top_p = 1, .top_k = 1 << 20}, /* more than there are */
	{.temperature = 1, .top_p = 1e-9},
	{.temperature = .9, .top_p = .8},
	{.temperature = 1, .top_p = .9, .top_k = 7},
	{.temperature = 1, .top_p = 1, .greedy = true},
	{.temperature = .3, .top_p = .5, .top_k = 3, .greedy = true},
};

/* A line's numbers; every fourth value in steps, so that there are ties. */
static void fill_logits(ril_real *z, int64_t n, uint32_t salt)
{
	for (int64_t i = 0; i < n; i++) {
		double x = 3 * ril_rng_normal(2, RIL_RNG_TEST, (struct ril_rng_at){salt, 0, 0, (uint32_t)i});
		z[i] = (ril_real)(i % 4 ? x : round(x));
	}
}

static void check_rows(const struct call *c, const char *what)
{
	int wrong = 0, close = 0;
	double worst = 0;
	for (int64_t r = 0; r < c->R; r++) {
		const ril_real *z = c->z + (c->line ? c->line[r] : r) * c->ld;
		double u = ril_rng_uniform(1, RIL_RNG_TEST, c->key[r]), logp, near;
		int32_t id = naive(z, c->V, c->barred, c->how, u, &logp, &near);
		if (id != c->ids[r]) {
			near <= WEIGHT_ERROR ? close++ : wrong++;
			continue;
		}
		worst = fmax(worst, fabs(logp - (double)c->logp[r]) / fmax(1, fabs(logp)));
	}
	CHECK(!wrong && close <= 1 && worst <= LOGP_ERROR, "%s: %d ids wrong, %d in doubt, logp off by %g", what, wrong,
	      close, worst);
}

static void test_shape(int64_t R, int64_t V, int64_t pad, bool bars, bool lines)
{
	struct ril_err err = {0};
	int64_t ld = V + pad, L = lines ? (R + 2) / 3 : R;
	ril_real *z = malloc((size_t)(L * ld) * sizeof *z), logp[3][MAX_R];
	bool *barred = calloc((size_t)V, 1);
	int32_t line[MAX_R], ids[3][MAX_R];
	struct ril_rng_at key[MAX_R];
	fill_logits(z, L * ld, (uint32_t)(R + V));
	fill_keys(key, R);
	for (int64_t r = 0; r < R; r++)
		line[r] = (int32_t)((r * 5 + 1) % L);
	for (int64_t v = 0; v < V; v++)
		barred[v] = v % 5 == 2 || (V > 100 && v >= V - 30);
	for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
		char what[96];
		snprintf(what, sizeof what, "%lldx%lld%s%s mode %zu", (long long)R, (long long)V, bars ? " barred" : "",
			 lines ? " lines" : "", m);
		for (int t = 0; t < (small() ? 2 : 3); t++) {
			ril_threads_stop();
			ril_threads_start(t + 1, NULL);
			struct call c = {
				R,        L,      V,      ld, z, key, lines ? line : NULL, NULL, bars ? barred : NULL,
				modes[m], ids[t], logp[t]};
			memset(ids[t], 0, sizeof ids[t]);
			memset(logp[t], 0, sizeof logp[t]);
			CHECK(!sample(&c, &err), "%s: %s", what, err.msg);
			if (t == 0)
				check_rows(&c, what);
			CHECK(!memcmp(ids[t], ids[0], sizeof *ids) && !memcmp(logp[t], logp[0], sizeof *logp),
			      "%s: %d threads give other bits", what, t + 1);
		}
	}
	free(barred);
	free(z);
}

/* ---- frequencies ---- */

static void test_frequencies(struct ril_sampling how, const char *what)
{
	enum { V = 24, MOST = 40000 };
	const int N = small() ? MOST / 10 : MOST;
	static struct ril_rng_at key[MOST];
	static int32_t ids[MOST], line[MOST];
	static ril_real logp[MOST];
	static bool barred[V] = {[3] = true, [9] = true};
	struct ril_err err = {0};
	ril_real z[V];
	double p[V], total = 0, chi = 0, count[V] = {0};
	int df = -1;
	fill_logits(z, V, 77);
	fill_keys(key, N);
	struct call c = {N, 1, V, V, z, key, line, NULL, barred, how, ids, logp};
	CHECK(!sample(&c, &err), "%s", err.msg);
	/* what may be drawn, by asking the naive sampler with every uniform number on a grid */
	for (int v = 0; v < V; v++)
		p[v] = 0;
	for (int i = 0; i < 20000; i++) {
		double lp, near;
		p[naive(z, V, barred, how, (i + .5) / 20000, &lp, &near)] = 1;
	}
	for (int v = 0; v < V; v++)
		total += p[v] *= exp((double)z[v] / how.temperature);
	for (int i = 0; i < N; i++)
		count[ids[i]]++;
	for (int v = 0; v < V; v++) {
		double want = N * p[v] / total;
		if (want < 5) {
			CHECK(count[v] < 30, "%s: id %d: %g times, expected %g", what, v, count[v], want);
			continue;
		}
		chi += (count[v] - want) * (count[v] - want) / want;
		df++;
	}
	CHECK(df > 0 && chi < df + 5 * sqrt(2. * df), "%s: chi-square %g with %d degrees of freedom", what, chi, df);
}

/* ---- the edges of top-k, top-p, ties and bars, one row each ---- */

static int32_t once(struct ril_sampling how, const ril_real *z, int64_t V, const bool *barred, uint32_t i, double *logp)
{
	struct ril_err err = {0};
	struct ril_rng_at key = {0, 0, 0, i};
	int32_t id = -7;
	ril_real lp = 0;
	struct call c = {1, 1, V, V, z, &key, NULL, NULL, barred, how, &id, &lp};
	CHECK(!sample(&c, &err), "%s", err.msg);
	*logp = (double)lp;
	return id;
}

enum { DRAWS = 20000 };

/* n draws from one line of 6 logits; the log-probabilities, of the ids that were drawn */
static void count_ids(int *count, struct ril_sampling how, const ril_real *z, const bool *barred, int n, double *logp)
{
	static struct ril_rng_at key[DRAWS];
	static int32_t ids[DRAWS], line[DRAWS];
	static ril_real lp[DRAWS];
	struct ril_err err = {0};
	for (int i = 0; i < n; i++)
		key[i] = (struct ril_rng_at){0, 0, 0, (uint32_t)i};
	struct call c = {n, 1, 6, 6, z, key, line, NULL, barred, how, ids, lp};
	CHECK(!sample(&c, &err), "%s", err.msg);
	memset(count, 0, 6 * sizeof *count);
	for (int i = 0; i < n; i++) {
		count[ids[i]]++;
		if (logp)
			logp[ids[i]] = (double)lp[i];
	}
}

static void test_draws(void)
{
	const ril_real z[6] = {0, 1, 2, -1, 2, .5};
	const bool barred[6] = {[2] = true};
	struct ril_sampling how = RIL_SAMPLING_DEFAULT;
	double p[6], sum = 0, logp, all[6];
	int count[6], n = DRAWS;
	how.temperature = 2;
	for (int v = 0; v < 6; v++)
		sum += exp((double)z[v] / 2);
	for (int v = 0; v < 6; v++)
		p[v] = exp((double)z[v] / 2) / sum;
	count_ids(count, how, z, barred, n, all);
	for (int v = 0; v < 6; v++)
		CHECK(!count[v] || fabs(all[v] - log(p[v])) <= (sizeof(ril_real) == 8 ? 1e-12 : 1e-6),
		      "log-probability over all rows");
	for (int v = 0; v < 6; v++) {
		double want = barred[v] ? 0 : p[v] / (1 - p[2]);
		CHECK(fabs(count[v] / (double)n - want) < .015, "id %d: %g, not %g", v, count[v] / (double)n, want);
	}
	how.top_k = 2;
	count_ids(count, how, z, NULL, 500, NULL);
	CHECK(count[2] > 150 && count[4] > 150 && count[2] + count[4] == 500, "top-k");
	how.top_k = 1;
	count_ids(count, how, z, NULL, 100, NULL);
	CHECK(count[2] == 100, "top-k of a tie keeps the lower id");
	count_ids(count, how, z, barred, 100, NULL);
	CHECK(count[4] == 100, "a barred id takes no place among the best");
	how.top_k = 0;
	how.top_p = p[2] + p[4] + p[1] - 1e-9;
	count_ids(count, how, z, NULL, 500, NULL);
	CHECK(count[1] > 20 && count[1] + count[2] + count[4] == 500, "top-p");
	how.top_p = p[2] / 2;
	count_ids(count, how, z, NULL, 100, NULL);
	CHECK(count[2] == 100, "top-p keeps at least one id");
	how.greedy = true;
	CHECK(once(how, z, 6, NULL, 0, &logp) == 2 && once(how, z, 6, barred, 0, &logp) == 4, "greedy");
	/* so unlikely beside a barred one that weights in single precision vanish */
	const ril_real far[3] = {500, 0, -1};
	const bool first[3] = {true};
	how = (struct ril_sampling)RIL_SAMPLING_DEFAULT;
	int32_t id = once(how, far, 3, first, 0, &logp);
	CHECK((id == 1 || id == 2) && fabs(logp + 500) < 1.01, "vanished weights: id %d, %g", id, logp);
}

/* ---- failures ---- */

static void test_failure(struct ril_sampling how, ril_real odd, int64_t at, const bool *barred, const char *want)
{
	enum { R = 5, V = 9 };
	struct ril_err err = {0};
	ril_real z[R][V], logp[R];
	struct ril_rng_at key[R];
	int32_t ids[R], done[R] = {0};
	fill_logits(z[0], R * V, 5);
	fill_keys(key, R);
	if (at >= 0)
		z[3][at] = odd;
	struct call c = {R, R, V, V, z[0], key, NULL, NULL, barred, how, ids, logp};
	int rc = sample(&c, &err);
	/* a device of its own tells only that there was one */
	bool named = !ril_ops()->host_memory || !strcmp(err.msg, want);
	CHECK(rc && err.code == RIL_ENONFINITE && named, "%s, not %s", err.msg, want);
	CHECK(ids[3] == -1 && (at < 0 || (ids[0] >= 0 && ids[2] >= 0 && ids[4] >= 0)), "the row is marked");
	err = (struct ril_err){0};
	CHECK(!ril_ops()->sync(&err), "a failure is told once");
	if (at < 0)
		return;
	done[3] = done[1] = 1;
	ids[3] = ids[1] = 77;
	logp[3] = logp[1] = -7;
	c.done = done;
	CHECK(!sample(&c, &err) && ids[3] == 77 && ids[1] == 77 && logp[3] == -7 && logp[1] == -7 && ids[0] < V,
	      "rows that are done are left alone: %s", err.msg);
}

static void test_failures(void)
{
	static const bool all[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
		test_failure(modes[m], (ril_real)NAN, 0, NULL, "logit of id 0 is not finite");
		test_failure(modes[m], (ril_real)INFINITY, 8, NULL, "logit of id 8 is not finite");
		test_failure(modes[m], (ril_real)-INFINITY, 4, NULL, "logit of id 4 is not finite");
		test_failure(modes[m], 0, -1, all, "every id is barred");
	}
}

int main(void)
{
	ril_threads_start(3, NULL);
	test_failures();
	if (small() < 2) {
		test_draws();
		test_frequencies(modes[0], "all ids");
		test_frequencies((struct ril_sampling){.temperature = 2, .top_p = 1, .top_k = 6}, "top-k");
		test_frequencies((struct ril_sampling){.temperature = 1.5, .top_p = .7}, "top-p");
	}
	test_shape(0, 9, 0, false, false);
	test_shape(5, 1, 0, false, false);
	test_shape(1, 2, 3, false, false);
	test_shape(17, 6, 0, true, true);
	test_shape(small() < 2 ? MAX_R : 19, 500, 7, false, false);
	test_shape(small() < 2 ? MAX_R : 18, 500, 0, true, true);
	test_shape(small() < 2 ? 33 : 3, 1027, 5, true, false);
	test_shape(small() ? 1 : 6, MAX_V, 0, false, true);
	if (!small())
		test_shape(3, MAX_V, 0, true, false);
	ril_threads_stop();
	TEST_END();
}
