/* update_groups.c -- dynamic sampling: which of a step's groups the policy is trained on (DAPO, arXiv 2503.14476, section 3.2).
 *
 * A group whose rewards are all the same has no advantage and only thins the batch.  So more groups are drawn than are
 * wanted; those without variance are left out, and the first of the others take part, in the order of the data.  How many are
 * drawn does not depend on what came out, so that a step's questions are known from its number alone and a resumed run draws
 * the same.  What is compared is the reward of the stream, before lengths are punished. */
#include "algo/update_internal.h"

#include <math.h>
#include <stdlib.h>

/* Whether two rewards of responses that take part, and that were decided, differ. */
static int differs(const struct ril_update *u, const struct ril_record *g, bool *yes, struct ril_err *err)
{
	struct ril_responses r;
	if (ril_responses_get(g, &r, err))
		return -1;
	const float *reward = ril_group_scalars(g, u->how.reward, r.n, err);
	if (!reward)
		return err->code ? -1
				 : ril_fail(err, RIL_EFAIL, "'%s': %s is missing (ril-score)", ril_record_key(g),
					    u->how.reward);
	float one = NAN;
	*yes = false;
	for (int32_t i = 0; i < r.n; i++) {
		if (!ril_objective_uses(u->how.objective, r.source[i]) || isnan(reward[i]))
			continue;
		if (isnan(one))
			one = reward[i];
		*yes = *yes || reward[i] != one;
	}
	return 0;
}

int ril_update_choose(struct ril_update *u, const struct ril_batch *b, struct ril_update_stats *s, struct ril_err *err)
{
	struct ril_record **group = ril_new(b->n, sizeof *group, err);
	if (!group)
		return -1;
	free(u->chosen.group);
	u->chosen = (struct ril_batch){.group = group, .cap = b->n, .step = b->step, .barrier = b->barrier};
	for (size_t i = 0; i < b->n; i++) {
		bool varied = false;
		if (differs(u, b->group[i], &varied, err))
			return -1;
		s->zero_variance += !varied;
		if (varied && (int64_t)u->chosen.n < u->how.wanted)
			group[u->chosen.n++] = b->group[i];
	}
	return ril_update_choose_together(u, err);
}
