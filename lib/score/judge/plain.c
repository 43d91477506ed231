/* plain.c -- the plain checkers: exact, number, contains, yesno.  They are our own, made to be hard to fool: see
 * each. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include <ctype.h>
#include <stdlib.h>

static int set(struct ril_buf *b, struct ril_span s, struct ril_err *err)
{
	b->len = 0;
	return ril_buf_add(b, s.s, s.n, err);
}

/* Equal byte for byte once white space around is gone. */
int ril_check_exact(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct ril_span got = ril_trim(it->response, strlen(it->response)), want = {"", 0};
	v->score = 0;
	for (size_t i = 0; i < it->q->n_answers && v->score == 0; i++) {
		want = ril_trim(it->q->answers[i], strlen(it->q->answers[i]));
		v->score = ril_span_eq(got, want);
	}
	return set(&v->got, got, err) || set(&v->want, want, err) ? -1 : 0;
}

static const char *const number_words[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
					   "seven", "eight", "nine", "ten",   "eleven", "twelve"};

static bool number_word(const char *s, size_t n, double *out)
{
	for (size_t i = 0; i < sizeof number_words / sizeof *number_words; i++)
		if (n == strlen(number_words[i]) && !strncasecmp(s, number_words[i], n))
			return *out = (double)i, true;
	return false;
}

/* Digits with thousands' commas (1,234), a fraction part and an exponent, without blanks.  Gives the length, 0 if s
 * does not begin with a digit or a point and a digit. */
static size_t numeral(const char *s, double *out)
{
	char copy[400];
	size_t i = 0, m = 0;
	bool point = false, exponent = false;
	if (!isdigit((unsigned char)*s) && !(*s == '.' && isdigit((unsigned char)s[1])))
		return 0;
	for (; s[i]; i++) {
		bool digit_next = isdigit((unsigned char)s[i + 1]);
		if (s[i] == ',' && !point && !exponent && digit_next && isdigit((unsigned char)s[i + 2]) &&
		    isdigit((unsigned char)s[i + 3]) && !isdigit((unsigned char)s[i + 4]))
			continue;
		if (s[i] == '.' && !point && !exponent && digit_next)
			point = true;
		else if ((s[i] == 'e' || s[i] == 'E') && !exponent &&
			 (digit_next || ((s[i + 1] == '-' || s[i + 1] == '+') && isdigit((unsigned char)s[i + 2]))))
			exponent = true;
		else if (!isdigit((unsigned char)s[i]) &&
			 !((s[i] == '-' || s[i] == '+') && i && (s[i - 1] | 32) == 'e'))
			break;
		if (m + 1 < sizeof copy)
			copy[m++] = s[i];
	}
	copy[m] = 0;
	*out = strtod(copy, NULL);
	return i;
}

/* The last number in the text: a numeral with its sign, a fraction "3/4", or a word from zero to twelve. */
static bool last_number(const char *s, double *out)
{
	bool found = false;
	for (size_t i = 0; s[i];) {
		bool joined = i && (isalnum((unsigned char)s[i - 1]) || s[i - 1] == '_');
		size_t n = joined ? 0 : numeral(s + i, out), letters = 0;
		if (n) {
			double below;
			size_t k = s[i + n] == '/' ? numeral(s + i + n + 1, &below) : 0;
			bool minus = i && s[i - 1] == '-' && (i < 2 || !isalnum((unsigned char)s[i - 2]));
			if (k && below != 0)
				*out /= below, n += k + 1;
			*out = minus ? -*out : *out;
			found = true;
			i += n;
			continue;
		}
		while (isalpha((unsigned char)s[i + letters]))
			letters++;
		found |= letters && !joined && number_word(s + i, letters, out);
		i += letters ? letters : 1;
	}
	return found;
}

/* The last number counts: a chain of thought ends with its result.  Units and percent signs are not looked at. */
int ril_check_number(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	double got = NAN, want = NAN;
	bool any = last_number(it->response, &got);
	v->score = 0;
	for (size_t i = 0; i < it->q->n_answers && v->score == 0; i++) {
		if (!last_number(it->q->answers[i], &want))
			return ril_fail(err, RIL_EFAIL, "the answer '%.80s' holds no number", it->q->answers[i]);
		v->score = any && fabs(got - want) <= 1e-9 * fmax(1, fabs(want));
	}
	if (any && ril_buf_printf(&v->got, err, "%.15g", got))
		return -1;
	return ril_buf_printf(&v->want, err, "%.15g", want);
}

static bool edge(char c)
{
	return !(isalnum((unsigned char)c) || (c & 0x80));
}

/* Whole words: "cat" is in "the cat sat", not in "category". */
static bool holds(const char *text, const char *part)
{
	size_t n = strlen(part);
	for (const char *p = text; n && (p = strstr(p, part)); p++)
		if ((edge(*part) || p == text || edge(p[-1])) && (edge(part[n - 1]) || edge(p[n])))
			return true;
	return false;
}

int ril_check_contains(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	if (ril_lower(&v->got, it->response, strlen(it->response), err))
		return -1;
	v->score = 0;
	for (size_t i = 0; i < it->q->n_answers && v->score == 0; i++) {
		struct ril_span a = ril_trim(it->q->answers[i], strlen(it->q->answers[i]));
		v->want.len = 0;
		if (ril_lower(&v->want, a.s, a.n, err))
			return -1;
		v->score = holds(v->got.data, v->want.data);
	}
	return 0;
}

/* 1 yes, 0 no, -1 neither or both. */
static int yes_or_no(const char *lower)
{
	bool yes = holds(lower, "yes"), no = holds(lower, "no");
	return yes == no ? -1 : yes;
}

/* The words yes and no anywhere; a response that says both, or neither, is wrong. */
int ril_check_yesno(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	static const char *const name[] = {"", "no", "yes"};
	struct ril_buf low = {0};
	int want, got, rc = -1;
	if (ril_lower(&low, it->q->answers[0], strlen(it->q->answers[0]), err))
		goto out;
	if ((want = yes_or_no(low.data)) < 0) {
		ril_fail(err, RIL_EFAIL, "the answer '%.80s' is neither yes nor no", it->q->answers[0]);
		goto out;
	}
	low.len = 0;
	if (ril_lower(&low, it->response, strlen(it->response), err))
		goto out;
	got = yes_or_no(low.data);
	v->score = got == want;
	rc = ril_buf_puts(&v->got, name[got + 1], err) || ril_buf_puts(&v->want, name[want + 1], err) ? -1 : 0;
out:
	ril_buf_free(&low);
	return rc;
}
