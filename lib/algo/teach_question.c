/* teach_question.c -- the question that a group asks, again, as its metadata has it; see teach_internal.h. */
#include "algo/teach_internal.h"

#include "base/json.h"

#include <stdlib.h>

void ril_teach_question_free(struct ril_teach_question *q)
{
	ril_buf_free(&q->text);
	for (size_t i = 0; q->was && i < q->turns; i++)
		ril_buf_free(&q->was[i]);
	free(q->was);
	free(q->turn);
	cJSON_Delete(q->said);
	cJSON_Delete(q->paths);
	free(q->picture);
}

static int read_turn(struct ril_teach_question *q, const cJSON *it, struct ril_err *err)
{
	const cJSON *role = cJSON_GetObjectItemCaseSensitive(it, "role"),
		    *content = cJSON_GetObjectItemCaseSensitive(it, "content");
	struct ril_buf *b = &q->was[q->turns++];
	if (!cJSON_IsString(role) || !cJSON_IsString(content))
		return ril_fail(err, RIL_ECORRUPT, "a turn is not a role and a content");
	if (ril_json_text(b, content, err) || ril_buf_add(b, "", 0, err))
		return -1;
	q->turn[q->turns - 1] = (struct ril_chat_turn){role->valuestring, b->data, b->len};
	return 0;
}

static int read_turns(struct ril_teach_question *q, const struct ril_record *r, struct ril_err *err)
{
	if (!ril_record_meta(r, "turns"))
		return 0;
	if (!(q->said = ril_record_json(r, "turns", err)))
		return -1;
	size_t n = cJSON_IsArray(q->said) ? (size_t)cJSON_GetArraySize(q->said) : 0;
	q->was = ril_new(n, sizeof *q->was, err);
	q->turn = ril_new(n, sizeof *q->turn, err);
	if (!q->was || !q->turn)
		return -1;
	for (const cJSON *it = n ? q->said->child : NULL; it; it = it->next)
		if (read_turn(q, it, err))
			return ril_context(err, "'%s': 'turns'", ril_record_key(r));
	return 0;
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
	if (rc || read_turns(q, r, err))
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
