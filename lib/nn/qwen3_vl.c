/* qwen3_vl.c -- the vision transformer of Qwen3-VL.
 *
 * As Qwen2-VL's, with learned positions: a square table, stretched over the picture by bilinear interpolation, so that a patch takes
 * four rows of it in shares.  After some blocks what a merger makes of the patches is kept, too: features that the decoder adds to its
 * first layers' results where the picture's tokens are (DeepStack: Meng et al. 2024, arXiv 2406.04334).  They follow the token's
 * embedding in its row.
 * Source: modeling_qwen3_vl and vision_utils of transformers 5.24. */
#include "nn/qwen_vl_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAPS = 4 };

struct merger {
	struct ril_norm norm;
	struct ril_linear fc1, fc2;
};

struct tower {
	struct ril_linear patch;
	struct ril_param *positions;
	struct ril_qwen_block *block;            /* [layers] */
	struct merger merger[1 + RIL_MAX_STACK]; /* the embeddings', then the features' */
	struct ril_rope rope;
};

/* ---- parameters ---- */

/* The features' mergers normalise what they have joined, the embeddings' what it joins. */
static void bind_merger(struct ril_bind *b, const struct ril_vision_config *c, struct merger *m, int i)
{
	int64_t wide = c->hidden * c->merge * c->merge;
	char name[64] = "merger";
	if (i)
		snprintf(name, sizeof name, "deepstack_merger_list.%d", i - 1);
	m->norm = ril_bind_norm(b, true, i ? wide : c->hidden, "%s.norm", name);
	m->fc1 = ril_bind_linear(b, true, wide, wide, "%s.linear_fc1", name);
	m->fc2 = ril_bind_linear(b, true, c->out_hidden, wide, "%s.linear_fc2", name);
}

/* Passes use a features' merger right after its block. */
static void follow(struct merger *m, const struct ril_qwen_block *k)
{
	const struct ril_lora *a = m->fc1.lora, *b = m->fc2.lora;
	struct ril_param *of[] = {m->norm.w,         m->norm.b,        m->fc1.w,          m->fc1.b,
				  m->fc2.w,          m->fc2.b,         a ? a->a.w : NULL, a ? a->b.w : NULL,
				  b ? b->a.w : NULL, b ? b->b.w : NULL};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		if (of[i])
			of[i]->order = k->fc2.b->order + 1;
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
	q->block = ril_new((size_t)c->layers, sizeof *q->block, err);
	struct ril_bind b = ril_qwen_bind(m, true, &q->rope, &q->patch, err);
	b.failed |= !q->block;
	q->patch.b = ril_bind_vec(&b, c->hidden, "patch_embed.proj.bias");
	q->positions = ril_bind_any(&b, false, 2, (int64_t[]){c->side * c->side, c->hidden}, "pos_embed.weight");
	for (int i = 0; i < c->layers && !b.failed; i++)
		ril_qwen_bind_block(&b, c, &q->block[i], i, "linear_fc");
	b.part = RIL_PART_PROJECTOR;
	for (int i = 0; i <= c->stack && !b.failed; i++)
		bind_merger(&b, c, &q->merger[i], i);
	for (int i = 0; i < c->stack && !b.failed; i++)
		follow(&q->merger[1 + i], &q->block[c->stacked[i]]);
	if (b.failed) {
		free_tower(q);
		return NULL;
	}
	return q;
}

/* ---- learned positions ---- */

/* Index arrays on the device. */
struct plan {
	struct ril_qwen_rows rows;
	const int32_t *tap;     /* [TAPS * T]: row of the table */
	const int32_t *same;    /* [most]: 0, 1, 2 ... */
	const int32_t *patch;   /* [TAPS * T]: patch that takes it */
	const int32_t *feature; /* [1 + stack, V]: where embeddings and features go */
	struct ril_rope share;  /* a table of how much of it: turned by nothing, a row is only made shorter */
};

/* The two rows (or columns) that place i of n takes of `side`, and the second's share; each step rounded to float, as the
 * reference's are. */
static float between(int32_t i, int64_t n, int64_t side, int64_t at[2])
{
	float where = (float)i * (float)(side - 1) / (float)(n > 1 ? n - 1 : 1), low = floorf(where);
	at[0] = (int64_t)low;
	at[1] = at[0] + 1 < side ? at[0] + 1 : side - 1;
	return where - low;
}

/* The four taps of every patch of a picture of h x w, from its first patch on. */
static void stretch(const struct ril_vision_config *c, const int32_t *grid, const int32_t *row, const int32_t *column,
		    int64_t n, int32_t *tap, ril_real *share)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t y[2], x[2];
		float v = between(row[i], grid[1], c->side, y), u = between(column[i], grid[2], c->side, x);
		for (int k = 0; k < TAPS; k++) {
			*tap++ = (int32_t)(y[k / 2] * c->side + x[k % 2]);
			*share++ = (k / 2 ? v : 1 - v) * (k % 2 ? u : 1 - u);
		}
	}
}

static int make_plan(struct ril_tape *t, struct plan *p, const struct ril_vision_config *c, struct ril_rope *rope,
		     const struct ril_tower_input *in)
{
	if (ril_qwen_rows(t, &p->rows, c, rope, in))
		return -1;
	int64_t T = p->rows.T, V = p->rows.V, n = 1 + c->stack, taps = TAPS * T, most = taps > V ? taps : V;
	int32_t *index = ril_tape_host(t, (size_t)(2 * taps + most + n * V), sizeof *index);
	ril_real *share = ril_tape_host(t, (size_t)(2 * taps), sizeof *share);
	if (!index || !share)
		return -1;
	int32_t *patch = index + taps, *same = patch + taps, *feature = same + most;
	for (int64_t i = 0, at = 0; i < in->n; i++) {
		const int32_t *g = &in->grid[3 * i];
		int64_t patches = (int64_t)g[0] * g[1] * g[2];
		stretch(c, g, p->rows.host + at, p->rows.host + T + at, patches, index + TAPS * at, share + TAPS * at);
		at += patches;
	}
	for (int64_t i = 0; i < taps; i++) {
		patch[i] = (int32_t)(i / TAPS);
		share[taps + i] = 0; /* sines */
	}
	for (int64_t i = 0; i < most; i++)
		same[i] = (int32_t)i;
	for (int64_t i = 0; i < n * V; i++)
		feature[i] = (int32_t)(i % V * n + i / V);
	struct ril_upload u[] = {{index, (size_t)taps * sizeof *index, NULL},
				 {patch, (size_t)taps * sizeof *index, NULL},
				 {same, (size_t)most * sizeof *index, NULL},
				 {feature, (size_t)(n * V) * sizeof *index, NULL},
				 {share, (size_t)(2 * taps) * sizeof *share, NULL}};
	if (ril_tape_upload(t, u, 5))
		return -1;
	p->tap = u[0].device;
	p->patch = u[1].device;
	p->same = u[2].device;
	p->feature = u[3].device;
	p->share = (struct ril_rope){.pairs = 1, .table = (ril_real *)(uintptr_t)u[4].device, .positions = taps};
	return 0;
}

/* Adding them: a segment, which keeps nothing of the taps. */
struct position_pass {
	const struct tower *q;
	const struct plan *p;
};

static struct ril_val *add_positions(struct ril_tape *t, const void *ctx, struct ril_val *x)
{
	const struct position_pass *b = ctx;
	const struct plan *p = b->p;
	int64_t taps = TAPS * p->rows.T;
	struct ril_val *rows = ril_t_embed(t, p->tap, NULL, taps, b->q->positions, NULL);
	ril_t_rope(t, rows, &p->share, p->same, taps);
	return ril_t_add_at(t, x, rows, p->patch, p->same, taps, p->rows.T);
}

/* ---- forward ---- */

/* What merger i makes of the patches, put into its place among the embeddings and features so far (NULL: none yet). */
static struct ril_val *merge(struct ril_tape *t, const struct ril_vision_config *c, const struct merger *m, int i,
			     const struct plan *p, struct ril_val *x, struct ril_val *all)
{
	int64_t V = p->rows.V, wide = c->hidden * c->merge * c->merge;
	if (!i)
		x = ril_t_norm(t, x, &m->norm, c->norm_eps);
	x = ril_view_reshape(t, x, V, wide);
	if (i)
		x = ril_t_norm(t, x, &m->norm, c->norm_eps);
	x = ril_t_linear(t, ril_t_linear_act(t, x, &m->fc1, RIL_ACT_GELU), &m->fc2);
	return c->stack ? ril_t_add_at(t, all, x, p->feature + i * V, p->same, V, V * (1 + c->stack)) : x;
}

static struct ril_val *forward(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	const struct ril_vision_config *c = &m->config.vision;
	struct tower *q = m->vision;
	struct plan *p = ril_tape_host(t, 1, sizeof *p);
	if (!p || make_plan(t, p, c, &q->rope, in))
		return NULL;
	const struct position_pass where = {q, p};
	struct ril_val *all = NULL;
	struct ril_val *x = ril_tape_input(t, p->rows.T, ril_qwen_pixel_cols(&m->config), in->pixels);
	x = ril_t_segment(t, add_positions, &where, sizeof where, ril_t_linear(t, x, &q->patch), p->rows.T);
	for (int i = 0, taken = 0; i < c->layers; i++) {
		x = ril_qwen_block(t, c, &q->block[i], &p->rows, &q->rope, x);
		if (taken == c->stack || i != c->stacked[taken])
			continue;
		/* a copy: the next block may overwrite what the merger's norm is differentiated by */
		struct ril_val *copy = ril_t_gather(t, x, p->same, p->rows.T);
		taken++;
		all = merge(t, c, &q->merger[taken], taken, p, copy, all);
	}
	x = merge(t, c, &q->merger[0], 0, p, x, all);
	return c->stack ? ril_view_reshape(t, x, p->rows.V, (1 + c->stack) * c->out_hidden) : x;
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
static const char *const model_types[] = {"qwen3_vl", NULL};
const struct ril_family ril_qwen3_vl = {
	.model_types = model_types,
	.read = ril_qwen3_vl_read,
	.tower = &tower,
	.fresh = &ril_qwen3_vl_fresh,
};
