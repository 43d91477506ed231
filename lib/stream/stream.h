/* stream.h -- records, readers and writers of a RIL stream; the format is ril-stream(5).
 *
 * A stream is one or more segments HEAD group... step... END.  A reader hands out one record after another; groups may
 * be changed and passed to a writer.  Ownership: a record given by a reader belongs to the caller (ril_record_free); what
 * its getters return is borrowed and lives until that field is set, dropped or the record freed.  Errors name the
 * stream, the record number and the key. */
#ifndef RIL_STREAM_STREAM_H
#define RIL_STREAM_STREAM_H

#include "stream/safetensors.h"

enum ril_kind { RIL_HEAD = 1, RIL_GROUP, RIL_STEP, RIL_END, RIL_ABORT };

/* ---- records ---- */
struct ril_record;
struct ril_record *ril_record_new(enum ril_kind, const char *key /* groups only */, struct ril_err *);
void ril_record_free(struct ril_record *);
enum ril_kind ril_record_kind(const struct ril_record *);
const char *ril_record_key(const struct ril_record *); /* "" for frames without one */

/* Metadata: UTF-8 text (structured values as JSON text); embedded NULs are not allowed. */
const char *ril_record_meta(const struct ril_record *, const char *name); /* NULL if absent */
int ril_record_set_meta(struct ril_record *, const char *name, const char *text, struct ril_err *);

/* Tensors.  get: NULL if absent.  need: absent, another type or another number of dimensions is an error naming key and
 * field; a dim of -1 matches any. */
const struct ril_st_entry *ril_record_get(const struct ril_record *, const char *name);
const struct ril_st_entry *ril_record_need(const struct ril_record *, const char *name, enum ril_dtype, int ndim, struct ril_err *);
int ril_record_set(struct ril_record *, const char *name, enum ril_dtype, int ndim, const int64_t *dim, const void *data /* copied */, struct ril_err *);
/* Drops tensors and metadata whose name is `pattern`, or begins with it when it ends in '*'. */
void ril_record_drop(struct ril_record *, const char *pattern);
/* Walks all tensors / metadata. */
size_t ril_record_count(const struct ril_record *);
const struct ril_st_entry *ril_record_at(const struct ril_record *, size_t i);
size_t ril_record_meta_count(const struct ril_record *);
void ril_record_meta_at(const struct ril_record *, size_t i, const char **name, const char **text);

/* ---- responses of a group (CSR).  Views into the record's own tensors; valid until they change. ---- */
struct ril_responses {
	int32_t n;             /* responses */
	const int32_t *ids;    /* [R] */
	const int32_t *start;  /* [n+1]; start[n] = R */
	const int32_t *source; /* [n]: -1 gold, 0 student, k teacher k */
	const int32_t *finish; /* [n]: 0 stop, 1 length */
};
/* n = 0 when the group has none.  Checks that start ascends from 0 to R and that all lengths agree. */
int ril_responses_get(const struct ril_record *, struct ril_responses *, struct ril_err *);

/* Responses to add; text is the JSON list's element (already valid UTF-8).  logp NULL: NaN. */
struct ril_new_response {
	const int32_t *ids;
	int32_t n, source, finish;
	const float *logp; /* [n] or NULL */
	const char *text;
};
/* Extends every known resp.* and drops what was derived (disc.*, reward*, advantage, logp.*); an unknown resp.* is
 * refused. */
int ril_responses_add(struct ril_record *, const struct ril_new_response *, int32_t n, struct ril_err *);

/* ---- reading ---- */
struct ril_reader;
/* path "-" is stdin; gzip is recognised. */
struct ril_reader *ril_reader_open(const char *path, struct ril_err *);
void ril_reader_free(struct ril_reader *);
/* The next record in *out (owned by the caller), or NULL in *out after the last END.  HEAD, STEP and END frames are
 * returned too.  Input that stops without END, a bad checksum or structure: RIL_ECORRUPT.  ABORT: RIL_EFAIL naming the stage
 * and cause that the frame carries. */
int ril_reader_next(struct ril_reader *, struct ril_record **out, struct ril_err *);
/* The current segment's HEAD (borrowed), valid once the first HEAD was returned. */
const struct ril_record *ril_reader_head(const struct ril_reader *);
int ril_reader_fd(const struct ril_reader *); /* for poll; -1 if none.  Buffered input may be pending beside it */

/* ---- writing ---- */
struct ril_writer;
struct ril_writer_options { bool gzip; };
/* path "-" is stdout (a terminal is refused).  A regular file is written under a temporary name and renamed on END. */
struct ril_writer *ril_writer_open(const char *path, const struct ril_writer_options *, struct ril_err *);
/* Frees; a file without END is removed. */
void ril_writer_free(struct ril_writer *);
/* HEAD for output: a copy of the input's HEAD (NULL: a new stream) with this tool's lineage line added. */
struct ril_lineage { const char *program, *version; int argc; char **argv; uint32_t seed; const char *device, *model; };
int ril_writer_head(struct ril_writer *, const struct ril_record *input_head, const struct ril_lineage *, struct ril_record **extended /* NULL or gets an owned copy */, struct ril_err *);
/* As ril_writer_head, for a tool that puts more into HEAD (tokenizer id, teachers): takes the finished record. */
struct ril_record *ril_head_extend(const struct ril_record *input_head, const struct ril_lineage *, struct ril_err *);
int ril_writer_put(struct ril_writer *, const struct ril_record *, struct ril_err *); /* HEAD or group */
int ril_writer_step(struct ril_writer *, int64_t step, bool checkpoint, struct ril_err *); /* barrier + flush */
int ril_writer_flush(struct ril_writer *, struct ril_err *);
int ril_writer_end(struct ril_writer *, struct ril_err *); /* END, flush, rename */
/* Says why this stage failed; best effort, only between frames. */
void ril_writer_abort(struct ril_writer *, const char *tool, const struct ril_err *why);

/* STEP frames: number and flag. */
int64_t ril_step_number(const struct ril_record *);
bool ril_step_checkpoint(const struct ril_record *);

#endif
