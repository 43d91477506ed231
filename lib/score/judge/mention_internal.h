/* mention_internal.h -- which option a text decides for.
 *
 * Every option letter and every option's text in it is a mention; mention.c weighs them. */
#ifndef RIL_SCORE_JUDGE_MENTION_INTERNAL_H
#define RIL_SCORE_JUDGE_MENTION_INTERNAL_H

#include "score/judge/text_internal.h"

/* Text and options are folded to plain characters (choice.c); the options' letters are A, B, ...  *out is the index of
 * the option, -1 if the text names none or several. */
int ril_mention_decided(int *out, const char *text, const struct ril_span *option, size_t options, struct ril_err *);

#endif
