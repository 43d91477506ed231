/* resize.c -- Pillow's two-pass resizing, bit for bit (Pillow 13, Image.resize with BICUBIC and LANCZOS).
 *
 * The rule: cubic convolution with a = -1/2 (Keys, 1981), or the sinc windowed by its own main lobe, three lobes wide
 * (Duchon, 1979); the support widened by the reduction; weights normalised in double, then rounded to 22 bits; each pass sums in 32-bit integers and rounds to 8 bits.  The vertical pass goes
 * first when it shrinks the picture more than the horizontal one does, in the sense of vertical_first below.
 *
 * Speed: both passes run down columns of bytes, 16 lanes at a time.  For the horizontal pass 16 rows are turned on
 * their side, so that 16 pixels sharing a weight stand together. */
#include "image/rgb.h"

#include <math.h>
#include <stdlib.h>

enum { BITS = 22, LANES = 16 };

typedef uint8_t lane8 __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef int16_t lane16 __attribute__((vector_size(2 * LANES)));
typedef int32_t lane32 __attribute__((vector_size(4 * LANES)));

/* Output position i is the sum of weight[i*taps + k] * input[first[i] + k], k < count[i]. */
struct filter {
	int32_t *first, *count; /* [out] */
	int32_t *weight;        /* [out,taps] */
	int32_t taps;
};

static void filter_free(struct filter *f)
{
	free(f->first);
	free(f->count);
	free(f->weight);
}

/* A fused multiply-add would round differently from the reference, which was built without. */
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
static double bicubic(double x)
{
	const double a = -0.5;
	x = fabs(x);
	if (x < 1)
		return ((a + 2) * x - (a + 3)) * x * x + 1;
	if (x < 2)
		return (((x - 5) * x + 8) * x - 4) * a;
	return 0;
}

static double sinc(double x)
{
	x *= M_PI;
	return x == 0 ? 1 : sin(x) / x;
}

static double lanczos(double x)
{
	return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/* A filter: its value at x, 0 beyond `reach`. */
struct kernel {
	double (*at)(double x);
	double reach;
};
static const struct kernel bicubic_kernel = {bicubic, 2}, lanczos_kernel = {lanczos, 3};

static void weigh(struct filter *f, const struct kernel *kernel, int32_t i, int32_t in, double scale, double wide,
		  double *w)
{
	double centre = (i + 0.5) * scale, support = kernel->reach * wide, sum = 0, inverse = 1 / wide;
	int32_t lo = (int32_t)(centre - support + 0.5), hi = (int32_t)(centre + support + 0.5);
	lo = lo < 0 ? 0 : lo;
	hi = hi > in ? in : hi;
	f->first[i] = lo;
	f->count[i] = hi - lo;
	for (int32_t k = 0; k < hi - lo; k++) {
		w[k] = kernel->at((k + lo - centre + 0.5) * inverse);
		sum += w[k];
	}
	for (int32_t k = 0; k < hi - lo; k++) {
		double v = (sum != 0 ? w[k] / sum : w[k]) * (1 << BITS);
		f->weight[(size_t)i * f->taps + k] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
	}
}
#pragma GCC pop_options

static int filter_make(struct filter *f, const struct kernel *kernel, int32_t in, int32_t out, struct ril_err *err)
{
	double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
	f->taps = (int32_t)ceil(kernel->reach * wide) * 2 + 1;
	f->first = ril_new((size_t)out, sizeof *f->first, err);
	f->count = ril_new((size_t)out, sizeof *f->count, err);
	size_t n;
	if (!ril_mul(&n, (size_t)out, (size_t)f->taps))
		return ril_fail(err, RIL_EFAIL, "too large to resize");
	f->weight = ril_new(n, sizeof *f->weight, err);
	double *w = ril_new((size_t)f->taps, sizeof *w, err);
	int rc = f->first && f->count && f->weight && w ? 0 : -1;
	for (int32_t i = 0; !rc && i < out; i++)
		weigh(f, kernel, i, in, scale, wide, w);
	free(w);
	return rc;
}

/* By way of 16 bits: compilers know that step as one instruction each, the whole one they take to pieces.  Wide vectors
 * go by pointer: how they are passed by value depends on the processor compiled for. */
static inline void widen(lane32 *to, const uint8_t *p)
{
	*to = __builtin_convertvector(__builtin_convertvector(*(const lane8 *)p, lane16), lane32);
}

static inline lane8 round8(const lane32 *sum)
{
	lane32 v = *sum >> BITS;
	v &= v >= 0;
	v = (v & (v <= 255)) | ((v > 255) & 255);
	return __builtin_convertvector(__builtin_convertvector(v, lane16), lane8);
}

/* One vector of output: bytes at `in`, the next tap `stride` further. */
static inline lane8 sum_taps(const uint8_t *in, size_t stride, const int32_t *weight, int32_t count)
{
	lane32 sum = (lane32){0} + (1 << (BITS - 1)), bytes;
	for (int32_t k = 0; k < count; k++) {
		widen(&bytes, in + (size_t)k * stride);
		sum += bytes * weight[k];
	}
	return round8(&sum);
}

static void vertical(struct ril_rgb *out, const struct ril_rgb *in, const struct filter *f)
{
	size_t stride = (size_t)in->w * 3;
	for (int32_t y = 0; y < out->h; y++) {
		const uint8_t *src = in->rgb + (size_t)f->first[y] * stride;
		const int32_t *w = f->weight + (size_t)y * f->taps;
		uint8_t *dst = out->rgb + (size_t)y * stride;
		size_t x = 0;
		for (; x + LANES <= stride; x += LANES)
			*(lane8 *)(dst + x) = sum_taps(src + x, stride, w, f->count[y]);
		for (; x < stride; x++) {
			int32_t sum = 1 << (BITS - 1);
			for (int32_t k = 0; k < f->count[y]; k++)
				sum += src[x + (size_t)k * stride] * w[k];
			sum >>= BITS;
			dst[x] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
		}
	}
}

/* Transposes a block of 16 x 16 bytes: interleaving row i with row i + 8, four times. */
static inline void transpose(lane8 v[LANES])
{
	const lane8 low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23}, high = low + 8;
	lane8 t[LANES];
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < LANES / 2; i++) {
			t[2 * i] = __builtin_shuffle(v[i], v[i + LANES / 2], low);
			t[2 * i + 1] = __builtin_shuffle(v[i], v[i + LANES / 2], high);
		}
		memcpy(v, t, sizeof t);
	}
}

/* 16 rows (the last repeated where there are fewer) of n bytes to columns [n rounded up,16]. */
static void to_columns(uint8_t *columns, const uint8_t *in, size_t n, int32_t rows)
{
	for (size_t x = 0; x < n; x += LANES) {
		lane8 v[LANES] = {0};
		size_t part = n - x < LANES ? n - x : LANES;
		for (int32_t r = 0; r < rows; r++)
			memcpy(&v[r], in + (size_t)r * n + x, part);
		transpose(v);
		memcpy(columns + x * LANES, v, sizeof v);
	}
}

static void from_columns(uint8_t *out, const uint8_t *columns, size_t n, int32_t rows)
{
	for (size_t x = 0; x < n; x += LANES) {
		lane8 v[LANES];
		size_t part = n - x < LANES ? n - x : LANES;
		memcpy(v, columns + x * LANES, sizeof v);
		transpose(v);
		for (int32_t r = 0; r < rows; r++)
			memcpy(out + (size_t)r * n + x, &v[r], part);
	}
}

static int horizontal(struct ril_rgb *out, const struct ril_rgb *in, const struct filter *f, struct ril_err *err)
{
	size_t n = (size_t)in->w * 3, m = (size_t)out->w * 3;
	uint8_t *from = ril_new(n + LANES, LANES, err), *to = ril_new(m + LANES, LANES, err);
	int rc = from && to ? 0 : -1;
	for (int32_t y = 0; !rc && y < in->h; y += LANES) {
		int32_t rows = in->h - y < LANES ? in->h - y : LANES;
		to_columns(from, in->rgb + (size_t)y * n, n, rows);
		for (int32_t x = 0; x < out->w; x++) {
			const int32_t *w = f->weight + (size_t)x * f->taps;
			const uint8_t *src = from + (size_t)f->first[x] * 3 * LANES;
			for (int c = 0; c < 3; c++)
				*(lane8 *)(to + ((size_t)x * 3 + (size_t)c) * LANES) =
					sum_taps(src + c * LANES, 3 * LANES, w, f->count[x]);
		}
		from_columns(out->rgb + (size_t)y * m, to, m, rows);
	}
	free(from);
	free(to);
	return rc;
}

static int pass(struct ril_rgb *out, const struct ril_rgb *in, int32_t w, int32_t h, const struct kernel *k,
		struct ril_err *err)
{
	struct filter f = {0};
	bool across = w != in->w;
	int rc = ril_rgb_new(out, w, h, err);
	if (!rc)
		rc = across ? filter_make(&f, k, in->w, w, err) : filter_make(&f, k, in->h, h, err);
	if (!rc && across)
		rc = horizontal(out, in, &f, err);
	else if (!rc)
		vertical(out, in, &f);
	filter_free(&f);
	if (rc)
		ril_rgb_free(out);
	return rc;
}

int ril_rgb_resize(struct ril_rgb *out, const struct ril_rgb *in, int32_t w, int32_t h, enum ril_filter filter,
		   struct ril_err *err)
{
	const struct kernel *k = filter == RIL_LANCZOS ? &lanczos_kernel : &bicubic_kernel;
	*out = (struct ril_rgb){0};
	if (w == in->w && h == in->h) {
		if (ril_rgb_new(out, w, h, err))
			return -1;
		memcpy(out->rgb, in->rgb, (size_t)w * h * 3);
		return 0;
	}
	if (w == in->w || h == in->h)
		return pass(out, in, w, h, k, err);
	int64_t shrink = (int64_t)in->h - h;
	bool vertical_first = shrink > 0 && shrink > 2 * ((int64_t)in->w - w);
	struct ril_rgb half = {0};
	int rc = vertical_first ? pass(&half, in, in->w, h, k, err) : pass(&half, in, w, in->h, k, err);
	if (!rc)
		rc = pass(out, &half, w, h, k, err);
	ril_rgb_free(&half);
	return rc;
}
