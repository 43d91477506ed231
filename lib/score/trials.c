/* trials.c -- reading tables of trials; see trials.h.  What is made of them is in trials_compare.c. */
#include "score/trials.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum column { SETTING, SEED, MEASURE, VALUE, VERDICTS, QUESTION, COLUMNS };
static const char *const names[COLUMNS] = {"setting", "seed", "measure", "value", "verdicts", "question"};

struct source {
	struct ril_trials *to;
	int place[COLUMNS]; /* -1: the table has none */
	int columns;
};

/* The next field of a line, which is cut behind it; NULL after the last. */
static char *field(char **rest)
{
	char *at = *rest;
	if (!at)
		return NULL;
	char *tab = strchr(at, '\t');
	*rest = tab ? tab + 1 : NULL;
	if (tab)
		*tab = 0;
	return at;
}

static int read_head(struct source *s, char *line, struct ril_err *err)
{
	for (int c = 0; c < COLUMNS; c++)
		s->place[c] = -1;
	for (char *rest = line, *name; (name = field(&rest)); s->columns++)
		for (int c = 0; c < COLUMNS; c++) {
			if (strcmp(name, names[c]))
				continue;
			if (s->place[c] >= 0)
				return ril_fail(err, RIL_ECORRUPT, "two columns '%s'", name);
			s->place[c] = s->columns;
		}
	for (int c = SETTING; c <= MEASURE; c++)
		if (s->place[c] < 0)
			return ril_fail(err, RIL_ECORRUPT, "no column '%s'", names[c]);
	if ((s->place[VALUE] < 0) == (s->place[VERDICTS] < 0))
		return ril_fail(err, RIL_ECORRUPT, "a column 'value' or a column 'verdicts' is needed, one of them");
	if (s->place[QUESTION] >= 0 && s->place[VERDICTS] >= 0)
		return ril_fail(err, RIL_ECORRUPT,
				"'verdicts' are of all questions: no column 'question' goes with them");
	return 0;
}

static int add(struct ril_trials *t, struct ril_trial x, struct ril_err *err)
{
	if (ril_grow(&t->at, &t->cap, t->n + 1, sizeof *t->at, err))
		return -1;
	t->at[t->n++] = x;
	return 0;
}

static int add_value(struct ril_trials *t, struct ril_trial x, const char *text, struct ril_err *err)
{
	char *end;
	x.value = strtod(text, &end);
	if (end == text || *end)
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not a number", text);
	if (!isfinite(x.value))
		return ril_fail(err, RIL_ENONFINITE, "the value '%s' is not finite", text);
	return add(t, x, err);
}

static int add_verdicts(struct ril_trials *t, struct ril_trial x, const char *text, struct ril_err *err)
{
	char name[32];
	if (!*text)
		return ril_fail(err, RIL_ECORRUPT, "no verdicts");
	for (size_t q = 0; text[q]; q++) {
		if (text[q] != '0' && text[q] != '1')
			return ril_fail(err, RIL_ECORRUPT, "verdict %zu is neither 0 nor 1", q + 1);
		snprintf(name, sizeof name, "%zu", q + 1);
		int64_t n = ril_intern_str(&t->questions, name, err);
		x.question = (int32_t)n;
		x.value = text[q] - '0';
		if (n < 0 || add(t, x, err))
			return -1;
	}
	return 0;
}

static int read_line(const struct source *s, char *line, struct ril_err *err)
{
	const char *text[COLUMNS] = {NULL};
	struct ril_trials *t = s->to;
	int n = 0;
	for (char *rest = line, *f; (f = field(&rest)); n++)
		for (int c = 0; c < COLUMNS; c++)
			if (s->place[c] == n)
				text[c] = f;
	if (n != s->columns)
		return ril_fail(err, RIL_ECORRUPT, "%d fields under %d columns", n, s->columns);
	struct ril_intern *const of[] = {&t->settings, &t->seeds, &t->measures, NULL, NULL, &t->questions};
	int32_t number[COLUMNS] = {-1, -1, -1, -1, -1, -1};
	for (int c = 0; c < COLUMNS; c++) {
		if (!of[c] || !text[c])
			continue;
		if (!*text[c])
			return ril_fail(err, RIL_ECORRUPT, "an empty %s", names[c]);
		int64_t k = ril_intern_str(of[c], text[c], err);
		if (k < 0)
			return -1;
		number[c] = (int32_t)k;
	}
	struct ril_trial x = {number[MEASURE], number[SETTING], number[SEED], number[QUESTION], 0};
	return text[VALUE] ? add_value(t, x, text[VALUE], err) : add_verdicts(t, x, text[VERDICTS], err);
}

static int read_lines(struct source *s, FILE *f, const char *path, struct ril_err *err)
{
	char *line = NULL;
	size_t room = 0;
	int rc = 0;
	int64_t n = 0;
	for (ssize_t len; !rc && (errno = 0, len = getline(&line, &room, f)) >= 0;) {
		if (len && line[len - 1] == '\n')
			line[--len] = 0;
		if (len && line[len - 1] == '\r')
			line[--len] = 0;
		n++;
		if (strlen(line) != (size_t)len)
			rc = ril_fail(err, RIL_ECORRUPT, "a NUL");
		else if (len)
			rc = s->columns ? read_line(s, line, err) : read_head(s, line, err);
		if (rc)
			ril_context(err, "%s: line %lld", ril_short(path), (long long)n);
	}
	if (!rc && ferror(f))
		rc = ril_fail_errno(err, "%s", ril_short(path));
	if (!rc && !s->columns)
		rc = ril_fail(err, RIL_EFAIL, "%s: empty", ril_short(path));
	free(line);
	return rc;
}

int ril_trials_read(struct ril_trials *t, const char *path, struct ril_err *err)
{
	bool standard = !strcmp(path, "-");
	struct source s = {.to = t};
	FILE *f = standard ? stdin : fopen(path, "re");
	if (!f)
		return ril_fail_errno(err, "%s", ril_short(path));
	int rc = read_lines(&s, f, standard ? "standard input" : path, err);
	if (!standard)
		fclose(f);
	return rc;
}

void ril_trials_free(struct ril_trials *t)
{
	ril_intern_free(&t->settings);
	ril_intern_free(&t->seeds);
	ril_intern_free(&t->measures);
	ril_intern_free(&t->questions);
	free(t->at);
	*t = (struct ril_trials){0};
}
