/* shard.h -- a stream divided over n streams, by question, and what these carry so that they can be put together again.
 *
 * A question's place is its number, from 1, in the undivided stream.  Which shard it belongs to depends on its key or on
 * its place alone, so every shard is made by itself.  HEAD says which shard of which run this is (`shard`, `shard.by`,
 * `shard.places`, `shard.run`), each group has its place (`shard.place`); all of it is what ril_join takes out again.
 * Errors: RIL_EUSAGE where a setting is wrong, RIL_ECORRUPT where a stream's mark is. */
#ifndef RIL_STREAM_SHARD_H
#define RIL_STREAM_SHARD_H

#include "stream/stream.h"

enum { RIL_SHARDS_MOST = 1 << 16 };

struct ril_shard {
	int64_t index, of; /* 0 <= index < of; of 0: not divided */
	bool by_place;     /* place p is in shard (p - 1) mod of; else a key's shard is its hash mod of */
};

/* "2/8" is the third of eight. */
int ril_shard_parse(struct ril_shard *, const char *text, struct ril_err *);

/* What keys are divided by: the first eight bytes of the key's SHA-256 as one number, the first byte the highest. */
uint64_t ril_shard_hash(const uint8_t sha256[8]);
uint64_t ril_shard_key_hash(const char *key);
/* Does the question belong to the shard? */
bool ril_shard_has(const struct ril_shard *, uint64_t key_hash, int64_t place);

/* What a segment's HEAD says. */
struct ril_shard_mark {
	struct ril_shard shard;
	int64_t first, last; /* places of the undivided segment; last < first: none */
	char run[17];        /* the same in all shards of one run and in no other: 16 hexadecimal digits */
};
int ril_shard_set_head(struct ril_record *head, const struct ril_shard_mark *, struct ril_err *);
/* 1: *mark is filled; 0: this is no shard; -1: the mark is damaged. */
int ril_shard_get_head(const struct ril_record *head, struct ril_shard_mark *, struct ril_err *);

/* A group's place; part: 0 for the question itself, k for the k-th that its conversation had before it (they share a place and
 * come first). */
struct ril_shard_place {
	int64_t place, part;
};
int ril_shard_set_place(struct ril_record *group, struct ril_shard_place, struct ril_err *);
int ril_shard_get_place(const struct ril_record *group, struct ril_shard_place *, struct ril_err *);

/* Takes out of HEAD or group what makes it a shard's. */
void ril_shard_unmark(struct ril_record *);

#endif
