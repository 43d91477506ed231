/* stb.c -- PNG, BMP and GIF through stb_image (and JPEG in a build without libjpeg).
 *
 * stb_image forgives much, so each file is walked first: one that is cut off or damaged is an error, not a picture with
 * a hole.  Where its reading differs from Pillow's, the difference is made up here: 16-bit grey saturates at 255
 * instead of keeping the high byte, 15- and 16-bit BMP widen by division, a GIF's transparent pixels keep their palette
 * colour. */
#include "image/codec_internal.h"

#include <stdlib.h>
#include <zlib.h>

/* What one picture may allocate: set from its size before stb_image starts, so that a small file cannot unpack into all
 * of the memory. */
static _Thread_local size_t stb_limit;

static void *stb_malloc(size_t n)
{
	return n > stb_limit ? NULL : malloc(n);
}

static void *stb_realloc(void *p, size_t n)
{
	return n > stb_limit ? NULL : realloc(p, n);
}

#define STBI_MALLOC(n) stb_malloc(n)
#define STBI_REALLOC(p, n) stb_realloc(p, n)
#define STBI_FREE(p) free(p)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#ifndef RIL_HAVE_JPEG
#define STBI_ONLY_JPEG
#endif
#define STBI_MAX_DIMENSIONS RIL_PICTURE_MAX_SIDE
#pragma GCC diagnostic ignored "-Wunused-function" /* told at the end of the file, so not taken back */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

static int stb_error(struct ril_err *err)
{
	const char *why = stbi_failure_reason();
	return ril_fail(err, RIL_ECORRUPT, "stb_image: %s", why ? why : "cannot decode");
}

/* Checks the size before anything is unpacked. */
static int prepare(struct ril_bytes b, struct ril_err *err)
{
	int w, h, channels;
	if (b.n > INT32_MAX)
		return ril_fail(err, RIL_ECORRUPT, "a file of %zu bytes is too large", b.n);
	stb_limit = 1 << 20;
	if (!stbi_info_from_memory(b.at, (int)b.n, &w, &h, &channels))
		return stb_error(err);
	if (ril_rgb_check(w, h, err))
		return -1;
	/* 8 bytes a pixel (16-bit RGBA), doubled while it grows, more for interlaced rows; and the packed bytes. */
	stb_limit = (size_t)w * h * 24 + (size_t)h * 16 + b.n * 2 + (1 << 20);
	return 0;
}

static uint8_t *load(struct ril_bytes b, int channels, int *w, int *h, struct ril_err *err)
{
	int stored;
	if (prepare(b, err))
		return NULL;
	uint8_t *p = stbi_load_from_memory(b.at, (int)b.n, w, h, &stored, channels);
	if (!p)
		stb_error(err);
	return p;
}

int ril_stb_decode(struct ril_rgb *im, struct ril_bytes b, struct ril_err *err)
{
	int w, h;
	if (!(im->rgb = load(b, 3, &w, &h, err)))
		return -1;
	im->w = w;
	im->h = h;
	return 0;
}

/* ---- PNG ---- */
static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int orientation_of_chunk(const uint8_t *type, struct ril_bytes data)
{
	static const char xmp[] = "XML:com.adobe.xmp";
	if (!memcmp(type, "eXIf", 4))
		return ril_exif_orientation(data);
	if (!memcmp(type, "iTXt", 4) && data.n > sizeof xmp && !memcmp(data.at, xmp, sizeof xmp) &&
	    !data.at[sizeof xmp])
		return ril_xmp_orientation(data); /* not compressed */
	return 0;
}

/* The one colour that a tRNS chunk makes transparent.  As Pillow hands it on: grey levels are not scaled with the
 * pixels, of 16 bits the low byte counts, and 1- and 16-bit grey has it in the red channel only.  A palette with partly
 * transparent entries has no such colour; there transparency is dropped. */
static void png_key(struct ril_rgb *im, const uint8_t *header, struct ril_bytes palette, struct ril_bytes trns)
{
	int depth = header[8], colour = header[9];
	size_t clear = 0;
	if (colour == 0 && trns.n >= 2) {
		uint8_t v = trns.at[1], rest = depth == 1 || depth == 16 ? 0 : v;
		memcpy(im->key, (uint8_t[]){v, rest, rest}, 3);
		im->keyed = true;
	} else if (colour == 2 && trns.n >= 6) {
		memcpy(im->key, (uint8_t[]){trns.at[1], trns.at[3], trns.at[5]}, 3);
		im->keyed = true;
	} else if (colour == 3) {
		for (size_t i = 0; i < trns.n; i++) {
			if (trns.at[i] != 255 && (trns.at[i] || im->keyed)) {
				im->keyed = false;
				return;
			}
			clear = trns.at[i] ? clear : i;
			im->keyed |= !trns.at[i];
		}
		im->keyed = im->keyed && 3 * clear + 3 <= palette.n;
		if (im->keyed)
			memcpy(im->key, palette.at + 3 * clear, 3);
	}
}

/* Every chunk whole and its checksum right, up to IEND. */
static int png_walk(struct ril_rgb *im, struct ril_bytes b, int *orientation, struct ril_err *err)
{
	bool first = true;
	struct ril_bytes palette = {0};
	for (size_t at = 8;; first = false) {
		if (b.n - at < 12)
			return ril_fail(err, RIL_ECORRUPT, "PNG: truncated");
		const uint8_t *type = b.at + at + 4;
		size_t size = be32(b.at + at);
		if (size > b.n - at - 12)
			return ril_fail(err, RIL_ECORRUPT, "PNG: truncated in chunk %.4s", type);
		if (crc32(0, type, (uInt)size + 4) != be32(type + 4 + size))
			return ril_fail(err, RIL_ECORRUPT, "PNG: bad checksum of chunk %.4s", type);
		if (first && (memcmp(type, "IHDR", 4) || size != 13))
			return ril_fail(err, RIL_ECORRUPT, "PNG: no header");
		if (!memcmp(type, "IEND", 4))
			return 0;
		if (!*orientation)
			*orientation = orientation_of_chunk(type, (struct ril_bytes){type + 4, size});
		if (!memcmp(type, "PLTE", 4))
			palette = (struct ril_bytes){type + 4, size};
		if (!memcmp(type, "tRNS", 4))
			png_key(im, b.at + 16, palette, (struct ril_bytes){type + 4, size});
		at += size + 12;
	}
}

static int png_grey16(struct ril_rgb *im, struct ril_bytes b, struct ril_err *err)
{
	int w, h, channels;
	if (prepare(b, err))
		return -1;
	uint16_t *grey = stbi_load_16_from_memory(b.at, (int)b.n, &w, &h, &channels, 1);
	if (!grey)
		return stb_error(err);
	int rc = ril_rgb_new(im, w, h, err);
	for (size_t i = 0; !rc && i < (size_t)w * h; i++)
		memset(im->rgb + 3 * i, grey[i] > 255 ? 255 : grey[i], 3);
	free(grey);
	return rc;
}

int ril_png_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	if (png_walk(im, b, orientation, err) || ril_rgb_check(be32(b.at + 16), be32(b.at + 20), err))
		return -1;
	int depth = b.at[24], colour = b.at[25];
	return depth == 16 && colour == 0 ? png_grey16(im, b, err) : ril_stb_decode(im, b, err);
}

int ril_png_over(struct ril_rgb *im, struct ril_bytes b, const uint8_t ground[3], struct ril_err *err)
{
	int w, h;
	uint8_t *rgba = load(b, 4, &w, &h, err);
	if (!rgba)
		return -1;
	for (size_t i = 0; i < (size_t)w * (size_t)h; i++)
		for (int c = 0; c < 3; c++) {
			unsigned a = rgba[4 * i + 3];
			im->rgb[3 * i + c] = (uint8_t)((im->rgb[3 * i + c] * a + ground[c] * (255 - a) + 127) / 255);
		}
	free(rgba);
	im->keyed = false;
	return 0;
}

/* ---- BMP ---- */
static uint32_t le(const uint8_t *p, int bytes)
{
	uint32_t v = 0;
	for (int i = 0; i < bytes; i++)
		v |= (uint32_t)p[i] << 8 * i;
	return v;
}

/* stb_image widens 5 and 6 bits by repeating the upper ones; Pillow multiplies by 255 and divides. */
static void rewiden(struct ril_rgb *im, int green_bits)
{
	for (size_t i = 0; i < (size_t)im->w * im->h * 3; i++) {
		int bits = i % 3 == 1 ? green_bits : 5;
		im->rgb[i] = (uint8_t)((im->rgb[i] >> (8 - bits)) * 255 / ((1 << bits) - 1));
	}
}

int ril_bmp_decode(struct ril_rgb *im, struct ril_bytes b, struct ril_err *err)
{
	if (b.n < 26 || b.n < 14 + (uint64_t)le(b.at + 14, 4))
		return ril_fail(err, RIL_ECORRUPT, "BMP: truncated");
	uint32_t header = le(b.at + 14, 4), offset = le(b.at + 10, 4), compression = 0, green = 0;
	int64_t w, h, bits;
	if (header == 12) {
		w = le(b.at + 18, 2);
		h = le(b.at + 20, 2);
		bits = le(b.at + 24, 2);
	} else if (header >= 40) {
		w = (int32_t)le(b.at + 18, 4);
		h = llabs((long long)(int32_t)le(b.at + 22, 4));
		bits = le(b.at + 28, 2);
		compression = le(b.at + 30, 4);
		green = compression == 3 && b.n >= 62 ? le(b.at + 58, 4) : 0;
	} else {
		return ril_fail(err, RIL_ECORRUPT, "BMP: header of %u bytes is unknown", header);
	}
	if (compression != 0 && compression != 3)
		return ril_fail(err, RIL_ECORRUPT, "BMP: compressed pixels (method %u) are not supported", compression);
	if (ril_rgb_check(w, h, err))
		return -1;
	int64_t last = (w * bits + 7) / 8, row = (w * bits + 31) / 32 * 4;
	if (bits > 32 || offset > b.n || row * (h - 1) + last > (int64_t)(b.n - offset))
		return ril_fail(err, RIL_ECORRUPT, "BMP: truncated");
	if (ril_stb_decode(im, b, err))
		return -1;
	if (bits == 16)
		rewiden(im, green == 0x7e0 ? 6 : 5);
	return 0;
}

/* ---- GIF ---- */

/* The first frame: where it stands, what surrounds it, and where the two settings are that make stb_image leave
 * pixels out. */
struct gif {
	size_t control; /* offset of the graphic control's flags; 0 without one */
	int x, y, w, h;
	uint8_t around[3];
	bool keyed; /* the colour of the transparent index */
	uint8_t key[3];
};

static int gif_cut(struct ril_err *err)
{
	return ril_fail(err, RIL_ECORRUPT, "GIF: truncated");
}

/* Steps over sub-blocks from *at to behind their terminator. */
static bool gif_skip(struct ril_bytes b, size_t *at)
{
	while (*at < b.n && b.at[*at])
		*at += (size_t)b.at[*at] + 1;
	return (*at)++ < b.n;
}

static int gif_frame(struct gif *g, struct ril_bytes b, size_t at, const uint8_t *palette, int colours,
		     struct ril_err *err)
{
	if (b.n - at < 10)
		return gif_cut(err);
	const uint8_t *p = b.at + at;
	g->x = (int)le(p, 2);
	g->y = (int)le(p + 2, 2);
	g->w = (int)le(p + 4, 2);
	g->h = (int)le(p + 6, 2);
	at += 9;
	if (p[8] & 0x80) {
		palette = p + 9;
		colours = 2 << (p[8] & 7);
		at += (size_t)colours * 3;
	}
	if (++at >= b.n || !gif_skip(b, &at)) /* behind the code size */
		return gif_cut(err);
	bool clear = g->control && b.at[g->control] & 1;
	int index = clear ? b.at[g->control + 3] : 0;
	if (palette && index < colours) {
		memcpy(g->around, palette + 3 * index, 3);
		memcpy(g->key, g->around, 3);
		g->keyed = clear;
	}
	return 0;
}

static int gif_walk(struct gif *g, struct ril_bytes b, struct ril_err *err)
{
	if (b.n < 14)
		return gif_cut(err);
	if (ril_rgb_check(le(b.at + 6, 2), le(b.at + 8, 2), err))
		return -1;
	bool global = b.at[10] & 0x80;
	int colours = global ? 2 << (b.at[10] & 7) : 0;
	const uint8_t *palette = global ? b.at + 13 : NULL;
	for (size_t at = 13 + (size_t)colours * 3; at < b.n;) {
		switch (b.at[at++]) {
		case ',': return gif_frame(g, b, at, palette, colours, err);
		case ';': return ril_fail(err, RIL_ECORRUPT, "GIF: no picture in it");
		case '!':
			if (b.n - at < 6)
				return gif_cut(err);
			if (b.at[at] == 0xf9 && b.at[at + 1] == 4)
				g->control = at + 2;
			at++;
			if (!gif_skip(b, &at))
				return gif_cut(err);
			break;
		default: break; /* stray bytes between blocks are stepped over, as the reference does */
		}
	}
	return gif_cut(err);
}

/* With no transparent colour and no background, what stb_image leaves transparent is what the file did not draw. */
static int gif_fill(struct ril_rgb *im, const struct gif *g, const uint8_t *rgba, struct ril_err *err)
{
	uint8_t *out = im->rgb;
	im->keyed = g->keyed;
	memcpy(im->key, g->key, 3);
	for (int y = 0; y < im->h; y++) {
		for (int x = 0; x < im->w; x++, out += 3, rgba += 4) {
			bool inside = x >= g->x && x - g->x < g->w && y >= g->y && y - g->y < g->h;
			if (inside && !rgba[3])
				return ril_fail(err, RIL_ECORRUPT, "GIF: the data end before the picture is full");
			memcpy(out, inside ? rgba : g->around, 3);
		}
	}
	return 0;
}

int ril_gif_decode(struct ril_rgb *im, struct ril_bytes b, struct ril_err *err)
{
	struct gif g = {0};
	int w, h;
	if (gif_walk(&g, b, err))
		return -1;
	uint8_t *copy = ril_new(b.n, 1, err), *rgba = NULL;
	int rc = -1;
	if (copy) {
		memcpy(copy, b.at, b.n);
		copy[11] = 0;
		if (g.control)
			copy[g.control] &= (uint8_t)~1;
		rgba = load((struct ril_bytes){copy, b.n}, 4, &w, &h, err);
	}
	if (rgba && !ril_rgb_new(im, w, h, err))
		rc = gif_fill(im, &g, rgba, err);
	free(rgba);
	free(copy);
	return rc;
}
