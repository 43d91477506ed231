/* reduce.c -- see reduce.h. */
#include "nn/reduce.h"

#include "base/progress.h"
#include "nn/spans.h"
#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>

struct bucket {
	int first, spans;
	int waits_for;    /* parameters of it that are not final yet */
	int from, params; /* in `order` */
	size_t bytes;
	char *room;   /* gradients apart: their memory; NULL: none now */
	double ready; /* when it was begun */
	int due;      /* weights shared out: the last place of the way back at which it is added to */
};

struct ril_reduce {
	struct ril_params *params;
	const struct ril_world *world;
	int64_t *const *bound;
	struct ril_reduce_options how;
	struct ril_param **order; /* [trained]: from the output towards the input */
	int *of;                  /* [trained]: their buckets */
	int trained;
	struct bucket *bucket; /* [buckets] */
	int buckets, begun;
	struct ril_span *span; /* [spans] */
	struct ril_sum *sum;   /* [spans] */
	int spans;
	int64_t *bound_of; /* [spans][size + 1] */
	bool last;         /* micro-batch of the step */
	bool shows;        /* parameters have their gradients where the rank keeps its own */
	struct ril_err err;
	/* gradients apart */
	char *own; /* the rank's ranges, run after run, device */
	int kept;  /* buckets of which it has its part */
	size_t rooms, most;
	/* of the trace */
	char block[80];      /* the part of the model that is walked back */
	double since, until; /* when that, or a wait, began; when the last of its gradients was final */
};

/* ---- what belongs together ---- */

/* From the output towards the input. */
static int by_use(const void *a, const void *b)
{
	return ril_param_by_use(b, a);
}

static size_t gradient_bytes(const struct ril_param *p)
{
	return (size_t)p->count * ril_dtype_size(p->grad.type);
}

/* The spans of parameters [from, to) of `order`, of one bucket. */
static void add_bucket(struct ril_reduce *r, int from, int to, struct ril_param **room)
{
	struct bucket *b = &r->bucket[r->buckets++];
	*b = (struct bucket){.first = r->spans, .from = from, .params = to - from};
	memcpy(room, r->order + from, (size_t)(to - from) * sizeof *room);
	b->spans = ril_spans(r->params, room, to - from, r->span + r->spans);
	r->spans += b->spans;
}

static void set_sum(struct ril_reduce *r, int i)
{
	struct ril_span *s = &r->span[i];
	int64_t *bound = r->bound_of + i * (r->world->size + 1);
	ril_span_bound(s, r->bound[s->run - r->params->run], r->world->size, bound);
	r->sum[i] = (struct ril_sum){.bound = bound, .type = s->run->grad_type};
	if (!r->how.shard)
		r->sum[i].block = (char *)s->run->grad + (size_t)s->from * ril_dtype_size(s->run->grad_type);
}

static int allocate(struct ril_reduce *r, struct ril_param ***room, struct ril_err *err)
{
	size_t n = r->params->n, ends = (size_t)r->world->size + 1;
	r->order = ril_new(n, sizeof *r->order, err);
	r->of = ril_new(n, sizeof *r->of, err);
	r->bucket = ril_new(n, sizeof *r->bucket, err);
	r->span = ril_new(n, sizeof *r->span, err);
	r->sum = ril_new(n, sizeof *r->sum, err);
	*room = ril_new(n, sizeof **room, err);
	r->bound_of = ril_new(n * ends, sizeof *r->bound_of, err);
	return r->order && r->of && r->bucket && r->span && r->sum && *room && r->bound_of ? 0 : -1;
}

static void cut(struct ril_reduce *r, struct ril_param **room)
{
	for (size_t i = 0; i < r->params->n; i++)
		if (r->params->at[i]->offset >= 0)
			r->order[r->trained++] = r->params->at[i];
	qsort(r->order, (size_t)r->trained, sizeof *r->order, by_use);
	int from = 0;
	double bytes = 0;
	for (int i = 0; i < r->trained; i++) {
		r->of[i] = r->buckets;
		bytes += (double)gradient_bytes(r->order[i]);
		if (i + 1 < r->trained && !(r->how.bucket > 0 && bytes >= r->how.bucket))
			continue;
		add_bucket(r, from, i + 1, room);
		from = i + 1;
		bytes = 0;
	}
}

static void again(struct ril_reduce *r)
{
	r->begun = r->kept = 0;
	r->last = false;
	for (int i = 0; i < r->buckets; i++)
		r->bucket[i].waits_for = r->bucket[i].params;
}

/* ---- gradients apart ---- */

enum { UNDER_WAY = 2 };

static struct ril_range own_range(const struct ril_reduce *r, int run)
{
	const int64_t *bound = r->bound[run] + r->world->rank;
	return (struct ril_range){bound[0], bound[1]};
}

static void *memory(size_t bytes, struct ril_err *err)
{
	void *p = ril_ops()->get(bytes ? bytes : 1);
	if (p)
		ril_ops()->zero(p, bytes);
	else if (!ril_ops()->sync(err))
		ril_fail(err, RIL_EFAIL, "out of memory for gradients (%zu bytes)", bytes);
	return p;
}

/* Memory for what the rank keeps, laid out as the gradients' block: a run says where its first element would be.  And room for
 * buckets is laid out. */
static int share_out(struct ril_reduce *r, struct ril_err *err)
{
	struct ril_params *ps = r->params;
	size_t at = 0, place[RIL_MAX_RUNS];
	for (int k = 0; k < ps->runs; k++) {
		struct ril_range own = own_range(r, k);
		if (k && ps->run[k].grad_type != ps->run[k - 1].grad_type)
			at = ril_span_aligned(at);
		place[k] = at;
		at += (size_t)(own.to - own.from) * ril_dtype_size(ps->run[k].grad_type);
	}
	if (!(r->own = memory(at, err)))
		return -1;
	r->rooms = r->most = at;
	for (int k = 0; k < ps->runs; k++)
		ps->run[k].grad = (void *)((uintptr_t)r->own + place[k] -
					   (size_t)own_range(r, k).from * ril_dtype_size(ps->run[k].grad_type));
	for (int i = 0; i < r->buckets; i++) {
		struct bucket *b = &r->bucket[i];
		for (struct ril_span *s = r->span + b->first; s < r->span + b->first + b->spans; s++) {
			s->at = b->bytes;
			b->bytes += ril_span_aligned((size_t)(s->to - s->from) * ril_dtype_size(s->run->grad_type));
		}
	}
	return 0;
}

/* Where the bucket has the gradient of a parameter. */
static void *in_room(const struct ril_reduce *r, const struct bucket *b, const struct ril_param *p)
{
	const struct ril_span *s = ril_span_of(r->params, r->span + b->first, p);
	int64_t at = p->offset - s->run->from - s->from;
	return b->room + s->at + (size_t)at * ril_dtype_size(s->run->grad_type);
}

static int give_room(struct ril_reduce *r, struct bucket *b, struct ril_err *err)
{
	if (!r->how.shard || b->room)
		return 0;
	if (!(b->room = memory(b->bytes, err)))
		return -1;
	r->rooms += b->bytes;
	r->most = r->rooms > r->most ? r->rooms : r->most;
	for (int i = b->from; i < b->from + b->params; i++)
		r->order[i]->grad.p = in_room(r, b, r->order[i]);
	for (int i = b->first; i < b->first + b->spans; i++)
		r->sum[i].block = b->room + r->span[i].at;
	return 0;
}

/* The rank's part of a bucket that has been summed; the rest goes. */
static void keep_own(struct ril_reduce *r, struct bucket *b)
{
	for (int i = b->first; i < b->first + b->spans; i++) {
		const struct ril_span *s = &r->span[i];
		size_t size = ril_dtype_size(s->run->grad_type);
		const int64_t *part = r->sum[i].bound + r->world->rank;
		if (part[1] > part[0])
			ril_ops()->copy((char *)s->run->grad + (size_t)(s->from + part[0]) * size,
					(char *)r->sum[i].block + (size_t)part[0] * size,
					(size_t)(part[1] - part[0]) * size);
	}
	ril_ops()->put(b->room); /* once what was called before is done */
	b->room = NULL;
	r->rooms -= b->bytes;
	for (int i = b->from; i < b->from + b->params; i++)
		r->order[i]->grad.p = NULL;
}

/* Of the buckets under way those that have been summed, and all but the last few of them are waited for. */
static int keep(struct ril_reduce *r, int under_way, struct ril_err *err)
{
	while (r->how.shard && r->kept < r->begun) {
		struct bucket *b = &r->bucket[r->kept];
		int rc = r->world->reduce_done(r->world, &r->sum[b->first + b->spans - 1],
					       r->begun - r->kept > under_way, err);
		if (rc != 1)
			return rc;
		keep_own(r, b);
		r->kept++;
	}
	return 0;
}

/* While the optimiser steps, a parameter that is wholly the rank's has its gradient where the rank keeps it. */
static void show_own(struct ril_reduce *r, bool on)
{
	for (int i = 0; i < r->trained && r->how.shard && on != r->shows; i++) {
		struct ril_param *p = r->order[i];
		int k = ril_params_run(r->params, p);
		const struct ril_run *run = &r->params->run[k];
		struct ril_range own = own_range(r, k);
		int64_t at = p->offset - run->from;
		bool whole = at >= own.from && at + p->count <= own.to;
		p->grad.p = on && whole ? (char *)run->grad + (size_t)at * ril_dtype_size(run->grad_type) : NULL;
	}
	r->shows = on;
}

/* ---- sums ---- */

static void begin_bucket(struct ril_reduce *r)
{
	struct bucket *b = &r->bucket[r->begun];
	if (r->err.code || give_room(r, b, &r->err))
		return;
	r->begun++;
	b->ready = ril_now();
	for (int i = 0; i < b->spans; i++)
		r->world->reduce_begin(r->world, &r->sum[b->first + i]);
	keep(r, UNDER_WAY, &r->err);
}

/* The way back has come to place `at` of its sequence, as on all ranks. */
static void past(void *ctx, int at)
{
	struct ril_reduce *r = ctx;
	while (r->last && r->begun < r->buckets && r->bucket[r->begun].due < at && !r->err.code)
		begin_bucket(r);
}

/* Where weights are shared out sums and gathering take turns, in one order on all ranks: a bucket is begun at a place of the sequence
 * in which weights are read. */
static void take_turns(struct ril_reduce *r)
{
	struct ril_gather *g = r->params->gather;
	for (int i = 0; i < r->trained; i++) {
		int at = ril_gather_place(g, r->order[i]);
		struct bucket *b = &r->bucket[r->of[i]];
		b->due = at > b->due ? at : b->due;
	}
	ril_gather_follow(g, (struct ril_gather_follower){past, r});
}

struct ril_reduce *ril_reduce_new(struct ril_params *ps, const struct ril_world *w, int64_t *const bound[],
				  const struct ril_reduce_options *how, struct ril_err *err)
{
	struct ril_reduce *r = ril_new(1, sizeof *r, err);
	struct ril_param **room = NULL;
	if (!r)
		return NULL;
	*r = (struct ril_reduce){.params = ps, .world = w, .bound = bound, .how = *how};
	if (allocate(r, &room, err)) {
		free(room);
		ril_reduce_free(r);
		return NULL;
	}
	cut(r, room);
	free(room);
	for (int i = 0; i < r->spans; i++)
		set_sum(r, i);
	again(r);
	if (ps->gather)
		take_turns(r);
	if (how->shard && share_out(r, err)) {
		ril_reduce_free(r);
		return NULL;
	}
	return r;
}

void ril_reduce_free(struct ril_reduce *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->buckets && r->bucket; i++)
		ril_ops()->put(r->bucket[i].room);
	ril_ops()->put(r->own);
	free(r->order);
	free(r->of);
	free(r->bucket);
	free(r->span);
	free(r->sum);
	free(r->bound_of);
	free(r);
}

size_t ril_reduce_bytes(const struct ril_reduce *r)
{
	return r->how.shard ? r->most : 0;
}

int ril_reduce_buckets(const struct ril_reduce *r)
{
	return r->buckets;
}

/* ---- the trace ---- */

/* The walk back has come to another part of the model (or with NULL to its end). */
static void trace_block(struct ril_reduce *r, const struct ril_param *p)
{
	char block[sizeof r->block] = "";
	double now = ril_now();
	if (p)
		ril_param_block(p->name, block, sizeof block);
	if (r->block[0] && strcmp(block, r->block) != 0) {
		double until = p ? r->until : now;
		ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "backward", r->block, r->since, until);
		r->since = until;
	}
	memcpy(r->block, block, sizeof r->block);
	r->until = now;
}

/* The sums, since when each could begin, and how long they took after the passes. */
static void trace_sums(const struct ril_reduce *r)
{
	double end = r->since;
	for (int i = 0; i < r->buckets && r->world->size > 1; i++) {
		const struct bucket *b = &r->bucket[i];
		char number[16];
		snprintf(number, sizeof number, "%d", i);
		end = r->sum[b->first + b->spans - 1].to;
		ril_trace_span(r->how.trace, RIL_TRACK_WORLD, "ready", number, b->ready, b->ready);
		ril_trace_span(r->how.trace, RIL_TRACK_WORLD, "reduce", number, r->sum[b->first].from, end);
	}
	if (end > r->since)
		ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "wait", NULL, r->since, end);
}

/* ---- a step ---- */

/* Of a trained parameter in `order`. */
static ptrdiff_t place_of(const struct ril_reduce *r, struct ril_param *p)
{
	struct ril_param **at = bsearch(&p, r->order, (size_t)r->trained, sizeof *r->order, by_use);
	return at - r->order;
}

static void is_final(void *ctx, struct ril_param *p)
{
	struct ril_reduce *r = ctx;
	if (r->how.trace)
		trace_block(r, p);
	if (!(r->how.bucket > 0) || r->params->gather)
		return;
	r->bucket[r->of[place_of(r, p)]].waits_for--;
	while (r->begun < r->buckets && !r->bucket[r->begun].waits_for && !r->err.code)
		begin_bucket(r);
}

static int give(void *ctx, struct ril_param *p, struct ril_err *err)
{
	struct ril_reduce *r = ctx;
	int bucket = r->of[place_of(r, p)];
	if (bucket < r->begun)
		return ril_fail(err, RIL_EFAIL, "tensor '%s': its gradient is added to after it was summed", p->name);
	return give_room(r, &r->bucket[bucket], err);
}

static int failed(const struct ril_reduce *r, struct ril_err *err)
{
	return r->err.code ? ril_fail(err, r->err.code, "%s", r->err.msg) : 0;
}

void ril_reduce_pass(struct ril_reduce *r, struct ril_tape *t, bool last)
{
	r->last = last;
	r->since = ril_now();
	bool listens = (r->world->size > 1 && !r->params->gather) || r->how.trace;
	const struct ril_listener who = {
		.final = last && listens ? is_final : NULL, .give = r->how.shard ? give : NULL, .ctx = r};
	show_own(r, false);
	ril_tape_listen(t, &who);
	ril_gather_begin(r->params->gather, true);
}

int ril_reduce_backward(struct ril_reduce *r, struct ril_tape *t, struct ril_err *err)
{
	double now = ril_now();
	ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "forward", NULL, r->since, now);
	r->since = now;
	if (ril_gather_turn(r->params->gather, err) || ril_tape_backward(t, err) ||
	    ril_gather_end(r->params->gather, err) || failed(r, err))
		return -1;
	if (r->last && r->block[0])
		trace_block(r, NULL);
	else
		ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "backward", NULL, now, ril_now());
	return 0;
}

int ril_reduce_idle(struct ril_reduce *r, struct ril_tape *t, bool last, struct ril_err *err)
{
	struct ril_gather *g = r->params->gather;
	ril_reduce_pass(r, t, last);
	return ril_gather_turn(g, err) || ril_gather_end(g, err) || failed(r, err) ? -1 : 0;
}

void ril_reduce_rest(struct ril_reduce *r)
{
	r->since = ril_now();
	show_own(r, false);
	while (r->begun < r->buckets && !r->err.code)
		begin_bucket(r);
}

int ril_reduce_end(struct ril_reduce *r, struct ril_err *err)
{
	if (r->begun < r->buckets)
		ril_reduce_rest(r);
	if (failed(r, err) || r->world->reduce_end(r->world, err) || keep(r, 0, err))
		return -1;
	show_own(r, true);
	trace_sums(r);
	again(r);
	return 0;
}
