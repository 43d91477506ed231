/* vmath_internal.h -- exp and its relatives in a form that the compiler turns into vectors: no branches, no calls.
 *
 * float: exp is base/expf.h's.  The normal distribution for GELU goes through
 * exp(z^2) erfc(z) = t P(t), t = 1/(1 + 0.4 z), P of degree 9 (a minimax fit, 1.3e-8; with rounding 4e-7 relative), so
 * that the lower tail keeps its relative precision.  double: the C library. */
#ifndef RIL_OPS_CPU_VMATH_INTERNAL_H
#define RIL_OPS_CPU_VMATH_INTERNAL_H

#include "base/expf.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#define RIL_SQRT_HALF 0.70710678118654752440
#define RIL_INV_SQRT_2PI 0.39894228040143267794

#ifdef RIL_REAL_IS_DOUBLE

static inline double ril_exp(double x)
{
	return exp(x);
}

static inline double ril_sqrt(double x)
{
	return sqrt(x);
}

static inline void ril_normal(double x, double *cdf, double *pdf)
{
	*cdf = .5 * erfc(-x * RIL_SQRT_HALF);
	*pdf = RIL_INV_SQRT_2PI * exp(-.5 * x * x);
}

#else

static inline float ril_exp(float x)
{
	return ril_expf(x);
}

static inline float ril_sqrt(float x)
{
	return __builtin_sqrtf(x);
}

/* The standard normal distribution's function and density at x. */
static inline void ril_normal(float x, float *cdf, float *pdf)
{
	float half = .5f * x, h = half * x, low = __builtin_fmaf(half, x, -h);
	float e = ril_exp(-h) * (1.f - low); /* h in two parts: its rounding error would be h times as large in e */
	float t = 1.f / (1.f + 0.4f * (float)RIL_SQRT_HALF * __builtin_fabsf(x));
	float p = -0.0260266243f;
	p = p * t + 0.178828275f;
	p = p * t - 0.454205115f;
	p = p * t + 0.488712724f;
	p = p * t - 0.236244325f;
	p = p * t + 0.246670755f;
	p = p * t + 0.138289586f;
	p = p * t + 0.213114652f;
	p = p * t + 0.225163763f;
	p = p * t + 0.225696323f;
	float upper = .5f * e * p * t;
	*cdf = x > 0 ? 1.f - upper : upper;
	*pdf = (float)RIL_INV_SQRT_2PI * e;
}

#endif

static inline ril_real ril_sigmoid(ril_real x)
{
	return 1 / (1 + ril_exp(-x));
}

#endif
