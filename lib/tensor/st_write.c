/* st_write.c -- writing safetensors containers; see safetensors.h.
 *
 * The format allows no holes between tensors, so alignment comes from order: wider types first, and a header padded
 * with blanks to a multiple of eight bytes. */
#include "base/file.h"
#include "base/json.h"
#include "tensor/st_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int put_meta(struct ril_buf *b, const char *const *meta, struct ril_err *err)
{
	if (ril_buf_puts(b, "\"__metadata__\":{", err))
		return -1;
	for (const char *const *m = meta; m[0]; m += 2)
		if ((m != meta && ril_buf_puts(b, ",", err)) || ril_json_quote(b, m[0], strlen(m[0]), false, err) ||
		    ril_buf_puts(b, ":", err) || ril_json_quote(b, m[1], strlen(m[1]), false, err))
			return -1;
	return ril_buf_puts(b, "}", err);
}

static int put_entry(struct ril_buf *b, const struct ril_st_entry *e, uint64_t at, struct ril_err *err)
{
	if (ril_json_quote(b, e->name, strlen(e->name), false, err) ||
	    ril_buf_printf(b, err, ":{\"dtype\":\"%s\",\"shape\":[", ril_dtype_name(e->dtype)))
		return -1;
	for (int i = 0; i < e->ndim; i++)
		if (ril_buf_printf(b, err, "%s%lld", i ? "," : "", (long long)e->dim[i]))
			return -1;
	return ril_buf_printf(b, err, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
			      (unsigned long long)(at + e->bytes));
}

/* Stable, by falling element size: 8, 4, 2, 1. */
static void sort_by_width(struct ril_st_layout *l, const struct ril_st_entry *const *entries)
{
	size_t k = 0;
	for (size_t width = 8; width; width /= 2)
		for (size_t i = 0; i < l->n; i++)
			if (ril_dtype_size(entries[i]->dtype) == width)
				l->order[k++] = entries[i];
}

static int check_entries(const struct ril_st_layout *l, const struct ril_st_entry *const *entries, struct ril_err *err)
{
	const char **name = ril_new(l->n, sizeof *name, err);
	if (!name)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < l->n && !rc; i++) {
		struct ril_st_entry e = *entries[i];
		name[i] = e.name;
		rc = ril_st_measure(&e, err);
		if (!rc && e.bytes != entries[i]->bytes)
			rc = ril_fail(err, RIL_EFAIL, "tensor '%s': %zu bytes do not fit its shape", e.name,
				      entries[i]->bytes);
	}
	struct ril_names names = {0};
	if (!rc)
		rc = ril_names_build(&names, name, l->n, sizeof *name, "tensor", err);
	ril_names_free(&names);
	free(name);
	return rc;
}

static int put_header(struct ril_st_layout *l, const char *const *meta, struct ril_err *err)
{
	struct ril_buf *b = &l->prefix;
	bool first = true;
	if (ril_buf_add(b, "\0\0\0\0\0\0\0\0{", 9, err))
		return -1;
	if (meta && meta[0]) {
		if (put_meta(b, meta, err))
			return -1;
		first = false;
	}
	for (size_t i = 0; i < l->n; i++, first = false) {
		if ((!first && ril_buf_puts(b, ",", err)) || put_entry(b, l->order[i], l->bytes, err))
			return -1;
		l->bytes += l->order[i]->bytes;
	}
	if (ril_buf_puts(b, "}", err) || ril_buf_add(b, "       ", (8 - b->len % 8) % 8, err))
		return -1;
	uint64_t header = b->len - 8;
	if (header > RIL_ST_MAX_HEADER)
		return ril_fail(err, RIL_EFAIL, "a safetensors header of %llu bytes is too large",
				(unsigned long long)header);
	memcpy(b->data, &header, 8);
	return 0;
}

int ril_st_lay_out(struct ril_st_layout *l, const struct ril_st_entry *const *entries, size_t n,
		   const char *const *meta, struct ril_err *err)
{
	*l = (struct ril_st_layout){.n = n};
	if (!(l->order = ril_new(n, sizeof *l->order, err)) || check_entries(l, entries, err))
		return ril_st_layout_free(l), -1;
	sort_by_width(l, entries);
	if (put_header(l, meta, err))
		return ril_st_layout_free(l), -1;
	return 0;
}

void ril_st_layout_free(struct ril_st_layout *l)
{
	ril_buf_free(&l->prefix);
	free(l->order);
	*l = (struct ril_st_layout){0};
}

static int lay_out_array(struct ril_st_layout *l, const struct ril_st_entry *entries, size_t n, const char *const *meta,
			 struct ril_err *err)
{
	const struct ril_st_entry **at = ril_new(n, sizeof *at, err);
	if (!at)
		return -1;
	for (size_t i = 0; i < n; i++)
		at[i] = &entries[i];
	int rc = ril_st_lay_out(l, at, n, meta, err);
	free(at);
	return rc;
}

/* ---- to a file ---- */

struct sink {
	int fd; /* -1: nothing is written */
	ril_st_fill *fill;
	void *ctx;
	char *piece; /* [RIL_ST_PIECE]; NULL: every entry has data */
};

static int write_bytes(int fd, const void *bytes, size_t n, struct ril_err *err)
{
	struct iovec v = {(void *)(uintptr_t)bytes, n};
	return ril_write_all(fd, &v, 1, err);
}

static int write_pieces(const struct sink *s, const struct ril_st_entry *e, struct ril_err *err)
{
	for (size_t at = 0, n; at < e->bytes; at += n) {
		n = e->bytes - at < RIL_ST_PIECE ? e->bytes - at : RIL_ST_PIECE;
		if (s->fill(s->ctx, e, s->piece, at, n, err) || (s->fd >= 0 && write_bytes(s->fd, s->piece, n, err)))
			return -1;
	}
	return 0;
}

static int write_layout(const struct sink *s, const struct ril_st_layout *l, struct ril_err *err)
{
	struct iovec *iov = ril_new(l->n + 1, sizeof *iov, err);
	int rc = iov ? 0 : -1, n = 0;
	if (iov)
		iov[n++] = (struct iovec){l->prefix.data, l->prefix.len};
	for (size_t i = 0; !rc && i < l->n; i++) {
		const struct ril_st_entry *e = l->order[i];
		if (e->data || !s->fill) {
			iov[n++] = (struct iovec){(void *)(uintptr_t)e->data, e->bytes};
			continue;
		}
		rc = ril_write_all(s->fd, iov, n, err) || write_pieces(s, e, err) ? -1 : 0;
		n = 0;
	}
	if (!rc)
		rc = ril_write_all(s->fd, iov, n, err);
	free(iov);
	return rc;
}

int ril_st_write(const char *path, const struct ril_st_entry *entries, size_t n, const char *const *meta, bool durable,
		 ril_st_fill *fill, void *ctx, struct ril_err *err)
{
	struct ril_st_layout l;
	struct ril_file f;
	struct sink s = {.fill = fill, .ctx = ctx};
	if (lay_out_array(&l, entries, n, meta, err))
		return -1;
	int rc = fill && !(s.piece = ril_new(RIL_ST_PIECE, 1, err)) ? -1 : ril_file_create(&f, path, err);
	if (!rc) {
		s.fd = f.fd;
		rc = write_layout(&s, &l, err) ? ril_context(err, "%s", path) : ril_file_commit(&f, durable, err);
		ril_file_discard(&f);
	}
	free(s.piece);
	ril_st_layout_free(&l);
	return rc;
}

int ril_st_visit(const struct ril_st_entry *entries, size_t n, ril_st_fill *fill, void *ctx, struct ril_err *err)
{
	struct ril_st_layout l;
	struct sink s = {.fd = -1, .fill = fill, .ctx = ctx};
	if (lay_out_array(&l, entries, n, NULL, err))
		return -1;
	int rc = (s.piece = ril_new(RIL_ST_PIECE, 1, err)) ? 0 : -1;
	for (size_t i = 0; !rc && i < l.n; i++)
		rc = l.order[i]->data ? 0 : write_pieces(&s, l.order[i], err);
	free(s.piece);
	ril_st_layout_free(&l);
	return rc;
}

int ril_st_begin(const char *path, const struct ril_st_entry *entries, size_t n, const char *const *meta,
		 uint64_t *data, struct ril_err *err)
{
	struct ril_st_layout l;
	if (lay_out_array(&l, entries, n, meta, err))
		return -1;
	*data = l.prefix.len;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc = 0;
	if (fd < 0 || ftruncate(fd, (off_t)(l.prefix.len + l.bytes)))
		rc = ril_fail_errno(err, "%s", path);
	else if (write_bytes(fd, l.prefix.data, l.prefix.len, err))
		rc = ril_context(err, "%s", path);
	if (fd >= 0)
		close(fd);
	ril_st_layout_free(&l);
	return rc;
}
