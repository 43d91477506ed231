/* trials.h -- the figures of settings, several seeds each, summed up and compared with one of them.
 *
 * A trial is a line of a table whose columns are parted by tabs and named by its first line: setting, seed, measure and one of
 *   value      a number; with a column `question`, that question's
 *   verdicts   right and wrong of all questions, as 0110...; the n-th figure is the n-th question's
 * Other columns are passed over.  The same setting, seed, measure and question twice, or questions that one setting
 * or seed of a measure has and another has not, are RIL_ECORRUPT; a value that is not finite is RIL_ENONFINITE.
 *
 * What comes out is section "settings", a row for every measure and setting in the order of their first appearance:
 *   measure, setting, seeds, questions
 *   mean         of the seeds' means
 *   sd           of the seeds' means, n - 1
 *   low, high    interval of the mean
 * and, of all settings but the baseline, over the seeds and questions that both have (paired):
 *   pairs        seeds
 *   difference   the setting's mean less the baseline's
 *   d_low, d_high
 *   p_seeds      of two-sided tests that there is none, over seeds ...
 *   p_questions  ... and over questions, each with the sum of its seeds
 *   better, worse  questions (without questions, seeds) that the setting does better and worse at
 * The headline (JSON) names baseline, methods, level and resamples. */
#ifndef RIL_SCORE_TRIALS_H
#define RIL_SCORE_TRIALS_H

#include "base/intern.h"
#include "base/resampling.h"
#include "base/sheet.h"

struct ril_trials {
	struct ril_intern settings, seeds, measures, questions;
	struct ril_trial {
		int32_t measure, setting, seed, question; /* question: -1 where the line is of the whole run */
		double value;
	} * at; /* [n] */
	size_t n, cap;
};

/* Adds a table's trials; "-" is standard input. */
int ril_trials_read(struct ril_trials *, const char *path, struct ril_err *);
void ril_trials_free(struct ril_trials *);

enum ril_trials_method {
	RIL_TRIALS_BOOTSTRAP, /* percentiles of resamples of seeds and questions; p by flips, as base/paired.h says */
	RIL_TRIALS_T,         /* Student's t over seeds, intervals and p_seeds; p_questions by flips */
};
struct ril_trials_how {
	enum ril_trials_method method;
	const char *baseline; /* a setting; NULL: nothing is compared */
	struct ril_resampling resampling;
};
int ril_trials_compare(const struct ril_trials *, const struct ril_trials_how *, struct ril_sheet *, struct ril_err *);
/* Which methods these were, in words, for a reader of the table: appended to out. */
int ril_trials_methods(const struct ril_trials_how *, struct ril_buf *out, struct ril_err *);

#endif
