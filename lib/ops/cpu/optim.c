/* optim.c -- gradient norm, sums with weights, and AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; the
 * order of operations is torch.optim.AdamW's), on masters and on weights that are rounded by chance.
 *
 * What is ril_real is stepped where it lies.  Everything else (weights, gradients and moments in fewer bits) is widened
 * in chunks of a block of moments, stepped by the same loop, and narrowed again. */
#include "cpu_internal.h"
#include "ops/moments.h"
#include "vmath_internal.h"

#include "base/rng.h"
#include "base/unused.h"

enum { BLOCK = 1 << 16 }; /* elements that one partial sum covers */

struct squares {
	struct ril_mat x;
	int64_t n;
	double *part;
};

static double sum_of_squares(const ril_real *x, int64_t n)
{
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return sum;
}

static void squares_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	enum { CHUNK = 1 << 10 };
	const struct squares *s = ctx;
	int64_t from = (int64_t)tile * BLOCK, to = ril_min(from + BLOCK, s->n);
	s->part[tile] = 0;
	if (s->x.type == RIL_REAL) {
		s->part[tile] = sum_of_squares((const ril_real *)s->x.p + from, to - from);
		return;
	}
	ril_real x[CHUNK];
	for (int64_t at = from, n; at < to; at += n) {
		n = ril_min(to - at, CHUNK);
		ril_cpu_widen(x, s->x, at, n);
		s->part[tile] += sum_of_squares(x, n);
	}
}

void ril_cpu_sum_squares(double *sum, struct ril_mat x)
{
	int64_t n = ril_dense(x);
	int blocks = (int)ril_parts(n, BLOCK);
	struct squares s = {x, n, ril_cpu_scratch(RIL_SHARED_A, (size_t)blocks, sizeof *s.part)};
	if (!s.part) {
		*sum = NAN;
		return;
	}
	ril_parallel(blocks, squares_tile, &s);
	for (int b = 0; b < blocks; b++)
		*sum += s.part[b];
}

/* ---- sums with weights ---- */

struct weighted {
	struct ril_mat y, x;
	ril_real alpha, beta;
};

static void weigh(ril_real *restrict y, ril_real alpha, const ril_real *restrict x, ril_real beta, int64_t n)
{
	if (beta == 0) { /* whatever y holds */
		for (int64_t i = 0; i < n; i++)
			y[i] = alpha * x[i];
		return;
	}
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = alpha * x[i] + beta * y[i];
}

static void weigh_range(void *ctx, int64_t from, int64_t to)
{
	enum { CHUNK = 1 << 9 };
	const struct weighted *w = ctx;
	ril_real x[CHUNK], y[CHUNK];
	for (int64_t at = from, n; at < to; at += n) {
		n = ril_min(to - at, CHUNK);
		bool real = w->y.type == RIL_REAL;
		ril_real *out = real ? (ril_real *)w->y.p + at : y;
		ril_cpu_widen(x, w->x, at, n);
		if (!real && w->beta != 0)
			ril_cpu_widen(y, w->y, at, n);
		weigh(out, w->alpha, x, w->beta, n);
		if (!real)
			ril_cpu_narrow(ril_mat_at(w->y, 0, at), w->y.type, y, n);
	}
}

void ril_cpu_axpby(struct ril_mat y, double alpha, struct ril_mat x, double beta)
{
	struct weighted w = {.alpha = (ril_real)alpha, .beta = (ril_real)beta};
	int64_t n = ril_dense(y);
	assert(ril_dense(x) == n);
	w.y = ril_mat_of(y.p, y.type, 1, n);
	w.x = ril_mat_of(x.p, x.type, 1, n);
	ril_cpu_ranges(n, RIL_GRAIN, weigh_range, &w);
}

/* ---- AdamW ---- */

struct adamw {
	ril_real keep, beta2, new1, new2, grad_scale, step, inv_root, eps;
	int64_t n;
	struct ril_mat p, g;
	struct ril_moments m;
	struct ril_rounding how;
};

static inline void step_elements(const struct adamw a, ril_real *restrict p, ril_real *restrict am,
				 ril_real *restrict av, const ril_real *restrict ag, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++) {
		ril_real g = ag[i] * a.grad_scale;
		ril_real m = am[i] + a.new1 * (g - am[i]);
		ril_real v = a.beta2 * av[i] + a.new2 * g * g;
		am[i] = m;
		av[i] = v;
		p[i] = p[i] * a.keep - a.step * m / (ril_sqrt(v) * a.inv_root + a.eps);
	}
}

/* ---- rounding by chance ---- */

static inline float widen16(enum ril_dtype t, uint16_t h)
{
	return t == RIL_BF16 ? ril_bf16_f32(h) : ril_f16_f32(h);
}

/* x as a 16-bit float: one of its two neighbours, the nearer one more often, by u in [0,1). */
static inline uint16_t round16(enum ril_dtype t, float x, double u)
{
	uint16_t near = t == RIL_BF16 ? ril_f32_bf16(x) : ril_f32_f16(x);
	float y = widen16(t, near);
	if (y == x || !isfinite(y))
		return near;
	bool away = fabsf(x) > fabsf(y); /* the other neighbour is the larger in magnitude */
	uint16_t other = (uint16_t)(away ? near + 1 : near & 0x7fff ? near - 1 : near ^ 0x8000);
	double gap = fabs((double)widen16(t, other) - (double)y);
	return u < fabs((double)x - (double)y) / gap ? other : near;
}

enum { CHUNK = RIL_MOMENT_BLOCK }; /* elements widened at once */

static void round_chunk(const struct adamw *a, uint16_t *out, const ril_real *x, int64_t at, int64_t n)
{
	uint32_t random[4 * CHUNK];
	for (int64_t i = 0, k; i < n; i += k) {
		/* one call ends where the counter's low half does */
		uint64_t counter = (uint64_t)(a->how.at + at + i);
		struct ril_rng_at where = {a->how.step, a->how.name, (uint32_t)(counter >> 32), (uint32_t)counter};
		k = ril_min(n - i, ((int64_t)1 << 32) - (int64_t)(counter & UINT32_MAX));
		ril_rng_fill(a->how.seed, RIL_RNG_ROUND, where, random, (size_t)k);
		for (int64_t j = 0; j < k; j++)
			out[i + j] = round16(a->p.type, (float)x[i + j], ril_rng_unit(random + 4 * j));
	}
}

/* ---- moments of 8 bits ---- */

static const float m_values[] = {RIL_MOMENT_M_VALUES}, v_values[] = {RIL_MOMENT_V_VALUES};

static void read_block(const struct ril_moments *o, ril_real *m, ril_real *v, int64_t at, int64_t n)
{
	const int8_t *mc = (const int8_t *)o->m + at;
	const uint8_t *vc = (const uint8_t *)o->v + at;
	float ms = o->m_scale[at / RIL_MOMENT_BLOCK], vs = o->v_scale[at / RIL_MOMENT_BLOCK];
	for (int64_t i = 0; i < n; i++) {
		m[i] = (ril_real)ril_moment_m(m_values, mc[i], ms);
		v[i] = (ril_real)ril_moment_v(v_values, vc[i], vs);
	}
}

static void write_block(const struct ril_moments *o, const ril_real *m, const ril_real *v, int64_t at, int64_t n)
{
	int8_t *mc = (int8_t *)o->m + at;
	uint8_t *vc = (uint8_t *)o->v + at;
	float ms = 0, vs = 0;
	for (int64_t i = 0; i < n; i++) {
		float x = ril_moment_size((float)m[i]), y = (float)v[i];
		ms = x > ms ? x : ms;
		vs = y > vs ? y : vs;
	}
	o->m_scale[at / RIL_MOMENT_BLOCK] = ms = ril_moment_scale(ms);
	o->v_scale[at / RIL_MOMENT_BLOCK] = vs = ril_moment_scale(vs);
	for (int64_t i = 0; i < n; i++) {
		mc[i] = ril_moment_m_code(m_values, (float)m[i], ms);
		vc[i] = ril_moment_v_code(v_values, (float)v[i], vs);
	}
}

/* ---- a step ---- */

/* Elements [at, at + n), at most a chunk, of which some are not ril_real. */
static void step_chunk(const struct adamw *a, int64_t at, int64_t n)
{
	ril_real p[CHUNK], m[CHUNK], v[CHUNK], g[CHUNK];
	void *stored = ril_mat_at(a->p, 0, at);
	ril_cpu_widen(p, a->p, at, n);
	ril_cpu_widen(g, a->g, at, n);
	if (a->m.m_scale) {
		read_block(&a->m, m, v, a->m.at + at, n);
		step_elements(*a, p, m, v, g, n);
		write_block(&a->m, m, v, a->m.at + at, n);
	} else {
		step_elements(*a, p, (ril_real *)a->m.m + a->m.at + at, (ril_real *)a->m.v + a->m.at + at, g, n);
	}
	if (ril_dtype_size(a->p.type) == 2)
		round_chunk(a, stored, p, at, n);
	else
		ril_cpu_narrow(stored, a->p.type, p, n);
}

static void step_range(void *ctx, int64_t from, int64_t to)
{
	const struct adamw *a = ctx;
	if (a->p.type == RIL_REAL && a->g.type == RIL_REAL && !a->m.m_scale)
		step_elements(*a, (ril_real *)a->p.p + from, (ril_real *)a->m.m + a->m.at + from,
			      (ril_real *)a->m.v + a->m.at + from, (const ril_real *)a->g.p + from, to - from);
	else
		for (int64_t at = from; at < to; at += CHUNK)
			step_chunk(a, at, ril_min(to - at, CHUNK));
}

static void step_blocks(void *ctx, int64_t from, int64_t to)
{
	const struct adamw *a = ctx;
	step_range(ctx, from * RIL_MOMENT_BLOCK, ril_min(to * RIL_MOMENT_BLOCK, a->n));
}

/* The step's constants; false: the gradient is not finite, and nothing is to be changed. */
static bool adamw_start(struct adamw *a, struct ril_adamw o)
{
	double correct1 = 1 - pow(o.beta1, (double)o.step), correct2 = 1 - pow(o.beta2, (double)o.step);
	double norm = o.squares ? sqrt(*o.squares) : 0;
	double clip = o.squares && o.max_norm > 0 ? o.max_norm / (norm + 1e-6) : 1; /* as torch's clip_grad_norm_ */
	a->keep = (ril_real)(1 - o.lr * o.weight_decay);
	a->beta2 = (ril_real)o.beta2;
	a->new1 = (ril_real)(1 - o.beta1);
	a->new2 = (ril_real)(1 - o.beta2);
	a->grad_scale = (ril_real)(clip < 1 ? clip : 1);
	a->step = (ril_real)(o.lr / correct1);
	a->inv_root = (ril_real)(1 / sqrt(correct2));
	a->eps = (ril_real)o.eps;
	return isfinite(norm);
}

void ril_cpu_adamw(struct ril_mat p, struct ril_moments m, struct ril_mat g, struct ril_adamw o,
		   struct ril_rounding how)
{
	struct adamw a = {.n = ril_dense(p), .p = p, .g = g, .m = m, .how = how};
	assert(ril_dense(g) == a.n);
	assert(!m.m_scale || m.at % RIL_MOMENT_BLOCK == 0);
	if (!adamw_start(&a, o))
		return;
	if (m.m_scale)
		ril_cpu_ranges(ril_parts(a.n, RIL_MOMENT_BLOCK), RIL_GRAIN / 4 / RIL_MOMENT_BLOCK, step_blocks, &a);
	else
		ril_cpu_ranges(a.n, RIL_GRAIN / 4, step_range, &a);
}
