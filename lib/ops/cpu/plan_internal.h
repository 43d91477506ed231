/* plan_internal.h -- how attention cuts its segments into blocks of query rows.
 *
 * Queries that meet the same keys are stacked: the heads of a group (grouped-query attention) and the rows of segments
 * on one shared prefix become lanes of one block, up to RIL_BLOCK of them, so that the prefix is multiplied once for
 * all.  Scores are kept transposed, [keys, lanes]: keys and values are then read in place, softmax runs over lanes
 * without horizontal sums, and a segment's own keys fill its own lanes below those of the prefix. */
#ifndef RIL_OPS_CPU_PLAN_INTERNAL_H
#define RIL_OPS_CPU_PLAN_INTERNAL_H

#include "cpu_internal.h"

enum { RIL_BLOCK = 64 };

/* Rows q0+row .. +rows of one segment, at lanes `lane`..; keys own keys are visible to the last of them. */
struct ril_piece {
	const struct ril_seg *seg;
	int32_t row, rows, lane, keys;
};

struct ril_block {
	int first, n; /* pieces */
	int32_t lanes;
	int32_t p0, pn, own; /* the shared prefix; most own keys of a piece */
	int component;       /* blocks that touch common key rows have the same number; they ascend */
};

struct ril_plan {
	struct ril_piece *piece;
	struct ril_block *block;
	int pieces, blocks, components;
	int64_t max_keys, max_lanes; /* over all blocks */
};

/* group = Hq / Hkv lanes a row.  `components`: blocks are ordered by and do not span components of segments that share
 * key rows; else every block is on its own.  The plan lives in shared scratch until the next one; -1 without memory. */
int ril_plan_make(struct ril_plan *, const struct ril_seg *, int nseg, int64_t group, bool components);

/* Own keys that row `row` of a segment sees. */
static inline int32_t ril_visible_keys(const struct ril_seg *s, int32_t row)
{
	int64_t n = s->causal ? (int64_t)row + 1 + s->kn - s->qn : s->kn;
	return (int32_t)ril_max(0, ril_min(n, s->kn));
}

#endif
