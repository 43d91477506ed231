/* world.h -- the processes that run a tool together: joining them, holding them to one another, ending all when one fails.
 *
 * A tool calls world_open once its options are read, works with world(), calls world_meet after every batch that it has
 * read, and ends with world_close.  Rank 0 alone talks, keeps metrics and writes folders; errors are every rank's own. */
#ifndef RIL_BIN_WORLD_H
#define RIL_BIN_WORLD_H

#include "tool.h"

#include "loop/stage.h"
#include "world/join.h"

/* clang-format off */
#define WORLD_OPTION(HOW) {RIL_OPT_CHOICE, 0, "world", &(HOW), NULL, "train with the processes started together", 0, 0, RIL_WORLDS}
#define TRANSPORT_OPTION(HOW) {RIL_OPT_CHOICE, 0, "transport", &(HOW), NULL, "how gradients and weights travel between processes", 0, 0, RIL_TRANSPORTS}
/* clang-format on */

int world_open(struct ril_tool *, const char *how, const char *transport, struct ril_err *);
const struct ril_world *world(void); /* of one, where nothing was joined */
bool world_first(void);              /* rank 0: of several, the one that talks and writes */

/* %r in a path that each rank has its own of is the rank's number, where a launcher has started this process.  As long as the process lives. */
int world_path(const char **path, struct ril_err *);

/* All ranks must have been told the same, but for the options named in `own` (ends with NULL), and have the same model. */
int world_agree(const struct ril_tool *, const char *const *own, const char *model, struct ril_err *);

/* After ril_stage_next, with what it returned (0, 1): all ranks have the same step before them, or all have ended. */
int world_meet(const struct ril_stage *, int have, struct ril_err *);

/* Leaves the world.  After a failure (err->code) the error gets the rank's name, and once the tool has said it all ranks'
 * processes are ended. */
void world_close(struct ril_err *);

#endif
