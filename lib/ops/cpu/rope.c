/* rope.c -- rotary positions, in place (Su et al., "RoFormer", 2021; halves paired as in Hugging Face's
 * rotate_half). */
#include "cpu_internal.h"

struct rope {
	ril_real *x;
	const ril_real *cosv, *sinv;
	int64_t ld, H, D;
	ril_real sign;
};

static void rope_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rope *r = ctx;
	int64_t half = r->D / 2;
	for (int64_t t = from; t < to; t++) {
		const ril_real *cosv = r->cosv + t * half, *sinv = r->sinv + t * half;
		for (int64_t h = 0; h < r->H; h++) {
			ril_real *a = r->x + t * r->ld + h * r->D, *b = a + half;
#pragma omp simd
			for (int64_t i = 0; i < half; i++) {
				ril_real u = a[i], v = b[i], s = r->sign * sinv[i];
				a[i] = u * cosv[i] - v * s;
				b[i] = v * cosv[i] + u * s;
			}
		}
	}
}

void ril_cpu_rope(struct ril_mat x, const ril_real *cosv, const ril_real *sinv, int64_t D, bool inverse)
{
	struct rope r = {ril_reals(x), cosv, sinv, x.ld, x.cols / D, D, inverse ? -1 : 1};
	ril_cpu_ranges(x.rows, RIL_GRAIN / ril_max(x.cols, 1), rope_rows, &r);
}
