/* gunzip.c -- see gunzip.h; zlib does the work. */
#include "data/gunzip.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 16, AUTO_GZIP = 16 + MAX_WBITS };

bool ril_gzip_begins(const void *bytes, size_t n)
{
	const uint8_t *b = bytes;
	return n > 1 && b[0] == 0x1f && b[1] == 0x8b;
}

static int64_t lines_in(const char *s, size_t n)
{
	int64_t lines = 0;
	for (const char *end = s + n, *at; s < end && (at = memchr(s, '\n', (size_t)(end - s))); s = at + 1)
		lines++;
	return lines;
}

static int corrupt(int64_t line, const char *why, struct ril_err *err)
{
	ril_fail(err, RIL_ECORRUPT, "gzip: %s", why);
	return line ? ril_context(err, "line %lld", (long long)line) : -1;
}

/* The file behind fd from its start, as zlib reads it; NULL: it cannot be. */
static gzFile reader_of(int fd)
{
	int copy = dup(fd);
	gzFile from = copy < 0 || lseek(copy, 0, SEEK_SET) < 0 ? NULL : gzdopen(copy, "rb");
	if (!from && copy >= 0)
		close(copy);
	return from;
}

size_t ril_gunzip_first(int fd, void *out, size_t n)
{
	gzFile from = reader_of(fd);
	int got = from ? gzread(from, out, (unsigned)n) : 0;
	if (from)
		gzclose(from);
	return got > 0 ? (size_t)got : 0;
}

static int unpack_to(gzFile from, int to, bool line, struct ril_err *err)
{
	char *chunk = ril_new(CHUNK, 1, err);
	int64_t lines = line;
	int n = 0, code = Z_OK;
	int rc = chunk ? 0 : -1;
	while (!rc && (n = gzread(from, chunk, CHUNK)) > 0) {
		lines += line ? lines_in(chunk, (size_t)n) : 0;
		if (ril_write_all(to, &(struct iovec){chunk, (size_t)n}, 1, err))
			rc = ril_context(err, "unpacking into a temporary file");
	}
	free(chunk);
	const char *why = gzerror(from, &code);
	if (!rc && (n < 0 || code != Z_OK))
		rc = corrupt(lines, code == Z_BUF_ERROR ? "cut off" : ril_short(why), err);
	return rc;
}

int ril_gunzip_file(int fd, bool line, struct ril_err *err)
{
	gzFile from = reader_of(fd);
	int to = -1, rc = from ? 0 : ril_fail(err, RIL_EFAIL, "gzip: cannot be opened");
	if (!rc && ((to = ril_file_unnamed(err)) < 0 || unpack_to(from, to, line, err)))
		rc = -1;
	if (from)
		gzclose(from);
	if (!rc)
		return to;
	if (to >= 0)
		close(to);
	return -1;
}

/* ---- in memory ---- */

/* One call of inflate, as much as there is room for. */
static int inflate_some(z_stream *z, struct ril_buf *out, struct ril_err *err)
{
	if (ril_buf_reserve(out, CHUNK, err))
		return Z_MEM_ERROR;
	z->next_out = (Bytef *)out->data + out->len;
	z->avail_out = CHUNK;
	int code = inflate(z, Z_NO_FLUSH);
	out->len += CHUNK - z->avail_out;
	out->data[out->len] = 0;
	return code;
}

/* Gives zlib, which counts in unsigned, more of the n bytes that are left at p. */
static void feed(z_stream *z, const char **p, size_t *n)
{
	if (z->avail_in || !*n)
		return;
	uInt some = *n < 1u << 30 ? (uInt)*n : 1u << 30;
	z->next_in = (Bytef *)(uintptr_t)*p;
	z->avail_in = some;
	*p += some;
	*n -= some;
}

/* All members; Z_STREAM_END, or what was wrong. */
static int inflate_all(z_stream *z, const struct ril_buf *in, struct ril_buf *out, struct ril_err *err)
{
	const char *p = in->data;
	size_t n = in->len;
	int code = Z_OK;
	while (code == Z_OK) {
		feed(z, &p, &n);
		code = inflate_some(z, out, err);
		if (code != Z_STREAM_END)
			continue;
		size_t left = z->avail_in + n;
		const char *next = in->data + in->len - left;
		if (ril_gzip_begins(next, left)) {
			z->avail_in = 0;
			p = next;
			n = left;
			code = inflateReset(z);
		}
	}
	return code;
}

int ril_gunzip_text(struct ril_buf *text, struct ril_err *err)
{
	struct ril_buf out = {0};
	z_stream z = {0};
	if (!ril_gzip_begins(text->data, text->len))
		return 0;
	if (inflateInit2(&z, AUTO_GZIP) != Z_OK)
		return ril_fail(err, RIL_EFAIL, "gzip: out of memory");
	int code = inflate_all(&z, text, &out, err), rc = 0;
	if (code == Z_MEM_ERROR)
		rc = err->code ? -1 : ril_fail(err, RIL_EFAIL, "gzip: out of memory");
	else if (code != Z_STREAM_END)
		rc = corrupt(1 + lines_in(out.data, out.len),
			     code == Z_BUF_ERROR ? "cut off" : ril_short(z.msg ? z.msg : "damaged"), err);
	inflateEnd(&z);
	if (!rc) {
		ril_buf_free(text);
		*text = out;
		return 0;
	}
	ril_buf_free(&out);
	return -1;
}
