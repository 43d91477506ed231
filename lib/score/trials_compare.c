/* trials_compare.c -- settings summed up and compared; see trials.h.
 *
 * Each measure is laid out as a block [settings, seeds, questions], with one question where the trials are of whole runs, so that what
 * pairs is at the same place.  A cell (setting and seed) is there whole or not at all. */
#include "score/trials.h"

#include "base/json.h"
#include "base/paired.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	M_MEASURE,
	M_SETTING,
	M_SEEDS,
	M_QUESTIONS,
	M_MEAN,
	M_SD,
	M_LOW,
	M_HIGH,
	M_PAIRS,
	M_DIFFERENCE,
	M_DLOW,
	M_DHIGH,
	M_PSEEDS,
	M_PQUESTIONS,
	M_BETTER,
	M_WORSE
};
static const char *const columns[] = {"measure", "setting",     "seeds",  "questions",  "mean",  "sd",
				      "low",     "high",        "pairs",  "difference", "d_low", "d_high",
				      "p_seeds", "p_questions", "better", "worse",      NULL};

struct block {
	const struct ril_trials *of;
	const struct ril_trials_how *how;
	const char *name;
	bool questioned;            /* values are questions' */
	size_t seeds, questions;    /* of all settings; at least 1 question */
	int32_t *place, *name_of;   /* [all questions] -> [questions] and back */
	double *x;                  /* [settings, seeds, questions]; NaN: not there */
	double *rows, *means, *sum; /* scratch: [seeds, questions], [seeds], [questions] */
};

static void free_block(struct block *b)
{
	free(b->place);
	free(b->name_of);
	free(b->x);
	free(b->rows);
	free(b->means);
	free(b->sum);
}

static double *cell(const struct block *b, size_t setting, size_t seed)
{
	return b->x + (setting * b->seeds + seed) * b->questions;
}

/* Which questions the measure has, and room for its values. */
static int open_block(struct block *b, int32_t measure, struct ril_err *err)
{
	const struct ril_trials *t = b->of;
	size_t settings = t->settings.n, all = t->questions.n, n;
	bool whole = false;
	b->seeds = t->seeds.n;
	if (!(b->place = ril_new(all, sizeof *b->place, err)) || !(b->name_of = ril_new(all, sizeof *b->name_of, err)))
		return -1;
	for (size_t q = 0; q < all; q++)
		b->place[q] = -1;
	for (size_t i = 0; i < t->n; i++) {
		const struct ril_trial *x = &t->at[i];
		if (x->measure != measure)
			continue;
		b->questioned |= x->question >= 0;
		whole |= x->question < 0;
		if (x->question < 0 || b->place[x->question] >= 0)
			continue;
		b->name_of[b->questions] = x->question;
		b->place[x->question] = (int32_t)b->questions++;
	}
	if (whole && b->questioned)
		return ril_fail(err, RIL_ECORRUPT, "'%s': values of questions and of whole runs", b->name);
	if (whole)
		b->questions = 1;
	if (!ril_mul(&n, settings, b->seeds) || !ril_mul(&n, n, b->questions))
		return ril_fail(err, RIL_EFAIL, "too many values");
	b->x = ril_new(n, sizeof *b->x, err);
	b->rows = ril_new(b->seeds * b->questions, sizeof *b->rows, err);
	b->means = ril_new(b->seeds, sizeof *b->means, err);
	b->sum = ril_new(b->questions, sizeof *b->sum, err);
	for (size_t i = 0; b->x && i < n; i++)
		b->x[i] = NAN;
	return b->x && b->rows && b->means && b->sum ? 0 : -1;
}

/* Where it is, for a message. */
static const char *where(const struct block *b, size_t setting, size_t seed, size_t question, char text[256])
{
	const struct ril_trials *t = b->of;
	snprintf(text, 256, "measure '%.40s', setting '%.40s', seed '%.40s'%s%.40s%s", b->name,
		 ril_intern_text(&t->settings, setting), ril_intern_text(&t->seeds, seed),
		 b->questioned ? ", question '" : "",
		 b->questioned ? ril_intern_text(&t->questions, (size_t)b->name_of[question]) : "",
		 b->questioned ? "'" : "");
	return text;
}

static int fill_block(struct block *b, int32_t measure, struct ril_err *err)
{
	char text[256];
	for (size_t i = 0; i < b->of->n; i++) {
		const struct ril_trial *t = &b->of->at[i];
		size_t q = t->measure == measure && b->questioned ? (size_t)b->place[t->question] : 0;
		if (t->measure != measure)
			continue;
		double *to = cell(b, (size_t)t->setting, (size_t)t->seed) + q;
		if (!isnan(*to))
			return ril_fail(err, RIL_ECORRUPT, "%s: twice",
					where(b, (size_t)t->setting, (size_t)t->seed, q, text));
		*to = t->value;
	}
	for (size_t s = 0; s < b->of->settings.n; s++)
		for (size_t k = 0; k < b->seeds; k++) {
			const double *x = cell(b, s, k);
			size_t there = 0, missing = 0;
			for (size_t q = 0; q < b->questions; q++) {
				there += !isnan(x[q]);
				missing = isnan(x[q]) ? q : missing;
			}
			if (there && there < b->questions)
				return ril_fail(err, RIL_ECORRUPT, "%s: missing, though others have it",
						where(b, s, k, missing, text));
		}
	return 0;
}

/* Gathers the seeds that `a`, and `base` if any, have: their values, less base's, one row after another in b->rows, the rows' means
 * in b->means, the questions' sums in b->sum.  The number of seeds. */
static size_t gather(struct block *b, size_t a, int64_t base)
{
	size_t n = 0;
	memset(b->sum, 0, b->questions * sizeof *b->sum);
	for (size_t k = 0; k < b->seeds; k++) {
		const double *x = cell(b, a, k), *y = base >= 0 ? cell(b, (size_t)base, k) : NULL;
		if (isnan(*x) || (y && isnan(*y)))
			continue;
		double *to = b->rows + n * b->questions;
		for (size_t q = 0; q < b->questions; q++) {
			to[q] = x[q] - (y ? y[q] : 0);
			b->sum[q] += to[q];
		}
		b->means[n++] = ril_spread_of(to, b->questions).mean;
	}
	return n;
}

/* The interval of the mean of what was gathered. */
static int interval(struct ril_interval *out, const struct block *b, size_t seeds, struct ril_err *err)
{
	const struct ril_resampling *r = &b->how->resampling;
	struct ril_spread m = ril_spread_of(b->means, seeds);
	if (b->how->method == RIL_TRIALS_BOOTSTRAP)
		return ril_crossed_interval(out, b->rows, seeds, b->questions, r, err);
	*out = (struct ril_interval){NAN, NAN};
	if (seeds > 1) {
		double half =
			ril_student_quantile(r->confidence / 100, (double)(seeds - 1)) * m.sd / sqrt((double)seeds);
		*out = (struct ril_interval){m.mean - half, m.mean + half};
	}
	return 0;
}

/* p over seeds; of two at least, as one pair's sign says nothing. */
static int seeds_test(double *p, const struct block *b, size_t seeds, struct ril_err *err)
{
	struct ril_flips f = {.p = NAN};
	if (seeds > 1 && b->how->method == RIL_TRIALS_T) {
		struct ril_spread m = ril_spread_of(b->means, seeds);
		*p = m.sd > 0      ? ril_student_p(m.mean / (m.sd / sqrt((double)seeds)), (double)(seeds - 1))
		     : m.mean != 0 ? 0
				   : 1;
		return 0;
	}
	int rc = seeds > 1 ? ril_flip_test(&f, b->means, seeds, &b->how->resampling, err) : 0;
	*p = f.p;
	return rc;
}

static int compare(struct block *b, size_t setting, size_t base, struct ril_sheet *s, struct ril_err *err)
{
	struct ril_interval i;
	struct ril_flips f = {.p = NAN};
	double p;
	size_t n = gather(b, setting, (int64_t)base), better = 0, worse = 0;
	ril_sheet_number(s, M_PAIRS, (double)n, 0);
	if (!n)
		return 0;
	if (interval(&i, b, n, err) || seeds_test(&p, b, n, err) ||
	    (b->questioned && ril_flip_test(&f, b->sum, b->questions, &b->how->resampling, err)))
		return -1;
	const double *d = b->questioned ? b->sum : b->means;
	for (size_t k = 0; k < (b->questioned ? b->questions : n); k++) {
		better += d[k] > 1e-12;
		worse += d[k] < -1e-12;
	}
	ril_sheet_number(s, M_DIFFERENCE, ril_spread_of(b->means, n).mean, 4);
	ril_sheet_number(s, M_DLOW, i.low, 4);
	ril_sheet_number(s, M_DHIGH, i.high, 4);
	ril_sheet_number(s, M_PSEEDS, p, 4);
	if (b->questioned)
		ril_sheet_number(s, M_PQUESTIONS, f.p, 4);
	ril_sheet_number(s, M_BETTER, (double)better, 0);
	ril_sheet_number(s, M_WORSE, (double)worse, 0);
	return 0;
}

static int add_row(struct block *b, size_t setting, int64_t base, struct ril_sheet *s, struct ril_err *err)
{
	struct ril_interval i;
	size_t n = gather(b, setting, -1);
	if (!n)
		return 0;
	struct ril_spread m = ril_spread_of(b->means, n);
	if (interval(&i, b, n, err) || ril_sheet_row(s, err) || ril_sheet_text(s, M_MEASURE, b->name, err) ||
	    ril_sheet_text(s, M_SETTING, ril_intern_text(&b->of->settings, setting), err))
		return -1;
	ril_sheet_number(s, M_SEEDS, (double)n, 0);
	if (b->questioned)
		ril_sheet_number(s, M_QUESTIONS, (double)b->questions, 0);
	ril_sheet_number(s, M_MEAN, m.mean, 4);
	ril_sheet_number(s, M_SD, m.sd, 4);
	ril_sheet_number(s, M_LOW, i.low, 4);
	ril_sheet_number(s, M_HIGH, i.high, 4);
	return base >= 0 && (size_t)base != setting ? compare(b, setting, (size_t)base, s, err) : 0;
}

int ril_trials_methods(const struct ril_trials_how *how, struct ril_buf *out, struct ril_err *err)
{
	const struct ril_resampling *r = &how->resampling;
	bool t = how->method == RIL_TRIALS_T;
	if (t ? ril_buf_printf(out, err, "intervals: %g %%, Student's t over seeds", r->confidence)
	      : ril_buf_printf(out, err, "intervals: %g %%, percentiles of %lld resamples of seeds and questions",
			       r->confidence, (long long)r->resamples))
		return -1;
	if (!how->baseline)
		return 0;
	return ril_buf_printf(out, err,
			      "\ndifferences: from %s, of the same seeds and questions\np_seeds: %s\np_questions: "
			      "flips of the questions' "
			      "differences (of one pair of right and wrong: McNemar's exact test)",
			      ril_short(how->baseline),
			      t ? "paired t test" : "flips of the seeds' differences (randomisation test)");
}

static int headline(const struct ril_trials_how *how, struct ril_sheet *s, struct ril_err *err)
{
	struct ril_buf text = {0};
	int rc = 0;
	if (how->baseline)
		rc = ril_buf_puts(&s->headline, "\"baseline\": ", err) ||
				     ril_json_quote(&s->headline, how->baseline, strlen(how->baseline), false, err) ||
				     ril_buf_puts(&s->headline, ",\n", err)
			     ? -1
			     : 0;
	rc = rc || ril_trials_methods(how, &text, err) || ril_buf_puts(&s->headline, "\"methods\": ", err) ||
			     ril_json_quote(&s->headline, text.data, text.len, false, err) ||
			     ril_buf_printf(&s->headline, err, ",\n\"confidence\": %g,\n\"resamples\": %lld,\n",
					    how->resampling.confidence, (long long)how->resampling.resamples)
		     ? -1
		     : 0;
	ril_buf_free(&text);
	return rc;
}

int ril_trials_compare(const struct ril_trials *t, const struct ril_trials_how *how, struct ril_sheet *s,
		       struct ril_err *err)
{
	int64_t base = how->baseline ? ril_intern_find_str(&t->settings, how->baseline) : -1;
	if (!t->n)
		return ril_fail(err, RIL_EFAIL, "no trials");
	if (how->baseline && base < 0) {
		ril_fail(err, RIL_EUSAGE, "no setting '%s'", how->baseline);
		return ril_setting(err, "baseline");
	}
	int rc = ril_sheet_section(s, "settings", columns, err) < 0 || headline(how, s, err) ? -1 : 0;
	for (size_t m = 0; !rc && m < t->measures.n; m++) {
		struct block b = {.of = t, .how = how, .name = ril_intern_text(&t->measures, m)};
		rc = open_block(&b, (int32_t)m, err) || fill_block(&b, (int32_t)m, err) ? -1 : 0;
		for (size_t k = 0; !rc && k < t->settings.n; k++)
			rc = add_row(&b, k, base, s, err);
		free_block(&b);
	}
	return rc;
}
