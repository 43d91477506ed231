/* tape.c -- values, records, the walk back; see tape.h.  The operations themselves are in tape_ops.c. */
#include "nn/tape_internal.h"

#include <stdlib.h>

static void *device_get(void *ctx, size_t bytes)
{
	const struct ril_ops *ops = ctx;
	return ops->get(bytes);
}

static void device_put(void *ctx, void *p)
{
	const struct ril_ops *ops = ctx;
	ops->put(p);
}

struct ril_tape *ril_tape_new(struct ril_err *err)
{
	struct ril_tape *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	t->ops = ril_ops();
	struct ril_arena_source src = {device_get, device_put, (void *)t->ops};
	t->device = ril_arena_new(&src, err);
	t->host = ril_arena_new(NULL, err);
	if (!t->device || !t->host) {
		ril_tape_free(t);
		return NULL;
	}
	return t;
}

void ril_tape_free(struct ril_tape *t)
{
	if (!t)
		return;
	ril_arena_free(t->device);
	ril_arena_free(t->host);
	free(t);
}

void ril_tape_record(struct ril_tape *t, bool on)
{
	t->record = on;
}

void ril_tape_reset(struct ril_tape *t)
{
	ril_arena_reset(t->device, (struct ril_arena_mark){0});
	ril_arena_reset(t->host, (struct ril_arena_mark){0});
	t->last = NULL;
	t->pooled = 0;
	t->err = (struct ril_err){0};
}

int ril_tape_trim(struct ril_tape *t)
{
	ril_arena_trim(t->device);
	return ril_arena_trim(t->host);
}

size_t ril_tape_peak(const struct ril_tape *t)
{
	return ril_arena_peak(t->device);
}

int ril_tape_error(const struct ril_tape *t, struct ril_err *err)
{
	return t->err.code ? ril_fail(err, t->err.code, "%s", t->err.msg) : 0;
}

int ril_tape_check(struct ril_tape *t, struct ril_err *err)
{
	struct ril_err sync = {0};
	if (t->ops->sync(&sync) && !t->err.code)
		t->err = sync;
	return ril_tape_error(t, err);
}

struct ril_tape_mark ril_tape_enter(struct ril_tape *t)
{
	return (struct ril_tape_mark){ril_arena_mark(t->device), ril_arena_mark(t->host)};
}

struct ril_val *ril_tape_leave(struct ril_tape *t, struct ril_tape_mark m, struct ril_val *into, struct ril_val *keep)
{
	if (!keep || !into || keep->needs)
		return keep;
	if (into->m.p != keep->m.p)
		t->ops->copy(into->m.p, keep->m.p, ril_mat_bytes(keep->m));
	ril_arena_reset(t->device, m.device);
	ril_arena_reset(t->host, m.host);
	return into;
}

/* ---- values ---- */

void *ril_tape_host(struct ril_tape *t, size_t n, size_t size)
{
	return t->err.code ? NULL : ril_arena_alloc(t->host, n, size, &t->err);
}

void *ril_tape_bytes(struct ril_tape *t, size_t n)
{
	return t->err.code ? NULL : ril_arena_alloc(t->device, n, 1, &t->err);
}

ril_real *ril_tape_reals(struct ril_tape *t, int64_t n)
{
	return t->err.code || n < 0 ? NULL : ril_arena_alloc(t->device, (size_t)n, sizeof(ril_real), &t->err);
}

static struct ril_val *new_val(struct ril_tape *t, struct ril_mat m)
{
	struct ril_val *x = m.p ? ril_tape_host(t, 1, sizeof *x) : NULL;
	if (x)
		*x = (struct ril_val){.m = m, .base = x};
	return x;
}

struct ril_val *ril_tape_val(struct ril_tape *t, int64_t rows, int64_t cols)
{
	size_t n;
	if (rows < 0 || cols < 0 || !ril_mul(&n, (size_t)rows, (size_t)cols) || n > INT64_MAX / sizeof(ril_real)) {
		if (!t->err.code)
			ril_fail(&t->err, RIL_EFAIL, "a matrix of %lld x %lld is too large", (long long)rows,
				 (long long)cols);
		return NULL;
	}
	return new_val(t, ril_mat_of(ril_tape_reals(t, (int64_t)n), RIL_REAL, rows, cols));
}

struct ril_val *ril_tape_wrap(struct ril_tape *t, struct ril_mat m)
{
	return new_val(t, m);
}

struct ril_val *ril_tape_fail(struct ril_tape *t, const struct ril_err *err)
{
	if (!t->err.code)
		t->err = *err;
	return NULL;
}

struct ril_val *ril_tape_input(struct ril_tape *t, int64_t rows, int64_t cols, const float *x)
{
	struct ril_val *y = ril_tape_val(t, rows, cols);
	if (!y)
		return NULL;
	size_t n = (size_t)(rows * cols);
	if (RIL_REAL == RIL_F32) {
		t->ops->to_device(y->m.p, x, n * sizeof(float));
		return y;
	}
	struct ril_arena_mark m = ril_arena_mark(t->host);
	double *wide = ril_tape_host(t, n, sizeof *wide);
	if (!wide)
		return NULL;
	ril_to_f64(wide, x, RIL_F32, n);
	t->ops->to_device(y->m.p, wide, n * sizeof *wide);
	ril_arena_reset(t->host, m);
	return y;
}

/* Another shape of the same memory, with the same gradient. */
static struct ril_val *view(struct ril_tape *t, const struct ril_val *x, struct ril_mat m)
{
	struct ril_val *y = new_val(t, m);
	if (y) {
		y->base = x->base;
		y->needs = x->needs;
	}
	return y;
}

struct ril_val *ril_view_cols(struct ril_tape *t, struct ril_val *x, int64_t from, int64_t n)
{
	return x ? view(t, x, ril_mat_cols(x->m, from, n)) : NULL;
}

struct ril_val *ril_view_reshape(struct ril_tape *t, struct ril_val *x, int64_t rows, int64_t cols)
{
	return x ? view(t, x, ril_mat_of(x->m.p, x->m.type, rows, cols)) : NULL;
}

int ril_val_host(const struct ril_val *x, double *out, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (!x)
		return ril_fail(err, RIL_EFAIL, "no value to read");
	if (ops->sync(err))
		return -1;
	ril_real chunk[2048];
	for (int64_t r = 0; r < x->m.rows; r++) {
		for (int64_t c = 0; c < x->m.cols; c += 2048) {
			int64_t n = x->m.cols - c < 2048 ? x->m.cols - c : 2048;
			ops->to_host(chunk, ril_mat_at(x->m, r, c), (size_t)n * sizeof *chunk);
			for (int64_t i = 0; i < n; i++)
				*out++ = chunk[i];
		}
	}
	return 0;
}

/* ---- records ---- */

struct ril_val *ril_tape_out(struct ril_tape *t, int64_t rows, int64_t cols, bool needs)
{
	struct ril_val *y = ril_tape_val(t, rows, cols);
	if (y)
		y->needs = needs && t->record;
	return y;
}

struct ril_rec *ril_tape_rec(struct ril_tape *t, void (*back)(struct ril_tape *, struct ril_rec *), struct ril_val *out)
{
	struct ril_rec *r = t->record && out && out->needs ? ril_tape_host(t, 1, sizeof *r) : NULL;
	if (r) {
		*r = (struct ril_rec){.back = back, .before = t->last, .out = out};
		t->last = r;
	}
	return r;
}

/* Memory of a gradient no longer needed, not more than twice as large; else new. */
static ril_real *gradient_memory(struct ril_tape *t, size_t bytes)
{
	int best = -1;
	for (int i = 0; i < t->pooled; i++)
		if (t->pool[i].bytes >= bytes && t->pool[i].bytes / 2 <= bytes &&
		    (best < 0 || t->pool[i].bytes < t->pool[best].bytes))
			best = i;
	if (best < 0)
		return ril_tape_reals(t, (int64_t)(bytes / sizeof(ril_real)));
	ril_real *p = t->pool[best].p;
	t->pool[best] = t->pool[--t->pooled];
	return p;
}

struct ril_mat ril_tape_grad(struct ril_tape *t, struct ril_val *x)
{
	struct ril_val *b = x->base;
	if (!x->needs)
		return RIL_NO_MAT;
	if (!b->g.p) {
		size_t bytes = ril_mat_bytes(b->m);
		b->g = b->m;
		b->g.p = gradient_memory(t, bytes);
		if (!b->g.p)
			return RIL_NO_MAT;
		t->ops->zero(b->g.p, bytes);
	}
	struct ril_mat g = x->m;
	g.p = (char *)b->g.p + ((char *)x->m.p - (char *)b->m.p);
	return g;
}

struct ril_mat ril_tape_seed(struct ril_tape *t, struct ril_val *x)
{
	return x ? ril_tape_grad(t, x) : RIL_NO_MAT;
}

int ril_tape_backward(struct ril_tape *t, struct ril_err *err)
{
	for (struct ril_rec *r = t->last; r && !t->err.code; r = r->before) {
		struct ril_val *b = r->out->base;
		if (!r->dlogp && !b->g.p)
			continue; /* nothing depended on it */
		r->back(t, r);
		if (b->g.p && !r->in_place && t->pooled < RIL_TAPE_POOL) {
			t->pool[t->pooled].p = b->g.p;
			t->pool[t->pooled++].bytes = ril_mat_bytes(b->g);
			b->g = RIL_NO_MAT;
		}
	}
	t->last = NULL;
	return ril_tape_error(t, err);
}
