/* nn_segment.c -- segments of a shape that no model has: a value that enters beside x, a result that no product makes,
 * another number of rows, one segment in another; and what they refuse.  RIL_TEST_F64 */
#include "../ril_test.h"

#include "base/unused.h"
#include "nn/model.h"
#include "ops/backend.h"

enum { T = 37, R = 5 };

static struct ril_err err;
static struct ril_linear gate, down;
static struct ril_param *norm;

struct ctx {
	struct ril_val *beside;
	const int32_t *rows; /* NULL: all */
};

/* Rows chosen, a branch added by a product; then the value beside, scaled. */
static struct ril_val *inner(struct ril_tape *t, RIL_UNUSED const void *ctx, struct ril_val *x)
{
	struct ril_val *h = ril_t_rmsnorm(t, x, norm, 1e-6);
	return ril_t_linear_add(t, x, ril_t_act(t, ril_t_linear(t, h, &gate), RIL_ACT_GELU), &down);
}

static struct ril_val *outer(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct ctx *c = ctx;
	struct ril_val *b = c->beside;
	if (c->rows) {
		x = ril_t_gather(t, x, c->rows, R);
		b = ril_t_gather(t, b, c->rows, R);
	}
	x = ril_t_segment(t, inner, NULL, 0, x, c->rows ? R : T);
	return ril_t_scale_add(t, x, norm, b);
}

static struct ril_val *column(struct ril_tape *t, RIL_UNUSED const void *ctx, struct ril_val *x)
{
	return ril_view_cols(t, x, 0, x ? x->m.cols / 2 : 0);
}

static struct ril_val *normed(struct ril_tape *t, RIL_UNUSED const void *ctx, struct ril_val *x)
{
	return ril_t_rmsnorm(t, x, norm, 1e-6);
}

/* Three segments over numbers of which only `needs` says whether a gradient flows to them; x, beside: their gradients. */
static void run(struct ril_tape *t, const float *numbers, const int32_t *rows, bool needs, ril_real *dx, double *y)
{
	int64_t C = norm->count;
	ril_tape_reset(t);
	ril_tape_record(t, true);
	struct ril_val *x = ril_tape_input(t, T, C, numbers), *b = ril_tape_input(t, T, C, numbers + T * C);
	x->needs = b->needs = needs;
	struct ril_val *z = ril_t_segment(t, inner, NULL, 0, x, T);
	z = ril_t_segment(t, outer, &(struct ctx){b, NULL}, sizeof(struct ctx), z, T);
	z = ril_t_segment(t, outer, &(struct ctx){b, rows}, sizeof(struct ctx), z, R);
	struct ril_mat d = ril_tape_seed(t, z);
	CHECK(!ril_val_host(z, y, &err), "%s", err.msg);
	if (d.p)
		ril_ops()->axpy(d, 1, z->m);
	CHECK(d.p && !ril_tape_backward(t, &err), "%s", err.msg);
	for (int k = 0; needs && k < 2; k++)
		ril_ops()->to_host(dx + k * T * C, (k ? b : x)->g.p, (size_t)(T * C) * sizeof *dx);
}

static void test_same(struct ril_params *ps, bool needs)
{
	int64_t C = norm->count;
	size_t bytes = (size_t)ps->count * sizeof(ril_real), both = (size_t)(2 * T * C);
	struct ril_tape *t = ril_tape_new(&err);
	float *numbers = malloc(both * sizeof *numbers);
	ril_real *none = malloc(bytes), *dx[2] = {calloc(both, sizeof **dx), calloc(both, sizeof **dx)};
	double *y[2] = {calloc(R * (size_t)C, 8), calloc(R * (size_t)C, 8)};
	int32_t host[R] = {1, 2, 17, 30, 36};
	int32_t *rows = ril_ops()->get(sizeof host);
	ril_ops()->to_device(rows, host, sizeof host);
	for (size_t i = 0; i < both; i++)
		numbers[i] = sinf((float)i);
	for (int how = 0; how < 3; how++) {
		ril_params_zero_grad(ps);
		ril_tape_recompute(t, (enum ril_recompute)how);
		run(t, numbers, rows, needs, dx[how > 0], y[how > 0]);
		if (!how)
			memcpy(none, ps->grad, bytes);
		CHECK(!memcmp(none, ps->grad, bytes), "parameters, setting %d", how);
		CHECK(!memcmp(dx[0], dx[how > 0], both * sizeof **dx), "values, setting %d", how);
		CHECK(!memcmp(y[0], y[how > 0], R * (size_t)C * 8), "results, setting %d", how);
	}
	double sum = 0;
	for (int64_t i = 0; i < ps->count; i++)
		sum += fabs((double)none[i]);
	CHECK(sum > 0 && isfinite(sum), "gradients flow: %g", sum);
	ril_ops()->put(rows);
	for (int k = 0; k < 2; k++) {
		free(dx[k]);
		free(y[k]);
	}
	free(none);
	free(numbers);
	ril_tape_free(t);
}

static void refuse(ril_segment *fn, enum ril_recompute how, int64_t rows, const char *text)
{
	struct ril_tape *t = ril_tape_new(&err);
	float *zero = calloc((size_t)(T * norm->count), sizeof *zero);
	ril_tape_record(t, true);
	ril_tape_recompute(t, how);
	CHECK(!ril_t_segment(t, fn, NULL, 0, ril_tape_input(t, T, norm->count, zero), rows), "refused");
	err = (struct ril_err){0};
	CHECK(ril_tape_check(t, &err) && strstr(err.msg, text), "'%s' in '%s'", text, err.msg);
	free(zero);
	ril_tape_free(t);
}

int main(void)
{
	char dir[512];
	const char *root = getenv("RIL_ROOT");
	snprintf(dir, sizeof dir, "%s/share/models/student", root ? root : ".");
	struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 0, &err);
	CHECK(m && !ril_params_train(m->params, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true},
				     &err),
	      "%s", err.msg);
	if (!m)
		TEST_END();
	gate.w = ril_params_find(m->params, "model.layers.0.mlp.gate_proj.weight");
	down.w = ril_params_find(m->params, "model.layers.0.mlp.down_proj.weight");
	norm = ril_params_find(m->params, "model.layers.0.input_layernorm.weight");
	CHECK(gate.w && down.w && norm, "names");
	test_same(m->params, true);
	test_same(m->params, false);
	for (int how = 0; how < 3; how++) {
		refuse(column, (enum ril_recompute)how, T, "a view");
		refuse(inner, (enum ril_recompute)how, T + 1, "another shape");
	}
	refuse(normed, RIL_RECOMPUTE_CHEAP, T, "scratch");
	ril_model_free(m);
	TEST_END();
}
