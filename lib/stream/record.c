/* record.c -- records: a frame's metadata and tensors, changed in place; see stream.h and stream_internal.h. */
#include "base/json.h"
#include "stream/stream_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[] = {NULL, "head", "group", "step", "end", "abort"};

static int make_label(struct ril_record *r, int64_t number, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc;
	if (r->kind != RIL_GROUP)
		rc = ril_buf_printf(&b, err, "%s frame", kinds[r->kind]);
	else if (number)
		rc = ril_buf_printf(&b, err, "record %lld '%s'", (long long)number, ril_short(r->key));
	else
		rc = ril_buf_printf(&b, err, "record '%s'", ril_short(r->key));
	r->label = b.data;
	return rc;
}

struct ril_record *ril_record_new(enum ril_kind kind, const char *key, struct ril_err *err)
{
	if ((kind == RIL_GROUP) != (key && *key))
		return ril_fail(err, RIL_EFAIL, "a group, and only a group, has a key"), NULL;
	struct ril_record *r = ril_new(1, sizeof *r, err);
	if (!r)
		return NULL;
	r->kind = kind;
	r->changed = true;
	if (!(r->key = ril_strdup(key ? key : "", err)) || make_label(r, 0, err))
		return ril_record_free(r), NULL;
	return r;
}

/* "group 1.0": the kind, and a version whose major number we know. */
static int parse_kind(struct ril_record *r, const char *s, struct ril_err *err)
{
	unsigned major, minor;
	char name[16], tail;
	if (!s)
		return ril_fail(err, RIL_ECORRUPT, "not a RIL stream: a frame without 'ril' in its metadata");
	if (sscanf(s, "%15s %u.%u%c", name, &major, &minor, &tail) != 3)
		return ril_fail(err, RIL_ECORRUPT, "frame of kind '%.40s' is not understood", s);
	if (major > RIL_STREAM_MAJOR)
		return ril_fail(err, RIL_ECORRUPT, "written in format version %u.%u; this program reads up to %d",
				major, minor, RIL_STREAM_MAJOR);
	for (int k = RIL_HEAD; k <= RIL_ABORT; k++)
		if (!strcmp(kinds[k], name))
			r->kind = (enum ril_kind)k;
	return r->kind ? 0 : ril_fail(err, RIL_ECORRUPT, "frame of kind '%s' is not understood", name);
}

static int fill_tables(struct ril_record *r, struct ril_err *err)
{
	size_t n = ril_st_count(r->st), m = ril_st_meta_count(r->st);
	if (ril_grow(&r->field, &r->capfield, n, sizeof *r->field, err) ||
	    ril_grow(&r->text, &r->captext, m, sizeof *r->text, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		r->field[r->nfield++] = (struct ril_record_field){ril_st_at(r->st, i), false};
	for (size_t i = 0; i < m; i++) {
		struct ril_record_text t = {0};
		ril_st_meta_at(r->st, i, &t.name, &t.text);
		if (strcmp(t.name, "ril") && strcmp(t.name, "key"))
			r->text[r->ntext++] = t;
	}
	return 0;
}

struct ril_record *ril_record_take(struct ril_buf *frame, struct ril_st *st, uint32_t crc, int64_t number,
				   struct ril_err *err)
{
	struct ril_record *r = ril_new(1, sizeof *r, err);
	if (!r) {
		ril_buf_free(frame);
		ril_st_free(st);
		return NULL;
	}
	r->frame = *frame;
	*frame = (struct ril_buf){0};
	r->st = st;
	r->crc = crc;
	const char *key = ril_st_meta(st, "key");
	if (parse_kind(r, ril_st_meta(st, "ril"), err))
		return ril_record_free(r), NULL;
	if (r->kind == RIL_GROUP && (!key || !*key)) {
		ril_fail(err, RIL_ECORRUPT, "record %lld: a group without a key", (long long)number);
		return ril_record_free(r), NULL;
	}
	if (!(r->key = ril_strdup(r->kind == RIL_GROUP ? key : "", err)) || make_label(r, number, err) ||
	    fill_tables(r, err))
		return ril_record_free(r), NULL;
	return r;
}

static void free_field(struct ril_record_field f)
{
	if (f.own)
		free((void *)f.e);
}

static void free_text(struct ril_record_text t)
{
	if (t.own)
		free((void *)t.name);
}

void ril_record_free(struct ril_record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nfield; i++)
		free_field(r->field[i]);
	for (size_t i = 0; i < r->ntext; i++)
		free_text(r->text[i]);
	free(r->field);
	free(r->text);
	ril_st_free(r->st);
	ril_buf_free(&r->frame);
	free(r->key);
	free(r->label);
	free(r);
}

struct ril_record *ril_record_copy(const struct ril_record *from, struct ril_err *err)
{
	struct ril_record *r = ril_record_new(from->kind, from->kind == RIL_GROUP ? from->key : NULL, err);
	if (!r)
		return NULL;
	int rc = 0;
	for (size_t i = 0; i < from->ntext && !rc; i++)
		rc = ril_record_set_meta(r, from->text[i].name, from->text[i].text, err);
	for (size_t i = 0; i < from->nfield && !rc; i++) {
		const struct ril_st_entry *e = from->field[i].e;
		rc = ril_record_set(r, e->name, e->dtype, e->ndim, e->dim, e->data, err);
	}
	if (!rc)
		return r;
	ril_record_free(r);
	return NULL;
}

enum ril_kind ril_record_kind(const struct ril_record *r)
{
	return r->kind;
}

const char *ril_record_key(const struct ril_record *r)
{
	return r->key;
}

const char *ril_record_label(const struct ril_record *r)
{
	return r->label;
}

/* ---- metadata ---- */

static size_t find_text(const struct ril_record *r, const char *name)
{
	size_t i = 0;
	while (i < r->ntext && strcmp(r->text[i].name, name))
		i++;
	return i;
}

static void remove_text(struct ril_record *r, size_t i)
{
	free_text(r->text[i]);
	memmove(r->text + i, r->text + i + 1, (--r->ntext - i) * sizeof *r->text);
	r->changed = true;
}

const char *ril_record_meta(const struct ril_record *r, const char *name)
{
	size_t i = find_text(r, name);
	return i < r->ntext ? r->text[i].text : NULL;
}

int ril_record_set_meta(struct ril_record *r, const char *name, const char *text, struct ril_err *err)
{
	size_t i = find_text(r, name), n = strlen(name) + 1, m = text ? strlen(text) + 1 : 0;
	if (!strcmp(name, "ril") || !strcmp(name, "key"))
		return ril_fail(err, RIL_EFAIL, "%s: '%s' cannot be set", r->label, name);
	if (!text) {
		if (i < r->ntext)
			remove_text(r, i);
		return 0;
	}
	char *block = ril_new(n + m, 1, err);
	if (!block || ril_grow(&r->text, &r->captext, i + 1, sizeof *r->text, err))
		return free(block), -1;
	memcpy(block, name, n);
	memcpy(block + n, text, m);
	if (i < r->ntext)
		free_text(r->text[i]);
	else
		r->ntext++;
	r->text[i] = (struct ril_record_text){block, block + n, true};
	r->changed = true;
	return 0;
}

cJSON *ril_record_json(const struct ril_record *r, const char *name, struct ril_err *err)
{
	const char *text = ril_record_meta(r, name);
	if (!text)
		return ril_fail(err, RIL_EFAIL, "%s: no '%s'", r->label, name), NULL;
	cJSON *tree = ril_json_parse(text, strlen(text), err);
	if (!tree)
		ril_context(err, "%s: '%s'", r->label, name);
	return tree;
}

int ril_record_int(const struct ril_record *r, const char *name, int64_t *out, struct ril_err *err)
{
	const char *text = ril_record_meta(r, name);
	char *end;
	if (!text)
		return ril_fail(err, RIL_EFAIL, "%s: no '%s'", r->label, name);
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return ril_fail(err, RIL_ECORRUPT, "%s: '%s' is not a whole number: %.40s", r->label, name, text);
	return 0;
}

size_t ril_record_meta_count(const struct ril_record *r)
{
	return r->ntext;
}

void ril_record_meta_at(const struct ril_record *r, size_t i, const char **name, const char **text)
{
	*name = r->text[i].name;
	*text = r->text[i].text;
}

const char **ril_record_pairs(const struct ril_record *r, struct ril_err *err)
{
	static const char *const stamp[] = {
		NULL,
		"head " RIL_STREAM_VERSION,
		"group " RIL_STREAM_VERSION,
		"step " RIL_STREAM_VERSION,
		"end " RIL_STREAM_VERSION,
		"abort " RIL_STREAM_VERSION,
	};
	const char **pairs = ril_new(2 * r->ntext + 5, sizeof *pairs, err), **p = pairs;
	if (!p)
		return NULL;
	*p++ = "ril";
	*p++ = stamp[r->kind];
	if (r->kind == RIL_GROUP) {
		*p++ = "key";
		*p++ = r->key;
	}
	for (size_t i = 0; i < r->ntext; i++) {
		*p++ = r->text[i].name;
		*p++ = r->text[i].text;
	}
	return pairs;
}

/* ---- tensors ---- */

static size_t find_field(const struct ril_record *r, const char *name)
{
	size_t i = 0;
	while (i < r->nfield && strcmp(r->field[i].e->name, name))
		i++;
	return i;
}

const struct ril_st_entry *ril_record_get(const struct ril_record *r, const char *name)
{
	size_t i = find_field(r, name);
	return i < r->nfield ? r->field[i].e : NULL;
}

void ril_record_bind(const struct ril_record *r, struct ril_binding *b, size_t n)
{
	for (size_t k = 0; k < n; k++)
		b[k].e = NULL;
	for (size_t i = 0; i < r->nfield; i++)
		for (size_t k = 0; k < n; k++)
			if (!strcmp(b[k].name, r->field[i].e->name))
				b[k].e = r->field[i].e;
}

const struct ril_st_entry *ril_record_need(const struct ril_record *r, const char *name, enum ril_dtype t, int ndim,
					   struct ril_err *err)
{
	struct ril_binding b = {name, ril_record_get(r, name)};
	return ril_record_check(r, &b, t, ndim, err) ? NULL : b.e;
}

int ril_record_check(const struct ril_record *r, const struct ril_binding *b, enum ril_dtype t, int ndim,
		     struct ril_err *err)
{
	const struct ril_st_entry *e = b->e;
	if (!e)
		return ril_fail(err, RIL_EFAIL, "%s: no '%s'", r->label, b->name);
	if (e->dtype != t || (ndim >= 0 && e->ndim != ndim))
		return ril_fail(err, RIL_ECORRUPT, "%s: '%s' is %s of %d dimensions, not %s of %d", r->label, b->name,
				ril_dtype_name(e->dtype), e->ndim, ril_dtype_name(t), ndim < 0 ? e->ndim : ndim);
	return 0;
}

/* An entry with its data and name behind it in one block; the data comes first, so that it is aligned. */
static struct ril_st_entry *own_entry(const struct ril_st_entry *shape, const void *data, struct ril_err *err)
{
	size_t head = (sizeof *shape + 15) & ~(size_t)15, name = strlen(shape->name) + 1;
	if (shape->bytes > SIZE_MAX - head - name)
		return ril_fail(err, RIL_EFAIL, "'%s' is too large", shape->name), NULL;
	char *block = ril_new(head + shape->bytes + name, 1, err);
	if (!block)
		return NULL;
	struct ril_st_entry *e = (struct ril_st_entry *)block;
	*e = *shape;
	e->data = shape->bytes ? memcpy(block + head, data, shape->bytes) : block + head;
	e->name = memcpy(block + head + shape->bytes, shape->name, name);
	return e;
}

int ril_record_set(struct ril_record *r, const char *name, enum ril_dtype t, int ndim, const int64_t *dim,
		   const void *data, struct ril_err *err)
{
	struct ril_st_entry shape = {.name = name, .dtype = t, .ndim = ndim};
	for (int i = 0; i < ndim && i < RIL_MAX_DIMS; i++)
		shape.dim[i] = dim[i];
	if (ril_st_measure(&shape, err))
		return ril_context(err, "%s", r->label);
	size_t i = find_field(r, name);
	struct ril_st_entry *e = own_entry(&shape, data, err);
	if (!e || ril_grow(&r->field, &r->capfield, i + 1, sizeof *r->field, err))
		return free(e), -1;
	if (i < r->nfield)
		free_field(r->field[i]);
	else
		r->nfield++;
	r->field[i] = (struct ril_record_field){e, true};
	r->changed = true;
	return 0;
}

static bool matches(const char *name, const char *pattern)
{
	size_t n = strlen(pattern);
	return n && pattern[n - 1] == '*' ? !strncmp(name, pattern, n - 1) : !strcmp(name, pattern);
}

void ril_record_drop(struct ril_record *r, const char *pattern)
{
	size_t k = 0;
	for (size_t i = 0; i < r->nfield; i++) {
		if (matches(r->field[i].e->name, pattern))
			free_field(r->field[i]);
		else
			r->field[k++] = r->field[i];
	}
	r->changed |= k < r->nfield;
	r->nfield = k;
	for (size_t i = 0; i < r->ntext;)
		if (matches(r->text[i].name, pattern))
			remove_text(r, i);
		else
			i++;
}

size_t ril_record_count(const struct ril_record *r)
{
	return r->nfield;
}

const struct ril_st_entry *ril_record_at(const struct ril_record *r, size_t i)
{
	return r->field[i].e;
}
