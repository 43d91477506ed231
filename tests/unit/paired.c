/* paired.c -- exact tests of paired differences beside counting by hand and beside closed forms; Student's t; the bootstrap. */
#include "../ril_test.h"

#include "base/paired.h"
#include "base/rng.h"

static const struct ril_resampling HOW = {3, 4000, 95};

static double draw(uint32_t i)
{
	return 2 * ril_rng_uniform(5, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, i}) - 1;
}

static bool near(double a, double b, double by)
{
	return fabs(a - b) <= by * fmax(1e-12, fabs(b));
}

/* All patterns, one by one. */
static double by_hand(const double *d, size_t n)
{
	size_t beyond = 0;
	double observed = 0;
	for (size_t i = 0; i < n; i++)
		observed += d[i];
	for (size_t pattern = 0; pattern < (size_t)1 << n; pattern++) {
		double sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += pattern >> i & 1 ? -d[i] : d[i];
		beyond += fabs(sum) >= fabs(observed) - 1e-9;
	}
	return (double)beyond / (double)((size_t)1 << n);
}

static void test_flips(void)
{
	struct ril_err err = {0};
	struct ril_flips f;
	double d[40], whole[40];
	for (uint32_t i = 0; i < 40; i++) {
		d[i] = draw(i) + .2;
		whole[i] = round(3 * draw(100 + i) + .4);
	}
	for (size_t n = 1; n <= 14; n++) {
		CHECK(!ril_flip_test(&f, d, n, &HOW, &err) && f.exact && f.p == by_hand(d, n), "%zu: %g", n, f.p);
		CHECK(!ril_flip_test(&f, whole, n, &HOW, &err) && f.exact && near(f.p, by_hand(whole, n), 1e-12),
		      "%zu whole: %g", n, f.p);
	}
	double tenths[] = {.1, .1, .1, -.1, -.2}; /* ties that sums in another order must not lose */
	CHECK(!ril_flip_test(&f, tenths, 5, &HOW, &err) && f.p == by_hand(tenths, 5), "ties: %g", f.p);
	/* many, of any size: at random, near what the normal distribution has */
	CHECK(!ril_flip_test(&f, d, 40, &HOW, &err) && !f.exact, "at random");
	double sum = 0, squares = 0;
	for (size_t i = 0; i < 40; i++) {
		sum += d[i];
		squares += d[i] * d[i];
	}
	CHECK(fabs(f.p - erfc(fabs(sum) / sqrt(2 * squares))) < .02, "%g", f.p);
	CHECK(!ril_flip_test(&f, d, 0, &HOW, &err) && isnan(f.p), "nothing");
}

/* Right and wrong: b pairs one way, c the other, is the binomial test. */
static void test_mcnemar(void)
{
	struct ril_err err = {0};
	struct ril_flips f;
	static double d[4000];
	const int cases[][2] = {{0, 0}, {3, 0}, {5, 2}, {12, 31}, {40, 41}, {900, 1100}};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		int b = cases[k][0], c = cases[k][1], less = b < c ? b : c;
		double tail = 0;
		for (int i = 0; i < 4000; i++)
			d[i] = i < b ? 1 : i < b + c ? -1 : 0;
		for (int i = 0; i <= less; i++)
			tail += exp(lgamma(b + c + 1) - lgamma(i + 1) - lgamma(b + c - i + 1) - (b + c) * log(2));
		CHECK(!ril_flip_test(&f, d, 4000, &HOW, &err) && f.exact && near(f.p, fmin(1, 2 * tail), 1e-9),
		      "%d %d: %g not %g", b, c, f.p, 2 * tail);
	}
}

static void test_student(void)
{
	/* closed forms of one and two degrees of freedom; tables of the others */
	for (double t = .01; t < 300; t *= 1.7) {
		CHECK(near(ril_student_p(t, 1), 2 / M_PI * atan(1 / t), 1e-12), "1, %g", t);
		CHECK(near(ril_student_p(t, 2), 2 / ((sqrt(t * t + 2) + t) * sqrt(t * t + 2)), 1e-12), "2, %g", t);
		CHECK(ril_student_p(-t, 7) == ril_student_p(t, 7), "two sides");
		CHECK(near(ril_student_p(t, 1e7), erfc(t / sqrt(2)), 1e-2) || t > 5, "normal, %g", t);
	}
	CHECK(ril_student_p(0, 4) == 1 && ril_student_p(INFINITY, 4) == 0, "ends");
	const double table[][3] = {{.95, 4, 2.776445105},
				   {.95, 2, 4.302652730},
				   {.99, 9, 3.249835542},
				   {.95, 30, 2.042272456},
				   {.5, 1, 1}};
	for (size_t k = 0; k < sizeof table / sizeof *table; k++)
		CHECK(near(ril_student_quantile(table[k][0], table[k][1]), table[k][2], 1e-9), "%g", table[k][2]);
}

static void test_spread(void)
{
	const double x[] = {1, 2, 4, 9};
	struct ril_spread s = ril_spread_of(x, 4);
	CHECK(s.mean == 4 && near(s.sd, sqrt(38. / 3), 1e-15), "%g %g", s.mean, s.sd);
	CHECK(isnan(ril_spread_of(x, 1).sd) && isnan(ril_spread_of(x, 0).mean), "too few");
}

/* Variances: of the mean of seeds' effects over their number, and of questions' over theirs, added. */
static void test_crossed(void)
{
	enum { S = 12, Q = 300 };
	static double x[S * Q], seed[S], question[Q];
	struct ril_err err = {0};
	struct ril_interval i, again;
	for (uint32_t s = 0; s < S; s++)
		seed[s] = draw(s);
	for (uint32_t q = 0; q < Q; q++)
		question[q] = 3 * draw(100 + q);
	for (size_t k = 0; k < S * Q; k++)
		x[k] = seed[k / Q] + question[k % Q];
	double a = ril_spread_of(seed, S).sd, b = ril_spread_of(question, Q).sd, mean = ril_spread_of(x, S * Q).mean;
	double half = 1.96 * sqrt(a * a * (S - 1) / (S * S) + b * b * (Q - 1) / ((double)Q * Q));
	CHECK(!ril_crossed_interval(&i, x, S, Q, &HOW, &err), "%s", err.msg);
	CHECK(fabs(i.low - (mean - half)) < .05 * half && fabs(i.high - (mean + half)) < .05 * half,
	      "%g %g, not %g -+ %g", i.low, i.high, mean, half);
	CHECK(!ril_crossed_interval(&again, x, S, Q, &HOW, &err) && again.low == i.low && again.high == i.high,
	      "the same again");
	CHECK(!ril_crossed_interval(&i, question, 1, Q, &HOW, &err), "%s", err.msg);
	half = 1.96 * b / sqrt(Q);
	CHECK(fabs(i.high - i.low - 2 * half) < .1 * half, "one seed: questions alone");
	CHECK(!ril_crossed_interval(&i, seed, S, 1, &HOW, &err), "%s", err.msg);
	half = 1.96 * a * sqrt(S - 1) / S;
	CHECK(fabs(i.high - i.low - 2 * half) < .15 * half, "no questions: seeds alone, %g %g", i.low, i.high);
	CHECK(!ril_crossed_interval(&i, seed, 1, 1, &HOW, &err) && isnan(i.low) && isnan(i.high), "nothing to draw");
}

int main(void)
{
	test_flips();
	test_mcnemar();
	test_student();
	test_spread();
	test_crossed();
	TEST_END();
}
