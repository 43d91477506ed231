/* params_device.c -- parameters on the device: bringing them there, the blocks of training, publishing; see params.h. */
#include "nn/params_internal.h"
#include "ops/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

static struct ril_mat row(const void *p, enum ril_dtype type, int64_t n)
{
	return ril_mat_of(p, type, 1, n);
}

static void *element(const void *p, enum ril_dtype type, int64_t at)
{
	return (char *)(uintptr_t)p + (size_t)at * ril_dtype_size(type);
}

/* ---- bringing them to the device ---- */

/* Puts the published bytes where kernels read them: they stay in the mapping, or the parameter gets a copy. */
static int bring(struct ril_param *p, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	p->w.p = (void *)(uintptr_t)p->stored;
	if (ops->host_memory)
		return 0;
	if (!p->copy && !(p->copy = block(bytes_of(p), 1, err)))
		return -1;
	ops->to_device(p->copy, p->stored, bytes_of(p));
	p->w.p = p->copy;
	return 0;
}

/* Gives the copy back once something else on the device holds the same. */
static void release(struct ril_param *p)
{
	ril_ops()->put(p->copy);
	if (p->w.p == p->copy)
		p->w.p = NULL;
	p->copy = NULL;
}

/* A vector among the matrices of a mapped shard: without this its page fault would read megabytes ahead, and opening a
 * large folder would take the time of reading it. */
static void read_ahead(const struct ril_param *p, bool on)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p->stored & ~(page - 1);
	madvise((void *)from, (uintptr_t)p->stored + bytes_of(p) - from, on ? MADV_NORMAL : MADV_RANDOM);
}

static int bring_vec(struct ril_param *p, ril_real *at, struct ril_err *err)
{
	read_ahead(p, false);
	int rc = bring(p, err);
	if (!rc)
		ril_ops()->convert(row(at, RIL_REAL, p->count), row(p->w.p, p->dtype, p->count));
	read_ahead(p, true);
	release(p);
	p->vec = at;
	return rc;
}

int ril_params_ready(struct ril_params *ps, struct ril_err *err)
{
	enum { UNIT = 64 / sizeof(ril_real) }; /* vectors begin at 64 bytes */
	if (ps->store->draft)
		return 0;
	int64_t total = 0;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i]->is_vec)
			total += (ps->at[i]->count + UNIT - 1) / UNIT * UNIT;
	if (!ps->store->vecs && !(ps->store->vecs = block((size_t)total, sizeof(ril_real), err)))
		return -1;
	ril_real *at = ps->store->vecs;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (p->is_vec ? bring_vec(p, at, err) : p->part && bring(p, err))
			return -1;
		if (p->is_vec)
			at += (p->count + UNIT - 1) / UNIT * UNIT;
	}
	return ril_ops()->sync(err);
}

/* ---- training ---- */

static bool trains(const struct ril_param *p, int parts)
{
	return p->part & parts && !p->tied;
}

/* What forward passes will read: the master itself where the published type is ril_real, or rounding is left out (double
 * build). */
static enum ril_dtype forward_type(const struct ril_param *p, bool keep_master)
{
	return keep_master && RIL_REAL == RIL_F64 ? RIL_REAL : p->dtype;
}

static struct ril_run *run_of(struct ril_params *ps, enum ril_dtype type)
{
	int r = 0;
	while (r < ps->runs && ps->run[r].type != type)
		r++;
	if (r == ps->runs)
		ps->run[ps->runs++] = (struct ril_run){.type = type};
	assert(ps->runs <= RIL_MAX_RUNS);
	return &ps->run[r];
}

/* Gives every trainable parameter its place: run after run, in table order. */
static void place(struct ril_params *ps, int parts, bool keep_master)
{
	for (size_t i = 0; i < ps->n; i++)
		if (trains(ps->at[i], parts))
			run_of(ps, forward_type(ps->at[i], keep_master))->count += ps->at[i]->count;
	for (int r = 0; r < ps->runs; r++) {
		struct ril_run *run = &ps->run[r];
		run->from = ps->count;
		run->is_master = keep_master && run->type == RIL_REAL;
		for (size_t i = 0; i < ps->n; i++) {
			struct ril_param *p = ps->at[i];
			if (!trains(p, parts) || forward_type(p, keep_master) != run->type)
				continue;
			p->offset = ps->count;
			ps->count += p->count;
		}
	}
}

/* The parameter's values on the device, as they are before training. */
static struct ril_mat values(const struct ril_param *p)
{
	return p->vec ? row(p->vec, RIL_REAL, p->count) : row(p->w.p, p->dtype, p->count);
}

/* Moves the weights of one run into its block. */
static int publish_first(struct ril_params *ps, struct ril_run *run, struct ril_err *err)
{
	if (run->is_master)
		run->published = ps->master + run->from;
	else if (!(run->published = block((size_t)run->count, ril_dtype_size(run->type), err)))
		return -1;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (p->offset < run->from || p->offset >= run->from + run->count)
			continue;
		void *to = element(run->published, run->type, p->offset - run->from);
		ril_ops()->convert(row(to, run->type, p->count), values(p));
		p->w.p = to;
		p->w.type = run->type;
		if (run->is_master && p->is_vec)
			p->vec = to;
		release(p);
	}
	return 0;
}

int ril_params_train(struct ril_params *ps, int parts, bool keep_master, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	assert(!ps->grad);
	place(ps, parts, keep_master);
	if (!ps->count)
		return ril_fail(err, RIL_EFAIL, "%s: nothing to train", ps->dir);
	if (keep_master && !(ps->master = block((size_t)ps->count, sizeof *ps->master, err)))
		return -1;
	for (int r = 0; r < ps->runs; r++) {
		struct ril_run *run = &ps->run[r];
		if (publish_first(ps, run, err))
			return -1;
		if (keep_master && !run->is_master)
			ops->convert(row(ps->master + run->from, RIL_REAL, run->count),
				     row(run->published, run->type, run->count));
	}
	if (!(ps->grad = block((size_t)ps->count, sizeof *ps->grad, err)))
		return -1;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i]->offset >= 0)
			ps->at[i]->grad = ril_mat_of(ps->grad + ps->at[i]->offset, RIL_REAL, ps->at[i]->w.rows,
						     ps->at[i]->w.cols);
	ril_params_zero_grad(ps);
	return ops->sync(err);
}

struct ril_params_size ril_params_size(const struct ril_params *ps)
{
	struct ril_params_size s = {.masters = ps->master ? (size_t)ps->count * sizeof *ps->master : 0,
				    .gradients = ps->grad ? (size_t)ps->count * sizeof *ps->grad : 0};
	for (int r = 0; r < ps->runs; r++)
		if (!ps->run[r].is_master)
			s.weights += (size_t)ps->run[r].count * ril_dtype_size(ps->run[r].type);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->is_vec)
			s.weights += (size_t)p->count * sizeof(ril_real);
		else if (p->part && !p->tied && p->offset < 0)
			s.weights += bytes_of(p);
	}
	return s;
}

void ril_params_zero_grad(struct ril_params *ps)
{
	ril_ops()->zero(ps->grad, (size_t)ps->count * sizeof *ps->grad);
}

void ril_params_publish(struct ril_params *ps, const struct ril_run *run, int64_t from, int64_t to)
{
	if (ps->master && !run->is_master)
		ril_ops()->convert(row(element(run->published, run->type, from), run->type, to - from),
				   row(ps->master + run->from + from, RIL_REAL, to - from));
}

void ril_params_vectors(struct ril_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset >= 0 && p->is_vec && p->vec != p->w.p)
			ril_ops()->convert(row(p->vec, RIL_REAL, p->count), row(p->w.p, p->w.type, p->count));
	}
}

int ril_params_refresh(struct ril_params *ps, struct ril_err *err)
{
	for (int r = 0; r < ps->runs; r++)
		ril_params_publish(ps, &ps->run[r], 0, ps->run[r].count);
	ril_params_vectors(ps);
	return ril_ops()->sync(err);
}

/* ---- reading back ---- */

int ril_param_read(const struct ril_param *p, void *out, int64_t at, int64_t n, void *room, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const void *from = element(p->w.p, p->w.type, at);
	if (p->w.type != p->dtype) {
		ops->convert(row(room, p->dtype, n), row(from, p->w.type, n));
		from = room;
	}
	ops->to_host(out, from, (size_t)n * ril_dtype_size(p->dtype));
	return ops->sync(err);
}
