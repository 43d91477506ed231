/* reader.c -- reading a stream: frames are checked one by one, their order and counts at every barrier; see stream.h.
 *
 * A frame's length is in its header, so the header is parsed before the checksum is known to be right; nothing but the
 * length is taken from it until then.  Memory grows with the bytes that arrive, never with what a header claims. */
#include "stream/stream_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct ril_reader {
	struct ril_input in;
	char *name;
	struct ril_record *head;
	bool open; /* inside a segment */
	struct ril_count since, segment;
	struct ril_totals totals;
	int64_t last_step;
};

void ril_count_frame(struct ril_count *c, enum ril_kind kind, uint32_t crc)
{
	unsigned char le[4] = {(unsigned char)crc, (unsigned char)(crc >> 8), (unsigned char)(crc >> 16),
			       (unsigned char)(crc >> 24)};
	c->crc = (uint32_t)crc32(c->crc, le, 4);
	c->groups += kind == RIL_GROUP;
	c->steps += kind == RIL_STEP;
}

struct ril_reader *ril_reader_open(const char *path, struct ril_err *err)
{
	struct ril_reader *r = ril_new(1, sizeof *r, err);
	if (!r)
		return NULL;
	r->in.fd = -1;
	r->name = ril_strdup(strcmp(path, "-") ? path : "stdin", err);
	if (!r->name || ril_input_open(&r->in, path, err)) {
		if (r->name)
			ril_context(err, "%s", r->name);
		ril_reader_free(r);
		return NULL;
	}
	return r;
}

void ril_reader_free(struct ril_reader *r)
{
	if (!r)
		return;
	ril_input_close(&r->in);
	ril_record_free(r->head);
	free(r->name);
	free(r);
}

/* ---- one frame ---- */

/* Appends exactly n bytes, reading in chunks that grow with what has arrived. */
static int read_exactly(struct ril_reader *r, struct ril_buf *b, uint64_t n, struct ril_err *err)
{
	enum { FIRST = 1 << 16 };
	while (n) {
		size_t most = b->len < FIRST ? FIRST : b->len, chunk = n < most ? (size_t)n : most, got;
		if (ril_buf_reserve(b, chunk, err) || ril_input_read(&r->in, b->data + b->len, chunk, &got, err))
			return -1;
		b->len += got;
		n -= got;
		if (got < chunk)
			return ril_fail(err, RIL_ECORRUPT, "truncated");
	}
	return 0;
}

/* Reads a frame's bytes and checks the checksum behind them.  *st is NULL when the input ended instead. */
static int read_frame(struct ril_reader *r, struct ril_buf *b, struct ril_st **st, uint32_t *crc, struct ril_err *err)
{
	uint64_t header;
	uint32_t want;
	size_t got;
	if (ril_buf_reserve(b, 1 << 12, err) || ril_input_read(&r->in, b->data, 8, &got, err))
		return -1;
	if (got < 8)
		return got ? ril_fail(err, RIL_ECORRUPT, "truncated") : 0;
	b->len = 8;
	memcpy(&header, b->data, 8);
	if (header > RIL_ST_MAX_HEADER && !r->head)
		return ril_fail(err, RIL_ECORRUPT, "not a stream of these tools");
	if (header > RIL_ST_MAX_HEADER)
		return ril_fail(err, RIL_ECORRUPT, "not a frame: a header of %llu bytes", (unsigned long long)header);
	if (read_exactly(r, b, header, err) || !(*st = ril_st_header(b->data + 8, (size_t)header, err)))
		return -1;
	size_t data_at = b->len;
	if (read_exactly(r, b, ril_st_data_bytes(*st), err) || ril_input_read(&r->in, &want, 4, &got, err))
		return -1;
	if (got < 4)
		return ril_fail(err, RIL_ECORRUPT, "truncated");
	*crc = (uint32_t)crc32_z(0, (const unsigned char *)b->data, b->len);
	if (*crc != want)
		return ril_fail(err, RIL_ECORRUPT, "checksum does not match: the data was changed");
	return ril_st_attach(*st, b->data + data_at, err);
}

static int read_record(struct ril_reader *r, struct ril_record **rec, uint32_t *crc, struct ril_err *err)
{
	struct ril_buf frame = {0};
	struct ril_st *st = NULL;
	*rec = NULL;
	int rc = read_frame(r, &frame, &st, crc, err);
	if (rc || !st) {
		ril_st_free(st);
		ril_buf_free(&frame);
		return rc;
	}
	*rec = ril_record_take(&frame, st, *crc, r->totals.groups + 1, err);
	return *rec ? 0 : -1;
}

/* ---- their order ---- */

static bool same_text(const struct ril_record *a, const struct ril_record *b, const char *name)
{
	const char *x = ril_record_meta(a, name), *y = ril_record_meta(b, name);
	return !strcmp(x ? x : "", y ? y : "");
}

static int begin_segment(struct ril_reader *r, const struct ril_record *head, struct ril_err *err)
{
	static const char *const same[] = {"model", "tokenizer"};
	for (int i = 0; i < 2 && r->head; i++)
		if (!same_text(r->head, head, same[i]))
			return ril_fail(
				err, RIL_EFAIL,
				"segment %lld was made with another %s than the one before; they do not go together",
				(long long)r->totals.segments + 1, same[i]);
	struct ril_record *copy = ril_record_copy(head, err);
	if (!copy)
		return -1;
	ril_record_free(r->head);
	r->head = copy;
	r->open = true;
	r->last_step = INT64_MIN;
	r->since = r->segment = (struct ril_count){0};
	return 0;
}

/* A number that a barrier must have: its lack is the stream's fault, not the tool's. */
static int barrier_int(const struct ril_record *rec, const char *name, int64_t *out, struct ril_err *err)
{
	if (!ril_record_int(rec, name, out, err))
		return 0;
	err->code = RIL_ECORRUPT;
	return -1;
}

static int check_count(const struct ril_record *rec, const struct ril_count *c, bool with_steps, struct ril_err *err)
{
	int64_t groups, steps = c->steps;
	char crc[16];
	const char *have = ril_record_meta(rec, "crc");
	snprintf(crc, sizeof crc, "%08x", c->crc);
	if (barrier_int(rec, "groups", &groups, err) || (with_steps && barrier_int(rec, "steps", &steps, err)))
		return -1;
	if (groups != c->groups || steps != c->steps || !have || strcmp(have, crc))
		return ril_fail(
			err, RIL_ECORRUPT,
			"%s: its counts or checksum do not fit the frames before it: some are missing or changed",
			ril_record_label(rec));
	return 0;
}

static int check_step(struct ril_reader *r, const struct ril_record *rec, struct ril_err *err)
{
	int64_t step;
	if (barrier_int(rec, "step", &step, err))
		return -1;
	if (step <= r->last_step)
		return ril_fail(err, RIL_ECORRUPT, "step %lld follows step %lld", (long long)step,
				(long long)r->last_step);
	r->last_step = step;
	return check_count(rec, &r->since, false, err);
}

static int stopped(const struct ril_record *rec, struct ril_err *err)
{
	const char *tool = ril_record_meta(rec, "tool"), *reason = ril_record_meta(rec, "reason");
	return ril_fail(err, RIL_EFAIL, RIL_ABORT_MARK "%s: %s", tool ? ril_short(tool) : "an earlier stage",
			reason ? reason : "no reason given");
}

/* Checks a record's place in the stream and counts it. */
static int admit(struct ril_reader *r, const struct ril_record *rec, uint32_t crc, struct ril_err *err)
{
	enum ril_kind kind = ril_record_kind(rec);
	int rc = 0;
	if (kind == RIL_ABORT)
		return stopped(rec, err);
	if ((kind == RIL_HEAD) == r->open)
		return ril_fail(err, RIL_ECORRUPT,
				r->open ? "a HEAD inside a segment" : "a segment does not begin with HEAD");
	if (kind == RIL_HEAD)
		rc = begin_segment(r, rec, err);
	else if (kind == RIL_STEP)
		rc = check_step(r, rec, err);
	else if (kind == RIL_END)
		rc = check_count(rec, &r->segment, true, err);
	if (rc)
		return -1;
	if (kind == RIL_STEP)
		r->since = (struct ril_count){0};
	else
		ril_count_frame(&r->since, kind, crc);
	ril_count_frame(&r->segment, kind, crc);
	r->open = kind != RIL_END;
	r->totals.groups += kind == RIL_GROUP;
	r->totals.steps += kind == RIL_STEP;
	r->totals.segments += kind == RIL_END;
	return 0;
}

/* "x.ril: after record 16: truncated"; a record that could be read names itself. */
static int locate(const struct ril_reader *r, const struct ril_record *rec, struct ril_err *err)
{
	return rec ? ril_context(err, "%s", r->name)
		   : ril_context(err, "%s: after record %lld", r->name, (long long)r->totals.groups);
}

int ril_reader_next(struct ril_reader *r, struct ril_record **out, struct ril_err *err)
{
	struct ril_err own = {0};
	struct ril_err *e = err ? err : &own;
	e->code = 0;
	*out = NULL;
	for (;;) {
		uint32_t crc = 0;
		struct ril_record *rec = NULL;
		if (!r->open && ril_input_begin(&r->in, e))
			return locate(r, NULL, e);
		if (read_record(r, &rec, &crc, e))
			return locate(r, NULL, e);
		if (!rec && r->totals.segments && !r->open)
			return 0;
		if (!rec)
			ril_fail(e, RIL_ECORRUPT,
				 r->open ? "stops without END: the stream is cut off" : "empty: not even a HEAD");
		if (!rec || admit(r, rec, crc, e)) {
			locate(r, rec, e);
			ril_record_free(rec);
			return -1;
		}
		r->totals.bytes = r->in.total;
		if (ril_record_kind(rec) != RIL_END)
			return *out = rec, 0;
		ril_record_free(rec);
	}
}

const char *ril_reader_name(const struct ril_reader *r)
{
	return r->name;
}

struct ril_totals ril_reader_totals(const struct ril_reader *r)
{
	return r->totals;
}

double ril_reader_share(const struct ril_reader *r)
{
	return ril_input_share(&r->in);
}

double ril_reader_waited(const struct ril_reader *r)
{
	return r->in.waited;
}

void ril_reader_rest(struct ril_reader *r, void (*rest)(void *ctx), void *ctx)
{
	r->in.rest = rest;
	r->in.rest_ctx = ctx;
}

void ril_reader_watch(struct ril_reader *r, const struct ril_writer *w)
{
	r->in.watch = (struct ril_watch){w ? ril_writer_fd(w) : -1, "the next stage"};
}
