/* file.c -- output files that appear whole or not at all; see file.h. */
#include "base/file.h"

#include "base/unused.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int ril_write_all(int fd, struct iovec *iov, int n, struct ril_err *err)
{
	while (n > 0) {
		ssize_t k = writev(fd, iov, n < IOV_MAX ? n : IOV_MAX);
		if (k < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return ril_fail_errno(err, "write");
		for (; n > 0 && (size_t)k >= iov->iov_len; iov++, n--)
			k -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + k;
			iov->iov_len -= (size_t)k;
		}
	}
	return 0;
}

/* ---- temporary names, for ril_file_abandon ---- */

enum { PENDING = 16 }; /* more than any tool has; one beyond would only be left behind by a signal */
static char *_Atomic pending[PENDING];
static _Atomic pid_t owner;

static void remember(char *temp)
{
	owner = getpid();
	for (int i = 0; i < PENDING; i++) {
		char *none = NULL;
		if (atomic_compare_exchange_strong(&pending[i], &none, temp))
			return;
	}
}

static void forget(char *temp)
{
	for (int i = 0; temp && i < PENDING; i++) {
		char *it = temp;
		atomic_compare_exchange_strong(&pending[i], &it, NULL);
	}
}

void ril_file_abandon(void)
{
	if (owner != getpid())
		return; /* a child that has not called exec: the files are its parent's */
	for (int i = 0; i < PENDING; i++) {
		char *temp = pending[i];
		if (temp)
			unlink(temp);
	}
}

/* ---- whole files ---- */

/* The name behind a link; the name itself when it is none, or leads nowhere. */
static char *follow(const char *path, struct ril_err *err)
{
	char *real = realpath(path, NULL);
	if (!real)
		return ril_strdup(path, err);
	char *copy = ril_strdup(real, err);
	free(real);
	return copy;
}

static int create_temp(struct ril_file *f, struct ril_err *err)
{
	size_t room = strlen(f->path) + 48;
	if (!(f->temp = ril_new(room, 1, err)))
		return -1;
	for (int turn = 0;; turn++) {
		snprintf(f->temp, room, "%s.%ld-%d.tmp", f->path, (long)getpid(), turn);
		f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (f->fd >= 0) {
			remember(f->temp);
			return f->open = true, 0;
		}
		if (errno != EEXIST || turn == 1000)
			break;
	}
	int rc = ril_fail_errno(err, "%s", f->temp);
	free(f->temp);
	f->temp = NULL;
	return rc;
}

int ril_file_create(struct ril_file *f, const char *path, struct ril_err *err)
{
	struct stat st;
	*f = (struct ril_file){.fd = -1};
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
		if (f->fd < 0)
			return ril_fail_errno(err, "%s", path);
		return f->open = true, 0;
	}
	if (!(f->path = follow(path, err)) || create_temp(f, err))
		return ril_file_discard(f), -1;
	return 0;
}

int ril_sync_dir(const char *dir, struct ril_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ril_fail_errno(err, "%s", dir);
	int rc = fsync(fd) && errno != EINVAL ? ril_fail_errno(err, "%s: fsync", dir) : 0;
	close(fd);
	return rc;
}

/* Cuts the path down to its folder and syncs that; allocates nothing, for it comes after the rename. */
static int sync_parent(char *path, struct ril_err *err)
{
	char *slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = 0;
	return ril_sync_dir(slash ? path : ".", err);
}

int ril_file_commit(struct ril_file *f, bool durable, struct ril_err *err)
{
	int rc = 0;
	if (durable && f->temp && fsync(f->fd))
		rc = ril_fail_errno(err, "%s: fsync", f->path);
	f->open = false;
	if (close(f->fd) && !rc)
		rc = ril_fail_errno(err, "%s: close", f->path ? f->path : "output");
	if (!rc && f->temp && rename(f->temp, f->path))
		rc = ril_fail_errno(err, "%s", f->path);
	if (!rc) {
		forget(f->temp);
		free(f->temp);
		f->temp = NULL;
		if (durable && f->path)
			rc = sync_parent(f->path, err);
	}
	ril_file_discard(f);
	return rc;
}

void ril_file_discard(struct ril_file *f)
{
	if (f->open)
		close(f->fd);
	if (f->temp)
		unlink(f->temp);
	forget(f->temp);
	free(f->temp);
	free(f->path);
	*f = (struct ril_file){.fd = -1};
}

size_t ril_files_at_once(void)
{
	struct rlimit most;
	if (getrlimit(RLIMIT_NOFILE, &most))
		return 16;
	size_t n = most.rlim_cur < 1 << 20 ? (size_t)most.rlim_cur / 4 : 1 << 18;
	return n ? n : 1;
}

int ril_file_unnamed(struct ril_err *err)
{
	const char *dir = getenv("TMPDIR");
	char path[RIL_PATH];
	if (ril_path(path, err, "%s/ril.XXXXXX", dir && *dir ? dir : "/tmp"))
		return -1;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return ril_fail_errno(err, "%s", path);
	unlink(path);
	return fd;
}

int ril_read_at(int fd, void *to, size_t n, uint64_t at, struct ril_err *err)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ril_fail_errno(err, "reading");
		if (!got)
			return ril_fail(err, RIL_ECORRUPT, "cut off at byte %llu", (unsigned long long)(at + done));
		done += (size_t)got;
	}
	return 0;
}

int ril_write_at(int fd, const void *from, size_t n, uint64_t at, struct ril_err *err)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = pwrite(fd, (const char *)from + done, n - done, (off_t)(at + done));
		if (put < 0 && errno != EINTR)
			return ril_fail_errno(err, "writing");
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

int ril_file_put(const char *path, const void *bytes, size_t n, bool durable, struct ril_err *err)
{
	struct ril_file f;
	struct iovec iov = {(void *)bytes, n};
	if (ril_file_create(&f, path, err))
		return -1;
	if (ril_write_all(f.fd, &iov, 1, err)) {
		ril_file_discard(&f);
		return ril_context(err, "%s", path);
	}
	return ril_file_commit(&f, durable, err);
}

/* ---- paths and folders ---- */

int ril_path(char out[RIL_PATH], struct ril_err *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out, RIL_PATH, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= RIL_PATH)
		return ril_fail(err, RIL_EFAIL, "%.64s...: path too long", out);
	return 0;
}

int ril_mkdirs(const char *dir, struct ril_err *err)
{
	char p[RIL_PATH];
	if (ril_path(p, err, "%s", dir))
		return -1;
	for (char *s = p + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = 0;
		if (mkdir(p, 0777) && errno != EEXIST)
			return ril_fail_errno(err, "%s", p);
		*s = '/';
	}
	if (mkdir(p, 0777) && errno != EEXIST)
		return ril_fail_errno(err, "%s", p);
	return 0;
}

static int remove_one(const char *path, RIL_UNUSED const struct stat *st, RIL_UNUSED int type,
		      RIL_UNUSED struct FTW *ftw)
{
	return remove(path);
}

int ril_remove_tree(const char *dir, struct ril_err *err)
{
	struct stat st;
	if (lstat(dir, &st))
		return errno == ENOENT ? 0 : ril_fail_errno(err, "%s", dir);
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		return ril_fail_errno(err, "cannot remove %s", dir);
	return 0;
}

static int sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = fsync(fd), saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

static int sync_one(const char *path, RIL_UNUSED const struct stat *st, int type, RIL_UNUSED struct FTW *ftw)
{
	return type == FTW_F || type == FTW_DP ? sync_path(path) : 0;
}

int ril_sync_tree(const char *dir, struct ril_err *err)
{
	if (nftw(dir, sync_one, 16, FTW_DEPTH | FTW_PHYS))
		return ril_fail_errno(err, "cannot sync %s", dir);
	return 0;
}
