/* dropout.c -- the statistics of dropped elements: as many as asked for, the others scaled so that the mean stays, in every
 * row and column alike, and independent of each other.  RIL_TEST_F64 */
#include "../ril_device.h"
#include "../ril_test.h"

#include "ops/backend.h"

enum { T = 400, C = 512 };

static ril_real x[T * C];

/* Ones, dropped with probability p. */
static double dropped(double p, uint32_t key)
{
	static struct ril_rng_at name[T];
	const uint32_t below = (uint32_t)(p * 0x1p32);
	const ril_real scale = (ril_real)(1 / (1 - p));
	for (uint32_t t = 0; t < T; t++)
		name[t] = (struct ril_rng_at){.question = 9, .response = t / 50, .position = t % 50};
	for (int i = 0; i < T * C; i++)
		x[i] = 1;
	ril_real *at = test_up(x, sizeof x);
	struct ril_rng_at *names = test_up(name, sizeof name);
	struct ril_mat m = ril_mat_of(at, RIL_REAL, T, C);
	ril_ops()->dropout(m, m, (struct ril_names){names, T}, (struct ril_dropout){{key, 1}, below, scale}, false);
	test_down(x, at, sizeof x);
	ril_ops()->put(at);
	ril_ops()->put(names);
	double sum = 0;
	int others = 0;
	for (int i = 0; i < T * C; i++) {
		others += x[i] != 0 && x[i] != scale;
		sum += (double)x[i];
	}
	CHECK(!others, "%d elements are neither dropped nor scaled", others);
	return sum / (T * C);
}

/* The mean of ones stays one, within 5 deviations of a mean of n: sqrt(p / (1 - p) / n). */
static void test_mean(double p)
{
	double mean = dropped(p, 5), off = 5 * sqrt(p / (1 - p));
	CHECK(fabs(mean - 1) < off / sqrt(T * C), "p = %g: the mean of ones is %g", p, mean);
	for (int t = 0; t < T; t++) {
		double row = 0;
		for (int c = 0; c < C; c++)
			row += (double)x[t * C + c];
		CHECK(fabs(row / C - 1) < off / sqrt(C), "p = %g: row %d has mean %g", p, t, row / C);
	}
	for (int c = 0; c < C; c++) {
		double column = 0;
		for (int t = 0; t < T; t++)
			column += (double)x[t * C + c];
		CHECK(fabs(column / T - 1) < off / sqrt(T), "p = %g: column %d has mean %g", p, c, column / T);
	}
}

/* Covariance of neighbours, of a row with the next, of one mask with another, in its own deviations. */
static double related(const ril_real *a, const ril_real *b, int n, double p)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += ((double)a[i] - 1) * ((double)b[i] - 1);
	return fabs(sum / n) / (p / (1 - p)) * sqrt(n);
}

static void test_independence(double p)
{
	static ril_real other[T * C];
	dropped(p, 5);
	memcpy(other, x, sizeof x);
	CHECK(related(x, x + 1, T * C - 1, p) < 5, "neighbours are related: %g", related(x, x + 1, T * C - 1, p));
	CHECK(related(x, x + 4, T * C - 4, p) < 5, "counters are related");
	CHECK(related(x, x + C, (T - 1) * C, p) < 5, "positions are related");
	CHECK(related(x, x + 50 * C, (T - 50) * C, p) < 5, "responses are related");
	dropped(p, 6);
	CHECK(related(x, other, T * C, p) < 5, "masks of two keys are related: %g", related(x, other, T * C, p));
}

int main(int argc, char **argv)
{
	struct ril_err err = {0};
	char how[256];
	(void)argc;
	CHECK(!ril_backend_start("cpu", argv, how, sizeof how, &err), "%s", err.msg);
	test_mean(.05);
	test_mean(.5);
	test_mean(.9);
	test_independence(.5);
	test_independence(.1);
	CHECK(dropped(0, 5) == 1, "nothing is dropped with probability 0");
	TEST_END();
}
