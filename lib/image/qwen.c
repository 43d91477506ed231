/* qwen.c -- Qwen2-VL's image processor: both sides to multiples of patch*merge with the pixel count kept within bounds,
 * then patches in merge order (Wang et al., "Qwen2-VL", 2024, section 2.1; transformers' Qwen2VLImageProcessor). */
#include "base/unused.h"
#include "image/layout_internal.h"

#include <math.h>

static int plan(struct ril_pixel_plan *p, const struct ril_pixel_settings *s, int32_t w, int32_t h, struct ril_err *err)
{
	double factor = (double)s->patch * s->merge, area = (double)w * h;
	if (w > 200.0 * h || h > 200.0 * w)
		return ril_fail(err, RIL_EFAIL, "%d x %d: one side is more than 200 times the other", w, h);
	double H = nearbyint(h / factor) * factor,
	       W = nearbyint(w / factor) * factor; /* ties to even, as Python rounds */
	if (H * W > (double)s->max_pixels) {
		double beta = sqrt(area / (double)s->max_pixels);
		H = fmax(factor, floor(h / beta / factor) * factor);
		W = fmax(factor, floor(w / beta / factor) * factor);
	} else if (H * W < (double)s->min_pixels) {
		double beta = sqrt((double)s->min_pixels / area);
		H = ceil(h * beta / factor) * factor;
		W = ceil(w * beta / factor) * factor;
	}
	if (H < 1 || W < 1)
		return ril_fail(err, RIL_EFAIL, "%d x %d is too small: a side rounds to 0 of %.0f pixels", w, h,
				factor);
	if (H > RIL_PICTURE_MAX_SIDE || W > RIL_PICTURE_MAX_SIDE)
		return ril_fail(err, RIL_EFAIL, "%d x %d would be resized to %.0f x %.0f, beyond the limit", w, h, W,
				H);
	p->w = (int32_t)W;
	p->h = (int32_t)H;
	p->grid[0] = 1;
	p->grid[1] = p->h / s->patch;
	p->grid[2] = p->w / s->patch;
	p->rows = p->grid[1] * p->grid[2];
	p->width = 3 * s->temporal * s->patch * s->patch;
	return 0;
}

static void patch(float *out, const uint8_t *corner, size_t stride, const struct ril_pixel_settings *s,
		  const struct ril_pixel_table *t)
{
	size_t plane = (size_t)s->patch * s->patch;
	for (int c = 0; c < 3; c++) {
		const float *value = t->of[c];
		float *at = out;
		for (int32_t y = 0; y < s->patch; y++) {
			const uint8_t *in = corner + (size_t)y * stride + c;
			for (int32_t x = 0; x < s->patch; x++)
				*at++ = value[in[3 * x]];
		}
		for (int32_t k = 1; k < s->temporal; k++)
			memcpy(out + (size_t)k * plane, out, plane * sizeof *out);
		out += (size_t)s->temporal * plane;
	}
}

static int fill(float *out, const struct ril_rgb *im, const struct ril_rgb *whole RIL_UNUSED,
		const struct ril_pixel_plan *p RIL_UNUSED, const struct ril_pixel_settings *s,
		const struct ril_pixel_table *t, struct ril_err *err RIL_UNUSED)
{
	size_t stride = (size_t)im->w * 3, width = (size_t)3 * s->temporal * s->patch * s->patch;
	int32_t rows = im->h / s->patch, columns = im->w / s->patch, m = s->merge;
	for (int32_t r = 0; r < rows; r += m)
		for (int32_t c = 0; c < columns; c += m)
			for (int32_t k = 0; k < m * m; k++, out += width)
				patch(out,
				      im->rgb + (size_t)(r + k / m) * s->patch * stride +
					      (size_t)(c + k % m) * s->patch * 3,
				      stride, s, t);
	return 0;
}

/* ---- settings ---- */

static int read(struct ril_pixel_settings *s, const cJSON *config RIL_UNUSED, const cJSON *o, struct ril_err *err)
{
	const cJSON *size = cJSON_GetObjectItemCaseSensitive(o, "size");
	if (cJSON_IsObject(size) && (ril_json_int(size, "shortest_edge", &s->min_pixels, err) ||
				     ril_json_int(size, "longest_edge", &s->max_pixels, err) ||
				     ril_json_int(size, "min_pixels", &s->min_pixels, err) ||
				     ril_json_int(size, "max_pixels", &s->max_pixels, err)))
		return -1;
	if (ril_json_int(o, "min_pixels", &s->min_pixels, err) || ril_json_int(o, "max_pixels", &s->max_pixels, err) ||
	    ril_pixel_int(o, "patch_size", &s->patch, err) || ril_pixel_int(o, "merge_size", &s->merge, err) ||
	    ril_pixel_int(o, "temporal_patch_size", &s->temporal, err))
		return -1;
	return ril_pixel_common(s, o, err);
}

static int check(const struct ril_pixel_settings *s, struct ril_err *err)
{
	return ril_pixel_range("patch_size", s->patch, 1, 1024, err) ||
			       ril_pixel_range("merge_size", s->merge, 1, 64, err) ||
			       ril_pixel_range("temporal_patch_size", s->temporal, 1, 16, err) ||
			       ril_pixel_range("max_pixels", s->max_pixels, 1, RIL_PICTURE_MAX_PIXELS, err) ||
			       ril_pixel_range("min_pixels", s->min_pixels, 0, s->max_pixels, err)
		       ? -1
		       : 0;
}

static const char *const model_types[] = {"qwen2_5_vl", "qwen2_vl", "qwen3_vl", NULL};
const struct ril_pixel_kind ril_pixels_qwen = {
	.layout = RIL_PIXELS_QWEN,
	.model_types = model_types,
	.needs_processor = true,
	.mean = {0.48145466, 0.4578275, 0.40821073},
	.std = {0.26862954, 0.26130258, 0.27577711},
	.read = read,
	.check = check,
	.plan = plan,
	.fill = fill,
};
