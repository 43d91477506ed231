/* world.c -- the world of one, and how a block is shared out; see world.h. */
#include "nn/world.h"

#include "base/progress.h"
#include "base/unused.h"
#include "ops/moments.h"

#include <string.h>

static int one_sum(RIL_UNUSED const struct ril_world *w, RIL_UNUSED double *x, RIL_UNUSED size_t n,
		   RIL_UNUSED struct ril_err *err)
{
	return 0;
}

static int one_share(RIL_UNUSED const struct ril_world *w, const void *mine, size_t bytes, void *all,
		     RIL_UNUSED struct ril_err *err)
{
	memcpy(all, mine, bytes);
	return 0;
}

static void one_reduce_begin(RIL_UNUSED const struct ril_world *w, struct ril_sum *s)
{
	s->from = s->to = ril_now();
}

static int one_reduce_end(RIL_UNUSED const struct ril_world *w, RIL_UNUSED struct ril_err *err)
{
	return 0;
}

static int one_reduce_done(RIL_UNUSED const struct ril_world *w, RIL_UNUSED const struct ril_sum *s,
			   RIL_UNUSED bool wait, RIL_UNUSED struct ril_err *err)
{
	return 1;
}

static int one_all_gather(RIL_UNUSED const struct ril_world *w, RIL_UNUSED void *block, RIL_UNUSED const int64_t *bound,
			  RIL_UNUSED size_t size, RIL_UNUSED struct ril_err *err)
{
	return 0;
}

const struct ril_world ril_world_one = {.size = 1,
					.sum = one_sum,
					.share = one_share,
					.reduce_begin = one_reduce_begin,
					.reduce_end = one_reduce_end,
					.reduce_done = one_reduce_done,
					.all_gather = one_all_gather};

void ril_world_bounds(const struct ril_world *w, int64_t count, int64_t *bound)
{
	enum { UNIT = RIL_MOMENT_BLOCK };
	int64_t units = (count + UNIT - 1) / UNIT, part = (units + w->size - 1) / w->size * UNIT;
	for (int r = 0; r <= w->size; r++)
		bound[r] = part * r < count ? part * r : count;
}
