/* qwen2_5_vl.c -- the vision transformer of Qwen2.5-VL.
 *
 * Pictures come as patches in merge order: every 2 x 2 patches that become one image token lie together.  Blocks attend
 * within windows of the picture, a few over all of it; rows are put in window order once, so that every window is one
 * run of rows, and image tokens are put back in reading order at the end.  The merger joins 2 x 2 patches.
 * Source: modeling_qwen2_5_vl (get_window_index, rot_pos_emb) of transformers 5.23. */
#include "nn/qwen_vl_internal.h"
#include "ops/backend.h"

#include <stdlib.h>

struct block {
	struct ril_param *norm1, *norm2;
	struct ril_linear qkv, proj, gate, up, down;
};

struct tower {
	struct ril_linear patch;
	struct block *block; /* [layers] */
	struct ril_param *ln_q;
	struct ril_linear merge1, merge2;
	struct ril_rope rope;
};

/* ---- parameters ---- */

static void bind_block(struct ril_bind *b, const struct ril_vision_config *c, struct block *k, int i)
{
	k->norm1 = ril_bind_vec(b, c->hidden, "blocks.%d.norm1.weight", i);
	k->norm2 = ril_bind_vec(b, c->hidden, "blocks.%d.norm2.weight", i);
	k->qkv = ril_bind_linear(b, true, 3 * c->hidden, c->hidden, "blocks.%d.attn.qkv", i);
	k->proj = ril_bind_linear(b, true, c->hidden, c->hidden, "blocks.%d.attn.proj", i);
	k->gate = ril_bind_linear(b, true, c->inner, c->hidden, "blocks.%d.mlp.gate_proj", i);
	k->up = ril_bind_linear(b, true, c->inner, c->hidden, "blocks.%d.mlp.up_proj", i);
	k->down = ril_bind_linear(b, true, c->hidden, c->inner, "blocks.%d.mlp.down_proj", i);
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
	q->ln_q = ril_bind_vec(&b, c->hidden, "merger.ln_q.weight");
	q->merge1 = ril_bind_linear(&b, true, wide, wide, "merger.mlp.0");
	q->merge2 = ril_bind_linear(&b, true, c->out_hidden, wide, "merger.mlp.2");
	if (b.failed) {
		free_tower(q);
		return NULL;
	}
	return q;
}

/* ---- the order of rows ---- */

struct plan {
	int64_t T, V;           /* patches, image tokens */
	int32_t *order;         /* [T]: patch that row i of the tower takes */
	int32_t *back;          /* [V]: merged row that is image token v */
	int32_t *h, *w;         /* [T]: the row's place in its picture; w follows h in memory */
	struct ril_seg *window; /* [nwindow] */
	struct ril_seg *frame;  /* [nframe] */
	int nwindow, nframe;
};

/* The same on the device. */
struct device_plan {
	int64_t T, V;
	const int32_t *order, *back, *place; /* [T], [V], [2,T] */
	struct ril_segs windows, frames;
};

/* One window of one frame: merged cells [r0,r1) x [c0,c1) of a frame whose first image token is `first`. */
static void plan_window(struct plan *p, const struct ril_vision_config *c, int64_t first, int64_t across,
			const int64_t r[2], const int64_t col[2])
{
	int64_t from = p->T, unit = c->merge * c->merge;
	for (int64_t y = r[0]; y < r[1]; y++) {
		for (int64_t x = col[0]; x < col[1]; x++) {
			int64_t token = first + y * across + x;
			p->back[token] = (int32_t)(p->T / unit);
			for (int64_t k = 0; k < unit; k++, p->T++) {
				p->order[p->T] = (int32_t)(token * unit + k);
				p->h[p->T] = (int32_t)(y * c->merge + k / c->merge);
				p->w[p->T] = (int32_t)(x * c->merge + k % c->merge);
			}
		}
	}
	int32_t n = (int32_t)(p->T - from);
	p->window[p->nwindow++] = (struct ril_seg){(int32_t)from, n, 0, 0, (int32_t)from, n, 0};
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void plan_picture(struct plan *p, const struct ril_vision_config *c, const int32_t *grid)
{
	int64_t rows = grid[1] / c->merge, cols = grid[2] / c->merge, side = c->window / c->merge / c->patch;
	for (int32_t f = 0; f < grid[0]; f++) {
		int32_t from = (int32_t)p->T, n = grid[1] * grid[2];
		for (int64_t y = 0; y < rows; y += side)
			for (int64_t x = 0; x < cols; x += side)
				plan_window(p, c, p->V, cols, (int64_t[]){y, least(y + side, rows)},
					    (int64_t[]){x, least(x + side, cols)});
		p->frame[p->nframe++] = (struct ril_seg){from, n, 0, 0, from, n, 0};
		p->V += rows * cols;
	}
}

static int make_plan(struct ril_tape *t, struct plan *p, const struct ril_vision_config *c,
		     const struct ril_tower_input *in)
{
	int64_t T, frames;
	if (ril_qwen_count(t, c, in, &T, &frames))
		return -1;
	int64_t V = T / (c->merge * c->merge);
	*p = (struct plan){.order = ril_tape_host(t, (size_t)T, 4),
			   .back = ril_tape_host(t, (size_t)V, 4),
			   .h = ril_tape_host(t, (size_t)(2 * T), 4),
			   .window = ril_tape_host(t, (size_t)V, sizeof *p->window),
			   .frame = ril_tape_host(t, (size_t)frames, sizeof *p->frame)};
	if (!p->order || !p->back || !p->h || !p->window || !p->frame)
		return -1;
	p->w = p->h + T;
	for (int i = 0; i < in->n; i++)
		plan_picture(p, c, &in->grid[3 * i]);
	return 0;
}

static int upload(struct ril_tape *t, struct device_plan *d, const struct plan *p)
{
	size_t T = (size_t)p->T * sizeof *p->order;
	struct ril_upload u[] = {{p->order, T, NULL},
				 {p->back, (size_t)p->V * sizeof *p->back, NULL},
				 {p->h, 2 * T, NULL},
				 {p->window, (size_t)p->nwindow * sizeof *p->window, NULL},
				 {p->frame, (size_t)p->nframe * sizeof *p->frame, NULL}};
	if (ril_tape_upload(t, u, 5))
		return -1;
	*d = (struct device_plan){.T = p->T,
				  .V = p->V,
				  .order = u[0].device,
				  .back = u[1].device,
				  .place = u[2].device,
				  .windows = {u[3].device, p->nwindow},
				  .frames = {u[4].device, p->nframe}};
	return 0;
}

/* ---- forward ---- */

/* One block of a pass: a segment. */
struct block_pass {
	const struct ril_vision_config *c;
	const struct block *k;
	struct device_plan p;
	const struct ril_rope *rope;
	bool whole; /* attention over the whole picture */
};

static struct ril_val *forward_block(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct block_pass *b = ctx;
	const struct ril_vision_config *c = b->c;
	const struct block *k = b->k;
	const struct device_plan *p = &b->p;
	int64_t C = c->hidden, H = c->heads;
	struct ril_val *h = ril_t_rmsnorm(t, x, k->norm1, c->norm_eps);
	struct ril_val *qkv = ril_t_linear(t, h, &k->qkv);
	struct ril_val *q = ril_view_cols(t, qkv, 0, C), *key = ril_view_cols(t, qkv, C, C);
	struct ril_val *v = ril_view_cols(t, qkv, 2 * C, C);
	ril_t_rope(t, q, b->rope, p->place, p->T);
	ril_t_rope(t, key, b->rope, p->place, p->T);
	struct ril_val *o = ril_t_attention(t, q, key, v, b->whole ? p->frames : p->windows, H, H, C / H);
	x = ril_t_linear_add(t, x, o, &k->proj);
	h = ril_t_rmsnorm(t, x, k->norm2, c->norm_eps);
	struct ril_val *gate = ril_t_linear(t, h, &k->gate), *up = ril_t_linear(t, h, &k->up);
	return ril_t_linear_add(t, x, ril_t_swiglu(t, gate, up), &k->down);
}

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	struct tower *q = m->vision;
	struct plan host;
	struct device_plan p;
	if (make_plan(t, &host, c, in) || upload(t, &p, &host) || ril_qwen_reach(t, &q->rope, host.h, 2 * host.T))
		return NULL;
	struct ril_val *x = ril_tape_input(t, p.T, ril_config_pixel_cols(&m->config), in->pixels);
	if (!x)
		return NULL;
	x = ril_t_gather(t, ril_t_linear(t, x, &q->patch), p.order, p.T);
	for (int i = 0; i < c->layers; i++) {
		const struct block_pass b = {c, &q->block[i], p, &q->rope, c->full[i]};
		x = ril_t_segment(t, forward_block, &b, sizeof b, x, p.T);
	}
	x = ril_t_rmsnorm(t, x, q->ln_q, c->norm_eps);
	x = ril_view_reshape(t, x, p.V, c->hidden * c->merge * c->merge);
	x = ril_t_linear_act(t, x, &q->merge1, RIL_ACT_GELU);
	return ril_t_gather(t, ril_t_linear(t, x, &q->merge2), p.back, p.V);
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
static const char *const model_types[] = {"qwen2_5_vl", NULL};
const struct ril_family ril_qwen2_5_vl = {
	.model_types = model_types,
	.read = ril_qwen2_5_vl_read,
	.tower = &tower,
	.fresh = &ril_qwen2_5_vl_fresh,
};
