/* smolvlm.c -- the vision side of SmolVLM and Idefics3: SigLIP on square tiles, pixel shuffle, one linear layer.
 *
 * Every tile is a sequence of its own, its patches with learned positions.  Pixel shuffle gathers k x k neighbouring patches
 * into one row, which the connector maps to the decoder, a Llama.  A picture's image tokens stand in the prompt tile by
 * tile, with text between.
 * Source: modeling_idefics3 and modeling_smolvlm of transformers 5.24, which are one network under two names. */
#include "nn/bind_internal.h"
#include "nn/family_internal.h"
#include "nn/tiles_internal.h"

#include <stdlib.h>

struct block {
	struct ril_norm norm1, norm2;
	struct ril_linear q, k, v, out, fc1, fc2;
};

struct tower {
	struct ril_linear patch;
	struct ril_param *positions;
	struct block *block; /* [layers] */
	struct ril_norm norm;
	struct ril_linear connector;
};

/* ---- parameters ---- */

static void bind_block(struct ril_bind *b, const struct ril_vision_config *c, struct block *k, int i)
{
	int64_t C = c->hidden;
	k->norm1 = ril_bind_norm(b, true, C, "encoder.layers.%d.layer_norm1", i);
	k->norm2 = ril_bind_norm(b, true, C, "encoder.layers.%d.layer_norm2", i);
	k->q = ril_bind_linear(b, true, C, C, "encoder.layers.%d.self_attn.q_proj", i);
	k->k = ril_bind_linear(b, true, C, C, "encoder.layers.%d.self_attn.k_proj", i);
	k->v = ril_bind_linear(b, true, C, C, "encoder.layers.%d.self_attn.v_proj", i);
	k->out = ril_bind_linear(b, true, C, C, "encoder.layers.%d.self_attn.out_proj", i);
	k->fc1 = ril_bind_linear(b, true, c->inner, C, "encoder.layers.%d.mlp.fc1", i);
	k->fc2 = ril_bind_linear(b, true, C, c->inner, "encoder.layers.%d.mlp.fc2", i);
}

static void bind_connector(struct ril_bind *b, struct ril_model *m, struct tower *v)
{
	static const char *const known[] = {"model.connector.", "connector.", NULL};
	const struct ril_config *c = &m->config;
	b->part = RIL_PART_PROJECTOR;
	b->modules = known;
	b->prefix = ril_bind_prefix(m->params, known, "modality_projection.proj.weight", known[0]);
	v->connector =
		ril_bind_linear(b, false, c->text.hidden, c->vision.hidden * c->vision.shuffle * c->vision.shuffle,
				"modality_projection.proj");
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
	static const char *const known[] = {"model.vision_model.", "vision_model.", NULL};
	const struct ril_vision_config *c = &m->config.vision;
	int64_t side = c->image / c->patch, C = c->hidden, conv[] = {C, c->channels, c->patch, c->patch};
	struct tower *v = ril_new(1, sizeof *v, err);
	if (!v)
		return NULL;
	v->block = ril_new((size_t)c->layers, sizeof *v->block, err);
	struct ril_bind b = {.params = m->params, .part = RIL_PART_VISION, .failed = !v->block, .err = err};
	b.modules = known;
	b.prefix = ril_bind_prefix(m->params, known, "post_layernorm.weight", known[0]);
	v->patch.w = ril_bind_any(&b, false, 4, conv, "embeddings.patch_embedding.weight");
	v->patch.b = ril_bind_vec(&b, C, "embeddings.patch_embedding.bias");
	v->positions = ril_bind_any(&b, true, 2, (int64_t[]){side * side, C}, "embeddings.position_embedding.weight");
	for (int i = 0; i < c->layers && !b.failed; i++)
		bind_block(&b, c, &v->block[i], i);
	v->norm = ril_bind_norm(&b, true, C, "post_layernorm");
	bind_connector(&b, m, v);
	if (b.failed) {
		free_tower(v);
		return NULL;
	}
	return v;
}

/* ---- forward ---- */

/* One block of a pass: a segment. */
struct block_pass {
	const struct ril_vision_config *c;
	const struct block *k;
	struct ril_segs seg;
};

static struct ril_val *forward_block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block_pass *b = ctx;
	const struct block *k = b->k;
	int64_t H = b->c->heads, D = b->c->hidden / H;
	struct ril_val *h = ril_t_norm(t, x, &k->norm1, b->c->norm_eps), *q = ril_t_linear(t, h, &k->q),
		       *key = ril_t_linear(t, h, &k->k), *v = ril_t_linear(t, h, &k->v);
	x = ril_t_linear_add(t, x, ril_t_attention(t, q, key, v, b->seg, H, H, D), &k->out);
	h = ril_t_norm(t, x, &k->norm2, b->c->norm_eps);
	return ril_t_linear_add(t, x, ril_t_linear_act(t, h, &k->fc1, b->c->act), &k->fc2);
}

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	const struct tower *v = m->vision;
	struct ril_tiles p;
	if (ril_tiles_plan(t, &p, m, in, 0))
		return NULL;
	struct ril_val *x = ril_tiles_patches(t, c, in->pixels, p.tiles);
	if (!x)
		return NULL;
	x = ril_t_add_rows(t, ril_t_linear(t, x, &v->patch), v->positions, p.patches);
	for (int i = 0; i < c->layers; i++) {
		const struct block_pass b = {c, &v->block[i], p.seg};
		x = ril_t_segment(t, forward_block, &b, sizeof b, x, p.rows);
	}
	x = ril_t_norm(t, x, &v->norm, c->norm_eps);
	return ril_t_linear(t, ril_tiles_shuffle(t, c, &p, x), &v->connector);
}

/* ---- a picture ---- */

static int64_t run(const struct ril_config *c)
{
	return ril_tiles_image_tokens(c, (int32_t[]){1, 1, 1});
}

static const struct ril_tower tower = {
	.bind = bind_tower,
	.free = free_tower,
	.forward = forward,
	.pixel_rows = ril_tiles_pixel_rows,
	.pixel_cols = ril_tiles_pixel_cols,
	.image_tokens = ril_tiles_image_tokens,
	.run = run,
};
static const char *const model_types[] = {"smolvlm", "idefics3", NULL};
const struct ril_family ril_smolvlm = {
	.model_types = model_types,
	.read = ril_smolvlm_read,
	.decoder_module = "model.text_model.",
	.image_word = "<image>",
	.tower = &tower,
	.fresh = &ril_smolvlm_fresh,
};
