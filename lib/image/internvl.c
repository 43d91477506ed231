/* internvl.c -- InternVL's dynamic tiling: the grid of tiles whose shape is nearest to the picture's (Chen et al., "How
 * Far Are We to GPT-4V?", 2024, section 3.3; transformers' get_optimal_tiled_canvas, which agrees with the original
 * find_closest_aspect_ratio).  Of grids equally near, a larger one wins while the picture has more than half its
 * pixels. */
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

int ril_internvl_plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h,
		      struct ril_err *err)
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

void ril_internvl_tile(float *out, const struct ril_rgb *im, int32_t row, int32_t column, int32_t side,
		       const struct ril_pixel_table *t)
{
	size_t stride = (size_t)im->w * 3, plane = (size_t)side * side;
	for (int32_t y = 0; y < side; y++, out += side) {
		const uint8_t *in = im->rgb + ((size_t)row * side + y) * stride + (size_t)column * side * 3;
		for (int32_t x = 0; x < side; x++)
			for (int c = 0; c < 3; c++)
				out[(size_t)c * plane + x] = t->of[c][in[3 * x + c]];
	}
}
