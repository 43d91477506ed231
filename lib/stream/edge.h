/* edge.h -- the one edge back of the resident loop: a FIFO from ril-update to ril-rollout that carries `step path`
 * lines.  A line whose path is empty ends the run: no version comes after that step, and no batch is wanted.
 *
 * Neither end blocks in open(): the reader opens O_RDONLY|O_NONBLOCK and polls, the writer O_WRONLY|O_NONBLOCK and
 * retries while nobody reads.  A line is one write() of at most PIPE_BUF bytes, hence atomic.  Every wait also watches
 * the descriptors of the neighbours, so that a stage that died ends all.  Waiting sleeps in poll(); only the writer's
 * opening has to retry by the clock. */
#ifndef RIL_STREAM_EDGE_H
#define RIL_STREAM_EDGE_H

#include "base/mem.h"

/* In HEAD, by a ril-rollout that could read ril-update's weights where they are on a device: who could lend to it
 * (ril_params_where).  The path announced is then that of the file it borrows by, the same for every version. */
#define RIL_EDGE_WHERE "edge.where"

/* A pipe to or from a neighbour; when its other end vanishes, a wait fails naming `who`. */
struct ril_watch {
	int fd;
	const char *who;
};

/* Sleeps until fd is readable (data or end), for at most ms (-1: for ever).  Returns 1 when readable, 0 when the time
 * ran out or a signal came, -1 when a watched neighbour vanished. */
int ril_wait_readable(int fd, int ms, const struct ril_watch *, size_t nwatch, struct ril_err *);

struct ril_edge;
struct ril_edge *ril_edge_open_read(const char *fifo, struct ril_err *);
struct ril_edge *ril_edge_open_write(const char *fifo, const struct ril_watch *, size_t nwatch, struct ril_err *);
void ril_edge_free(struct ril_edge *);

/* Writer: `step path` and a newline; path "": the run ends after that step. */
int ril_edge_announce(struct ril_edge *, int64_t step, const char *path, struct ril_err *);

/* Reader: waits for a version of `step` or later; the newest one announced is returned (path borrowed until the next
 * call; empty: the run is to end).  The edge's end before it is an error. */
int ril_edge_wait(struct ril_edge *, int64_t step, const struct ril_watch *, size_t nwatch, int64_t *got,
		  const char **path, struct ril_err *);
double ril_edge_waited(const struct ril_edge *); /* seconds in ril_edge_wait so far */
/* Reader, after END was written: reads to the edge's end. */
int ril_edge_drain(struct ril_edge *, const struct ril_watch *, size_t nwatch, struct ril_err *);

#endif
