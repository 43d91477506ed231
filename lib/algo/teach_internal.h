/* teach_internal.h -- shared by teach.c (teachers, shares, adding) and teach_question.c. */
#ifndef RIL_ALGO_TEACH_INTERNAL_H
#define RIL_ALGO_TEACH_INTERNAL_H

#include "algo/teach.h"

/* A group's question and the paths of its pictures, for a teacher to be asked. */
struct ril_teach_question {
	struct ril_buf text; /* may hold NULs */
	cJSON *paths;        /* image.path, or NULL */
	char **picture;      /* [pictures], in `paths` */
	size_t pictures;
};
/* Frees nothing on failure: call ril_teach_question_free anyway. */
int ril_teach_question(struct ril_teach_question *, const struct ril_record *, struct ril_err *);
void ril_teach_question_free(struct ril_teach_question *);

#endif
