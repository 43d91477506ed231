/* optim.c -- conversion on every 16-bit pattern and at its edges; AdamW with rounding by chance, byte for byte; clipping by
 * a norm on the device, and what is not finite (RIL_TEST_F64). */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/rng.h"
#include "base/thread.h"
#include "base/unused.h"
#include "ops/backend.h"

static const struct ril_ops *ops(void)
{
	return ril_ops();
}

static struct ril_mat row(const void *p, enum ril_dtype type, int64_t n)
{
	return ril_mat_of(p, type, 1, n);
}

/* ---- host arrays through the device's operations ---- */

/* A copy of a host's array on the device, as far from a multiple of 64 bytes as it. */
struct copy {
	char *block;
	void *p, *host;
	size_t bytes;
};

static struct copy up(void *host, size_t bytes)
{
	size_t off = (uintptr_t)host % 64;
	struct copy c = {.block = ops()->get(bytes + 64), .host = host, .bytes = bytes};
	c.p = c.block + off;
	ops()->to_device(c.p, host, bytes);
	return c;
}

static void down(struct copy c)
{
	ops()->to_host(c.host, c.p, c.bytes);
	ops()->put(c.block);
}

static void convert(struct ril_mat y, struct ril_mat x)
{
	struct copy to = up(y.p, ril_mat_bytes(y)), from = up(x.p, ril_mat_bytes(x));
	y.p = to.p;
	x.p = from.p;
	ops()->convert(y, x);
	down(from);
	down(to);
}

static void adamw(struct ril_mat w, struct ril_moments o, struct ril_mat dw, struct ril_adamw how,
		  struct ril_rounding chance)
{
	size_t moments = (size_t)(o.at + w.cols) * sizeof(ril_real);
	double squares = how.squares ? *how.squares : 0;
	struct copy c[] = {up(w.p, ril_mat_bytes(w)), up(dw.p, ril_mat_bytes(dw)), up(o.m, moments), up(o.v, moments),
			   up(&squares, sizeof squares)};
	w.p = c[0].p;
	dw.p = c[1].p;
	o.m = c[2].p;
	o.v = c[3].p;
	how.squares = how.squares ? c[4].p : NULL;
	ops()->adamw(w, o, dw, how, chance);
	for (size_t i = 0; i < sizeof c / sizeof *c; i++)
		down(c[i]);
}

/* ---- conversion ---- */

/* The value of a 16-bit float by its definition: sign, exponent, fraction. */
static double value16(enum ril_dtype t, uint16_t h)
{
	int fraction = t == RIL_BF16 ? 7 : 10, bias = t == RIL_BF16 ? 127 : 15, top = t == RIL_BF16 ? 255 : 31;
	int e = (h & 0x7fff) >> fraction, f = h & ((1 << fraction) - 1);
	double sign = h & 0x8000 ? -1 : 1;
	if (e == top)
		return f ? NAN : sign * INFINITY;
	return sign * (e ? ldexp(1 + ldexp(f, -fraction), e - bias) : ldexp(f, 1 - bias - fraction));
}

static void test_patterns(enum ril_dtype t)
{
	enum { N = 1 << 16 };
	static uint16_t in[N], back[N];
	static float f[N];
	static double d[N];
	for (int i = 0; i < N; i++)
		in[i] = (uint16_t)i;
	convert(row(f, RIL_F32, N), row(in, t, N));
	convert(row(d, RIL_F64, N), row(in, t, N));
	int wrong = 0, lost = 0;
	for (int i = 0; i < N; i++) {
		double want = value16(t, (uint16_t)i);
		wrong += isnan(want) ? !isnan(f[i]) || !isnan(d[i]) : (double)f[i] != want || d[i] != want;
		wrong += want == 0 && !signbit(f[i]) != !(i & 0x8000);
	}
	CHECK(!wrong, "%s: %d patterns are read wrongly", ril_dtype_name(t), wrong);
	for (int k = 0; k < 2; k++) {
		convert(row(back, t, N), k ? row(d, RIL_F64, N) : row(f, RIL_F32, N));
		for (int i = 0; i < N; i++)
			lost += isnan(value16(t, in[i])) ? !isnan(value16(t, back[i])) : back[i] != in[i];
	}
	CHECK(!lost, "%s: %d patterns do not come back", ril_dtype_name(t), lost);
}

/* Between every two neighbours: the middle goes to the even one, a little off it to the nearer one. */
static void test_ties(enum ril_dtype t)
{
	enum { MOST = 0x7fff };
	static float x[MOST][6];
	static uint16_t y[MOST][6];
	int wrong = 0, n = 0;
	for (; n < MOST; n++) {
		double a = value16(t, (uint16_t)n), b = value16(t, (uint16_t)(n + 1));
		if (isnan(a) || !isfinite(b))
			break; /* the last one before infinity is looked at below */
		x[n][0] = (float)(a + (b - a) / 2);
		x[n][1] = nextafterf(x[n][0], 0);
		x[n][2] = nextafterf(x[n][0], INFINITY);
		for (int k = 0; k < 3; k++)
			x[n][3 + k] = -x[n][k];
	}
	convert(row(y, t, 6 * n), row(x, RIL_F32, 6 * n));
	for (int i = 0; i < n; i++) {
		uint16_t even = (uint16_t)(i & 1 ? i + 1 : i);
		wrong += y[i][0] != even || y[i][1] != i || y[i][2] != i + 1;
		wrong += y[i][3] != (even | 0x8000) || y[i][4] != (i | 0x8000) || y[i][5] != ((i + 1) | 0x8000);
	}
	CHECK(n > 0x7bf0 && !wrong, "%s: %d roundings of %d are wrong", ril_dtype_name(t), wrong, n);
}

static void test_edges(void)
{
	const float in[] = {65519.f, 65520.f, -65520.f, 3.4028235e38f, INFINITY, -INFINITY, NAN, 0x1p-25f, 0x1.8p-25f};
	uint16_t y[9], z[9];
	convert(row(y, RIL_F16, 9), row(in, RIL_F32, 9));
	const uint16_t want[] = {0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7c00, 0xfc00, 0, 0, 1};
	for (int i = 0; i < 9; i++)
		CHECK(i == 6 ? isnan(value16(RIL_F16, y[i])) : y[i] == want[i], "F16 of %g is %04x", (double)in[i],
		      y[i]);
	convert(row(z, RIL_BF16, 9), row(in, RIL_F32, 9));
	CHECK(z[3] == 0x7f80 && z[4] == 0x7f80 && z[5] == 0xff80 && isnan(value16(RIL_BF16, z[6])), "BF16's edges");
	convert(row(z, RIL_BF16, 9), row(y, RIL_F16, 9));
	CHECK(z[0] == ril_f32_bf16(65504) && z[1] == 0x7f80 && z[8] == ril_f32_bf16(0x1p-24f), "F16 to BF16");
	double d[3] = {1 + 0x1p-24, 1 + 0x1.8p-24, 1e300};
	float f[3];
	convert(row(f, RIL_F32, 3), row(d, RIL_F64, 3));
	CHECK(f[0] == 1 && f[1] == 1 + 0x1p-23f && isinf(f[2]), "F64 to F32");
	ops()->convert(row(NULL, RIL_F32, 0), row(NULL, RIL_BF16, 0));
}

/* ---- rounding by chance: what it was when the host did it, one element at a time ---- */

static float widen16(enum ril_dtype t, uint16_t h)
{
	return t == RIL_BF16 ? ril_bf16_f32(h) : ril_f16_f32(h);
}

static uint16_t round16(enum ril_dtype t, float x, double u)
{
	uint16_t near = t == RIL_BF16 ? ril_f32_bf16(x) : ril_f32_f16(x), other;
	float y = widen16(t, near);
	if (y == x || !isfinite(y))
		return near;
	bool away = fabsf(x) > fabsf(y);
	if (away)
		other = near + 1;
	else
		other = near & 0x7fff ? near - 1 : near ^ 0x8000;
	double gap = fabs((double)widen16(t, other) - (double)y);
	return u < fabs((double)x - (double)y) / gap ? other : near;
}

enum { N = 70001 };
static uint16_t stored[N], expected[N];
static ril_real p[N], m[N], v[N], g[N], m2[N], v2[N];

static double draw(uint32_t i, uint32_t what)
{
	return 2 * ril_rng_uniform(3, RIL_RNG_TEST, (struct ril_rng_at){0, 0, what, i}) - 1;
}

/* Weights of all sizes, zeros and subnormals among them, that steps move by fractions of their spacing. */
static void fill(enum ril_dtype t)
{
	for (uint32_t i = 0; i < N; i++) {
		float w = (float)ldexp(draw(i, 1), (int)(i % 40) - 38);
		stored[i] = i % 97 ? (t == RIL_BF16 ? ril_f32_bf16(w) : ril_f32_f16(w)) : 0;
		m[i] = m2[i] = (ril_real)(1e-3 * draw(i, 2));
		v[i] = v2[i] = (ril_real)(1e-6 * (1.1 + draw(i, 3)));
		g[i] = (ril_real)(1e-3 * draw(i, 4));
	}
}

static void test_round(enum ril_dtype t, int64_t at)
{
	static const double squares = 9;
	const struct ril_adamw how = {1e-4, .9, .98, 1e-8, .1, &squares, 1, 5};
	fill(t);
	convert(row(p, RIL_REAL, N), row(stored, t, N));
	adamw(row(p, RIL_REAL, N), (struct ril_moments){.m = m2, .v = v2}, row(g, RIL_REAL, N), how,
	      (struct ril_rounding){0});
	int64_t moved = 0, unlike_nearest = 0;
	for (int64_t i = 0; i < N; i++) {
		struct ril_rng_at where = {5, 77, (uint32_t)((uint64_t)(at + i) >> 32), (uint32_t)(at + i)};
		expected[i] = round16(t, (float)p[i], ril_rng_uniform(11, RIL_RNG_ROUND, where));
		moved += expected[i] != stored[i];
		unlike_nearest += expected[i] != (t == RIL_BF16 ? ril_f32_bf16((float)p[i]) : ril_f32_f16((float)p[i]));
	}
	CHECK(moved > N / 100 && unlike_nearest > N / 100, "the test sees something: %lld %lld", (long long)moved,
	      (long long)unlike_nearest);
	/* in two ranges that do not meet at a tile's edge */
	const int64_t cut = 12345;
	adamw(row(stored, t, cut), (struct ril_moments){.m = m, .v = v}, row(g, RIL_REAL, cut), how,
	      (struct ril_rounding){11, 5, 77, at});
	adamw(row(stored + cut, t, N - cut), (struct ril_moments){.m = m, .v = v, .at = cut},
	      row(g + cut, RIL_REAL, N - cut), how, (struct ril_rounding){11, 5, 77, at + cut});
	CHECK(!memcmp(stored, expected, sizeof stored), "%s from %lld: other bytes", ril_dtype_name(t), (long long)at);
	CHECK(!memcmp(m, m2, sizeof m) && !memcmp(v, v2, sizeof v), "%s: other moments", ril_dtype_name(t));
}

/* ---- clipping; what is not finite ---- */

static void step(double squares, double max_norm, ril_real *w)
{
	const struct ril_adamw how = {1e-2, .9, .98, 1e-8, .1, isnan(max_norm) ? NULL : &squares, max_norm, 3};
	for (uint32_t i = 0; i < 100; i++) {
		w[i] = (ril_real)draw(i, 1);
		m[i] = (ril_real)draw(i, 2);
		v[i] = (ril_real)(1.5 + draw(i, 3));
		g[i] = (ril_real)draw(i, 4);
	}
	adamw(row(w, RIL_REAL, 100), (struct ril_moments){.m = m, .v = v}, row(g, RIL_REAL, 100), how,
	      (struct ril_rounding){0});
}

static void test_clip(void)
{
	ril_real free_of[100], within[100], any[100], clipped[100], halved[100], none[100];
	step(4, NAN, free_of);
	step(4, 3, within);
	step(4, 0, any);
	step(4, 1, clipped);
	CHECK(!memcmp(free_of, within, sizeof within) && !memcmp(free_of, any, sizeof any),
	      "a norm within is left alone");
	CHECK(memcmp(free_of, clipped, sizeof clipped), "a norm beyond is not");
	step(16, 2, halved);
	CHECK(!memcmp(halved, clipped, sizeof clipped) || fabs((double)halved[7] - (double)clipped[7]) < 1e-6,
	      "the ratio counts");
	const double bad[] = {NAN, INFINITY};
	for (int k = 0; k < 2; k++) {
		for (double most = 0; most < 2; most++) {
			step(bad[k], most, none);
			bool same = true;
			for (uint32_t i = 0; i < 100; i++)
				same &= none[i] == (ril_real)draw(i, 1) && m[i] == (ril_real)draw(i, 2) &&
					v[i] == (ril_real)(1.5 + draw(i, 3));
			CHECK(same, "a norm of %g changed something", bad[k]);
			fill(RIL_BF16);
			memcpy(expected, stored, sizeof stored);
			struct ril_adamw how = {1e-2, .9, .98, 1e-8, .1, &bad[k], most, 3};
			adamw(row(stored, RIL_BF16, N), (struct ril_moments){.m = m, .v = v}, row(g, RIL_REAL, N), how,
			      (struct ril_rounding){1, 1, 1, 0});
			CHECK(!memcmp(stored, expected, sizeof stored) && !memcmp(m, m2, sizeof m) &&
				      !memcmp(v, v2, sizeof v),
			      "a norm of %g changed something stored", bad[k]);
		}
	}
}

/* A sum that takes nothing of what was there: not even what is not a number. */
static void test_fresh_sum(void)
{
	enum { MANY = 1000 };
	static ril_real x[MANY], y[MANY];
	for (int i = 0; i < MANY; i++) {
		x[i] = (ril_real)i;
		y[i] = (ril_real)NAN;
	}
	struct copy from = up(x, sizeof x), to = up(y, sizeof y);
	ops()->axpby(row(to.p, RIL_REAL, MANY), -2, row(from.p, RIL_REAL, MANY), 0);
	down(to);
	down(from);
	int wrong = 0;
	for (int i = 0; i < MANY; i++)
		wrong += y[i] != (ril_real)(-2 * i);
	CHECK(!wrong, "%d of a fresh sum are wrong", wrong);
}

int main(RIL_UNUSED int argc, char **argv)
{
	struct ril_err err = {0};
	if (ops()->host_memory) /* else another took its place already */
		CHECK(!ril_backend_start("auto", argv, NULL, 0, &err), "%s", err.msg);
	for (int threads = 1; threads <= 3; threads += 2) {
		CHECK(!ril_threads_start(threads, &err), "%s", err.msg);
		test_patterns(RIL_BF16);
		test_patterns(RIL_F16);
		test_round(RIL_BF16, 0);
		test_round(RIL_F16, 1000);
		test_round(RIL_BF16, ((int64_t)1 << 32) - 30000); /* the counter's low half runs over */
	}
	test_ties(RIL_BF16);
	test_ties(RIL_F16);
	test_edges();
	test_clip();
	test_fresh_sum();
	ril_threads_stop();
	TEST_END();
}
