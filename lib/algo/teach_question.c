/* teach_question.c -- the question that a group asks, again, as its metadata has it; see teach_internal.h. */
#include "algo/teach_internal.h"

#include "base/json.h"

#include <stdlib.h>

void ril_teach_question_free(struct ril_teach_question *q)
{
	ril_buf_free(&q->text);
	cJSON_Delete(q->paths);
	free(q->picture);
}

int ril_teach_question(struct ril_teach_question *q, const struct ril_record *r, struct ril_err *err)
{
	cJSON *text = ril_record_json(r, "question", err);
	int rc = text ? 0 : -1;
	if (text && !cJSON_IsString(text))
		rc = ril_fail(err, RIL_ECORRUPT, "'%s': 'question' is not a string", ril_record_key(r));
	if (!rc)
		rc = ril_json_text(&q->text, text, err) || ril_buf_add(&q->text, "", 0, err) ? -1 : 0;
	cJSON_Delete(text);
	if (rc)
		return -1;
	if (ril_record_meta(r, "image.path") && !(q->paths = ril_record_json(r, "image.path", err)))
		return -1;
	size_t n = cJSON_IsArray(q->paths) ? (size_t)cJSON_GetArraySize(q->paths) : 0, k = 0;
	if (!(q->picture = ril_new(n, sizeof *q->picture, err)))
		return -1;
	for (const cJSON *p = n ? q->paths->child : NULL; p; p = p->next) {
		if (!cJSON_IsString(p))
			return ril_fail(err, RIL_ECORRUPT, "'%s': 'image.path' is not a list of paths",
					ril_record_key(r));
		q->picture[k++] = p->valuestring;
	}
	q->pictures = n;
	return 0;
}
