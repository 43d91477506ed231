/* tape_ops.c -- the operations on values: each runs its kernel and records how to run it backwards; see tape.h. */
#include "nn/tape_internal.h"
#include "nn/adapter.h"

#include <math.h>

static struct ril_mat grad_of(const struct ril_param *p)
{
	return p ? p->grad : RIL_NO_MAT;
}

/* The gradient of a parameter that is read as a vector. */
static ril_real *vec_grad(const struct ril_param *p)
{
	return grad_of(p).p;
}

static bool linear_trains(struct ril_tape *t, const struct ril_linear *l)
{
	bool w = ril_tape_uses(t, l->w), b = ril_tape_uses(t, l->b);
	bool up = l->lora && ril_tape_uses(t, l->lora->a.w), down = l->lora && ril_tape_uses(t, l->lora->b.w);
	return w || b || up || down;
}

/* ---- linear ---- */

static void linear_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *x = r->in[0], *y = r->out;
	t->ops->linear_bwd(ril_tape_grad(t, x), r->p[0]->grad, vec_grad(r->p[1]), y->g, x->m, r->p[0]->w);
}

/* in_place: y's gradient is still needed once this record was walked back. */
static struct ril_val *linear_record(struct ril_tape *t, struct ril_val *y, struct ril_val *x,
				     const struct ril_linear *l, bool in_place)
{
	struct ril_rec *r = ril_tape_rec(t, linear_back, y);
	if (r) {
		r->in[0] = x;
		r->p[0] = l->w;
		r->p[1] = l->b;
		r->in_place = in_place;
	}
	return y;
}

static void scale_back(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->axpy(ril_tape_grad(t, r->in[0]), r->num, r->out->g);
}

static struct ril_val *scaled(struct ril_tape *t, struct ril_val *x, double s)
{
	struct ril_val *y = x ? ril_tape_out(t, x->m.rows, x->m.cols, x->needs) : NULL;
	if (!y)
		return NULL;
	t->ops->zero(y->m.p, ril_mat_bytes(y->m));
	t->ops->axpy(y->m, s, x->m);
	struct ril_rec *r = ril_tape_rec(t, scale_back, y);
	if (r) {
		r->in[0] = x;
		r->num = s;
	}
	return y;
}

/* ---- dropout ---- */

static void dropout_back(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->dropout(ril_tape_grad(t, r->in[0]), r->out->g, r->names, r->drop, true);
}

static void dropout_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->dropout(r->out->m, r->in[0]->m, r->names, r->drop, false);
}

/* A layer's mask in this pass: the key is Philox of all that is not a row's or a column's. */
static struct ril_dropout drop_of(const struct ril_tape *t, const struct ril_lora *lora)
{
	const struct ril_drops *d = &t->drops;
	uint32_t word[4];
	ril_rng4(d->seed, RIL_RNG_DROPOUT, (struct ril_rng_at){d->step, (uint32_t)d->who, d->pass, lora->name}, word);
	double below = rint(lora->dropout * 0x1p32);
	below = below < 0x1p32 ? below : 0x1p32 - 1;
	return (struct ril_dropout){{word[0], word[1]}, (uint32_t)below, (ril_real)(1 / (1 - below * 0x1p-32))};
}

static struct ril_val *unnamed(struct ril_tape *t, int64_t rows)
{
	struct ril_err err = {0};
	ril_fail(&err, RIL_EFAIL, "dropout of %lld rows that have %lld names", (long long)rows, (long long)t->names.n);
	return ril_tape_fail(t, &err);
}

/* What the adapter is given of x: x itself but in passes with dropout. */
static struct ril_val *dropped(struct ril_tape *t, struct ril_val *x, const struct ril_lora *lora)
{
	if (!x || !t->dropping || lora->dropout <= 0)
		return x;
	int64_t rows = x->m.rows, n = t->names.n;
	if (!n || (rows && rows % n && n % rows))
		return unnamed(t, rows);
	struct ril_val *y = ril_tape_out_cheap(t, rows, x->m.cols, x->needs);
	if (!y)
		return NULL;
	const struct ril_dropout how = drop_of(t, lora);
	t->ops->dropout(y->m, x->m, t->names, how, false);
	struct ril_rec *r = ril_tape_rec(t, dropout_back, y);
	if (r) {
		r->again = dropout_again;
		r->in[0] = x;
		r->names = t->names;
		r->drop = how;
	}
	return y;
}

/* y += what the layer's adapter makes of x, unless that is there already. */
static struct ril_val *adapt(struct ril_tape *t, struct ril_val *y, struct ril_val *x, const struct ril_linear *l,
			     bool there)
{
	if (!l->lora)
		return y;
	struct ril_val *h = scaled(t, ril_t_linear(t, dropped(t, x, l->lora), &l->lora->a), l->lora->scale);
	if (!h)
		return NULL;
	if (!there)
		t->ops->linear(y->m, h->m, l->lora->b.w->w, NULL, true);
	return linear_record(t, y, h, &l->lora->b, true);
}

static struct ril_val *linear(struct ril_tape *t, struct ril_val *y, struct ril_val *x, const struct ril_linear *l)
{
	if (!y)
		return NULL;
	t->ops->linear(y->m, x->m, l->w->w, l->b ? l->b->vec : NULL, false);
	return adapt(t, linear_record(t, y, x, l, false), x, l, false);
}

struct ril_val *ril_t_linear(struct ril_tape *t, struct ril_val *x, const struct ril_linear *l)
{
	bool needs = x && (linear_trains(t, l) || x->needs);
	return linear(t, x ? ril_tape_out(t, x->m.rows, l->w->w.rows, needs) : NULL, x, l);
}

struct ril_val *ril_t_linear_real(struct ril_tape *t, struct ril_val *x, const struct ril_linear *l)
{
	bool needs = x && (linear_trains(t, l) || x->needs);
	return linear(t, x ? ril_tape_out_real(t, x->m.rows, l->w->w.rows, needs) : NULL, x, l);
}

static void linear_add_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *x = r->in[0], *h = r->in[1], *y = r->out;
	struct ril_mat dx = ril_tape_grad(t, x);
	if (dx.p)
		t->ops->axpy(dx, 1, y->g);
	t->ops->linear_bwd(ril_tape_grad(t, h), r->p[0]->grad, vec_grad(r->p[1]), y->g, h->m, r->p[0]->w);
}

struct ril_val *ril_t_linear_add(struct ril_tape *t, struct ril_val *x, struct ril_val *h, const struct ril_linear *l)
{
	if (!x || !h)
		return NULL;
	bool flows = linear_trains(t, l) || x->needs || h->needs, needs = flows && t->record;
	bool there = ++t->sums == t->last_sum && t->again; /* the result of a segment run again: it was kept */
	bool apart = needs || (t->again && !x->inner);     /* what a segment kept is not overwritten */
	struct ril_val *y = there ? ril_tape_wrap(t, t->is) : apart ? ril_tape_val(t, x->m.rows, x->m.cols) : x;
	if (!y || t->err.code)
		return NULL;
	y->needs = needs;
	t->trains |= flows;
	t->sum = y;
	if (apart && !there)
		t->ops->copy(y->m.p, x->m.p, ril_mat_bytes(x->m));
	if (!there)
		t->ops->linear(y->m, h->m, l->w->w, l->b ? l->b->vec : NULL, true);
	struct ril_rec *r = ril_tape_rec(t, linear_add_back, y);
	if (r) {
		r->in[0] = x;
		r->in[1] = h;
		r->p[0] = l->w;
		r->p[1] = l->b;
	}
	return adapt(t, y, h, l, there);
}

/* ---- rows ---- */

static void embed_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_mat dvis = r->in[0] ? ril_tape_grad(t, r->in[0]) : RIL_NO_MAT;
	t->ops->embed_bwd(r->p[0]->grad, dvis, r->idx[0], r->idx[1], r->out->g);
}

struct ril_val *ril_t_embed(struct ril_tape *t, const int32_t *ids, const int32_t *vrow, int64_t T,
			    struct ril_param *table, struct ril_val *vis)
{
	struct ril_val *y = ril_tape_out(t, T, table->w.cols, ril_tape_uses(t, table) || (vis && vis->needs));
	if (!y)
		return NULL;
	if (!vis)
		vrow = NULL;
	t->ops->embed(y->m, ids, vrow, table->w, vis ? vis->m : RIL_NO_MAT);
	struct ril_rec *r = ril_tape_rec(t, embed_back, y);
	if (r) {
		r->in[0] = vis;
		r->p[0] = table;
		r->blind = true;
		r->idx[0] = ids;
		r->idx[1] = vrow;
	}
	return y;
}

static void gather_back(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->gather_bwd(ril_tape_grad(t, r->in[0]), r->out->g, r->idx[0]);
}

struct ril_val *ril_t_gather(struct ril_tape *t, struct ril_val *x, const int32_t *idx, int64_t R)
{
	struct ril_val *y = x ? ril_tape_out(t, R, x->m.cols, x->needs) : NULL;
	if (!y)
		return NULL;
	t->ops->gather(y->m, x->m, idx);
	struct ril_rec *r = ril_tape_rec(t, gather_back, y);
	if (r) {
		r->in[0] = x;
		r->idx[0] = idx;
	}
	return y;
}

static void add_rows_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_mat p = r->p[0]->grad;
	t->ops->add_rows_bwd(ril_tape_grad(t, r->in[0]),
			     (struct ril_mat){p.p, RIL_REAL, r->n, r->out->m.cols, r->out->m.cols}, r->out->g);
}

struct ril_val *ril_t_add_rows(struct ril_tape *t, struct ril_val *x, struct ril_param *p, int64_t P)
{
	struct ril_val *y = x ? ril_tape_out(t, x->m.rows, x->m.cols, ril_tape_uses(t, p) || x->needs) : NULL;
	if (!y)
		return NULL;
	t->ops->add_rows(y->m, x->m, ril_mat_of(p->vec, RIL_REAL, P, x->m.cols));
	struct ril_rec *r = ril_tape_rec(t, add_rows_back, y);
	if (r) {
		r->in[0] = x;
		r->p[0] = p;
		r->blind = true;
		r->n = P;
	}
	return y;
}

/* Row from[i] of s added to row at[i] of y, by way of a matrix of n rows. */
static void add_picked(struct ril_tape *t, struct ril_mat y, const int32_t *at, struct ril_mat s, const int32_t *from,
		       int64_t n)
{
	struct ril_tape_mark m = ril_tape_enter(t);
	struct ril_val *picked = y.p && n ? ril_tape_val(t, n, s.cols) : NULL;
	if (picked) {
		t->ops->gather(picked->m, s, from);
		t->ops->gather_bwd(y, picked->m, at);
	}
	ril_tape_leave(t, m);
}

static void add_at_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_mat dx = r->in[0] ? ril_tape_grad(t, r->in[0]) : RIL_NO_MAT;
	if (dx.p)
		t->ops->axpy(dx, 1, r->out->g);
	add_picked(t, ril_tape_grad(t, r->in[1]), r->idx[1], r->out->g, r->idx[0], r->n);
}

struct ril_val *ril_t_add_at(struct ril_tape *t, struct ril_val *x, struct ril_val *s, const int32_t *at,
			     const int32_t *from, int64_t n, int64_t R)
{
	struct ril_val *y = s ? ril_tape_out(t, R, s->m.cols, (x && x->needs) || s->needs) : NULL;
	if (!y)
		return NULL;
	if (x)
		t->ops->copy(y->m.p, x->m.p, ril_mat_bytes(y->m));
	else
		t->ops->zero(y->m.p, ril_mat_bytes(y->m));
	add_picked(t, y->m, at, s->m, from, n);
	struct ril_rec *r = ril_tape_rec(t, add_at_back, y);
	if (r) {
		r->in[0] = x;
		r->in[1] = s;
		r->idx[0] = at;
		r->idx[1] = from;
		r->n = n;
	}
	return y;
}

/* ---- elementwise, on dense values ---- */

static void scale_add_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *a = r->in[0], *b = r->in[1];
	t->ops->scale_add_bwd(ril_tape_grad(t, a), vec_grad(r->p[0]), ril_tape_grad(t, b), r->out->g, r->p[0]->vec,
			      b->m);
}

struct ril_val *ril_t_scale_add(struct ril_tape *t, struct ril_val *a, struct ril_param *g, struct ril_val *b)
{
	bool needs = a && b && (ril_tape_uses(t, g) || a->needs || b->needs);
	struct ril_val *y = a && b ? ril_tape_out(t, a->m.rows, a->m.cols, needs) : NULL;
	if (!y)
		return NULL;
	t->ops->scale_add(y->m, a->m, g->vec, b->m);
	struct ril_rec *r = ril_tape_rec(t, scale_add_back, y);
	if (r) {
		r->in[0] = a;
		r->in[1] = b;
		r->p[0] = g;
	}
	return y;
}

/* ---- activations ---- */

static void act_back(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->act_bwd(ril_tape_grad(t, r->in[0]), r->out->g, r->in[0]->m, r->act);
}

static void act_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->act(r->out->m, r->in[0]->m, r->act);
}

static struct ril_val *act_record(struct ril_tape *t, struct ril_val *y, struct ril_val *x, enum ril_act act)
{
	struct ril_rec *r = ril_tape_rec(t, act_back, y);
	if (r) {
		r->again = act_again;
		r->in[0] = x;
		r->act = act;
	}
	return y;
}

struct ril_val *ril_t_act(struct ril_tape *t, struct ril_val *x, enum ril_act act)
{
	struct ril_val *y = x ? ril_tape_out_cheap(t, x->m.rows, x->m.cols, x->needs) : NULL;
	if (!y)
		return NULL;
	t->ops->act(y->m, x->m, act);
	return act_record(t, y, x, act);
}

/* A device that fuses may compute other bits with `pre` than without, and other ones than act of it.  So a segment's first
 * run, which leaves nothing behind, asks for `pre` because the second will; and what act fills again, act fills. */
struct ril_val *ril_t_linear_act(struct ril_tape *t, struct ril_val *x, const struct ril_linear *l, enum ril_act act)
{
	if (l->lora)
		return ril_t_act(t, ril_t_linear(t, x, l), act);
	bool needs = x && (linear_trains(t, l) || x->needs), kept = t->inside || (needs && t->record);
	struct ril_val *pre = x && kept ? ril_tape_out(t, x->m.rows, l->w->w.rows, needs) : NULL;
	struct ril_val *y = x && (pre || !kept) ? ril_tape_out_cheap(t, x->m.rows, l->w->w.rows, needs) : NULL;
	const ril_real *b = l->b ? l->b->vec : NULL;
	if (!y)
		return NULL;
	if (y->scratch) {
		t->ops->linear(pre->m, x->m, l->w->w, b, false);
		t->ops->act(y->m, pre->m, act);
	} else {
		t->ops->linear_act(y->m, pre ? pre->m : RIL_NO_MAT, x->m, l->w->w, b, act);
	}
	if (!pre)
		return y;
	linear_record(t, pre, x, l, false);
	return act_record(t, y, pre, act);
}

static void swiglu_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *gate = r->in[0], *up = r->in[1];
	t->ops->swiglu_bwd(ril_tape_grad(t, gate), ril_tape_grad(t, up), r->out->g, gate->m, up->m);
}

static void swiglu_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->swiglu(r->out->m, r->in[0]->m, r->in[1]->m);
}

struct ril_val *ril_t_swiglu(struct ril_tape *t, struct ril_val *gate, struct ril_val *up)
{
	bool needs = gate && up && (gate->needs || up->needs);
	struct ril_val *y = gate && up ? ril_tape_out_cheap(t, gate->m.rows, gate->m.cols, needs) : NULL;
	if (!y)
		return NULL;
	t->ops->swiglu(y->m, gate->m, up->m);
	struct ril_rec *r = ril_tape_rec(t, swiglu_back, y);
	if (r) {
		r->again = swiglu_again;
		r->in[0] = gate;
		r->in[1] = up;
	}
	return y;
}

/* ---- norms ---- */

static void rmsnorm_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *x = r->in[0];
	t->ops->rmsnorm_bwd(ril_tape_grad(t, x), vec_grad(r->p[0]), r->out->g, x->m, r->p[0]->vec, r->saved[0]);
}

static void rmsnorm_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->rmsnorm(r->out->m, r->saved[0], r->in[0]->m, r->p[0]->vec, r->num);
}

struct ril_val *ril_t_rmsnorm(struct ril_tape *t, struct ril_val *x, struct ril_param *w, double eps)
{
	struct ril_val *y = x ? ril_tape_out_cheap(t, x->m.rows, x->m.cols, ril_tape_uses(t, w) || x->needs) : NULL;
	ril_real *rstd = y ? ril_tape_reals(t, x->m.rows) : NULL;
	if (!rstd)
		return NULL;
	t->ops->rmsnorm(y->m, rstd, x->m, w->vec, eps);
	struct ril_rec *r = ril_tape_rec(t, rmsnorm_back, y);
	if (r) {
		r->again = rmsnorm_again;
		r->num = eps;
		r->in[0] = x;
		r->p[0] = w;
		r->saved[0] = rstd;
	}
	return y;
}

static void layernorm_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *x = r->in[0];
	t->ops->layernorm_bwd(ril_tape_grad(t, x), vec_grad(r->p[0]), vec_grad(r->p[1]), r->out->g, x->m, r->p[0]->vec,
			      r->saved[0], r->saved[1]);
}

static void layernorm_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->layernorm(r->out->m, r->saved[0], r->saved[1], r->in[0]->m, r->p[0]->vec, r->p[1]->vec, r->num);
}

struct ril_val *ril_t_layernorm(struct ril_tape *t, struct ril_val *x, struct ril_param *w, struct ril_param *b,
				double eps)
{
	bool weight = x && ril_tape_uses(t, w), bias = x && ril_tape_uses(t, b),
	     needs = x && (weight || bias || x->needs);
	struct ril_val *y = x ? ril_tape_out_cheap(t, x->m.rows, x->m.cols, needs) : NULL;
	ril_real *mean = y ? ril_tape_reals(t, x->m.rows) : NULL, *rstd = y ? ril_tape_reals(t, x->m.rows) : NULL;
	if (!mean || !rstd)
		return NULL;
	t->ops->layernorm(y->m, mean, rstd, x->m, w->vec, b->vec, eps);
	struct ril_rec *r = ril_tape_rec(t, layernorm_back, y);
	if (r) {
		r->again = layernorm_again;
		r->num = eps;
		r->in[0] = x;
		r->p[0] = w;
		r->p[1] = b;
		r->saved[0] = mean;
		r->saved[1] = rstd;
	}
	return y;
}

struct ril_val *ril_t_norm(struct ril_tape *t, struct ril_val *x, const struct ril_norm *n, double eps)
{
	return n->b ? ril_t_layernorm(t, x, n->w, n->b, eps) : ril_t_rmsnorm(t, x, n->w, eps);
}

/* ---- rotary positions and attention ---- */

static void rope_back(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->rope(ril_tape_grad(t, r->out), ril_rope_rotary(r->rope), r->pos, r->n, true);
}

/* Turning is in place: what was kept is turned already, what is computed again is not. */
static void rope_again(struct ril_tape *t, struct ril_rec *r)
{
	t->ops->rope(r->out->m, ril_rope_rotary(r->rope), r->pos, r->n, false);
}

void ril_t_rope(struct ril_tape *t, struct ril_val *x, const struct ril_rope *rope, const int32_t *pos, int64_t stride)
{
	if (!x || !pos)
		return;
	t->ops->rope(x->m, ril_rope_rotary(rope), pos, stride, false);
	struct ril_rec *r = ril_tape_rec(t, rope_back, x);
	if (r) {
		r->again = rope_again;
		r->rope = rope;
		r->pos = pos;
		r->n = stride;
		r->in_place = true;
	}
}

static void attention_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *q = r->in[0], *k = r->in[1], *v = r->in[2], *o = r->out;
	t->ops->attention_bwd(ril_tape_grad(t, q), ril_tape_grad(t, k), ril_tape_grad(t, v), o->g, o->m, r->saved[0],
			      q->m, k->m, v->m, r->seg, r->heads);
}

struct ril_val *ril_t_attention(struct ril_tape *t, struct ril_val *q, struct ril_val *k, struct ril_val *v,
				struct ril_segs seg, int64_t H, int64_t Hkv, int64_t D)
{
	bool needs = q && k && v && (q->needs || k->needs || v->needs);
	struct ril_val *o = q && k && v ? ril_tape_out(t, q->m.rows, H * D, needs) : NULL;
	ril_real *lse = o && o->needs ? ril_tape_reals(t, q->m.rows * H) : NULL;
	if (!o || (o->needs && !lse))
		return NULL;
	struct ril_heads heads = {H, Hkv, D, 1 / sqrt((double)D)};
	t->ops->attention(o->m, lse, q->m, k->m, v->m, seg, heads);
	struct ril_rec *r = ril_tape_rec(t, attention_back, o);
	if (r) {
		r->in[0] = q;
		r->in[1] = k;
		r->in[2] = v;
		r->saved[0] = lse;
		r->seg = seg;
		r->heads = heads;
	}
	return o;
}

/* ---- language head ---- */

static void head_back(struct ril_tape *t, struct ril_rec *r)
{
	struct ril_val *h = r->in[0];
	t->ops->head_logp_bwd(ril_tape_grad(t, h), r->p[0]->grad, r->logps.dlogp, r->logps.dentropy, r->logps.entropy,
			      r->saved[0], h->m, r->idx[0], r->p[0]->w, r->num);
}

void ril_t_head_logp(struct ril_tape *t, struct ril_val *h, const int32_t *target, const struct ril_linear *head,
		     double inv_t, struct ril_logps x)
{
	struct ril_param *w = head->w;
	ril_tape_reads(t, w);
	ril_real *lse = h ? ril_tape_reals(t, h->m.rows) : NULL;
	if (!lse)
		return;
	t->ops->head_logp(x.logp, x.entropy, lse, h->m, target, w->w, inv_t);
	if (!x.dlogp || !(ril_tape_uses(t, w) || h->needs))
		return;
	struct ril_val *mark = ril_tape_out(t, 0, 0, true); /* the loss: no value on the device, seeded by dlogp */
	struct ril_rec *r = ril_tape_rec(t, head_back, mark);
	if (r) {
		r->in[0] = h;
		r->p[0] = w;
		r->saved[0] = lse;
		r->idx[0] = target;
		r->logps = x;
		r->num = inv_t;
	}
}
