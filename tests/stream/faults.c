/* faults.c -- the N-th allocation fails, for every N: a clean error each time, nothing published, nothing leaked.
 *
 * The test runs itself as a small filter (read, add responses, write) with RIL_FAIL_ALLOC set, until all is well. */
#include "../ril_test.h"

#include "tensor/folder.h"
#include "stream/stream.h"

#include <sys/wait.h>

static char *args[] = {"faults", "-x"};
static const struct ril_lineage lineage = {"faults", "0", 2, args, 0, "cpu", NULL};

static int change(struct ril_record *rec, struct ril_err *e)
{
	static const int32_t ids[2] = {1, 2};
	struct ril_new_response add = {ids, 2, 1, 0, NULL, "text"};
	return ril_responses_add(rec, &add, 1, e);
}

static int filter(const char *from, const char *to, bool gzip, struct ril_err *e)
{
	struct ril_writer_options o = {gzip};
	struct ril_record *rec = NULL, *head = NULL;
	struct ril_reader *r = ril_reader_open(from, e);
	struct ril_writer *w = r ? ril_writer_open(to, &o, e) : NULL;
	int rc = w ? 0 : -1;
	while (!rc && !(rc = ril_reader_next(r, &rec, e)) && rec) {
		switch (ril_record_kind(rec)) {
		case RIL_HEAD: rc = ril_writer_head(w, rec, &lineage, &head, e); break;
		case RIL_STEP: rc = ril_writer_step(w, ril_step_number(rec), false, e); break;
		default: rc = change(rec, e) || ril_writer_put(w, rec, e);
		}
		ril_record_free(rec);
	}
	rc = rc || ril_writer_end(w, e);
	ril_record_free(head);
	ril_writer_free(w);
	ril_reader_free(r);
	return rc;
}

static int generate(const char *to, struct ril_err *e)
{
	struct ril_writer *w = ril_writer_open(to, NULL, e);
	struct ril_record *head = ril_head_extend(NULL, &lineage, e);
	int rc = !w || !head || ril_head_teacher(head, "big", e) != 1 || ril_writer_put(w, head, e);
	for (int i = 0; i < 2 && !rc; i++) {
		struct ril_record *r = ril_record_new(RIL_GROUP, "key", e);
		rc = !r || change(r, e) || ril_writer_put(w, r, e) || ril_writer_step(w, i + 1, i == 1, e);
		ril_record_free(r);
	}
	rc = rc || ril_writer_end(w, e);
	ril_record_free(head);
	ril_writer_free(w);
	return rc;
}

static int folder(const char *path, struct ril_err *e)
{
	struct ril_folder *f = ril_folder_open(path, e);
	ril_folder_free(f);
	return f ? 0 : -1;
}

/* What one child does; prints the error and exits with its code. */
static int child(const char *job, const char *from, const char *to)
{
	struct ril_err e = {0};
	int rc = !strcmp(job, "generate") ? generate(to, &e)
		 : !strcmp(job, "folder") ? folder(from, &e)
					  : filter(from, to, !strcmp(job, "gzip"), &e);
	if (rc && !e.msg[0])
		return 99; /* a failure must say why */
	return rc ? e.code : 0;
}

static int run(const char *job, const char *from, const char *to, int fail)
{
	pid_t pid = fork();
	int status = 0;
	if (pid == 0) {
		char n[16];
		snprintf(n, sizeof n, "%d", fail);
		setenv("RIL_FAIL_ALLOC", n, 1);
		execl("/proc/self/exe", "faults", job, from, to, (char *)NULL);
		_exit(98);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

static void every_allocation(const char *job, const char *from, const char *to)
{
	int n = 1, code;
	unlink(to);
	while ((code = run(job, from, to, n)) == RIL_EFAIL && access(to, F_OK) && n < 2000)
		n++;
	CHECK(code == 0 && n > 3, "%s: allocation %d failing: exit %d, output %s", job, n, code,
	      access(to, F_OK) ? "absent" : "there");
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return child(argv[1], argv[2], argv[3]);
	char dir[] = "/tmp/ril-faults.XXXXXX", a[64], b[64], cmd[64];
	if (!mkdtemp(dir))
		return 1;
	snprintf(a, sizeof a, "%s/a.ril", dir);
	snprintf(b, sizeof b, "%s/b.ril", dir);
	every_allocation("generate", "", a);
	every_allocation("filter", a, b);
	every_allocation("gzip", a, b);
	const char *model = test_shared("models/qwen2_5_vl-b");
	snprintf(b, sizeof b, "%s/none", dir);
	if (model)
		every_allocation("folder", model, b);
	else
		SKIP("a sharded model");
	snprintf(cmd, sizeof cmd, "find %s -name '*.tmp' | grep .", dir);
	CHECK(system(cmd) != 0, "no temporary file is left");
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	CHECK(system(cmd) == 0, "clean-up");
	TEST_END();
}
