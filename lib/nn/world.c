/* world.c -- the world of one, and how a block is shared out; see world.h. */
#include "nn/world.h"

#include "base/unused.h"
#include "ops/moments.h"

static int one_sum(RIL_UNUSED const struct ril_world *w, RIL_UNUSED double *x, RIL_UNUSED size_t n,
		   RIL_UNUSED struct ril_err *err)
{
	return 0;
}

static int one_reduce_scatter(RIL_UNUSED const struct ril_world *w, RIL_UNUSED void *block, RIL_UNUSED int64_t count,
			      RIL_UNUSED enum ril_dtype type, RIL_UNUSED struct ril_err *err)
{
	return 0;
}

static int one_all_gather(RIL_UNUSED const struct ril_world *w, RIL_UNUSED void *block, RIL_UNUSED int64_t count,
			  RIL_UNUSED size_t size, RIL_UNUSED struct ril_err *err)
{
	return 0;
}

const struct ril_world ril_world_one = {0, 1, one_sum, one_reduce_scatter, one_all_gather};

struct ril_range ril_world_range(const struct ril_world *w, int rank, int64_t count)
{
	enum { UNIT = RIL_MOMENT_BLOCK };
	int64_t units = (count + UNIT - 1) / UNIT, part = (units + w->size - 1) / w->size * UNIT;
	int64_t from = part * rank < count ? part * rank : count;
	int64_t to = from + part < count ? from + part : count;
	return (struct ril_range){from, to};
}
