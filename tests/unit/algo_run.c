/* algo_run.c -- run folders, learning rates, parts of models, stochastic rounding. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "loop/run.h"
#include "nn/model.h"
#include "nn/optim.h"

#include <sys/stat.h>

static struct ril_err err;
static char root[] = "/tmp/ril-run.XXXXXX";

static const char *in_root(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/%s", root, name);
	return p;
}

static bool there(const char *name)
{
	struct stat st;
	return !lstat(in_root(name), &st);
}

static void commit(int64_t step, int64_t keep, int64_t begun)
{
	char tmp[RIL_PATH], file[RIL_PATH];
	CHECK(!ril_run_begin(in_root("run"), step, tmp, &err), "%s", err.msg);
	CHECK(!ril_path(file, &err, "%s/disc", tmp) && !ril_mkdirs(file, &err), "%s", err.msg);
	CHECK(!ril_run_commit(in_root("run"), step, keep, begun, &err), "%s", err.msg);
}

static void test_run(void)
{
	char link[64] = "";
	for (int64_t s = 1; s <= 3; s++)
		commit(s, 0, 0);
	CHECK(there("run/step-1/disc") && there("run/step-3/disc") && !there("run/step-3.tmp"), "all are kept");
	CHECK(!symlink("step-1", in_root("run/best")), "best");
	char tmp[RIL_PATH];
	CHECK(!ril_run_begin(in_root("run"), 9, tmp, &err), "an unfinished one");
	commit(4, 2, 0);
	CHECK(there("run/step-4") && there("run/step-3") && !there("run/step-2") && there("run/step-1"),
	      "the newest two and the best");
	CHECK(there("run/step-9.tmp"), "an unfinished one is no checkpoint, and stays");
	CHECK(readlink(in_root("run/current"), link, sizeof link - 1) == 6 && !strcmp(link, "step-4"), "current is %s",
	      link);
	commit(4, 2, 0);
	CHECK(there("run/step-4/disc"), "the same step again replaces it");
	commit(5, 2, 3);
	commit(6, 2, 3);
	CHECK(there("run/step-6") && there("run/step-5") && !there("run/step-4") && there("run/step-3"),
	      "the newest two, and the one that the run went on from");
	CHECK(ril_save_check(in_root("run"), &err), "a folder that holds something is not replaced");
	CHECK(!ril_save_check(in_root("nothing"), &err), "%s", err.msg);
	CHECK(!ril_remove_tree(root, &err) && !there(""), "%s", err.msg);
}

static void test_rates(void)
{
	struct ril_optim_options o = {.lr = 2, .warmup = 4, .total = 12, .min_lr_ratio = .1, .schedule = RIL_CONSTANT};
	CHECK(ril_learning_rate(&o, 1) == .5 && ril_learning_rate(&o, 4) == 2 && ril_learning_rate(&o, 100) == 2,
	      "constant");
	o.schedule = RIL_LINEAR;
	CHECK(fabs(ril_learning_rate(&o, 8) - 1.1) < 1e-12 && fabs(ril_learning_rate(&o, 12) - .2) < 1e-12, "linear");
	o.schedule = RIL_COSINE;
	CHECK(fabs(ril_learning_rate(&o, 8) - 1.1) < 1e-12 && fabs(ril_learning_rate(&o, 13) - .2) < 1e-12, "cosine");
	int parts;
	CHECK(!ril_parts_parse("llm,vision", &parts, &err) && parts == (RIL_PART_LLM | RIL_PART_VISION), "parts");
	CHECK(ril_parts_parse("llm,", &parts, &err) == 0 && ril_parts_parse("lm", &parts, &err) &&
		      ril_parts_parse("", &parts, &err),
	      "bad parts");
}

/* Steps far below the spacing of BF16 numbers: rounding to nearest would lose all of them, rounding by chance keeps
 * their mean. */
static void test_rounding(void)
{
	const char *dir = test_shared("models/qwen2_5_vl-b");
	if (!dir) {
		SKIP("models/qwen2_5_vl-b");
		return;
	}
	struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 0, &err);
	CHECK(m && !ril_params_train(m->params, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = false},
				     &err),
	      "%s", err.msg);
	struct ril_optim_options how = {.lr = 1e-6, .beta1 = .9, .beta2 = .999, .eps = 1e-12};
	struct ril_optim *o = ril_optim_new(m->params, &how, 7, &err);
	const struct ril_param *p = ril_params_find(m->params, "lm_head.weight");
	CHECK(p && p->dtype == RIL_BF16 && !m->params->master, "no masters");
	if (!p)
		return;
	ril_real *before = malloc((size_t)p->count * sizeof *before), *after = malloc((size_t)p->count * sizeof *after);
	test_values(m->params, p, before);
	for (int64_t i = 0; i < m->params->count; i++)
		((ril_real *)m->params->grad)[i] = 1;
	double norm, moved = 0;
	int64_t changed = 0;
	CHECK(!ril_optim_step(o, 1, &norm, &err), "%s", err.msg);
	test_values(m->params, p, after);
	for (int64_t i = 0; i < p->count; i++) {
		moved += (double)after[i] - (double)before[i];
		changed += after[i] != before[i];
	}
	moved /= (double)p->count;
	CHECK(changed > 0 && changed < p->count / 2, "%lld of %lld changed", (long long)changed, (long long)p->count);
	CHECK(fabs(moved / -how.lr - 1) < .25, "moved by %g on average, not %g", moved, -how.lr);
	free(before);
	free(after);
	ril_optim_free(o);
	ril_model_free(m);
}

int main(void)
{
	CHECK(mkdtemp(root), "temporary folder");
	test_run();
	test_rates();
	test_rounding();
	TEST_END();
}
