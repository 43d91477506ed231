/* adapter.c -- adapters as parameters of a model's table: found in PEFT's file or made anew, read again, added to W; see
 * adapter.h. */
#include "nn/adapter.h"

#include "base/rng.h"
#include "nn/params_internal.h"
#include "ops/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PEFT "base_model.model."

enum { NAME = 512 };

/* ---- where they come from ---- */

static bool is_target(const struct ril_lora_spec *s, const char *module)
{
	const char *dot = strrchr(module, '.'), *last = dot ? dot + 1 : module;
	size_t n = strlen(last);
	if (!strcmp(s->targets, "all"))
		return true;
	for (const char *t = s->targets; *t; t += strcspn(t, "+"), t += *t == '+')
		if (strcspn(t, "+") == n && !strncmp(t, last, n))
			return true;
	return false;
}

/* The values of a fresh A; B's are zeros. */
static void draw(float *x, int64_t n, int64_t in, uint32_t seed, const char *name)
{
	double bound = 1 / sqrt((double)in);
	struct ril_rng_at at = {.question = ril_hash32(name, strlen(name))};
	for (int64_t i = 0; i < n; i++) {
		at.position = (uint32_t)i;
		at.response = (uint32_t)(i >> 32);
		x[i] = (float)(bound * (2 * ril_rng_uniform(seed, RIL_RNG_INIT, at) - 1));
	}
}

/* What the adapters' file holds, or will. */
static struct ril_param *append(struct ril_params *ps, const char *name, int ndim, const int64_t *dim,
				enum ril_dtype dtype, const void *stored, struct ril_err *err)
{
	struct ril_param *p = ril_params_append(ps, name, ndim, dim, err);
	if (!p)
		return NULL;
	p->dtype = dtype;
	p->stored = stored;
	p->shard = -1;
	p->w = ril_param_matrix(p);
	return p;
}

static struct ril_param *append_entry(struct ril_params *ps, const struct ril_st_entry *e, struct ril_err *err)
{
	ps->adapters->read++;
	return append(ps, e->name, e->ndim, e->dim, e->dtype, e->data, err);
}

/* One of the two matrices [rows, cols]. */
static struct ril_param *matrix(struct ril_params *ps, const struct ril_param *w, const char *name,
				const int64_t dim[2], bool draws, struct ril_err *err)
{
	const struct ril_adapters *a = ps->adapters;
	const struct ril_st_entry *e = a->from ? ril_folder_find(a->from, name) : NULL;
	struct ril_param *p;
	if (a->from && !e)
		return ril_fail(err, RIL_ECORRUPT, "adapters of '%s': tensor '%s' is missing", w->name, name), NULL;
	if (e) {
		p = append_entry(ps, e, err);
	} else {
		size_t n = (size_t)(dim[0] * dim[1]);
		float *x = ps->store->draft ? NULL : ril_arena_alloc(ps->store->entries, n, sizeof *x, err);
		if (!x && !ps->store->draft)
			return NULL;
		if (x && draws)
			draw(x, (int64_t)n, dim[1], a->how.seed, name);
		else if (x)
			memset(x, 0, n * sizeof *x);
		p = append(ps, name, 2, dim, RIL_F32, x, err);
	}
	if (!p || ril_param_check(ps, p, 2, dim, err))
		return NULL;
	p->part = w->part;
	p->order = w->order;
	p->adapter = p->hidden = true;
	return p;
}

/* The name that the layer has in the adapters' file, or would have; NULL: it has no adapter. */
static const char *module_of(const struct ril_adapters *a, const struct ril_param *w, const char *const *modules)
{
	char name[NAME];
	if (!a->from)
		return w->part & a->how.parts && is_target(&a->how, modules[0]) ? modules[0] : NULL;
	for (; *modules; modules++) {
		snprintf(name, sizeof name, PEFT "%s.lora_A.weight", *modules);
		if (ril_folder_find(a->from, name))
			return *modules;
	}
	return NULL;
}

int ril_adapters_bind(struct ril_params *ps, struct ril_param *w, const char *const *modules, struct ril_lora **lora,
		      struct ril_err *err)
{
	struct ril_adapters *a = ps->adapters;
	const char *module = module_of(a, w, modules);
	int64_t out = w->dim[0], in = w->count / w->dim[0];
	char name[NAME];
	if (!module)
		return 0;
	struct ril_lora *l = ril_arena_alloc(ps->store->entries, 1, sizeof *l, err);
	char *copy = l ? ril_arena_alloc(ps->store->entries, strlen(module) + 1, 1, err) : NULL;
	if (!copy || ril_grow(&a->at, &a->cap, a->n + 1, sizeof(struct ril_lora *), err))
		return -1;
	memcpy(copy, module, strlen(module) + 1);
	double r = (double)a->rank;
	*l = (struct ril_lora){.w = w, .module = copy, .scale = a->alpha / (a->rslora ? sqrt(r) : r)};
	l->dropout = a->dropout;
	l->name = ril_hash32(copy, strlen(copy));
	snprintf(name, sizeof name, PEFT "%s.lora_A.weight", module);
	l->a.w = matrix(ps, w, name, (int64_t[]){a->rank, in}, true, err);
	snprintf(name, sizeof name, PEFT "%s.lora_B.weight", module);
	l->b.w = l->a.w ? matrix(ps, w, name, (int64_t[]){out, a->rank}, false, err) : NULL;
	if (!l->b.w)
		return -1;
	a->at[a->n++] = *lora = l;
	return 0;
}

struct ril_param *ril_adapters_take(struct ril_params *ps, const char *name, struct ril_err *err)
{
	const struct ril_folder *from = ps->adapters->from;
	const struct ril_st_entry *e = from ? ril_folder_find(from, name) : NULL;
	return e ? append_entry(ps, e, err) : NULL;
}

int ril_adapters_check(const struct ril_params *ps, struct ril_err *err)
{
	const struct ril_adapters *a = ps->adapters;
	size_t all = a->from ? ril_folder_count(a->from) : 0;
	if (a->read == all)
		return a->n ? 0 : ril_fail(err, RIL_EFAIL, "adapters: no layer is called '%s'", a->how.targets);
	for (size_t i = 0; i < all; i++) {
		const char *name = ril_folder_at(a->from, i)->name;
		if (!ril_params_find(ps, name))
			return ril_fail(err, RIL_ECORRUPT, "adapters of %s: tensor '%s' belongs to none of its layers",
					a->base, name);
	}
	return 0;
}

int ril_adapters_reload(struct ril_params *ps, const char *dir, struct ril_err *err)
{
	struct ril_folder *f = ril_folder_open(dir, err);
	if (!f)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < ps->n && !rc; i++) {
		struct ril_param *p = ps->at[i];
		const struct ril_st_entry *e = p->shard < 0 ? ril_folder_find(f, p->name) : NULL;
		if (p->shard >= 0)
			continue;
		if (!e || e->dtype != p->dtype || e->count != p->count)
			rc = ril_fail(err, RIL_EFAIL, "%s: tensor '%s' is not the one of before", dir, p->name);
		else if (ril_param_read_by_passes(ps, p)) {
			p->stored = e->data;
			rc = ril_param_bring(ps, p, err);
		}
	}
	if (!rc)
		rc = ril_ops()->sync(err);
	if (rc)
		return ril_folder_free(f), -1;
	ril_folder_free(ps->adapters->from);
	ps->adapters->from = f;
	return 0;
}

/* ---- W + s B A ---- */

static const struct ril_lora *lora_of(const struct ril_adapters *a, const struct ril_param *w)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->at[i]->w == w)
			return a->at[i];
	return NULL;
}

static void stored_f32(float *out, const struct ril_param *p, int64_t at, int64_t n)
{
	size_t size = ril_dtype_size(p->dtype);
	ril_to_f32(out, (const char *)p->stored + (size_t)at * size, p->dtype, (size_t)n);
}

/* W and s B A of one row, from column `from` on. */
static void merge_row(const struct ril_lora *l, int64_t row, int64_t from, int64_t n, const float *a, float *b,
		      float *sum, float *w)
{
	int64_t in = l->w->w.cols, rank = l->a.w->w.rows;
	stored_f32(b, l->b.w, row * rank, rank);
	stored_f32(w, l->w, row * in + from, n);
	memset(sum, 0, (size_t)n * sizeof *sum);
	for (int64_t r = 0; r < rank; r++)
		for (int64_t k = 0; k < n; k++)
			sum[k] += b[r] * a[r * in + from + k];
	for (int64_t k = 0; k < n; k++)
		w[k] += (float)l->scale * sum[k];
}

int ril_adapters_merged(const struct ril_params *ps, const struct ril_param *w, void *out, int64_t at, int64_t n,
			struct ril_err *err)
{
	const struct ril_lora *l = lora_of(ps->adapters, w);
	size_t size = ril_dtype_size(w->dtype);
	if (!l) {
		memcpy(out, (const char *)w->stored + (size_t)at * size, (size_t)n * size);
		return 0;
	}
	int64_t in = w->w.cols, rank = ps->adapters->rank;
	float *a = ril_new((size_t)(rank * in + rank + 2 * in), sizeof *a, err);
	if (!a)
		return -1;
	float *b = a + rank * in, *sum = b + rank, *row = sum + in;
	stored_f32(a, l->a.w, 0, rank * in);
	for (int64_t i = at, m; i < at + n; i += m) {
		m = in - i % in < at + n - i ? in - i % in : at + n - i;
		merge_row(l, i / in, i % in, m, a, b, sum, row);
		ril_from_f32((char *)out + (size_t)(i - at) * size, w->dtype, row, (size_t)m);
	}
	free(a);
	return 0;
}
