/* image_smolvlm.c -- SmolVLM's splitting against transformers' own, which tests/golden/smolvlm.py wrote down; its bounds, and
 * settings that are refused. */
#include "../ril_test.h"

#include "base/json.h"
#include "base/sha256.h"
#include "image/pixels.h"

#include <unistd.h>

static char folder[] = "/tmp/ril-smolvlm-XXXXXX";

/* Settings from files of a folder, as ril-encode reads them. */
static int load(struct ril_pixel_settings *s, const char *processor, struct ril_err *err)
{
	test_write(folder, "config.json", "{\"model_type\": \"smolvlm\"}");
	test_write(folder, "preprocessor_config.json", processor);
	return ril_pixel_settings_load(s, folder, err);
}

static void paint(struct ril_rgb *im)
{
	uint8_t *p = im->rgb;
	for (int32_t y = 0; y < im->h; y++)
		for (int32_t x = 0; x < im->w; x++)
			for (int32_t c = 0; c < 3; c++)
				*p++ = (uint8_t)(5 * x + 3 * y + 7 * (x * y >> 3) + 60 * c);
}

static int number(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItem(o, name)->valueint;
}

static void check_line(const cJSON *line)
{
	char *how = cJSON_PrintUnformatted(cJSON_GetObjectItem(line, "settings")), hex[65] = "";
	int32_t rows = number(line, "rows"), columns = number(line, "columns");
	struct ril_pixel_settings s;
	struct ril_err e = {0};
	struct ril_rgb im = {0};
	struct ril_pixels p = {0};
	int rc = load(&s, how, &e) || ril_rgb_new(&im, number(line, "w"), number(line, "h"), &e);
	if (!rc) {
		paint(&im);
		rc = ril_pixels_make(&p, &im, &s, &e);
	}
	CHECK(!rc && p.rows == number(line, "tiles") && p.grid[0] == 1 && p.grid[1] == (rows ? rows : 1) &&
		      p.grid[2] == (columns ? columns : 1),
	      "%s, %d x %d: %d tiles of %d x %d %s", how, im.w, im.h, p.rows, p.grid[1], p.grid[2], e.msg);
	if (!rc)
		ril_sha256_hex(p.values, (size_t)p.rows * (size_t)p.width * sizeof *p.values, hex);
	CHECK(!strcmp(hex, cJSON_GetObjectItem(line, "sha256")->valuestring), "%s, %d x %d: other values", how, im.w,
	      im.h);
	ril_pixels_free(&p);
	ril_rgb_free(&im);
	cJSON_free(how);
}

static void test_golden(void)
{
	char path[512];
	struct ril_buf text = {0};
	struct ril_err e = {0};
	int lines = 0;
	snprintf(path, sizeof path, "%s/tests/golden/smolvlm.jsonl", getenv("RIL_ROOT") ? getenv("RIL_ROOT") : ".");
	CHECK(!ril_read_file(&text, path, &e), "%s", e.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1, lines++) {
		cJSON *line = ril_json_parse(at, (size_t)(end - at), &e);
		CHECK(line, "line %d: %s", lines, e.msg);
		if (line)
			check_line(line);
		cJSON_Delete(line);
	}
	CHECK(lines > 30, "%d lines", lines);
	ril_buf_free(&text);
}

/* What a bound of tiles makes of a picture of 640 x 480. */
static void expect_bound(int64_t most, int rows, int columns)
{
	struct ril_pixel_settings s;
	struct ril_pixel_plan p;
	struct ril_err e = {0};
	CHECK(!load(&s, "{\"size\": {\"longest_edge\": 2048}, \"max_image_size\": {\"longest_edge\": 512}}", &e) &&
		      !ril_pixel_bound(&s, &(struct ril_pixel_bounds){.max_tiles = most}, &e) &&
		      !ril_pixel_plan(&p, &s, 640, 480, &e) && p.grid[1] == rows && p.grid[2] == columns &&
		      p.rows == rows * columns + (rows * columns > 1),
	      "%d tiles: %d x %d %s", (int)most, p.grid[1], p.grid[2], e.msg);
}

static void expect_refused(const char *processor, const char *why)
{
	struct ril_pixel_settings s;
	struct ril_err e = {0};
	CHECK(load(&s, processor, &e) && e.code == RIL_ECORRUPT && strstr(e.msg, why), "%s: %s", processor, e.msg);
}

static void test_settings(void)
{
	struct ril_pixel_settings s;
	struct ril_err e = {0};
	expect_bound(0, 3, 4);
	expect_bound(1, 1, 1);
	expect_bound(3, 1, 1);
	expect_bound(4, 2, 2);
	expect_bound(15, 3, 3);
	CHECK(!load(&s, "{}", &e) && ril_pixel_bound(&s, &(struct ril_pixel_bounds){.min_tiles = 2}, &e) &&
		      e.code == RIL_EUSAGE && strstr(e.msg, "min_tiles"),
	      "%s", e.msg);
	CHECK(!load(&s, "{}", &e) && ril_pixel_bound(&s, &(struct ril_pixel_bounds){.max_pixels = 2}, &e) &&
		      e.code == RIL_EUSAGE && strstr(e.msg, "tiles"),
	      "%s", e.msg);
	expect_refused("{\"size\": {\"height\": 10, \"width\": 10}}", "size: only a longest_edge is supported");
	expect_refused("{\"size\": 10}", "size: only a longest_edge is supported");
	expect_refused("{\"max_image_size\": {\"longest_edge\": 0}}", "max_image_size is 0");
	expect_refused("{\"max_image_size\": {\"longest_edge\": 4097}}", "max_image_size is 4097");
	expect_refused("{\"size\": {\"longest_edge\": 0}}", "size is 0");
	expect_refused("{\"resample\": 2}", "resample 2 is not supported (1, Lanczos, and 3, bicubic, are)");
	expect_refused("{\"do_resize\": false}", "do_resize false");
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	test_golden();
	test_settings();
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
