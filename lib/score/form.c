/* form.c -- see form.h.
 *
 * A response on which an expression runs into PCRE2's limits does not match: a run does not end because a policy found
 * a text that is hard to match. */
#include "score/form.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

struct ril_form {
	pcre2_code *code;
	pcre2_match_data *match;
	int64_t full, none; /* tokens with the whole reward, and with none */
	bool has_length;
	int64_t repetition;
};

/* What stands between tags: something, and none of the tags. */
#define INSIDE "\\s*+(?:[^<]++|<(?!/?(?:think|answer)>))++"
static const struct {
	const char *name, *expression;
} ready[] = {
	{"think-answer", "\\s*<think>" INSIDE "</think>\\s*<answer>" INSIDE "</answer>\\s*"},
};

static int compile(struct ril_form *f, const char *text, struct ril_err *err)
{
	int code;
	PCRE2_SIZE at;
	for (size_t i = 0; i < sizeof ready / sizeof *ready; i++)
		if (!strcmp(text, ready[i].name))
			text = ready[i].expression;
	f->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
				PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
	if (!f->code) {
		char why[128] = "";
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		return ril_fail(err, RIL_EUSAGE, "format '%.80s': %s at byte %zu", text, why, (size_t)at);
	}
	f->match = pcre2_match_data_create(1, NULL);
	return f->match ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
}

static int read_length(struct ril_form *f, const char *text, struct ril_err *err)
{
	char *end = NULL;
	errno = 0;
	if (isdigit((unsigned char)*text))
		f->full = strtoll(text, &end, 10);
	if (end && *end == '-' && isdigit((unsigned char)end[1]))
		f->none = strtoll(end + 1, &end, 10);
	f->has_length = true;
	if (errno || !end || *end || f->none <= f->full)
		return ril_fail(err, RIL_EUSAGE, "length '%.80s': two numbers of tokens are needed, A-B with A < B",
				text);
	return 0;
}

struct ril_form *ril_form_open(const struct ril_form_options *how, struct ril_err *err)
{
	struct ril_form *f = ril_new(1, sizeof *f, err);
	if (!f)
		return NULL;
	f->repetition = how->repetition;
	if ((how->format && compile(f, how->format, err)) || (how->length && read_length(f, how->length, err))) {
		ril_form_free(f);
		return NULL;
	}
	return f;
}

void ril_form_free(struct ril_form *f)
{
	if (!f)
		return;
	pcre2_code_free(f->code);
	pcre2_match_data_free(f->match);
	free(f);
}

static double length_reward(const struct ril_form *f, int64_t n)
{
	return n <= f->full ? 1 : n >= f->none ? 0 : (double)(f->none - n) / (double)(f->none - f->full);
}

static int compare_grams(const void *a, const void *b, void *n)
{
	const int32_t *x = *(const int32_t *const *)a, *y = *(const int32_t *const *)b;
	for (int64_t i = 0; i < *(int64_t *)n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* 1 - different n-grams / n-grams; 0 for a response that is too short to have one. */
static int repeated_share(float *out, const int32_t *ids, int64_t n, int64_t gram, struct ril_err *err)
{
	int64_t grams = n - gram + 1, different = 1;
	*out = 0;
	if (grams < 2)
		return 0;
	const int32_t **at = ril_new((size_t)grams, sizeof *at, err);
	if (!at)
		return -1;
	for (int64_t i = 0; i < grams; i++)
		at[i] = ids + i;
	qsort_r(at, (size_t)grams, sizeof *at, compare_grams, &gram);
	for (int64_t i = 1; i < grams; i++)
		different += compare_grams(&at[i - 1], &at[i], &gram) != 0;
	*out = (float)(1 - (double)different / (double)grams);
	free(at);
	return 0;
}

static int set(struct ril_record *r, bool wanted, const char *name, const float *x, int64_t n, struct ril_err *err)
{
	return wanted ? ril_record_set(r, name, RIL_F32, 1, &n, x, err) : 0;
}

int ril_form_group(struct ril_form *f, const struct ril_item *item, struct ril_record *r, struct ril_err *err)
{
	struct ril_responses resp;
	if (ril_responses_get(r, &resp, err))
		return -1;
	size_t n = (size_t)resp.n;
	float *format = ril_new(3 * n, sizeof *format, err), *length = format + n, *repetition = length + n;
	int rc = format ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		int64_t tokens = resp.start[i + 1] - resp.start[i];
		format[i] = f->code && pcre2_match(f->code, (PCRE2_SPTR)item[i].response, PCRE2_ZERO_TERMINATED, 0, 0,
						   f->match, NULL) >= 0;
		length[i] = (float)length_reward(f, tokens);
		if (f->repetition)
			rc = repeated_share(&repetition[i], resp.ids + resp.start[i], tokens, f->repetition, err);
	}
	if (!rc)
		rc = set(r, f->code != NULL, "reward.format", format, (int64_t)n, err) ||
				     set(r, f->has_length, "reward.length", length, (int64_t)n, err) ||
				     set(r, f->repetition > 0, "reward.repetition", repetition, (int64_t)n, err)
			     ? -1
			     : 0;
	free(format);
	return rc;
}
