/* responses.c -- the responses of a group, in CSR form: resp.start delimits resp.ids; see stream.h.
 *
 * Whoever adds responses must extend every field that has one value a response or a token.  The known ones are extended
 * here; a field named resp.* that we do not know cannot be, hence is refused rather than left out of step. */
#include "base/json.h"
#include "stream/stream_internal.h"

#include <math.h>
#include <stdlib.h>

static const char *const known[] = {"resp.ids", "resp.start", "resp.source", "resp.finish", "resp.logp", "resp.text"};
static const char *const derived[] = {"disc.*", "reward*", "advantage", "logp.*"};

static int wrong(const struct ril_record *r, const char *what, struct ril_err *err)
{
	return ril_fail(err, RIL_ECORRUPT, "%s: %s", ril_record_label(r), what);
}

int ril_responses_get(const struct ril_record *r, struct ril_responses *out, struct ril_err *err)
{
	enum { START, IDS, SOURCE, FINISH, LOGP, FIELDS };
	struct ril_binding f[FIELDS] = {
		{"resp.start", NULL},  {"resp.ids", NULL},  {"resp.source", NULL},
		{"resp.finish", NULL}, {"resp.logp", NULL},
	};
	*out = (struct ril_responses){0};
	ril_record_bind(r, f, FIELDS);
	if (!f[START].e)
		return f[IDS].e ? wrong(r, "'resp.ids' without 'resp.start'", err) : 0;
	for (int k = START; k <= FINISH; k++)
		if (ril_record_check(r, &f[k], RIL_I32, 1, err))
			return -1;
	const struct ril_st_entry *start = f[START].e, *ids = f[IDS].e, *source = f[SOURCE].e, *finish = f[FINISH].e;
	const struct ril_st_entry *logp = f[LOGP].e;
	const int32_t *at = start->data;
	int64_t n = start->count - 1;
	if (n < 0 || n > INT32_MAX || at[0] != 0 || at[n] != ids->count)
		return wrong(r, "'resp.start' does not delimit 'resp.ids'", err);
	for (int64_t i = 0; i < n; i++)
		if (at[i + 1] < at[i])
			return wrong(r, "'resp.start' descends", err);
	if (source->count != n || finish->count != n)
		return wrong(r, "'resp.source', 'resp.finish' and 'resp.start' disagree on the number of responses",
			     err);
	if (logp && (logp->dtype != RIL_F32 || logp->count != ids->count))
		return wrong(r, "'resp.logp' does not fit 'resp.ids'", err);
	*out = (struct ril_responses){(int32_t)n, ids->data, at, source->data, finish->data};
	return 0;
}

static bool unknown(const char *name)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i], name))
			return false;
	return !strncmp(name, "resp.", 5);
}

static int refuse_unknown(const struct ril_record *r, struct ril_err *err)
{
	static const char why[] = "%s: responses cannot be added: '%s' is not known here and would no longer fit";
	for (size_t i = 0; i < r->nfield; i++)
		if (unknown(r->field[i].e->name))
			return ril_fail(err, RIL_EFAIL, why, r->label, r->field[i].e->name);
	for (size_t i = 0; i < r->ntext; i++)
		if (unknown(r->text[i].name))
			return ril_fail(err, RIL_EFAIL, why, r->label, r->text[i].name);
	return 0;
}

/* The new JSON list: the old one's text with elements appended. */
static int extend_text(struct ril_record *r, int32_t old_n, const struct ril_new_response *add, int32_t n,
		       struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = 0, have = 0;
	const char *old = ril_record_meta(r, "resp.text");
	if (old) {
		cJSON *list = ril_record_json(r, "resp.text", err);
		have = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
		rc = !list ? -1 : have != old_n ? wrong(r, "'resp.text' has not one text a response", err) : 0;
		cJSON_Delete(list);
		if (!rc)
			rc = ril_buf_add(&b, old, (size_t)(strrchr(old, ']') - old), err);
	} else {
		rc = ril_buf_puts(&b, "[", err);
		for (; have < old_n && !rc; have++)
			rc = ril_buf_puts(&b, have ? ",null" : "null", err);
	}
	for (int32_t i = 0; i < n && !rc; i++) {
		const char *text = add[i].text ? add[i].text : "";
		rc = have + i ? ril_buf_puts(&b, ",", err) : 0;
		if (!rc)
			rc = ril_json_quote(&b, text, strlen(text), false, err);
	}
	if (!rc)
		rc = ril_buf_puts(&b, "]", err) || ril_record_set_meta(r, "resp.text", b.data, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

/* The extended tensors in one allocation, as [ids R | start n+1 | source n | finish n | logp R]. */
struct extended {
	int32_t *ids, *start, *source, *finish;
	float *logp;
	int64_t tokens, n;
};

static int extend(struct extended *x, const struct ril_responses *old, const float *old_logp,
		  const struct ril_new_response *add, int32_t n, struct ril_err *err)
{
	int64_t tokens = old->n ? old->start[old->n] : 0, total = (int64_t)old->n + n;
	for (int32_t i = 0; i < n; i++)
		tokens += add[i].n;
	if (tokens > INT32_MAX || total >= INT32_MAX)
		return ril_fail(err, RIL_EFAIL, "too many response tokens in one group");
	*x = (struct extended){.tokens = tokens, .n = total};
	if (!(x->ids = ril_new((size_t)(2 * tokens + 3 * total + 1), sizeof *x->ids, err)))
		return -1;
	x->start = x->ids + tokens;
	x->source = x->start + total + 1;
	x->finish = x->source + total;
	x->logp = (float *)(x->finish + total);
	int32_t at = 0, k = 0;
	if (old->n) {
		at = old->start[old->n];
		memcpy(x->ids, old->ids, (size_t)at * sizeof *x->ids);
		memcpy(x->start, old->start, (size_t)old->n * sizeof *x->start);
		memcpy(x->source, old->source, (size_t)old->n * sizeof *x->source);
		memcpy(x->finish, old->finish, (size_t)old->n * sizeof *x->finish);
		for (int32_t t = 0; t < at; t++)
			x->logp[t] = old_logp ? old_logp[t] : NAN;
		k = old->n;
	}
	for (int32_t i = 0; i < n; i++, k++) {
		x->start[k] = at;
		x->source[k] = add[i].source;
		x->finish[k] = add[i].finish;
		for (int32_t t = 0; t < add[i].n; t++, at++) {
			x->ids[at] = add[i].ids[t];
			x->logp[at] = add[i].logp ? add[i].logp[t] : NAN;
		}
	}
	x->start[k] = at;
	return 0;
}

static int store(struct ril_record *r, const struct extended *x, bool with_logp, struct ril_err *err)
{
	int64_t tokens = x->tokens, n = x->n, n1 = x->n + 1;
	if (ril_record_set(r, "resp.ids", RIL_I32, 1, &tokens, x->ids, err) ||
	    ril_record_set(r, "resp.start", RIL_I32, 1, &n1, x->start, err) ||
	    ril_record_set(r, "resp.source", RIL_I32, 1, &n, x->source, err) ||
	    ril_record_set(r, "resp.finish", RIL_I32, 1, &n, x->finish, err))
		return -1;
	return with_logp ? ril_record_set(r, "resp.logp", RIL_F32, 1, &tokens, x->logp, err) : 0;
}

static void drop_derived(struct ril_record *r)
{
	for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
		ril_record_drop(r, derived[i]);
}

int ril_responses_add(struct ril_record *r, const struct ril_new_response *add, int32_t n, struct ril_err *err)
{
	struct ril_responses old;
	struct extended x = {0};
	if (ril_responses_get(r, &old, err) || refuse_unknown(r, err))
		return -1;
	const struct ril_st_entry *logp = ril_record_get(r, "resp.logp");
	bool with_logp = logp != NULL;
	for (int32_t i = 0; i < n; i++)
		with_logp |= add[i].logp != NULL;
	if (extend(&x, &old, logp ? logp->data : NULL, add, n, err))
		return ril_context(err, "%s", ril_record_label(r));
	int rc = extend_text(r, old.n, add, n, err) || store(r, &x, with_logp, err) ? -1 : 0;
	free(x.ids);
	if (!rc)
		drop_derived(r);
	return rc;
}
