/* reward.c -- see reward.h. */
#include "score/reward.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static const char *skip(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* [number *] name [* number] */
static const char *read_term(const char *p, double sign, struct ril_reward *r, struct ril_err *err)
{
	double weight = sign, factor;
	char *end;
	if (isdigit((unsigned char)*p) || *p == '.') {
		factor = strtod(p, &end);
		p = skip(end);
		if (*p++ != '*')
			return ril_fail(err, RIL_EUSAGE, "'*' and a term's name must follow a weight"), NULL;
		weight *= factor;
		p = skip(p);
	}
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == '-' || p[n] == '.')
		n++;
	if (!n || !isalpha((unsigned char)*p))
		return ril_fail(err, RIL_EUSAGE, "a term's name is missing %s%s%.80s%s", *p ? "before" : "at the end",
				*p ? " '" : "", p, *p ? "'" : ""),
		       NULL;
	struct ril_buf name = {0};
	if (ril_grow(&r->term, &r->cap, r->n + 1, sizeof *r->term, err) || ril_buf_puts(&name, "reward.", err) ||
	    ril_buf_add(&name, p, n, err))
		return ril_buf_free(&name), NULL;
	r->term[r->n].tensor = name.data;
	p = skip(p + n);
	if (*p == '*') {
		factor = strtod(p + 1, &end);
		if (end == p + 1)
			return r->n++, ril_fail(err, RIL_EUSAGE, "a weight must follow '*'"), NULL;
		weight *= factor;
		p = skip(end);
	}
	r->term[r->n++].weight = weight;
	return isfinite(weight) ? p : (ril_fail(err, RIL_EUSAGE, "a weight is not finite"), NULL);
}

int ril_reward_parse(struct ril_reward *r, const char *text, struct ril_err *err)
{
	const char *p = skip(text);
	*r = (struct ril_reward){0};
	double sign = 1;
	do {
		if (*p == '+' || *p == '-')
			sign = *p == '-' ? -1 : 1, p = skip(p + 1);
		p = read_term(p, sign, r, err);
		if (p && *p && *p != '+' && *p != '-') {
			ril_fail(err, RIL_EUSAGE, "'+' or '-' must stand before '%.80s'", p);
			p = NULL;
		}
	} while (p && *p);
	if (p)
		return 0;
	ril_reward_free(r);
	return ril_context(err, "reward '%.80s'", text);
}

void ril_reward_free(struct ril_reward *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->term[i].tensor);
	free(r->term);
	*r = (struct ril_reward){0};
}

static int add_term(double *sum, int32_t n, const struct ril_reward_term *t, const struct ril_record *r,
		    struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_need(r, t->tensor, RIL_F32, 1, err);
	if (!e && !strcmp(t->tensor, "reward.similarity") && !ril_record_get(r, t->tensor))
		return ril_fail(err, RIL_EFAIL, "%s: no '%s' (ril-discriminate gives it)", ril_record_label(r),
				t->tensor);
	if (!e)
		return ril_setting(err, "reward");
	if (e->count != n)
		return ril_fail(err, RIL_ECORRUPT, "%s: %s has %lld values for %d responses", ril_record_label(r),
				t->tensor, (long long)e->count, n);
	bool may_be_nan = !strcmp(t->tensor, "reward.answer");
	const float *x = e->data;
	for (int32_t i = 0; i < n; i++) {
		if (!isfinite(x[i]) && !(may_be_nan && isnan(x[i])))
			return ril_fail(err, RIL_ENONFINITE, "%s: %s of response %d is not finite", ril_record_label(r),
					t->tensor, i);
		sum[i] += t->weight * x[i];
	}
	return 0;
}

int ril_reward_sum(const struct ril_reward *r, struct ril_record *record, struct ril_err *err)
{
	struct ril_responses resp;
	if (ril_responses_get(record, &resp, err))
		return -1;
	double *sum = ril_new((size_t)resp.n, sizeof *sum, err);
	float *out = ril_new((size_t)resp.n, sizeof *out, err);
	int rc = sum && out ? 0 : -1;
	for (size_t k = 0; !rc && k < r->n; k++)
		rc = add_term(sum, resp.n, &r->term[k], record, err);
	for (int32_t i = 0; !rc && i < resp.n; i++) {
		out[i] = (float)sum[i];
		if (isinf(out[i]))
			rc = ril_fail(err, RIL_ENONFINITE, "%s: the reward of response %d overflows",
				      ril_record_label(record), i);
	}
	if (!rc)
		rc = ril_record_set(record, "reward", RIL_F32, 1, &(int64_t){resp.n}, out, err);
	free(sum);
	free(out);
	return rc;
}
