/* http.c -- a server as answerer: the queue of requests, tries, and what each answer comes to; see http.h.
 *
 * A request is a question's answers first .. first+n-1.  It is fresh (taken from the questions in order, when a slot is idle), waiting
 * for its next try, or in a slot.  Bodies are written when they are sent and replies are read when they have ended, so what is
 * held does not grow with the questions: `jobs` of each at most. */
#include "answer/http_internal.h"

#include "base/progress.h"

#include <math.h>
#include <stdlib.h>

static const double first_wait = .5, longest_wait = 30, longest_hold = 3600, tell_every = .25;

/* Shorter keys, as servers of one's own are given ("EMPTY"), are words that an answer may hold. */
enum { SHORTEST_SECRET = 12, MOST_SAID = 2048 };

struct http {
	struct ril_http_options how;
	char *identity;
	const char *secret; /* the key, where it is long enough to be one; NULL: none */
	cJSON *more;        /* how.more, read */
	struct ril_files *files;
	struct ril_wire *wire; /* NULL when dry */
	struct ril_http_counts counts;
	struct ril_http_body *body; /* [how.jobs], of each slot */
	struct request *in;         /* [how.jobs] */
	bool *busy;                 /* [how.jobs] */
	int flying;
	bool one_each;   /* the server gives one answer whatever is asked for, */
	bool counts_n;   /* or it was seen to give more, or to refuse for other reasons than the number */
	int form;        /* enum ril_http_form, of what is asked for first; */
	bool takes_form; /* the server was seen to take it */
	double hold;     /* nothing is sent before */
	double told;
};

struct request {
	size_t question;
	int32_t first, n;
	int32_t rest;  /* answers after these n that stand or fall with them */
	int form;      /* enum ril_http_form */
	int tries;     /* sent so often */
	double due;    /* of the next try */
	bool doubt;    /* it was refused, maybe for its number of answers, */
	uint32_t said; /* in words of this hash */
};

/* A call: what is wanting and where it stands. */
struct call {
	struct http *h;
	const struct ril_query *q;
	size_t n;
	const struct ril_query_how *how;
	ril_take_answer *take;
	void *ctx;
	size_t at;             /* the question that fresh requests come from, */
	int32_t begun;         /* and how many of its answers were asked for */
	struct request *later; /* [nlater], to be tried again, to be completed or in doubt, */
	size_t doubts;         /* as so many are */
	size_t nlater, cap_later;
	int64_t came, unreached; /* answers that came; that failed, but not because the question was refused */
};

/* ---- answers ---- */

static int give(struct call *c, const struct request *r, struct ril_answer *a, struct ril_err *err)
{
	a->question = r->question;
	a->score = NAN;
	return c->take(c->ctx, a, err) < 0 ? -1 : 0;
}

/* All answers of a request have failed. */
static int give_up(struct call *c, const struct request *r, bool refused_question, struct ril_err *err)
{
	for (int32_t i = 0; i < r->n + r->rest; i++) {
		struct ril_answer a = {.number = r->first + i, .text = "", .error = c->h->counts.last, .final = true};
		c->h->counts.failed++;
		c->unreached += !refused_question;
		if (give(c, r, &a, err))
			return -1;
	}
	return 0;
}

static int add_later(struct call *c, struct request r, struct ril_err *err)
{
	if (ril_grow(&c->later, &c->cap_later, c->nlater + 1, sizeof *c->later, err))
		return -1;
	c->later[c->nlater++] = r;
	return 0;
}

/* The k-th wait: half of it is sure, the rest drawn, so that clients that were turned away together do not come again
 * together. */
static double wait_of(const struct call *c, const struct request *r)
{
	double most = fmin(longest_wait, first_wait * pow(2, fmin(r->tries - 1, 20)));
	struct ril_rng_at at = {c->how->step, c->q[r->question].hash, (uint32_t)r->first, (uint32_t)r->tries};
	return most * (.5 + .5 * ril_rng_uniform(c->how->seed, RIL_RNG_RETRY, at));
}

/* Once more, after a wait, or never.  after: what the server says; 0: nothing. */
static int try_again(struct call *c, struct request r, double after, struct ril_err *err)
{
	struct http *h = c->h;
	double now = ril_now();
	if (r.tries > h->how.retries)
		return give_up(c, &r, false, err);
	after = fmin(after, longest_hold);
	r.due = now + (after > 0 ? after : wait_of(c, &r));
	if (after > 0)
		h->hold = fmax(h->hold, now + after);
	h->counts.retries++;
	return add_later(c, r, err);
}

/* ---- replies ---- */

static int give_choice(struct call *c, const struct request *r, int32_t i, const struct ril_http_choice *from,
		       const struct ril_http_reply *reply, struct ril_err *err)
{
	struct ril_answer a = {.number = r->first + i,
			       .text = from->text.data,
			       .finish = from->finish,
			       .refused = from->refused,
			       .prompt_tokens = i ? 0 : reply->prompt_tokens,
			       .tokens = i ? 0 : reply->tokens};
	c->h->counts.done += !from->refused;
	c->h->counts.refused += from->refused;
	c->came++;
	return give(c, r, &a, err);
}

static bool repeats_key(const struct http *h, const struct ril_http_reply *reply)
{
	for (size_t i = 0; h->secret && i < reply->n; i++)
		if (strstr(reply->choice[i].text.data, h->secret))
			return true;
	return false;
}

/* What a server said may hold the key, and is cut after that was taken out. */
static void note_last(struct http *h, const char *what)
{
	char said[MOST_SAID];
	snprintf(said, sizeof said, "%s", what);
	for (char *at; h->secret && (at = strstr(said, h->secret));)
		memset(at, '*', strlen(h->secret));
	snprintf(h->counts.last, sizeof h->counts.last, "%.*s", (int)sizeof h->counts.last - 1, said);
	for (size_t n = strlen(h->counts.last);
	     n + 1 == sizeof h->counts.last && ((unsigned char)h->counts.last[n - 1] & 0x80);)
		h->counts.last[--n] = 0;
}

/* A server that was seen to take a form is asked for no other, and what it refuses from then on it refuses for other
 * reasons. */
static void note_form(struct http *h, const struct request *r)
{
	if (r->form < h->form)
		return;
	h->form = r->form;
	h->takes_form = true;
}

/* A reply with status 200. */
static int take_reply(struct call *c, struct request r, const struct ril_wire_reply *w, struct ril_err *err)
{
	struct http *h = c->h;
	struct ril_http_reply reply;
	struct ril_err why = {0};
	if (ril_http_read(&reply, w->body, w->n, &why)) {
		note_last(h, why.msg);
		return try_again(c, r, 0, err);
	}
	int32_t n = reply.n < (size_t)r.n ? (int32_t)reply.n : r.n;
	int rc = 0;
	note_form(h, &r);
	bool failed = repeats_key(h, &reply);
	if (failed) {
		note_last(h, "an answer repeats the key");
		rc = give_up(c, &r, false, err);
	} else {
		h->counts.prompt_tokens += reply.prompt_tokens;
		h->counts.tokens += reply.tokens;
		for (int32_t i = 0; !rc && i < n; i++)
			rc = give_choice(c, &r, i, &reply.choice[i], &reply, err);
	}
	ril_http_reply_free(&reply);
	h->counts_n |= n > 1;
	int32_t wanting = r.n + r.rest - n;
	if (rc || failed || !wanting)
		return rc;
	/* It is one that does not count, or gave up on some: what is wanting is asked for as if it were new. */
	h->one_each |= n == 1;
	return add_later(
		c, (struct request){.question = r.question, .first = r.first + n, .n = wanting, .form = r.form}, err);
}

/* About this server, and not about this question: no other will do better. */
static bool concerns_all(long status)
{
	return status == 401 || status == 403 || status == 404 || status == 405;
}

static void note_status(struct http *h, const struct ril_wire_reply *w)
{
	char said[MOST_SAID - 64], all[MOST_SAID];
	ril_http_complaint(said, sizeof said, w->body, w->n);
	snprintf(all, sizeof all, "status %ld%s%s", w->status, *said ? ": " : "", said);
	note_last(h, all);
}

/* Maybe it is the form of the answer that it refuses: then the next one will do.  Some say so with a failure of their own. */
static bool refuses_form(const struct http *h, const struct request *r, const struct ril_wire_reply *w)
{
	bool names_it = memmem(w->body, w->n, "response_format", 15) || memmem(w->body, w->n, "json_schema", 11);
	if (r->form == RIL_HTTP_FREE || (h->takes_form && r->form >= h->form))
		return false;
	return names_it || (w->status != 429 && w->status < 500 && !concerns_all(w->status));
}

/* A question that was refused, or its number of answers: that is found out when nothing else is in flight that may tell. */
static int doubt(struct call *c, struct request r, struct ril_err *err)
{
	const char *last = c->h->counts.last;
	uint32_t said = ril_hash32(last, strlen(last));
	if (r.n == 1 || c->h->counts_n) {
		/* In the same words for one answer: it is not the number. */
		c->h->counts_n |= r.rest && said == r.said;
		return give_up(c, &r, true, err);
	}
	r.doubt = true;
	r.said = said;
	c->doubts++;
	return add_later(c, r, err);
}

static int take_status(struct call *c, struct request r, const struct ril_wire_reply *w, struct ril_err *err)
{
	struct http *h = c->h;
	if (w->status == 200)
		return take_reply(c, r, w, err);
	note_status(h, w);
	if (refuses_form(h, &r, w)) {
		r.form = r.form < h->form ? h->form : r.form + 1;
		return add_later(c, r, err);
	}
	if (w->status == 429 || w->status >= 500)
		return try_again(c, r, w->retry_after, err);
	if (concerns_all(w->status)) {
		ril_fail(err, RIL_EFAIL, "%s", h->counts.last);
		return w->status == 401 || w->status == 403 ? ril_setting(err, "key file|key env") : -1;
	}
	return doubt(c, r, err);
}

static int take_ended(struct call *c, int slot, const struct ril_wire_reply *w, struct ril_err *err)
{
	struct http *h = c->h;
	struct request r = h->in[slot];
	h->busy[slot] = false;
	h->flying--;
	r.tries++;
	if (w->fate == RIL_WIRE_DONE)
		return take_status(c, r, w, err);
	note_last(h, w->why);
	if (w->fate == RIL_WIRE_AGAIN)
		return try_again(c, r, 0, err);
	ril_fail(err, RIL_EFAIL, "%s", h->counts.last);
	return w->setting ? ril_setting(err, w->setting) : -1;
}

/* ---- requests ---- */

/* The next fresh request, if there is one. */
static bool fresh(struct call *c, struct request *r)
{
	while (c->at < c->n && c->begun >= c->q[c->at].n) {
		c->at++;
		c->begun = 0;
	}
	if (c->at >= c->n)
		return false;
	int32_t left = c->q[c->at].n - c->begun;
	*r = (struct request){.question = c->at,
			      .first = c->q[c->at].first + c->begun,
			      .n = c->h->one_each ? 1 : left,
			      .form = c->h->form};
	c->begun += r->n;
	c->h->counts.asked += r->n;
	return true;
}

/* One that waited and is due; what was meant for a server that counts is parted. */
static int due(struct call *c, double now, struct request *r, struct ril_err *err)
{
	for (size_t i = 0; i < c->nlater; i++) {
		if (c->later[i].due > now || c->later[i].doubt)
			continue;
		*r = c->later[i];
		c->later[i] = c->later[--c->nlater];
		if (!c->h->one_each || r->n == 1)
			return 1;
		struct request rest = *r;
		rest.first++;
		rest.n--;
		r->n = 1;
		return add_later(c, rest, err) ? -1 : 1;
	}
	return 0;
}

static int send_one(struct call *c, int slot, struct request r, struct ril_err *err)
{
	struct http *h = c->h;
	struct ril_http_body *b = &h->body[slot];
	struct ril_http_ask ask = {.first = r.first, .n = r.n, .form = r.form};
	if (ril_http_request(&h->how, h->files, &c->q[r.question], &ask, c->how, h->more, b, err) ||
	    (h->wire && ril_wire_post(h->wire, slot, &b->json, err)))
		return -1;
	h->in[slot] = r;
	h->busy[slot] = true;
	h->flying++;
	h->counts.requests++;
	h->counts.pictures += b->pictures;
	h->counts.bytes += (int64_t)b->json.len;
	h->counts.guessed += b->guessed;
	return 0;
}

static bool in_doubt(const struct call *c)
{
	return c->doubts && !c->h->counts_n && !c->h->one_each;
}

/* One answer in place of several will tell. */
static int probe(struct call *c, struct ril_err *err)
{
	size_t i = 0;
	while (!c->later[i].doubt)
		i++;
	struct request r = c->later[i];
	c->later[i] = c->later[--c->nlater];
	c->doubts--;
	r.doubt = false;
	r.rest = r.n - 1;
	r.n = 1;
	return send_one(c, 0, r, err);
}

/* It is known by now whether several answers may be asked for. */
static int settle(struct call *c, struct ril_err *err)
{
	for (size_t i = 0; c->doubts && i < c->nlater; i++) {
		struct request r = c->later[i];
		if (!r.doubt)
			continue;
		c->doubts--;
		c->later[i].doubt = false;
		if (!c->h->counts_n)
			continue;
		c->later[i--] = c->later[--c->nlater];
		if (give_up(c, &r, true, err))
			return -1;
	}
	return 0;
}

/* Fills the idle slots. */
static int send_some(struct call *c, struct ril_err *err)
{
	struct http *h = c->h;
	double now = ril_now();
	if (in_doubt(c))
		return h->flying || now < h->hold ? 0 : probe(c, err);
	if (settle(c, err))
		return -1;
	for (int slot = 0; now >= h->hold && slot < h->how.jobs; slot++) {
		struct request r;
		if (h->busy[slot])
			continue;
		int have = due(c, now, &r, err);
		if (have < 0)
			return -1;
		if (!have && !fresh(c, &r))
			break;
		if (send_one(c, slot, r, err))
			return -1;
	}
	ril_files_rest(h->files);
	return 0;
}

/* Until something is due, but no longer than a moment, so that time-outs are kept. */
static double patience(const struct call *c)
{
	double now = ril_now(), next = now + 1;
	if (in_doubt(c) && c->h->flying)
		return next - now;
	if (c->h->flying < c->h->how.jobs && (c->nlater || c->at < c->n)) {
		double soonest = c->at < c->n ? now : INFINITY;
		for (size_t i = 0; i < c->nlater; i++)
			soonest = fmin(soonest, c->later[i].due);
		next = fmin(next, fmax(soonest, c->h->hold));
	}
	return fmax(0, next - now);
}

static void tell(struct http *h)
{
	double now = ril_now();
	if (!h->how.tell || now - h->told < tell_every)
		return;
	h->told = now;
	h->how.tell(h->how.ctx, &h->counts);
}

static int work(struct call *c, struct ril_err *err)
{
	struct http *h = c->h;
	for (;;) {
		struct ril_wire_reply w;
		if (send_some(c, err))
			return -1;
		if (!h->flying && !c->nlater && c->at >= c->n)
			return 0;
		if (ril_wire_wait(h->wire, patience(c), err))
			return -1;
		for (int slot; (slot = ril_wire_next(h->wire, &w)) >= 0;)
			if (take_ended(c, slot, &w, err))
				return -1;
		tell(h);
	}
}

/* Requests written and counted, and not sent. */
static int rehearse(struct call *c, struct ril_err *err)
{
	struct request r;
	while (fresh(c, &r)) {
		if (send_one(c, 0, r, err))
			return -1;
		c->h->busy[0] = false;
		c->h->flying = 0;
		tell(c->h);
	}
	return 0;
}

static int http_ask(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *how,
		    ril_take_answer *take, void *take_ctx, struct ril_err *err)
{
	struct http *h = ctx;
	struct call c = {.h = h, .q = q, .n = n, .how = how, .take = take, .ctx = take_ctx};
	int rc = h->how.dry ? rehearse(&c, err) : work(&c, err);
	if (!rc && !c.came && c.unreached && !h->how.go_on)
		rc = ril_fail(err, RIL_EFAIL, "no answer: %s", h->counts.last);
	else if (!rc && !h->counts.done && !h->counts.refused && h->counts.failed && !h->how.go_on)
		rc = ril_fail(err, RIL_EFAIL, "%s", h->counts.last);
	free(c.later);
	return rc ? ril_context(err, "%s", h->how.url) : 0;
}

/* ---- opening ---- */

static void http_free(void *ctx)
{
	struct http *h = ctx;
	ril_wire_free(h->wire);
	ril_files_free(h->files);
	cJSON_Delete(h->more);
	for (int i = 0; h->body && i < h->how.jobs; i++)
		ril_buf_free(&h->body[i].json);
	free(h->body);
	free(h->in);
	free(h->busy);
	free(h->identity);
	free(h);
}

static int check(const struct ril_http_options *o, struct ril_err *err)
{
	const char *host = strstr(o->url, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
	if (!host || (strncasecmp(o->url, "http://", 7) && strncasecmp(o->url, "https://", 8)))
		return ril_fail(err, RIL_EUSAGE, "'%s' is no address of a server: http://HOST:PORT/v1", o->url);
	if (memchr(host, '@', slash ? (size_t)(slash - host) : strlen(host)))
		return ril_fail(err, RIL_EUSAGE,
				"a server's address has no name and password: these would be kept with the data"),
		       ril_setting(err, "key file|key env");
	if (strpbrk(o->url, "?# \t\r\n"))
		return ril_fail(err, RIL_EUSAGE, "'%s': an address ends with its path", o->url);
	if (o->proxy && strchr(o->proxy, '@'))
		return ril_fail(err, RIL_EUSAGE,
				"a proxy with a name and a password is set in the environment (https_proxy)");
	return o->model && *o->model ? 0 : ril_fail(err, RIL_EUSAGE, "%s: which of its models?", o->url);
}

static int open_all(struct http *h, struct ril_err *err)
{
	const struct ril_http_options *o = &h->how;
	size_t jobs = (size_t)o->jobs;
	struct ril_buf id = {0};
	if (o->more && !(h->more = ril_json_parse(o->more, strlen(o->more), err)))
		return ril_context(err, "further members"), err->code = RIL_EUSAGE, -1;
	if (o->more && !cJSON_IsObject(h->more))
		return ril_fail(err, RIL_EUSAGE, "further members: '%s' is no JSON object", o->more);
	if (!o->schema || cJSON_GetObjectItemCaseSensitive(h->more, "response_format"))
		h->form = RIL_HTTP_FREE;
	if (ril_buf_printf(&id, err, "http:%s", o->model))
		return -1;
	h->identity = id.data;
	h->body = ril_new(jobs, sizeof *h->body, err);
	h->in = ril_new(jobs, sizeof *h->in, err);
	h->busy = ril_new(jobs, sizeof *h->busy, err);
	if (!h->body || !h->in || !h->busy || !(h->files = ril_files_new(o->image_root, err)))
		return -1;
	return o->dry || (h->wire = ril_wire_new(o, err)) ? 0 : -1;
}

int ril_http_open(struct ril_answerer *who, const struct ril_http_options *o, struct ril_err *err)
{
	if (check(o, err))
		return -1;
	struct http *h = ril_new(1, sizeof *h, err);
	if (!h)
		return -1;
	h->how = *o;
	h->secret = o->key && strlen(o->key) >= SHORTEST_SECRET ? o->key : NULL;
	if (open_all(h, err)) {
		http_free(h);
		return -1;
	}
	*who = (struct ril_answerer){.identity = h->identity, .ask = http_ask, .free = http_free, .ctx = h};
	return 0;
}

const struct ril_http_counts *ril_http_counts(const struct ril_answerer *who)
{
	return &((const struct http *)who->ctx)->counts;
}

void ril_http_counts_add(struct ril_http_counts *sum, const struct ril_http_counts *c)
{
	sum->requests += c->requests;
	sum->retries += c->retries;
	sum->asked += c->asked;
	sum->done += c->done;
	sum->refused += c->refused;
	sum->failed += c->failed;
	sum->prompt_tokens += c->prompt_tokens;
	sum->tokens += c->tokens;
	sum->pictures += c->pictures;
	sum->bytes += c->bytes;
	sum->guessed += c->guessed;
	if (c->last[0])
		memcpy(sum->last, c->last, sizeof sum->last);
}
