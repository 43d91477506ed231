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

static void device_idle(void *ctx, void *p, size_t bytes)
{
	const struct ril_ops *ops = ctx;
	ops->idle(p, bytes);
}

struct ril_tape *ril_tape_new(struct ril_err *err)
{
	struct ril_tape *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	t->ops = ril_ops();
	t->type = ril_compute();
	struct ril_arena_source src = {.get = device_get, .put = device_put, .ctx = (void *)t->ops};
	src.idle = t->ops->idle ? device_idle : NULL;
	t->device = ril_arena_new(&src, err);
	t->grads = ril_arena_new(&src, err);
	t->scratch = ril_arena_new(&src, err);
	t->host = ril_arena_new(NULL, err);
	if (!t->device || !t->grads || !t->scratch || !t->host) {
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
	ril_arena_free(t->grads);
	ril_arena_free(t->scratch);
	ril_arena_free(t->host);
	free(t->finals.at);
	free(t);
}

void ril_tape_compute(struct ril_tape *t, enum ril_dtype type)
{
	t->type = type;
}

void ril_tape_record(struct ril_tape *t, bool on)
{
	t->record = on;
}

void ril_tape_recompute(struct ril_tape *t, enum ril_recompute how)
{
	t->recompute = how;
}

void ril_tape_drops(struct ril_tape *t, const struct ril_drops *how)
{
	t->dropping = how != NULL;
	if (how)
		t->drops = *how;
}

void ril_tape_reads_by(struct ril_tape *t, const struct ril_reader *who)
{
	t->reader = *who;
}

void ril_tape_reads(struct ril_tape *t, const struct ril_param *p)
{
	if (p && p->offset >= 0 && t->reader.read && !t->err.code)
		t->reader.read(t->reader.ctx, (struct ril_param *)(uintptr_t)p, &t->err);
}

bool ril_tape_dropping(const struct ril_tape *t)
{
	return t->dropping;
}

void ril_t_names(struct ril_tape *t, struct ril_names names)
{
	t->names = names;
}

void ril_tape_reset(struct ril_tape *t)
{
	struct ril_arena *const all[] = {t->device, t->grads, t->scratch, t->host};
	for (int i = 0; i < 4; i++)
		ril_arena_reset(all[i], (struct ril_arena_mark){0});
	t->last = NULL;
	t->records = 0;
	ril_tape_forget_finals(t);
	t->pooled = 0;
	t->names = (struct ril_names){0};
	t->inside = t->again = t->cheap = false;
	t->err = (struct ril_err){0};
}

int ril_tape_trim(struct ril_tape *t)
{
	ril_arena_trim(t->device);
	ril_arena_trim(t->grads);
	ril_arena_trim(t->scratch);
	return ril_arena_trim(t->host);
}

size_t ril_tape_peak(const struct ril_tape *t)
{
	return t->peak;
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

struct ril_tape_mark ril_tape_enter(const struct ril_tape *t)
{
	return (struct ril_tape_mark){ril_arena_mark(t->device), ril_arena_mark(t->host)};
}

void ril_tape_leave(struct ril_tape *t, struct ril_tape_mark m)
{
	ril_arena_reset(t->device, m.device);
	ril_arena_reset(t->host, m.host);
}

/* ---- values ---- */

void *ril_tape_host(struct ril_tape *t, size_t n, size_t size)
{
	return t->err.code ? NULL : ril_arena_alloc(t->host, n, size, &t->err);
}

/* From one of the arenas on the device. */
static void *take(struct ril_tape *t, struct ril_arena *a, size_t n, size_t size)
{
	void *p = t->err.code ? NULL : ril_arena_alloc(a, n, size, &t->err);
	size_t used = ril_arena_used(t->device) + ril_arena_used(t->grads) + ril_arena_used(t->scratch);
	t->peak = used > t->peak ? used : t->peak;
	return p;
}

void *ril_tape_bytes(struct ril_tape *t, size_t n)
{
	return take(t, t->device, n, 1);
}

ril_real *ril_tape_reals(struct ril_tape *t, int64_t n)
{
	return n < 0 ? NULL : take(t, t->device, (size_t)n, sizeof(ril_real));
}

static struct ril_val *new_val(struct ril_tape *t, struct ril_mat m)
{
	struct ril_val *x = m.p ? ril_tape_host(t, 1, sizeof *x) : NULL;
	if (x)
		*x = (struct ril_val){.m = m, .base = x, .inner = t->again};
	return x;
}

static struct ril_val *val_from(struct ril_tape *t, struct ril_arena *a, enum ril_dtype type, int64_t rows,
				int64_t cols)
{
	size_t n, size = ril_dtype_size(type);
	if (rows < 0 || cols < 0 || !ril_mul(&n, (size_t)rows, (size_t)cols) || n > INT64_MAX / size) {
		if (!t->err.code)
			ril_fail(&t->err, RIL_EFAIL, "a matrix of %lld x %lld is too large", (long long)rows,
				 (long long)cols);
		return NULL;
	}
	return new_val(t, ril_mat_of(take(t, a, n, size), type, rows, cols));
}

struct ril_val *ril_tape_val(struct ril_tape *t, int64_t rows, int64_t cols)
{
	return val_from(t, t->device, t->type, rows, cols);
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
	if (t->type == RIL_F32) {
		t->ops->to_device(y->m.p, x, n * sizeof(float));
		return y;
	}
	struct ril_arena_mark m = ril_arena_mark(t->host);
	size_t size = ril_dtype_size(t->type);
	void *other = ril_tape_host(t, n, size);
	if (!other)
		return NULL;
	ril_from_f32(other, t->type, x, n);
	t->ops->to_device(y->m.p, other, n * size);
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
		for (int64_t c = 0, n; c < x->m.cols; c += n, out += n) {
			n = x->m.cols - c < 2048 ? x->m.cols - c : 2048;
			ops->to_host(chunk, ril_mat_at(x->m, r, c), (size_t)n * ril_dtype_size(x->m.type));
			ril_to_f64(out, chunk, x->m.type, (size_t)n);
		}
	}
	return 0;
}

/* ---- records ---- */

static struct ril_val *out_from(struct ril_tape *t, enum ril_dtype type, int64_t rows, int64_t cols, bool needs)
{
	struct ril_val *y = val_from(t, t->device, type, rows, cols);
	t->trains |= needs;
	if (y)
		y->needs = needs && t->record;
	return y;
}

struct ril_val *ril_tape_out(struct ril_tape *t, int64_t rows, int64_t cols, bool needs)
{
	return out_from(t, t->type, rows, cols, needs);
}

struct ril_val *ril_tape_out_real(struct ril_tape *t, int64_t rows, int64_t cols, bool needs)
{
	return out_from(t, RIL_REAL, rows, cols, needs);
}

struct ril_val *ril_tape_out_cheap(struct ril_tape *t, int64_t rows, int64_t cols, bool needs)
{
	if (!t->cheap || !t->record || !needs)
		return ril_tape_out(t, rows, cols, needs);
	struct ril_val *y = val_from(t, t->scratch, t->type, rows, cols);
	if (y)
		y->needs = y->scratch = true;
	return y;
}

struct ril_rec *ril_tape_rec(struct ril_tape *t, void (*back)(struct ril_tape *, struct ril_rec *), struct ril_val *out)
{
	struct ril_rec *r = t->record && out && out->needs ? ril_tape_host(t, 1, sizeof *r) : NULL;
	if (r) {
		*r = (struct ril_rec){.back = back, .before = t->last, .out = out, .number = t->records};
		t->records += !t->again;
		t->last = r;
	}
	return r;
}

/* ---- memory of gradients: a list of free pieces, joined where they touch ---- */

static size_t piece(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

/* The smallest piece that is large enough, the rest of it put back; else new memory.  What a segment lends is for its
 * inner values. */
static void *gradient_memory(struct ril_tape *t, size_t bytes, bool inner)
{
	int best = -1;
	bytes = piece(bytes);
	for (int i = 0; i < t->pooled; i++)
		if (t->pool[i].bytes >= bytes && (best < 0 || t->pool[i].bytes < t->pool[best].bytes) &&
		    (inner || t->pool[i].lent < 0))
			best = i;
	if (best < 0)
		return take(t, t->grads, bytes, 1);
	void *p = t->pool[best].p;
	t->pool[best].p += bytes;
	t->pool[best].bytes -= bytes;
	if (!t->pool[best].bytes)
		t->pool[best] = t->pool[--t->pooled];
	return p;
}

/* Memory that serves again for gradients. */
static void give_back(struct ril_tape *t, struct ril_mat m)
{
	struct ril_free f = {m.p, piece(ril_mat_bytes(m)), ril_arena_block(t->device, m.p),
			     ril_arena_block(t->grads, m.p)};
	if (!m.p)
		return;
	for (int i = 0; i < t->pooled; i++) {
		const struct ril_free *g = &t->pool[i];
		if (g->lent != f.lent || g->own != f.own || (g->p + g->bytes != f.p && f.p + f.bytes != g->p))
			continue;
		f.p = g->p < f.p ? g->p : f.p;
		f.bytes += g->bytes;
		t->pool[i] = t->pool[--t->pooled];
		i = -1; /* what was joined may touch one looked at before */
	}
	if (t->pooled < RIL_TAPE_POOL)
		t->pool[t->pooled++] = f;
}

struct ril_mat ril_tape_grad(struct ril_tape *t, struct ril_val *x)
{
	struct ril_val *b = x->base;
	if (!x->needs)
		return RIL_NO_MAT;
	if (!b->g.p) {
		size_t bytes = ril_mat_bytes(b->m);
		b->g = b->m;
		b->g.p = gradient_memory(t, bytes, b->inner);
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

static void walk(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *b = r->out->base;
	if (!r->logps.dlogp && !b->g.p)
		return; /* nothing depended on it */
	ril_tape_adds(t, r);
	if (t->err.code)
		return;
	r->back(t, r);
	if (r->in_place)
		return;
	give_back(t, b->g);
	b->g = RIL_NO_MAT;
	if (t->again && b->inner)
		give_back(t, b->m);
}

void ril_tape_walk(struct ril_tape *t, struct ril_rec *from, const struct ril_rec *end)
{
	for (struct ril_rec *r = from; r != end && !t->err.code; r = r->before) {
		walk(t, r);
		if (!t->again)
			ril_tape_finish(t, r->number);
	}
}

int ril_tape_backward(struct ril_tape *t, struct ril_err *err)
{
	ril_tape_walk(t, t->last, NULL);
	ril_tape_finish(t, 0);
	ril_tape_listen(t, &(struct ril_listener){0});
	t->last = NULL;
	return ril_tape_error(t, err);
}
