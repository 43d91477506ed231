/* rope.c -- rotary positions, in place (Su et al., "RoFormer", 2021; halves paired as in Hugging Face's
 * rotate_half). */
#include "cpu_internal.h"

struct rope {
	ril_real *x;
	int64_t ld, heads, stride;
	struct ril_rotary r;
	const int32_t *pos;
	ril_real sign;
};

/* Pairs [from, to) of all heads of one token; cosv and sinv begin at pair `from`. */
static void turn(const struct rope *a, ril_real *x, int64_t from, int64_t to, const ril_real *cosv,
		 const ril_real *sinv)
{
	int64_t half = a->r.pairs;
	for (int64_t h = 0; h < a->heads; h++) {
		ril_real *u = x + 2 * h * half + from, *v = u + half;
#pragma omp simd
		for (int64_t i = 0; i < to - from; i++) {
			ril_real p = u[i], q = v[i], s = a->sign * sinv[i];
			u[i] = p * cosv[i] - q * s;
			v[i] = q * cosv[i] + p * s;
		}
	}
}

/* One token whose pairs turn by different positions: their cos and sin are picked some at a time. */
static void turn_picked(const struct rope *a, ril_real *x, int64_t t)
{
	enum { SOME = 64 };
	ril_real cosv[SOME], sinv[SOME];
	for (int64_t from = 0; from < a->r.pairs; from += SOME) {
		int64_t to = ril_min(from + SOME, a->r.pairs);
		for (int64_t j = from; j < to; j++) {
			int64_t at = a->pos[a->r.axis[j] * a->stride + t] * a->r.pairs + j;
			cosv[j - from] = a->r.cosv[at];
			sinv[j - from] = a->r.sinv[at];
		}
		turn(a, x, from, to, cosv, sinv);
	}
}

static void rope_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rope *a = ctx;
	for (int64_t t = from; t < to; t++) {
		ril_real *x = a->x + t * a->ld;
		if (a->r.axis)
			turn_picked(a, x, t);
		else
			turn(a, x, 0, a->r.pairs, a->r.cosv + a->pos[t] * a->r.pairs,
			     a->r.sinv + a->pos[t] * a->r.pairs);
	}
}

void ril_cpu_rope(struct ril_mat x, struct ril_rotary r, const int32_t *pos, int64_t stride, bool inverse)
{
	struct rope a = {ril_reals(x), x.ld, x.cols / (2 * r.pairs), stride, r, pos, inverse ? -1 : 1};
	ril_cpu_ranges(x.rows, RIL_GRAIN / ril_max(x.cols, 1), rope_rows, &a);
}
