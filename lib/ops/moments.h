/* moments.h -- AdamW's moments in 8 bits: the code of an element, the scale of a block, and how both are found.
 *
 * As Dettmers et al., "8-bit Optimizers via Block-wise Quantization" (arXiv 2110.02861), a block of elements has one
 * scale, its largest magnitude, and each element is a code for its share of it.  Codes are close where shares are small
 * and many: seven decades below 1, each with twice as many values as the one below it.  The tables here are our own:
 *
 *   m   decade e = 0..6 holds the 2^e values (0.1 + 0.9 (j + 1) / 2^e) 10^(e - 6), j = 0 .. 2^e - 1; a code is a signed
 *       byte, its magnitude the value's number from 1 on; 0 is zero.
 *   v   the same with 2^(e + 1) values a decade, and 1e-7 below them; a code is an unsigned byte, the value's number.
 *       Zero is not among them: AdamW divides by the root of v, and a share that is lost in the block should make a step
 *       smaller, not endless.
 *
 * The largest value of both is 1, so a block's scale is among its elements, and values that were read from codes give the
 * same codes and scale again: a state that was saved as float goes on to the byte.  For that scales stay where a float's
 * products are normal; a block that is smaller than RIL_MOMENT_LEAST is zero (scale 0).
 *
 * C and C++; nvcc takes the functions for the device, too, where RIL_BOTH says so.  A table is an argument: a kernel has
 * its own copy, made with RIL_MOMENT_M_VALUES and RIL_MOMENT_V_VALUES. */
#ifndef RIL_OPS_MOMENTS_H
#define RIL_OPS_MOMENTS_H

#include <stdint.h>

#ifndef RIL_BOTH
#define RIL_BOTH
#endif

enum { RIL_MOMENT_BLOCK = 256, RIL_MOMENT_M = 127, RIL_MOMENT_V = 255 }; /* elements; values in the tables */
#define RIL_MOMENT_LEAST 7.8886090522101181e-31f                         /* 2^-100 */

/* clang-format off */
#define RIL_MOMENT_M_VALUES \
	1e-06f, 5.5e-06f, 1e-05f, 3.25e-05f, 5.5e-05f, 7.75e-05f, 0.0001f, 0.0002125f, 0.000325f, 0.0004375f, \
	0.00055f, 0.0006625f, 0.000775f, 0.0008875f, 0.001f, 0.0015625f, 0.002125f, 0.0026875f, 0.00325f, 0.0038125f, \
	0.004375f, 0.0049375f, 0.0055f, 0.0060625f, 0.006625f, 0.0071875f, 0.00775f, 0.0083125f, 0.008875f, \
	0.0094375f, 0.01f, 0.0128125f, 0.015625f, 0.0184375f, 0.02125f, 0.0240625f, 0.026875f, 0.0296875f, 0.0325f, \
	0.0353125f, 0.038125f, 0.0409375f, 0.04375f, 0.0465625f, 0.049375f, 0.0521875f, 0.055f, 0.0578125f, 0.060625f, \
	0.0634375f, 0.06625f, 0.0690625f, 0.071875f, 0.0746875f, 0.0775f, 0.0803125f, 0.083125f, 0.0859375f, 0.08875f, \
	0.0915625f, 0.094375f, 0.0971875f, 0.1f, 0.1140625f, 0.128125f, 0.1421875f, 0.15625f, 0.1703125f, 0.184375f, \
	0.1984375f, 0.2125f, 0.2265625f, 0.240625f, 0.2546875f, 0.26875f, 0.2828125f, 0.296875f, 0.3109375f, 0.325f, \
	0.3390625f, 0.353125f, 0.3671875f, 0.38125f, 0.3953125f, 0.409375f, 0.4234375f, 0.4375f, 0.4515625f, \
	0.465625f, 0.4796875f, 0.49375f, 0.5078125f, 0.521875f, 0.5359375f, 0.55f, 0.5640625f, 0.578125f, 0.5921875f, \
	0.60625f, 0.6203125f, 0.634375f, 0.6484375f, 0.6625f, 0.6765625f, 0.690625f, 0.7046875f, 0.71875f, 0.7328125f, \
	0.746875f, 0.7609375f, 0.775f, 0.7890625f, 0.803125f, 0.8171875f, 0.83125f, 0.8453125f, 0.859375f, 0.8734375f, \
	0.8875f, 0.9015625f, 0.915625f, 0.9296875f, 0.94375f, 0.9578125f, 0.971875f, 0.9859375f, 1.f
#define RIL_MOMENT_V_VALUES \
	1e-07f, 5.5e-07f, 1e-06f, 3.25e-06f, 5.5e-06f, 7.75e-06f, 1e-05f, 2.125e-05f, 3.25e-05f, 4.375e-05f, 5.5e-05f, \
	6.625e-05f, 7.75e-05f, 8.875e-05f, 0.0001f, 0.00015625f, 0.0002125f, 0.00026875f, 0.000325f, 0.00038125f, \
	0.0004375f, 0.00049375f, 0.00055f, 0.00060625f, 0.0006625f, 0.00071875f, 0.000775f, 0.00083125f, 0.0008875f, \
	0.00094375f, 0.001f, 0.00128125f, 0.0015625f, 0.00184375f, 0.002125f, 0.00240625f, 0.0026875f, 0.00296875f, \
	0.00325f, 0.00353125f, 0.0038125f, 0.00409375f, 0.004375f, 0.00465625f, 0.0049375f, 0.00521875f, 0.0055f, \
	0.00578125f, 0.0060625f, 0.00634375f, 0.006625f, 0.00690625f, 0.0071875f, 0.00746875f, 0.00775f, 0.00803125f, \
	0.0083125f, 0.00859375f, 0.008875f, 0.00915625f, 0.0094375f, 0.00971875f, 0.01f, 0.01140625f, 0.0128125f, \
	0.01421875f, 0.015625f, 0.01703125f, 0.0184375f, 0.01984375f, 0.02125f, 0.02265625f, 0.0240625f, 0.02546875f, \
	0.026875f, 0.02828125f, 0.0296875f, 0.03109375f, 0.0325f, 0.03390625f, 0.0353125f, 0.03671875f, 0.038125f, \
	0.03953125f, 0.0409375f, 0.04234375f, 0.04375f, 0.04515625f, 0.0465625f, 0.04796875f, 0.049375f, 0.05078125f, \
	0.0521875f, 0.05359375f, 0.055f, 0.05640625f, 0.0578125f, 0.05921875f, 0.060625f, 0.06203125f, 0.0634375f, \
	0.06484375f, 0.06625f, 0.06765625f, 0.0690625f, 0.07046875f, 0.071875f, 0.07328125f, 0.0746875f, 0.07609375f, \
	0.0775f, 0.07890625f, 0.0803125f, 0.08171875f, 0.083125f, 0.08453125f, 0.0859375f, 0.08734375f, 0.08875f, \
	0.09015625f, 0.0915625f, 0.09296875f, 0.094375f, 0.09578125f, 0.0971875f, 0.09859375f, 0.1f, 0.10703125f, \
	0.1140625f, 0.12109375f, 0.128125f, 0.13515624f, 0.1421875f, 0.14921875f, 0.15625f, 0.16328125f, 0.1703125f, \
	0.17734376f, 0.184375f, 0.19140625f, 0.1984375f, 0.20546874f, 0.2125f, 0.21953125f, 0.2265625f, 0.23359375f, \
	0.240625f, 0.24765626f, 0.2546875f, 0.26171875f, 0.26875f, 0.27578124f, 0.2828125f, 0.28984374f, 0.296875f, \
	0.30390626f, 0.3109375f, 0.31796876f, 0.325f, 0.33203125f, 0.3390625f, 0.34609374f, 0.353125f, 0.36015624f, \
	0.3671875f, 0.37421876f, 0.38125f, 0.38828126f, 0.3953125f, 0.40234375f, 0.409375f, 0.41640624f, 0.4234375f, \
	0.43046874f, 0.4375f, 0.44453126f, 0.4515625f, 0.45859376f, 0.465625f, 0.47265625f, 0.4796875f, 0.48671874f, \
	0.49375f, 0.50078124f, 0.5078125f, 0.51484376f, 0.521875f, 0.5289062f, 0.5359375f, 0.54296875f, 0.55f, \
	0.5570313f, 0.5640625f, 0.57109374f, 0.578125f, 0.58515626f, 0.5921875f, 0.5992187f, 0.60625f, 0.61328125f, \
	0.6203125f, 0.6273438f, 0.634375f, 0.64140624f, 0.6484375f, 0.65546876f, 0.6625f, 0.6695312f, 0.6765625f, \
	0.68359375f, 0.690625f, 0.6976563f, 0.7046875f, 0.71171874f, 0.71875f, 0.72578126f, 0.7328125f, 0.7398437f, \
	0.746875f, 0.75390625f, 0.7609375f, 0.7679688f, 0.775f, 0.78203124f, 0.7890625f, 0.79609376f, 0.803125f, \
	0.8101562f, 0.8171875f, 0.82421875f, 0.83125f, 0.8382813f, 0.8453125f, 0.85234374f, 0.859375f, 0.86640626f, \
	0.8734375f, 0.8804687f, 0.8875f, 0.89453125f, 0.9015625f, 0.9085938f, 0.915625f, 0.92265624f, 0.9296875f, \
	0.93671876f, 0.94375f, 0.9507812f, 0.9578125f, 0.96484375f, 0.971875f, 0.9789063f, 0.9859375f, 0.99296874f, \
	1.f
/* clang-format on */

static inline RIL_BOTH float ril_moment_size(float x)
{
	return x < 0 ? -x : x;
}

/* What a block is stored with whose largest magnitude is `largest`. */
static inline RIL_BOTH float ril_moment_scale(float largest)
{
	return largest < RIL_MOMENT_LEAST ? 0 : largest;
}

/* The number of the value nearest to x >= 0 among `n` ascending ones; of two as near the lower. */
static inline RIL_BOTH int ril_moment_nearest(const float *value, int n, float x)
{
	int low = 0, high = n - 1; /* value[low] <= x < value[high], but at the ends */
	while (high - low > 1) {
		int middle = (low + high) / 2;
		if (x < value[middle])
			high = middle;
		else
			low = middle;
	}
	return value[high] - x < x - value[low] ? high : low;
}

static inline RIL_BOTH int8_t ril_moment_m_code(const float *value, float x, float scale)
{
	float share = scale > 0 ? ril_moment_size(x) / scale : 0;
	/* below the least value the other neighbour is zero */
	int code = share <= value[0] / 2 ? 0 : ril_moment_nearest(value, RIL_MOMENT_M, share) + 1;
	return (int8_t)(x < 0 ? -code : code);
}

static inline RIL_BOTH float ril_moment_m(const float *value, int8_t code, float scale)
{
	return code < 0 ? -value[-code - 1] * scale : code ? value[code - 1] * scale : 0;
}

static inline RIL_BOTH uint8_t ril_moment_v_code(const float *value, float x, float scale)
{
	return (uint8_t)(scale > 0 ? ril_moment_nearest(value, RIL_MOMENT_V, x / scale) : 0);
}

static inline RIL_BOTH float ril_moment_v(const float *value, uint8_t code, float scale)
{
	return value[code] * scale;
}

#endif
