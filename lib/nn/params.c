/* params.c -- the parameter table: names, shapes, what an architecture asks for; see params.h. */
#include "nn/params_internal.h"
#include "nn/adapter.h"
#include "ops/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- the table ---- */

static struct ril_params *new_table(const char *dir, struct ril_err *err)
{
	struct ril_params *ps = ril_new(1, sizeof *ps, err);
	struct ril_params_store *st = ps ? ril_new(1, sizeof *st, err) : NULL;
	if (!st) {
		free(ps);
		return NULL;
	}
	ps->store = st;
	ps->compute = ril_compute();
	ps->reads = RIL_PARTS_ALL;
	ps->dir = ril_strdup(dir, err);
	st->entries = ril_arena_new(NULL, err);
	if (!ps->dir || !st->entries) {
		ril_params_free(ps);
		return NULL;
	}
	return ps;
}

void ril_params_free(struct ril_params *ps)
{
	if (!ps)
		return;
	struct ril_params_store *st = ps->store;
	const struct ril_ops *ops = ril_ops();
	ril_params_return(ps);
	for (size_t i = 0; i < ps->n; i++)
		ops->put(ps->at[i]->copy);
	for (int r = 0; r < ps->runs; r++) {
		const struct ril_run *run = &ps->run[r];
		if (!run->is_master && run->published)
			ops->put((char *)run->published + (size_t)run->kept.from * ril_dtype_size(run->type));
	}
	ops->put(ps->master);
	ops->put(ps->grad);
	ops->put(st->vecs);
	ril_folder_free(st->folder);
	ril_adapters_free(ps->adapters);
	ril_arena_free(st->entries);
	free(st->sorted);
	free(st);
	free(ps->at);
	free(ps->dir);
	free(ps);
}

/* A new entry at the table's end, zeroed but for its offset; the table counts it only once its maker does. */
static struct ril_param *new_entry(struct ril_params *ps, struct ril_err *err)
{
	struct ril_params_store *st = ps->store;
	if (ril_grow(&ps->at, &st->cap, ps->n + 1, sizeof(struct ril_param *), err) ||
	    ril_grow(&st->sorted, &st->cap_sorted, ps->n + 1, sizeof(struct ril_param *), err))
		return NULL;
	struct ril_param *p = ps->at[ps->n] = ril_arena_alloc(st->entries, 1, sizeof *p, err);
	if (p)
		*p = (struct ril_param){.offset = -1};
	return p;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct ril_param *const *)a)->name, (*(struct ril_param *const *)b)->name);
}

static void sort_table(struct ril_params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		ps->store->sorted[i] = ps->at[i];
	qsort(ps->store->sorted, ps->n, sizeof *ps->store->sorted, by_name);
	ps->store->is_sorted = true;
}

/* Rows and columns of a parameter read as a matrix: [out, everything else]; a [1, 1, C] token is one row. */
struct ril_mat ril_param_matrix(const struct ril_param *p)
{
	int64_t rows = p->ndim ? p->dim[0] : 1;
	return ril_mat_of(p->stored, p->dtype, rows, rows ? p->count / rows : 0);
}

static int take_entry(struct ril_params *ps, const struct ril_st_entry *e, int shard, struct ril_err *err)
{
	struct ril_param *p = new_entry(ps, err);
	if (!p)
		return -1;
	p->name = e->name;
	p->dtype = e->dtype;
	p->ndim = e->ndim;
	p->count = e->count;
	p->shard = shard;
	p->stored = e->data;
	memcpy(p->dim, e->dim, sizeof p->dim);
	p->w = ril_param_matrix(p);
	ps->n++;
	return 0;
}

struct ril_params *ril_params_open(const char *dir, struct ril_err *err)
{
	struct ril_folder *f = ril_folder_open(dir, err);
	struct ril_params *ps = f ? new_table(dir, err) : NULL;
	if (!ps) {
		ril_folder_free(f);
		return NULL;
	}
	ps->store->folder = f;
	for (size_t i = 0; i < ril_folder_files(f); i++) {
		const struct ril_st *st = ril_folder_file(f, i);
		for (size_t j = 0; j < ril_st_count(st); j++) {
			if (take_entry(ps, ril_st_at(st, j), (int)i, err)) {
				ril_params_free(ps);
				return NULL;
			}
		}
	}
	sort_table(ps);
	return ps;
}

static struct ril_params *draft(const char *dir, enum ril_dtype dtype, struct ril_err *err)
{
	struct ril_params *ps = new_table(dir, err);
	if (ps) {
		ps->store->draft = true;
		ps->store->dtype = dtype;
	}
	return ps;
}

struct ril_params *ril_params_draft(struct ril_err *err)
{
	return draft("", RIL_F32, err);
}

struct ril_params *ril_params_sketch(const char *dir, enum ril_dtype otherwise, struct ril_err *err)
{
	struct ril_err none = {0};
	struct ril_params *ps = ril_params_open(dir, &none);
	if (!ps && none.code != RIL_EFAIL)
		return ril_fail(err, none.code, "%s", none.msg), NULL;
	return ps ? ps : draft(dir, otherwise, err);
}

const struct ril_folder *ril_params_folder(const struct ril_params *ps)
{
	return ps->store->folder;
}

struct ril_param *ril_params_find(const struct ril_params *ps, const char *name)
{
	if (!ps->store->is_sorted) {
		for (size_t i = 0; i < ps->n; i++)
			if (!strcmp(ps->at[i]->name, name))
				return ps->at[i];
		return NULL;
	}
	struct ril_param key = {.name = name}, *k = &key, **at;
	at = bsearch(&k, ps->store->sorted, ps->n, sizeof *ps->store->sorted, by_name);
	return at ? *at : NULL;
}

int64_t ril_params_elements(const struct ril_params *ps)
{
	int64_t n = 0;
	for (size_t i = 0; i < ps->n; i++)
		n += ps->at[i]->count;
	return n;
}

/* ---- what an architecture asks for ---- */

static void shape_text(char *out, size_t n, int ndim, const int64_t *dim)
{
	size_t at = 0;
	at += (size_t)snprintf(out, n, "[");
	for (int i = 0; i < ndim && at < n; i++)
		at += (size_t)snprintf(out + at, n - at, dim[i] < 0 ? "%s*" : "%s%lld", i ? ", " : "",
				       (long long)dim[i]);
	if (at < n)
		snprintf(out + at, n - at, "]");
}

struct ril_param *ril_params_append(struct ril_params *ps, const char *name, int ndim, const int64_t *dim,
				    struct ril_err *err)
{
	size_t len = strlen(name) + 1;
	char *copy = ril_arena_alloc(ps->store->entries, len, 1, err);
	struct ril_param *p = copy ? new_entry(ps, err) : NULL;
	if (!p)
		return NULL;
	memcpy(copy, name, len);
	p->name = copy;
	p->dtype = ps->store->draft ? ps->store->dtype : RIL_F32;
	p->ndim = ndim;
	p->count = 1;
	for (int i = 0; i < ndim; i++) {
		p->dim[i] = dim[i];
		if (dim[i] < 0 || __builtin_mul_overflow(p->count, dim[i], &p->count))
			return ril_fail(err, RIL_EFAIL, "tensor '%s': absurd shape", name), NULL;
	}
	p->w = ril_param_matrix(p);
	ps->n++;
	ps->store->is_sorted = false;
	return p;
}

int ril_param_check(const struct ril_params *ps, const struct ril_param *p, int ndim, const int64_t *dim,
		    struct ril_err *err)
{
	bool same = p->ndim == ndim;
	for (int i = 0; same && i < ndim; i++)
		same = dim[i] < 0 || dim[i] == p->dim[i];
	if (!same) {
		char have[160], want[160];
		shape_text(have, sizeof have, p->ndim, p->dim);
		shape_text(want, sizeof want, ndim, dim);
		return ril_fail(err, RIL_ECORRUPT, "%s: tensor '%s' has shape %s, config.json asks for %s", ps->dir,
				p->name, have, want);
	}
	if (p->dtype != RIL_F32 && p->dtype != RIL_BF16 && p->dtype != RIL_F16 && p->dtype != RIL_REAL)
		return ril_fail(err, RIL_ECORRUPT, "%s: tensor '%s' has type %s; F32, BF16 and F16 are supported",
				ps->dir, p->name, ril_dtype_name(p->dtype));
	return 0;
}

struct ril_param *ril_params_need(struct ril_params *ps, enum ril_part part, bool is_vec, const char *name, int ndim,
				  const int64_t *dim, struct ril_err *err)
{
	struct ril_param *p = ril_params_find(ps, name);
	if (!p && ps->store->draft)
		p = ril_params_append(ps, name, ndim, dim, err);
	else if (!p)
		ril_fail(err, RIL_ECORRUPT, "%s: tensor '%s' is missing", ps->dir, name);
	if (!p || ril_param_check(ps, p, ndim, dim, err))
		return NULL;
	p->part = part;
	p->is_vec = is_vec;
	if (!p->order)
		p->order = 2 * ++ps->store->asked; /* with room for what is used between two others */
	return p;
}

void ril_params_drop(struct ril_params *ps, const char *name)
{
	struct ril_param *p = ril_params_find(ps, name);
	if (!p)
		return;
	assert(!p->copy && p->offset < 0);
	size_t i = 0;
	while (ps->at[i] != p)
		i++;
	ps->n--;
	memmove(ps->at + i, ps->at + i + 1, (ps->n - i) * sizeof *ps->at);
	ps->store->changed = true;
	sort_table(ps);
}

struct ril_param *ril_params_add(struct ril_params *ps, const char *name, int ndim, const int64_t *dim,
				 const float *values, struct ril_err *err)
{
	struct ril_param *p = ril_params_append(ps, name, ndim, dim, err);
	float *copy = p ? ril_arena_alloc(ps->store->entries, (size_t)p->count, sizeof *copy, err) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, values, (size_t)p->count * sizeof *copy);
	p->stored = copy;
	p->shard = ps->store->folder ? (int)ril_folder_files(ps->store->folder) - 1 : 0;
	if (ps->adapters)
		p->shard = -1; /* in their file: the base is not written */
	p->w = ril_param_matrix(p);
	ps->store->changed = true;
	sort_table(ps);
	return p;
}

int ril_params_reload(struct ril_params *ps, const char *dir, struct ril_err *err)
{
	struct stat st;
	assert(!ps->grad);
	if (!stat(dir, &st) && S_ISREG(st.st_mode))
		return ril_params_borrow(ps, dir, err);
	ril_params_return(ps);
	if (ps->adapters)
		return ril_adapters_reload(ps, dir, err);
	struct ril_folder *f = ril_folder_open(dir, err);
	if (!f)
		return -1;
	size_t found = 0;
	for (size_t i = 0; i < ril_folder_files(f); i++) {
		for (size_t j = 0; j < ril_st_count(ril_folder_file(f, i)); j++) {
			const struct ril_st_entry *e = ril_st_at(ril_folder_file(f, i), j);
			struct ril_param *p = ril_params_find(ps, e->name);
			if (!p)
				continue;
			if (p->dtype != e->dtype || p->ndim != e->ndim ||
			    memcmp(p->dim, e->dim, (size_t)p->ndim * sizeof *p->dim)) {
				ril_fail(err, RIL_EFAIL, "%s: tensor '%s' differs in type or shape from %s", dir,
					 e->name, ps->dir);
				ril_folder_free(f);
				return -1;
			}
			p->name = e->name;
			p->stored = e->data;
			p->w = ril_param_matrix(p);
			p->shard = (int)i;
			found++;
		}
	}
	if (found != ps->n) {
		ril_fail(err, RIL_EFAIL, "%s: has %zu of the %zu tensors of %s", dir, found, ps->n, ps->dir);
		ril_folder_free(f);
		return -1;
	}
	ril_folder_free(ps->store->folder);
	ps->store->folder = f;
	return ril_params_ready(ps, err);
}
