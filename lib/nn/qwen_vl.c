/* qwen_vl.c -- what the towers of Qwen's vision-language models share; see qwen_vl_internal.h.
 * Source: vision_utils and get_rope_index of transformers 5.24. */
#include "nn/qwen_vl_internal.h"
#include "base/mem.h"
#include "base/unused.h"

#include <stdlib.h>

/* ---- parameters ---- */

/* The first half of the pairs turns with a patch's row, the second with its column. */
static int bind_rope(struct ril_rope *r, const struct ril_vision_config *c, struct ril_err *err)
{
	int64_t head = c->hidden / c->heads, each = head / 4;
	*r = (struct ril_rope){.pairs = 2 * each, .freqs = each, .dim = head / 2, .theta = c->rope_theta};
	int32_t *axis = ril_new((size_t)(2 * each), sizeof *axis, err);
	for (int64_t j = 0; axis && j < 2 * each; j++)
		axis[j] = j >= each;
	int rc = axis ? ril_rope_axes(r, axis, err) : -1;
	free(axis);
	return rc;
}

struct ril_bind ril_qwen_bind(struct ril_model *m, bool nested, struct ril_rope *rope, struct ril_linear *patch,
			      struct ril_err *err)
{
	static const char *const known[] = {"model.visual.", "visual.", NULL};
	const struct ril_vision_config *c = &m->config.vision;
	struct ril_bind b = {.params = m->params,
			     .part = RIL_PART_VISION,
			     .modules = known,
			     .failed = bind_rope(rope, c, err),
			     .err = err};
	b.prefix = ril_bind_prefix(m->params, known, "patch_embed.proj.weight", known[nested ? 0 : 1]);
	patch->w = ril_bind_any(&b, false, 5, (int64_t[]){c->hidden, c->channels, c->temporal, c->patch, c->patch},
				"patch_embed.proj.weight");
	return b;
}

void ril_qwen_bind_block(struct ril_bind *b, const struct ril_vision_config *c, struct ril_qwen_block *k, int i,
			 const char *fc)
{
	k->norm1 = ril_bind_norm(b, true, c->hidden, "blocks.%d.norm1", i);
	k->norm2 = ril_bind_norm(b, true, c->hidden, "blocks.%d.norm2", i);
	k->qkv = ril_bind_linear(b, true, 3 * c->hidden, c->hidden, "blocks.%d.attn.qkv", i);
	k->proj = ril_bind_linear(b, true, c->hidden, c->hidden, "blocks.%d.attn.proj", i);
	k->fc1 = ril_bind_linear(b, true, c->inner, c->hidden, "blocks.%d.mlp.%s1", i, fc);
	k->fc2 = ril_bind_linear(b, true, c->hidden, c->inner, "blocks.%d.mlp.%s2", i, fc);
}

/* ---- rows ---- */

int ril_qwen_reach(struct ril_tape *t, struct ril_rope *rope, const int32_t *place, int64_t n)
{
	int32_t top = 0;
	struct ril_err err = {0};
	for (int64_t i = 0; i < n; i++)
		top = place[i] > top ? place[i] : top;
	return ril_rope_reach(rope, top + 1, &err) ? ril_tape_fail(t, &err), -1 : 0;
}

int ril_qwen_count(struct ril_tape *t, const struct ril_vision_config *c, const struct ril_tower_input *in,
		   int64_t *patches, int64_t *frames)
{
	struct ril_err err = {0};
	*patches = *frames = 0;
	for (int i = 0; i < in->n; i++) {
		const int32_t *g = &in->grid[3 * i];
		if (g[0] < 1 || g[1] < 1 || g[2] < 1 || g[1] % c->merge || g[2] % c->merge ||
		    (int64_t)g[0] * g[1] * g[2] > INT32_MAX / 4 - *patches) {
			ril_fail(&err, RIL_ECORRUPT, "picture %d: grid %d x %d x %d is not one of merged patches", i,
				 g[0], g[1], g[2]);
			return ril_tape_fail(t, &err), -1;
		}
		*patches += (int64_t)g[0] * g[1] * g[2];
		*frames += g[0];
	}
	return 0;
}

/* Rows and columns of a frame's patches in merge order. */
static void place_frame(const struct ril_vision_config *c, const int32_t *grid, int32_t *h, int32_t *w)
{
	int64_t across = grid[2] / c->merge, unit = c->merge * c->merge;
	for (int64_t i = 0; i < (int64_t)grid[1] * grid[2]; i++) {
		int64_t cell = i / unit, k = i % unit;
		h[i] = (int32_t)(cell / across * c->merge + k / c->merge);
		w[i] = (int32_t)(cell % across * c->merge + k % c->merge);
	}
}

int ril_qwen_rows(struct ril_tape *t, struct ril_qwen_rows *r, const struct ril_vision_config *c, struct ril_rope *rope,
		  const struct ril_tower_input *in)
{
	int64_t T, frames, at = 0;
	if (ril_qwen_count(t, c, in, &T, &frames))
		return -1;
	int32_t *place = ril_tape_host(t, (size_t)(2 * T), sizeof *place);
	struct ril_seg *frame = ril_tape_host(t, (size_t)frames, sizeof *frame), *f = frame;
	if (!place || !frame)
		return -1;
	for (int i = 0; i < in->n; i++) {
		const int32_t *g = &in->grid[3 * i];
		for (int32_t k = 0, n = g[1] * g[2]; k < g[0]; k++, at += n) {
			place_frame(c, g, place + at, place + T + at);
			*f++ = (struct ril_seg){(int32_t)at, n, 0, 0, (int32_t)at, n, 0};
		}
	}
	struct ril_upload u[] = {{place, (size_t)(2 * T) * sizeof *place, NULL},
				 {frame, (size_t)frames * sizeof *frame, NULL}};
	if (ril_qwen_reach(t, rope, place, 2 * T) || ril_tape_upload(t, u, 2))
		return -1;
	*r = (struct ril_qwen_rows){T, T / (c->merge * c->merge), place, u[0].device, {u[1].device, (int)frames}};
	return 0;
}

/* ---- a picture ---- */

int64_t ril_qwen_pixel_rows(const struct ril_config *c RIL_UNUSED, const int32_t grid[3])
{
	return (int64_t)grid[0] * grid[1] * grid[2];
}

int64_t ril_qwen_pixel_cols(const struct ril_config *c)
{
	return c->vision.channels * c->vision.temporal * c->vision.patch * c->vision.patch;
}

int64_t ril_qwen_image_tokens(const struct ril_config *c, const int32_t grid[3])
{
	return ril_qwen_pixel_rows(c, grid) / (c->vision.merge * c->vision.merge);
}

int32_t ril_qwen_place(const struct ril_config *c, const int32_t grid[3], int32_t *pos, int64_t stride, int64_t at,
		       int32_t from)
{
	int32_t rows = (int32_t)(grid[1] / c->vision.merge), cols = (int32_t)(grid[2] / c->vision.merge);
	for (int32_t f = 0; f < grid[0]; f++) {
		for (int32_t i = 0; i < rows * cols; i++, at++) {
			pos[at] = from;
			pos[stride + at] = from + i / cols;
			pos[2 * stride + at] = from + i % cols;
		}
	}
	return rows > cols ? rows : cols;
}

/* ---- a block ---- */

struct block_pass {
	const struct ril_vision_config *c;
	const struct ril_qwen_block *k;
	struct ril_qwen_rows rows;
	const struct ril_rope *rope;
};

static struct ril_val *forward_block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block_pass *b = ctx;
	const struct ril_vision_config *c = b->c;
	const struct ril_qwen_block *k = b->k;
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

struct ril_val *ril_qwen_block(struct ril_tape *t, const struct ril_vision_config *c, const struct ril_qwen_block *k,
			       const struct ril_qwen_rows *rows, const struct ril_rope *rope, struct ril_val *x)
{
	const struct block_pass b = {c, k, *rows, rope};
	return ril_t_segment(t, forward_block, &b, sizeof b, x, rows->T);
}
