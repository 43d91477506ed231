/* link_internal.h -- blocks that go from device to device (link.c), where a world's ranks can. */
#ifndef RIL_WORLD_LINK_INTERNAL_H
#define RIL_WORLD_LINK_INTERNAL_H

#include "world/collect_internal.h"
#include "world/link.h"

/* As ril_joined_link, with `room` bytes of the device's memory for what comes in. */
int ril_link_open(struct ril_joined *, const char *how, bool timed, size_t room, struct ril_err *);
/* Do blocks go from device to device?  Then the world's blocks are summed and gathered so. */
bool ril_link_used(const struct ril_joined *);
/* Before other messages: all sums that were begun are there. */
int ril_link_settle(const struct ril_joined *, struct ril_err *);
/* All ranks, after all was done. */
void ril_link_leave(struct ril_joined *);
void ril_link_free(struct ril_joined *);

#endif
