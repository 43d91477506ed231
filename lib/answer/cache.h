/* cache.h -- answers on disk, by the hash of what they depend on: a file of JSON lines, appended to, which any number of
 * processes may share.
 *
 * A line is {"key", "score", "reply"} where the asker made a score of the reply (null: none could be made), else
 * {"key", "finish", "reply"}, finish being "stop", "length" or "refused".  Of several lines with one key the first counts;
 * other lines are passed over.  Replies and keys stay in the file: what is held of each is a hash and a place, 16 to 32 bytes.
 *
 * Ownership: open/free; the path is borrowed; what is found lives until the next search, refresh or addition. */
#ifndef RIL_ANSWER_CACHE_H
#define RIL_ANSWER_CACHE_H

#include "base/mem.h"
#include "base/sha256.h"

enum ril_cached_finish { RIL_CACHED_STOP, RIL_CACHED_LENGTH, RIL_CACHED_REFUSED };
struct ril_cached {
	const char *key, *reply;
	double score;   /* NaN: none */
	int32_t finish; /* enum ril_cached_finish */
};

struct ril_cache;
struct ril_cache *ril_cache_open(const char *path, struct ril_err *);
void ril_cache_free(struct ril_cache *);
/* Takes in what others appended since. */
int ril_cache_refresh(struct ril_cache *, struct ril_err *);
/* 1: found, 0: not there, -1: failure. */
int ril_cache_find(struct ril_cache *, const char *key, struct ril_cached *, struct ril_err *);
/* Appends n lines, with scores or without. */
int ril_cache_add(struct ril_cache *, const struct ril_cached *, size_t n, bool scored, struct ril_err *);

/* Keys are SHA-256 over texts, each with its length (eight bytes, lowest first) before it.  */
void ril_cache_hash(struct ril_sha256 *, const char *text);
void ril_cache_hash_n(struct ril_sha256 *, const char *text, size_t n);
/* The key of a question's answer `number`: the question's own for 0. */
void ril_cache_key(const char *question_key, int32_t number, char key[65]);

#endif
