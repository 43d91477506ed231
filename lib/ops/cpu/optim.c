/* optim.c -- gradient norm and AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; the
 * order of operations is torch.optim.AdamW's), on masters and on weights that are rounded by chance. */
#include "cpu_internal.h"
#include "vmath_internal.h"

#include "base/rng.h"
#include "base/unused.h"

enum { BLOCK = 1 << 16 }; /* elements that one partial sum covers */

struct squares {
	const ril_real *x;
	int64_t n;
	double *part;
};

static void squares_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct squares *s = ctx;
	int64_t from = (int64_t)tile * BLOCK, to = ril_min(from + BLOCK, s->n);
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = from; i < to; i++)
		sum += (double)s->x[i] * (double)s->x[i];
	s->part[tile] = sum;
}

void ril_cpu_sum_squares(double *sum, const ril_real *x, int64_t n)
{
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

/* ---- AdamW ---- */

struct adamw {
	ril_real *p, *m, *v;
	const ril_real *g;
	ril_real keep, beta2, new1, new2, grad_scale, step, inv_root, eps;
	/* weights as stored */
	struct ril_mat stored;
	struct ril_rounding how;
};

static inline void adamw_elements(const struct adamw a, ril_real *p, int64_t from, int64_t n)
{
	ril_real *restrict am = a.m + from, *restrict av = a.v + from;
	const ril_real *restrict ag = a.g + from;
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

static void adamw_range(void *ctx, int64_t from, int64_t to)
{
	const struct adamw *a = ctx;
	adamw_elements(*a, a->p + from, from, to - from);
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

void ril_cpu_adamw(ril_real *p, ril_real *m, ril_real *v, const ril_real *g, int64_t n, struct ril_adamw o)
{
	struct adamw a = {.p = p, .m = m, .v = v, .g = g};
	if (adamw_start(&a, o))
		ril_cpu_ranges(n, RIL_GRAIN / 4, adamw_range, &a);
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

enum { CHUNK = 512 }; /* elements widened at once */

static void round_chunk(const struct adamw *a, uint16_t *out, const ril_real *x, int64_t at, int64_t n)
{
	uint32_t random[4 * CHUNK];
	uint64_t counter = (uint64_t)(a->how.at + at);
	struct ril_rng_at where = {a->how.step, a->how.name, (uint32_t)(counter >> 32), (uint32_t)counter};
	ril_rng_fill(a->how.seed, RIL_RNG_ROUND, where, random, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		out[i] = round16(a->stored.type, (float)x[i], ril_rng_unit(random + 4 * i));
}

static void adamw_round_range(void *ctx, int64_t from, int64_t to)
{
	const struct adamw *a = ctx;
	ril_real x[CHUNK];
	for (int64_t at = from, n; at < to; at += n) {
		/* a chunk ends where the counter's low half does */
		int64_t low = (int64_t)((uint64_t)(a->how.at + at) & UINT32_MAX);
		n = ril_min(ril_min(to - at, CHUNK), ((int64_t)1 << 32) - low);
		void *stored = ril_mat_at(a->stored, 0, at);
		ril_cpu_widen(x, a->stored, at, n);
		adamw_elements(*a, x, at, n);
		if (ril_dtype_size(a->stored.type) == 2)
			round_chunk(a, stored, x, at, n);
		else
			ril_cpu_narrow(stored, a->stored.type, x, n);
	}
}

void ril_cpu_adamw_round(struct ril_mat p, ril_real *m, ril_real *v, const ril_real *g, struct ril_adamw o,
			 struct ril_rounding how)
{
	struct adamw a = {.m = m, .v = v, .g = g, .stored = p, .how = how};
	if (adamw_start(&a, o))
		ril_cpu_ranges(ril_dense(p), RIL_GRAIN / 4, adamw_round_range, &a);
}
