/* generate_device.c -- decoding on a device that is not the host: the CPU's kernels behind a table that counts what
 * passes between the two, and whose `async` makes the generator look late and seldom.
 *
 * The table takes the backend's place: a copy that was asked for with fetch is not there before
 * fetched(). */
#include "../ril_test.h"

#include "base/thread.h"
#include "nn/generate.h"
#include "ops/backend.h"
#include "ops/cpu/cpu_internal.h"

/* ---- the device ---- */

static struct ril_ops table;
static struct counts {
	int waits, up, copies, gets;
} count;
static struct {
	void *dst;
	char bytes[1 << 16];
	size_t n;
} fetching;
static int poison_call, poison_row; /* which call of sample meets a NaN, in which row; 0: none */
static int calls;

static void *get(size_t bytes)
{
	count.gets++;
	return ril_cpu_ops.get(bytes);
}

static void to_device(void *dst, const void *src, size_t bytes)
{
	count.up++;
	ril_cpu_ops.to_device(dst, src, bytes);
}

static void to_host(void *dst, const void *src, size_t bytes)
{
	count.waits++;
	ril_cpu_ops.to_host(dst, src, bytes);
}

static void copy(void *dst, const void *src, size_t bytes)
{
	count.copies++;
	ril_cpu_ops.copy(dst, src, bytes);
}

static int wait(struct ril_err *err)
{
	count.waits++;
	return ril_cpu_ops.sync(err);
}

static void fetch(void *dst, const void *src, size_t bytes)
{
	CHECK(!fetching.dst && bytes <= sizeof fetching.bytes, "one copy at a time");
	memset(dst, 0x5a, bytes);
	memcpy(fetching.bytes, src, bytes);
	fetching.dst = dst;
	fetching.n = bytes;
}

static void fetched(void)
{
	count.waits++;
	CHECK(fetching.dst, "nothing was asked for");
	memcpy(fetching.dst, fetching.bytes, fetching.n);
	fetching.dst = NULL;
}

static void poisoned_sample(int32_t *ids, ril_real *logp, struct ril_mat z, struct ril_draws d, struct ril_sampling how)
{
	if (++calls == poison_call)
		*(ril_real *)ril_mat_at(z, poison_row, 7) = (ril_real)NAN;
	ril_cpu_ops.sample(ids, logp, z, d, how);
}

static void make_table(void)
{
	table = ril_cpu_ops;
	table.name = "test";
	table.get = get;
	table.to_device = to_device;
	table.to_host = to_host;
	table.copy = copy;
	table.fetch = fetch;
	table.fetched = fetched;
	table.sync = wait;
	table.sample = poisoned_sample;
	ril_backend_use(&table);
}

/* ---- prompts ---- */

enum { PROMPTS = 3, EACH = 8, N = PROMPTS * EACH, STEM = 11, NEW = 40 };

static int32_t ids[PROMPTS][STEM + PROMPTS];
static struct ril_gen_prompt prompt[PROMPTS];

static void make_prompts(void)
{
	for (int i = 0; i < PROMPTS; i++) {
		for (int k = 0; k < STEM + i; k++)
			ids[i][k] = 10 + 7 * k + 3 * i;
		prompt[i] = (struct ril_gen_prompt){
			.name = i ? "second or third" : "first", .ids = ids[i], .P = STEM + i, .n = EACH};
		prompt[i].hash = 1000 + (uint32_t)i;
	}
}

static struct ril_gen_options how_of(int32_t max, int32_t every)
{
	return (struct ril_gen_options){.max_new_tokens = max,
					.sampling = RIL_SAMPLING_DEFAULT,
					.seed = 5,
					.purpose = RIL_RNG_TEST,
					.look_every = every};
}

static struct counts counted(struct ril_generator *g, const struct ril_gen_prompt *p, size_t n, int32_t max)
{
	struct ril_err e = {0};
	struct ril_generated out[N];
	const struct ril_gen_options how = how_of(max, 1);
	struct counts before = count;
	CHECK(!ril_generate(g, p, n, &how, out, &e), "%s", e.msg);
	size_t rows = 0;
	for (size_t i = 0; i < n; i++)
		rows += (size_t)p[i].n;
	for (size_t i = 0; i < rows && !e.code; i++)
		CHECK(out[i].n == max, "nothing ends early here");
	ril_gen_free(out, rows);
	return (struct counts){count.waits - before.waits, count.up - before.up, count.copies - before.copies,
			       count.gets - before.gets};
}

/* ---- tests ---- */

/* What a token costs, from the difference of two lengths; no response ends. */
static void test_cost(struct ril_model *m, const char *name)
{
	struct ril_err e = {0};
	int neos = m->config.neos;
	m->config.neos = 0;
	struct ril_generator *g = ril_generator_new(m, NULL, &e);
	CHECK(g, "%s", e.msg);
	if (!g)
		return;
	struct ril_gen_prompt one = prompt[0];
	one.n = 1;
	counted(g, prompt, PROMPTS, NEW);
	struct counts many = counted(g, prompt, PROMPTS, NEW), half = counted(g, prompt, PROMPTS, NEW / 2);
	struct counts few = counted(g, &one, 1, NEW), few_half = counted(g, &one, 1, NEW / 2);
	int tokens = NEW / 2;
	CHECK(many.waits - half.waits == tokens, "%s: %d waits for %d tokens", name, many.waits - half.waits, tokens);
	CHECK(many.up == half.up, "%s: a token takes nothing up: %d and %d", name, many.up, half.up);
	CHECK(many.gets == half.gets && many.gets == 0, "%s: %d blocks of memory", name, many.gets);
	CHECK(many.copies - half.copies == few.copies - few_half.copies, "%s: copies do not depend on rows: %d and %d",
	      name, many.copies - half.copies, few.copies - few_half.copies);
	CHECK(many.copies - half.copies <= tokens, "%s: %d copies for %d tokens", name, many.copies - half.copies,
	      tokens);
	CHECK(many.waits == few.waits && many.up == few.up, "%s: the rest does not depend on rows", name);
	ril_generator_free(g);
	m->config.neos = neos;
}

static bool equal(const struct ril_generated *a, const struct ril_generated *b)
{
	double worst = 0;
	for (int i = 0; i < N; i++) {
		if (a[i].n != b[i].n || a[i].finish != b[i].finish ||
		    memcmp(a[i].ids, b[i].ids, (size_t)a[i].n * sizeof *a[i].ids))
			return false;
		for (int k = 0; k < a[i].n; k++)
			worst = fmax(worst, fabs((double)a[i].logp[k] - (double)b[i].logp[k]));
	}
	return worst < 1e-4;
}

/* Late and seldom looks give what looking at once after every token gives. */
static void test_looks(struct ril_model *m, const char *name)
{
	struct ril_err e = {0};
	struct ril_generated want[N], got[N];
	m->config.neos = RIL_MAX_EOS;
	for (int i = 0; i < RIL_MAX_EOS; i++)
		m->config.eos[i] = 20 + 5 * i;
	struct ril_generator *g = ril_generator_new(m, NULL, &e);
	struct ril_gen_options how = how_of(NEW, 0);
	table.async = false;
	CHECK(g && !ril_generate(g, prompt, PROMPTS, &how, want, &e), "%s", e.msg);
	int ended = 0, longest = 0;
	for (int i = 0; i < N && !e.code; i++) {
		ended += !want[i].finish;
		longest = want[i].n > longest ? want[i].n : longest;
	}
	CHECK(ended > 3 && longest > 10, "%s: %d of %d end, the longest has %d tokens", name, ended, N, longest);
	for (int every = 0; every <= NEW + 1 && !e.code; every += every < 4 ? 1 : 19) {
		for (int async = 0; async < 2 && !e.code; async++) {
			table.async = async;
			how.look_every = every;
			CHECK(!ril_generate(g, prompt, PROMPTS, &how, got, &e) && equal(got, want),
			      "%s: a look every %d tokens, async %d: %s", name, every, async, e.msg);
			ril_gen_free(got, N);
		}
	}
	ril_gen_free(want, N);
	ril_generator_free(g);
}

/* A number that is not finite, met late in the prefill (call 1) or while decoding, is told with its response. */
static void test_failure(struct ril_model *m, int call, int row, int token, const char *want)
{
	struct ril_err e = {0};
	struct ril_generated out[N];
	m->config.neos = 0;
	struct ril_generator *g = ril_generator_new(m, NULL, &e);
	char message[128];
	snprintf(message, sizeof message, "%s, token %d: logit of id 7 is not finite", want, token);
	for (int async = 0; async < 2 && g; async++) {
		const struct ril_gen_options how = how_of(20, async ? 6 : 1);
		table.async = async;
		poison_call = call;
		poison_row = row;
		calls = 0;
		CHECK(ril_generate(g, prompt, PROMPTS, &how, out, &e) && e.code == RIL_ENONFINITE &&
			      !strcmp(e.msg, message),
		      "%s, not %s", e.msg, message);
		ril_gen_free(out, N);
		fetching.dst = NULL;
		poison_call = 0;
		e = (struct ril_err){0};
		CHECK(!ril_generate(g, prompt, PROMPTS, &how, out, &e), "the next call is well: %s", e.msg);
		ril_gen_free(out, N);
	}
	ril_generator_free(g);
}

static void test_model(const char *name)
{
	const char *dir = test_shared(name);
	struct ril_err e = {0};
	if (!dir) {
		SKIP("%s is not here", name);
		return;
	}
	struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 0, &e);
	CHECK(m, "%s", e.msg);
	if (!m)
		return;
	table.async = true;
	test_cost(m, name);
	test_looks(m, name);
	test_failure(m, 1, 1, 0, "'second or third': response 0");
	test_failure(m, 2, 9, 1, "'second or third': response 1");
	test_failure(m, 15, 5, 14, "'first': response 5");
	test_failure(m, 20, 0, 19, "'first': response 0");
	ril_model_free(m);
}

int main(void)
{
	make_table();
	make_prompts();
	ril_threads_start(2, NULL);
	test_model("models/qwen2_5-text");
	test_model("models/qwen3-text");
	test_model("models/qwen2_5_vl-a");
	ril_threads_stop();
	TEST_END();
}
