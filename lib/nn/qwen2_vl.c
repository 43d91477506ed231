/* qwen2_vl.c -- the vision transformer of Qwen2-VL.
 *
 * Pictures come as patches in merge order.  Blocks are layer norm, attention over the whole picture, layer norm, two layers with an
 * activation between; the merger joins 2 x 2 patches.
 * Source: modeling_qwen2_vl of transformers 5.24. */
#include "nn/qwen_vl_internal.h"

#include <stdlib.h>

struct tower {
	struct ril_linear patch;
	struct ril_qwen_block *block; /* [layers] */
	struct ril_norm ln_q;
	struct ril_linear merge1, merge2;
	struct ril_rope rope;
};

/* ---- parameters ---- */

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
		ril_qwen_bind_block(&b, c, &q->block[i], i, "fc");
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

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	struct tower *q = m->vision;
	struct ril_qwen_rows rows;
	if (ril_qwen_rows(t, &rows, c, &q->rope, in))
		return NULL;
	struct ril_val *x = ril_tape_input(t, rows.T, ril_qwen_pixel_cols(&m->config), in->pixels);
	x = ril_t_linear(t, x, &q->patch);
	for (int i = 0; i < c->layers; i++)
		x = ril_qwen_block(t, c, &q->block[i], &rows, &q->rope, x);
	x = ril_t_norm(t, x, &q->ln_q, c->norm_eps);
	x = ril_view_reshape(t, x, rows.V, c->hidden * c->merge * c->merge);
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
