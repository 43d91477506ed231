/* scene.c -- layout and drawing of scenes; see scene.h.
 *
 * Objects sit in the middle of their cells and the ground is black: jitter and a grey ground make shapes much harder to
 * learn for models as small as the embedded ones. */
#include "scene/scene_internal.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

const char *const ril_colour_name[RIL_COLOURS] = {"red", "green", "blue", "yellow"};
const char *const ril_shape_name[RIL_SHAPES] = {"circle", "square", "triangle", "cross"};

static const double colour_rgb[RIL_COLOURS][3] = {{.9, .1, .1}, {.1, .8, .15}, {.15, .25, .95}, {.9, .85, .1}};

double ril_dice_unit(struct ril_dice *d)
{
	return ril_rng_uniform(d->seed, RIL_RNG_SCENE, (struct ril_rng_at){d->scene, d->stream, 0, d->drawn++});
}

int ril_dice_below(struct ril_dice *d, int n)
{
	return (int)(ril_dice_unit(d) * n);
}

bool ril_dice_picks(struct ril_dice *d, int *left, int among)
{
	bool picked = ril_dice_unit(d) * among < *left;
	*left -= picked;
	return picked;
}

static double dice_normal(struct ril_dice *d)
{
	return ril_rng_normal(d->seed, RIL_RNG_SCENE, (struct ril_rng_at){d->scene, d->stream, 1, d->drawn++});
}

void ril_scene_draw(struct ril_scene *s, struct ril_dice *d)
{
	if (s->album) {
		ril_collage_draw(s, d);
		return;
	}
	double u = ril_dice_unit(d);
	s->n = u < .1 ? 1 : u < .3 ? 2 : u < .6 ? 3 : 4;
	int left = s->n, k = 0;
	for (int cell = 0; cell < RIL_SCENE_CELLS; cell++) {
		if (!ril_dice_picks(d, &left, RIL_SCENE_CELLS - cell))
			continue;
		s->object[k++] = (struct ril_object){
			.cell = cell,
			.colour = ril_dice_below(d, RIL_COLOURS),
			.shape = ril_dice_below(d, RIL_SHAPES),
			.size = ril_dice_below(d, 2) ? 1 : .75,
			.light = .8 + .3 * ril_dice_unit(d),
		};
	}
}

int ril_scene_count(const struct ril_scene *s, int colour, int shape)
{
	int n = 0;
	for (int i = 0; i < s->n; i++)
		n += (colour < 0 || s->object[i].colour == colour) && (shape < 0 || s->object[i].shape == shape);
	return n;
}

/* Is the point (x,y), in units of half the object's size, inside the shape? */
static bool inside(int shape, double x, double y)
{
	switch (shape) {
	case 0: return x * x + y * y <= 1;
	case 1: return fabs(x) <= .95 && fabs(y) <= .95;
	case 2: return y >= -1 && y <= 1 && fabs(x) <= (y + 1) / 2;
	default: return (fabs(x) <= .34 && fabs(y) <= 1) || (fabs(y) <= .34 && fabs(x) <= 1);
	}
}

/* The share of pixel (px,py) of the cell that the object covers, from 4 x 4 samples. */
static double coverage(const struct ril_object *o, int cell, int px, int py)
{
	int hits = 0;
	for (int k = 0; k < 16; k++) {
		double x = (px + (k % 4 + .5) / 4) / cell * 2 - 1, y = (py + (k / 4 + .5) / 4) / cell * 2 - 1;
		hits += inside(o->shape, x / o->size, y / o->size);
	}
	return hits / 16.;
}

static void paint(double *rgb /* [side,side,3] */, int side, const struct ril_object *o, int cell)
{
	int x0 = o->cell % RIL_SCENE_GRID * cell, y0 = o->cell / RIL_SCENE_GRID * cell;
	for (int y = 0; y < cell; y++)
		for (int x = 0; x < cell; x++) {
			double a = coverage(o, cell, x, y);
			double *p = rgb + 3 * ((size_t)(y0 + y) * (size_t)side + (size_t)(x0 + x));
			for (int c = 0; c < 3; c++)
				p[c] += a * (colour_rgb[o->colour][c] * o->light - p[c]);
		}
}

int ril_scene_png(const struct ril_scene *s, int cell, struct ril_dice *d, const char *path, struct ril_err *err)
{
	if (s->album)
		return ril_collage_png(s, cell, path, err);
	int side = RIL_SCENE_GRID * cell;
	size_t n = 3 * (size_t)side * (size_t)side;
	double *rgb = ril_new(n, sizeof *rgb, err);
	unsigned char *bytes = ril_new(n, 1, err);
	int rc = -1;
	if (rgb && bytes) {
		double ground = .1 * ril_dice_unit(d);
		for (size_t i = 0; i < n; i++)
			rgb[i] = ground;
		for (int i = 0; i < s->n; i++)
			paint(rgb, side, &s->object[i], cell);
		for (size_t i = 0; i < n; i++) {
			double v = rgb[i] + .08 * dice_normal(d);
			bytes[i] = (unsigned char)lrint(255 * (v < 0 ? 0 : v > 1 ? 1 : v));
		}
		bool written = stbi_write_png(path, side, side, 3, bytes, 3 * side);
		rc = written ? 0 : ril_fail_errno(err, "%s: cannot write", path);
	}
	free(rgb);
	free(bytes);
	return rc;
}
