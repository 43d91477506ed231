/* reduce.c -- see reduce.h. */
#include "nn/reduce.h"

#include "base/progress.h"
#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>

/* Elements [from, to) of a run, which touch. */
struct piece {
	struct ril_sum sum;
	const struct ril_run *run;
	int64_t from, to;
	size_t at; /* in the bucket's room */
};

struct bucket {
	int first, pieces;
	int waits_for;    /* parameters of it that are not final yet */
	int from, params; /* in `order` */
	size_t bytes;
	char *room;   /* gradients apart: their memory; NULL: none now */
	double ready; /* when it was begun */
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
	struct piece *piece; /* [pieces] */
	int pieces;
	int64_t *bound_of; /* [pieces][size + 1] */
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

/* Vision towers, projectors, language models, heads. */
static int rank_of(const struct ril_param *p)
{
	return p->part == RIL_PART_VISION ? 0 : p->part == RIL_PART_PROJECTOR ? 1 : p->part == RIL_PART_LLM ? 2 : 3;
}

static int by_use(const void *a, const void *b)
{
	const struct ril_param *p = *(const struct ril_param *const *)a, *q = *(const struct ril_param *const *)b;
	if (rank_of(p) != rank_of(q))
		return rank_of(p) > rank_of(q) ? -1 : 1;
	if (p->order != q->order)
		return p->order > q->order ? -1 : 1;
	return (p->offset < q->offset) - (p->offset > q->offset);
}

static int by_place(const void *a, const void *b)
{
	const struct ril_param *p = *(const struct ril_param *const *)a, *q = *(const struct ril_param *const *)b;
	return (p->offset > q->offset) - (p->offset < q->offset);
}

static const struct ril_run *run_of(const struct ril_params *ps, const struct ril_param *p)
{
	int r = 0;
	while (p->offset >= ps->run[r].from + ps->run[r].count)
		r++;
	return &ps->run[r];
}

static size_t gradient_bytes(const struct ril_param *p)
{
	return (size_t)p->count * ril_dtype_size(p->grad.type);
}

/* The pieces of parameters [from, to) of `order`, of one bucket. */
static void add_pieces(struct ril_reduce *r, int from, int to, struct ril_param **room)
{
	struct bucket *b = &r->bucket[r->buckets++];
	*b = (struct bucket){.first = r->pieces, .from = from, .params = to - from};
	memcpy(room, r->order + from, (size_t)(to - from) * sizeof *room);
	qsort(room, (size_t)(to - from), sizeof *room, by_place);
	for (int i = 0; i < to - from; i++) {
		const struct ril_param *p = room[i];
		const struct ril_run *run = run_of(r->params, p);
		int64_t at = p->offset - run->from;
		struct piece *last = b->pieces ? &r->piece[r->pieces - 1] : NULL;
		if (last && last->run == run && at - last->to < r->params->unit) {
			last->to = at + p->count;
			continue;
		}
		r->piece[r->pieces++] = (struct piece){.run = run, .from = at, .to = at + p->count};
		b->pieces++;
	}
}

static void set_bounds(const struct ril_reduce *r, struct piece *p, int64_t *bound)
{
	const int64_t *whole = r->bound[p->run - r->params->run];
	size_t size = ril_dtype_size(p->run->grad_type);
	for (int k = 0; k <= r->world->size; k++) {
		int64_t at = whole[k] < p->from ? p->from : whole[k] > p->to ? p->to : whole[k];
		bound[k] = at - p->from;
	}
	p->sum = (struct ril_sum){.bound = bound, .type = p->run->grad_type};
	if (!r->how.shard)
		p->sum.block = (char *)p->run->grad + (size_t)p->from * size;
}

static int allocate(struct ril_reduce *r, struct ril_param ***room, struct ril_err *err)
{
	size_t n = r->params->n, ends = (size_t)r->world->size + 1;
	r->order = ril_new(n, sizeof *r->order, err);
	r->of = ril_new(n, sizeof *r->of, err);
	r->bucket = ril_new(n, sizeof *r->bucket, err);
	r->piece = ril_new(n, sizeof *r->piece, err);
	*room = ril_new(n, sizeof **room, err);
	r->bound_of = ril_new(n * ends, sizeof *r->bound_of, err);
	return r->order && r->of && r->bucket && r->piece && *room && r->bound_of ? 0 : -1;
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
		add_pieces(r, from, i + 1, room);
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

enum { UNDER_WAY = 2, ALIGN = 64 };

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

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
			at = aligned(at);
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
		for (struct piece *p = r->piece + b->first; p < r->piece + b->first + b->pieces; p++) {
			p->at = b->bytes;
			b->bytes += aligned((size_t)(p->to - p->from) * ril_dtype_size(p->run->grad_type));
		}
	}
	return 0;
}

/* Where the bucket has the gradient of a parameter. */
static void *in_room(const struct ril_reduce *r, const struct bucket *b, const struct ril_param *q)
{
	const struct ril_run *run = run_of(r->params, q);
	const struct piece *p = r->piece + b->first;
	int64_t at = q->offset - run->from;
	while (p->run != run || at < p->from || at >= p->to)
		p++;
	return b->room + p->at + (size_t)(at - p->from) * ril_dtype_size(run->grad_type);
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
	for (int i = b->first; i < b->first + b->pieces; i++)
		r->piece[i].sum.block = b->room + r->piece[i].at;
	return 0;
}

/* The rank's part of a bucket that has been summed; the rest goes. */
static void keep_own(struct ril_reduce *r, struct bucket *b)
{
	for (const struct piece *p = r->piece + b->first; p < r->piece + b->first + b->pieces; p++) {
		size_t size = ril_dtype_size(p->run->grad_type);
		const int64_t *part = p->sum.bound + r->world->rank;
		if (part[1] > part[0])
			ril_ops()->copy((char *)p->run->grad + (size_t)(p->from + part[0]) * size,
					(char *)p->sum.block + (size_t)part[0] * size,
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
		int rc = r->world->reduce_done(r->world, &r->piece[b->first + b->pieces - 1].sum,
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
		const struct ril_run *run = run_of(r->params, p);
		struct ril_range own = own_range(r, (int)(run - r->params->run));
		int64_t at = p->offset - run->from;
		bool whole = at >= own.from && at + p->count <= own.to;
		p->grad.p = on && whole ? (char *)run->grad + (size_t)at * ril_dtype_size(run->grad_type) : NULL;
	}
	r->shows = on;
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
	for (int i = 0; i < r->pieces; i++)
		set_bounds(r, &r->piece[i], r->bound_of + i * (w->size + 1));
	again(r);
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
	free(r->piece);
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

/* "model.layers.3" of "model.layers.3.mlp.up_proj.weight", "model.norm" of "model.norm.weight". */
static void block_of(const char *name, char *out, size_t room)
{
	const char *end = strrchr(name, '.');
	for (const char *s = strchr(name, '.'); s; s = strchr(s + 1, '.')) {
		size_t digits = strspn(s + 1, "0123456789");
		if (digits && (s[1 + digits] == '.' || !s[1 + digits])) {
			end = s + 1 + digits;
			break;
		}
	}
	snprintf(out, room, "%.*s", (int)(end ? (size_t)(end - name) : strlen(name)), name);
}

/* The walk back has come to another part of the model (or with NULL to its end). */
static void trace_block(struct ril_reduce *r, const struct ril_param *p)
{
	char block[sizeof r->block] = "";
	double now = ril_now();
	if (p)
		block_of(p->name, block, sizeof block);
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
		end = r->piece[b->first + b->pieces - 1].sum.to;
		ril_trace_span(r->how.trace, RIL_TRACK_WORLD, "ready", number, b->ready, b->ready);
		ril_trace_span(r->how.trace, RIL_TRACK_WORLD, "reduce", number, r->piece[b->first].sum.from, end);
	}
	if (end > r->since)
		ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "wait", NULL, r->since, end);
}

/* ---- a step ---- */

static void begin_bucket(struct ril_reduce *r)
{
	struct bucket *b = &r->bucket[r->begun];
	if (r->err.code || give_room(r, b, &r->err))
		return;
	r->begun++;
	b->ready = ril_now();
	for (int i = 0; i < b->pieces; i++)
		r->world->reduce_begin(r->world, &r->piece[b->first + i].sum);
	keep(r, UNDER_WAY, &r->err);
}

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
	if (!(r->how.bucket > 0))
		return;
	r->bucket[r->of[place_of(r, p)]].waits_for--;
	while (r->begun < r->buckets && !r->bucket[r->begun].waits_for && !r->err.code)
		begin_bucket(r);
}

static int give(void *ctx, struct ril_param *p, struct ril_err *err)
{
	struct ril_reduce *r = ctx;
	return give_room(r, &r->bucket[r->of[place_of(r, p)]], err);
}

static int failed(const struct ril_reduce *r, struct ril_err *err)
{
	return r->err.code ? ril_fail(err, r->err.code, "%s", r->err.msg) : 0;
}

void ril_reduce_pass(struct ril_reduce *r, struct ril_tape *t, bool last)
{
	r->last = last;
	r->since = ril_now();
	const struct ril_listener who = {.final = last && (r->world->size > 1 || r->how.trace) ? is_final : NULL,
					 .give = r->how.shard ? give : NULL,
					 .ctx = r};
	show_own(r, false);
	ril_tape_listen(t, &who);
}

int ril_reduce_backward(struct ril_reduce *r, struct ril_tape *t, struct ril_err *err)
{
	double now = ril_now();
	ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "forward", NULL, r->since, now);
	r->since = now;
	if (ril_tape_backward(t, err) || failed(r, err))
		return -1;
	if (r->last && r->block[0])
		trace_block(r, NULL);
	else
		ril_trace_span(r->how.trace, RIL_TRACK_PASSES, "backward", NULL, now, ril_now());
	return 0;
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
