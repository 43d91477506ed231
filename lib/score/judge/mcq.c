/* mcq.c -- multiple choice as VLMEvalKit reads a response without asking a model (can_infer).
 *
 * Known refusals choose nothing ("Z").  Else, with `.()[],:;!*#{}` made blanks, a single option letter among the tokens
 * counts if its first appearance is among the last four (position > tokens - 5); then "answer is X"; then the only
 * option whose text occurs in the response, unless the response is longer than twice all options together; else Z.
 *
 * BLINK reads only bracketed letters: see blink_letter. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include <ctype.h>
#include <stdlib.h>

static const char *const refusals[] = {
	"Sorry, I can't help with images of people yet.",
	"I can't process this file.",
	"I'm sorry, but without the image provided",
	"Cannot determine the answer",
};

static bool is_letter(struct ril_span s, size_t options)
{
	return s.n == 1 && *s.s >= 'A' && (size_t)(*s.s - 'A') < options;
}

/* An option's text, or its letter bare or in brackets. */
int ril_gold_letter(const struct ril_question *q, size_t answer, char *out, struct ril_err *err)
{
	struct ril_span a = ril_trim(q->answers[answer], strlen(q->answers[answer])), inner = a;
	if (!q->n_choices || q->n_choices > 26)
		return ril_fail(err, RIL_EFAIL, "%zu choices (1 to 26 are needed)", q->n_choices);
	if (a.n == 3 && a.s[0] == '(' && a.s[2] == ')')
		inner = (struct ril_span){a.s + 1, 1};
	if (is_letter(inner, q->n_choices)) {
		*out = *inner.s;
		return 0;
	}
	for (size_t i = 0; i < q->n_choices; i++)
		if (ril_span_eq(a, ril_trim(q->choices[i], strlen(q->choices[i])))) {
			*out = (char)('A' + i);
			return 0;
		}
	return ril_fail(err, RIL_EFAIL, "the answer '%.80s' is neither an option's letter nor its text",
			q->answers[answer]);
}

/* 0: no decision. */
static int by_letter(const struct ril_item *it, char *out, struct ril_err *err)
{
	struct ril_spans token = {0};
	struct ril_buf text = {0};
	size_t first[26], present = 0, last = 0;
	bool refused = false;
	*out = 0;
	int rc = ril_buf_puts(&text, it->response, err);
	for (size_t i = 0; !rc && i < text.len; i++)
		if (strchr(".()[],:;!*#{}", text.data[i]))
			text.data[i] = ' ';
	if (!rc)
		rc = ril_split(&token, text.data, text.len, err);
	memset(first, 0xff, sizeof first);
	for (size_t i = 0; !rc && i < token.n; i++) {
		refused |= ril_span_is(token.at[i], "Z");
		if (is_letter(token.at[i], it->q->n_choices) && first[*token.at[i].s - 'A'] == SIZE_MAX) {
			last = (size_t)(*token.at[i].s - 'A');
			first[last] = i;
			present++;
		}
	}
	if (present == 1 && first[last] + 5 > token.n)
		*out = (char)('A' + last);
	else if (!present && refused)
		*out = 'Z';
	ril_spans_free(&token);
	ril_buf_free(&text);
	return rc;
}

/* "answer is X" in any case, X from A to D, stars around it skipped. */
static char by_phrase(const struct ril_item *it)
{
	for (const char *p = it->response; (p = strcasestr(p, "answer")); p++) {
		const char *q = p + 6;
		size_t blank = strspn(q, " \t\n\v\f\r");
		q += blank;
		if (!blank || strncasecmp(q, "is", 2))
			continue;
		blank = strspn(q += 2, " \t\n\v\f\r");
		q += blank;
		q += strspn(q, "*");
		char c = (char)toupper((unsigned char)*q);
		if (blank && c >= 'A' && c <= 'D')
			return (size_t)(c - 'A') < it->q->n_choices ? c : 0;
	}
	return 0;
}

static int by_option(const struct ril_item *it, char *out, struct ril_err *err)
{
	struct ril_buf low = {0}, option = {0};
	size_t total = 0, found = 0;
	int rc = ril_lower(&low, it->response, strlen(it->response), err);
	*out = 0;
	for (size_t i = 0; i < it->q->n_choices; i++)
		total += ril_chars(it->q->choices[i], strlen(it->q->choices[i]));
	bool longer = !rc && ril_chars(low.data, low.len) > 2 * total;
	for (size_t i = 0; !rc && !longer && i < it->q->n_choices; i++) {
		option.len = 0;
		rc = ril_lower(&option, it->q->choices[i], strlen(it->q->choices[i]), err);
		if (!rc && strstr(low.data, option.data)) {
			found++;
			*out = (char)('A' + i);
		}
	}
	if (found != 1)
		*out = 0;
	ril_buf_free(&low);
	ril_buf_free(&option);
	return rc;
}

static int infer(const struct ril_item *it, char *out, struct ril_err *err)
{
	*out = 'Z';
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (strstr(it->response, refusals[i]))
			return 0;
	if (by_letter(it, out, err))
		return -1;
	if (!*out)
		*out = by_phrase(it);
	if (!*out && by_option(it, out, err))
		return -1;
	if (!*out)
		*out = 'Z';
	return 0;
}

int ril_check_mcq(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	char want, got;
	if (ril_gold_letter(it->q, 0, &want, err) || infer(it, &got, err))
		return -1;
	v->score = got == want;
	return ril_buf_add(&v->got, &got, 1, err) || ril_buf_add(&v->want, &want, 1, err) ? -1 : 0;
}

/* The bracketed option letters among the tokens: how many different ones, and one of them. */
static size_t bracketed(const struct ril_spans *token, size_t options, char *letter)
{
	bool seen[26] = {0};
	size_t n = 0;
	for (size_t i = 0; i < token->n; i++) {
		struct ril_span t = token->at[i];
		if (t.n != 3 || t.s[0] != '(' || t.s[2] != ')' || !is_letter((struct ril_span){t.s + 1, 1}, options))
			continue;
		*letter = t.s[1];
		n += !seen[t.s[1] - 'A'];
		seen[t.s[1] - 'A'] = true;
	}
	return n;
}

/* The response that is a letter A to E, bare or in brackets; else the only "(X)" of the last paragraph, else the only
 * one of all; else nothing (the benchmark asks a model then). */
static int blink_letter(const char *s, size_t options, char *out, struct ril_err *err)
{
	size_t n = strlen(s), from = 0;
	struct ril_spans token = {0};
	char letter = 0, last_letter = 0;
	*out = 'Z';
	const char *bare = n == 1 ? s : n == 3 && s[0] == '(' && s[2] == ')' ? s + 1 : NULL;
	if (bare && *bare >= 'A' && *bare <= 'E')
		return *out = *bare, 0;
	for (size_t i = 0; i + 1 < n; i++)
		if (s[i] == '\n' && s[i + 1] == '\n')
			from = ++i + 1;
	int rc = ril_split(&token, s, n, err);
	size_t all = rc ? 0 : bracketed(&token, options, &letter), last = 0;
	if (!rc && !(rc = ril_split(&token, s + from, n - from, err)))
		last = bracketed(&token, options, &last_letter);
	if (last == 1)
		*out = last_letter;
	else if (all == 1)
		*out = letter;
	ril_spans_free(&token);
	return rc;
}

int ril_check_blink(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	char want, got;
	if (ril_gold_letter(it->q, 0, &want, err) || blink_letter(it->response, it->q->n_choices, &got, err))
		return -1;
	v->score = got == want;
	return ril_buf_add(&v->got, &got, 1, err) || ril_buf_add(&v->want, &want, 1, err) ? -1 : 0;
}
