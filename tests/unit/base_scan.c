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

/* Any value of objects, lists, strings and whole numbers. */
static void read_any(struct ril_scan *s, bool empty)
{
	uint64_t n;
	char kind = ril_scan_peek(s);
	if (kind == '"') {
		struct ril_scan_text t = ril_scan_string(s);
		CHECK(s->failed || strlen(t.s) == t.n, "ends with a NUL");
	} else if (kind == '[') {
		for (ril_scan_open(s, '['); ril_scan_more(s);)
			read_any(s, empty);
	} else if (kind == '{' && empty) {
		for (ril_scan_open(s, '{'); ril_scan_more(s); read_any(s, empty))
			ril_scan_key(s);
	} else if (kind == '{') {
		ril_scan_open(s, '{');
		do
			ril_scan_key(s), read_any(s, empty);
		while (ril_scan_more(s));
	} else {
		ril_scan_whole(s, &n);
	}
}

/* Reads the text strictly, on the heap and without a NUL behind; may an object be `empty`? */
static int reads(const char *text, size_t n, bool empty, struct ril_err *e)
{
	struct ril_scan s;
	char *own = malloc(n + !n);
	*e = (struct ril_err){0};
	memcpy(own, text, n);
	ril_scan_start_strict(&s, own, n, "text", e);
	read_any(&s, empty);
	int rc = ril_scan_end(&s);
	free(own);
	return rc;
}

static void test_strict(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "text, byte 0: expected a whole number"},
		{"{", "text, byte 1: expected '\"'"},
		{"[", "text, byte 1: expected a whole number"},
		{"{\"a\": 1", "text, byte 7: expected '}'"},
		{"{\"a\" 1}", "text, byte 5: expected ':'"},
		{"{\"a\": 1,}", "text, byte 8: expected '\"'"},
		{"[1, 2}", "text, byte 5: expected ']'"},
		{"{\"a\": [1]]", "text, byte 9: expected '}'"},
		{"[[1], [2}]", "text, byte 8: expected ']'"},
		{"[1 2]", "text, byte 3: expected ']'"},
		{"[,1]", "text, byte 1: expected a whole number"},
		{"\"open", "text, byte 5: cut off inside a string"},
		{"\"o\\n", "text, byte 4: cut off inside a string"},
		{"\"\\", "text, byte 2: cut off inside an escape"},
		{"\"a\tb\"", "text, byte 3: a control character in a string"},
		{"\"\\na\nb\"", "text, byte 5: a control character in a string"},
		{"\"\\u0000\"", "text, byte 2: a NUL in a string"},
		{"\"\\x\"", "text, byte 2: unknown escape"},
		{"\"\\u12g4\"", "text, byte 2: not four hexadecimal digits in an escape"},
		{"\"ab\\ud83d\"", "text, byte 4: a lone surrogate"},
		{"\"\xff\"", "text, byte 1: invalid UTF-8"},
		{"-1", "text, byte 0: expected a whole number"},
		{"01", "text, byte 2: expected a whole number"},
		{"1.5", "text, byte 1: text after the JSON value"},
		{"18446744073709551616", "text, byte 19: number too large"},
	};
	struct ril_err e;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(reads(bad[i].text, strlen(bad[i].text), true, &e) && e.code == RIL_ECORRUPT &&
			      !strcmp(e.msg, bad[i].why),
		      "%s: %s", bad[i].text, e.msg);
	static const char nul[] = "\"a\0b\"";
	CHECK(reads(nul, sizeof nul - 1, true, &e) && strstr(e.msg, "byte 3: a control"), "a raw NUL: %s", e.msg);
	static const char good[] =
		" { \"a\" : [ ] , \"b\" : { } , \"c\":[0,{\"\":[[\"\\u00e9\"]]},18446744073709551615]}\n";
	CHECK(!reads(good, sizeof good - 1, true, &e), "%s", e.msg);
	CHECK(reads(good, sizeof good - 1, false, &e) && !strcmp(e.msg, "text, byte 23: expected '\"'"),
	      "an object that must have a member: %s", e.msg);
	static const char members[] = "{\"a\":\"b\",\"c\":{\"d\":[]}}";
	CHECK(!reads(members, sizeof members - 1, false, &e), "%s", e.msg);
}

/* Strings of a strict scan stay while others are read. */
static void test_in_place(void)
{
	char text[] = "{\"plain\": \"\\ud83d\\ude00 \\\"q\\\"\\\\\", \"\\u006e\": 18446744073709551615, \"\": \"\"}";
	struct ril_err e = {0};
	struct ril_scan s;
	struct ril_scan_text key[3], value[3] = {{0}};
	uint64_t number = 0;
	int n = 0;
	ril_scan_start_strict(&s, text, sizeof text - 1, "text", &e);
	for (ril_scan_open(&s, '{'); n < 3 && ril_scan_more(&s); n++) {
		key[n] = ril_scan_key(&s);
		if (ril_scan_is(key[n], "n"))
			CHECK(!ril_scan_whole(&s, &number), "a number: %s", e.msg);
		else
			value[n] = ril_scan_string(&s);
	}
	CHECK(n == 3 && !ril_scan_more(&s) && !ril_scan_end(&s), "%d, %s", n, e.msg);
	CHECK(!strcmp(key[0].s, "plain") && !strcmp(key[1].s, "n") && !*key[2].s && !key[2].n, "keys");
	CHECK(!strcmp(value[0].s, "\xf0\x9f\x98\x80 \"q\"\\") && value[0].n == 9 && !*value[2].s, "%s", value[0].s);
	CHECK(number == UINT64_MAX, "%llu", (unsigned long long)number);
	ril_scan_fail(&s, "one");
	ril_scan_fail(&s, "two");
	CHECK(s.failed && strstr(e.msg, ": one"), "the first fault is kept: %s", e.msg);
}

/* Borrowed text is neither changed nor read as strictly. */
static void test_borrowed(void)
{
	static const char *const lax[] = {"\"a\nb\"", "[1}", "{\"a\": [1}]", "\"\\u0000\""};
	struct ril_err e;
	for (size_t i = 0; i < sizeof lax / sizeof *lax; i++)
		CHECK(!skips(lax[i], &e), "%s: %s", lax[i], e.msg);
	struct ril_scan s;
	uint64_t number;
	e = (struct ril_err){0};
	ril_scan_start(&s, "[7}", 3, &e);
	ril_scan_open(&s, '[');
	CHECK(ril_scan_more(&s) && !ril_scan_whole(&s, &number) && number == 7 && !ril_scan_more(&s), "%s", e.msg);
	CHECK(!ril_scan_end(&s), "%s", e.msg);
	ril_scan_start(&s, "[01]", 4, &e);
	ril_scan_open(&s, '[');
	CHECK(ril_scan_more(&s) && ril_scan_whole(&s, &number) && strstr(e.msg, "a whole number at byte 3"), "%s",
	      e.msg);
	CHECK(!ril_scan_more(&s) && ril_scan_end(&s), "nothing more behind a fault");
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
	test_strict();
	test_in_place();
	test_borrowed();
	test_intern();
	TEST_END();
}
