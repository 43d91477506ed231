/* params_device.c -- parameters on the device: bringing them there, the blocks of training, publishing; see params.h. */
#include "nn/gather.h"
#include "nn/params_internal.h"
#include "ops/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *ril_params_block(size_t n, size_t size, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t bytes;
	void *p = ril_mul(&bytes, n ? n : 1, size) ? ops->get(bytes) : NULL;
	if (!p && !ops->sync(err)) /* unless something worse came before */
		ril_fail(err, RIL_EFAIL, "out of memory for parameters (%zu x %zu bytes)", n, size);
	return p;
}

static size_t bytes_of(const struct ril_param *p)
{
	return (size_t)p->count * ril_dtype_size(p->dtype);
}

/* ---- bringing them to the device ---- */

enum ril_dtype ril_param_read_as(const struct ril_params *ps, const struct ril_param *p)
{
	return ps->compute == RIL_BF16 && !p->is_vec ? RIL_BF16 : p->dtype;
}

int ril_param_stored(const struct ril_param *p, int64_t at, struct ril_mat to, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const void *from = ril_element(p->stored, p->dtype, at);
	size_t bytes = (size_t)to.cols * ril_dtype_size(p->dtype);
	void *room = ops->host_memory ? NULL : ril_params_block(bytes, 1, err);
	if (room)
		ops->to_device(room, from, bytes);
	if (room || ops->host_memory)
		ops->convert(to, ril_row(room ? room : from, p->dtype, to.cols));
	ops->put(room); /* once what was called before is done */
	return room || ops->host_memory ? 0 : -1;
}

/* Puts a parameter where kernels read it: the published bytes stay in the mapping, or it gets a copy. */
int ril_param_bring(const struct ril_params *ps, struct ril_param *p, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	p->w.p = (void *)(uintptr_t)p->stored;
	p->w.type = ril_param_read_as(ps, p);
	if (ops->host_memory && p->w.type == p->dtype)
		return 0;
	if (!p->copy && !(p->copy = ril_params_block((size_t)p->count, ril_dtype_size(p->w.type), err)))
		return -1;
	p->w.p = p->copy;
	if (p->w.type != p->dtype)
		return ril_param_stored(p, 0, ril_row(p->copy, p->w.type, p->count), err);
	ops->to_device(p->copy, p->stored, bytes_of(p));
	return 0;
}

void ril_param_release(struct ril_param *p)
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

static int bring_vec(const struct ril_params *ps, struct ril_param *p, ril_real *at, struct ril_err *err)
{
	read_ahead(p, false);
	int rc = ril_param_bring(ps, p, err);
	if (!rc)
		ril_ops()->convert(ril_row(at, RIL_REAL, p->count), ril_row(p->w.p, p->dtype, p->count));
	read_ahead(p, true);
	ril_param_release(p);
	p->vec = at;
	return rc;
}

enum { UNIT = 64 / sizeof(ril_real) }; /* vectors begin at 64 bytes */

static int64_t vec_place(const struct ril_params *ps, const struct ril_param *p)
{
	return p->is_vec && ril_param_stays(ps, p) ? (p->count + UNIT - 1) / UNIT * UNIT : 0;
}

static int make_vectors(struct ril_params *ps, struct ril_err *err)
{
	struct ril_params_store *st = ps->store;
	if (st->vecs)
		return 0;
	st->vecs_n = 0;
	for (size_t i = 0; i < ps->n; i++)
		st->vecs_n += vec_place(ps, ps->at[i]);
	return (st->vecs = ril_params_block((size_t)st->vecs_n, sizeof(ril_real), err)) ? 0 : -1;
}

int ril_params_ready(struct ril_params *ps, struct ril_err *err)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (ps->shared && p->offset >= 0)
			continue;
		p->w.type = ril_param_read_as(ps, p);
		if (!ril_param_read_by_passes(ps, p))
			p->w.p = NULL;
		else if (ps->shares)
			ril_param_share(ps, p);
	}
	if (ps->store->draft || !ps->reads)
		return 0;
	if (make_vectors(ps, err))
		return -1;
	ril_real *at = ps->store->vecs;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (ril_param_stays(ps, p) && !p->borrowed &&
		    (p->is_vec ? bring_vec(ps, p, at, err) : ril_param_bring(ps, p, err)))
			return -1;
		at += vec_place(ps, p);
	}
	return ril_ops()->sync(err);
}

/* ---- training ---- */

/* With adapters nothing else but a score head is. */
static bool trains(const struct ril_params *ps, const struct ril_param *p, int parts)
{
	return p->part & parts && !p->tied && !p->frozen && (!ps->adapters || p->adapter || p->part == RIL_PART_SCORE);
}

/* What forward passes will read: the master itself where that is ril_real, or rounding is left out (double build).  A
 * pass in BF16 has the same roundings in the double build as in the other. */
static enum ril_dtype forward_type(const struct ril_params *ps, const struct ril_param *p, bool keep_master)
{
	enum ril_dtype type = ril_param_read_as(ps, p);
	bool rounded = ps->compute == RIL_BF16 && ril_dtype_size(type) == 2;
	return keep_master && RIL_REAL == RIL_F64 && !rounded ? RIL_REAL : type;
}

static enum ril_dtype gradient_type(const struct ril_param *p, const struct ril_training *how)
{
	return how->gradients && !p->is_vec ? how->gradients : RIL_REAL;
}

static struct ril_run *run_of(struct ril_params *ps, enum ril_dtype type, enum ril_dtype grad)
{
	int r = 0;
	while (r < ps->runs && (ps->run[r].type != type || ps->run[r].grad_type != grad))
		r++;
	if (r == ps->runs)
		ps->run[ps->runs++] = (struct ril_run){.type = type, .grad_type = grad};
	assert(ps->runs <= RIL_MAX_RUNS);
	return &ps->run[r];
}

/* Elements that a parameter takes in the training blocks. */
static int64_t place_size(const struct ril_params *ps, const struct ril_param *p)
{
	return (p->count + ps->unit - 1) / ps->unit * ps->unit;
}

/* Gives every trainable parameter its place: run after run, in table order. */
static void place(struct ril_params *ps, const struct ril_training *how)
{
	struct ril_run *of;
	ps->unit = how->unit ? how->unit : 1;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (!trains(ps, p, how->parts))
			continue;
		of = run_of(ps, forward_type(ps, p, how->keep_master), gradient_type(p, how));
		p->offset = of->count; /* within its run, for now */
		of->count += place_size(ps, p);
	}
	for (int r = 0; r < ps->runs; r++) {
		ps->run[r].from = ps->run[r].kept_at = ps->count;
		ps->run[r].kept = (struct ril_range){0, ps->run[r].count};
		ps->run[r].is_master = how->keep_master && ps->run[r].type == RIL_REAL;
		ps->count += ps->run[r].count;
	}
	ps->kept = ps->count;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (trains(ps, p, how->parts))
			p->offset += run_of(ps, forward_type(ps, p, how->keep_master), gradient_type(p, how))->from;
	}
}

/* The parameter's values on the device, as they are before training. */
static struct ril_mat values(const struct ril_param *p)
{
	return p->vec ? ril_row(p->vec, RIL_REAL, p->count) : ril_row(p->w.p, p->w.type, p->count);
}

static bool within(const struct ril_run *run, const struct ril_param *p)
{
	return p->offset >= run->from && p->offset < run->from + run->count;
}

/* The masters of one run: the values as they are stored, of which passes may read less. */
static int first_masters(struct ril_params *ps, const struct ril_run *run, struct ril_err *err)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		struct ril_mat to = ril_row(ps->master + p->offset, RIL_REAL, p->count);
		if (!within(run, p))
			continue;
		if (p->vec || p->w.type == p->dtype)
			ril_ops()->convert(to, values(p));
		else if (ril_param_stored(p, 0, to, err))
			return -1;
	}
	return 0;
}

/* Moves the weights of one run into its block. */
static int publish_first(struct ril_params *ps, struct ril_run *run, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t size = ril_dtype_size(run->type);
	if (ps->master && first_masters(ps, run, err))
		return -1;
	if (run->is_master)
		run->published = ps->master + run->from;
	else if (!(run->published = ril_params_block((size_t)run->count, size, err)))
		return -1;
	if (!run->is_master && ps->unit > 1) /* what lies between parameters */
		ops->zero(run->published, (size_t)run->count * size);
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (!within(run, p))
			continue;
		void *to = ril_element(run->published, run->type, p->offset - run->from);
		if (!run->is_master)
			ops->convert(ril_row(to, run->type, p->count), values(p));
		p->w.p = to;
		p->w.type = run->type;
		if (run->is_master && p->is_vec)
			p->vec = to;
		ril_param_release(p);
	}
	return 0;
}

/* What passes will read of what is trained, without memory yet. */
static void set_types(struct ril_params *ps)
{
	for (int r = 0; r < ps->runs; r++)
		for (size_t i = 0; i < ps->n; i++)
			if (within(&ps->run[r], ps->at[i]))
				ps->at[i]->w.type = ps->run[r].type;
}

/* One block for all gradients.  Runs of one type touch. */
static int make_gradients(struct ril_params *ps, bool apart, struct ril_err *err)
{
	enum { ALIGN = 64 };
	size_t at = 0, from[RIL_MAX_RUNS];
	for (int r = 0; r < ps->runs; r++) {
		const struct ril_run *run = &ps->run[r];
		if (r && run->grad_type != run[-1].grad_type)
			at = (at + ALIGN - 1) & ~(size_t)(ALIGN - 1);
		from[r] = at;
		at += (size_t)run->count * ril_dtype_size(run->grad_type);
	}
	if (!apart && !(ps->grad = ril_params_block(at, 1, err)))
		return -1;
	ps->grad_bytes = apart ? 0 : at;
	for (int r = 0; r < ps->runs; r++) {
		struct ril_run *run = &ps->run[r];
		run->grad = apart ? NULL : (char *)ps->grad + from[r];
		for (size_t i = 0; i < ps->n; i++) {
			struct ril_param *p = ps->at[i];
			if (within(run, p))
				p->grad = ril_mat_of(
					apart ? NULL : ril_element(run->grad, run->grad_type, p->offset - run->from),
					run->grad_type, p->w.rows, p->w.cols);
		}
	}
	ril_params_zero_grad(ps);
	return 0;
}

static int check_training(const struct ril_params *ps, const struct ril_training *how, struct ril_err *err)
{
	if (!ps->count)
		return ril_fail(err, RIL_EFAIL, "%s: nothing to train", ps->dir);
	for (size_t i = 0; i < ps->n && !how->keep_master; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset >= 0 && p->dtype == RIL_F16 && ril_param_read_as(ps, p) != RIL_F16)
			return ril_fail(err, RIL_EFAIL,
					"%s: tensor '%s' has type F16, which passes in BF16 read rounded: that takes "
					"float masters, or passes in float",
					ps->dir, p->name),
			       ril_setting(err, "master|compute");
	}
	return 0;
}

int ril_params_train(struct ril_params *ps, const struct ril_training *how, struct ril_err *err)
{
	assert(!ps->grad && !(how->parts & ~ps->reads) && (how->apart || !how->shared));
	place(ps, how);
	ps->has_master = how->keep_master;
	ps->shared = how->shared;
	if (check_training(ps, how, err))
		return -1;
	if (how->shared)
		return set_types(ps), make_gradients(ps, true, err);
	if (how->keep_master) {
		if (!(ps->master = ril_params_block((size_t)ps->count, sizeof *ps->master, err)))
			return -1;
		if (ps->unit > 1)
			ril_ops()->zero(ps->master, (size_t)ps->count * sizeof *ps->master);
	}
	for (int r = 0; r < ps->runs; r++)
		if (publish_first(ps, &ps->run[r], err))
			return -1;
	return make_gradients(ps, how->apart, err) ? -1 : ril_ops()->sync(err);
}

struct ril_params_size ril_params_size(const struct ril_params *ps)
{
	struct ril_params_size s = {.masters = ps->master ? (size_t)ps->kept * sizeof *ps->master : 0,
				    .gradients = ps->grad_bytes};
	for (int r = 0; r < ps->runs; r++) {
		const struct ril_run *run = &ps->run[r];
		size_t bytes = (size_t)(run->kept.to - run->kept.from) * ril_dtype_size(run->type);
		*(run->is_master ? &s.in_masters : &s.weights) += bytes;
		s.published += bytes;
	}
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (!ril_param_stays(ps, p) || p->borrowed)
			continue;
		if (p->is_vec)
			s.weights += (size_t)p->count * sizeof(ril_real);
		else if (!p->tied && p->offset < 0)
			s.weights += (size_t)p->count * ril_dtype_size(p->w.type);
	}
	return s;
}

void ril_params_zero_grad(struct ril_params *ps)
{
	if (ps->grad)
		ril_ops()->zero(ps->grad, ps->grad_bytes);
}

void ril_params_publish(struct ril_params *ps, const struct ril_run *run, int64_t from, int64_t to)
{
	if (ps->master && !run->is_master)
		ril_ops()->convert(ril_row(ril_element(run->published, run->type, from), run->type, to - from),
				   ril_row(ps->master + ril_params_kept(ps, run->from + from), RIL_REAL, to - from));
}

void ril_params_vectors(struct ril_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset >= 0 && p->is_vec && !ps->shared && p->vec != p->w.p)
			ril_ops()->convert(ril_row(p->vec, RIL_REAL, p->count), ril_row(p->w.p, p->w.type, p->count));
	}
}

int ril_params_refresh(struct ril_params *ps, struct ril_err *err)
{
	for (int r = 0; r < ps->runs; r++)
		ril_params_publish(ps, &ps->run[r], ps->run[r].kept.from, ps->run[r].kept.to);
	ril_params_vectors(ps);
	return ril_ops()->sync(err);
}

/* ---- reading back ---- */

int ril_param_read(const struct ril_params *ps, const struct ril_param *p, const ril_real *values, void *out,
		   int64_t at, int64_t n, void *room, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	bool apart = ps->shared && p->offset >= 0;
	struct ril_mat from = ril_row(ril_element(p->w.p, p->w.type, at), p->w.type, n);
	if (!values && p->w.type != p->dtype)
		values = ps->master;
	if (apart) {
		if (ril_gather_part(ps->gather, p, values, at, n, &from, err))
			return -1;
	} else if (values) {
		from = ril_row(values + p->offset + at, RIL_REAL, n);
	}
	void *gathered = apart ? from.p : NULL;
	if (from.type != p->dtype) {
		ops->convert(ril_row(room, p->dtype, n), from);
		from.p = room;
	}
	ops->to_host(out, from.p, (size_t)n * ril_dtype_size(p->dtype));
	ops->put(gathered);
	return ops->sync(err);
}
