/* ops.h -- the one list of operations that every backend implements.
 *
 * An operation is a pair of kernels (forward, backward) over matrices.  A matrix (struct ril_mat) says where its elements
 * lie, of which type they are, its rows, columns and leading dimension: a matrix with ld > cols is a slice of columns of
 * a wider one.  Shapes stand beside every argument: T rows (tokens, patches), C/K/N features, H heads of D, V vocabulary
 * rows, R chosen rows.
 *
 * Every pointer in an operation, index arrays and segments included, is memory of the backend's device: what the host
 * knows goes up with to_device, in one block a pass (nn/pass.h), and kernels read it there.
 *
 * Activations, their gradients and the cache are of one type a pass, RIL_REAL or BF16.  Every operation computes in
 * ril_real from what it reads and rounds once, where it stores a BF16 matrix; what adds to a BF16 matrix reads the old
 * value, adds, and rounds once.  What a loss or a draw reads of a pass (logits, scores: the y of a linear) is
 * RIL_REAL in a BF16 pass, too, and so is its gradient dy.  That dy, a bias beside a BF16 y, and matrices that never
 * leave an operation (attention's scores, the head's logits, their gradients), may be rounded to BF16 on their way into a
 * product; the logits themselves are not.
 *
 * Weights are read as they are stored (F32, BF16, F16; F64 in the f64 build) and widened in panels; in a BF16 pass they
 * are BF16.  Their gradients (dw, dtable) are RIL_REAL or BF16.  Vectors (norm weights, biases, position tables) and
 * their gradients are ril_real in every pass, and so are statistics; sums over the vocabulary and whatever a loss is made
 * of are double.  Accumulation is in ril_real or better.  ril_real is float; in the f64 build (RIL_REAL_IS_DOUBLE) it is
 * double throughout, which leaves a BF16 pass its roundings and takes away all others.
 *
 * Backward kernels ADD to gradients (d...), so that a value used twice collects both; a gradient without memory (p NULL)
 * is not computed.  Kernels neither allocate (beyond scratch kept between calls) nor fail: a failure on the device is
 * sticky and returned by sync().  Sums never depend on the number of threads.
 *
 * A backend declares its functions from the list below (RIL_OPS), by the types below: it cannot drift from them. */
#ifndef RIL_OPS_OPS_H
#define RIL_OPS_OPS_H

#include "base/dtype.h"
#include "base/err.h"
#include "base/rng.h"
#include "ops/peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef RIL_REAL_IS_DOUBLE
typedef double ril_real;
#define RIL_REAL RIL_F64
#else
typedef float ril_real;
#define RIL_REAL RIL_F32
#endif

/* ---- matrices ---- */

/* Row r, column c is element r * ld + c.  An argument that an operation may do without is given as RIL_NO_MAT. */
struct ril_mat {
	void *p; /* device; NULL: none */
	enum ril_dtype type;
	int64_t rows, cols, ld;
};
#define RIL_NO_MAT ((struct ril_mat){0})

/* A dense matrix.  What an operation only reads it does not change, so const memory may be given. */
static inline struct ril_mat ril_mat_of(const void *p, enum ril_dtype type, int64_t rows, int64_t cols)
{
	return (struct ril_mat){(void *)(uintptr_t)p, type, rows, cols, cols};
}

static inline void *ril_mat_at(struct ril_mat m, int64_t row, int64_t col)
{
	return (char *)m.p + (size_t)(row * m.ld + col) * ril_dtype_size(m.type);
}

/* Columns [from, from + n); rows [from, from + n). */
static inline struct ril_mat ril_mat_cols(struct ril_mat m, int64_t from, int64_t n)
{
	return (struct ril_mat){ril_mat_at(m, 0, from), m.type, m.rows, n, m.ld};
}

static inline struct ril_mat ril_mat_rows(struct ril_mat m, int64_t from, int64_t n)
{
	return (struct ril_mat){ril_mat_at(m, from, 0), m.type, n, m.cols, m.ld};
}

/* Bytes from the first element to the end of the last row. */
static inline size_t ril_mat_bytes(struct ril_mat m)
{
	return (size_t)(m.rows * m.ld) * ril_dtype_size(m.type);
}

/* ---- attention's shape ---- */

/* One run of queries in an attention call.  Query row q0+i (0 <= i < qn) sees the key rows [p0, p0+pn) and, of
 * [k0, k0+kn), all, or with `causal` the first i + 1 + (kn - qn).
 *   plain sequence of n tokens at row r:       {r, n, 0, 0, r, n, 1}
 *   response on a shared prompt prefix:        {r, n, prompt row, prompt length, r, n, 1}
 *   one decode step against a cache:           {row, 1, prefix row, prefix length, slot row, tokens so far, 1} */
struct ril_seg {
	int32_t q0, qn, p0, pn, k0, kn, causal;
};
struct ril_segs {
	const struct ril_seg *at; /* [n], device */
	int n;
};

/* H query heads on Hkv key and value heads (grouped-query attention) of D elements each. */
struct ril_heads {
	int64_t H, Hkv, D;
	double scale; /* of the scores */
};

/* ---- dropout ---- */

/* Whose rows they are: n names for the R rows of a matrix, of each of which question, response and position are read.  With
 * R = k n the first k rows are the first name's, numbered on from k times its position; with n = k R a row has the first
 * of its k names. */
struct ril_names {
	const struct ril_rng_at *at; /* [n], device */
	int64_t n;
};
/* Column c of a row is dropped where word c mod 4 of Philox, under `key`, at counter (question, response, position, c / 4)
 * is less than `below`: with probability below / 2^32.  What is kept is multiplied by `scale`. */
struct ril_dropout {
	uint32_t key[2], below;
	ril_real scale;
};

enum ril_act { RIL_ACT_SILU, RIL_ACT_GELU /* erf */, RIL_ACT_GELU_TANH, RIL_ACT_QUICK_GELU, RIL_ACT_RELU };

/* ---- how a token is chosen ---- */

struct ril_sampling {
	double temperature; /* > 0 */
	int64_t top_k;      /* 0: off */
	double top_p;       /* 1: off */
	bool greedy;
};

/* clang-format off */
#define RIL_SAMPLING_DEFAULT {.temperature = 1, .top_p = 1}
/* clang-format on */

/* The rows that choose.  Each takes one uniform number, ril_rng_uniform(seed, purpose, key): neither the batch it is in
 * nor the order of the rows changes what it draws. */
struct ril_draws {
	int64_t n;
	uint32_t seed;
	enum ril_purpose purpose;
	const struct ril_rng_at *key; /* [n], device */
	const int32_t *line;          /* [n], device: each row's row of logits; NULL: its own number */
	const int32_t *done;          /* [n], device: not 0 where nothing is chosen any more; NULL: all choose */
	const bool *barred;           /* [V], device: ids that are never chosen; NULL: none */
};

/* ---- responses being written ---- */

/* What a row's `done` says. */
enum ril_done {
	RIL_GOING,
	RIL_ENDED,  /* its last token ends a sequence */
	RIL_LENGTH, /* it has `max` tokens */
	RIL_FAILED, /* no token could be chosen */
};

/* n rows, one token each a step.  All arrays are the device's. */
struct ril_decode {
	int64_t n;
	int32_t *id;    /* [n]: the last token chosen, which the next step reads */
	ril_real *logp; /* [n]: its log-probability */
	/* what the next step reads with it */
	int32_t *pos;                 /* [axes, n]: rotary positions */
	int32_t *kv_row;              /* [n]: cache row that takes its key and value */
	struct ril_seg *full, *slide; /* [n]: what it sees; in layers with a window (NULL: none has one) */
	struct ril_rng_at *key;       /* [n]: of the next draw; `position` counts the row's tokens */
	int32_t *done;                /* [n]: enum ril_done */
	int32_t *out;                 /* [n]: its row of the outputs */
	int axes;
	int64_t window;
	/* outputs, and when a row ends */
	int32_t *out_ids;   /* [*, max] */
	ril_real *out_logp; /* [*, max] */
	const int32_t *eos; /* [neos] */
	int neos;
	int32_t max;
};

/* The moments of the elements that AdamW steps: those from element `at` of these arrays on.  m_scale NULL: m and v are
 * ril_real.  Else they are codes of 8 bits, in blocks of RIL_MOMENT_BLOCK elements with a scale each (ops/moments.h), and
 * `at` is a multiple of that.  Zeroed memory is zero moments in both. */
struct ril_moments {
	void *m, *v;
	float *m_scale, *v_scale; /* [blocks] */
	int64_t at;
};

struct ril_adamw {
	double lr, beta1, beta2, eps, weight_decay;
	/* Device: the square of the gradient's norm.  Where it is not finite nothing is changed.  NULL: neither looked at
	 * nor clipped. */
	const double *squares;
	double max_norm; /* a larger gradient is scaled down to this norm first; 0: never */
	int64_t step;    /* counts from 1: bias correction */
};

/* Whose random numbers round: element i draws at (step, name, response and position = high and low half of at + i). */
struct ril_rounding {
	uint32_t seed, step, name;
	int64_t at;
};

/* The name of a block of one process's device memory, for another process on that device. */
struct ril_loan {
	unsigned char handle[64];
};

/* ---- linear: y[T,N] = x[T,K] w[N,K]^T (+ b[N]) (+ y when accumulate) ---- */
typedef void ril_op_linear(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate);
typedef void ril_op_linear_bwd(struct ril_mat dx, struct ril_mat dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
			       struct ril_mat w);

/* The same, then act, in one: pre[T,N] = x w^T (+ b), y[T,N] = act(pre); y and pre dense, of one type, that of x.  pre, which
 * act_bwd reads, is RIL_NO_MAT where there will be no way back.  y is act of pre as it is rounded to its type, to the bit
 * what linear and act make of it.  But a device may, in BF16 and for GELU_TANH, take act of the sum before that is rounded
 * (then y is within half an ulp of pre, times act's slope, of the former): whether it does must not depend on anything but
 * shapes, addresses and whether pre is given. */
typedef void ril_op_linear_act(struct ril_mat y, struct ril_mat pre, struct ril_mat x, struct ril_mat w,
			       const ril_real *b, enum ril_act);

/* ---- rows ---- */
/* y[T,C]: row t = table row ids[t], or vis row vrow[t] where vrow is given and vrow[t] >= 0 */
typedef void ril_op_embed(struct ril_mat y, const int32_t *ids, const int32_t *vrow, struct ril_mat table,
			  struct ril_mat vis);
typedef void ril_op_embed_bwd(struct ril_mat dtable, struct ril_mat dvis, const int32_t *ids, const int32_t *vrow,
			      struct ril_mat dy);
/* y[R,C]: row r = x row idx[r]; idx may repeat rows and omit rows */
typedef void ril_op_gather(struct ril_mat y, struct ril_mat x, const int32_t *idx);
typedef void ril_op_gather_bwd(struct ril_mat dx, struct ril_mat dy, const int32_t *idx);
/* y row row[t] = x row t; no row twice */
typedef void ril_op_scatter(struct ril_mat y, struct ril_mat x, const int32_t *row);
/* y[T,C] = x[T,C] + p row t mod P, p[P,C]; p and dp are RIL_REAL */
typedef void ril_op_add_rows(struct ril_mat y, struct ril_mat x, struct ril_mat p);
typedef void ril_op_add_rows_bwd(struct ril_mat dx, struct ril_mat dp, struct ril_mat dy);

/* ---- elementwise, on dense matrices ---- */
typedef void ril_op_axpy(struct ril_mat y, double alpha, struct ril_mat x); /* y += alpha x */
/* y[T,C] = a[T,C] + g[C] * b[T,C]: layer scale and residual */
typedef void ril_op_scale_add(struct ril_mat y, struct ril_mat a, const ril_real *g, struct ril_mat b);
typedef void ril_op_scale_add_bwd(struct ril_mat da, ril_real *dg, struct ril_mat db, struct ril_mat dy,
				  const ril_real *g, struct ril_mat b);
/* y may be x */
typedef void ril_op_act(struct ril_mat y, struct ril_mat x, enum ril_act);
typedef void ril_op_act_bwd(struct ril_mat dx, struct ril_mat dy, struct ril_mat x, enum ril_act);
/* y = silu(gate) * up */
typedef void ril_op_swiglu(struct ril_mat y, struct ril_mat gate, struct ril_mat up);
typedef void ril_op_swiglu_bwd(struct ril_mat dgate, struct ril_mat dup, struct ril_mat dy, struct ril_mat gate,
			       struct ril_mat up);

/* y[R,C] = x[R,C], of which some elements are dropped (0) and the others scaled; with `accumulate` that is added to y: the way
 * back.  y may be x; not dense. */
typedef void ril_op_dropout(struct ril_mat y, struct ril_mat x, struct ril_names, struct ril_dropout, bool accumulate);

/* ---- norms of the rows of x[T,C].  rstd[T] (and mean[T]) are saved for backward; NULL: not wanted ---- */
typedef void ril_op_rmsnorm(struct ril_mat y, ril_real *rstd, struct ril_mat x, const ril_real *w, double eps);
typedef void ril_op_rmsnorm_bwd(struct ril_mat dx, ril_real *dw, struct ril_mat dy, struct ril_mat x, const ril_real *w,
				const ril_real *rstd);
/* dense matrices only */
typedef void ril_op_layernorm(struct ril_mat y, ril_real *mean, ril_real *rstd, struct ril_mat x, const ril_real *w,
			      const ril_real *b, double eps);
typedef void ril_op_layernorm_bwd(struct ril_mat dx, ril_real *dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
				  const ril_real *w, const ril_real *mean, const ril_real *rstd);

/* ---- rotary positions, in place: x[T, H*D], D = 2 pairs; pairs (i, i + D/2) as Hugging Face's rotate_half.  Token t's
 * pair j turns by its position pos[axis[j] * stride + t].  `inverse` rotates back: the backward pass, applied to the
 * gradient in place ---- */
struct ril_rotary {
	const ril_real *cosv, *sinv; /* [positions, pairs], device */
	const int32_t *axis;         /* [pairs], device; NULL: all 0 */
	int64_t pairs;
};
typedef void ril_op_rope(struct ril_mat x, struct ril_rotary, const int32_t *pos /* [axes, stride] */, int64_t stride,
			 bool inverse);

/* ---- attention: o[T, H*D], q[T, H*D], k/v[*, Hkv*D]; softmax(scale q k) v over each segment's keys.  lse[T,H] is saved
 * for backward (NULL in inference).  Query rows in no segment are left alone ---- */
typedef void ril_op_attention(struct ril_mat o, ril_real *lse, struct ril_mat q, struct ril_mat k, struct ril_mat v,
			      struct ril_segs, struct ril_heads);
typedef void ril_op_attention_bwd(struct ril_mat dq, struct ril_mat dk, struct ril_mat dv, struct ril_mat dout,
				  struct ril_mat o, const ril_real *lse, struct ril_mat q, struct ril_mat k,
				  struct ril_mat v, struct ril_segs, struct ril_heads);

/* ---- language head fused with log-softmax: z = inv_t * h[R,C] w[V,C]^T over all V rows, in chunks of rows;
 * logp[R] = z[target] - lse, entropy[R] (NULL: not wanted), lse[R] saved.  The backward pass computes z again; of a loss
 * that reads entropies (dentropy not NULL) it wants them, too: d entropy / d z = -p (z - lse + entropy) ---- */
typedef void ril_op_head_logp(double *logp, double *entropy, ril_real *lse, struct ril_mat h, const int32_t *target,
			      struct ril_mat w, double inv_t);
typedef void ril_op_head_logp_bwd(struct ril_mat dh, struct ril_mat dw, const double *dlogp /* [R] */,
				  const double *dentropy /* [R] */, const double *entropy /* [R] */,
				  const ril_real *lse, struct ril_mat h, const int32_t *target, struct ril_mat w,
				  double inv_t);

/* ---- choosing a token for each of n rows, from raw logits z[*,V], RIL_REAL (row `line` of them): ids[n], logp[n] ----
 * logp is of log-softmax(z / temperature) over ALL V; barred ids, top-k and top-p narrow only the draw: so the sampler's
 * number and the trainer's mean the same thing.  Top-k comes before top-p, which keeps the smallest set of most likely
 * ids whose mass reaches it; ties go to the lower id.  Rows that are done keep the ids and logp they have.  A row with
 * a logit that is not finite, or with every id barred, gets id -1, and sync() returns RIL_ENONFINITE. */
typedef void ril_op_sample(int32_t *ids, ril_real *logp, struct ril_mat z, struct ril_draws, struct ril_sampling);

/* ---- decoding: what lies between two steps ---- */
/* Takes the token that every row has chosen (rows that are done: nothing): into the outputs; then the row is done, or
 * stands where the next step reads it.  A row without a token (id -1) has failed; its id is one that can be read. */
typedef void ril_op_advance(struct ril_decode);
/* Row i of `to` = row row[i] (ascending) of `from`, as row i; the outputs stay where they are.  No array is shared. */
typedef void ril_op_keep_rows(struct ril_decode to, struct ril_decode from, const int32_t *row);

/* ---- losses: functions of one number per token or response, with their gradient by it.  Every sum is ADDED to, in the
 * order of the tokens, in double; a loss over a whole batch is its parts' after one another ---- */
struct ril_loss_sums {
	double loss;
	double k3, ratio; /* over tokens */
	double tokens;
	double clipped; /* tokens whose gradient the clip stops, or whose weight it bounds */
};
/* The tokens of some responses, device: log-probability, weight, and which of the sums each adds to. */
struct ril_loss_tokens {
	int64_t n;
	const double *logp, *weight; /* [n] */
	const uint8_t *side;         /* [n] */
};
/* What the loss of a policy reads of n tokens beside ril_loss_tokens, device. */
struct ril_policy_tokens {
	const double *advantage; /* [n]; NaN leaves a token out */
	const double *old;       /* [n]; NULL: logp itself, rho = 1 */
	const double *ref;       /* [n], read unless beta is 0 */
	const double *sampler;   /* [n], read with a cap; NaN: no weight */
	const double *entropy;   /* [n], read unless bonus is 0 */
	/* With a ratio for each response: response r is tokens start[r] - start[0] up to start[r+1] - start[0], and all n are
	 * some response's.  NULL: a ratio for each token. */
	const int64_t *start; /* [responses+1] */
	int64_t responses;
};
enum ril_clip {
	RIL_CLIP_RATIO, /* S = min(rho A, clip(rho) A): PPO's surrogate (Schulman et al., arXiv 1707.06347) */
	RIL_CLIP_WEIGHT /* S = clip(rho) A logp, in which clip(rho) is a constant: CISPO (arXiv 2506.13585) */
};
/* Estimators of the KL divergence (Schulman, "Approximating KL divergence", 2020), with d = ref - logp. */
enum ril_kl {
	RIL_KL_K3, /* exp(d) - d - 1 */
	RIL_KL_K2, /* d d / 2 */
	RIL_KL_K1, /* -d */
};
/* loss = -weight [ c S - beta KL + bonus H ],  clip(rho) = rho within [low, high],  rho = exp(logp - old), or exp of the mean of
 * logp - old over the response;  c = min(exp(old - sampler), cap), a constant (with a cap of 0: 1).  dlogp[n] is set; for
 * a response's ratio to what it is where all tokens of a response have the same weight, A and c.  H is the token's entropy;
 * dentropy[n] is set, too, unless bonus is 0.  A token that is left out: gradients 0, no sums.  What k3 sums up is k3, whichever estimator is in the loss. */
struct ril_surrogate {
	double low, high; /* the ratio's clip */
	double beta, cap, bonus;
	enum ril_clip clip;
	enum ril_kl kl;
};
typedef void ril_op_policy_loss(double *dlogp, double *dentropy, struct ril_loss_sums *sums, struct ril_loss_tokens,
				struct ril_policy_tokens, struct ril_surrogate);
/* loss = -weight logp: supervised fine-tuning; dlogp[n] is set */
typedef void ril_op_sft_loss(double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens);

/* Binary cross-entropy of logits z[R,1], RIL_REAL as dz: loss = w (-y log D - (1 - y) log(1 - D)), D the logistic function of z;
 * where label[r] is 1, w is w1 and y = 1 - smoothing/2, where it is 0, w0 and smoothing/2; a label of -1 is left out.  dz[R,1]
 * gets the gradient added. */
struct ril_bce_sums {
	double loss;
	double n[2], right[2]; /* by label: all; D on the right side of 1/2 */
	double saturated;      /* D below 0.01 or above 0.99 */
	double broken;         /* logits, of any label, that are not finite */
};
struct ril_bce {
	double w0, w1, smoothing;
};
typedef void ril_op_bce_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
			     struct ril_bce);
/* The same of pairs: of every response with label 1 and every one with label 0 of its group, loss = weight (-y log D - (1 - y)
 * log(1 - D)) with D the logistic function of the difference of their z and y = 1 - smoothing/2 (Bradley and Terry 1952).
 * Group g is rows start[g] - start[0] up to start[g+1] - start[0], and all rows are some group's.  Of the sums, n counts
 * responses that are in a pair; right and saturated sum up the share of each one's pairs for which that is so. */
struct ril_pairs {
	const int64_t *start; /* [groups+1], device */
	int64_t groups;
	double weight, smoothing;
};
typedef void ril_op_pair_loss(struct ril_mat dz, struct ril_bce_sums *sums, struct ril_mat z, const int8_t *label,
			      struct ril_pairs);

/* The divergence of two softmaxes of logits s, t [R,V], RIL_REAL: with p and q those of inv_t s and inv_t t, kl[R] = KL(q || p), or
 * `reverse` KL(p || q); dz[R,V] is SET to weight[r] d kl[r] / d s, and may be s itself (RIL_NO_MAT: not wanted). */
typedef void ril_op_kl_rows(struct ril_mat dz, double *kl, struct ril_mat s, struct ril_mat t, const double *weight,
			    double inv_t, bool reverse);

/* ---- conversion between F32, BF16, F16 and F64, to nearest, ties to even; NaN stays NaN.  Dense, of one length, apart */
typedef void ril_op_convert(struct ril_mat y, struct ril_mat x);

/* ---- optimiser, on dense matrices ---- */
/* *sum += the squares of x (RIL_REAL, BF16), in double, in a fixed order; NaN and inf pass through */
typedef void ril_op_sum_squares(double *sum, struct ril_mat x);
/* y = alpha x + beta y; y RIL_REAL or BF16, x of any of convert's types; computed in ril_real and rounded once.  With a beta of 0
 * y is not read. */
typedef void ril_op_axpby(struct ril_mat y, double alpha, struct ril_mat x, double beta);
/* p of any of convert's types is widened to ril_real, stepped by g (RIL_REAL, BF16) and rounded: to BF16 and F16 by
 * chance, to one of the two neighbours, each the likelier the nearer it is */
typedef void ril_op_adamw(struct ril_mat p, struct ril_moments, struct ril_mat g, struct ril_adamw,
			  struct ril_rounding);

/* ---- the list ---- */
/* clang-format off */
#define RIL_OPS(OP)                                                                                                    \
	OP(linear) OP(linear_bwd) OP(linear_act)                                                                       \
	OP(embed) OP(embed_bwd) OP(gather) OP(gather_bwd) OP(scatter) OP(add_rows) OP(add_rows_bwd)                    \
	OP(axpy) OP(scale_add) OP(scale_add_bwd) OP(act) OP(act_bwd) OP(swiglu) OP(swiglu_bwd) OP(dropout)             \
	OP(rmsnorm) OP(rmsnorm_bwd) OP(layernorm) OP(layernorm_bwd)                                                    \
	OP(rope) OP(attention) OP(attention_bwd)                                                                       \
	OP(head_logp) OP(head_logp_bwd)                                                                                \
	OP(sample) OP(advance) OP(keep_rows)                                                                           \
	OP(policy_loss) OP(sft_loss) OP(bce_loss) OP(pair_loss) OP(kl_rows)                                                                      \
	OP(convert) OP(sum_squares) OP(axpby) OP(adamw)
/* clang-format on */

struct ril_ops {
	const char *name; /* "cpu", "cuda:0" */
	bool host_memory; /* kernels read the host's memory: mapped weights are used where they lie */

	/* True where a call returns before the device has done it: the host then looks at results seldom, and late. */
	bool async;

	enum ril_dtype compute; /* the type of activations unless told otherwise: RIL_REAL or BF16 */
	/* Bytes of memory that get() could still give; NULL: nobody knows. */
	size_t (*memory)(void);

	/* ---- memory ---- */
	void *(*get)(size_t bytes); /* device memory, 64-byte aligned; NULL on failure */
	void (*put)(void *);        /* of NULL: nothing */
	/* What lies in `bytes` of it from p on is needed no more: others may have the memory until it is written again.
	 * NULL: only put() gives it back. */
	void (*idle)(void *p, size_t bytes);
	/* Copies are ordered with the kernels around them.  What to_device was given may be changed once it returned. */
	void (*to_device)(void *dst, const void *src, size_t bytes);
	void (*to_host)(void *dst, const void *src, size_t bytes);
	void (*copy)(void *dst, const void *src, size_t bytes);
	void (*zero)(void *dst, size_t bytes);
	/* A copy to the host that is waited for later: what src holds after the calls made so far is in dst once
	 * fetched() returns, which does not wait for what was called since.  One at a time. */
	void (*fetch)(void *dst, const void *src, size_t bytes);
	void (*fetched)(void);
	int (*sync)(struct ril_err *); /* waits; returns what went wrong since the last call */

	/* ---- memory that several processes on one device read; NULL, all four: there is none ----
	 * where: the same text in processes that can lend to each other, and in no others.  lend: a name for a block that
	 * get() gave, good until put(); borrow: that block, in another process, until it is returned, which comes before
	 * the put().  What is in it is ordered by the processes themselves: sync(), then word to the other. */
	int (*where)(char *out, size_t n, struct ril_err *);
	int (*lend)(struct ril_loan *, const void *block, struct ril_err *);
	void *(*borrow)(const struct ril_loan *, struct ril_err *); /* NULL on failure */
	void (*give_back)(void *);

	/* ---- devices that send to each other (peers.h); NULL: only the host sends ---- */
	const struct ril_peers *peers;

	/* ---- calls that repeat: the same operations on the same memory, of which only the contents have changed ----
	 * Calls after note() are not done but kept; noted() ends that and gives them back as one thing (NULL: they could
	 * not be kept, and none was done), which again() does as often as wanted.  note NULL: the device gains nothing. */
	void (*note)(void);
	void *(*noted)(void);
	void (*again)(void *noted);
	void (*forget)(void *noted); /* of NULL: nothing */

#define RIL_OPS_FIELD(op) ril_op_##op *op;
	RIL_OPS(RIL_OPS_FIELD)
#undef RIL_OPS_FIELD
};

#endif
