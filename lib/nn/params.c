/* params.c -- the parameter table and its blocks; see params.h. */
#include "nn/params_internal.h"
#include "base/thread.h"
#include "base/unused.h"
#include "ops/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the table ---- */

static struct ril_params *new_table(const char *dir, size_t cap, struct ril_err *err)
{
	struct ril_params *ps = ril_new(1, sizeof *ps, err);
	struct ril_params_store *st = ps ? ril_new(1, sizeof *st, err) : NULL;
	if (!st) {
		free(ps);
		return NULL;
	}
	ps->store = st;
	st->cap = cap;
	ps->dir = ril_strdup(dir, err);
	ps->at = ril_new(cap, sizeof *ps->at, err);
	st->sorted = ril_new(cap, sizeof *st->sorted, err);
	st->names = ril_arena_new(NULL, err);
	if (!ps->dir || !ps->at || !st->sorted || !st->names) {
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
	void *blocks[] = {ps->master, ps->grad, st->weights, st->vecs, st->forward};
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		ops->put(blocks[i]);
	ril_folder_free(st->folder);
	ril_arena_free(st->names);
	free(st->sorted);
	free(st);
	free(ps->at);
	free(ps->dir);
	free(ps);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct ril_param *const *)a)->name, (*(struct ril_param *const *)b)->name);
}

static void sort_table(struct ril_params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		ps->store->sorted[i] = &ps->at[i];
	qsort(ps->store->sorted, ps->n, sizeof *ps->store->sorted, by_name);
	ps->store->is_sorted = true;
}

/* Rows and columns of a parameter read as a matrix: [out, everything else]; a [1, 1, C] token is one row. */
static struct ril_mat as_matrix(const struct ril_param *p)
{
	int64_t rows = p->ndim ? p->dim[0] : 1;
	return ril_mat_of(p->stored, p->dtype, rows, rows ? p->count / rows : 0);
}

static void take_entry(struct ril_param *p, const struct ril_st_entry *e, int shard)
{
	*p = (struct ril_param){.name = e->name,
				.dtype = e->dtype,
				.ndim = e->ndim,
				.count = e->count,
				.shard = shard,
				.stored = e->data,
				.offset = -1};
	memcpy(p->dim, e->dim, sizeof p->dim);
	p->w = as_matrix(p);
}

struct ril_params *ril_params_open(const char *dir, struct ril_err *err)
{
	struct ril_folder *f = ril_folder_open(dir, err);
	struct ril_params *ps = f ? new_table(dir, ril_folder_count(f) + 8, err) : NULL;
	if (!ps) {
		ril_folder_free(f);
		return NULL;
	}
	ps->store->folder = f;
	for (size_t i = 0; i < ril_folder_files(f); i++)
		for (size_t j = 0; j < ril_st_count(ril_folder_file(f, i)); j++)
			take_entry(&ps->at[ps->n++], ril_st_at(ril_folder_file(f, i), j), (int)i);
	sort_table(ps);
	return ps;
}

struct ril_params *ril_params_draft(struct ril_err *err)
{
	struct ril_params *ps = new_table("", 32768, err);
	if (ps)
		ps->store->draft = true;
	return ps;
}

const struct ril_folder *ril_params_folder(const struct ril_params *ps)
{
	return ps->store->folder;
}

struct ril_param *ril_params_find(const struct ril_params *ps, const char *name)
{
	if (!ps->store->is_sorted) {
		for (size_t i = 0; i < ps->n; i++)
			if (!strcmp(ps->at[i].name, name))
				return &ps->at[i];
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
		n += ps->at[i].count;
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

static struct ril_param *append(struct ril_params *ps, const char *name, int ndim, const int64_t *dim,
				struct ril_err *err)
{
	if (ps->n == ps->store->cap)
		return ril_fail(err, RIL_EFAIL, "more than %zu parameters", ps->store->cap), NULL;
	size_t len = strlen(name) + 1;
	char *copy = ril_arena_alloc(ps->store->names, len, 1, err);
	if (!copy)
		return NULL;
	memcpy(copy, name, len);
	struct ril_param *p = &ps->at[ps->n];
	*p = (struct ril_param){.name = copy, .dtype = RIL_F32, .ndim = ndim, .count = 1, .offset = -1};
	for (int i = 0; i < ndim; i++) {
		p->dim[i] = dim[i];
		if (dim[i] < 0 || __builtin_mul_overflow(p->count, dim[i], &p->count))
			return ril_fail(err, RIL_EFAIL, "tensor '%s': absurd shape", name), NULL;
	}
	p->w = as_matrix(p);
	ps->n++;
	ps->store->is_sorted = false;
	return p;
}

static int check_shape(const struct ril_params *ps, const struct ril_param *p, int ndim, const int64_t *dim,
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
		p = append(ps, name, ndim, dim, err);
	else if (!p)
		ril_fail(err, RIL_ECORRUPT, "%s: tensor '%s' is missing", ps->dir, name);
	if (!p || check_shape(ps, p, ndim, dim, err))
		return NULL;
	p->part = part;
	p->is_vec = is_vec;
	return p;
}

void ril_params_drop(struct ril_params *ps, const char *name)
{
	struct ril_param *p = ril_params_find(ps, name);
	if (!p)
		return;
	size_t i = (size_t)(p - ps->at);
	memmove(p, p + 1, (ps->n - i - 1) * sizeof *p);
	ps->n--;
	ps->store->changed = true;
	sort_table(ps);
}

struct ril_param *ril_params_add(struct ril_params *ps, const char *name, int ndim, const int64_t *dim,
				 const float *values, struct ril_err *err)
{
	struct ril_param *p = append(ps, name, ndim, dim, err);
	float *copy = p ? ril_arena_alloc(ps->store->names, (size_t)p->count, sizeof *copy, err) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, values, (size_t)p->count * sizeof *copy);
	p->stored = copy;
	p->shard = ps->store->folder ? (int)ril_folder_files(ps->store->folder) - 1 : 0;
	p->w = as_matrix(p);
	ps->store->changed = true;
	sort_table(ps);
	return p;
}

/* ---- conversion ---- */

static void widen(ril_real *out, const void *in, enum ril_dtype t, size_t n)
{
	if (RIL_REAL == RIL_F64)
		ril_to_f64((double *)(void *)out, in, t, n);
	else
		ril_to_f32((float *)(void *)out, in, t, n);
}

static void narrow(void *out, enum ril_dtype t, const ril_real *in, size_t n)
{
	if (RIL_REAL == RIL_F64)
		ril_from_f64(out, t, (const double *)(const void *)in, n);
	else
		ril_from_f32(out, t, (const float *)(const void *)in, n);
}

static bool host_memory(const struct ril_ops *ops)
{
	return !strncmp(ops->name, "cpu", 3);
}

static void *block(size_t n, size_t size, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t bytes;
	void *p = ril_mul(&bytes, n ? n : 1, size) ? ops->get(bytes) : NULL;
	if (!p)
		ril_fail(err, RIL_EFAIL, "out of memory for parameters (%zu x %zu bytes)", n, size);
	return p;
}

static size_t bytes_of(const struct ril_param *p)
{
	return (size_t)p->count * ril_dtype_size(p->dtype);
}

static size_t aligned(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

/* Weights onto a device that cannot read the mapping. */
static int upload(struct ril_params *ps, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t total = 0;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i].part && !ps->at[i].is_vec)
			total += aligned(bytes_of(&ps->at[i]));
	if (!ps->store->weights && !(ps->store->weights = block(total, 1, err)))
		return -1;
	char *at = ps->store->weights;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = &ps->at[i];
		if (!p->part || p->is_vec)
			continue;
		ops->to_device(at, p->stored, bytes_of(p));
		p->w.p = at;
		at += aligned(bytes_of(p));
	}
	ps->store->uploaded = true;
	return ops->sync(err);
}

/* Sets p->vec of a vector whose published bytes are `bytes` (host), converting into `at` (device) where needed. */
static int set_vec(struct ril_param *p, const void *bytes, ril_real *at, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (host_memory(ops)) {
		widen(at, bytes, p->dtype, (size_t)p->count);
	} else {
		ril_real *tmp = ril_new((size_t)p->count, sizeof *tmp, err);
		if (!tmp)
			return -1;
		widen(tmp, bytes, p->dtype, (size_t)p->count);
		ops->to_device(at, tmp, (size_t)p->count * sizeof *tmp);
		free(tmp);
	}
	p->vec = at;
	return 0;
}

/* A vector among the matrices of a mapped shard: without this its page fault would read megabytes ahead, and opening a
 * large folder would take the time of reading it. */
static void read_ahead(const struct ril_param *p, bool on)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p->stored & ~(page - 1);
	madvise((void *)from, (uintptr_t)p->stored + bytes_of(p) - from, on ? MADV_NORMAL : MADV_RANDOM);
}

int ril_params_ready(struct ril_params *ps, struct ril_err *err)
{
	bool host = host_memory(ril_ops());
	if (ps->store->draft)
		return 0;
	if (!host && upload(ps, err))
		return -1;
	size_t total = 0;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i].is_vec)
			total += aligned((size_t)ps->at[i].count * sizeof(ril_real));
	if (!ps->store->vecs && !(ps->store->vecs = block(total, 1, err)))
		return -1;
	char *at = (char *)ps->store->vecs;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = &ps->at[i];
		if (!p->is_vec)
			continue;
		read_ahead(p, false);
		int rc = set_vec(p, p->stored, (ril_real *)(void *)at, err);
		read_ahead(p, true);
		if (rc)
			return -1;
		at += aligned((size_t)p->count * sizeof(ril_real));
	}
	return 0;
}

int ril_params_reload(struct ril_params *ps, const char *dir, struct ril_err *err)
{
	assert(!ps->grad);
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
			p->w.p = as_matrix(p).p;
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

/* ---- training ---- */

/* Forward passes read the master itself: the published type is ril_real, or rounding is left out (double build). */
static bool reads_master(const struct ril_params *ps, const struct ril_param *p)
{
	return ps->master && (p->dtype == RIL_REAL || RIL_REAL == RIL_F64);
}

static void place(struct ril_params *ps, int parts)
{
	ps->count = 0;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = &ps->at[i];
		if (!(p->part & parts) || p->tied)
			continue;
		p->offset = ps->count;
		ps->count += p->count;
	}
}

/* Points forward passes at the block of published values, which begins as what the folder holds. */
static int make_forward(struct ril_params *ps, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t total = 0;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i].offset >= 0 && !reads_master(ps, &ps->at[i]))
			total += aligned(bytes_of(&ps->at[i]));
	char *at = ps->store->forward = block(total, 1, err);
	for (size_t i = 0; at && i < ps->n; i++) {
		struct ril_param *p = &ps->at[i];
		if (p->offset < 0)
			continue;
		p->grad = ril_mat_of(ps->grad + p->offset, RIL_REAL, p->w.rows, p->w.cols);
		if (reads_master(ps, p)) {
			p->w.p = ps->master + p->offset;
			p->w.type = RIL_REAL;
			p->vec = p->is_vec ? ps->master + p->offset : NULL;
			continue;
		}
		ops->to_device(at, p->stored, bytes_of(p));
		p->w.p = at;
		at += aligned(bytes_of(p));
	}
	return at ? ops->sync(err) : -1;
}

int ril_params_train(struct ril_params *ps, int parts, bool keep_master, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	place(ps, parts);
	if (!ps->count)
		return ril_fail(err, RIL_EFAIL, "%s: nothing to train", ps->dir);
	ps->grad = block((size_t)ps->count, sizeof *ps->grad, err);
	ps->master = ps->grad && keep_master ? block((size_t)ps->count, sizeof *ps->master, err) : NULL;
	if (!ps->grad || (keep_master && !ps->master))
		return -1;
	ril_params_zero_grad(ps);
	for (size_t i = 0; ps->master && i < ps->n; i++) {
		struct ril_param *p = &ps->at[i];
		if (p->offset < 0)
			continue;
		ril_real *tmp = host_memory(ops) ? ps->master + p->offset : ril_new((size_t)p->count, sizeof *tmp, err);
		if (!tmp)
			return -1;
		widen(tmp, p->stored, p->dtype, (size_t)p->count);
		if (!host_memory(ops)) {
			ops->to_device(ps->master + p->offset, tmp, (size_t)p->count * sizeof *tmp);
			free(tmp);
		}
	}
	return make_forward(ps, err);
}

void ril_params_zero_grad(struct ril_params *ps)
{
	ril_ops()->zero(ps->grad, (size_t)ps->count * sizeof *ps->grad);
}

/* One trainable parameter: published value from its master, vector from the published value. */
static int refresh(struct ril_params *ps, struct ril_param *p, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (p->offset < 0 || reads_master(ps, p))
		return 0;
	size_t n = (size_t)p->count;
	if (host_memory(ops)) {
		if (ps->master)
			narrow(p->w.p, p->dtype, ps->master + p->offset, n);
		if (p->vec)
			widen((ril_real *)p->vec, p->w.p, p->dtype, n);
		return 0;
	}
	ril_real *wide = ril_new(n, sizeof *wide, err);
	void *bytes = ril_new(n, ril_dtype_size(p->dtype), err);
	int rc = wide && bytes ? 0 : -1;
	if (!rc && ps->master) {
		ops->to_host(wide, ps->master + p->offset, n * sizeof *wide);
		narrow(bytes, p->dtype, wide, n);
		ops->to_device(p->w.p, bytes, bytes_of(p));
	} else if (!rc) {
		ops->to_host(bytes, p->w.p, bytes_of(p));
	}
	if (!rc && p->vec) {
		widen(wide, bytes, p->dtype, n);
		ops->to_device((void *)p->vec, wide, n * sizeof *wide);
	}
	free(wide);
	free(bytes);
	return rc;
}

struct refresh_job {
	struct ril_params *ps;
	struct ril_err err;
};

static void refresh_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	struct refresh_job *job = ctx;
	struct ril_err e = {0};
	if (refresh(job->ps, &job->ps->at[tile], &e))
		job->err = e;
}

int ril_params_refresh(struct ril_params *ps, struct ril_err *err)
{
	struct refresh_job job = {.ps = ps};
	if (host_memory(ril_ops()))
		ril_parallel((int)ps->n, refresh_tile, &job);
	else
		for (size_t i = 0; i < ps->n && !job.err.code; i++)
			refresh_tile(&job, (int)i, 0);
	return job.err.code ? ril_fail(err, job.err.code, "%s", job.err.msg) : 0;
}

int ril_params_read(const struct ril_params *ps, const struct ril_param *p, ril_real *out, struct ril_err *err)
{
	if (p->offset >= 0 && ps->master) {
		ril_ops()->to_host(out, ps->master + p->offset, (size_t)p->count * sizeof *out);
		return ril_ops()->sync(err);
	}
	struct ril_buf tmp = {0};
	const void *bytes = ril_param_bytes(p, &tmp, err);
	if (bytes)
		widen(out, bytes, p->dtype, (size_t)p->count);
	ril_buf_free(&tmp);
	return bytes ? 0 : -1;
}

const void *ril_param_bytes(const struct ril_param *p, struct ril_buf *tmp, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (p->tied)
		p = p->tied;
	if (p->offset < 0)
		return p->stored;
	if (host_memory(ops) && p->w.type == p->dtype)
		return p->w.p;
	tmp->len = 0;
	if (ril_buf_reserve(tmp, bytes_of(p), err))
		return NULL;
	if (p->w.type == p->dtype) {
		ops->to_host(tmp->data, p->w.p, bytes_of(p));
		return ops->sync(err) ? NULL : tmp->data;
	}
	ril_real *wide = ril_new((size_t)p->count, sizeof *wide, err);
	if (!wide)
		return NULL;
	ops->to_host(wide, p->w.p, (size_t)p->count * sizeof *wide);
	narrow(tmp->data, p->dtype, wide, (size_t)p->count);
	free(wide);
	return ops->sync(err) ? NULL : tmp->data;
}
