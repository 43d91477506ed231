/* chat_internal.h -- a dialect, of ChatML or of speakers, as chat_load.c learns it and chat.c renders it. */
#ifndef RIL_TEXT_CHAT_INTERNAL_H
#define RIL_TEXT_CHAT_INTERNAL_H

#include "text/chat.h"

/* How a picture stands in the template's text, and what surrounds its image tokens in the ids.  `mark`: the token without
 * which there is no place for pictures; `tiled`: a picture of several tiles has marks for each (chat.c). */
struct ril_picture_form {
	const char *name, *placeholder, *mark, *before, *token, *after;
	bool tiled;
};
extern const struct ril_picture_form ril_picture_forms[]; /* ended by a NULL name */

struct ril_chat {
	struct ril_tokenizer *tokenizer;
	const struct ril_picture_form *picture; /* NULL: text only */
	char *prelude;                          /* speakers: what stands before the first; NULL: ChatML */
	char *system;                           /* the default sentence; NULL: none */
	bool system_always;                     /* even where the conversation brings its own */
	bool drops_thoughts;                    /* <think>...</think> of earlier answers is left out */
	char *opening, *opening_off;            /* after the assistant's header; with thinking off */
	bool thinking_off;
	const char *name;
	int32_t image_id; /* stands for one image embedding in prompt.ids; -1: no place for pictures */
	int32_t eos;
};
/* What ends a turn of speakers. */
#define RIL_END_OF_UTTERANCE "<end_of_utterance>"

#endif
