/* score_form.c -- terms of form: expressions that a whole response must match, length, repetition. */
#include "../ril_test.h"

#include "score/form.h"

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

int main(void)
{
	test_format();
	test_length();
	test_repetition();
	TEST_END();
}
