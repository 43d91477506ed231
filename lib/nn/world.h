/* world.h -- the processes that train one model together: what they add up, share out and gather.
 *
 * A training step has one door between gradient and optimiser, and the world stands in it: the counts that a loss divides
 * by, the gradient, its norm and the weights are the world's, never one process's own.  A world of one does nothing; a
 * transport (world/join.h) is another table of the same functions.
 *
 * Sums run in the order of the ranks, so that a run repeats bit for bit and every rank gets the same bits.  Every rank
 * calls the same functions in the same order.  Ownership: worlds are borrowed by whoever uses them. */
#ifndef RIL_NN_WORLD_H
#define RIL_NN_WORLD_H

#include "ops/ops.h"

/* A range [from, to) of a block's elements. */
struct ril_range {
	int64_t from, to;
};

/* A block (device) to be summed, of RIL_REAL or BF16: the rank's own range becomes the sum over all ranks, made in ril_real or
 * better and rounded once; what lies outside of it is undefined afterwards.  Or to be gathered: every rank has its own range and
 * gets all others.  All of it stays as it is until it is there. */
struct ril_sum {
	void *block;          /* device */
	const int64_t *bound; /* [size + 1], of its elements */
	enum ril_dtype type;
	bool gather;     /* else it is summed */
	double from, to; /* set: when it was under way, ril_now() */
	/* the world's */
	bool done;
	int mark[2]; /* of a device's stream, before it and behind it */
	struct ril_sum *next;
};

/* How a block is shared out: bound[size + 1], ascending; rank r owns elements [bound[r], bound[r + 1]). */
struct ril_world {
	int rank, size;
	/* x[n] (host) becomes the sum over all ranks. */
	int (*sum)(const struct ril_world *, double *x, size_t n, struct ril_err *);
	/* Every rank's `bytes` (host) to all: all[size][bytes], in the order of the ranks.  For little things. */
	int (*share)(const struct ril_world *, const void *mine, size_t bytes, void *all, struct ril_err *);
	/* Sums and gathers blocks while the caller computes on others, one after the other in the order in which they were
	 * begun, which is that of all ranks.  Whatever else the world is asked for comes after them.  A device's calls before
	 * reduce_begin come before the sum; those after it are done beside.  Where nothing can go on in the background, as where a device
	 * cannot send and the host does not read its memory, reduce_end does all of it. */
	void (*reduce_begin)(const struct ril_world *, struct ril_sum *);
	int (*reduce_end)(const struct ril_world *, struct ril_err *);
	/* Is that one there?  1: it is, and the block is the caller's again; 0: not yet, if it was not to be waited for;
	 * -1.  Without a background: it is made now. */
	int (*reduce_done)(const struct ril_world *, const struct ril_sum *, bool wait, struct ril_err *);
	/* Every rank has its own range of a block (device, elements of `size` bytes) and gets all others. */
	int (*all_gather)(const struct ril_world *, void *block, const int64_t *bound, size_t size, struct ril_err *);
};

/* The world of one process. */
extern const struct ril_world ril_world_one;

/* bound[size + 1] of `count` elements: equal parts, each a multiple of 256 (a block of moments) but the last. */
void ril_world_bounds(const struct ril_world *, int64_t count, int64_t *bound);

#endif
