/* ops_rows.c -- on the CPU a row of a linear map has the same bytes however many rows are multiplied with it, from nine on:
 * whichever side is packed, wherever a tile ends (linear_panels.c). */
#include "../ril_test.h"

#include "base/rng.h"
#include "ops/backend.h"

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

/* y[ROWS, N], in parts of `rows` rows. */
static void in_parts(ril_real *y, const ril_real *x, struct ril_mat w, const ril_real *b, bool accumulate, int64_t rows)
{
	for (int64_t t = 0, n; t < ROWS; t += n) {
		n = ROWS - t < 2 * rows ? ROWS - t : rows; /* the last part is no smaller */
		ril_ops()->linear(ril_mat_of(y + t * N, RIL_REAL, n, N),
				  ril_mat_of((void *)(x + t * K), RIL_REAL, n, K), w, b, accumulate);
	}
}

static void same_rows(const char *what, const ril_real *x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	static ril_real all[ROWS * N], part[ROWS * N];
	fill(all, ROWS * N, 77);
	in_parts(all, x, w, b, accumulate, ROWS);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		fill(part, ROWS * N, 77);
		in_parts(part, x, w, b, accumulate, counts[i]);
		CHECK(!memcmp(all, part, sizeof all), "%s: %lld rows at once", what, (long long)counts[i]);
	}
}

int main(void)
{
	static ril_real x[ROWS * K], wide[N * K], b[N];
	static uint16_t narrow[N * K];
	fill(x, ROWS * K, 1);
	fill(wide, N * K, 1 << 20);
	fill(b, N, 1 << 21);
	for (int i = 0; i < N * K; i++)
		narrow[i] = ril_f32_bf16((float)wide[i]);
	struct ril_mat as_real = ril_mat_of(wide, RIL_REAL, N, K), as_bf16 = ril_mat_of(narrow, RIL_BF16, N, K);
	same_rows("plain", x, as_real, NULL, false);
	same_rows("bias", x, as_real, b, false);
	same_rows("bias, added to y", x, as_real, b, true);
	same_rows("BF16 weights", x, as_bf16, NULL, false);
	same_rows("BF16 weights, bias", x, as_bf16, b, false);
	return test_end();
}
