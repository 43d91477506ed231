/* http.h -- a server as answerer, asked as OpenAI's is: POST /v1/chat/completions (vLLM, SGLang, llama.cpp, providers).
 *
 *     struct ril_http_options o = {.url = "http://host:8000/v1", .model = "name", .jobs = 64, ...};
 *     ril_http_open(&who, &o, err);           // answers come by struct ril_answerer, as from anybody
 *
 * A question is one request for its n answers; `jobs` requests are in flight at once over connections that stay open, and an
 * answer is given out when it is there.  A server that gives one answer whatever `n` says is asked for one each from then on.
 * One that refuses (400, 422, ...) several at once may refuse their number: where none of several was seen to be answered, one
 * question is asked for one, alone, and from then on it is known.  A schema is sent as json_schema, to a server that refuses that
 * as json_object with the schema beside it, else not at all; what was answered first is kept to.
 * Pictures travel as data URLs: JPEG, PNG, WebP and GIF files as they are, any other kind as PNG.
 *
 * What fails: a connection, a time-out, 429, 5xx and a reply that is no chat completion are tried again, after 0.5, 1, 2, ...
 * seconds (at most 30), each shortened at random by up to half, or after what Retry-After says, at most an hour; meanwhile
 * nobody else is asked either where the server said that it is busy.  After `retries` of that the answer has failed: it is
 * given out with `error`, as final.  Any other 4xx is never tried again; 401, 403, 404 and 405 are about all questions alike and so
 * a failure of the call, as are certificates that do not hold and redirects to another origin, which would be given the key.
 * So is a call in which no answer came, unless `go_on`: but not for refused questions (400) once any was answered.
 *
 * Only ask and counts know what was sent; the key is in no message and no answer: a reply that repeats it has failed.
 *
 * In a build without libcurl opening fails and says so. */
#ifndef RIL_ANSWER_HTTP_H
#define RIL_ANSWER_HTTP_H

#include "answer/answer.h"

/* What was done so far.  asked = done + refused + failed once a call has ended. */
struct ril_http_counts {
	int64_t requests, retries; /* sent, those sent again included; those */
	int64_t asked;             /* answers asked for */
	int64_t done, refused, failed;
	int64_t prompt_tokens, tokens; /* as the server counted them */
	int64_t pictures, bytes;       /* in requests sent */
	int64_t guessed;               /* dry: prompts' tokens, four bytes of text or 28 x 28 pixels each */
	char last[200];                /* why a request failed, the latest */
};

struct ril_http_options {
	const char *url;        /* up to /v1, where /chat/completions is below; of a bare host: /v1/... */
	const char *model;      /* the served model's name */
	const char *image_root; /* before relative paths of pictures; NULL: nothing is */
	const char *system;     /* system message; NULL: none */
	const char *key;        /* NULL: none; of ril_http_key */
	const char *proxy;      /* NULL: as the environment says (http_proxy, ...) */
	const char *ca_file;    /* NULL: the system's */
	bool insecure;          /* certificates are not checked */
	int jobs, retries;
	double connect_timeout, first_byte, timeout; /* seconds; of the whole request */
	const char *const *stop;                     /* [stops]; texts at which an answer ends */
	size_t stops;
	const char *more;   /* NULL, or a JSON object whose members go into every request; null takes one out */
	const char *schema; /* NULL, or the JSON Schema that answers follow, where the server can hold them to it */
	bool go_on, dry;    /* dry: nothing is sent, requests are counted */
	/* Told now and then, while it waits; may be NULL. */
	void (*tell)(void *ctx, const struct ril_http_counts *);
	void *ctx;
};

void ril_http_counts_add(struct ril_http_counts *sum, const struct ril_http_counts *);

/* Texts in the options are borrowed and must outlive the answerer. */
int ril_http_open(struct ril_answerer *, const struct ril_http_options *, struct ril_err *);
/* Of an answerer opened here. */
const struct ril_http_counts *ril_http_counts(const struct ril_answerer *);

/* A key from a file's only line, or from the environment variable `name`: one of the two is NULL.  Freed by the caller.
 * Messages name the source. */
char *ril_http_key(const char *file, const char *name, struct ril_err *);

/* Adds what its answers depend on, to the hash of a question's key: model, system message, stop texts, further members.  Not
 * the address: a server may move. */
void ril_http_hash(struct ril_sha256 *, const struct ril_http_options *);

#endif
