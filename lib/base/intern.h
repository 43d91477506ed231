/* intern.h -- strings to dense numbers: the n-th distinct string added is n - 1.
 *
 * Ownership: the table copies what is added; ril_intern_text is borrowed and valid until the next addition. */
#ifndef RIL_BASE_INTERN_H
#define RIL_BASE_INTERN_H

#include "base/mem.h"

struct ril_intern {
	struct ril_buf text; /* all strings, each followed by NUL */
	struct ril_interned {
		uint64_t head; /* the first eight bytes */
		uint32_t hash, n;
		size_t start; /* in text */
	} * at;               /* [n] */
	uint32_t *slot;       /* [1 << bits], number + 1; 0: free */
	size_t n, cap;
	unsigned bits;
};

/* The string's number, new or old; -1 on failure. */
int64_t ril_intern(struct ril_intern *, const char *s, size_t n, struct ril_err *);
int64_t ril_intern_find(const struct ril_intern *, const char *s, size_t n); /* -1 if absent */
const char *ril_intern_text(const struct ril_intern *, size_t number);
void ril_intern_free(struct ril_intern *);

static inline int64_t ril_intern_str(struct ril_intern *t, const char *s, struct ril_err *err)
{
	return ril_intern(t, s, strlen(s), err);
}

static inline int64_t ril_intern_find_str(const struct ril_intern *t, const char *s)
{
	return ril_intern_find(t, s, strlen(s));
}

#endif
