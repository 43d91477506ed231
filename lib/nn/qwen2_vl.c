/* qwen2_vl.c -- the vision transformer of Qwen2-VL.
 *
 * Pictures come as patches in merge order.  Blocks are layer norm, attention over the whole picture, layer norm, two layers with an
 * activation between; the merger joins 2 x 2 patches.
 * Source: modeling_qwen2_vl of transformers 5.24. */
#include "nn/qwen_vl_internal.h"

#include <stdlib.h>

struct block {
	struct ril_norm norm1, norm2;
	struct ril_linear qkv, proj, fc1, fc2;
};

struct tower {
	struct ril_linear patch;
	struct block *block; /* [layers] */
	struct ril_norm ln_q;
	struct ril_linear merge1, merge2;
	struct ril_rope rope;
};

/* ---- parameters ---- */

static void bind_block(struct ril_bind *b, const struct ril_vision_config *c, struct block *k, int i)
{
	k->norm1 = ril_bind_norm(b, true, c->hidden, "blocks.%d.norm1", i);
	k->norm2 = ril_bind_norm(b, true, c->hidden, "blocks.%d.norm2", i);
	k->qkv = ril_bind_linear(b, true, 3 * c->hidden, c->hidden, "blocks.%d.attn.qkv", i);
	k->proj = ril_bind_linear(b, true, c->hidden, c->hidden, "blocks.%d.attn.proj", i);
	k->fc1 = ril_bind_linear(b, true, c->inner, c->hidden, "blocks.%d.mlp.fc1", i);
	k->fc2 = ril_bind_linear(b, true, c->hidden, c->inner, "blocks.%d.mlp.fc2", i);
}

static void free_tower(void *vision)
{
	struct tower *q = vision;
	if (!q)
		return;
	ril_rope_free(&q->rope);
	free(q->block);
	free(q);
}

static void *bind_tower(struct ril_model *m, struct ril_err *err)
{
	const struct ril_vision_config *c = &m->config.vision;
	struct tower *q = ril_new(1, sizeof *q, err);
	if (!q)
		return NULL;
	int64_t wide = c->hidden * c->merge * c->merge;
	q->block = ril_new((size_t)c->layers, sizeof *q->block, err);
	struct ril_bind b = ril_qwen_bind(m, m->config.nested, &q->rope, &q->patch, err);
	b.failed |= !q->block;
	for (int i = 0; i < c->layers && !b.failed; i++)
		bind_block(&b, c, &q->block[i], i);
	b.part = RIL_PART_PROJECTOR;
	q->ln_q = ril_bind_norm(&b, true, c->hidden, "merger.ln_q");
	q->merge1 = ril_bind_linear(&b, true, wide, wide, "merger.mlp.0");
	q->merge2 = ril_bind_linear(&b, true, c->out_hidden, wide, "merger.mlp.2");
	if (b.failed) {
		free_tower(q);
		return NULL;
	}
	return q;
}

/* ---- forward ---- */

/* One block of a pass: a segment. */
struct block_pass {
	const struct ril_vision_config *c;
	const struct block *k;
	struct ril_qwen_rows rows;
	const struct ril_rope *rope;
};

static struct ril_val *forward_block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block_pass *b = ctx;
	const struct ril_vision_config *c = b->c;
	const struct block *k = b->k;
	int64_t C = c->hidden, H = c->heads;
	struct ril_val *qkv = ril_t_linear(t, ril_t_norm(t, x, &k->norm1, c->norm_eps), &k->qkv);
	struct ril_val *q = ril_view_cols(t, qkv, 0, C), *key = ril_view_cols(t, qkv, C, C);
	struct ril_val *v = ril_view_cols(t, qkv, 2 * C, C);
	ril_t_rope(t, q, b->rope, b->rows.place, b->rows.T);
	ril_t_rope(t, key, b->rope, b->rows.place, b->rows.T);
	x = ril_t_linear_add(t, x, ril_t_attention(t, q, key, v, b->rows.frames, H, H, C / H), &k->proj);
	struct ril_val *h = ril_t_norm(t, x, &k->norm2, c->norm_eps);
	return ril_t_linear_add(t, x, ril_t_linear_act(t, h, &k->fc1, c->act), &k->fc2);
}

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	struct tower *q = m->vision;
	struct block_pass b = {.c = c, .rope = &q->rope};
	if (ril_qwen_rows(t, &b.rows, c, &q->rope, in))
		return NULL;
	struct ril_val *x = ril_tape_input(t, b.rows.T, ril_qwen_pixel_cols(&m->config), in->pixels);
	x = ril_t_linear(t, x, &q->patch);
	for (int i = 0; i < c->layers; i++) {
		b.k = &q->block[i];
		x = ril_t_segment(t, forward_block, &b, sizeof b, x, b.rows.T);
	}
	x = ril_t_norm(t, x, &q->ln_q, c->norm_eps);
	x = ril_view_reshape(t, x, b.rows.V, c->hidden * c->merge * c->merge);
	return ril_t_linear(t, ril_t_linear_act(t, x, &q->merge1, RIL_ACT_GELU), &q->merge2);
}

static const struct ril_tower tower = {
	.bind = bind_tower,
	.free = free_tower,
	.forward = forward,
	.pixel_rows = ril_qwen_pixel_rows,
	.pixel_cols = ril_qwen_pixel_cols,
	.image_tokens = ril_qwen_image_tokens,
	.place = ril_qwen_place,
};
static const char *const model_types[] = {"qwen2_vl", NULL};
const struct ril_family ril_qwen2_vl = {
	.model_types = model_types,
	.read = ril_qwen2_vl_read,
	.tower = &tower,
	.fresh = &ril_qwen2_vl_fresh,
};
