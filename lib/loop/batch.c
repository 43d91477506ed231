/* batch.c -- batches of a stream; see batch.h. */
#include "loop/batch.h"

#include <stdlib.h>

void ril_batch_clear(struct ril_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		ril_record_free(b->group[i]);
	b->n = 0;
	b->barrier = b->checkpoint = false;
	b->step = -1;
}

void ril_batch_free(struct ril_batch *b)
{
	ril_batch_clear(b);
	free(b->group);
	*b = (struct ril_batch){0};
}

void ril_batches_free(struct ril_batches *r)
{
	ril_record_free(r->held);
	r->held = NULL;
}

static int give_head(struct ril_batches *r, struct ril_record *head, struct ril_err *err)
{
	int rc = r->head ? r->head(r->ctx, head, err) : 0;
	ril_record_free(head);
	return rc;
}

/* Takes the record into the batch; 1 when that closes it, 0 when not, -1 on error. */
static int take(struct ril_batches *r, struct ril_batch *b, struct ril_record *rec, struct ril_err *err)
{
	switch (ril_record_kind(rec)) {
	case RIL_HEAD:
		if (b->n) {
			r->held = rec;
			return 1;
		}
		return give_head(r, rec, err);
	case RIL_GROUP:
		if (ril_grow(&b->group, &b->cap, b->n + 1, sizeof *b->group, err)) {
			ril_record_free(rec);
			return -1;
		}
		b->group[b->n++] = rec;
		r->groups++;
		return 0;
	case RIL_STEP:
		b->barrier = true;
		b->step = ril_step_number(rec);
		b->checkpoint = ril_step_checkpoint(rec);
		r->steps++;
		ril_record_free(rec);
		return 1;
	default: ril_record_free(rec); return 0;
	}
}

int ril_batches_next(struct ril_batches *r, struct ril_batch *b, struct ril_err *err)
{
	ril_batch_clear(b);
	if (r->held) {
		struct ril_record *head = r->held;
		r->held = NULL;
		if (give_head(r, head, err))
			return -1;
	}
	for (;;) {
		struct ril_record *rec;
		if (r->limit && b->n == r->limit)
			return 1;
		if (ril_reader_next(r->in, &rec, err))
			return -1;
		if (!rec)
			return b->n > 0;
		int rc = take(r, b, rec, err);
		if (rc)
			return rc;
	}
}
