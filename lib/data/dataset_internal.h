/* dataset_internal.h -- shared by dataset.c (the file), line.c (a record and its own form) and conversation.c (others'). */
#ifndef RIL_DATA_DATASET_INTERNAL_H
#define RIL_DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "base/json.h"

/* One record; q has its line and place.  What was read before a failure is in q, too. */
int ril_line_read(struct ril_question_line *q, const cJSON *record, enum ril_data_format, struct ril_err *);
/* Of a form with turns in it: all but `id`. */
int ril_conversation_read(struct ril_question_line *q, const cJSON *record, enum ril_data_format, struct ril_err *);

/* ---- pieces ---- */

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
/* `answer` or `answers`, where the record has one. */
int ril_line_answers(struct ril_question_line *q, const cJSON *record, struct ril_err *);
/* Every member that is not null nor in `done`, which NULL ends. */
int ril_line_rest(struct ril_question_line *q, const cJSON *record, const char *const *done, struct ril_err *);

#endif
