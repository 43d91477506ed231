/* generate_tails.c -- prompts that begin alike, decoded with the common part shared, give what they give one by one. */
#include "../ril_test.h"

#include "base/thread.h"
#include "nn/generate.h"

enum { N = 5, STEM = 9, NEW = 12 };

static void test_model(const char *name)
{
	const char *dir = test_shared(name);
	struct ril_err e = {0};
	if (!dir) {
		SKIP("%s is not here", name);
		return;
	}
	struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 0, &e);
	struct ril_generator *g = m ? ril_generator_new(m, NULL, &e) : NULL;
	CHECK(g, "%s", e.msg);
	if (!g)
		return;
	int32_t ids[N][STEM + N];
	struct ril_gen_prompt whole[N], shared = {.name = "shared", .ids = ids[0], .P = STEM, .n = N};
	struct ril_gen_tail tail[N];
	for (int i = 0; i < N; i++) {
		for (int k = 0; k < STEM + i + 1; k++)
			ids[i][k] = k < STEM ? 10 + 7 * k : 20 + 3 * k + 11 * i;
		whole[i] = (struct ril_gen_prompt){.name = "whole", .ids = ids[i], .P = STEM + i + 1, .n = 1};
		tail[i] = (struct ril_gen_tail){.ids = ids[i] + STEM, .n = i + 1};
	}
	shared.tail = tail;
	const struct ril_gen_options how = {.max_new_tokens = NEW,
					    .sampling = {.temperature = 1, .top_p = 1, .greedy = true}};
	struct ril_generated a[N], b[N];
	CHECK(!ril_generate(g, whole, N, &how, a, &e) && !ril_generate(g, &shared, 1, &how, b, &e), "%s", e.msg);
	for (int i = 0; i < N && !e.code; i++) {
		CHECK(a[i].n == b[i].n && a[i].finish == b[i].finish &&
			      !memcmp(a[i].ids, b[i].ids, (size_t)a[i].n * sizeof *a[i].ids),
		      "%s: response %d has the same tokens", name, i);
		double worst = 0;
		for (int k = 0; k < a[i].n && k < b[i].n; k++)
			worst = fmax(worst, fabs(a[i].logp[k] - b[i].logp[k]));
		CHECK(worst < 1e-4, "%s: response %d: log-probabilities differ by %g", name, i, worst);
	}
	ril_gen_free(a, N);
	ril_gen_free(b, N);
	ril_generator_free(g);
	ril_model_free(m);
}

int main(void)
{
	ril_threads_start(2, NULL);
	test_model("models/qwen2_5-text");
	test_model("models/qwen3-text");
	test_model("models/qwen2_5_vl-a");
	ril_threads_stop();
	TEST_END();
}
