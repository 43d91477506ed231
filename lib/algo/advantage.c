/* advantage.c -- advantages within a group and over a batch; see advantage.h. */
#include "algo/advantage.h"

#include <math.h>

/* The group's scale and baseline, of advantages that are r - mean. */
static double finished(const struct ril_objective_row *row, const struct ril_group_stats *g, double advantage)
{
	const double grpo_eps = 1e-4;
	int32_t decided = g->used - g->undecided;
	if (row->baseline == RIL_BASELINE_NONE)
		advantage += g->mean;
	if (row->baseline == RIL_BASELINE_OTHERS && decided > 1)
		advantage *= (double)decided / (decided - 1);
	if (row->scale == RIL_SCALE_GROUP)
		advantage /= g->std + grpo_eps;
	return advantage;
}

struct ril_group_stats ril_advantages(enum ril_objective o, int32_t n, const float *reward, const int32_t *source,
				      double *advantage)
{
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
	for (int32_t i = 0; i < n; i++)
		advantage[i] = finished(ril_objective_row(o), &g, advantage[i]);
	return g;
}

int ril_advantages_scale(enum ril_objective o, int64_t n, const int64_t *len, double *advantage,
			 const struct ril_world *world, struct ril_err *err)
{
	double sum[2] = {0}, squares = 0; /* tokens, and their advantages */
	if (ril_objective_row(o)->scale != RIL_SCALE_BATCH)
		return 0;
	for (int64_t i = 0; i < n; i++)
		if (!isnan(advantage[i])) {
			sum[0] += (double)len[i];
			sum[1] += (double)len[i] * advantage[i];
		}
	if (world->sum(world, sum, 2, err))
		return -1;
	double tokens = fmax(sum[0], 1), mean = sum[1] / tokens;
	for (int64_t i = 0; i < n; i++)
		if (!isnan(advantage[i]))
			squares += (double)len[i] * (advantage[i] - mean) * (advantage[i] - mean);
	if (world->sum(world, &squares, 1, err))
		return -1;
	double std = sqrt(fmax(squares / tokens, 1e-8));
	for (int64_t i = 0; i < n; i++)
		advantage[i] = (advantage[i] - mean) / std;
	return 0;
}

double ril_overlong(double len, double most, double cache)
{
	double free = most - cache;
	if (len <= free)
		return 0;
	return len <= most ? (free - len) / cache : -1;
}
