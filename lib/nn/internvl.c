/* internvl.c -- the vision side of InternVL: InternViT on square tiles, pixel shuffle, projector.
 *
 * Every tile is a sequence of its own: a class token and its patches with learned positions.  Blocks scale each branch
 * (lambda) before adding it.  Pixel shuffle gathers k x k neighbouring patches into one row; the projector maps that to
 * the decoder.  Two layouts of the same network: native (q, k, v apart) and original (fused).
 * Source: modeling_internvl of transformers 5.23; for the original layout modeling_intern_vit and
 * modeling_internvl_chat as published with the checkpoints. */
#include "nn/bind_internal.h"
#include "nn/family_internal.h"
#include "nn/tiles_internal.h"

#include <stdlib.h>

struct block {
	struct ril_norm norm1, norm2;
	struct ril_linear q, k, v; /* native */
	struct ril_linear qkv;     /* original */
	struct ril_param *q_norm, *k_norm, *scale1, *scale2;
	struct ril_linear proj, fc1, fc2;
};

struct tower {
	struct ril_linear patch;
	struct ril_param *cls, *positions;
	struct block *block; /* [layers] */
	struct ril_norm final_norm, norm;
	struct ril_linear proj1, proj2;
};

/* ---- parameters ---- */

/* What one layout calls the parts of a block. */
struct names {
	const char *block, *norm1, *norm2, *attn, *proj, *scale1, *scale2;
};
static const struct names native = {"encoder.layer",    "layernorm_before", "layernorm_after", "attention",
				    "projection_layer", "lambda_1",         "lambda_2"};
static const struct names original = {"encoder.layers", "norm1", "norm2", "attn", "proj", "ls1", "ls2"};

static void bind_block(struct ril_bind *b, const struct ril_vision_config *c, const struct names *s, struct block *k,
		       int i)
{
	int64_t C = c->hidden;
	k->norm1 = ril_bind_norm(b, !c->rms_norm, C, "%s.%d.%s", s->block, i, s->norm1);
	k->norm2 = ril_bind_norm(b, !c->rms_norm, C, "%s.%d.%s", s->block, i, s->norm2);
	if (c->fused_qkv) {
		k->qkv = ril_bind_linear(b, c->qkv_bias, 3 * C, C, "%s.%d.%s.qkv", s->block, i, s->attn);
	} else {
		k->q = ril_bind_linear(b, c->qkv_bias, C, C, "%s.%d.%s.q_proj", s->block, i, s->attn);
		k->k = ril_bind_linear(b, c->qkv_bias, C, C, "%s.%d.%s.k_proj", s->block, i, s->attn);
		k->v = ril_bind_linear(b, c->qkv_bias, C, C, "%s.%d.%s.v_proj", s->block, i, s->attn);
	}
	if (c->qk_norm) {
		k->q_norm = ril_bind_vec(b, C, "%s.%d.%s.q_norm.weight", s->block, i, s->attn);
		k->k_norm = ril_bind_vec(b, C, "%s.%d.%s.k_norm.weight", s->block, i, s->attn);
	}
	k->proj = ril_bind_linear(b, true, C, C, "%s.%d.%s.%s", s->block, i, s->attn, s->proj);
	k->scale1 = ril_bind_vec(b, C, "%s.%d.%s", s->block, i, s->scale1);
	k->scale2 = ril_bind_vec(b, C, "%s.%d.%s", s->block, i, s->scale2);
	k->fc1 = ril_bind_linear(b, true, c->inner, C, "%s.%d.mlp.fc1", s->block, i);
	k->fc2 = ril_bind_linear(b, true, C, c->inner, "%s.%d.mlp.fc2", s->block, i);
}

static void bind_embeddings(struct ril_bind *b, const struct ril_vision_config *c, bool orig, struct tower *v)
{
	int64_t side = c->image / c->patch, C = c->hidden, conv[] = {C, c->channels, c->patch, c->patch};
	const char *patch = orig ? "embeddings.patch_embedding" : "embeddings.patch_embeddings.projection";
	v->cls = ril_bind_any(b, false, 3, (int64_t[]){1, 1, C},
			      orig ? "embeddings.class_embedding" : "embeddings.cls_token");
	v->patch.w = ril_bind_any(b, false, 4, conv, "%s.weight", patch);
	v->patch.b = ril_bind_vec(b, C, "%s.bias", patch);
	v->positions = ril_bind_any(b, true, 3, (int64_t[]){1, side * side + 1, C},
				    orig ? "embeddings.position_embedding" : "embeddings.position_embeddings");
}

static void bind_projector(struct ril_bind *b, struct ril_model *m, struct tower *v)
{
	static const char *const known[] = {"model.multi_modal_projector.", "multi_modal_projector.", NULL};
	static const char *const known_original[] = {"mlp1.", NULL};
	const struct ril_config *c = &m->config;
	int64_t wide = c->vision.hidden * c->vision.shuffle * c->vision.shuffle, H = c->text.hidden;
	bool orig = c->original;
	b->part = RIL_PART_PROJECTOR;
	b->modules = orig ? known_original : known;
	b->prefix = orig ? known_original[0] : ril_bind_prefix(m->params, known, "linear_1.weight", known[0]);
	v->norm = ril_bind_norm(b, true, wide, orig ? "0" : "layer_norm");
	v->proj1 = ril_bind_linear(b, true, H, wide, orig ? "1" : "linear_1");
	v->proj2 = ril_bind_linear(b, true, H, H, orig ? "3" : "linear_2");
}

static void free_tower(void *vision)
{
	struct tower *v = vision;
	if (!v)
		return;
	free(v->block);
	free(v);
}

static void *bind_tower(struct ril_model *m, struct ril_err *err)
{
	static const char *const known[] = {"model.vision_tower.", "vision_tower.", NULL};
	static const char *const known_original[] = {"vision_model.", NULL};
	const struct ril_vision_config *c = &m->config.vision;
	bool orig = m->config.original;
	struct tower *v = ril_new(1, sizeof *v, err);
	if (!v)
		return NULL;
	v->block = ril_new((size_t)c->layers, sizeof *v->block, err);
	struct ril_bind b = {.params = m->params, .part = RIL_PART_VISION, .failed = !v->block, .err = err};
	b.modules = orig ? known_original : known;
	b.prefix = orig ? known_original[0] : ril_bind_prefix(m->params, known, "embeddings.cls_token", known[0]);
	bind_embeddings(&b, c, orig, v);
	for (int i = 0; i < c->layers && !b.failed; i++)
		bind_block(&b, c, orig ? &original : &native, &v->block[i], i);
	if (c->final_norm)
		v->final_norm = ril_bind_norm(&b, true, c->hidden, "layernorm");
	bind_projector(&b, m, v);
	if (b.failed) {
		free_tower(v);
		return NULL;
	}
	return v;
}

/* ---- forward ---- */

/* What the tower's rows are made of and how they are cut: index arrays, on the device. */
struct plan {
	struct ril_tiles tiles; /* one row leads: the class token */
	const int32_t *zero;    /* [rows]: the class token's row in its table */
	const int32_t *from;    /* [rows]: patch that the row takes, -1: the class token */
};

/* Class token and patches of every tile, with positions: [rows, C]. */
static struct ril_val *embed(struct ril_tape *t, const struct ril_vision_config *c, const struct tower *v,
			     const struct plan *p, const float *tiles)
{
	const struct ril_tiles *n = &p->tiles;
	struct ril_val *x = ril_tiles_patches(t, c, tiles, n->tiles);
	if (!x)
		return NULL;
	x = ril_t_linear(t, x, &v->patch);
	return ril_t_add_rows(t, ril_t_embed(t, p->zero, p->from, n->rows, v->cls, x), v->positions, n->patches + 1);
}

/* One block of a pass: a segment. */
struct block_pass {
	const struct ril_vision_config *c;
	const struct block *k;
	struct ril_segs seg;
};

static struct ril_val *forward_block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block_pass *b = ctx;
	const struct ril_vision_config *c = b->c;
	const struct block *k = b->k;
	int64_t C = c->hidden, H = c->heads;
	struct ril_val *h = ril_t_norm(t, x, &k->norm1, c->norm_eps), *q, *key, *v;
	if (c->fused_qkv) {
		struct ril_val *qkv = ril_t_linear(t, h, &k->qkv);
		q = ril_view_cols(t, qkv, 0, C);
		key = ril_view_cols(t, qkv, C, C);
		v = ril_view_cols(t, qkv, 2 * C, C);
	} else {
		q = ril_t_linear(t, h, &k->q);
		key = ril_t_linear(t, h, &k->k);
		v = ril_t_linear(t, h, &k->v);
	}
	if (c->qk_norm) {
		double eps = c->fused_qkv ? c->norm_eps : 1e-6; /* the native layout leaves it at the class default */
		q = ril_t_rmsnorm(t, q, k->q_norm, eps);
		key = ril_t_rmsnorm(t, key, k->k_norm, eps);
	}
	struct ril_val *o = ril_t_attention(t, q, key, v, b->seg, H, H, C / H);
	x = ril_t_scale_add(t, x, k->scale1, ril_t_linear(t, o, &k->proj));
	h = ril_t_norm(t, x, &k->norm2, c->norm_eps);
	h = ril_t_linear_act(t, h, &k->fc1, c->act);
	return ril_t_scale_add(t, x, k->scale2, ril_t_linear(t, h, &k->fc2));
}

static int make_plan(struct ril_tape *t, struct plan *p, const struct ril_model *m, const struct ril_tower_input *in)
{
	if (ril_tiles_plan(t, &p->tiles, m, in, 1))
		return -1;
	int64_t rows = p->tiles.rows, patches = p->tiles.patches;
	int32_t *zero = ril_tape_host(t, (size_t)rows, sizeof *zero);
	int32_t *from = ril_tape_host(t, (size_t)rows, sizeof *from);
	if (!zero || !from)
		return -1;
	for (int64_t i = 0; i < rows; i++) {
		int64_t tile = i / (patches + 1), k = i % (patches + 1);
		zero[i] = 0;
		from[i] = k ? (int32_t)(tile * patches + k - 1) : -1;
	}
	struct ril_upload u[] = {{zero, (size_t)rows * sizeof *zero, NULL}, {from, (size_t)rows * sizeof *from, NULL}};
	if (ril_tape_upload(t, u, 2))
		return -1;
	p->zero = u[0].device;
	p->from = u[1].device;
	return 0;
}

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	const struct tower *v = m->vision;
	struct plan p;
	if (make_plan(t, &p, m, in))
		return NULL;
	struct ril_val *x = embed(t, c, v, &p, in->pixels);
	for (int i = 0; i < c->used_layers; i++) {
		const struct block_pass b = {c, &v->block[i], p.tiles.seg};
		x = ril_t_segment(t, forward_block, &b, sizeof b, x, p.tiles.rows);
	}
	if (v->final_norm.w)
		x = ril_t_norm(t, x, &v->final_norm, c->norm_eps);
	x = ril_tiles_shuffle(t, c, &p.tiles, x);
	x = ril_t_norm(t, x, &v->norm, 1e-5); /* the projector's norm has the framework's default */
	x = ril_t_linear_act(t, x, &v->proj1, c->projector_act);
	return ril_t_linear(t, x, &v->proj2);
}

static const struct ril_tower tower = {
	.bind = bind_tower,
	.free = free_tower,
	.forward = forward,
	.pixel_rows = ril_tiles_pixel_rows,
	.pixel_cols = ril_tiles_pixel_cols,
	.image_tokens = ril_tiles_image_tokens,
};
static const char *const native_types[] = {"internvl", NULL}, *const original_types[] = {"internvl_chat", NULL};
const struct ril_family ril_internvl = {
	.model_types = native_types,
	.read = ril_internvl_read,
	.image_word = "<IMG_CONTEXT>",
	.tower = &tower,
	.fresh = &ril_internvl_fresh,
};
const struct ril_family ril_internvl_chat = {
	.model_types = original_types,
	.read = ril_internvl_chat_read,
	.image_word = "<IMG_CONTEXT>",
	.tower = &tower,
	.fresh = &ril_internvl_chat_fresh,
};
