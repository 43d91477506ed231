/* head_golden.c -- the language head's log-probabilities and entropies, and the gradients of a loss that reads both, are what
 * PyTorch makes of the same numbers (tests/golden/head.py).  RIL_TEST_F64: in double, too. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/json.h"
#include "ops/backend.h"

#include <math.h>

enum { R = 5, C = 4, V = 7 };

static cJSON *golden;

static int numbers(const char *name, double *to)
{
	const cJSON *x = cJSON_GetObjectItem(golden, name), *one;
	int n = 0;
	cJSON_ArrayForEach(one, x) to[n++] = one->valuedouble;
	return n;
}

static ril_real *matrix(const char *name, int n)
{
	double x[V * C];
	ril_real real[V * C];
	CHECK(numbers(name, x) == n, "%s has %d numbers", name, n);
	for (int i = 0; i < n; i++)
		real[i] = (ril_real)x[i];
	return test_up(real, (size_t)n * sizeof *real);
}

static double *doubles(const char *name)
{
	double x[R];
	CHECK(numbers(name, x) == R, "%s has %d numbers", name, R);
	return test_up(x, sizeof x);
}

static void near(const char *name, const double *got)
{
	double want[V * C], worst = 0, bound = RIL_REAL == RIL_F64 ? 1e-14 : 1e-5;
	int n = numbers(name, want);
	CHECK(n > 0, "%s is there", name);
	for (int i = 0; i < n; i++)
		worst = fmax(worst, fabs(got[i] - want[i]));
	CHECK(worst <= bound, "%s is off by %g", name, worst);
}

static void near_real(const char *name, const ril_real *device, int n)
{
	ril_real x[V * C];
	double wide[V * C];
	test_down(x, device, (size_t)n * sizeof *x);
	for (int i = 0; i < n; i++)
		wide[i] = (double)x[i];
	near(name, wide);
}

static void near_double(const char *name, const double *device)
{
	double x[R];
	test_down(x, device, sizeof x);
	near(name, x);
}

int main(void)
{
	const char *root = getenv("RIL_ROOT");
	struct ril_err err = {0};
	double id[R], temperature = 1;
	int32_t ids[R];
	golden = ril_json_read(test_path(root ? root : ".", "tests/golden/head.json"), &err);
	CHECK(golden && !ril_json_num(golden, "temperature", &temperature, &err), "%s", err.msg);
	CHECK(numbers("target", id) == R, "targets");
	for (int i = 0; i < R; i++)
		ids[i] = (int32_t)id[i];
	ril_real *h = matrix("h", R * C), *w = matrix("w", V * C), *lse = test_up(NULL, R * sizeof *lse);
	ril_real *dh = test_up(NULL, R * C * sizeof *dh), *dw = test_up(NULL, V * C * sizeof *dw);
	double *dlogp = doubles("dlogp"), *dentropy = doubles("dentropy");
	double *logp = test_up(NULL, R * sizeof *logp), *entropy = test_up(NULL, R * sizeof *entropy);
	int32_t *target = test_up(ids, sizeof ids);
	struct ril_mat hm = ril_mat_of(h, RIL_REAL, R, C), wm = ril_mat_of(w, RIL_REAL, V, C);
	ril_ops()->zero(dh, R * C * sizeof *dh);
	ril_ops()->zero(dw, V * C * sizeof *dw);
	ril_ops()->head_logp(logp, entropy, lse, hm, target, wm, 1 / temperature);
	ril_ops()->head_logp_bwd(ril_mat_of(dh, RIL_REAL, R, C), ril_mat_of(dw, RIL_REAL, V, C), dlogp, dentropy,
				 entropy, lse, hm, target, wm, 1 / temperature);
	near_double("logp", logp);
	near_double("entropy", entropy);
	near_real("dh", dh, R * C);
	near_real("dw", dw, V * C);
	void *all[] = {h, w, lse, dh, dw, dlogp, dentropy, logp, entropy, target};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
	cJSON_Delete(golden);
	return test_end();
}
