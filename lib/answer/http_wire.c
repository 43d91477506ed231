/* http_wire.c -- connections, by libcurl's multi interface; see http_internal.h.
 *
 * One easy handle a slot, used again for every request, and one pool of connections for all: they stay open, and HTTP/2 puts many
 * requests on one where the server speaks it (over TLS, as ALPN finds out).
 *
 * Over TLS requests wait for a connection that another one opens, as it may take them all.  Should it not come about, they have failed
 * with it: else each would open the next, one after the other, and a server that is gone would cost a time-out for every request.
 *
 * Redirects are followed here and not by libcurl: only 307 and 308 keep a POST, and only within the origin (scheme, host,
 * port) may the key, and the user's questions, go on.  Time to the first byte is watched here too, as libcurl has no limit for it. */
#include "answer/http_internal.h"

#include "base/progress.h"
#include "base/unused.h"

#ifdef RIL_HAVE_CURL
#include <curl/curl.h>
#include <stdlib.h>

enum { MOST_REPLY = 32 << 20, MOST_HOPS = 5 };

struct slot {
	CURL *easy;
	struct ril_buf reply;
	double since;
	bool busy, heard, ended, too_long, full; /* ended: to be taken; full: no memory for the reply */
	bool connected;                          /* by a connection of its own or another's */
	double opened;                           /* when it opened one; 0: it did not */
	int hops;
	CURLcode code;
	char why[CURL_ERROR_SIZE + 80];
	char said[CURL_ERROR_SIZE]; /* libcurl's own words */
};

struct ril_wire {
	struct ril_http_options how;
	CURLM *multi;
	struct curl_slist *header;
	char *url;
	struct slot *slot; /* [how.jobs] */
	int next;          /* where ril_wire_next goes on */
	bool waits;        /* requests wait for a connection that they may share */
	double moved;      /* when libcurl was called last */
};

static size_t on_bytes(char *at, size_t size, size_t n, void *ctx)
{
	struct slot *s = ctx;
	s->heard = true;
	s->too_long = s->reply.len + n > MOST_REPLY;
	if (s->too_long || (s->full = ril_buf_add(&s->reply, at, size * n, NULL)))
		return 0;
	return n;
}

static size_t on_header(RIL_UNUSED char *at, size_t size, size_t n, void *ctx)
{
	struct slot *s = ctx;
	s->heard = true;
	return size * n;
}

#if LIBCURL_VERSION_NUM >= 0x075000
static int on_socket(void *ctx, RIL_UNUSED curl_socket_t fd, RIL_UNUSED curlsocktype purpose)
{
	struct slot *s = ctx;
	s->opened = ril_now();
	return CURL_SOCKOPT_OK;
}

static int on_connection(void *ctx, RIL_UNUSED char *to, RIL_UNUSED char *from, RIL_UNUSED int to_port,
			 RIL_UNUSED int from_port)
{
	struct slot *s = ctx;
	s->connected = true;
	return CURL_PREREQFUNC_OK;
}

static int watch_connection(struct slot *s)
{
	return curl_easy_setopt(s->easy, CURLOPT_SOCKOPTFUNCTION, on_socket) |
	       curl_easy_setopt(s->easy, CURLOPT_SOCKOPTDATA, s) |
	       curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, on_connection) |
	       curl_easy_setopt(s->easy, CURLOPT_PREREQDATA, s);
}
#else
static int watch_connection(struct slot *s)
{
	return curl_easy_setopt(s->easy, CURLOPT_PIPEWAIT, 0L); /* nobody waits who could be left waiting */
}
#endif

/* ---- opening ---- */

static int add_header(struct ril_wire *w, const char *name, const char *value, struct ril_err *err)
{
	struct ril_buf line = {0};
	struct curl_slist *l = NULL;
	if (!ril_buf_puts(&line, name, err) && !ril_buf_puts(&line, value, err))
		l = curl_slist_append(w->header, line.data);
	if (line.data)
		explicit_bzero(line.data, line.len);
	ril_buf_free(&line);
	if (!l)
		return ril_fail(err, RIL_EFAIL, "out of memory");
	w->header = l;
	return 0;
}

static int set_up(const struct ril_wire *w, struct slot *s)
{
	const struct ril_http_options *o = &w->how;
	CURL *c = s->easy;
	const char *ca = o->ca_file ? o->ca_file : getenv("CURL_CA_BUNDLE");
	int rc = 0;
#if LIBCURL_VERSION_NUM >= 0x075500
	rc |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	rc |= curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	rc |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	rc |= curl_easy_setopt(c, CURLOPT_PIPEWAIT, w->waits ? 1L : 0L);
	rc |= curl_easy_setopt(c, CURLOPT_URL, w->url);
	rc |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, w->header);
	rc |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	rc |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(1000 * o->connect_timeout));
	rc |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(1000 * o->timeout));
	rc |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->said);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERDATA, s);
	rc |= curl_easy_setopt(c, CURLOPT_PRIVATE, s);
	rc |= watch_connection(s);
	if (o->proxy)
		rc |= curl_easy_setopt(c, CURLOPT_PROXY, o->proxy);
	if (ca)
		rc |= curl_easy_setopt(c, CURLOPT_CAINFO, ca);
	if (o->insecure)
		rc |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) | curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	return rc;
}

static int open_slots(struct ril_wire *w, struct ril_err *err)
{
	if (!(w->slot = ril_new((size_t)w->how.jobs, sizeof *w->slot, err)))
		return -1;
	for (int i = 0; i < w->how.jobs; i++) {
		struct slot *s = &w->slot[i];
		if (!(s->easy = curl_easy_init()) || set_up(w, s))
			return ril_fail(err, RIL_EFAIL, "libcurl cannot do what is needed (%s)", curl_version());
	}
	return 0;
}

/* The address that is posted to: the base with what is missing of /v1/chat/completions. */
static int make_url(struct ril_wire *w, struct ril_err *err)
{
	static const char leaf[] = "/chat/completions";
	const char *u = w->how.url, *host = strstr(u, "://");
	size_t n = strlen(u), k = strlen(leaf);
	struct ril_buf b = {0};
	while (n && u[n - 1] == '/')
		n--;
	bool whole = n >= k && !memcmp(u + n - k, leaf, k),
	     bare = host && !memchr(host + 3, '/', n - (size_t)(host + 3 - u));
	if (ril_buf_add(&b, u, n, err) || (!whole && bare && ril_buf_puts(&b, "/v1", err)) ||
	    (!whole && ril_buf_puts(&b, leaf, err)))
		return ril_buf_free(&b), -1;
	w->url = b.data;
	w->waits = !strncasecmp(w->url, "https", 5);
	return 0;
}

static int open_all(struct ril_wire *w, struct ril_err *err)
{
	static bool started; /* libcurl is a process's; one thread opens */
	if (!started && curl_global_init(CURL_GLOBAL_DEFAULT))
		return ril_fail(err, RIL_EFAIL, "libcurl cannot start");
	started = true;
	if (make_url(w, err) || add_header(w, "Content-Type: ", "application/json", err) ||
	    add_header(w, "Accept: ", "application/json", err) || add_header(w, "Expect:", "", err) ||
	    (w->how.key && add_header(w, "Authorization: Bearer ", w->how.key, err)))
		return -1;
	if (!(w->multi = curl_multi_init()))
		return ril_fail(err, RIL_EFAIL, "out of memory");
	curl_multi_setopt(w->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)w->how.jobs);
	curl_multi_setopt(w->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)w->how.jobs);
	return open_slots(w, err);
}

struct ril_wire *ril_wire_new(const struct ril_http_options *how, struct ril_err *err)
{
	struct ril_wire *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->how = *how;
	if (!open_all(w, err))
		return w;
	return ril_wire_free(w), NULL;
}

void ril_wire_free(struct ril_wire *w)
{
	if (!w)
		return;
	for (int i = 0; w->slot && i < w->how.jobs; i++) {
		if (w->slot[i].busy)
			curl_multi_remove_handle(w->multi, w->slot[i].easy);
		curl_easy_cleanup(w->slot[i].easy);
		ril_buf_free(&w->slot[i].reply);
	}
	curl_multi_cleanup(w->multi);
	curl_slist_free_all(w->header);
	free(w->slot);
	free(w->url);
	free(w);
}

/* ---- requests ---- */

static int send_off(struct ril_wire *w, struct slot *s, struct ril_err *err)
{
	s->reply.len = 0;
	s->heard = s->ended = s->too_long = s->full = s->connected = false;
	s->opened = 0;
	s->why[0] = s->said[0] = 0;
	s->since = ril_now();
	CURLMcode rc = curl_multi_add_handle(w->multi, s->easy);
	s->busy = !rc;
	return rc ? ril_fail(err, RIL_EFAIL, "%s", curl_multi_strerror(rc)) : 0;
}

int ril_wire_post(struct ril_wire *w, int slot, const struct ril_buf *body, struct ril_err *err)
{
	struct slot *s = &w->slot[slot];
	s->hops = 0;
	if (curl_easy_setopt(s->easy, CURLOPT_URL, w->url) || curl_easy_setopt(s->easy, CURLOPT_POST, 1L) ||
	    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body->data) ||
	    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len))
		return ril_fail(err, RIL_EFAIL, "out of memory");
	return send_off(w, s, err);
}

static void put_down(struct ril_wire *w, struct slot *s)
{
	if (s->busy)
		curl_multi_remove_handle(w->multi, s->easy);
	s->busy = false;
	s->ended = true;
}

static char *part_of(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	return curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) ? NULL : text;
}

static bool same_origin(const char *a, const char *b)
{
	static const CURLUPart part[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	CURLU *u = curl_url(), *v = curl_url();
	bool same = u && v && !curl_url_set(u, CURLUPART_URL, a, 0) && !curl_url_set(v, CURLUPART_URL, b, 0);
	for (int i = 0; same && i < 3; i++) {
		char *x = part_of(u, part[i]), *y = part_of(v, part[i]);
		same = x && y && !strcasecmp(x, y);
		curl_free(x);
		curl_free(y);
	}
	curl_url_cleanup(u);
	curl_url_cleanup(v);
	return same;
}

/* Follows a redirect that may be followed: true.  Of another s->why says what it is. */
static bool redirected(struct ril_wire *w, struct slot *s, struct ril_err *err)
{
	long status = 0;
	char *to = NULL;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 300 || status > 399)
		return false;
	curl_easy_getinfo(s->easy, CURLINFO_REDIRECT_URL, &to);
	if (!to) {
		snprintf(s->why, sizeof s->why, "redirected (%ld) to nowhere", status);
		return false;
	}
	bool kept = status == 307 || status == 308, here = same_origin(w->url, to);
	if (kept && here && s->hops++ < MOST_HOPS && !curl_easy_setopt(s->easy, CURLOPT_URL, to))
		return !send_off(w, s, err);
	snprintf(s->why, sizeof s->why, "redirected (%ld) to '%.*s'%s", status,
		 (int)(strcspn(to, "?") < 120 ? strcspn(to, "?") : 120), to,
		 !here  ? ", which is another origin: it is not asked unless it is named"
		 : kept ? ", and on and on"
			: ", which would lose what is sent");
	return false;
}

/* Those that waited for the connection that this one did not get, and the first of them, which libcurl had open the next one by now. */
static void end_waiting(struct ril_wire *w, const struct slot *failed)
{
	for (int i = 0; i < w->how.jobs; i++) {
		struct slot *s = &w->slot[i];
		if (!s->busy || s->connected || (s->opened > 0 && s->opened < w->moved))
			continue;
		put_down(w, s);
		s->code = failed->code;
		memcpy(s->said, failed->said, sizeof s->said);
	}
}

static int take_ended(struct ril_wire *w, struct ril_err *err)
{
	const CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(w->multi, &left))) {
		struct slot *s = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		put_down(w, s);
		s->code = code;
		if (!code && redirected(w, s, err))
			s->ended = false;
		else if (err->code)
			return -1;
		else if (code && !s->connected && w->waits)
			end_waiting(w, s);
	}
	return 0;
}

static void end_silent(struct ril_wire *w)
{
	double now = ril_now();
	for (int i = 0; i < w->how.jobs; i++) {
		struct slot *s = &w->slot[i];
		if (!s->busy || s->heard || now - s->since < w->how.first_byte)
			continue;
		put_down(w, s);
		s->code = CURLE_OPERATION_TIMEDOUT;
		snprintf(s->why, sizeof s->why, "no answer for %g seconds", w->how.first_byte);
	}
}

int ril_wire_wait(struct ril_wire *w, double seconds, struct ril_err *err)
{
	struct ril_err why = {0};
	int running = 0;
	w->moved = ril_now();
	CURLMcode rc = curl_multi_perform(w->multi, &running);
	if (!rc && !take_ended(w, &why) && seconds > 0) {
		bool ended = false;
		for (int i = 0; i < w->how.jobs; i++)
			ended |= w->slot[i].ended;
		if (!ended) {
			rc = curl_multi_poll(w->multi, NULL, 0, (int)(1000 * seconds) + 1, NULL);
			w->moved = ril_now();
			rc = rc ? rc : curl_multi_perform(w->multi, &running);
			if (!rc)
				take_ended(w, &why);
		}
	}
	if (rc)
		ril_fail(&why, RIL_EFAIL, "%s", curl_multi_strerror(rc));
	if (why.code)
		return ril_fail(err, why.code, "%s", why.msg);
	end_silent(w);
	return 0;
}

/* ---- what came of it ---- */

/* What no other try would change: the command line, the machine's set-up, or who the server is. */
static enum ril_wire_fate fate_of(CURLcode code, const char **setting)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR: *setting = "cacert|insecure"; return RIL_WIRE_NEVER;
	case CURLE_SSL_CACERT_BADFILE: *setting = "cacert"; return RIL_WIRE_NEVER;
	case CURLE_COULDNT_RESOLVE_PROXY: *setting = "proxy"; return RIL_WIRE_NEVER;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_CIPHER: return RIL_WIRE_NEVER;
	default: return RIL_WIRE_AGAIN;
	}
}

/* A proxy that wants to know who asks, or does not let anybody through: of a tunnel it is a failure, of plain HTTP a status. */
static bool proxy_refuses(const struct slot *s, struct ril_wire_reply *out)
{
	long tunnel = 0;
	curl_easy_getinfo(s->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	return out->status == 407 || (s->code && tunnel >= 400 && tunnel < 500 && tunnel != 408 && tunnel != 429);
}

static void describe(struct slot *s, struct ril_wire_reply *out)
{
	curl_off_t after = 0;
	out->retry_after = curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &after) ? 0 : (double)after;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &out->status);
	out->body = s->reply.data ? s->reply.data : "";
	out->n = s->reply.len;
	bool proxy = proxy_refuses(s, out);
	if (!s->code && !s->why[0] && !proxy)
		return;
	out->fate = s->code ? fate_of(s->code, &out->setting) : RIL_WIRE_NEVER;
	if (proxy) {
		out->fate = RIL_WIRE_NEVER;
		out->setting = "proxy";
	}
	if (proxy && !s->code)
		snprintf(s->why, sizeof s->why, "the proxy's status 407: it wants a name and a password");
	else if (s->too_long)
		snprintf(s->why, sizeof s->why, "a reply of more than %d MiB", MOST_REPLY >> 20);
	else if (s->full)
		snprintf(s->why, sizeof s->why, "out of memory");
	else if (!s->why[0])
		snprintf(s->why, sizeof s->why, "%s", s->said[0] ? s->said : curl_easy_strerror(s->code));
	out->why = s->why;
}

int ril_wire_next(struct ril_wire *w, struct ril_wire_reply *out)
{
	for (int k = 0; k < w->how.jobs; k++) {
		int i = (w->next + k) % w->how.jobs;
		struct slot *s = &w->slot[i];
		if (!s->ended)
			continue;
		s->ended = false;
		w->next = i + 1;
		*out = (struct ril_wire_reply){.fate = RIL_WIRE_DONE};
		describe(s, out);
		return i;
	}
	return -1;
}

#else

struct ril_wire *ril_wire_new(RIL_UNUSED const struct ril_http_options *how, struct ril_err *err)
{
	ril_fail(err, RIL_EFAIL,
		 "this build asks no servers: it was made without libcurl (Debian package libcurl4-openssl-dev; then "
		 "build again)");
	return NULL;
}

void ril_wire_free(RIL_UNUSED struct ril_wire *w)
{
}

int ril_wire_post(RIL_UNUSED struct ril_wire *w, RIL_UNUSED int slot, RIL_UNUSED const struct ril_buf *body,
		  struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "no libcurl");
}

int ril_wire_wait(RIL_UNUSED struct ril_wire *w, RIL_UNUSED double seconds, struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "no libcurl");
}

int ril_wire_next(RIL_UNUSED struct ril_wire *w, RIL_UNUSED struct ril_wire_reply *out)
{
	return -1;
}
#endif
