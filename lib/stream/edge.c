/* edge.c -- the FIFO from ril-update back to ril-rollout; see edge.h. */
#include "stream/edge.h"

#include "base/file.h"
#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_WATCH = 8, RETRY_MS = 20 };

struct ril_edge {
	int fd;
	char *name;
	struct ril_buf line; /* bytes read and not yet taken */
	int64_t step;        /* newest announced; INT64_MIN before the first */
	struct ril_buf path;
	double waited;
};

int ril_wait_readable(int fd, int ms, const struct ril_watch *watch, size_t n, struct ril_err *err)
{
	struct pollfd p[MAX_WATCH + 1] = {{.fd = fd, .events = POLLIN}};
	if (n > MAX_WATCH)
		n = MAX_WATCH;
	for (size_t i = 0; i < n; i++)
		p[i + 1].fd = watch[i].fd; /* POLLERR (no readers left) and POLLHUP (no writers) come unasked */
	int rc = poll(p, (nfds_t)n + 1, ms);
	if (rc < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : ril_fail_errno(err, "poll");
	for (size_t i = 0; i < n; i++)
		if (p[i + 1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return ril_fail(err, RIL_EFAIL, "%s is gone", watch[i].who);
	return p[0].revents != 0;
}

static struct ril_edge *edge_new(const char *fifo, struct ril_err *err)
{
	struct stat st;
	if (stat(fifo, &st))
		return ril_fail_errno(err, "%s", fifo), NULL;
	if (!S_ISFIFO(st.st_mode))
		return ril_fail(err, RIL_EUSAGE, "%s: the edge must be a FIFO (mkfifo)", fifo), NULL;
	struct ril_edge *e = ril_new(1, sizeof *e, err);
	if (!e)
		return NULL;
	e->fd = -1;
	e->step = INT64_MIN;
	if (!(e->name = ril_strdup(fifo, err)))
		return ril_edge_free(e), NULL;
	return e;
}

struct ril_edge *ril_edge_open_read(const char *fifo, struct ril_err *err)
{
	struct ril_edge *e = edge_new(fifo, err);
	if (e && (e->fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
		ril_fail_errno(err, "%s", fifo);
		ril_edge_free(e);
		return NULL;
	}
	return e;
}

struct ril_edge *ril_edge_open_write(const char *fifo, const struct ril_watch *watch, size_t n, struct ril_err *err)
{
	struct ril_edge *e = edge_new(fifo, err);
	if (!e)
		return NULL;
	while ((e->fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
		if (errno != ENXIO && errno != EINTR) {
			ril_fail_errno(err, "%s", fifo);
			break;
		}
		if (ril_wait_readable(-1, RETRY_MS, watch, n, err) < 0)
			break;
	}
	if (e->fd >= 0)
		return e;
	ril_edge_free(e);
	return NULL;
}

void ril_edge_free(struct ril_edge *e)
{
	if (!e)
		return;
	if (e->fd >= 0)
		close(e->fd);
	ril_buf_free(&e->line);
	ril_buf_free(&e->path);
	free(e->name);
	free(e);
}

int ril_edge_announce(struct ril_edge *e, int64_t step, const char *path, struct ril_err *err)
{
	char line[PIPE_BUF];
	int n = snprintf(line, sizeof line, "%lld %s\n", (long long)step, path);
	if (n >= PIPE_BUF || strchr(path, '\n'))
		return ril_fail(err, RIL_EFAIL, "%s: the path of version %lld does not fit a line", e->name,
				(long long)step);
	struct iovec iov = {line, (size_t)n};
	return ril_write_all(e->fd, &iov, 1, err) ? ril_context(err, "%s", e->name) : 0;
}

/* Takes whole lines off e->line; the last one is the newest version. */
static int take_lines(struct ril_edge *e, struct ril_err *err)
{
	char *from = e->line.data, *nl;
	size_t left = e->line.len;
	while (left && (nl = memchr(from, '\n', left))) {
		char *path;
		*nl = 0;
		errno = 0;
		long long step = strtoll(from, &path, 10);
		if (path == from || *path != ' ' || errno || step <= e->step)
			return ril_fail(err, RIL_ECORRUPT, "%s: not a new version: '%.80s'", e->name, from);
		e->step = step;
		e->path.len = 0;
		if (ril_buf_puts(&e->path, path + 1, err))
			return -1;
		left -= (size_t)(nl + 1 - from);
		from = nl + 1;
	}
	if (left)
		memmove(e->line.data, from, left);
	e->line.len = left;
	return 0;
}

/* Reads what is there.  Returns 1 on data, 0 when there is none now, -1 on failure; sets *end at the writer's end. */
static int read_lines(struct ril_edge *e, bool *end, struct ril_err *err)
{
	if (ril_buf_reserve(&e->line, PIPE_BUF, err))
		return -1;
	ssize_t n = read(e->fd, e->line.data + e->line.len, PIPE_BUF);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : ril_fail_errno(err, "%s", e->name);
	*end = n == 0;
	e->line.len += (size_t)n;
	return take_lines(e, err) ? -1 : n > 0;
}

/* Before the first writer came, a FIFO reads as ended but poll() does not wake: so poll first, always. */
static int wait_lines(struct ril_edge *e, const struct ril_watch *watch, size_t n, bool *end, struct ril_err *err)
{
	int ready = ril_wait_readable(e->fd, -1, watch, n, err);
	return ready <= 0 ? ready : read_lines(e, end, err);
}

static int wait_for_step(struct ril_edge *e, int64_t step, const struct ril_watch *watch, size_t n, struct ril_err *err)
{
	bool end = false;
	while (e->step < step) {
		if (wait_lines(e, watch, n, &end, err) < 0)
			return -1;
		if (end && e->step < step)
			return ril_fail(err, RIL_EFAIL, "%s: ril-update is gone: version %lld never came", e->name,
					(long long)step);
	}
	return 0;
}

int ril_edge_wait(struct ril_edge *e, int64_t step, const struct ril_watch *watch, size_t n, int64_t *got,
		  const char **path, struct ril_err *err)
{
	double t0 = ril_now();
	int rc = wait_for_step(e, step, watch, n, err);
	e->waited += ril_now() - t0;
	if (rc)
		return -1;
	*got = e->step;
	*path = e->path.data;
	return 0;
}

double ril_edge_waited(const struct ril_edge *e)
{
	return e->waited;
}

int ril_edge_drain(struct ril_edge *e, const struct ril_watch *watch, size_t n, struct ril_err *err)
{
	for (bool end = false; !end;)
		if (wait_lines(e, watch, n, &end, err) < 0)
			return -1;
	return 0;
}
