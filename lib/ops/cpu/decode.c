/* decode.c -- what lies between two decoding steps: rows take their tokens and move on; those still going close up.
 *
 * A few dozen words a row (ops/decode_row.h): one thread does it in less time than others need to start. */
#include "cpu_internal.h"

#include "ops/decode_row.h"

void ril_cpu_advance(struct ril_decode d)
{
	for (int64_t i = 0; i < d.n; i++)
		ril_row_advance(&d, i);
}

void ril_cpu_keep_rows(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	for (int64_t i = 0; i < to.n; i++)
		ril_row_keep(&to, &from, i, row[i]);
}
