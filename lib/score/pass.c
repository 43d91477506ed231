/* pass.c -- what several responses to one question are worth together: pass@k and how many of them differ.
 *
 * pass@k is the chance that of k responses, drawn from a question's n without replacement, one is right: with c right ones
 * 1 - C(n-c, k) / C(n, k), unbiased for the policy's own (Chen et al., arXiv 2107.03374).  It is computed as the product
 * over i from n-c+1 to n of 1 - k/i, in which nothing overflows.  A response is right whose score is above one half;
 * undecided ones are no responses here.  "distinct" counts a question's different texts, "distinct right" those of right
 * ones. */
#include "score/report_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_K = 2 }; /* metrics: distinct, distinct right, then pass@1, pass@2, pass@4... */

struct tries {
	int32_t type, n, right;
	int32_t distinct[2]; /* of all, of the right ones */
};

struct one {
	int32_t key, text, type;
	bool right;
};

/* Questions of one source, category after category; of one metric their values and the resampled means. */
struct pass {
	struct tries *question; /* [n] */
	size_t n, types;
	int32_t most;  /* responses to one question */
	size_t *start; /* [types+1]: where each category begins */
	double *value; /* [n], NaN: the question has no such figure */
	double *drawn; /* [types+1, resamples] */
	uint32_t *pick;
};

static int by_question(const void *a, const void *b)
{
	const struct one *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->text < y->text ? -1 : x->text > y->text;
}

static int by_type(const void *a, const void *b)
{
	const struct tries *x = a, *y = b;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* Equal texts stand beside each other; one text may be right and, to a judge that is asked, wrong another time. */
static void count_questions(struct pass *p, const struct one *one, size_t n)
{
	bool right = false;
	for (size_t i = 0; i < n; i++) {
		bool first = !i || one[i].key != one[i - 1].key, fresh = first || one[i].text != one[i - 1].text;
		if (first)
			p->question[p->n++] = (struct tries){.type = one[i].type};
		struct tries *q = &p->question[p->n - 1];
		right = right && !fresh;
		q->n++;
		q->right += one[i].right;
		q->distinct[0] += fresh;
		q->distinct[1] += one[i].right && !right;
		right |= one[i].right;
		p->most = q->n > p->most ? q->n : p->most;
	}
}

/* The source's rows; a question is in the category of its first. */
static int gather(struct pass *p, const struct ril_report *r, int32_t source, struct ril_err *err)
{
	struct one *one = ril_new(r->n + 1, sizeof *one, err);
	int32_t *type = ril_new(r->keys.n + 1, sizeof *type, err); /* plus 1; 0: not seen */
	size_t n = 0;
	p->types = r->types.n;
	p->question = ril_new(r->keys.n + 1, sizeof *p->question, err);
	p->start = ril_new(p->types + 2, sizeof *p->start, err);
	p->pick = ril_new(r->keys.n + 1, sizeof *p->pick, err);
	p->value = ril_new(r->keys.n + 1, sizeof *p->value, err);
	if (!p->value || !one || !type || !p->question || !p->start || !p->pick) {
		free(one);
		free(type);
		return -1;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->row[i];
		if (row->source != source || isnan(row->score))
			continue;
		if (!type[row->key])
			type[row->key] = row->type + 1;
		one[n++] = (struct one){row->key, row->text, type[row->key] - 1, row->score > .5};
	}
	qsort(one, n, sizeof *one, by_question);
	count_questions(p, one, n);
	free(one);
	free(type);
	qsort(p->question, p->n, sizeof *p->question, by_type);
	for (size_t i = 0; i < p->n; i++)
		p->start[p->question[i].type + 1] = i + 1;
	for (size_t t = 1; t <= p->types; t++)
		p->start[t] = p->start[t] ? p->start[t] : p->start[t - 1];
	return 0;
}

static double pass_at(const struct tries *q, int32_t k)
{
	double miss = 1;
	if (q->n - q->right < k)
		return 1;
	for (int32_t i = q->n - q->right + 1; i <= q->n; i++)
		miss *= 1 - (double)k / i;
	return 1 - miss;
}

static double value_of(const struct tries *q, int metric)
{
	if (metric < FIRST_K)
		return q->distinct[metric];
	int32_t k = 1 << (metric - FIRST_K);
	return q->n < k ? NAN : pass_at(q, k);
}

struct sum {
	double sum;
	size_t n;
};

/* Adds category t's questions, all of them or those drawn. */
static struct sum add_up(const struct pass *p, size_t t, const uint32_t *pick)
{
	struct sum s = {0};
	for (size_t i = p->start[t]; i < p->start[t + 1]; i++) {
		double x = p->value[pick ? p->start[t] + pick[i - p->start[t]] : i];
		s.sum += isnan(x) ? 0 : x;
		s.n += !isnan(x);
	}
	return s;
}

static double mean(const struct sum *s)
{
	return s->n ? s->sum / (double)s->n : NAN;
}

static void resample(struct pass *p, const struct ril_resampling *how)
{
	const size_t B = (size_t)how->resamples;
	for (size_t b = 0; b < B; b++) {
		struct sum all = {0};
		for (size_t t = 0; t < p->types; t++) {
			ril_resample(p->pick, p->start[t + 1] - p->start[t], how->seed, (uint32_t)b, (uint32_t)t);
			struct sum s = add_up(p, t, p->pick);
			p->drawn[t * B + b] = mean(&s);
			all.sum += s.sum;
			all.n += s.n;
		}
		p->drawn[p->types * B + b] = mean(&all);
	}
}

static int add_row(const struct pass *p, size_t t, const char *source, const char *type, const char *metric,
		   const struct sum *s, const struct ril_resampling *how, struct ril_sheet *sheet, struct ril_err *err)
{
	if (!s->n)
		return 0;
	if (ril_sheet_row(sheet, err) || ril_sheet_text(sheet, 0, source, err) || ril_sheet_text(sheet, 1, type, err) ||
	    ril_sheet_text(sheet, 2, metric, err))
		return -1;
	ril_sheet_number(sheet, 3, (double)s->n, 0);
	ril_sheet_number(sheet, 4, mean(s), 4);
	if (how->resamples) {
		struct ril_interval in =
			ril_percentiles(p->drawn + t * (size_t)how->resamples, (size_t)how->resamples, how->confidence);
		ril_sheet_number(sheet, 5, in.low, 4);
		ril_sheet_number(sheet, 6, in.high, 4);
	}
	return 0;
}

static int add_metric(struct pass *p, const struct ril_report *r, const char *source, int metric,
		      const struct ril_resampling *how, struct ril_sheet *sheet, struct ril_err *err)
{
	static const char *const plain[] = {"distinct", "distinct right"};
	char name[32];
	struct sum all = {0};
	int rc = 0;
	if (metric < FIRST_K)
		snprintf(name, sizeof name, "%s", plain[metric]);
	else
		snprintf(name, sizeof name, "pass@%d", 1 << (metric - FIRST_K));
	for (size_t i = 0; i < p->n; i++)
		p->value[i] = value_of(&p->question[i], metric);
	resample(p, how);
	for (size_t t = 0; t < p->types && !rc; t++) {
		struct sum s = add_up(p, t, NULL);
		rc = add_row(p, t, source, ril_intern_text(&r->types, t), name, &s, how, sheet, err);
		all.sum += s.sum;
		all.n += s.n;
	}
	return rc ? -1 : add_row(p, p->types, source, "all", name, &all, how, sheet, err);
}

static int fill_source(const struct ril_report *r, int32_t source, const struct ril_resampling *how,
		       struct ril_sheet *sheet, bool *begun, struct ril_err *err)
{
	static const char *const columns[] = {"source", "type", "metric", "questions", "value", "low", "high", NULL};
	struct pass p = {0};
	char name[24];
	size_t values;
	if (!ril_mul(&values, r->types.n + 1, (size_t)how->resamples))
		values = SIZE_MAX;
	int rc = (p.drawn = ril_new(values, sizeof *p.drawn, err)) ? gather(&p, r, source, err) : -1;
	if (!rc && p.most > 1 && !*begun) {
		rc = ril_sheet_section(sheet, "samples", columns, err) < 0 ? -1 : 0;
		*begun = true;
	}
	for (int metric = 0; !rc && p.most > 1 && (metric < FIRST_K || p.most >> (metric - FIRST_K)); metric++)
		rc = add_metric(&p, r, ril_source_name(source, name), metric, how, sheet, err);
	free(p.question);
	free(p.start);
	free(p.value);
	free(p.drawn);
	free(p.pick);
	return rc;
}

int ril_report_samples(const struct ril_report *r, const struct ril_resampling *how, struct ril_sheet *sheet,
		       struct ril_err *err)
{
	bool begun = false;
	for (size_t i = 0; i < r->n_sources; i++)
		if (fill_source(r, r->sources[i], how, sheet, &begun, err))
			return -1;
	return 0;
}
