/* diff.c -- what differs between two streams or two models; see show.h.
 *
 * Compared is what must repeat: group frames, barriers, model tensors, bit by bit.  HEAD frames and checksums are
 * exempt, since lineage holds paths and thread counts. */
#include "stream/show.h"
#include "tensor/show_model.h"

#include <math.h>
#include <stdlib.h>

struct pair {
	const struct ril_st_entry *a, *b;
};

/* Where two tensors of one shape differ: how many elements, the first, and by how much at most. */
static int describe(struct ril_buf *out, const char *where, const struct pair *p, struct ril_err *err)
{
	size_t width = ril_dtype_size(p->a->dtype);
	const char *x = p->a->data, *y = p->b->data;
	int64_t n = 0, first = -1;
	double most = 0;
	for (int64_t i = 0; i < p->a->count; i++) {
		if (!memcmp(x + (size_t)i * width, y + (size_t)i * width, width))
			continue;
		double d = fabs(ril_st_number(p->a, i) - ril_st_number(p->b, i));
		most = d > most ? d : most;
		first = n++ ? first : i;
	}
	if (ril_buf_printf(out, err, "%s: '%s': %lld of %lld differ by up to %.3g; first at %lld: ", where, p->a->name,
			   (long long)n, (long long)p->a->count, most, (long long)first))
		return -1;
	return ril_show_element(out, p->a, first, err) || ril_buf_puts(out, " and ", err) ||
			       ril_show_element(out, p->b, first, err) || ril_buf_puts(out, "\n", err)
		       ? -1
		       : 0;
}

/* Appends a line and sets *differ when the tensors are not the same; either may be NULL. */
static int diff_entries(struct ril_buf *out, const char *where, const struct pair *p, bool *differ, struct ril_err *err)
{
	const struct ril_st_entry *any = p->a ? p->a : p->b;
	if (p->a && p->b && p->a->dtype == p->b->dtype && p->a->ndim == p->b->ndim &&
	    !memcmp(p->a->dim, p->b->dim, (size_t)p->a->ndim * sizeof *p->a->dim)) {
		if (!p->a->bytes || !memcmp(p->a->data, p->b->data, p->a->bytes))
			return 0;
		*differ = true;
		return describe(out, where, p, err);
	}
	*differ = true;
	if (!p->a || !p->b)
		return ril_buf_printf(out, err, "%s: '%s' is only in the %s\n", where, any->name,
				      p->a ? "first" : "second");
	return ril_buf_printf(out, err, "%s: '%s' is ", where, any->name) || ril_show_shape(out, p->a, err) ||
			       ril_buf_puts(out, " and ", err) || ril_show_shape(out, p->b, err) ||
			       ril_buf_puts(out, "\n", err)
		       ? -1
		       : 0;
}

static int diff_texts(struct ril_buf *out, const struct ril_record *a, const struct ril_record *b, bool *differ,
		      struct ril_err *err)
{
	for (size_t i = 0; i < ril_record_meta_count(a) + ril_record_meta_count(b); i++) {
		bool from_a = i < ril_record_meta_count(a);
		const char *name, *text, *other;
		ril_record_meta_at(from_a ? a : b, from_a ? i : i - ril_record_meta_count(a), &name, &text);
		other = ril_record_meta(from_a ? b : a, name);
		bool checksum = ril_record_kind(a) == RIL_STEP && !strcmp(name, "crc");
		if (checksum || (other && (!from_a || !strcmp(text, other))))
			continue; /* a name in both is compared once, from a */
		*differ = true;
		if (other ? ril_buf_printf(out, err, "%s: '%s' is \"%.60s\" and \"%.60s\"\n", ril_record_label(a), name,
					   text, other)
			  : ril_buf_printf(out, err, "%s: '%s' is only in the %s\n", ril_record_label(a), name,
					   from_a ? "first" : "second"))
			return -1;
	}
	return 0;
}

static int diff_records(struct ril_buf *out, const struct ril_record *a, const struct ril_record *b, bool *differ,
			struct ril_err *err)
{
	if (ril_record_kind(a) != ril_record_kind(b) || strcmp(ril_record_key(a), ril_record_key(b))) {
		*differ = true;
		return ril_buf_printf(out, err, "%s against %s\n", ril_record_label(a), ril_record_label(b));
	}
	if (diff_texts(out, a, b, differ, err))
		return -1;
	for (size_t i = 0; i < ril_record_count(a); i++) {
		struct pair p = {ril_record_at(a, i), ril_record_get(b, ril_record_at(a, i)->name)};
		if (diff_entries(out, ril_record_label(a), &p, differ, err))
			return -1;
	}
	for (size_t i = 0; i < ril_record_count(b); i++) {
		struct pair p = {NULL, ril_record_at(b, i)};
		if (!ril_record_get(a, p.b->name) && diff_entries(out, ril_record_label(a), &p, differ, err))
			return -1;
	}
	return 0;
}

/* The next record that is not a HEAD. */
static int next_compared(struct ril_reader *r, struct ril_record **out, struct ril_err *err)
{
	for (;;) {
		if (ril_reader_next(r, out, err))
			return -1;
		if (!*out || ril_record_kind(*out) != RIL_HEAD)
			return 0;
		ril_record_free(*out);
	}
}

static int walk(struct ril_reader *a, struct ril_reader *b, struct ril_buf *out, struct ril_diff *d,
		struct ril_err *err)
{
	for (;;) {
		struct ril_record *x = NULL, *y = NULL;
		bool differ = false;
		int rc = next_compared(a, &x, err) || next_compared(b, &y, err) ? -1 : 0;
		bool end = !x || !y;
		if (!rc && (x || y)) {
			d->compared++;
			if (end) {
				differ = true;
				rc = ril_buf_printf(out, err, "%s is only in the %s\n", ril_record_label(x ? x : y),
						    x ? "first" : "second");
			} else {
				rc = diff_records(out, x, y, &differ, err);
			}
		}
		d->different += differ;
		ril_record_free(x);
		ril_record_free(y);
		if (rc || end)
			return rc;
	}
}

int ril_diff_streams(const char *a, const char *b, struct ril_buf *out, struct ril_diff *d, struct ril_err *err)
{
	*d = (struct ril_diff){0};
	struct ril_reader *x = ril_reader_open(a, err), *y = x ? ril_reader_open(b, err) : NULL;
	int rc = y ? walk(x, y, out, d, err) : -1;
	ril_reader_free(x);
	ril_reader_free(y);
	return rc;
}

int ril_diff_models(const char *a, const char *b, struct ril_buf *out, struct ril_diff *d, struct ril_err *err)
{
	*d = (struct ril_diff){0};
	struct ril_folder *x = ril_folder_open(a, err), *y = x ? ril_folder_open(b, err) : NULL;
	int rc = y ? 0 : -1;
	for (size_t i = 0; !rc && i < ril_folder_count(x) + ril_folder_count(y); i++) {
		bool from_x = i < ril_folder_count(x), differ = false;
		const struct ril_st_entry *e = from_x ? ril_folder_at(x, i) : ril_folder_at(y, i - ril_folder_count(x));
		const struct ril_st_entry *other = ril_folder_find(from_x ? y : x, e->name);
		if (!from_x && other)
			continue;
		struct pair p = {from_x ? e : other, from_x ? other : e};
		rc = diff_entries(out, "tensor", &p, &differ, err);
		d->compared++;
		d->different += differ;
	}
	ril_folder_free(x);
	ril_folder_free(y);
	return rc;
}
