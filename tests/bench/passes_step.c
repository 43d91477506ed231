/* passes_step.c -- the floors of a whole RIL step, stage by stage, for what the pipeline takes (scripts/bench-cuda).
 *
 * ril-rollout: prompts once, then a token at a time.  ril-discriminate: a step on all responses, and judging them.
 * ril-update: the reference's pass, a step.  Pictures count as text of the prompt. */
#include "passes.h"

#include <stdio.h>

static double longer(double flops, double bytes)
{
	double product = flops / bench.flops, copy = bytes / bench.bytes;
	return product > copy ? product : copy;
}

/* A floor in seconds, as FLOPs that take so long. */
static void tell(const char *stage, const char *shape, double seconds)
{
	report(stage, shape, 0, seconds * bench.flops, 0, 0);
}

int report_step(const char *how)
{
	int student, teacher;
	double each; /* bytes */
	char end, shape[96];
	if (sscanf(how, "student=%d,teacher=%d,bytes=%lf%c", &student, &teacher, &each, &end) != 3 || student < 1)
		return -1;
	struct batch b = bench.batch;
	b.responses = student + teacher;
	double parameters = 0;
	for (size_t i = 0; i < bench.model->params->n; i++)
		if (bench.model->params->at[i]->part == RIL_PART_LLM)
			parameters += (double)bench.model->params->at[i]->count;
	struct cost token = decode_cost(b.groups, student, b.length);
	double optimiser = longer(0, parameters * each);
	double rollout =
		longer(2. * b.groups * b.prompt * bench.matrices, 0) + b.length * longer(token.flops, token.bytes);
	double judge = longer(4 * pass_flops(&b, true), 0) + optimiser;
	double update = longer(4 * pass_flops(&b, false), 0) + optimiser;
	snprintf(shape, sizeof shape, "%d x (%d + %d) x %d, prompt %d", b.groups, student, teacher, b.length, b.prompt);
	tell("RIL step: rollout", shape, rollout);
	tell("RIL step: discriminate", shape, judge);
	tell("RIL step: update", shape, update);
	tell("RIL step", shape, rollout + judge + update);
	return 0;
}
