/* item.c -- an item from a stream's group or from a row of a table. */
#include "score/judge.h"

#include <stdio.h>
#include <stdlib.h>

static int own_json(struct ril_item *it, cJSON *j, struct ril_err *err)
{
	if (ril_grow(&it->owned, &it->cap_owned, it->n_owned + 1, sizeof *it->owned, err)) {
		cJSON_Delete(j);
		return -1;
	}
	it->owned[it->n_owned++] = j;
	return 0;
}

static int own_text(struct ril_item *it, char *text, const char **out, struct ril_err *err)
{
	if (!text)
		return ril_fail(err, RIL_EFAIL, "out of memory");
	if (ril_grow(&it->owned_text, &it->cap_text, it->n_text + 1, sizeof *it->owned_text, err)) {
		free(text);
		return -1;
	}
	*out = it->owned_text[it->n_text++] = text;
	return 0;
}

/* A string as it is, anything else as the JSON that says it: 3, 0.5, true. */
static int as_text(struct ril_item *it, const cJSON *j, const char **out, struct ril_err *err)
{
	if (cJSON_IsString(j)) {
		*out = j->valuestring;
		return 0;
	}
	char *printed = cJSON_PrintUnformatted(j), *copy = printed ? ril_strdup(printed, err) : NULL;
	cJSON_free(printed);
	return own_text(it, copy, out, err);
}

/* A list of texts; a single value is a list of one. */
static int as_list(struct ril_item *it, const cJSON *j, const char *name, const char ***out, size_t *n, struct ril_err *err)
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
		if (as_text(it, v, &(*out)[i], err))
			return -1;
	}
	*n = count;
	return 0;
}

/* Metadata that is a plain text: as it stands, or a JSON string when it is one. */
static int meta_text(struct ril_item *it, const char *name, const char **out, struct ril_err *err)
{
	const char *text = ril_record_meta(it->record, name);
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
	return own_json(it, j, err);
}

static int meta_list(struct ril_item *it, const char *name, const char ***out, size_t *n, struct ril_err *err)
{
	const char *text = ril_record_meta(it->record, name);
	if (!text)
		return 0;
	cJSON *j = ril_json_parse(text, strlen(text), err);
	if (!j)
		return ril_context(err, "field '%s'", name);
	return own_json(it, j, err) || as_list(it, j, name, out, n, err) ? -1 : 0;
}

int ril_item_from_record(struct ril_item *it, const struct ril_record *r, struct ril_err *err)
{
	*it = (struct ril_item){.key = ril_record_key(r), .question = "", .type = "", .judge = "", .response = "", .record = r};
	if (meta_text(it, "question", &it->question, err) || meta_text(it, "type", &it->type, err) ||
	    meta_text(it, "judge", &it->judge, err) || meta_list(it, "answers", &it->answers, &it->n_answers, err) ||
	    meta_list(it, "choices", &it->choices, &it->n_choices, err)) {
		ril_item_free(it);
		return ril_context(err, "record '%s'", ril_record_key(r));
	}
	return 0;
}

static int row_text(struct ril_item *it, const char *name, const char **out, struct ril_err *err)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(it->row, name);
	if (!j || cJSON_IsNull(j))
		return 0;
	if (cJSON_IsArray(j) || cJSON_IsObject(j))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not text", name);
	return as_text(it, j, out, err);
}

static int read_row(struct ril_item *it, struct ril_err *err)
{
	const cJSON *row = it->row;
	int64_t finish = 0;
	if (!cJSON_IsObject(row))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	if (row_text(it, "id", &it->key, err) || row_text(it, "question", &it->question, err) ||
	    row_text(it, "type", &it->type, err) || row_text(it, "judge", &it->judge, err) ||
	    row_text(it, "response", &it->response, err) || ril_json_int(row, "finish", &finish, err))
		return -1;
	if (!it->response)
		return ril_fail(err, RIL_ECORRUPT, "no 'response'");
	it->finish = (int32_t)finish;
	return as_list(it, cJSON_GetObjectItemCaseSensitive(row, "answer"), "answer", &it->answers, &it->n_answers, err) ||
	       as_list(it, cJSON_GetObjectItemCaseSensitive(row, "answers"), "answers", &it->answers, &it->n_answers, err) ||
	       as_list(it, cJSON_GetObjectItemCaseSensitive(row, "choices"), "choices", &it->choices, &it->n_choices, err)
		       ? -1 : 0;
}

int ril_item_from_row(struct ril_item *it, const cJSON *row, struct ril_err *err)
{
	*it = (struct ril_item){.key = "", .question = "", .type = "", .judge = "", .row = row};
	if (read_row(it, err)) {
		ril_item_free(it);
		return -1;
	}
	return 0;
}

void ril_item_free(struct ril_item *it)
{
	free(it->answers);
	free(it->choices);
	for (size_t i = 0; i < it->n_owned; i++)
		cJSON_Delete(it->owned[i]);
	for (size_t i = 0; i < it->n_text; i++)
		free(it->owned_text[i]);
	free(it->owned);
	free(it->owned_text);
	*it = (struct ril_item){0};
}

int ril_item_field(struct ril_item *it, const char *name, const cJSON **out, struct ril_err *err)
{
	*out = NULL;
	if (it->row) {
		const cJSON *j = cJSON_GetObjectItemCaseSensitive(it->row, name);
		*out = cJSON_IsNull(j) ? NULL : j;
		return 0;
	}
	char full[256];
	snprintf(full, sizeof full, "data.%s", name);
	const char *text = it->record ? ril_record_meta(it->record, full) : NULL;
	if (!text)
		return 0;
	cJSON *j = ril_json_parse(text, strlen(text), err);
	if (!j)
		return ril_context(err, "field '%s'", full);
	if (own_json(it, j, err))
		return -1;
	*out = cJSON_IsNull(j) ? NULL : j;
	return 0;
}

int ril_item_text(struct ril_item *it, const char *name, const char *missing, const char **out, struct ril_err *err)
{
	const cJSON *j;
	*out = missing;
	if (ril_item_field(it, name, &j, err))
		return -1;
	return j ? as_text(it, j, out, err) : 0;
}

void ril_verdict_free(struct ril_verdict *v)
{
	ril_buf_free(&v->got);
	ril_buf_free(&v->want);
}
