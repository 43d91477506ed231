/* passes_rates.c -- the clock, the machine's own rates, and a line of the table.
 *
 * A part's floor is its FLOPs over the rate of a large product in the passes' type, or its bytes over the rate of a copy,
 * whichever is longer.  Both rates are measured first, on numbers that are not zero. */
#include "passes.h"

#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the clock ---- */

static double once(work *fn, void *ctx)
{
	double start = ril_now();
	if (fn(ctx) || ril_ops()->sync(&bench.err))
		fail();
	return ril_now() - start;
}

/* The best of what fits into some seconds, after a first run that makes room and plans. */
double best(work *fn, void *ctx)
{
	double least = once(fn, ctx), spent = least;
	for (int i = 0; i < 20 && (i < 1 || spent < bench.seconds); i++) {
		double t = once(fn, ctx);
		least = i == 0 || t < least ? t : least;
		spent += t;
	}
	return least;
}

void report(const char *part, const char *shape, double seconds, double flops, double bytes, double tokens)
{
	double product = bench.flops ? flops / bench.flops : 0, copy = bench.bytes ? bytes / bench.bytes : 0;
	double least = product > copy ? product : copy;
	printf("%s\t%s\t%s\t%s\t%s\t", ril_ops()->name, ril_dtype_name(ril_compute()), bench.name, part, shape);
	if (seconds > 0)
		printf("%.6g", seconds);
	printf("\t%.6g\t%s\t", least, product > copy ? "FLOPs" : "bytes");
	if (seconds > 0)
		printf("%.3f", least / seconds);
	printf("\t");
	if (seconds > 0 && tokens > 0)
		printf("%.0f", tokens / seconds);
	printf("\n");
	fflush(stdout);
}

/* ---- memory ---- */

void *room(size_t bytes)
{
	void *p = ril_ops()->get(bytes);
	if (!p) {
		ril_fail(&bench.err, RIL_EFAIL, "out of memory for %zu bytes", bytes);
		fail();
	}
	ril_ops()->zero(p, bytes);
	return p;
}

/* A short piece over and over. */
void *noise(int64_t n)
{
	enum { PIECE = 1 << 16 };
	static float wide[PIECE];
	static char narrow[PIECE * sizeof(double)];
	size_t each = ril_dtype_size(ril_compute());
	char *p = room((size_t)n * each);
	for (uint32_t i = 0; i < PIECE; i++)
		wide[i] = (float)(ril_rng_uniform(2, RIL_RNG_TEST, (struct ril_rng_at){.position = i}) - .5);
	if (ril_compute() == RIL_F64)
		for (int i = 0; i < PIECE; i++)
			((double *)narrow)[i] = wide[i];
	else
		ril_from_f32(narrow, ril_compute(), wide, PIECE);
	for (int64_t at = 0; at < n; at += PIECE)
		ril_ops()->to_device(p + (size_t)at * each, narrow, (size_t)(n - at < PIECE ? n - at : PIECE) * each);
	return p;
}

/* ---- the machine's own rates ---- */

struct rates {
	struct ril_mat x, w, y;
	void *from, *to;
	size_t bytes;
};

static int multiply(void *ctx)
{
	const struct rates *r = ctx;
	ril_ops()->linear(r->y, r->x, r->w, NULL, false);
	return 0;
}

static int copy(void *ctx)
{
	const struct rates *r = ctx;
	ril_ops()->copy(r->to, r->from, r->bytes);
	return 0;
}

void measure_rates(void)
{
	const struct ril_ops *ops = ril_ops();
	int64_t n = ops->host_memory ? 1024 : 8192;
	size_t each = ril_dtype_size(ril_compute());
	struct rates r = {.bytes = ops->host_memory ? (size_t)256 << 20 : (size_t)1 << 30};
	r.x = ril_mat_of(noise(n * n), ril_compute(), n, n);
	r.w = ril_mat_of(noise(n * n), ril_compute(), n, n);
	r.y = ril_mat_of(room((size_t)(n * n) * each), ril_compute(), n, n);
	double cube = 2. * (double)n * (double)n * (double)n, t = best(multiply, &r);
	bench.flops = cube / t;
	ops->put(r.x.p);
	ops->put(r.w.p);
	ops->put(r.y.p);
	r.from = noise((int64_t)(r.bytes / each));
	r.to = room(r.bytes);
	double seconds = best(copy, &r);
	bench.bytes = 2 * (double)r.bytes / seconds;
	ops->put(r.from);
	ops->put(r.to);
	char shape[64];
	snprintf(shape, sizeof shape, "%lld^3", (long long)n);
	report("product", shape, t, cube, 0, 0);
	snprintf(shape, sizeof shape, "%zu MiB", r.bytes >> 20);
	report("copy", shape, seconds, 0, 2 * (double)r.bytes, 0);
}
