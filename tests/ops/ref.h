/* ref.h -- every operation, written naively in double from its definition in ops.h, with the call of its kernels. */
#ifndef RIL_TEST_OPS_REF_H
#define RIL_TEST_OPS_REF_H

#include "run.h"

#include "base/unused.h"

/* Within a kind's functions: its buffers as matrices. */
#define IN(i) mat(&r->in[i], in[i])
#define OUT(i) mat(&r->out[i], out[i])
#define DIN(i) mat(&r->in[i], din[i])
#define DOUT(i) mat(&r->out[i], dout[i])

static const struct ril_ops *ops(void)
{
	return ril_ops();
}

static int32_t *random_rows(struct run *r, int64_t n, int64_t limit)
{
	int32_t *x = malloc((size_t)(n + 1) * sizeof *x);
	for (int64_t i = 0; i < n; i++)
		x[i] = (int32_t)(draw(r, 0, 1) * (double)limit);
	return x;
}

/* ---- linear: d = T, K, N, bias, accumulate, y is ril_real ---- */

static void linear_shape(struct run *r)
{
	int64_t T = r->d[0], K = r->d[1], N = r->d[2];
	io_set(&r->in[0], T, N, N, false); /* what y holds before */
	io_set(&r->in[1], T, K, K + r->pad, true);
	io_set(&r->in[2], N, K, K, true);
	if (r->d[3])
		io_set(&r->in[3], 1, N, N, true);
	io_set(&r->out[0], T, N, N + 2 * r->pad, true);
	r->out[0].start = true;
	r->out[0].real = r->d[5];
	r->in[3].real = true;
	r->weight = 2;
}

static void linear_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t T = r->d[0], K = r->d[1], N = r->d[2];
	for (int64_t t = 0; t < T; t++) {
		for (int64_t n = 0; n < N; n++) {
			double sum = r->d[3] ? in[3][n] : 0;
			for (int64_t k = 0; k < K; k++)
				sum += in[1][t * K + k] * in[2][n * K + k];
			out[0][t * N + n] = sum + (r->d[4] ? out[0][t * N + n] : 0);
		}
	}
}

static void linear_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->linear(OUT(0), IN(1), stored_weight(r, in), in[3], r->d[4]);
}

static void linear_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			    void *const din[])
{
	ops()->linear_bwd(DIN(1), DIN(2), din[3], DOUT(0), IN(1), stored_weight(r, in));
}

static double linear_work(const struct run *r)
{
	return 2. * (double)r->d[0] * (double)r->d[1] * (double)r->d[2];
}

/* ---- embed: d = T, C, rows of the table, rows of vis (0: none) ---- */

static void embed_shape(struct run *r)
{
	int64_t T = r->d[0], C = r->d[1];
	io_set(&r->in[0], r->d[2], C, C, true);
	if (r->d[3])
		io_set(&r->in[1], r->d[3], C, C, true);
	io_set(&r->out[0], T, C, C, true);
	r->idx = random_rows(r, T, r->d[2]);
	r->idx2 = random_rows(r, T, r->d[3]);
	r->idx_n = r->idx2_n = T;
	for (int64_t t = 0; t < T; t++)
		if (!r->d[3] || t % 3)
			r->idx2[t] = -1;
	r->weight = 0;
}

static void embed_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t C = r->d[1];
	for (int64_t t = 0; t < r->d[0]; t++)
		for (int64_t c = 0; c < C; c++)
			out[0][t * C + c] = r->idx2[t] >= 0 ? in[1][r->idx2[t] * C + c] : in[0][r->idx[t] * C + c];
}

static void embed_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->embed(OUT(0), r->at, r->d[3] ? r->at2 : NULL, stored_weight(r, in), IN(1));
}

static void embed_backward(const struct run *r, RIL_UNUSED void *const in[], RIL_UNUSED void *const out[],
			   void *const dout[], void *const din[])
{
	ops()->embed_bwd(DIN(0), DIN(1), r->at, r->d[3] ? r->at2 : NULL, DOUT(0));
}

/* ---- gather: d = R, C, rows of x ---- */

static void gather_shape(struct run *r)
{
	io_set(&r->in[0], r->d[2], r->d[1], r->d[1], true);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
	r->idx = random_rows(r, r->idx_n = r->d[0], r->d[2]);
}

static void gather_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = in[0][r->idx[i / r->d[1]] * r->d[1] + i % r->d[1]];
}

static void gather_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->gather(OUT(0), IN(0), r->at);
}

static void gather_backward(const struct run *r, RIL_UNUSED void *const in[], RIL_UNUSED void *const out[],
			    void *const dout[], void *const din[])
{
	ops()->gather_bwd(DIN(0), DOUT(0), r->at);
}

/* ---- scatter: d = T, C, rows of y ---- */

static void scatter_shape(struct run *r)
{
	int64_t T = r->d[0], rows = r->d[2];
	io_set(&r->in[0], rows, r->d[1], r->d[1], false); /* y before: rows that none goes to keep it */
	io_set(&r->in[1], T, r->d[1], r->d[1], false);
	io_set(&r->out[0], rows, r->d[1], r->d[1], false);
	r->out[0].start = r->out[0].compared = true;
	r->idx = malloc((size_t)(T + 1) * sizeof *r->idx);
	r->idx_n = T;
	for (int64_t t = 0; t < T; t++)
		r->idx[t] = (int32_t)((t * 7 + 3) % rows); /* 7 shares no factor with the cases' rows: none twice */
}

static void scatter_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][r->idx[i / r->d[1]] * r->d[1] + i % r->d[1]] = in[1][i];
}

static void scatter_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->scatter(OUT(0), IN(1), r->at);
}

/* ---- add_rows: d = T, C, P ---- */

static void add_rows_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], true);
	io_set(&r->in[1], r->d[2], r->d[1], r->d[1], true);
	r->in[1].real = true;
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
}

static void add_rows_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = in[0][i] + in[1][i / r->d[1] % r->d[2] * r->d[1] + i % r->d[1]];
}

static void add_rows_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->add_rows(OUT(0), IN(0), IN(1));
}

static void add_rows_backward(const struct run *r, RIL_UNUSED void *const in[], RIL_UNUSED void *const out[],
			      void *const dout[], void *const din[])
{
	ops()->add_rows_bwd(DIN(0), DIN(1), DOUT(0));
}

/* ---- axpy (alpha = 1/4), scale_add: d = T, C ---- */

static void two_shape(struct run *r)
{
	for (int i = 0; i < 2; i++)
		io_set(&r->in[i], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
	r->out[0].start = true;
}

static void axpy_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] += .25 * in[1][i];
}

static void axpy_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->axpy(OUT(0), .25, IN(1));
}

static void scale_add_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], true);
	io_set(&r->in[1], 1, r->d[1], r->d[1], true);
	io_set(&r->in[2], r->d[0], r->d[1], r->d[1], true);
	r->in[1].real = true;
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
}

static void scale_add_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = in[0][i] + in[1][i % r->d[1]] * in[2][i];
}

static void scale_add_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->scale_add(OUT(0), IN(0), in[1], IN(2));
}

static void scale_add_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			       void *const din[])
{
	ops()->scale_add_bwd(DIN(0), din[1], DIN(2), DOUT(0), in[1], IN(2));
}

/* ---- act: d = T, C, which; swiglu: d = T, C ---- */

static void act_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], true);
	r->in[0].low = -6;
	r->in[0].high = 6;
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
}

static double act_value(enum ril_act act, double x)
{
	switch (act) {
	case RIL_ACT_SILU: return x / (1 + exp(-x));
	case RIL_ACT_GELU: return .5 * x * erfc(-x / sqrt(2));
	case RIL_ACT_GELU_TANH: return .5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + .044715 * x * x * x)));
	case RIL_ACT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
	default: return x > 0 ? x : 0;
	}
}

static void act_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = act_value((enum ril_act)r->d[2], in[0][i]);
}

static void act_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->act(OUT(0), IN(0), (enum ril_act)r->d[2]);
}

static void act_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			 void *const din[])
{
	ops()->act_bwd(DIN(0), DOUT(0), IN(0), (enum ril_act)r->d[2]);
}

static void swiglu_shape(struct run *r)
{
	act_shape(r);
	r->in[1] = r->in[0];
}

static void swiglu_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = act_value(RIL_ACT_SILU, in[0][i]) * in[1][i];
}

static void swiglu_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->swiglu(OUT(0), IN(0), IN(1));
}

static void swiglu_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			    void *const din[])
{
	ops()->swiglu_bwd(DIN(0), DIN(1), DOUT(0), IN(0), IN(1));
}

/* ---- norms: d = T, C ---- */

static const double EPS = 1e-5;

static void rmsnorm_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1] + r->pad, true);
	io_set(&r->in[1], 1, r->d[1], r->d[1], true);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1] + 2 * r->pad, true);
	io_set(&r->out[1], r->d[0], 1, 1, false); /* rstd */
	r->in[1].real = r->out[1].real = true;
}

static void rmsnorm_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t C = r->d[1];
	for (int64_t t = 0; t < r->d[0]; t++) {
		double sum = 0;
		for (int64_t c = 0; c < C; c++)
			sum += in[0][t * C + c] * in[0][t * C + c];
		for (int64_t c = 0; c < C; c++)
			out[0][t * C + c] = in[0][t * C + c] * in[1][c] / sqrt(sum / (double)C + EPS);
	}
}

static void rmsnorm_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->rmsnorm(OUT(0), out[1], IN(0), in[1], EPS);
}

static void rmsnorm_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			     void *const din[])
{
	ops()->rmsnorm_bwd(DIN(0), din[1], DOUT(0), IN(0), in[1], out[1]);
}

static void layernorm_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], true);
	io_set(&r->in[1], 1, r->d[1], r->d[1], true);
	io_set(&r->in[2], 1, r->d[1], r->d[1], true);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
	io_set(&r->out[1], r->d[0], 1, 1, false); /* mean */
	io_set(&r->out[2], r->d[0], 1, 1, false); /* rstd */
	r->in[1].real = r->in[2].real = r->out[1].real = r->out[2].real = true;
}

static void layernorm_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t C = r->d[1];
	for (int64_t t = 0; t < r->d[0]; t++) {
		const double *x = in[0] + t * C;
		double mean = 0, var = 0;
		for (int64_t c = 0; c < C; c++)
			mean += x[c] / (double)C;
		for (int64_t c = 0; c < C; c++)
			var += (x[c] - mean) * (x[c] - mean) / (double)C;
		for (int64_t c = 0; c < C; c++)
			out[0][t * C + c] = (x[c] - mean) / sqrt(var + EPS) * in[1][c] + in[2][c];
	}
}

static void layernorm_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->layernorm(OUT(0), out[1], out[2], IN(0), in[1], in[2], EPS);
}

static void layernorm_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			       void *const din[])
{
	ops()->layernorm_bwd(DIN(0), din[1], din[2], DOUT(0), IN(0), in[1], out[1], out[2]);
}

/* ---- rope: d = T, H, D, axes, in runs.  cos and sin are any numbers here: the backward pass is the transpose of the forward ---- */

enum { POSITIONS = 11 };

static void rope_shape(struct run *r)
{
	int64_t C = r->d[1] * r->d[2], half = r->d[2] / 2;
	io_set(&r->in[0], r->d[0], C, C + r->pad, true);
	io_set(&r->in[1], POSITIONS, half, half, false);
	io_set(&r->in[2], POSITIONS, half, half, false);
	io_set(&r->out[0], r->d[0], C, C + r->pad, true);
	r->out[0].start = true;
	r->in[1].real = r->in[2].real = true;
	r->idx = random_rows(r, r->idx_n = r->d[0] * r->d[3], POSITIONS);
	r->idx2 = random_rows(r, r->idx2_n = half, r->d[3]);
	for (int64_t j = 0; r->d[4] && j < half; j++) /* in runs, as M-RoPE's sections */
		r->idx2[j] = (int32_t)(j * r->d[3] / half);
}

/* Row of the tables that turns pair j of token t. */
static int64_t position(const struct run *r, int64_t t, int64_t j)
{
	return r->idx[(r->d[3] > 1 ? r->idx2[j] * r->d[0] : 0) + t];
}

static void rope_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t H = r->d[1], D = r->d[2], half = D / 2;
	for (int64_t t = 0; t < r->d[0]; t++) {
		for (int64_t i = 0; i < H * half; i++) {
			int64_t at = t * H * D + i / half * D + i % half, p = position(r, t, i % half);
			double c = in[1][p * half + i % half], s = in[2][p * half + i % half];
			out[0][at] = in[0][at] * c - in[0][at + half] * s;
			out[0][at + half] = in[0][at + half] * c + in[0][at] * s;
		}
	}
}

static struct ril_rotary rotary(const struct run *r, void *const in[])
{
	return (struct ril_rotary){in[1], in[2], r->d[3] > 1 ? r->at2 : NULL, r->d[2] / 2};
}

static void rope_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->rope(OUT(0), rotary(r, in), r->at, r->d[0], false);
}

static void rope_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			  void *const din[])
{
	if (!din[0])
		return;
	size_t n = image_bytes(&r->out[0]);
	void *turned = test_up(NULL, n);
	ops()->copy(turned, dout[0], n);
	struct ril_mat y = mat(&r->out[0], turned), dx = DIN(0);
	ops()->rope(y, rotary(r, in), r->at, r->d[0], true);
	for (int64_t t = 0; t < r->d[0]; t++)
		ops()->axpy(ril_mat_of(ril_mat_at(dx, t, 0), dx.type, 1, dx.cols), 1,
			    ril_mat_of(ril_mat_at(y, t, 0), y.type, 1, dx.cols));
	ops()->put(turned);
}

/* ---- attention: d = Hq, Hkv, D; layout ---- */

static const double SCALE = .3;

static void attention_shape(struct run *r)
{
	int64_t q = r->layout->q_rows, k = r->layout->k_rows, wide = r->d[0] * r->d[2], narrow = r->d[1] * r->d[2];
	io_set(&r->in[0], q, wide, wide, false); /* o before: rows in no segment keep it */
	io_set(&r->in[1], q, wide, wide + r->pad, true);
	io_set(&r->in[2], k, narrow, narrow + r->pad, true);
	io_set(&r->in[3], k, narrow, narrow + 2 * r->pad, true);
	io_set(&r->out[0], q, wide, wide + 3 * r->pad, true);
	io_set(&r->out[1], q, r->d[0], r->d[0], false); /* lse */
	r->out[0].start = r->out[1].real = true;
	r->out[0].inside = 0x1p-8; /* probabilities may be rounded; they weigh values of at most 1 */
}

/* One query row of one head; key row j of segment s is row key_row(s, j). */
static int64_t key_row(const struct ril_seg *s, int64_t j)
{
	return j < s->pn ? s->p0 + j : s->k0 + j - s->pn;
}

static void attend(const struct run *r, const struct ril_seg *s, int64_t i, int64_t h, double *const in[], double *o)
{
	int64_t D = r->d[2], wide = r->d[0] * D, narrow = r->d[1] * D, kv = h / (r->d[0] / r->d[1]) * D;
	int64_t own = s->causal ? i + 1 + s->kn - s->qn : s->kn, keys = s->pn + (own < 0 ? 0 : own);
	const double *q = in[1] + (s->q0 + i) * wide + h * D;
	double sum = 0, max = -INFINITY, *score = malloc((size_t)(keys + 1) * sizeof *score);
	for (int64_t j = 0; j < keys; j++) {
		score[j] = 0;
		for (int64_t c = 0; c < D; c++)
			score[j] += SCALE * q[c] * in[2][key_row(s, j) * narrow + kv + c];
		max = fmax(max, score[j]);
	}
	for (int64_t j = 0; j < keys; j++)
		sum += score[j] = exp(score[j] - max);
	for (int64_t c = 0; c < D; c++)
		o[c] = 0;
	for (int64_t j = 0; j < keys; j++)
		for (int64_t c = 0; c < D; c++)
			o[c] += score[j] / sum * in[3][key_row(s, j) * narrow + kv + c];
	free(score);
}

static void attention_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int s = 0; s < r->layout->nseg; s++)
		for (int64_t i = 0; i < r->layout->seg[s].qn; i++)
			for (int64_t h = 0; h < r->d[0]; h++)
				attend(r, &r->layout->seg[s], i, h, in,
				       out[0] + (r->layout->seg[s].q0 + i) * r->d[0] * r->d[2] + h * r->d[2]);
}

static struct ril_segs attention_segs(const struct run *r)
{
	return (struct ril_segs){r->seg, r->layout->nseg};
}

static struct ril_heads attention_heads(const struct run *r)
{
	return (struct ril_heads){r->d[0], r->d[1], r->d[2], SCALE};
}

static void attention_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->attention(OUT(0), out[1], IN(1), IN(2), IN(3), attention_segs(r), attention_heads(r));
}

static void attention_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			       void *const din[])
{
	ops()->attention_bwd(DIN(1), DIN(2), DIN(3), DOUT(0), OUT(0), out[1], IN(1), IN(2), IN(3), attention_segs(r),
			     attention_heads(r));
}

/* The output that the gradients are made from is rounded, and so are scores and their gradients in a product. */
enum { ATTENTION_ROUNDINGS = 4 };

static double attention_work(const struct run *r)
{
	double pairs = 0;
	for (int s = 0; s < r->layout->nseg; s++) {
		const struct ril_seg *g = &r->layout->seg[s];
		pairs += (double)g->qn * (g->pn + (g->causal ? g->kn - (g->qn - 1) / 2. : g->kn));
	}
	return 4 * pairs * (double)(r->d[0] * r->d[2]);
}

/* ---- head: d = R, C, V, 100 x inv_t ---- */

static void head_shape(struct run *r)
{
	int64_t R = r->d[0], C = r->d[1], V = r->d[2];
	io_set(&r->in[0], R, C, C, true);
	io_set(&r->in[1], V, C, C, true);
	io_set(&r->out[0], R, 1, 1, true);  /* logp */
	io_set(&r->out[1], R, 1, 1, false); /* entropy */
	io_set(&r->out[2], R, 1, 1, false); /* lse */
	r->out[1].compared = r->out[2].compared = true;
	r->out[0].real = r->out[1].real = r->out[2].real = true;
	r->idx = random_rows(r, r->idx_n = R, V);
	r->weight = 1;
}

static void head_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t C = r->d[1], V = r->d[2];
	double *z = malloc((size_t)(V + 1) * sizeof *z);
	for (int64_t t = 0; t < r->d[0]; t++) {
		double max = -INFINITY, sum = 0, mean = 0;
		for (int64_t v = 0; v < V; v++) {
			z[v] = 0;
			for (int64_t c = 0; c < C; c++)
				z[v] += (double)r->d[3] / 100 * in[0][t * C + c] * in[1][v * C + c];
			max = fmax(max, z[v]);
		}
		for (int64_t v = 0; v < V; v++)
			sum += exp(z[v] - max);
		for (int64_t v = 0; v < V; v++)
			mean += exp(z[v] - max) / sum * z[v];
		out[2][t] = max + log(sum);
		out[0][t] = z[r->idx[t]] - out[2][t];
		out[1][t] = out[2][t] - mean;
	}
	free(z);
}

static void head_forward(const struct run *r, void *const in[], void *const out[])
{
	size_t R = (size_t)r->d[0];
	double *logp = test_up(NULL, R * sizeof *logp), *entropy = test_up(NULL, R * sizeof *logp);
	double *x = malloc(R * sizeof *x + 1);
	ops()->head_logp(logp, entropy, out[2], IN(0), r->at, stored_weight(r, in), (double)r->d[3] / 100);
	test_down(x, logp, R * sizeof *x);
	set(&r->out[0], out[0], x);
	test_down(x, entropy, R * sizeof *x);
	set(&r->out[1], out[1], x);
	free(x);
	ops()->put(logp);
	ops()->put(entropy);
}

static void head_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			  void *const din[])
{
	double *x = fetched(&r->out[0], dout[0]), *dlogp = test_up(x, (size_t)r->d[0] * sizeof *x);
	ops()->head_logp_bwd(DIN(0), DIN(1), dlogp, out[2], IN(0), r->at, stored_weight(r, in), (double)r->d[3] / 100);
	ops()->put(dlogp);
	free(x);
}

/* ---- losses ---- */

enum { SIDES = 3, LEFT_OUT = 7 /* every so many tokens have no advantage */ };

/* A buffer's numbers in double, as losses take them: on the device. */
static double *widened(const struct io *io, const void *device)
{
	double *x = fetched(io, device), *y = test_up(x, io_size(io) * sizeof *x);
	free(x);
	return y;
}

/* The sums of a loss start at 1: they are added to.  out: the loss over all sides, the sums [SIDES, 5], dlogp. */
static void loss_out(struct run *r)
{
	io_set(&r->out[0], 1, 1, 1, true);
	io_set(&r->out[1], SIDES, 5, 5, false);
	r->out[1].compared = true;
	io_set(&r->out[2], r->d[0], 1, 1, false);
	r->idx = random_rows(r, r->idx_n = r->d[0], SIDES);
}

struct token_loss { /* device */
	struct ril_loss_sums *sums;
	double *dlogp, *logp, *weight;
	uint8_t *side;
	struct ril_loss_tokens x;
};

static struct token_loss loss_start(const struct run *r, int logp, int weight, void *const in[])
{
	size_t R = (size_t)r->d[0];
	struct ril_loss_sums sums[SIDES];
	uint8_t *side = malloc(R + 1);
	for (int i = 0; i < SIDES; i++)
		sums[i] = (struct ril_loss_sums){1, 1, 1, 1, 1};
	for (size_t i = 0; i < R; i++)
		side[i] = (uint8_t)r->idx[i];
	struct token_loss l = {.sums = test_up(sums, sizeof sums),
			       .dlogp = test_up(NULL, R * sizeof *l.dlogp),
			       .logp = widened(&r->in[logp], in[logp]),
			       .weight = widened(&r->in[weight], in[weight]),
			       .side = test_up(side, R)};
	l.x = (struct ril_loss_tokens){r->d[0], l.logp, l.weight, l.side};
	free(side);
	return l;
}

/* Into the outputs, or (out NULL) dlogp times the loss's own gradient onto din. */
static void loss_end(const struct run *r, struct token_loss *l, void *const out[], void *const dout[],
		     void *const din[])
{
	struct ril_loss_sums sums[SIDES];
	double all = 0, *dlogp = malloc((size_t)r->d[0] * sizeof *dlogp + 1);
	test_down(sums, l->sums, sizeof sums);
	test_down(dlogp, l->dlogp, (size_t)r->d[0] * sizeof *dlogp);
	for (int i = 0; i < SIDES; i++)
		all += sums[i].loss;
	if (out) {
		set(&r->out[0], out[0], &all);
		set(&r->out[1], out[1], &sums[0].loss);
		set(&r->out[2], out[2], dlogp);
	} else if (din[0]) {
		double *by = fetched(&r->out[0], dout[0]), *d = fetched(&r->in[0], din[0]);
		for (int64_t t = 0; t < r->d[0]; t++)
			d[t] += by[0] * dlogp[t];
		set(&r->in[0], din[0], d);
		free(by);
		free(d);
	}
	void *put[] = {l->sums, l->dlogp, l->logp, l->weight, l->side};
	for (size_t i = 0; i < sizeof put / sizeof *put; i++)
		ops()->put(put[i]);
	free(dlogp);
}

/* policy: d = R, 100 beta, old is given.  in: logp, old, ref, advantage, weight */
static void policy_shape(struct run *r)
{
	for (int i = 0; i < 5; i++)
		io_set(&r->in[i], r->d[0], 1, 1, i == 0);
	r->in[3].low = -2;
	r->in[3].high = 2;
	r->in[4].low = 0;
	loss_out(r);
}

static void policy_naive(const struct run *r, double *const in[], double *const out[])
{
	const double low = .8, high = 1.3, beta = (double)r->d[1] / 100;
	const double *old = r->d[2] ? in[1] : r->in[0].v; /* else the log-probabilities as they were */
	for (int i = 0; i < SIDES * 5; i++)
		out[1][i] = 1;
	out[0][0] = SIDES;
	for (int64_t t = 0; t < r->d[0]; t++) {
		double rho = exp(in[0][t] - old[t]), A = in[3][t], d = in[2][t] - in[0][t];
		double clipped = fmin(fmax(rho, low), high), value = fmin(rho * A, clipped * A);
		double *sum = out[1] + 5 * r->idx[t], k3 = beta > 0 ? exp(d) - d - 1 : 0;
		if (t % LEFT_OUT == 0)
			continue;
		double loss = -in[4][t] * (value - beta * k3);
		out[0][0] += loss;
		sum[0] += loss;
		sum[1] += k3;
		sum[2] += rho;
		sum[3]++;
		sum[4] += value != rho * A;
	}
}

static struct token_loss policy_run(const struct run *r, void *const in[])
{
	struct token_loss l = loss_start(r, 0, 4, in);
	struct ril_surrogate how = {.low = .8, .high = 1.3, .beta = (double)r->d[1] / 100};
	double *A = fetched(&r->in[3], in[3]);
	for (int64_t t = 0; t < r->d[0]; t += LEFT_OUT)
		A[t] = NAN;
	double *old = widened(&r->in[1], in[1]), *ref = widened(&r->in[2], in[2]);
	double *advantage = test_up(A, (size_t)r->d[0] * sizeof *A);
	ops()->policy_loss(l.dlogp, l.sums, l.x, advantage, r->d[2] ? old : NULL, how.beta > 0 ? ref : NULL, how);
	ops()->put(old);
	ops()->put(ref);
	ops()->put(advantage);
	free(A);
	return l;
}

static void policy_forward(const struct run *r, void *const in[], void *const out[])
{
	struct token_loss l = policy_run(r, in);
	loss_end(r, &l, out, NULL, NULL);
}

static void policy_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			    void *const din[])
{
	struct token_loss l = policy_run(r, in);
	loss_end(r, &l, NULL, dout, din);
}

/* sft: d = R.  in: logp, weight */
static void sft_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], 1, 1, true);
	io_set(&r->in[1], r->d[0], 1, 1, false);
	loss_out(r);
}

static void sft_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int i = 0; i < SIDES * 5; i++)
		out[1][i] = 1;
	out[0][0] = SIDES;
	for (int64_t t = 0; t < r->d[0]; t++) {
		double *sum = out[1] + 5 * r->idx[t];
		out[0][0] -= in[1][t] * in[0][t];
		sum[0] -= in[1][t] * in[0][t];
		sum[2]++;
		sum[3]++;
	}
}

static struct token_loss sft_run(const struct run *r, void *const in[])
{
	struct token_loss l = loss_start(r, 0, 1, in);
	ops()->sft_loss(l.dlogp, l.sums, l.x);
	return l;
}

static void sft_forward(const struct run *r, void *const in[], void *const out[])
{
	struct token_loss l = sft_run(r, in);
	loss_end(r, &l, out, NULL, NULL);
}

static void sft_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			 void *const din[])
{
	struct token_loss l = sft_run(r, in);
	loss_end(r, &l, NULL, dout, din);
}

/* bce: d = R.  out: the loss, all sums */
static void bce_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], 1, 1 + r->pad, true);
	r->in[0].low = -6;
	r->in[0].high = 6;
	io_set(&r->out[0], 1, 1, 1, true);
	io_set(&r->out[1], 1, 7, 7, false);
	r->out[1].compared = true;
	r->idx = random_rows(r, r->idx_n = r->d[0], 3); /* label + 1 */
}

static void bce_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int i = 0; i < 7; i++)
		out[1][i] = 1;
	for (int64_t t = 0; t < r->d[0]; t++) {
		double D = 1 / (1 + exp(-in[0][t]));
		int label = r->idx[t] - 1;
		if (label < 0)
			continue;
		out[1][0] -= label ? .3 * log(D) : .2 * log(1 - D);
		out[1][1 + label]++;
		out[1][3 + label] += (D >= .5) == label;
		out[1][5] += D < .01 || D > .99;
	}
	out[0][0] = out[1][0];
}

static struct ril_bce_sums bce_run(const struct run *r, void *const in[], double scale, struct ril_mat dz)
{
	struct ril_bce_sums s = {1, {1, 1}, {1, 1}, 1, 1}, *sums = test_up(&s, sizeof s);
	int8_t *label = malloc((size_t)r->d[0] + 1);
	for (int64_t t = 0; t < r->d[0]; t++)
		label[t] = (int8_t)(r->idx[t] - 1);
	int8_t *labels = test_up(label, (size_t)r->d[0]);
	ops()->bce_loss(dz, sums, IN(0), labels, .2 * scale, .3 * scale);
	test_down(&s, sums, sizeof s);
	ops()->put(sums);
	ops()->put(labels);
	free(label);
	return s;
}

static void bce_forward(const struct run *r, void *const in[], void *const out[])
{
	struct ril_bce_sums s = bce_run(r, in, 1, RIL_NO_MAT);
	set(&r->out[0], out[0], &s.loss);
	set(&r->out[1], out[1], &s.loss);
}

static void bce_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			 void *const din[])
{
	double *by = fetched(&r->out[0], dout[0]);
	bce_run(r, in, by[0], DIN(0));
	free(by);
}

/* ---- optimiser: d = rows, columns, step ---- */

static void squares_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], 1, 1, 1, true);
	r->out[0].real = true;
}

static void squares_naive(const struct run *r, double *const in[], double *const out[])
{
	out[0][0] = 0;
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][0] += in[0][i] * in[0][i];
}

static void squares_forward(const struct run *r, void *const in[], void *const out[])
{
	/* in two ranges: sums add up */
	int64_t n = r->d[0] * r->d[1], half = n / 2;
	double sum = 0, *device = test_up(&sum, sizeof sum);
	struct ril_mat x = ril_mat_of(in[0], r->in[0].type, 1, half);
	ops()->sum_squares(device, x);
	ops()->sum_squares(device, ril_mat_of(ril_mat_at(x, 0, half), x.type, 1, n - half));
	test_down(&sum, device, sizeof sum);
	set(&r->out[0], out[0], &sum);
	ops()->put(device);
}

/* squares: of the gradient's norm, device */
static struct ril_adamw adamw_settings(const struct run *r, const double *squares)
{
	return (struct ril_adamw){3e-3, .9, .98, 1e-8, .1, squares, 2, r->d[2]};
}

static const double SQUARES = 16;

/* in: p, m, v, g; out: p, m, v */
static void adamw_shape(struct run *r)
{
	for (int i = 0; i < 4; i++)
		io_set(&r->in[i], r->d[0], r->d[1], r->d[1], false);
	r->in[2].low = 1e-3;
	for (int i = 0; i < 3; i++)
		io_set(&r->out[i], r->d[0], r->d[1], r->d[1], true);
}

static void adamw_naive(const struct run *r, double *const in[], double *const out[])
{
	struct ril_adamw o = adamw_settings(r, &SQUARES);
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++) {
		double g = o.max_norm / (sqrt(*o.squares) + 1e-6) * in[3][i],
		       p = in[0][i] * (1 - o.lr * o.weight_decay);
		out[1][i] = o.beta1 * in[1][i] + (1 - o.beta1) * g;
		out[2][i] = o.beta2 * in[2][i] + (1 - o.beta2) * g * g;
		double m = out[1][i] / (1 - pow(o.beta1, (double)o.step)),
		       v = out[2][i] / (1 - pow(o.beta2, (double)o.step));
		out[0][i] = p - o.lr * m / (sqrt(v) + o.eps);
	}
}

/* in: p as stored, m, v, g; out: p, m, v.  Compared where p is stored as ril_real; rounding by chance has tests of its own
 * (optim.c) */
static void adamw_forward(const struct run *r, void *const in[], void *const out[])
{
	struct ril_mat p = stored_weight(r, in), q = p;
	double *squares = test_up(&SQUARES, sizeof SQUARES);
	q.p = p.type == RIL_REAL ? out[0] : test_up(NULL, ril_mat_bytes(p));
	ops()->copy(q.p, p.p, ril_mat_bytes(p));
	for (int i = 1; i < 3; i++)
		ops()->copy(out[i], in[i], io_size(&r->in[i]) * sizeof(ril_real));
	ops()->adamw(q, (struct ril_moments){.m = out[1], .v = out[2]}, IN(3), adamw_settings(r, squares),
		     (struct ril_rounding){1, 2, 3, 4});
	ops()->put(squares);
	if (p.type == RIL_REAL)
		return;
	ops()->convert(OUT(0), q);
	ops()->put(q.p);
}

/* ---- convert: d = rows, columns ---- */

static void convert_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
}

static void convert_naive(const struct run *r, double *const in[], double *const out[])
{
	memcpy(out[0], in[0], io_size(&r->in[0]) * sizeof **in);
}

static void convert_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->convert(OUT(0), stored_weight(r, in));
}

#define KIND(NAME, SHAPE, BACKWARD, WORK)                                                                              \
	static const struct kind NAME##_kind = {#NAME, SHAPE, NAME##_naive, NAME##_forward, BACKWARD, WORK, 0}
/* A bias may be rounded to the result's type. */
static const struct kind linear_kind = {
	"linear", linear_shape, linear_naive, linear_forward, linear_backward, linear_work, 2};
KIND(embed, embed_shape, embed_backward, NULL);
KIND(gather, gather_shape, gather_backward, NULL);
KIND(scatter, scatter_shape, NULL, NULL);
KIND(add_rows, add_rows_shape, add_rows_backward, NULL);
KIND(axpy, two_shape, NULL, NULL);
KIND(scale_add, scale_add_shape, scale_add_backward, NULL);
KIND(act, act_shape, act_backward, NULL);
KIND(swiglu, swiglu_shape, swiglu_backward, NULL);
KIND(rmsnorm, rmsnorm_shape, rmsnorm_backward, NULL);
KIND(layernorm, layernorm_shape, layernorm_backward, NULL);
KIND(rope, rope_shape, rope_backward, NULL);
static const struct kind attention_kind = {"attention",        attention_shape, attention_naive,    attention_forward,
					   attention_backward, attention_work,  ATTENTION_ROUNDINGS};
KIND(head, head_shape, head_backward, linear_work);
KIND(policy, policy_shape, policy_backward, NULL);
KIND(sft, sft_shape, sft_backward, NULL);
KIND(bce, bce_shape, bce_backward, NULL);
KIND(squares, squares_shape, NULL, NULL);
KIND(adamw, adamw_shape, NULL, NULL);
KIND(convert, convert_shape, NULL, NULL);

#endif
