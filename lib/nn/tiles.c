/* tiles.c -- towers on square tiles: rows, pixel shuffle, sizes; see tiles_internal.h. */
#include "nn/tiles_internal.h"

#include <string.h>

int64_t ril_tiles_pixel_rows(const struct ril_config *c, const int32_t grid[3])
{
	int64_t tiles = (int64_t)grid[0] * grid[1] * grid[2];
	return tiles + (c->vision.thumbnail && tiles > 1);
}

int64_t ril_tiles_pixel_cols(const struct ril_config *c)
{
	return c->vision.channels * c->vision.image * c->vision.image;
}

int64_t ril_tiles_image_tokens(const struct ril_config *c, const int32_t grid[3])
{
	int64_t side = c->vision.image / c->vision.patch / c->vision.shuffle;
	return ril_tiles_pixel_rows(c, grid) * side * side;
}

struct ril_val *ril_tiles_patches(struct ril_tape *t, const struct ril_vision_config *c, const float *tiles, int64_t n)
{
	int64_t S = c->image, p = c->patch, side = S / p, cols = c->channels * p * p, rows = n * side * side;
	float *out = ril_tape_host(t, (size_t)(rows * cols), sizeof *out), *at = out;
	for (int64_t r = 0; out && r < rows; r++) {
		const float *tile = tiles + r / (side * side) * c->channels * S * S;
		int64_t y = r / side % side * p, x = r % side * p;
		for (int64_t k = 0; k < c->channels * p; k++, at += p)
			memcpy(at, tile + (k / p * S + y + k % p) * S + x, (size_t)p * sizeof *at);
	}
	return out ? ril_tape_input(t, rows, cols, out) : NULL;
}

/* Rows of the tower in the order in which pixel shuffle joins them; without those that lead. */
static void order(const struct ril_vision_config *c, int64_t tiles, int64_t lead, int32_t *idx)
{
	int64_t side = c->image / c->patch, k = c->shuffle, small = side / k;
	for (int64_t i = 0; i < tiles * small * small; i++) {
		int64_t tile = i / (small * small), a = i / small % small, b = i % small;
		int64_t first = tile * (side * side + lead) + lead, row = c->shuffle_v1 ? b : a,
			col = c->shuffle_v1 ? a : b;
		for (int64_t j = 0; j < k * k; j++)
			*idx++ = (int32_t)(first + (row * k + j / k) * side + col * k + j % k);
	}
}

/* Tiles of all pictures, or -1. */
static int64_t count(struct ril_tape *t, const struct ril_model *m, const struct ril_tower_input *in, int64_t each)
{
	struct ril_err err = {0};
	int64_t n = 0;
	for (int i = 0; i < in->n; i++) {
		const int32_t *g = &in->grid[3 * i];
		if (g[0] != 1 || g[1] < 1 || g[2] < 1 || (int64_t)g[1] * g[2] > INT32_MAX / each / 2 - n) {
			ril_fail(&err, RIL_ECORRUPT, "picture %d: %d x %d x %d is not a grid of tiles", i, g[0], g[1],
				 g[2]);
			ril_tape_fail(t, &err);
			return -1;
		}
		n += ril_config_pixel_rows(&m->config, g);
	}
	return n;
}

int ril_tiles_plan(struct ril_tape *t, struct ril_tiles *p, const struct ril_model *m, const struct ril_tower_input *in,
		   int64_t lead)
{
	const struct ril_vision_config *c = &m->config.vision;
	int64_t side = c->image / c->patch, patches = side * side, each = patches + lead;
	int64_t n = count(t, m, in, each);
	if (n < 0)
		return -1;
	int32_t *merge = ril_tape_host(t, (size_t)(n * patches), sizeof *merge);
	struct ril_seg *seg = ril_tape_host(t, (size_t)n, sizeof *seg);
	if (!merge || !seg)
		return -1;
	for (int32_t i = 0, len = (int32_t)each; i < n; i++)
		seg[i] = (struct ril_seg){i * len, len, 0, 0, i * len, len, 0};
	order(c, n, lead, merge);
	struct ril_upload u[] = {{merge, (size_t)(n * patches) * sizeof *merge, NULL},
				 {seg, (size_t)n * sizeof *seg, NULL}};
	if (ril_tape_upload(t, u, 2))
		return -1;
	*p = (struct ril_tiles){n, patches, n * each, u[0].device, {u[1].device, (int)n}};
	return 0;
}

struct ril_val *ril_tiles_shuffle(struct ril_tape *t, const struct ril_vision_config *c, const struct ril_tiles *p,
				  struct ril_val *x)
{
	/* Sides are multiples of k, which the readers of config.json see to. */
	int64_t square = c->shuffle * c->shuffle, rows = p->tiles * p->patches;
	return ril_view_reshape(t, ril_t_gather(t, x, p->merge, rows), rows / square, c->hidden * square);
}
