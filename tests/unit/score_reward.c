/* score_reward.c -- rewards and NaN, verdicts of a model, prompts, intervals and the paired test. */
#include "../ril_test.h"

#include "base/rng.h"
#include "score/judge/asked.h"
#include "score/judge/prompt_internal.h"
#include "score/reward.h"
#include "base/resampling.h"

static struct ril_record *group(const float *similarity, const float *answer, int n)
{
	struct ril_err e = {0};
	struct ril_record *r = ril_record_new(RIL_GROUP, "q", &e);
	int32_t id = 1;
	for (int i = 0; i < n; i++) {
		struct ril_new_response add = {.ids = &id, .n = 1, .source = i, .text = "x"};
		ril_responses_add(r, &add, 1, &e);
	}
	int64_t dim = n;
	ril_record_set(r, "reward.similarity", RIL_F32, 1, &dim, similarity, &e);
	if (answer)
		ril_record_set(r, "reward.answer", RIL_F32, 1, &dim, answer, &e);
	return r;
}

/* The exit code of assembling, and the sums. */
static int sum(const char *expression, const float *similarity, const float *answer, float *out)
{
	struct ril_err e = {0};
	struct ril_reward w;
	struct ril_record *r = group(similarity, answer, 3);
	if (!ril_reward_parse(&w, expression, &e)) {
		if (!ril_reward_sum(&w, r, &e))
			memcpy(out, ril_record_get(r, "reward")->data, 3 * sizeof *out);
		ril_reward_free(&w);
	}
	ril_record_free(r);
	return e.code;
}

static void test_reward(void)
{
	const float s[] = {1, 0, 1}, a[] = {1, 0, NAN}, bad[] = {0, NAN, 0}, inf[] = {0, 0, INFINITY};
	float r[3];
	CHECK(!sum("similarity + answer", s, a, r) && r[0] == 2 && r[1] == 0 && isnan(r[2]),
	      "a sum; undecided stays undecided");
	CHECK(!sum("0*answer + similarity", s, a, r) && r[0] == 1 && isnan(r[2]), "even at weight 0");
	CHECK(!sum(" .5 * similarity - answer*2", s, a, r) && r[0] == -1.5f, "weights (%g)", r[0]);
	CHECK(!sum("similarity", s, NULL, r) && r[2] == 1, "one term");
	CHECK(sum("answer", s, NULL, r) == RIL_EFAIL, "a missing term");
	CHECK(sum("similarity + answer", bad, a, r) == RIL_ENONFINITE, "only the answer may be NaN");
	CHECK(sum("answer", s, inf, r) == RIL_ENONFINITE, "infinite");
	CHECK(sum("1e39*similarity", s, a, r) == RIL_ENONFINITE, "overflow");
	const float wide[] = {-3, .25f, 8};
	CHECK(!sum("min(similarity, 2)", wide, a, r) && r[0] == -3 && r[1] == .25f && r[2] == 2, "at most");
	CHECK(!sum("max(similarity, -1)", wide, a, r) && r[0] == -1 && r[1] == .25f && r[2] == 8, "at least");
	CHECK(!sum("clip(similarity, -1, 2)", wide, a, r) && r[0] == -1 && r[1] == .25f && r[2] == 2, "both");
	CHECK(!sum("0.5*min(similarity, 2)", wide, a, r) && r[2] == 1 && r[0] == -1.5f,
	      "the weight comes after the limit");
	CHECK(!sum("min(0.5*similarity, 2)", wide, a, r) && r[2] == 2 && r[1] == .125f, "or before");
	CHECK(!sum("min ( similarity * 0.5 , +1.5e0 ) * 2 - clip(similarity,0,1)", wide, a, r) && r[2] == 2 &&
		      r[0] == -3,
	      "both, %g %g", r[0], r[2]);
	CHECK(!sum("-max(similarity, 0)", wide, a, r) && r[2] == -8 && r[0] == 0, "of a penalty");
	CHECK(!sum("similarity + min(answer, 0.5)", s, a, r) && r[0] == 1.5f && r[1] == 0 && isnan(r[2]),
	      "undecided has no limits");
	CHECK(!sum("min(similarity, 1) + max(similarity, 1)", wide, a, r) && r[0] == -2 && r[2] == 9, "a term twice");
	CHECK(sum("min(similarity, 1)", bad, a, r) == RIL_ENONFINITE, "a limit hides no infinity");
	CHECK(sum("min(min, 1)", s, a, r) == RIL_EFAIL, "min may be a name, too");
	static const char *const no_limit[] = {"min(answer)",
					       "min(answer, )",
					       "min(answer, 1",
					       "min(answer 1)",
					       "min(1, answer)",
					       "min(answer, x)",
					       "min(answer, inf)",
					       "min(answer, nan)",
					       "min(answer, 1, 2)",
					       "clip(answer, 1)",
					       "clip(answer, 2, 1)",
					       "clip(answer, 1, 2, 3)",
					       "min()",
					       "min(",
					       "max(answer, 1e999)",
					       "min(answer + similarity, 1)",
					       "min(max(answer, 0), 1)",
					       "abs(answer)",
					       "(answer)",
					       "min(answer, 1) answer",
					       "2*min(answer, 1)*",
					       "min(1e999*answer, 1)",
					       "clip(answer, 0, 1))"};
	for (size_t i = 0; i < sizeof no_limit / sizeof *no_limit; i++)
		CHECK(sum(no_limit[i], s, a, r) == RIL_EUSAGE, "'%s'", no_limit[i]);
	static const char *const wrong[] = {"",   "+",       "answer +", "answer answer", "2",
					    "2*", "*answer", "answer*",  "answer/2",      "inf*answer"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK(sum(wrong[i], s, a, r) == RIL_EUSAGE, "'%s'", wrong[i]);
}

static void test_verdicts(void)
{
	static const struct {
		const char *reply;
		int verdict;
	} c[] = {
		/* -1: unreadable */
		{"Final Decision: Yes", 1},
		{"final decision: no.", 0},
		{"They agree.\nFinal Decision: **Yes**\n", 1},
		{"Yes", 1},
		{" No. ", 0},
		{"**Final Decision: No**", 0},
		{"Yes, they agree", -1},
		{"", -1},
		{"Final Decision:", -1},
		{"Final Decision: Yes or No", -1},
		{"Final Decision: Yes\nFinal Decision: Yes", -1},
		{"Final Decision: Yes, but", -1},
		{"The final answer is yes", -1},
		{"Yesno", -1},
		{"Final Decision: No\n\nBecause", -1},
		{"maybe", -1},
	};
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		double score = -1;
		bool read = ril_llm_verdict(c[i].reply, &score);
		CHECK(read ? score == c[i].verdict : c[i].verdict < 0, "'%s'", c[i].reply);
	}
}

static void test_prompt(void)
{
	struct ril_err e = {0};
	const char *answers[] = {"red", "{response}"}, *choices[] = {"a", "b"};
	struct ril_question q = {.key = "k",
				 .text = "which {answer}?",
				 .answers = answers,
				 .n_answers = 2,
				 .choices = choices,
				 .n_choices = 2};
	struct ril_item it = {.q = &q, .response = "{question} {x"};
	struct ril_prompt p = {0};
	struct ril_buf out = {0};
	CHECK(!ril_buf_puts(&p.text, "Q {question} C {choices} A {answer} R {response} {{", &e), "%s", e.msg);
	CHECK(!ril_prompt_fill(&p, &it, &out, &e) &&
		      !strcmp(out.data, "Q which {answer}? C a / b A red / {response} R {question} {x {{"),
	      "what is put in is left alone: %s", out.data);
	ril_prompt_free(&p);
	ril_buf_free(&out);
	CHECK(ril_prompt_load(&p, "/dev/null", &e) && e.code, "an empty prompt file");
}

static void test_intervals(void)
{
	struct ril_err e = {0};
	double v[101];
	for (int i = 0; i < 101; i++)
		v[i] = (i * 37) % 101;
	struct ril_interval in = ril_percentiles(v, 101, 95);
	CHECK(fabs(in.low - 2.5) < 1e-12 && fabs(in.high - 97.5) < 1e-12, "percentiles %g %g", in.low, in.high);
	/* Draws are even: of 10 over 2,000 resamples each comes up within 5 deviations of its mean. */
	uint32_t pick[10];
	int count[10] = {0};
	for (uint32_t b = 0; b < 2000; b++) {
		ril_resample(pick, 10, 1, b, 0);
		for (int i = 0; i < 10; i++)
			count[pick[i] < 10 ? pick[i] : 0]++;
	}
	for (int i = 0; i < 10; i++)
		CHECK(abs(count[i] - 2000) < 5 * 43, "draws of %d: %d", i, count[i]);
	/* A coin's bootstrap interval is that of the normal approximation; the paired test finds a shift, and none where is none. */
	double a[400], b[400], c[400];
	for (int i = 0; i < 400; i++) {
		a[i] = ril_rng_uniform(1, RIL_RNG_TEST, (struct ril_rng_at){.position = (uint32_t)i}) < .5;
		b[i] = i % 8 ? a[i] : 1;
		c[i] = ril_rng_uniform(2, RIL_RNG_TEST, (struct ril_rng_at){.position = (uint32_t)i}) < .5;
	}
	const struct ril_resampling how = {7, 2000, 95};
	struct ril_paired p;
	CHECK(!ril_compare_paired(&p, a, b, 400, &how, &e) && p.difference > 0 && p.p < .01 && p.interval.low > 0,
	      "a shift: p %g", p.p);
	CHECK(!ril_compare_paired(&p, a, c, 400, &how, &e) && p.p > .05 && p.interval.low < 0 && p.interval.high > 0,
	      "no shift: p %g", p.p);
	double half = (p.interval.high - p.interval.low) / 2;
	CHECK(fabs(half / (1.96 * sqrt(.5 / 400)) - 1) < .15, "width %g", half);
	CHECK(!ril_compare_paired(&p, a, a, 400, &how, &e) && p.p == 1 && p.difference == 0, "a run against itself");
}

int main(void)
{
	test_reward();
	test_verdicts();
	test_prompt();
	test_intervals();
	TEST_END();
}
