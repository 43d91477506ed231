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

/* A number, with a sign if `sign`; NULL: none. */
static const char *read_number(const char *p, bool sign, double *out)
{
	char *end;
	const char *digits = p + (sign && (*p == '-' || *p == '+'));
	if (!isdigit((unsigned char)*digits) && *digits != '.')
		return NULL;
	*out = strtod(p, &end);
	return end > digits && isfinite(*out) ? skip(end) : NULL;
}

/* name */
static const char *read_name(const char *p, struct ril_reward *r, struct ril_err *err)
{
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
	r->term[r->n++] =
		(struct ril_reward_term){name.data, 1, -INFINITY, INFINITY, 1, !strcmp(name.data, "reward.answer")};
	return skip(p + n);
}

/* [number *] what [* number]; the product of the numbers times *weight. */
static const char *read_weighted(const char *p, double *weight, struct ril_reward *r, struct ril_err *err,
				 const char *(*what)(const char *, struct ril_reward *, struct ril_err *))
{
	double factor;
	const char *q = read_number(p, false, &factor);
	if (!q && (isdigit((unsigned char)*p) || *p == '.'))
		return ril_fail(err, RIL_EUSAGE, "a weight is not finite"), NULL;
	if (q && *q != '*')
		return ril_fail(err, RIL_EUSAGE, "'*' and a term's name must follow a weight"), NULL;
	*weight *= q ? factor : 1;
	p = what(q ? skip(q + 1) : p, r, err);
	if (!p || *p != '*')
		return p;
	if (!(q = read_number(skip(p + 1), true, &factor)))
		return ril_fail(err, RIL_EUSAGE, "a finite weight must follow '*'"), NULL;
	*weight *= factor;
	return q;
}

/* , number: another limit of the term that was read last. */
static const char *read_limit(const char *p, double *out, const char *of, struct ril_err *err)
{
	const char *q = *p == ',' ? read_number(skip(p + 1), true, out) : NULL;
	if (!q)
		ril_fail(err, RIL_EUSAGE, "%s: ',' and a finite number must stand before '%.80s'", of, p);
	return q;
}

/* name, min(term, number), max(term, number) or clip(term, low, high) */
static const char *read_limited(const char *p, struct ril_reward *r, struct ril_err *err)
{
	static const char *const names[] = {"min", "max", "clip"};
	static const char *const forms[] = {"min(term, number)", "max(term, number)", "clip(term, low, high)"};
	double low = -INFINITY, high = INFINITY, scale = 1;
	size_t k = 0;
	while (k < 3 && (strncmp(p, names[k], strlen(names[k])) || *skip(p + strlen(names[k])) != '('))
		k++;
	if (k == 3)
		return read_name(p, r, err);
	p = read_weighted(skip(strchr(p, '(') + 1), &scale, r, err, read_name);
	if (p && k != 0)
		p = read_limit(p, &low, forms[k], err);
	if (p && k != 1)
		p = read_limit(p, &high, forms[k], err);
	if (!p)
		return NULL;
	if (*p != ')')
		return ril_fail(err, RIL_EUSAGE, "%s: ')' is missing %s%s%.80s%s", forms[k],
				*p ? "before" : "at the end", *p ? " '" : "", p, *p ? "'" : ""),
		       NULL;
	if (low > high)
		return ril_fail(err, RIL_EUSAGE, "%s: the lower limit %g is above the upper one, %g", forms[k], low,
				high),
		       NULL;
	struct ril_reward_term *t = &r->term[r->n - 1];
	*t = (struct ril_reward_term){t->tensor, scale, low, high, 1, t->judged};
	return skip(p + 1);
}

static const char *read_term(const char *p, double sign, struct ril_reward *r, struct ril_err *err)
{
	double weight = sign;
	p = read_weighted(p, &weight, r, err, read_limited);
	if (!p)
		return NULL;
	struct ril_reward_term *t = &r->term[r->n - 1];
	t->weight = weight;
	return isfinite(weight) && isfinite(t->scale) ? p : (ril_fail(err, RIL_EUSAGE, "a weight is not finite"), NULL);
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

void ril_reward_judged(struct ril_reward *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		r->term[i].judged |= !strcmp(r->term[i].tensor + strlen("reward."), name);
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
	bool may_be_nan = t->judged;
	const float *x = e->data;
	for (int32_t i = 0; i < n; i++) {
		if (!isfinite(x[i]) && !(may_be_nan && isnan(x[i])))
			return ril_fail(err, RIL_ENONFINITE, "%s: %s of response %d is not finite", ril_record_label(r),
					t->tensor, i);
		double v = t->scale * x[i]; /* NaN has no limits */
		sum[i] += t->weight * (v < t->low ? t->low : v > t->high ? t->high : v);
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
