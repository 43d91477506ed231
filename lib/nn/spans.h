/* spans.h -- where trained parameters lie in their runs (params.h), and in which order passes use them: what is summed
 * (reduce.h) and gathered (gather.h) together. */
#ifndef RIL_NN_SPANS_H
#define RIL_NN_SPANS_H

#include "nn/params.h"
#include "nn/world.h"

/* Elements [from, to) of a run, of parameters that touch. */
struct ril_span {
	const struct ril_run *run;
	int64_t from, to;
	size_t at; /* bytes: its place in a room for a list of spans */
};
enum { RIL_SPAN_ALIGN = 64 };

static inline size_t ril_span_aligned(size_t bytes)
{
	return (bytes + RIL_SPAN_ALIGN - 1) & ~(size_t)(RIL_SPAN_ALIGN - 1);
}

/* The number of the run that a trained parameter lies in. */
int ril_params_run(const struct ril_params *, const struct ril_param *);
/* The spans of n parameters, which are put in the order of their places: how many there are; out [n]. */
int ril_spans(const struct ril_params *, struct ril_param **, int n, struct ril_span *out);
/* How a span is shared out: bound[size + 1] from its first element on; `whole`: how its run is. */
void ril_span_bound(const struct ril_span *, const int64_t *whole, int size, int64_t *bound);
/* Which of n spans has a parameter's elements. */
const struct ril_span *ril_span_of(const struct ril_params *, const struct ril_span *, const struct ril_param *);

/* As qsort compares pointers to parameters: what passes use first. */
int ril_param_by_use(const void *, const void *);
/* "model.layers.3" of "model.layers.3.mlp.up_proj.weight", "model.norm" of "model.norm.weight"; is it one of several? */
bool ril_param_block(const char *name, char *out, size_t room);

#endif
