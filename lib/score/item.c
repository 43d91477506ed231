/* item.c -- a question and its response from a stream's group or from a row of a table. */
#include "score/judge/judge.h"

#include <stdio.h>
#include <stdlib.h>

static int own_json(struct ril_question *q, cJSON *j, struct ril_err *err)
{
	if (ril_grow(&q->tree, &q->cap_tree, q->n_tree + 1, sizeof *q->tree, err)) {
		cJSON_Delete(j);
		return -1;
	}
	q->tree[q->n_tree++] = j;
	return 0;
}

static int own_copy(struct ril_question *q, char *text, const char **out, struct ril_err *err)
{
	if (!text)
		return ril_fail(err, RIL_EFAIL, "out of memory");
	if (ril_grow(&q->copy, &q->cap_copy, q->n_copy + 1, sizeof *q->copy, err)) {
		free(text);
		return -1;
	}
	*out = q->copy[q->n_copy++] = text;
	return 0;
}

/* A string as it is, anything else as the JSON that says it: 3, 0.5, true. */
static int as_text(struct ril_question *q, const cJSON *j, const char **out, struct ril_err *err)
{
	if (cJSON_IsString(j)) {
		*out = j->valuestring;
		return 0;
	}
	char *printed = cJSON_PrintUnformatted(j), *copy = printed ? ril_strdup(printed, err) : NULL;
	cJSON_free(printed);
	return own_copy(q, copy, out, err);
}

/* A list of texts; a single value is a list of one. */
static int as_list(struct ril_question *q, const cJSON *j, const char *name, const char ***out, size_t *n,
		   struct ril_err *err)
{
	if (!j || cJSON_IsNull(j))
		return 0;
	size_t count = cJSON_IsArray(j) ? (size_t)cJSON_GetArraySize(j) : 1, i = 0;
	if (cJSON_IsObject(j))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is an object, not a list", name);
	free(*out);
	*n = 0;
	if (!(*out = ril_new(count, sizeof **out, err)))
		return -1;
	for (const cJSON *e = cJSON_IsArray(j) ? j->child : j; i < count; e = e->next, i++) {
		/* vqaEval's own form of an answer: {"answer": "yes", "answer_id": 1, ...} */
		const cJSON *v = cJSON_IsObject(e) ? cJSON_GetObjectItemCaseSensitive(e, "answer") : e;
		if (!v || cJSON_IsArray(v) || cJSON_IsObject(v) || cJSON_IsNull(v))
			return ril_fail(err, RIL_ECORRUPT, "'%s' holds something that is not text", name);
		if (as_text(q, v, &(*out)[i], err))
			return -1;
	}
	*n = count;
	return 0;
}

/* Metadata that is a plain text: as it stands, or a JSON string when it is one. */
static int meta_text(struct ril_question *q, const char *name, const char **out, struct ril_err *err)
{
	const char *text = ril_record_meta(q->record, name);
	if (!text || !strcmp(text, "null"))
		return 0;
	*out = text;
	if (*text != '"')
		return 0;
	cJSON *j = ril_json_parse(text, strlen(text), NULL);
	if (!cJSON_IsString(j)) { /* a text that happens to begin with a quotation mark */
		cJSON_Delete(j);
		return 0;
	}
	*out = j->valuestring;
	return own_json(q, j, err);
}

static int meta_list(struct ril_question *q, const char *name, const char ***out, size_t *n, struct ril_err *err)
{
	const char *text = ril_record_meta(q->record, name);
	if (!text)
		return 0;
	cJSON *j = ril_json_parse(text, strlen(text), err);
	if (!j)
		return ril_context(err, "field '%s'", name);
	return own_json(q, j, err) || as_list(q, j, name, out, n, err) ? -1 : 0;
}

int ril_question_from_record(struct ril_question *q, const struct ril_record *r, struct ril_err *err)
{
	*q = (struct ril_question){.key = ril_record_key(r), .text = "", .type = "", .judge = "", .record = r};
	if (meta_text(q, "question", &q->text, err) || meta_text(q, "type", &q->type, err) ||
	    meta_text(q, "judge", &q->judge, err) || meta_list(q, "answers", &q->answers, &q->n_answers, err) ||
	    meta_list(q, "choices", &q->choices, &q->n_choices, err)) {
		ril_question_free(q);
		return ril_context(err, "record '%s'", ril_record_key(r));
	}
	return 0;
}

static int row_text(struct ril_question *q, const char *name, const char **out, struct ril_err *err)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(q->row, name);
	if (!j || cJSON_IsNull(j))
		return 0;
	if (cJSON_IsArray(j) || cJSON_IsObject(j))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not text", name);
	return as_text(q, j, out, err);
}

static int read_row(struct ril_item *it, struct ril_question *q, struct ril_err *err)
{
	int64_t finish = 0;
	if (!cJSON_IsObject(q->row))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	if (row_text(q, "id", &q->key, err) || row_text(q, "question", &q->text, err) ||
	    row_text(q, "type", &q->type, err) || row_text(q, "judge", &q->judge, err) ||
	    row_text(q, "response", &it->response, err) || ril_json_int(q->row, "finish", &finish, err))
		return -1;
	if (!it->response)
		return ril_fail(err, RIL_ECORRUPT, "no 'response'");
	it->finish = (int32_t)finish;
	static const char *const list[] = {"answer", "answers"};
	for (int i = 0; i < 2; i++)
		if (as_list(q, cJSON_GetObjectItemCaseSensitive(q->row, list[i]), list[i], &q->answers, &q->n_answers,
			    err))
			return -1;
	return as_list(q, cJSON_GetObjectItemCaseSensitive(q->row, "choices"), "choices", &q->choices, &q->n_choices,
		       err);
}

int ril_item_from_row(struct ril_item *it, struct ril_question *q, const cJSON *row, struct ril_err *err)
{
	*q = (struct ril_question){.key = "", .text = "", .type = "", .judge = "", .row = row};
	*it = (struct ril_item){.q = q};
	if (read_row(it, q, err)) {
		ril_question_free(q);
		return -1;
	}
	return 0;
}

void ril_question_free(struct ril_question *q)
{
	free(q->answers);
	free(q->choices);
	for (size_t i = 0; i < q->n_tree; i++)
		cJSON_Delete(q->tree[i]);
	for (size_t i = 0; i < q->n_copy; i++)
		free(q->copy[i]);
	free(q->tree);
	free(q->copy);
	*q = (struct ril_question){0};
}

int ril_question_field(struct ril_question *q, const char *name, const cJSON **out, struct ril_err *err)
{
	*out = NULL;
	if (q->row) {
		const cJSON *j = cJSON_GetObjectItemCaseSensitive(q->row, name);
		*out = cJSON_IsNull(j) ? NULL : j;
		return 0;
	}
	char full[256];
	snprintf(full, sizeof full, "data.%s", name);
	const char *text = q->record ? ril_record_meta(q->record, full) : NULL;
	if (!text)
		return 0;
	cJSON *j = ril_json_parse(text, strlen(text), err);
	if (!j)
		return ril_context(err, "field '%s'", full);
	if (own_json(q, j, err))
		return -1;
	*out = cJSON_IsNull(j) ? NULL : j;
	return 0;
}

int ril_question_text(struct ril_question *q, const char *name, const char *missing, const char **out,
		      struct ril_err *err)
{
	const cJSON *j;
	*out = missing;
	if (ril_question_field(q, name, &j, err))
		return -1;
	return j ? as_text(q, j, out, err) : 0;
}

void ril_verdict_free(struct ril_verdict *v)
{
	ril_buf_free(&v->got);
	ril_buf_free(&v->want);
}
