/* final_internal.h -- where in a response its final answer stands, for the judges that are made to be trained with.
 *
 * Thinking is left out: all up to the last </think>, and all from an unclosed <think>.  Of the rest <answer> tags
 * count, within them or without them \boxed{}, else the text.  A tag or box that is not closed reaches to the end.  A
 * judge takes all the parts and wants them to say the same; an empty one says nothing, and nothing else is looked at. */
#ifndef RIL_SCORE_JUDGE_FINAL_INTERNAL_H
#define RIL_SCORE_JUDGE_FINAL_INTERNAL_H

#include "score/judge/text_internal.h"

/* Calls `part` with each part of a response.  Stops at the first that returns -1, and returns that. */
typedef int ril_final_fn(void *ctx, struct ril_span part, struct ril_err *);
int ril_final_parts(const char *response, ril_final_fn *part, void *ctx, struct ril_err *);

#endif
