/* files.c -- see files.h.
 *
 * A tar file is opened once, for its index, and kept open: pictures of one shard come one after the other, or in any order
 * where the questions are shuffled. */
#include "data/files.h"

#include "data/tar.h"
#include "base/base64.h"
#include "base/file.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

struct ril_files {
	const char *root;
	struct ril_tar **tar; /* [n] */
	size_t n, cap;
	pthread_mutex_t lock; /* of the list */
};

struct ril_files *ril_files_new(const char *root, struct ril_err *err)
{
	struct ril_files *f = ril_new(1, sizeof *f, err);
	if (!f)
		return NULL;
	f->root = root;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

static void close_shards(struct ril_files *f)
{
	while (f->n)
		ril_tar_free(f->tar[--f->n]);
}

void ril_files_rest(struct ril_files *f)
{
	if (f->n > ril_files_at_once())
		close_shards(f);
}

void ril_files_free(struct ril_files *f)
{
	if (!f)
		return;
	close_shards(f);
	free(f->tar);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* ---- members of shards ---- */

/* The shard of that path, opened if it was not. */
static struct ril_tar *shard_of(struct ril_files *f, const char *path, struct ril_err *err)
{
	struct ril_tar *t = NULL;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n && !t; i++)
		t = strcmp(f->tar[i]->path, path) ? NULL : f->tar[i];
	if (!t && !ril_grow(&f->tar, &f->cap, f->n + 1, sizeof *f->tar, err) && (t = ril_tar_open(path, err)))
		f->tar[f->n++] = t;
	pthread_mutex_unlock(&f->lock);
	return t;
}

/* Where a path goes through a file, as if that were a folder: at the slash behind it; else NULL. */
static char *through_file(char *path)
{
	struct stat st;
	if (!stat(path, &st) || errno != ENOTDIR)
		return NULL;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		bool file = !stat(path, &st) && S_ISREG(st.st_mode);
		*slash = '/';
		if (file)
			return slash;
	}
	return NULL;
}

static int read_path(struct ril_files *f, char *path, const char *name, struct ril_buf *bytes, struct ril_err *err)
{
	char *slash = through_file(path);
	if (!slash)
		return ril_read_file_as(bytes, path, name, err);
	*slash = 0;
	const struct ril_tar *t = shard_of(f, path, err);
	const struct ril_tar_member *m = t ? ril_tar_find(t, slash + 1) : NULL;
	*slash = '/';
	if (!t)
		return -1;
	return m ? ril_tar_read(t, m, bytes, err)
		 : ril_fail(err, RIL_EFAIL, "%s: no such member of the tar file", name);
}

/* ---- data URLs ---- */

static bool begins(const char *s, const char *with)
{
	return !strncasecmp(s, with, strlen(with));
}

/* The bytes that a data URL holds (RFC 2397: data:TYPE;base64,BYTES); the type is left to the bytes. */
static int read_url(struct ril_buf *file, const char *url, struct ril_err *err)
{
	static const char kind[] = ";base64";
	const char *comma = strchr(url, ',');
	size_t n = comma ? (size_t)(comma - url) : 0;
	if (n < strlen(kind) || !begins(comma - strlen(kind), kind))
		return ril_fail(err, RIL_ECORRUPT, "a data URL without ';base64,'");
	return ril_base64_decode(file, comma + 1, strlen(comma + 1), err);
}

/* ---- any ---- */

int ril_files_read(struct ril_files *f, const char *path, struct ril_buf *bytes, struct ril_buf *name,
		   struct ril_err *err)
{
	if (begins(path, "data:"))
		return ril_buf_puts(name, ril_short(path), err) ||
				       (read_url(bytes, path, err) && ril_context(err, "%s", name->data))
			       ? -1
			       : 0;
	if (begins(path, "http://") || begins(path, "https://"))
		return ril_fail(err, RIL_EFAIL, "%s: pictures are read from files, not fetched", ril_short(path));
	if (begins(path, "file://"))
		path += strlen("file://");
	struct ril_buf full = {0};
	bool relative = f->root && *f->root && path[0] != '/';
	int rc = relative ? ril_buf_printf(&full, err, "%s/%s", f->root, path) : ril_buf_puts(&full, path, err);
	if (!rc) /* with the folder where that fits; else as the data has it, and of that no more than fits */
		rc = ril_buf_puts(name, full.len > RIL_SHORT ? ril_short(path) : full.data, err);
	if (!rc)
		rc = read_path(f, full.data, name->data, bytes, err);
	ril_buf_free(&full);
	return rc;
}
