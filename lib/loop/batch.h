/* batch.h -- the groups between two barriers of a stream, read as one.
 *
 * The group is the unit of work and the batch the unit of training: resident tools read up to the step frame, work on
 * all groups together, write them, repeat the barrier.  Streams without barriers are cut into batches of `limit`
 * groups.
 *
 * Ownership: the batch owns its groups until ril_batch_clear. */
#ifndef RIL_LOOP_BATCH_H
#define RIL_LOOP_BATCH_H

#include "stream/stream.h"

struct ril_batch {
	struct ril_record **group; /* [n] */
	size_t n, cap;
	bool barrier;    /* a step frame closed it */
	int64_t step;    /* of that frame, else -1 */
	bool checkpoint; /* its flag */
};

struct ril_batches {
	struct ril_reader *in;
	size_t limit; /* groups in a batch without barrier; 0: no limit */
	/* Called on every HEAD, in its place among the batches. */
	int (*head)(void *ctx, const struct ril_record *head, struct ril_err *);
	void *ctx;
	struct ril_record *held; /* a HEAD that closed the batch before it */
	int64_t groups, steps;   /* read so far */
};

/* 1: a batch (perhaps of no groups, with a barrier); 0: the stream has ended; -1: error. */
int ril_batches_next(struct ril_batches *, struct ril_batch *, struct ril_err *);
void ril_batches_free(struct ril_batches *); /* the reader stays its owner's */
void ril_batch_clear(struct ril_batch *);    /* frees the groups, keeps the array */
void ril_batch_free(struct ril_batch *);

#endif
