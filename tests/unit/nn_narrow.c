/* nn_narrow.c -- whole models in passes of BF16, both families: how far log-probabilities, logits and gradients are from
 * those in ril_real; recomputation and threads change no byte (RIL_TEST_F64).
 *
 *   nn_narrow dump FILE         writes what a build computes, in ril_real and in BF16
 *   nn_narrow compare A B       two builds' files: tests/pipe/bf16.sh gives those of float and of double
 *   nn_narrow same              recomputation where a device may fuse an activation: tests/simt/run.sh
 *
 * Bounds.  A number that is rounded to BF16 is off by at most u = 2^-9 of itself.  What that does to outputs and gradients
 * depends on the model, and is measured on it in ril_real: every row of a matrix, and every element of a vector, is scaled
 * by a factor of its own within 1 +- u, as if the outputs of products and norms were rounded, the same way for all tokens
 * (by eight times as much, and an eighth of what comes: weights that are stored in BF16 would not move by less).
 * There are 7 products and 2 norms in a block, in which some 10 numbers are rounded on the way forward and about as many
 * on the way back: errors that are as good as independent add up as squares, to less than twice what is measured.  A
 * factor of 2 is for what single numbers of few tokens do.
 *
 * Float and double arithmetic in a pass of BF16 round to the same number but where they fall on two sides of a tie; such
 * a number then differs by a whole step, and what comes after it hears of it.  However many there are, the two passes
 * are no farther apart than two that round independently: sqrt(2) of what rounding itself makes. */
#include "../nn_rig.h"

#include "base/thread.h"

static const struct model {
	const char *name, *folder, *input;
	bool tanh; /* GELU by tanh in the place of the tower's own */
} models[] = {{"qwen2_5_vl-a", "qwen2_5_vl-a", "two", false},
	      {"qwen2_5_vl-b", "qwen2_5_vl-b", "one", false},
	      {"internvl3-a", "internvl3-a", "two", false},
	      {"internvl3-b", "internvl3-b", "one", false},
	      {"internvl3-b by tanh", "internvl3-b", "one", true},
	      {"internvl3_5", "internvl3_5", "several", false},
	      {"qwen2_vl", "qwen2_vl", "several", false},
	      {"qwen3_vl", "qwen3_vl", "several", false},
	      {"smolvlm", "smolvlm", "several", false}};
enum { MODELS = sizeof models / sizeof *models, BY_TANH = 4 };

static int open_model(struct rig *r, int model, bool score, const char *compute, const struct ril_training *how)
{
	struct ril_err err = {0};
	const struct model *m = &models[model];
	ril_compute_use(compute, &err);
	int rc = rig_open(r, m->folder, m->input, score ? RIL_PACK_SCORE : RIL_PACK_POLICY, how, &err);
	ril_compute_use("auto", &err);
	CHECK(!rc, "%s", err.msg);
	if (!rc && m->tanh)
		rig_tanh(r);
	return rc;
}

/* What one pass gives. */
struct result {
	int64_t outs, grads;
	double out[64];
	double *grad; /* of all parameters, in table order */
};

static void collect(struct result *x, const struct rig *r)
{
	const struct ril_params *ps = r->m->params;
	*x = (struct result){.outs = r->pack->R};
	memcpy(x->out, r->out, sizeof x->out);
	x->grad = malloc((size_t)ps->count * sizeof *x->grad);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset < 0)
			continue;
		void *g = malloc((size_t)p->count * sizeof(double));
		test_down(g, p->grad.p, (size_t)p->count * ril_dtype_size(p->grad.type));
		ril_to_f64(x->grad + x->grads, g, p->grad.type, (size_t)p->count);
		x->grads += p->count;
		free(g);
	}
}

/* A pass of one folder, computed in `compute` with matrices' gradients of a type. */
static int pass(struct result *x, int folder, int use, const char *compute, enum ril_dtype gradients)
{
	struct rig r;
	const struct ril_training how = {.parts = PARTS, .keep_master = true, .gradients = gradients};
	int rc = open_model(&r, folder, use, compute, &how);
	if (!rc) {
		run(&r, RIL_PACK_SHARED, true);
		collect(x, &r);
	}
	rig_close(&r);
	return rc;
}

static bool there(int folder)
{
	char path[96];
	snprintf(path, sizeof path, "models/%s/cases/%s.safetensors", models[folder].folder, models[folder].input);
	return test_reference_or_golden(path) != NULL;
}

static double apart(const double *a, const double *b, int64_t n)
{
	double d = 0, s = 0;
	for (int64_t i = 0; i < n; i++) {
		d += pow(a[i] - b[i], 2);
		s += pow(b[i], 2);
	}
	return sqrt(d / s);
}

static const double U = 1. / 512;

enum { TIMES = 8 };

/* Scales rows and vectors by factors within 1 +- TIMES u, other ones for every try. */
static void scale(struct ril_params *ps, const ril_real *was, int try)
{
	struct ril_err err = {0};
	ril_real *now = malloc((size_t)ps->count * sizeof *now);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		int64_t cols = p->is_vec ? 1 : p->w.cols;
		struct ril_rng_at at = {(uint32_t)try, ril_hash32(p->name, strlen(p->name)), 0, 0};
		for (int64_t k = 0; p->offset >= 0 && k < p->count; k++) {
			at.position = (uint32_t)(k / cols);
			double f = 1 + TIMES * U * (2 * ril_rng_uniform(9, RIL_RNG_TEST, at) - 1);
			now[p->offset + k] = (ril_real)((double)was[p->offset + k] * f);
		}
	}
	ril_ops()->to_device(ps->master, now, (size_t)ps->count * sizeof *now);
	CHECK(!ril_params_refresh(ps, &err), "%s", err.msg);
	free(now);
}

/* How far outputs and gradients move, in the mean of squares of a few tries. */
static void measure(int folder, int use, const struct result *real, double *out, double *grad)
{
	enum { TRIES = 4 };
	struct rig r;
	const struct ril_training how = {.parts = PARTS, .keep_master = true};
	int rc = open_model(&r, folder, use, "f32", &how);
	struct ril_params *ps = rc ? NULL : r.m->params;
	size_t bytes = rc ? 0 : (size_t)ps->count * sizeof(ril_real);
	ril_real *was = malloc(bytes);
	*out = *grad = 0;
	for (int k = 0; !rc && k < TRIES; k++) {
		struct result moved;
		if (!k)
			test_down(was, ps->master, bytes);
		scale(ps, was, k);
		ril_params_zero_grad(ps);
		run(&r, RIL_PACK_SHARED, true);
		collect(&moved, &r);
		*out += pow(apart(moved.out, real->out, real->outs), 2) / TRIES;
		*grad += pow(apart(moved.grad, real->grad, real->grads), 2) / TRIES;
		free(moved.grad);
	}
	*out = sqrt(*out) / TIMES;
	*grad = sqrt(*grad) / TIMES;
	free(was);
	rig_close(&r);
}

static void test_roundings(int folder, int use)
{
	struct result real, bf16, small;
	const char *what = use ? "discriminator" : "policy";
	double out_moved, grad_moved;
	if (pass(&real, folder, use, "f32", RIL_REAL) || pass(&bf16, folder, use, "bf16", RIL_REAL) ||
	    pass(&small, folder, use, "bf16", RIL_BF16))
		return;
	measure(folder, use, &real, &out_moved, &grad_moved);
	double out = apart(bf16.out, real.out, real.outs), grad = apart(bf16.grad, real.grad, real.grads);
	double rounded = apart(small.grad, bf16.grad, bf16.grads);
	printf("%s %s: outputs %.2f u, scaled %.2f u; gradients %.2f u, scaled %.2f u; gradients in BF16 %.2f u\n",
	       models[folder].name, what, out / U, out_moved / U, grad / U, grad_moved / U, rounded / U);
	CHECK(out > 0 && out <= 4 * out_moved, "%s %s: outputs are off by %.1f u", models[folder].name, what, out / U);
	CHECK(grad > 0 && grad <= 4 * grad_moved, "%s %s: gradients are off by %.1f u", models[folder].name, what,
	      grad / U);
	CHECK(apart(small.out, bf16.out, bf16.outs) == 0, "the type of gradients changes no output");
	/* one rounding an operation that adds: a matrix is read in one place, a tied one in two */
	CHECK(rounded > 0 && rounded <= 2 * U, "%s %s: rounded gradients are off by %.1f u", models[folder].name, what,
	      rounded / U);
	free(real.grad);
	free(bf16.grad);
	free(small.grad);
}

/* Recomputation and threads: the same bytes.  But for what is said in nn/segment.c: where a device fuses an activation, and
 * `cheap` does without, numbers are rounded otherwise, as in two passes that round independently of each other. */
static void test_same(int folder)
{
	struct ril_err err = {0};
	struct rig r;
	const struct ril_training how = {.parts = PARTS, .keep_master = true, .gradients = RIL_BF16};
	int rc = open_model(&r, folder, false, "bf16", &how);
	bool fuses = models[folder].tanh && !ril_ops()->host_memory;
	struct result first, now, real;
	double grad_most = 0, out_most = 0;
	if (!rc && fuses)
		rc = pass(&real, folder, false, "f32", RIL_REAL);
	for (int k = 0; !rc && k < 5; k++) {
		CHECK(!ril_threads_start(k > 2 ? k - 1 : 1, &err), "%s", err.msg);
		ril_tape_reset(r.tape);
		ril_tape_recompute(r.tape, k < 3 ? (enum ril_recompute)k : RIL_RECOMPUTE_NONE);
		ril_params_zero_grad(r.m->params);
		run(&r, RIL_PACK_SHARED, true);
		collect(k ? &now : &first, &r);
		if (!k && fuses) {
			grad_most = sqrt(2) * apart(first.grad, real.grad, real.grads);
			out_most = sqrt(2) * apart(first.out, real.out, real.outs);
			free(real.grad);
		}
		if (!k)
			continue;
		double grad = apart(now.grad, first.grad, first.grads), out = apart(now.out, first.out, first.outs);
		if (fuses && k == RIL_RECOMPUTE_CHEAP)
			CHECK(out > 0 && out <= out_most && grad > 0 && grad <= grad_most,
			      "%s: cheap is %.2f u and %.2f u apart, at most %.2f u and %.2f u", models[folder].name,
			      out / U, grad / U, out_most / U, grad_most / U);
		else
			CHECK(out == 0 && grad == 0, "%s: run %d differs", models[folder].name, k);
		free(now.grad);
	}
	if (!rc)
		free(first.grad);
	rig_close(&r);
}

/* ---- two builds ---- */

static void dump(const char *path)
{
	FILE *f = fopen(path, "wb");
	CHECK(f, "%s", path);
	for (int i = 0; f && i < 2 * MODELS; i++) {
		for (int k = 0; there(i / 2) && k < 2; k++) {
			struct result x;
			if (pass(&x, i / 2, i & 1, k ? "bf16" : "f32", RIL_REAL))
				continue;
			CHECK(fwrite(&x, sizeof x, 1, f) == 1 &&
				      fwrite(x.grad, sizeof *x.grad, (size_t)x.grads, f) == (size_t)x.grads,
			      "written");
			free(x.grad);
		}
	}
	if (f)
		fclose(f);
}

static bool next(FILE *f, struct result *x)
{
	if (fread(x, sizeof *x, 1, f) != 1)
		return false;
	x->grad = malloc((size_t)x->grads * sizeof *x->grad);
	return fread(x->grad, sizeof *x->grad, (size_t)x->grads, f) == (size_t)x->grads;
}

static void compare(const char *a, const char *b)
{
	FILE *f[2] = {fopen(a, "rb"), fopen(b, "rb")};
	CHECK(f[0] && f[1], "%s and %s", a, b);
	struct result real[2], bf16[2];
	int n = 0;
	for (; f[0] && f[1] && next(f[0], &real[0]); n++) {
		CHECK(next(f[0], &bf16[0]) && next(f[1], &real[1]) && next(f[1], &bf16[1]), "as many");
		double out = apart(bf16[0].out, bf16[1].out, bf16[1].outs),
		       grad = apart(bf16[0].grad, bf16[1].grad, bf16[1].grads),
		       out_most = sqrt(2) * apart(bf16[1].out, real[1].out, real[1].outs),
		       grad_most = sqrt(2) * apart(bf16[1].grad, real[1].grad, real[1].grads);
		printf("pass %d: outputs %.2f u apart, at most %.2f u; gradients %.2f u, at most %.2f u\n", n, out / U,
		       out_most / U, grad / U, grad_most / U);
		double out_real = apart(real[0].out, real[1].out, real[1].outs),
		       grad_real = apart(real[0].grad, real[1].grad, real[1].grads);
		CHECK(out_real <= 2e-5 && grad_real <= 2e-5, "pass %d in ril_real: outputs %.1e, gradients %.1e apart",
		      n, out_real, grad_real);
		CHECK(out <= out_most, "pass %d: outputs are %.2f u apart", n, out / U);
		CHECK(grad <= grad_most, "pass %d: gradients are %.2f u apart", n, grad / U);
		for (int i = 0; i < 2; i++) {
			free(real[i].grad);
			free(bf16[i].grad);
		}
	}
	CHECK(n > 0, "nothing was compared");
	for (int i = 0; i < 2; i++)
		if (f[i])
			fclose(f[i]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "dump")) {
		dump(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "compare")) {
		compare(argv[2], argv[3]);
	} else if (argc == 2 && !strcmp(argv[1], "same")) {
		if (there(BY_TANH))
			test_same(BY_TANH);
		else
			SKIP("no models/%s", models[BY_TANH].folder);
	} else {
		for (int i = 0; i < MODELS; i++) {
			if (!there(i)) {
				SKIP("no models/%s", models[i].folder);
				continue;
			}
			test_roundings(i, 0);
			test_roundings(i, 1);
			test_same(i);
		}
	}
	ril_threads_stop();
	TEST_END();
}
