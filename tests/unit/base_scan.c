/* base_scan.c -- JSON read in place, and strings as numbers. */
#include "../ril_test.h"

#include "base/intern.h"
#include "base/scan.h"

/* Whether the text is read through as one value without a fault. */
static int skips(const char *text, struct ril_err *e)
{
	struct ril_scan s;
	*e = (struct ril_err){0};
	ril_scan_start(&s, text, strlen(text), e);
	ril_scan_skip(&s);
	int rc = ril_scan_end(&s);
	ril_scan_free(&s);
	return rc;
}

static void test_skip(void)
{
	static const char *const good[] = {"{}", " [ ] ", "[1, [2, {\"a\": [true, false, null]}], -1.5e+3]",
					   "\"]}\\\"\"", "7"};
	static const char *const bad[] = {"",    "[", "{\"a\": 1", "\"open",  "[1] 2",
					  "tru", "]", ",",         "\"\\x\"", "\"\xff\""};
	struct ril_err e;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK(!skips(good[i], &e), "%s: %s", good[i], e.msg);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(skips(bad[i], &e) && e.code == RIL_ECORRUPT && strstr(e.msg, "at byte"), "%s: %s", bad[i], e.msg);
}

static void test_walk(void)
{
	static const char text[] =
		"{\"n\": -12.5, \"list\": [\"plain\", \"a\\u00e9\\ud83d\\ude00\\n\\u0000z\"], \"yes\": true}";
	struct ril_err e = {0};
	struct ril_scan s;
	int members = 0, strings = 0;
	ril_scan_start(&s, text, sizeof text - 1, &e);
	for (ril_scan_open(&s, '{'); ril_scan_more(&s); members++) {
		struct ril_scan_text key = ril_scan_key(&s);
		if (ril_scan_is(key, "n")) {
			CHECK(ril_scan_is(ril_scan_number(&s), "-12.5"), "number as written");
		} else if (ril_scan_is(key, "list")) {
			for (ril_scan_open(&s, '['); ril_scan_more(&s); strings++) {
				struct ril_scan_text t = ril_scan_string(&s);
				const char want[] = "a\xc3\xa9\xf0\x9f\x98\x80\n\0z";
				CHECK(strings ? t.n == sizeof want - 1 && !memcmp(t.s, want, t.n)
					      : ril_scan_is(t, "plain"),
				      "string %d", strings);
			}
		} else {
			CHECK(ril_scan_is(key, "yes") && ril_scan_true(&s), "true");
		}
	}
	CHECK(members == 3 && strings == 2 && !ril_scan_end(&s), "%d, %d, %s", members, strings, e.msg);
	ril_scan_free(&s);
	CHECK(skips("\"\\ud83d\"", &e) && strstr(e.msg, "a bad escape at byte 1"), "half a pair: %s", e.msg);
}

static void test_intern(void)
{
	struct ril_intern t = {0};
	struct ril_err e = {0};
	char word[32];
	int ok = 1;
	CHECK(ril_intern_find_str(&t, "x") == -1, "empty table");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			snprintf(word, sizeof word, "%.*s%d", i % 13, "aaaaaaaaaaaaaaa", i);
			ok &= ril_intern_str(&t, word, &e) == i;
		}
	CHECK(ok && t.n == 5000, "numbers stay: %zu", t.n);
	CHECK(ril_intern_str(&t, "", &e) == 5000 && ril_intern_find(&t, "\0", 1) == -1, "the empty string is one");
	CHECK(ril_intern(&t, "a\0b", 3, &e) < 0 && e.code == RIL_ECORRUPT, "a NUL is refused");
	CHECK(!strcmp(ril_intern_text(&t, 12), "aaaaaaaaaaaa12"), "%s", ril_intern_text(&t, 12));
	ril_intern_free(&t);
}

int main(void)
{
	test_skip();
	test_walk();
	test_intern();
	TEST_END();
}
