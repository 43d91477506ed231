/* dataset.h -- questions from a file of records: JSON lines, or one JSON list.
 *
 * A record is an object in one of the forms of enum ril_data_format.  Its own: `id`, `image` (a path or a list of paths;
 * may be absent), `question` (with <image> where a picture stands in the text), `answer` or `answers`, `choices`,
 * `type`, `judge`; any other field is kept under data.NAME.  Other trainers': conversation.c.  An error names file,
 * line, id and cause.
 *
 * Ownership: the set owns everything; questions and their fields are borrowed and live as long as it does. */
#ifndef RIL_DATA_DATASET_H
#define RIL_DATA_DATASET_H

#include "text/chat.h"

/* The field that holds a record's text. */
enum ril_data_format {
	RIL_DATA_ANY, /* the first of these that a record has */
	RIL_DATA_QUESTION,
	RIL_DATA_CONVERSATIONS, /* LLaVA, ShareGPT */
	RIL_DATA_MESSAGES,      /* OpenAI, ms-swift, TRL */
};

/* A text with its length: it may hold NULs. */
struct ril_data_text {
	char *at;
	size_t n;
};

/* A metadata field of the group: `value` is JSON text. */
struct ril_data_field {
	char *name, *value;
};

struct ril_question_line {
	int64_t line;  /* in the file, from 1: where the record begins */
	int64_t place; /* among the file's records, from 1 */
	char *id;
	bool placed;                /* an id that comes again is told apart by its place */
	struct ril_chat_turn *turn; /* [turns] before the question; their texts are the set's */
	size_t turns;
	struct ril_data_text question;
	char **picture; /* [pictures] paths as written */
	size_t pictures;
	struct ril_data_text *answer; /* [answers] as texts; numbers and truth values as JSON writes them */
	size_t answers;
	struct ril_data_field *field; /* [fields]: question, turns, answers, choices, type, judge, image.path, data.* */
	size_t fields;
};

struct ril_dataset {
	struct ril_question_line *at;
	size_t n, cap;
	char *path;
};

/* path "-": standard input.  No question at all, and an id that comes twice in records of the own form, are errors. */
int ril_dataset_read(struct ril_dataset *, const char *path, enum ril_data_format, struct ril_err *);
/* The same, but faults of the file's do not end it: `fault` is told of each, and what is at fault is left out.  0, unless
 * there is no file to be read. */
int ril_dataset_check(struct ril_dataset *, const char *path, enum ril_data_format,
		      void (*fault)(void *ctx, const struct ril_err *), void *ctx, struct ril_err *);
void ril_dataset_free(struct ril_dataset *);

#endif
