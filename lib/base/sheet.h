/* sheet.h -- a report: named sections of rows under named columns, printed as an aligned table, tab-separated or JSON.
 *
 * JSON is one object: the headline's members, then one for every section, which is a list of objects, one a row; a
 * number that is NaN is null and empty cells are left out.  In tables NaN is "-". */
#ifndef RIL_BASE_SHEET_H
#define RIL_BASE_SHEET_H

#include "base/mem.h"

enum ril_sheet_format { RIL_SHEET_TABLE, RIL_SHEET_TSV, RIL_SHEET_JSON };

struct ril_cell {
	char *text;
	double number;
	int digits; /* after the point; -1: text */
	bool set;
};
struct ril_section {
	const char *name;
	const char *const *column; /* [columns], borrowed */
	size_t columns;
	struct ril_cell *cell; /* [rows, columns] */
	size_t rows, cap;
};
struct ril_sheet {
	struct ril_section *section;
	size_t n, cap;
	struct ril_buf headline; /* JSON members, each followed by ",\n", that come before the sections */
};

/* The new section's number, or -1.  Columns end with NULL. */
int ril_sheet_section(struct ril_sheet *, const char *name, const char *const *columns, struct ril_err *);
int ril_sheet_row(struct ril_sheet *, struct ril_err *); /* a row of empty cells in the last section */
/* Cells of the last row. */
int ril_sheet_text(struct ril_sheet *, size_t column, const char *text, struct ril_err *);
void ril_sheet_number(struct ril_sheet *, size_t column, double value, int digits);

int ril_sheet_print(const struct ril_sheet *, enum ril_sheet_format, struct ril_buf *out, struct ril_err *);
void ril_sheet_free(struct ril_sheet *);

#endif
