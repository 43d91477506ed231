/* outside.h -- judges outside the rules: who answers, and what is done with their replies (outside.c).
 *
 * Ownership: a witness is freed by its own free; ril_outside owns the witness it was given. */
#ifndef RIL_SCORE_JUDGE_OUTSIDE_H
#define RIL_SCORE_JUDGE_OUTSIDE_H

#include "score/grader.h"

struct ril_reply {
	struct ril_buf text; /* as it came */
	double score;        /* [0,1], or NaN: "I cannot decide" */
	bool read;           /* false: the reply could not be read */
};

/* Someone who is asked.  `attempt` counts from 0. */
struct ril_witness {
	const char *identity; /* changes when its verdicts may: part of the cache's keys */
	int (*ask)(void *ctx, const struct ril_item *const *, size_t n, int attempt, struct ril_reply *,
		   struct ril_err *);
	void (*free)(void *ctx);
	void *ctx;
};

struct ril_outside;
struct ril_outside *ril_outside_new(const struct ril_witness *, const struct ril_grader_options *,
				    struct ril_err *); /* takes the witness, also on failure */
void ril_outside_free(struct ril_outside *);
int ril_outside_judge(struct ril_outside *, const struct ril_item *, size_t n, struct ril_verdict *,
		      struct ril_grader_counts *, struct ril_err *);

/* ---- the witnesses ---- */

/* "sh -c PROGRAM", asked in lines of JSON {"id", "attempt", "key", "type", "question", "answers", "choices",
 * "response"}; it answers each with a line {"id", "score"}, in order and without waiting for more.  `score` is a
 * number in [0,1], true, false or null (not decided); anything else is an unread reply.  None for `timeout` seconds is
 * an error. */
int ril_command_open(struct ril_witness *, const char *program, double timeout, struct ril_err *);

/* A text model's folder; llm.c. */
int ril_llm_open(struct ril_witness *, const char *dir, const struct ril_grader_options *, struct ril_err *);
/* A reply's verdict: it is "Yes" or "No" alone, or has one "Final Decision: Yes|No", at its end.  Case, stars and a
 * final full stop do not matter.  false: unreadable. */
bool ril_llm_verdict(const char *reply, double *score);

/* ---- the cache: verdict_cache.c ---- */

/* A file of JSON lines {"key", "score", "reply"}, appended to, which any number of processes may share. */
struct ril_verdict_cache;
struct ril_verdict_cache *ril_verdict_cache_open(const char *path, struct ril_err *);
void ril_verdict_cache_free(struct ril_verdict_cache *);
/* Takes in what others appended since. */
int ril_verdict_cache_refresh(struct ril_verdict_cache *, struct ril_err *);
bool ril_verdict_cache_find(const struct ril_verdict_cache *, const char *key, double *score);
struct ril_cache_entry {
	const char *key, *reply;
	double score;
};
int ril_verdict_cache_add(struct ril_verdict_cache *, const struct ril_cache_entry *, size_t n, struct ril_err *);

#endif
