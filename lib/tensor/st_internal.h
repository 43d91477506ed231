/* st_internal.h -- what the reading and the writing half of the safetensors code share; see safetensors.h. */
#ifndef RIL_TENSOR_ST_INTERNAL_H
#define RIL_TENSOR_ST_INTERNAL_H

#include "tensor/safetensors.h"

/* A hash table over an array of structs that begin with their name. */
struct ril_names {
	uint32_t *slot;
	size_t mask;
	const void *base;
	size_t stride;
};

/* Fails (RIL_ECORRUPT) when a name comes twice. */
int ril_names_build(struct ril_names *, const void *base, size_t n, size_t stride, const char *what, struct ril_err *);
const void *ril_names_find(const struct ril_names *, const char *name); /* the struct, or NULL */
void ril_names_free(struct ril_names *);

struct ril_st_slot {
	struct ril_st_entry e;
	uint64_t begin, end;
};
struct ril_st_pair {
	const char *key, *value;
};

struct ril_st {
	char *text;               /* the header, its strings decoded in place */
	struct ril_st_slot *slot; /* [n], in order of their data */
	size_t n, cap;
	struct ril_st_pair *meta;
	size_t nmeta, capmeta;
	struct ril_names names, keys;
	uint64_t bytes; /* of data */
	char *aligned;  /* copies of misaligned tensors */
	void *map;
	size_t map_size;
};

/* Parses the header's JSON into slots and pairs (st_header.c). */
int ril_st_scan(struct ril_st *, const char *json, size_t n, struct ril_err *);

#endif
