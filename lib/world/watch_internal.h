/* watch_internal.h -- the ranks of a world watch over each other (watch.c). */
#ifndef RIL_WORLD_WATCH_INTERNAL_H
#define RIL_WORLD_WATCH_INTERNAL_H

#include "world/join.h"

#include <pthread.h>

struct ril_watch;
/* A thread to which no signal comes: those are the main thread's.  What pthread_create returns. */
int ril_watch_thread(pthread_t *, void *(*work)(void *), void *ctx);
/* All ranks call, `host` being their names.  `lost` is called by a thread of its own, at most once. */
struct ril_watch *ril_watch_start(const struct ril_world *, char (*host)[64], ril_world_lost *lost, struct ril_err *);
/* This rank has failed: its last words go to all. */
void ril_watch_tell(struct ril_watch *, int code, const char *why);
/* This rank has come to its end and may go; what others do after that is no failure. */
void ril_watch_end(struct ril_watch *);
void ril_watch_free(struct ril_watch *);

#endif
