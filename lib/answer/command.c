/* command.c -- a program that answers over a pipe; the protocol is in answer.h.
 *
 * Both ends are served in one poll loop, so neither side can block the other however long the lines are.  The program
 * stays for the whole run; its standard error is ours.  One that lets `timeout` seconds pass without a reply, while it
 * is asked for one, has hung. */
#include "answer/answer.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
		ril_fail_errno(err, "cmd:%.80s", c->program);
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
	return fcntl(c->to, F_SETFL, O_NONBLOCK) ? ril_fail_errno(err, "cmd:%.80s", c->program) : 0;
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

static int quote(struct ril_buf *b, const char *name, const char *text, size_t n, struct ril_err *err)
{
	return ril_buf_printf(b, err, ", \"%s\": ", name) || ril_json_quote(b, text, n, false, err) ? -1 : 0;
}

static int request(struct ril_buf *b, int64_t id, const struct ril_query *q, int attempt, struct ril_err *err)
{
	if (ril_buf_printf(b, err, "{\"id\": %lld, \"attempt\": %d", (long long)id, attempt))
		return -1;
	int rc = q->fields ? ril_buf_puts(b, q->fields, err)
			   : quote(b, "key", q->key, strlen(q->key), err) || quote(b, "text", q->text, q->len, err);
	return rc ? -1 : ril_buf_puts(b, "}\n", err);
}

/* A reply to another request than ours means that the two have lost each other. */
static int check_id(const struct command *c, int64_t id, const char *line, size_t n, struct ril_err *err)
{
	cJSON *j = ril_json_parse(line, n, NULL);
	const cJSON *named = cJSON_GetObjectItemCaseSensitive(j, "id");
	int rc = 0;
	if (cJSON_IsNumber(named) && named->valuedouble != (double)id)
		rc = ril_fail(err, RIL_EFAIL, "cmd:%.80s: answered request %.0f instead of %lld", c->program,
			      named->valuedouble, (long long)id);
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
		return ril_fail(err, RIL_EFAIL, "cmd:%.80s: killed by signal %d before it answered", c->program,
				WTERMSIG(status));
	return ril_fail(err, RIL_EFAIL, "cmd:%.80s: ended (exit status %d) before it answered", c->program,
			WEXITSTATUS(status));
}

/* A call: its answers go out as they are read. */
struct call {
	const struct ril_query *q;
	size_t n, at;  /* questions; the one whose answer is next */
	int32_t given; /* answers of that one */
	int64_t id;    /* of that answer's request */
	ril_take_answer *take;
	void *ctx;
};

static int give(struct command *c, struct call *call, char *line, size_t n, struct ril_err *err)
{
	const struct ril_query *q = &call->q[call->at];
	struct ril_answer a = {.question = call->at, .number = q->first + call->given, .text = line, .score = NAN};
	if (check_id(c, call->id, line, n, err))
		return -1;
	line[n] = 0;
	call->id++;
	if (++call->given == q->n) {
		call->given = 0;
		call->at++;
	}
	return call->take(call->ctx, &a, err) < 0 ? -1 : 0;
}

/* Takes the complete lines out of c->in. */
static int take_replies(struct command *c, struct call *call, struct ril_err *err)
{
	size_t done = 0;
	int rc = 0;
	for (char *end;
	     !rc && call->at < call->n && done < c->in.len && (end = memchr(c->in.data + done, '\n', c->in.len - done));
	     done = (size_t)(end - c->in.data) + 1)
		rc = give(c, call, c->in.data + done, (size_t)(end - c->in.data) - done, err);
	if (done)
		memmove(c->in.data, c->in.data + done, c->in.len - done);
	c->in.len -= done;
	return rc;
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
		return errno == EINTR ? 0 : ril_fail_errno(err, "cmd:%.80s", c->program);
	c->hung = true;
	return ril_fail(err, RIL_EFAIL, "cmd:%.80s: no answer for %g seconds", c->program, c->timeout);
}

/* Reads what has come. */
static int hear(struct command *c, struct call *call, struct ril_err *err)
{
	if (ril_buf_reserve(&c->in, 65536, err))
		return -1;
	ssize_t k = read(c->from, c->in.data + c->in.len, 65536);
	if (k == 0 || (k < 0 && errno != EINTR))
		return gone(c, err);
	c->in.len += k > 0 ? (size_t)k : 0;
	return take_replies(c, call, err);
}

static int command_ask(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *how,
		       ril_take_answer *take, void *take_ctx, struct ril_err *err)
{
	struct command *c = ctx;
	struct call call = {.q = q, .n = n, .id = c->next, .take = take, .ctx = take_ctx};
	struct ril_buf out = {0};
	size_t sent = 0;
	int64_t before;
	double since = now();
	int rc = c->pid ? 0 : ril_fail(err, RIL_EFAIL, "cmd:%.80s: has ended", c->program);
	for (size_t i = 0; i < n; i++)
		for (int32_t k = 0; !rc && k < q[i].n; k++)
			rc = request(&out, c->next++, &q[i], how->attempt, err);
	while (!rc && call.at < n) {
		struct pollfd p[2] = {{.fd = c->from, .events = POLLIN},
				      {.fd = sent < out.len ? c->to : -1, .events = POLLOUT}};
		rc = wait_for(c, p, since, err);
		before = call.id;
		if (!rc && p[1].revents) {
			ssize_t k = write(c->to, out.data + sent, out.len - sent);
			if (k < 0 && errno != EINTR && errno != EAGAIN)
				rc = gone(c, err);
			sent += k > 0 ? (size_t)k : 0;
		}
		if (!rc && p[0].revents)
			rc = hear(c, &call, err);
		since = call.id > before ? now() : since;
	}
	ril_buf_free(&out);
	return rc;
}

int ril_command_open(struct ril_answerer *who, const char *program, double timeout, struct ril_err *err)
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
	*who = (struct ril_answerer){.identity = id.data, .ask = command_ask, .free = command_free, .ctx = c};
	return 0;
}
