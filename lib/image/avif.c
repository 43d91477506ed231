/* avif.c -- AVIF through libavif, the still picture or the first of a sequence, at 8 bits a sample; alpha is dropped, after what
 * was multiplied by it was divided again.
 *
 * The picture is turned by its irot and imir properties, which the format puts in place of Exif's orientation; the reference
 * (Pillow) lets those without any to XMP, and so does this. */
#include "image/codec_internal.h"

#include "base/unused.h"

#include <stdio.h>
#include <stdlib.h>

/* Is `avif` or `avis` among the brands of its first box? */
bool ril_avif_is(struct ril_bytes b)
{
	if (b.n < 16 || memcmp(b.at + 4, "ftyp", 4))
		return false;
	size_t n = (size_t)b.at[0] << 24 | (size_t)b.at[1] << 16 | (size_t)b.at[2] << 8 | b.at[3];
	n = n < b.n ? n : b.n;
	for (size_t at = 8; at + 4 <= n; at += at == 8 ? 8 : 4)
		if (!memcmp(b.at + at, "avif", 4) || !memcmp(b.at + at, "avis", 4))
			return true;
	return false;
}

#ifdef RIL_HAVE_AVIF
#include <avif/avif.h>

static int fail(avifResult why, const avifDecoder *d, struct ril_err *err)
{
	const char *more = d->diag.error[0] ? d->diag.error : NULL;
	if (why == AVIF_RESULT_OUT_OF_MEMORY)
		return ril_fail(err, RIL_EFAIL, "AVIF: out of memory");
	return ril_fail(err, RIL_ECORRUPT, "AVIF: %s%s%s", avifResultToString(why), more ? ": " : "", more ? more : "");
}

/* Exif's number for a rotation and then a mirroring: ISO/IEC 23008-12, 6.5.10 and 6.5.12. */
static int turn_of(const avifImage *im)
{
	static const int plain[] = {1, 8, 3, 6}, rows[] = {4, 5, 2, 7}, columns[] = {2, 7, 4, 5};
	int angle = im->transformFlags & AVIF_TRANSFORM_IROT ? im->irot.angle & 3 : 0;
	if (!(im->transformFlags & AVIF_TRANSFORM_IMIR))
		return plain[angle];
#if AVIF_VERSION >= 1000000
	return im->imir.axis ? columns[angle] : rows[angle];
#else
	return im->imir.mode ? columns[angle] : rows[angle];
#endif
}

static int orientation_of(const avifImage *im)
{
	int turn = turn_of(im);
	if (turn != 1 || ril_exif_orientation((struct ril_bytes){im->exif.data, im->exif.size}))
		return turn;
	return ril_xmp_orientation((struct ril_bytes){im->xmp.data, im->xmp.size});
}

static int to_rgb(struct ril_rgb *out, const avifDecoder *d, struct ril_err *err)
{
	const avifImage *im = d->image;
	size_t n = (size_t)im->width * im->height;
	int samples = im->alphaPlane ? 4 : 3;
	uint8_t *with_alpha = NULL;
	if (samples == 4 && !(with_alpha = ril_new(n, 4, err)))
		return -1;
	avifRGBImage rgb;
	avifRGBImageSetDefaults(&rgb, im);
	rgb.depth = 8;
	rgb.format = with_alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
	rgb.pixels = with_alpha ? with_alpha : out->rgb;
	rgb.rowBytes = im->width * (uint32_t)samples;
	avifResult r = avifImageYUVToRGB(im, &rgb);
	for (size_t i = 0; with_alpha && i < n; i++)
		memcpy(out->rgb + 3 * i, with_alpha + 4 * i, 3);
	free(with_alpha);
	return r == AVIF_RESULT_OK ? 0 : fail(r, d, err);
}

static int decode(struct ril_rgb *im, int *orientation, avifDecoder *d, struct ril_bytes b, struct ril_err *err)
{
	d->maxThreads = 1;
	d->imageSizeLimit = RIL_PICTURE_MAX_PIXELS;
	d->imageDimensionLimit = 0;
	d->strictFlags &= ~(avifStrictFlags)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
	avifResult r = avifDecoderSetIOMemory(d, b.at, b.n);
	if (r != AVIF_RESULT_OK || (r = avifDecoderParse(d)) != AVIF_RESULT_OK)
		return fail(r, d, err);
	uint32_t w = d->image->width, h = d->image->height;
	if (ril_rgb_new(im, w, h, err))
		return -1;
	if ((r = avifDecoderNextImage(d)) != AVIF_RESULT_OK)
		return fail(r, d, err);
	if (d->image->width != w || d->image->height != h)
		return ril_fail(err, RIL_ECORRUPT, "AVIF: a frame of another size than the picture");
	*orientation = orientation_of(d->image);
	return to_rgb(im, d, err);
}

int ril_avif_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	avifDecoder *d = avifDecoderCreate();
	int rc = d ? decode(im, orientation, d, b, err) : ril_fail(err, RIL_EFAIL, "AVIF: out of memory");
	if (d)
		avifDecoderDestroy(d);
	return rc;
}

const char *ril_avif_library(void)
{
	static _Thread_local char text[32];
	snprintf(text, sizeof text, "libavif %s", avifVersion());
	return text;
}

#else

int ril_avif_decode(RIL_UNUSED struct ril_rgb *im, RIL_UNUSED int *orientation, RIL_UNUSED struct ril_bytes b,
		    struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "AVIF: this build has no libavif");
}

const char *ril_avif_library(void)
{
	return "none";
}
#endif
