/* ops.h -- the one table of operations that every backend implements.
 *
 * An operation is a pair of kernels (forward, backward) over row-major matrices of `ril_real`.  Shapes stand beside
 * every pointer: T rows (tokens, patches), C/K/N features, H heads of D, V vocabulary rows, R gathered rows.  A matrix
 * with a leading dimension `ld` may be a slice of columns of a wider one.  All pointers are on the backend's device,
 * except index arrays (`idx`, `ids`, segments), which are host memory and may be changed once the call returned.
 *
 * Backward kernels ADD to gradients (d...), so that a value used twice collects both; a NULL gradient is not computed.
 * Kernels neither allocate (beyond scratch kept between calls) nor fail: a failure on the device is sticky and returned
 * by sync().  Sums never depend on the number of threads.
 *
 * Precision: ril_real is float; in the f64 build (RIL_REAL_IS_DOUBLE) it is double throughout.  Weights are read as
 * they are stored (F32, BF16, F16; F64 in the f64 build) and widened in panels; accumulation is in
 * ril_real or better. */
#ifndef RIL_OPS_OPS_H
#define RIL_OPS_OPS_H

#include "base/dtype.h"
#include "base/err.h"

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

/* A weight matrix as stored: [rows, cols], dense. */
struct ril_weight {
	const void *data;
	enum ril_dtype dtype;
	int64_t rows, cols;
};

/* One run of queries in an attention call.  Query row q0+i (0 <= i < qn) sees the key rows [p0, p0+pn) and, of
 * [k0, k0+kn), all, or with `causal` the first i + 1 + (kn - qn).
 *   plain sequence of n tokens at row r:       {r, n, 0, 0, r, n, 1}
 *   response on a shared prompt prefix:        {r, n, prompt row, prompt length, r, n, 1}
 *   one decode step against a cache:           {row, 1, prefix row, prefix length, slot row, tokens so far, 1} */
struct ril_seg {
	int32_t q0, qn, p0, pn, k0, kn, causal;
};

enum ril_act { RIL_ACT_SILU, RIL_ACT_GELU /* erf */, RIL_ACT_GELU_TANH, RIL_ACT_QUICK_GELU, RIL_ACT_RELU };

struct ril_adamw {
	double lr, beta1, beta2, eps, weight_decay;
	double grad_scale; /* multiplies the gradient first: clipping */
	int64_t step;      /* counts from 1: bias correction */
};

struct ril_ops {
	const char *name; /* "cpu", "cuda:0" */

	/* ---- memory ---- */
	void *(*get)(void *ctx, size_t bytes); /* device memory, 64-byte aligned; NULL on failure */
	void (*put)(void *ctx, void *p);
	void (*to_device)(void *dst, const void *src, size_t bytes);
	void (*to_host)(void *dst, const void *src, size_t bytes);
	void (*copy)(void *dst, const void *src, size_t bytes);
	void (*zero)(void *dst, size_t bytes);
	int (*sync)(struct ril_err *); /* waits; returns what went wrong since the last call */

	/* ---- linear: y[T,N] = x[T,K] w[N,K]^T (+ b[N]) (+ y when accumulate) ---- */
	void (*linear)(ril_real *y, int64_t ldy, const ril_real *x, int64_t ldx, int64_t T, struct ril_weight w,
		       const ril_real *b, bool accumulate);
	void (*linear_bwd)(ril_real *dx, int64_t lddx, ril_real *dw, ril_real *db, const ril_real *dy, int64_t lddy,
			   const ril_real *x, int64_t ldx, int64_t T, struct ril_weight w);

	/* ---- rows ---- */
	/* y[T,C]: row t = table row ids[t], or vis row vrow[t] where vrow is given and vrow[t] >= 0 */
	void (*embed)(ril_real *y, const int32_t *ids, const int32_t *vrow, int64_t T, struct ril_weight table,
		      const ril_real *vis);
	void (*embed_bwd)(ril_real *dtable, ril_real *dvis, const int32_t *ids, const int32_t *vrow, int64_t T,
			  int64_t C, const ril_real *dy);
	/* y[R,C] row r = x row idx[r]; idx may repeat rows and omit rows */
	void (*gather)(ril_real *y, const ril_real *x, const int32_t *idx, int64_t R, int64_t C);
	void (*gather_bwd)(ril_real *dx, const ril_real *dy, const int32_t *idx, int64_t R, int64_t C);
	/* y[T,C] = x[T,C] + p row t mod P, p[P,C] */
	void (*add_rows)(ril_real *y, const ril_real *x, const ril_real *p, int64_t T, int64_t P, int64_t C);
	void (*add_rows_bwd)(ril_real *dx, ril_real *dp, const ril_real *dy, int64_t T, int64_t P, int64_t C);

	/* ---- elementwise ---- */
	void (*add)(ril_real *y, const ril_real *a, const ril_real *b, int64_t n);
	void (*axpy)(ril_real *y, ril_real alpha, const ril_real *x, int64_t n); /* y += alpha x */
	/* y[T,C] = a[T,C] + g[C] * b[T,C]: layer scale and residual */
	void (*scale_add)(ril_real *y, const ril_real *a, const ril_real *g, const ril_real *b, int64_t T, int64_t C);
	void (*scale_add_bwd)(ril_real *da, ril_real *dg, ril_real *db, const ril_real *dy, const ril_real *g,
			      const ril_real *b, int64_t T, int64_t C);
	void (*act)(ril_real *y, const ril_real *x, enum ril_act, int64_t n);
	void (*act_bwd)(ril_real *dx, const ril_real *dy, const ril_real *x, enum ril_act, int64_t n);
	/* y = silu(gate) * up */
	void (*swiglu)(ril_real *y, const ril_real *gate, const ril_real *up, int64_t n);
	void (*swiglu_bwd)(ril_real *dgate, ril_real *dup, const ril_real *dy, const ril_real *gate, const ril_real *up,
			   int64_t n);

	/* ---- norms; T rows of C at stride ld.  rstd[T] (and mean[T]) are saved for backward ---- */
	void (*rmsnorm)(ril_real *y, int64_t ldy, ril_real *rstd, const ril_real *x, int64_t ldx, const ril_real *w,
			int64_t T, int64_t C, double eps);
	void (*rmsnorm_bwd)(ril_real *dx, int64_t lddx, ril_real *dw, const ril_real *dy, int64_t lddy,
			    const ril_real *x, int64_t ldx, const ril_real *w, const ril_real *rstd, int64_t T,
			    int64_t C);
	void (*layernorm)(ril_real *y, ril_real *mean, ril_real *rstd, const ril_real *x, const ril_real *w,
			  const ril_real *b, int64_t T, int64_t C, double eps);
	void (*layernorm_bwd)(ril_real *dx, ril_real *dw, ril_real *db, const ril_real *dy, const ril_real *x,
			      const ril_real *w, const ril_real *mean, const ril_real *rstd, int64_t T, int64_t C);

	/* ---- rotary positions, in place: x[T, H*D] at stride ld, cos/sin [T, D/2]; pairs (i, i + D/2) as Hugging Face's
	 * rotate_half.  `inverse` rotates back: the backward pass, applied to the gradient in place ---- */
	void (*rope)(ril_real *x, int64_t ld, const ril_real *cosv, const ril_real *sinv, int64_t T, int64_t H,
		     int64_t D, bool inverse);

	/* ---- attention: o[T, Hq*D], q[T, Hq*D], k/v[*, Hkv*D]; softmax(scale q k) v over each segment's keys.
	 * lse[T,Hq] is saved for backward (may be NULL in inference).  Query rows in no segment are left alone ---- */
	void (*attention)(ril_real *o, int64_t ldo, ril_real *lse, const ril_real *q, int64_t ldq, const ril_real *k,
			  int64_t ldk, const ril_real *v, int64_t ldv, const struct ril_seg *, int nseg, int64_t Hq,
			  int64_t Hkv, int64_t D, double scale);
	void (*attention_bwd)(ril_real *dq, int64_t lddq, ril_real *dk, int64_t lddk, ril_real *dv, int64_t lddv,
			      const ril_real *dout, int64_t lddo, const ril_real *o, int64_t ldo, const ril_real *lse,
			      const ril_real *q, int64_t ldq, const ril_real *k, int64_t ldk, const ril_real *v,
			      int64_t ldv, const struct ril_seg *, int nseg, int64_t Hq, int64_t Hkv, int64_t D,
			      double scale);

	/* ---- language head fused with log-softmax: z = inv_t * h w^T over all V rows, in chunks of rows;
	 * logp[R] = z[target] - lse, entropy[R] (may be NULL), lse[R] saved.  logp, entropy and target are host memory.
	 * The backward pass computes z again ---- */
	void (*head_logp)(double *logp, double *entropy, ril_real *lse, const ril_real *h /* [R,C] */,
			  const int32_t *target, int64_t R, struct ril_weight w, double inv_t);
	void (*head_logp_bwd)(ril_real *dh, ril_real *dw, const double *dlogp /* [R], host */, const ril_real *lse,
			      const ril_real *h, const int32_t *target, int64_t R, struct ril_weight w, double inv_t);

	/* ---- optimiser ---- */
	double (*sum_squares)(const ril_real *x, int64_t n); /* in double, fixed order; NaN/inf pass through */
	void (*adamw)(ril_real *p, ril_real *m, ril_real *v, const ril_real *g, int64_t n, struct ril_adamw);
};

#endif
