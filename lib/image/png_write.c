/* png_write.c -- a picture as PNG: 8-bit RGB, every row by differences to its left neighbours, zlib's default compression.
 *
 * For programs that read no other format that a picture came in. */
#include "image/rgb.h"

#include <stdlib.h>
#include <zlib.h>

static void put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static int put_chunk(struct ril_buf *out, const char type[5], const uint8_t *at, size_t n, struct ril_err *err)
{
	uint8_t number[4];
	uLong sum = crc32(crc32(0, (const Bytef *)type, 4), at, (uInt)n);
	put32(number, (uint32_t)n);
	if (ril_buf_add(out, number, 4, err) || ril_buf_add(out, type, 4, err) || ril_buf_add(out, at, n, err))
		return -1;
	put32(number, (uint32_t)sum);
	return ril_buf_add(out, number, 4, err);
}

/* Rows, each behind its filter's number: 1, the difference to three bytes before. */
static void filter_rows(uint8_t *to, const struct ril_rgb *p)
{
	size_t row = (size_t)p->w * 3;
	for (int32_t y = 0; y < p->h; y++) {
		const uint8_t *from = p->rgb + (size_t)y * row;
		*to++ = 1;
		for (size_t x = 0; x < row; x++)
			*to++ = (uint8_t)(from[x] - (x < 3 ? 0 : from[x - 3]));
	}
}

int ril_rgb_png(const struct ril_rgb *p, struct ril_buf *out, struct ril_err *err)
{
	static const uint8_t signature[8] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
	size_t raw = (size_t)p->h * ((size_t)p->w * 3 + 1);
	uLongf packed = compressBound((uLong)raw);
	uint8_t head[13] = {0}, *rows = ril_new(raw, 1, err), *to = ril_new(packed, 1, err);
	int rc = rows && to ? 0 : -1;
	put32(head, (uint32_t)p->w);
	put32(head + 4, (uint32_t)p->h);
	head[8] = 8;
	head[9] = 2; /* RGB */
	if (!rc) {
		filter_rows(rows, p);
		if (compress(to, &packed, rows, (uLong)raw) != Z_OK)
			rc = ril_fail(err, RIL_EFAIL, "zlib cannot compress a picture");
	}
	if (!rc)
		rc = ril_buf_add(out, signature, sizeof signature, err) ||
				     put_chunk(out, "IHDR", head, sizeof head, err) ||
				     put_chunk(out, "IDAT", to, packed, err) || put_chunk(out, "IEND", head, 0, err)
			     ? -1
			     : 0;
	free(rows);
	free(to);
	return rc;
}
