/* vote.c -- see vote.h. */
#include "score/vote.h"

#include <math.h>
#include <stdlib.h>

int ril_votes_new(struct ril_votes *v, size_t judges, struct ril_err *err)
{
	*v = (struct ril_votes){.judges = judges};
	v->cast = ril_new(judges, sizeof *v->cast, err);
	v->with = ril_new(judges, sizeof *v->with, err);
	return v->cast && v->with ? 0 : -1;
}

void ril_votes_free(struct ril_votes *v)
{
	free(v->cast);
	free(v->with);
	*v = (struct ril_votes){0};
}

/* 1 yes, -1 no, 0 none. */
static int vote_of(double score)
{
	return isnan(score) ? 0 : (score > .5) - (score < .5);
}

double ril_votes_take(struct ril_votes *v, const double *score)
{
	int64_t sum = 0, cast = 0;
	for (size_t k = 0; k < v->judges; k++) {
		int vote = vote_of(score[k]);
		sum += vote;
		cast += vote != 0;
	}
	v->items++;
	if (!sum)
		return NAN;
	v->decided++;
	v->unanimous += cast == (int64_t)v->judges && (sum == cast || sum == -cast);
	for (size_t k = 0; k < v->judges; k++) {
		int vote = vote_of(score[k]);
		v->cast[k] += vote != 0;
		v->with[k] += vote && (vote > 0) == (sum > 0);
	}
	return sum > 0;
}
