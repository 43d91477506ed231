/* mirror_internal.h -- a block of the device and one of the host, laid out alike: a batch's numbers that travel between
 * the two in one copy.  Kept from batch to batch, and only ever larger. */
#ifndef RIL_ALGO_MIRROR_INTERNAL_H
#define RIL_ALGO_MIRROR_INTERNAL_H

#include "base/err.h"

#include <stddef.h>

struct ril_mirror {
	char *host, *device;
	size_t bytes;
};

/* Room for `bytes`; the contents are undefined. */
int ril_mirror_grow(struct ril_mirror *, size_t bytes, struct ril_err *);
void ril_mirror_free(struct ril_mirror *);

/* The bytes from `at`, in the host's block, to their place on the device; and from there. */
void ril_mirror_up(const struct ril_mirror *, const void *at, size_t bytes);
void ril_mirror_down(const struct ril_mirror *, void *at, size_t bytes);

#endif
