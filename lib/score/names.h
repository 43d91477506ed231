/* names.h -- texts to small numbers: equal texts get one number, counted from 0 in the order of first mention. */
#ifndef RIL_SCORE_NAMES_H
#define RIL_SCORE_NAMES_H

#include "base/mem.h"

struct ril_names {
	char **at; /* [n] owned */
	size_t n, cap;
	int32_t *slot; /* open addressing; -1 free */
	size_t slots;  /* a power of two */
};

int32_t ril_names_add(struct ril_names *, const char *text, struct ril_err *); /* -1 when memory ran out */
int32_t ril_names_find(const struct ril_names *, const char *text);            /* -1 if absent */
void ril_names_free(struct ril_names *);

#endif
