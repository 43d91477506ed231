/* safetensors.c -- reading safetensors containers; see safetensors.h.  The header's grammar is in st_header.c. */
#include "base/rng.h"
#include "tensor/st_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are used in place: the format is little-endian");

/* ---- names ---- */

static const char *name_at(const struct ril_names *t, uint32_t i)
{
	return *(const char *const *)((const char *)t->base + (size_t)i * t->stride);
}

int ril_names_build(struct ril_names *t, const void *base, size_t n, size_t stride, const char *what,
		    struct ril_err *err)
{
	size_t size = 16;
	while (size < n * 2)
		size *= 2;
	*t = (struct ril_names){.mask = size - 1, .base = base, .stride = stride};
	if (!(t->slot = ril_new(size, sizeof *t->slot, err)))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = name_at(t, i);
		size_t h = ril_hash32(name, strlen(name)) & t->mask;
		for (; t->slot[h]; h = (h + 1) & t->mask)
			if (!strcmp(name_at(t, t->slot[h] - 1), name))
				return ril_fail(err, RIL_ECORRUPT, "%s '%s' comes twice", what, name);
		t->slot[h] = i + 1;
	}
	return 0;
}

const void *ril_names_find(const struct ril_names *t, const char *name)
{
	if (!t->slot)
		return NULL;
	for (size_t h = ril_hash32(name, strlen(name)) & t->mask; t->slot[h]; h = (h + 1) & t->mask)
		if (!strcmp(name_at(t, t->slot[h] - 1), name))
			return (const char *)t->base + (size_t)(t->slot[h] - 1) * t->stride;
	return NULL;
}

void ril_names_free(struct ril_names *t)
{
	free(t->slot);
	*t = (struct ril_names){0};
}

/* ---- the table ---- */

int ril_st_measure(struct ril_st_entry *e, struct ril_err *err)
{
	size_t count = 1;
	if (e->ndim < 0 || e->ndim > RIL_MAX_DIMS || !ril_dtype_size(e->dtype))
		return ril_fail(err, RIL_ECORRUPT, "'%s': no such type or number of dimensions", e->name);
	for (int i = 0; i < e->ndim; i++)
		if (e->dim[i] < 0 || !ril_mul(&count, count, (size_t)e->dim[i]))
			return ril_fail(err, RIL_ECORRUPT, "'%s': shape too large", e->name);
	if (!ril_mul(&e->bytes, count, ril_dtype_size(e->dtype)) || e->bytes > INT64_MAX)
		return ril_fail(err, RIL_ECORRUPT, "'%s': shape too large", e->name);
	e->count = (int64_t)count;
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct ril_st_slot *x = a, *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return strcmp(x->e.name, y->e.name);
}

/* Puts the tensors in order of their data, which must be without overlap and hole. */
static int order(struct ril_st *st, struct ril_err *err)
{
	for (size_t i = 1; i < st->n; i++)
		if (by_offset(&st->slot[i - 1], &st->slot[i]) > 0) {
			qsort(st->slot, st->n, sizeof *st->slot, by_offset);
			break;
		}
	for (size_t i = 0; i < st->n; i++) {
		const struct ril_st_slot *t = &st->slot[i];
		if (t->begin != st->bytes)
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s': its data %s", t->e.name,
					t->begin < st->bytes ? "overlaps another's" : "follows a hole");
		st->bytes = t->end;
	}
	return 0;
}

struct ril_st *ril_st_header(const char *json, size_t n, struct ril_err *err)
{
	struct ril_st *st = ril_new(1, sizeof *st, err);
	if (!st)
		return NULL;
	if (ril_st_scan(st, json, n, err) || order(st, err) ||
	    ril_names_build(&st->names, st->slot, st->n, sizeof *st->slot, "tensor", err) ||
	    ril_names_build(&st->keys, st->meta, st->nmeta, sizeof *st->meta, "metadata", err)) {
		ril_st_free(st);
		return NULL;
	}
	return st;
}

uint64_t ril_st_data_bytes(const struct ril_st *st)
{
	return st->bytes;
}

static bool misaligned(const char *data, const struct ril_st_slot *t)
{
	return ((uintptr_t)data + t->begin) % ril_dtype_size(t->e.dtype) != 0;
}

int ril_st_attach(struct ril_st *st, const void *bytes, struct ril_err *err)
{
	enum { STEP = 16 };
	const char *data = bytes;
	size_t room = 0;
	for (size_t i = 0; i < st->n; i++) {
		st->slot[i].e.data = data + st->slot[i].begin;
		if (misaligned(data, &st->slot[i]))
			room += (st->slot[i].e.bytes + STEP - 1) / STEP * STEP;
	}
	if (!room)
		return 0;
	if (!(st->aligned = ril_new(room, 1, err)))
		return -1;
	char *to = st->aligned;
	for (size_t i = 0; i < st->n; i++) {
		struct ril_st_entry *e = &st->slot[i].e;
		if (!misaligned(data, &st->slot[i]))
			continue;
		e->data = memcpy(to, e->data, e->bytes);
		to += (e->bytes + STEP - 1) / STEP * STEP;
	}
	return 0;
}

struct ril_st *ril_st_parse(const void *bytes, size_t n, struct ril_err *err)
{
	uint64_t header;
	if (n < 8)
		return ril_fail(err, RIL_ECORRUPT, "too short for safetensors (%zu bytes)", n), NULL;
	memcpy(&header, bytes, 8);
	if (header > RIL_ST_MAX_HEADER || header > n - 8) {
		ril_fail(err, RIL_ECORRUPT, "not safetensors: a header of %llu bytes", (unsigned long long)header);
		return NULL;
	}
	const char *json = (const char *)bytes + 8;
	struct ril_st *st = ril_st_header(json, (size_t)header, err);
	if (!st)
		return NULL;
	size_t have = n - 8 - (size_t)header;
	if (have != st->bytes)
		ril_fail(err, RIL_ECORRUPT, "%zu bytes of data where the header describes %llu", have,
			 (unsigned long long)st->bytes);
	else if (!ril_st_attach(st, json + header, err))
		return st;
	ril_st_free(st);
	return NULL;
}

struct ril_st *ril_st_open(const char *path, struct ril_err *err)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ril_fail_errno(err, "%s", path), NULL;
	void *map = MAP_FAILED;
	if (fstat(fd, &info))
		ril_fail_errno(err, "%s", path);
	else if (!S_ISREG(info.st_mode) || info.st_size < 8)
		ril_fail(err, RIL_ECORRUPT, "%s: %s", path,
			 S_ISREG(info.st_mode) ? "too short for safetensors" : "not a regular file");
	else if ((map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		ril_fail_errno(err, "%s: mmap", path);
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	struct ril_st *st = ril_st_parse(map, (size_t)info.st_size, err);
	if (!st) {
		munmap(map, (size_t)info.st_size);
		ril_context(err, "%s", path);
		return NULL;
	}
	st->map = map;
	st->map_size = (size_t)info.st_size;
	return st;
}

void ril_st_free(struct ril_st *st)
{
	if (!st)
		return;
	if (st->map)
		munmap(st->map, st->map_size);
	ril_names_free(&st->names);
	ril_names_free(&st->keys);
	free(st->aligned);
	free(st->slot);
	free(st->meta);
	free(st->text);
	free(st);
}

size_t ril_st_count(const struct ril_st *st)
{
	return st->n;
}

const struct ril_st_entry *ril_st_at(const struct ril_st *st, size_t i)
{
	return &st->slot[i].e;
}

const struct ril_st_entry *ril_st_find(const struct ril_st *st, const char *name)
{
	const struct ril_st_slot *t = ril_names_find(&st->names, name);
	return t ? &t->e : NULL;
}

const char *ril_st_meta(const struct ril_st *st, const char *key)
{
	const struct ril_st_pair *p = ril_names_find(&st->keys, key);
	return p ? p->value : NULL;
}

size_t ril_st_meta_count(const struct ril_st *st)
{
	return st->nmeta;
}

void ril_st_meta_at(const struct ril_st *st, size_t i, const char **key, const char **value)
{
	*key = st->meta[i].key;
	*value = st->meta[i].value;
}
