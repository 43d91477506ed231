/* ref_layers.h -- linear, rows, elementwise, norms and rotary positions, naively. */
#ifndef RIL_TEST_OPS_REF_LAYERS_H
#define RIL_TEST_OPS_REF_LAYERS_H

#include "ref_kind.h"

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

/* ---- linear_act: d = T, K, N, bias, which; with pre, which is another result, and without ---- */

static void linear_act_alone_shape(struct run *r)
{
	int64_t T = r->d[0], K = r->d[1], N = r->d[2];
	io_set(&r->in[0], T, K, K + r->pad, true);
	io_set(&r->in[1], N, K, K, true);
	r->in[1].high = 3 / sqrt((double)K); /* sums of about 1, few of more than 4 */
	r->in[1].low = -r->in[1].high;
	if (r->d[3])
		io_set(&r->in[2], 1, N, N, true);
	io_set(&r->out[0], T, N, N, true);
	r->out[0].inside = 1.13 * 0x1p-6; /* the sum's rounding, times the steepest slope */
	r->in[2].real = true;
	r->weight = 1;
}

static void linear_act_shape(struct run *r)
{
	linear_act_alone_shape(r);
	io_set(&r->out[1], r->d[0], r->d[2], r->d[2], false);
	r->out[1].compared = true;
}

static void linear_act_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t T = r->d[0], K = r->d[1], N = r->d[2];
	for (int64_t i = 0; i < T * N; i++) {
		double sum = r->d[3] ? in[2][i % N] : 0;
		for (int64_t k = 0; k < K; k++)
			sum += in[0][i / N * K + k] * in[1][i % N * K + k];
		out[0][i] = act_value((enum ril_act)r->d[4], sum);
		if (out[1])
			out[1][i] = sum;
	}
}

static void linear_act_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->linear_act(OUT(0), OUT(1), IN(0), stored_weight(r, in), in[2], (enum ril_act)r->d[4]);
}

static void linear_act_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
				void *const din[])
{
	void *d = spread(&r->out[1], NULL);
	struct ril_mat dpre = mat(&r->out[1], d);
	ops()->act_bwd(dpre, DOUT(0), OUT(1), (enum ril_act)r->d[4]);
	ops()->linear_bwd(DIN(0), DIN(1), din[2], dpre, IN(0), stored_weight(r, in));
	ops()->put(d);
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

/* ---- dropout: d = T, C, names, how many of 2^16 elements are dropped ---- */

static void dropout_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1] + r->pad, true);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1] + r->pad, true);
	r->idx_n = 4 * r->d[2];
	r->idx = malloc((size_t)(r->idx_n + 1) * sizeof *r->idx);
	for (int64_t i = 0; i < r->idx_n; i++)
		r->idx[i] = i % 4 == 0 ? -1 : i % 4 == 3 ? (int32_t)(i / 4) : (int32_t)(draw(r, 0, 1) * 1e9);
}

static struct ril_dropout dropout_how(const struct run *r)
{
	return (struct ril_dropout){
		{7, 0x9ABCDEF0u}, (uint32_t)r->d[3] << 16, (ril_real)(65536. / (65536. - (double)r->d[3]))};
}

/* What an element is multiplied by, from the definition: one counter's words for one element. */
static double dropout_factor(const struct run *r, int64_t t, int64_t c)
{
	int64_t T = r->d[0], n = r->d[2], each = T > n ? T / n : 1, skip = T > n ? 1 : n / T;
	const uint32_t *name = (const uint32_t *)r->idx + t / each * skip * 4;
	struct ril_dropout how = dropout_how(r);
	uint32_t word[4],
		at[4] = {name[1], name[2], name[3] * (uint32_t)each + (uint32_t)(t % each), (uint32_t)(c / 4)};
	ril_philox(how.key, at, word);
	return word[c % 4] < how.below ? 0 : (double)how.scale;
}

static void dropout_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = in[0][i] * dropout_factor(r, i / r->d[1], i % r->d[1]);
}

static struct ril_names dropout_names(const struct run *r)
{
	return (struct ril_names){(const struct ril_rng_at *)(const void *)r->at, r->d[2]};
}

static void dropout_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->dropout(OUT(0), IN(0), dropout_names(r), dropout_how(r), false);
}

static void dropout_backward(const struct run *r, RIL_UNUSED void *const in[], RIL_UNUSED void *const out[],
			     void *const dout[], void *const din[])
{
	ops()->dropout(DIN(0), DOUT(0), dropout_names(r), dropout_how(r), true);
}

/* A bias may be rounded to the result's type. */
static const struct kind linear_kind = {
	"linear", linear_shape, linear_naive, linear_forward, linear_backward, linear_work, 2};
/* The bias's, the sum's, its gradient's, and what slopes of rounded sums come to. */
static const struct kind linear_act_kind = {
	"linear_act", linear_act_shape, linear_act_naive, linear_act_forward, linear_act_backward, linear_work, 5};
static const struct kind linear_act_alone_kind = {
	"linear_act alone", linear_act_alone_shape, linear_act_naive, linear_act_forward, NULL, linear_work, 5};
KIND(embed, embed_shape, embed_backward, NULL);
KIND(gather, gather_shape, gather_backward, NULL);
KIND(scatter, scatter_shape, NULL, NULL);
KIND(add_rows, add_rows_shape, add_rows_backward, NULL);
KIND(axpy, two_shape, NULL, NULL);
KIND(scale_add, scale_add_shape, scale_add_backward, NULL);
KIND(act, act_shape, act_backward, NULL);
KIND(swiglu, swiglu_shape, swiglu_backward, NULL);
KIND(dropout, dropout_shape, dropout_backward, NULL);
KIND(rmsnorm, rmsnorm_shape, rmsnorm_backward, NULL);
KIND(layernorm, layernorm_shape, layernorm_backward, NULL);
KIND(rope, rope_shape, rope_backward, NULL);

#endif
