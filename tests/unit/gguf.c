/* gguf.c -- GGUF files, taken apart again: keys, lists, tensors at their offsets; numbers in each type. */
#include "../ril_test.h"

#include "base/file.h"
#include "base/rng.h"
#include "gguf/gguf.h"

#include <math.h>
#include <unistd.h>

static const uint8_t *at; /* where the reader stands */

static uint64_t little(int n)
{
	uint64_t x = 0;
	for (int i = n; i--;)
		x = x << 8 | at[i];
	at += n;
	return x;
}

static bool text_is(const char *want)
{
	uint64_t n = little(8);
	at += n;
	return n == strlen(want) && !memcmp(at - n, want, n);
}

static float number(void)
{
	uint32_t bits = (uint32_t)little(4);
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static void test_keys(void)
{
	CHECK(text_is("a") && little(4) == 4 && little(4) == 7, "a whole number");
	CHECK(text_is("b") && little(4) == 6 && number() == .5f, "a number");
	CHECK(text_is("c") && little(4) == 7 && little(1) == 1, "a truth");
	CHECK(text_is("d") && little(4) == 8 && text_is("text"), "a text");
	CHECK(text_is("e") && little(4) == 9 && little(4) == 5 && little(8) == 2 && little(4) == 3 &&
		      little(4) == 0xffffffff,
	      "whole numbers");
	CHECK(text_is("f") && little(4) == 9 && little(4) == 6 && little(8) == 1 && number() == 2, "numbers");
	CHECK(text_is("h") && little(4) == 9 && little(4) == 7 && little(8) == 2 && little(1) == 1 && little(1) == 0,
	      "truths");
	CHECK(text_is("g") && little(4) == 9 && little(4) == 8 && little(8) == 2 && text_is("") && text_is("\xc4\xa0"),
	      "texts");
}

static void test_file(const char *dir)
{
	char path[RIL_PATH];
	struct ril_err err = {0};
	struct ril_buf b = {0};
	const float x[4] = {1, -2, 3, -4}, y[2] = {5, 6};
	snprintf(path, sizeof path, "%s/a.gguf", dir);
	struct ril_gguf *g = ril_gguf_create(path, &err);
	ril_gguf_u32(g, "a", 7);
	ril_gguf_f32(g, "b", .5);
	ril_gguf_bool(g, "c", true);
	ril_gguf_text(g, "d", "text", 4);
	ril_gguf_i32s(g, "e", (const int32_t[]){3, -1}, 2);
	ril_gguf_f32s(g, "f", (const double[]){2}, 1);
	ril_gguf_bools(g, "h", (const bool[]){true, false}, 2);
	ril_gguf_texts(g, "g", 2);
	ril_gguf_item(g, "", 0);
	ril_gguf_item(g, "\xc4\xa0", 2);
	ril_gguf_tensor(g, "x", RIL_GGUF_F32, 2, (const int64_t[]){1, 4});
	ril_gguf_tensor(g, "y", RIL_GGUF_F32, 1, (const int64_t[]){2});
	CHECK(!ril_gguf_begin(g, &err) && !ril_gguf_data(g, x, sizeof x, &err) && !ril_gguf_next(g, &err), "%s",
	      err.msg);
	CHECK(ril_gguf_finish(g, &err) < 0 && access(path, F_OK), "not before all data is there: %s", err.msg);
	err = (struct ril_err){0};
	CHECK(!ril_gguf_data(g, y, sizeof y, &err) && !ril_gguf_next(g, &err) && !ril_gguf_finish(g, &err), "%s",
	      err.msg);
	ril_gguf_free(g);
	CHECK(!ril_read_file(&b, path, &err) && b.len % 32 == 0, "%s", err.msg);
	at = (const uint8_t *)b.data;
	CHECK(!memcmp(at, "GGUF", 4) && (at += 4) && little(4) == 3 && little(8) == 2 && little(8) == 8, "the head");
	test_keys();
	CHECK(text_is("x") && little(4) == 2 && little(8) == 4 && little(8) == 1 && little(4) == 0 && little(8) == 0,
	      "dimensions, the innermost first");
	CHECK(text_is("y") && little(4) == 1 && little(8) == 2 && little(4) == 0 && little(8) == 32,
	      "the second, aligned");
	size_t data = ((size_t)(at - (const uint8_t *)b.data) + 31) / 32 * 32;
	CHECK(b.len == data + 64 && !memcmp(b.data + data, x, sizeof x) && !memcmp(b.data + data + 32, y, sizeof y),
	      "their data");
	ril_buf_free(&b);
}

/* Half a step of a block's scale, and what rounding the scale itself to F16 adds. */
static void test_q8(void)
{
	enum { N = 64 };
	float x[N], worst = 0;
	uint8_t out[68];
	struct ril_err err = {0};
	for (uint32_t i = 0; i < N; i++)
		x[i] = i < 32 ? 0 : (float)ril_rng_normal(9, RIL_RNG_TEST, (struct ril_rng_at){.position = i});
	CHECK(ril_gguf_bytes(RIL_GGUF_Q8_0, N) == sizeof out && !ril_gguf_pack(out, RIL_GGUF_Q8_0, x, N, &err),
	      "packed");
	for (int i = 0; i < 34; i++)
		CHECK(out[i] == 0, "a block of zeros");
	const float tiny[32] = {0x1p-140f, -0x1p-141f}; /* 1 / scale is no number */
	uint8_t none[34];
	CHECK(!ril_gguf_pack(none, RIL_GGUF_Q8_0, tiny, 32, &err), "packed");
	for (int i = 0; i < 34; i++)
		CHECK(none[i] == 0, "a block whose scale is 0 as F16");
	float most = 0, scale = ril_f16_f32((uint16_t)(out[34] | out[35] << 8));
	for (int i = 32; i < N; i++)
		most = fmaxf(most, fabsf(x[i]));
	for (int i = 32; i < N; i++)
		worst = fmaxf(worst, fabsf((float)(int8_t)out[36 + i - 32] * scale - x[i]));
	CHECK(fabsf(scale - most / 127) <= most / 127 * 0x1p-11f, "the scale");
	CHECK(worst > 0 && worst <= most / 254 + most * 0x1p-11f, "off by %g of %g", (double)worst, (double)most);
}

static void test_types(void)
{
	const float x[3] = {1, -65519, 0x1p-24f}, inf[2] = {1, INFINITY}, large[1] = {70000};
	uint16_t half[3], brain[3];
	struct ril_err err = {0};
	CHECK(!ril_gguf_pack(half, RIL_GGUF_F16, x, 3, &err) && half[0] == 0x3c00 && half[1] == 0xfbff && half[2] == 1,
	      "F16");
	CHECK(!ril_gguf_pack(brain, RIL_GGUF_BF16, x, 3, &err) && brain[0] == 0x3f80 && brain[1] == 0xc780, "BF16");
	CHECK(ril_gguf_pack(half, RIL_GGUF_F16, large, 1, &err) < 0 && err.code == RIL_ENONFINITE, "too large: %s",
	      err.msg);
	CHECK(!ril_gguf_pack(brain, RIL_GGUF_BF16, large, 1, &err), "but not for BF16");
	CHECK(ril_gguf_pack(brain, RIL_GGUF_BF16, inf, 2, &err) < 0 && err.code == RIL_ENONFINITE, "infinite: %s",
	      err.msg);
}

int main(void)
{
	char dir[] = "/tmp/ril-gguf.XXXXXX";
	struct ril_err err = {0};
	CHECK(mkdtemp(dir), "a folder");
	test_file(dir);
	test_q8();
	test_types();
	ril_remove_tree(dir, &err);
	return test_end();
}
