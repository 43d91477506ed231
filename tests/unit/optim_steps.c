/* optim_steps.c -- three steps of every optimiser and its groups against PyTorch's in double precision, which
 * tests/golden/optimisers.py wrote down (or into the file that is named) (RIL_TEST_F64). */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/json.h"
#include "nn/optim.h"
#include "ops/backend.h"

#include <unistd.h>

enum { MOST = 16, STEPS = 3 };

static char root[] = "/tmp/ril-optim.XXXXXX";
static char file[64];
static struct ril_err err;

static double number(const cJSON *object, const char *name)
{
	const cJSON *x = cJSON_GetObjectItem(object, name);
	return cJSON_IsNumber(x) ? x->valuedouble : cJSON_IsTrue(x) ? 1 : 0;
}

static void fill(ril_real *out, const cJSON *list)
{
	const cJSON *x;
	cJSON_ArrayForEach(x, list) *out++ = (ril_real)x->valuedouble;
}

/* A folder of the case's parameters. */
static void write_folder(const cJSON *params)
{
	struct ril_st_entry e[MOST];
	size_t n = 0;
	const cJSON *p, *x;
	cJSON_ArrayForEach(p, params)
	{
		e[n] = (struct ril_st_entry){.name = cJSON_GetObjectItem(p, "name")->valuestring, .dtype = RIL_F32};
		cJSON_ArrayForEach(x, cJSON_GetObjectItem(p, "shape")) e[n].dim[e[n].ndim++] = (int64_t)x->valuedouble;
		CHECK(!ril_st_measure(&e[n], &err), "%s", err.msg);
		float *data = malloc(e[n].bytes), *at = data;
		cJSON_ArrayForEach(x, cJSON_GetObjectItem(p, "start")) *at++ = (float)x->valuedouble;
		e[n++].data = data;
	}
	CHECK(!ril_st_write(file, e, n, NULL, false, NULL, NULL, &err), "%s", err.msg);
	for (size_t k = 0; k < n; k++)
		free((void *)e[k].data);
}

static struct ril_optim_options settings(const cJSON *c)
{
	const cJSON *scale = cJSON_GetObjectItem(c, "muon_scale");
	bool original = scale && !strcmp(scale->valuestring, "original");
	return (struct ril_optim_options){.optimizer = scale ? RIL_MUON : RIL_ADAMW,
					  .momentum = number(c, "momentum"),
					  .muon_scale = original ? RIL_MUON_ORIGINAL : RIL_MUON_MATCH_RMS,
					  .lr = number(c, "lr"),
					  .beta1 = number(c, "beta1"),
					  .beta2 = number(c, "beta2"),
					  .eps = number(c, "eps"),
					  .weight_decay = number(c, "weight_decay"),
					  .decay_all = number(c, "decay_all") > 0,
					  .clip_grad = number(c, "clip")};
}

static struct ril_params *open_params(const cJSON *params)
{
	struct ril_params *ps = ril_params_open(root, &err);
	const cJSON *p;
	CHECK(ps, "%s", err.msg);
	cJSON_ArrayForEach(p, params)
	{
		int64_t dim[RIL_MAX_DIMS];
		int ndim = 0;
		const cJSON *x;
		cJSON_ArrayForEach(x, cJSON_GetObjectItem(p, "shape")) dim[ndim++] = (int64_t)x->valuedouble;
		struct ril_param *q = ril_params_need(ps, RIL_PART_LLM, ndim == 1,
						      cJSON_GetObjectItem(p, "name")->valuestring, ndim, dim, &err);
		CHECK(q, "%s", err.msg);
		q->hidden = number(p, "hidden") > 0;
	}
	CHECK(!ril_params_ready(ps, &err), "%s", err.msg);
	return ps;
}

static void put_gradients(struct ril_params *ps, const cJSON *params, int step)
{
	const cJSON *p;
	ril_real x[256];
	cJSON_ArrayForEach(p, params)
	{
		const struct ril_param *q = ril_params_find(ps, cJSON_GetObjectItem(p, "name")->valuestring);
		fill(x, cJSON_GetArrayItem(cJSON_GetObjectItem(p, "gradients"), step));
		ril_ops()->to_device(q->grad.p, x, (size_t)q->count * sizeof *x);
	}
}

/* The largest difference in values, as a share of how far a parameter moved, but no less than a step's rate: moments cancel. */
static double compare(struct ril_params *ps, const cJSON *params, double rate)
{
	double worst = 0;
	const cJSON *p;
	cJSON_ArrayForEach(p, params)
	{
		const struct ril_param *q = ril_params_find(ps, cJSON_GetObjectItem(p, "name")->valuestring);
		ril_real have[256], want[256], start[256];
		double off = 0, moved = rate;
		test_values(ps, q, have);
		fill(want, cJSON_GetObjectItem(p, "after"));
		fill(start, cJSON_GetObjectItem(p, "start"));
		for (int64_t i = 0; i < q->count; i++) {
			off = fmax(off, fabs((double)have[i] - (double)want[i]));
			moved = fmax(moved, fabs((double)want[i] - (double)start[i]));
		}
		worst = fmax(worst, off / moved);
	}
	return worst;
}

/* How far off three steps are. */
static double steps(const cJSON *c)
{
	const cJSON *params = cJSON_GetObjectItem(c, "params");
	struct ril_optim_options how = settings(c);
	write_folder(params);
	struct ril_params *ps = open_params(params);
	CHECK(!ril_params_train(ps, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true}, &err), "%s",
	      err.msg);
	struct ril_optim *o = ril_optim_new(ps, &how, 0, &err);
	CHECK(o, "%s", err.msg);
	for (int s = 0; o && s < STEPS; s++) {
		double norm;
		put_gradients(ps, params, s);
		CHECK(!ril_optim_step(o, s + 1, &norm, &err), "%s", err.msg);
	}
	double off = compare(ps, params, how.lr);
	ril_optim_free(o);
	ril_params_free(ps);
	return off;
}

/* In passes of BF16 Muon's products are of BF16, and as near as that allows. */
static void test_case(const cJSON *c, int line)
{
	double most = RIL_REAL == RIL_F64 ? 1e-11 : 1e-5, off = steps(c);
	CHECK(off < most, "case %d: %.2e of a parameter's way off", line, off);
	CHECK(!ril_compute_use("bf16", &err), "%s", err.msg);
	off = steps(c);
	CHECK(cJSON_GetObjectItem(c, "muon_scale") ? off > most && off < .15 : off < most,
	      "case %d: with BF16 %.2e of a parameter's way off", line, off);
	CHECK(!ril_compute_use("f32", &err), "%s", err.msg);
}

static void refused(const cJSON *c, bool keep_master, bool moments_8bit, const char *setting)
{
	const cJSON *params = cJSON_GetObjectItem(c, "params");
	struct ril_optim_options how = settings(c);
	how.optimizer = RIL_MUON;
	how.moments_8bit = moments_8bit;
	struct ril_params *ps = open_params(params);
	CHECK(!ril_params_train(ps,
				&(struct ril_training){.parts = RIL_PART_LLM,
						       .keep_master = keep_master,
						       .unit = ril_optim_unit(&how)},
				&err),
	      "%s", err.msg);
	CHECK(!ril_optim_new(ps, &how, 0, &err) && err.code == RIL_EUSAGE && !strcmp(err.setting, setting), "%s",
	      err.msg);
	ril_params_free(ps);
}

int main(int argc, char **argv)
{
	struct ril_buf text = {0};
	int lines = 0;
	CHECK(mkdtemp(root), "temporary folder");
	snprintf(file, sizeof file, "%s/model.safetensors", root);
	CHECK(!ril_read_file(&text, argc > 1 ? argv[1] : "tests/golden/optimisers.jsonl", &err), "%s", err.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		cJSON *c = cJSON_Parse(at);
		CHECK(c, "line %d", lines + 1);
		test_case(c, ++lines);
		if (lines == 1) {
			refused(c, false, false, "master");
			refused(c, true, true, "moments");
		}
		cJSON_Delete(c);
	}
	CHECK(lines >= 9, "%d cases", lines);
	ril_buf_free(&text);
	unlink(file);
	rmdir(root);
	TEST_END();
}
