/* stream_internal.h -- what the files of the stream layer share; not for other layers.
 *
 * A record that was read keeps its frame's bytes.  As long as nobody changes it, it is written as it came, with the
 * checksum it came with; a change makes only the changed fields own memory, the others still point into the frame. */
#ifndef RIL_STREAM_STREAM_INTERNAL_H
#define RIL_STREAM_STREAM_INTERNAL_H

#include "stream/edge.h"
#include "stream/stream.h"

#include <zlib.h>

#define RIL_STREAM_VERSION "1.0"
enum { RIL_STREAM_MAJOR = 1 };

/* An ABORT that was read becomes an error with these words before "TOOL: REASON"; ril_writer_abort finds them again. */
#define RIL_ABORT_MARK "ABORT from "

struct ril_record_field {
	const struct ril_st_entry *e;
	bool own;
};
struct ril_record_text {
	const char *name, *text;
	bool own;
}; /* own: one block that begins with the name */

struct ril_record {
	enum ril_kind kind;
	char *key, *label;
	struct ril_buf frame; /* the bytes read, without the checksum; empty for a new record */
	uint32_t crc;
	struct ril_st *st;
	bool changed; /* the frame's bytes no longer say what the record says */
	struct ril_record_field *field;
	size_t nfield, capfield;
	struct ril_record_text *text;
	size_t ntext, captext;
};

/* Takes over frame and st (both are released on failure, too); number: of the group, for messages. */
struct ril_record *ril_record_take(struct ril_buf *frame, struct ril_st *, uint32_t crc, int64_t number,
				   struct ril_err *);
/* Metadata pairs of the record, `ril` and `key` first, ending with NULL; release with free(). */
const char **ril_record_pairs(const struct ril_record *, struct ril_err *);

/* What barriers count: frames and the checksum of their checksums. */
struct ril_count {
	int64_t groups, steps;
	uint32_t crc;
};
void ril_count_frame(struct ril_count *, enum ril_kind, uint32_t crc);

/* ---- input: a descriptor's bytes, unpacked where they are gzip ---- */
struct ril_input {
	int fd;
	bool own, regular, end, packed;
	unsigned char *buf;
	size_t at, len;
	z_stream z;
	bool z_open;
	uint64_t total; /* bytes handed out */
	struct ril_watch watch;
	void (*rest)(void *ctx); /* see ril_reader_rest */
	void *rest_ctx;
	double waited; /* seconds in reads of what is no regular file */
};
int ril_input_open(struct ril_input *, const char *path, struct ril_err *);
void ril_input_close(struct ril_input *);
/* Call where a segment may begin: finds out whether gzip follows. */
int ril_input_begin(struct ril_input *, struct ril_err *);
/* The share of a regular file's bytes that were taken from it; of any other input 0. */
double ril_input_share(const struct ril_input *);
/* Reads n bytes, fewer only at the end. */
int ril_input_read(struct ril_input *, void *to, size_t n, size_t *got, struct ril_err *);

#endif
