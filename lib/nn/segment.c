/* segment.c -- parts of a model that are run again in the backward pass instead of keeping what it needs; see tape.h.
 *
 * What a segment keeps, by ril_tape_recompute:
 *
 *   none   every value that its operations leave.
 *   cheap  all but the outputs of norms, activations and SwiGLU products: large, and computed from kept values without a
 *          matrix product.  They lie in scratch memory that the next segment uses too.  Before the segment is walked
 *          back its records fill the scratch again, in the order in which they ran.
 *   block  its input and its result.  It runs without recording; in the backward pass it runs again, recording, from its
 *          input, and what that recorded is walked back at once.  The result is not computed again (it is the next
 *          segment's input): the last matrix product is left out, a quarter of a decoder block.  While it is walked
 *          back, values that nothing reads any more are memory for gradients, so that these need hardly any of their
 *          own.
 *
 * Gradients are the same to the bit: the same kernels see the same numbers, and what is added to a parameter's gradient
 * is added in the same order, last segment first.  But for one thing: where a device fuses an activation into the product
 * before it (ops.h, linear_act), `cheap` does without, for what act fills again is then what the pass computed with; and
 * where no gradient flows through that product, `block` asks for what act is given, and the others do not. */
#include "nn/tape_internal.h"

struct ril_rerun {
	ril_segment *fn;
	const void *ctx;
	int64_t last_sum; /* the call of ril_t_linear_add whose result is the segment's; 0: it is another operation's */
	struct ril_names names; /* of the rows that enter */
	struct ril_rec *before; /* cheap: the record before the segment's first */
};

enum ril_recompute ril_recompute_parse(const char *name)
{
	return !strcmp(name, "cheap")   ? RIL_RECOMPUTE_CHEAP
	       : !strcmp(name, "block") ? RIL_RECOMPUTE_BLOCK
					: RIL_RECOMPUTE_NONE;
}

static void copy(struct ril_tape *t, struct ril_val *to, const struct ril_val *from)
{
	if (to->m.p != from->m.p)
		t->ops->copy(to->m.p, from->m.p, ril_mat_bytes(from->m));
}

static struct ril_val *fail(struct ril_tape *t, const char *why)
{
	struct ril_err err = {0};
	ril_fail(&err, RIL_EFAIL, "a segment's result is %s", why);
	return ril_tape_fail(t, &err);
}

/* Whole, dense, and of the shape that was promised. */
static struct ril_val *checked(struct ril_tape *t, struct ril_val *y, int64_t rows, int64_t cols)
{
	if (y && (y->base != y || y->scratch))
		return fail(t, "a view, or scratch");
	if (y && (y->m.rows != rows || y->m.cols != cols || y->m.ld != cols))
		return fail(t, "of another shape than promised");
	return y;
}

/* Everything released but y; its contents take the place of x where they fit. */
static struct ril_val *keep_result(struct ril_tape *t, struct ril_tape_mark m, struct ril_val *x, struct ril_val *y)
{
	if (!y || !x || y->needs || y->m.rows != x->m.rows)
		return y;
	copy(t, x, y);
	ril_tape_leave(t, m);
	return x;
}

/* ---- cheap ---- */

static void run_again(struct ril_tape *t, struct ril_rec *r, const struct ril_rec *before)
{
	if (r == before)
		return;
	run_again(t, r->before, before);
	if (!r->again || !r->out->base->scratch)
		return;
	for (int i = 0; i < 2; i++)
		ril_tape_reads(t, r->p[i]);
	if (!t->err.code)
		r->again(t, r);
}

static void cheap_back(struct ril_tape *t, struct ril_rec *r)
{
	run_again(t, r->before, r->rerun->before);
}

static struct ril_val *cheap(struct ril_tape *t, ril_segment *fn, const void *ctx, struct ril_val *x)
{
	struct ril_rec *before = t->last;
	ril_arena_reset(t->scratch, (struct ril_arena_mark){0});
	t->cheap = true;
	struct ril_val *y = fn(t, ctx, x);
	t->cheap = false;
	struct ril_rerun *again = y && y->needs ? ril_tape_host(t, 1, sizeof *again) : NULL;
	struct ril_rec *r = again ? ril_tape_rec(t, cheap_back, y) : NULL;
	if (r) {
		*again = (struct ril_rerun){.before = before};
		r->rerun = again;
		r->in_place = true; /* the gradient is still to be read */
	}
	return y;
}

/* ---- block ---- */

/* What the segment lent is gone. */
static void forget_lent(struct ril_tape *t)
{
	int n = 0;
	for (int i = 0; i < t->pooled; i++)
		if (t->pool[i].lent < 0)
			t->pool[n++] = t->pool[i];
	t->pooled = n;
}

static void block_back(struct ril_tape *t, struct ril_rec *r)
{
	const struct ril_rerun *how = r->rerun;
	struct ril_rec *last = t->last;
	struct ril_tape_mark m = ril_tape_enter(t);
	t->inside = t->again = true;
	t->sums = 0;
	t->last_sum = how->last_sum;
	t->names = how->names;
	t->is = r->out->m;
	struct ril_val *y = checked(t, how->fn(t, how->ctx, r->in[0]), t->is.rows, t->is.cols);
	if (y) {
		y->g = r->out->g;
		r->out->g = RIL_NO_MAT;
		ril_tape_walk(t, t->last, last);
	}
	t->inside = t->again = false;
	t->last = last;
	forget_lent(t);
	ril_tape_leave(t, m);
}

/* The segment's result, computed without recording into a value of its own. */
static struct ril_val *forward(struct ril_tape *t, ril_segment *fn, const void *ctx, struct ril_val *x,
			       struct ril_val *y, int64_t *last_sum)
{
	struct ril_tape_mark m = ril_tape_enter(t);
	struct ril_val *in = y->m.rows == x->m.rows ? ril_tape_wrap(t, y->m) : ril_tape_val(t, x->m.rows, x->m.cols);
	if (!in)
		return NULL;
	copy(t, in, x); /* it may be overwritten */
	t->inside = true;
	t->record = t->trains = false;
	t->sums = 0;
	t->sum = NULL;
	struct ril_val *out = checked(t, fn(t, ctx, in), y->m.rows, y->m.cols);
	t->inside = false;
	t->record = true;
	*last_sum = out && out == t->sum ? t->sums : 0;
	if (out)
		copy(t, y, out);
	ril_tape_leave(t, m);
	return out ? y : NULL;
}

static struct ril_val *block(struct ril_tape *t, ril_segment *fn, const void *ctx, size_t size, struct ril_val *x,
			     int64_t rows)
{
	struct ril_tape_mark m = ril_tape_enter(t);
	struct ril_val *y = ril_tape_val(t, rows, x->m.cols);
	struct ril_rerun *how = y ? ril_tape_host(t, 1, sizeof *how) : NULL;
	void *copied = how ? ril_tape_host(t, size, 1) : NULL;
	if (!copied)
		return NULL;
	if (size)
		memcpy(copied, ctx, size);
	*how = (struct ril_rerun){.fn = fn, .ctx = copied, .names = t->names};
	if (!forward(t, fn, copied, x, y, &how->last_sum))
		return NULL;
	y->needs = x->needs || t->trains;
	struct ril_rec *r = ril_tape_rec(t, block_back, y);
	if (r) {
		r->in[0] = x;
		r->rerun = how;
	}
	return y->needs ? y : keep_result(t, m, x, y);
}

struct ril_val *ril_t_segment(struct ril_tape *t, ril_segment *fn, const void *ctx, size_t size, struct ril_val *x,
			      int64_t rows)
{
	if (!x || t->inside)
		return x ? fn(t, ctx, x) : NULL;
	if (t->record && t->recompute == RIL_RECOMPUTE_BLOCK)
		return block(t, fn, ctx, size, x, rows);
	struct ril_tape_mark m = ril_tape_enter(t);
	bool some = t->record && t->recompute == RIL_RECOMPUTE_CHEAP;
	struct ril_val *y = some ? cheap(t, fn, ctx, x) : fn(t, ctx, x);
	return keep_result(t, m, x, checked(t, y, rows, x->m.cols));
}
