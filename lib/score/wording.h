/* wording.h -- terms of a reward that compare a response's words with its references: the question's answers.
 *
 * `reward.rouge`: ROUGE-L, from 0 to 1.  `reward.cider`: CIDEr-D, from 0 to 10, with the document frequencies of a file of
 * references (caption/against.h).  What is compared is the response's final answer: without thinking, within <answer>
 * tags or \boxed{} where there are any; several that differ are compared as nothing.  Only what was asked for is added. */
#ifndef RIL_SCORE_WORDING_H
#define RIL_SCORE_WORDING_H

#include "score/judge/judge.h"

struct ril_wording_options {
	const char *cider; /* the file of references; NULL: no CIDEr */
	bool rouge;
};
struct ril_wording;

struct ril_wording *ril_wording_open(const struct ril_wording_options *, struct ril_err *);
void ril_wording_free(struct ril_wording *);
/* Adds the terms to a group whose responses are the items', all to one question.  A question without answers is an error. */
int ril_wording_group(const struct ril_wording *, const struct ril_item *, size_t n, struct ril_record *,
		      struct ril_err *);

#endif
