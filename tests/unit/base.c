/* base.c -- tests of lib/base: numbers, memory, threads, options, JSON. */
#include "../ril_test.h"

#include "base/base64.h"
#include "base/dtype.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/rng.h"
#include "base/thread.h"

static void test_philox(void)
{
	/* Known answers published with Random123 (kat_vectors). */
	static const struct {
		uint32_t c[4], k[2], out[4];
	} kat[] = {
		{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
		 {0xa4093822, 0x299f31d0},
		 {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	};
	for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
		uint32_t out[4];
		ril_philox(kat[i].k, kat[i].c, out);
		CHECK(!memcmp(out, kat[i].out, sizeof out), "known answer %zu", i);
	}
	double sum = 0, sq = 0, u = 0;
	int n = 20000;
	for (int i = 0; i < n; i++) {
		struct ril_rng_at at = {1, 2, 3, (uint32_t)i};
		double z = ril_rng_normal(7, RIL_RNG_TEST, at);
		sum += z;
		sq += z * z;
		u += ril_rng_uniform(7, RIL_RNG_TEST, at);
	}
	CHECK(fabs(sum / n) < .03 && fabs(sq / n - 1) < .05 && fabs(u / n - .5) < .01, "moments");
}

static void test_messages(void)
{
	struct ril_err e = {0};
	char huge[5000], want[200];
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = 0;
	snprintf(want, sizeof want, "a: '%.80s…' of 7", huge);
	CHECK(ril_fail(&e, RIL_EFAIL, "a: '%s' of %d", huge, 7) == -1 && !strcmp(e.msg, want), "%s", e.msg);
	memcpy(huge + 79, "é", 2); /* across the 80th byte */
	snprintf(want, sizeof want, "'%.79s…'", huge);
	CHECK(ril_fail(&e, RIL_EFAIL, "'%s'", huge) && !strcmp(e.msg, want), "cut between characters: %s", e.msg);
	CHECK(ril_fail(&e, RIL_EFAIL, "'%.*s'", 200, huge) && !strcmp(e.msg, want), "counted: %s", e.msg);
	ril_fail(&e, RIL_EFAIL, "'%.*s' '%.3s' %s", 2, "abc", "abcdef", "a b");
	CHECK(!strcmp(e.msg, "'ab' 'abc…' a b"), "%s", e.msg);
	ril_fail(&e, RIL_EFAIL, "'%s' %%%c", "a\x1b[2J\n\x7f\xc2\x9b", 'c');
	CHECK(!strcmp(e.msg, "'a\\x1b[2J\\x0a\\x7f\\xc2\\x9b' %c"), "control characters: %s", e.msg);
	ril_fail(&e, RIL_EFAIL, "%lld %zu %-5d|%05d %.*f %g %ld %08x %3s", -1LL, (size_t)-1, 3, 42, 2, 1.0, .5, 9L,
		 0xabcu, "z");
	CHECK(!strcmp(e.msg, "-1 18446744073709551615 3    |00042 1.00 0.5 9 00000abc   z"), "%s", e.msg);
	ril_context(&e, "%.2000s", huge);
	CHECK(strlen(e.msg) == sizeof e.msg - 1, "a message has its room and no more");
	ril_fail(&e, RIL_EFAIL, "cause");
	CHECK(ril_setting(&e, "start step") == -1 && ril_context(&e, "'%s'", "k") && !strcmp(e.setting, "start step") &&
		      !strcmp(e.msg, "'k': cause"),
	      "a setting stays: %s", e.msg);
	CHECK(ril_fail(&e, RIL_EFAIL, "other") && !e.setting, "and goes with the next error");
	huge[79] = 'x';
	CHECK(strlen(ril_short(huge)) <= RIL_SHORT + strlen("…") && !strcmp(ril_short("short"), "short"), "ril_short");
}

static void test_dtype(void)
{
	CHECK(ril_f32_bf16(1.00390625f) == 0x3f80, "tie to even down");
	CHECK(ril_f32_bf16(1.01171875f) == 0x3f82, "tie to even up");
	CHECK(isnan(ril_bf16_f32(ril_f32_bf16(NAN))), "NaN stays NaN");
	CHECK(isinf(ril_f16_f32(ril_f32_f16(70000.f))), "overflow to infinity");
	CHECK(ril_dtype_parse("BF16") == RIL_BF16 && ril_dtype_parse("X") == RIL_NONE && ril_dtype_size(RIL_I64) == 8,
	      "names");
}

static void test_memory(void)
{
	struct ril_err e = {0};
	CHECK(!ril_new(SIZE_MAX, 2, &e) && e.code == RIL_EFAIL, "overflow is refused");
	struct ril_arena *a = ril_arena_new(NULL, &e);
	struct ril_arena_mark m = ril_arena_mark(a);
	char *p = ril_arena_alloc(a, 100, 1, &e), *q = ril_arena_alloc(a, 3 << 20, 1, &e);
	CHECK(p && q && !((uintptr_t)p & 63) && !((uintptr_t)q & 63), "aligned");
	memset(q, 1, 3 << 20);
	ril_arena_reset(a, m);
	CHECK(ril_arena_alloc(a, 10, 1, &e) == p, "memory is used again");
	ril_arena_free(a);
	struct ril_buf b = {0};
	CHECK(!ril_buf_printf(&b, &e, "%d %s", 7, "x") && !strcmp(b.data, "7 x"), "printf");
	ril_buf_free(&b);
}

static void add_tile(void *ctx, int tile, int worker)
{
	(void)worker;
	((int *)ctx)[tile]++;
}

static void test_threads(void)
{
	struct ril_err e = {0};
	static int seen[1000];
	CHECK(!ril_threads_start(4, &e) && ril_threads() == 4, "%s", e.msg);
	for (int k = 0; k < 500; k++)
		ril_parallel(1000, add_tile, seen);
	int ok = 1;
	for (int i = 0; i < 1000; i++)
		ok &= seen[i] == 500;
	CHECK(ok, "every tile once a call");
	ril_threads_stop();
	CHECK(ril_threads_start(300, &e) && e.code == RIL_EUSAGE, "too many");
}

static int parse(const char *args, const struct ril_opt *o, struct ril_strlist *ops, struct ril_err *e)
{
	static char copy[256];
	char *argv[16] = {"t"}, *rest = NULL;
	int n = 1;
	snprintf(copy, sizeof copy, "%s", args);
	for (char *s = strtok_r(copy, " ", &rest); s; s = strtok_r(NULL, " ", &rest))
		argv[n++] = s;
	const struct ril_opt *const tables[] = {o, NULL};
	ops->n = 0;
	return ril_opt_parse(tables, n, argv, ops, e);
}

static void test_options(void)
{
	bool flag = false, on = true;
	int64_t n = 3;
	double r = .5;
	const char *s = "a", *c = "x";
	struct ril_strlist list = {0}, ops = {0};
	const struct ril_opt o[] = {
		{RIL_OPT_FLAG, 'f', "flag", &flag, NULL, "", 0, 0, NULL},
		{RIL_OPT_FLAG, 0, "on", &on, NULL, "", 0, 0, NULL},
		{RIL_OPT_INT, 'n', "count", &n, "N", "", 1, 9, NULL},
		{RIL_OPT_REAL, 0, "rate", &r, "R", "", 0, 1, NULL},
		{RIL_OPT_STR, 'o', "out", &s, "FILE", "", 0, 0, NULL},
		{RIL_OPT_CHOICE, 0, "kind", &c, NULL, "", 0, 0, "x|yy"},
		{RIL_OPT_LIST, 'm', "model", &list, "DIR", "", 0, 0, NULL},
		{0},
	};
	struct ril_err e = {0};
	CHECK(!parse("-f --no-on -n4 --rate=.25 -o - p -m a -m b --kind yy -- -q", o, &ops, &e), "%s", e.msg);
	CHECK(flag && !on && n == 4 && r == .25 && !strcmp(s, "-") && !strcmp(c, "yy") && list.n == 2 && ops.n == 2,
	      "values");
	static const char *const bad[] = {"--nope",     "-x",       "--count",  "--count 10", "--count 2x",
					  "--rate nan", "--kind z", "--flag=1", "--no-count", "-n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e.code = 0;
		CHECK(parse(bad[i], o, &ops, &e) == -1 && e.code == RIL_EUSAGE, "%s", bad[i]);
	}
	ril_strlist_free(&list);
	ril_strlist_free(&ops);
}

static void test_json(void)
{
	struct ril_err e = {0};
	const char *t = "{\"a\": \"x\\u0000y\", \"n\": 3, \"s\": \"\\\\u0000\"} ";
	cJSON *j = ril_json_parse(t, strlen(t), &e);
	struct ril_buf b = {0};
	CHECK(j && !ril_json_text(&b, cJSON_GetObjectItem(j, "a"), &e) && b.len == 3 && !memcmp(b.data, "x\0y", 3),
	      "NUL kept");
	CHECK(j && !strcmp(cJSON_GetObjectItem(j, "s")->valuestring, "\\u0000"), "escaped backslash is not an escape");
	int64_t n = 0;
	const char *s = NULL;
	CHECK(!ril_json_int(j, "n", &n, &e) && n == 3, "int");
	CHECK(ril_json_str(j, "n", &s, &e) && e.code == RIL_ECORRUPT, "wrong type");
	cJSON_Delete(j);
	CHECK(!ril_json_parse("{} x", 4, &e) && !ril_json_parse("\"\xff\"", 3, &e) && !ril_json_parse("{", 1, &e),
	      "bad JSON");
	b.len = 0;
	CHECK(!ril_json_quote(&b, "a\"\n\xF0\x9F\x98\x80", 7, true, &e) &&
		      !strcmp(b.data, "\"a\\\"\\n\\ud83d\\ude00\""),
	      "%s", b.data);
	b.len = 0;
	CHECK(!ril_utf8_repair(&b, "a\xE2\x82z\xED\xA0\x80", 7, &e) &&
		      !strcmp(b.data, "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
	      "repair");
	ril_buf_free(&b);
}

/* RFC 4648, section 10, and every byte; then what is none. */
static void test_base64(void)
{
	static const char *const pair[][2] = {{"", ""},
					      {"Zg==", "f"},
					      {"Zm8=", "fo"},
					      {"Zm9v", "foo"},
					      {"Zm9vYg==", "foob"},
					      {"Zm9vYmE=", "fooba"},
					      {"Zm9vYmFy", "foobar"}};
	static const char *const bad[] = {"Z",    "Zg=",  "Zg===", "Zg=a",         "=",   "====", "Zm9v\n",
					  "Zm-_", "Zh==", "Zm9=",  "Zm9vZm8=Zm9v", "Zm9 "};
	struct ril_err e = {0};
	struct ril_buf b = {0};
	for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
		b.len = 0;
		CHECK(!ril_base64_decode(&b, pair[i][0], strlen(pair[i][0]), &e) && b.len == strlen(pair[i][1]) &&
			      !memcmp(b.data, pair[i][1], b.len + 1),
		      "%s: %s", pair[i][0], e.msg);
		b.len = 0;
		CHECK(!ril_base64_encode(&b, pair[i][1], strlen(pair[i][1]), &e) && !strcmp(b.data, pair[i][0]),
		      "%s: %s", pair[i][0], b.data);
	}
	b.len = 0;
	CHECK(!ril_base64_encode(&b, "\x00\xff\x80\xfe\x0f\xf1", 6, &e) && !strcmp(b.data, "AP+A/g/x"), "%s", b.data);
	b.len = 0;
	CHECK(!ril_base64_decode(&b, "AP+A/g/x", 8, &e) && !memcmp(b.data, "\x00\xff\x80\xfe\x0f\xf1", 6), "bytes");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(ril_base64_decode(&b, bad[i], strlen(bad[i]), &e) && e.code == RIL_ECORRUPT, "'%s'", bad[i]);
	ril_buf_free(&b);
}

int main(void)
{
	test_base64();
	test_philox();
	test_messages();
	test_dtype();
	test_memory();
	test_threads();
	test_options();
	test_json();
	TEST_END();
}
