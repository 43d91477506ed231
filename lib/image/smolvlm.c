/* smolvlm.c -- SmolVLM's and Idefics3's splitting: the longest side to a length, both sides up to multiples of a tile's, the
 * tiles, and the whole in one tile after them (Laurençon et al., "Building and better understanding vision-language
 * models", 2024, section 3; transformers' Idefics3ImageProcessorPil and SmolVLMImageProcessorPil, which are the same).
 *
 * Every step resizes bytes, so each rounds: the whole is made from the canvas of the tiles, not from the picture.  Sizes
 * are the reference's to the digit: side over ratio in double, cut off. */
#include "base/unused.h"
#include "image/layout_internal.h"

#include <math.h>

enum { MOST = 4096 }; /* the reference takes no longer side, whatever the file says */

static int32_t at_least_1(double x)
{
	return x < 1 ? 1 : (int32_t)x;
}

/* The longest side scaled to `most`; `even`: the other one made even. */
static void scale(int32_t *w, int32_t *h, int32_t most, bool even)
{
	double ratio = (double)*w / *h;
	int32_t *longer = *w >= *h ? w : h, *other = *w >= *h ? h : w;
	*longer = most;
	int32_t x = (int32_t)(longer == w ? *w / ratio : *h * ratio);
	*other = at_least_1(x + (even && x % 2));
}

static int32_t round_up(int32_t side, int32_t tile)
{
	return (side + tile - 1) / tile * tile;
}

/* Both sides up to multiples of the tile's: the longer one first, the other as the ratio asks. */
static void fit(int32_t *w, int32_t *h, int32_t tile)
{
	double ratio = (double)*w / *h;
	if (*w >= *h) {
		*w = round_up(*w, tile);
		*h = round_up(at_least_1(*w / ratio), tile);
	} else {
		*h = round_up(*h, tile);
		*w = round_up(at_least_1(*h * ratio), tile);
	}
}

static int32_t longest(const struct ril_pixel_settings *s)
{
	int32_t k = (int32_t)sqrt((double)s->max_tiles);
	return s->max_tiles ? k * s->tile : s->longest;
}

static int plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h,
		struct ril_err *err RIL_UNUSED)
{
	scale(&w, &h, longest(s), true);
	if (w > MOST || h > MOST)
		scale(&w, &h, MOST, false);
	p->first_w = w;
	p->first_h = h;
	if (s->splits)
		fit(&w, &h, s->tile);
	else
		w = h = s->tile;
	p->w = w;
	p->h = h;
	p->grid[0] = 1;
	p->grid[1] = h / s->tile;
	p->grid[2] = w / s->tile;
	p->rows = p->grid[1] * p->grid[2] + (p->grid[1] * p->grid[2] > 1);
	p->width = 3 * s->tile * s->tile;
	return 0;
}

static int fill(float *out, const struct ril_rgb *canvas, const struct ril_rgb *whole RIL_UNUSED,
		const struct ril_pixel_plan *p, const struct ril_pixel_settings *s, const struct ril_pixel_table *t,
		struct ril_err *err)
{
	return ril_pixel_tiles(out, canvas, canvas, p, s, t, err);
}

/* ---- settings ---- */

static int edge(const cJSON *o, const char *name, int32_t *out, struct ril_err *err)
{
	const cJSON *size = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!size || cJSON_IsNull(size))
		return 0;
	if (!cJSON_GetObjectItemCaseSensitive(size, "longest_edge"))
		return ril_fail(err, RIL_ECORRUPT, "%s: only a longest_edge is supported", name);
	return ril_pixel_int(size, "longest_edge", out, err) ? ril_context(err, "%s", name) : 0;
}

static int read(struct ril_pixel_settings *s, const cJSON *config RIL_UNUSED, const cJSON *o, struct ril_err *err)
{
	s->tile = 364;
	s->longest = 4 * 364;
	s->min_tiles = s->max_tiles = 0;
	s->filter = RIL_LANCZOS;
	s->splits = s->pads = true;
	return edge(o, "max_image_size", &s->tile, err) || edge(o, "size", &s->longest, err) ||
			       ril_json_bool(o, "do_image_splitting", &s->splits, err) || ril_pixel_common(s, o, err)
		       ? -1
		       : 0;
}

static int check(const struct ril_pixel_settings *s, struct ril_err *err)
{
	return ril_pixel_range("max_image_size", s->tile, 1, MOST, err) ||
			       ril_pixel_range("size", s->longest, 1, RIL_PICTURE_MAX_SIDE, err) ||
			       ril_pixel_range("max_tiles", s->max_tiles, 0, 4096, err) ||
			       ril_pixel_range("min_tiles", s->min_tiles, 0, 0, err)
		       ? -1
		       : 0;
}

static const char *const model_types[] = {"smolvlm", "idefics3", NULL};
const struct ril_pixel_kind ril_pixels_smolvlm = {
	.layout = RIL_PIXELS_SMOLVLM,
	.model_types = model_types,
	.in_tiles = true,
	.needs_processor = true,
	.mean = {0.5, 0.5, 0.5},
	.std = {0.5, 0.5, 0.5},
	.read = read,
	.check = check,
	.plan = plan,
	.fill = fill,
};
