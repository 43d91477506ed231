/* tape_internal.h -- what tape.c (values, records, walking back) shares with tape_ops.c (the operations). */
#ifndef RIL_NN_TAPE_INTERNAL_H
#define RIL_NN_TAPE_INTERNAL_H

#include "nn/params.h"
#include "nn/rope.h"
#include "nn/tape.h"
#include "ops/backend.h"

/* One operation that ran: enough to run it backwards.  Fields are the operation's own; unused ones are 0. */
struct ril_rec {
	void (*back)(struct ril_tape *, struct ril_rec *);
	struct ril_rec *before;
	struct ril_val *out, *in[3];
	struct ril_param *p[2];
	ril_real *saved[2];
	const int32_t *idx[2];
	struct ril_segs seg;
	struct ril_heads heads;
	const struct ril_rope *rope;
	const int32_t *pos;
	const double *dlogp;
	int64_t n;
	double num; /* 1/temperature */
	enum ril_act act;
	bool in_place;
};

enum { RIL_TAPE_POOL = 64 };

struct ril_tape {
	const struct ril_ops *ops;
	struct ril_arena *device, *host;
	struct ril_rec *last;
	bool record;
	struct ril_err err; /* first failure since the reset */
	/* gradients whose producer's backward pass has run: their memory serves again */
	struct {
		ril_real *p;
		size_t bytes;
	} pool[RIL_TAPE_POOL];
	int pooled;
};

/* Device memory, for n ril_reals; NULL after a failure. */
void *ril_tape_bytes(struct ril_tape *, size_t n);
ril_real *ril_tape_reals(struct ril_tape *, int64_t n);
/* A new dense value that needs a gradient where any input or parameter does.  NULL if an input is. */
struct ril_val *ril_tape_out(struct ril_tape *, int64_t rows, int64_t cols, bool needs);
/* A record for `out`, or NULL where none is needed. */
struct ril_rec *ril_tape_rec(struct ril_tape *, void (*back)(struct ril_tape *, struct ril_rec *), struct ril_val *out);
/* Where the gradient of a value (or view) is collected, zeroed on first touch; none (p NULL) where none flows. */
struct ril_mat ril_tape_grad(struct ril_tape *, struct ril_val *);

#endif
