/* tape_internal.h -- what tape.c (values, records, walking back) shares with tape_ops.c (the operations) and segment.c
 * (running parts of a model again). */
#ifndef RIL_NN_TAPE_INTERNAL_H
#define RIL_NN_TAPE_INTERNAL_H

#include "nn/params.h"
#include "nn/rope.h"
#include "nn/tape.h"
#include "ops/backend.h"

/* One operation that ran: enough to run it backwards.  Fields are the operation's own; unused ones are 0. */
struct ril_rec {
	void (*back)(struct ril_tape *, struct ril_rec *);
	void (*again)(struct ril_tape *, struct ril_rec *); /* fills `out` again; NULL: it is kept */
	struct ril_rec *before;
	struct ril_val *out, *in[3];
	struct ril_param *p[2];
	ril_real *saved[2];
	const int32_t *idx[2];
	struct ril_segs seg;
	struct ril_heads heads;
	struct ril_names names;
	struct ril_dropout drop;
	const struct ril_rope *rope;
	const int32_t *pos;
	struct ril_logps logps;
	int64_t n;
	double num; /* 1/temperature; a norm's epsilon */
	enum ril_act act;
	bool in_place;
	bool blind;                    /* its way back does not read its parameters */
	const struct ril_rerun *rerun; /* of a segment */
	int64_t number;                /* of those made before it in the pass, not in a segment run again */
};

/* Who follows the backward pass: parameters in the order of their first use, and how many records were made before it. */
struct ril_finals {
	struct ril_listener who;
	struct ril_final {
		struct ril_param *p;
		int64_t from;
	} * at; /* [n] of [cap] */
	size_t n, cap;
};

enum { RIL_TAPE_POOL = 64 };

/* A piece of memory that serves again, and the arenas' blocks in which it lies (-1: not in that arena): of `device`,
 * lent by a segment; of `grads`. */
struct ril_free {
	char *p;
	size_t bytes;
	int lent, own;
};

struct ril_tape {
	const struct ril_ops *ops;
	struct ril_arena *device; /* activations */
	struct ril_arena *grads, *scratch, *host;
	enum ril_dtype type; /* of values */
	size_t peak;
	struct ril_rec *last;
	bool record;
	enum ril_recompute recompute;
	bool dropping;
	struct ril_drops drops;
	struct ril_names names; /* of the rows at hand */
	struct ril_err err;     /* first failure since the reset */
	int64_t records;        /* made in this pass, but for those of segments run again */
	struct ril_finals finals;
	struct ril_reader reader;
	/* Memory that serves again for gradients: of gradients whose producer's backward pass has run and, while a
	 * segment that was run again is walked back, of its values that nothing reads any more. */
	struct ril_free pool[RIL_TAPE_POOL];
	int pooled;
	/* the segment at work */
	bool inside;       /* one is: segments in it are not segments */
	bool again;        /* it is run again for its backward pass */
	bool cheap;        /* what is cheap to compute goes to scratch */
	bool trains;       /* set by any operation through which a gradient would flow */
	int64_t sums;      /* calls of ril_t_linear_add */
	int64_t last_sum;  /* run again: the one whose result is the segment's, and that is still there: */
	struct ril_mat is; /* here */
	struct ril_val *sum;
};

/* Device memory, for n ril_reals; NULL after a failure. */
void *ril_tape_bytes(struct ril_tape *, size_t n);
ril_real *ril_tape_reals(struct ril_tape *, int64_t n);
/* A new dense value that needs a gradient where any input or parameter does.  NULL if an input is. */
struct ril_val *ril_tape_out(struct ril_tape *, int64_t rows, int64_t cols, bool needs);
/* The same in RIL_REAL. */
struct ril_val *ril_tape_out_real(struct ril_tape *, int64_t rows, int64_t cols, bool needs);
/* The same for what is large and cheap to compute: its record must have `again`. */
struct ril_val *ril_tape_out_cheap(struct ril_tape *, int64_t rows, int64_t cols, bool needs);
/* An operation is about to use p: is it trained?  Called before the operation's kernel, and its record is made.  NULL: no. */
bool ril_tape_uses(struct ril_tape *, struct ril_param *p);
/* Nothing but records numbered below `number` is still to be walked back. */
void ril_tape_finish(struct ril_tape *, int64_t number);
/* A record is about to be walked back: to read its parameters, or but look their rows up, and to add to their gradients. */
void ril_tape_adds(struct ril_tape *, const struct ril_rec *);
void ril_tape_forget_finals(struct ril_tape *);
/* Walks back from a record to the first, not included `end`. */
void ril_tape_walk(struct ril_tape *, struct ril_rec *from, const struct ril_rec *end);
/* A record for `out`, or NULL where none is needed. */
struct ril_rec *ril_tape_rec(struct ril_tape *, void (*back)(struct ril_tape *, struct ril_rec *), struct ril_val *out);
/* Where the gradient of a value (or view) is collected, zeroed on first touch; none (p NULL) where none flows. */
struct ril_mat ril_tape_grad(struct ril_tape *, struct ril_val *);

#endif
