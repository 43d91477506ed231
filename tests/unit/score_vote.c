/* score_vote.c -- the majority of judges, and what is counted of them. */
#include "../ril_test.h"

#include "score/vote.h"

#include <math.h>

static void expect(struct ril_votes *v, const double *score, double want)
{
	double got = ril_votes_take(v, score);
	CHECK(isnan(want) ? isnan(got) : got == want, "%g, not %g", got, want);
}

int main(void)
{
	struct ril_err e = {0};
	struct ril_votes v;
	CHECK(!ril_votes_new(&v, 3, &e), "%s", e.msg);
	expect(&v, (double[]){1, 1, 1}, 1);
	expect(&v, (double[]){1, 0, 1}, 1);
	expect(&v, (double[]){0, .4, .6}, 0);
	expect(&v, (double[]){0, 0, 0}, 0);
	CHECK(v.unanimous == 2 && v.decided == 4, "%d of %d", (int)v.unanimous, (int)v.decided);
	expect(&v, (double[]){1, 0, NAN}, NAN);
	expect(&v, (double[]){NAN, NAN, NAN}, NAN);
	expect(&v, (double[]){.5, .5, .5}, NAN);
	expect(&v, (double[]){NAN, 1, .5}, 1);
	CHECK(v.items == 8 && v.decided == 5 && v.unanimous == 2, "one vote alone is not unanimous");
	CHECK(v.cast[0] == 4 && v.cast[1] == 5 && v.cast[2] == 4, "votes where it was decided: %d %d %d",
	      (int)v.cast[0], (int)v.cast[1], (int)v.cast[2]);
	CHECK(v.with[0] == 4 && v.with[1] == 4 && v.with[2] == 3, "with the majority: %d %d %d", (int)v.with[0],
	      (int)v.with[1], (int)v.with[2]);
	ril_votes_free(&v);
	TEST_END();
}
