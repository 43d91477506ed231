/* pixels.c -- what the two layouts share: settings, the table of normalised values, the order of work; see pixels.h. */
#include "image/layout_internal.h"

#include <math.h>
#include <stdlib.h>

void ril_pixel_defaults(struct ril_pixel_settings *s, enum ril_pixel_layout layout)
{
	static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073},
			    clip_std[3] = {0.26862954, 0.26130258, 0.27577711};
	static const double imagenet_mean[3] = {0.485, 0.456, 0.406}, imagenet_std[3] = {0.229, 0.224, 0.225};
	bool qwen = layout == RIL_PIXELS_QWEN;
	*s = (struct ril_pixel_settings){.layout = layout,
					 .rescale = 1 / 255.0,
					 .patch = 14,
					 .merge = 2,
					 .temporal = 2,
					 .min_pixels = 56 * 56,
					 .max_pixels = 28 * 28 * 1280,
					 .tile = 448,
					 .min_tiles = 1,
					 .max_tiles = 12,
					 .thumbnail = true};
	memcpy(s->mean, qwen ? clip_mean : imagenet_mean, sizeof s->mean);
	memcpy(s->std, qwen ? clip_std : imagenet_std, sizeof s->std);
}

static int in_range(const char *name, int64_t value, int64_t lo, int64_t hi, struct ril_err *err)
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
	if (s->layout == RIL_PIXELS_QWEN)
		return in_range("patch_size", s->patch, 1, 1024, err) || in_range("merge_size", s->merge, 1, 64, err) ||
				       in_range("temporal_patch_size", s->temporal, 1, 16, err) ||
				       in_range("max_pixels", s->max_pixels, 1, RIL_PICTURE_MAX_PIXELS, err) ||
				       in_range("min_pixels", s->min_pixels, 0, s->max_pixels, err)
			       ? -1
			       : 0;
	return in_range("tile size", s->tile, 1, 8192, err) || in_range("max_tiles", s->max_tiles, 0, 4096, err) ||
			       in_range("min_tiles", s->min_tiles, 0, s->max_tiles, err)
		       ? -1
		       : 0;
}

int ril_pixel_plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h,
		   struct ril_err *err)
{
	int rc = s->layout == RIL_PIXELS_QWEN ? ril_qwen_plan(p, s, w, h, err) : ril_internvl_plan(p, s, w, h, err);
	return rc ? rc : ril_rgb_check(p->w, p->h, err);
}

/* The reference rescales in double, rounds to float, and normalises in float. */
static void fill_table(struct ril_pixel_table *t, const struct ril_pixel_settings *s)
{
	for (int c = 0; c < 3; c++)
		for (int v = 0; v < 256; v++)
			t->of[c][v] = ((float)(v * s->rescale) - (float)s->mean[c]) / (float)s->std[c];
}

static int tiles(float *out, const struct ril_rgb *im, const struct ril_rgb *canvas, const struct ril_pixel_plan *p,
		 const struct ril_pixel_settings *s, const struct ril_pixel_table *t, struct ril_err *err)
{
	int32_t n = p->grid[1] * p->grid[2];
	for (int32_t k = 0; k < n; k++, out += p->width)
		ril_internvl_tile(out, canvas, k / p->grid[2], k % p->grid[2], s->tile, t);
	if (p->rows == n)
		return 0;
	struct ril_rgb thumbnail = {0};
	if (ril_rgb_resize(&thumbnail, im, s->tile, s->tile, err))
		return -1;
	ril_internvl_tile(out, &thumbnail, 0, 0, s->tile, t);
	ril_rgb_free(&thumbnail);
	return 0;
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
	if (ril_pixel_plan(&p, s, im->w, im->h, err) || ril_rgb_resize(&resized, im, p.w, p.h, err))
		return -1;
	int rc = -1;
	if (!ril_mul(&n, (size_t)p.rows, (size_t)p.width) || !ril_mul(&n, n, sizeof *out->values))
		ril_fail(err, RIL_EFAIL, "%d x %d values are too many", p.rows, p.width);
	else if ((out->values = malloc(n))) /* written once, whole: not worth zeroing */
		rc = 0;
	else
		ril_fail(err, RIL_EFAIL, "out of memory for %zu bytes of pixels", n);
	fill_table(&table, s);
	if (!rc && s->layout == RIL_PIXELS_QWEN)
		ril_qwen_patches(out->values, &resized, s, &table);
	else if (!rc)
		rc = tiles(out->values, im, &resized, &p, s, &table, err);
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
