/* plan_options.h -- --plan: how much memory the tool would take, said instead of taken; whether that fits a device, and
 * which settings would make it fit; and the same question before a run on a device that knows its memory (plan.c). */
#ifndef RIL_BIN_PLAN_OPTIONS_H
#define RIL_BIN_PLAN_OPTIONS_H

#include "optim_options.h"
#include "tool.h"

#include "algo/plan.h"

struct plan_args {
	bool on;
	const char *batch, *memory;
	int64_t ranks; /* 0: of one process, and nothing is said of ranks */
	int64_t zero;  /* which layout of ranks must fit; 0: any */
};

/* clang-format off */
#define PLAN_OPTIONS(A)                                                                                               \
	{RIL_OPT_FLAG, 0, "plan", &(A).on, NULL, "say how much memory it would take, and end", 0, 0, NULL},           \
	{RIL_OPT_STR, 0, "plan-batch", &(A).batch, "LIST", "for groups=,prompt=,responses=,length=,image=", 0, 0, NULL}, \
	{RIL_OPT_STR, 0, "device-memory", &(A).memory, "SIZE", "does it fit so much? as 80G", 0, 0, NULL}
/* of tools that train */
#define PLAN_RANKS(A)                                                                                                 \
	{RIL_OPT_INT, 0, "ranks", &(A).ranks, "N", "plan for N that train together; 0: for one", 0, 1 << 20, NULL}
/* clang-format on */

/* A tool as its plan sees it. */
struct plan_of {
	const struct ril_tool *tool;
	const struct plan_args *args;
	struct optim_args *optim;    /* NULL: nothing is trained */
	struct ril_plan_batch batch; /* the tool's own; --plan-batch changes what it names */
	/* What the tool would take with its options as they are, on the backend that computes nothing. */
	int (*measure)(void *ctx, const struct ril_plan_batch *, struct ril_memory *, struct ril_err *);
	void *ctx;
};

/* Before all else of a run.  A plan is read by people: no stream says that it failed. */
int plan_check(const struct plan_args *, struct ril_tool *, struct ril_err *);
/* Does a tool start its backend?  The plan for a GPU does without. */
bool plan_computes(const struct plan_args *, const struct ril_tool *);
/* All of --plan; from here on nothing is computed.  What does not fit is a failure that names settings which do. */
int plan_run(struct plan_of *, struct ril_err *);
/* Before a run, on a device that knows its memory: the same failure, for the batch that --plan assumes. */
int plan_guard(struct plan_of *, struct ril_err *);
/* What a run took, in the same form, with -v. */
int plan_note(const struct ril_tool *, const struct ril_memory *, struct ril_err *);

#endif
