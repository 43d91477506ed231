/* plan_options.h -- --plan: how much memory the tool would take, said instead of taken. */
#ifndef RIL_BIN_PLAN_OPTIONS_H
#define RIL_BIN_PLAN_OPTIONS_H

#include "tool.h"

#include "algo/plan.h"
#include "ops/backend.h"

struct plan_args {
	bool on;
	const char *batch;
};

/* clang-format off */
#define PLAN_OPTIONS(A)                                                                                               \
	{RIL_OPT_FLAG, 0, "plan", &(A).on, NULL, "say how much memory it would take, and end", 0, 0, NULL},           \
	{RIL_OPT_STR, 0, "plan-batch", &(A).batch, "LIST", "for groups=,prompt=,responses=,length=,image=", 0, 0, NULL}
/* clang-format on */

/* From here on nothing is computed; *b, the tool's own settings, is changed by what --plan-batch names. */
static inline int plan_begin(const struct plan_args *a, struct ril_plan_batch *b, struct ril_err *err)
{
	ril_backend_dry();
	return ril_plan_batch_parse(b, a->batch, err) ? ril_context(err, "--plan-batch") : 0;
}

static inline int plan_check(const struct plan_args *a, struct ril_err *err)
{
	return a->batch && !a->on ? ril_fail(err, RIL_EUSAGE, "--plan-batch goes with --plan") : 0;
}

static inline int plan_print(const struct ril_memory *m, struct ril_err *err)
{
	struct ril_buf out = {0};
	int rc = ril_memory_text(m, &out, err) || ril_print(out.data, out.len, err) ? -1 : 0;
	ril_buf_free(&out);
	return rc;
}

/* What a run took, in the same form, with -v. */
static inline int plan_note(const struct ril_tool *t, const struct ril_memory *m, struct ril_err *err)
{
	struct ril_buf out = {0};
	int rc = t->common.verbose ? ril_memory_text(m, &out, err) : 0;
	for (char *line = rc ? NULL : out.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
		ril_tool_note(t, "memory: %.*s", (int)(end - line), line);
	ril_buf_free(&out);
	return rc;
}

#endif
