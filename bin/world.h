/* world.h -- the processes that run a tool together: joining them, holding them to one another, ending all when one fails.
 *
 * A tool calls world_open once its options are read, works with world(), calls world_meet after every batch that it has
 * read, and ends with world_close.  Rank 0 alone talks, keeps metrics and writes folders; errors are every rank's own. */
#ifndef RIL_BIN_WORLD_H
#define RIL_BIN_WORLD_H

#include "tool.h"

#include "loop/stage.h"
#include "nn/reduce.h"
#include "world/join.h"

struct world_args {
	const char *how, *transport, *trace;
	double bucket; /* MB */
	int64_t zero;
};

/* clang-format off */
#define WORLD_ARGS_DEFAULT {.how = "auto", .transport = "auto", .bucket = 4}
#define WORLD_OPTIONS(A)                                                                                              \
	{RIL_OPT_CHOICE, 0, "world", &(A).how, NULL, "train with the processes started together", 0, 0, RIL_WORLDS}, \
	{RIL_OPT_CHOICE, 0, "transport", &(A).transport, NULL, "how gradients and weights travel between processes", 0, 0, RIL_TRANSPORTS}, \
	{RIL_OPT_REAL, 0, "bucket", &(A).bucket, "MB", "gradients summed together in the backward pass; 0: after it", 0, 1e9, NULL}, \
	{RIL_OPT_INT, 0, "zero", &(A).zero, "N", "what ranks share out: 1: moments, 2: gradients, too, 3: weights, too", 1, 3, NULL}, \
	{RIL_OPT_STR, 0, "trace", &(A).trace, "FILE", "write when each step did what", 0, 0, NULL}
/* clang-format on */

int world_open(struct ril_tool *, const struct world_args *, struct ril_err *);
struct ril_reduce_options world_reduce(
	void);                       /* of gradients, as the options have it; what is traced goes to the trace */
const struct ril_world *world(void); /* of one, where nothing was joined */
bool world_first(void);              /* rank 0: of several, the one that talks and writes */

/* %r in a path that each rank has its own of is the rank's number, where a launcher has started this process.  As long as the process lives. */
int world_path(const char **path, struct ril_err *);

/* All ranks must have been told the same, but for the options named in `own` (ends with NULL), and have the same model. */
int world_agree(const struct ril_tool *, const char *const *own, const char *model, struct ril_err *);

/* After ril_stage_next, with what it returned (0, 1): what is traced from here on is of that step; all ranks have the same step before them, or all have ended. */
int world_meet(const struct ril_stage *, int have, struct ril_err *);

/* As of the last meeting: some rank was asked to stop (ril_stop_asked, under a launcher of ranks, be it of one), so all end after this step. */
bool world_stops(void);

/* Leaves the world.  After a failure (err->code) the error gets the rank's name, and once the tool has said it all ranks'
 * processes are ended. */
void world_close(struct ril_err *);

#endif
