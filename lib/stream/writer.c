/* writer.c -- writing a stream; see stream.h.
 *
 * Small frames gather in a buffer, large tensors go to the descriptor from where they lie.  A record that nobody
 * changed is written as it came.  What is waiting is flushed at HEAD and at every barrier: the stages behind must have
 * it before this one waits for anything. */
#include "base/file.h"
#include "base/progress.h"
#include "stream/stream_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 17, PACK_LEVEL = 6, PIPE = 1 << 20 };

struct ril_writer {
	struct ril_file file; /* for stdout, only the descriptor */
	char *name;
	bool gzip, z_open, pipe;
	double waited;
	z_stream z;
	unsigned char *buf; /* waiting output, packed where gzip is on */
	size_t len;
	bool open; /* inside a segment */
	bool ended;
	bool broken; /* a frame may be half written: nothing sensible can follow */
	struct ril_count since, segment;
	int64_t last_step;
};

static bool stdout_taken; /* by a writer, now or before: a process has one stdout */

static int failed(struct ril_writer *w, struct ril_err *err)
{
	w->broken = true;
	return ril_context(err, "%s", w->name);
}

struct ril_writer *ril_writer_open(const char *path, const struct ril_writer_options *o, struct ril_err *err)
{
	bool to_stdout = !strcmp(path, "-");
	struct ril_writer *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->file.fd = -1;
	w->gzip = o && o->gzip;
	if (!(w->name = ril_strdup(to_stdout ? "stdout" : path, err)) || !(w->buf = ril_new(BUFFER, 1, err)))
		goto fail;
	if (to_stdout)
		w->file = (struct ril_file){.fd = STDOUT_FILENO, .open = true};
	else if (ril_file_create(&w->file, path, err))
		goto fail;
	if (isatty(w->file.fd)) {
		ril_fail(err, RIL_EUSAGE, "%s is a terminal; a stream goes to a file or a pipe", w->name);
		goto fail;
	}
	fcntl(w->file.fd, F_SETPIPE_SZ, PIPE); /* fewer switches between stages; no pipe, or not allowed: no matter */
	w->pipe = fcntl(w->file.fd, F_GETPIPE_SZ) >= 0;
	if (w->gzip && deflateInit2(&w->z, PACK_LEVEL, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		ril_fail(err, RIL_EFAIL, "gzip: out of memory");
		goto fail;
	}
	w->z_open = w->gzip;
	stdout_taken |= to_stdout;
	return w;
fail:
	ril_writer_free(w);
	return NULL;
}

void ril_writer_free(struct ril_writer *w)
{
	if (!w)
		return;
	if (w->z_open)
		deflateEnd(&w->z);
	if (w->file.fd == STDOUT_FILENO)
		w->file.open = false; /* not ours to close, unless at the end */
	ril_file_discard(&w->file);
	free(w->buf);
	free(w->name);
	free(w);
}

int ril_writer_fd(const struct ril_writer *w)
{
	return w->file.open ? w->file.fd : -1;
}

double ril_writer_waited(const struct ril_writer *w)
{
	return w->waited;
}

/* ---- bytes ---- */

static int write_out(struct ril_writer *w, struct iovec *iov, int n, struct ril_err *err)
{
	double t0 = w->pipe ? ril_now() : 0;
	int rc = ril_write_all(w->file.fd, iov, n, err);
	if (w->pipe)
		w->waited += ril_now() - t0;
	return rc ? failed(w, err) : 0;
}

static int out_raw(struct ril_writer *w, const void *p, size_t n, struct ril_err *err)
{
	if (n <= BUFFER - w->len) {
		if (n)
			memcpy(w->buf + w->len, p, n);
		w->len += n;
		return 0;
	}
	struct iovec iov[2] = {{w->buf, w->len}, {(void *)p, n}};
	w->len = 0;
	return write_out(w, iov, 2, err);
}

static int out_packed(struct ril_writer *w, const void *p, size_t n, int flush, struct ril_err *err)
{
	unsigned char chunk[1 << 14];
	w->z.next_in = (unsigned char *)p;
	do {
		w->z.avail_in = n > (1u << 30) ? 1u << 30 : (uInt)n;
		n -= w->z.avail_in;
		do {
			w->z.next_out = chunk;
			w->z.avail_out = sizeof chunk;
			if (deflate(&w->z, n ? Z_NO_FLUSH : flush) == Z_STREAM_ERROR)
				return ril_fail(err, RIL_EFAIL, "gzip: internal error"), failed(w, err);
			if (out_raw(w, chunk, sizeof chunk - w->z.avail_out, err))
				return -1;
		} while (w->z.avail_out == 0);
	} while (n);
	return 0;
}

static int out(struct ril_writer *w, const void *p, size_t n, struct ril_err *err)
{
	return w->gzip ? out_packed(w, p, n, Z_NO_FLUSH, err) : out_raw(w, p, n, err);
}

static int drain(struct ril_writer *w, struct ril_err *err)
{
	struct iovec iov = {w->buf, w->len};
	w->len = 0;
	return write_out(w, &iov, 1, err);
}

int ril_writer_flush(struct ril_writer *w, struct ril_err *err)
{
	if (w->gzip && out_packed(w, NULL, 0, Z_SYNC_FLUSH, err))
		return -1;
	return drain(w, err);
}

/* ---- frames ---- */

/* The frame of a record that has changed or is new. */
static int out_layout(struct ril_writer *w, const struct ril_st_layout *l, uint32_t *crc, struct ril_err *err)
{
	*crc = (uint32_t)crc32_z(0, (const unsigned char *)l->prefix.data, l->prefix.len);
	if (out(w, l->prefix.data, l->prefix.len, err))
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		*crc = (uint32_t)crc32_z(*crc, l->order[i]->data, l->order[i]->bytes);
		if (out(w, l->order[i]->data, l->order[i]->bytes, err))
			return -1;
	}
	return 0;
}

static int lay_out(struct ril_st_layout *l, const struct ril_record *r, struct ril_err *err)
{
	const char **pairs = ril_record_pairs(r, err);
	const struct ril_st_entry **entry = ril_new(r->nfield, sizeof *entry, err);
	int rc = pairs && entry ? 0 : -1;
	for (size_t i = 0; i < r->nfield && !rc; i++)
		entry[i] = r->field[i].e;
	if (!rc)
		rc = ril_st_lay_out(l, entry, r->nfield, pairs, err);
	free(pairs);
	free(entry);
	return rc ? ril_context(err, "%s", r->label) : 0;
}

static int emit(struct ril_writer *w, const struct ril_record *r, struct ril_err *err)
{
	struct ril_st_layout l;
	uint32_t crc = r->crc;
	int rc;
	if (w->broken || w->ended)
		return ril_fail(err, RIL_EFAIL, "%s: %s", w->name,
				w->ended ? "written to after its end" : "an earlier write failed");
	if (!r->changed) {
		rc = out(w, r->frame.data, r->frame.len, err);
	} else {
		if (lay_out(&l, r, err))
			return -1;
		rc = out_layout(w, &l, &crc, err);
		ril_st_layout_free(&l);
	}
	if (rc || out(w, &crc, sizeof crc, err))
		return -1;
	ril_count_frame(&w->since, r->kind, crc);
	ril_count_frame(&w->segment, r->kind, crc);
	return 0;
}

static int set_int(struct ril_record *r, const char *name, int64_t v, struct ril_err *err)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)v);
	return ril_record_set_meta(r, name, text, err);
}

static int set_count(struct ril_record *r, const struct ril_count *c, struct ril_err *err)
{
	char text[32];
	snprintf(text, sizeof text, "%08x", c->crc);
	return set_int(r, "groups", c->groups, err) || ril_record_set_meta(r, "crc", text, err) ? -1 : 0;
}

static int emit_end(struct ril_writer *w, struct ril_err *err)
{
	struct ril_record *r = ril_record_new(RIL_END, NULL, err);
	int rc = !r || set_int(r, "steps", w->segment.steps, err) || set_count(r, &w->segment, err) || emit(w, r, err)
			 ? -1
			 : 0;
	ril_record_free(r);
	w->open = false;
	return rc;
}

int ril_writer_put(struct ril_writer *w, const struct ril_record *r, struct ril_err *err)
{
	if (r->kind == RIL_GROUP)
		return w->open ? emit(w, r, err) : ril_fail(err, RIL_EFAIL, "%s: a group before HEAD", w->name);
	if (r->kind != RIL_HEAD)
		return ril_fail(err, RIL_EFAIL, "%s: only HEAD and groups are put", w->name);
	if (w->open && emit_end(w, err))
		return -1;
	w->since = w->segment = (struct ril_count){0};
	w->last_step = INT64_MIN;
	w->open = true;
	return emit(w, r, err) || ril_writer_flush(w, err) ? -1 : 0;
}

int ril_writer_head(struct ril_writer *w, const struct ril_record *input_head, const struct ril_lineage *l,
		    struct ril_record **extended, struct ril_err *err)
{
	struct ril_record *head = ril_head_extend(input_head, l, err);
	int rc = head ? ril_writer_put(w, head, err) : -1;
	if (!rc && extended)
		*extended = head;
	else
		ril_record_free(head);
	return rc;
}

int ril_writer_step(struct ril_writer *w, int64_t step, bool checkpoint, struct ril_err *err)
{
	if (!w->open || step <= w->last_step)
		return ril_fail(err, RIL_EFAIL, "%s: step %lld is out of place", w->name, (long long)step);
	struct ril_record *r = ril_record_new(RIL_STEP, NULL, err);
	int rc = !r || set_int(r, "step", step, err) || set_count(r, &w->since, err) ||
				 (checkpoint && ril_record_set_meta(r, "flags", "checkpoint", err)) || emit(w, r, err)
			 ? -1
			 : 0;
	ril_record_free(r);
	w->last_step = step;
	w->since = (struct ril_count){0};
	return rc ? -1 : ril_writer_flush(w, err);
}

int ril_writer_end(struct ril_writer *w, struct ril_err *err)
{
	if (!w->open)
		return ril_fail(err, RIL_EFAIL, "%s: ended without HEAD", w->name);
	if (emit_end(w, err) || (w->gzip && out_packed(w, NULL, 0, Z_FINISH, err)) || drain(w, err))
		return -1;
	w->ended = true;
	return ril_file_commit(&w->file, true, err) ? failed(w, err) : 0;
}

/* The words behind RIL_ABORT_MARK, split at ": "; false when `why` does not come from an ABORT. */
static bool passed_on(const char *why, char *tool, size_t n, const char **reason)
{
	const char *mark = strstr(why, RIL_ABORT_MARK), *from = mark ? mark + strlen(RIL_ABORT_MARK) : NULL;
	const char *colon = from ? strstr(from, ": ") : NULL;
	if (!colon)
		return false;
	snprintf(tool, n, "%.*s", (int)(colon - from), from);
	*reason = colon + 2;
	return true;
}

void ril_writer_abort(struct ril_writer *w, const char *tool, const struct ril_err *why)
{
	char origin[128];
	const char *reason = why->msg;
	/* An unfinished file will be removed: nobody could read the frame. */
	if (!w || w->broken || w->ended || w->file.temp || !w->file.open)
		return;
	if (!passed_on(why->msg, origin, sizeof origin, &reason))
		snprintf(origin, sizeof origin, "%s", tool);
	struct ril_record *r = ril_record_new(RIL_ABORT, NULL, NULL);
	if (r && !ril_record_set_meta(r, "tool", origin, NULL) && !ril_record_set_meta(r, "reason", reason, NULL) &&
	    !emit(w, r, NULL))
		ril_writer_flush(w, NULL);
	ril_record_free(r);
}

void ril_abort(const char *path, const char *tool, const struct ril_err *why)
{
	struct stat st;
	if (strcmp(path, "-") || stdout_taken || fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return;
	struct ril_writer *w = ril_writer_open(path, NULL, NULL);
	ril_writer_abort(w, tool, why);
	ril_writer_free(w);
}
