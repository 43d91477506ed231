/* table.h -- plain tables of answers: JSON lines with `response`, `answers`, `choices`, ... (struct ril_item), and the
 * line that says how a row was judged. */
#ifndef RIL_SCORE_TABLE_H
#define RIL_SCORE_TABLE_H

#include "score/judge/judge.h"

struct ril_table;
struct ril_table *ril_table_open(const char *path /* "-": stdin */, struct ril_err *);
void ril_table_free(struct ril_table *);
/* Up to max rows' items, valid until the next call; *n is 0 at the end.  Blank lines are passed over.  Errors name
 * file and line. */
int ril_table_read(struct ril_table *, size_t max, struct ril_item **out, size_t *n, struct ril_err *);

/* {"id": ..., "type": ..., "judge": ..., "score": ..., "response": ..., "answer": ...} and a line break; response and
 * answer as they were compared, a score of NaN as null. */
int ril_verdict_line(struct ril_buf *out, const struct ril_item *, const struct ril_verdict *, const char *judge,
		     struct ril_err *);

#endif
