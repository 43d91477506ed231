/* scan.h -- JSON read in place, value after value, for files that would be large or slow as a tree.
 *
 * A caller walks what it expects:
 *
 *	for (ril_scan_open(s, '{'); ril_scan_more(s); ) { ril_scan_key(s, &key); ... }
 *
 * or do ... while (ril_scan_more(s)) where an object must have a member.  The first fault is kept and everything after
 * it answers "no more": one look at the end is enough (ril_scan_end).
 *
 * Text is read in one of two ways.  Borrowed text is read for what is in it: a raw control character in a string and a
 * closing bracket of the other kind pass.  A strict scan refuses both and is given text to change: its strings are
 * decoded where they lie and end with a NUL, and have none inside; its messages name the text and tell what is wrong
 * where.
 * Ownership: the text is the caller's.  A string of borrowed text is valid until the next string is read, a string of a
 * strict scan as long as the text; a strict scan holds nothing that must be freed. */
#ifndef RIL_BASE_SCAN_H
#define RIL_BASE_SCAN_H

#include "base/mem.h"

struct ril_scan {
	const char *begin, *at, *end;
	char *own;           /* the text of a strict scan; NULL: it is borrowed */
	const char *name;    /* of a strict scan's text, for messages */
	struct ril_buf text; /* of a borrowed text's string that has escapes */
	uint64_t lists;      /* one bit for each open bracket, the innermost lowest: is it a list's? */
	struct ril_err *err;
	bool failed, first; /* first: no member was read since a bracket opened */
};
struct ril_scan_text {
	const char *s;
	size_t n;
};

/* Text that is not valid UTF-8 is a fault. */
void ril_scan_start(struct ril_scan *, const char *text, size_t n, struct ril_err *);
/* A strict scan; its faults read "NAME, byte N: what". */
void ril_scan_start_strict(struct ril_scan *, char *text, size_t n, const char *name, struct ril_err *);
void ril_scan_free(struct ril_scan *);
/* 0 when nothing failed and only white space is left. */
int ril_scan_end(struct ril_scan *);
bool ril_scan_left(struct ril_scan *); /* is there more than white space? */

char ril_scan_peek(struct ril_scan *); /* '{' '[' '"' 't' 'f' 'n', '0' for a number; 0: a fault, or the end */
void ril_scan_open(struct ril_scan *, char kind); /* '{' or '['; at most 64 are open at once */
bool ril_scan_more(struct ril_scan *); /* is there another element?  Takes the comma, or the closing bracket */
struct ril_scan_text ril_scan_key(struct ril_scan *); /* with its colon */
struct ril_scan_text ril_scan_string(struct ril_scan *);
struct ril_scan_text ril_scan_number(struct ril_scan *); /* as it is written */
/* A number without sign, fraction, exponent and leading zeros. */
int ril_scan_whole(struct ril_scan *, uint64_t *);
bool ril_scan_true(struct ril_scan *); /* skips any value: was it true? */
void ril_scan_skip(struct ril_scan *);
int ril_scan_fail(struct ril_scan *, const char *what); /* a fault at this place; -1 */

static inline bool ril_scan_is(struct ril_scan_text t, const char *name)
{
	return strlen(name) == t.n && !memcmp(t.s, name, t.n);
}

#endif
