/* optim_state.c -- the optimiser's state on disk, in pieces that the host has room for; see optim.h.
 *
 * The file holds master, m and v of every trainable parameter under the names master/NAME, m/NAME, v/NAME, and where an
 * average is kept ema/NAME; Muon's matrices have no v, their momentum is m.  In a world every rank writes what it owns into its place of the one file. */
#include "nn/optim.h"

#include "base/file.h"
#include "ops/backend.h"
#include "ops/moments.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = RIL_ST_PIECE / sizeof(ril_real) /* elements at once, in whole blocks of moments */ };
enum block { MASTER, M, V, EMA, BLOCKS };
static const char *const block_names[BLOCKS] = {"master", "m", "v", "ema"};

static const char *const optimizers[] = {[RIL_ADAMW] = "adamw", [RIL_MUON] = "muon"};

static bool has(const struct ril_optim *o, int b)
{
	return b == MASTER ? o->params->has_master : b == EMA ? o->ema != NULL : true;
}

static bool has_parameter(const struct ril_optim *o, int b, const struct ril_param *p)
{
	return p->offset >= 0 && !(b == V && ril_optim_orthogonal(o, p));
}

/* Moments are there for the own ranges alone, and may be codes. */
static bool is_moment(int b)
{
	return b == M || b == V;
}

static bool is_coded(const struct ril_optim *o, int b)
{
	return is_moment(b) && o->how.moments_8bit;
}

/* Of elements [from, from + n) of the training blocks, all in one run, those that the rank owns: their number, where they
 * begin, and their place in the block. */
static int64_t owned(const struct ril_optim *o, int b, int64_t from, int64_t n, int64_t *begin, int64_t *at)
{
	const struct ril_params *ps = o->params;
	int r = 0;
	while (from >= ps->run[r].from + ps->run[r].count)
		r++;
	int64_t own = ps->run[r].from + o->own[r].from, end = ps->run[r].from + o->own[r].to;
	int64_t to = from + n < end ? from + n : end;
	*begin = from > own ? from : own;
	*at = is_moment(b) ? o->place[r] + *begin - own : ril_params_kept(ps, *begin);
	if (b == V)
		*at = ril_optim_second(o, *at);
	return *begin < to ? to - *begin : 0;
}

/* Where a block of floats has them. */
static ril_real *reals(const struct ril_optim *o, int b, int64_t at)
{
	switch (b) {
	case MASTER: return o->params->master + at;
	case EMA: return o->ema->e + at;
	default: return (ril_real *)(b == M ? o->moments.m : o->moments.v) + at;
	}
}

/* ---- moments of 8 bits, from `at` on; on the host they are what they stand for ---- */

static const float m_values[] = {RIL_MOMENT_M_VALUES}, v_values[] = {RIL_MOMENT_V_VALUES};

/* Codes and scales on the host, for n elements. */
struct codes {
	uint8_t *code;
	float *scale;
	int64_t scales;
};

static void codes_free(struct codes *c)
{
	free(c->code);
	free(c->scale);
}

static int codes_new(struct codes *c, int64_t at, int64_t n, struct ril_err *err)
{
	c->scales = (at + n - 1) / RIL_MOMENT_BLOCK - at / RIL_MOMENT_BLOCK + 1;
	c->code = ril_new((size_t)n, 1, err);
	c->scale = ril_new((size_t)c->scales, sizeof *c->scale, err);
	return c->code && c->scale ? 0 : -1;
}

static int read_codes(const struct ril_optim *o, int b, int64_t at, int64_t n, ril_real *out, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const struct ril_moments *m = &o->moments;
	struct codes c;
	int rc = codes_new(&c, at, n, err);
	if (!rc) {
		ops->to_host(c.code, (uint8_t *)(b == M ? m->m : m->v) + at, (size_t)n);
		ops->to_host(c.scale, (b == M ? m->m_scale : m->v_scale) + at / RIL_MOMENT_BLOCK,
			     (size_t)c.scales * sizeof *c.scale);
		rc = ops->sync(err);
	}
	for (int64_t i = 0; !rc && i < n; i++) {
		float scale = c.scale[(at + i) / RIL_MOMENT_BLOCK - at / RIL_MOMENT_BLOCK];
		out[i] = (ril_real)(b == M ? ril_moment_m(m_values, (int8_t)c.code[i], scale)
					   : ril_moment_v(v_values, c.code[i], scale));
	}
	codes_free(&c);
	return rc;
}

/* Blocks are whole, but for the last of a parameter. */
static int write_codes(struct ril_optim *o, int b, int64_t at, int64_t n, const ril_real *x, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const struct ril_moments *m = &o->moments;
	struct codes c;
	if (codes_new(&c, at, n, err)) {
		codes_free(&c);
		return -1;
	}
	for (int64_t k = 0; k < c.scales; k++) {
		int64_t from = k * RIL_MOMENT_BLOCK, to = from + RIL_MOMENT_BLOCK < n ? from + RIL_MOMENT_BLOCK : n;
		float largest = 0;
		for (int64_t i = from; i < to; i++) {
			float size = ril_moment_size((float)x[i]);
			largest = size > largest ? size : largest;
		}
		c.scale[k] = ril_moment_scale(largest);
		for (int64_t i = from; i < to; i++)
			c.code[i] = b == M ? (uint8_t)ril_moment_m_code(m_values, (float)x[i], c.scale[k])
					   : ril_moment_v_code(v_values, (float)x[i], c.scale[k]);
	}
	ops->to_device((uint8_t *)(b == M ? m->m : m->v) + at, c.code, (size_t)n);
	ops->to_device((b == M ? m->m_scale : m->v_scale) + at / RIL_MOMENT_BLOCK, c.scale,
		       (size_t)c.scales * sizeof *c.scale);
	codes_free(&c);
	return 0;
}

/* ---- saving ---- */

struct saving {
	const struct ril_optim *o;
	struct ril_st_entry *entry; /* [n], block after block */
	struct part {
		enum block block;
		const struct ril_param *param;
	} * part; /* [n]: what each holds */
	size_t n;
	struct ril_buf names;
};

/* n elements of block b from `at` on, to the host. */
static int read_own(const struct ril_optim *o, int b, int64_t at, int64_t n, void *out, struct ril_err *err)
{
	if (is_coded(o, b))
		return read_codes(o, b, at, n, out, err);
	ril_ops()->to_host(out, reals(o, b, at), (size_t)n * sizeof(ril_real));
	return ril_ops()->sync(err);
}

static int state_piece(void *ctx, const struct ril_st_entry *e, void *out, uint64_t at, size_t n, struct ril_err *err)
{
	const struct saving *s = ctx;
	const struct part *p = &s->part[e - s->entry];
	int64_t from = p->param->offset + (int64_t)(at / sizeof(ril_real)), begin, place;
	int64_t mine = owned(s->o, p->block, from, (int64_t)(n / sizeof(ril_real)), &begin, &place);
	return read_own(s->o, p->block, place, mine, out, err);
}

/* The rank's own elements of tensor i, which begins at `place` of the file. */
static int write_own(const struct saving *s, size_t i, int fd, uint64_t place, ril_real *room, struct ril_err *err)
{
	const struct part *p = &s->part[i];
	int64_t begin, at, mine = owned(s->o, p->block, p->param->offset, p->param->count, &begin, &at);
	place += (uint64_t)(begin - p->param->offset) * sizeof *room;
	for (int64_t k = 0, n; k < mine; k += n) {
		n = mine - k < PIECE ? mine - k : PIECE;
		if (read_own(s->o, p->block, at + k, n, room, err) ||
		    ril_write_at(fd, room, (size_t)n * sizeof *room, place + (uint64_t)k * sizeof *room, err))
			return -1;
	}
	return 0;
}

/* The first rank begins the file, and once it is there all write; it is whole once all have. */
static int write_together(const struct saving *s, const char *path, const char *const *meta, struct ril_err *err)
{
	const struct ril_world *w = s->o->world;
	uint64_t place = 0;
	if (!w->rank && ril_st_begin(path, s->entry, s->n, meta, &place, err))
		return -1;
	double first = (double)place, written = 0;
	if (w->sum(w, &first, 1, err))
		return -1;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return ril_fail_errno(err, "%s", path);
	ril_real *room = ril_new(RIL_ST_PIECE, 1, err);
	int rc = room ? 0 : -1;
	place = (uint64_t)first;
	for (size_t i = 0; i < s->n && !rc; place += s->entry[i++].bytes)
		if ((rc = write_own(s, i, fd, place, room, err)))
			ril_context(err, "%s", path);
	if (!rc && fsync(fd))
		rc = ril_fail_errno(err, "%s", path);
	close(fd);
	free(room);
	return rc ? rc : w->sum(w, &written, 1, err);
}

/* What there is to save, block after block. */
static int list_parts(struct saving *s, struct ril_err *err)
{
	const struct ril_params *ps = s->o->params;
	s->entry = ril_new(ps->n * BLOCKS, sizeof *s->entry, err);
	s->part = ril_new(ps->n * BLOCKS, sizeof *s->part, err);
	if (!s->entry || !s->part)
		return -1;
	for (int b = 0; b < BLOCKS; b++)
		for (size_t i = 0; i < ps->n && has(s->o, b); i++)
			if (has_parameter(s->o, b, ps->at[i]))
				s->part[s->n++] = (struct part){(enum block)b, ps->at[i]};
	return 0;
}

static int make_entries(struct saving *s, struct ril_err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (ril_buf_printf(&s->names, err, "%s/%s", block_names[s->part[i].block], s->part[i].param->name) ||
		    ril_buf_add(&s->names, "", 1, err))
			return -1;
	const char *name = s->names.data;
	for (size_t i = 0; i < s->n; i++, name += strlen(name) + 1) {
		const struct ril_param *p = s->part[i].param;
		s->entry[i] = (struct ril_st_entry){.name = name,
						    .dtype = RIL_REAL,
						    .ndim = p->ndim,
						    .count = p->count,
						    .bytes = (size_t)p->count * sizeof(ril_real)};
		memcpy(s->entry[i].dim, p->dim, sizeof p->dim);
	}
	return 0;
}

int ril_optim_save(const struct ril_optim *o, int64_t step, const char *path, const char *settings, struct ril_err *err)
{
	struct saving s = {.o = o};
	char text[2][24];
	int rc = list_parts(&s, err) || make_entries(&s, err) ? -1 : 0;
	snprintf(text[0], sizeof text[0], "%lld", (long long)step);
	snprintf(text[1], sizeof text[1], "%lld", (long long)o->steps);
	const char *meta[] = {"ril",
			      "state 1",
			      "step",
			      text[0],
			      "optimiser_steps",
			      text[1],
			      "optimizer",
			      optimizers[o->how.optimizer],
			      "settings",
			      settings ? settings : "",
			      NULL};
	if (!rc && o->world->size > 1)
		rc = write_together(&s, path, meta, err);
	else if (!rc)
		rc = ril_st_write(path, s.entry, s.n, meta, true, state_piece, &s, err);
	ril_buf_free(&s.names);
	free(s.part);
	free(s.entry);
	return rc;
}

/* ---- loading ---- */

/* Elements [from, from + n) of block b, of which `x` begins with the first. */
static int load_own(struct ril_optim *o, int b, int64_t from, int64_t n, const ril_real *x, struct ril_err *err)
{
	int64_t begin = from, at = from, mine = n;
	if (is_moment(b) || o->gather) /* all else is loaded whole: every rank publishes all masters */
		mine = owned(o, b, from, n, &begin, &at);
	x += begin - from;
	for (int64_t k = 0, m; is_coded(o, b) && k < mine; k += m) {
		m = mine - k < PIECE ? mine - k : PIECE;
		if (write_codes(o, b, at + k, m, x + k, err))
			return -1;
	}
	if (mine && !is_coded(o, b))
		ril_ops()->to_device(reals(o, b, at), x, (size_t)mine * sizeof *x);
	return 0;
}

static int load_block(struct ril_optim *o, const struct ril_st *st, int b, struct ril_err *err)
{
	for (size_t i = 0; i < o->params->n; i++) {
		const struct ril_param *p = o->params->at[i];
		char full[512];
		if (!has_parameter(o, b, p))
			continue;
		snprintf(full, sizeof full, "%s/%s", block_names[b], p->name);
		const struct ril_st_entry *e = ril_st_find(st, full);
		if (!e || e->dtype != RIL_REAL || e->count != p->count)
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s': %s", full,
					e ? "wrong type or size" : "missing");
		if (load_own(o, b, p->offset, p->count, e->data, err))
			return -1;
	}
	return 0;
}

/* What is momentum to one is a moment to the other.  A state that does not say is of a time when there was AdamW alone. */
static int check_optimizer(const struct ril_optim *o, const struct ril_st *st, const char *path, struct ril_err *err)
{
	const char *have = ril_st_meta(st, "optimizer"), *want = optimizers[o->how.optimizer];
	if (!strcmp(have ? have : optimizers[RIL_ADAMW], want))
		return 0;
	ril_fail(err, RIL_EFAIL, "%s: state of the optimizer '%s', not of %s", path, have ? have : "adamw", want);
	return ril_setting(err, "optimizer");
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
	if (!rc)
		rc = check_optimizer(o, st, path, err);
	for (int b = 0; b < BLOCKS && !rc; b++)
		if (has(o, b) && (rc = load_block(o, st, b, err)))
			ril_context(err, "%s", path);
	if (!rc)
		o->steps = strtoll(steps, NULL, 10);
	ril_st_free(st);
	return rc ? -1 : ril_params_refresh(o->params, err);
}
