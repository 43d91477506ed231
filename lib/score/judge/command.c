/* command.c -- an outside judge over a pipe; the protocol is in outside.h.
 *
 * Both ends are served in one poll loop, so neither side can block the other however long the lines are.  The program
 * stays for the whole run; its standard error is ours.  One that lets `timeout` seconds pass without a reply, while it
 * is asked for one, has hung. */
#include "score/judge/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct command {
	char *identity;
	const char *program;
	pid_t pid;
	int to, from;
	int64_t next; /* id of the next request */
	double timeout;
	bool hung;
	struct ril_buf in; /* what was read beyond the replies taken */
};

static int start(struct command *c, struct ril_err *err)
{
	int down[2] = {-1, -1}, up[2] = {-1, -1};
	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC) || (c->pid = fork()) < 0) {
		ril_fail_errno(err, "cmd:%s", c->program);
		for (int i = 0; i < 2; i++) {
			if (down[i] >= 0)
				close(down[i]);
			if (up[i] >= 0)
				close(up[i]);
		}
		return -1;
	}
	if (!c->pid) {
		signal(SIGPIPE, SIG_DFL);
		if (dup2(down[0], 0) == 0 && dup2(up[1], 1) == 1)
			execl("/bin/sh", "sh", "-c", c->program, (char *)NULL);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	c->to = down[1];
	c->from = up[0];
	return fcntl(c->to, F_SETFL, O_NONBLOCK) ? ril_fail_errno(err, "cmd:%s", c->program) : 0;
}

/* Has the program closed its output within so many milliseconds of its last word? */
static bool leaves(struct command *c, int patience)
{
	char scrap[4096];
	struct pollfd p = {.fd = c->from, .events = POLLIN};
	while (poll(&p, 1, patience) > 0)
		if (read(c->from, scrap, sizeof scrap) <= 0)
			return true;
	return false;
}

/* Ends the program: it sees the end of its input, has five seconds to leave, is then told to, and at last made to. */
static void stop(struct command *c)
{
	close(c->to);
	if (c->hung || !leaves(c, 5000)) {
		kill(c->pid, SIGTERM);
		if (!leaves(c, 1000))
			kill(c->pid, SIGKILL);
	}
	close(c->from);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void command_free(void *ctx)
{
	struct command *c = ctx;
	if (c->pid > 0)
		stop(c);
	ril_buf_free(&c->in);
	free(c->identity);
	free(c);
}

static int quote(struct ril_buf *b, const char *name, const char *text, struct ril_err *err)
{
	return ril_buf_printf(b, err, ", \"%s\": ", name) || ril_json_quote(b, text, strlen(text), false, err) ? -1 : 0;
}

static int quote_list(struct ril_buf *b, const char *name, const char *const *text, size_t n, struct ril_err *err)
{
	if (ril_buf_printf(b, err, ", \"%s\": [", name))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (ril_buf_puts(b, i ? ", " : "", err) || ril_json_quote(b, text[i], strlen(text[i]), false, err))
			return -1;
	return ril_buf_puts(b, "]", err);
}

static int request(struct ril_buf *b, int64_t id, const struct ril_item *it, int attempt, struct ril_err *err)
{
	const struct ril_question *q = it->q;
	return ril_buf_printf(b, err, "{\"id\": %lld, \"attempt\": %d", (long long)id, attempt) ||
			       quote(b, "key", q->key, err) || quote(b, "type", q->type, err) ||
			       quote(b, "question", q->text, err) ||
			       quote_list(b, "answers", q->answers, q->n_answers, err) ||
			       quote_list(b, "choices", q->choices, q->n_choices, err) ||
			       quote(b, "response", it->response, err) || ril_buf_puts(b, "}\n", err)
		       ? -1
		       : 0;
}

/* A reply to another request than ours means that the two have lost each other: an error.  Anything else that is not
 * understood is an unread reply. */
static int read_reply(struct command *c, int64_t id, const char *line, size_t n, struct ril_reply *r,
		      struct ril_err *err)
{
	cJSON *j = ril_json_parse(line, n, NULL);
	const cJSON *score = cJSON_GetObjectItemCaseSensitive(j, "score"),
		    *named = cJSON_GetObjectItemCaseSensitive(j, "id");
	int rc = ril_buf_add(&r->text, line, n, err);
	if (!rc && cJSON_IsNumber(named) && named->valuedouble != (double)id)
		rc = ril_fail(err, RIL_EFAIL, "cmd:%s: answered request %.0f instead of %lld", c->program,
			      named->valuedouble, (long long)id);
	r->read = true;
	if (cJSON_IsBool(score))
		r->score = cJSON_IsTrue(score);
	else if (cJSON_IsNull(score))
		r->score = NAN;
	else if (cJSON_IsNumber(score) && score->valuedouble >= 0 && score->valuedouble <= 1)
		r->score = score->valuedouble;
	else
		r->read = false;
	cJSON_Delete(j);
	return rc;
}

static int gone(struct command *c, struct ril_err *err)
{
	int status = 0;
	close(c->to);
	close(c->from);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	if (WIFSIGNALED(status))
		return ril_fail(err, RIL_EFAIL, "cmd:%s: killed by signal %d before it answered", c->program,
				WTERMSIG(status));
	return ril_fail(err, RIL_EFAIL, "cmd:%s: ended (exit status %d) before it answered", c->program,
			WEXITSTATUS(status));
}

/* Takes the complete lines out of c->in; *got counts replies. */
static int take_replies(struct command *c, int64_t first, size_t n, size_t *got, struct ril_reply *reply,
			struct ril_err *err)
{
	size_t done = 0;
	for (char *end; *got < n && done < c->in.len && (end = memchr(c->in.data + done, '\n', c->in.len - done));
	     ++*got) {
		if (read_reply(c, first + (int64_t)*got, c->in.data + done, (size_t)(end - c->in.data) - done,
			       &reply[*got], err))
			return -1;
		done = (size_t)(end - c->in.data) + 1;
	}
	if (done)
		memmove(c->in.data, c->in.data + done, c->in.len - done);
	c->in.len -= done;
	return 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Waits until one end is ready; `since`: the last reply. */
static int wait_for(struct command *c, struct pollfd p[2], double since, struct ril_err *err)
{
	double left = c->timeout - (now() - since);
	int n = left > 0 ? poll(p, 2, (int)ceil(1000 * left)) : 0;
	if (n > 0)
		return 0;
	p[0].revents = p[1].revents = 0;
	if (n < 0)
		return errno == EINTR ? 0 : ril_fail_errno(err, "cmd:%s", c->program);
	c->hung = true;
	return ril_fail(err, RIL_EFAIL, "cmd:%s: no answer for %g seconds", c->program, c->timeout);
}

static int command_ask(void *ctx, const struct ril_item *const *it, size_t n, int attempt, struct ril_reply *reply,
		       struct ril_err *err)
{
	struct command *c = ctx;
	struct ril_buf out = {0};
	size_t sent = 0, got = 0, before;
	double since = now();
	int64_t first = c->next;
	int rc = c->pid ? 0 : ril_fail(err, RIL_EFAIL, "cmd:%s: has ended", c->program);
	for (size_t i = 0; !rc && i < n; i++)
		rc = request(&out, c->next++, it[i], attempt, err);
	while (!rc && got < n) {
		struct pollfd p[2] = {{.fd = c->from, .events = POLLIN},
				      {.fd = sent < out.len ? c->to : -1, .events = POLLOUT}};
		rc = wait_for(c, p, since, err);
		before = got;
		if (!rc && p[1].revents) {
			ssize_t k = write(c->to, out.data + sent, out.len - sent);
			if (k < 0 && errno != EINTR && errno != EAGAIN)
				rc = gone(c, err);
			sent += k > 0 ? (size_t)k : 0;
		}
		if (!rc && p[0].revents && !(rc = ril_buf_reserve(&c->in, 65536, err))) {
			ssize_t k = read(c->from, c->in.data + c->in.len, 65536);
			if (k == 0 || (k < 0 && errno != EINTR))
				rc = gone(c, err);
			c->in.len += k > 0 ? (size_t)k : 0;
			rc = rc ? rc : take_replies(c, first, n, &got, reply, err);
			since = got > before ? now() : since;
		}
	}
	ril_buf_free(&out);
	return rc;
}

int ril_command_open(struct ril_witness *w, const char *program, double timeout, struct ril_err *err)
{
	struct command *c = ril_new(1, sizeof *c, err);
	struct ril_buf id = {0};
	if (!c)
		return -1;
	c->program = program;
	c->timeout = timeout;
	if (!*program)
		ril_fail(err, RIL_EUSAGE, "cmd: must be followed by a program");
	if (!*program || ril_buf_printf(&id, err, "cmd:%s", program) || start(c, err)) {
		ril_buf_free(&id);
		free(c);
		return -1;
	}
	c->identity = id.data;
	*w = (struct ril_witness){.identity = id.data, .ask = command_ask, .free = command_free, .ctx = c};
	return 0;
}
