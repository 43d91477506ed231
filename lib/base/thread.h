/* thread.h -- the one thread runtime.
 *
 * Work is cut into tiles by its shape alone, never by the thread count, and each tile is computed by one thread with
 * single-threaded BLAS: so results do not depend on the number of threads.  The pool is process-wide and persistent;
 * a call with one tile, or with one thread, runs inline, and so does a nested call (with its thread's worker number).
 * One thread computes: calls from two threads at once are not allowed, unless one of them has said that it is apart. */
#ifndef RIL_BASE_THREAD_H
#define RIL_BASE_THREAD_H

#include "base/err.h"

/* n = 0: as many as the process may run on.  Call once at start; without it everything runs inline. */
int ril_threads_start(int n, struct ril_err *);
void ril_threads_stop(void);
int ril_threads(void); /* threads in use, >= 1 */

/* The calls of this thread run inline from now on: a thread beside the one that computes.  Such work must not use what
 * belongs to worker 0. */
void ril_threads_apart(void);

/* Calls fn(ctx, tile, worker) for every tile in [0,tiles); worker in [0, ril_threads()) tells scratch spaces apart. */
void ril_parallel(int tiles, void (*fn)(void *ctx, int tile, int worker), void *ctx);

#endif
