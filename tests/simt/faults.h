/* faults.h -- tests of the emulation's own: kernels with one fault each, and how each is run, with its fault and without,
 * in a process of its own. */
#ifndef RIL_SIMT_FAULTS_H
#define RIL_SIMT_FAULTS_H

#include "simt.h"

#include "../ril_test.h"

#include <sys/wait.h>

enum { THREADS = 64 };

struct room {
	float x[THREADS];
};

#define RUN(kernel, blocks, ...)                                                                                       \
	simt_launch(kernel, #kernel, simt_spelt<kernel>(), blocks, THREADS, sizeof(room), NULL, __VA_ARGS__)

static float *memory(size_t n, bool set)
{
	void *p;
	cudaMalloc(&p, n * sizeof(float));
	if (set)
		cudaMemset(p, 0, n * sizeof(float));
	return (float *)p;
}

#define SIMPLE(kernel, blocks, room_, set)                                                                             \
	static void run_##kernel(bool right)                                                                           \
	{                                                                                                              \
		RUN(kernel, blocks, memory(room_, set), right);                                                        \
	}

struct fault {
	const char *name;
	void (*run)(bool right);
	const char *message;
};
#define FAULT(kernel, message)                                                                                         \
	{                                                                                                              \
#kernel, run_##kernel, message                                                                         \
	}

/* In a process of its own; what it said goes to said[n].  Its exit code, or -1 where a signal ended it. */
static int apart(const struct fault &f, bool right, const char *order, char *said, size_t n)
{
	int fd[2], status = 0;
	if (pipe(fd))
		return -2;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fd[1], 2);
		setenv("RIL_SIMT_ORDER", order, 1);
		f.run(right);
		cudaDeviceSynchronize();
		_exit(0);
	}
	close(fd[1]);
	size_t at = 0;
	for (ssize_t got; at + 1 < n && (got = read(fd[0], said + at, n - 1 - at)) > 0;)
		at += (size_t)got;
	said[at] = 0;
	close(fd[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Without its fault a kernel runs through, with it it is found: with its message, and in other orders of the threads with
 * any that has `anyhow` in it. */
static void find(const struct fault &f, const char *anyhow)
{
	static const char *const orders[] = {"forward", "reverse", "random:7"};
	static char said[1 << 14];
	for (const char *order : orders) {
		int code = apart(f, true, order, said, sizeof said);
		CHECK(code == 0, "%s, %s, without its fault: %s", f.name, order, said);
	}
	int code = apart(f, false, orders[0], said, sizeof said);
	CHECK(code != 0 && strstr(said, f.message), "%s: not \"%s\" but: %s", f.name, f.message, said);
	for (int k = 1; k < 3; k++) { /* found in any order, if in other words */
		code = apart(f, false, orders[k], said, sizeof said);
		CHECK(code != 0 && strstr(said, anyhow), "%s, %s: not found: %s", f.name, orders[k], said);
	}
}

#endif
