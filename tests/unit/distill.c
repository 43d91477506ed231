/* distill.c -- a teacher's distribution in the student's loss: the divergence against PyTorch's in double precision, which
 * tests/golden/divergences.py wrote down (or into the file that is named); the term of the loss and its gradient through whole
 * models against finite differences; micro-batches, left-out responses, a teacher that is the student (RIL_TEST_F64). */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/update_internal.h"
#include "base/json.h"
#include "ops/backend.h"

enum { MOST = 256, N = 3, PARTS = RIL_PART_LLM | RIL_PART_PROJECTOR };

static struct ril_err err;

/* ---- rows ---- */

static int64_t numbers(const cJSON *line, const char *name, double *out)
{
	const cJSON *x;
	int64_t n = 0;
	cJSON_ArrayForEach(x, cJSON_GetObjectItem(line, name)) out[n++] = x->valuedouble;
	return n;
}

static ril_real *logits_up(const double *x, int64_t n)
{
	ril_real y[MOST];
	for (int64_t i = 0; i < n; i++)
		y[i] = (ril_real)x[i];
	return test_up(y, (size_t)n * sizeof *y);
}

static void compare_rows(const cJSON *line, int number)
{
	const double most = RIL_REAL == RIL_F64 ? 1e-11 : 5e-6;
	double s[MOST], t[MOST], weight[MOST], kl[MOST], gradient[MOST], have[MOST], off = 0, size = 0;
	ril_real dz[MOST];
	int64_t R = numbers(line, "kl", kl), n = numbers(line, "student", s), V = n / R;
	numbers(line, "teacher", t);
	numbers(line, "weight", weight);
	numbers(line, "gradient", gradient);
	double *w = test_up(weight, (size_t)R * sizeof *w), *k = test_up(NULL, (size_t)R * sizeof *k);
	ril_real *a = logits_up(s, n), *b = logits_up(t, n);
	struct ril_mat A = ril_mat_of(a, RIL_REAL, R, V);
	ril_ops()->kl_rows(A, k, A, ril_mat_of(b, RIL_REAL, R, V), w,
			   1 / cJSON_GetObjectItem(line, "temperature")->valuedouble,
			   cJSON_IsTrue(cJSON_GetObjectItem(line, "reverse")));
	test_down(have, k, (size_t)R * sizeof *k);
	test_down(dz, a, (size_t)n * sizeof *dz);
	for (int64_t r = 0; r < R; r++)
		CHECK(fabs(have[r] - kl[r]) <= most * (1 + kl[r]), "line %d, row %lld: %.12g, not %.12g", number,
		      (long long)r, have[r], kl[r]);
	for (int64_t i = 0; i < n; i++) {
		off = fmax(off, fabs((double)dz[i] - gradient[i]));
		size = fmax(size, fabs(gradient[i]));
	}
	CHECK(off <= most * (1 + size), "line %d: a gradient is %.2e of %.2e off", number, off, size);
	void *all[] = {w, k, a, b};
	for (int i = 0; i < 4; i++)
		ril_ops()->put(all[i]);
}

/* ---- whole models ---- */

static const char *path_of(const char *folder, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "models/%s/%s", folder, name);
	return test_reference_or_golden(path);
}

static void copy(struct ril_record *to, const struct ril_st *st, const char *from, const char *name)
{
	const struct ril_st_entry *e = ril_st_find(st, from);
	CHECK(e && !ril_record_set(to, name, e->dtype, e->ndim, e->dim, e->data, &err), "%s: %s", from, err.msg);
}

/* A question, responses to it, and rewards without a difference. */
static struct ril_record *make_group(const struct ril_st *st, int which)
{
	static const int32_t start[N + 1] = {0, 4, 5, 11}, source[N] = {0}, finish[N] = {0, 1, 0};
	static const float reward[N] = {0};
	int32_t ids[11];
	char key[8];
	const int64_t n = N, starts = N + 1, tokens = 11;
	snprintf(key, sizeof key, "q/%d", which);
	for (int k = 0; k < 11; k++)
		ids[k] = (int32_t)ril_rng_below(
			5, RIL_RNG_TEST, (struct ril_rng_at){.step = (uint32_t)which, .position = (uint32_t)k}, 400);
	struct ril_record *g = ril_record_new(RIL_GROUP, key, &err);
	copy(g, st, "prompt_ids", "prompt.ids");
	copy(g, st, "pixel_values", "vision.pixels");
	copy(g, st, "vision_embeds", "vision.embeds");
	copy(g, st, "image_grid_thw", "vision.grid");
	CHECK(!ril_record_set(g, "resp.ids", RIL_I32, 1, &tokens, ids, &err) &&
		      !ril_record_set(g, "resp.start", RIL_I32, 1, &starts, start, &err) &&
		      !ril_record_set(g, "resp.source", RIL_I32, 1, &n, source, &err) &&
		      !ril_record_set(g, "resp.finish", RIL_I32, 1, &n, finish, &err) &&
		      !ril_record_set(g, "reward.answer", RIL_F32, 1, &n, reward, &err) &&
		      !ril_record_set_meta(g, "resp.text", "[\"\",\"\",\"\"]", &err) &&
		      !ril_record_set_meta(g, "temperature", "0.8", &err) &&
		      !ril_record_set_meta(g, "max_new_tokens", "16", &err),
	      "%s", err.msg);
	return g;
}

static struct ril_model *open_model(const char *folder)
{
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .reads = RIL_PARTS_ALL};
	struct ril_model *m = ril_model_open_for(path_of(folder, "."), &use, &err);
	CHECK(m && !ril_params_train(m->params, &(struct ril_training){.parts = PARTS, .keep_master = true}, &err),
	      "%s", err.msg);
	return m;
}

/* The gradient of the batch: its loss; the parameters have it. */
static double loss_of(struct ril_model *m, struct ril_model *teacher, const struct ril_batch *b, bool reverse,
		      int64_t micro_batch, bool masked, double *mean)
{
	const struct ril_optim_options still = {.lr = 0, .beta2 = .9, .eps = 1e-8};
	const struct ril_distill_options how = {.weight = 1.5, .reverse = reverse};
	struct ril_distill *d = ril_distill_new(teacher, m, &how, &err);
	struct ril_optim *o = d ? ril_optim_new(m->params, &still, 0, &err) : NULL;
	const struct ril_update_options step = {.objective = RIL_DR_GRPO,
						.loss = {.below = .2, .above = .2},
						.mu = 1,
						.micro_batch = micro_batch,
						.mask_truncated = masked,
						.pixels = true,
						.distill = d};
	struct ril_update *u = o ? ril_update_new(m, NULL, o, &step, &err) : NULL;
	struct ril_update_stats s = {0};
	CHECK(u && !ril_update_begin(u, b, 1, &s, &err) && !ril_update_gradient(u, true, &s, &err), "%s", err.msg);
	*mean = s.distill;
	if (u)
		ril_update_forget(u);
	ril_update_free(u);
	ril_optim_free(o);
	ril_distill_free(d);
	return s.loss;
}

/* Makes it another model: every 7th number is a tenth larger. */
static void change(struct ril_model *m)
{
	struct ril_params *ps = m->params;
	ril_real *x = malloc((size_t)ps->count * sizeof *x);
	test_down(x, ps->master, (size_t)ps->count * sizeof *x);
	for (int64_t i = 0; i < ps->count; i += 7)
		x[i] *= (ril_real)1.1;
	ril_ops()->to_device(ps->master, x, (size_t)ps->count * sizeof *x);
	CHECK(!ril_params_refresh(ps, &err), "%s", err.msg);
	free(x);
}

static double moved(struct ril_model *m, struct ril_model *teacher, const struct ril_batch *b, bool reverse, int64_t at,
		    double by)
{
	double mean;
	ril_real was, is;
	test_down(&was, m->params->master + at, sizeof was);
	is = was + (ril_real)by;
	ril_ops()->to_device(m->params->master + at, &is, sizeof is);
	CHECK(!ril_params_refresh(m->params, &err), "%s", err.msg);
	double loss = loss_of(m, teacher, b, reverse, 0, false, &mean);
	ril_ops()->to_device(m->params->master + at, &was, sizeof was);
	CHECK(!ril_params_refresh(m->params, &err), "%s", err.msg);
	return loss;
}

/* In each of a few parameters the number with the largest gradient. */
static void check_differences(struct ril_model *m, struct ril_model *teacher, const struct ril_batch *b, bool reverse)
{
	struct ril_params *ps = m->params;
	const double step = 1e-5;
	double mean;
	loss_of(m, teacher, b, reverse, 0, false, &mean);
	ril_real *g = malloc((size_t)ps->count * sizeof *g);
	test_down(g, ps->grad, (size_t)ps->count * sizeof *g);
	for (size_t i = 0; i < ps->n; i += 3) {
		const struct ril_param *p = ps->at[i];
		int64_t at = p->offset;
		if (at < 0)
			continue;
		for (int64_t k = p->offset; k < p->offset + p->count; k++)
			at = fabs((double)g[k]) > fabs((double)g[at]) ? k : at;
		double slope = (moved(m, teacher, b, reverse, at, step) - moved(m, teacher, b, reverse, at, -step)) /
			       (2 * step);
		CHECK(fabs(slope - (double)g[at]) < 1e-8 + 1e-6 * fabs(slope), "%s: %.9g, not %.9g", p->name,
		      (double)g[at], slope);
	}
	free(g);
}

static void test_models(const char *folder)
{
	struct ril_st *st = ril_st_open(path_of(folder, "cases/one.safetensors"), &err);
	struct ril_model *m = open_model(folder), *teacher = open_model(folder);
	struct ril_batch b = {.group = (struct ril_record *[]){make_group(st, 0), make_group(st, 1)}, .n = 2};
	double mean, parts, masked;
	double none = loss_of(m, teacher, &b, true, 0, false, &mean);
	CHECK(fabs(none) < 1e-6 && fabs(mean) < 1e-6, "from itself %g", none);
	change(teacher);
	for (int reverse = 0; reverse < 2; reverse++) {
		double all = loss_of(m, teacher, &b, reverse, 0, false, &mean);
		CHECK(mean > 1e-4 && fabs(all - 1.5 * mean) < 1e-12 * all, "%g and the mean %g", all, mean);
		double cut = loss_of(m, teacher, &b, reverse, 1, false, &parts);
		CHECK(fabs(cut - all) < 2e-6 * all, "in micro-batches %.9g, not %.9g", cut, all);
		double less = loss_of(m, teacher, &b, reverse, 0, true, &masked);
		CHECK(less < all && masked != mean && fabs(less - 1.5 * masked * 20 / 22) < 1e-12 * all,
		      "without what was cut %.9g of %.9g", less, all);
		if (RIL_REAL == RIL_F64)
			check_differences(m, teacher, &b, reverse);
	}
	for (int i = 0; i < 2; i++)
		ril_record_free(b.group[i]);
	ril_model_free(m);
	ril_model_free(teacher);
	ril_st_free(st);
}

int main(int argc, char **argv)
{
	struct ril_buf text = {0};
	int lines = 0;
	CHECK(!ril_read_file(&text, argc > 1 ? argv[1] : "tests/golden/divergences.jsonl", &err), "%s", err.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		cJSON *line = cJSON_Parse(at);
		CHECK(line, "line %d", lines + 1);
		compare_rows(line, ++lines);
		cJSON_Delete(line);
	}
	CHECK(lines >= 24, "%d lines", lines);
	ril_buf_free(&text);
	test_models("qwen2_5_vl-b");
	TEST_END();
}
