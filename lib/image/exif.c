/* exif.c -- which way up a picture is, and turning it.
 *
 * Orientation is tag 0x0112 of the first directory of a TIFF block (Exif 2.3, section 4.6.4), or, where that does not
 * say, tiff:Orientation in an XMP packet; a block that makes no sense says nothing.  This is what Pillow's
 * exif_transpose looks at. */
#include "image/codec_internal.h"

#include <stdlib.h>

enum { TAG_ORIENTATION = 0x0112 };

struct tiff {
	struct ril_bytes b;
	bool big_endian;
};

static uint32_t tiff_int(const struct tiff *t, size_t at, int bytes)
{
	uint32_t v = 0;
	for (int i = 0; i < bytes; i++)
		v |= (uint32_t)t->b.at[at + (size_t)i] << 8 * (t->big_endian ? bytes - 1 - i : i);
	return v;
}

int ril_exif_orientation(struct ril_bytes b)
{
	while (b.n >= 6 && !memcmp(b.at, "Exif\0\0", 6))
		b = (struct ril_bytes){b.at + 6, b.n - 6};
	struct tiff t = {b, b.n >= 8 && b.at[0] == 'M'};
	if (b.n < 8 || b.at[0] != b.at[1] || (b.at[0] != 'I' && b.at[0] != 'M') || tiff_int(&t, 2, 2) != 42)
		return 0;
	size_t at = tiff_int(&t, 4, 4);
	if (at > b.n - 2 || at < 8)
		return 0;
	for (uint32_t left = tiff_int(&t, at, 2); left; left--, at += 12) {
		if (b.n - at < 2 + 12)
			return 0;
		uint32_t type = tiff_int(&t, at + 4, 2);
		if (tiff_int(&t, at + 2, 2) != TAG_ORIENTATION)
			continue;
		if ((type != 3 && type != 4) || tiff_int(&t, at + 6, 4) != 1)
			return 0;
		uint32_t v = tiff_int(&t, at + 10, type == 3 ? 2 : 4);
		return v >= 1 && v <= 8 ? (int)v : 0;
	}
	return 0;
}

int ril_xmp_orientation(struct ril_bytes b)
{
	static const char name[] = "tiff:Orientation";
	const uint8_t *end = b.at + b.n, *p = b.at;
	while (b.n && (p = memmem(p, (size_t)(end - p), name, sizeof name - 1))) {
		p += sizeof name - 1;
		size_t left = (size_t)(end - p);
		int skip = left > 2 && !memcmp(p, "=\"", 2) ? 2 : left > 1 && *p == '>' ? 1 : 0;
		if (skip && p[skip] >= '0' && p[skip] <= '9')
			return p[skip] >= '1' && p[skip] <= '8' ? p[skip] - '0' : 0;
	}
	return 0;
}

int ril_jpeg_orientation(struct ril_bytes b)
{
	static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
	int from_exif = 0, from_xmp = 0;
	for (size_t at = 2; at + 4 <= b.n && b.at[at] == 0xff;) {
		int marker = b.at[at + 1];
		if (marker == 0xff) { /* fill byte */
			at++;
			continue;
		}
		size_t size = (size_t)b.at[at + 2] << 8 | b.at[at + 3];
		if (marker == 0xda || marker == 0xd9 || size < 2 || size > b.n - at - 2)
			break;
		struct ril_bytes seg = {b.at + at + 4, size - 2};
		if (marker == 0xe1 && !from_exif && seg.n >= 6 && !memcmp(seg.at, "Exif\0\0", 6))
			from_exif = ril_exif_orientation(seg);
		else if (marker == 0xe1 && !from_xmp && seg.n >= sizeof xmp && !memcmp(seg.at, xmp, sizeof xmp))
			from_xmp = ril_xmp_orientation(seg);
		at += 2 + size;
	}
	return from_exif ? from_exif : from_xmp;
}

/* Orientation o shows stored pixel (x,y) at: columns mirrored (2, 3, 6, 7), rows mirrored (3, 4, 7, 8), after
 * exchanging rows and columns (5 to 8). */
int ril_rgb_orient(struct ril_rgb *im, int o, struct ril_err *err)
{
	if (o < 2 || o > 8)
		return 0;
	bool swap = o >= 5, mirror_x = o == 2 || o == 3 || o == 6 || o == 7,
	     mirror_y = o == 3 || o == 4 || o == 7 || o == 8;
	struct ril_rgb up = {0};
	if (ril_rgb_new(&up, swap ? im->h : im->w, swap ? im->w : im->h, err))
		return -1;
	for (int32_t y = 0; y < im->h; y++) {
		const uint8_t *src = im->rgb + (size_t)y * im->w * 3;
		for (int32_t x = 0; x < im->w; x++, src += 3) {
			int32_t X = swap ? y : x, Y = swap ? x : y;
			X = mirror_x ? up.w - 1 - X : X;
			Y = mirror_y ? up.h - 1 - Y : Y;
			memcpy(up.rgb + ((size_t)Y * up.w + X) * 3, src, 3);
		}
	}
	up.keyed = im->keyed;
	memcpy(up.key, im->key, sizeof up.key);
	ril_rgb_free(im);
	*im = up;
	return 0;
}
