/* tokenizer.c -- the tokenizer against reference ids, the hand-written expression against PCRE2, and broken folders. */
#include "../ril_test.h"

#include "base/json.h"
#include "base/rng.h"
#include "text/tokenizer_internal.h"

#include <sys/stat.h>
#include <utf8proc.h>

/* ---- reference cases ---- */

static void check_case(struct ril_tokenizer *t, const char *line, size_t n, int number)
{
	struct ril_err e = {0};
	struct ril_buf text = {0}, want = {0}, got = {0};
	struct ril_ids ids = {0};
	cJSON *j = ril_json_parse(line, n, &e);
	CHECK(j && !ril_json_text(&text, cJSON_GetObjectItem(j, "text"), &e) &&
		      !ril_json_text(&want, cJSON_GetObjectItem(j, "decoded"), &e),
	      "case %d: %s", number, e.msg);
	CHECK(!ril_tokenizer_encode(t, text.data, text.len, true, &ids, &e), "case %d: %s", number, e.msg);
	cJSON *list = cJSON_GetObjectItem(j, "ids"), *id = list->child;
	bool same = (size_t)cJSON_GetArraySize(list) == ids.n;
	for (size_t i = 0; same && i < ids.n; i++, id = id->next)
		same = id->valueint == ids.at[i];
	CHECK(same, "case %d: ids of '%s'", number, text.data);
	CHECK(!ril_tokenizer_text(t, ids.at, ids.n, false, &got, &e) && got.len == want.len &&
		      !memcmp(got.data, want.data, got.len),
	      "case %d: decoded '%s'", number, got.data);
	cJSON_Delete(j);
	ril_buf_free(&text);
	ril_buf_free(&want);
	ril_buf_free(&got);
	ril_ids_free(&ids);
}

static void test_reference(void)
{
	const char *cases = test_shared("models/tokenizer-qwen2.5/cases.jsonl"),
		   *dir = test_shared("models/tokenizer-qwen2.5");
	struct ril_err e = {0};
	struct ril_buf b = {0};
	if (!cases) {
		SKIP("the Qwen2.5 tokenizer");
		return;
	}
	struct ril_tokenizer *t = ril_tokenizer_load(dir, &e);
	CHECK(t && !ril_read_file(&b, cases, &e), "%s", e.msg);
	if (!t)
		return;
	int number = 1;
	for (char *s = b.data, *nl; (nl = strchr(s, '\n')); s = nl + 1)
		check_case(t, s, (size_t)(nl - s), number++);
	CHECK(ril_tokenizer_size(t) == 151665 && t->token[151645].special && !t->token[151657].special &&
		      ril_tokenizer_id(t, "<|im_end|>", 10) == 151645,
	      "added tokens");
	struct ril_ids ids = {0};
	CHECK(!ril_tokenizer_encode(t, "<|im_end|>", 10, false, &ids, &e) && ids.n > 1, "a special token spelled out");
	ids.n = 0;
	CHECK(!ril_tokenizer_encode(t, "<tool_call>", 11, false, &ids, &e) && ids.n == 1,
	      "an added token is no special one");
	ids.n = 0;
	CHECK(ril_tokenizer_encode(t, "ab\xC3(", 4, true, &ids, &e) && e.code == RIL_ECORRUPT &&
		      strstr(e.msg, "byte 2"),
	      "%s", e.msg);
	ids.n = b.len = 0;
	CHECK(!ril_tokenizer_encode(t, "a\0b", 3, true, &ids, &e) &&
		      !ril_tokenizer_decode(t, ids.at, ids.n, false, &b, &e) && b.len == 3 &&
		      !memcmp(b.data, "a\0b", 3),
	      "NUL is a character");
	int32_t beyond = 151665, part = ril_tokenizer_id(t, "\xF0\x9F", 2);
	b.len = 0;
	CHECK(ril_tokenizer_decode(t, &beyond, 1, false, &b, &e), "an id without a token");
	CHECK(part >= 0 && !ril_tokenizer_text(t, &part, 1, false, &b, &e) && !strcmp(b.data, "\xEF\xBF\xBD"),
	      "a fragment");
	ril_ids_free(&ids);
	ril_buf_free(&b);
	ril_tokenizer_free(t);
}

/* A word of a megabyte: slow merging would take hours. */
static void test_long_word(struct ril_tokenizer *t)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	struct ril_buf back = {0};
	size_t n = 1 << 20;
	char *s = malloc(n);
	for (size_t i = 0; i < n; i++)
		s[i] = (char)('a' + (i * i >> 3) % 3);
	CHECK(!ril_tokenizer_encode(t, s, n, true, &ids, &e) &&
		      !ril_tokenizer_decode(t, ids.at, ids.n, false, &back, &e) && back.len == n &&
		      !memcmp(back.data, s, n),
	      "%s", e.msg);
	free(s);
	ril_ids_free(&ids);
	ril_buf_free(&back);
}

/* ---- the expression ---- */

static size_t put_utf8(char *s, int32_t c)
{
	return (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)s);
}

/* The offset at which the two disagree, or -1. */
static long compare_cut(const struct ril_words *w, const char *s, size_t n)
{
	struct ril_err e = {0};
	struct ril_cut cut;
	size_t start, end, at = 0;
	ril_cut_start(&cut, s, n);
	while (ril_cut_next(w, &cut, &start, &end, &e) > 0) {
		if (start != at || ril_words_qwen((const unsigned char *)s, n, at) != end)
			return (long)at;
		at = end;
	}
	return at == n && !e.code ? -1 : (long)at;
}

static void test_expression(void)
{
	struct ril_err e = {0};
	struct ril_words *w = ril_words_new(&e);
	CHECK(w && !ril_words_add(w, ril_words_qwen_expression, strlen(ril_words_qwen_expression), false, &e) &&
		      ril_words_fast(w),
	      "%s", e.msg);
	/* Every code point that both Unicode tables know, between letters, spaces, signs and numbers. */
	struct ril_words *unassigned = ril_words_new(&e);
	CHECK(!ril_words_add(unassigned, "\\p{Cn}", 6, false, &e), "%s", e.msg);
	int differ = 0, seen = 0;
	for (int32_t c = 0; c < 0x110000; c++) {
		static const char *const around[][2] = {{"a", "b"}, {" ", " x"}, {"'", "."}, {"1 ", "\n\n "}};
		char s[64];
		if (c >= 0xD800 && c < 0xE000)
			continue;
		size_t len = put_utf8(s, c), start, end;
		struct ril_cut cut;
		if (utf8proc_category(c) == UTF8PROC_CATEGORY_CN)
			continue;
		s[len] = 'a';
		ril_cut_start(&cut, s, len + 1);
		if (ril_cut_next(unassigned, &cut, &start, &end, &e) == 1 && end == len)
			continue; /* assigned after PCRE2's Unicode */
		seen++;
		for (size_t k = c < 0x3400 || c % 64 == 0 ? 0 : 3; k < 4; k++) {
			size_t n = strlen(around[k][0]);
			memcpy(s, around[k][0], n);
			n += put_utf8(s + n, c);
			memcpy(s + n, around[k][1], strlen(around[k][1]));
			n += strlen(around[k][1]);
			if (compare_cut(w, s, n) >= 0 && differ++ < 5)
				fprintf(stderr, "U+%04X differs in context %zu\n", (unsigned)c, k);
		}
	}
	CHECK(!differ && seen > 140000, "%d of %d code points", differ, seen);
	/* Random texts over an alphabet of what the alternatives distinguish. */
	static const char *const unit[] = {"a",
					   "S",
					   "'",
					   "'s",
					   "'LL",
					   "'re",
					   "\xC5\xBF",
					   " ",
					   "  ",
					   "\t",
					   "\n",
					   "\r",
					   "\r\n",
					   "1",
					   "23",
					   ".",
					   "!?",
					   "-",
					   "\xC3\xA9",
					   "\xC2\xA0",
					   "\xE3\x80\x80",
					   "\xE4\xB8\xAD",
					   "\xCC\x81",
					   "\xD9\xA3",
					   "\xF0\x9F\x98\x80",
					   "\xE2\x80\x8D",
					   "\xE1\xA0\x8E",
					   "\xC2\x85",
					   "\xE2\x80\xA8",
					   "_",
					   "d",
					   "t",
					   "ve",
					   "\x1C",
					   "\x0B"};
	for (uint32_t k = 0; k < 60000; k++) {
		char s[256];
		size_t n = 0;
		for (uint32_t i = 0; i < 1 + k % 24; i++) {
			const char *u = unit[ril_rng_below(11, RIL_RNG_TEST, (struct ril_rng_at){k, i, 0, 0},
							   sizeof unit / sizeof *unit)];
			memcpy(s + n, u, strlen(u));
			n += strlen(u);
		}
		long at = compare_cut(w, s, n);
		if (at >= 0)
			CHECK(0, "text %u differs at byte %ld: '%.*s'", k, at, (int)n, s);
	}
	ril_words_free(w);
	ril_words_free(unassigned);
}

/* Calm stretches and restless runs give what the whole text at once gives. */
static void test_nfc(void)
{
	static const int32_t alphabet[] = {'a',    'e',     ' ',     0x301,   0x323,  0x308,  0xE9,  0x1E69,
					   0x212B, 0x1100,  0x1161,  0x11A8,  0xAC00, 0xAC01, 0x9BE, 0x9C7,
					   0x4E2D, 0xF900,  0x958,   0x1F600, 0x439,  0x2126, 0x344, 0x102E,
					   0x1025, 0x115B9, 0x115AF, 0x30AB,  0x3099, 0x1D15E};
	struct ril_err e = {0};
	struct ril_buf got = {0};
	int differ = 0;
	for (uint32_t k = 0; k < 40000; k++) {
		char s[128];
		size_t n = 0;
		for (uint32_t i = 0; i < 1 + k % 9; i++)
			n += put_utf8(s + n, alphabet[ril_rng_below(12, RIL_RNG_TEST, (struct ril_rng_at){k, i, 0, 0},
								    sizeof alphabet / sizeof *alphabet)]);
		utf8proc_uint8_t *want = NULL;
		utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &want,
						    UTF8PROC_STABLE | UTF8PROC_COMPOSE);
		got.len = 0;
		int same = ril_nfc(&got, s, n, &e);
		const char *have = same ? s : got.data;
		differ += (same ? n : got.len) != (size_t)len || memcmp(have, want, (size_t)len);
		free(want);
	}
	CHECK(!differ, "%d texts", differ);
	/* A mark of Unicode 10 (class 230) after one of class 240 stays there: the reference does not know it. */
	got.len = 0;
	static const char late[] = "a\xCD\x85\xE1\xB7\xB6", then[] = "\xE1\xB7\xB6\xCD\x85\xCC\x81";
	CHECK(ril_nfc(&got, late, sizeof late - 1, &e) == 1 || !strcmp(got.data, late), "late mark after another");
	got.len = 0;
	CHECK(!ril_nfc(&got, then, sizeof then - 1, &e) && got.len == 7 &&
		      !memcmp(got.data, "\xE1\xB7\xB6\xCC\x81\xCD\x85", 7),
	      "marks after a late one are put in order without it");
	ril_buf_free(&got);
}

static void test_splits(void)
{
	struct ril_err e = {0};
	struct ril_words *w = ril_words_new(&e);
	CHECK(!ril_words_add(w, "\\d+", 3, false, &e) && !ril_words_add(w, ".", 1, true, &e) &&
		      !ril_words_add(w, "b+", 2, false, &e),
	      "%s", e.msg);
	static const char text[] = "abb.c12.3bbb", *const want[] = {"a", "bb", ".", "c", "12", ".", "3", "bbb"};
	struct ril_cut cut;
	size_t start, end, k = 0;
	ril_cut_start(&cut, text, strlen(text));
	for (; ril_cut_next(w, &cut, &start, &end, &e) > 0; k++)
		CHECK(k < 8 && strlen(want[k]) == end - start && !memcmp(text + start, want[k], end - start),
		      "piece %zu", k);
	CHECK(k == 8, "%zu pieces", k);
	CHECK(ril_words_add(w, "a(", 2, false, &e) && e.code == RIL_ECORRUPT, "bad expression");
	ril_words_free(w);
}

/* ---- broken folders ---- */

static char folder[] = "/tmp/ril-tokenizer.XXXXXX";

/* A tokenizer.json of the 256 bytes, `more` vocabulary, merges, added tokens and a pre-tokenizer. */
static void write_tokenizer(const char *more, const char *merges, const char *added, const char *pre, const char *rest)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	ril_buf_printf(&b, &e,
		       "{\"added_tokens\": [%s], \"normalizer\": null, %s \"pre_tokenizer\": %s, \"model\": {\"type\": "
		       "\"BPE\", \"vocab\": {",
		       added, rest, pre);
	for (int c = 0, next = 256; c < 256; c++) {
		bool plain = (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174;
		char s[5] = "";
		put_utf8(s, plain ? c : next++);
		ril_json_quote(&b, s, strlen(s), true, &e);
		ril_buf_printf(&b, &e, ": %d%s", c, c < 255 ? ", " : "");
	}
	ril_buf_printf(&b, &e, "%s}, \"merges\": [%s]}}", more, merges);
	test_write(folder, "tokenizer.json", b.data);
	ril_buf_free(&b);
}

static const char byte_level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}";

static void expect_broken(const char *word)
{
	struct ril_err e = {0};
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	CHECK(!t && e.code && strstr(e.msg, word), "wanted '%s': %s", word, e.msg);
	ril_tokenizer_free(t);
}

static void test_folders(void)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	if (!mkdtemp(folder))
		return;
	expect_broken("no tokenizer.json");
	write_tokenizer(", \"ab\": 256, \"abc\": 257", "\"a b\", [\"ab\", \"c\"]",
			"{\"id\": 258, \"content\": \"<x>\", \"special\": true}, "
			"{\"id\": 259, \"content\": \"<x>y\", \"normalized\": true}, {\"id\": 260, \"content\": "
			"\"QQ\", \"normalized\": true}",
			byte_level, "");
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	CHECK(t, "%s", e.msg);
	if (t) {
		static const int32_t want[] = {257, 258, 'y', 260, ' ', 256, 256};
		CHECK(!ril_tokenizer_encode(t, "abc<x>yQQ abab", 14, true, &ids, &e) && ids.n == 7 &&
			      !memcmp(ids.at, want, sizeof want),
		      "%s", e.msg);
		CHECK(ril_tokenizer_size(t) == 261 && ril_tokenizer_eos(t) == -1 && strlen(ril_tokenizer_key(t)) == 16,
		      "size");
		ids.n = 0;
		static const int32_t plain[] = {'<', 'x', '>'};
		CHECK(!ril_tokenizer_encode(t, "<x>", 3, false, &ids, &e) && ids.n == 3 &&
			      !memcmp(ids.at, plain, sizeof plain),
		      "spelled");
		test_long_word(t);
	}
	char key[17];
	snprintf(key, sizeof key, "%s", t ? ril_tokenizer_key(t) : "");
	ril_tokenizer_free(t);
	write_tokenizer(", \"abc\": 257, \"ab\": 256", "[\"a\", \"b\"], \"ab c\"",
			"{\"id\": 258, \"content\": \"<x>\", \"special\": true}, "
			"{\"id\": 259, \"content\": \"<x>y\", \"normalized\": true}, {\"id\": 260, \"content\": "
			"\"QQ\", \"normalized\": true}",
			byte_level, "");
	t = ril_tokenizer_load(folder, &e);
	CHECK(t && !strcmp(key, ril_tokenizer_key(t)), "the key does not depend on spelling");
	ril_tokenizer_free(t);
	ril_ids_free(&ids);
	write_tokenizer(", \"ab\": 257", "\"a b\"", "", byte_level, "");
	expect_broken("hole");
	write_tokenizer(", \"ab\": 255", "\"a b\"", "", byte_level, "");
	expect_broken("id 255");
	write_tokenizer(", \"ab\": 256", "\"a b\", \"ab c\"", "", byte_level, "");
	expect_broken("merge 1: 'abc'");
	write_tokenizer(", \"ab\": 256", "\"a b\", \"a b\"", "", byte_level, "");
	expect_broken("repeats");
	write_tokenizer(", \"ab\": 256", "\"a  b\"", "", byte_level, "");
	expect_broken("two parts");
	write_tokenizer(", \"ab\": 1e12", "", "", byte_level, "");
	expect_broken("id");
	write_tokenizer(", \"\xE4\xB8\xAD\": 256", "", "", byte_level, "");
	expect_broken("byte-level");
	write_tokenizer("", "", "", "{\"type\": \"Metaspace\"}", "");
	expect_broken("Metaspace");
	write_tokenizer("", "", "", byte_level, "\"post_processor\": {\"type\": \"TemplateProcessing\"},");
	expect_broken("TemplateProcessing");
#define LEAD(after)                                                                                                    \
	"\"post_processor\": {\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\"}, {\"type\": "         \
	"\"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<m>\", \"type_id\": 0}}, {\"Sequence\": "  \
	"{\"id\": "                                                                                                    \
	"\"A\", \"type_id\": 0}}" after "]}]},"
	static const char mark[] = "{\"id\": 256, \"content\": \"<m>\"}";
	write_tokenizer("", "", mark, byte_level, LEAD(""));
	expect_broken("another token than bos_token");
	test_write(folder, "special_tokens_map.json", "{\"bos_token\": \"<m>\"}");
	t = ril_tokenizer_load(folder, &e);
	CHECK(t && ril_tokenizer_lead(t) == 256 && !ril_tokenizer_encode(t, "a", 1, true, &ids, &e) && ids.n == 1,
	      "a token before texts: %s", e.msg);
	ril_tokenizer_free(t);
	ril_ids_free(&ids);
	write_tokenizer("", "", mark, byte_level, LEAD(", {\"SpecialToken\": {\"id\": \"<m>\"}}"));
	expect_broken("TemplateProcessing");
	write_tokenizer("", "", "", byte_level, LEAD(""));
	expect_broken("TemplateProcessing");
	test_write(folder, "special_tokens_map.json", "{}");
	write_tokenizer("", "", "{\"id\": 256, \"content\": \"<m>\", \"lstrip\": true}", byte_level, "");
	expect_broken("lstrip");
	test_write(
		folder, "tokenizer.json",
		"{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": []}, \"pre_tokenizer\": {\"type\": \"ByteLevel\"}}");
	expect_broken("0x00");
	test_write(folder, "tokenizer.json", "{\"model\": ");
	expect_broken("not JSON");
	char path[256];
	snprintf(path, sizeof path, "%s/tokenizer.json", folder);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	test_reference();
	test_expression();
	test_nfc();
	test_splits();
	test_folders();
	TEST_END();
}
