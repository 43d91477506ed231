/* events.h -- TensorBoard's event files: scalars that grow curves.
 *
 * A file is a row of records: length (uint64), its checksum (uint32), bytes, their checksum, all little-endian.  A record's
 * bytes are a protocol buffer, an Event (tensorflow/core/util/event.proto): wall_time (1, double), step (2, int64) and one of
 * file_version (3), summary (5), session_log (7).  A summary's values (1) have a tag (1) and a simple_value (2, float).
 * Checksums are CRC-32C, turned by 15 bits with 0xa282ead8 added.
 *
 * A file begins by saying that a session started at step 0, at which a reader drops what earlier files of the folder had:
 * so a run's curves may be written again from the start, at any time, beside a TensorBoard that shows them.
 *
 * Ownership: open/close pairs; close(NULL) is fine. */
#ifndef RIL_LOG_EVENTS_H
#define RIL_LOG_EVENTS_H

#include "log/metrics.h"

struct ril_events;

/* A new file in `dir`, which is made; the folder's earlier files of ours are removed, others' stay. */
struct ril_events *ril_events_open(const char *dir, struct ril_err *);
/* The row's numbers as scalars GROUP/NAME, dots of names as slashes, at the row's step and time; `time` where it has none. */
int ril_events_row(struct ril_events *, const char *group, const struct ril_row *, double time, struct ril_err *);
/* What was written so far is what a reader sees. */
int ril_events_flush(struct ril_events *, struct ril_err *);
int ril_events_close(struct ril_events *, struct ril_err *);

/* CRC-32C (Castagnoli, RFC 3720), and as event files have it. */
uint32_t ril_crc32c(const void *bytes, size_t n);
uint32_t ril_crc32c_masked(const void *bytes, size_t n);

#endif
