/* safetensors.h -- the safetensors container: u64 little-endian header size, JSON header, data.
 *
 * The same code reads weights and stream frames.  A container is parsed from memory (a frame's bytes, or a mapped
 * file); entries point into it.  Everything is checked before use: header size, JSON, types, shapes, products,
 * offsets inside the data, no overlaps, no holes.  Ownership: an ril_st owns its table and, when opened from a file,
 * the mapping; entries and metadata are borrowed and live as long as it does. */
#ifndef RIL_STREAM_SAFETENSORS_H
#define RIL_STREAM_SAFETENSORS_H

#include "base/dtype.h"
#include "base/mem.h"

enum { RIL_MAX_DIMS = 8 };

struct ril_st_entry {
	const char *name;
	enum ril_dtype dtype;
	int ndim;
	int64_t dim[RIL_MAX_DIMS];
	int64_t count;    /* elements */
	const void *data; /* aligned to the element size at least by construction of the file; else parse fails */
	size_t bytes;
};

struct ril_st;

/* Maps the file read-only. */
struct ril_st *ril_st_open(const char *path, struct ril_err *);
/* Parses n bytes that stay valid as long as the result. */
struct ril_st *ril_st_parse(const void *bytes, size_t n, struct ril_err *);
void ril_st_free(struct ril_st *);

size_t ril_st_count(const struct ril_st *);
const struct ril_st_entry *ril_st_at(const struct ril_st *, size_t i); /* in order of their data */
const struct ril_st_entry *ril_st_find(const struct ril_st *, const char *name); /* NULL if absent */
const char *ril_st_meta(const struct ril_st *, const char *key);                 /* __metadata__; NULL if absent */
size_t ril_st_meta_count(const struct ril_st *);
void ril_st_meta_at(const struct ril_st *, size_t i, const char **key, const char **value);

/* Writes a container.  Entries are laid out in the given order; meta is pairs key, value, ending with NULL.  To a file:
 * temporary name, fsync when `durable`, rename. */
int ril_st_build(struct ril_buf *out, const struct ril_st_entry *, size_t n, const char *const *meta, struct ril_err *);
int ril_st_write(const char *path, const struct ril_st_entry *, size_t n, const char *const *meta, bool durable, struct ril_err *);

#endif
