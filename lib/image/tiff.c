/* tiff.c -- TIFF through libtiff, the first page: what both it and Pillow bring to the same bytes of RGB, which is grey and
 * palettes of 8 bits, black and white, and 8-bit colour, however compressed; other kinds are refused.
 *
 * Colour is taken as stored beside an alpha that it was not multiplied by, since the reference drops alpha: libtiff, which
 * would multiply, is told that the extra sample is of no known kind. */
#include "image/codec_internal.h"

#include "base/unused.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef RIL_HAVE_TIFF
#include <pthread.h>
#include <tiffio.h>

/* The file, as libtiff reads it. */
struct source {
	struct ril_bytes b;
	uint64_t at;
	bool cut;      /* read beyond its end, which the library makes up for in places: a colour map is left out */
	char why[160]; /* the library's first complaint */
};

static void on_error(thandle_t h, RIL_UNUSED const char *module, const char *fmt, va_list ap)
{
	struct source *s = h;
	if (s && !s->why[0])
		vsnprintf(s->why, sizeof s->why, fmt, ap);
}

/* Handlers are the process's: messages go to the file's own source, and nowhere else. */
static void set_handlers(void)
{
	TIFFSetErrorHandler(NULL);
	TIFFSetWarningHandler(NULL);
	TIFFSetErrorHandlerExt(on_error);
}

static tmsize_t src_read(thandle_t h, void *to, tmsize_t n)
{
	struct source *s = h;
	uint64_t left = s->at < s->b.n ? s->b.n - s->at : 0;
	size_t take = (uint64_t)n < left ? (size_t)n : (size_t)left;
	if (take)
		memcpy(to, s->b.at + s->at, take);
	s->at += take;
	s->cut |= (uint64_t)n > take;
	return (tmsize_t)take;
}

static tmsize_t src_write(RIL_UNUSED thandle_t h, RIL_UNUSED void *from, RIL_UNUSED tmsize_t n)
{
	return -1;
}

static toff_t src_seek(thandle_t h, toff_t to, int whence)
{
	struct source *s = h;
	s->at = whence == SEEK_CUR ? s->at + to : whence == SEEK_END ? s->b.n + to : to;
	return s->at;
}

static int src_close(RIL_UNUSED thandle_t h)
{
	return 0;
}

static toff_t src_size(thandle_t h)
{
	return ((struct source *)h)->b.n;
}

static uint16_t field(TIFF *t, uint32_t tag)
{
	uint16_t v = 0;
	TIFFGetFieldDefaulted(t, tag, &v);
	return v;
}

/* NULL, or what kind of file it is that is not read. */
static const char *unread(TIFF *t)
{
	uint16_t bits = field(t, TIFFTAG_BITSPERSAMPLE), kind = field(t, TIFFTAG_PHOTOMETRIC),
		 samples = field(t, TIFFTAG_SAMPLESPERPIXEL), compression = field(t, TIFFTAG_COMPRESSION), extras = 0,
		 *extra = NULL;
	TIFFGetFieldDefaulted(t, TIFFTAG_EXTRASAMPLES, &extras, &extra);
	bool grey = kind == PHOTOMETRIC_MINISWHITE || kind == PHOTOMETRIC_MINISBLACK;
	bool ycc = kind == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG;
	if (bits != 8 && !(bits == 1 && grey && samples == 1))
		return "samples of other than 8 bits";
	if (field(t, TIFFTAG_SAMPLEFORMAT) != SAMPLEFORMAT_UINT)
		return "samples that are not whole numbers";
	if (!grey && !ycc && kind != PHOTOMETRIC_RGB && kind != PHOTOMETRIC_PALETTE)
		return "colours that are not RGB";
	if (extras > 1 || samples - extras != (grey || kind == PHOTOMETRIC_PALETTE ? 1 : 3))
		return "an unusual number of samples";
	return extras && extra[0] == EXTRASAMPLE_ASSOCALPHA ? "colours multiplied by their alpha" : NULL;
}

static int decode(struct ril_rgb *im, int *orientation, TIFF *t, struct ril_err *err)
{
	uint32_t w = 0, h = 0;
	const char *kind = unread(t);
	TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &w);
	TIFFGetField(t, TIFFTAG_IMAGELENGTH, &h);
	if (kind)
		return ril_fail(err, RIL_EFAIL, "TIFF: %s are not read", kind);
	if (ril_rgb_new(im, w, h, err))
		return -1;
	if (TIFFIsTiled(t) && TIFFTileSize(t) > (tmsize_t)4 * RIL_PICTURE_MAX_PIXELS)
		return ril_fail(err, RIL_ECORRUPT, "TIFF: a tile larger than any picture");
	*orientation = field(t, TIFFTAG_ORIENTATION);
	uint32_t *raster = ril_new((size_t)w * h, sizeof *raster, err);
	if (!raster)
		return -1;
	TIFFSetField(t, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
	if (field(t, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG)
		TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
	uint16_t extras = 0, *extra = NULL, plain = EXTRASAMPLE_UNSPECIFIED;
	TIFFGetFieldDefaulted(t, TIFFTAG_EXTRASAMPLES, &extras, &extra);
	if (extras)
		TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &plain);
	int rc = TIFFReadRGBAImageOriented(t, w, h, raster, ORIENTATION_TOPLEFT, 1) ? 0 : -1;
	for (size_t i = 0; !rc && i < (size_t)w * h; i++) {
		im->rgb[3 * i] = (uint8_t)TIFFGetR(raster[i]);
		im->rgb[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
		im->rgb[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
	}
	free(raster);
	const struct source *s = TIFFClientdata(t);
	return rc ? ril_fail(err, RIL_ECORRUPT, "TIFF: %s", s->why[0] ? s->why : "bad data") : 0;
}

int ril_tiff_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, set_handlers);
	struct source s = {.b = b};
	TIFF *t = TIFFClientOpen("TIFF", "rm", &s, src_read, src_write, src_seek, src_close, src_size, NULL, NULL);
	if (!t)
		return ril_fail(err, RIL_ECORRUPT, "TIFF: %s", s.why[0] ? s.why : "truncated");
	int rc = decode(im, orientation, t, err);
	TIFFClose(t);
	if (!rc && s.cut)
		rc = ril_fail(err, RIL_ECORRUPT, "TIFF: truncated");
	return rc;
}

const char *ril_tiff_library(void)
{
	static _Thread_local char text[32];
	const char *v = strpbrk(TIFFGetVersion(), "0123456789"); /* "LIBTIFF, Version 4.5.0\nCopyright ..." */
	snprintf(text, sizeof text, "libtiff %.*s", v ? (int)strcspn(v, "\n") : 0, v ? v : "");
	return text;
}

#else

int ril_tiff_decode(RIL_UNUSED struct ril_rgb *im, RIL_UNUSED int *orientation, RIL_UNUSED struct ril_bytes b,
		    struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "TIFF: this build has no libtiff");
}

const char *ril_tiff_library(void)
{
	return "none";
}
#endif
