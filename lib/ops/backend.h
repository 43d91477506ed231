/* backend.h -- which backend computes.  Only backend.c knows whether CUDA was built in. */
#ifndef RIL_OPS_BACKEND_H
#define RIL_OPS_BACKEND_H

#include "ops/ops.h"

/* Is this a device's name ("auto", "cpu", "cuda", "cuda:N"), whether or not it is there?  RIL_EUSAGE if not. */
int ril_device_check(const char *device, bool *cuda, struct ril_err *);

/* device: "auto", "cpu", "cuda", "cuda:N".  Of a machine's GPUs "cuda", and "auto" where there are any, take the one of this
 * process's number among those that a launcher has started there, counted round: the first without one.  May restart the process once, with OPENBLAS_CORETYPE set, where OpenBLAS picked a
 * kernel below the CPU's features; a value that the user set is kept.  argv: the process's own, for that restart (NULL:
 * never restart).  A sentence on what was chosen goes to how[n] for -v.  Call before any other thread exists. */
int ril_backend_start(const char *device, char **argv, char *how, size_t n, struct ril_err *);

/* What passes compute in, told once, before models are opened: "f32" (RIL_REAL), "bf16", or "auto": the device's own.
 * RIL_EUSAGE for anything else. */
int ril_compute_use(const char *, struct ril_err *);
enum ril_dtype ril_compute(void);

/* From here on a row of a product is the same bytes whichever rows are multiplied with it, so that nothing that is computed for one
 * question depends on which others are at hand.  Few rows take longer.  RIL_EFAIL where the active backend cannot. */
int ril_backend_invariant(struct ril_err *);

/* Makes another table the active one: a device that stands between the host and a backend (tests/far). */
void ril_backend_use(const struct ril_ops *);
/* From here on, until another table is used, nothing is computed: memory may be asked for, in any amount, and not be
 * touched.  For counting it, on a device that computes in this type. */
void ril_backend_dry(enum ril_dtype compute);

/* The active backend; the CPU before ril_backend_start was called. */
const struct ril_ops *ril_ops(void);

#endif
