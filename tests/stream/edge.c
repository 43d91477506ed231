/* edge.c -- tests of the FIFO between ril-update and ril-rollout, with a process at each end. */
#include "../ril_test.h"

#include "stream/edge.h"
#include "stream/stream.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/ril-edge.XXXXXX", fifo[64];

/* The updater's end: announces versions from..to, a little apart, and goes. */
static pid_t updater(int from, int to)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	struct ril_err e = {0};
	struct ril_edge *w = ril_edge_open_write(fifo, NULL, 0, &e);
	for (int i = from; w && i <= to; i++) {
		usleep(2000);
		if (ril_edge_announce(w, i, "/tmp/a version", &e))
			_exit(1);
	}
	ril_edge_free(w);
	_exit(w ? 0 : 1);
}

static int reap(pid_t pid)
{
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_versions(void)
{
	struct ril_err e = {0};
	int64_t step = -1;
	const char *path = "";
	for (int late = 0; late < 2; late++) { /* either end may come first */
		pid_t pid = late ? updater(0, 5) : 0;
		if (late)
			usleep(30000);
		struct ril_edge *r = ril_edge_open_read(fifo, &e);
		CHECK(r, "%s", e.msg);
		if (!late)
			pid = updater(0, 5);
		for (int want = 0; want <= 5; want++)
			CHECK(!ril_edge_wait(r, want, NULL, 0, &step, &path, &e) && step >= want &&
				      !strcmp(path, "/tmp/a version"),
			      "%s", e.msg);
		CHECK(!ril_edge_drain(r, NULL, 0, &e), "%s", e.msg);
		ril_edge_free(r);
		CHECK(reap(pid) == 0, "writer");
	}
}

static void test_early_end(void)
{
	struct ril_err e = {0};
	int64_t step;
	const char *path;
	struct ril_edge *r = ril_edge_open_read(fifo, &e);
	pid_t pid = updater(0, 2);
	CHECK(ril_edge_wait(r, 3, NULL, 0, &step, &path, &e) && e.code == RIL_EFAIL && strstr(e.msg, "version 3"), "%s",
	      e.msg);
	ril_edge_free(r);
	reap(pid);
}

/* Both ends' waits end when a pipe that they write to loses its reader. */
static void test_vanished(void)
{
	struct ril_err e = {0};
	int p[2];
	int64_t step;
	const char *path;
	CHECK(!pipe(p), "pipe");
	struct ril_watch watch = {p[1], "ril-teach"};
	struct ril_edge *r = ril_edge_open_read(fifo, &e);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		usleep(20000);
		_exit(0);
	}
	close(p[0]);
	CHECK(ril_edge_wait(r, 0, &watch, 1, &step, &path, &e) && strstr(e.msg, "ril-teach is gone"), "%s", e.msg);
	reap(pid);
	ril_edge_free(r);
	CHECK(!ril_edge_open_write(fifo, &watch, 1, &e) && strstr(e.msg, "gone"),
	      "nobody reads and the next stage died: %s", e.msg);
	close(p[1]);
}

/* A reader waiting for its input notices that its output has no reader any more. */
static void test_reader_watch(void)
{
	struct ril_err e = {0};
	int in[2], out[2];
	CHECK(!pipe(in) && !pipe(out), "pipes");
	int keep = dup(STDIN_FILENO);
	dup2(in[0], STDIN_FILENO);
	char path[32];
	snprintf(path, sizeof path, "/dev/fd/%d", out[1]);
	struct ril_reader *r = ril_reader_open("-", &e);
	struct ril_writer *w = ril_writer_open(path, NULL, &e);
	CHECK(r && w, "%s", e.msg);
	close(out[1]);
	close(out[0]);
	ril_reader_watch(r, w);
	struct ril_record *rec;
	CHECK(ril_reader_next(r, &rec, &e) && e.code == RIL_EFAIL && strstr(e.msg, "gone"), "%s", e.msg);
	ril_reader_free(r);
	ril_writer_free(w);
	dup2(keep, STDIN_FILENO);
	close(keep);
	close(in[0]);
	close(in[1]);
}

static void test_bad(void)
{
	struct ril_err e = {0};
	char file[80], *huge = malloc(5000);
	snprintf(file, sizeof file, "%s/file", dir);
	CHECK(!ril_edge_open_read(file, &e) && e.code == RIL_EFAIL, "%s", e.msg);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	CHECK(!ril_edge_open_read(file, &e) && e.code == RIL_EUSAGE, "%s", e.msg);
	int raw = open(fifo, O_RDWR);
	struct ril_edge *w = ril_edge_open_write(fifo, NULL, 0, &e), *r = ril_edge_open_read(fifo, &e);
	memset(huge, 'x', 4999);
	huge[4999] = 0;
	CHECK(ril_edge_announce(w, 1, huge, &e) && ril_edge_announce(w, 1, "a\nb", &e), "lines that do not fit");
	int64_t step;
	const char *path;
	CHECK(write(raw, "not a version\n", 14) == 14 && ril_edge_wait(r, 1, NULL, 0, &step, &path, &e) &&
		      e.code == RIL_ECORRUPT,
	      "%s", e.msg);
	ril_edge_free(w);
	ril_edge_free(r);
	close(raw);
	free(huge);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	alarm(20); /* a deadlock must not hang the tests */
	if (!mkdtemp(dir))
		return 1;
	snprintf(fifo, sizeof fifo, "%s/edge", dir);
	CHECK(!mkfifo(fifo, 0600), "mkfifo");
	test_versions();
	test_early_end();
	test_vanished();
	test_reader_watch();
	test_bad();
	char cmd[64];
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	CHECK(system(cmd) == 0, "clean-up");
	TEST_END();
}
