/* collect_internal.h -- sums and gathering (collect.c) over what join.c has opened. */
#ifndef RIL_WORLD_COLLECT_INTERNAL_H
#define RIL_WORLD_COLLECT_INTERNAL_H

#include "world/join.h"
#include "world/transport.h"

#include "base/file.h"

enum { RIL_HOST_NAME = 64 };

struct ril_joined {
	struct ril_world world; /* first: a world that is one of these is cast to it */
	const struct ril_transport *by;
	struct ril_background *background;
	struct ril_watch *watch;
	char (*host)[RIL_HOST_NAME]; /* [size] */
	/* pieces of messages, host: [size][bytes] each, and a sum [bytes of the widest type] */
	char *in, *out;
	void *acc;
	struct ril_linked *link; /* NULL: blocks go through the host */
};

/* A plug-in beside the program, ../libexec/ril/KIND-NAME.so, and its table of functions, which begins with its version (an int). */
struct ril_plugin {
	const char *kind, *name;
	const char *library; /* that the tools may have been built without */
	const char *symbol;
	int version;
	bool global; /* its symbols are for what it loads itself, too */
};
/* The table, until the process ends; NULL on failure. */
const void *ril_plugin_load(const struct ril_plugin *, struct ril_err *);
/* Seconds that ranks wait for each other: RIL_WORLD_PATIENCE (60). */
long ril_world_patience(void);

int ril_collect_sum(const struct ril_world *, double *x, size_t n, struct ril_err *);
int ril_collect_share(const struct ril_world *, const void *mine, size_t bytes, void *all, struct ril_err *);
int ril_collect_all_gather(const struct ril_world *, void *block, const int64_t *bound, size_t size, struct ril_err *);

void ril_collect_reduce_begin(const struct ril_world *, struct ril_sum *);
int ril_collect_reduce_end(const struct ril_world *, struct ril_err *);
int ril_collect_reduce_done(const struct ril_world *, const struct ril_sum *, bool wait, struct ril_err *);

/* One block at once, whatever thread calls; nothing else is under way. */
int ril_collect_gather(const struct ril_joined *, void *block, const int64_t *bound, size_t size, struct ril_err *);
int ril_collect_reduce(const struct ril_joined *, const struct ril_sum *, struct ril_err *);

/* ---- the background (background.c) ---- */
struct ril_background *ril_background_new(const struct ril_joined *, struct ril_err *);
/* What waits is left, what is under way ends soon.  NULL: nothing. */
void ril_background_free(struct ril_background *);
/* Before other messages: all that was begun has been summed. */
int ril_background_settle(const struct ril_joined *, struct ril_err *);
/* Should a wait for messages end at once? */
bool ril_background_ends(const struct ril_background *);

/* Room for pieces; once. */
int ril_collect_ready(struct ril_joined *, struct ril_err *);
void ril_collect_free(struct ril_joined *);

#endif
