/* decode_row.h -- what one row does between two decoding steps: takes its token and moves on, or closes up.
 *
 * C and C++; nvcc takes the functions for the device, too, where RIL_BOTH says so.  A backend decides who does which row. */
#ifndef RIL_OPS_DECODE_ROW_H
#define RIL_OPS_DECODE_ROW_H

#include "ops/ops.h"

#ifndef RIL_BOTH
#define RIL_BOTH
#endif

/* The last `window` keys that a single query sees: own keys first, the rest from the prefix. */
static inline RIL_BOTH struct ril_seg ril_row_window(struct ril_seg s, int64_t window)
{
	int32_t kn = (int32_t)(s.kn < window ? s.kn : window), left = (int32_t)(window - kn),
		pn = s.pn < left ? s.pn : left;
	s.p0 += s.pn - pn;
	s.k0 += s.kn - kn;
	s.pn = pn;
	s.kn = kn;
	s.causal = 0;
	return s;
}

static inline RIL_BOTH bool ril_row_ends(const struct ril_decode *d, int32_t id)
{
	for (int i = 0; i < d->neos; i++)
		if (d->eos[i] == id)
			return true;
	return false;
}

/* Puts row i, which goes on, where the next step reads it. */
static inline RIL_BOTH void ril_row_move(const struct ril_decode *d, int64_t i)
{
	for (int a = 0; a < d->axes; a++)
		d->pos[a * d->n + i]++;
	d->kv_row[i]++;
	d->full[i].kn++;
	if (d->slide)
		d->slide[i] = ril_row_window(d->full[i], d->window);
}

/* Row i's part of `advance`. */
static inline RIL_BOTH void ril_row_advance(const struct ril_decode *d, int64_t i)
{
	int32_t id = d->id[i];
	if (d->done[i])
		return;
	if (id < 0) {
		d->done[i] = RIL_FAILED;
		d->id[i] = 0;
		return;
	}
	uint32_t length = d->key[i].position++;
	int64_t at = d->out[i] * (int64_t)d->max + length;
	d->out_ids[at] = id;
	d->out_logp[at] = d->logp[i];
	if (ril_row_ends(d, id))
		d->done[i] = RIL_ENDED;
	else if (length + 1 >= (uint32_t)d->max)
		d->done[i] = RIL_LENGTH;
	else
		ril_row_move(d, i);
}

/* Row i's part of `keep_rows`: it was row r. */
static inline RIL_BOTH void ril_row_keep(const struct ril_decode *to, const struct ril_decode *from, int64_t i,
					 int32_t r)
{
	to->id[i] = from->id[r];
	to->logp[i] = from->logp[r];
	for (int a = 0; a < to->axes; a++)
		to->pos[a * to->n + i] = from->pos[a * from->n + r];
	to->kv_row[i] = from->kv_row[r];
	to->full[i] = from->full[r];
	to->full[i].q0 = (int32_t)i;
	to->key[i] = from->key[r];
	to->done[i] = from->done[r];
	to->out[i] = from->out[r];
	if (!to->slide)
		return;
	to->slide[i] = from->slide[r];
	to->slide[i].q0 = (int32_t)i;
}

#endif
