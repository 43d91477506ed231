/* nn.c -- model folders under hostile conditions: every allocation failing once, and damaged config.json files.  Whatever
 * happens, it must end in an error and not in a crash; each trial runs in a process of its own. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/file.h"
#include "base/rng.h"
#include "nn/pack.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- one training pass and a save; 0, or -1 with an error that says something ---- */

static int train_once(const char *dir, enum ril_head head, const char *out, struct ril_err *err)
{
	static const int32_t prompt[] = {5, 6, 7}, ids[] = {8, 9, 10}, start[] = {0, 1, 3};
	struct ril_pack_group g = {"k", prompt, 3, ids, start, NULL, 2, NULL, 0};
	const double seed[3] = {1, -1, 2};
	double *x = test_up(NULL, sizeof seed), *d = test_up(seed, sizeof seed);
	struct ril_val *z = NULL;
	struct ril_model *m = ril_model_open(dir, head, 1, err);
	struct ril_tape *t = m ? ril_tape_new(err) : NULL;
	struct ril_pack *p = t ? ril_pack_new(err) : NULL;
	int rc = p ? ril_params_train(
			     m->params,
			     &(struct ril_training){.parts = RIL_PART_LLM | RIL_PART_SCORE, .keep_master = true}, err)
		   : -1;
	if (!rc) {
		ril_tape_record(t, true);
		ril_pack_reset(p, &m->config, RIL_PACK_SHARED,
			       head == RIL_HEAD_SCORE ? RIL_PACK_SCORE : RIL_PACK_POLICY);
		rc = ril_pack_add(p, &g, err) || ril_pack_done(p, err) ? -1 : 0;
	}
	if (!rc)
		rc = head == RIL_HEAD_SCORE
			     ? ril_pack_score(t, m, p, NULL, &z, err)
			     : ril_pack_logp(t, m, p, NULL, 1, (struct ril_logps){.logp = x, .dlogp = d}, err);
	if (!rc && z)
		test_seed(t, z, seed);
	if (!rc)
		rc = ril_tape_backward(t, err) || ril_tape_check(t, err) || ril_params_refresh(m->params, err) ||
				     ril_params_save(m->params, out, false, err)
			     ? -1
			     : 0;
	ril_pack_free(p);
	ril_tape_free(t);
	ril_model_free(m);
	ril_ops()->put(x);
	ril_ops()->put(d);
	return rc;
}

static void empty(const char *dir)
{
	char path[800];
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
}

/* 0: done, 1: an error with a message, else a crash or an error that says nothing. */
static int outcome(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? WEXITSTATUS(status) : 2;
}

static int trial_failing(const char *dir, enum ril_head head, const char *out, int n)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		char text[16];
		struct ril_err err = {0};
		snprintf(text, sizeof text, "%d", n);
		setenv("RIL_FAIL_ALLOC", text, 1);
		int rc = train_once(dir, head, out, &err);
		exit(!rc ? 0 : err.code && err.msg[0] ? 1 : 2);
	}
	waitpid(child, &status, 0);
	return outcome(status);
}

static void test_failing(const char *dir, enum ril_head head, const char *out)
{
	int n = 1, bad = 0, last = 1, refused = 0;
	for (; n < 4000 && last; n += n < 60 ? 1 : 1 + n / 40) {
		last = trial_failing(dir, head, out, n);
		refused += last == 1;
		if (last == 2 && !bad++)
			CHECK(false, "allocation %d fails: crash, or an error without words", n);
	}
	CHECK(!bad && !last && refused > 40, "%d trials refused, the last %s", refused, last ? "too" : "not");
	empty(out);
}

/* ---- damaged configurations ---- */

static int trial_config(const char *dir)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		struct ril_err err = {0};
		struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 0, &err);
		bool said = m || (err.code && err.msg[0]);
		ril_model_free(m);
		exit(m ? 0 : said ? 1 : 2);
	}
	waitpid(child, &status, 0);
	return outcome(status);
}

static void test_config(const char *model, const char *copy)
{
	static const char *const values[] = {"-1",   "0",  "1",  "2147483647", "9e99",   "\"x\"",
					     "null", "[]", "{}", "true",       "1e-400", "3.5"};
	char path[4400];
	struct ril_buf text = {0};
	struct ril_err err = {0};
	DIR *d = opendir(model);
	for (struct dirent *e; d && (e = readdir(d));) { /* links suffice: only config.json changes */
		char from[4400];
		snprintf(from, sizeof from, "%.4095s/%s", model, e->d_name);
		snprintf(path, sizeof path, "%s/%s", copy, e->d_name);
		if (e->d_name[0] != '.' && strcmp(e->d_name, "config.json") && strcmp(e->d_name, "cases"))
			CHECK(!symlink(from, path), "%s", path);
	}
	if (d)
		closedir(d);
	snprintf(path, sizeof path, "%.4095s/config.json", model);
	CHECK(!ril_read_file(&text, path, &err), "%s", err.msg);
	snprintf(path, sizeof path, "%s/config.json", copy);
	int bad = 0, trials = 0, refused = 0;
	for (char *colon = text.data; (colon = strchr(colon + 1, ':')); trials++) {
		uint32_t pick = ril_rng_below(3, RIL_RNG_TEST,
					      (struct ril_rng_at){.position = (uint32_t)(colon - text.data)}, 12);
		size_t end = (size_t)(colon - text.data) + 1 + strcspn(colon + 1, ",}\n");
		struct ril_buf out = {0};
		ril_buf_add(&out, text.data, (size_t)(colon - text.data) + 1, NULL);
		ril_buf_puts(&out, values[pick], NULL);
		ril_buf_add(&out, text.data + end, text.len - end, NULL);
		ril_file_put(path, out.data, out.len, false, NULL);
		ril_buf_free(&out);
		int got = trial_config(copy);
		refused += got == 1;
		if (got == 2 && !bad++)
			CHECK(false, "%s: value %s at byte %zu", model, values[pick], (size_t)(colon - text.data));
	}
	CHECK(!bad && trials > 20 && refused > trials / 4, "%s: %d of %d trials refused", model, refused, trials);
	ril_buf_free(&text);
	empty(copy);
}

int main(void)
{
	const char *const model[] = {"models/qwen2_5_vl-b", "models/internvl3-b", "models/internvl3-a-resaved",
				     "models/qwen3-text",   "models/qwen3_vl",    "models/qwen2_vl",
				     "models/smolvlm"};
	enum { MODELS = sizeof model / sizeof *model };
	char dir[] = "/tmp/ril-fuzz-nn-XXXXXX", from[MODELS][4096];
	if (!test_shared(model[0])) {
		SKIP("no reference models");
		TEST_END();
	}
	CHECK(mkdtemp(dir), "temporary folder");
	for (int i = 0; i < MODELS; i++) {
		const char *path = test_reference_or_golden(model[i]);
		CHECK(path && realpath(path, from[i]), "%s", model[i]);
	}
	/* first: which allocation fails is settled at the process's first, so this one must not have had any */
	test_failing(from[0], RIL_HEAD_LM, dir);
	test_failing(from[1], RIL_HEAD_SCORE, dir);
	test_failing(from[4], RIL_HEAD_LM, dir);
	test_failing(from[6], RIL_HEAD_LM, dir);
	for (int i = 0; i < MODELS; i++)
		test_config(from[i], dir);
	rmdir(dir);
	TEST_END();
}
