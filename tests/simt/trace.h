/* trace.h -- RIL_SIMT_TRACE=1: what is launched is told, not done.
 *
 * Kernels do not run, nothing is copied, and device memory is only reserved, so that operations can be called at the shapes
 * of models that no host computes.  Each launch, in the order in which it would be done, leaves a line on stdout:
 *
 *     kernel  NAME<ARGUMENTS>  grid x  y  z  threads  bytes of dynamic shared memory
 *     product  M  N  K  bytes of an element of A and B  bytes of one of C  how many matrices as large as C are read or
 *         written beside it: what C held where it is added to, what its activation was given
 *
 * tab-separated; M and N are the rows and columns of a row-major C. */
#ifndef RIL_SIMT_TRACE_H
#define RIL_SIMT_TRACE_H

#include "meet.h"

bool simt_tracing(void);
/* NAME<ARGUMENTS>, not ended by a zero byte. */
const char *simt_kernel_name(const struct simt_kernel *, size_t *length);
void simt_trace_kernel(const struct simt_kernel *);
void simt_trace_product(uint64_t M, uint64_t N, uint64_t K, size_t in, size_t out, int beside);

/* The grid of the launch told last of a kernel of this name, whatever its template's arguments. */
struct dim3 simt_traced_grid(const char *kernel);

#endif
