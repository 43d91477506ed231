/* dtype.c -- element types; see dtype.h.  F16 goes through the compiler's _Float16, which rounds to nearest even. */
#include "base/dtype.h"

#include <assert.h>

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[RIL_NONE] = {"NONE", 0}, [RIL_BOOL] = {"BOOL", 1}, [RIL_U8] = {"U8", 1},   [RIL_I8] = {"I8", 1},
	[RIL_U16] = {"U16", 2},   [RIL_I16] = {"I16", 2},   [RIL_F16] = {"F16", 2}, [RIL_BF16] = {"BF16", 2},
	[RIL_U32] = {"U32", 4},   [RIL_I32] = {"I32", 4},   [RIL_F32] = {"F32", 4}, [RIL_U64] = {"U64", 8},
	[RIL_I64] = {"I64", 8},   [RIL_F64] = {"F64", 8},
};
enum { NTYPES = sizeof types / sizeof *types };

size_t ril_dtype_size(enum ril_dtype t)
{
	return (unsigned)t < NTYPES ? types[t].size : 0;
}

const char *ril_dtype_name(enum ril_dtype t)
{
	return (unsigned)t < NTYPES ? types[t].name : "?";
}

enum ril_dtype ril_dtype_parse(const char *name)
{
	for (int t = 1; t < NTYPES; t++)
		if (!strcmp(types[t].name, name))
			return (enum ril_dtype)t;
	return RIL_NONE;
}

float ril_f16_f32(uint16_t h)
{
	_Float16 f;
	memcpy(&f, &h, 2);
	return (float)f;
}

uint16_t ril_f32_f16(float f)
{
	_Float16 g = (_Float16)f;
	uint16_t h;
	memcpy(&h, &g, 2);
	return h;
}

/* clang-format off */
#define WIDEN(NAME, REAL)                                                                                              \
	void NAME(REAL *dst, const void *src, enum ril_dtype t, size_t n)                                              \
	{                                                                                                              \
		const uint16_t *h = src;                                                                               \
		const float *f = src;                                                                                  \
		const double *d = src;                                                                                 \
		switch (t) {                                                                                           \
		case RIL_BF16: for (size_t i = 0; i < n; i++) dst[i] = (REAL)ril_bf16_f32(h[i]); break;                \
		case RIL_F16: for (size_t i = 0; i < n; i++) dst[i] = (REAL)ril_f16_f32(h[i]); break;                  \
		case RIL_F32: for (size_t i = 0; i < n; i++) dst[i] = (REAL)f[i]; break;                               \
		case RIL_F64: for (size_t i = 0; i < n; i++) dst[i] = (REAL)d[i]; break;                               \
		default: assert(!"not a floating type");                                                               \
		}                                                                                                      \
	}
/* clang-format on */
WIDEN(ril_to_f32, float)
WIDEN(ril_to_f64, double)

/* clang-format off */
#define NARROW(NAME, REAL)                                                                                             \
	void NAME(void *dst, enum ril_dtype t, const REAL *src, size_t n)                                              \
	{                                                                                                              \
		uint16_t *h = dst;                                                                                     \
		float *f = dst;                                                                                        \
		double *d = dst;                                                                                       \
		switch (t) {                                                                                           \
		case RIL_BF16: for (size_t i = 0; i < n; i++) h[i] = ril_f32_bf16((float)src[i]); break;               \
		case RIL_F16: for (size_t i = 0; i < n; i++) h[i] = ril_f32_f16((float)src[i]); break;                 \
		case RIL_F32: for (size_t i = 0; i < n; i++) f[i] = (float)src[i]; break;                              \
		case RIL_F64: for (size_t i = 0; i < n; i++) d[i] = (double)src[i]; break;                             \
		default: assert(!"not a floating type");                                                               \
		}                                                                                                      \
	}
/* clang-format on */
NARROW(ril_from_f32, float)
NARROW(ril_from_f64, double)
