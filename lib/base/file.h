/* file.h -- output files that appear whole or not at all; paths and folders.
 *
 * A regular file is written under a temporary name in its own folder and renamed by ril_file_commit; a target that is
 * something else (a FIFO, /dev/full) is written directly.  A symbolic link is followed.  Ownership: ril_file_discard
 * closes and removes what was not committed, and is harmless after a commit and on a zeroed struct. */
#ifndef RIL_BASE_FILE_H
#define RIL_BASE_FILE_H

#include "base/mem.h"

#include <sys/uio.h>

struct ril_file {
	int fd; /* valid while `open` */
	bool open;
	char *path; /* the final name, links followed; NULL when there is nothing to rename */
	char *temp;
};

int ril_file_create(struct ril_file *, const char *path, struct ril_err *);
/* Closes and renames; durable: the file and its folder are synced, so that the name never points at missing data. */
int ril_file_commit(struct ril_file *, bool durable, struct ril_err *);
void ril_file_discard(struct ril_file *);

/* For a signal handler: removes the temporary files of this process (async-signal-safe). */
void ril_file_abandon(void);

/* Writes everything, through interruptions, short writes and non-blocking descriptors.  iov is used up. */
int ril_write_all(int fd, struct iovec *iov, int n, struct ril_err *);
/* How many files of one kind may be held open: a quarter of those that the process may. */
size_t ril_files_at_once(void);
/* A new file without a name, in TMPDIR or else /tmp, to write and read; its descriptor, or -1. */
int ril_file_unnamed(struct ril_err *);
/* Exactly n bytes from that place of a file; that it ends before is RIL_ECORRUPT. */
int ril_read_at(int fd, void *to, size_t n, uint64_t at, struct ril_err *);
/* Exactly n bytes to that place of a file. */
int ril_write_at(int fd, const void *from, size_t n, uint64_t at, struct ril_err *);
/* A small file in one call. */
int ril_file_put(const char *path, const void *bytes, size_t n, bool durable, struct ril_err *);
/* Syncs a folder, so that renames in it last. */
int ril_sync_dir(const char *dir, struct ril_err *);

/* ---- paths and folders ---- */
enum { RIL_PATH = 4096 };

/* DIR/NAME into out; an over-long path is an error. */
int ril_path(char out[RIL_PATH], struct ril_err *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int ril_mkdirs(const char *dir, struct ril_err *);
int ril_remove_tree(const char *dir, struct ril_err *); /* nothing there is fine; links are removed, not followed */
int ril_sync_tree(const char *dir, struct ril_err *);   /* fsync of every file and directory below, and dir */

#endif
