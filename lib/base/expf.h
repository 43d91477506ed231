/* expf.h -- exp in float, in a form that the compiler turns into vectors: no branches, no calls.
 *
 * 2^n times a polynomial of degree 6 on [-ln2/2, ln2/2] (a minimax fit, 3e-9; with rounding below 2 ulp).  Zero below
 * -87.3, infinite above 88.37, NaN stays NaN. */
#ifndef RIL_BASE_EXPF_H
#define RIL_BASE_EXPF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float ril_expf(float x)
{
	float in = x < -87.3f ? -87.3f : x;
	in = in > 88.37f ? 88.37f : in;
	float n = __builtin_rintf(in * 1.44269504f);
	float r = __builtin_fmaf(n, -0.693359375f, in); /* ln 2 in two parts, the first exact in 9 bits */
	r = __builtin_fmaf(n, 2.12194440e-4f, r);
	float q = 0.00138146021f;
	q = q * r + 0.00836871705f;
	q = q * r + 0.041668388f;
	q = q * r + 0.166665206f;
	q = q * r + 0.499999934f;
	float e = 1.f + (r + r * r * q), scale;
	uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
	memcpy(&scale, &bits, 4);
	e *= scale;
	e = x > 88.37f ? INFINITY : e;
	return x < -87.3f ? 0.f : e;
}

#endif
