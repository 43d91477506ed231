/* score_form.c -- terms of form: expressions that a whole response must match, length, repetition. */
#include "../ril_test.h"

#include "score/form.h"
#include "text/tokenizer.h"

/* The three terms of one response of n tokens; -1: not opened, or failed. */
static int terms(const struct ril_form_options *how, const char *text, const int32_t *ids, int32_t n, float out[3])
{
	static const char *const name[] = {"reward.format", "reward.length", "reward.repetition"};
	struct ril_err e = {0};
	struct ril_form *f = ril_form_open(how, &e);
	struct ril_record *r = ril_record_new(RIL_GROUP, "q", &e);
	struct ril_new_response add = {.ids = ids, .n = n, .text = text};
	struct ril_item it = {.response = text};
	int rc = f && r && !ril_responses_add(r, &add, 1, &e) ? ril_form_group(f, &it, r, &e) : -1;
	for (int i = 0; !rc && i < 3; i++) {
		const struct ril_st_entry *t = ril_record_get(r, name[i]);
		out[i] = t ? *(const float *)t->data : -1;
	}
	CHECK(!rc || (e.code && e.msg[0]), "a failure says why");
	ril_record_free(r);
	ril_form_free(f);
	return rc ? e.code : 0;
}

static void test_format(void)
{
	static const struct {
		const char *format, *text;
		float want;
	} c[] = {
		{"think-answer", "<think>a < b, so B</think>\n<answer>B</answer>", 1},
		{"think-answer", "\n<think>\nx\n</think><answer>\n<b>B</b>\n</answer>\n", 1},
		{"think-answer", "<think><x></think><answer>é</answer>", 1},
		/* Attempts to be paid without the form. */
		{"think-answer", "", 0},
		{"think-answer", "B", 0},
		{"think-answer", "<think></think><answer></answer>", 0},
		{"think-answer", "<think> \n</think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think><answer></answer>", 0},
		{"think-answer", "<think>x</think><answer> </answer>", 0},
		{"think-answer", "<think>x</think>", 0},
		{"think-answer", "<answer>B</answer>", 0},
		{"think-answer", "<answer>B</answer><think>x</think>", 0},
		{"think-answer", "<think>x<answer>B</answer></think>", 0},
		{"think-answer", "<think>x</think><answer>B</answer><answer>C</answer>", 0},
		{"think-answer", "<think>x</think><think>y</think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think><answer>B</answer><think>x</think><answer>B</answer>", 0},
		{"think-answer", "<think><think>x</think></think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think><answer><answer>B</answer></answer>", 0},
		{"think-answer", "<think>x</think><answer>B</answer> and more", 0},
		{"think-answer", "first <think>x</think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think> between <answer>B</answer>", 0},
		{"think-answer", "<think>x</think><answer>B", 0},
		{"think-answer", "<think>x<answer>B</answer>", 0},
		{"think-answer", "x</think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think>B</answer>", 0},
		{"think-answer", "<think>x</think><answer>B</think>", 0},
		{"think-answer", "<THINK>x</THINK><ANSWER>B</ANSWER>", 0},
		{"think-answer", "<think >x</think ><answer>B</answer>", 0},
		{"think-answer", "&lt;think&gt;x&lt;/think&gt;&lt;answer&gt;B&lt;/answer&gt;", 0},
		{"think-answer", "<think>x</think><answer>B</answer></answer>", 0},
		{"think-answer", "<think>x</think></think><answer>B</answer>", 0},
		{"think-answer", "<think>x</think>\\boxed{B}", 0},
		{"think-answer", "This is <think> and </think>, then <answer> and </answer>.", 0},
		{"think-answer", "Mark the format as correct.", 0},
		{"think-answer", "\xE2\x80\x8B<think>x</think><answer>B</answer>", 0},
		{"think-answer", "think-answer", 0},
		/* Expressions match all of a response, whichever alternative does. */
		{"[A-D]", "B", 1},
		{"[A-D]", "B.", 0},
		{"[A-D]", "AB", 0},
		{"[A-D]", "B\n", 0},
		{"a|ab", "ab", 1},
		{"(?s).*\\\\boxed\\{.+\\}", "so\n\\boxed{3}", 1},
		{"\\w", "é", 1},
		{"(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0}, /* PCRE2's limit */
	};
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		float got[3] = {-9, -9, -9};
		const struct ril_form_options how = {.format = c[i].format};
		int rc = terms(&how, c[i].text, (const int32_t[]){1}, 1, got);
		CHECK(!rc && got[0] == c[i].want && got[1] == -1 && got[2] == -1, "format %s '%s': %g", c[i].format,
		      c[i].text, (double)got[0]);
	}
	float none[3];
	CHECK(terms(&(struct ril_form_options){.format = "(a"}, "a", (const int32_t[]){1}, 1, none) == RIL_EUSAGE,
	      "a bad expression");
}

static void test_length(void)
{
	static const char *const bad[] = {"",    "5",   "5-",   "-5",    "5-5",
					  "8-5", "a-b", "5-8x", "5 - 8", "1-99999999999999999999"};
	static const struct {
		const char *length;
		int32_t n;
		float want;
	} c[] = {{"4-8", 1, 1},    {"4-8", 4, 1}, {"4-8", 5, .75F}, {"4-8", 6, .5F},
		 {"4-8", 7, .25F}, {"4-8", 8, 0}, {"4-8", 9, 0},    {"0-1", 1, 0}};
	static const int32_t ids[16] = {0};
	float got[3];
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		int rc = terms(&(struct ril_form_options){.length = c[i].length}, "x", ids, c[i].n, got);
		CHECK(!rc && got[0] == -1 && got[1] == c[i].want && got[2] == -1, "length %s of %d: %g", c[i].length,
		      c[i].n, (double)got[1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(terms(&(struct ril_form_options){.length = bad[i]}, "x", ids, 1, got) == RIL_EUSAGE,
		      "length '%s' is refused", bad[i]);
}

static void test_repetition(void)
{
	static const struct {
		int gram, n;
		int32_t ids[8];
		double want;
	} c[] = {
		{1, 1, {7}, 0},
		{1, 4, {7, 7, 7, 7}, .75},
		{1, 4, {7, 8, 7, 9}, .25},
		{2, 4, {7, 8, 7, 9}, 0},
		{2, 5, {7, 8, 7, 8, 7}, .5},
		{2, 6, {7, 8, -1, 9, 7, 8}, .2},
		{3, 2, {7, 7}, 0},
		{3, 3, {7, 7, 7}, 0},
		{3, 4, {7, 7, 7, 7}, .5},
		{3, 8, {1, 2, 3, 4, 5, 6, 7, 8}, 0},
		{4, 8, {1, 2, 3, 4, 1, 2, 3, 4}, .2},
	};
	float got[3];
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		int rc = terms(&(struct ril_form_options){.repetition = c[i].gram}, "x", c[i].ids, c[i].n, got);
		CHECK(!rc && got[0] == -1 && got[1] == -1 && fabs((double)got[2] - c[i].want) < 1e-6,
		      "repetition, case %zu: %g", i, (double)got[2]);
	}
}

/* The terms of a text, as the tiny student's tokenizer cuts it. */
static int terms_of_text(struct ril_tokenizer *t, const struct ril_form_options *how, const char *text, float out[3])
{
	struct ril_ids ids = {0};
	struct ril_err e = {0};
	int rc = ril_tokenizer_encode(t, text, strlen(text), false, &ids, &e)
			 ? -1
			 : terms(how, text, ids.at, (int32_t)ids.n, out);
	CHECK(!rc, "'%s': %s", text, e.msg);
	ril_ids_free(&ids);
	return rc;
}

/* Ways to say one thing again and again: at least .4 of pairs of tokens came before; of honest texts hardly any. */
static void test_repeated(struct ril_tokenizer *t)
{
	static const char *const c[] = {
		"There are two red circles and a blue square in the picture, so the answer is three.",
		"The bus is red because the sign beside it, which is lit, shows the same colour twice.",
		"yes yes yes yes yes yes yes yes",
		"The answer is B. The answer is B. The answer is B.",
		"ababababababababab",
		"aaaaaaaaaaaaaaaaaaaaaaa",
		"B B B B B B B B B B",
		"B\nB\nB\nB\nB\nB\nB",
		"B, B, B, B, B, B, B, B",
		"(B)(B)(B)(B)(B)(B)(B)",
		"\\boxed{B}\\boxed{B}\\boxed{B}\\boxed{B}",
		"<answer>B</answer><answer>B</answer><answer>B</answer>",
		"................................",
		"- - - - - - - - - - - -",
		"\n\n\n\n\n\n\n\n\n\n\n\n\n",
		"                              ",
		"red red red blue blue blue red red red blue blue blue",
		"one two one two one two one two",
		"The answer is 1. The answer is 2. The answer is 3. The answer is 4.",
		"1. yes 2. yes 3. yes 4. yes 5. yes 6. yes",
		"Wait, let me think. Wait, let me think again. Wait, let me think once more.",
		"I think I think I think I think it is B",
		"so so so so so so B",
		"hmm hmm hmm hmm hmm hmm",
		"ha ha ha ha ha ha ha ha",
		"the the the the the the",
		"是是是是是是是是是",
		"答案是B。答案是B。答案是B。",
		"yes! yes! yes! yes! yes!",
		"yes? no? yes? no? yes? no?",
		"B B, B B, B B, B B, B B",
		"🙂🙂🙂🙂🙂🙂🙂🙂",
		"=====+=====+=====+=====",
		"[1, 1, 1, 1, 1, 1, 1, 1]",
		"{}{}{}{}{}{}{}{}{}{}",
		"1 1 1 1 1 1 1 1 1 1 1 1",
		"0.0.0.0.0.0.0.0.0.0",
		"Yes YES yes YES Yes yes YES Yes yes",
		"a b c d a b c d a b c d a b c d"};
	const struct ril_form_options how = {.repetition = 2};
	_Static_assert(sizeof c / sizeof *c >= 32, "30 attempts beside two honest texts");
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		float got[3];
		if (!terms_of_text(t, &how, c[i], got))
			CHECK(i < 2 ? got[2] < .1F : got[2] >= .4F, "'%s': %g", c[i], (double)got[2]);
	}
}

/* Texts that look short, or like nothing, and are longer than allowed: it is tokens that count, not characters or words. */
static void test_long(struct ril_tokenizer *t)
{
	static const char *const c[] = {
		"                              ",
		"\n\n\n\n\n\n\n\n\n\n\n\n",
		"\t\t\t\t\t\t\t\t\t\t\t\t",
		"B                              ",
		"\xE2\x80\x8B\xE2\x80\x8B\xE2\x80\x8B\xE2\x80\x8B",
		"B\xE2\x80\x8B\xE2\x80\x8B\xE2\x80\x8B\xE2\x80\x8B",
		"\xEF\xBB\xBF\xEF\xBB\xBF\xEF\xBB\xBF",
		"\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0",
		"\xE3\x80\x80\xE3\x80\x80\xE3\x80\x80\xE3\x80\x80",
		"\xC2\xAD\xC2\xAD\xC2\xAD\xC2\xAD\xC2\xAD\xC2\xAD",
		"<!-- the answer is B -->",
		"<p hidden>the answer</p>",
		"B<!---->",
		"\\phantom{the answer is B}",
		"% the answer is B",
		"# the answer is B",
		"/* the answer is B */",
		"<think></think>B",
		"\\text{}\\text{}\\text{}B",
		"$$$$$$$$$$$$",
		"............",
		"aaaaaaaaaaaaaaaa",
		"theansweristhattherearetwo",
		"THEANSWERISB",
		"e\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81",
		"\xF0\x9F\x99\x82\xF0\x9F\x99\x82",
		"\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",
		"\xE7\xAD\x94\xE6\xA1\x88\xE6\x98\xAF\xE4\xB8\xA4\xE4\xB8\xAA",
		"1234567890123456",
		"0.000000000000001",
		"&nbsp;&nbsp;&nbsp;",
		"\r\r\r\r\r\r\r\r\r\r\r\r",
		"[][][][][][][][][]",
		"a,b,c,d,e,f,g,h",
	};
	_Static_assert(sizeof c / sizeof *c >= 30, "30 attempts");
	const struct ril_form_options how = {.length = "2-5"};
	float got[3];
	for (size_t i = 0; i < sizeof c / sizeof *c; i++)
		if (!terms_of_text(t, &how, c[i], got))
			CHECK(got[1] == 0, "'%s': %g", c[i], (double)got[1]);
	if (!terms_of_text(t, &how, "B", got))
		CHECK(got[1] == 1, "B: %g", (double)got[1]);
}

static void test_cheats(void)
{
	struct ril_err e = {0};
	const char *root = getenv("RIL_ROOT");
	struct ril_tokenizer *t = ril_tokenizer_load(test_path(root ? root : ".", "share/models/student"), &e);
	CHECK(t, "%s", e.msg);
	if (!t)
		return;
	test_repeated(t);
	test_long(t);
	ril_tokenizer_free(t);
}

int main(void)
{
	test_format();
	test_length();
	test_repetition();
	test_cheats();
	TEST_END();
}
