/* dataset.h -- questions from files of records: JSON lines, one JSON list, a benchmark's file as it is distributed, or a
 * WebDataset shard.
 *
 * A record is an object in one of the forms of enum ril_data_format.  Its own: `id`, `image` (a path or a list of paths;
 * may be absent), `question` (with <image> where a picture stands in the text), `answer` or `answers`, `choices`,
 * `type`, `judge`; any other field is kept under data.NAME.  Other trainers': conversation.c, pair.c; benchmarks': benchmark.c;
 * shards: shard.c.
 * An error names file, line, id and cause.
 *
 * Ownership: the set owns everything; questions and their fields are borrowed and live as long as it does. */
#ifndef RIL_DATA_DATASET_H
#define RIL_DATA_DATASET_H

#include "text/chat.h"

/* The field that holds a record's text, or the benchmark whose file it is. */
enum ril_data_format {
	RIL_DATA_ANY, /* what the records, or the file's members, tell */
	RIL_DATA_QUESTION,
	RIL_DATA_CONVERSATIONS, /* LLaVA, ShareGPT */
	RIL_DATA_MESSAGES,      /* OpenAI, ms-swift, TRL, verl */
	RIL_DATA_PAIRS,         /* Alpaca, ms-swift's queries, TRL's text prompts, problems */
	RIL_DATA_CAPTIONS,      /* COCO captions, NoCaps, VizWiz captions */
	RIL_DATA_FOIL,
	RIL_DATA_VQAV2,
	RIL_DATA_CHARTQA,
	RIL_DATA_DOCVQA,
	RIL_DATA_TEXTVQA,
	RIL_DATA_MATHVISTA,
	RIL_DATA_VIZWIZ,
	RIL_DATA_POPE,
	RIL_DATA_MMMU,
};
/* Their names, in that order, as "auto|question|..." */
#define RIL_DATA_FORMATS                                                                                               \
	"auto|question|conversations|messages|pairs|captions|foil|vqav2|chartqa|docvqa|textvqa|mathvista|vizwiz|pope|" \
	"mmmu"
enum ril_data_format ril_data_format_named(const char *name); /* RIL_DATA_ANY if it is none of them */

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
	const char *file; /* its name, for messages: the set's; NULL: of no file */
	int64_t line;     /* in the file, from 1: where the record begins; 0: a sample of a shard, which has no lines */
	int64_t place;    /* among all records, from 1 */
	char *id;
	bool placed;                /* an id that comes again is told apart by its place */
	struct ril_chat_turn *turn; /* [turns] before the question; their texts are the set's */
	size_t turns;
	bool *unlearnt; /* [turns + 1], the last the answer's: answers that are not to be learnt; NULL: there are none */
	struct ril_data_text question;
	char **picture; /* [pictures] paths as written */
	size_t pictures;
	struct ril_data_text *answer; /* [answers] as texts; numbers and truth values as JSON writes them */
	size_t answers;
	struct ril_data_field *field; /* [fields]: question, turns, answers, choices, type, judge, image.path, data.* */
	size_t fields;
};

struct ril_data_place;     /* where a record lies: dataset_internal.h */
struct ril_data_text_file; /* a file that is read again */

struct ril_dataset {
	struct ril_question_line *at; /* [kept]: all questions, or none where they are read again */
	size_t n, kept, cap;
	struct ril_data_place *place; /* [n] */
	size_t place_cap;
	struct ril_data_text_file *file; /* [paths] */
	int spool;        /* a file of records that their own files do not hold as such, while `spooling` */
	uint64_t spooled; /* bytes in it */
	bool spooling;
	char **path; /* [paths] the files' names, for messages */
	size_t paths;
	uint64_t asked; /* times that a file was asked for */
};

/* A file and how it is read.  Strings are borrowed while it is read. */
struct ril_data_source {
	const char *path; /* "-": standard input */
	enum ril_data_format format;
	const char *annotations; /* the file of answers that belongs to questions of VQAv2; NULL: none */
	const char
		*ask; /* what is asked about a captioned picture, in FOIL with {caption}; NULL: a sentence of its own */
	/* Only where each record lies is kept, some fifty bytes, and it is read again when it is asked for: data may be
	 * larger than memory.  Strings then must last as long as the set.  Records of pipes, and those that a benchmark's
	 * lists are joined to, go through a file without a name (TMPDIR, else /tmp).  The first file's says it for all. */
	bool lasting;
	/* Told of each fault of the file's, which then does not end the reading: what is at fault is left out.  May be NULL. */
	void (*fault)(void *ctx, const struct ril_err *);
	void *ctx;
};

/* The records of n files, one file after the other; all tell their faults as the first does.  No question at all, unless
 * faults are told, and an id that comes twice in records of the own form, are errors. */
int ril_dataset_load(struct ril_dataset *, const struct ril_data_source *, size_t n, struct ril_err *);
/* The same of one file alone. */
int ril_dataset_read(struct ril_dataset *, const char *path, enum ril_data_format, struct ril_err *);
void ril_dataset_free(struct ril_dataset *);

/* Question i, from 0: the set's, or read again into `room`, which ril_dataset_done releases in either case. */
int ril_dataset_get(struct ril_dataset *, size_t i, struct ril_question_line *room,
		    const struct ril_question_line **out, struct ril_err *);
void ril_dataset_done(struct ril_question_line *room);
/* [16]: the first half of the SHA-256 of question i's id, known without reading it again. */
const uint8_t *ril_dataset_id_hash(const struct ril_dataset *, size_t i);

/* Every answered question of a conversation, in order: the earlier ones (ID/turn-1 and so on), each with what came before it,
 * the pictures mentioned so far and its own answer alone; then the question itself, as it is.  They are borrowed for the
 * call; `each` that fails ends it.  With `left` they are those to learn from: answers that are marked otherwise and, after others, a
 * last question without an answer are counted there instead. */
int ril_question_turns(const struct ril_question_line *, int64_t *left,
		       int (*each)(void *ctx, const struct ril_question_line *, struct ril_err *), void *ctx,
		       struct ril_err *);

#endif
