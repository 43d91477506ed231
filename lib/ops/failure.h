/* failure.h -- what goes wrong on a device is told later, by sync(): the first of several, once. */
#ifndef RIL_OPS_FAILURE_H
#define RIL_OPS_FAILURE_H

#include "base/err.h"

static inline void ril_failure_keep(struct ril_err *first, const struct ril_err *err)
{
	if (!first->code)
		*first = *err;
}

/* 0 where nothing was kept; else -1, err (may be NULL) is what was, and it is forgotten. */
static inline int ril_failure_tell(struct ril_err *first, struct ril_err *err)
{
	struct ril_err told = *first;
	*first = (struct ril_err){0};
	if (told.code && err)
		*err = told;
	return told.code ? -1 : 0;
}

#endif
