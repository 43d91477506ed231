/* nn_step.c -- one RIL step of a whole model and the sampling of responses, both families, in float and in passes of BF16:
 * loss, gradient norm, all gradients, how the weights moved; tokens and their log-probabilities.
 *
 *   nn_step                     the same step twice gives the same bytes, and is a step
 *   nn_step dump FILE           writes what a build computes
 *   nn_step compare A B         a build's file, or a device's, beside that of the double build on the CPU
 *
 * The step is over a group of made-up responses of the student and of a teacher, with a reference that is another model: so
 * the KL term has a gradient.  What was drawn is given to the trainer, too: sampler and trainer must mean the same.
 *
 * Bounds.  Where both compute in ril_real: 2e-5; of a stepped weight a fiftieth of the step, where its gradient is more than
 * noise (AdamW's first steps are the gradient's sign times the rate).
 * In BF16 both sides round at the same places, u = 2^-9 of a number at most, but on two sides of a tie here and there, after
 * which they round as two that are independent: as far apart as sqrt(2) of what rounding itself makes, which is the distance
 * of B's pass in BF16 from its pass in ril_real (tests/unit/nn_narrow.c).  To the some 10 numbers that a block rounds a GPU
 * may add 4 on their way into attention's products (ops/ops.h): sqrt(1 + 1.4).  With a quarter more for what few numbers of
 * few tokens do that is twice the distance.
 * The gradient norm is off by no more than the gradients are.  The loss is a sum over the tokens of functions of their
 * log-probabilities with slopes of at most c = (|A| + beta (1 + exp(ref - policy))) / (N L): off by no more than the length
 * of the c times that of their error, the policy's and the reference's together.
 * Tokens are drawn by the same numbers, and are the same until a draw falls between two ids' bounds: log-probabilities are
 * compared up to there. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/update.h"
#include "base/thread.h"
#include "nn/generate.h"

static struct ril_err err;
static const char *const folders[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b"};
enum {
	FOLDERS = 4,
	N = 4,
	LENGTH = 16,
	DRAWN = 8,
	MOST = 32,
	PARTS = RIL_PART_LLM | RIL_PART_PROJECTOR | RIL_PART_VISION
};
static const double MOST_APART = 2, RATE = 1e-4, BETA = .04, U = 1. / 512;

/* What a build computes of one folder in one type. */
struct result {
	int64_t tokens, weights;
	double loss, norm, slope; /* slope: the length of the c */
	double logp[2][MOST];     /* policy, reference */
	int32_t n[N], id[N][DRAWN];
	double drawn[N][DRAWN],
		scored[N][DRAWN]; /* their log-probabilities, as the sampler and as the trainer has them */
	double *grad, *moved;     /* [weights], in table order */
};

static const char *path_of(const char *folder, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "models/%s/%s", folder, name);
	return test_reference_or_golden(path);
}

/* ---- the group ---- */

static void copy(struct ril_record *to, const struct ril_st *st, const char *from, const char *name)
{
	const struct ril_st_entry *e = ril_st_find(st, from);
	CHECK(e && !ril_record_set(to, name, e->dtype, e->ndim, e->dim, e->data, &err), "%s: %s", from, err.msg);
}

/* Responses to a case's prompt and picture. */
struct responses {
	int32_t start[N + 1], source[N], ids[MOST];
};

static struct ril_record *make_group(const struct ril_st *st, const struct responses *r)
{
	static const int32_t finish[N] = {0};
	static const float reward[N] = {1, 0, 1, .5f};
	const struct ril_st_entry *grid = ril_st_find(st, "image_grid_thw");
	struct ril_record *g = ril_record_new(RIL_GROUP, "q/0", &err);
	const int64_t n = N, starts = N + 1, tokens = r->start[N];
	copy(g, st, "prompt_ids", "prompt.ids");
	copy(g, st, "pixel_values", "vision.pixels");
	copy(g, st, "vision_embeds", "vision.embeds");
	CHECK(!ril_record_set(g, "vision.grid", RIL_I32, 2, (int64_t[]){1, 3}, grid ? grid->data : (int32_t[]){1, 2, 3},
			      &err) &&
		      !ril_record_set(g, "resp.ids", RIL_I32, 1, &tokens, r->ids, &err) &&
		      !ril_record_set(g, "resp.start", RIL_I32, 1, &starts, r->start, &err) &&
		      !ril_record_set(g, "resp.source", RIL_I32, 1, &n, r->source, &err) &&
		      !ril_record_set(g, "resp.finish", RIL_I32, 1, &n, finish, &err) &&
		      !ril_record_set(g, "reward", RIL_F32, 1, &n, reward, &err) &&
		      !ril_record_set_meta(g, "resp.text", "[\"\",\"\",\"\",\"\"]", &err) &&
		      !ril_record_set_meta(g, "max_new_tokens", "16", &err),
	      "%s", err.msg);
	return g;
}

/* ---- a step ---- */

/* Numbers of all parameters in table order: where they lie depends on the types that passes read. */
static void weights_of(const struct ril_params *ps, double *out)
{
	ril_real *x = malloc((size_t)ps->count * sizeof *x);
	test_down(x, ps->master, (size_t)ps->count * sizeof *x);
	for (size_t i = 0; i < ps->n; i++)
		for (int64_t k = 0; ps->at[i]->offset >= 0 && k < ps->at[i]->count; k++)
			*out++ = (double)x[ps->at[i]->offset + k];
	free(x);
}

static void gradients_of(const struct ril_params *ps, double *out)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		size_t n = (size_t)p->count;
		if (p->offset < 0)
			continue;
		void *g = malloc(n * sizeof(double));
		test_down(g, p->grad.p, n * ril_dtype_size(p->grad.type));
		ril_to_f64(out, g, p->grad.type, n);
		out += n;
		free(g);
	}
}

static void record_of(struct result *x, const struct ril_record *g)
{
	static const char *const name[] = {"logp.policy", "logp.ref"};
	double largest = 0;
	for (int i = 0; i < 2; i++) {
		const struct ril_st_entry *e = ril_record_get(g, name[i]);
		CHECK(e && e->count <= MOST, "%s", name[i]);
		x->tokens = e ? e->count : 0;
		for (int64_t k = 0; k < x->tokens; k++)
			x->logp[i][k] = (double)((const float *)e->data)[k];
	}
	const struct ril_st_entry *A = ril_record_get(g, "advantage");
	for (int64_t i = 0; A && i < A->count; i++)
		largest = fmax(largest, fabs((double)((const float *)A->data)[i]));
	for (int64_t k = 0; k < x->tokens; k++) {
		double c = largest + BETA * (1 + exp(x->logp[1][k] - x->logp[0][k]));
		x->slope += pow(c / (N * LENGTH), 2);
	}
	x->slope = sqrt(x->slope);
}

/* A RIL step at the given rate; the group keeps what its tokens came to. */
static int update(struct ril_model *m, struct ril_model *ref, struct ril_record *group, double rate,
		  struct ril_update_stats *s)
{
	const struct ril_optim_options how = {
		.lr = rate, .beta1 = .9, .beta2 = .95, .eps = 1e-8, .weight_decay = .1, .clip_grad = 1};
	const struct ril_update_options step = {.objective = RIL_RIL,
						.loss = {.below = .2, .above = .2, .beta = BETA},
						.mu = 1,
						.pixels = true,
						.record = true};
	struct ril_batch b = {.group = &group, .n = 1, .cap = 1};
	struct ril_optim *optim = ril_optim_new(m->params, &how, 0, &err);
	struct ril_update *u = optim ? ril_update_new(m, ref, optim, &step, &err) : NULL;
	int rc = u ? ril_update_batch(u, &b, 1, s, &err) : -1;
	ril_update_free(u);
	ril_optim_free(optim);
	return rc;
}

/* Makes the reference another model than the student: a row here and there is halved, which every type holds. */
static int scale(struct ril_params *ps)
{
	ril_real *x = malloc((size_t)ps->count * sizeof *x);
	test_down(x, ps->master, (size_t)ps->count * sizeof *x);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		int64_t cols = p->is_vec ? 1 : p->w.cols;
		struct ril_rng_at at = {0, ril_hash32(p->name, strlen(p->name)), 0, 0};
		for (int64_t k = 0; p->offset >= 0 && k < p->count; k++) {
			at.position = (uint32_t)(k / cols);
			if (!ril_rng_below(8, RIL_RNG_TEST, at, 32))
				x[p->offset + k] /= 2;
		}
	}
	ril_ops()->to_device(ps->master, x, (size_t)ps->count * sizeof *x);
	free(x);
	return ril_params_refresh(ps, &err);
}

/* Made-up responses of the student and of a teacher. */
static int train(struct result *x, struct ril_model *m, struct ril_model *ref, const struct ril_st *st)
{
	struct responses r = {.start = {0, 5, 6, 15, 18}, .source = {0, 0, 1, 1}};
	for (int k = 0; k < r.start[N]; k++)
		r.ids[k] = (int32_t)ril_rng_below(5, RIL_RNG_TEST, (struct ril_rng_at){.position = (uint32_t)k}, 400);
	struct ril_update_stats s;
	struct ril_record *group = make_group(st, &r);
	struct ril_params *ps = m->params;
	x->weights = ps->count;
	x->grad = calloc((size_t)ps->count, sizeof *x->grad);
	x->moved = calloc((size_t)ps->count, sizeof *x->moved);
	double *before = malloc((size_t)ps->count * sizeof *before);
	weights_of(ps, before);
	int rc = update(m, ref, group, RATE, &s);
	if (!rc) {
		x->loss = s.loss;
		x->norm = s.norm;
		record_of(x, group);
		gradients_of(ps, x->grad);
		weights_of(ps, x->moved);
		for (int64_t i = 0; i < ps->count; i++)
			x->moved[i] -= before[i];
		CHECK(s.side[0].loss.k3 > 0 && s.side[1].loss.k3 > 0, "the reference is another model");
	}
	free(before);
	ril_record_free(group);
	return rc;
}

/* ---- sampling ---- */

static int draw(struct result *x, struct ril_model *m, const struct ril_st *st)
{
	const struct ril_st_entry *ids = ril_st_find(st, "prompt_ids"), *embeds = ril_st_find(st, "vision_embeds"),
				  *grid = ril_st_find(st, "image_grid_thw");
	static const int32_t tiles[3] = {1, 2, 3};
	struct ril_gen_prompt p = {.name = "case", .ids = ids->data, .P = ids->count, .n = N, .hash = 77};
	p.vision = (struct ril_pictures){.name = "case",
					 .n = 1,
					 .grid = grid ? grid->data : tiles,
					 .embeds = embeds->data,
					 .dtype = embeds->dtype,
					 .V = embeds->dim[0]};
	const struct ril_gen_options how = {
		.max_new_tokens = DRAWN, .sampling = RIL_SAMPLING_DEFAULT, .seed = 3, .purpose = RIL_RNG_TEST};
	struct ril_generated out[N] = {0};
	struct ril_generator *g = ril_generator_new(m, NULL, &err);
	int rc = g ? ril_generate(g, &p, 1, &how, out, &err) : -1;
	for (int i = 0; !rc && i < N; i++) {
		x->n[i] = out[i].n;
		for (int k = 0; k < out[i].n; k++) {
			x->id[i][k] = out[i].ids[k];
			x->drawn[i][k] = (double)out[i].logp[k];
		}
	}
	ril_gen_free(out, N);
	ril_generator_free(g);
	return rc;
}

/* The trainer's log-probabilities of what was drawn: a step at the rate 0. */
static int score(struct result *x, struct ril_model *m, struct ril_model *ref, const struct ril_st *st)
{
	struct responses r = {0};
	struct ril_update_stats s;
	for (int i = 0; i < N; i++) {
		memcpy(r.ids + r.start[i], x->id[i], (size_t)x->n[i] * sizeof *r.ids);
		r.start[i + 1] = r.start[i] + x->n[i];
	}
	struct ril_record *group = make_group(st, &r);
	int rc = update(m, ref, group, 0, &s);
	const struct ril_st_entry *old = rc ? NULL : ril_record_get(group, "logp.old");
	for (int i = 0; old && i < N; i++)
		for (int k = 0; k < x->n[i]; k++)
			x->scored[i][k] = (double)((const float *)old->data)[r.start[i] + k];
	ril_record_free(group);
	return old ? 0 : -1;
}

/* ---- both ---- */

static void result_free(struct result *x)
{
	free(x->grad);
	free(x->moved);
}

static bool there(int folder)
{
	return path_of(folders[folder], "cases/one.safetensors") != NULL;
}

static int compute(struct result *x, int folder, const char *type)
{
	*x = (struct result){0};
	int rc = ril_compute_use(type, &err);
	struct ril_st *st = ril_st_open(path_of(folders[folder], "cases/one.safetensors"), &err);
	const char *dir = path_of(folders[folder], ".");
	struct ril_model *m = ril_model_open(dir, RIL_HEAD_LM, 1, &err),
			 *ref = ril_model_open(dir, RIL_HEAD_LM, 1, &err);
	const struct ril_training how = {.parts = PARTS, .keep_master = true};
	rc = rc || !st || !m || !ref || ril_params_train(m->params, &how, &err) ||
			     ril_params_train(ref->params, &how, &err) || draw(x, ref, st) || score(x, m, ref, st) ||
			     scale(ref->params) || train(x, m, ref, st) || ril_ops()->sync(&err)
		     ? -1
		     : 0;
	CHECK(!rc, "%s: %s", folders[folder], err.msg);
	ril_model_free(m);
	ril_model_free(ref);
	ril_st_free(st);
	ril_compute_use("auto", &err);
	return rc;
}

static void test_same(int folder)
{
	static const char *const types[] = {"f32", "bf16"};
	for (int t = 0; t < 2; t++) {
		struct result a, b;
		if (compute(&a, folder, types[t]) || compute(&b, folder, types[t]))
			return;
		size_t bytes = (size_t)a.weights * sizeof *a.moved, moved = 0;
		CHECK(!memcmp(a.moved, b.moved, bytes) && !memcmp(a.grad, b.grad, bytes) && a.loss == b.loss,
		      "%s, %s: another step", folders[folder], types[t]);
		CHECK(!memcmp(a.id, b.id, sizeof a.id) && !memcmp(a.drawn, b.drawn, sizeof a.drawn),
		      "%s, %s: other tokens", folders[folder], types[t]);
		for (int64_t i = 0; i < a.weights; i++)
			moved += a.moved[i] != 0;
		CHECK(a.norm > 0 && moved > (size_t)a.weights / 4, "%s, %s: norm %g, %zu weights moved",
		      folders[folder], types[t], a.norm, moved);
		result_free(&a);
		result_free(&b);
	}
}

/* ---- two builds ---- */

static void dump(const char *path)
{
	FILE *f = fopen(path, "wb");
	CHECK(f, "%s", path);
	for (int i = 0; f && i < 2 * FOLDERS; i++) {
		struct result x;
		if (!there(i / 2) || compute(&x, i / 2, i & 1 ? "bf16" : "f32"))
			continue;
		size_t n = (size_t)x.weights;
		CHECK(fwrite(&x, sizeof x, 1, f) == 1 && fwrite(x.grad, sizeof *x.grad, n, f) == n &&
			      fwrite(x.moved, sizeof *x.moved, n, f) == n,
		      "written");
		result_free(&x);
	}
	if (f)
		fclose(f);
}

static bool next(FILE *f, struct result *x)
{
	if (fread(x, sizeof *x, 1, f) != 1)
		return false;
	size_t n = (size_t)x->weights;
	x->grad = malloc(n * sizeof *x->grad);
	x->moved = malloc(n * sizeof *x->moved);
	return fread(x->grad, sizeof *x->grad, n, f) == n && fread(x->moved, sizeof *x->moved, n, f) == n;
}

static double length_between(const double *a, const double *b, int64_t n)
{
	double d = 0;
	for (int64_t i = 0; i < n; i++)
		d += pow(a[i] - (b ? b[i] : 0), 2);
	return sqrt(d);
}

static double apart(const double *a, const double *b, int64_t n)
{
	return length_between(a, b, n) / length_between(b, NULL, n);
}

/* Log-probabilities of drawn tokens, as far as they are the same: the root of the mean square, how many, of how many. */
static double drawn_apart(const struct result *a, const struct result *b, int *same, int *all)
{
	double d = 0;
	*same = *all = 0;
	for (int i = 0; i < N; i++) {
		*all += b->n[i];
		for (int k = 0; k < a->n[i] && k < b->n[i] && a->id[i][k] == b->id[i][k]; k++, ++*same)
			d += pow(a->drawn[i][k] - b->drawn[i][k], 2);
	}
	return sqrt(d / fmax(*same, 1));
}

/* The sampler's beside the trainer's. */
static double scored_apart(const struct result *x)
{
	double d = 0;
	int n = 0;
	for (int i = 0; i < N; i++)
		for (int k = 0; k < x->n[i]; k++, n++)
			d += pow(x->drawn[i][k] - x->scored[i][k], 2);
	return sqrt(d / n);
}

static void compare_real(int n, const struct result *a, const struct result *b)
{
	int same, all;
	double drawn = drawn_apart(a, b, &same, &all), grad = apart(a->grad, b->grad, a->weights), worst = 0,
	       largest = 0;
	for (int64_t i = 0; i < a->weights; i++)
		largest = fmax(largest, fabs(b->grad[i]));
	for (int64_t i = 0; i < a->weights; i++)
		if (fabs(b->grad[i]) >= 1e-4 * largest)
			worst = fmax(worst, fabs(a->moved[i] - b->moved[i]));
	double scored = scored_apart(a);
	printf("step %d: trainer from sampler %.1e; loss %.1e apart, norm %.1e, gradients %.1e, stepped weights %.1e "
	       "of a step; drawn %.1e, %d of "
	       "%d "
	       "tokens the same\n",
	       n, scored, fabs(a->loss - b->loss), fabs(a->norm / b->norm - 1), grad, worst / RATE, drawn, same, all);
	CHECK(fabs(a->loss - b->loss) <= 2e-5 && fabs(a->norm / b->norm - 1) <= 2e-5, "step %d: loss or norm", n);
	CHECK(grad <= 2e-5, "step %d: gradients are %.1e apart", n, grad);
	CHECK(worst <= .02 * RATE, "step %d: a stepped weight is %.1e of a step off", n, worst / RATE);
	CHECK(drawn <= 2e-5 && 4 * same >= 3 * all, "step %d: drawn %.1e, %d of %d", n, drawn, same, all);
	CHECK(scored <= 2e-5, "step %d: sampler and trainer are %.1e apart", n, scored);
}

/* a and b in BF16, real: b's in ril_real. */
static void compare_bf16(int n, const struct result *a, const struct result *b, const struct result *real)
{
	const int64_t T = b->tokens, W = b->weights;
	int same, all, unrounded;
	double logp = length_between(a->logp[0], b->logp[0], 2 * MOST),
	       logp_most = MOST_APART * length_between(b->logp[0], real->logp[0], 2 * MOST),
	       grad = apart(a->grad, b->grad, W), grad_most = MOST_APART * apart(b->grad, real->grad, W),
	       moved = apart(a->moved, b->moved, W), moved_most = MOST_APART * apart(b->moved, real->moved, W),
	       drawn = drawn_apart(a, b, &same, &all), drawn_most = MOST_APART * drawn_apart(b, real, &unrounded, &all),
	       norm = fabs(a->norm / b->norm - 1), loss = fabs(a->loss - b->loss), loss_most = b->slope * logp_most;
	double scored = scored_apart(a), scored_most = logp_most / sqrt(2. * (double)T);
	printf("step %d in BF16, u apart, and at most: log-probabilities %.2f %.2f (of %lld); gradients %.2f %.2f; "
	       "norm "
	       "%.2f; moves %.2f %.2f; loss %.3f %.3f; drawn %.2f %.2f, %d of %d tokens the same; trainer from sampler "
	       "%.2f %.2f\n",
	       n, logp / U, logp_most / U, (long long)T, grad / U, grad_most / U, norm / U, moved / U, moved_most / U,
	       loss / U, loss_most / U, drawn / U, drawn_most / U, same, all, scored / U, scored_most / U);
	CHECK(logp > 0 && logp <= logp_most, "step %d: log-probabilities", n);
	CHECK(grad <= grad_most && norm <= grad_most, "step %d: gradients", n);
	CHECK(moved <= moved_most, "step %d: how weights moved", n);
	CHECK(loss <= loss_most, "step %d: loss", n);
	CHECK(same > 0 && drawn <= drawn_most, "step %d: sampling", n);
	CHECK(scored <= scored_most, "step %d: sampler and trainer", n);
}

static void compare(const char *a, const char *b)
{
	FILE *f[2] = {fopen(a, "rb"), fopen(b, "rb")};
	CHECK(f[0] && f[1], "%s and %s", a, b);
	struct result real[2], bf16[2];
	int n = 0;
	for (; f[0] && f[1] && next(f[0], &real[0]); n++) {
		CHECK(next(f[0], &bf16[0]) && next(f[1], &real[1]) && next(f[1], &bf16[1]), "as many");
		compare_real(n, &real[0], &real[1]);
		compare_bf16(n, &bf16[0], &bf16[1], &real[1]);
		for (int i = 0; i < 2; i++) {
			result_free(&real[i]);
			result_free(&bf16[i]);
		}
	}
	CHECK(n > 0, "nothing was compared");
	for (int i = 0; i < 2; i++)
		if (f[i])
			fclose(f[i]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "dump"))
		dump(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "compare"))
		compare(argv[2], argv[3]);
	else
		for (int i = 0; i < FOLDERS; i++)
			if (there(i))
				test_same(i);
			else
				SKIP("no models/%s", folders[i]);
	ril_threads_stop();
	TEST_END();
}
