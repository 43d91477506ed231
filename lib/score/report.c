/* report.c -- see report.h. */
#include "caption/report.h"
#include "score/report_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct ril_report *ril_report_new(const char *by, struct ril_err *err)
{
	struct ril_report *r = ril_new(1, sizeof *r, err);
	if (r)
		r->by = by;
	return r;
}

void ril_report_free(struct ril_report *r)
{
	if (!r)
		return;
	ril_intern_free(&r->keys);
	ril_intern_free(&r->types);
	ril_intern_free(&r->figures);
	ril_intern_free(&r->pairs);
	ril_intern_free(&r->texts);
	ril_captions_free(r->captions);
	free(r->row);
	free(r->sources);
	free(r->item_source);
	free(r);
}

size_t ril_report_rows(const struct ril_report *r)
{
	return r->n;
}

const char *ril_source_name(int32_t source, char buf[24])
{
	if (source > 0)
		snprintf(buf, 24, "teacher %d", source);
	return source > 0 ? buf : source ? "gold" : "student";
}

static int note_source(struct ril_report *r, int32_t source, struct ril_err *err)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i] == source)
			return 0;
	if (ril_grow(&r->sources, &r->cap_sources, r->n_sources + 1, sizeof *r->sources, err))
		return -1;
	r->sources[r->n_sources++] = source;
	return 0;
}

static int add_reference(struct ril_captions *c, int64_t image, const char *text, struct ril_err *err)
{
	return ril_captions_reference(c, image, text, strlen(text), err);
}

/* The references are the field `references`, a list of texts, or else the answers. */
static int add_picture(struct ril_report *r, struct ril_question *q, const cJSON *references, int64_t *image,
		       struct ril_err *err)
{
	if ((*image = ril_captions_find(r->captions, q->key)) >= 0)
		return 0;
	if ((*image = ril_captions_picture(r->captions, q->key, err)) < 0)
		return -1;
	for (size_t i = 0; !references && i < q->n_answers; i++)
		if (add_reference(r->captions, *image, q->answers[i], err))
			return -1;
	for (const cJSON *t = references ? references->child : NULL; t; t = t->next) {
		if (!cJSON_IsString(t))
			return ril_fail(err, RIL_ECORRUPT, "'%s': references holds something that is not text", q->key);
		if (add_reference(r->captions, *image, t->valuestring, err))
			return -1;
	}
	return 0;
}

static int add_caption(struct ril_report *r, const struct ril_item *it, int32_t source, struct ril_err *err)
{
	const cJSON *references;
	int64_t image;
	if (ril_question_field(it->q, "references", &references, err))
		return -1;
	if (!references && strcmp(it->q->type, "caption"))
		return 0;
	if (references && !cJSON_IsArray(references))
		return ril_fail(err, RIL_ECORRUPT, "'%s': references is no list", it->q->key);
	if (!r->captions && !(r->captions = ril_captions_new(RIL_CAP_PTB, err)))
		return -1;
	if (add_picture(r, it->q, references, &image, err) ||
	    ril_captions_candidate(r->captions, image, it->response, strlen(it->response), err) < 0 ||
	    ril_grow(&r->item_source, &r->cap_items, r->n_items + 1, sizeof *r->item_source, err))
		return -1;
	r->item_source[r->n_items++] = source;
	return 0;
}

int ril_report_add(struct ril_report *r, const struct ril_item *it, const struct ril_verdict *v, const char *judge,
		   int32_t source, struct ril_err *err)
{
	struct report_row row = {.score = v->score, .source = source, .figure = -1, .pair = -1, .cut = it->finish != 0};
	const char *type = it->q->type;
	if (r->by && ril_question_text(it->q, r->by, "", &type, err))
		return -1;
	row.key = (int32_t)ril_intern_str(&r->keys, it->q->key, err);
	row.type = (int32_t)ril_intern_str(&r->types, *type ? type : "-", err);
	row.text = (int32_t)ril_intern_str(&r->texts, it->response, err);
	if (row.key < 0 || row.type < 0 || row.text < 0 || note_source(r, source, err) ||
	    ril_report_note_benchmark(r, &row, it, v, judge, err) || add_caption(r, it, source, err) ||
	    ril_grow(&r->row, &r->cap, r->n + 1, sizeof *r->row, err))
		return -1;
	r->row[r->n++] = row;
	return 0;
}

/* The student's, if there is one. */
static int32_t headline_source(const struct ril_report *r)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i] == 0)
			return 0;
	return r->sources[0];
}

/* ---- accuracy ---- */

struct cluster {
	int32_t type;
	double sum;
	uint32_t decided;
};
struct tally {
	double sum;
	size_t decided, questions, responses, cut, undecided;
};

/* One source's questions, and what they add up to by category; tally[types] is over all. */
struct accuracy {
	struct cluster *cluster;
	size_t n, types;
	struct tally *tally;   /* [types+1] */
	size_t *start, *order; /* clusters of category t: order[start[t]..start[t+1]) */
	double *value;         /* [types+2, resamples] */
};

static void count(struct tally *t, const struct report_row *row)
{
	t->responses++;
	t->cut += row->cut;
	if (isnan(row->score)) {
		t->undecided++;
	} else {
		t->sum += row->score;
		t->decided++;
	}
}

static int gather(struct accuracy *a, const struct ril_report *r, int32_t source, int64_t resamples,
		  struct ril_err *err)
{
	a->types = r->types.n;
	/* A question is in the category of its first row. */
	int32_t *at = ril_new(r->keys.n, sizeof *at, err);
	a->cluster = ril_new(r->keys.n, sizeof *a->cluster, err);
	a->tally = ril_new(a->types + 1, sizeof *a->tally, err);
	a->start = ril_new(a->types + 2, sizeof *a->start, err);
	a->order = ril_new(r->keys.n, sizeof *a->order, err);
	size_t values;
	if (!ril_mul(&values, a->types + 2, (size_t)resamples))
		values = SIZE_MAX;
	a->value = ril_new(values, sizeof *a->value, err);
	if (!at || !a->cluster || !a->tally || !a->start || !a->order || !a->value) {
		free(at);
		return -1;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->row[i];
		if (row->source != source)
			continue;
		if (!at[row->key]) {
			a->cluster[a->n] = (struct cluster){.type = row->type};
			at[row->key] = (int32_t)++a->n;
			a->tally[row->type].questions++;
			a->tally[a->types].questions++;
		}
		struct cluster *c = &a->cluster[at[row->key] - 1];
		if (!isnan(row->score)) {
			c->sum += row->score;
			c->decided++;
		}
		count(&a->tally[c->type], row);
		count(&a->tally[a->types], row);
	}
	free(at);
	for (size_t i = 0; i < a->n; i++)
		a->start[a->cluster[i].type + 1]++;
	for (size_t t = 0; t < a->types; t++)
		a->start[t + 1] += a->start[t];
	for (size_t i = a->n; i--;) /* counting sort, from the back */
		a->order[--a->start[a->cluster[i].type + 1]] = i;
	for (size_t t = 0; t < a->types; t++)
		a->start[t] = a->start[t + 1];
	a->start[a->types] = a->n;
	return 0;
}

static double mean(double sum, size_t n)
{
	return n ? sum / (double)n : NAN;
}

/* Rows of values: the categories, all, the mean over categories. */
static void resample(struct accuracy *a, size_t b, size_t resamples, uint32_t seed, uint32_t *pick)
{
	double all = 0, macro = 0;
	size_t decided = 0, filled = 0;
	for (size_t t = 0; t < a->types; t++) {
		size_t n = a->start[t + 1] - a->start[t], k = 0;
		double sum = 0;
		ril_resample(pick, n, seed, (uint32_t)b, (uint32_t)t);
		for (size_t i = 0; i < n; i++) {
			const struct cluster *c = &a->cluster[a->order[a->start[t] + pick[i]]];
			sum += c->sum;
			k += c->decided;
		}
		a->value[t * resamples + b] = mean(sum, k);
		macro += k ? sum / (double)k : 0;
		filled += k > 0;
		all += sum;
		decided += k;
	}
	a->value[a->types * resamples + b] = mean(all, decided);
	a->value[(a->types + 1) * resamples + b] = mean(macro, filled);
}

static int add_row(struct ril_sheet *s, const char *source, const char *type, const struct tally *t, double score,
		   double *value, const struct ril_resampling *how, struct ril_err *err)
{
	struct ril_interval in = ril_percentiles(value, (size_t)how->resamples, how->confidence);
	if (ril_sheet_row(s, err) || ril_sheet_text(s, 0, source, err) || ril_sheet_text(s, 1, type, err))
		return -1;
	ril_sheet_number(s, 2, (double)t->questions, 0);
	ril_sheet_number(s, 3, (double)t->responses, 0);
	ril_sheet_number(s, 4, score, 4);
	if (how->resamples) {
		ril_sheet_number(s, 5, in.low, 4);
		ril_sheet_number(s, 6, in.high, 4);
	}
	ril_sheet_number(s, 7, (double)t->cut, 0);
	ril_sheet_number(s, 8, (double)t->undecided, 0);
	return 0;
}

static int put_number(struct ril_buf *b, const char *name, double x, struct ril_err *err)
{
	if (ril_json_quote(b, name, strlen(name), false, err))
		return -1;
	return isnan(x) ? ril_buf_puts(b, ": null", err) : ril_buf_printf(b, err, ": %.10g", x);
}

static int write_headline(const struct ril_report *r, const struct accuracy *a, double macro, struct ril_buf *b,
			  struct ril_err *err)
{
	const struct tally *all = &a->tally[a->types];
	const char *sep = "";
	if (put_number(b, "accuracy", mean(all->sum, all->decided), err) || ril_buf_puts(b, ",\n", err) ||
	    put_number(b, "macro", macro, err) ||
	    ril_buf_printf(b, err, ",\n\"n\": %zu,\n\"types\": {", all->responses))
		return -1;
	for (size_t t = 0; t < a->types; t++) {
		const struct tally *y = &a->tally[t];
		if (!y->responses)
			continue;
		const char *type = ril_intern_text(&r->types, t);
		if (ril_buf_puts(b, sep, err) || ril_json_quote(b, type, strlen(type), false, err) ||
		    ril_buf_puts(b, ": {", err) || put_number(b, "accuracy", mean(y->sum, y->decided), err) ||
		    ril_buf_printf(b, err, ", \"n\": %zu}", y->responses))
			return -1;
		sep = ", ";
	}
	return ril_buf_puts(b, "},\n", err);
}

static int fill_source(const struct ril_report *r, int32_t source, const struct ril_resampling *how,
		       struct ril_sheet *s, struct ril_err *err)
{
	struct accuracy a = {0};
	char name[24];
	const char *label = ril_source_name(source, name);
	size_t b_n = (size_t)how->resamples, filled = 0, present = 0;
	double macro = 0;
	uint32_t *pick = ril_new(r->keys.n, sizeof *pick, err);
	int rc = pick ? gather(&a, r, source, how->resamples, err) : -1;
	for (size_t b = 0; !rc && b < b_n; b++)
		resample(&a, b, b_n, how->seed, pick);
	for (size_t t = 0; !rc && t < a.types; t++) {
		double score = mean(a.tally[t].sum, a.tally[t].decided);
		if (!a.tally[t].responses)
			continue;
		rc = add_row(s, label, ril_intern_text(&r->types, (size_t)t), &a.tally[t], score, a.value + t * b_n,
			     how, err);
		present++;
		filled += a.tally[t].decided > 0;
		macro += a.tally[t].decided ? score : 0;
	}
	const struct tally *all = a.tally ? &a.tally[a.types] : NULL;
	if (!rc && present > 1)
		rc = add_row(s, label, "macro-average", all, mean(macro, filled), a.value + (a.types + 1) * b_n, how,
			     err);
	if (!rc)
		rc = add_row(s, label, "all", all, mean(all->sum, all->decided), a.value + a.types * b_n, how, err);
	if (!rc && source == headline_source(r))
		rc = write_headline(r, &a, mean(macro, filled), &s->headline, err);
	free(pick);
	free(a.cluster);
	free(a.tally);
	free(a.start);
	free(a.order);
	free(a.value);
	return rc;
}

/* ---- captions ---- */

static int fill_captions_of(const struct ril_report *r, int32_t source, const struct ril_resampling *how,
			    struct ril_sheet *s, struct ril_err *err)
{
	const struct ril_caption_options options = {.metrics = RIL_CAP_BUILTIN};
	size_t n = 0, *items = ril_new(r->n_items, sizeof *items, err);
	char name[24];
	if (!items)
		return -1;
	for (size_t i = 0; i < r->n_items; i++)
		if (r->item_source[i] == source)
			items[n++] = i;
	struct ril_caption_scores *scores = n ? ril_captions_score(r->captions, &options, items, n, err) : NULL;
	free(items);
	if (!scores)
		return n ? -1 : 0;
	int rc = ril_caption_rows(scores, options.metrics, ril_source_name(source, name), how, s, err);
	if (!rc && source == headline_source(r))
		rc = ril_caption_headline(scores, options.metrics, s, err);
	ril_caption_scores_free(scores);
	return rc;
}

int ril_report_fill(struct ril_report *r, const struct ril_resampling *how, struct ril_sheet *s, struct ril_err *err)
{
	static const char *const scores[] = {"source", "type", "questions", "responses", "score",
					     "low",    "high", "cut",       "undecided", NULL};
	static const char *const captions[] = {"source", "metric", "captions", "value", "low", "high", NULL};
	int rc = ril_sheet_section(s, "scores", scores, err) < 0 ? -1 : 0;
	for (size_t i = 0; !rc && i < r->n_sources; i++)
		rc = fill_source(r, r->sources[i], how, s, err);
	if (!rc)
		rc = ril_report_samples(r, how, s, err);
	if (!rc && r->pope)
		rc = ril_report_pope(r, s, err);
	if (!rc && r->hallusion)
		rc = ril_report_hallusion(r, s, err);
	if (!rc && r->captions)
		rc = ril_sheet_section(s, "caption_scores", captions, err) < 0 ? -1 : 0;
	for (size_t i = 0; !rc && r->captions && i < r->n_sources; i++)
		rc = fill_captions_of(r, r->sources[i], how, s, err);
	return rc;
}
