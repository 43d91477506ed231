/* group.c -- cases/ril.*: one group of responses through the objectives, one optimiser step, and the discriminator. */
#include "fidelity.h"

#include "algo/loss.h"
#include "base/json.h"
#include "base/logistic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct group {
	struct inputs in;
	struct ril_st *st;
	cJSON *settings;
	float *pixels;
	const int32_t *ids, *start, *source;
	int32_t n; /* responses */
	int64_t R; /* their tokens */
	double *old, *ref, *answer, *both, *logp, *dlogp;
	double *device; /* logp, dlogp */
};

static double setting(const cJSON *o, const char *name)
{
	double x = NAN;
	ril_json_num(o, name, &x, NULL);
	return x;
}

static int load(struct subject *s, struct group *g, struct ril_err *err)
{
	char path[1024], **names = NULL;
	int64_t n;
	use(s->f, "%s/cases/ril.json", s->home);
	snprintf(path, sizeof path, "%s/%s/cases/ril.json", s->f->data, s->home);
	if (!(g->settings = ril_json_read(path, err)))
		return -1;
	g->in.st = g->st;
	g->in.prompt = ints(g->st, "prompt_ids", &g->in.P);
	g->ids = ints(g->st, "resp.ids", &g->R);
	g->source = ints(g->st, "resp.source", &n);
	g->n = (int32_t)n;
	g->start = ints(g->st, "resp.start", &n);
	g->old = doubles(g->st, "logp.old", &n);
	g->ref = doubles(g->st, "logp.ref", &n);
	g->answer = doubles(g->st, "reward.answer", &n);
	g->both = doubles(g->st, "reward", &n);
	g->logp = calloc((size_t)g->R, sizeof *g->logp);
	g->dlogp = calloc((size_t)g->R, sizeof *g->dlogp);
	g->device = test_up(NULL, 2 * (size_t)g->R * sizeof *g->device);
	int pictures = case_pictures(s, "ril", &names, err);
	if (pictures >= 0)
		g->pixels = make_pixels(s, (const char *const *)names, pictures, &g->in, err);
	for (int i = 0; i < pictures; i++)
		free(names[i]);
	free(names);
	if (pictures < 0 || (pictures && !g->pixels))
		return -1;
	bool sound = g->in.prompt && g->ids && g->start && g->source && g->old && g->ref && g->answer && g->both;
	return sound ? 0 : ril_fail(err, RIL_ECORRUPT, "ril.safetensors lacks fields");
}

static void release(struct group *g)
{
	void *all[] = {g->pixels, g->old, g->ref, g->answer, g->both, g->logp, g->dlogp};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
	ril_ops()->put(g->device);
	cJSON_Delete(g->settings);
	ril_st_free(g->st);
}

static int pack(struct ril_pack *p, struct ril_model *m, const struct group *g, enum ril_pack_use use,
		struct ril_err *err)
{
	struct ril_pack_group pg = {"ril", g->in.prompt, g->in.P,    g->ids,        g->start,
				    NULL,  g->n,         g->in.grid, g->in.pictures};
	ril_pack_reset(p, &m->config, RIL_PACK_SHARED, use);
	return ril_pack_add(p, &pg, err) || ril_pack_done(p, err) ? -1 : 0;
}

static struct ril_val *embed(struct subject *s, struct ril_model *m, const struct group *g)
{
	struct ril_tower_input in = {g->in.pictures, g->in.grid, g->in.pixels, NULL};
	return in.n ? ril_model_vision(s->tape, m, &in) : NULL;
}

/* Loss of one objective from logp, setting dlogp. */
static void objective(struct group *g, const char *name, double *advantage, struct ril_loss_sums *sums)
{
	enum ril_objective o = ril_objective_parse(name);
	double eps = setting(g->settings, "epsilon");
	struct ril_surrogate how = ril_surrogate_of(
		o, &(struct ril_loss_settings){.below = eps, .above = eps, .beta = setting(g->settings, "beta")});
	double *A = calloc(2 * (size_t)g->R, sizeof *A), *w = A + g->R;
	float reward[1024];
	int64_t N = 0, tokens = 0;
	for (int32_t i = 0; i < g->n; i++) {
		reward[i] = (float)(o == RIL_RIL ? g->both[i] : g->answer[i]);
		N += ril_objective_uses(o, g->source[i]);
		tokens += ril_objective_uses(o, g->source[i]) ? g->start[i + 1] - g->start[i] : 0;
	}
	ril_advantages(o, g->n, reward, g->source, advantage);
	*sums = (struct ril_loss_sums){0};
	for (int32_t i = 0; i < g->n; i++) {
		int32_t len = g->start[i + 1] - g->start[i];
		for (int32_t t = g->start[i]; t < g->start[i + 1]; t++) {
			A[t] = advantage[i];
			w[t] = ril_token_weight(o, N, setting(g->settings, "length_constant"), len, tokens);
		}
	}
	test_policy_loss(how, (size_t)g->R, g->logp, w,
			 (struct ril_policy_tokens){.advantage = A, .old = g->old, .ref = g->ref}, g->dlogp, NULL,
			 sums);
	free(A);
}

static void field(struct subject *s, const struct group *g, const char *name, const char *what, const double *got,
		  int64_t n)
{
	char full[128];
	snprintf(full, sizeof full, "%s.%s", name, what);
	compare(s->f, g->st, full, got, n);
}

/* A sum in which terms cancel (advantages add up to zero) is compared relative to the size of its terms. */
static void sum(struct subject *s, const struct group *g, const char *name, const char *what, double got, double size)
{
	char full[128];
	int64_t n;
	snprintf(full, sizeof full, "%s.%s", name, what);
	double *want = doubles(g->st, full, &n);
	if (want)
		row(s->f, full, fabs(got - *want) / fmax(size, fabs(*want)), 1e-5);
	free(want);
}

/* Sums of |d loss / d logp| and of |ref - logp| / tokens over the responses that take part. */
static void sizes(const struct group *g, const double *advantage, const struct ril_loss_sums *sums, double size[2])
{
	size[0] = size[1] = 0;
	for (int32_t i = 0; i < g->n; i++) {
		for (int32_t k = g->start[i]; !isnan(advantage[i]) && k < g->start[i + 1]; k++) {
			size[0] += fabs(g->dlogp[k]);
			size[1] += fabs(g->ref[k] - g->logp[k]) / sums->tokens;
		}
	}
}

/* The step is compared where the gradient is not so small that rounding decides its sign. */
static void check_step(struct subject *s, struct group *g, double norm)
{
	struct ril_st *want = case_file(s->f, s->home, "ril", ".ril.stepped.safetensors");
	struct ril_st *grads = want ? case_file(s->f, s->home, "ril", ".ril.grads.safetensors") : NULL;
	struct ril_params *ps = s->train->params;
	struct ril_err err = {0};
	if (!grads)
		goto out;
	cJSON *a = cJSON_GetObjectItem(g->settings, "adamw"), *betas = cJSON_GetObjectItem(a, "betas");
	double largest = setting(a, "max_grad_norm"), error = 0, reference = 0;
	struct ril_adamw how = {.lr = setting(a, "lr"),
				.eps = setting(a, "eps"),
				.weight_decay = setting(a, "weight_decay"),
				.beta1 = cJSON_GetArrayItem(betas, 0)->valuedouble,
				.beta2 = cJSON_GetArrayItem(betas, 1)->valuedouble,
				.squares = test_up(&(double){norm * norm}, sizeof(double)),
				.max_norm = largest,
				.step = 1};
	size_t bytes = (size_t)ps->count * sizeof(ril_real);
	ril_real *m = test_up(NULL, bytes), *v = test_up(NULL, bytes), *master = malloc(bytes);
	ril_ops()->zero(m, bytes);
	ril_ops()->zero(v, bytes);
	ril_ops()->adamw(ril_mat_of(ps->master, RIL_REAL, 1, ps->count), (struct ril_moments){.m = m, .v = v},
			 ril_mat_of(ps->grad, RIL_REAL, 1, ps->count), how, (struct ril_rounding){0});
	test_down(master, ps->master, bytes);
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		int64_t n, k;
		double *after = doubles(want, p->name, &n), *grad = doubles(grads, p->name, &k), top = 0;
		for (int64_t j = 0; grad && j < n; j++)
			top = fmax(top, fabs(grad[j]));
		for (int64_t j = 0; after && grad && p->offset >= 0 && j < n; j++) {
			if (fabs(grad[j]) < 1e-4 * top)
				continue;
			error += pow(master[p->offset + j] - after[j], 2);
			reference += after[j] * after[j];
		}
		free(after);
		free(grad);
	}
	row(s->f, "ril: parameters after one step", sqrt(error / reference), 1e-5);
	ril_ops()->put(m);
	ril_ops()->put(v);
	ril_ops()->put((void *)(uintptr_t)how.squares);
	free(master);
	/* back to what the folder holds */
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset < 0)
			continue;
		void *stored = test_up(p->stored, (size_t)p->count * ril_dtype_size(p->dtype));
		ril_ops()->convert(ril_mat_of(ps->master + p->offset, RIL_REAL, 1, p->count),
				   ril_mat_of(stored, p->dtype, 1, p->count));
		ril_ops()->put(stored);
	}
	ril_params_refresh(ps, &err);
out:
	ril_st_free(grads);
	ril_st_free(want);
}

static void check_objective(struct subject *s, struct group *g, const char *name)
{
	struct ril_params *ps = s->train->params;
	struct ril_err err = {0};
	struct ril_pack *p = ril_pack_new(&err);
	struct ril_loss_sums sums;
	double advantage[1024];
	char label[128];
	snprintf(label, sizeof label, ".%s.grads.safetensors", name);
	struct ril_st *grads = case_file(s->f, s->home, "ril", label);
	ril_tape_reset(s->tape);
	ril_tape_record(s->tape, true);
	if (!p || pack(p, s->train, g, RIL_PACK_POLICY, &err) ||
	    ril_pack_logp(s->tape, s->train, p, embed(s, s->train, g), 1,
			  (struct ril_logps){.logp = g->device, .dlogp = g->device + g->R}, &err) ||
	    ril_tape_check(s->tape, &err)) {
		row_error(s->f, name, &err);
		goto out;
	}
	size_t bytes = (size_t)g->R * sizeof(double);
	test_down(g->logp, g->device, bytes);
	if (!strcmp(name, "ril"))
		compare(s->f, g->st, "logp.policy", g->logp, g->R);
	objective(g, name, advantage, &sums);
	ril_ops()->to_device(g->device + g->R, g->dlogp, bytes);
	int64_t kept = 0;
	double tokens = sums.tokens, size[2];
	sizes(g, advantage, &sums, size);
	for (int32_t i = 0; i < g->n; i++)
		if (!isnan(advantage[i]))
			advantage[kept++] = advantage[i];
	field(s, g, name, "advantage", advantage, kept);
	sum(s, g, name, "loss", sums.loss, size[0]);
	sum(s, g, name, "kl_mean", sums.k3 / tokens, size[1]);
	field(s, g, name, "clip_fraction", &(double){sums.clipped / tokens}, 1);
	if (ril_tape_backward(s->tape, &err) || ril_tape_check(s->tape, &err)) {
		row_error(s->f, name, &err);
		goto out;
	}
	double norm = 0, *squares = test_up(&norm, sizeof norm);
	ril_ops()->sum_squares(squares, ril_mat_of(ps->grad, RIL_REAL, 1, ps->count));
	test_down(&norm, squares, sizeof norm);
	ril_ops()->put(squares);
	norm = sqrt(norm);
	field(s, g, name, "grad_norm", &norm, 1);
	if (!strcmp(name, "ril"))
		check_step(s, g, norm);
	if (grads) {
		snprintf(label, sizeof label, "%s gradients", name);
		check_gradients(s->f, ps, label, grads);
	}
	ril_params_zero_grad(ps);
out:
	ril_pack_free(p);
	ril_st_free(grads);
}

/* The reference's head instead of a fresh one. */
static int set_head(struct ril_model *d, const struct ril_st *st, struct ril_err *err)
{
	int64_t n;
	double *w = doubles(st, "disc.head.weight", &n);
	if (!w || n != d->score.w->count) {
		free(w);
		return ril_fail(err, RIL_ECORRUPT, "disc.head.weight does not fit");
	}
	ril_real *head = malloc((size_t)n * sizeof *head);
	for (int64_t i = 0; i < n; i++)
		head[i] = (ril_real)w[i];
	ril_ops()->to_device(d->params->master + d->score.w->offset, head, (size_t)n * sizeof *head);
	free(head);
	free(w);
	return ril_params_refresh(d->params, err);
}

static void check_discriminator(struct subject *s, struct group *g)
{
	struct ril_err err = {0};
	struct ril_st *grads = case_file(s->f, s->home, "ril", ".disc.grads.safetensors");
	struct ril_model *d = ril_model_open(s->dir, RIL_HEAD_SCORE, 1, &err);
	struct ril_pack *p = ril_pack_new(&err);
	struct ril_val *z = NULL;
	double logit[1024], prob[1024], dz[1024], w[2];
	int8_t label[1024];
	int64_t total[2] = {0};
	ril_tape_reset(s->tape);
	ril_tape_record(s->tape, true);
	if (!d || !p ||
	    ril_params_train(d->params,
			     &(struct ril_training){.parts = RIL_PART_LLM | RIL_PART_PROJECTOR | RIL_PART_VISION |
							     RIL_PART_SCORE,
						    .keep_master = true},
			     &err) ||
	    set_head(d, g->st, &err) || pack(p, d, g, RIL_PACK_SCORE, &err) ||
	    ril_pack_score(s->tape, d, p, embed(s, d, g), &z, &err) || ril_val_host(z, logit, &err)) {
		row_error(s->f, "disc", &err);
		goto out;
	}
	for (int32_t i = 0; i < g->n; i++) {
		label[i] = g->source[i] == 0;
		total[label[i]]++;
		prob[i] = ril_logistic(logit[i]);
	}
	struct ril_bce_sums sums = {0};
	ril_bce_weights(total, w);
	test_bce_loss(logit, label, (size_t)g->n, w, dz, &sums);
	compare(s->f, g->st, "disc.logit", logit, g->n);
	compare(s->f, g->st, "disc.p", prob, g->n);
	compare(s->f, g->st, "disc.loss", &sums.loss, 1);
	test_seed(s->tape, z, dz);
	if (ril_tape_backward(s->tape, &err) || ril_tape_check(s->tape, &err))
		row_error(s->f, "disc", &err);
	else if (grads)
		check_gradients(s->f, d->params, "disc gradients", grads);
out:
	ril_pack_free(p);
	ril_model_free(d);
	ril_st_free(grads);
}

void check_group(struct subject *s)
{
	struct group g = {.st = case_file(s->f, s->home, "ril", ".safetensors")};
	struct ril_err err = {0};
	if (!g.st)
		return;
	if (load(s, &g, &err)) {
		row_error(s->f, "ril", &err);
	} else {
		check_objective(s, &g, "ril");
		check_objective(s, &g, "dr-grpo");
		check_objective(s, &g, "grpo");
		check_discriminator(s, &g);
	}
	release(&g);
}
