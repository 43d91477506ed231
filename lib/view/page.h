/* page.h -- lines of text for a terminal of so many columns and rows: pieces with a look, cut at the edge, never more than there is
 * room for.
 *
 * Whatever is put there shows, and does nothing else: control characters, what is no UTF-8, and characters that change the
 * direction or have no glyph are replaced.  Columns are those that a terminal gives a character (two for wide ones).
 * Where the reader's terminal is not UTF-8 other characters than ASCII are '?', bars and curves are of ASCII. */
#ifndef RIL_VIEW_PAGE_H
#define RIL_VIEW_PAGE_H

#include "base/mem.h"

enum ril_look {
	RIL_LOOK_PLAIN,
	RIL_LOOK_BOLD,
	RIL_LOOK_SOFT,
	RIL_LOOK_STUDENT,
	RIL_LOOK_TEACHER,
	RIL_LOOK_GOOD,
	RIL_LOOK_BAD
};

struct ril_page {
	size_t columns, rows;
	bool colour, utf8;
	bool screen;         /* lines replace those of the page before, and the last one has no end */
	struct ril_buf *out; /* borrowed */
	size_t row, column;  /* where the next piece goes */
	int failed;          /* a piece could not be put: -1, with err */
	struct ril_err *err; /* borrowed */
};

/* At column `from` or, where the line is already longer, behind it; at most `width` columns (0: up to the edge), the rest blank. */
void ril_page_at(struct ril_page *, size_t from);
void ril_page_put(struct ril_page *, enum ril_look, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void ril_page_end(struct ril_page *);        /* of the line */
bool ril_page_full(const struct ril_page *); /* no row is left */
void ril_page_close(struct ril_page *);      /* of the page */

/* A text of any length over several lines, cut at blanks where it can be; it starts at the column that the line is at, and so do
 * its further lines, of which there are at most `lines`; what is left out is an ellipsis.  Ends its last line. */
void ril_page_wrap(struct ril_page *, enum ril_look, const char *text, size_t lines);

enum { RIL_PAGE_CURVE = 256 }; /* columns of the longest curve */

/* n values as a curve's columns, at most `width` of them: each the mean of its part, or with `most` the largest; NaN where its values
 * are all not finite.  Where there are fewer values than columns each has its own.  The number of columns. */
size_t ril_page_columns(double column[RIL_PAGE_CURVE], const double *value, size_t n, size_t width, bool most);
/* Draws columns between low and high. */
void ril_page_curve(struct ril_page *, enum ril_look, const double *column, size_t n, double low, double high);
/* A bar whose part is full. */
void ril_page_bar(struct ril_page *, enum ril_look, double part, size_t width);

#endif
