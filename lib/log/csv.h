/* csv.h -- rows of numbers as a table of comma-separated values (RFC 4180).
 *
 * Columns are step, time and every name in the order of its first appearance; a row without a name leaves its cell empty.  The
 * first line names them.  A name that appears later is a column more, for which the table is written again, whole.
 *
 * Ownership: the table borrows its path; close frees the rest. */
#ifndef RIL_LOG_CSV_H
#define RIL_LOG_CSV_H

#include "log/metrics.h"

struct ril_csv {
	const char *path;
	char **name; /* [n] */
	size_t n, cap;
	bool written; /* up to where its rows were last left */
};

/* Takes what has been added to `rows` since the last call into the table; sets *taken to how many rows that were. */
int ril_csv_update(struct ril_csv *, struct ril_rows *rows, int64_t *taken, struct ril_err *);
void ril_csv_close(struct ril_csv *);

#endif
