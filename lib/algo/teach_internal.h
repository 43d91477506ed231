/* teach_internal.h -- shared by teach.c (teachers, shares, adding), teach_question.c and teach_server.c. */
#ifndef RIL_ALGO_TEACH_INTERNAL_H
#define RIL_ALGO_TEACH_INTERNAL_H

#include "algo/teach.h"
#include "text/chat.h"

/* A group's question, what was said before it and the paths of its pictures, for a teacher to be asked. */
struct ril_teach_question {
	struct ril_buf text;        /* may hold NULs */
	cJSON *said;                /* turns, or NULL */
	struct ril_buf *was;        /* [turns] what was said in each */
	struct ril_chat_turn *turn; /* [turns] before the question; roles in `said`, texts in `was` */
	size_t turns;
	cJSON *paths;   /* image.path, or NULL */
	char **picture; /* [pictures], in `paths` */
	size_t pictures;
};
/* Frees nothing on failure: call ril_teach_question_free anyway. */
int ril_teach_question(struct ril_teach_question *, const struct ril_record *, struct ril_err *);
void ril_teach_question_free(struct ril_teach_question *);

/* teach_server.c: the key under which a server's first answer is kept. */
void ril_teach_key(const struct ril_http_options *, const struct ril_query_how *, const struct ril_teach_question *,
		   const struct ril_record *, char key[65]);

#endif
