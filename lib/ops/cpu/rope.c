/* rope.c -- rotary positions, in place (Su et al., "RoFormer", 2021; halves paired as in Hugging Face's
 * rotate_half). */
#include "cpu_internal.h"

enum { RUNS = 8 };

/* Pairs [from, to) that turn by position `axis`. */
struct run {
	int64_t from, to, axis;
};

struct rope {
	ril_real *x;
	int64_t ld, heads, stride;
	struct ril_rotary r;
	const int32_t *pos;
	ril_real sign;
	struct run run[RUNS]; /* neighbouring pairs of one axis; runs = 0: more than fit, or one position a token */
	int runs;
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

static void pick(const struct rope *a, int64_t t, int64_t from, int64_t to, int64_t axis, ril_real *cosv,
		 ril_real *sinv)
{
	int64_t at = a->pos[axis * a->stride + t] * a->r.pairs;
	for (int64_t j = from; j < to; j++) {
		*cosv++ = a->r.cosv[at + j];
		*sinv++ = a->r.sinv[at + j];
	}
}

/* One token whose pairs turn by different positions: their cos and sin are picked some at a time. */
static void turn_picked(const struct rope *a, ril_real *x, int64_t t)
{
	enum { SOME = 64 };
	ril_real cosv[SOME], sinv[SOME];
	if (a->runs && a->r.pairs <= SOME) {
		for (int k = 0; k < a->runs; k++) {
			const struct run *r = &a->run[k];
			pick(a, t, r->from, r->to, r->axis, cosv + r->from, sinv + r->from);
		}
		turn(a, x, 0, a->r.pairs, cosv, sinv);
		return;
	}
	for (int64_t from = 0; from < a->r.pairs; from += SOME) {
		int64_t to = ril_min(from + SOME, a->r.pairs);
		for (int64_t j = from; j < to; j++)
			pick(a, t, j, j + 1, a->r.axis[j], cosv + (j - from), sinv + (j - from));
		turn(a, x, from, to, cosv, sinv);
	}
}

static void find_runs(struct rope *a)
{
	const int32_t *axis = a->r.axis;
	for (int64_t j = 0; axis && j < a->r.pairs; j++) {
		if (j && axis[j] == axis[j - 1]) {
			a->run[a->runs - 1].to++;
		} else if (a->runs == RUNS) {
			a->runs = 0;
			return;
		} else {
			a->run[a->runs++] = (struct run){j, j + 1, axis[j]};
		}
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

void ril_wide_rope(struct ril_mat x, struct ril_rotary r, const int32_t *pos, int64_t stride, bool inverse)
{
	struct rope a = {.x = ril_reals(x),
			 .ld = x.ld,
			 .heads = x.cols / (2 * r.pairs),
			 .stride = stride,
			 .r = r,
			 .pos = pos,
			 .sign = inverse ? -1 : 1};
	find_runs(&a);
	ril_cpu_ranges(x.rows, RIL_GRAIN / ril_max(x.cols, 1), rope_rows, &a);
}
