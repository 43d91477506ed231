/* judges.c -- the judges that are trained with, on damaged responses: a score from 0 to 1 and no error, whatever the bytes; a
 * damaged answer is read or refused with a reason. */
#include "../ril_test.h"

#include "base/rng.h"
#include "score/judge/judge.h"

static uint32_t dice(uint32_t round, uint32_t k, uint32_t n)
{
	return ril_rng_below(23, RIL_RNG_TEST, (struct ril_rng_at){round, k, 0, 0}, n);
}

/* A few bytes changed (some to what is no UTF-8), a stretch taken out, doubled or brought in from another text. */
static void damage(struct ril_buf *out, const char *in, const char *other, uint32_t round)
{
	static const char marks[] = "{}[]()\\$^_*/+-=<>%.,!|&;:#'\" \n0123456789exiABno\x80\xC3\xE2\xF8\xFA\xFF";
	struct ril_err e = {0};
	uint32_t len = (uint32_t)strlen(in), at = dice(round, 0, len + 1), n = dice(round, 1, 30),
		 kind = dice(round, 2, 5);
	n = at + n > len ? len - at : n;
	out->len = 0;
	ril_buf_add(out, in, at, &e);
	if (kind == 1)
		ril_buf_add(out, in + at, n, &e);
	if (kind == 2)
		ril_buf_puts(out, other + dice(round, 3, (uint32_t)strlen(other)), &e);
	ril_buf_puts(out, in + at + (kind == 3 ? n : 0), &e);
	for (uint32_t k = 0; out->len && k < 1 + n % 3; k++)
		out->data[dice(round, 4 + k, (uint32_t)out->len)] = marks[dice(round, 8 + k, sizeof marks - 1)];
}

struct judged {
	const char *judge, *answer, *choices[3];
	const char *text[15];
};

static void fuzz(const struct judged *j, uint32_t seed)
{
	struct ril_buf bad = {0}, answer = {0};
	struct ril_verdict v = {0};
	int texts = 0, right = 0, refused = 0;
	while (j->text[texts])
		texts++;
	for (uint32_t round = seed; round < seed + 12000; round++) {
		const char *gold = j->answer;
		struct ril_question q = {.key = "q",
					 .answers = &gold,
					 .n_answers = 1,
					 .choices = (const char **)j->choices,
					 .n_choices = j->choices[0] ? 3 : 0};
		const char *text = j->text[dice(round, 30, (uint32_t)texts)],
			   *other = j->text[dice(round, 31, (uint32_t)texts)];
		struct ril_err e = {0};
		damage(&bad, text, other, round);
		struct ril_item it = {.q = &q, .response = bad.data};
		int rc = ril_judge_item(j->judge, &it, &v, &e);
		if (rc || !(v.score >= 0 && v.score <= 1))
			CHECK(false, "%s '%s': %d %g %s", j->judge, bad.data, rc, v.score, e.msg);
		right += v.score == 1;
		if (j->choices[0])
			continue;
		damage(&answer, text, other, round + 1000000);
		gold = answer.data;
		rc = ril_judge_item(j->judge, &it, &v, &e);
		refused += rc != 0;
		if (rc && !(e.code && e.msg[0]))
			CHECK(false, "%s: '%s' refused without a reason", j->judge, gold);
	}
	CHECK(right > 100 && (j->choices[0] || refused > 100), "%s: %d right, %d answers refused", j->judge, right,
	      refused);
	ril_verdict_free(&v);
	ril_buf_free(&bad);
	ril_buf_free(&answer);
}

int main(void)
{
	static const struct judged judged[] = {
		{"math",
		 "42",
		 {NULL},
		 {"<think>6*7</think>The answer is $\\boxed{42}$.", "\\frac{84}{2}", "$x = 42$", "forty-two",
		  "42 cm^2 and 42.0", "\\{42\\}", "x \\in (1, 2) \\cup [3, \\infty)",
		  "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "**Answer:** 4.2 \\times 10^{1}",
		  "<answer>42%</answer>", "1 1/2, 3½ ± √2", "2x+3y=\\sqrt[3]{8}|x|!", "The answer is 3. Wait, no: 42.",
		  "There are **42** of them.\n* **A** is $one$,\n* **B-2** another."}},
		{"boolean",
		 "yes",
		 {NULL},
		 {"<think>no</think>Yes, it is.", "The answer is yes.", "**No**. Wait, yes.",
		  "The statement is not true.", "是的，有。", "\\boxed{No}", "<answer>true</answer>", "yes or no?"}},
		{"iou",
		 "[10, 20, 110, 70]",
		 {NULL},
		 {"[10, 20, 110, 70]", "[{\"bbox_2d\": [10, 20, 110, 70], \"label\": \"dog\"}]", "(10,20),(110,70)",
		  "<answer>[10, 20, 110, 70]</answer>", "<box>[[10, 20, 110, 70], [1, 2, 3, 4]]</box>",
		  "10, 20, 110, 70"}},
		{"choice",
		 "B",
		 {"a cat", "a dog", "a bird"},
		 {"<think>A</think>The answer is B.", "\\boxed{B}", "<answer>b) a dog</answer>", "not A but B",
		  "答案：Ｂ", "**B**"}},
	};
	for (size_t i = 0; i < sizeof judged / sizeof *judged; i++)
		fuzz(&judged[i], (uint32_t)i * 100000);
	TEST_END();
}
