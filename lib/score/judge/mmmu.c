/* mmmu.c -- MMMU's own reading of responses (eval_utils.py): multiple choice when there are choices, else open.
 *
 * Multiple choice: "(X)", else " X ", else, in more than five words, an option's text; of several the one that stands
 * last.  Where nothing is found the benchmark guesses at random: so do we, seeded by the question's key alone.  Open
 * answers: the tails after "is ", "answer ", "=" and the like in each line, and the numbers in them; a text is right
 * when it contains the answer, a number when it equals it after rounding to two places. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include "base/python.h"
#include "base/rng.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- multiple choice ---- */

static struct ril_span strip_marks(struct ril_span s)
{
	for (const char *mark = ",.!?;:'"; *mark; mark++) {
		while (s.n && *s.s == *mark)
			s.s++, s.n--;
		while (s.n && s.s[s.n - 1] == *mark)
			s.n--;
	}
	return s;
}

static const char *last_found(const char *text, const char *part)
{
	const char *last = NULL;
	for (const char *p = text; (p = strstr(p, part)); p++) {
		last = p;
		if (!*p)
			break;
	}
	return last;
}

/* The option whose mark, made by `format` from its letter, stands last; -1 if none does. */
static int last_letter(const char *text, size_t choices, const char *before, const char *after)
{
	int best = -1;
	const char *at = NULL;
	for (size_t i = 0; i < choices; i++) {
		char mark[8];
		snprintf(mark, sizeof mark, "%s%c%s", before, (char)('A' + i), after);
		const char *p = last_found(text, mark);
		if (p && (!at || p > at))
			at = p, best = (int)i;
	}
	return best;
}

static int last_option(const char *text, const struct ril_question *q, int *best, struct ril_err *err)
{
	struct ril_buf low = {0}, option = {0};
	const char *at = NULL;
	int rc = ril_lower(&low, text, strlen(text), err);
	for (size_t i = 0; !rc && i < q->n_choices; i++) {
		option.len = 0;
		if ((rc = ril_lower(&option, q->choices[i], strlen(q->choices[i]), err)))
			break;
		const char *p = last_found(low.data, option.data);
		if (p && (!at || p > at))
			at = p, *best = (int)i;
	}
	ril_buf_free(&low);
	ril_buf_free(&option);
	return rc;
}

static int choose(const struct ril_item *it, int *out, struct ril_err *err)
{
	struct ril_buf text = {0};
	struct ril_spans words = {0};
	struct ril_span s = strip_marks((struct ril_span){it->response, strlen(it->response)});
	const struct ril_question *q = it->q;
	int rc = ril_buf_puts(&text, " ", err) || ril_buf_add(&text, s.s, s.n, err) || ril_buf_puts(&text, " ", err) ||
				 ril_split(&words, text.data, text.len, err)
			 ? -1
			 : 0;
	*out = rc ? -1 : last_letter(text.data, q->n_choices, "(", ")");
	if (!rc && *out < 0)
		*out = last_letter(text.data, q->n_choices, " ", " ");
	if (!rc && *out < 0 && words.n > 5)
		rc = last_option(text.data, q, out, err);
	if (!rc && *out < 0)
		*out = (int)ril_rng_below(42, RIL_RNG_JUDGE,
					  (struct ril_rng_at){.question = ril_hash32(q->key, strlen(q->key))},
					  (uint32_t)q->n_choices);
	ril_buf_free(&text);
	ril_spans_free(&words);
	return rc;
}

static int check_choice(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	char want = 0, got;
	int option;
	if (it->q->n_choices > 26)
		return ril_fail(err, RIL_EFAIL, "%zu choices are too many", it->q->n_choices);
	if (choose(it, &option, err))
		return -1;
	got = (char)('A' + option);
	v->score = 0;
	for (size_t i = 0; i < it->q->n_answers && v->score == 0; i++) {
		if (ril_gold_letter(it->q, i, &want, err))
			return -1;
		v->score = got == want;
	}
	return ril_buf_add(&v->got, &got, 1, err) || ril_buf_add(&v->want, &want, 1, err) ? -1 : 0;
}

/* ---- open answers ---- */

/* What is compared: texts, and numbers rounded to two places. */
struct values {
	struct ril_buf *text;
	size_t n, cap;
	double *number;
	size_t m, cap_number;
};

static void free_values(struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		ril_buf_free(&v->text[i]);
	free(v->text);
	free(v->number);
}

static int add_text(struct values *v, const char *before, struct ril_span s, const char *after, struct ril_err *err)
{
	if (ril_grow(&v->text, &v->cap, v->n + 1, sizeof *v->text, err))
		return -1;
	struct ril_buf *b = &v->text[v->n++];
	*b = (struct ril_buf){0};
	return ril_buf_puts(b, before, err) || ril_lower(b, s.s, s.n, err) || ril_buf_puts(b, after, err) ? -1 : 0;
}

/* A number, commas taken out, or a text; of a single character two texts, so that it is not found inside words. */
static int add_value(struct values *v, struct ril_span s, struct ril_err *err)
{
	struct ril_buf plain = {0};
	double x;
	s = ril_trim(s.s, s.n);
	int rc = ril_buf_puts(&plain, "", err);
	for (size_t i = 0; !rc && i < s.n; i++)
		rc = s.s[i] == ',' ? 0 : ril_buf_add(&plain, s.s + i, 1, err);
	int number = rc ? -1 : ril_python_float(&x, plain.data, plain.len, err);
	ril_buf_free(&plain);
	if (number < 0)
		return -1;
	if (!number && ril_chars(s.s, s.n) == 1)
		return add_text(v, " ", s, "", err) || add_text(v, "", s, " ", err) ? -1 : 0;
	if (!number)
		return add_text(v, "", s, "", err);
	if (ril_grow(&v->number, &v->cap_number, v->m + 1, sizeof *v->number, err))
		return -1;
	char rounded[512];
	snprintf(rounded, sizeof rounded, "%.2f", x);
	v->number[v->m++] = strtod(rounded, NULL);
	return 0;
}

/* The shortest tail of a line after an indicator; an empty one gives way to any other. */
static struct ril_span tail(struct ril_span line, bool last)
{
	static const char *const indicator[] = {"could be ", "so ",     "is ",     "thus ", "therefore ",
						"final ",    "answer ", "result ", "="};
	struct ril_span best = {NULL, 0};
	for (size_t k = 0; k < sizeof indicator / sizeof *indicator - !last; k++) {
		size_t n = strlen(indicator[k]), from = SIZE_MAX;
		for (size_t i = 0; i + n <= line.n;)
			if (!memcmp(line.s + i, indicator[k], n))
				i = from = i + n;
			else
				i++;
		if (from == SIZE_MAX)
			continue;
		struct ril_span t = ril_trim(line.s + from, line.n - from);
		if (!best.n || ril_chars(t.s, t.n) < ril_chars(best.s, best.n))
			best = t;
	}
	return best;
}

static int add_matches(struct values *v, struct ril_span s, const char *pattern, struct ril_err *err)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
	pcre2_match_data *m = re ? pcre2_match_data_create_from_pattern(re, NULL) : NULL;
	int rc = m ? 0 : ril_fail(err, RIL_EFAIL, "a regular expression cannot be compiled");
	for (size_t from = 0; !rc && pcre2_match(re, (PCRE2_SPTR)s.s, s.n, from, 0, m, NULL) > 0;) {
		const PCRE2_SIZE *o = pcre2_get_ovector_pointer(m);
		rc = add_value(v, (struct ril_span){s.s + o[0], o[1] - o[0]}, err);
		from = o[1];
	}
	pcre2_match_data_free(m);
	pcre2_code_free(re);
	return rc;
}

/* Numbers with commas, in scientific notation, and plain ones, wherever they stand. */
static int add_numbers(struct values *v, struct ril_span s, struct ril_err *err)
{
	return add_matches(v, s, "-?\\b\\d{1,3}(?:,\\d{3})+\\b", err) ||
			       add_matches(v, s, "-?\\d+(?:\\.\\d+)?[eE][+-]?\\d+", err) ||
			       add_matches(v, s, "-?(?:\\d+\\.\\d+|\\.\\d+|\\d+\\b)(?![eE][+-]?\\d+)(?![,\\d])", err)
		       ? -1
		       : 0;
}

static int add_part(struct values *v, struct ril_span s, struct ril_err *err)
{
	return add_value(v, s, err) || add_numbers(v, s, err) ? -1 : 0;
}

/* What a response may mean. */
static int read_open(struct values *v, const char *response, struct ril_err *err)
{
	struct ril_buf low = {0};
	struct ril_span s = ril_trim(response, strlen(response));
	while (s.n && *s.s == '.')
		s.s++, s.n--;
	while (s.n && s.s[s.n - 1] == '.')
		s.n--;
	int rc = ril_lower(&low, s.s, s.n, err);
	size_t parts = 0;
	for (const char *p = low.data; !rc; p++) {
		size_t n = strcspn(p, "\n");
		struct ril_span t = tail((struct ril_span){p, n}, !p[n]);
		if (t.n && !(t.n == 1 && strchr(":,.!?;'", *t.s))) {
			parts++;
			rc = add_part(v, t, err);
		}
		p += n;
		if (!*p)
			break;
	}
	if (!rc && !parts)
		rc = add_part(v, (struct ril_span){low.data, low.len}, err);
	ril_buf_free(&low);
	return rc;
}

static bool any_match(const struct values *got, const struct values *want)
{
	for (size_t i = 0; i < got->n; i++)
		for (size_t j = 0; j < want->n; j++)
			if (strstr(got->text[i].data, want->text[j].data))
				return true;
	for (size_t i = 0; i < got->m; i++)
		for (size_t j = 0; j < want->m; j++)
			if (got->number[i] == want->number[j])
				return true;
	return false;
}

static int show(struct ril_buf *out, const struct values *v, struct ril_err *err)
{
	for (size_t i = 0; i < v->n; i++)
		if (ril_buf_printf(out, err, "%s%s", out->len ? " | " : "", v->text[i].data))
			return -1;
	for (size_t i = 0; i < v->m; i++)
		if (ril_buf_printf(out, err, "%s%.15g", out->len ? " | " : "", v->number[i]))
			return -1;
	return 0;
}

static int check_open(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct values got = {0}, want = {0};
	int rc = read_open(&got, it->response, err);
	for (size_t i = 0; !rc && i < it->q->n_answers; i++)
		rc = add_value(&want, (struct ril_span){it->q->answers[i], strlen(it->q->answers[i])}, err);
	if (!rc) {
		v->score = any_match(&got, &want);
		rc = show(&v->got, &got, err) || show(&v->want, &want, err) ? -1 : 0;
	}
	free_values(&got);
	free_values(&want);
	return rc;
}

int ril_check_mmmu(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	const char *type;
	if (ril_question_text(it->q, "question_type", it->q->n_choices ? "multiple-choice" : "open", &type, err))
		return -1;
	if (strcmp(type, "multiple-choice"))
		return check_open(it, v, err);
	return it->q->n_choices ? check_choice(it, v, err)
				: ril_fail(err, RIL_EFAIL, "a multiple choice without choices");
}
