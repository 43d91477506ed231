/* saved.h -- saved teacher responses: JSON lines of `id`, `response`, `teacher` and, optionally, `finish` ("stop",
 * "length").
 *
 * Several collections are read into one table, indexed by question and teacher.  Teachers are numbered in the order in
 * which they are first mentioned.  Ownership: new/free; everything found is borrowed and lives as long as the table. */
#ifndef RIL_ANSWER_SAVED_H
#define RIL_ANSWER_SAVED_H

#include "base/mem.h"

struct ril_saved_response {
	const char *id, *text;   /* text has no NUL in it */
	int32_t teacher, finish; /* finish 0: stop, 1: length */
};

struct ril_saved;
struct ril_saved *ril_saved_new(struct ril_err *);
void ril_saved_free(struct ril_saved *);
/* Adds a collection.  An error names file and line. */
int ril_saved_read(struct ril_saved *, const char *path, struct ril_err *);
/* Call once, when all were read. */
int ril_saved_index(struct ril_saved *, struct ril_err *);

size_t ril_saved_count(const struct ril_saved *);
int32_t ril_saved_teachers(const struct ril_saved *);
const char *ril_saved_teacher(const struct ril_saved *, int32_t teacher);
/* The responses of a teacher to a question, in the order read: *first[n]. */
size_t ril_saved_find(const struct ril_saved *, const char *id, int32_t teacher,
		      const struct ril_saved_response **first);

/* Appends one such line. */
int ril_saved_line(struct ril_buf *out, const char *id, const char *teacher, const char *text, int32_t finish,
		   struct ril_err *);

#endif
