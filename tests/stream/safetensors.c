/* safetensors.c -- tests of the container: what is written reads back, what is wrong is refused. */
#include "../ril_test.h"
#include "build.h"

#include "base/file.h"
#include "tensor/folder.h"

static char dir[] = "/tmp/ril-st.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void test_round_trip(void)
{
	struct ril_err e = {0};
	static const uint8_t flags[3] = {1, 0, 1};
	static const double wide[2] = {1.5, -2};
	static const float f[6] = {1, 2, 3, 4, 5, 6};
	const struct ril_st_entry in[] = {
		{.name = "flags", .dtype = RIL_BOOL, .ndim = 1, .dim = {3}, .count = 3, .data = flags, .bytes = 3},
		{.name = "m\"\n\xC3\xA9",
		 .dtype = RIL_F32,
		 .ndim = 2,
		 .dim = {2, 3},
		 .count = 6,
		 .data = f,
		 .bytes = 24},
		{.name = "wide", .dtype = RIL_F64, .ndim = 1, .dim = {2}, .count = 2, .data = wide, .bytes = 16},
		{.name = "scalar", .dtype = RIL_F32, .count = 1, .data = f, .bytes = 4},
		{.name = "none", .dtype = RIL_I64, .ndim = 2, .dim = {0, 7}, .data = f},
	};
	static const char *const meta[] = {"format", "pt", "text", "a\"b\\\tz\xE2\x82\xAC", NULL};
	struct ril_buf b = {0};
	CHECK(!test_st_build(&b, in, 5, meta, &e), "%s", e.msg);
	uint64_t header;
	memcpy(&header, b.data, 8);
	CHECK(header % 8 == 0, "padded header");
	struct ril_st *st = ril_st_parse(b.data, b.len, &e);
	CHECK(st && ril_st_count(st) == 5 && ril_st_meta_count(st) == 2, "%s", e.msg);
	for (int i = 0; st && i < 5; i++) {
		const struct ril_st_entry *g = ril_st_find(st, in[i].name);
		CHECK(g && g->dtype == in[i].dtype && g->ndim == in[i].ndim && g->count == in[i].count &&
			      !memcmp(g->dim, in[i].dim, sizeof g->dim) && !memcmp(g->data, in[i].data, in[i].bytes),
		      "%s", in[i].name);
		CHECK(g && (uintptr_t)g->data % ril_dtype_size(g->dtype) == 0, "aligned");
	}
	CHECK(st && !strcmp(ril_st_meta(st, "text"), meta[3]) && !ril_st_meta(st, "nope") && !ril_st_find(st, "nope"),
	      "metadata");
	ril_st_free(st);
	int refused = 0; /* any prefix is: the header tells the length */
	for (size_t n = 0; n < b.len; n++)
		refused += !ril_st_parse(b.data, n, &e) && e.code == RIL_ECORRUPT;
	CHECK(refused == (int)b.len, "%d of %zu prefixes refused", refused, b.len);
	CHECK(!ril_st_write(in_dir("w.safetensors"), in, 5, meta, true, NULL, NULL, &e), "%s", e.msg);
	struct ril_buf back = {0};
	CHECK(!ril_read_file(&back, in_dir("w.safetensors"), &e) && back.len == b.len &&
		      !memcmp(back.data, b.data, b.len),
	      "file is the image");
	struct ril_st_entry twice[] = {in[0], in[0]};
	b.len = 0;
	CHECK(test_st_build(&b, twice, 2, NULL, &e), "duplicate names are not written");
	ril_buf_free(&b);
	ril_buf_free(&back);
}

/* A container from a header's text and n data bytes of zero. */
static struct ril_st *parse(const char *json, size_t data, struct ril_err *e)
{
	static _Alignas(16) char image[1 << 16];
	uint64_t n = strlen(json);
	memcpy(image, &n, 8);
	memcpy(image + 8, json, n);
	memset(image + 8 + n, 0, data);
	e->code = 0;
	return ril_st_parse(image, 8 + n + data, e);
}

/* clang-format off */
#define T(name, dtype, shape, from, to)                                                                                \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" from "," to "]}"
/* clang-format on */

static void test_malformed(void)
{
	static const struct {
		const char *what, *json;
		size_t data;
	} bad[] = {
		{"empty header", "", 0},
		{"not an object", "[]", 0},
		{"leading blank", " {}", 0},
		{"text behind", "{}x", 0},
		{"cut", "{\"a\"", 0},
		{"comma at the end", "{" T("a", "U8", "1", "0", "1") ",}", 1},
		{"overlap", "{" T("a", "U8", "4", "0", "4") "," T("b", "U8", "4", "2", "6") "}", 6},
		{"same place", "{" T("a", "U8", "4", "0", "4") "," T("b", "U8", "4", "0", "4") "}", 4},
		{"hole", "{" T("a", "U8", "4", "0", "4") "," T("b", "U8", "4", "5", "9") "}", 9},
		{"hole at the start", "{" T("a", "U8", "4", "1", "5") "}", 5},
		{"data too short", "{" T("a", "U8", "4", "0", "4") "}", 3},
		{"data too long", "{" T("a", "U8", "4", "0", "4") "}", 5},
		{"shape lies", "{" T("a", "F32", "3", "0", "4") "}", 4},
		{"offsets descend", "{" T("a", "U8", "0", "4", "0") "}", 0},
		{"terabyte", "{" T("a", "U8", "1099511627776", "0", "1099511627776") "}", 8},
		{"product overflows", "{" T("a", "U8", "4294967296,4294967296", "0", "0") "}", 0},
		{"product overflows to fit", "{" T("a", "F32", "4611686018427387905", "0", "4") "}", 4},
		{"dimension overflows", "{" T("a", "U8", "99999999999999999999", "0", "1") "}", 1},
		{"nine dimensions", "{" T("a", "U8", "1,1,1,1,1,1,1,1,1", "0", "1") "}", 1},
		{"negative", "{" T("a", "U8", "-1", "0", "1") "}", 1},
		{"fraction", "{" T("a", "U8", "1.0", "0", "1") "}", 1},
		{"leading zero", "{" T("a", "U8", "01", "0", "1") "}", 1},
		{"unknown type", "{" T("a", "F33", "1", "0", "4") "}", 4},
		{"three offsets", "{" T("a", "U8", "1", "0,1", "1") "}", 1},
		{"one offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0]}}", 0},
		{"no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0},
		{"member twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
		{"unknown member", "{\"a\":{\"dtype\":\"U8\",\"x\":1,\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
		{"tensor is a list", "{\"a\":[]}", 0},
		{"duplicate name", "{" T("a", "U8", "1", "0", "1") "," T("a", "U8", "1", "1", "2") "}", 2},
		{"duplicate name by escape", "{" T("a", "U8", "1", "0", "1") "," T("\\u0061", "U8", "1", "1", "2") "}",
		 2},
		{"duplicate metadata", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0},
		{"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0},
		{"metadata not text", "{\"__metadata__\":{\"a\":1}}", 0},
		{"NUL in a name", "{" T("a\\u0000b", "U8", "1", "0", "1") "}", 1},
		{"lone surrogate", "{" T("\\ud800", "U8", "1", "0", "1") "}", 1},
		{"bad escape", "{" T("\\x", "U8", "1", "0", "1") "}", 1},
		{"raw control character", "{" T("a\nb", "U8", "1", "0", "1") "}", 1},
		{"bad UTF-8", "{" T("\xff", "U8", "1", "0", "1") "}", 1},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ril_err e = {0};
		struct ril_st *st = parse(bad[i].json, bad[i].data, &e);
		CHECK(!st && e.code == RIL_ECORRUPT && e.msg[0], "%s: %s", bad[i].what, e.msg);
		ril_st_free(st);
	}
	struct ril_err e = {0};
	static char deep[1 << 15];
	memset(deep, '[', sizeof deep - 1);
	memcpy(deep, "{\"a\":", 5);
	CHECK(!parse(deep, 0, &e) && e.code == RIL_ECORRUPT, "deep nesting");
	static const uint64_t absurd[] = {UINT64_MAX, 1ull << 40, RIL_ST_MAX_HEADER + 1ull, 9};
	for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
		char image[16] = {0};
		memcpy(image, &absurd[i], 8);
		CHECK(!ril_st_parse(image, sizeof image, &e) && e.code == RIL_ECORRUPT, "header of %llu",
		      (unsigned long long)absurd[i]);
	}
}

/* What is wrong and where, to the byte. */
static void test_messages(void)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{"", "safetensors header, byte 0: does not begin with '{'"},
		{"{}x", "safetensors header, byte 2: text after the header"},
		{"{\"a\"", "safetensors header, byte 4: expected ':'"},
		{"{\"a", "safetensors header, byte 3: cut off inside a string"},
		{"{\"\xff\"}", "safetensors header, byte 2: invalid UTF-8"},
		{"{\"a\":{}}", "tensor 'a': safetensors header, byte 6: expected '\"'"},
		{"{\"a\":[]}", "tensor 'a': safetensors header, byte 5: expected '{'"},
		{"{\"a\":{\"shape\":[1}}", "tensor 'a': safetensors header, byte 16: expected ']'"},
		{"{\"a\":{\"shape\":[-1]}}", "tensor 'a': safetensors header, byte 15: expected a whole number"},
		{"{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", "tensor 'a': safetensors header, byte 31: list too long"},
		{"{\"a\":{\"data_offsets\":[1]}}", "tensor 'a': safetensors header, byte 24: two offsets expected"},
		{"{\"a\":{\"dtype\":\"U9\"}}", "tensor 'a': safetensors header, byte 18: unknown dtype"},
		{"{\"a\":{\"dtype\":\"F8_E4M3\"}}",
		 "tensor 'a': safetensors header, byte 23: dtype F8 (quantised weights) is not supported"},
		{"{\"a\":{\"dtype\":8}}", "tensor 'a': safetensors header, byte 14: expected '\"'"},
		{"{\"a\":{\"dtype\":\"U8\"}}",
		 "tensor 'a': safetensors header, byte 19: dtype, shape or data_offsets missing"},
		{"{\"__metadata__\":{\"a\":1}}", "safetensors header, byte 21: expected '\"'"},
		{"{\"__metadata__\":{},\"__metadata__\":{}}", "safetensors header, byte 34: __metadata__ twice"},
		{"{\"\\u0000\":{}}", "safetensors header, byte 3: a NUL in a string"},
		{"{\"\\ud800\":{}}", "safetensors header, byte 3: a lone surrogate"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ril_err e = {0};
		struct ril_st *st = ril_st_header(bad[i].json, strlen(bad[i].json), &e);
		CHECK(!st && e.code == RIL_ECORRUPT && !strcmp(e.msg, bad[i].why), "%s: %s", bad[i].json, e.msg);
		CHECK(!ril_st_header(bad[i].json, strlen(bad[i].json), NULL), "%s, nobody to be told", bad[i].json);
		ril_st_free(st);
	}
}

static void test_lenient(void)
{
	struct ril_err e = {0};
	struct ril_st *st = parse(
		"{ \"__metadata__\" : { } ,\n" T("b", "F32", "1", "1", "5") "," T("a", "U8", "1", "0", "1") "}   ", 5,
		&e);
	CHECK(st && !strcmp(ril_st_at(st, 0)->name, "a"), "white space, any order of the table: %s", e.msg);
	CHECK(st && (uintptr_t)ril_st_find(st, "b")->data % 4 == 0, "a misaligned tensor is copied");
	ril_st_free(st);
	st = parse("{}", 0, &e);
	CHECK(st && ril_st_count(st) == 0, "an empty container");
	ril_st_free(st);
	st = parse("{" T("\\u00e9\\uD83D\\uDe00\\/", "U8", "", "0", "1") "}", 1, &e);
	CHECK(st && ril_st_find(st, "\xC3\xA9\xF0\x9F\x98\x80/"), "escapes");
	ril_st_free(st);
}

static void put_shard(const char *name, const char *tensor, struct ril_err *e)
{
	static const float v[2] = {1, 2};
	struct ril_st_entry t = {
		.name = tensor, .dtype = RIL_F32, .ndim = 1, .dim = {2}, .count = 2, .data = v, .bytes = 8};
	CHECK(!ril_st_write(in_dir(name), &t, 1, NULL, false, NULL, NULL, e), "%s", e->msg);
}

static struct ril_folder *with_index(const char *map, struct ril_err *e)
{
	char index[256];
	int n = snprintf(index, sizeof index, "{\"weight_map\":{%s}}", map);
	CHECK(!ril_file_put(in_dir("model.safetensors.index.json"), index, (size_t)n, false, e), "%s", e->msg);
	*e = (struct ril_err){0};
	return ril_folder_open(dir, e);
}

static void test_folder(void)
{
	struct ril_err e = {0};
	CHECK(!ril_folder_open(dir, &e) && e.code == RIL_EFAIL, "no weights");
	put_shard("1.safetensors", "b", &e);
	put_shard("2.safetensors", "a", &e);
	struct ril_folder *f = with_index("\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"", &e);
	CHECK(f && ril_folder_count(f) == 2 && !strcmp(ril_folder_at(f, 0)->name, "a") && ril_folder_find(f, "b") &&
		      !ril_folder_find(f, "c"),
	      "%s", e.msg);
	char id[RIL_ID_SIZE] = "", other[RIL_ID_SIZE] = "";
	if (f)
		ril_model_id(f, false, id);
	ril_folder_free(f);
	CHECK(!with_index("\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"", &e) && strstr(e.msg, "'a'"),
	      "wrong shard: %s", e.msg);
	CHECK(!with_index("\"a\":\"2.safetensors\",\"b\":\"../x\"", &e) && e.code == RIL_ECORRUPT, "outside: %s",
	      e.msg);
	CHECK(!with_index("", &e), "empty index");
	put_shard("1.safetensors", "a", &e);
	CHECK(!with_index("\"a\":\"2.safetensors\",\"a\":\"1.safetensors\"", &e) && strstr(e.msg, "two shards"), "%s",
	      e.msg);
	put_shard("model.safetensors", "a", &e);
	f = ril_folder_open(dir, &e);
	CHECK(f && ril_folder_count(f) == 1, "%s", e.msg);
	if (f)
		ril_model_id(f, true, other);
	CHECK(strlen(id) == 16 && strlen(other) == 16 && strcmp(id, other), "ids %s %s", id, other);
	ril_folder_free(f);
	CHECK(!ril_st_open(in_dir("nope"), &e) && e.code == RIL_EFAIL && !ril_st_open(dir, &e), "no file: %s", e.msg);
	struct ril_st_entry one = {.name = "a", .dtype = RIL_U8, .count = 1, .data = "", .bytes = 1};
	CHECK(ril_st_write("/dev/full", &one, 1, NULL, false, NULL, NULL, &e) && strstr(e.msg, "/dev/full"), "full: %s",
	      e.msg);
}

static void test_reference_models(void)
{
	static const char *const models[] = {"models/qwen2_5_vl-a", "models/internvl3-b", "models/qwen2_5_vl-b",
					     "models/internvl3-a-resaved"};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		struct ril_err e = {0};
		const char *path = test_shared(models[i]);
		if (!path) {
			SKIP("%s", models[i]);
			continue;
		}
		struct ril_folder *f = ril_folder_open(path, &e);
		CHECK(f && ril_folder_count(f) > 20, "%s", e.msg);
		ril_folder_free(f);
	}
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_round_trip();
	test_malformed();
	test_messages();
	test_lenient();
	test_folder();
	test_reference_models();
	char cmd[64];
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	CHECK(system(cmd) == 0, "clean-up");
	TEST_END();
}
