/* asked.h -- judges that are asked: a text model, here or behind a server, or a program (answer/answer.h).
 *
 * Equal questions are asked once, a reply that cannot be read is asked for again, and verdicts are kept in a cache when
 * one is named.  Ownership: new/free; texts in the options are borrowed. */
#ifndef RIL_SCORE_JUDGE_ASKED_H
#define RIL_SCORE_JUDGE_ASKED_H

#include "answer/answer.h"
#include "score/grader.h"

/* How a judge is asked about an item and how its reply is read; opened by its kind. */
struct ril_asked_judge {
	struct ril_answerer who;
	const char *identity; /* changes when verdicts may: part of the cache's keys */
	struct ril_query_how how;
	double warmer; /* as struct ril_asking has it */
	/* The item's question in words: `text` and `fields` of the ask, in a buffer that is kept until it was asked. */
	int (*put)(void *ctx, const struct ril_item *, struct ril_buf *, struct ril_query *, struct ril_err *);
	/* [0,1], or NaN: "I cannot decide".  false: the reply cannot be read. */
	bool (*read)(const struct ril_answer *, double *score);
	void (*free)(void *ctx);
	void *ctx;
};

/* A text model's folder, with a prompt file; llm.c. */
int ril_llm_judge_open(struct ril_asked_judge *, const struct ril_grader_judge *, const struct ril_grader_options *,
		       struct ril_err *);
/* A model behind a server, with the same prompts, tries and reading. */
int ril_server_judge_open(struct ril_asked_judge *, const struct ril_grader_judge *, const struct ril_grader_options *,
			  struct ril_err *);
/* A reply's verdict: it is "Yes" or "No" alone, or has one "Final Decision: Yes|No", at its end.  Case, stars and a
 * final full stop do not matter.  false: unreadable. */
bool ril_llm_verdict(const char *reply, double *score);
/* The same of a server's that is held to it: {"decision": "Yes"}, or "No", and nothing else. */
bool ril_structured_verdict(const char *reply, double *score);

/* A program.  Its requests have the fields "key", "type", "question", "answers", "choices" and "response", its answers
 * "score": a number in [0,1], true, false or null (not decided); anything else is an unread reply.  command.c. */
int ril_command_judge_open(struct ril_asked_judge *, const char *program, double timeout, struct ril_err *);

struct ril_asked;
/* The judge is a server, "llm:DIR" or "cmd:PROGRAM"; any other is RIL_EUSAGE. */
struct ril_asked *ril_asked_new(const struct ril_grader_judge *, const struct ril_grader_options *, struct ril_err *);
/* What a server was asked. */
const struct ril_http_counts *ril_asked_server(const struct ril_asked *);
void ril_asked_free(struct ril_asked *);
int ril_asked_items(struct ril_asked *, const struct ril_item *, size_t n, struct ril_verdict *,
		    struct ril_grader_counts *, struct ril_err *);

#endif
