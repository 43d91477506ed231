/* gather.c -- see gather.h. */
#include "nn/gather.h"

#include "base/progress.h"
#include "nn/params_internal.h"
#include "nn/spans.h"
#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>

struct unit {
	int first, spans;
	int from, params; /* in `order` */
	size_t bytes;     /* of its room */
	char *room;       /* NULL: it is neither there nor on its way */
	bool there;
};

/* A place in a sequence. */
struct place {
	int unit;
	bool reads; /* else it is there already, or its rows were looked up */
};

struct sequence {
	struct place *at; /* [n] */
	int n;
};

struct ril_gather {
	struct ril_params *params;
	const struct ril_world *world;
	int64_t *const *bound;
	struct ril_gather_options how;
	struct ril_param **order; /* [trained], as passes use them */
	int trained;
	struct unit *unit; /* [units] */
	int units;
	struct ril_span *span; /* [spans] */
	struct ril_sum *way;   /* [spans]: of what is on its way */
	int spans;
	int64_t *bound_of; /* [spans][size + 1] */
	struct sequence forward, backward;
	struct ril_gather_follower follower;
	/* of a pass */
	const struct sequence *walk; /* NULL: none is under way */
	bool back;                   /* it has a way back */
	int at;                      /* in the walk; -1: before it */
	size_t there, most;
};

/* ---- units ---- */

/* Parameters of one block, or what lies between blocks of a part. */
static bool together(const struct ril_param *p, const struct ril_param *q)
{
	char a[128], b[128];
	bool numbered = ril_param_block(p->name, a, sizeof a);
	if (ril_param_block(q->name, b, sizeof b) != numbered || p->part != q->part)
		return false;
	return !numbered || !strcmp(a, b);
}

/* Of a vector that passes read in another type than it is published in. */
static size_t wide_bytes(const struct ril_run *run, const struct ril_param *p)
{
	return p->is_vec && !run->is_master ? ril_span_aligned((size_t)p->count * sizeof(ril_real)) : 0;
}

static size_t room_of(const struct ril_params *ps, const struct ril_param *p)
{
	const struct ril_run *run = &ps->run[ril_params_run(ps, p)];
	return ril_span_aligned((size_t)p->count * ril_dtype_size(run->type)) + wide_bytes(run, p);
}

static void add_unit(struct ril_gather *g, int from, int to, struct ril_param **room)
{
	struct unit *u = &g->unit[g->units];
	*u = (struct unit){.first = g->spans, .from = from, .params = to - from};
	for (int i = from; i < to; i++) {
		struct ril_param *p = room[i - from] = g->order[i];
		p->unit = g->units;
		u->bytes += wide_bytes(&g->params->run[ril_params_run(g->params, p)], p);
	}
	u->spans = ril_spans(g->params, room, to - from, g->span + g->spans);
	for (struct ril_span *s = g->span + g->spans; s < g->span + g->spans + u->spans; s++) {
		s->at = u->bytes; /* after the vectors */
		u->bytes += ril_span_aligned((size_t)(s->to - s->from) * ril_dtype_size(s->run->type));
	}
	g->spans += u->spans;
	g->units++;
}

static void cut(struct ril_gather *g, struct ril_param **room)
{
	for (size_t i = 0; i < g->params->n; i++)
		if (g->params->at[i]->offset >= 0)
			g->order[g->trained++] = g->params->at[i];
	qsort(g->order, (size_t)g->trained, sizeof *g->order, ril_param_by_use);
	double bytes = 0;
	for (int i = 0, from = 0; i < g->trained; i++) {
		bytes += (double)room_of(g->params, g->order[i]);
		if (i + 1 < g->trained && (together(g->order[i], g->order[i + 1]) || bytes < g->how.least))
			continue;
		add_unit(g, from, i + 1, room);
		from = i + 1;
		bytes = 0;
	}
}

/* ---- sequences ---- */

/* Does the way back read any of it where passes have looked rows up? */
static bool read_back(const struct ril_gather *g, const struct unit *u)
{
	for (int i = u->from; i < u->from + u->params; i++)
		if (!g->order[i]->looked_up)
			return true;
	return false;
}

static void make_sequences(struct ril_gather *g)
{
	int last = -1;
	for (int i = 0; i < g->units; i++)
		g->forward.at[g->forward.n++] = (struct place){i, true};
	for (int i = 0; i < g->trained; i++)
		if (g->order[i]->heads && g->order[i]->unit != g->units - 1)
			last = g->order[i]->unit;
	if (last >= 0) /* read again */
		g->forward.at[g->forward.n++] = (struct place){last, true};
	for (int i = g->forward.n; i--;) {
		int u = g->forward.at[i].unit;
		/* the first one is still there, a tied table's rows were looked up where it comes for the second time */
		bool reads = g->backward.n > 0 && read_back(g, &g->unit[u]);
		g->backward.at[g->backward.n++] = (struct place){u, reads};
	}
}

static int allocate(struct ril_gather *g, struct ril_param ***room, struct ril_err *err)
{
	size_t n = g->params->n + 1, ends = (size_t)g->world->size + 1;
	g->order = ril_new(n, sizeof *g->order, err);
	g->unit = ril_new(n, sizeof *g->unit, err);
	g->span = ril_new(n, sizeof *g->span, err);
	g->way = ril_new(n, sizeof *g->way, err);
	g->forward.at = ril_new(n, sizeof *g->forward.at, err);
	g->backward.at = ril_new(n, sizeof *g->backward.at, err);
	g->bound_of = ril_new(n * ends, sizeof *g->bound_of, err);
	*room = ril_new(n, sizeof **room, err);
	return g->order && g->unit && g->span && g->way && g->forward.at && g->backward.at && g->bound_of && *room ? 0
														   : -1;
}

static struct ril_gather *lay_out(struct ril_params *ps, const struct ril_world *w,
				  const struct ril_gather_options *how, struct ril_err *err)
{
	struct ril_gather *g = ril_new(1, sizeof *g, err);
	struct ril_param **room = NULL;
	if (!g)
		return NULL;
	*g = (struct ril_gather){.params = ps, .world = w, .how = *how};
	if (allocate(g, &room, err)) {
		free(room);
		ril_gather_free(g);
		return NULL;
	}
	cut(g, room);
	free(room);
	make_sequences(g);
	return g;
}

struct ril_gather *ril_gather_new(struct ril_params *ps, const struct ril_world *w, int64_t *const bound[],
				  const struct ril_gather_options *how, struct ril_err *err)
{
	struct ril_gather *g = lay_out(ps, w, how, err);
	if (!g)
		return NULL;
	g->bound = bound;
	for (int i = 0; i < g->spans; i++)
		ril_span_bound(&g->span[i], bound[g->span[i].run - ps->run], w->size, g->bound_of + i * (w->size + 1));
	return ps->gather = g;
}

static void let_go(struct ril_gather *g, struct unit *u)
{
	if (!u->there)
		return;
	for (int i = u->from; i < u->from + u->params; i++) {
		g->order[i]->w.p = NULL;
		g->order[i]->vec = NULL;
	}
	ril_ops()->put(u->room); /* once what was called before is done */
	u->room = NULL;
	u->there = false;
	g->there -= u->bytes;
}

void ril_gather_free(struct ril_gather *g)
{
	if (!g)
		return;
	/* after a failure one may be on its way, and its memory written to until the end: it stays */
	for (int i = 0; i < g->units; i++)
		let_go(g, &g->unit[i]);
	if (g->params->gather == g)
		g->params->gather = NULL;
	free(g->order);
	free(g->unit);
	free(g->span);
	free(g->way);
	free(g->forward.at);
	free(g->backward.at);
	free(g->bound_of);
	free(g);
}

size_t ril_gather_bytes(const struct ril_gather *g)
{
	return g ? g->most : 0;
}

int ril_gather_plan(struct ril_params *ps, double least, struct ril_gather_cost *cost, struct ril_err *err)
{
	struct ril_gather *g = lay_out(ps, &ril_world_one, &(struct ril_gather_options){.least = least}, err);
	*cost = (struct ril_gather_cost){0};
	if (!g)
		return -1;
	const struct sequence *both[] = {&g->forward, &g->backward};
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < both[k]->n; i++) {
			const struct place *p = &both[k]->at[i],
					   *next = i + 1 < both[k]->n && p[1].reads ? p + 1 : NULL;
			size_t one = g->unit[p->unit].bytes, two = one + (next ? g->unit[next->unit].bytes : 0);
			cost->bytes += p->reads ? one : 0;
			cost->unit = two > cost->unit ? two : cost->unit;
		}
	}
	ril_gather_free(g);
	return 0;
}

/* ---- gathering ---- */

/* A span of a unit: the rank's own part, and the others' will come. */
static void send_for(struct ril_gather *g, const struct unit *u, int i)
{
	const struct ril_span *s = &g->span[i];
	const int64_t *bound = g->bound_of + i * (g->world->size + 1), *own = bound + g->world->rank;
	size_t size = ril_dtype_size(s->run->type);
	g->way[i] = (struct ril_sum){.block = u->room + s->at, .bound = bound, .type = s->run->type, .gather = true};
	if (own[1] > own[0])
		ril_ops()->copy(u->room + s->at + (size_t)own[0] * size,
				ril_element(s->run->published, s->run->type, s->from + own[0]),
				(size_t)(own[1] - own[0]) * size);
	g->world->reduce_begin(g->world, &g->way[i]);
}

/* Its parameters are read in its room: matrices in their spans, vectors widened before them. */
static void show(struct ril_gather *g, const struct unit *u)
{
	size_t at = 0;
	for (int i = u->from; i < u->from + u->params; i++) {
		struct ril_param *p = g->order[i];
		const struct ril_span *s = ril_span_of(g->params, g->span + u->first, p);
		p->w.p = ril_element(u->room + s->at, s->run->type, p->offset - s->run->from - s->from);
		size_t bytes = wide_bytes(s->run, p);
		if (bytes) {
			ril_real *wide = (ril_real *)(void *)(u->room + at);
			ril_ops()->convert(ril_row(wide, RIL_REAL, p->count), ril_row(p->w.p, p->w.type, p->count));
			p->vec = wide;
			at += bytes;
		} else if (p->is_vec) {
			p->vec = p->w.p;
		}
	}
}

static int begin(struct ril_gather *g, struct unit *u, struct ril_err *err)
{
	if (u->room)
		return 0;
	if (!(u->room = ril_ops()->get(u->bytes)))
		return ril_ops()->sync(err)
			       ? -1
			       : ril_fail(err, RIL_EFAIL, "out of memory for gathered weights (%zu bytes)", u->bytes);
	g->there += u->bytes;
	g->most = g->there > g->most ? g->there : g->most;
	for (int i = u->first; i < u->first + u->spans; i++)
		send_for(g, u, i);
	return 0;
}

static int bring(struct ril_gather *g, struct unit *u, struct ril_err *err)
{
	const struct ril_sum *last = &g->way[u->first + u->spans - 1];
	char number[16];
	if (u->there)
		return 0;
	if (begin(g, u, err))
		return -1;
	for (int i = u->first; i < u->first + u->spans; i++)
		if (g->world->reduce_done(g->world, &g->way[i], true, err) < 0)
			return -1;
	show(g, u);
	u->there = true;
	snprintf(number, sizeof number, "%d", (int)(u - g->unit));
	ril_trace_span(g->how.trace, RIL_TRACK_WORLD, "weights", number, g->way[u->first].from, last->to);
	return 0;
}

/* The unit at a place of the walk is on its way, if it is to be read. */
static int ahead(struct ril_gather *g, int at, struct ril_err *err)
{
	const struct place *p = at < g->walk->n ? &g->walk->at[at] : NULL;
	return p && p->reads ? begin(g, &g->unit[p->unit], err) : 0;
}

/* ---- a pass ---- */

/* To the next place of the walk. */
static int step(struct ril_gather *g, struct ril_err *err)
{
	const struct place *is = g->at < 0 ? NULL : &g->walk->at[g->at], *next = &g->walk->at[++g->at];
	struct unit *u = g->at < g->walk->n ? &g->unit[next->unit] : NULL;
	if (is && !(u && is->unit == next->unit))
		let_go(g, &g->unit[is->unit]);
	if (g->walk == &g->backward && g->follower.past)
		g->follower.past(g->follower.ctx, g->at);
	if (ahead(g, g->at, err) || ahead(g, g->at + 1, err))
		return -1;
	return u && next->reads ? bring(g, u, err) : 0;
}

static int read(void *ctx, struct ril_param *p, struct ril_err *err)
{
	struct ril_gather *g = ctx;
	while (!g->unit[p->unit].there)
		if (!g->walk || g->at >= g->walk->n)
			return ril_fail(err, RIL_EFAIL, "tensor '%s': passes have gone by it, and its weights are gone",
					p->name);
		else if (step(g, err))
			return -1;
	return 0;
}

void ril_gather_for(struct ril_gather *g, struct ril_tape *t)
{
	if (g)
		ril_tape_reads_by(t, &(struct ril_reader){read, g});
}

int ril_gather_passes(struct ril_gather *g, size_t own, size_t *all, struct ril_err *err)
{
	double mine = (double)own, *each = g ? ril_new((size_t)g->world->size, sizeof *each, err) : NULL;
	*all = own;
	if (!g)
		return 0;
	int rc = each ? 0 : -1;
	if (!rc) {
		each[g->world->rank] = mine;
		rc = g->world->sum(g->world, each, (size_t)g->world->size, err);
	}
	for (int r = 0; r < g->world->size && !rc; r++)
		*all = each[r] > (double)*all ? (size_t)each[r] : *all;
	free(each);
	return rc;
}

void ril_gather_begin(struct ril_gather *g, bool back)
{
	if (!g)
		return;
	g->walk = &g->forward;
	g->back = back;
	g->at = -1;
}

static int finish(struct ril_gather *g, int until, struct ril_err *err)
{
	while (g->at < until)
		if (step(g, err))
			return -1;
	return 0;
}

int ril_gather_turn(struct ril_gather *g, struct ril_err *err)
{
	if (!g)
		return 0;
	if (finish(g, g->forward.n - 1, err)) /* the last unit is the first one */
		return -1;
	g->walk = &g->backward;
	g->at = 0;
	return ahead(g, 1, err);
}

int ril_gather_end(struct ril_gather *g, struct ril_err *err)
{
	if (!g)
		return 0;
	if (g->walk && finish(g, g->walk->n, err))
		return -1;
	g->walk = NULL;
	for (int i = 0; i < g->units; i++)
		let_go(g, &g->unit[i]);
	return 0;
}

int ril_gather_one(struct ril_gather *g, const struct ril_param *p, struct ril_err *err)
{
	return !g || p->offset < 0 ? 0 : bring(g, &g->unit[p->unit], err);
}

void ril_gather_follow(struct ril_gather *g, struct ril_gather_follower who)
{
	g->follower = who;
}

int ril_gather_place(const struct ril_gather *g, const struct ril_param *p)
{
	int at = g->backward.n - 1;
	while (g->backward.at[at].unit != p->unit)
		at--;
	return at;
}

/* ---- parts of what is saved ---- */

int ril_gather_part(struct ril_gather *g, const struct ril_param *p, const ril_real *values, int64_t at, int64_t n,
		    struct ril_mat *out, struct ril_err *err)
{
	const struct ril_params *ps = g->params;
	int r = ril_params_run(ps, p);
	const struct ril_run *run = &ps->run[r];
	enum ril_dtype type = values ? RIL_REAL : run->type;
	const struct ril_span part = {
		.run = run, .from = p->offset - run->from + at, .to = p->offset - run->from + at + n};
	int64_t *bound = ril_new((size_t)g->world->size + 1, sizeof *bound, err);
	if (!bound)
		return -1;
	ril_span_bound(&part, g->bound[r], g->world->size, bound);
	const int64_t *own = bound + g->world->rank;
	int rc = -1;
	*out = ril_row(ril_params_block((size_t)n, ril_dtype_size(type), err), type, n);
	if (out->p) {
		int64_t first = part.from + own[0];
		if (own[1] > own[0])
			ril_ops()->copy(ril_mat_at(*out, 0, own[0]),
					values ? (const void *)(values + ril_params_kept(ps, run->from + first))
					       : ril_element(run->published, type, first),
					(size_t)(own[1] - own[0]) * ril_dtype_size(type));
		rc = g->world->all_gather(g->world, out->p, bound, ril_dtype_size(type), err);
	}
	free(bound);
	return rc;
}
