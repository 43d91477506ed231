/* decoder.c -- the Qwen2, Qwen2.5, Qwen3 and Llama decoder: one forward function for training, scoring and step-by-step decoding.
 *
 * Pre-norm blocks: RMSNorm, grouped-query attention with rotary positions (one, or three for pictures: M-RoPE),
 * RMSNorm, SwiGLU.  Qwen2 has biases on q, k, v; Qwen3 normalises every head of q and k instead; Llama does neither.  Where only some rows'
 * results are wanted, the last block drops the others as soon as attention no longer needs them.
 * Source: modeling_qwen2, modeling_qwen3, modeling_qwen2_5_vl and modeling_llama of transformers 5.23. */
#include "nn/bind_internal.h"
#include "nn/family_internal.h"
#include "nn/rope.h"
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

/* Every prefix under which the hub carries this decoder; a fresh folder takes the one of its config's form. */
static const char *const known[] = {"model.language_model.", "language_model.model.", "model.", "language_model.",
				    "model.text_model.",     "text_model.",           "",       NULL};

static const char *prefix(const struct ril_model *m)
{
	return ril_bind_prefix(m->params, known, "embed_tokens.weight", m->config.decoder_prefix);
}

/* Which of the three positions turns a pair: sections of the temporal, height and width position, in this order; or where they take
 * turns each as often as its section is long, the temporal one in whatever is left. */
static int32_t section(const struct ril_decoder_config *c, int64_t pair)
{
	if (c->interleaved)
		return pair % 3 && pair < 3 * c->mrope[pair % 3] ? (int32_t)(pair % 3) : 0;
	return pair < c->mrope[0] ? 0 : pair < c->mrope[0] + c->mrope[1] ? 1 : 2;
}

static int bind_rope(struct ril_model *m, struct ril_decoder *d, struct ril_err *err)
{
	const struct ril_decoder_config *c = &m->config.text;
	int64_t pairs = c->head_dim / 2;
	d->rope = (struct ril_rope){
		.pairs = pairs, .freqs = pairs, .dim = c->head_dim, .theta = c->rope_theta, .scaling = c->rope};
	if (ril_model_pos_rows(&m->config) == 1)
		return 0;
	int32_t *axis = ril_new((size_t)pairs, sizeof *axis, err);
	for (int64_t j = 0; axis && j < pairs; j++)
		axis[j] = section(c, j);
	int rc = axis ? ril_rope_axes(&d->rope, axis, err) : -1;
	free(axis);
	return rc;
}

struct ril_decoder *ril_decoder_bind(struct ril_model *m, struct ril_err *err)
{
	const struct ril_decoder_config *c = &m->config.text;
	struct ril_decoder *d = ril_new(1, sizeof *d, err);
	if (!d)
		return NULL;
	d->layer = ril_new((size_t)c->layers, sizeof *d->layer, err);
	/* First as transformers 5 calls it in memory, whatever the folder does. */
	const struct ril_family *f = m->config.family;
	const char *modules[1 + sizeof known / sizeof *known] = {f->decoder_module ? f->decoder_module
								 : f->tower && !m->config.original
									 ? known[0]
									 : m->config.decoder_prefix};
	memcpy(modules + 1, known, sizeof known);
	struct ril_bind b = {.params = m->params,
			     .part = RIL_PART_LLM,
			     .prefix = prefix(m),
			     .modules = modules,
			     .failed = !d->layer || bind_rope(m, d, err),
			     .err = err};
	d->embed = ril_bind_any(&b, false, 2, (int64_t[]){c->vocab, c->hidden}, "embed_tokens.weight");
	if (d->embed)
		d->embed->looked_up = true;
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
	*kv = (struct ril_kv){.rows = rows, .layers = c->layers};
	int64_t cols = c->kv_heads * c->head_dim;
	size_t n;
	enum ril_dtype type = m->params->compute;
	if (rows >= 0 && ril_mul(&n, (size_t)rows, (size_t)(cols * c->layers)) &&
	    ril_mul(&n, n, ril_dtype_size(type))) {
		kv->k = ril_mat_of(ops->get(n ? n : 1), type, rows * c->layers, cols);
		kv->v = ril_mat_of(ops->get(n ? n : 1), type, rows * c->layers, cols);
	}
	if (!kv->k.p || !kv->v.p) {
		ril_kv_free(kv);
		return ril_fail(err, RIL_EFAIL, "out of memory for a cache of %lld tokens", (long long)rows), NULL;
	}
	return kv;
}

void ril_kv_free(struct ril_kv *kv)
{
	if (!kv)
		return;
	ril_ops()->put(kv->k.p);
	ril_ops()->put(kv->v.p);
	free(kv);
}

/* New keys (or values) of layer i into their rows of the cache; returns the layer's part of the cache. */
static struct ril_val *store(struct ril_tape *t, const struct ril_pass *p, int64_t i, struct ril_mat cache,
			     struct ril_val *x)
{
	struct ril_mat layer = ril_mat_rows(cache, i * p->kv->rows, p->kv->rows);
	if (x)
		ril_ops()->scatter(layer, x->m, p->kv_row);
	return ril_tape_wrap(t, layer);
}

/* ---- forward ---- */

/* What all layers of one pass share. */
struct pass {
	const struct ril_decoder_config *c;
	const struct ril_pass *p;
	const struct ril_rope *rope;
	const struct layer *layer;
	struct ril_val *vis; /* DeepStack: [image tokens * (1 + features), H] */
};

/* Every head's query (or key) normalised on its own. */
static struct ril_val *norm_heads(struct ril_tape *t, const struct pass *p, struct ril_val *x, struct ril_param *w)
{
	int64_t D = p->c->head_dim;
	if (!x || !w)
		return x;
	struct ril_val *y = ril_t_rmsnorm(t, ril_view_reshape(t, x, x->m.rows * x->m.cols / D, D), w, p->c->norm_eps);
	return ril_view_reshape(t, y, x->m.rows, x->m.cols);
}

static struct ril_val *attend(struct ril_tape *t, const struct pass *p, const struct layer *l, int64_t i,
			      struct ril_val *x)
{
	const struct ril_decoder_config *c = p->c;
	struct ril_val *h = ril_t_rmsnorm(t, x, l->norm1, c->norm_eps);
	struct ril_val *q = norm_heads(t, p, ril_t_linear(t, h, &l->q), l->q_norm);
	struct ril_val *k = norm_heads(t, p, ril_t_linear(t, h, &l->k), l->k_norm);
	struct ril_val *v = ril_t_linear(t, h, &l->v);
	ril_t_rope(t, q, p->rope, p->p->pos, p->p->T);
	ril_t_rope(t, k, p->rope, p->p->pos, p->p->T);
	struct ril_kv *kv = p->p->kv;
	if (kv) {
		k = store(t, p->p, i, kv->k, k);
		v = store(t, p->p, i, kv->v, v);
	}
	return ril_t_attention(t, q, k, v, c->sliding[i] ? p->p->slide : p->p->full, c->heads, c->kv_heads,
			       c->head_dim);
}

/* One layer of a pass: a segment. */
struct block {
	struct pass p;
	int64_t i;
};

static struct ril_val *block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block *b = ctx;
	const struct pass *p = &b->p;
	const struct layer *l = &p->layer[b->i];
	struct ril_val *o = attend(t, p, l, b->i, x);
	if (b->i == p->c->layers - 1 && p->p->rows) {
		o = ril_t_gather(t, o, p->p->rows, p->p->nrows);
		x = ril_t_gather(t, x, p->p->rows, p->p->nrows);
		ril_t_names(t, p->p->wanted);
	}
	x = ril_t_linear_add(t, x, o, &l->o);
	struct ril_val *h = ril_t_rmsnorm(t, x, l->norm2, p->c->norm_eps);
	struct ril_val *gate = ril_t_linear(t, h, &l->gate), *up = ril_t_linear(t, h, &l->up);
	x = ril_t_linear_add(t, x, ril_t_swiglu(t, gate, up), &l->down);
	if (!p->vis || b->i >= p->p->stack)
		return x;
	return ril_t_add_at(t, x, p->vis, p->p->seen_at, p->p->deep + b->i * p->p->seen, p->p->seen, x->m.rows);
}

/* A copy for whoever looks at hidden states: the stream itself may be overwritten. */
static struct ril_val *snapshot(struct ril_tape *t, struct ril_val *x)
{
	struct ril_val *y = x ? ril_tape_val(t, x->m.rows, x->m.cols) : NULL;
	if (y)
		ril_ops()->copy(y->m.p, x->m.p, ril_mat_bytes(x->m));
	return y;
}

struct ril_val *ril_model_decode(struct ril_tape *t, struct ril_model *m, const struct ril_pass *pass,
				 struct ril_val *vis)
{
	struct ril_decoder *d = m->decoder;
	struct pass p = {.c = &m->config.text, .p = pass, .rope = &d->rope, .layer = d->layer};
	struct ril_err err = {0};
	if (!pass)
		return NULL;
	bool reads = m->params->reads & RIL_PART_LLM;
	if (!reads)
		ril_fail(&err, RIL_EFAIL, "%s: was opened without its language model", m->params->dir);
	if (!reads || ril_rope_reach(&d->rope, pass->top + 1, &err))
		return ril_tape_fail(t, &err);
	if (vis && pass->stack) /* an image token's embedding and features, one after another */
		p.vis = vis = ril_view_reshape(t, vis, vis->m.rows * (1 + pass->stack), p.c->hidden);
	ril_t_names(t, pass->names);
	struct ril_val *x = ril_t_embed(t, pass->ids, pass->vrow, pass->T, d->embed, vis);
	if (pass->noise)
		x = ril_t_add_at(t, x, pass->noise, pass->noise_to, pass->noise_of, pass->noisy, pass->T);
	for (int64_t i = 0; i < p.c->layers; i++) {
		bool last = i == p.c->layers - 1 && pass->rows;
		if (pass->hidden)
			pass->hidden[i] = snapshot(t, x);
		x = ril_t_segment(t, block, &(struct block){p, i}, sizeof(struct block), x,
				  last ? pass->nrows : pass->T);
	}
	x = ril_t_rmsnorm(t, x, d->norm, p.c->norm_eps);
	if (pass->hidden)
		pass->hidden[p.c->layers] = x;
	return x;
}
