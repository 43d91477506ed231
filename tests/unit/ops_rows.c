/* ops_rows.c -- on the CPU a row of a linear map has the same bytes however many rows are multiplied with it, from nine on:
 * whichever side is packed, wherever a tile ends (linear_panels.c).  Of BF16 matrices by the processor's instruction, or in
 * its steps where it has none (pairs.c; tiles.c for ops_tiles.c), the same holds, and the sums are held to the products' in
 * double. */
#include "../ril_test.h"

#include "base/rng.h"
#include "ops/backend.h"

#include <math.h>

#ifndef PRODUCTS
#define PRODUCTS "pairs"
#endif

enum { ROWS = 700, K = 530, N = 310 };

static const int64_t counts[] = {9, 10, 16, 17, 31, 40, 64, 95, 97, 190, 257, 513, ROWS};

static float uniform(uint32_t i)
{
	return (float)ril_rng_uniform(5, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, i}) - .5f;
}

static void fill(ril_real *x, int64_t n, uint32_t seed)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = uniform(seed + (uint32_t)i);
}

/* y[ROWS, N], in parts of `rows` rows; x's type says what in. */
static void in_parts(ril_real *y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate, int64_t rows)
{
	for (int64_t t = 0, n; t < ROWS; t += n) {
		n = ROWS - t < 2 * rows ? ROWS - t : rows; /* the last part is no smaller */
		struct ril_mat part = x;
		part.p = ril_mat_at(x, t, 0);
		part.rows = n;
		ril_ops()->linear(ril_mat_of(y + t * N, RIL_REAL, n, N), part, w, b, accumulate);
	}
}

static ril_real all[ROWS * N];

static void same_rows(const char *what, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	static ril_real part[ROWS * N];
	fill(all, ROWS * N, 77);
	in_parts(all, x, w, b, accumulate, ROWS);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		fill(part, ROWS * N, 77);
		in_parts(part, x, w, b, accumulate, counts[i]);
		CHECK(!memcmp(all, part, sizeof all), "%s: %lld rows at once", what, (long long)counts[i]);
	}
}

/* all = x w^T + b: a float sum of K products, within K + 2 roundings of half an ulp each of the sum of their magnitudes. */
static void near_double(const uint16_t *x, const uint16_t *w, const ril_real *b)
{
	double eps = RIL_REAL == RIL_F32 ? 0x1p-24 : 0x1p-53, worst = 0;
	for (int64_t t = 0; t < ROWS; t++)
		for (int64_t n = 0; n < N; n++) {
			double sum = (double)b[n], size = fabs(sum);
			for (int64_t k = 0; k < K; k++) {
				double one = (double)ril_bf16_f32(x[t * K + k]) * ril_bf16_f32(w[n * K + k]);
				sum += one;
				size += fabs(one);
			}
			worst = fmax(worst, fabs((double)all[t * N + n] - sum) / ((K + 2) * eps * size));
		}
	CHECK(worst < 1, "%.3g times the bound", worst);
	CHECK(worst > 0, "a sum was rounded somewhere");
}

int main(void)
{
	static ril_real x[ROWS * K], wide[N * K], b[N];
	static uint16_t narrow[N * K], few[ROWS * K];
	setenv("RIL_BF16_PRODUCTS", PRODUCTS, 1);
	fill(x, ROWS * K, 1);
	fill(wide, N * K, 1 << 20);
	fill(b, N, 1 << 21);
	for (int i = 0; i < N * K; i++)
		narrow[i] = ril_f32_bf16((float)wide[i]);
	for (int i = 0; i < ROWS * K; i++)
		few[i] = ril_f32_bf16((float)x[i]);
	struct ril_mat in = ril_mat_of(x, RIL_REAL, ROWS, K), in_bf16 = ril_mat_of(few, RIL_BF16, ROWS, K);
	struct ril_mat as_real = ril_mat_of(wide, RIL_REAL, N, K), as_bf16 = ril_mat_of(narrow, RIL_BF16, N, K);
	same_rows("plain", in, as_real, NULL, false);
	same_rows("bias", in, as_real, b, false);
	same_rows("bias, added to y", in, as_real, b, true);
	same_rows("BF16 weights", in, as_bf16, NULL, false);
	same_rows("BF16 weights, bias", in, as_bf16, b, false);
	same_rows("BF16 by BF16", in_bf16, as_bf16, NULL, false);
	same_rows("BF16 by BF16, bias, added to y", in_bf16, as_bf16, b, true);
	same_rows("BF16 by BF16, bias", in_bf16, as_bf16, b, false);
	near_double(few, narrow, b);
	return test_end();
}
