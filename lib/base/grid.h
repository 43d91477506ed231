/* grid.h -- a table of text with aligned columns, built cell by cell; the first row is the heading.
 *
 * Unless the caller says how columns stand, one whose cells below the heading are all numbers (or empty) is set to the
 * right, and one with nothing below its heading is left out.  Control characters, which would break the table, become
 * blanks.  Ownership: ril_grid_free. */
#ifndef RIL_BASE_GRID_H
#define RIL_BASE_GRID_H

#include "base/mem.h"

struct ril_grid {
	size_t cols;
	char **cell;
	size_t n, cap;     /* cells so far; a row is `cols` of them */
	const bool *right; /* [cols], borrowed: columns set to the right, and all are shown; NULL: as said above */
};

int ril_grid_cell(struct ril_grid *, struct ril_err *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The heading: `cols` names separated by '|'. */
int ril_grid_heading(struct ril_grid *, const char *names, struct ril_err *);
/* Fills the row begun with empty cells. */
int ril_grid_rest(struct ril_grid *, struct ril_err *);
/* Appends the lines to out. */
int ril_grid_show(const struct ril_grid *, struct ril_buf *out, struct ril_err *);
void ril_grid_free(struct ril_grid *);

#endif
