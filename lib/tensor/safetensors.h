/* safetensors.h -- the safetensors container: u64 little-endian header size, JSON header, data.
 *
 * The same code reads weights and stream frames.  A container is parsed from memory (a frame's bytes, or a mapped
 * file); entries point into it.  Everything is checked before use: header size, JSON, types, shapes, products,
 * duplicate names, offsets inside the data, no overlaps, no holes.  Files of other writers may place a tensor off its
 * type's alignment: such a tensor is copied, so that `data` is always aligned.
 *
 * Ownership: an ril_st owns its table and, when opened from a file, the mapping; entries and metadata are borrowed and
 * live as long as it does. */
#ifndef RIL_TENSOR_SAFETENSORS_H
#define RIL_TENSOR_SAFETENSORS_H

#include "base/dtype.h"
#include "base/mem.h"

enum { RIL_MAX_DIMS = 8 };
enum { RIL_ST_MAX_HEADER = 100 << 20 }; /* the reference implementation's cap */

struct ril_st_entry {
	const char *name;
	enum ril_dtype dtype;
	int ndim;
	int64_t dim[RIL_MAX_DIMS];
	int64_t count;    /* elements */
	const void *data; /* aligned to the element size; little-endian */
	size_t bytes;
};

struct ril_st;

/* Maps the file read-only. */
struct ril_st *ril_st_open(const char *path, struct ril_err *);
/* Parses n bytes that stay valid as long as the result. */
struct ril_st *ril_st_parse(const void *bytes, size_t n, struct ril_err *);
void ril_st_free(struct ril_st *);

/* The same in two steps, for a source whose length only the header tells: parse the n bytes of JSON, read
 * ril_st_data_bytes more, attach them (they stay valid as long as the result). */
struct ril_st *ril_st_header(const char *json, size_t n, struct ril_err *);
uint64_t ril_st_data_bytes(const struct ril_st *);
int ril_st_attach(struct ril_st *, const void *data, struct ril_err *);

size_t ril_st_count(const struct ril_st *);
const struct ril_st_entry *ril_st_at(const struct ril_st *, size_t i);           /* in order of their data */
const struct ril_st_entry *ril_st_find(const struct ril_st *, const char *name); /* NULL if absent */
const char *ril_st_meta(const struct ril_st *, const char *key);                 /* __metadata__; NULL if absent */
size_t ril_st_meta_count(const struct ril_st *);
void ril_st_meta_at(const struct ril_st *, size_t i, const char **key, const char **value);

/* ---- writing ----
 * Tensors are laid out in the given order, but wider element types first, so that every one is aligned (the format
 * allows no holes).  meta is pairs key, value, ending with NULL; NULL for none. */

/* A container laid out: the prefix (size, header, padding) and the order of the data behind it. */
struct ril_st_layout {
	struct ril_buf prefix;
	const struct ril_st_entry **order; /* [n] */
	size_t n;
	uint64_t bytes; /* of data */
};
int ril_st_lay_out(struct ril_st_layout *, const struct ril_st_entry *const *, size_t n, const char *const *meta,
		   struct ril_err *);
void ril_st_layout_free(struct ril_st_layout *);

/* To a file: temporary name, fsync when `durable`, rename.  The data need not lie in memory as a whole: of an entry without
 * `data`, `fill` (NULL: there is none) writes bytes [at, at + n) to `out`, n <= RIL_ST_PIECE and whole elements, piece
 * after piece in the order of the file. */
enum { RIL_ST_PIECE = 16 << 20 };
typedef int ril_st_fill(void *ctx, const struct ril_st_entry *, void *out, uint64_t at, size_t n, struct ril_err *);
int ril_st_write(const char *path, const struct ril_st_entry *, size_t n, const char *const *meta, bool durable,
		 ril_st_fill *fill, void *ctx, struct ril_err *);

/* Calls `fill` as ril_st_write would, and writes nothing. */
int ril_st_visit(const struct ril_st_entry *, size_t n, ril_st_fill *fill, void *ctx, struct ril_err *);

/* Begins a file whose data several processes write into their places, under its own name: prefix and length.  *data: where the
 * data begin, which are laid out as above. */
int ril_st_begin(const char *path, const struct ril_st_entry *, size_t n, const char *const *meta, uint64_t *data,
		 struct ril_err *);

/* count and bytes from dtype and dim, checked; for building entries. */
int ril_st_measure(struct ril_st_entry *, struct ril_err *);

#endif
