/* algo_objectives.c -- every objective's advantages, loss and gradient against PyTorch's in double precision, which
 * tests/golden/objectives.py wrote down (or into the file that is named), and against finite differences; what rewards
 * and settings do to them.
 *
 * The losses are the device's.  RIL_TEST_F64: the double build's, too. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/advantage.h"
#include "algo/loss.h"
#include "base/json.h"

enum { MAX = 512, RESPONSES = 32 };

/* A batch as objectives.py makes it: responses after one another. */
struct batch {
	double most;
	double logp[MAX], old[MAX], ref[MAX], sampler[MAX];
	float reward[RESPONSES];
	int32_t source[RESPONSES], group[RESPONSES];
	int64_t start[RESPONSES + 1], len[RESPONSES];
	int32_t n;
};

struct expected {
	const char *name;
	enum ril_objective objective;
	struct ril_loss_settings how;
	const struct batch *batch;
	double overlong;
	bool first;
	const cJSON *json;
};

/* What the batch comes to under an objective. */
struct outcome {
	double advantage[RESPONSES], dlogp[MAX], A[MAX], weight[MAX];
	struct ril_loss_sums sums;
};

static struct ril_err err;

static double number(const cJSON *object, const char *name)
{
	const cJSON *x = cJSON_GetObjectItem(object, name);
	return cJSON_IsNumber(x) ? x->valuedouble : NAN;
}

static int numbers(const cJSON *object, const char *name, double *out)
{
	const cJSON *list = cJSON_GetObjectItem(object, name), *x;
	int n = 0;
	cJSON_ArrayForEach(x, list) out[n++] = cJSON_IsNumber(x) ? x->valuedouble : NAN;
	return n;
}

static void read_batch(const cJSON *json, struct batch *b)
{
	const cJSON *group, *x;
	int32_t groups = 0;
	*b = (struct batch){.most = number(json, "most")};
	cJSON_ArrayForEach(group, cJSON_GetObjectItem(json, "groups"))
	{
		cJSON_ArrayForEach(x, group)
		{
			int64_t at = b->start[b->n];
			int len = numbers(x, "logp", b->logp + at);
			numbers(x, "old", b->old + at);
			numbers(x, "ref", b->ref + at);
			numbers(x, "sampler", b->sampler + at);
			b->reward[b->n] = (float)number(x, "reward");
			b->source[b->n] = (int32_t)number(x, "source");
			b->group[b->n] = groups;
			b->len[b->n] = len;
			b->start[++b->n] = at + len;
		}
		groups++;
	}
}

/* As lib/algo/update.c does it. */
static void advantages(const struct expected *e, double *A)
{
	const struct batch *b = e->batch;
	float reward[RESPONSES];
	for (int32_t i = 0; i < b->n; i++)
		reward[i] = b->reward[i] +
			    (float)(e->overlong > 0 ? ril_overlong((double)b->len[i], b->most, e->overlong) : 0);
	for (int32_t from = 0, to; from < b->n; from = to) {
		for (to = from; to < b->n && b->group[to] == b->group[from]; to++)
			;
		ril_advantages(e->objective, to - from, reward + from, b->source + from, A + from);
	}
	CHECK(!ril_advantages_scale(e->objective, b->n, b->len, A, &ril_world_one, &err), "%s", err.msg);
}

static void compute(const struct expected *e, const double *logp, struct outcome *o)
{
	const struct batch *b = e->batch;
	int64_t N = 0, tokens = 0;
	advantages(e, o->advantage);
	for (int32_t i = 0; i < b->n; i++)
		if (ril_objective_uses(e->objective, b->source[i])) {
			N++;
			tokens += b->len[i];
		}
	for (int32_t i = 0; i < b->n; i++)
		for (int64_t t = b->start[i]; t < b->start[i + 1]; t++) {
			o->A[t] = o->advantage[i];
			o->weight[t] = ril_token_weight(e->objective, N, b->most, b->len[i], tokens);
		}
	struct ril_policy_tokens p = {.advantage = o->A,
				      .old = e->first ? NULL : b->old,
				      .ref = b->ref,
				      .sampler = b->sampler,
				      .start = ril_objective_row(e->objective)->sequence ? b->start : NULL,
				      .responses = b->n};
	o->sums = (struct ril_loss_sums){0};
	test_policy_loss(ril_surrogate_of(e->objective, &e->how), (size_t)b->start[b->n], logp, o->weight, p, o->dlogp,
			 NULL, &o->sums);
}

/* Whether differences of the loss are its gradient: not where a part of it that changes is held constant. */
static bool differentiable(const struct expected *e)
{
	const struct ril_objective_row *row = ril_objective_row(e->objective);
	return !e->first && row->clip == RIL_CLIP_RATIO && !(row->sequence && e->how.cap > 0);
}

static void check_differences(const struct expected *e, const struct outcome *o)
{
	const struct batch *b = e->batch;
	double logp[MAX], worst = 0, largest = 0;
	memcpy(logp, b->logp, sizeof logp);
	for (int64_t t = 0; t < b->start[b->n]; t++) {
		struct outcome low, high;
		logp[t] = b->logp[t] - 1e-6;
		compute(e, logp, &low);
		logp[t] = b->logp[t] + 1e-6;
		compute(e, logp, &high);
		logp[t] = b->logp[t];
		worst = fmax(worst, fabs((high.sums.loss - low.sums.loss) / 2e-6 - o->dlogp[t]));
		largest = fmax(largest, fabs(o->dlogp[t]));
	}
	CHECK(worst < 1e-8 && largest > 0, "%s: differences of the loss are off by %.2e", e->name, worst);
}

static void check_case(const struct expected *e)
{
	static struct outcome o;
	const struct batch *b = e->batch;
	double A[RESPONSES], dlogp[MAX], loss = number(e->json, "loss"), off = 0;
	int64_t T = b->start[b->n];
	compute(e, b->logp, &o);
	CHECK(numbers(e->json, "advantage", A) == b->n && numbers(e->json, "dlogp", dlogp) == T, "%s", e->name);
	for (int32_t i = 0; i < b->n; i++)
		CHECK(isnan(A[i]) ? isnan(o.advantage[i]) : fabs(o.advantage[i] - A[i]) <= 1e-6 * (1 + fabs(A[i])),
		      "%s: advantage %d is %.9g, not %.9g", e->name, i, o.advantage[i], A[i]);
	for (int64_t t = 0; t < T; t++)
		off = fmax(off, fabs(o.dlogp[t] - dlogp[t]) / (1e-2 + fabs(dlogp[t])));
	CHECK(off < 1e-6, "%s: a gradient is off by %.2e", e->name, off);
	CHECK(fabs(o.sums.loss - loss) < 1e-6 * (1 + fabs(loss)), "%s: loss %.12g, not %.12g", e->name, o.sums.loss,
	      loss);
	CHECK(fabs(o.sums.clipped / o.sums.tokens - number(e->json, "clipped")) < 1e-9, "%s: %g are clipped, not %g",
	      e->name, o.sums.clipped / o.sums.tokens, number(e->json, "clipped"));
	if (e->how.beta > 0)
		CHECK(fabs(o.sums.k3 / o.sums.tokens - number(e->json, "kl_mean")) < 1e-9, "%s: k3 is %g, not %g",
		      e->name, o.sums.k3 / o.sums.tokens, number(e->json, "kl_mean"));
	if (differentiable(e))
		check_differences(e, &o);
}

static void read_case(const cJSON *json, const struct batch batch[2], bool seen[RIL_OBJECTIVE_COUNT])
{
	const char *kl = cJSON_GetStringValue(cJSON_GetObjectItem(json, "kl"));
	struct expected e = {.json = json, .name = cJSON_GetStringValue(cJSON_GetObjectItem(json, "objective"))};
	e.objective = ril_objective_parse(e.name);
	e.batch = &batch[(int)number(json, "batch")];
	e.first = cJSON_IsTrue(cJSON_GetObjectItem(json, "first"));
	e.overlong = number(json, "overlong");
	e.how = (struct ril_loss_settings){.below = number(json, "below"),
					   .above = number(json, "above"),
					   .beta = number(json, "beta"),
					   .cap = number(json, "cap"),
					   .kl = kl[1] == '1'   ? RIL_KL_K1
						 : kl[1] == '2' ? RIL_KL_K2
								: RIL_KL_K3};
	seen[e.objective] = true;
	check_case(&e);
}

static void test_golden(const char *path)
{
	static struct batch batch[2];
	bool seen[RIL_OBJECTIVE_COUNT] = {0};
	FILE *f = path ? fopen(path, "r") : NULL;
	char *line = NULL;
	size_t cap = 0;
	int cases = 0;
	CHECK(f, "%s", path ? path : "tests/golden/objectives.jsonl");
	for (int i = 0; f && getline(&line, &cap, f) > 0; i++) {
		cJSON *json = ril_json_parse(line, strlen(line), &err);
		CHECK(json, "line %d: %s", i + 1, err.msg);
		if (json && i < 2)
			read_batch(json, &batch[i]);
		else if (json) {
			read_case(json, batch, seen);
			cases++;
		}
		cJSON_Delete(json);
	}
	free(line);
	if (f)
		fclose(f);
	for (int o = 0; o < RIL_OBJECTIVE_COUNT; o++) /* ril is dr-grpo over more responses; algo_loss.c has both */
		CHECK(seen[o] || o == RIL_SFT || o == RIL_RIL, "no case of %s", ril_objective_row(o)->name);
	CHECK(cases >= 80, "%d cases", cases);
}

/* ---- properties ---- */

static void test_table(void)
{
	char names[256] = "";
	for (int o = 0; o < RIL_OBJECTIVE_COUNT; o++) {
		const struct ril_objective_row *row = ril_objective_row(o);
		struct ril_surrogate own = ril_surrogate_of(o, &(struct ril_loss_settings){.below = NAN, .above = NAN}),
				     set = ril_surrogate_of(o, &(struct ril_loss_settings){.below = .5, .above = .25});
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", o ? "|" : "", row->name);
		CHECK((int)ril_objective_parse(row->name) == o, "%s", row->name);
		CHECK(own.low == 1 - row->below && own.high == 1 + row->above && set.low == .5 && set.high == 1.25,
		      "%s", row->name);
		CHECK(ril_objective_uses(o, -1) == (o == RIL_SFT || o == RIL_RIL) &&
			      ril_objective_uses(o, 0) == (o != RIL_SFT) && ril_objective_uses(o, 1) == (o == RIL_RIL),
		      "%s takes other responses", row->name);
	}
	CHECK(!strcmp(names, RIL_OBJECTIVES), "%s", names);
}

static void test_advantages(void)
{
	const float same[] = {.5f, .5f, .5f}, one[] = {1}, unknown[] = {NAN, NAN};
	const int32_t source[] = {0, 0, 0};
	double A[3];
	for (int o = RIL_GRPO; o < RIL_OBJECTIVE_COUNT; o++) {
		struct ril_group_stats g = ril_advantages(o, 3, same, source, A);
		bool none = ril_objective_row(o)->baseline == RIL_BASELINE_NONE;
		CHECK(g.zero_variance && A[0] == (none ? .5 : 0), "%s: no variance", ril_objective_row(o)->name);
		ril_advantages(o, 1, one, source, A);
		CHECK(A[0] == none, "%s: a single response has %g", ril_objective_row(o)->name, A[0]);
		g = ril_advantages(o, 2, unknown, source, A);
		CHECK(isnan(A[0]) && isnan(A[1]) && g.undecided == 2 && g.zero_variance, "nothing is known");
		CHECK(!ril_advantages_scale(o, 2, (const int64_t[]){3, 4}, A, &ril_world_one, &err) && isnan(A[0]),
		      "nothing to normalise");
	}
	A[0] = A[1] = .25;
	ril_advantages_scale(RIL_REINFORCE, 2, (const int64_t[]){3, 4}, A, &ril_world_one, &err);
	CHECK(A[0] == 0 && A[1] == 0, "a batch without variance has %g", A[0]);
}

static void test_overlong(void)
{
	static const struct {
		double len, most, cache, want;
	} at[] = {{16384, 20480, 4096, 0},
		  {18432, 20480, 4096, -.5},
		  {20480, 20480, 4096, -1},
		  {20481, 20480, 4096, -1},
		  {1, 8, 8, -.125},
		  {7, 8, 1, 0},
		  {8, 8, 1, -1}};
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		CHECK(ril_overlong(at[i].len, at[i].most, at[i].cache) == at[i].want, "%g of %g", at[i].len,
		      at[i].most);
}

/* What is not a number is never hidden by a bound. */
static void test_not_a_number(void)
{
	static const struct ril_surrogate how[] = {{.low = .8, .high = 1.2},
						   {.low = .8, .high = 1.2, .clip = RIL_CLIP_WEIGHT},
						   {.low = .8, .high = 1.2, .cap = 2}};
	const double logp[] = {-1, NAN}, old[] = {-1, -1}, A[] = {1, 1}, w[] = {1, 1}, sampler[] = {-1, -1};
	const int64_t start[] = {0, 1, 2};
	for (int i = 0; i < 6; i++) {
		struct ril_policy_tokens p = {
			.advantage = A, .old = old, .sampler = sampler, .start = i > 2 ? start : NULL, .responses = 2};
		struct ril_loss_sums s = {0};
		double d[2];
		test_policy_loss(how[i % 3], 2, logp, w, p, d, NULL, &s);
		CHECK(isfinite(d[0]) && isnan(d[1]) && isnan(s.loss), "%d: %g, %g", i, d[1], s.loss);
	}
	struct ril_policy_tokens p = {.advantage = A, .old = old, .sampler = (const double[]){NAN, -1.5}};
	struct ril_loss_sums s = {0};
	double d[2];
	test_policy_loss(how[2], 2, old, w, p, d, NULL, &s);
	CHECK(d[0] == -1 && fabs(d[1] + exp(.5)) < 1e-15, "a sampler that said nothing: %g, %g", d[0], d[1]);
}

int main(int argc, char **argv)
{
	const char *root = getenv("RIL_ROOT"), *golden = test_path(root ? root : ".", "tests/golden/objectives.jsonl");
	test_table();
	test_advantages();
	test_overlong();
	test_not_a_number();
	test_golden(argc > 1 ? argv[1] : golden);
	TEST_END();
}
