/* siblings.c -- finds out whether a process that was started beside this one is gone; see siblings_internal.h.
 *
 * Hydra tells nobody of a process that ended before it had joined: the others wait in MPI_Init.  But on each machine they all
 * descend from one process of it, a proxy, which has started all of them before the first has come to this, and gave each its number in
 * its environment, which what it starts inherits.  So a number that no process bears any more will not join.  One that is slow to
 * start, or a shell that is to start it, bears its number.
 *
 * Whoever does not see the proxy among its ancestors, as in a container, cannot see the others either, and is told nothing. */
#include "world/siblings_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1024 }; /* processes of a machine */

static bool read_file(int pid, const char *name, char *out, size_t room, size_t *n)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;
	*n = 0;
	while (fd >= 0 && *n < room - 1 && (got = read(fd, out + *n, room - 1 - *n)) > 0)
		*n += (size_t)got;
	if (fd >= 0)
		close(fd);
	out[*n] = 0;
	return fd >= 0 && got >= 0;
}

/* Its name, its parent; false: gone, or but for its parent's noticing. */
static bool look_at(int pid, char name[32], int *parent)
{
	char text[512], state, *end;
	size_t n;
	if (!read_file(pid, "stat", text, sizeof text, &n) || !(end = strrchr(text, ')')) || !strchr(text, '('))
		return false;
	if (sscanf(end + 1, " %c %d", &state, parent) != 2)
		return false;
	*end = 0;
	snprintf(name, 32, "%.31s", strchr(text, '(') + 1);
	return state != 'Z' && state != 'X';
}

/* The proxy that a process descends from; 0: none. */
static int proxy_of(int pid)
{
	char name[32];
	int parent;
	for (; pid > 1 && look_at(pid, name, &parent); pid = parent)
		if (!strcmp(name, "hydra_pmi_proxy"))
			return pid;
	return 0;
}

static long number_in(const char *environment, size_t n, const char *variable)
{
	size_t length = strlen(variable);
	for (const char *s = environment; s < environment + n; s += strlen(s) + 1)
		if (!strncmp(s, variable, length) && s[length] == '=')
			return strtol(s + length + 1, NULL, 10);
	return -1;
}

/* Marks the number that a process bears.  One that has left its proxy's descendants may be anybody's, ours for instance. */
static void mark(int pid, int proxy, bool *here, long size, char *room, size_t bytes)
{
	char name[32];
	int parent;
	size_t n;
	if (!look_at(pid, name, &parent) || !read_file(pid, "environ", room, bytes, &n))
		return;
	long which = number_in(room, n, "MPI_LOCALRANKID");
	if (which < 0 || which >= size || here[which])
		return;
	int its = proxy_of(pid);
	here[which] = !its || its == proxy;
}

bool ril_sibling_gone(int *which, int *of)
{
	enum { ENVIRONMENT = 1 << 20 };
	const char *told = getenv("MPI_LOCALNRANKS");
	long size = told ? strtol(told, NULL, 10) : 0;
	int proxy = size > 1 && size <= MOST ? proxy_of((int)getpid()) : 0;
	bool here[MOST] = {false}, gone = false;
	char *room = proxy ? malloc(ENVIRONMENT) : NULL;
	DIR *all = room ? opendir("/proc") : NULL;
	for (struct dirent *e; all && (e = readdir(all));) {
		int pid = (int)strtol(e->d_name, NULL, 10);
		if (pid > 1)
			mark(pid, proxy, here, size, room, ENVIRONMENT);
	}
	for (int i = 0; all && i < (int)size && !gone; i++) {
		gone = !here[i];
		*which = i;
	}
	*of = (int)size;
	if (all)
		closedir(all);
	free(room);
	return gone;
}
