/* moments.c -- moments of 8 bits: the tables are what their formula says; the nearest code, against all of them; what was
 * read from codes gives the same codes again; AdamW on them stays near AdamW on floats, does not depend on how the range is
 * cut, and its errors are a block's own (RIL_TEST_F64). */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/rng.h"
#include "base/thread.h"
#include "base/unused.h"
#include "ops/moments.h"

static const float m_values[] = {RIL_MOMENT_M_VALUES}, v_values[] = {RIL_MOMENT_V_VALUES};

static double draw(uint32_t i, uint32_t what)
{
	return 2 * ril_rng_uniform(5, RIL_RNG_TEST, (struct ril_rng_at){0, 0, what, i}) - 1;
}

static void test_tables(void)
{
	int m = 0, v = 0, wrong = v_values[v++] != 1e-7f;
	CHECK(sizeof m_values / sizeof *m_values == RIL_MOMENT_M && sizeof v_values / sizeof *v_values == RIL_MOMENT_V,
	      "sizes");
	for (int e = 0; e < 7; e++) {
		for (int j = 0; j < 1 << e; j++)
			wrong += m_values[m++] != (float)((.1 + .9 * (j + 1) / (1 << e)) * pow(10, e - 6));
		for (int j = 0; j < 2 << e; j++)
			wrong += v_values[v++] != (float)((.1 + .9 * (j + 1) / (2 << e)) * pow(10, e - 6));
	}
	CHECK(!wrong && m == RIL_MOMENT_M && v == RIL_MOMENT_V && m_values[m - 1] == 1 && v_values[v - 1] == 1,
	      "the tables: %d wrong", wrong);
}

/* Against every code there is. */
static void test_nearest(void)
{
	int wrong = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		float scale = (float)ldexp(1 + draw(i, 1) / 3, (int)(i % 60) - 40);
		float x = (float)(draw(i, 2) * pow(10, -7.5 * fabs(draw(i, 3)))) * scale;
		double best = INFINITY, best_v = INFINITY;
		for (int c = -127; c < 128; c++)
			best = fmin(best, fabs((double)(ril_moment_m(m_values, (int8_t)c, scale) - x)));
		for (int c = 0; c < RIL_MOMENT_V; c++)
			best_v = fmin(best_v, fabs((double)(ril_moment_v(v_values, (uint8_t)c, scale) - fabsf(x))));
		double got = fabs((double)(ril_moment_m(m_values, ril_moment_m_code(m_values, x, scale), scale) - x));
		double got_v =
			fabs((double)(ril_moment_v(v_values, ril_moment_v_code(v_values, fabsf(x), scale), scale) -
				      fabsf(x)));
		/* a tie may round either way in the last place */
		wrong += got > best + 1e-6 * (double)fabsf(x) || got_v > best_v + 1e-6 * (double)fabsf(x);
	}
	CHECK(!wrong, "%d are not the nearest", wrong);
	CHECK(ril_moment_scale(1e-31f) == 0 && ril_moment_scale(1e-30f) == 1e-30f, "small blocks are zero");
	CHECK(!ril_moment_m_code(m_values, 1, 0) && !ril_moment_v_code(v_values, 1, 0), "and their codes");
}

/* Codes to floats, and those to codes: for blocks of every scale. */
static void test_again(void)
{
	int wrong = 0;
	for (int e = -99; e < 120; e++) {
		float scale = (float)ldexp(1.37, e);
		for (int c = -127; c < 128; c++) {
			float x = ril_moment_m(m_values, (int8_t)c, scale);
			wrong += ril_moment_m_code(m_values, x, scale) != c;
		}
		for (int c = 0; c < RIL_MOMENT_V; c++) {
			float x = ril_moment_v(v_values, (uint8_t)c, scale);
			wrong += ril_moment_v_code(v_values, x, scale) != c;
		}
		wrong += ril_moment_m(m_values, 127, scale) != scale || ril_moment_m(m_values, -127, scale) != -scale ||
			 ril_moment_v(v_values, RIL_MOMENT_V - 1, scale) != scale;
	}
	CHECK(!wrong, "%d codes do not come back", wrong);
}

/* ---- steps ---- */

enum { N = 5 * RIL_MOMENT_BLOCK + 77, BLOCKS = 6 };
struct state {
	ril_real *p;
	int8_t *m;
	uint8_t *v;
	float *ms, *vs;
};

static struct state fresh(const ril_real *p)
{
	struct state s = {test_up(p, N * sizeof *p), test_up(NULL, N), test_up(NULL, N), test_up(NULL, BLOCKS * 4),
			  test_up(NULL, BLOCKS * 4)};
	ril_ops()->zero(s.m, N);
	ril_ops()->zero(s.v, N);
	ril_ops()->zero(s.ms, BLOCKS * 4);
	ril_ops()->zero(s.vs, BLOCKS * 4);
	return s;
}

static void drop(struct state *s)
{
	void *all[] = {s->p, s->m, s->v, s->ms, s->vs};
	for (int i = 0; i < 5; i++)
		ril_ops()->put(all[i]);
}

static struct ril_adamw settings(int64_t t)
{
	return (struct ril_adamw){1e-2, .9, .99, 1e-8, .01, NULL, 0, t};
}

/* One step of elements [from, to). */
static void step(const struct state *s, const ril_real *g, int64_t from, int64_t to, int64_t t)
{
	struct ril_moments m = {s->m, s->v, s->ms, s->vs, from};
	ril_ops()->adamw(ril_mat_of(s->p + from, RIL_REAL, 1, to - from), m,
			 ril_mat_of(g + from, RIL_REAL, 1, to - from), settings(t), (struct ril_rounding){0});
}

static void test_steps(void)
{
	static ril_real p[N], g[N], f[N], a[N], b[N];
	enum { STEPS = 20 };
	for (uint32_t i = 0; i < N; i++)
		p[i] = (ril_real)draw(i, 4);
	struct state whole = fresh(p), cut = fresh(p);
	ril_real *fp = test_up(p, sizeof p), *fm = test_up(NULL, sizeof p), *fv = test_up(NULL, sizeof p),
		 *device = test_up(NULL, sizeof g);
	ril_ops()->zero(fm, sizeof p);
	ril_ops()->zero(fv, sizeof p);
	for (int t = 1; t <= STEPS; t++) {
		/* sizes of blocks and of elements differ; some elements, and a block, have no gradient at all */
		for (uint32_t i = 0; i < N; i++)
			g[i] = i % 11 == 0 || i / RIL_MOMENT_BLOCK == 3
				       ? 0
				       : (ril_real)(pow(10, -(double)(i / RIL_MOMENT_BLOCK)) *
						    (draw(i, 5) + .5 * draw(i, 100 + (uint32_t)t)));
		ril_ops()->to_device(device, g, sizeof g);
		step(&whole, device, 0, N, t);
		step(&cut, device, 0, 2 * RIL_MOMENT_BLOCK, t);
		step(&cut, device, 2 * RIL_MOMENT_BLOCK, N, t);
		ril_ops()->adamw(ril_mat_of(fp, RIL_REAL, 1, N), (struct ril_moments){.m = fm, .v = fv},
				 ril_mat_of(device, RIL_REAL, 1, N), settings(t), (struct ril_rounding){0});
	}
	test_down(a, whole.p, sizeof a);
	test_down(b, cut.p, sizeof b);
	test_down(f, fp, sizeof f);
	CHECK(!memcmp(a, b, sizeof a), "cut at a block the range gives other bytes");
	double error = 0, moved = 0, still = 0;
	for (uint32_t i = 0; i < N; i++) {
		error += pow((double)a[i] - (double)f[i], 2);
		moved += pow((double)f[i] - (double)p[i], 2);
		if (i % 11 == 0 || i / RIL_MOMENT_BLOCK == 3)
			still = fmax(still, fabs((double)a[i] - (double)f[i]));
	}
	/* a code is off by at most half a step of the table, 4.5 % of a value above a hundredth of its block's scale for m
	 * and 2.3 % for v, whose root is taken: errors of a few per cent of the way, that mostly cancel over the steps */
	CHECK(sqrt(error / moved) < .03, "of the way that floats went, %.3f is missed", sqrt(error / moved));
	CHECK(still == 0, "elements without a gradient moved by %g", still);
	drop(&whole);
	drop(&cut);
	ril_real *all[] = {fp, fm, fv, device};
	for (int i = 0; i < 4; i++)
		ril_ops()->put(all[i]);
}

int main(RIL_UNUSED int argc, char **argv)
{
	struct ril_err err = {0};
	CHECK(!ril_backend_start("auto", argv, NULL, 0, &err), "%s", err.msg);
	CHECK(!ril_threads_start(2, &err), "%s", err.msg);
	test_tables();
	test_nearest();
	test_again();
	test_steps();
	ril_threads_stop();
	TEST_END();
}
