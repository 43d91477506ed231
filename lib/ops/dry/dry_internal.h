/* dry_internal.h -- the backend that computes nothing. */
#ifndef RIL_OPS_DRY_INTERNAL_H
#define RIL_OPS_DRY_INTERNAL_H

#include "ops/ops.h"

extern const struct ril_ops ril_dry_ops;

#endif
