/* watch.c -- the ranks of a world watch over each other, so that none waits for one that is gone.
 *
 * A launcher ends a job when a process that it started dies.  But a rank is often a stage of a pipeline, whose shell the
 * launcher knows and the rank it does not, and a failed rank's messages never come.  So each rank holds a connection (TCP) to
 * rank 0 for as long as it lives.  A kernel closes it when the process ends in whatever way, and where a machine is lost the
 * keep-alive probes miss it within seconds.  Rank 0 passes on who failed, and why if the rank could say so.
 *
 * A thread waits on the connections; it calls `lost` and nothing else of the program's.  Connections are told from
 * strangers' by a secret, which travels as the world's other messages do. */
#include "world/watch_internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESSES = 16, SECRET = 16, PATIENCE = 10 /* seconds, of those who connect */ };

/* Where rank 0 listens: its addresses, those of IPv4 as IPv6 has them (::ffff:a.b.c.d). */
struct door {
	struct in6_addr at[ADDRESSES];
	int n;
	in_port_t port;
	unsigned char secret[SECRET];
};

struct greeting {
	unsigned char secret[SECRET];
	int32_t rank;
};

enum word { FAREWELL, FAILURE };
struct message {
	int32_t word, rank, code;
	char why[400];
};

struct ril_watch {
	int rank, size;
	char (*host)[64];
	ril_world_lost *lost;
	int *fd;    /* [size]: rank 0's to each rank, each rank's to rank 0 at [0]; -1: none */
	bool *away; /* [size]: those who have said farewell; the thread's alone */
	int door;
	int stop[2]; /* a pipe: the thread is to end */
	pthread_t thread;
	bool started;
};

/* ---- connecting ---- */

static int patient(int fd)
{
	const struct timeval most = {.tv_sec = PATIENCE};
	int on = 1, idle = 3, every = 1, probes = 4, lost = 1000 * (idle + every * probes);
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) ||
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) ||
	       setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) ||
	       setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) ||
	       setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) ||
	       setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every) ||
	       setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) ||
	       setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost, sizeof lost);
}

static bool whole(ssize_t n, size_t wanted)
{
	return n >= 0 && (size_t)n == wanted;
}

static struct in6_addr as_ipv6(struct in_addr a)
{
	struct in6_addr out = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(out.s6_addr + 12, &a, sizeof a);
	return out;
}

static bool is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* Those of IPv4 first.  A link's own (fe80::) means nothing without an interface of whoever connects. */
static void list_addresses(struct door *d)
{
	struct ifaddrs *all;
	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *i = all; i && d->n < ADDRESSES; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET)
			d->at[d->n++] = as_ipv6(((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr);
	for (struct ifaddrs *i = all; i && d->n < ADDRESSES; i = i->ifa_next) {
		const struct sockaddr_in6 *a = (const void *)i->ifa_addr;
		if (a && a->sin6_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr))
			d->at[d->n++] = a->sin6_addr;
	}
	freeifaddrs(all);
}

/* AF_INET6: a socket of both protocols; AF_INET for a kernel that has no other. */
static int listen_at(int family, struct ril_watch *w, in_port_t *port)
{
	const int off = 0;
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at = {.six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}};
	if (family == AF_INET)
		at.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t n = family == AF_INET ? sizeof at.four : sizeof at.six;
	w->door = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->door < 0)
		return -1;
	if ((family == AF_INET || !setsockopt(w->door, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off)) &&
	    !bind(w->door, &at.any, n) && !listen(w->door, w->size) && !getsockname(w->door, &at.any, &n)) {
		*port = family == AF_INET ? at.four.sin_port : at.six.sin6_port;
		return 0;
	}
	close(w->door);
	return w->door = -1;
}

static int open_door(struct ril_watch *w, struct door *d, struct ril_err *err)
{
	if ((listen_at(AF_INET6, w, &d->port) && listen_at(AF_INET, w, &d->port)) ||
	    !whole(getrandom(d->secret, sizeof d->secret, 0), sizeof d->secret))
		return ril_fail_errno(err, "waiting for the other ranks");
	list_addresses(d);
	return 0;
}

static int connect_to(const struct in6_addr *address, in_port_t port)
{
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = *address, .sin6_port = port};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = port};
	bool old = IN6_IS_ADDR_V4MAPPED(address);
	memcpy(&four.sin_addr, address->s6_addr + 12, sizeof four.sin_addr);
	int fd = socket(old ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!patient(fd) &&
	    !connect(fd, old ? (const void *)&four : (const void *)&six, old ? sizeof four : sizeof six))
		return fd;
	close(fd);
	return -1;
}

/* The loopback of another host is not rank 0's. */
static int knock(struct ril_watch *w, const struct door *d, struct ril_err *err)
{
	struct greeting g = {.rank = w->rank};
	bool here = !strcmp(w->host[0], w->host[w->rank]);
	memcpy(g.secret, d->secret, sizeof g.secret);
	for (int i = 0; i < d->n; i++) {
		if ((is_loopback(&d->at[i]) && !here) || (w->fd[0] = connect_to(&d->at[i], d->port)) < 0)
			continue;
		if (whole(send(w->fd[0], &g, sizeof g, MSG_NOSIGNAL), sizeof g))
			return 0;
		close(w->fd[0]);
		w->fd[0] = -1;
	}
	return ril_fail(err, RIL_EFAIL, "no connection to rank 0, on %s", w->host[0]);
}

/* One of those who knock; strangers are turned away. */
static int let_in(struct ril_watch *w, const struct door *d)
{
	struct greeting g;
	int fd = accept4(w->door, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? 0 : -1;
	bool known = !patient(fd) && whole(recv(fd, &g, sizeof g, MSG_WAITALL), sizeof g) &&
		     !memcmp(g.secret, d->secret, sizeof g.secret) && g.rank > 0 && g.rank < w->size &&
		     w->fd[g.rank] < 0;
	if (!known)
		return close(fd), 0;
	w->fd[g.rank] = fd;
	return 1;
}

static int let_all_in(struct ril_watch *w, const struct door *d, struct ril_err *err)
{
	for (int n = 1; n < w->size;) {
		struct pollfd p = {.fd = w->door, .events = POLLIN};
		int rc = poll(&p, 1, 1000 * PATIENCE);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc > 0)
			rc = let_in(w, d);
		else
			rc = -1;
		if (rc < 0)
			return ril_fail(err, RIL_EFAIL, "%d of %d ranks did not connect to rank 0", w->size - n,
					w->size - 1);
		n += rc;
	}
	return 0;
}

/* ---- watching ---- */

static void pass_on(const struct ril_watch *w, const struct message *m)
{
	for (int r = 0; r < w->size; r++)
		if (w->fd[r] >= 0 && r != m->rank && send(w->fd[r], m, sizeof *m, MSG_NOSIGNAL) < 0)
			continue; /* it is gone itself */
}

/* One connection has something: 1 when the world is lost. */
static int hear(struct ril_watch *w, int r)
{
	struct message m = {.rank = r};
	char text[600];
	ssize_t n = recv(w->fd[r], &m, sizeof m, MSG_WAITALL);
	if (whole(n, sizeof m) && m.word == FAREWELL) {
		w->away[r] = true; /* who may still be told things */
		return 0;
	}
	if (!whole(n, sizeof m))
		m = (struct message){.word = FAILURE,
				     .rank = r,
				     .code = RIL_EFAIL,
				     .why = "is gone without a word: killed, or its machine is lost"};
	m.why[sizeof m.why - 1] = 0;
	if (!w->rank)
		pass_on(w, &m);
	snprintf(text, sizeof text, "rank %d, on %s, %s", m.rank, w->host[m.rank >= 0 && m.rank < w->size ? m.rank : 0],
		 m.why);
	w->lost(text, m.code);
	return 1;
}

static void *watch(void *ctx)
{
	struct ril_watch *w = ctx;
	struct pollfd *p = calloc((size_t)w->size + 1, sizeof *p);
	for (;;) {
		for (int r = 0; p && r < w->size; r++)
			p[r] = (struct pollfd){.fd = w->away[r] ? -1 : w->fd[r], .events = POLLIN};
		if (!p)
			return NULL;
		p[w->size] = (struct pollfd){.fd = w->stop[0], .events = POLLIN};
		if (poll(p, (nfds_t)w->size + 1, -1) < 0 && errno != EINTR)
			break;
		if (p[w->size].revents)
			break;
		for (int r = 0; r < w->size; r++)
			if (p[r].revents && hear(w, r))
				return free(p), NULL;
	}
	free(p);
	return NULL;
}

int ril_watch_thread(pthread_t *thread, void *(*work)(void *), void *ctx)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(thread, NULL, work, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static int start_thread(struct ril_watch *w, struct ril_err *err)
{
	if (pipe(w->stop))
		return ril_fail_errno(err, "watching the other ranks");
	int rc = ril_watch_thread(&w->thread, watch, w);
	w->started = !rc;
	return rc ? ril_fail(err, RIL_EFAIL, "watching the other ranks: %s", strerror(rc)) : 0;
}

struct ril_watch *ril_watch_start(const struct ril_world *world, char (*host)[64], ril_world_lost *lost,
				  struct ril_err *err)
{
	struct door mine = {0};
	struct ril_watch *w = ril_new(1, sizeof *w, err);
	struct door *doors = ril_new((size_t)world->size, sizeof *doors, err);
	int rc = w && doors ? 0 : -1;
	if (w)
		*w = (struct ril_watch){.rank = world->rank,
					.size = world->size,
					.host = host,
					.lost = lost,
					.door = -1,
					.stop = {-1, -1}};
	if (!rc)
		rc = (w->fd = ril_new((size_t)w->size, sizeof *w->fd, err)) &&
				     (w->away = ril_new((size_t)w->size, sizeof *w->away, err))
			     ? 0
			     : -1;
	for (int r = 0; w && w->fd && r < w->size; r++)
		w->fd[r] = -1;
	if (!rc && !w->rank)
		rc = open_door(w, &mine, err);
	if (!rc)
		rc = world->share(world, &mine, sizeof mine, doors, err);
	if (!rc)
		rc = w->rank ? knock(w, &doors[0], err) : let_all_in(w, &doors[0], err);
	if (!rc)
		rc = start_thread(w, err);
	free(doors);
	if (rc) {
		ril_watch_free(w);
		return NULL;
	}
	return w;
}

void ril_watch_tell(struct ril_watch *w, int code, const char *why)
{
	struct message m = {.word = FAILURE, .rank = w->rank, .code = code};
	snprintf(m.why, sizeof m.why, "has failed: %s", why);
	pass_on(w, &m);
}

void ril_watch_end(struct ril_watch *w)
{
	const struct message m = {.word = FAREWELL, .rank = w->rank};
	pass_on(w, &m);
}

void ril_watch_free(struct ril_watch *w)
{
	if (!w)
		return;
	if (w->started && write(w->stop[1], "", 1) == 1)
		pthread_join(w->thread, NULL);
	for (int r = 0; w->fd && r < w->size; r++)
		if (w->fd[r] >= 0)
			close(w->fd[r]);
	for (int k = 0; k < 2; k++)
		if (w->stop[k] >= 0)
			close(w->stop[k]);
	if (w->door >= 0)
		close(w->door);
	free(w->fd);
	free(w->away);
	free(w);
}
