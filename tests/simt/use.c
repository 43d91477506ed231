/* use.c -- linked into a program with the emulation and the CUDA backend: the emulated device is the active backend before
 * main begins. */
#include "ops/backend.h"
#include "ops/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void use(void)
{
	const struct ril_ops *ops;
	struct ril_err err = {0};
	if (ril_cuda_start(0, false, &ops, NULL, 0, &err)) {
		fprintf(stderr, "simt: %s\n", err.msg);
		exit(99);
	}
	ril_backend_use(ops);
}
