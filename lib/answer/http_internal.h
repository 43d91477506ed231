/* http_internal.h -- a server as answerer, in five files: the queue of requests (http.c), keys (http_key.c), what is sent
 * (http_request.c), what comes back (http_reply.c), and connections, the only one that knows libcurl (http_wire.c). */
#ifndef RIL_ANSWER_HTTP_INTERNAL_H
#define RIL_ANSWER_HTTP_INTERNAL_H

#include "answer/http.h"
#include "base/json.h"
#include "data/files.h"

/* ---- http_request.c ---- */

struct ril_http_body {
	struct ril_buf json;
	int64_t pictures, guessed; /* as in the counts; guessed only where asked for */
};
/* How a server is told of the schema that answers follow, best first. */
enum ril_http_form {
	RIL_HTTP_SCHEMA, /* {"type": "json_schema"}, OpenAI's */
	RIL_HTTP_OBJECT, /* {"type": "json_object"} with a schema beside it, llama.cpp's */
	RIL_HTTP_FREE,   /* not at all */
};
/* Answers first .. first+n-1 of a question. */
struct ril_http_ask {
	int32_t first, n;
	int form; /* enum ril_http_form */
};
int ril_http_request(const struct ril_http_options *, struct ril_files *, const struct ril_query *,
		     const struct ril_http_ask *, const struct ril_query_how *, const cJSON *more,
		     struct ril_http_body *, struct ril_err *);

/* ---- http_reply.c ---- */

struct ril_http_choice {
	struct ril_buf text;
	bool refused; /* the server's refusal or filter, or nothing but white space */
	int32_t finish;
};
struct ril_http_reply {
	struct ril_http_choice *choice; /* [n] */
	size_t n, cap;
	int64_t prompt_tokens, tokens;
};
/* The choices of a chat completion; an error says why it is none.  free: nothing is left. */
int ril_http_read(struct ril_http_reply *, const char *body, size_t n, struct ril_err *);
void ril_http_reply_free(struct ril_http_reply *);
/* What an error's body says, in a line of at most `size` - 1 bytes of printable UTF-8. */
void ril_http_complaint(char *out, size_t size, const char *body, size_t n);

/* ---- http_wire.c ---- */

enum ril_wire_fate {
	RIL_WIRE_DONE,  /* there is a status and a body */
	RIL_WIRE_AGAIN, /* no reply, but another try may have one */
	RIL_WIRE_NEVER, /* no reply, and none to be had in this way */
};
struct ril_wire_reply {
	enum ril_wire_fate fate;
	long status;
	double retry_after; /* seconds; 0: it does not say */
	const char *body;   /* [n], the slot's until it posts again */
	size_t n;
	const char *why;     /* of one without a reply */
	const char *setting; /* whose change would help; NULL: none */
};

/* `jobs` slots, each with a request in flight or none. */
struct ril_wire;
struct ril_wire *ril_wire_new(const struct ril_http_options *, struct ril_err *);
void ril_wire_free(struct ril_wire *);
/* Sends a body, borrowed until its reply was taken. */
int ril_wire_post(struct ril_wire *, int slot, const struct ril_buf *body, struct ril_err *);
/* Moves bytes, and waits at most so long for some to move. */
int ril_wire_wait(struct ril_wire *, double seconds, struct ril_err *);
/* A slot whose request has ended since, or -1. */
int ril_wire_next(struct ril_wire *, struct ril_wire_reply *);

#endif
