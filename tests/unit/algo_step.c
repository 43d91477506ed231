/* algo_step.c -- whole training steps on the reference groups: gradients of the policy's objectives and of the
 * discriminator, one optimiser step; sampler against trainer, greedy answers, batches and micro-batches.
 *
 * Also run in double precision (RIL_TEST_F64), where the bounds are tighter. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/disc.h"
#include "algo/rollout.h"
#include "algo/update_internal.h"
#include "base/unused.h"

#ifdef RIL_REAL_IS_DOUBLE
#define ALL 1e-5 /* the reference itself computes norms and rotary tables in float32 */
#define EACH 1e-5
#define LOGP 1e-5
#else
#define ALL 2e-5
#define EACH 1e-4
#define LOGP 5e-5
#endif

static struct ril_err err;
static const char *model; /* name of the folder at work */

static const char *shared_path(const char *file)
{
	char name[160];
	snprintf(name, sizeof name, "models/%s/%s", model, file);
	return test_shared(name);
}

static struct ril_st *open_case(const char *file)
{
	char name[96];
	snprintf(name, sizeof name, "cases/%s", file);
	struct ril_st *st = ril_st_open(shared_path(name), &err);
	CHECK(st, "%s: %s", file, err.msg);
	return st;
}

static const float *field(const struct ril_st *st, const char *name, int64_t *n)
{
	const struct ril_st_entry *e = ril_st_find(st, name);
	CHECK(e && e->dtype == RIL_F32, "%s", name);
	if (n)
		*n = e->count;
	return e->data;
}

static void copy(struct ril_record *to, const struct ril_st *st, const char *from, const char *name)
{
	const struct ril_st_entry *e = ril_st_find(st, from);
	CHECK(e && !ril_record_set(to, name, e->dtype, e->ndim, e->dim, e->data, &err), "%s: %s", from, err.msg);
}

/* The reference group as it would come down the stream, under the given key. */
static struct ril_record *make_group(const char *key, bool responses)
{
	struct ril_st *ril = open_case("ril.safetensors"), *one = open_case("one.safetensors");
	struct ril_record *g = ril_record_new(RIL_GROUP, key, &err);
	static const char *const fields[] = {"resp.ids", "resp.start",    "resp.source",
					     "reward",   "reward.answer", "reward.similarity"};
	const struct ril_st_entry *grid = ril_st_find(one, "image_grid_thw");
	copy(g, ril, "prompt_ids", "prompt.ids");
	copy(g, one, "pixel_values", "vision.pixels");
	copy(g, one, "vision_embeds", "vision.embeds");
	ril_record_set(g, "vision.grid", RIL_I32, 2, (int64_t[]){1, 3}, grid ? grid->data : (int32_t[]){1, 2, 3}, &err);
	for (size_t i = 0; responses && i < 6; i++)
		copy(g, ril, fields[i], fields[i]);
	if (responses) {
		int64_t n = ril_st_find(ril, "resp.source")->count;
		ril_record_set(g, "resp.finish", RIL_I32, 1, &n, (int32_t[16]){0}, &err);
		ril_record_set_meta(g, "max_new_tokens", "16", &err);
		ril_record_set_meta(g, "resp.text", "[\"\",\"\",\"\",\"\",\"\",\"\"]", &err);
	}
	ril_st_free(ril);
	ril_st_free(one);
	return g;
}

static struct ril_batch make_batch(size_t n, bool responses)
{
	struct ril_batch b = {.n = n, .cap = n, .group = calloc(n, sizeof *b.group)};
	for (size_t i = 0; i < n; i++) {
		char key[32];
		snprintf(key, sizeof key, "q/%zu", i);
		b.group[i] = make_group(key, responses);
	}
	return b;
}

static void check_gradients(const struct ril_params *p, const char *file)
{
	struct ril_st *st = open_case(file);
	double all = 0, norm = 0, worst = 0;
	const char *worst_name = "";
	for (size_t i = 0; i < ril_st_count(st); i++) {
		const struct ril_st_entry *e = ril_st_at(st, i);
		for (int64_t k = 0; k < e->count; k++)
			norm += pow((double)((const float *)e->data)[k], 2);
	}
	for (size_t i = 0; i < ril_st_count(st); i++) {
		const struct ril_st_entry *e = ril_st_at(st, i);
		const struct ril_param *q = ril_params_find(p, e->name);
		double d = 0, n = 0;
		CHECK(q && q->grad.p && q->count == e->count, "%s: no gradient", e->name);
		if (!q || !q->grad.p)
			continue;
		for (int64_t k = 0; k < e->count; k++) {
			double want = (double)((const float *)e->data)[k];
			d += pow((double)((const ril_real *)q->grad.p)[k] - want, 2);
			n += want * want;
		}
		all += d;
		/* Where the true gradient is noise, the bound is absolute. */
		double rel = n > 1e-18 * norm ? sqrt(d / n) : sqrt(d / norm) * EACH / 1e-6;
		if (rel > worst)
			worst = rel, worst_name = e->name;
	}
	CHECK(sqrt(all / norm) <= ALL, "%s %s: all gradients %.2e", model, file, sqrt(all / norm));
	CHECK(worst <= EACH, "%s %s: %s %.2e", model, file, worst_name, worst);
	ril_st_free(st);
}

static void check_stepped(const struct ril_params *p, double lr)
{
	struct ril_st *st = open_case("ril.ril.stepped.safetensors"), *grads = open_case("ril.ril.grads.safetensors");
	double worst = 0;
	for (size_t i = 0; i < ril_st_count(st); i++) {
		const struct ril_st_entry *e = ril_st_at(st, i), *g = ril_st_find(grads, e->name);
		const struct ril_param *q = ril_params_find(p, e->name);
		double largest = 0;
		if (!q || q->offset < 0 || !g || e->dtype != RIL_F32)
			continue;
		for (int64_t k = 0; k < g->count; k++)
			largest = fmax(largest, fabs((double)((const float *)g->data)[k]));
		for (int64_t k = 0; k < g->count && largest > 1e-12; k++)
			if (fabs((double)((const float *)g->data)[k]) >= 1e-4 * largest)
				worst = fmax(worst, fabs((double)p->master[q->offset + k] -
							 (double)((const float *)e->data)[k]));
	}
	CHECK(worst <= .02 * lr, "%s: a stepped parameter is off by %.2e of a step", model, worst / lr);
	ril_st_free(st);
	ril_st_free(grads);
}

static struct ril_model *open_training(enum ril_head head, int parts)
{
	struct ril_model *m = ril_model_open(shared_path("."), head, 1, &err);
	CHECK(m, "%s", err.msg);
	CHECK(m && !ril_params_train(m->params, &(struct ril_training){.parts = parts, .keep_master = true}, &err),
	      "%s", err.msg);
	return m;
}

enum { VLM = RIL_PART_LLM | RIL_PART_PROJECTOR | RIL_PART_VISION };

static void check_objective(enum ril_objective o, const char *name)
{
	struct ril_optim_options how = {.lr = 1e-3,
					.beta1 = .9,
					.beta2 = .95,
					.eps = 1e-8,
					.weight_decay = .1,
					.decay_all = true,
					.clip_grad = 1};
	struct ril_model *m = open_training(RIL_HEAD_LM, VLM);
	if (!m)
		return;
	struct ril_optim *optim = ril_optim_new(m->params, &how, 0, &err);
	struct ril_update_options opt = {
		.objective = o, .loss = {.below = .2, .above = .2, .beta = .04}, .mu = 1, .pixels = true};
	struct ril_update *u = ril_update_new(m, m /* only its presence counts here */, optim, &opt, &err);
	struct ril_batch b = make_batch(1, true);
	struct ril_update_stats s;
	struct ril_st *ril = open_case("ril.safetensors");
	char file[64], what[64];
	CHECK(!ril_update_begin(u, &b, 1, &s, &err), "%s", err.msg);
	const float *old = field(ril, "logp.old", NULL), *ref = field(ril, "logp.ref", NULL),
		    *logp = field(ril, "logp.policy", NULL);
	const int32_t *start = ril_st_find(ril, "resp.start")->data;
	for (int64_t k = 0; k < u->work.R; k++)
		for (int64_t i = 0; i < u->work.response[k].len; i++) {
			u->host.old[u->work.response[k].token + i] = (double)old[start[u->work.response[k].index] + i];
			u->host.ref[u->work.response[k].token + i] = (double)ref[start[u->work.response[k].index] + i];
		}
	size_t bytes = (size_t)u->work.T * sizeof(double);
	ril_mirror_up(&u->store, u->host.old, bytes);
	ril_mirror_up(&u->store, u->host.ref, bytes);
	CHECK(!ril_update_gradient(u, false, &s, &err), "%s", err.msg);
	snprintf(what, sizeof what, "%s.loss", name);
	double want = (double)*field(ril, what, NULL), worst = 0;
	CHECK(fabs(s.loss - want) <= 2e-6 * (1 + fabs(want)), "%s %s: loss %.9g, not %.9g", model, name, s.loss, want);
	ril_mirror_down(&u->store, u->host.logp, bytes);
	for (int64_t k = 0; k < u->work.R; k++)
		for (int64_t i = 0; i < u->work.response[k].len; i++)
			worst = fmax(worst, fabs(u->host.logp[u->work.response[k].token + i] -
						 (double)logp[start[u->work.response[k].index] + i]));
	CHECK(worst <= LOGP, "%s %s: log-probs off by %.2e", model, name, worst);
	snprintf(file, sizeof file, "ril.%s.grads.safetensors", name);
	check_gradients(m->params, file);
	if (o == RIL_RIL) {
		CHECK(!ril_optim_step(optim, 1, &s.norm, &err), "%s", err.msg);
		check_stepped(m->params, how.lr);
	}
	ril_update_forget(u);
	ril_st_free(ril);
	ril_batch_free(&b);
	ril_update_free(u);
	ril_optim_free(optim);
	ril_model_free(m);
}

/* A learning rate of 0 leaves the weights and the gradients to look at. */
static void check_discriminator(void)
{
	struct ril_optim_options how = {.lr = 0, .beta1 = .9, .beta2 = .95, .eps = 1e-8};
	struct ril_model *m = open_training(RIL_HEAD_SCORE, VLM | RIL_PART_SCORE);
	if (!m)
		return;
	struct ril_st *ril = open_case("ril.safetensors");
	int64_t n;
	const float *w = field(ril, "disc.head.weight", &n), *z = field(ril, "disc.logit", NULL);
	for (int64_t i = 0; i < n; i++)
		m->params->master[m->score.w->offset + i] = (ril_real)w[i];
	CHECK(!ril_params_refresh(m->params, &err), "%s", err.msg);
	struct ril_optim *optim = ril_optim_new(m->params, &how, 0, &err);
	struct ril_disc *d = ril_disc_new(m, optim, NULL, &(struct ril_disc_options){.steps = 1, .pixels = true}, &err);
	struct ril_batch b = make_batch(1, true);
	struct ril_disc_stats s;
	CHECK(!ril_disc_batch(d, &b, 1, &s, &err), "%s", err.msg);
	CHECK(fabs(s.before.loss - (double)*field(ril, "disc.loss", NULL)) < 2e-6, "loss %.9g", s.before.loss);
	const struct ril_st_entry *got = ril_record_get(b.group[0], "disc.logit"),
				  *sim = ril_record_get(b.group[0], "reward.similarity");
	for (int64_t i = 0; got && i < got->count; i++) {
		CHECK(fabsf(((const float *)got->data)[i] - z[i]) < 1e-5f, "logit %lld", (long long)i);
		CHECK(((const float *)sim->data)[i] == (z[i] < 0), "similarity %lld", (long long)i);
	}
	check_gradients(m->params, "ril.disc.grads.safetensors");
	ril_st_free(ril);
	ril_batch_free(&b);
	ril_disc_free(d);
	ril_optim_free(optim);
	ril_model_free(m);
}

/* ---- sampling ---- */

static struct ril_batch answer(struct ril_model *m, struct ril_tokenizer *tok, const struct ril_rollout_options *how,
			       size_t n)
{
	struct ril_batch b = make_batch(n, false);
	struct ril_rollout *r = ril_rollout_new(m, tok, how, &err);
	struct ril_rollout_stats s = {0};
	CHECK(r && !ril_rollout_batch(r, &b, 1, 0, &s, &err), "%s: %s", model, err.msg);
	CHECK(s.responses == (int64_t)n * how->n, "%lld responses", (long long)s.responses);
	ril_rollout_free(r);
	return b;
}

static void check_sampler(void)
{
	struct ril_model *m = ril_model_open(shared_path("."), RIL_HEAD_LM, 0, &err);
	struct ril_tokenizer *tok = ril_tokenizer_load(shared_path("."), &err);
	CHECK(m && tok, "%s", err.msg);
	if (!m || !tok)
		return;
	struct ril_rollout_options how = {
		.sampling = {.temperature = .8, .top_p = 1}, .n = 3, .max_new_tokens = 12, .seed = 5};
	struct ril_batch three = answer(m, tok, &how, 3), one = answer(m, tok, &how, 1);
	const struct ril_st_entry *a = ril_record_get(three.group[0], "resp.ids"),
				  *b = ril_record_get(one.group[0], "resp.ids");
	CHECK(a->count == b->count && !memcmp(a->data, b->data, a->bytes), "the batch's size does not change the draw");
	b = ril_record_get(three.group[1], "resp.ids");
	CHECK(a->count != b->count || memcmp(a->data, b->data, a->bytes), "another question, another draw");

	/* The trainer's first pass on the sampler's own responses. */
	struct ril_optim_options still = {.lr = 0, .beta2 = .9, .eps = 1e-8};
	struct ril_model *t = open_training(RIL_HEAD_LM, RIL_PART_LLM);
	struct ril_optim *optim = ril_optim_new(t->params, &still, 0, &err);
	struct ril_update_options opt = {.objective = RIL_DR_GRPO,
					 .loss = {.below = .2, .above = .2},
					 .mu = 2,
					 .micro_batch = 2,
					 .record = true};
	struct ril_update *u = ril_update_new(t, NULL, optim, &opt, &err);
	struct ril_update_stats s;
	for (size_t i = 0; i < three.n; i++)
		ril_record_set(three.group[i], "reward.answer", RIL_F32, 1, (int64_t[]){3}, (float[]){1, 0, 0}, &err);
	CHECK(!ril_update_batch(u, &three, 1, &s, &err), "%s", err.msg);
	CHECK(s.compared == s.side[0].tokens && s.logp_diff_max <= 1e-4, "%s: |sampler - trainer| = %.2e", model,
	      s.logp_diff_max);
	CHECK(s.side[0].loss.clipped == 0 && s.N == 9 && s.zero_variance == 0, "nothing moved");
	CHECK(ril_record_need(three.group[2], "advantage", RIL_F32, 1, &err) &&
		      ril_record_need(three.group[2], "logp.old", RIL_F32, 1, &err),
	      "%s", err.msg);
	CHECK(ril_update_batch(u, &three, 2, &s, &err) && err.code == RIL_EFAIL && strstr(err.msg, "policy version"),
	      "%s", err.msg);
	ril_update_free(u);
	ril_optim_free(optim);
	ril_model_free(t);
	ril_batch_free(&three);
	ril_batch_free(&one);
	ril_tokenizer_free(tok);
	ril_model_free(m);
}

/* The gradient of a batch of three groups under other options, with a learning rate of 0. */
static ril_real *gradient(struct ril_update_options opt, struct ril_batch *b, struct ril_update_stats *s, int64_t *n)
{
	struct ril_optim_options still = {.lr = 0, .beta2 = .9, .eps = 1e-8};
	struct ril_model *m = open_training(RIL_HEAD_LM, RIL_PART_LLM);
	struct ril_optim *optim = ril_optim_new(m->params, &still, 0, &err);
	struct ril_update *u = ril_update_new(m, NULL, optim, &opt, &err);
	CHECK(!ril_update_batch(u, b, 1, s, &err), "%s", err.msg);
	*n = m->params->count;
	ril_real *g = malloc((size_t)*n * sizeof *g);
	memcpy(g, m->params->grad, (size_t)*n * sizeof *g);
	ril_update_free(u);
	ril_optim_free(optim);
	ril_model_free(m);
	return g;
}

static double distance(const ril_real *a, const ril_real *b, int64_t n)
{
	double d = 0, norm = 0;
	for (int64_t i = 0; i < n; i++) {
		d += pow((double)a[i] - (double)b[i], 2);
		norm += pow((double)b[i], 2);
	}
	return norm > 0 ? sqrt(d / norm) : sqrt(d);
}

/* Micro-batches add up to the batch; responses cut by length leave the loss but not its divisor. */
static void check_batches(void)
{
	struct ril_batch b = make_batch(3, true);
	struct ril_update_options opt = {.objective = RIL_RIL, .loss = {.below = .2, .above = .2}, .mu = 1};
	struct ril_update_stats whole, cut, masked;
	int64_t n;
	ril_real *g = gradient(opt, &b, &whole, &n);
	opt.micro_batch = 1;
	ril_real *h = gradient(opt, &b, &cut, &n);
	CHECK(distance(h, g, n) < 1e-5 && fabs(whole.loss - cut.loss) < 1e-7, "micro-batches: %.2e", distance(h, g, n));
	free(h);
	for (size_t i = 0; i < 3; i++) /* all but the first group: cut */
		if (i)
			ril_record_set(b.group[i], "resp.finish", RIL_I32, 1, (int64_t[]){6},
				       (int32_t[]){1, 1, 1, 1, 1, 1}, &err);
	opt.mask_truncated = true;
	h = gradient(opt, &b, &masked, &n);
	for (int64_t i = 0; i < n; i++)
		h[i] *= 3;
	CHECK(masked.N == whole.N && distance(h, g, n) < 1e-4, "a third of the gradient: %.2e", distance(h, g, n));
	free(g);
	free(h);
	ril_batch_free(&b);
}

/* Importance weights divide by the sampler's numbers: every student's token needs one. */
static void check_importance(void)
{
	static float logp[512];
	struct ril_optim_options still = {.lr = 0, .beta2 = .9, .eps = 1e-8};
	struct ril_update_options opt = {.objective = RIL_RIL, .loss = {.below = .2, .above = .2, .cap = 2}, .mu = 1};
	struct ril_model *m = open_training(RIL_HEAD_LM, RIL_PART_LLM);
	struct ril_optim *optim = ril_optim_new(m->params, &still, 0, &err);
	struct ril_update *u = ril_update_new(m, NULL, optim, &opt, &err);
	struct ril_batch b = make_batch(1, true);
	struct ril_update_stats s;
	int64_t n = ril_record_get(b.group[0], "resp.ids")->count;
	const int32_t *start = ril_record_get(b.group[0], "resp.start")->data;
	const int32_t *source = ril_record_get(b.group[0], "resp.source")->data;
	for (int64_t i = 0; i < n; i++)
		logp[i] = -100; /* at the cap, but for the teachers, who say nothing */
	for (int i = 0; i < 6; i++)
		for (int32_t t = start[i]; source[i] && t < start[i + 1]; t++)
			logp[t] = NAN;
	ril_record_set(b.group[0], "resp.logp", RIL_F32, 1, &n, logp, &err);
	CHECK(!ril_update_batch(u, &b, 1, &s, &err), "%s", err.msg);
	CHECK(s.importance == 2 && s.capped == 1 && s.compared == s.side[0].tokens && s.side[1].tokens > 0,
	      "%s: weights are %g", model, s.importance);
	for (int i = 0; i < 6; i++)
		if (!source[i])
			logp[start[i + 1] - 1] = NAN;
	ril_record_set(b.group[0], "resp.logp", RIL_F32, 1, &n, logp, &err);
	CHECK(ril_update_batch(u, &b, 1, &s, &err) && err.code == RIL_EFAIL && strstr(err.msg, "no importance weight"),
	      "%s", err.msg);
	ril_batch_free(&b);
	ril_update_free(u);
	ril_optim_free(optim);
	ril_model_free(m);
}

/* ---- a world of two: a second process that holds the same batch ---- */

static int twin_sum(const struct ril_world *w, double *x, size_t n, RIL_UNUSED struct ril_err *e)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= w->size;
	return 0;
}

static int twin_share(RIL_UNUSED const struct ril_world *w, const void *mine, size_t bytes, void *all,
		      RIL_UNUSED struct ril_err *e)
{
	memcpy(all, mine, bytes);
	memcpy((char *)all + bytes, mine, bytes);
	return 0;
}
static const struct ril_world twin = {.rank = 0, .size = 2, .sum = twin_sum, .share = twin_share};

/* Whether g is twice h: what each of the two processes adds to the gradient is half. */
static bool twice(const ril_real *g, const ril_real *h, int64_t n)
{
	double norm = 0, diff = 0;
	for (int64_t i = 0; i < n; i++) {
		norm += pow((double)g[i], 2);
		diff += pow((double)g[i] - 2 * (double)h[i], 2);
	}
	return norm > 0 && sqrt(diff / norm) < 1e-6;
}

/* That of a batch of so many groups, with a learning rate of 0. */
static ril_real *disc_gradient(struct ril_disc_options how, size_t groups, struct ril_disc_stats *s, int64_t *n)
{
	struct ril_optim_options still = {.lr = 0, .beta2 = .9, .eps = 1e-8};
	struct ril_model *m = open_training(RIL_HEAD_SCORE, RIL_PART_LLM | RIL_PART_SCORE);
	struct ril_optim *optim = ril_optim_new(m->params, &still, 0, &err);
	how.steps = 1;
	struct ril_disc *d = ril_disc_new(m, optim, NULL, &how, &err);
	struct ril_batch b = make_batch(groups, true);
	CHECK(!ril_disc_batch(d, &b, 1, s, &err), "%s", err.msg);
	*n = m->params->count;
	ril_real *g = malloc((size_t)*n * sizeof *g);
	test_down(g, m->params->grad, (size_t)*n * sizeof *g);
	ril_batch_free(&b);
	ril_disc_free(d);
	ril_optim_free(optim);
	ril_model_free(m);
	return g;
}

static void check_world(void)
{
	static const enum ril_objective objective[] = {RIL_RIL, RIL_GRPO, RIL_DAPO, RIL_GSPO, RIL_REINFORCE};
	struct ril_batch b = make_batch(2, true);
	int64_t n;
	for (size_t i = 0; i < sizeof objective / sizeof *objective; i++) {
		struct ril_update_options opt = {
			.objective = objective[i], .loss = {.below = .2, .above = .2}, .mu = 1};
		struct ril_update_stats one, two;
		ril_real *g = gradient(opt, &b, &one, &n);
		opt.world = &twin;
		ril_real *h = gradient(opt, &b, &two, &n);
		CHECK(two.N == 2 * one.N && twice(g, h, n), "%s: the policy's divisor is not the world's", model);
		CHECK(fabs(two.loss - one.loss) < 1e-12 && two.side[0].loss.tokens == 2 * one.side[0].loss.tokens,
		      "loss %.9g, %.9g", one.loss, two.loss);
		free(g);
		free(h);
	}
	struct ril_disc_stats one, two;
	const struct ril_disc_options alone = {.r1 = 3, .sigma = .3}, among = {.r1 = 3, .sigma = .3, .world = &twin};
	ril_real *g = disc_gradient(alone, 1, &one, &n), *h = disc_gradient(among, 1, &two, &n);
	CHECK(twice(g, h, n), "%s: the discriminator's means are not the world's", model);
	CHECK(fabs(two.before.loss - one.before.loss) < 1e-12 && two.after.n[1] == 2 * one.after.n[1] &&
		      fabs(two.logit[0] - one.logit[0]) < 1e-12 && fabs(two.logit[1] - one.logit[1]) < 1e-12 &&
		      one.r1 > 0 && fabs(two.r1 - one.r1) < 1e-12 * one.r1,
	      "loss %.9g, %.9g", one.before.loss, two.before.loss);
	free(g);
	free(h);
	ril_batch_free(&b);
}

/* R1 is a term of its own: its gradient is as large as its weight, whatever the loss beside it and however the batch is cut. */
static void check_penalty(void)
{
	struct ril_disc_options how = {.sigma = .2, .seed = 4};
	struct ril_disc_stats s[4];
	ril_real *g[4];
	int64_t n;
	for (int i = 0; i < 2; i++) { /* the losses */
		how.loss = (enum ril_disc_loss)i;
		for (int k = 0; k < 4; k++) { /* without, once, twice, and that in parts */
			how.r1 = 5 * (k < 3 ? k : 2);
			how.micro_batch = k == 3;
			g[k] = disc_gradient(how, 3, &s[k], &n);
		}
		CHECK(distance(g[3], g[2], n) < 1e-5 && fabs(s[3].r1 - s[2].r1) < 1e-5 * s[2].r1, "parts: %.2e",
		      distance(g[3], g[2], n));
		CHECK(isnan(s[0].r1) && s[1].r1 > 0 && s[1].r1 == s[2].r1 && s[1].before.loss == s[2].before.loss,
		      "%g and %g", s[1].r1, s[2].r1);
		CHECK(fabs(s[1].before.loss - s[0].before.loss) < 1e-6, "the loss beside it: %.9g, %.9g",
		      s[1].before.loss, s[0].before.loss);
		for (int64_t k = 0; k < n; k++) {
			g[1][k] -= g[0][k];
			g[2][k] -= g[0][k];
		}
		CHECK(twice(g[2], g[1], n), "%s: the penalty's gradient is not as its weight", model);
		for (int k = 0; k < 4; k++)
			free(g[k]);
	}
	how = (struct ril_disc_options){.r1 = 1, .sigma = 1e-3, .seed = 4};
	free(disc_gradient(how, 3, &s[0], &n));
	how.sigma *= 2;
	free(disc_gradient(how, 3, &s[1], &n));
	how.seed++;
	free(disc_gradient(how, 3, &s[2], &n));
	CHECK(fabs(s[1].r1 / s[0].r1 - 4) < .1, "%s: twice the noise moves logits %g times as far, squared", model,
	      s[1].r1 / s[0].r1);
	CHECK(s[2].r1 != s[1].r1, "another seed, other noise");
}

static void check_greedy(void)
{
	struct ril_model *m = ril_model_open(shared_path("."), RIL_HEAD_LM, 0, &err);
	struct ril_tokenizer *tok = ril_tokenizer_load(shared_path("."), &err);
	if (!m || !tok)
		return;
	struct ril_rollout_options how = {
		.sampling = {.temperature = 1, .top_p = 1, .greedy = true}, .n = 1, .max_new_tokens = 16};
	struct ril_st *st = open_case("one.safetensors");
	struct ril_batch b = make_batch(1, false);
	copy(b.group[0], st, "prompt_ids", "prompt.ids");
	struct ril_rollout *r = ril_rollout_new(m, tok, &how, &err);
	struct ril_rollout_stats s = {0};
	CHECK(!ril_rollout_batch(r, &b, 1, 0, &s, &err), "%s", err.msg);
	const struct ril_st_entry *got = ril_record_get(b.group[0], "resp.ids"), *want = ril_st_find(st, "greedy_ids");
	const float *margin = field(st, "greedy_margin", NULL);
	for (int64_t i = 0; i < want->count && margin[i] > 1e-3f; i++)
		CHECK(i < got->count && ((const int32_t *)got->data)[i] == ((const int32_t *)want->data)[i],
		      "%s: greedy id %lld", model, (long long)i);
	CHECK(ril_record_meta(b.group[0], "truncated_sampling"), "marked as truncated");
	ril_rollout_free(r);
	ril_batch_free(&b);
	ril_st_free(st);
	ril_tokenizer_free(tok);
	ril_model_free(m);
}

int main(void)
{
	static const char *const models[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b"};
	for (size_t i = 0; i < 4; i++) {
		model = models[i];
		if (!shared_path("cases/ril.safetensors")) {
			SKIP("%s", model);
			continue;
		}
		check_objective(RIL_RIL, "ril");
		check_objective(RIL_DR_GRPO, "dr-grpo");
		check_objective(RIL_GRPO, "grpo");
		check_discriminator();
		check_sampler();
		check_greedy();
		check_batches();
		check_importance();
		check_world();
		check_penalty();
	}
	TEST_END();
}
