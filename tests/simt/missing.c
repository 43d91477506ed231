/* missing.c -- for the time being: operations that the CUDA backend has not yet end the process. */
#include "ops/ops.h"

#define MISSING(op) __asm__(".weak ril_cuda_" #op "\nril_cuda_" #op ":");
RIL_OPS(MISSING)
MISSING(as)
__asm__("ud2");
