/* image.c -- lib/image against the reference: every picture's bytes, resized and cut as both families do it; and small
 * pictures made here, whole and damaged. */
#include "../ril_test.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/unused.h"
#include "image/layout_internal.h"
#include "tensor/safetensors.h"

#include <dirent.h>
#include <zlib.h>

/* ---- the reference's own pictures ---- */

static const void *field(const struct ril_st *st, const char *name)
{
	const struct ril_st_entry *e = ril_st_find(st, name);
	return e ? e->data : NULL;
}

static double apart(const float *a, const float *b, size_t n)
{
	double d = 0;
	for (size_t i = 0; i < n; i++)
		d = fmax(d, fabs((double)a[i] - b[i]));
	return d;
}

/* The whole file, decoded. */
static int read_picture(struct ril_rgb *out, const char *path, struct ril_err *err)
{
	struct ril_buf file = {0};
	int rc = ril_read_file(&file, path, err) || ril_rgb_decode(out, file.data, file.len, err) ? -1 : 0;
	ril_buf_free(&file);
	return rc;
}

static void check_qwen(const char *name, const struct ril_rgb *im, const struct ril_st *st)
{
	struct ril_pixel_settings s;
	struct ril_pixels p;
	struct ril_err e = {0};
	ril_pixel_start(&s, &ril_pixels_qwen);
	s.max_pixels = 100 * 28 * 28;
	CHECK(!ril_pixels_make(&p, im, &s, &e), "%s: %s", name, e.msg);
	const int32_t *grid = field(st, "qwen.grid_thw");
	const float *first = field(st, "qwen.first"), *last = field(st, "qwen.last");
	const double *sums = field(st, "qwen.patch_sums"), *columns = field(st, "qwen.sum");
	CHECK(!memcmp(grid, p.grid, sizeof p.grid) && p.rows == grid[1] * grid[2] && p.width == 1176,
	      "%s: grid %d x %d", name, p.grid[1], p.grid[2]);
	CHECK(apart(first, p.values, 1176) <= 1e-6, "%s: first patch", name);
	CHECK(apart(last, p.values + (size_t)(p.rows - 1) * 1176, 1176) <= 1e-6, "%s: last patch", name);
	double worst = 0, column[1176] = {0};
	for (int32_t r = 0; r < p.rows; r++) {
		double sum = 0;
		for (int32_t i = 0; i < 1176; i++) {
			sum += p.values[(size_t)r * 1176 + i];
			column[i] += p.values[(size_t)r * 1176 + i];
		}
		worst = fmax(worst, fabs(sum - sums[r]));
	}
	CHECK(worst <= 1176e-6, "%s: sum of a patch off by %g", name, worst);
	worst = 0;
	for (int32_t i = 0; i < 1176; i++)
		worst = fmax(worst, fabs(column[i] - columns[i]));
	CHECK(worst <= 1e-6 * p.rows, "%s: sum over patches off by %g", name, worst);
	ril_pixels_free(&p);
}

static void check_internvl(const char *name, const struct ril_rgb *im, const struct ril_st *st)
{
	enum { S = 448, PLANE = S * S };
	struct ril_pixel_settings s;
	struct ril_pixels p;
	struct ril_err e = {0};
	ril_pixel_start(&s, &ril_pixels_internvl);
	CHECK(!ril_pixels_make(&p, im, &s, &e), "%s: %s", name, e.msg);
	const int32_t *tiles = field(st, "internvl.tiles");
	const double *sums = field(st, "internvl.tile_sums");
	const float *row0 = field(st, "internvl.row0"), *column7 = field(st, "internvl.column7"),
		    *centre = field(st, "internvl.centre");
	CHECK(p.rows == *tiles && p.width == 3 * PLANE, "%s: %d tiles, not %d", name, p.rows, *tiles);
	for (int32_t k = 0; k < p.rows * 3 && p.rows == *tiles; k++) {
		const float *plane = p.values + (size_t)k * PLANE;
		float column[S];
		double sum = 0, off = 0;
		for (int y = 0; y < S; y++)
			column[y] = plane[y * S + 7];
		for (int i = 0; i < PLANE; i++)
			sum += plane[i];
		for (int y = 0; y < 4; y++)
			off = fmax(off, apart(centre + (k * 4 + y) * 48, plane + (224 + y) * S + 200, 48));
		CHECK(fabs(sum - sums[k]) <= 1e-6 * PLANE && apart(row0 + k * S, plane, S) <= 1e-6 &&
			      apart(column7 + k * S, column, S) <= 1e-6,
		      "%s: tile %d, channel %d", name, k / 3, k % 3);
		CHECK(off <= 1e-6, "%s: centre of tile %d off by %g", name, k / 3, off);
	}
	ril_pixels_free(&p);
}

static void test_reference(void)
{
	const char *dir = test_shared("models/pixels");
	DIR *d = dir ? opendir(dir) : NULL;
	if (!d) {
		SKIP("no reference pictures");
		return;
	}
	int n = 0;
	for (struct dirent *f; (f = readdir(d));) {
		char name[300], picture[320];
		struct ril_err e = {0};
		size_t len = strlen(f->d_name);
		if (len < 13 || strcmp(f->d_name + len - 12, ".safetensors"))
			continue;
		n++;
		if (ril_picture_caveat() && strstr(f->d_name, ".jpg")) {
			SKIP("%s: %s", f->d_name, ril_picture_caveat());
			continue;
		}
		snprintf(name, sizeof name, "models/pixels/%s", f->d_name);
		snprintf(picture, sizeof picture, "models/pictures/%.*s", (int)(len - 12), f->d_name);
		struct ril_st *st = ril_st_open(test_shared(name), &e);
		struct ril_rgb im = {0};
		CHECK(st && !read_picture(&im, test_shared(picture), &e), "%s: %s", name, e.msg);
		const struct ril_st_entry *rgb = st ? ril_st_find(st, "rgb") : NULL;
		CHECK(rgb && rgb->dim[0] == im.h && rgb->dim[1] == im.w && !memcmp(rgb->data, im.rgb, rgb->bytes),
		      "%s: decoded bytes", picture);
		if (rgb && im.rgb) {
			check_qwen(picture, &im, st);
			check_internvl(picture, &im, st);
		}
		ril_rgb_free(&im);
		ril_st_free(st);
	}
	closedir(d);
	CHECK(n == 18, "%d pictures", n);
}

/* ---- pictures made here ---- */

static void be(struct ril_buf *b, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
	ril_buf_add(b, p, 4, NULL);
}

static void chunk(struct ril_buf *b, const char *type, const void *data, size_t n)
{
	be(b, (uint32_t)n);
	size_t at = b->len;
	ril_buf_add(b, type, 4, NULL);
	ril_buf_add(b, data, n, NULL);
	be(b, (uint32_t)crc32(0, (const Bytef *)b->data + at, (uInt)(n + 4)));
}

/* A PNG of w x h, `bytes` a row, byte i of row y being f(y,i); more (may be NULL) goes into a chunk of that type. */
static struct ril_buf png_with(uint32_t w, uint32_t h, int depth, int colour, size_t bytes,
			       uint8_t (*f)(size_t, size_t), const char *type, const void *more, size_t nmore)
{
	struct ril_buf b = {0}, head = {0};
	uint8_t raw[4096], packed[8192];
	uLongf n = sizeof packed;
	size_t at = 0;
	for (size_t y = 0; y < h && at + bytes < sizeof raw; y++) {
		raw[at++] = 0;
		for (size_t i = 0; i < bytes; i++)
			raw[at++] = f(y, i);
	}
	ril_buf_add(&b, "\x89PNG\r\n\x1a\n", 8, NULL);
	be(&head, w);
	be(&head, h);
	ril_buf_add(&head, (uint8_t[]){(uint8_t)depth, (uint8_t)colour, 0, 0, 0}, 5, NULL);
	chunk(&b, "IHDR", head.data, head.len);
	if (more)
		chunk(&b, type, more, nmore);
	compress(packed, &n, raw, at);
	chunk(&b, "IDAT", packed, n);
	chunk(&b, "IEND", "", 0);
	ril_buf_free(&head);
	return b;
}

static struct ril_buf png(uint32_t w, uint32_t h, int depth, int colour, size_t bytes, uint8_t (*f)(size_t, size_t),
			  const char *exif, size_t nexif)
{
	return png_with(w, h, depth, colour, bytes, f, "eXIf", exif, nexif);
}

static uint8_t count_up(size_t y, size_t i)
{
	return (uint8_t)(y * 16 + i);
}

static uint8_t grey16(size_t y, size_t i)
{
	static const uint8_t v[8] = {0, 0, 0, 200, 1, 0, 255, 255}; /* 0, 200, 256, 65535 */
	return v[(i + 8 * y) & 7];
}

static void test_png(void)
{
	struct ril_rgb im;
	struct ril_err e = {0};
	struct ril_buf b = png(4, 1, 16, 0, 8, grey16, NULL, 0);
	CHECK(!ril_rgb_decode(&im, b.data, b.len, &e) && im.rgb[0] == 0 && im.rgb[3] == 200 && im.rgb[6] == 255 &&
		      im.rgb[9] == 255,
	      "16-bit grey");
	ril_rgb_free(&im);
	ril_buf_free(&b);
	b = png(2, 1, 16, 2, 12, count_up, NULL, 0);
	CHECK(!ril_rgb_decode(&im, b.data, b.len, &e) && im.rgb[0] == 0 && im.rgb[1] == 2 && im.rgb[5] == 10,
	      "16-bit colour keeps the high byte");
	ril_rgb_free(&im);
	ril_buf_free(&b);
	b = png(2, 1, 8, 6, 8, count_up, NULL, 0);
	CHECK(!ril_rgb_decode(&im, b.data, b.len, &e) && im.rgb[2] == 2 && im.rgb[3] == 4, "alpha is dropped");
	ril_rgb_free(&im);
	ril_buf_free(&b);
}

static uint8_t alphas(RIL_UNUSED size_t y, size_t i)
{
	static const uint8_t v[12] = {10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51};
	return v[i];
}

/* Alpha over a ground: kept, replaced, a fifth of it; a colour key is as good as alpha 0; what has none is as it was. */
static void test_over(void)
{
	static const uint8_t ground[3] = {200, 100, 0}, key[6] = {0, 3, 0, 4, 0, 5};
	static const uint8_t want[9] = {10, 20, 30, 200, 100, 0, 162, 84, 6};
	struct ril_rgb im;
	struct ril_err e = {0};
	struct ril_buf b = png(3, 1, 8, 6, 12, alphas, NULL, 0);
	CHECK(!ril_rgb_decode_over(&im, b.data, b.len, ground, &e) && !memcmp(im.rgb, want, 9), "%d %d %d", im.rgb[6],
	      im.rgb[7], im.rgb[8]);
	ril_rgb_free(&im);
	for (size_t n = 0; n + 8 < b.len; n++)
		CHECK(ril_rgb_decode_over(&im, b.data, n, ground, &e) && !im.rgb && e.code == RIL_ECORRUPT,
		      "cut at %zu", n);
	ril_buf_free(&b);
	b = png_with(4, 1, 8, 2, 12, count_up, "tRNS", key, 6);
	CHECK(!ril_rgb_decode_over(&im, b.data, b.len, ground, &e) && !im.keyed && im.rgb[0] == 0 &&
		      !memcmp(im.rgb + 3, ground, 3) && im.rgb[6] == 6,
	      "a key's pixels show the ground");
	ril_rgb_free(&im);
	ril_buf_free(&b);
	b = png(2, 1, 8, 2, 6, count_up, NULL, 0);
	CHECK(!ril_rgb_decode_over(&im, b.data, b.len, ground, &e) && im.rgb[0] == 0 && im.rgb[5] == 5, "no alpha");
	ril_rgb_free(&im);
	ril_buf_free(&b);
}

/* A colour that the file calls transparent stays what it is, and is white to a vision tower. */
static void test_key(void)
{
	static const struct {
		int depth, colour;
		size_t bytes;
		uint8_t trns[6], n, want[3];
	} key[] = {
		{8, 0, 4, {0, 2}, 2, {2, 2, 2}},
		{8, 2, 12, {0, 3, 0, 4, 0, 5}, 6, {3, 4, 5}},
		{16, 2, 24, {7, 0, 7, 2, 7, 4}, 6, {0, 2, 4}}, /* high bytes, against the low ones of the key */
		{16, 0, 8, {1, 2}, 2, {2, 0, 0}},
		{1, 0, 1, {0, 1}, 2, {1, 0, 0}},
	};
	for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
		struct ril_pixel_settings s;
		struct ril_pixels white, kept;
		struct ril_rgb im;
		struct ril_err e = {0};
		struct ril_buf b = png_with(4, 1, key[i].depth, key[i].colour, key[i].bytes, count_up, "tRNS",
					    key[i].trns, key[i].n);
		CHECK(!ril_rgb_decode(&im, b.data, b.len, &e) && im.keyed && !memcmp(im.key, key[i].want, 3),
		      "key of picture %zu: %s", i, e.msg);
		bool there = false;
		for (int x = 0; im.rgb && x < 4; x++)
			there |= !memcmp(im.rgb + 3 * x, key[i].want, 3);
		ril_pixel_start(&s, &ril_pixels_internvl);
		s.tile = 28;
		CHECK(!ril_pixels_make(&white, &im, &s, &e), "%s", e.msg);
		s.keep_key = true;
		CHECK(!ril_pixels_make(&kept, &im, &s, &e) && kept.rows == white.rows, "%s", e.msg);
		CHECK(there == !!memcmp(kept.values, white.values, (size_t)kept.rows * (size_t)kept.width * 4),
		      "picture %zu turns white where it has the colour", i);
		ril_pixels_free(&white);
		ril_pixels_free(&kept);
		ril_rgb_free(&im);
		ril_buf_free(&b);
	}
}

/* Pixel (0,0), its right and its lower neighbour after each orientation of a picture numbered 0 1 2 / 16 17 18. */
static void test_orientation(void)
{
	static const uint8_t want[9][3] = {{0, 1, 16}, {0, 1, 16},  {2, 1, 18},  {18, 17, 2}, {16, 17, 0},
					   {0, 16, 1}, {16, 0, 17}, {18, 2, 17}, {2, 18, 1}};
	for (int o = 0; o <= 8; o++) {
		char tiff[] = "MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\0\0\0\0\0\0\0";
		tiff[19] = (char)o;
		struct ril_buf b = png(3, 2, 8, 0, 3, count_up, tiff, sizeof tiff - 1);
		struct ril_rgb im;
		struct ril_err e = {0};
		CHECK(!ril_rgb_decode(&im, b.data, b.len, &e) && im.w == (o >= 5 ? 2 : 3), "%s", e.msg);
		CHECK(im.rgb && im.rgb[0] == want[o][0] && im.rgb[3] == want[o][1] && im.rgb[3 * im.w] == want[o][2],
		      "orientation %d", o);
		ril_rgb_free(&im);
		ril_buf_free(&b);
	}
}

static void test_refusals(void)
{
	struct ril_rgb im;
	struct ril_err e = {0};
	struct ril_buf b = png(65000, 65000, 8, 2, 3, count_up, NULL, 0);
	CHECK(ril_rgb_decode(&im, b.data, b.len, &e) && strstr(e.msg, "limit"), "%s", e.msg);
	ril_buf_free(&b);
	b = png(3, 2, 8, 0, 3, count_up, NULL, 0);
	for (size_t n = 0; n < b.len; n++)
		CHECK(ril_rgb_decode(&im, b.data, n, &e) && e.code == RIL_ECORRUPT && !im.rgb, "cut at %zu", n);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (char)(1 << i % 8);
		CHECK(ril_rgb_decode(&im, b.data, b.len, &e) && e.code == RIL_ECORRUPT, "bit %zu", i);
		b.data[i / 8] ^= (char)(1 << i % 8);
	}
	ril_buf_free(&b);
	CHECK(ril_rgb_decode(&im, "hello, world", 12, &e) && strstr(e.msg, "format"), "%s", e.msg);
}

/* ---- sizes ---- */
static void test_plans(void)
{
	struct ril_pixel_settings s;
	struct ril_pixel_plan p;
	struct ril_err e = {0};
	ril_pixel_start(&s, &ril_pixels_qwen);
	/* 42 and 70 lie half-way between multiples of 28: ties go to the even one. */
	static const struct {
		int32_t w, h, W, H;
	} qwen[] = {
		{42, 70, 56, 56}, {640, 427, 644, 420}, {28, 28, 56, 56}, {4000, 3000, 1148, 840}, {1, 200, 28, 812}};
	for (size_t i = 0; i < sizeof qwen / sizeof *qwen; i++) {
		CHECK(!ril_pixel_plan(&p, &s, qwen[i].w, qwen[i].h, &e), "%s", e.msg);
		CHECK(p.w == qwen[i].W && p.h == qwen[i].H, "%d x %d: %d x %d", qwen[i].w, qwen[i].h, p.w, p.h);
	}
	CHECK(ril_pixel_plan(&p, &s, 1, 201, &e) && strstr(e.msg, "200"), "%s", e.msg);
	s.max_pixels = 100;
	CHECK(ril_pixel_check(&s, &e) && strstr(e.msg, "min_pixels"), "%s", e.msg);
	ril_pixel_start(&s, &ril_pixels_internvl);
	static const struct {
		int32_t w, h, rows, columns;
	} tiled[] = {{448, 448, 1, 1}, {1000, 1000, 3, 3}, {2000, 1000, 2, 4}, {90, 31, 1, 3}, {1, 50, 12, 1}};
	for (size_t i = 0; i < sizeof tiled / sizeof *tiled; i++) {
		CHECK(!ril_pixel_plan(&p, &s, tiled[i].w, tiled[i].h, &e), "%s", e.msg);
		CHECK(p.grid[1] == tiled[i].rows && p.grid[2] == tiled[i].columns &&
			      p.rows == tiled[i].rows * tiled[i].columns + (p.grid[1] * p.grid[2] > 1),
		      "%d x %d: %d rows, %d columns", tiled[i].w, tiled[i].h, p.grid[1], p.grid[2]);
	}
}

static void test_settings(void)
{
	static const struct {
		const char *dir;
		enum ril_pixel_layout layout;
		int64_t max;
	} folder[] = {
		{"models/qwen2_5_vl-a", RIL_PIXELS_QWEN, 22500},
		{"models/qwen2_5_vl-a-resaved", RIL_PIXELS_QWEN, 22500},
		{"models/internvl3-a", RIL_PIXELS_INTERNVL, 6},
		{"models/internvl3-a-resaved", RIL_PIXELS_INTERNVL, 6},
		{"models/internvl3-b", RIL_PIXELS_INTERNVL, 12},
	};
	for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
		const char *dir = test_shared(folder[i].dir);
		struct ril_pixel_settings s;
		struct ril_err e = {0};
		if (!dir) {
			SKIP("no %s", folder[i].dir);
			continue;
		}
		CHECK(!ril_pixel_settings_load(&s, dir, &e) && s.layout == folder[i].layout, "%s", e.msg);
		CHECK(s.layout == RIL_PIXELS_QWEN ? s.max_pixels == folder[i].max
						  : s.max_tiles == folder[i].max && s.tile == 56,
		      "%s", dir);
	}
	const char *text = test_shared("models/qwen3-text");
	struct ril_pixel_settings s;
	struct ril_err e = {0};
	if (text)
		CHECK(ril_pixel_settings_load(&s, text, &e) &&
			      strstr(e.msg,
				     "takes no pictures (supported: qwen2_5_vl, internvl, internvl_chat, smolvlm)"),
		      "%s", e.msg);
}

/* What the user asks for replaces the folder's bound, where the layout has it. */
static void test_bounds(void)
{
	static const struct ril_pixel_bounds pixels = {.max_pixels = 5000}, tiles = {.min_tiles = 2, .max_tiles = 3},
					     wrong = {.min_tiles = 4, .max_tiles = 3};
	struct ril_pixel_settings s;
	struct ril_err e = {0};
	ril_pixel_start(&s, &ril_pixels_qwen);
	CHECK(!ril_pixel_bound(&s, &pixels, &e) && s.max_pixels == 5000 && s.min_pixels == 3136, "%s", e.msg);
	CHECK(ril_pixel_bound(&s, &tiles, &e) && e.code == RIL_EUSAGE && strstr(e.msg, "in pixels"), "%s", e.msg);
	ril_pixel_start(&s, &ril_pixels_internvl);
	CHECK(!ril_pixel_bound(&s, &tiles, &e) && s.min_tiles == 2 && s.max_tiles == 3, "%s", e.msg);
	CHECK(ril_pixel_bound(&s, &pixels, &e) && e.code == RIL_EUSAGE && strstr(e.msg, "in tiles"), "%s", e.msg);
	CHECK(ril_pixel_bound(&s, &wrong, &e) && e.code == RIL_EUSAGE && strstr(e.msg, "min_tiles"), "%s", e.msg);
	CHECK(e.setting && strstr(e.setting, "min tiles"), "no setting");
}

/* A constant stays constant through any resize, and a resize to the same size changes nothing. */
static void test_resize(void)
{
	struct ril_rgb a = {0}, b;
	struct ril_err e = {0};
	CHECK(!ril_rgb_new(&a, 37, 23, &e), "%s", e.msg);
	memset(a.rgb, 201, 37 * 23 * 3);
	static const int32_t size[][2] = {{37, 23}, {1, 1}, {37, 5}, {300, 23}, {64, 64}, {5, 200}};
	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		CHECK(!ril_rgb_resize(&b, &a, size[i][0], size[i][1], RIL_BICUBIC, &e) && b.w == size[i][0] &&
			      b.h == size[i][1],
		      "%s", e.msg);
		int off = 0;
		for (int k = 0; b.rgb && k < b.w * b.h * 3; k++)
			off += b.rgb[k] != 201;
		CHECK(!off, "%d x %d: %d values", size[i][0], size[i][1], off);
		ril_rgb_free(&b);
	}
	CHECK(ril_rgb_resize(&b, &a, 65535, 65535, RIL_BICUBIC, &e) && strstr(e.msg, "limit"), "%s", e.msg);
	ril_rgb_free(&a);
}

/* ---- TIFF: tests/golden/tiff.jsonl, by tiff.py beside it ---- */

static void check_golden(const cJSON *it)
{
	const char *name = cJSON_GetObjectItem(it, "name")->valuestring,
		   *file = cJSON_GetObjectItem(it, "file")->valuestring;
	const cJSON *size = cJSON_GetObjectItem(it, "size");
	struct ril_buf b = {0};
	struct ril_rgb im = {0};
	struct ril_err e = {0};
	char hex[65] = "";
	CHECK(!ril_base64_decode(&b, file, strlen(file), &e), "%s: %s", name, e.msg);
	int rc = ril_rgb_decode(&im, b.data, b.len, &e);
	if (!rc)
		ril_sha256_hex(im.rgb, (size_t)im.w * (size_t)im.h * 3, hex);
	if (cJSON_IsNull(size))
		CHECK(rc && e.code == RIL_EFAIL && strstr(e.msg, "TIFF: ") && strstr(e.msg, "not read"), "%s: '%s'",
		      name, e.msg);
	else
		CHECK(!rc && im.w == cJSON_GetArrayItem(size, 0)->valueint &&
			      im.h == cJSON_GetArrayItem(size, 1)->valueint &&
			      !strcmp(hex, cJSON_GetObjectItem(it, "sha256")->valuestring),
		      "%s: %d x %d, %s", name, im.w, im.h, e.msg);
	ril_rgb_free(&im);
	/* its first half, and all but its last tenth; of two pages that may leave the first whole */
	for (int k = 0; k < 2 && !rc && strncmp(name, "two ", 4) != 0; k++) {
		size_t n = k ? b.len * 9 / 10 : b.len / 2;
		e = (struct ril_err){0};
		CHECK(ril_rgb_decode(&im, b.data, n, &e) && e.code == RIL_ECORRUPT && strlen(e.msg) > 8, "%s cut: '%s'",
		      name, e.msg);
		ril_rgb_free(&im);
	}
	ril_buf_free(&b);
}

/* Every line of a file of tests/golden. */
static void each_golden(const char *name, void (*check)(const cJSON *))
{
	char path[512], *line = NULL;
	size_t cap = 0;
	const char *root = getenv("RIL_ROOT");
	struct ril_err e = {0};
	snprintf(path, sizeof path, "%s/tests/golden/%s.jsonl", root ? root : ".", name);
	FILE *f = fopen(path, "r");
	CHECK(f, "%s", path);
	for (ssize_t n; f && (n = getline(&line, &cap, f)) > 0;) {
		cJSON *it = ril_json_parse(line, (size_t)n, &e);
		CHECK(it, "%s", e.msg);
		check(it);
		cJSON_Delete(it);
	}
	free(line);
	if (f)
		fclose(f);
}

static void test_tiff(void)
{
	if (strstr(ril_picture_decoders(), "TIFF: none")) {
		SKIP("no libtiff in this build");
		return;
	}
	each_golden("tiff", check_golden);
}

/* ---- AVIF: tests/golden/avif.jsonl, by avif.py beside it ---- */

/* A picture that says it is larger than any: its ispe property is changed. */
static void check_avif_bomb(const cJSON *it)
{
	const char *file = cJSON_GetObjectItem(it, "file")->valuestring;
	struct ril_buf b = {0};
	struct ril_rgb im = {0};
	struct ril_err e = {0};
	ril_base64_decode(&b, file, strlen(file), &e);
	char *ispe = b.data ? memmem(b.data, b.len, "ispe", 4) : NULL;
	CHECK(ispe, "no ispe");
	if (ispe)
		memcpy(ispe + 8, "\0\0\xff\xff\0\0\xff\xff", 8);
	CHECK(ril_rgb_decode(&im, b.data, b.len, &e) && e.msg[0] && !im.rgb, "%s", e.msg);
	ril_buf_free(&b);
}

static void test_avif(void)
{
	if (strstr(ril_picture_decoders(), "AVIF: none")) {
		SKIP("no libavif in this build");
		return;
	}
	each_golden("avif", check_golden);
	each_golden("avif", check_avif_bomb);
}

static void test_sha256(void)
{
	/* FIPS 180-4's examples, and a million letters a. */
	static const struct {
		const char *text, *hex;
	} kat[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	char hex[65];
	for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
		ril_sha256_hex(kat[i].text, strlen(kat[i].text), hex);
		CHECK(!strcmp(hex, kat[i].hex), "%s", hex);
	}
	struct ril_sha256 s;
	char some[1000];
	memset(some, 'a', sizeof some);
	ril_sha256_start(&s);
	for (size_t left = 1000000, n = 1; left; left -= n, n = left < 777 ? left : 777)
		ril_sha256_add(&s, some, n);
	ril_sha256_end(&s, hex);
	CHECK(!strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"), "%s", hex);
}

int main(void)
{
	test_reference();
	test_png();
	test_over();
	test_key();
	test_orientation();
	test_refusals();
	test_plans();
	test_settings();
	test_bounds();
	test_resize();
	test_sha256();
	test_tiff();
	test_avif();
	TEST_END();
}
