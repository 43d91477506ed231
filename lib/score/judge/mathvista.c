/* mathvista.c -- MathVista's normalisation of an extracted answer (its calculate_score.py).
 *
 * The benchmark has a model extract the answer from the response first.  Where the row has a field `extraction` that is
 * judged, else the response itself.  `question_type` (multi_choice, free_form), `answer_type` (text, integer, float,
 * list) and `precision` are fields of the data; a question with choices is multi_choice when nothing says otherwise. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include "base/python.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* A float as Python's str() writes it: the shortest digits that read back equal, ".0" on whole numbers. */
static int python_float(struct ril_buf *out, double x, struct ril_err *err)
{
	char s[40];
	if (isinf(x))
		return ril_buf_puts(out, x < 0 ? "-inf" : "inf", err);
	if (isnan(x))
		return ril_buf_puts(out, "nan", err);
	int digits = 1;
	do
		snprintf(s, sizeof s, "%.*e", digits - 1, x);
	while (strtod(s, NULL) != x && ++digits <= 17);
	int exponent = (int)strtol(strchr(s, 'e') + 1, NULL, 10);
	if (exponent < -4 || exponent >= 16) {
		char *e = strchr(s, 'e');
		return ril_buf_printf(out, err, "%.*se%c%02d", (int)(e - s), s, exponent < 0 ? '-' : '+',
				      abs(exponent));
	}
	int after = digits - 1 - exponent;
	return ril_buf_printf(out, err, "%.*f", after > 1 ? after : 1, x);
}

static int nearest_choice(struct ril_buf *out, const struct ril_question *q, const char *text, struct ril_err *err)
{
	size_t best = 0;
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < q->n_choices; i++) {
		int64_t d = ril_edit_distance(text, q->choices[i], err);
		if (d < 0)
			return -1;
		if (d < least)
			least = d, best = i;
	}
	return ril_buf_puts(out, q->choices[best], err);
}

/* "(B) text" and "B" name an option; anything else means the one nearest to it in letters. */
static int choose(struct ril_buf *out, const struct ril_question *q, const char *text, struct ril_err *err)
{
	struct ril_span t = ril_trim(text, strlen(text));
	struct ril_buf trimmed = {0};
	if (ril_buf_add(&trimmed, t.s, t.n, err))
		return -1;
	char letter = t.n == 1 ? *t.s : 0;
	for (const char *p = trimmed.data; (p = strchr(p, '(')); p++)
		if (isalpha((unsigned char)p[1]) && p[2] == ')') {
			letter = (char)toupper((unsigned char)p[1]);
			trimmed.len = 0;
			if (ril_buf_add(&trimmed, &letter, 1, err))
				return ril_buf_free(&trimmed), -1;
			break;
		}
	size_t option = (size_t)(letter - 'A');
	int rc = letter >= 'A' && option < q->n_choices ? ril_buf_puts(out, q->choices[option], err)
							: nearest_choice(out, q, trimmed.data, err);
	ril_buf_free(&trimmed);
	return rc;
}

/* *some is false where the reference has None: not a number. */
static int normalise(struct ril_buf *out, bool *some, struct ril_question *q, const char *text, struct ril_err *err)
{
	const char *question_type, *answer_type, *precision;
	double x, places;
	if (ril_question_text(q, "question_type", q->n_choices ? "multi_choice" : "free_form", &question_type, err) ||
	    ril_question_text(q, "answer_type", "text", &answer_type, err) ||
	    ril_question_text(q, "precision", "", &precision, err))
		return -1;
	*some = true;
	if (!strcmp(question_type, "multi_choice"))
		return q->n_choices ? choose(out, q, text, err)
				    : ril_fail(err, RIL_EFAIL, "a multiple choice without choices");
	bool whole = !strcmp(answer_type, "integer"), real = !strcmp(answer_type, "float");
	if (!whole && !real)
		return ril_buf_puts(out, text, err);
	int is = ril_python_float(&x, text, strlen(text), err);
	if (is < 0)
		return -1;
	if (!is || (whole && !isfinite(x))) {
		*some = false;
		return 0;
	}
	if (whole)
		return ril_buf_printf(out, err, "%.0f", fabs(x) < 1 ? 0 : trunc(x));
	is = ril_python_float(&places, precision, strlen(precision), err);
	if (is < 0)
		return -1;
	if (!is || places != trunc(places) || fabs(places) > 100)
		return ril_fail(err, RIL_EFAIL, "a float answer needs a whole 'precision', not '%.80s'", precision);
	char rounded[512];
	snprintf(rounded, sizeof rounded, "%.*f", places > 0 ? (int)places : 0, x);
	return python_float(out, isfinite(x) ? strtod(rounded, NULL) : x, err);
}

int ril_check_mathvista(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	const char *text;
	bool some;
	/* A null extraction is Python's None, which reads "None". */
	bool none = it->q->row && cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(it->q->row, "extraction"));
	if (ril_question_text(it->q, "extraction", none ? "None" : it->response, &text, err) ||
	    normalise(&v->got, &some, it->q, text, err) || ril_buf_puts(&v->want, it->q->answers[0], err))
		return -1;
	v->score = some && !strcmp(v->got.data, v->want.data);
	return 0;
}
