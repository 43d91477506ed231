/* document.c -- charts and documents: relaxed accuracy and ANLS, each in the variants that are in use. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include "base/python.h"

#include <stdlib.h>
#include <utf8proc.h>

/* A number (1), or a percentage as a fraction.  Only a percent sign at the very end counts, and all of a run go. */
static int parse(const char *s, double *out, struct ril_err *err)
{
	size_t n = strlen(s);
	bool percent = n && s[n - 1] == '%';
	while (n && s[n - 1] == '%')
		n--;
	int is = ril_python_float(out, s, n, err);
	if (is > 0 && percent)
		*out /= 100;
	return is;
}

static int equal_in_lower_case(const char *a, const char *b, bool *equal, struct ril_err *err)
{
	struct ril_buf x = {0}, y = {0};
	int rc = ril_lower(&x, a, strlen(a), err) || ril_lower(&y, b, strlen(b), err) ? -1 : 0;
	*equal = !rc && !strcmp(x.data, y.data);
	ril_buf_free(&x);
	ril_buf_free(&y);
	return rc;
}

/* ChartQA (pix2struct's relaxed_correctness): numbers within 5 % of the answer, other texts equal in any case.  An
 * answer of zero is compared as text.  The best of several answers counts. */
int ril_check_relaxed(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	double got, want;
	bool right = false;
	size_t i = 0;
	for (; i < it->q->n_answers && !right; i++) {
		const char *answer = it->q->answers[i];
		int is = parse(it->response, &got, err), too = parse(answer, &want, err);
		if (is < 0 || too < 0)
			return -1;
		if (is && too && want != 0)
			right = fabs(got - want) / fabs(want) <= .05;
		else if (equal_in_lower_case(it->response, answer, &right, err))
			return -1;
	}
	v->score = right;
	return ril_buf_puts(&v->got, it->response, err) || ril_buf_puts(&v->want, it->q->answers[i - 1], err) ? -1 : 0;
}

/* Lower case; with `squeeze`, runs of white space are one blank and none is left around. */
static int prepare(struct ril_buf *out, const char *s, bool squeeze, struct ril_err *err)
{
	struct ril_buf low = {0};
	struct ril_spans words = {0};
	int rc = ril_lower(&low, s, strlen(s), err);
	out->len = 0;
	if (!rc && !squeeze)
		rc = ril_buf_add(out, low.data, low.len, err);
	else if (!rc)
		rc = ril_split(&words, low.data, low.len, err);
	for (size_t i = 0; !rc && i < words.n; i++)
		rc = ril_buf_puts(out, i ? " " : "", err) || ril_buf_add(out, words.at[i].s, words.at[i].n, err) ? -1
														 : 0;
	rc = rc ? rc : ril_buf_add(out, "", 0, err);
	ril_buf_free(&low);
	ril_spans_free(&words);
	return rc;
}

/* Characters of the text in upper case, which the competition's script takes the lengths of: "ß" is two. */
static size_t upper_length(const char *s)
{
	utf8proc_int32_t c, folded[8];
	size_t n = 0, len = strlen(s);
	for (size_t i = 0; i < len;) {
		utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(len - i), &c);
		int boundary = 0;
		/* Full case folding expands the same letters, but for two capitals. */
		utf8proc_ssize_t m = k <= 0 || c < 0x80 || c == 0x130 || c == 0x1E9E
					     ? 1
					     : utf8proc_decompose_char(c, folded, 8, UTF8PROC_CASEFOLD, &boundary);
		n += m > 0 ? (size_t)m : 1;
		i += k > 0 ? (size_t)k : 1;
	}
	return n;
}

static double longer(const char *a, const char *b, size_t (*length)(const char *))
{
	size_t n = length(a), m = length(b);
	return (double)(n > m ? n : m);
}

static size_t plain_length(const char *s)
{
	return ril_chars(s, strlen(s));
}

/* Distances are compared as the references do it, 1 - d against .5, so that a tie falls on the same side. */
static int anls(struct ril_item *it, struct ril_verdict *v, bool docvqa, struct ril_err *err)
{
	struct ril_buf want = {0};
	int rc = prepare(&v->got, it->response, docvqa, err);
	double best = INFINITY;
	for (size_t i = 0; !rc && i < it->q->n_answers; i++) {
		const char *answer = it->q->answers[i];
		if ((rc = prepare(&want, answer, docvqa, err)))
			break;
		int64_t d = ril_edit_distance(want.data, v->got.data, err);
		if (d < 0) {
			rc = -1;
			break;
		}
		double length = docvqa ? longer(answer, it->response, upper_length)
				       : longer(want.data, v->got.data, plain_length);
		double far = length > 0 ? (double)d / length : 0;
		if (far >= best)
			continue;
		best = far;
		v->want.len = 0;
		rc = ril_buf_add(&v->want, want.data, want.len, err);
	}
	v->score = docvqa ? (1 - best < .5 ? 0 : 1 - best) : (best < .5 ? 1 - best : 0);
	ril_buf_free(&want);
	return rc;
}

/* The competition's: white space squeezed for the distance, divided by the raw lengths, exactly .5 kept. */
int ril_check_anls(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return anls(it, v, true, err);
}

/* pix2struct's: lower case only, exactly .5 is 0. */
int ril_check_anls_pix2struct(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return anls(it, v, false, err);
}
