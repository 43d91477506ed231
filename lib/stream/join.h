/* join.h -- the shards of a stream put together again: the groups of the undivided stream, in its order, byte for byte.
 *
 * One record of each shard is in memory at a time.  Shards must be readable side by side: files, or pipes whose writers run at
 * the same time and do not wait for each other.  Segments are joined one by one, barriers stand where all shards have them.
 *
 * What is refused: a shard that is missing, comes twice, or is of another division or run, has other ids, teachers or tools
 * in its HEAD (RIL_EFAIL); a group that belongs to another shard, comes twice or out of order, or is missing; barriers that
 * differ; a shard that is cut off or damaged (RIL_ECORRUPT).  Errors name the stream. */
#ifndef RIL_STREAM_JOIN_H
#define RIL_STREAM_JOIN_H

#include "stream/stream.h"

struct ril_join {
	/* set before */
	struct ril_reader **in; /* [n], in any order; borrowed */
	size_t n;
	struct ril_writer *out; /* borrowed; it is ended by its owner */
	struct ril_lineage lineage;
	bool partial; /* places may be missing: filtered out, or not reached */
	/* afterwards */
	int64_t groups, steps;
	int64_t missing; /* places, with `partial` */
};

/* Reads all shards to their ends and writes every segment but the last one's END. */
int ril_join(struct ril_join *, struct ril_err *);

#endif
