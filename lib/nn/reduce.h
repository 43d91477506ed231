/* reduce.h -- the gradients of a step summed over the world, bucket by bucket, while the backward pass goes on.
 *
 * A bucket is what becomes final together, about: trained parameters from the model's output towards its input, as many as
 * fill its size (Li et al., "PyTorch Distributed", VLDB 2020, section 3.2).  Its sum begins once the last micro-batch's
 * backward pass will add nothing more to any of its gradients (nn/tape.h, ril_tape_listen) and all buckets before it have
 * begun: ranks whose passes differ, as where one has no pictures, sum the same buckets in the same order.
 *
 * Which elements are whose does not depend on buckets, nor does the order of any sum: results are the same to the bit for
 * every size, and without any.  As a rank owns one range of a run, a bucket's owner is often one rank, which then receives
 * while others send.
 *
 * Gradients may be shared out (ZeRO-2; Rajbhandari et al., arXiv 1910.02054): the parameters have been made with gradients
 * apart (params.h), a bucket has memory from when it is first added to until it has been summed, and then the rank keeps of
 * it what is its own.  With one micro-batch to a step a rank holds its share and the few buckets under way.  With several,
 * gradients add up in whole buckets until the last one's pass, for the sums to be the same: sums over ranks of sums over
 * micro-batches.
 *
 * Trained weights may be shared out, too (ZeRO-3, gather.h).  Then a bucket begins at a place of the sequence in which weights are gathered
 * for the way back, once that has gone by all of its parameters: sums and gathering take turns in one order on all ranks.
 *
 * Ownership: it borrows parameters, world, bounds and trace, and owns the gradients' memory where they are apart. */
#ifndef RIL_NN_REDUCE_H
#define RIL_NN_REDUCE_H

#include "base/trace.h"
#include "nn/gather.h"
#include "nn/params.h"
#include "nn/tape.h"
#include "nn/world.h"

struct ril_reduce_options {
	double bucket; /* bytes of gradients at least, of all buckets but the last; 0: one bucket, after the pass */
	bool shard;    /* gradients are apart, and a rank keeps its own */
	bool weights;  /* and of trained weights, too; with shard alone */
	struct ril_trace *trace; /* NULL: none is kept */
};

struct ril_reduce;
/* bound[runs]: how the elements of each run are shared out. */
struct ril_reduce *ril_reduce_new(struct ril_params *, const struct ril_world *, int64_t *const bound[],
				  const struct ril_reduce_options *, struct ril_err *);
void ril_reduce_free(struct ril_reduce *);
int ril_reduce_buckets(const struct ril_reduce *);
size_t ril_reduce_bytes(const struct ril_reduce *); /* of gradients apart, the most there ever were */

/* Before the forward pass of a micro-batch that `tape` is to record; the step's last one or not.  Then its backward pass. */
void ril_reduce_pass(struct ril_reduce *, struct ril_tape *, bool last);
int ril_reduce_backward(struct ril_reduce *, struct ril_tape *, struct ril_err *);
/* A micro-batch of other ranks, in which this one has nothing: where weights are shared out it takes part in their gathering. */
int ril_reduce_idle(struct ril_reduce *, struct ril_tape *, bool last, struct ril_err *);
/* No gradient is added to any more: begins the buckets that have not begun.  All ranks call, those that had no pass too. */
void ril_reduce_rest(struct ril_reduce *);
/* Calls rest and waits: the sums of the gradients are in the ranks' own ranges, where their runs and the parameters that lie in
 * them say.  The step is over. */
int ril_reduce_end(struct ril_reduce *, struct ril_err *);

#endif
