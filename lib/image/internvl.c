/* internvl.c -- InternVL's dynamic tiling: the grid of tiles whose shape is nearest to the picture's (Chen et al., "How
 * Far Are We to GPT-4V?", 2024, section 3.3; transformers' get_optimal_tiled_canvas, which agrees with the original
 * find_closest_aspect_ratio).  Of grids equally near, a larger one wins while the picture has more than half its
 * pixels. */
#include "base/unused.h"
#include "image/layout_internal.h"

#include <math.h>

static void choose_grid(int32_t *rows, int32_t *columns, const struct ril_pixel_settings *s, int32_t w, int32_t h)
{
	double aspect = (double)w / h, area = (double)w * h, best = INFINITY;
	*rows = *columns = 1;
	for (int32_t n = s->min_tiles; n <= s->max_tiles; n++) {
		for (int32_t c = 1; c <= n; c++) {
			if (n % c)
				continue;
			double distance = fabs(aspect - (double)c / (n / c));
			if (distance < best || (distance == best && area > 0.5 * s->tile * s->tile * n)) {
				best = distance;
				*columns = c;
				*rows = n / c;
			}
		}
	}
}

static int plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h, struct ril_err *err)
{
	int32_t rows = 1, columns = 1;
	if (s->max_tiles > 1)
		choose_grid(&rows, &columns, s, w, h);
	if ((int64_t)rows * s->tile > RIL_PICTURE_MAX_SIDE || (int64_t)columns * s->tile > RIL_PICTURE_MAX_SIDE)
		return ril_fail(err, RIL_EFAIL, "%d x %d tiles of %d pixels are beyond the limit", columns, rows,
				s->tile);
	p->w = columns * s->tile;
	p->h = rows * s->tile;
	p->grid[0] = 1;
	p->grid[1] = rows;
	p->grid[2] = columns;
	p->rows = rows * columns + (s->thumbnail && rows * columns > 1);
	p->width = 3 * s->tile * s->tile;
	return 0;
}

/* ---- settings ---- */

/* A square size: a number, or {"height": n, "width": n}. */
static int square(const cJSON *o, const char *name, int32_t *out, struct ril_err *err)
{
	const cJSON *size = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!cJSON_IsObject(size))
		return ril_pixel_int(o, name, out, err);
	int32_t w = *out, h = *out;
	if (ril_pixel_int(size, "height", &h, err) || ril_pixel_int(size, "width", &w, err))
		return -1;
	if (w != h)
		return ril_fail(err, RIL_ECORRUPT, "%s: tiles of %d x %d are not square", name, w, h);
	*out = w;
	return 0;
}

/* crop_to_patches is not looked at: the reference's InternVLProcessor sets it, whatever the file says. */
static int read_native(struct ril_pixel_settings *s, const cJSON *config RIL_UNUSED, const cJSON *o,
		       struct ril_err *err)
{
	if (square(o, "size", &s->tile, err) || ril_pixel_int(o, "min_patches", &s->min_tiles, err) ||
	    ril_pixel_int(o, "max_patches", &s->max_tiles, err))
		return -1;
	return ril_pixel_common(s, o, err);
}

/* The original form has its tiling in config.json, ImageNet's mean and deviation in its code. */
static int read_original(struct ril_pixel_settings *s, const cJSON *config, const cJSON *processor, struct ril_err *err)
{
	const cJSON *vision = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	bool dynamic = true;
	s->thumbnail = false;
	if ((cJSON_IsObject(vision) && square(vision, "image_size", &s->tile, err)) ||
	    square(config, "force_image_size", &s->tile, err) ||
	    ril_pixel_int(config, "min_dynamic_patch", &s->min_tiles, err) ||
	    ril_pixel_int(config, "max_dynamic_patch", &s->max_tiles, err) ||
	    ril_json_bool(config, "dynamic_image_size", &dynamic, err) ||
	    ril_json_bool(config, "use_thumbnail", &s->thumbnail, err))
		return -1;
	if (!dynamic)
		s->max_tiles = s->min_tiles = 1;
	return processor ? ril_pixel_common(s, processor, err) : 0;
}

static int check(const struct ril_pixel_settings *s, struct ril_err *err)
{
	return ril_pixel_range("tile size", s->tile, 1, 8192, err) ||
			       ril_pixel_range("max_tiles", s->max_tiles, 0, 4096, err) ||
			       ril_pixel_range("min_tiles", s->min_tiles, 0, s->max_tiles, err)
		       ? -1
		       : 0;
}

#define SHARED                                                                                                         \
	.layout = RIL_PIXELS_INTERNVL, .in_tiles = true, .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225},  \
	.check = check, .plan = plan, .fill = ril_pixel_tiles
static const char *const native_types[] = {"internvl", NULL}, *const original_types[] = {"internvl_chat", NULL};
const struct ril_pixel_kind ril_pixels_internvl = {SHARED, .model_types = native_types, .needs_processor = true,
						   .read = read_native};
const struct ril_pixel_kind ril_pixels_internvl_chat = {SHARED, .model_types = original_types, .read = read_original};
