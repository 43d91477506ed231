/* nccl.c -- a stand-in for NCCL between processes of one machine whose device is the emulated one: what the plug-in calls,
 * through local sockets.
 *
 * It is as strict and as late as the real one may be.  A communicator's ranks meet only while somebody asks how it stands; a
 * group is accepted with ncclInProgress and comes into the stream when that is asked for a second time, so that whoever uses the
 * stream before has its work in the wrong order; the messages themselves travel when the device is waited for.  A peer
 * that is gone makes the device wait for ever.  Messages say their kind and size, and a caller whose messages do not match, who
 * uses a communicator after its end or memory that is not the device's ends at once (abort), with the reason.
 *
 * RIL_NCCL_VERSION=22809; RIL_NCCL_MEET=never: the ranks do not find each other; RIL_NCCL_FAIL=N: the Nth group fails later. */
#include "nccl.h"

#include "simt_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RANKS = 16, CALLS = 256, LIVE = 0x4c495645 };
enum kind { SEND, RECEIVE, GATHER, BROADCAST };

struct call {
	enum kind kind;
	int peer; /* or root */
	const char *from;
	char *to;
	size_t bytes;
	cudaStream_t stream;
};

struct group {
	ncclComm_t comm;
	struct call call[CALLS];
	int n;
};

struct ncclComm {
	int live, rank, size;
	char name[64];
	int door, fd[RANKS];
	bool together, finalized;
	struct group *waiting; /* accepted, not in the stream yet */
	int looks;             /* at it */
	int groups;
	ncclResult_t async;
};

static int depth;
static struct group now;
static char last[256];

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("stand-in for NCCL: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static ncclComm_t alive(ncclComm_t c, const char *what)
{
	if (!c)
		refuse("%s without a communicator", what);
	if (c->live != LIVE)
		refuse("%s after the communicator's end", what);
	return c;
}

/* ---- what it says ---- */

ncclResult_t ncclGetVersion(int *version)
{
	const char *told = getenv("RIL_NCCL_VERSION");
	*version = told ? (int)strtol(told, NULL, 10) : 22809;
	return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t rc)
{
	return rc == ncclSuccess       ? "no error"
	       : rc == ncclRemoteError ? "remote process exited or there was a network error"
				       : "an error";
}

const char *ncclGetLastError(ncclComm_t c)
{
	(void)c;
	return last;
}

/* ---- meeting ---- */

static struct sockaddr_un address(const char *name, int rank, socklen_t *n)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int length = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s.%d", name, rank);
	*n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	return a;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
	unsigned long long random;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return ncclSystemError;
	memset(id, 0, sizeof *id);
	snprintf(id->internal, sizeof id->internal, "ril-nccl/%016llx", random);
	return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int size, ncclUniqueId id, int rank, ncclConfig_t *config)
{
	socklen_t n;
	if (config->size != sizeof *config || config->magic != 0xcafebeef)
		refuse("a configuration that was not initialized");
	if (config->blocking)
		refuse("a communicator that blocks");
	if (size < 2 || size > RANKS || rank < 0 || rank >= size || strncmp(id.internal, "ril-nccl/", 9) != 0)
		refuse("rank %d of %d, or a wrong id", rank, size);
	struct ncclComm *c = calloc(1, sizeof *c);
	if (!c)
		return ncclSystemError;
	*c = (struct ncclComm){.live = LIVE, .rank = rank, .size = size};
	snprintf(c->name, sizeof c->name, "%.63s", id.internal);
	for (int r = 0; r < RANKS; r++)
		c->fd[r] = -1;
	struct sockaddr_un a = address(c->name, rank, &n);
	c->door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->door < 0 || bind(c->door, (struct sockaddr *)(void *)&a, n) || listen(c->door, RANKS))
		refuse("two communicators of one id as rank %d: %s", rank, strerror(errno));
	*out = c;
	return ncclInProgress;
}

static int knock(struct ncclComm *c, int peer)
{
	socklen_t n;
	struct sockaddr_un a = address(c->name, peer, &n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), mine = c->rank;
	if (fd >= 0 && !connect(fd, (struct sockaddr *)(void *)&a, n) &&
	    send(fd, &mine, sizeof mine, MSG_NOSIGNAL) == sizeof mine)
		return fd;
	close(fd);
	return -1;
}

/* The lower ranks are knocked at, the higher ones let in. */
static void come_together(struct ncclComm *c)
{
	const char *told = getenv("RIL_NCCL_MEET");
	int missing = 0, peer, fd;
	if (told && !strcmp(told, "never"))
		return;
	for (int r = 0; r < c->rank; r++)
		if (c->fd[r] < 0)
			c->fd[r] = knock(c, r);
	while ((fd = accept4(c->door, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (recv(fd, &peer, sizeof peer, MSG_WAITALL) != sizeof peer || peer <= c->rank || peer >= c->size ||
		    c->fd[peer] >= 0)
			refuse("a rank that is not one");
		c->fd[peer] = fd;
	}
	for (int r = 0; r < c->size; r++)
		missing += r != c->rank && c->fd[r] < 0;
	c->together = !missing;
}

/* ---- messages, when the device comes to them ---- */

struct header {
	int32_t kind, group;
	uint64_t bytes;
};

struct message {
	struct header head;
	char *p;
	size_t done; /* of head and data */
};

struct lane {
	struct message at[CALLS];
	int n, next;
};

static void add(struct lane *l, enum kind kind, int group, const void *p, size_t bytes)
{
	l->at[l->n++] = (struct message){{(int32_t)kind, group, bytes}, (char *)(uintptr_t)p, 0};
}

/* A peer that is gone: a device's kernel would wait for it. */
__attribute__((noreturn)) static void wait_for_ever(void)
{
	for (;;)
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
}

static bool moved(ssize_t n)
{
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n <= 0)
		wait_for_ever();
	return true;
}

static void push(struct lane *l, int fd)
{
	enum { HEAD = sizeof(struct header) };
	while (l->next < l->n) {
		struct message *m = &l->at[l->next];
		bool head = m->done < HEAD;
		ssize_t n = head ? send(fd, (char *)&m->head + m->done, HEAD - m->done, MSG_DONTWAIT | MSG_NOSIGNAL)
				 : send(fd, m->p + (m->done - HEAD), m->head.bytes - (m->done - HEAD),
					MSG_DONTWAIT | MSG_NOSIGNAL);
		if (!moved(n))
			return;
		m->done += (size_t)n;
		l->next += m->done == HEAD + m->head.bytes;
	}
}

static void pull(struct lane *l, int fd, int peer)
{
	enum { HEAD = sizeof(struct header) };
	static struct header came[RANKS];
	while (l->next < l->n) {
		struct message *m = &l->at[l->next];
		struct header *h = &came[peer];
		bool head = m->done < HEAD;
		ssize_t n = head ? recv(fd, (char *)h + m->done, HEAD - m->done, MSG_DONTWAIT)
				 : recv(fd, m->p + (m->done - HEAD), m->head.bytes - (m->done - HEAD), MSG_DONTWAIT);
		if (!moved(n))
			return;
		m->done += (size_t)n;
		if (m->done == HEAD && memcmp(h, &m->head, sizeof *h) != 0)
			refuse("rank %d sent %llu bytes of kind %d in group %d where %llu of kind %d in %d were due",
			       peer, (unsigned long long)h->bytes, h->kind, h->group, (unsigned long long)m->head.bytes,
			       m->head.kind, m->head.group);
		l->next += m->done == HEAD + m->head.bytes;
	}
}

static void spread(struct ncclComm *c, const struct call *k, struct lane *out, struct lane *in, int group)
{
	size_t all = k->kind == GATHER ? k->bytes * (size_t)c->size : k->bytes;
	bool reads = k->kind == SEND || (k->kind == BROADCAST && k->peer == c->rank);
	const char *p = k->kind == SEND ? k->from : k->to;
	simt_expect_device(reads ? "sending" : "receiving into", p, all);
	for (int r = 0; r < c->size; r++) {
		if (r == c->rank || ((k->kind == SEND || k->kind == RECEIVE) && r != k->peer))
			continue;
		if (reads || k->kind == GATHER)
			add(&out[r], k->kind, group, k->from, k->bytes);
		if (k->kind == RECEIVE)
			add(&in[r], SEND, group, k->to, k->bytes);
		if (k->kind == GATHER)
			add(&in[r], GATHER, group, k->to + (size_t)r * k->bytes, k->bytes);
		if (k->kind == BROADCAST && k->peer == r)
			add(&in[r], BROADCAST, group, k->to, k->bytes);
	}
	if (reads || k->kind == GATHER)
		simt_reads(k->from, k->bytes);
	if (!reads && simt_checks)
		simt_checks->host_wrote(k->to, all);
}

static void travel(const void *ctx)
{
	static struct lane out[RANKS], in[RANKS];
	struct group *g = *(struct group *const *)ctx;
	struct ncclComm *c = g->comm;
	const char *told = getenv("RIL_NCCL_FAIL");
	int left = 1;
	c->groups++;
	if (told && strtol(told, NULL, 10) == c->groups) {
		c->async = ncclRemoteError;
		snprintf(last, sizeof last, "as RIL_NCCL_FAIL has it");
		free(g);
		return;
	}
	memset(out, 0, sizeof out);
	memset(in, 0, sizeof in);
	for (int i = 0; i < g->n; i++)
		spread(c, &g->call[i], out, in, c->groups);
	while (left) {
		struct pollfd p[RANKS];
		left = 0;
		for (int r = 0; r < c->size; r++) {
			if (c->fd[r] >= 0)
				push(&out[r], c->fd[r]), pull(&in[r], c->fd[r], r);
			short to = out[r].next < out[r].n ? POLLOUT : 0, from = in[r].next < in[r].n ? POLLIN : 0;
			p[r] = (struct pollfd){.fd = to || from ? c->fd[r] : -1, .events = to | from};
			left |= to | from;
		}
		if (left)
			poll(p, (nfds_t)c->size, 1000);
	}
	free(g);
}

/* ---- how it stands ---- */

ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t *out)
{
	alive(c, "ncclCommGetAsyncError");
	if (!c->together)
		come_together(c);
	if (c->waiting && ++c->looks == 2) {
		simt_host_call(c->waiting->call[0].stream, travel, &c->waiting, sizeof c->waiting);
		c->waiting = NULL;
	}
	*out = c->async ? c->async : !c->together || c->waiting ? ncclInProgress : ncclSuccess;
	return ncclSuccess;
}

static void end(ncclComm_t c)
{
	for (int r = 0; r < RANKS; r++)
		if (c->fd[r] >= 0)
			close(c->fd[r]);
	close(c->door);
	c->live = 0; /* and stays, for those who use it on */
}

ncclResult_t ncclCommFinalize(ncclComm_t c)
{
	alive(c, "ncclCommFinalize");
	if (!c->together || c->waiting)
		refuse("ncclCommFinalize while something goes on");
	c->finalized = true;
	return ncclInProgress;
}

ncclResult_t ncclCommDestroy(ncclComm_t c)
{
	if (!alive(c, "ncclCommDestroy")->finalized)
		refuse("ncclCommDestroy before ncclCommFinalize");
	end(c);
	return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t c)
{
	end(alive(c, "ncclCommAbort"));
	return ncclSuccess;
}

/* ---- calls ---- */

ncclResult_t ncclGroupStart(void)
{
	if (depth++)
		refuse("a group in a group");
	now = (struct group){0};
	return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
	ncclComm_t c = now.comm;
	if (depth-- != 1)
		refuse("ncclGroupEnd without a group");
	if (!now.n)
		return ncclSuccess;
	if (c->waiting)
		refuse("a group before the last one was accepted");
	c->waiting = malloc(sizeof *c->waiting);
	if (!c->waiting)
		return ncclSystemError;
	*c->waiting = now;
	c->looks = 0;
	return ncclInProgress;
}

static ncclResult_t put(const char *what, ncclComm_t c, ncclDataType_t type, struct call k)
{
	alive(c, what);
	if (!c->together)
		refuse("%s before the ranks have met", what);
	if (depth != 1 || now.n == CALLS || (now.comm && now.comm != c))
		refuse("%s outside of a group, or too many in one", what);
	if (type != ncclInt8 || !k.bytes || k.peer < 0 || k.peer >= c->size)
		refuse("%s of another type, of nothing, or with a rank that is none", what);
	if ((k.kind == SEND || k.kind == RECEIVE) && k.peer == c->rank)
		refuse("%s to itself", what);
	if (now.n && k.stream != now.call[0].stream)
		refuse("%s in another stream", what);
	now.comm = c;
	now.call[now.n++] = k;
	return ncclInProgress;
}

ncclResult_t ncclSend(const void *p, size_t n, ncclDataType_t type, int to, ncclComm_t c, cudaStream_t stream)
{
	return put("ncclSend", c, type, (struct call){SEND, to, p, NULL, n, stream});
}

ncclResult_t ncclRecv(void *p, size_t n, ncclDataType_t type, int from, ncclComm_t c, cudaStream_t stream)
{
	return put("ncclRecv", c, type, (struct call){RECEIVE, from, NULL, p, n, stream});
}

ncclResult_t ncclAllGather(const void *from, void *to, size_t n, ncclDataType_t type, ncclComm_t c, cudaStream_t stream)
{
	if ((const char *)from != (char *)to + (size_t)c->rank * n)
		refuse("ncclAllGather not in place");
	return put("ncclAllGather", c, type, (struct call){GATHER, 0, from, to, n, stream});
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t n, ncclDataType_t type, int root, ncclComm_t c,
			   cudaStream_t stream)
{
	if (from != to)
		refuse("ncclBroadcast not in place");
	return put("ncclBroadcast", c, type, (struct call){BROADCAST, root, from, to, n, stream});
}
