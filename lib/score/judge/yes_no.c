/* yes_no.c -- benchmarks of yes and no: POPE and HallusionBench.  Their aggregates are in benchmark.c. */
#include "score/judge/judge.h"
#include "score/judge/vqa_internal.h"

/* POPE's evaluate.py: of the first sentence, commas dropped, any of the words "No", "not", "no" means no; everything
 * else means yes. */
static bool pope_says_no(const char *s)
{
	size_t n = strcspn(s, "."), m = 0;
	char word[4];
	for (size_t i = 0; i <= n; i++) {
		char c = i < n ? s[i] : ' ';
		if (c == ',')
			continue;
		if (c != ' ') {
			if (m < sizeof word)
				word[m] = c;
			m++;
			continue;
		}
		struct ril_span w = {word, m};
		if (m < sizeof word && (ril_span_is(w, "No") || ril_span_is(w, "no") || ril_span_is(w, "not")))
			return true;
		m = 0;
	}
	return false;
}

int ril_check_pope(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct ril_span a = ril_trim(it->q->answers[0], strlen(it->q->answers[0]));
	bool no = ril_span_is(a, "no"), says_no = pope_says_no(it->response);
	if (!no && !ril_span_is(a, "yes"))
		return ril_fail(err, RIL_EFAIL, "the answer '%.80s' is neither 'yes' nor 'no'", it->q->answers[0]);
	v->score = no == says_no;
	return ril_buf_puts(&v->got, says_no ? "no" : "yes", err) || ril_buf_puts(&v->want, no ? "no" : "yes", err) ? -1
														    : 0;
}

/* HallusionBench as VLMEvalKit reads it: the words yes and no after VQA's punctuation rules; both or neither is
 * wrong. */
int ril_check_hallusion(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct ril_buf low = {0}, text = {0}, gold = {0};
	struct ril_spans words = {0};
	bool yes = false, no = false;
	int rc = ril_lower(&low, it->response, strlen(it->response), err) ||
				 ril_vqa_punctuation(&text, low.data, RIL_PERIOD_NEITHER, err) ||
				 ril_split(&words, text.data, text.len, err) ||
				 ril_lower(&gold, it->q->answers[0], strlen(it->q->answers[0]), err)
			 ? -1
			 : 0;
	for (size_t i = 0; !rc && i < words.n; i++) {
		yes |= ril_span_is(words.at[i], "yes");
		no |= ril_span_is(words.at[i], "no");
	}
	bool is_yes = !rc && (!strcmp(gold.data, "yes") || !strcmp(gold.data, "1"));
	if (!rc && !is_yes && strcmp(gold.data, "no") && strcmp(gold.data, "0"))
		rc = ril_fail(err, RIL_EFAIL, "the answer '%.80s' is none of yes, no, 1, 0", it->q->answers[0]);
	v->score = yes != no && yes == is_yes;
	if (!rc)
		rc = ril_buf_puts(&v->got,
				  yes == no ? "unknown"
				  : yes     ? "yes"
					    : "no",
				  err) ||
				     ril_buf_puts(&v->want, is_yes ? "yes" : "no", err)
			     ? -1
			     : 0;
	ril_buf_free(&low);
	ril_buf_free(&text);
	ril_buf_free(&gold);
	ril_spans_free(&words);
	return rc;
}
