/* labels.h -- texts to small numbers: equal texts get one number, counted from 0 in the order of first mention. */
#ifndef RIL_SCORE_LABELS_H
#define RIL_SCORE_LABELS_H

#include "base/mem.h"

struct ril_labels {
	char **at; /* [n] owned */
	size_t n, cap;
	int32_t *slot; /* open addressing; -1 free */
	size_t slots;  /* a power of two */
};

int32_t ril_labels_add(struct ril_labels *, const char *text, struct ril_err *); /* -1 when memory ran out */
int32_t ril_labels_find(const struct ril_labels *, const char *text);            /* -1 if absent */
void ril_labels_free(struct ril_labels *);

#endif
