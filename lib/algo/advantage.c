/* advantage.c -- group-relative advantages; see advantage.h. */
#include "algo/advantage.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const names[] = {
	[RIL_SFT] = "sft", [RIL_GRPO] = "grpo", [RIL_DR_GRPO] = "dr-grpo", [RIL_RIL] = "ril"};

enum ril_objective ril_objective_parse(const char *name)
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(names[i], name))
			return (enum ril_objective)i;
	assert(!"the option table admits only known objectives");
	return RIL_SFT;
}

bool ril_objective_uses(enum ril_objective o, int32_t source)
{
	switch (o) {
	case RIL_SFT: return source == -1;
	case RIL_RIL: return true;
	default: return source == 0;
	}
}

struct ril_group_stats ril_advantages(enum ril_objective o, int32_t n, const float *reward, const int32_t *source,
				      double *advantage)
{
	const double grpo_eps = 1e-4;
	struct ril_group_stats g = {.zero_variance = true};
	double sum = 0, squares = 0;
	for (int32_t i = 0; i < n; i++) {
		if (!ril_objective_uses(o, source[i]))
			continue;
		g.used++;
		if (isnan(reward[i]))
			g.undecided++;
		else
			sum += (double)reward[i];
	}
	int32_t decided = g.used - g.undecided;
	g.mean = decided ? sum / decided : 0;
	for (int32_t i = 0; i < n; i++) {
		advantage[i] = NAN;
		if (!ril_objective_uses(o, source[i]) || isnan(reward[i]))
			continue;
		advantage[i] = (double)reward[i] - g.mean;
		squares += advantage[i] * advantage[i];
		if (fabs(advantage[i]) > 1e-12)
			g.zero_variance = false;
	}
	g.std = decided > 1 ? sqrt(squares / (decided - 1)) : 0;
	if (o == RIL_GRPO)
		for (int32_t i = 0; i < n; i++)
			advantage[i] /= g.std + grpo_eps;
	return g;
}
