/* tar.c -- see tar.h.
 *
 * POSIX ustar with pax headers (path, size), GNU's long names and sizes beyond 8 GiB: IEEE 1003.1, "pax Interchange Format";
 * GNU tar's manual, "Basic Tar Format".  A library would read it as a stream, while a shuffled order, a picture that comes
 * again and tools that read the stream's paths need members at random; what is left to do is the header of 512 bytes.
 * A file that ends without its mark (a block of zeros) is cut off: nothing else would tell. */
#include "data/tar.h"

#include "data/gunzip.h"

#include "base/file.h"
#include "base/intern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, LONGEST_NAME = 1 << 16, MAGIC_AT = 257 };

struct entry {
	uint64_t at, n;
};

/* The archive while its headers are read. */
struct reading {
	struct ril_tar *tar;
	uint64_t at, size; /* the next header; the file's bytes */
	struct ril_intern names;
	struct entry *entry; /* [names] */
	size_t cap;
	struct ril_buf name; /* what a header before this one gave; empty: nothing */
	bool sized;          /* pax gave a size */
	uint64_t given;
};

/* The index behind a struct ril_tar. */
struct archive {
	struct ril_tar tar;
	struct ril_intern names;
};

/* ---- headers ---- */

/* A number of a header: octal digits between blanks, or GNU's, whose first bit is set, in base 256. */
static int header_number(const uint8_t *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	if (s[0] & 0x80) {
		for (v = s[0] & 0x7f, i = 1; i < n; i++) {
			if (v >> 55)
				return -1;
			v = v << 8 | s[i];
		}
		*out = v;
		return 0;
	}
	while (i < n && s[i] == ' ')
		i++;
	for (; i < n && s[i] >= '0' && s[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(s[i] - '0');
	*out = v;
	return i < n && s[i] && s[i] != ' ' ? -1 : 0;
}

static bool checksum_holds(const uint8_t *h)
{
	uint64_t want, sum = 0;
	for (int i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : h[i];
	return !header_number(h + 148, 8, &want) && want == sum;
}

static bool all_zero(const uint8_t *h)
{
	int i = 0;
	while (i < BLOCK && !h[i])
		i++;
	return i == BLOCK;
}

/* The bytes of a header's own data: a long name, or pax records. */
static int read_extra(struct reading *r, struct ril_buf *out, uint64_t n, struct ril_err *err)
{
	if (n > LONGEST_NAME)
		return ril_fail(err, RIL_ECORRUPT, "byte %llu: a header of %llu bytes", (unsigned long long)r->at,
				(unsigned long long)n);
	if (ril_buf_reserve(out, (size_t)n + 1, err) ||
	    ril_read_at(r->tar->fd, out->data, (size_t)n, r->at + BLOCK, err))
		return -1;
	out->len = (size_t)n;
	out->data[n] = 0;
	return 0;
}

/* Records of "LENGTH KEY=VALUE\n", of which path and size count. */
static int read_pax(struct reading *r, const struct ril_buf *b, struct ril_err *err)
{
	for (const char *s = b->data, *end = s + b->len; s < end && *s;) {
		char *key;
		unsigned long n = strtoul(s, &key, 10);
		if (key == s || *key != ' ' || n <= (size_t)(key - s) + 1 || n > (size_t)(end - s) || s[n - 1] != '\n')
			return ril_fail(err, RIL_ECORRUPT, "byte %llu: a bad pax header", (unsigned long long)r->at);
		key++;
		const char *value = memchr(key, '=', (size_t)(s + n - key));
		if (!value++)
			return ril_fail(err, RIL_ECORRUPT, "byte %llu: a bad pax header", (unsigned long long)r->at);
		size_t len = (size_t)(s + n - 1 - value);
		if (!strncmp(key, "path=", 5)) {
			r->name.len = 0;
			if (ril_buf_add(&r->name, value, len, err))
				return -1;
		} else if (!strncmp(key, "size=", 5)) {
			r->sized = true;
			r->given = strtoull(value, NULL, 10);
		} else if (!strncmp(key, "GNU.sparse", 10)) {
			return ril_fail(err, RIL_EFAIL, "byte %llu: sparse members are not read",
					(unsigned long long)r->at);
		}
		s += n;
	}
	return 0;
}

/* The header's own name: PREFIX/NAME. */
static int header_name(struct ril_buf *out, const uint8_t *h, struct ril_err *err)
{
	const char *name = (const char *)h, *prefix = name + 345;
	size_t n = strnlen(name, 100), p = memcmp(h + MAGIC_AT, "ustar\0", 6) ? 0 : strnlen(prefix, 155);
	if (p && (ril_buf_add(out, prefix, p, err) || ril_buf_puts(out, "/", err)))
		return -1;
	return ril_buf_add(out, name, n, err);
}

static int add_member(struct reading *r, uint64_t n, struct ril_err *err)
{
	const char *name = r->name.data;
	size_t before = r->names.n, len = r->name.len;
	while (len > 2 && !memcmp(name, "./", 2)) {
		name += 2;
		len -= 2;
	}
	if (!len || memchr(name, 0, len))
		return ril_fail(err, RIL_ECORRUPT, "byte %llu: a member without a proper name",
				(unsigned long long)r->at);
	if (n > r->size || r->at + BLOCK > r->size - n)
		return ril_fail(err, RIL_ECORRUPT, "cut off within '%s'", name);
	if (ril_intern(&r->names, name, len, err) < 0 ||
	    ril_grow(&r->entry, &r->cap, r->names.n, sizeof *r->entry, err))
		return -1;
	if (r->names.n == before)
		return ril_fail(err, RIL_ECORRUPT, "member '%s' twice", name);
	r->entry[before] = (struct entry){r->at + BLOCK, n};
	return 0;
}

/* One header; *over: it is the end's mark. */
static int read_header(struct reading *r, bool *over, struct ril_err *err)
{
	uint8_t h[BLOCK];
	uint64_t n;
	if (r->at + BLOCK > r->size)
		return ril_fail(err, RIL_ECORRUPT, "cut off: no mark at its end, after %zu members", r->names.n);
	if (ril_read_at(r->tar->fd, h, BLOCK, r->at, err))
		return -1;
	if ((*over = all_zero(h)))
		return 0;
	if (!checksum_holds(h) || header_number(h + 124, 12, &n))
		return ril_fail(err, RIL_ECORRUPT, "byte %llu: no header of a tar file", (unsigned long long)r->at);
	char kind = (char)h[156];
	bool extra = kind == 'L' || kind == 'x', file = !kind || kind == '0' || kind == '7';
	int rc = 0;
	if (extra) {
		struct ril_buf b = {0};
		if (!(rc = read_extra(r, &b, n, err)) && kind == 'x')
			rc = read_pax(r, &b, err);
		else if (!rc) {
			r->name.len = 0;
			rc = ril_buf_puts(&r->name, b.data, err);
		}
		ril_buf_free(&b);
	} else if (kind == 'S' || kind == '1' || kind == '2') {
		rc = ril_fail(err, RIL_EFAIL, "byte %llu: %s are not read", (unsigned long long)r->at,
			      kind == 'S' ? "sparse members" : "links");
	} else {
		n = r->sized && file ? r->given : n;
		if (!r->name.len)
			rc = header_name(&r->name, h, err);
		if (!rc && file)
			rc = add_member(r, n, err);
		r->name.len = 0;
		r->sized = false;
	}
	if (!rc && (n > r->size || r->at + BLOCK > r->size - n))
		rc = ril_fail(err, RIL_ECORRUPT, "cut off at byte %llu", (unsigned long long)r->size);
	r->at += BLOCK + (n + BLOCK - 1) / BLOCK * BLOCK;
	return rc;
}

static int read_headers(struct reading *r, struct ril_err *err)
{
	struct stat st;
	if (fstat(r->tar->fd, &st))
		return ril_fail_errno(err, "its size");
	r->size = (uint64_t)st.st_size;
	for (bool over = false; !over;)
		if (read_header(r, &over, err))
			return -1;
	struct archive *a = (struct archive *)r->tar;
	if (!(r->tar->at = ril_new(r->names.n, sizeof *r->tar->at, err)))
		return -1;
	r->tar->n = r->names.n;
	for (size_t i = 0; i < r->names.n; i++)
		r->tar->at[i] = (struct ril_tar_member){ril_intern_text(&r->names, i), r->entry[i].at, r->entry[i].n};
	a->names = r->names;
	r->names = (struct ril_intern){0};
	return 0;
}

/* ---- the archive ---- */

bool ril_tar_begins(const char *path)
{
	uint8_t h[BLOCK] = {0};
	struct stat st;
	if (stat(path, &st) || !S_ISREG(st.st_mode)) /* a pipe is not opened twice */
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : pread(fd, h, BLOCK, 0);
	if (n > 0 && ril_gzip_begins(h, (size_t)n))
		n = (ssize_t)ril_gunzip_first(fd, h, BLOCK);
	if (fd >= 0)
		close(fd);
	return n == BLOCK && !memcmp(h + MAGIC_AT, "ustar", 5);
}

static int open_file(struct ril_tar *t, struct ril_err *err)
{
	uint8_t h[2] = {0};
	struct stat st;
	if ((t->fd = open(t->path, O_RDONLY | O_CLOEXEC)) < 0)
		return ril_fail_errno(err, "opening");
	if (fstat(t->fd, &st) || !S_ISREG(st.st_mode))
		return ril_fail(err, RIL_EFAIL, "a tar file must be a regular file");
	if (pread(t->fd, h, 2, 0) == 2 && ril_gzip_begins(h, 2)) {
		int unpacked = ril_gunzip_file(t->fd, false, err);
		close(t->fd);
		t->fd = unpacked;
	}
	return t->fd < 0 ? -1 : 0;
}

struct ril_tar *ril_tar_open(const char *path, struct ril_err *err)
{
	struct archive *a = ril_new(1, sizeof *a, err);
	if (!a)
		return NULL;
	struct ril_tar *t = &a->tar;
	struct reading r = {.tar = t};
	t->fd = -1;
	int rc = (t->path = ril_strdup(path, err)) ? 0 : -1;
	if (!rc && (open_file(t, err) || read_headers(&r, err)))
		rc = ril_context(err, "%s", path);
	ril_intern_free(&r.names);
	ril_buf_free(&r.name);
	free(r.entry);
	if (!rc)
		return t;
	ril_tar_free(t);
	return NULL;
}

void ril_tar_free(struct ril_tar *t)
{
	if (!t)
		return;
	ril_intern_free(&((struct archive *)t)->names);
	if (t->fd >= 0)
		close(t->fd);
	free(t->at);
	free(t->path);
	free(t);
}

const struct ril_tar_member *ril_tar_find(const struct ril_tar *t, const char *name)
{
	int64_t k = ril_intern_find_str(&((const struct archive *)t)->names, name);
	return k < 0 ? NULL : &t->at[k];
}

int ril_tar_read(const struct ril_tar *t, const struct ril_tar_member *m, struct ril_buf *out, struct ril_err *err)
{
	if (ril_buf_reserve(out, m->n + 1, err) || ril_read_at(t->fd, out->data + out->len, m->n, m->at, err))
		return ril_context(err, "%s: '%s'", t->path, m->name);
	out->len += m->n;
	out->data[out->len] = 0;
	return 0;
}
