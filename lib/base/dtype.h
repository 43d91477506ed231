/* dtype.h -- element types, named as safetensors names them, and conversions between the floating ones. */
#ifndef RIL_BASE_DTYPE_H
#define RIL_BASE_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum ril_dtype {
	RIL_NONE = 0,
	RIL_BOOL,
	RIL_U8,
	RIL_I8,
	RIL_U16,
	RIL_I16,
	RIL_F16,
	RIL_BF16,
	RIL_U32,
	RIL_I32,
	RIL_F32,
	RIL_U64,
	RIL_I64,
	RIL_F64,
};

size_t ril_dtype_size(enum ril_dtype);            /* bytes per element; 0 for RIL_NONE */
const char *ril_dtype_name(enum ril_dtype);       /* "F32", ... */
enum ril_dtype ril_dtype_parse(const char *name); /* RIL_NONE if unknown */

static inline float ril_bf16_f32(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;
	memcpy(&f, &u, 4);
	return f;
}

/* Round to nearest even; NaN stays a (quiet) NaN. */
static inline uint16_t ril_f32_bf16(float f)
{
	uint32_t u;
	memcpy(&u, &f, 4);
	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)((u >> 16) | 0x40);
	return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

float ril_f16_f32(uint16_t h);
uint16_t ril_f32_f16(float f); /* round to nearest even, overflow to infinity */

/* n elements of a floating type (F16, BF16, F32, F64) to float or double, and back with rounding.  Source and target do
 * not overlap.  Other types are a programming error (assert). */
void ril_to_f32(float *dst, const void *src, enum ril_dtype, size_t n);
void ril_to_f64(double *dst, const void *src, enum ril_dtype, size_t n);
void ril_from_f32(void *dst, enum ril_dtype, const float *src, size_t n);
void ril_from_f64(void *dst, enum ril_dtype, const double *src, size_t n);

#endif
