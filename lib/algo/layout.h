/* layout.h -- how ranks that train one model together may share its memory out, and what each step then moves between them.
 *
 * Every rank has a batch of its own; what a plan (plan.h) says of one process is divided where a layout divides it.  The layouts
 * are those of Rajbhandari et al., "ZeRO", arXiv 1910.02054, over what this library keeps:
 *
 *   replicated   nothing is divided                                   gradients: ring all-reduce          2 (n-1)/n G
 *   zero-1       moments                                              reduce-scatter, all-gather          (n-1)/n (G + P)
 *   zero-2       and gradients                                        the same                            (n-1)/n (G + P)
 *   zero-3       and trained weights, masters, their average          gathered for each pass and back     (n-1)/n (G + R)
 *
 * with n ranks, G the gradients' bytes, P those of the trained parameters as they are published, R of what is gathered of them forward
 * and back, a unit at a time (nn/gather.h), the largest of which is in the rank's memory.  That is what each rank sends, and receives as
 * much, in one step of one micro-batch; zero-3 gathers again for each further one.  Weights that are not trained are everybody's
 * own.  Room for pieces and buckets on their way is not counted. */
#ifndef RIL_ALGO_LAYOUT_H
#define RIL_ALGO_LAYOUT_H

#include "algo/plan.h"

enum { RIL_LAYOUTS = 4 };

struct ril_layout {
	const char *name;
	uint64_t memory; /* bytes of one rank, the largest share's */
	uint64_t moved;  /* bytes that a rank sends in a step */
};

/* ranks >= 1; the memory is that of a tool that trains. */
void ril_layouts(const struct ril_memory *, int64_t ranks, struct ril_layout out[RIL_LAYOUTS]);
/* The most spread of them takes the least: is there one that fits a device of so many bytes? */
bool ril_layout_fits(const struct ril_layout *, uint64_t memory);
/* A heading and a line each; memory 0: unknown, nothing is said of what fits. */
int ril_layouts_text(const struct ril_layout[RIL_LAYOUTS], int64_t ranks, uint64_t memory, struct ril_buf *out,
		     struct ril_err *);

#endif
