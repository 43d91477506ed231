/* gunzip.h -- data files that are gzip, unpacked whole: gzip cannot be entered in the middle, and records are read again.
 *
 * Several members after one another are one file (RFC 1952), as `cat a.gz b.gz` makes it; what follows the last is left, as
 * gzip does.  A file that is cut off or damaged is corrupt: with `line`, the message says in which line of what was unpacked. */
#ifndef RIL_DATA_GUNZIP_H
#define RIL_DATA_GUNZIP_H

#include "base/mem.h"

/* Do the n bytes begin as a gzip file does? */
bool ril_gzip_begins(const void *bytes, size_t n);
/* The first n bytes of what the gzip file holds, or as many as there are. */
size_t ril_gunzip_first(int fd, void *out, size_t n);
/* A file without a name (in TMPDIR, else /tmp) that holds what the gzip file does, which is read from its start in pieces; the caller
 * closes it.  -1: failure. */
int ril_gunzip_file(int fd, bool line, struct ril_err *);
/* Bytes in memory, in the place of which comes what they hold; unless they are gzip, they stay. */
int ril_gunzip_text(struct ril_buf *, struct ril_err *);

#endif
