/* answer.h -- asking somebody who answers in text: the one way by which teachers and judges ask.
 *
 *     ril_local_open(&who, dir, &options, err);   // or ril_command_open, ril_saved_open, ril_http_open (http.h)
 *     struct ril_asking a = {.who = &who, .how = ..., .tries = 8, .take = take, .ctx = me};
 *     ril_query_all(&a, question, n, &counts, err);          // take(me, answer) for each answer as it comes
 *     who.free(who.ctx);
 *
 * An *answerer* is handed many questions in one call and gives each answer to a callback when it has it, in whatever
 * order: a local model decodes them together, a program reads them from a pipe, a server may have many requests in
 * flight.  A failure of the answerer as a whole is an error of the call; a failure of one answer is an answer with
 * `error` set, which is asked for again unless it is final.
 *
 * One rule of asking again, and one cache (cache.h), serve all: what the caller does not accept is asked for again, in
 * rounds, `tries` of them at most.
 *
 * Ownership: questions, settings and all their texts are borrowed for the call; an answer's texts for its callback. */
#ifndef RIL_ANSWER_ANSWER_H
#define RIL_ANSWER_ANSWER_H

#include "answer/cache.h"
#include "answer/saved.h"
#include "base/rng.h"
#include "ops/ops.h"
#include "text/chat.h"

/* One question. */
struct ril_query {
	const char *key;                  /* names it in messages, and in saved answers */
	uint32_t hash;                    /* of what tells it from others: the question in random numbers */
	const struct ril_chat_turn *turn; /* [turns] that came before: only a local model is told of them */
	size_t turns;
	const char *text; /* [len] of the user's message */
	size_t len;
	char *const *picture; /* [pictures] paths; each stands at an "<image>" mark of the text, or before it */
	size_t pictures;
	bool verbatim;      /* the text is taken as it is: no marks, no pictures */
	const char *fields; /* for programs: `, "name": value` of a JSON object, any number; NULL: "key" and "text" */
	int32_t n;          /* answers wanted */
	int32_t first;      /* the number of the first of them */
	char cache_key[65]; /* with a cache: of everything its answer depends on */
};

/* The settings of a call. */
struct ril_query_how {
	struct ril_sampling sampling;
	int32_t max_new_tokens; /* in the answerer's own tokens */
	uint32_t seed, step;    /* of random numbers: (seed, purpose, step, question, number of the answer, position) */
	enum ril_purpose purpose;
	int attempt; /* counts from 0 */
	bool alike; /* the questions begin alike, are verbatim and want one answer each: their common start is read once */
};

struct ril_answer {
	size_t question; /* which of the call's */
	int32_t number;  /* which of its answers */
	const char *text;
	int32_t finish;                /* 0 it stopped by itself, 1 it was cut */
	const char *error;             /* NULL, or why there is no text */
	bool final;                    /* with an error: it is of no use to ask for it again */
	bool refused;                  /* whoever was asked declined, or said nothing: text is what was said */
	int64_t prompt_tokens, tokens; /* what it cost; 0: unknown */
	bool kept;                     /* it comes from the cache */
	double score;                  /* what `take` makes of it, if it does; of a kept one, what it made of it then */
};

/* Where answers go.  1: accepted, 0: not, -1: failure. */
typedef int ril_take_answer(void *ctx, struct ril_answer *, struct ril_err *);

struct ril_answerer {
	const char *identity; /* changes when its answers may; NULL: nobody asked for one */
	/* Hands out q[i].n answers of each question, or fewer where it has no more. */
	int (*ask)(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *, ril_take_answer *,
		   void *take_ctx, struct ril_err *);
	void (*free)(void *ctx);
	void *ctx;
};

/* ---- asking until it serves: answer.c ---- */

struct ril_asking {
	const struct ril_answerer *who;
	struct ril_query_how how;
	struct ril_cache *cache; /* NULL: none */
	bool scored;             /* `take` gives scores, which are kept */
	bool at_once;            /* an answer is kept when it comes, not with all others at the end of the call */
	int tries;               /* rounds at most */
	/* How a question is asked again: for its next answer, one a round, under the same settings; or, with `same`, for
	 * the same answer.  With `warmer` that is sampled, in round k at temperature k * warmer, its draws keyed by k in
	 * the step's place; 0: under the same settings, but for `attempt`. */
	bool same;
	double warmer;
	ril_take_answer *take;
	/* Told of every question with answers wanting at the end, before anything is kept; -1: failure.  May be NULL. */
	int (*wanting)(void *ctx, size_t question, int32_t answers, struct ril_err *);
	void *ctx;
};

struct ril_query_counts {
	int64_t asked;   /* answers asked for, those asked again included */
	int64_t cached;  /* answers taken from the cache */
	int64_t again;   /* questions whose first answers did not all serve */
	int64_t failed;  /* answers that came as errors */
	int64_t wanting; /* questions with answers wanting at the end */
};

/* Answers come from the cache first.  Each that was asked for is kept, the last one under every number, whether it
 * served or not, so that a run done again costs nothing and ends alike.  Adds to the counts. */
int ril_query_all(const struct ril_asking *, const struct ril_query *, size_t n, struct ril_query_counts *,
		  struct ril_err *);

/* ---- a program: command.c ---- */

/* "sh -c PROGRAM" stays for the whole run and is asked in lines of JSON {"id", "attempt", FIELDS}; it answers each with
 * a line {"id", ...}, in order and without waiting for more, and the line is the answer.  A line that names another
 * `id` is an error, and so is none for `timeout` seconds. */
int ril_command_open(struct ril_answerer *, const char *program, double timeout, struct ril_err *);

/* ---- a local model: local.c ---- */

struct ril_local_options {
	const char *name;                /* goes before errors; NULL: nothing does */
	const char *image_root, *system; /* as data/encode.h has them */
	bool text_only;                  /* a model that takes pictures is refused */
	bool thinking_off;               /* as text/chat.h has it */
	bool identify;                   /* an identity is wanted, which reads all bytes of the weights */
	const char *made_with;           /* [made_with_len], NULL: goes into the identity, too */
	size_t made_with_len;
};

/* A model's folder.  Texts in the options are borrowed and must outlive the answerer. */
int ril_local_open(struct ril_answerer *, const char *dir, const struct ril_local_options *, struct ril_err *);

/* ---- saved answers: saved.c ---- */

/* The saved answers of one of a table's teachers, each once, in an order that depends on seed, step, question and the
 * teacher's name only.  The table is borrowed. */
int ril_saved_open(struct ril_answerer *, const struct ril_saved *, int32_t teacher, struct ril_err *);

#endif
