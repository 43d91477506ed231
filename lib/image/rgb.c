/* rgb.c -- tells the format by its first bytes, hands the file to its decoder, turns the picture upright; see
 * rgb.h. */
#include "image/codec_internal.h"

#include <stdio.h>
#include <stdlib.h>

int ril_rgb_check(int64_t w, int64_t h, struct ril_err *err)
{
	if (w < 1 || h < 1)
		return ril_fail(err, RIL_ECORRUPT, "a picture of %lld x %lld has no pixels", (long long)w,
				(long long)h);
	if (w > RIL_PICTURE_MAX_SIDE || h > RIL_PICTURE_MAX_SIDE || w * h > RIL_PICTURE_MAX_PIXELS)
		return ril_fail(err, RIL_ECORRUPT, "%lld x %lld pixels are more than the limit of %d", (long long)w,
				(long long)h, RIL_PICTURE_MAX_PIXELS);
	return 0;
}

int ril_rgb_new(struct ril_rgb *im, int64_t w, int64_t h, struct ril_err *err)
{
	if (ril_rgb_check(w, h, err) || !(im->rgb = ril_new((size_t)(w * h), 3, err)))
		return -1;
	im->w = (int32_t)w;
	im->h = (int32_t)h;
	return 0;
}

void ril_rgb_free(struct ril_rgb *im)
{
	free(im->rgb);
	*im = (struct ril_rgb){0};
}

static bool starts(struct ril_bytes b, size_t at, const char *magic, size_t n)
{
	return b.n >= at + n && !memcmp(b.at + at, magic, n);
}

static bool is_png(struct ril_bytes b)
{
	return starts(b, 0, "\x89PNG\r\n\x1a\n", 8);
}

/* Formats that data sets hold and nothing here decodes; NULL: none of them. */
static const char *foreign_format(struct ril_bytes b)
{
	return starts(b, 4, "ftyphei", 7) || starts(b, 4, "ftypmif1", 8) ? "HEIF" : NULL;
}

static int decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	if (starts(b, 0, "\xff\xd8\xff", 3))
		return ril_jpeg_decode(im, orientation, b, err);
	if (is_png(b))
		return ril_png_decode(im, orientation, b, err);
	if (starts(b, 0, "GIF87a", 6) || starts(b, 0, "GIF89a", 6))
		return ril_gif_decode(im, b, err);
	if (starts(b, 0, "RIFF", 4) && starts(b, 8, "WEBP", 4))
		return ril_webp_decode(im, orientation, b, err);
	if (starts(b, 0, "II*\0", 4) || starts(b, 0, "MM\0*", 4))
		return ril_tiff_decode(im, orientation, b, err);
	if (ril_avif_is(b))
		return ril_avif_decode(im, orientation, b, err);
	if (starts(b, 0, "BM", 2))
		return ril_bmp_decode(im, b, err);
	if (!b.n)
		return ril_fail(err, RIL_ECORRUPT, "empty file");
	const char *foreign = foreign_format(b);
	if (foreign)
		return ril_fail(err, RIL_EFAIL, "%s is not read, only JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF", foreign);
	return ril_fail(err, RIL_ECORRUPT, "not a picture in a known format (JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF)");
}

/* `ground` NULL: alpha is dropped. */
static int decode_upright(struct ril_rgb *out, struct ril_bytes b, const uint8_t *ground, struct ril_err *err)
{
	int orientation = 0;
	*out = (struct ril_rgb){0};
	if (decode(out, &orientation, b, err) || (ground && is_png(b) && ril_png_over(out, b, ground, err)) ||
	    ril_rgb_orient(out, orientation, err)) {
		ril_rgb_free(out);
		return -1;
	}
	return 0;
}

int ril_rgb_decode(struct ril_rgb *out, const void *bytes, size_t n, struct ril_err *err)
{
	return decode_upright(out, (struct ril_bytes){bytes, n}, NULL, err);
}

int ril_rgb_decode_over(struct ril_rgb *out, const void *bytes, size_t n, const uint8_t ground[3], struct ril_err *err)
{
	return decode_upright(out, (struct ril_bytes){bytes, n}, ground, err);
}

const char *ril_picture_decoders(void)
{
	static _Thread_local char text[200];
	snprintf(text, sizeof text, "JPEG: %s; WebP: %s; TIFF: %s; AVIF: %s; PNG, BMP, GIF: stb_image",
		 ril_jpeg_library(), ril_webp_library(), ril_tiff_library(), ril_avif_library());
	return text;
}

const char *ril_picture_caveat(void)
{
#ifdef RIL_HAVE_JPEG
	return NULL;
#else
	return "built without libjpeg: JPEG goes through stb_image, whose bytes differ from the reference's by up to 4 "
	       "steps";
#endif
}
