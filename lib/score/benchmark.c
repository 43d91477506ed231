/* benchmark.c -- figures that two benchmarks report beside or instead of accuracy.
 *
 * POPE: precision, recall and F1 of "yes", and the share of responses read as yes (the paper's evaluate.py).
 * HallusionBench: aAcc over questions; fAcc: figures, by (category, subcategory, set, figure), all of whose questions
 * are right, VS questions without a figure (figure 0) left out as in its own utils.py; qAcc: questions, by (category,
 * subcategory, set, question), right for all of their figures. */
#include "score/report_internal.h"

#include <math.h>
#include <stdlib.h>

/* "a/b/c/d" of four fields; fails when one is missing. */
static int join(struct ril_buf *out, struct ril_question *q, const char *const field[4], struct ril_err *err)
{
	out->len = 0;
	for (int i = 0; i < 4; i++) {
		const char *text;
		if (ril_question_text(q, field[i], i ? NULL : "", &text, err))
			return -1;
		if (!text)
			return ril_fail(err, RIL_EFAIL, "'%s': HallusionBench's figures need the field '%s'", q->key,
					field[i]);
		if (ril_buf_printf(out, err, "%s%s", i ? "\x1f" : "", text))
			return -1;
	}
	return 0;
}

static int note_hallusion(struct ril_report *r, struct report_row *row, struct ril_question *q, struct ril_err *err)
{
	static const char *const figure[] = {"category", "subcategory", "set_id", "figure_id"};
	static const char *const pair[] = {"category", "subcategory", "set_id", "question_id"};
	const char *category, *id;
	struct ril_buf b = {0};
	int rc = -1;
	r->hallusion = true;
	if (ril_question_text(q, "category", "", &category, err) || ril_question_text(q, "figure_id", "", &id, err) ||
	    join(&b, q, figure, err))
		goto out;
	if (strcmp(category, "VS") || strcmp(id, "0"))
		if ((row->figure = (int32_t)ril_intern_str(&r->figures, b.data, err)) < 0)
			goto out;
	if (join(&b, q, pair, err) || (row->pair = (int32_t)ril_intern_str(&r->pairs, b.data, err)) < 0)
		goto out;
	rc = 0;
out:
	ril_buf_free(&b);
	return rc;
}

/* Another judge (a model, say) may have judged the benchmark's questions. */
static int has_fields(struct ril_question *q, bool *all, struct ril_err *err)
{
	static const char *const field[] = {"subcategory", "set_id", "figure_id", "question_id"};
	const cJSON *j;
	*all = true;
	for (size_t i = 0; *all && i < sizeof field / sizeof *field; i++) {
		if (ril_question_field(q, field[i], &j, err))
			return -1;
		*all = j;
	}
	return 0;
}

int ril_report_note_benchmark(struct ril_report *r, struct report_row *row, const struct ril_item *it,
			      const struct ril_verdict *v, const char *judge, struct ril_err *err)
{
	if (!strcmp(judge, "pope")) {
		r->pope = row->pope = true;
		row->said_yes = !strcmp(v->got.data, "yes");
		row->is_yes = !strcmp(v->want.data, "yes");
	}
	bool fields = false;
	if (strcmp(judge, "hallusion") && has_fields(it->q, &fields, err))
		return -1;
	return fields || !strcmp(judge, "hallusion") ? note_hallusion(r, row, it->q, err) : 0;
}

/* type < 0: all */
static bool counted(const struct report_row *row, int32_t source, int32_t type)
{
	return row->source == source && (type < 0 || row->type == type);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static int pope_row(const struct ril_report *r, int32_t source, int32_t type, struct ril_sheet *s, struct ril_err *err)
{
	double n[2][2] = {{0}}; /* [is][said] */
	char name[24];
	for (size_t i = 0; i < r->n; i++)
		if (counted(&r->row[i], source, type) && r->row[i].pope)
			n[r->row[i].is_yes][r->row[i].said_yes]++;
	double all = n[0][0] + n[0][1] + n[1][0] + n[1][1], tp = n[1][1];
	if (!all)
		return 0;
	if (ril_sheet_row(s, err) || ril_sheet_text(s, 0, ril_source_name(source, name), err) ||
	    ril_sheet_text(s, 1, type < 0 ? "all" : ril_intern_text(&r->types, (size_t)type), err))
		return -1;
	ril_sheet_number(s, 2, (tp + n[0][0]) / all, 4);
	ril_sheet_number(s, 3, ratio(tp, tp + n[0][1]), 4);
	ril_sheet_number(s, 4, ratio(tp, tp + n[1][0]), 4);
	ril_sheet_number(s, 5, ratio(2 * tp, 2 * tp + n[0][1] + n[1][0]), 4);
	ril_sheet_number(s, 6, (tp + n[0][1]) / all, 4);
	ril_sheet_number(s, 7, tp, 0);
	ril_sheet_number(s, 8, n[0][1], 0);
	ril_sheet_number(s, 9, n[0][0], 0);
	ril_sheet_number(s, 10, n[1][0], 0);
	return 0;
}

/* Of the groups that rows name by `group`, the share all of whose rows are right. */
static int all_right(const struct ril_report *r, int32_t source, int32_t type, bool by_figure, double *out,
		     struct ril_err *err)
{
	size_t groups = by_figure ? r->figures.n : r->pairs.n, present = 0, right = 0;
	char *state = ril_new(groups, 1, err); /* 0 absent, 1 all right so far, 2 a wrong one */
	if (!state)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		int32_t g = by_figure ? r->row[i].figure : r->row[i].pair;
		if (counted(&r->row[i], source, type) && g >= 0 && state[g] != 2)
			state[g] = r->row[i].score == 1 ? 1 : 2;
	}
	for (size_t g = 0; g < groups; g++) {
		present += state[g] != 0;
		right += state[g] == 1;
	}
	free(state);
	*out = ratio((double)right, (double)present);
	return 0;
}

static int hallusion_row(const struct ril_report *r, int32_t source, int32_t type, struct ril_sheet *s,
			 struct ril_err *err)
{
	double figures, pairs, right = 0, n = 0;
	char name[24];
	for (size_t i = 0; i < r->n; i++)
		if (counted(&r->row[i], source, type) && r->row[i].pair >= 0) {
			n++;
			right += r->row[i].score == 1;
		}
	if (!n)
		return 0;
	if (all_right(r, source, type, true, &figures, err) || all_right(r, source, type, false, &pairs, err) ||
	    ril_sheet_row(s, err) || ril_sheet_text(s, 0, ril_source_name(source, name), err) ||
	    ril_sheet_text(s, 1, type < 0 ? "all" : ril_intern_text(&r->types, (size_t)type), err))
		return -1;
	ril_sheet_number(s, 2, right / n, 4);
	ril_sheet_number(s, 3, figures, 4);
	ril_sheet_number(s, 4, pairs, 4);
	return 0;
}

static int by_type(const struct ril_report *r, struct ril_sheet *s,
		   int (*row)(const struct ril_report *, int32_t, int32_t, struct ril_sheet *, struct ril_err *),
		   struct ril_err *err)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		for (size_t t = 0; r->types.n > 1 && t < r->types.n; t++)
			if (row(r, r->sources[i], (int32_t)t, s, err))
				return -1;
		if (row(r, r->sources[i], -1, s, err))
			return -1;
	}
	return 0;
}

int ril_report_pope(const struct ril_report *r, struct ril_sheet *s, struct ril_err *err)
{
	static const char *const columns[] = {"source",    "type", "accuracy", "precision", "recall", "F1",
					      "yes-ratio", "TP",   "FP",       "TN",        "FN",     NULL};
	return ril_sheet_section(s, "pope", columns, err) < 0 ? -1 : by_type(r, s, pope_row, err);
}

int ril_report_hallusion(const struct ril_report *r, struct ril_sheet *s, struct ril_err *err)
{
	static const char *const columns[] = {"source", "type", "aAcc", "fAcc", "qAcc", NULL};
	return ril_sheet_section(s, "hallusion", columns, err) < 0 ? -1 : by_type(r, s, hallusion_row, err);
}
