/* rgb.h -- a picture file to 8-bit RGB, upright, and resized as Pillow does it.
 *
 * There is one decode function.  JPEG goes through libjpeg-turbo, WebP through libwebp, TIFF through libtiff, AVIF through
 * libavif, PNG, BMP and GIF (first frame) through stb_image; what comes out is what the reference gets from PIL: Image.open, exif_transpose, convert("RGB"), so
 * alpha is dropped, not composited.  Sizes are checked before anything is allocated.
 *
 * Ownership: a struct ril_rgb owns its bytes; ril_rgb_free releases it and zeroes the struct.  Safe to call from many threads. */
#ifndef RIL_IMAGE_RGB_H
#define RIL_IMAGE_RGB_H

#include "base/mem.h"

struct ril_rgb {
	uint8_t *rgb; /* [h,w,3] */
	int32_t w, h;
	bool keyed;     /* the file calls this colour transparent (PNG tRNS, GIF): ril_pixels_make paints it white, */
	uint8_t key[3]; /* as the reference's processors do, though `rgb` has the colour itself */
};

/* No picture may have more pixels than this (Pillow refuses the same), nor a side beyond RIL_PICTURE_MAX_SIDE. */
enum { RIL_PICTURE_MAX_PIXELS = 178956970, RIL_PICTURE_MAX_SIDE = 65535 };

/* From the n bytes of a file; the error, RIL_ECORRUPT unless the format is known and not read, does not name the source. */
int ril_rgb_decode(struct ril_rgb *, const void *bytes, size_t n, struct ril_err *);
/* The same, but a PNG's transparent pixels show `ground`, and half-transparent ones half of it. */
int ril_rgb_decode_over(struct ril_rgb *, const void *bytes, size_t n, const uint8_t ground[3], struct ril_err *);
/* A black picture; the size is checked against the limits first. */
int ril_rgb_new(struct ril_rgb *, int64_t w, int64_t h, struct ril_err *);
int ril_rgb_check(int64_t w, int64_t h, struct ril_err *);
void ril_rgb_free(struct ril_rgb *);
/* Appends the picture as a PNG file. */
int ril_rgb_png(const struct ril_rgb *, struct ril_buf *out, struct ril_err *);

/* Which library decodes what in this build, for -v: "JPEG: libjpeg-turbo 2.1.5, WebP: libwebp 1.2.4, ...". */
const char *ril_picture_decoders(void);
/* What this build does otherwise than the reference, in words; NULL when nothing. */
const char *ril_picture_caveat(void);

/* The filters, in Pillow's numbers, as the hub's files have them. */
enum ril_filter { RIL_LANCZOS = 1, RIL_BICUBIC = 3 };
/* Resizes to w x h, bit for bit as Pillow 13.  `out` must not be `in`. */
int ril_rgb_resize(struct ril_rgb *out, const struct ril_rgb *in, int32_t w, int32_t h, enum ril_filter,
		   struct ril_err *);

#endif
