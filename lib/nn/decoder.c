/* decoder.c -- the Qwen2, Qwen2.5, Qwen3 decoder: one forward function for training, scoring and step-by-step decoding.
 *
 * Pre-norm blocks: RMSNorm, grouped-query attention with rotary positions (one, or three for pictures: M-RoPE),
 * RMSNorm, SwiGLU.  Qwen2 has biases on q, k, v; Qwen3 normalises every head of q and k instead.  Where only some rows'
 * results are wanted, the last block drops the others as soon as attention no longer needs them.
 * Source: modeling_qwen2, modeling_qwen3 and modeling_qwen2_5_vl of transformers 5.23. */
#include "nn/bind_internal.h"
#include "ops/backend.h"

#include <stdlib.h>

struct layer {
	struct ril_param *norm1, *norm2, *q_norm, *k_norm;
	struct ril_linear q, k, v, o, gate, up, down;
};

struct ril_decoder {
	struct ril_param *embed, *norm;
	struct layer *layer; /* [layers] */
	struct ril_rope rope;
};

/* ---- parameters ---- */

static void bind_layer(struct ril_bind *b, const struct ril_decoder_config *c, struct layer *l, int i)
{
	int64_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
	l->norm1 = ril_bind_vec(b, c->hidden, "layers.%d.input_layernorm.weight", i);
	l->q = ril_bind_linear(b, c->qkv_bias, q, c->hidden, "layers.%d.self_attn.q_proj", i);
	l->k = ril_bind_linear(b, c->qkv_bias, kv, c->hidden, "layers.%d.self_attn.k_proj", i);
	l->v = ril_bind_linear(b, c->qkv_bias, kv, c->hidden, "layers.%d.self_attn.v_proj", i);
	l->o = ril_bind_linear(b, c->o_bias, c->hidden, q, "layers.%d.self_attn.o_proj", i);
	if (c->qk_norm) {
		l->q_norm = ril_bind_vec(b, c->head_dim, "layers.%d.self_attn.q_norm.weight", i);
		l->k_norm = ril_bind_vec(b, c->head_dim, "layers.%d.self_attn.k_norm.weight", i);
	}
	l->norm2 = ril_bind_vec(b, c->hidden, "layers.%d.post_attention_layernorm.weight", i);
	l->gate = ril_bind_linear(b, false, c->inner, c->hidden, "layers.%d.mlp.gate_proj", i);
	l->up = ril_bind_linear(b, false, c->inner, c->hidden, "layers.%d.mlp.up_proj", i);
	l->down = ril_bind_linear(b, false, c->hidden, c->inner, "layers.%d.mlp.down_proj", i);
}

/* Every prefix under which the hub carries this decoder; a fresh folder takes the one its config's form belongs to. */
static const char *prefix(const struct ril_model *m)
{
	static const char *const known[] = {
		"model.language_model.", "language_model.model.", "model.", "language_model.", "", NULL};
	const struct ril_config *c = &m->config;
	const char *fresh = c->nested || c->family == RIL_INTERNVL ? "model.language_model." : "model.";
	if (c->original)
		fresh = "language_model.model.";
	return ril_bind_prefix(m->params, known, "embed_tokens.weight", fresh);
}

struct ril_decoder *ril_decoder_bind(struct ril_model *m, struct ril_err *err)
{
	const struct ril_decoder_config *c = &m->config.text;
	struct ril_decoder *d = ril_new(1, sizeof *d, err);
	if (!d)
		return NULL;
	d->rope = (struct ril_rope){.pairs = c->head_dim / 2, .dim = c->head_dim, .theta = c->rope_theta};
	d->layer = ril_new((size_t)c->layers, sizeof *d->layer, err);
	struct ril_bind b = {
		.params = m->params, .part = RIL_PART_LLM, .prefix = prefix(m), .failed = !d->layer, .err = err};
	d->embed = ril_bind_any(&b, false, 2, (int64_t[]){c->vocab, c->hidden}, "embed_tokens.weight");
	for (int i = 0; i < c->layers && !b.failed; i++)
		bind_layer(&b, c, &d->layer[i], i);
	d->norm = ril_bind_vec(&b, c->hidden, "norm.weight");
	if (b.failed) {
		ril_decoder_free(d);
		return NULL;
	}
	return d;
}

void ril_decoder_free(struct ril_decoder *d)
{
	if (!d)
		return;
	ril_rope_free(&d->rope);
	free(d->layer);
	free(d);
}

struct ril_param *ril_decoder_embedding(const struct ril_decoder *d)
{
	return d->embed;
}

/* ---- keys and values of earlier tokens ---- */

struct ril_kv *ril_kv_new(const struct ril_model *m, int64_t rows, struct ril_err *err)
{
	const struct ril_decoder_config *c = &m->config.text;
	const struct ril_ops *ops = ril_ops();
	struct ril_kv *kv = ril_new(1, sizeof *kv, err);
	if (!kv)
		return NULL;
	*kv = (struct ril_kv){.rows = rows, .cols = c->kv_heads * c->head_dim, .layers = c->layers};
	size_t n;
	if (rows >= 0 && ril_mul(&n, (size_t)rows, (size_t)(kv->cols * kv->layers)) &&
	    ril_mul(&n, n, sizeof(ril_real))) {
		kv->k = ops->get(n ? n : 1);
		kv->v = ops->get(n ? n : 1);
	}
	if (!kv->k || !kv->v) {
		ril_kv_free(kv);
		return ril_fail(err, RIL_EFAIL, "out of memory for a cache of %lld tokens", (long long)rows), NULL;
	}
	return kv;
}

void ril_kv_free(struct ril_kv *kv)
{
	const struct ril_ops *ops = ril_ops();
	if (!kv)
		return;
	ops->put(kv->k);
	ops->put(kv->v);
	free(kv);
}

/* New keys (or values) into their rows of the cache, in runs; returns the layer's part of the cache. */
static struct ril_val *store(struct ril_tape *t, const struct ril_tokens *k, ril_real *layer, struct ril_val *x)
{
	const struct ril_ops *ops = ril_ops();
	int64_t cols = k->kv->cols;
	for (int64_t i = 0, n; x && i < k->T; i += n) {
		for (n = 1; i + n < k->T && k->kv_row[i + n] == k->kv_row[i] + n; n++)
			;
		ops->copy(layer + k->kv_row[i] * cols, ril_mat_at(x->m, i, 0), (size_t)(n * cols) * sizeof(ril_real));
	}
	return ril_tape_wrap(t, ril_mat_of(layer, RIL_REAL, k->kv->rows, cols));
}

/* ---- forward ---- */

/* What all layers of one pass share. */
struct pass {
	const struct ril_decoder_config *c;
	const struct ril_tokens *tok;
	const ril_real *cosv, *sinv; /* [T, head_dim/2] */
	struct ril_segs full, slide; /* attention of full and of sliding layers */
};

/* Which of the three positions turns a pair: sections of the temporal, height and width position, in this order. */
static int section(const struct ril_decoder_config *c, int64_t pair)
{
	return pair < c->mrope[0] ? 0 : pair < c->mrope[0] + c->mrope[1] ? 1 : 2;
}

static int rotary(struct ril_tape *t, struct ril_model *m, struct pass *p)
{
	struct ril_rope *rope = &m->decoder->rope;
	int rows = ril_model_pos_rows(&m->config);
	int64_t T = p->tok->T, half = rope->pairs, top = 0;
	struct ril_err err = {0};
	for (int64_t i = 0; i < rows * T; i++)
		top = p->tok->pos[i] > top ? p->tok->pos[i] : top;
	ril_real *table = ril_tape_host(t, (size_t)(2 * T * half), sizeof *table);
	struct ril_val *device = ril_tape_val(t, 2 * T, half);
	if (!table || !device)
		return -1;
	if (ril_rope_reach(rope, top + 1, &err))
		return ril_tape_fail(t, &err), -1;
	for (int64_t j = 0; j < half; j++) {
		const int32_t *pos = p->tok->pos + (rows == 3 ? section(p->c, j) * T : 0);
		for (int64_t i = 0; i < T; i++) {
			table[i * half + j] = rope->cosv[pos[i] * half + j];
			table[(T + i) * half + j] = rope->sinv[pos[i] * half + j];
		}
	}
	ril_ops()->to_device(device->m.p, table, (size_t)(2 * T * half) * sizeof *table);
	p->cosv = device->m.p;
	p->sinv = p->cosv + T * half;
	return 0;
}

/* Sliding layers: every query sees the last `window` tokens up to itself, so every query is a segment. */
static int slide(struct ril_tape *t, struct pass *p)
{
	const struct ril_tokens *tok = p->tok;
	int64_t w = p->c->window, longest = 0, n = 0;
	p->full = p->slide = (struct ril_segs){tok->seg, tok->nseg};
	for (int i = 0; i < tok->nseg; i++) {
		longest = tok->seg[i].pn + tok->seg[i].kn > longest ? tok->seg[i].pn + tok->seg[i].kn : longest;
		n += tok->seg[i].qn;
	}
	if (!w || longest <= w)
		return 0;
	struct ril_seg *out = ril_tape_host(t, (size_t)n, sizeof *out), *at = out;
	for (int i = 0; out && i < tok->nseg; i++) {
		struct ril_seg s = tok->seg[i];
		for (int32_t q = 0; q < s.qn; q++) {
			int32_t own = s.causal ? q + 1 + s.kn - s.qn : s.kn;
			int32_t kn = own < w ? own : (int32_t)w;
			int32_t room = (int32_t)w - kn, pn = room < s.pn ? room : s.pn;
			*at++ = (struct ril_seg){s.q0 + q, 1, s.p0 + s.pn - pn, pn, s.k0 + own - kn, kn, 0};
		}
	}
	p->slide = (struct ril_segs){out, (int)n};
	return out ? 0 : -1;
}

/* Every head's query (or key) normalised on its own. */
static struct ril_val *norm_heads(struct ril_tape *t, const struct pass *p, struct ril_val *x, struct ril_param *w)
{
	int64_t D = p->c->head_dim;
	if (!x || !w)
		return x;
	struct ril_val *y = ril_t_rmsnorm(t, ril_view_reshape(t, x, x->m.rows * x->m.cols / D, D), w, p->c->norm_eps);
	return ril_view_reshape(t, y, x->m.rows, x->m.cols);
}

static struct ril_val *attend(struct ril_tape *t, const struct pass *p, const struct layer *l, int i, struct ril_val *x)
{
	const struct ril_decoder_config *c = p->c;
	struct ril_val *h = ril_t_rmsnorm(t, x, l->norm1, c->norm_eps);
	struct ril_val *q = norm_heads(t, p, ril_t_linear(t, h, &l->q), l->q_norm);
	struct ril_val *k = norm_heads(t, p, ril_t_linear(t, h, &l->k), l->k_norm);
	struct ril_val *v = ril_t_linear(t, h, &l->v);
	ril_t_rope(t, q, p->cosv, p->sinv, c->head_dim);
	ril_t_rope(t, k, p->cosv, p->sinv, c->head_dim);
	struct ril_kv *kv = p->tok->kv;
	if (kv) {
		k = store(t, p->tok, kv->k + i * kv->rows * kv->cols, k);
		v = store(t, p->tok, kv->v + i * kv->rows * kv->cols, v);
	}
	bool sliding = c->sliding[i];
	return ril_t_attention(t, q, k, v, sliding ? p->slide : p->full, c->heads, c->kv_heads, c->head_dim);
}

static struct ril_val *block(struct ril_tape *t, const struct pass *p, const struct layer *l, int i, struct ril_val *x)
{
	struct ril_val *o = attend(t, p, l, i, x);
	if (i == p->c->layers - 1 && p->tok->rows) {
		o = ril_t_gather(t, o, p->tok->rows, p->tok->nrows);
		x = ril_t_gather(t, x, p->tok->rows, p->tok->nrows);
	}
	x = ril_t_linear_add(t, x, o, &l->o);
	struct ril_val *h = ril_t_rmsnorm(t, x, l->norm2, p->c->norm_eps);
	struct ril_val *gate = ril_t_linear(t, h, &l->gate), *up = ril_t_linear(t, h, &l->up);
	return ril_t_linear_add(t, x, ril_t_swiglu(t, gate, up), &l->down);
}

/* A copy for whoever looks at hidden states: the stream itself may be overwritten. */
static struct ril_val *snapshot(struct ril_tape *t, struct ril_val *x)
{
	struct ril_val *y = x ? ril_tape_val(t, x->m.rows, x->m.cols) : NULL;
	if (y)
		ril_ops()->copy(y->m.p, x->m.p, ril_mat_bytes(x->m));
	return y;
}

struct ril_val *ril_model_decode(struct ril_tape *t, struct ril_model *m, const struct ril_tokens *tok,
				 struct ril_val *vis)
{
	struct ril_decoder *d = m->decoder;
	struct pass p = {.c = &m->config.text, .tok = tok};
	struct ril_val *x = ril_t_embed(t, tok->ids, tok->vrow, tok->T, d->embed, vis);
	if (rotary(t, m, &p) || slide(t, &p))
		return NULL;
	for (int i = 0; i < p.c->layers; i++) {
		if (tok->hidden)
			tok->hidden[i] = snapshot(t, x);
		struct ril_tape_mark mark = ril_tape_enter(t);
		struct ril_val *y = block(t, &p, &d->layer[i], i, x);
		bool same = y && x && y->m.rows == x->m.rows;
		x = same ? ril_tape_leave(t, mark, x, y) : y;
	}
	x = ril_t_rmsnorm(t, x, d->norm, p.c->norm_eps);
	if (tok->hidden)
		tok->hidden[p.c->layers] = x;
	return x;
}
