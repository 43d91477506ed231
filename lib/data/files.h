/* files.h -- the bytes of pictures, wherever the data say that they are.
 *
 * Ownership: new/free; the root is borrowed. */
#ifndef RIL_DATA_FILES_H
#define RIL_DATA_FILES_H

#include "base/mem.h"

struct ril_files;
/* `root` goes before relative paths (NULL: nothing does). */
struct ril_files *ril_files_new(const char *root, struct ril_err *);
void ril_files_free(struct ril_files *);
/* A path, file://PATH, SHARD/MEMBER where SHARD is a tar file, or a data URL with the bytes themselves.  `name` is set to
 * what messages call it, of which at most RIL_SHORT bytes are the data's.  Safe on several threads. */
int ril_files_read(struct ril_files *, const char *path, struct ril_buf *bytes, struct ril_buf *name, struct ril_err *);
/* Nobody reads now: shards that were opened may be closed, should there be many. */
void ril_files_rest(struct ril_files *);

#endif
