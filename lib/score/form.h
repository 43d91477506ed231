/* form.h -- terms of a reward that look at a response's form alone.
 *
 * `reward.format`: 1 where the whole response matches an expression, else 0.  `reward.length`: 1 up to A tokens, falling
 * evenly to 0 at B (DAPO's soft overlong punishment, arXiv 2503.14476 eq. 13, plus 1).  `reward.repetition`: the share
 * of the response's n-grams of tokens that stood in it before; a penalty, to be subtracted.  Only what was asked for is
 * added. */
#ifndef RIL_SCORE_FORM_H
#define RIL_SCORE_FORM_H

#include "score/judge/judge.h"

struct ril_form_options {
	const char *format; /* a PCRE2 expression or a ready one's name; NULL: none */
	const char *length; /* "A-B"; NULL: none */
	int64_t repetition; /* tokens of an n-gram; 0: none */
};
struct ril_form;

struct ril_form *ril_form_open(const struct ril_form_options *, struct ril_err *); /* RIL_EUSAGE: cannot be read */
void ril_form_free(struct ril_form *);
/* Adds the terms to a group whose responses are the items'. */
int ril_form_group(struct ril_form *, const struct ril_item *, struct ril_record *, struct ril_err *);

#endif
