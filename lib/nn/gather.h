/* gather.h -- trained weights that are shared out over a world's ranks (ZeRO-3; Rajbhandari et al., arXiv 1910.02054), gathered
 * a unit at a time while passes read them, forward and on the way back, and let go (Zhao et al., "PyTorch FSDP", VLDB 2023).
 *
 * How pointers to weights stay valid: they do not.  Between passes a trained parameter has no w.p and no vec.  A pass goes
 * through a sequence of units, which are a block of the model or what lies between blocks: its tape says of every
 * parameter that it is about to be read (nn/tape.h, ril_tape_reads), and then that one's unit is there, until one is asked for that
 * comes later in the sequence.  Nobody keeps a pointer beyond that: records hold parameters, not their memory.
 *
 * Every rank walks the whole of each sequence, over units that its own pass does not use too, as one without pictures does
 * not those of the tower, and through passes in which it has nothing: so all gather the same units in the same order, and
 * none waits for one that never comes.  A parameter that is read where the sequence has gone by it is an error, on every rank.
 * Sums of gradients (reduce.h) begin at places of the backward sequence for the same reason.
 *
 * The sequence is the order of use: of the tower, the projector, the language model, the head (spans.h); a tied head is
 * at both ends.  On the way back it is turned round, without tables whose rows were looked up.
 *
 * Ownership: it borrows parameters, world and bounds, and owns the memory of the units that are there. */
#ifndef RIL_NN_GATHER_H
#define RIL_NN_GATHER_H

#include "base/trace.h"
#include "nn/params.h"
#include "nn/tape.h"
#include "nn/world.h"

struct ril_gather_options {
	double least;            /* bytes that a unit has at least, but the last: small ones are joined */
	struct ril_trace *trace; /* NULL: none is kept */
};

/* Of what each run's ranks keep (ril_params_keep), bound[runs] saying how each is shared out. */
struct ril_gather *ril_gather_new(struct ril_params *, const struct ril_world *, int64_t *const bound[],
				  const struct ril_gather_options *, struct ril_err *);
void ril_gather_free(struct ril_gather *);
size_t ril_gather_bytes(const struct ril_gather *); /* of units, the most that ever were there */

/* NULL for a gatherer: nothing is shared out, all is there, and what follows does nothing. */

/* Passes of this tape read through it, from now on. */
void ril_gather_for(struct ril_gather *, struct ril_tape *);
/* How many passes all ranks make where this one has `own`: the most that any has. */
int ril_gather_passes(struct ril_gather *, size_t own, size_t *all, struct ril_err *);
/* A pass begins, with a way back or without; the way back begins; it is over.  A rank that has nothing in a pass calls them all
 * the same. */
void ril_gather_begin(struct ril_gather *, bool back);
int ril_gather_turn(struct ril_gather *, struct ril_err *);
int ril_gather_end(struct ril_gather *, struct ril_err *);
/* Outside of passes: the unit of one parameter, until ril_gather_end. */
int ril_gather_one(struct ril_gather *, const struct ril_param *, struct ril_err *);

/* Who is told, on the way back, that nothing will add any more to gradients of units before place `at` of the sequence. */
struct ril_gather_follower {
	void (*past)(void *ctx, int at);
	void *ctx;
};
void ril_gather_follow(struct ril_gather *, struct ril_gather_follower);
/* The last place of a parameter's unit in the backward sequence. */
int ril_gather_place(const struct ril_gather *, const struct ril_param *);

/* All ranks, for whoever saves: elements [at, at + n) of a parameter as passes read them, or where `values` is given, of those,
 * [params->kept].  The memory is the caller's (ril_ops()->put). */
int ril_gather_part(struct ril_gather *, const struct ril_param *, const ril_real *values, int64_t at, int64_t n,
		    struct ril_mat *, struct ril_err *);

/* What it would take, before anything is shared out: bytes of the largest unit, and bytes that a pass and its way back go
 * through. */
struct ril_gather_cost {
	size_t unit;
	uint64_t bytes;
};
int ril_gather_plan(struct ril_params *, double least, struct ril_gather_cost *, struct ril_err *);

#endif
