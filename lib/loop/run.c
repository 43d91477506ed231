/* run.c -- run directories; see run.h. */
#include "loop/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int ril_run_begin(const char *run, int64_t step, char tmp[RIL_PATH], struct ril_err *err)
{
	if (ril_path(tmp, err, "%s/step-%lld.tmp", run, (long long)step))
		return -1;
	return ril_mkdirs(tmp, err);
}

/* "step-N" -> N, -1 for any other name. */
static int64_t step_of(const char *name)
{
	if (strncmp(name, "step-", 5) || name[5] < '0' || name[5] > '9')
		return -1;
	char *end;
	errno = 0;
	long long n = strtoll(name + 5, &end, 10);
	return *end || errno ? -1 : n;
}

static int descending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x > y ? -1 : x < y;
}

/* The run's checkpoints, newest first; the caller frees *steps. */
static int list_steps(const char *run, int64_t **steps, size_t *n, struct ril_err *err)
{
	size_t cap = 0;
	*steps = NULL;
	*n = 0;
	DIR *d = opendir(run);
	if (!d)
		return errno == ENOENT ? 0 : ril_fail_errno(err, "%s", run);
	for (struct dirent *e; (e = readdir(d));) {
		int64_t s = step_of(e->d_name);
		if (s < 0)
			continue;
		if (ril_grow(steps, &cap, *n + 1, sizeof **steps, err)) {
			closedir(d);
			free(*steps);
			return -1;
		}
		(*steps)[(*n)++] = s;
	}
	closedir(d);
	if (*n)
		qsort(*steps, *n, sizeof **steps, descending);
	return 0;
}

/* The step that the link RUN/name points to, or -1. */
static int64_t linked_step(const char *run, const char *name)
{
	char path[RIL_PATH], target[RIL_PATH];
	if (ril_path(path, NULL, "%s/%s", run, name))
		return -1;
	ssize_t n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return -1;
	target[n] = 0;
	const char *slash = strrchr(target, '/');
	return step_of(slash ? slash + 1 : target);
}

static int drop_old(const char *run, int64_t keep, int64_t begun, struct ril_err *err)
{
	int64_t *steps, current = linked_step(run, "current"), best = linked_step(run, "best");
	size_t n;
	char path[RIL_PATH];
	int rc = 0;
	if (list_steps(run, &steps, &n, err))
		return -1;
	for (size_t i = (size_t)keep; i < n && !rc; i++) {
		if (steps[i] == current || steps[i] == best || steps[i] == begun)
			continue;
		/* Renamed first, so that what is half removed is never taken for a checkpoint. */
		char gone[RIL_PATH];
		rc = ril_path(path, err, "%s/step-%lld", run, (long long)steps[i]) ||
		     ril_path(gone, err, "%s/old-%lld.tmp", run, (long long)steps[i]);
		if (!rc && rename(path, gone))
			rc = ril_fail_errno(err, "%s", path);
		if (!rc)
			rc = ril_remove_tree(gone, err);
	}
	free(steps);
	return rc ? -1 : 0;
}

static int move_link(const char *run, const char *name, int64_t step, struct ril_err *err)
{
	char link[RIL_PATH], tmp[RIL_PATH], target[64];
	if (ril_path(link, err, "%s/%s", run, name) || ril_path(tmp, err, "%s/%s.tmp", run, name))
		return -1;
	snprintf(target, sizeof target, "step-%lld", (long long)step);
	unlink(tmp);
	if (symlink(target, tmp) || rename(tmp, link))
		return ril_fail_errno(err, "%s", link);
	return 0;
}

int ril_run_commit(const char *run, int64_t step, int64_t keep, int64_t begun, struct ril_err *err)
{
	char tmp[RIL_PATH], final[RIL_PATH];
	if (ril_path(tmp, err, "%s/step-%lld.tmp", run, (long long)step) ||
	    ril_path(final, err, "%s/step-%lld", run, (long long)step) || ril_sync_tree(tmp, err))
		return -1;
	if (rename(tmp, final)) {
		if (errno != ENOTEMPTY && errno != EEXIST)
			return ril_fail_errno(err, "%s", tmp);
		if (ril_remove_tree(final, err))
			return -1;
		if (rename(tmp, final))
			return ril_fail_errno(err, "%s", tmp);
	}
	if (move_link(run, "current", step, err))
		return -1;
	if (ril_sync_dir(run, err))
		return -1;
	return keep > 0 ? drop_old(run, keep, begun, err) : 0;
}

int ril_save_check(const char *dir, struct ril_err *err)
{
	if (!rmdir(dir) || errno == ENOENT)
		return 0;
	return ril_fail_errno(err, "%s: cannot be replaced", dir);
}

/* Complete under the name `dir`, or not there. */
static int save_whole(const struct ril_params *p, bool merged, const ril_real *values, const char *dir,
		      struct ril_err *err)
{
	char tmp[RIL_PATH];
	if (!dir)
		return ril_params_save_values(p, values, NULL, true, err);
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (ril_path(tmp, err, "%.*s.tmp", (int)n, dir) || ril_remove_tree(tmp, err) ||
	    (merged ? ril_params_save_merged(p, tmp, true, err) : ril_params_save_values(p, values, tmp, true, err)))
		return -1;
	return rename(tmp, dir) ? ril_fail_errno(err, "%s", dir) : 0;
}

int ril_save_whole(const struct ril_params *p, bool merged, const char *dir, struct ril_err *err)
{
	return save_whole(p, merged, NULL, dir, err);
}

int ril_save_average(const struct ril_ema *a, const char *dir, struct ril_err *err)
{
	return save_whole(a->params, false, a->e, dir, err);
}
