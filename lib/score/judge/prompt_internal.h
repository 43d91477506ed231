/* prompt_internal.h -- prompt files for judges: plain text with {question}, {choices}, {answer} and {response} where these
 * stand.
 *
 * {answer} is the answers one after another, parted by " / ", {choices} likewise.  What is put in is never looked at
 * for further marks; in the response, spellings of a chat template's own tokens are taken apart, so that it cannot end its
 * turn.  A file without {answer} or without {response} is refused. */
#ifndef RIL_SCORE_JUDGE_PROMPT_INTERNAL_H
#define RIL_SCORE_JUDGE_PROMPT_INTERNAL_H

#include "score/judge/judge.h"

struct ril_prompt {
	struct ril_buf text;
};

/* path NULL: share/prompts/judge-binary.txt, beside the program or under $RIL_ROOT. */
int ril_prompt_load(struct ril_prompt *, const char *path, struct ril_err *);
void ril_prompt_free(struct ril_prompt *);
int ril_prompt_fill(const struct ril_prompt *, const struct ril_item *, struct ril_buf *out, struct ril_err *);

#endif
