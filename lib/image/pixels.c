/* pixels.c -- the list of layouts and what they share: defaults, the table of normalised values, the order of work; see
 * pixels.h. */
#include "image/layout_internal.h"

#include <math.h>
#include <stdlib.h>

const struct ril_pixel_kind *const ril_pixel_kinds[] = {&ril_pixels_qwen, &ril_pixels_internvl,
							&ril_pixels_internvl_chat, &ril_pixels_smolvlm, NULL};

/* The first kind of the layout: those that share one differ in where their settings are. */
static const struct ril_pixel_kind *kind_of(enum ril_pixel_layout layout)
{
	const struct ril_pixel_kind *const *k = ril_pixel_kinds;
	while (k[1] && (*k)->layout != layout)
		k++;
	return *k;
}

void ril_pixel_start(struct ril_pixel_settings *s, const struct ril_pixel_kind *k)
{
	*s = (struct ril_pixel_settings){.layout = k->layout,
					 .rescale = 1 / 255.0,
					 .filter = RIL_BICUBIC,
					 .patch = 14,
					 .merge = 2,
					 .temporal = 2,
					 .min_pixels = 56 * 56,
					 .max_pixels = 28 * 28 * 1280,
					 .tile = 448,
					 .min_tiles = 1,
					 .max_tiles = 12,
					 .thumbnail = true};
	memcpy(s->mean, k->mean, sizeof s->mean);
	memcpy(s->std, k->std, sizeof s->std);
}

int ril_pixel_bound(struct ril_pixel_settings *s, const struct ril_pixel_bounds *b, struct ril_err *err)
{
	bool in_tiles = kind_of(s->layout)->in_tiles;
	if (in_tiles ? b->min_pixels || b->max_pixels : b->min_tiles || b->max_tiles)
		return ril_fail(err, RIL_EUSAGE, "this model's pictures are bounded in %s",
				in_tiles ? "tiles" : "pixels");
	s->min_pixels = b->min_pixels ? b->min_pixels : s->min_pixels;
	s->max_pixels = b->max_pixels ? b->max_pixels : s->max_pixels;
	s->min_tiles = b->min_tiles ? (int32_t)b->min_tiles : s->min_tiles;
	s->max_tiles = b->max_tiles ? (int32_t)b->max_tiles : s->max_tiles;
	if (!ril_pixel_check(s, err))
		return 0;
	if (err && (b->min_pixels || b->max_pixels || b->min_tiles || b->max_tiles)) { /* not the model's fault */
		err->code = RIL_EUSAGE;
		ril_setting(err, in_tiles ? "min tiles|max tiles" : "min pixels|max pixels");
	}
	return -1;
}

int ril_pixel_range(const char *name, int64_t value, int64_t lo, int64_t hi, struct ril_err *err)
{
	if (value >= lo && value <= hi)
		return 0;
	return ril_fail(err, RIL_ECORRUPT, "%s is %lld, not in %lld..%lld", name, (long long)value, (long long)lo,
			(long long)hi);
}

int ril_pixel_check(const struct ril_pixel_settings *s, struct ril_err *err)
{
	for (int c = 0; c < 3; c++)
		if (!isfinite(s->mean[c]) || !isfinite(s->std[c]) || s->std[c] == 0 || !isfinite(s->rescale))
			return ril_fail(err, RIL_ECORRUPT,
					"image mean, standard deviation or rescale factor is not usable");
	return kind_of(s->layout)->check(s, err);
}

int ril_pixel_plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h,
		   struct ril_err *err)
{
	p->first_w = p->first_h = 0;
	int rc = kind_of(s->layout)->plan(p, s, w, h, err);
	return rc ? rc : ril_rgb_check(p->w, p->h, err);
}

/* The reference rescales in double, rounds to float, and normalises in float. */
static void fill_table(struct ril_pixel_table *t, const struct ril_pixel_settings *s)
{
	for (int c = 0; c < 3; c++)
		for (int v = 0; v < 256; v++)
			t->of[c][v] = ((float)(v * s->rescale) - (float)s->mean[c]) / (float)s->std[c];
}

/* ---- tiles ---- */

static void put_tile(float *out, const struct ril_rgb *im, int32_t row, int32_t column, int32_t side,
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

int ril_pixel_tiles(float *out, const struct ril_rgb *canvas, const struct ril_rgb *whole,
		    const struct ril_pixel_plan *p, const struct ril_pixel_settings *s, const struct ril_pixel_table *t,
		    struct ril_err *err)
{
	int32_t n = p->grid[1] * p->grid[2];
	for (int32_t k = 0; k < n; k++, out += p->width)
		put_tile(out, canvas, k / p->grid[2], k % p->grid[2], s->tile, t);
	if (p->rows == n)
		return 0;
	struct ril_rgb thumbnail = {0};
	if (ril_rgb_resize(&thumbnail, whole, s->tile, s->tile, s->filter, err))
		return -1;
	put_tile(out, &thumbnail, 0, 0, s->tile, t);
	ril_rgb_free(&thumbnail);
	return 0;
}

/* ---- the whole ---- */

/* To the plan's size, by way of another where it says so. */
static int resize(struct ril_rgb *out, const struct ril_rgb *im, const struct ril_pixel_plan *p, enum ril_filter filter,
		  struct ril_err *err)
{
	struct ril_rgb first = {0};
	if (!p->first_w)
		return ril_rgb_resize(out, im, p->w, p->h, filter, err);
	int rc = ril_rgb_resize(&first, im, p->first_w, p->first_h, filter, err) ||
				 ril_rgb_resize(out, &first, p->w, p->h, filter, err)
			 ? -1
			 : 0;
	ril_rgb_free(&first);
	return rc;
}

/* A copy with the transparent colour painted white. */
static int whiten(struct ril_rgb *out, const struct ril_rgb *im, struct ril_err *err)
{
	if (ril_rgb_new(out, im->w, im->h, err))
		return -1;
	memcpy(out->rgb, im->rgb, (size_t)im->w * im->h * 3);
	for (uint8_t *p = out->rgb, *end = p + (size_t)im->w * im->h * 3; p < end; p += 3)
		if (!memcmp(p, im->key, 3))
			memset(p, 255, 3);
	return 0;
}

int ril_pixels_make(struct ril_pixels *out, const struct ril_rgb *im, const struct ril_pixel_settings *s,
		    struct ril_err *err)
{
	if (im->keyed && !s->keep_key) {
		struct ril_rgb white = {0};
		int failed = whiten(&white, im, err) || ril_pixels_make(out, &white, s, err);
		ril_rgb_free(&white);
		return failed ? -1 : 0;
	}
	struct ril_pixel_plan p;
	struct ril_pixel_table table;
	struct ril_rgb resized = {0};
	size_t n;
	*out = (struct ril_pixels){0};
	if (ril_pixel_plan(&p, s, im->w, im->h, err) || resize(&resized, im, &p, s->filter, err))
		return -1;
	int rc = -1;
	if (!ril_mul(&n, (size_t)p.rows, (size_t)p.width) || !ril_mul(&n, n, sizeof *out->values))
		ril_fail(err, RIL_EFAIL, "%d x %d values are too many", p.rows, p.width);
	else if ((out->values = malloc(n))) /* written once, whole: not worth zeroing */
		rc = 0;
	else
		ril_fail(err, RIL_EFAIL, "out of memory for %zu bytes of pixels", n);
	fill_table(&table, s);
	if (!rc)
		rc = kind_of(s->layout)->fill(out->values, &resized, im, &p, s, &table, err);
	memcpy(out->grid, p.grid, sizeof p.grid);
	out->rows = p.rows;
	out->width = p.width;
	ril_rgb_free(&resized);
	if (rc)
		ril_pixels_free(out);
	return rc;
}

void ril_pixels_free(struct ril_pixels *p)
{
	free(p->values);
	*p = (struct ril_pixels){0};
}
