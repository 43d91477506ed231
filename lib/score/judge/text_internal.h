/* text_internal.h -- what the checkers do to text: trimming, lower case, words, numbers, edit distance.
 *
 * White space is what Python's str.split() parts at, since the references are written in it.  Lower case is Unicode's
 * simple mapping. */
#ifndef RIL_SCORE_JUDGE_TEXT_INTERNAL_H
#define RIL_SCORE_JUDGE_TEXT_INTERNAL_H

#include "base/mem.h"

/* A piece of someone else's text. */
struct ril_span {
	const char *s;
	size_t n;
};

struct ril_span ril_trim(const char *s, size_t n);
bool ril_span_is(struct ril_span, const char *text);
bool ril_span_eq(struct ril_span, struct ril_span);

int ril_lower(struct ril_buf *out, const char *s, size_t n, struct ril_err *); /* appends */

/* Appends s with compatibility forms (full-width letters among them) as plain ones and without invisible characters;
 * nothing if it is not UTF-8, which says nothing. */
int ril_fold(struct ril_buf *out, const char *s, struct ril_err *);

/* Splits at white space.  The array grows and is used again; spans point into s. */
struct ril_spans {
	struct ril_span *at;
	size_t n, cap;
};
int ril_split(struct ril_spans *out, const char *s, size_t n, struct ril_err *);
/* Words: runs of letters, digits, apostrophes and hyphens between other characters ("one-third", "it's"); bytes beyond
 * ASCII count as letters. */
int ril_split_words(struct ril_spans *out, const char *s, size_t n, struct ril_err *);
void ril_spans_free(struct ril_spans *);

/* Levenshtein distance between two UTF-8 texts, in characters; -1 when memory ran out. */
int64_t ril_edit_distance(const char *a, const char *b, struct ril_err *);
size_t ril_chars(const char *s, size_t n); /* characters in UTF-8 text */

#endif
