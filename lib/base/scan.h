/* scan.h -- JSON read in place, value after value, for files that would be large or slow as a tree.
 *
 * A caller walks what it expects:
 *
 *	for (ril_scan_open(s, '{'); ril_scan_more(s); ) { ril_scan_key(s, &key); ... }
 *
 * The first fault is kept and everything after it answers "no more": one look at the end is enough (ril_scan_end).
 * Ownership: the text is borrowed; a string is valid until the next string is read. */
#ifndef RIL_BASE_SCAN_H
#define RIL_BASE_SCAN_H

#include "base/mem.h"

struct ril_scan {
	const char *begin, *at, *end;
	struct ril_buf text; /* of a string that has escapes */
	struct ril_err *err;
	bool failed, first;
};
struct ril_scan_text {
	const char *s;
	size_t n;
};

/* Text that is not valid UTF-8 is a fault. */
void ril_scan_start(struct ril_scan *, const char *text, size_t n, struct ril_err *);
void ril_scan_free(struct ril_scan *);
/* 0 when nothing failed and only white space is left. */
int ril_scan_end(struct ril_scan *);

char ril_scan_peek(struct ril_scan *); /* '{' '[' '"' 't' 'f' 'n', '0' for a number; 0: a fault, or the end */
void ril_scan_open(struct ril_scan *, char kind); /* '{' or '[' */
bool ril_scan_more(struct ril_scan *); /* is there another element?  Takes the comma, or the closing bracket */
struct ril_scan_text ril_scan_key(struct ril_scan *); /* with its colon */
struct ril_scan_text ril_scan_string(struct ril_scan *);
struct ril_scan_text ril_scan_number(struct ril_scan *); /* as it is written */
bool ril_scan_true(struct ril_scan *);                   /* skips any value: was it true? */
void ril_scan_skip(struct ril_scan *);
int ril_scan_fail(struct ril_scan *, const char *what); /* a fault at this place; -1 */

/* The escape behind a backslash, at p: its one to four bytes of UTF-8 go to `to` and their number is returned, *behind is
 * the byte after it.  0: there is none, and *why says so. */
size_t ril_scan_escape(const char *p, const char *end, char to[4], const char **behind, const char **why);

static inline bool ril_scan_is(struct ril_scan_text t, const char *name)
{
	return strlen(name) == t.n && !memcmp(t.s, name, t.n);
}

#endif
