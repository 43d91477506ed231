/* compare.c -- see compare.h. */
#include "score/compare.h"

#include "base/intern.h"

#include <stdlib.h>

struct run {
	const char *path;
	const struct ril_comparison *of;
	struct ril_intern keys, types;
	double *score; /* [keys] NaN: undecided */
	int32_t *type; /* [keys] */
	size_t cap_score, cap_type;
};

static void free_run(struct run *r)
{
	ril_intern_free(&r->keys);
	ril_intern_free(&r->types);
	free(r->score);
	free(r->type);
}

static int add_question(struct run *run, const char *key, const char *type, double score, struct ril_err *err)
{
	if (ril_intern_find_str(&run->keys, key) >= 0)
		return ril_fail(err, RIL_EFAIL, "question '%s' twice", key);
	int64_t k = ril_intern_str(&run->keys, key, err), t = ril_intern_str(&run->types, *type ? type : "-", err);
	if (k < 0 || t < 0 || ril_grow(&run->score, &run->cap_score, (size_t)k + 1, sizeof *run->score, err) ||
	    ril_grow(&run->type, &run->cap_type, (size_t)k + 1, sizeof *run->type, err))
		return -1;
	run->score[k] = score;
	run->type[k] = (int32_t)t;
	return 0;
}

static bool counts(enum ril_compare_source wanted, int32_t source)
{
	return wanted == RIL_COMPARE_ALL || (wanted == RIL_COMPARE_STUDENT) == (source == 0);
}

static int read_group(struct run *run, struct ril_record *rec, struct ril_grader *g, struct ril_err *err)
{
	static const char *const whose[] = {"student ", "teacher ", ""};
	struct ril_responses resp;
	struct ril_grades grades;
	struct ril_question q;
	double sum = 0;
	int n = 0;
	if ((run->of->judge_anew || !ril_record_get(rec, "reward.answer")) &&
	    (ril_grader_groups(g, &rec, 1, err) || ril_grader_grades(g, rec, 0, &grades, err)))
		return -1;
	const struct ril_st_entry *e = ril_record_need(rec, "reward.answer", RIL_F32, 1, err);
	if (!e || ril_responses_get(rec, &resp, err))
		return -1;
	if (e->count != resp.n)
		return ril_fail(err, RIL_ECORRUPT, "%s: reward.answer has another length", ril_record_label(rec));
	const float *score = e->data;
	bool any = false;
	for (int32_t i = 0; i < resp.n; i++) {
		if (!counts(run->of->source, resp.source[i]))
			continue;
		any = true;
		if (!isnan(score[i])) {
			sum += score[i];
			n++;
		}
	}
	if (!any)
		return ril_fail(err, RIL_EFAIL, "%s: no %sresponses", ril_record_label(rec), whose[run->of->source]);
	if (ril_question_from_record(&q, rec, err))
		return -1;
	int rc = add_question(run, q.key, q.type, n ? sum / n : NAN, err);
	ril_question_free(&q);
	return rc;
}

static int read_run(struct run *run, struct ril_grader *g, struct ril_err *err)
{
	struct ril_reader *r = ril_reader_open(run->path, err);
	struct ril_record *rec = NULL;
	int rc = r ? 0 : -1;
	while (!rc && !(rc = ril_reader_next(r, &rec, err)) && rec) {
		if (ril_record_kind(rec) == RIL_GROUP && (rc = read_group(run, rec, g, err)))
			ril_context(err, "%s", run->path);
		ril_record_free(rec);
		rec = NULL;
	}
	ril_reader_free(r);
	if (!rc && !run->keys.n)
		return ril_fail(err, RIL_EFAIL, "%s: no groups", run->path);
	return rc;
}

static int same_questions(const struct run *a, const struct run *b, struct ril_err *err)
{
	for (size_t i = 0; i < a->keys.n; i++)
		if (ril_intern_find_str(&b->keys, ril_intern_text(&a->keys, (size_t)i)) < 0)
			return ril_fail(err, RIL_EFAIL, "question '%s' is in %s but not in %s",
					ril_intern_text(&a->keys, (size_t)i), a->path, b->path);
	return 0;
}

/* One row: questions of one category, or all (type < 0). */
static int add_row(const struct run *a, const struct run *b, int32_t type, const struct ril_resampling *how,
		   struct ril_sheet *s, struct ril_err *err)
{
	size_t n = 0, undecided = 0;
	double *x = ril_new(a->keys.n, sizeof *x, err), *y = ril_new(a->keys.n, sizeof *y, err);
	int rc = x && y ? 0 : -1;
	for (size_t i = 0; !rc && i < a->keys.n; i++) {
		double other = b->score[ril_intern_find_str(&b->keys, ril_intern_text(&a->keys, (size_t)i))];
		if (type >= 0 && a->type[i] != type)
			continue;
		if (isnan(a->score[i]) || isnan(other)) {
			undecided++;
			continue;
		}
		x[n] = a->score[i];
		y[n++] = other;
	}
	struct ril_paired p;
	if (!rc && !(rc = ril_compare_paired(&p, x, y, n, how, err)) && !(rc = ril_sheet_row(s, err)) &&
	    !(rc = ril_sheet_text(s, 0, type < 0 ? "all" : ril_intern_text(&a->types, (size_t)type), err))) {
		const double v[] = {p.mean_a, p.mean_b, p.difference, p.interval.low, p.interval.high, p.p};
		ril_sheet_number(s, 1, (double)n, 0);
		for (size_t k = 0; k < 6; k++)
			ril_sheet_number(s, 2 + k, n ? v[k] : NAN, 4);
		ril_sheet_number(s, 8, (double)undecided, 0);
	}
	free(x);
	free(y);
	return rc;
}

int ril_compare_streams(const struct ril_comparison *of, struct ril_grader *g, const struct ril_resampling *how,
			struct ril_sheet *s, struct ril_err *err)
{
	static const char *const columns[] = {"type", "questions", "a", "b",         "difference",
					      "low",  "high",      "p", "undecided", NULL};
	struct run x = {.path = of->a, .of = of}, y = {.path = of->b, .of = of};
	int rc = read_run(&x, g, err) || read_run(&y, g, err) || same_questions(&x, &y, err) ||
				 same_questions(&y, &x, err) || ril_sheet_section(s, "compare", columns, err) < 0
			 ? -1
			 : 0;
	for (size_t t = 0; !rc && x.types.n > 1 && t < x.types.n; t++)
		rc = add_row(&x, &y, (int32_t)t, how, s, err);
	if (!rc)
		rc = add_row(&x, &y, -1, how, s, err);
	free_run(&x);
	free_run(&y);
	return rc;
}
