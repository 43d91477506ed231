/* optim.c -- gradient norm and AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; the
 * order of operations is torch.optim.AdamW's). */
#include "cpu_internal.h"
#include "vmath_internal.h"

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

double ril_cpu_sum_squares(const ril_real *x, int64_t n)
{
	int blocks = (int)ril_parts(n, BLOCK);
	struct squares s = {x, n, ril_cpu_scratch(RIL_SHARED_A, (size_t)blocks, sizeof *s.part)};
	double sum = 0;
	if (!s.part)
		return NAN;
	ril_parallel(blocks, squares_tile, &s);
	for (int b = 0; b < blocks; b++)
		sum += s.part[b];
	return sum;
}

struct adamw {
	ril_real *p, *m, *v;
	const ril_real *g;
	ril_real keep, beta2, new1, new2, grad_scale, step, inv_root, eps;
};

static void adamw_range(void *ctx, int64_t from, int64_t to)
{
	const struct adamw a = *(const struct adamw *)ctx;
#pragma omp simd
	for (int64_t i = from; i < to; i++) {
		ril_real g = a.g[i] * a.grad_scale;
		ril_real m = a.m[i] + a.new1 * (g - a.m[i]);
		ril_real v = a.beta2 * a.v[i] + a.new2 * g * g;
		a.m[i] = m;
		a.v[i] = v;
		a.p[i] = a.p[i] * a.keep - a.step * m / (ril_sqrt(v) * a.inv_root + a.eps);
	}
}

void ril_cpu_adamw(ril_real *p, ril_real *m, ril_real *v, const ril_real *g, int64_t n, struct ril_adamw o)
{
	double correct1 = 1 - pow(o.beta1, (double)o.step), correct2 = 1 - pow(o.beta2, (double)o.step);
	struct adamw a = {
		.p = p,
		.m = m,
		.v = v,
		.g = g,
		.keep = (ril_real)(1 - o.lr * o.weight_decay),
		.beta2 = (ril_real)o.beta2,
		.new1 = (ril_real)(1 - o.beta1),
		.new2 = (ril_real)(1 - o.beta2),
		.grad_scale = (ril_real)o.grad_scale,
		.step = (ril_real)(o.lr / correct1),
		.inv_root = (ril_real)(1 / sqrt(correct2)),
		.eps = (ril_real)o.eps,
	};
	ril_cpu_ranges(n, RIL_GRAIN / 4, adamw_range, &a);
}
