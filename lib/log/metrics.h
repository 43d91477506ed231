/* metrics.h -- files of metrics, which have one JSON object a line, read as rows of named numbers, while they grow.
 *
 * A row is a line's numbers under their names, those of objects within it after one another: {"student": {"reward": 1}} is
 * student.reward.  "step" and "time" (seconds since 1970) are the row's own; an object "report" counts as its members.
 * Texts, lists and what is null are not numbers and are left out.
 *
 * Ownership: a file is closed by ril_rows_close; names in a row live until the next row. */
#ifndef RIL_LOG_METRICS_H
#define RIL_LOG_METRICS_H

#include "base/mem.h"

#include <stdio.h>

struct ril_row {
	int64_t step;
	double time; /* NaN: the line does not say */
	struct {
		char *name;
		double value;
	} * at; /* [n], in the line's order */
	size_t n, cap;
};

struct ril_rows {
	const char *path; /* borrowed */
	FILE *f;          /* NULL: not there yet */
	char *line;
	size_t room;
	int64_t lines;  /* taken so far */
	bool cut;       /* what was read last has no end of line yet */
	double changed; /* the file's last change, for lines without a time; seconds since 1970 */
	struct ril_row row;
};

/* 1: rows->row is the next whole line's; 0: there is none now (perhaps later; the file need not exist yet); -1: error, which
 * names file and line. */
int ril_rows_next(struct ril_rows *, struct ril_err *);
/* A place between two lines; {0} is before the first. */
struct ril_rows_mark {
	int64_t at, lines;
};
struct ril_rows_mark ril_rows_mark(const struct ril_rows *);
int ril_rows_seek(struct ril_rows *, struct ril_rows_mark, struct ril_err *);
void ril_rows_close(struct ril_rows *);

#endif
