/* meteor.c -- METEOR 1.5's score from alignment statistics (Denkowski and Lavie, WMT 2014), for English.
 *
 * The statistics are those of the original's "SCORE" line: lengths, matches of content and function words by stage,
 * chunks. Both the original program and the built-in approximation deliver them, and since a corpus value comes from
 * their sums, so do bootstrap intervals. */
#include "caption/meteor_internal.h"

#include <math.h>

/* Matches of one side (0: candidate, 1: reference), weighted by stage and by content or function word. */
static double weighted(const double s[RIL_METEOR_STATS], int side)
{
	static const double stage[] = {1, .6, .8, .6}; /* exact, stem, synonym, paraphrase */
	const double content = .75;
	double sum = 0;
	for (int k = 0; k < 4; k++)
		sum += stage[k] * (content * s[RIL_METEOR_STAGE + 4 * k + side] +
				   (1 - content) * s[RIL_METEOR_STAGE + 4 * k + 2 + side]);
	double length = s[RIL_METEOR_LENGTH + side], function = s[RIL_METEOR_FUNCTION + side];
	double whole = content * (length - function) + (1 - content) * function;
	return whole > 0 ? sum / whole : 0;
}

double ril_meteor(const double s[RIL_METEOR_STATS])
{
	const double alpha = .85, beta = .2, gamma = .6;
	double p = weighted(s, 0), r = weighted(s, 1);
	double matched = (s[RIL_METEOR_MATCHED] + s[RIL_METEOR_MATCHED + 1]) / 2;
	if (!(p > 0) || !(r > 0) || !(matched > 0))
		return 0;
	double penalty = gamma * pow(s[RIL_METEOR_CHUNKS] / matched, beta);
	return (1 - penalty) * p * r / (alpha * p + (1 - alpha) * r);
}

void ril_meteor_settle(double s[RIL_METEOR_STATS])
{
	if (s[RIL_METEOR_CHUNKS] == 1 && s[RIL_METEOR_MATCHED] == s[RIL_METEOR_LENGTH] &&
	    s[RIL_METEOR_MATCHED + 1] == s[RIL_METEOR_LENGTH + 1])
		s[RIL_METEOR_CHUNKS] = 0;
}
