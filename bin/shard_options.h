/* shard_options.h -- which shard of a stream a tool makes: as its option says, as RIL_SHARD says, or as the launcher of its
 * ranks does, if it was asked to look (shard_options.c). */
#ifndef RIL_BIN_SHARD_OPTIONS_H
#define RIL_BIN_SHARD_OPTIONS_H

#include "tool.h"

#include "stream/shard.h"

struct shard_args {
	const char *shard, *by;
};

/* clang-format off */
#define SHARD_OPTIONS(A)                                                                                              \
	{RIL_OPT_STR, 0, "shard", &(A).shard, "I/N|env", "only the questions of shard I (from 0) of N", 0, 0, NULL},   \
	{RIL_OPT_CHOICE, 0, "shard-by", &(A).by, NULL, "what says which shard a question belongs to", 0, 0, "key|place"}
/* clang-format on */

/* of = 0 where nothing divides the stream.  With `env` that no launcher answers: a wrong command line. */
int shard_choose(const struct ril_tool *, const struct shard_args *, struct ril_shard *, struct ril_err *);

#endif
