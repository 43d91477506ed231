/* optim_state.c -- the optimiser's state on disk, in pieces that the host has room for; see optim.h.
 *
 * The file holds master, m and v of every trainable parameter under the names master/NAME, m/NAME, v/NAME.  A piece that
 * several ranks own is put together from their parts: zeros but for the own one, summed and gathered. */
#include "nn/optim.h"

#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 3 };
static const char *const block_names[BLOCKS] = {"master", "m", "v"};

/* Without masters there are moments only. */
static int first_block(const struct ril_optim *o)
{
	return o->params->master ? 0 : 1;
}

/* Of elements [from, from + n) of the training blocks, all in one run, those that the rank owns: their number, where they
 * begin, and where block b has them. */
static int64_t owned(const struct ril_optim *o, int b, int64_t from, int64_t n, int64_t *begin, ril_real **at)
{
	const struct ril_params *ps = o->params;
	int r = 0;
	while (from >= ps->run[r].from + ps->run[r].count)
		r++;
	int64_t own = ps->run[r].from + o->own[r].from, end = ps->run[r].from + o->own[r].to;
	int64_t to = from + n < end ? from + n : end;
	*begin = from > own ? from : own;
	if (*begin >= to)
		return 0;
	*at = b == 0 ? ps->master + *begin : (b == 1 ? o->m : o->v) + o->place[r] + *begin - own;
	return to - *begin;
}

/* ---- saving ---- */

struct saving {
	const struct ril_optim *o;
	const struct ril_st_entry *entry;
	size_t trained;                 /* parameters; entries of one block */
	const struct ril_param **param; /* [trained] */
	ril_real *room;                 /* RIL_ST_PIECE bytes, device */
};

/* Elements [from, from + n) of block b to the host. */
static int gather_piece(const struct saving *s, int b, int64_t from, int64_t n, void *out, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const struct ril_world *w = s->o->world;
	int64_t begin;
	ril_real *at = NULL;
	int64_t mine = owned(s->o, b, from, n, &begin, &at);
	if (w->size > 1) {
		ops->zero(s->room, (size_t)n * sizeof *at);
		if (mine)
			ops->copy(s->room + (begin - from), at, (size_t)mine * sizeof *at);
		if (w->reduce_scatter(w, s->room, n, err) || w->all_gather(w, s->room, n, sizeof *at, err))
			return -1;
		at = s->room;
	}
	ops->to_host(out, at, (size_t)n * sizeof *at);
	return ops->sync(err);
}

static int state_piece(void *ctx, const struct ril_st_entry *e, void *out, uint64_t at, size_t n, struct ril_err *err)
{
	const struct saving *s = ctx;
	size_t i = (size_t)(e - s->entry);
	int b = first_block(s->o) + (int)(i / s->trained);
	int64_t from = s->param[i % s->trained]->offset + (int64_t)(at / sizeof(ril_real));
	return gather_piece(s, b, from, (int64_t)(n / sizeof(ril_real)), out, err);
}

/* The entries, block after block; their names go to `names`. */
static int make_entries(const struct saving *s, struct ril_st_entry *e, struct ril_buf *names, struct ril_err *err)
{
	size_t n = 0;
	for (int b = first_block(s->o); b < BLOCKS; b++)
		for (size_t i = 0; i < s->trained; i++)
			if (ril_buf_printf(names, err, "%s/%s", block_names[b], s->param[i]->name) ||
			    ril_buf_add(names, "", 1, err))
				return -1;
	const char *name = names->data;
	for (int b = first_block(s->o); b < BLOCKS; b++) {
		for (size_t i = 0; i < s->trained; i++, name += strlen(name) + 1) {
			const struct ril_param *p = s->param[i];
			e[n] = (struct ril_st_entry){.name = name,
						     .dtype = RIL_REAL,
						     .ndim = p->ndim,
						     .count = p->count,
						     .bytes = (size_t)p->count * sizeof(ril_real)};
			memcpy(e[n++].dim, p->dim, sizeof p->dim);
		}
	}
	return 0;
}

int ril_optim_save(const struct ril_optim *o, int64_t step, const char *path, const char *settings, struct ril_err *err)
{
	size_t n = o->params->n;
	struct ril_st_entry *e = ril_new(n * BLOCKS, sizeof *e, err);
	struct saving s = {.o = o, .entry = e, .param = ril_new(n, sizeof *s.param, err)};
	struct ril_buf names = {0};
	char text[2][24];
	int rc = e && s.param ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++)
		if (o->params->at[i]->offset >= 0)
			s.param[s.trained++] = o->params->at[i];
	if (!rc && o->world->size > 1 && !(s.room = ril_ops()->get(RIL_ST_PIECE)))
		rc = ril_fail(err, RIL_EFAIL, "out of memory for writing %s", path);
	if (!rc)
		rc = make_entries(&s, e, &names, err);
	snprintf(text[0], sizeof text[0], "%lld", (long long)step);
	snprintf(text[1], sizeof text[1], "%lld", (long long)o->steps);
	const char *meta[] = {
		"ril", "state 1", "step", text[0], "optimiser_steps", text[1], "settings", settings ? settings : "",
		NULL};
	/* the other ranks take part in every piece and keep none */
	if (!rc)
		rc = ril_st_write(o->world->rank ? "/dev/null" : path, e, s.trained * (size_t)(BLOCKS - first_block(o)),
				  meta, true, state_piece, &s, err);
	ril_ops()->put(s.room);
	ril_buf_free(&names);
	free(s.param);
	free(e);
	return rc;
}

/* ---- loading ---- */

static int load_block(const struct ril_optim *o, const struct ril_st *st, int b, struct ril_err *err)
{
	for (size_t i = 0; i < o->params->n; i++) {
		const struct ril_param *p = o->params->at[i];
		char full[512];
		if (p->offset < 0)
			continue;
		snprintf(full, sizeof full, "%s/%s", block_names[b], p->name);
		const struct ril_st_entry *e = ril_st_find(st, full);
		if (!e || e->dtype != RIL_REAL || e->count != p->count)
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s': %s", full,
					e ? "wrong type or size" : "missing");
		int64_t begin = p->offset, n = p->count;
		ril_real *to = b ? NULL : o->params->master + begin;
		if (b) /* masters are loaded whole: every rank publishes all of them */
			n = owned(o, b, p->offset, p->count, &begin, &to);
		if (n)
			ril_ops()->to_device(to, (const ril_real *)e->data + (begin - p->offset),
					     (size_t)n * sizeof *to);
	}
	return 0;
}

int ril_optim_load(struct ril_optim *o, int64_t step, const char *path, struct ril_err *err)
{
	int rc = 0;
	struct ril_st *st = ril_st_open(path, err);
	if (!st)
		return -1;
	const char *at = ril_st_meta(st, "step"), *steps = ril_st_meta(st, "optimiser_steps");
	if (!at || !steps || strtoll(at, NULL, 10) != step)
		rc = ril_fail(err, RIL_ECORRUPT, "%s: state of step %s, not %lld", path, at ? at : "?",
			      (long long)step);
	for (int b = first_block(o); b < BLOCKS && !rc; b++)
		if ((rc = load_block(o, st, b, err)))
			ril_context(err, "%s", path);
	if (!rc)
		o->steps = strtoll(steps, NULL, 10);
	ril_st_free(st);
	return rc ? -1 : ril_params_refresh(o->params, err);
}
