/* chat.h -- conversations as the model's own chat template renders them.
 *
 * Most speak ChatML (<|im_start|>role ... <|im_end|>) and differ in the default system sentence, in how a picture stands in
 * the text, and in small print; SmolVLM writes speakers (User: ...<end_of_utterance>).  The dialect is read from the folder (chat_template.jinja,
 * chat_template.json, tokenizer_config.json, or "template" in an original InternVL config.json) and rendered natively;
 * a template that renders anything else is refused, naming what is supported.
 *
 * Ownership: load/free; the tokenizer is borrowed and must outlive the chat.  Messages are borrowed for the call. */
#ifndef RIL_TEXT_CHAT_H
#define RIL_TEXT_CHAT_H

#include "text/tokenizer.h"

struct ril_chat;

/* A piece of a message: text, or (text NULL) the next picture. */
struct ril_chat_part {
	const char *text;
	size_t len;
};
struct ril_chat_message {
	const char *role; /* "system", "user", "assistant" */
	const struct ril_chat_part *part;
	size_t n;
};

struct ril_chat *ril_chat_load(const char *dir, struct ril_tokenizer *, struct ril_err *);
void ril_chat_free(struct ril_chat *);
/* Appends the folder's template itself; an error where it has none, as original InternVL folders. */
int ril_chat_template(const char *dir, struct ril_buf *out, struct ril_err *);
const char *ril_chat_name(const struct ril_chat *); /* "Qwen2.5-VL", "InternVL", ..., for messages */
/* The id that ends a turn (<|im_end|>, <end_of_utterance>): appended to responses. */
int32_t ril_chat_eos(const struct ril_chat *);

/* Qwen3 and its like: with `off`, the assistant's turn opens with the empty thought that the template writes for
 * enable_thinking=false.  No effect on other dialects. */
void ril_chat_thinking_off(struct ril_chat *, bool off);

/* The conversation as text, each picture one placeholder, with the assistant's header at the end. */
int ril_chat_render(const struct ril_chat *, const struct ril_chat_message *, size_t n, struct ril_buf *out,
		    struct ril_err *);
/* A picture in ids: how often it takes the image id, and how its tiles lie, over which SmolVLM spreads them evenly: rows x
 * columns and the whole, or with 1 x 1 (0 x 0: not told) the whole alone. */
struct ril_chat_picture {
	int32_t tokens, rows, columns;
};
/* The conversation as ids; picture i becomes its image ids between the family's marks.  The number of pictures in the
 * messages must be n_pictures. */
int ril_chat_encode(const struct ril_chat *, const struct ril_chat_message *, size_t n, const struct ril_chat_picture *,
		    size_t n_pictures, struct ril_ids *out, struct ril_err *);
/* A message as one text; in the user's an "<image>" mark stands for each picture. */
struct ril_chat_turn {
	const char *role; /* as a message's */
	const char *text;
	size_t len;
};
/* n > 0 turns, the last of them a question, as messages.  Without any mark all pictures come first in the user's first.
 * `system` (NULL: none) is the system message of turns that bring none.  Roles and texts are the turns'; free: nothing is
 * left. */
struct ril_chat_messages {
	struct ril_chat_message *at; /* [n] */
	size_t n;
	struct ril_chat_part *part; /* of all */
};
int ril_chat_messages(const char *system, const struct ril_chat_turn *, size_t n, size_t n_pictures,
		      struct ril_chat_messages *, struct ril_err *);
void ril_chat_messages_free(struct ril_chat_messages *);
/* The same, as ids. */
int ril_chat_encode_turns(const struct ril_chat *, const char *system, const struct ril_chat_turn *, size_t n,
			  const struct ril_chat_picture *, size_t n_pictures, struct ril_ids *out, struct ril_err *);

/* Text as a model with this tokenizer answers: appends the ids of its spelling after the assistant's header (a space goes
 * before it where the tokenizer has <end_of_utterance>, unless there is white space), no special tokens read in it. */
int ril_chat_answer(struct ril_tokenizer *, const char *text, size_t n, struct ril_ids *out, struct ril_err *);
/* The other way: an answer's ids as text (ril_tokenizer_text), without special tokens and the space that was put before it. */
int ril_chat_said(const struct ril_tokenizer *, const int32_t *ids, size_t n, struct ril_buf *out, struct ril_err *);
/* The id that ends an answer, as the tokenizer alone tells: <end_of_utterance>, else <|im_end|>, else its eos_token; -1. */
int32_t ril_chat_answer_end(const struct ril_tokenizer *);

#endif
