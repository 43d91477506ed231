/* decode.c -- what lies between two decoding steps: rows take their tokens and move on; those still going close up.
 *
 * A few dozen words a row: one thread does it in less time than others need to start. */
#include "cpu_internal.h"

/* The last `window` keys that a single query sees: own keys first, the rest from the prefix. */
static struct ril_seg within(struct ril_seg s, int64_t window)
{
	int32_t kn = (int32_t)ril_min(s.kn, window), pn = (int32_t)ril_min(s.pn, window - kn);
	return (struct ril_seg){s.q0, s.qn, s.p0 + s.pn - pn, pn, s.k0 + s.kn - kn, kn, 0};
}

static bool ends(const struct ril_decode *d, int32_t id)
{
	for (int i = 0; i < d->neos; i++)
		if (d->eos[i] == id)
			return true;
	return false;
}

/* Puts row i, which goes on, where the next step reads it. */
static void move_on(const struct ril_decode *d, int64_t i)
{
	for (int a = 0; a < d->axes; a++)
		d->pos[a * d->n + i]++;
	d->kv_row[i]++;
	d->full[i].kn++;
	if (d->slide)
		d->slide[i] = within(d->full[i], d->window);
}

void ril_cpu_advance(struct ril_decode d)
{
	for (int64_t i = 0; i < d.n; i++) {
		if (d.done[i])
			continue;
		if (d.id[i] < 0) {
			d.done[i] = RIL_FAILED;
			d.id[i] = 0;
			continue;
		}
		int64_t at = d.out[i] * (int64_t)d.max + d.key[i].position++;
		d.out_ids[at] = d.id[i];
		d.out_logp[at] = d.logp[i];
		if (ends(&d, d.id[i]))
			d.done[i] = RIL_ENDED;
		else if (d.key[i].position >= (uint32_t)d.max)
			d.done[i] = RIL_LENGTH;
		else
			move_on(&d, i);
	}
}

void ril_cpu_keep_rows(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	for (int64_t i = 0; i < to.n; i++) {
		int32_t r = row[i];
		to.id[i] = from.id[r];
		to.logp[i] = from.logp[r];
		for (int a = 0; a < to.axes; a++)
			to.pos[a * to.n + i] = from.pos[a * from.n + r];
		to.kv_row[i] = from.kv_row[r];
		to.full[i] = from.full[r];
		to.full[i].q0 = (int32_t)i;
		to.key[i] = from.key[r];
		to.done[i] = from.done[r];
		to.out[i] = from.out[r];
		if (!to.slide)
			continue;
		to.slide[i] = from.slide[r];
		to.slide[i].q0 = (int32_t)i;
	}
}
