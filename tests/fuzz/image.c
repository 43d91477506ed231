/* image.c -- damaged pictures of every format: decoding one either works or says why; nothing is read or written out of
 * bounds (build with MODE=asan to see), and what worked has the size it says. */
#include "../ril_test.h"

#include "base/base64.h"
#include "base/rng.h"
#include "image/rgb.h"

#include <zlib.h>
#ifdef RIL_HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef RIL_HAVE_WEBP
#include <webp/encode.h>
#endif

enum { W = 19, H = 13 };

static const char exif[] = "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"; /* orientation 6 */

static uint32_t draw(uint32_t n)
{
	static uint32_t turn;
	return ril_rng_below(11, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, turn++}, n);
}

static void add(struct ril_buf *b, const void *p, size_t n)
{
	ril_buf_add(b, p, n, NULL);
}

static void put_be(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Walks a PNG's chunks and puts their checksums right, so that damage reaches the decoder. */
static void seal_png(struct ril_buf *b)
{
	uint8_t *p = (uint8_t *)b->data;
	for (size_t at = 8; at + 12 <= b->len;) {
		size_t n = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
		if (n > b->len - at - 12)
			return;
		put_be(p + at + 8 + n, (uint32_t)crc32(0, p + at + 4, (uInt)n + 4));
		at += n + 12;
	}
}

static void chunk(struct ril_buf *b, const char *type, const void *data, size_t n)
{
	uint8_t four[4];
	put_be(four, (uint32_t)n);
	add(b, four, 4);
	add(b, type, 4);
	add(b, data, n);
	add(b, "crc?", 4);
}

static struct ril_buf make_png(int depth, int colour, int interlace)
{
	static const int channels[7] = {1, 0, 3, 1, 2, 0, 4};
	struct ril_buf b = {0};
	uint8_t head[13], raw[8192] = {0}, packed[9000] = {0};
	uLongf n = sizeof packed;
	put_be(head, W);
	put_be(head + 4, H);
	memcpy(head + 8, (uint8_t[]){(uint8_t)depth, (uint8_t)colour, 0, 0, (uint8_t)interlace}, 5);
	size_t row = (size_t)(W * channels[colour] * depth + 7) / 8 + 1, size = row * H * (interlace ? 2 : 1);
	for (size_t i = 0; i < size && !interlace; i++)
		raw[i] = (uint8_t)(i % row ? i : i / row % 5);
	add(&b, "\x89PNG\r\n\x1a\n", 8);
	chunk(&b, "IHDR", head, 13);
	if (colour == 3)
		chunk(&b, "PLTE", packed, 48);
	chunk(&b, "eXIf", exif, sizeof exif - 1);
	compress(packed, &n, raw, size);
	chunk(&b, "IDAT", packed, n);
	chunk(&b, "IEND", "", 0);
	seal_png(&b);
	return b;
}

static struct ril_buf make_bmp(int bits)
{
	struct ril_buf b = {0};
	uint8_t head[54] = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 54,           0, 0, 0, 40, 0, 0, 0,
			    W,   0,   0, 0, H, 0, 0, 0, 1, 0, (uint8_t)bits};
	int colours = bits <= 8 ? 1 << bits : 0;
	head[10] = (uint8_t)(54 + 4 * colours);
	head[11] = (uint8_t)((54 + 4 * colours) >> 8);
	add(&b, head, sizeof head);
	for (int i = 0; i < colours; i++)
		add(&b, (uint8_t[]){(uint8_t)i, 3, 5, 0}, 4);
	for (int i = 0; i < (W * bits + 31) / 32 * 4 * H; i++)
		add(&b, (uint8_t[]){(uint8_t)(i * 37)}, 1);
	return b;
}

/* A frame of 13 x 8 on the 19 x 13 screen.  A clear code stands before every pixel, so that codes stay 3 bits. */
static struct ril_buf make_gif(bool interlaced)
{
	struct ril_buf b = {0};
	uint8_t data[255] = {0};
	size_t bit = 0;
	for (int i = 0; i <= 13 * 8 * 2; i++, bit += 3) {
		int code = i == 13 * 8 * 2 ? 5 : i % 2 ? i / 2 % 4 : 4;
		for (size_t k = 0; k < 3; k++)
			data[(bit + k) / 8] |= (uint8_t)((code >> k & 1) << (bit + k) % 8);
	}
	uint8_t n = (uint8_t)((bit + 7) / 8);
	add(&b,
	    "GIF89a\23\0\15\0\201\2\0"
	    "abcdefghijkl"
	    "!\xf9\4\1\0\0\1\0"
	    ",\2\0\1\0\15\0\10\0",
	    13 + 12 + 8 + 9);
	add(&b, interlaced ? "\x40\2" : "\0\2", 2);
	add(&b, &n, 1);
	add(&b, data, n);
	add(&b, "\0;", 2);
	return b;
}

static __attribute__((unused)) void paint(uint8_t *p, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 5 + i % 3 * 60);
}

static struct ril_buf make_jpeg(bool progressive, int components)
{
	struct ril_buf b = {0};
#ifdef RIL_HAVE_JPEG
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr mgr;
	uint8_t pixels[W * H * 4], app1[6 + sizeof exif - 1] = "Exif\0", *out = NULL;
	unsigned long n = 0;
	paint(pixels, sizeof pixels);
	memcpy(app1 + 6, exif, sizeof exif - 1);
	c.err = jpeg_std_error(&mgr);
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, &out, &n);
	c.image_width = W;
	c.image_height = H;
	c.input_components = components;
	c.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 4 ? JCS_CMYK : JCS_RGB;
	jpeg_set_defaults(&c);
	if (progressive)
		jpeg_simple_progression(&c);
	jpeg_start_compress(&c, TRUE);
	jpeg_write_marker(&c, JPEG_APP0 + 1, app1, sizeof app1);
	for (JSAMPROW row = pixels; c.next_scanline < H; row += W * components)
		jpeg_write_scanlines(&c, &row, 1);
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	add(&b, out, n);
	free(out);
#endif
	return b;
}

static struct ril_buf make_webp(bool lossless)
{
	struct ril_buf b = {0};
#ifdef RIL_HAVE_WEBP
	uint8_t rgb[W * H * 3], *out = NULL;
	paint(rgb, sizeof rgb);
	size_t n = lossless ? WebPEncodeLosslessRGB(rgb, W, H, W * 3, &out) : WebPEncodeRGB(rgb, W, H, W * 3, 60, &out);
	add(&b, out, n);
	WebPFree(out);
#endif
	return b;
}

/* A file of tests/golden/tiff.jsonl, avif.jsonl; empty without the library for it. */
static struct ril_buf golden(const char *format, const char *name)
{
	struct ril_buf b = {0};
	char path[512], want[64], none[32], *line = NULL;
	size_t cap = 0;
	const char *root = getenv("RIL_ROOT"), *mark = "\"file\": \"";
	snprintf(path, sizeof path, "%s/tests/golden/%s.jsonl", root ? root : ".", format);
	snprintf(none, sizeof none, "%s: none", *format == 't' ? "TIFF" : "AVIF");
	snprintf(want, sizeof want, "{\"name\": \"%s\"", name);
	FILE *f = strstr(ril_picture_decoders(), none) ? NULL : fopen(path, "r");
	while (f && !b.len && getline(&line, &cap, f) > 0) {
		const char *s = strncmp(line, want, strlen(want)) ? NULL : strstr(line, mark);
		if (s)
			ril_base64_decode(&b, s + strlen(mark), strcspn(s + strlen(mark), "\""), NULL);
	}
	free(line);
	if (f)
		fclose(f);
	return b;
}

/* One to four changed bytes, sometimes a cut, sometimes a piece left out. */
static void damage(struct ril_buf *to, const struct ril_buf *from)
{
	to->len = 0;
	add(to, from->data, from->len);
	bool gif = !memcmp(from->data, "GIF", 3);
	for (uint32_t k = draw(4); k < 4; k++) {
		size_t at = draw((uint32_t)to->len);
		if (!(gif && (at == 7 || at == 9))) /* a large GIF is decoded whole: slow, and nothing new */
			to->data[at] = draw(2) ? (char)draw(256) : (char)(to->data[at] ^ 1 << draw(8));
	}
	if (draw(8) == 0)
		to->len = draw((uint32_t)to->len) + 1;
	if (draw(8) == 0) {
		size_t at = draw((uint32_t)to->len), n = draw((uint32_t)(to->len - at));
		if (gif && at <= 9)
			return;
		memmove(to->data + at, to->data + at + n, to->len - at - n);
		to->len -= n;
	}
	if (!memcmp(from->data, "\x89PNG", 4) && draw(8))
		seal_png(to);
}

static void test_format(const char *name, struct ril_buf whole, int rounds)
{
	struct ril_rgb im;
	struct ril_err e = {0};
	struct ril_buf b = {0};
	if (!whole.len) {
		SKIP("no encoder for %s in this build", name);
		return;
	}
	CHECK(!ril_rgb_decode(&im, whole.data, whole.len, &e) && (int64_t)im.w * im.h == W * H, "%s: %s", name, e.msg);
	ril_rgb_free(&im);
	int wrong = 0, decoded = 0;
	for (int i = 0; i < rounds; i++) {
		damage(&b, &whole);
		char *exact = malloc(b.len); /* so that one byte too far is seen */
		memcpy(exact, b.data, b.len);
		e = (struct ril_err){0};
		if (ril_rgb_decode(&im, exact, b.len, &e)) {
			wrong += !e.code || !e.msg[0] || im.rgb;
		} else {
			decoded++;
			wrong += im.w < 1 || im.h < 1 || !im.rgb;
		}
		ril_rgb_free(&im);
		free(exact);
	}
	CHECK(!wrong && decoded < rounds, "%s: %d of %d without a reason", name, wrong, rounds);
	ril_buf_free(&b);
	ril_buf_free(&whole);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1500;
	test_format("PNG grey", make_png(8, 0, 0), rounds);
	test_format("PNG 2-bit grey", make_png(2, 0, 0), rounds);
	test_format("PNG 16-bit grey", make_png(16, 0, 0), rounds);
	test_format("PNG palette", make_png(4, 3, 0), rounds);
	test_format("PNG colour with alpha, interlaced", make_png(16, 6, 1), rounds);
	test_format("BMP, 4 bits", make_bmp(4), rounds);
	test_format("BMP, 16 bits", make_bmp(16), rounds);
	test_format("BMP, 24 bits", make_bmp(24), rounds);
	test_format("GIF", make_gif(false), rounds);
	test_format("GIF interlaced", make_gif(true), rounds);
	test_format("JPEG", make_jpeg(false, 3), rounds);
	test_format("JPEG progressive", make_jpeg(true, 3), rounds);
	test_format("JPEG grey", make_jpeg(false, 1), rounds);
	test_format("JPEG CMYK", make_jpeg(false, 4), rounds);
	test_format("WebP", make_webp(false), rounds);
	test_format("WebP lossless", make_webp(true), rounds);
	test_format("TIFF", golden("tiff", "RGB None"), rounds);
	test_format("TIFF deflate", golden("tiff", "RGB tiff_adobe_deflate"), rounds);
	test_format("TIFF JPEG", golden("tiff", "RGB jpeg"), rounds);
	test_format("TIFF palette", golden("tiff", "P packbits"), rounds);
	test_format("TIFF black and white", golden("tiff", "1 group4"), rounds);
	test_format("AVIF", golden("avif", "RGB 4:2:0"), rounds);
	test_format("AVIF with alpha", golden("avif", "RGBA 4:4:4"), rounds);
	test_format("AVIF turned", golden("avif", "orientation 6"), rounds);
	TEST_END();
}
