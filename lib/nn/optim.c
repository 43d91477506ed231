/* optim.c -- AdamW, schedule, state; see optim.h. */
#include "nn/optim.h"

#include "base/rng.h"
#include "ops/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const schedules[] = {[RIL_CONSTANT] = "constant", [RIL_LINEAR] = "linear", [RIL_COSINE] = "cosine"};

enum ril_lr_schedule ril_lr_schedule_parse(const char *name)
{
	for (int i = 1; i < 3; i++)
		if (!strcmp(schedules[i], name))
			return (enum ril_lr_schedule)i;
	return RIL_CONSTANT;
}

int ril_parts_parse(const char *list, int *parts, struct ril_err *err)
{
	static const struct {
		const char *name;
		enum ril_part part;
	} known[] = {
		{"llm", RIL_PART_LLM},
		{"projector", RIL_PART_PROJECTOR},
		{"vision", RIL_PART_VISION},
	};
	*parts = 0;
	for (const char *s = list; *s;) {
		size_t n = strcspn(s, ","), i = 0;
		while (i < 3 && (strlen(known[i].name) != n || memcmp(known[i].name, s, n)))
			i++;
		if (i == 3)
			return ril_fail(err, RIL_EUSAGE, "--train: '%.*s' is not one of llm, projector, vision", (int)n,
					s);
		*parts |= known[i].part;
		s += n + (s[n] == ',');
	}
	return *parts ? 0 : ril_fail(err, RIL_EUSAGE, "--train: nothing to train");
}

double ril_learning_rate(const struct ril_optim_options *o, int64_t t)
{
	if (t <= o->warmup)
		return o->lr * (double)t / (double)o->warmup;
	if (o->schedule == RIL_CONSTANT)
		return o->lr;
	double x = o->total > o->warmup ? (double)(t - o->warmup) / (double)(o->total - o->warmup) : 1;
	x = x < 1 ? x : 1;
	double share = o->schedule == RIL_LINEAR ? 1 - x : .5 + .5 * cos(3.14159265358979323846 * x);
	return o->lr * (o->min_lr_ratio + (1 - o->min_lr_ratio) * share);
}

struct ril_optim *ril_optim_new(struct ril_params *p, const struct ril_optim_options *how, uint32_t seed,
				struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct ril_optim *o = ril_new(1, sizeof *o, err);
	size_t bytes;
	if (!o)
		return NULL;
	*o = (struct ril_optim){.params = p, .how = *how, .seed = seed};
	if (!ril_mul(&bytes, (size_t)p->count, sizeof *o->m) || !(o->m = ops->get(bytes)) ||
	    !(o->v = ops->get(bytes))) {
		ril_fail(err, RIL_EFAIL, "out of memory for the moments of %lld parameters", (long long)p->count);
		ril_optim_free(o);
		return NULL;
	}
	ops->zero(o->m, bytes);
	ops->zero(o->v, bytes);
	return o;
}

void ril_optim_free(struct ril_optim *o)
{
	if (!o)
		return;
	ril_ops()->put(o->m);
	ril_ops()->put(o->v);
	free(o);
}

/* ---- stochastic rounding ---- */

static float widen16(enum ril_dtype t, uint16_t h)
{
	return t == RIL_BF16 ? ril_bf16_f32(h) : ril_f16_f32(h);
}

/* x as a 16-bit float: one of its two neighbours, the nearer one more often, by u in [0,1). */
static uint16_t round16(enum ril_dtype t, float x, double u)
{
	uint16_t near = t == RIL_BF16 ? ril_f32_bf16(x) : ril_f32_f16(x), other;
	float y = widen16(t, near);
	if (y == x || !isfinite(y))
		return near;
	bool away = fabsf(x) > fabsf(y); /* the other neighbour is the larger in magnitude */
	if (away)
		other = near + 1;
	else
		other = near & 0x7fff ? near - 1 : near ^ 0x8000;
	double gap = fabs((double)widen16(t, other) - (double)y);
	return u < fabs((double)x - (double)y) / gap ? other : near;
}

static void round_all(const struct ril_optim *o, const struct ril_param *p, void *out, const ril_real *x)
{
	if (ril_dtype_size(p->dtype) != 2) {
#ifdef RIL_REAL_IS_DOUBLE
		ril_from_f64(out, p->dtype, x, (size_t)p->count);
#else
		ril_from_f32(out, p->dtype, x, (size_t)p->count);
#endif
		return;
	}
	uint32_t name = ril_hash32(p->name, strlen(p->name));
	for (int64_t i = 0; i < p->count; i++) {
		struct ril_rng_at at = {(uint32_t)o->steps, name, (uint32_t)(i >> 32), (uint32_t)i};
		((uint16_t *)out)[i] = round16(p->dtype, (float)x[i], ril_rng_uniform(o->seed, RIL_RNG_ROUND, at));
	}
}

/* A step on the published weights themselves. */
static int step_rounding(struct ril_optim *o, struct ril_adamw a, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	int64_t most = 0;
	for (size_t i = 0; i < o->params->n; i++)
		if (o->params->at[i].offset >= 0 && o->params->at[i].count > most)
			most = o->params->at[i].count;
	size_t bytes = (size_t)most * sizeof(ril_real);
	ril_real *host = ril_new((size_t)most, sizeof *host, err), *device = ops->get(bytes);
	void *packed = ril_new((size_t)most, 8, err);
	int rc = host && packed && device ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
	for (size_t i = 0; i < o->params->n && !rc; i++) {
		struct ril_param *p = &o->params->at[i];
		if (p->offset < 0)
			continue;
		rc = ril_params_read(o->params, p, host, err);
		if (rc)
			break;
		ops->to_device(device, host, (size_t)p->count * sizeof *host);
		ops->adamw(device, o->m + p->offset, o->v + p->offset, o->params->grad + p->offset, p->count, a);
		ops->to_host(host, device, (size_t)p->count * sizeof *host);
		round_all(o, p, packed, host);
		ops->to_device(p->w.p, packed, (size_t)p->count * ril_dtype_size(p->w.type));
	}
	free(host);
	free(packed);
	ops->put(device);
	return rc;
}

int ril_optim_step(struct ril_optim *o, int64_t t, double *norm, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct ril_params *p = o->params;
	*norm = sqrt(ops->sum_squares(p->grad, p->count));
	if (ops->sync(err))
		return -1;
	if (!isfinite(*norm))
		return ril_fail(err, RIL_ENONFINITE, "the gradient's norm is not finite");
	double clip = o->how.clip_grad > 0 ? o->how.clip_grad / (*norm + 1e-6) : 1;
	o->steps++;
	struct ril_adamw a = {.lr = ril_learning_rate(&o->how, t),
			      .beta1 = o->how.beta1,
			      .beta2 = o->how.beta2,
			      .eps = o->how.eps,
			      .weight_decay = o->how.weight_decay,
			      .grad_scale = clip < 1 ? clip : 1,
			      .step = o->steps};
	if (p->master)
		ops->adamw(p->master, o->m, o->v, p->grad, p->count, a);
	else if (step_rounding(o, a, err))
		return -1;
	return ril_params_refresh(p, err);
}

/* ---- state ---- */

enum { BLOCKS = 3 };
static const char *const block_names[BLOCKS] = {"master", "m", "v"};

/* The blocks that exist, masters first. */
static int blocks(const struct ril_optim *o, ril_real *block[BLOCKS])
{
	block[0] = o->params->master;
	block[1] = o->m;
	block[2] = o->v;
	return o->params->master ? 0 : 1;
}

int ril_optim_save(const struct ril_optim *o, int64_t step, const char *path, const char *settings, struct ril_err *err)
{
	ril_real *block[BLOCKS], *host = NULL;
	int first = blocks(o, block), rc = -1;
	size_t trained = 0, n = 0, count = (size_t)o->params->count;
	char text[2][24];
	for (size_t i = 0; i < o->params->n; i++)
		trained += o->params->at[i].offset >= 0;
	struct ril_st_entry *e = ril_new(trained * BLOCKS, sizeof *e, err);
	struct ril_buf names = {0};
	size_t *name_at = ril_new(trained * BLOCKS, sizeof *name_at, err);
	if (!e || !name_at || !(host = ril_new(count * BLOCKS, sizeof *host, err)))
		goto out;
	for (int b = first; b < BLOCKS; b++) {
		ril_ops()->to_host(host + (size_t)b * count, block[b], count * sizeof *host);
		for (size_t i = 0; i < o->params->n; i++) {
			const struct ril_param *p = &o->params->at[i];
			if (p->offset < 0)
				continue;
			e[n] = (struct ril_st_entry){.dtype = RIL_REAL,
						     .ndim = p->ndim,
						     .count = p->count,
						     .data = host + (size_t)b * count + p->offset,
						     .bytes = (size_t)p->count * sizeof *host};
			memcpy(e[n].dim, p->dim, sizeof e[n].dim);
			name_at[n++] = names.len;
			if (ril_buf_printf(&names, err, "%s/%s", block_names[b], p->name) ||
			    ril_buf_add(&names, "", 1, err))
				goto out;
		}
	}
	for (size_t i = 0; i < n; i++)
		e[i].name = names.data + name_at[i];
	snprintf(text[0], sizeof text[0], "%lld", (long long)step);
	snprintf(text[1], sizeof text[1], "%lld", (long long)o->steps);
	const char *meta[] = {
		"ril", "state 1", "step", text[0], "optimiser_steps", text[1], "settings", settings ? settings : "",
		NULL};
	rc = ril_st_write(path, e, n, meta, true, err);
out:
	free(e);
	free(name_at);
	free(host);
	ril_buf_free(&names);
	return rc;
}

static int load_block(const struct ril_optim *o, const struct ril_st *st, const char *name, ril_real *to,
		      struct ril_err *err)
{
	for (size_t i = 0; i < o->params->n; i++) {
		const struct ril_param *p = &o->params->at[i];
		char full[512];
		if (p->offset < 0)
			continue;
		snprintf(full, sizeof full, "%s/%s", name, p->name);
		const struct ril_st_entry *e = ril_st_find(st, full);
		if (!e || e->dtype != RIL_REAL || e->count != p->count)
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s': %s", full,
					e ? "wrong type or size" : "missing");
		ril_ops()->to_device(to + p->offset, e->data, e->bytes);
	}
	return 0;
}

int ril_optim_load(struct ril_optim *o, int64_t step, const char *path, struct ril_err *err)
{
	ril_real *block[BLOCKS];
	int first = blocks(o, block), rc = 0;
	struct ril_st *st = ril_st_open(path, err);
	if (!st)
		return -1;
	const char *at = ril_st_meta(st, "step"), *steps = ril_st_meta(st, "optimiser_steps");
	if (!at || !steps || strtoll(at, NULL, 10) != step)
		rc = ril_fail(err, RIL_ECORRUPT, "%s: state of step %s, not %lld", path, at ? at : "?",
			      (long long)step);
	for (int b = first; b < BLOCKS && !rc; b++)
		if ((rc = load_block(o, st, block_names[b], block[b], err)))
			ril_context(err, "%s", path);
	if (!rc)
		o->steps = strtoll(steps, NULL, 10);
	ril_st_free(st);
	return rc ? -1 : ril_params_refresh(o->params, err);
}
