/* dataset_internal.h -- shared by dataset.c (the file), line.c (a record and its own form), conversation.c (other
 * trainers'), benchmark.c and annotations.c (benchmarks'). */
#ifndef RIL_DATA_DATASET_INTERNAL_H
#define RIL_DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "base/json.h"
#include "base/scan.h"

#include <sys/stat.h>

/* A record's place in its file. */
struct ril_data_place {
	uint64_t at; /* in the text or the spool; a shard's first member; n = 0: among the questions that are kept */
	int64_t line;
	uint8_t id[16];               /* a hash of the id */
	uint32_t n;                   /* bytes, or members */
	uint32_t place;               /* as the question's */
	uint32_t file;                /* among the set's */
	uint8_t format;               /* enum ril_data_format, that it was read as */
	bool placed, again, in_spool; /* again: the place stands behind the id, which came before */
};

/* A file whose records are read again. */
struct ril_data_text_file {
	struct ril_data_source from;
	int fd;
	struct ril_buf text;
	bool mapped; /* the text is the file, not memory: only then can it be read again */
	size_t gone; /* bytes of it whose pages were given back */
	struct ril_tar *tar;
	bool shard;
	struct stat was; /* when it was read first */
	uint64_t asked;  /* when it was asked for last, as the set counts */
};

/* A file while it is read. */
struct ril_data_file {
	struct ril_dataset *d;
	const struct ril_data_source *from;
	const char *name; /* of the file, in messages; the set's */
	const char *at, *end;
	int64_t line;     /* that `at` is in */
	int64_t place;    /* records so far */
	uint64_t part_at; /* of the record to be added; part_n 0: it cannot be read again */
	uint32_t part_n;
	struct ril_buf part; /* where that is 0: the record's text */
	bool told;           /* reading ends with a record's fault, which names file and line */
};

/* ---- dataset.c ---- */

/* A fault of the file's: handed on (-1), or told and forgotten (0). */
int ril_data_fault(const struct ril_data_file *, struct ril_err *);
/* A record, which is consumed, of a form; line 0: the file has none; NULL: it could not be parsed, and err says why. */
int ril_data_add(struct ril_data_file *, cJSON *record, enum ril_data_format, int64_t line, struct ril_err *);

/* ---- places.c ---- */

/* The file's bytes, which ril_data_text_over gives up; `again`: records will be read again, if it is a regular file. */
int ril_data_open_text(struct ril_dataset *, struct ril_data_text_file *, const char *path, bool again,
		       struct ril_err *);
/* A shard's index. */
int ril_data_open_tar(struct ril_dataset *, struct ril_data_text_file *, struct ril_err *);
void ril_data_text_over(struct ril_data_text_file *);
void ril_data_close(struct ril_data_text_file *);
/* Nothing before `until` is read now: its pages may go. */
void ril_data_let_go(struct ril_data_text_file *, const char *until);
/* Takes a question, which was read well as that form, into the set; on failure it stays the caller's. */
int ril_data_keep(struct ril_data_file *, struct ril_question_line *, enum ril_data_format, struct ril_err *);
/* Every id once; the first of several keeps it. */
int ril_data_check_ids(const struct ril_data_file *, struct ril_err *);

/* ---- benchmark.c ---- */

/* Which benchmark's whole file the text is; RIL_DATA_ANY: none, it holds lines or a list.  `wanted`: the form asked for. */
enum ril_data_format ril_benchmark_file(const char *text, size_t n, enum ril_data_format wanted);
/* Which benchmark's a record is; RIL_DATA_ANY: none's. */
enum ril_data_format ril_benchmark_record(const cJSON *record);
/* Turns a benchmark's record into one of the own form; `path`: of its file.  *placed: it is named by its place. */
int ril_benchmark_settle(cJSON *record, enum ril_data_format, const char *path, bool *placed, struct ril_err *);
/* Reads a benchmark's whole file, from f->at to f->end. */
int ril_benchmark_read(struct ril_data_file *, enum ril_data_format, struct ril_err *);

/* One value of a list or an object in a larger text. */
struct ril_data_part {
	const char *at;
	size_t n;
	int64_t line;
};
/* Every value of the file's list of that name; name NULL: every member of the outermost object.  `each` is told its
 * index, from 0.  No such list is an error. */
int ril_data_each(const struct ril_data_file *, const char *name,
		  int (*each)(void *ctx, const struct ril_data_part *, size_t index, struct ril_err *), void *ctx,
		  struct ril_err *);
/* How a scan of the whole file ended: a fault names its line. */
int ril_data_scanned(const struct ril_data_file *, struct ril_scan *, struct ril_err *);
/* Puts a text under `name`, in place of what was there. */
int ril_data_put(cJSON *record, const char *name, const char *text, struct ril_err *);

/* ---- mmmu.c ---- */

/* A record's prompt, choices, pictures, subject; the rest is the table's. */
int ril_mmmu_settle(cJSON *record, struct ril_err *);

/* ---- annotations.c: questions and annotations, pictures and captions, which meet through ids ---- */

int ril_vqav2_read(struct ril_data_file *, struct ril_err *);
int ril_captions_records(struct ril_data_file *, struct ril_err *);
int ril_foil_records(struct ril_data_file *, struct ril_err *);

/* What is asked about a picture that has captions, unless it is said. */
extern const char ril_ask_caption[];

/* ---- shard.c ---- */

/* Its archive goes into `file`. */
int ril_shard_read(struct ril_data_file *, struct ril_data_text_file *file, struct ril_err *);
/* The sample of those members as a record, which is the caller's. */
cJSON *ril_shard_record(const struct ril_data_text_file *, size_t first, size_t end, struct ril_err *);

/* ---- line.c, conversation.c, pair.c ---- */

/* One record; q has its line and place.  What was read before a failure is in q, too; the record may be changed. */
int ril_line_read(struct ril_question_line *q, cJSON *record, enum ril_data_format, const char *path, struct ril_err *);
/* Of a form with turns in it: all but `id`. */
int ril_conversation_read(struct ril_question_line *q, const cJSON *record, enum ril_data_format, struct ril_err *);

/* Has it a question as a text of its own, under a name of other trainers'? */
bool ril_pair_is(const cJSON *record);
/* Turns that and its answer into `messages`; those that were there give way. */
int ril_pair_settle(cJSON *record, struct ril_err *);
/* What other trainers' rewards compare with: `solution`, `ground_truth`, or that of verl's `reward_model`; an object is none;
 * NULL: there is none. */
const cJSON *ril_pair_gold(const cJSON *record);

/* `turns`, as JSON, where there are some; a text, or a list of one, as a field. */
int ril_line_turns_field(struct ril_question_line *q, struct ril_err *);
int ril_line_text_field(struct ril_question_line *q, const char *name, bool list, const struct ril_data_text *,
			struct ril_err *);

/* ---- pieces ---- */

/* A value as JSON text; the caller's. */
char *ril_line_json(const cJSON *, struct ril_err *);
/* A member that is there and not null; else NULL. */
const cJSON *ril_line_member(const cJSON *object, const char *name);
int ril_line_text(struct ril_data_text *out, const cJSON *string, struct ril_err *);
/* A text that becomes a name or a path, and so may not hold a NUL. */
int ril_line_plain(char **out, const cJSON *string, const char *what, struct ril_err *);
int ril_line_field(struct ril_question_line *q, const char *prefix, const char *name, const cJSON *value,
		   struct ril_err *);
/* `json` is consumed, also on failure. */
int ril_line_field_take(struct ril_question_line *q, const char *name, struct ril_buf *json, struct ril_err *);
/* image.path, of the pictures that were read. */
int ril_line_pictures_field(struct ril_question_line *q, struct ril_err *);
/* An answer, or a list of them, as the question's gold ones. */
int ril_line_gold(struct ril_question_line *q, const cJSON *, struct ril_err *);
/* `answer` or `answers`, where the record has one. */
int ril_line_answers(struct ril_question_line *q, const cJSON *record, struct ril_err *);
/* Every member that is not null nor in `done`, which NULL ends. */
int ril_line_rest(struct ril_question_line *q, const cJSON *record, const char *const *done, struct ril_err *);

#endif
