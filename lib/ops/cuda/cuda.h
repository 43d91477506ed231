/* cuda.h -- the backend for NVIDIA's GPUs, where it was built in.  Included by ops/backend.c alone. */
#ifndef RIL_OPS_CUDA_CUDA_H
#define RIL_OPS_CUDA_CUDA_H

#include "ops/ops.h"

/* Opens device `index`; wrap: counted round where there are not as many.  *ops becomes its table; a sentence on it goes to
 * how[n].  RIL_EFAIL with the cause where there is no driver, no such device, no cuBLASLt, or one that is too old.  Once a process. */
int ril_cuda_start(int index, bool wrap, const struct ril_ops **ops, char *how, size_t n, struct ril_err *);

#endif
