/* attention.c -- attention over segments, forward and backward.
 *
 * Forward, a block of lanes (plan_internal.h) and one key-value head at a time: scores = K q^T, softmax over the keys of each
 * lane, o = scores^T V.  Backward recomputes the probabilities from the saved log-sum-exp (as FlashAttention-2, Dao
 * 2023): with D = sum(do * o),  dV += P^T do,  dS = P (V do^T - D),  dQ = scale dS K,  dK += scale dS^T Q.
 *
 * Blocks that share key rows add to the same dK and dV: they form a component, and one thread takes a component's
 * blocks in order.  A block's scores are bounded by RIL_BLOCK lanes x its keys. */
#include "plan_internal.h"
#include "transpose_internal.h"
#include "vmath_internal.h"

struct attention {
	ril_real *o, *lse_out, *dq, *dk, *dv;
	const ril_real *q, *k, *v, *dout, *out, *lse;
	int64_t ldo, ldq, ldk, ldv, lddq, lddk, lddv, lddo, Hkv, Hq, D, group;
	double scale;
	struct ril_plan plan;
	int64_t lds;   /* lanes of a score row, padded */
	int64_t split; /* heads are tiles of their own */
};

/* A worker's scratch for one block. */
struct work {
	ril_real *s, *ds;       /* [keys, lds] scores, their gradients */
	ril_real *qt, *dot;     /* [D, lds] queries and do, transposed */
	ril_real *rows, *drows; /* [lanes, D] */
	ril_real *max, *sum;    /* [lds] */
};

static int64_t padded(int64_t lanes)
{
	return ril_parts(lanes, RIL_LANES) * RIL_LANES;
}

static bool work_of(const struct attention *a, int worker, bool backward, struct work *w)
{
	size_t score = (size_t)((a->plan.max_keys + 1) * a->lds + RIL_LANES),
	       tall = (size_t)(a->D * a->lds + RIL_LANES);
	size_t flat = (size_t)(a->lds * a->D + RIL_LANES), row = (size_t)a->lds;
	size_t n = (backward ? 2 : 1) * (score + tall + flat) + 2 * row;
	ril_real *p = ril_cpu_scratch(worker, n, sizeof *p);
	if (!p)
		return false;
	w->max = p;
	w->sum = p + row;
	w->s = p + 2 * row;
	w->qt = w->s + score;
	w->rows = w->qt + tall;
	w->ds = w->rows + flat;
	w->dot = w->ds + score;
	w->drows = w->dot + tall;
	return true;
}

/* ---- lanes <-> rows: lane = piece.lane + row * group + head within the group ---- */

static void load_lanes(const struct attention *a, const struct ril_block *b, int64_t head, const ril_real *x,
		       int64_t ldx, ril_real *rows)
{
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		for (int32_t r = 0; r < p->rows; r++)
			memcpy(rows + (p->lane + r * a->group) * a->D,
			       x + (p->seg->q0 + p->row + r) * ldx + head * a->group * a->D,
			       (size_t)(a->group * a->D) * sizeof *rows);
	}
}

static void add_lanes(const struct attention *a, const struct ril_block *b, int64_t head, ril_real *x, int64_t ldx,
		      const ril_real *rows)
{
	int64_t n = a->group * a->D;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		for (int32_t r = 0; r < p->rows; r++) {
			ril_real *to = x + (p->seg->q0 + p->row + r) * ldx + head * n;
			const ril_real *from = rows + (p->lane + r * a->group) * a->D;
			for (int64_t c = 0; c < n; c++)
				to[c] += from[c];
		}
	}
}

/* t[D, lds] = scale * rows[lanes, D] transposed; lanes beyond the block's are 0. */
static void transpose(const struct attention *a, const struct ril_block *b, const ril_real *rows, ril_real *t,
		      ril_real scale)
{
	int64_t D = a->D, even = b->lanes & ~3, whole = D & ~(int64_t)3;
	for (int64_t l = 0; l < even; l += 4)
		for (int64_t d = 0; d < whole; d += 4)
			ril_transpose_quads(t + d * a->lds + l, a->lds, rows + l * D + d, D, scale);
	for (int64_t d = 0; d < D; d++) {
		ril_real *to = t + d * a->lds;
		for (int64_t l = d < whole ? even : 0; l < b->lanes; l++)
			to[l] = scale * rows[l * D + d];
		memset(to + b->lanes, 0, (size_t)(a->lds - b->lanes) * sizeof *to);
	}
}

/* s[keys, lanes] = x_keys t for the prefix and each piece's own keys; x: k or v of this head.  A piece's product may
 * spill over the lanes after it, which are written later (pieces ascend). */
static void score(const struct attention *a, const struct ril_block *b, const ril_real *x, int64_t ldx,
		  const ril_real *t, ril_real *s)
{
	ril_mm(b->pn, b->lanes, a->D, x + b->p0 * ldx, ldx, 1, t, a->lds, s, a->lds, false, false);
	s += b->pn * a->lds;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		ril_mm(p->keys, p->rows * a->group, a->D, x + p->seg->k0 * ldx, ldx, 1, t + p->lane, a->lds,
		       s + p->lane, a->lds, false, false);
	}
}

/* Rows of a piece that do not see own key `key`; they are its first ones. */
static int32_t blind_rows(const struct ril_piece *p, int32_t key)
{
	if (key >= p->keys)
		return p->rows;
	int32_t blind = key - (p->seg->kn - p->seg->qn) - p->row;
	return !p->seg->causal || blind < 0 ? 0 : blind;
}

/* Minus infinity where a lane does not see an own key. */
static void mask(const struct attention *a, const struct ril_block *b, ril_real *s)
{
	s += b->pn * a->lds;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		for (int32_t key = ril_visible_keys(p->seg, p->row); key < b->own; key++) {
			ril_real *lane = s + key * a->lds + p->lane;
			int64_t n = blind_rows(p, key) * a->group;
			for (int64_t l = 0; l < n; l++)
				lane[l] = -INFINITY;
		}
	}
}

/* out[lanes, D] = s^T x: the prefix for all lanes, then each piece's own keys. */
static void gather_keys(const struct attention *a, const struct ril_block *b, const ril_real *s, const ril_real *x,
			int64_t ldx, ril_real *out)
{
	ril_mm(b->lanes, a->D, b->pn, s, 1, a->lds, x + b->p0 * ldx, ldx, out, a->D, false, true);
	s += b->pn * a->lds;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		ril_mm(p->rows * a->group, a->D, p->keys, s + p->lane, 1, a->lds, x + p->seg->k0 * ldx, ldx,
		       out + p->lane * a->D, a->D, true, true);
	}
}

/* dx[keys, D] += s rows: into the prefix's and the own keys' gradient. */
static void scatter_keys(const struct attention *a, const struct ril_block *b, const ril_real *s, const ril_real *rows,
			 ril_real *dx, int64_t lddx)
{
	ril_mm(b->pn, a->D, b->lanes, s, a->lds, 1, rows, a->D, dx + b->p0 * lddx, lddx, true, true);
	s += b->pn * a->lds;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		ril_mm(p->keys, a->D, p->rows * a->group, s + p->lane, a->lds, 1, rows + p->lane * a->D, a->D,
		       dx + p->seg->k0 * lddx, lddx, true, true);
	}
}

/* ---- forward ---- */

/* s becomes exp(s - max) down each lane's keys; a lane without keys gets max 0 and sum 0. */
static void exponentials(const struct attention *a, const struct ril_block *b, struct work *w)
{
	int64_t keys = b->pn + b->own, L = padded(b->lanes);
	ril_real *max = w->max, *sum = w->sum;
	for (int64_t l = 0; l < L; l++) {
		max[l] = -INFINITY;
		sum[l] = 0;
	}
	for (int64_t j = 0; j < keys; j++) {
		const ril_real *s = w->s + j * a->lds;
#pragma omp simd
		for (int64_t l = 0; l < L; l++)
			max[l] = s[l] > max[l] ? s[l] : max[l];
	}
	for (int64_t l = 0; l < L; l++)
		max[l] = max[l] == -INFINITY ? 0 : max[l];
	for (int64_t j = 0; j < keys; j++) {
		ril_real *s = w->s + j * a->lds;
#pragma omp simd
		for (int64_t l = 0; l < L; l++) {
			ril_real e = ril_exp(s[l] - max[l]);
			s[l] = e;
			sum[l] += e;
		}
	}
}

static void store_output(const struct attention *a, const struct ril_block *b, int64_t head, const struct work *w)
{
	int64_t D = a->D;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		for (int64_t r = 0; r < p->rows; r++) {
			int64_t row = p->seg->q0 + p->row + r;
			for (int64_t h = 0; h < a->group; h++) {
				int64_t lane = p->lane + r * a->group + h;
				ril_real *o = a->o + row * a->ldo + (head * a->group + h) * D, sum = w->sum[lane];
				ril_real part = sum == 0 ? 0 : 1 / sum;
				for (int64_t d = 0; d < D; d++)
					o[d] = w->rows[lane * D + d] * part;
				if (a->lse_out)
					a->lse_out[row * a->Hq + head * a->group + h] =
						w->max[lane] + (ril_real)log(sum);
			}
		}
	}
}

static void forward_block(const struct attention *a, const struct ril_block *b, int64_t head, struct work *w)
{
	load_lanes(a, b, head, a->q, a->ldq, w->rows);
	transpose(a, b, w->rows, w->qt, (ril_real)a->scale);
	score(a, b, a->k + head * a->D, a->ldk, w->qt, w->s);
	mask(a, b, w->s);
	exponentials(a, b, w);
	gather_keys(a, b, w->s, a->v + head * a->D, a->ldv, w->rows);
	store_output(a, b, head, w);
}

static void forward_tile(void *ctx, int tile, int worker)
{
	const struct attention *a = ctx;
	struct work w;
	if (!work_of(a, worker, false, &w))
		return;
	const struct ril_block *b = &a->plan.block[tile / a->split];
	int64_t first = tile % a->split, last = a->split == 1 ? a->Hkv : first + 1;
	for (int64_t head = first; head < last; head++)
		forward_block(a, b, head, &w);
}

/* What both directions read, and the plan of the blocks; -1 without memory. */
static int prepare(struct attention *a, struct ril_mat q, struct ril_mat k, struct ril_mat v, struct ril_segs seg,
		   struct ril_heads h, bool backward)
{
	a->q = ril_reals(q);
	a->ldq = q.ld;
	a->k = ril_reals(k);
	a->ldk = k.ld;
	a->v = ril_reals(v);
	a->ldv = v.ld;
	a->Hq = h.H;
	a->Hkv = h.Hkv;
	a->D = h.D;
	a->scale = h.scale;
	a->group = a->Hq / a->Hkv;
	if (ril_plan_make(&a->plan, seg.at, seg.n, a->group, backward))
		return -1;
	a->lds = padded(a->plan.max_lanes) + RIL_LANES; /* room for a piece's spill */
	return 0;
}

void ril_wide_attention(struct ril_mat o, ril_real *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			struct ril_segs seg, struct ril_heads h)
{
	struct attention a = {.o = ril_reals(o), .ldo = o.ld, .lse_out = lse};
	if (prepare(&a, q, k, v, seg, h, false))
		return;
	a.split = a.plan.blocks < 16 ? h.Hkv
				     : 1; /* a block of one head is some microseconds: enough for a tile, if need be */
	ril_parallel(a.plan.blocks * (int)a.split, forward_tile, &a);
}

/* ---- backward ---- */

/* max := log-sum-exp, sum := D = sum(do * o), by lane; lanes beyond the block give probability 0. */
static void load_saved(const struct attention *a, const struct ril_block *b, int64_t head, struct work *w)
{
	int64_t D = a->D;
	for (int i = b->first; i < b->first + b->n; i++) {
		const struct ril_piece *p = &a->plan.piece[i];
		for (int64_t r = 0; r < p->rows; r++) {
			for (int64_t h = 0; h < a->group; h++) {
				int64_t lane = p->lane + r * a->group + h, row = p->seg->q0 + p->row + r;
				const ril_real *o = a->out + row * a->ldo + (head * a->group + h) * D,
					       *g = w->drows + lane * D;
				ril_real sum = 0;
#pragma omp simd reduction(+ : sum)
				for (int64_t d = 0; d < D; d++)
					sum += o[d] * g[d];
				ril_real lse = a->lse[row * a->Hq + head * a->group + h];
				w->max[lane] = lse == -INFINITY ? 0 : lse; /* a row without keys */
				w->sum[lane] = sum;
			}
		}
	}
	for (int64_t l = b->lanes; l < a->lds; l++)
		w->max[l] = w->sum[l] = 0;
}

/* s := P = exp(s - lse), ds := P (ds - D) scale; where P is 0 ds may hold anything before */
static void probabilities(const struct attention *a, const struct ril_block *b, struct work *w)
{
	int64_t keys = b->pn + b->own, L = padded(b->lanes);
	const ril_real *lse = w->max, *dsum = w->sum, scale = (ril_real)a->scale;
	for (int64_t j = 0; j < keys; j++) {
		ril_real *s = w->s + j * a->lds, *ds = w->ds + j * a->lds;
#pragma omp simd
		for (int64_t l = 0; l < L; l++) {
			ril_real e = ril_exp(s[l] - lse[l]);
			s[l] = e;
			ds[l] = e == 0 ? 0 : e * (ds[l] - dsum[l]) * scale;
		}
	}
}

static void backward_block(const struct attention *a, const struct ril_block *b, int64_t head, struct work *w)
{
	const ril_real *k = a->k + head * a->D, *v = a->v + head * a->D;
	load_lanes(a, b, head, a->q, a->ldq, w->rows);
	load_lanes(a, b, head, a->dout, a->lddo, w->drows);
	load_saved(a, b, head, w);
	transpose(a, b, w->rows, w->qt, (ril_real)a->scale);
	transpose(a, b, w->drows, w->dot, 1);
	score(a, b, k, a->ldk, w->qt, w->s);
	score(a, b, v, a->ldv, w->dot, w->ds);
	mask(a, b, w->s);
	probabilities(a, b, w);
	if (a->dv)
		scatter_keys(a, b, w->s, w->drows, a->dv + head * a->D, a->lddv);
	if (a->dk)
		scatter_keys(a, b, w->ds, w->rows, a->dk + head * a->D, a->lddk);
	if (!a->dq)
		return;
	gather_keys(a, b, w->ds, k, a->ldk, w->rows);
	add_lanes(a, b, head, a->dq, a->lddq, w->rows);
}

/* The first block of component `c` or later. */
static int first_block(const struct ril_plan *p, int c)
{
	int low = 0, high = p->blocks;
	while (low < high) {
		int mid = (low + high) / 2;
		if (p->block[mid].component < c)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void backward_tile(void *ctx, int tile, int worker)
{
	const struct attention *a = ctx;
	int component = tile / (int)a->Hkv;
	struct work w;
	if (!work_of(a, worker, true, &w))
		return;
	for (int b = first_block(&a->plan, component); b < a->plan.blocks && a->plan.block[b].component == component;
	     b++)
		backward_block(a, &a->plan.block[b], tile % a->Hkv, &w);
}

void ril_wide_attention_bwd(struct ril_mat dq, struct ril_mat dk, struct ril_mat dv, struct ril_mat dout,
			    struct ril_mat o, const ril_real *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			    struct ril_segs seg, struct ril_heads h)
{
	struct attention a = {.dq = ril_reals(dq),
			      .lddq = dq.ld,
			      .dk = ril_reals(dk),
			      .lddk = dk.ld,
			      .dv = ril_reals(dv),
			      .lddv = dv.ld,
			      .dout = ril_reals(dout),
			      .lddo = dout.ld,
			      .out = ril_reals(o),
			      .ldo = o.ld,
			      .lse = lse};
	if (prepare(&a, q, k, v, seg, h, true))
		return;
	ril_parallel(a.plan.components * (int)h.Hkv, backward_tile, &a);
}
