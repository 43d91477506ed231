/* join.h -- joins the world that a launcher started this process in.
 *
 * mpirun and its like start the same program several times; what is the same number of processes to them is one training
 * run to us, once all of them have joined.  How bytes travel is a plug-in's (transport.h), which is looked for beside the
 * program: ../libexec/ril/world-NAME.so.
 *
 * Ownership: the joined world is the caller's until ril_joined_leave or ril_joined_end; it computes on the backend that is
 * active when it is used.  Join after ril_backend_start, which may execute the process again. */
#ifndef RIL_WORLD_JOIN_H
#define RIL_WORLD_JOIN_H

#include "nn/world.h"

/* auto: as the launcher's environment has it, alone without one; none: alone; mpi: whichever library there is. */
#define RIL_WORLDS "auto|none|mpi|openmpi|mpich"

struct ril_joined;
/* Another rank has failed or is gone: what is known of it, and the exit code that it should have.  Called by a thread of the
 * world's own while others may wait for what never comes: it should end the process. */
typedef void ril_world_lost(const char *what, int code);

/* Waits for the others, RIL_WORLD_PATIENCE seconds (60), and then calls `lost`.  *out NULL: this process is alone.  RIL_EFAIL
 * where a launcher has started several and they cannot come together, which is never taken for a world of one: each would
 * train for itself and write what the others write. */
int ril_world_join(struct ril_joined **out, const char *how, ril_world_lost *, struct ril_err *);
/* Has a launcher of MPI started this process, be it the only one? */
bool ril_world_started(void);
/* How the devices' blocks travel.  nccl: from device to device; host: through the host's memory, as messages do; auto: the
 * first where all ranks can, else the second.  The sums have the same bits.  Call once, on all ranks, before blocks are
 * summed.  RIL_EFAIL where nccl was asked for and cannot be; a failure of the library's on its way is one of the call that meets
 * it.  `timed`: the times of sums are to be told beside those of passes.  A device's pass goes on behind the host's back; then the
 * host waits for the part of it before each sum.  NULL: nothing. */
#define RIL_TRANSPORTS "auto|nccl|host"
int ril_joined_link(struct ril_joined *, const char *how, bool timed, struct ril_err *);
/* Which it is, and why not from device to device: a sentence.  NULL: NULL. */
const char *ril_joined_blocks(const struct ril_joined *);
/* NULL: the world of one. */
const struct ril_world *ril_joined_world(const struct ril_joined *);
const char *ril_joined_host(const struct ril_joined *, int rank);
const char *ril_joined_library(const struct ril_joined *);

/* After the last call of any rank; waits for the others.  NULL: nothing. */
void ril_joined_leave(struct ril_joined *);
/* Waits, a second at most, until the launcher has read what this process has written to stderr.  MPICH's launcher ends a job
 * as soon as one process of it has ended, and what it has not read by then is lost: call before such an end. */
void ril_world_heard(void);
/* Ends all ranks' processes, this one last, with that exit code, telling them why: does not return.  NULL: returns. */
void ril_joined_end(struct ril_joined *, int code, const char *why);

#endif
