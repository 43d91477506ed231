/* codec_internal.h -- the decoders behind ril_rgb_decode, private to lib/image.
 *
 * Each takes a whole file in memory and fills one with 8-bit RGB as stored (not yet turned upright) and the Exif
 * orientation it met (left alone when there is none).  The caller frees it on failure too. */
#ifndef RIL_IMAGE_CODEC_INTERNAL_H
#define RIL_IMAGE_CODEC_INTERNAL_H

#include "image/rgb.h"

struct ril_bytes {
	const uint8_t *at;
	size_t n;
};

int ril_jpeg_decode(struct ril_rgb *, int *orientation, struct ril_bytes, struct ril_err *);
int ril_webp_decode(struct ril_rgb *, int *orientation, struct ril_bytes, struct ril_err *);
int ril_tiff_decode(struct ril_rgb *, int *orientation, struct ril_bytes, struct ril_err *);
int ril_avif_decode(struct ril_rgb *, int *orientation, struct ril_bytes, struct ril_err *);
int ril_png_decode(struct ril_rgb *, int *orientation, struct ril_bytes, struct ril_err *);
/* Mixes a picture that ril_png_decode made of the same bytes with the ground, by its alpha. */
int ril_png_over(struct ril_rgb *, struct ril_bytes, const uint8_t ground[3], struct ril_err *);
int ril_gif_decode(struct ril_rgb *, struct ril_bytes, struct ril_err *);
int ril_bmp_decode(struct ril_rgb *, struct ril_bytes, struct ril_err *);
/* stb_image on anything it knows: what the three above end in, and JPEG in a build without libjpeg. */
int ril_stb_decode(struct ril_rgb *, struct ril_bytes, struct ril_err *);

const char *ril_jpeg_library(void);
const char *ril_webp_library(void);
const char *ril_tiff_library(void);
const char *ril_avif_library(void);
bool ril_avif_is(struct ril_bytes); /* by its brands */

/* exif.c: orientation 1..8 in a TIFF block (with or without its "Exif\0\0") or in an XMP packet; 0 if not given. */
int ril_exif_orientation(struct ril_bytes);
int ril_xmp_orientation(struct ril_bytes);
/* The orientation of a JPEG file, from its APP1 segments. */
int ril_jpeg_orientation(struct ril_bytes);
/* Turns the picture upright. */
int ril_rgb_orient(struct ril_rgb *, int orientation, struct ril_err *);

#endif
