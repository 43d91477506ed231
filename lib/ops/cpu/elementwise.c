/* elementwise.c -- sums, layer scale, activations, SwiGLU.
 *
 * Activations other than ReLU are x times a gate: silu x s(x), quick GELU x s(1.702 x), GELU x Phi(x), and its tanh
 * form x s(2u) with u = sqrt(2/pi) (x + 0.044715 x^3), since (1 + tanh u)/2 = s(2u). */
#include "cpu_internal.h"
#include "vmath_internal.h"

enum { EXP_GRAIN = RIL_GRAIN / 4 }; /* an exponential costs as much as several sums */

struct map {
	ril_real *y, *y2;
	const ril_real *a, *b, *c;
	ril_real alpha;
	int64_t C;
};

static void axpy_range(void *ctx, int64_t from, int64_t to)
{
	const struct map *m = ctx;
	for (int64_t i = from; i < to; i++)
		m->y[i] += m->alpha * m->a[i];
}

void ril_wide_axpy(struct ril_mat y, double alpha, struct ril_mat x)
{
	struct map m = {.y = ril_reals(y), .a = ril_reals(x), .alpha = (ril_real)alpha};
	ril_cpu_ranges(ril_dense(x), RIL_GRAIN, axpy_range, &m);
}

/* ---- layer scale ---- */

static void scale_add_rows(void *ctx, int64_t from, int64_t to)
{
	const struct map *m = ctx;
	const ril_real *g = m->c;
	for (int64_t t = from; t < to; t++) {
		int64_t at = t * m->C;
		for (int64_t c = 0; c < m->C; c++)
			m->y[at + c] = m->a[at + c] + g[c] * m->b[at + c];
	}
}

void ril_wide_scale_add(struct ril_mat y, struct ril_mat a, const ril_real *g, struct ril_mat b)
{
	struct map m = {.y = ril_reals(y), .a = ril_reals(a), .b = ril_reals(b), .c = g, .C = y.cols};
	ril_cpu_ranges(y.rows, RIL_GRAIN / ril_max(m.C, 1), scale_add_rows, &m);
}

static void scale_add_bwd_rows(void *ctx, int64_t from, int64_t to, ril_real *dg)
{
	const struct map *m = ctx; /* y: da, y2: db, a: dy, b, c: g */
	for (int64_t t = from; t < to; t++) {
		const ril_real *dy = m->a + t * m->C, *b = m->b + t * m->C;
		for (int64_t c = 0; m->y && c < m->C; c++)
			m->y[t * m->C + c] += dy[c];
		for (int64_t c = 0; m->y2 && c < m->C; c++)
			m->y2[t * m->C + c] += m->c[c] * dy[c];
		for (int64_t c = 0; c < m->C; c++)
			dg[c] += dy[c] * b[c];
	}
}

void ril_wide_scale_add_bwd(struct ril_mat da, ril_real *dg, struct ril_mat db, struct ril_mat dy, const ril_real *g,
			    struct ril_mat b)
{
	struct map m = {
		.y = ril_reals(da), .y2 = ril_reals(db), .a = ril_reals(dy), .b = ril_reals(b), .c = g, .C = dy.cols};
	ril_cpu_row_sums(dy.rows, m.C, 1, scale_add_bwd_rows, &m, &dg);
}

/* ---- activations: gate and its derivative ---- */

#define TANH_U ((ril_real)1.5957691216057308 /* 2 sqrt(2/pi) */)

static inline ril_real silu_gate(ril_real x)
{
	return ril_sigmoid(x);
}

static inline ril_real quick_gate(ril_real x)
{
	return ril_sigmoid((ril_real)1.702 * x);
}

static inline ril_real tanh_gate(ril_real x)
{
	return ril_sigmoid(TANH_U * (x + (ril_real)0.044715 * x * x * x));
}

static inline ril_real erf_gate(ril_real x)
{
	ril_real cdf, pdf;
	ril_normal(x, &cdf, &pdf);
	return cdf;
}

static inline ril_real relu_gate(ril_real x)
{
	return x > 0 ? 1 : 0;
}

static inline ril_real silu_slope(ril_real x)
{
	ril_real s = ril_sigmoid(x);
	return s + x * s * (1 - s);
}

static inline ril_real quick_slope(ril_real x)
{
	ril_real s = quick_gate(x);
	return s + (ril_real)1.702 * x * s * (1 - s);
}

static inline ril_real tanh_slope(ril_real x)
{
	ril_real s = tanh_gate(x);
	return s + x * s * (1 - s) * TANH_U * (1 + (ril_real)0.134145 * x * x);
}

static inline ril_real erf_slope(ril_real x)
{
	ril_real cdf, pdf;
	ril_normal(x, &cdf, &pdf);
	return cdf + x * pdf;
}

#define ACTIVATION(NAME, GATE, SLOPE)                                                                                  \
	static void NAME##_range(void *ctx, int64_t from, int64_t to)                                                  \
	{                                                                                                              \
		const struct map *m = ctx;                                                                             \
		ril_real *y = m->y;                                                                                    \
		const ril_real *x = m->a;                                                                              \
		_Pragma("omp simd") for (int64_t i = from; i < to; i++) y[i] = x[i] * GATE(x[i]);                      \
	}                                                                                                              \
	static void NAME##_bwd_range(void *ctx, int64_t from, int64_t to)                                              \
	{                                                                                                              \
		const struct map *m = ctx;                                                                             \
		ril_real *dx = m->y;                                                                                   \
		const ril_real *dy = m->b, *x = m->a;                                                                  \
		_Pragma("omp simd") for (int64_t i = from; i < to; i++) dx[i] += dy[i] * SLOPE(x[i]);                  \
	}
ACTIVATION(silu, silu_gate, silu_slope)
ACTIVATION(gelu, erf_gate, erf_slope)
ACTIVATION(gelu_tanh, tanh_gate, tanh_slope)
ACTIVATION(quick_gelu, quick_gate, quick_slope)
ACTIVATION(relu, relu_gate, relu_gate)

static const struct {
	ril_range_fn *fwd, *bwd;
} activations[] = {
	[RIL_ACT_SILU] = {silu_range, silu_bwd_range},
	[RIL_ACT_GELU] = {gelu_range, gelu_bwd_range},
	[RIL_ACT_GELU_TANH] = {gelu_tanh_range, gelu_tanh_bwd_range},
	[RIL_ACT_QUICK_GELU] = {quick_gelu_range, quick_gelu_bwd_range},
	[RIL_ACT_RELU] = {relu_range, relu_bwd_range},
};

void ril_wide_act(struct ril_mat y, struct ril_mat x, enum ril_act act)
{
	struct map m = {.y = ril_reals(y), .a = ril_reals(x)};
	ril_cpu_ranges(ril_dense(x), EXP_GRAIN, activations[act].fwd, &m);
}

void ril_wide_act_bwd(struct ril_mat dx, struct ril_mat dy, struct ril_mat x, enum ril_act act)
{
	struct map m = {.y = ril_reals(dx), .a = ril_reals(x), .b = ril_reals(dy)};
	if (dx.p)
		ril_cpu_ranges(ril_dense(x), EXP_GRAIN, activations[act].bwd, &m);
}

/* ---- SwiGLU ---- */

static void swiglu_range(void *ctx, int64_t from, int64_t to)
{
	const struct map *m = ctx;
	ril_real *y = m->y;
	const ril_real *gate = m->a, *up = m->b;
#pragma omp simd
	for (int64_t i = from; i < to; i++)
		y[i] = gate[i] * ril_sigmoid(gate[i]) * up[i];
}

void ril_wide_swiglu(struct ril_mat y, struct ril_mat gate, struct ril_mat up)
{
	struct map m = {.y = ril_reals(y), .a = ril_reals(gate), .b = ril_reals(up)};
	ril_cpu_ranges(ril_dense(gate), EXP_GRAIN, swiglu_range, &m);
}

static void swiglu_bwd_range(void *ctx, int64_t from, int64_t to)
{
	const struct map *m = ctx;
	ril_real *dgate = m->y, *dup = m->y2;
	const ril_real *gate = m->a, *up = m->b, *dy = m->c;
	if (dgate && dup) {
#pragma omp simd
		for (int64_t i = from; i < to; i++) {
			ril_real s = ril_sigmoid(gate[i]);
			dgate[i] += dy[i] * up[i] * (s + gate[i] * s * (1 - s));
			dup[i] += dy[i] * gate[i] * s;
		}
		return;
	}
	for (int64_t i = from; dgate && i < to; i++)
		dgate[i] += dy[i] * up[i] * silu_slope(gate[i]);
	for (int64_t i = from; dup && i < to; i++)
		dup[i] += dy[i] * gate[i] * silu_gate(gate[i]);
}

void ril_wide_swiglu_bwd(struct ril_mat dgate, struct ril_mat dup, struct ril_mat dy, struct ril_mat gate,
			 struct ril_mat up)
{
	struct map m = {.y = ril_reals(dgate),
			.y2 = ril_reals(dup),
			.a = ril_reals(gate),
			.b = ril_reals(up),
			.c = ril_reals(dy)};
	ril_cpu_ranges(ril_dense(gate), EXP_GRAIN, swiglu_bwd_range, &m);
}
