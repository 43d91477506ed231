/* caption_files.c -- reading captions: both layouts, the rules of VizWiz, NoCaps and FOIL, and everything that is
 * refused.  No caption may ever be scored against another picture. */
#include "../ril_test.h"

#include "caption/file.h"

static char dir[] = "/tmp/ril-captions-XXXXXX";
static const struct ril_caption_options all = {.metrics = RIL_CAP_BUILTIN};

static const char *put(const char *name, const char *text, size_t n)
{
	static char path[8][64];
	static int turn;
	char *p = path[turn++ & 7];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	FILE *f = fopen(p, "w");
	if (!f || fwrite(text, 1, n, f) != n || fclose(f))
		abort();
	return p;
}

static const char *put_text(const char *name, const char *text)
{
	return put(name, text, strlen(text));
}

/* clang-format off */
#define ANN                                                                                                            \
	"{\"images\": [{\"id\": 1, \"domain\": \"in-domain\"}, {\"id\": \"b\"}, {\"id\": 3}], \"annotations\": ["      \
	"{\"image_id\": 1, \"caption\": \"a cat\"}, {\"image_id\": \"b\", \"caption\": \"a dog\"}, {\"image_id\": "    \
	"\"1\", \"caption\": \"one cat\"}]}"
/* clang-format on */

static struct ril_captions *read_text(const char *results, const char *annotations,
				      const struct ril_caption_rules *rules, struct ril_err *e)
{
	*e = (struct ril_err){0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, e);
	if (ril_captions_read(c, put_text("r.json", results), put_text("a.json", annotations), rules, e)) {
		ril_captions_free(c);
		return NULL;
	}
	return c;
}

static void test_layouts(void)
{
	struct ril_err e;
	struct ril_captions *c =
		read_text("[{\"image_id\": \"b\", \"caption\": \"A dog.\"}, {\"image_id\": 1, \"caption\": \"cats\"}]",
			  ANN, NULL, &e);
	CHECK(c && ril_captions_items(c) == 2, "%s", e.msg);
	if (c) {
		int64_t one = ril_captions_find(c, "1");
		CHECK(!strcmp(ril_captions_key(c, ril_captions_item_picture(c, 0)), "b") &&
			      ril_captions_references(c, one) == 2,
		      "pictures");
		CHECK(!strcmp(ril_captions_domain(c, one), "in-domain") && !*ril_captions_domain(c, 0), "domains");
		CHECK(ril_captions_counts(c)->pictures_unscored == 1, "%zu", ril_captions_counts(c)->pictures_unscored);
		struct ril_buf b = {0};
		CHECK(!ril_captions_reference_tokens(c, one, 1, &b, &e) && !strcmp(b.data, "one cat"), "%s", b.data);
		ril_buf_free(&b);
	}
	ril_captions_free(c);
	c = ril_captions_new(RIL_CAP_PTB, &e);
	CHECK(!ril_captions_read(c, put_text("r.json", "{\"x\": \"A cat.\", \"y\": \"\"}"), NULL, NULL, &e) &&
		      ril_captions_items(c) == 2,
	      "results alone: %s", e.msg);
	ril_captions_free(c);
	c = read_text("{\"x\": \"a cat\"}", "{\"x\": [\"a cat\", \"the cat\"], \"y\": [\"a dog\"]}", NULL, &e);
	CHECK(c && ril_captions_items(c) == 1 && ril_captions_references(c, 0) == 2 &&
		      ril_captions_counts(c)->pictures_unscored == 1,
	      "%s", e.msg);
	ril_captions_free(c);
}

/* Escapes and raw UTF-8 are the same text. */
static void test_encodings(void)
{
	struct ril_err e;
	static const char *const form[] = {"caf\\u00e9 \\ud83d\\ude00 \\u2019s",
					   "caf\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x80\x99s"};
	for (int i = 0; i < 2; i++) {
		char r[128], a[128];
		snprintf(r, sizeof r, "{\"1\": \"%s\"}", form[i]);
		snprintf(a, sizeof a, "{\"1\": [\"%s\"]}", form[!i]);
		struct ril_captions *c = read_text(r, a, NULL, &e);
		struct ril_caption_scores *s = c ? ril_captions_score(c, &all, NULL, 0, &e) : NULL;
		CHECK(s && fabs(s->corpus[RIL_CAP_BLEU2] - 1) < 1e-6 && s->corpus[RIL_CAP_ROUGE_L] == 1, "%s", e.msg);
		ril_caption_scores_free(s);
		ril_captions_free(c);
	}
}

static void test_refusals(void)
{
	static const struct {
		const char *results, *annotations, *message;
		int code;
	} bad[] = {
		{"[{\"image_id\": 7, \"caption\": \"x\"}]", ANN, "entry 0: the annotations have no picture '7'",
		 RIL_ECORRUPT},
		{"[{\"image_id\": 3, \"caption\": \"x\"}]", ANN,
		 "entry 0: the annotations have no caption of picture '3'", RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": \"x\"}, {\"image_id\": \"1\", \"caption\": \"y\"}]", ANN,
		 "entry 1: picture '1' is there twice", RIL_ECORRUPT},
		{"[{\"image_id\": 1}]", ANN, "entry 0: its caption is missing", RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": null}]", ANN, "entry 0: its caption is not a string", RIL_ECORRUPT},
		{"[{\"caption\": \"x\"}]", ANN, "entry 0: its id is missing", RIL_ECORRUPT},
		{"[{\"image_id\": [1], \"caption\": \"x\"}]", ANN, "neither a number nor a string", RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": \"\xff\"}]", ANN, "invalid UTF-8", RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": \"x\"}", ANN, "not JSON", RIL_ECORRUPT},
		{"[]", ANN, "it holds no caption", RIL_ECORRUPT},
		{"3", ANN, "neither a list", RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": \"x\"}]", "{\"annotations\": 3}", "'annotations' is not a list",
		 RIL_ECORRUPT},
		{"[{\"image_id\": 1, \"caption\": \"x\"}]", "{\"annotations\": [{\"image_id\": 1}]}",
		 "annotation 0: its caption is missing", RIL_ECORRUPT},
		{"{\"1\": \"x\"}", "{\"1\": \"y\"}", "'1' is not a list", RIL_ECORRUPT},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ril_err e;
		struct ril_captions *c = read_text(bad[i].results, bad[i].annotations, NULL, &e);
		CHECK(!c && e.code == bad[i].code && strstr(e.msg, bad[i].message), "%zu: %s", i, e.msg);
		CHECK(strstr(e.msg, ".json"), "names the file: %s", e.msg);
		ril_captions_free(c);
	}
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	CHECK(ril_captions_read(c, "/nowhere/r.json", "/nowhere/a.json", NULL, &e) && e.code == RIL_EFAIL, "%s", e.msg);
	ril_captions_free(c);
}

/* Line breaks of all kinds inside captions: the reference moves every later caption onto the next picture. */
static void test_line_breaks(void)
{
	struct ril_err e;
	struct ril_captions *c = read_text(
		"{\"1\": \"a\\rb\\u000bc\\fd\\u0085e\\u2028f\\u2029g\\nh\\u0000i\", \"2\": \"a red bus\", \"3\": \"\"}",
		"{\"1\": [\"a b c d e f g h i\"], \"2\": [\"a red\\r bus\"], \"3\": [\"x\"]}", NULL, &e);
	struct ril_caption_scores *s = c ? ril_captions_score(c, &all, NULL, 0, &e) : NULL;
	CHECK(s && s->value[RIL_CAP_ROUGE_L][0] == 1 && s->value[RIL_CAP_ROUGE_L][1] == 1 &&
		      s->value[RIL_CAP_ROUGE_L][2] == 0,
	      "%s", e.msg);
	CHECK(c && ril_captions_counts(c)->control == 2 && ril_captions_counts(c)->empty_candidates == 1, "counted");
	ril_caption_scores_free(s);
	ril_captions_free(c);
	c = ril_captions_new(RIL_CAP_NONE, &e);
	int64_t im = ril_captions_picture(c, "k", &e);
	CHECK(ril_captions_reference(c, im, "\xc3(", 2, &e) && e.code == RIL_ECORRUPT &&
		      strstr(e.msg, "reference of 'k'"),
	      "%s", e.msg);
	ril_captions_free(c);
}

static void test_vizwiz(void)
{
	static const char ann[] = "{\"images\": [{\"id\": 1}, {\"id\": 2}], \"annotations\": ["
				  "{\"image_id\": 1, \"caption\": \"a cat\", \"is_rejected\": false, \"is_precanned\": "
				  "false}, {\"image_id\": 1, \"caption\": \"no\", \"is_rejected\": true},"
				  "{\"image_id\": 2, \"caption\": \"quality issues\", \"is_precanned\": true}]}";
	static const char res[] =
		"[{\"image_id\": 1, \"caption\": \"a cat\"}, {\"image_id\": 2, \"caption\": \"a dog\"}]";
	struct ril_err e;
	const struct ril_caption_rules rules = {.vizwiz = true};
	struct ril_captions *c = read_text(res, ann, &rules, &e);
	CHECK(c && ril_captions_items(c) == 1 && ril_captions_references(c, 0) == 1, "%s", e.msg);
	CHECK(c && ril_captions_counts(c)->refs_dropped == 2 && ril_captions_counts(c)->pictures_dropped == 1,
	      "counted");
	ril_captions_free(c);
	c = read_text(res, ann, NULL, &e);
	CHECK(c && ril_captions_items(c) == 2 && ril_captions_references(c, 0) == 2, "without the rules: %s", e.msg);
	ril_captions_free(c);
}

static void test_foil(void)
{
	static const char ann[] = "{\"annotations\": [{\"image_id\": 1, \"caption\": \"a cat on a mat\"}, "
				  "{\"image_id\": 1, \"caption\": \"the cat lies on a mat \"},"
				  "{\"image_id\": 2, \"caption\": \"two red buses\"}, {\"image_id\": 2, \"caption\": "
				  "\"buses in a street\"}]}";
	static const char foil[] =
		"{\"annotations\": [{\"image_id\": 1, \"id\": 5, \"caption\": \"the cat lies on a mat\", \"foil\": "
		"false},"
		"{\"image_id\": 1, \"id\": 5, \"foil_id\": 1, \"caption\": \"the dog lies on a mat\", \"foil\": true},"
		"{\"image_id\": 2, \"id\": 6, \"caption\": \"two red buses\", \"foil\": false},"
		"{\"image_id\": 2, \"id\": 6, \"foil_id\": 2, \"caption\": \"two red cars\", \"foil\": true}]}";
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	CHECK(!ril_captions_read_foil(c, put_text("f.json", foil), put_text("a.json", ann), &e), "%s", e.msg);
	CHECK(ril_captions_items(c) == 4 && ril_captions_references(c, 0) == 1 &&
		      !strcmp(ril_captions_key(c, 1), "2/2"),
	      "pairs");
	struct ril_caption_scores *s = ril_captions_score(c, &all, NULL, 0, &e);
	CHECK(s && ril_foil_pairwise(s, RIL_CAP_BLEU1) == 1, "both originals are nearer");
	ril_caption_scores_free(s);
	ril_captions_free(c);
	c = ril_captions_new(RIL_CAP_PTB, &e);
	CHECK(ril_captions_read_foil(
		      c, put_text("f.json", "[{\"image_id\": 1, \"id\": 9, \"caption\": \"x\", \"foil\": true}]"),
		      put_text("a.json", ann), &e) &&
		      strstr(e.msg, "annotation 0: no original has its id 9"),
	      "%s", e.msg);
	ril_captions_free(c);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_layouts();
	test_encodings();
	test_refusals();
	test_line_breaks();
	test_vizwiz();
	test_foil();
	char clean[64];
	snprintf(clean, sizeof clean, "rm -r %s", dir);
	if (system(clean))
		return 1;
	TEST_END();
}
