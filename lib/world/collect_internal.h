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
	struct ril_watch *watch;
	void *library;               /* dlopen's */
	char (*host)[RIL_HOST_NAME]; /* [size] */
	/* pieces of messages, host: [size][bytes] each, and a sum [bytes of the widest type] */
	char *in, *out;
	void *acc;
	struct ril_linked *link; /* NULL: blocks go through the host */
};

/* Where a plug-in is looked for, beside the program: ../libexec/ril/KIND-NAME.so. */
int ril_plugin_path(char path[RIL_PATH], const char *kind, const char *name, struct ril_err *);
/* Seconds that ranks wait for each other: RIL_WORLD_PATIENCE (60). */
long ril_world_patience(void);

int ril_collect_sum(const struct ril_world *, double *x, size_t n, struct ril_err *);
int ril_collect_share(const struct ril_world *, const void *mine, size_t bytes, void *all, struct ril_err *);
int ril_collect_reduce_scatter(const struct ril_world *, void *block, const int64_t *bound, enum ril_dtype,
			       struct ril_err *);
int ril_collect_all_gather(const struct ril_world *, void *block, const int64_t *bound, size_t size, struct ril_err *);

/* Room for pieces; once. */
int ril_collect_ready(struct ril_joined *, struct ril_err *);
void ril_collect_free(struct ril_joined *);

#endif
