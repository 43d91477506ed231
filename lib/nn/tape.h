/* tape.h -- an eager tape: operations run at once, and when recording leave what their backward pass needs.
 *
 * A value is a row-major matrix [rows, cols] with leading dimension `ld` in the step arena (device memory); views share
 * its memory and its gradient.  All values of a pass have the tape's type, but for those that ril_t_linear_real makes.  A record is {op, out, in[], saved}; ril_tape_backward walks the records from the last
 * to the first, gradients add, and a gradient's memory is used again as soon as its producer's backward pass has run.
 * Without recording (inference) the same operations leave nothing behind.  After the first step of a given size no
 * memory is allocated.
 *
 * Activations, gradients and what is computed again each have an arena.  A part of a model that is a segment
 * (ril_t_segment) may be run again in the backward pass instead of keeping what it needs: see nn/segment.c.
 *
 * Errors stick: once an allocation failed every operation returns NULL, accepts NULL and does nothing, so that model
 * code reads as arithmetic; ask ril_tape_error when a pass is on its way, and ril_tape_check when its results are wanted.
 *
 * Ownership: values, and host arrays from ril_tape_host, live until ril_tape_reset.  Arrays passed to
 * operations (ids, rows, segments, targets) are device memory (nn/pass.h) and borrowed until then when recording. */
#ifndef RIL_NN_TAPE_H
#define RIL_NN_TAPE_H

#include "base/mem.h"
#include "ops/ops.h"

struct ril_param; /* nn/params.h */
struct ril_linear;
struct ril_norm;
struct ril_rope; /* nn/rope.h */

struct ril_val {
	struct ril_mat m;     /* [rows, cols], device */
	bool needs;           /* a gradient flows through it */
	bool inner;           /* made while a segment ran again: gone when that segment's backward pass is done */
	bool scratch;         /* its memory is scratch of its segment, filled again before that is walked back */
	struct ril_val *base; /* the value whose memory this is a view of; itself if none */
	struct ril_mat g;     /* base only: gradient, of the shape of m; none until backward touches it */
};

struct ril_tape;
struct ril_tape *ril_tape_new(struct ril_err *);
void ril_tape_free(struct ril_tape *);
/* The type of the values that it makes, RIL_REAL or BF16: ril_compute() at first; between passes. */
void ril_tape_compute(struct ril_tape *, enum ril_dtype);
void ril_tape_record(struct ril_tape *, bool on); /* off at first */
void ril_tape_reset(struct ril_tape *);           /* forgets values and records, keeps the memory */
int ril_tape_trim(struct ril_tape *);             /* after a reset: gives the memory back; for tools that wait */
size_t ril_tape_peak(const struct ril_tape *);    /* most bytes of activations and gradients ever in use */
/* 0, or -1 with the first failure on the host since the last reset; waits for nothing. */
int ril_tape_error(const struct ril_tape *, struct ril_err *);
/* The same, once the device has come to the end of what it was given, and including its failures. */
int ril_tape_check(struct ril_tape *, struct ril_err *);

/* leave() releases everything made since enter(): where nothing is recorded. */
struct ril_tape_mark {
	struct ril_arena_mark device, host;
};
struct ril_tape_mark ril_tape_enter(const struct ril_tape *);
void ril_tape_leave(struct ril_tape *, struct ril_tape_mark);

/* What segments keep for the backward pass: everything; not what is cheap to compute; only their input. */
enum ril_recompute { RIL_RECOMPUTE_NONE, RIL_RECOMPUTE_CHEAP, RIL_RECOMPUTE_BLOCK };
#define RIL_RECOMPUTES "none|cheap|block"
enum ril_recompute ril_recompute_parse(const char *);
void ril_tape_recompute(struct ril_tape *, enum ril_recompute); /* none at first; between passes */

/* Dropout of what goes into adapters (nn/adapter.h), where a layer's adapter has any: on for the passes that are given how.
 * A mask is a function of seed, who, step, pass, the layer's name, the row's name and the column, and of nothing else. */
enum ril_drops_of { RIL_DROPS_POLICY, RIL_DROPS_DISC }; /* trained beside each other, with masks of their own */
struct ril_drops {
	uint32_t seed;
	enum ril_drops_of who;
	uint32_t step, pass;
};
void ril_tape_drops(struct ril_tape *, const struct ril_drops *); /* copied; NULL: off, as at first; between passes */
bool ril_tape_dropping(const struct ril_tape *);
/* Whose the rows of the values to come are; the names live until the reset. */
void ril_t_names(struct ril_tape *, struct ril_names);

/* ---- values ---- */
struct ril_val *ril_tape_val(struct ril_tape *, int64_t rows, int64_t cols); /* contents undefined */
/* Copied from the host, rounded to the tape's type. */
struct ril_val *ril_tape_input(struct ril_tape *, int64_t rows, int64_t cols, const float *);
/* A value over device memory from elsewhere. */
struct ril_val *ril_tape_wrap(struct ril_tape *, struct ril_mat);
void *ril_tape_host(struct ril_tape *, size_t n, size_t size); /* scratch on the host */
/* Fails the pass from the outside: the error that ril_tape_check will give.  Returns NULL. */
struct ril_val *ril_tape_fail(struct ril_tape *, const struct ril_err *);
struct ril_val *ril_view_cols(struct ril_tape *, struct ril_val *, int64_t from, int64_t n);
/* Of dense values only. */
struct ril_val *ril_view_reshape(struct ril_tape *, struct ril_val *, int64_t rows, int64_t cols);
int ril_val_host(const struct ril_val *, double *out /* [rows,cols] */, struct ril_err *); /* copies to the host */

/* ---- operations (shapes and formulas: ops/ops.h) ---- */
struct ril_val *ril_t_linear(struct ril_tape *, struct ril_val *x, const struct ril_linear *);
/* The same in RIL_REAL, for what a loss or a draw reads. */
struct ril_val *ril_t_linear_real(struct ril_tape *, struct ril_val *x, const struct ril_linear *);
/* x + h w^T + b; overwrites x where no gradient flows. */
struct ril_val *ril_t_linear_add(struct ril_tape *, struct ril_val *x, struct ril_val *h, const struct ril_linear *);
struct ril_val *ril_t_embed(struct ril_tape *, const int32_t *ids, const int32_t *vrow, int64_t T,
			    struct ril_param *table, struct ril_val *vis);
struct ril_val *ril_t_gather(struct ril_tape *, struct ril_val *x, const int32_t *idx, int64_t R);
struct ril_val *ril_t_add_rows(struct ril_tape *, struct ril_val *x, struct ril_param *p, int64_t P);
/* x[R,C], or zeros where it is NULL, with n rows of s added: row from[i] of s to row at[i]; both dense. */
struct ril_val *ril_t_add_at(struct ril_tape *, struct ril_val *x, struct ril_val *s, const int32_t *at,
			     const int32_t *from, int64_t n, int64_t R);
struct ril_val *ril_t_scale_add(struct ril_tape *, struct ril_val *a, struct ril_param *g, struct ril_val *b);
struct ril_val *ril_t_act(struct ril_tape *, struct ril_val *x, enum ril_act);
/* act(x w^T + b); where nothing is recorded what act is given takes no memory */
struct ril_val *ril_t_linear_act(struct ril_tape *, struct ril_val *x, const struct ril_linear *, enum ril_act);
struct ril_val *ril_t_swiglu(struct ril_tape *, struct ril_val *gate, struct ril_val *up);
struct ril_val *ril_t_rmsnorm(struct ril_tape *, struct ril_val *x, struct ril_param *w, double eps);
struct ril_val *ril_t_layernorm(struct ril_tape *, struct ril_val *x, struct ril_param *w, struct ril_param *b,
				double eps);
/* Layer norm where there is a bias, else root mean square. */
struct ril_val *ril_t_norm(struct ril_tape *, struct ril_val *x, const struct ril_norm *, double eps);
/* In place; pos as the operation wants it, on the device until the reset; the rope's owner keeps it as long. */
void ril_t_rope(struct ril_tape *, struct ril_val *x, const struct ril_rope *, const int32_t *pos, int64_t stride);
struct ril_val *ril_t_attention(struct ril_tape *, struct ril_val *q, struct ril_val *k, struct ril_val *v,
				struct ril_segs, int64_t H, int64_t Hkv, int64_t D);

/* What the head says of R targets, and what a loss makes of it before the backward pass: arrays [R] of the device. */
struct ril_logps {
	double *logp, *entropy; /* set; entropy NULL: not wanted */
	const double *dlogp;    /* NULL: nothing is recorded */
	const double *dentropy; /* NULL: the loss does not read entropies; else they are wanted, and stay */
};
/* Log-probability and entropy of target[r] under softmax(inv_t * h w^T). */
void ril_t_head_logp(struct ril_tape *, struct ril_val *h, const int32_t *target, const struct ril_linear *head,
		     double inv_t, struct ril_logps);

/* ---- segments ---- */
/* A part of a model, as a function of the value that enters it; the result is a whole value (no view).  It must do the
 * same whenever it is called. */
typedef struct ril_val *ril_segment(struct ril_tape *, const void *ctx, struct ril_val *x);
/* fn(x), `rows` rows of as many columns as x.  Where no gradient flows everything but the result is released, and the
 * result takes the place of x where it can; else the backward pass finds what ril_tape_recompute says.  The `size`
 * bytes of ctx are copied; what they point to is borrowed until the reset.  Values other than x may enter through ctx:
 * they are kept, and gradients flow to them. */
struct ril_val *ril_t_segment(struct ril_tape *, ril_segment *fn, const void *ctx, size_t size, struct ril_val *x,
			      int64_t rows);

/* ---- backward ---- */
/* The gradient of a value, for a loss to add its own to: the seed.  None (p NULL) where none flows. */
struct ril_mat ril_tape_seed(struct ril_tape *, struct ril_val *);
/* Walks the records back; parameter gradients add to their blocks.  Once per recording; then reset.  Waits for nothing:
 * the device's failures are ril_tape_check's. */
int ril_tape_backward(struct ril_tape *, struct ril_err *);

/* Who follows a backward pass. */
struct ril_listener {
	/* Called once for every trained parameter that the recorded pass uses, as soon as it will add nothing more to the
	 * parameter's gradient, while it goes on.  The device may still be adding.  NULL: nobody asks. */
	void (*final)(void *ctx, struct ril_param *);
	/* Gives a gradient that is about to be added to memory, zeroed, where it has none.  NULL: all have. */
	int (*give)(void *ctx, struct ril_param *, struct ril_err *);
	void *ctx;
};
/* From now until the next backward pass has ended, which is recorded after this.  A gradient that is added to after it was
 * said to be final fails the pass.  Copied. */
void ril_tape_listen(struct ril_tape *, const struct ril_listener *);
/* Something else than the tape's operations is about to add to the gradient, before the backward pass. */
void ril_tape_adds_to(struct ril_tape *, struct ril_param *);

/* ---- weights that are not always there ---- */
/* Who brings a trained parameter to where passes read it. */
struct ril_reader {
	/* p->w and p->vec are about to be read: in the order of the pass, and of the way back.  NULL: they are there. */
	int (*read)(void *ctx, struct ril_param *, struct ril_err *);
	void *ctx;
};
void ril_tape_reads_by(struct ril_tape *, const struct ril_reader *); /* copied; for all passes from now on */
/* Something else than the tape's operations is about to read the parameter.  NULL, or not trained: nothing. */
void ril_tape_reads(struct ril_tape *, const struct ril_param *);

#endif
