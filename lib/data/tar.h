/* tar.h -- members of a tar file by name, at random.
 *
 * The file's headers are gone through once, which makes an index; members are then read from where they lie.  A file that
 * is gzip is unpacked into an unnamed temporary file first (in TMPDIR, else /tmp), since gzip cannot be entered in the middle.
 * Ownership: open/free; names are borrowed.  Reading is safe on several threads. */
#ifndef RIL_DATA_TAR_H
#define RIL_DATA_TAR_H

#include "base/mem.h"

struct ril_tar_member {
	const char *name; /* as the archive has it, without "./" before it */
	uint64_t at, n;   /* of its bytes in the file */
};

struct ril_tar {
	char *path;
	int fd;
	struct ril_tar_member *at; /* [n] regular files, in the archive's order; each name once */
	size_t n;
};

/* Does the file, or what it holds if it is gzip, begin as a tar file does?  One that cannot be read does not. */
bool ril_tar_begins(const char *path);
/* Errors name the file, and the member or the byte: cut off, damaged, a name that comes twice, kinds that are not read. */
struct ril_tar *ril_tar_open(const char *path, struct ril_err *);
void ril_tar_free(struct ril_tar *);
/* NULL: there is none of that name. */
const struct ril_tar_member *ril_tar_find(const struct ril_tar *, const char *name);
/* Adds a member's bytes. */
int ril_tar_read(const struct ril_tar *, const struct ril_tar_member *, struct ril_buf *, struct ril_err *);

#endif
