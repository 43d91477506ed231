/* stream.h -- records, readers and writers of a RIL stream; the format is ril-stream(5).
 *
 * A stream is one or more segments HEAD group... step... END.  A tool reads, and passes on:
 *
 *	while (!(rc = ril_reader_next(r, &rec, err)) && rec) {
 *		switch (ril_record_kind(rec)) {
 *		case RIL_HEAD: rc = ril_writer_head(w, rec, &lineage, NULL, err); break;
 *		case RIL_GROUP: rc = ... ril_writer_put(w, rec, err); break;
 *		case RIL_STEP: rc = ril_writer_step(w, ril_step_number(rec), ril_step_checkpoint(rec), err); break;
 *		}
 *		ril_record_free(rec);
 *	}
 *	if (!rc) rc = ril_writer_end(w, err); else ril_writer_abort(w, tool, err);
 *	ril_writer_free(w);
 *
 * Ownership: a record given by a reader belongs to the caller (ril_record_free); what its getters return is borrowed
 * and lives until that field is set, dropped or the record freed.  Errors name the stream, the record number and the
 * key. */
#ifndef RIL_STREAM_STREAM_H
#define RIL_STREAM_STREAM_H

#include "tensor/safetensors.h"

#include <cjson/cJSON.h>

enum ril_kind { RIL_HEAD = 1, RIL_GROUP, RIL_STEP, RIL_END, RIL_ABORT };

/* ---- records ---- */
struct ril_record;
struct ril_record *ril_record_new(enum ril_kind, const char *key /* groups only */, struct ril_err *);
struct ril_record *ril_record_copy(const struct ril_record *, struct ril_err *);
void ril_record_free(struct ril_record *);
enum ril_kind ril_record_kind(const struct ril_record *);
const char *ril_record_key(const struct ril_record *); /* "" for frames without one */
/* "record 17 'coco/9'" (groups count from 1; 0 where the record was not read), for messages. */
const char *ril_record_label(const struct ril_record *);

/* Metadata: UTF-8 text (structured values as JSON text); embedded NULs are not allowed.  text NULL drops it. */
const char *ril_record_meta(const struct ril_record *, const char *name); /* NULL if absent */
int ril_record_set_meta(struct ril_record *, const char *name, const char *text, struct ril_err *);
/* Parses a metadata field that must be there; cJSON_Delete the result.  An error names key and field. */
cJSON *ril_record_json(const struct ril_record *, const char *name, struct ril_err *);
/* Reads a whole number from a metadata field that must be there. */
int ril_record_int(const struct ril_record *, const char *name, int64_t *out, struct ril_err *);

/* Tensors.  get: NULL if absent.  need: absent, another type or another number of dimensions (-1: any) is an error
 * naming key and field. */
const struct ril_st_entry *ril_record_get(const struct ril_record *, const char *name);
const struct ril_st_entry *ril_record_need(const struct ril_record *, const char *name, enum ril_dtype, int ndim,
					   struct ril_err *);
/* Several at once, in one walk: fills e of every binding (NULL: absent).  check: what `need` does, of one bound. */
struct ril_binding {
	const char *name;
	const struct ril_st_entry *e;
};
void ril_record_bind(const struct ril_record *, struct ril_binding *, size_t n);
int ril_record_check(const struct ril_record *, const struct ril_binding *, enum ril_dtype, int ndim, struct ril_err *);
int ril_record_set(struct ril_record *, const char *name, enum ril_dtype, int ndim, const int64_t *dim,
		   const void *data /* copied */, struct ril_err *);
/* Drops tensors and metadata whose name is `pattern`, or begins with it when it ends in '*'. */
void ril_record_drop(struct ril_record *, const char *pattern);
/* Walks all tensors / metadata (`ril` and `key` are not counted as metadata). */
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

/* ---- HEAD: metadata `lineage` (one JSON object a line), `model`, `tokenizer` (ids), `teachers` (JSON list) ---- */
struct ril_lineage {
	const char *program, *version;
	int argc;
	char **argv;
	uint32_t seed;
	const char *device, *model;
};
/* A copy of the input's HEAD (NULL: a new stream) with this tool's lineage line added.  Secrets in argv are masked. */
struct ril_record *ril_head_extend(const struct ril_record *input_head, const struct ril_lineage *, struct ril_err *);
/* The number (from 1) of a teacher, which is added to the list when it is new; -1 on failure. */
int ril_head_teacher(struct ril_record *head, const char *name, struct ril_err *);
/* Fails (RIL_EFAIL) when HEAD names another id under `what` ("model", "tokenizer"); passes when it names none. */
int ril_head_expect(const struct ril_record *head, const char *what, const char *id, struct ril_err *);

/* ---- STEP ---- */
int64_t ril_step_number(const struct ril_record *);
bool ril_step_checkpoint(const struct ril_record *);

/* ---- reading ---- */
struct ril_reader;
/* path "-" is stdin; gzip is recognised. */
struct ril_reader *ril_reader_open(const char *path, struct ril_err *);
void ril_reader_free(struct ril_reader *);
/* The next record in *out (owned by the caller): HEAD, GROUP or STEP; NULL in *out after the last END, once the input
 * has ended.  END is checked, not returned.  Input that stops without END, a bad checksum or structure: RIL_ECORRUPT.
 * ABORT: RIL_EFAIL naming the stage and cause that the frame carries.  Segments that name another model or tokenizer:
 * RIL_EFAIL. */
int ril_reader_next(struct ril_reader *, struct ril_record **out, struct ril_err *);
const char *ril_reader_name(const struct ril_reader *); /* for messages: the path, or "stdin" */
struct ril_totals {
	int64_t segments, groups, steps;
	uint64_t bytes;
};
struct ril_totals ril_reader_totals(const struct ril_reader *); /* so far; bytes uncompressed */
/* How much of it was read, 0 to 1, where it is a regular file; of any other 0. */
double ril_reader_share(const struct ril_reader *);

/* ---- writing ---- */
struct ril_writer;
struct ril_writer_options {
	bool gzip;
};
/* path "-" is stdout (a terminal is refused).  A regular file gets a temporary name until the end. */
struct ril_writer *ril_writer_open(const char *path, const struct ril_writer_options *, struct ril_err *);
/* Frees; a file that was not ended is removed. */
void ril_writer_free(struct ril_writer *);
/* While the reader waits for input it also watches the writer's other end (a pipe whose reader died fails the wait). */
void ril_reader_watch(struct ril_reader *, const struct ril_writer *);
/* Seconds spent so far in reads of a pipe, waits included; in writes to one. */
double ril_reader_waited(const struct ril_reader *);
double ril_writer_waited(const struct ril_writer *);
/* Calls rest(ctx) when the reader has to wait for input for longer than a moment: to give back memory meanwhile. */
void ril_reader_rest(struct ril_reader *, void (*rest)(void *ctx), void *ctx);
/* HEAD for output: ril_head_extend, put.  A segment still open is ended first. */
int ril_writer_head(struct ril_writer *, const struct ril_record *input_head, const struct ril_lineage *,
		    struct ril_record **extended /* NULL or gets an owned copy */, struct ril_err *);
int ril_writer_put(struct ril_writer *, const struct ril_record *, struct ril_err *); /* HEAD or group; HEAD flushes */
int ril_writer_step(struct ril_writer *, int64_t step, bool checkpoint, struct ril_err *); /* barrier + flush */
int ril_writer_flush(struct ril_writer *, struct ril_err *);
/* Call once, when the input has ended: END, flush, close (stdout too, so that the end travels on), rename. */
int ril_writer_end(struct ril_writer *, struct ril_err *);
/* Says downstream why this stage failed; best effort, between frames.  An ABORT that was read goes on as it came. */
void ril_writer_abort(struct ril_writer *, const char *tool, const struct ril_err *why);
int ril_writer_fd(const struct ril_writer *); /* -1 after the end */
/* The same for a tool that failed before it opened its output: nothing unless path is "-", stdout a pipe, and no writer
 * has had it. */
void ril_abort(const char *path, const char *tool, const struct ril_err *why);

#endif
