/* objective.c -- the table of objectives; formulas and sources are in objective.h. */
#include "algo/objective.h"

#include <assert.h>
#include <string.h>

static const struct ril_objective_row rows[RIL_OBJECTIVE_COUNT] = {
	[RIL_SFT] = {"sft", RIL_TAKES_GOLD, RIL_BASELINE_NONE, RIL_SCALE_ONE, RIL_BY_TOKENS, false, RIL_CLIP_RATIO, .2,
		     .2},
	[RIL_GRPO] = {"grpo", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_GROUP, RIL_BY_LENGTH, false,
		      RIL_CLIP_RATIO, .2, .2},
	[RIL_DR_GRPO] = {"dr-grpo", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_ONE, RIL_BY_CONSTANT, false,
			 RIL_CLIP_RATIO, .2, .2},
	[RIL_RIL] = {"ril", RIL_TAKES_ALL, RIL_BASELINE_GROUP, RIL_SCALE_ONE, RIL_BY_CONSTANT, false, RIL_CLIP_RATIO,
		     .2, .2},
	[RIL_DAPO] = {"dapo", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_GROUP, RIL_BY_TOKENS, false,
		      RIL_CLIP_RATIO, .2, .28},
	[RIL_GSPO] = {"gspo", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_GROUP, RIL_BY_LENGTH, true,
		      RIL_CLIP_RATIO, 3e-4, 4e-4},
	[RIL_CISPO] = {"cispo", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_GROUP, RIL_BY_TOKENS, false,
		       RIL_CLIP_WEIGHT, 1, 4},
	[RIL_RLOO] = {"rloo", RIL_TAKES_STUDENT, RIL_BASELINE_OTHERS, RIL_SCALE_ONE, RIL_BY_RESPONSES, false,
		      RIL_CLIP_RATIO, .2, .2},
	[RIL_REINFORCE] = {"reinforce++", RIL_TAKES_STUDENT, RIL_BASELINE_NONE, RIL_SCALE_BATCH, RIL_BY_TOKENS, false,
			   RIL_CLIP_RATIO, .2, .2},
	[RIL_REINFORCE_BASELINE] = {"reinforce++-baseline", RIL_TAKES_STUDENT, RIL_BASELINE_GROUP, RIL_SCALE_BATCH,
				    RIL_BY_TOKENS, false, RIL_CLIP_RATIO, .2, .2},
};

const struct ril_objective_row *ril_objective_row(enum ril_objective o)
{
	return &rows[o];
}

enum ril_objective ril_objective_parse(const char *name)
{
	for (int i = 0; i < RIL_OBJECTIVE_COUNT; i++)
		if (!strcmp(rows[i].name, name))
			return (enum ril_objective)i;
	assert(!"the option table admits only known objectives");
	return RIL_SFT;
}

bool ril_objective_uses(enum ril_objective o, int32_t source)
{
	switch (rows[o].takes) {
	case RIL_TAKES_GOLD: return source == -1;
	case RIL_TAKES_ALL: return true;
	default: return source == 0;
	}
}
