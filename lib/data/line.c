/* line.c -- a record to a question: the fields of all forms, and the project's own form; see dataset.h.
 *
 * Fields are turned into the group's metadata here, once, so that nothing of the JSON tree has to be kept. */
#include "data/dataset_internal.h"

#include <stdlib.h>

/* ---- fields ---- */

const cJSON *ril_line_member(const cJSON *object, const char *name)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNull(it) ? NULL : it;
}

int ril_line_text(struct ril_data_text *out, const cJSON *string, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (ril_buf_reserve(&b, 1, err) || ril_json_text(&b, string, err)) {
		ril_buf_free(&b);
		return -1;
	}
	b.data[b.len] = 0;
	*out = (struct ril_data_text){b.data, b.len};
	return 0;
}

int ril_line_plain(char **out, const cJSON *string, const char *what, struct ril_err *err)
{
	struct ril_data_text t;
	if (ril_line_text(&t, string, err))
		return -1;
	if (t.n && !memchr(t.at, 0, t.n)) {
		*out = t.at;
		return 0;
	}
	ril_fail(err, RIL_ECORRUPT, t.n ? "'%s' holds a NUL" : "'%s' is empty", what);
	free(t.at);
	return -1;
}

/* cJSON prints the two bytes that stand for \u0000 as they are; on the way out they become the escape again. */
char *ril_line_json(const cJSON *j, struct ril_err *err)
{
	char *printed = cJSON_PrintUnformatted(j);
	struct ril_buf b = {0};
	int rc = printed ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
	for (const char *p = printed; !rc && *p;) {
		const char *nul = strstr(p, "\xC0\x80");
		size_t n = nul ? (size_t)(nul - p) : strlen(p);
		rc = ril_buf_add(&b, p, n, err) || (nul && ril_buf_puts(&b, "\\u0000", err)) ? -1 : 0;
		p += n + (nul ? 2 : 0);
	}
	cJSON_free(printed);
	if (!rc)
		return b.data;
	ril_buf_free(&b);
	return NULL;
}

/* A field of that name, whose value is to come. */
static struct ril_data_field *new_field(struct ril_question_line *q, const char *prefix, const char *name,
					struct ril_err *err)
{
	struct ril_buf full = {0};
	struct ril_data_field *f = ril_resize(q->field, q->fields + 1, sizeof *f, err);
	if (!f)
		return NULL;
	q->field = f;
	if (ril_buf_printf(&full, err, "%s%s", prefix, name))
		return NULL;
	f += q->fields++;
	*f = (struct ril_data_field){.name = full.data};
	return f;
}

int ril_line_field(struct ril_question_line *q, const char *prefix, const char *name, const cJSON *value,
		   struct ril_err *err)
{
	struct ril_data_field *f = new_field(q, prefix, name, err);
	return f && (f->value = ril_line_json(value, err)) ? 0 : -1;
}

int ril_line_field_take(struct ril_question_line *q, const char *name, struct ril_buf *json, struct ril_err *err)
{
	struct ril_data_field *f = new_field(q, "", name, err);
	if (!f) {
		ril_buf_free(json);
		return -1;
	}
	f->value = json->data;
	*json = (struct ril_buf){0};
	return 0;
}

/* A value as a list of one; a list as it is.  `it` walks either. */
static const cJSON *first_of(const cJSON *j, size_t *n)
{
	*n = cJSON_IsArray(j) ? (size_t)cJSON_GetArraySize(j) : 1;
	return cJSON_IsArray(j) ? j->child : j;
}

int ril_line_pictures_field(struct ril_question_line *q, struct ril_err *err)
{
	cJSON *list = cJSON_CreateStringArray((const char *const *)q->picture, (int)q->pictures);
	int rc = list ? ril_line_field(q, "", "image.path", list, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_Delete(list);
	return rc;
}

static int read_pictures(struct ril_question_line *q, const cJSON *j, struct ril_err *err)
{
	size_t n;
	const cJSON *it = first_of(j, &n);
	if (!(q->picture = ril_new(n, sizeof *q->picture, err)))
		return -1;
	for (; q->pictures < n; it = it->next, q->pictures++) {
		if (!cJSON_IsString(it))
			return ril_fail(err, RIL_ECORRUPT, "'image' is neither a path nor a list of paths");
		if (ril_line_plain(&q->picture[q->pictures], it, "image", err))
			return -1;
	}
	return ril_line_pictures_field(q, err);
}

static int answer_text(struct ril_data_text *out, const cJSON *it, struct ril_err *err)
{
	/* vqaEval's own form of an answer: {"answer": "yes", "answer_id": 1, ...} */
	const cJSON *v = cJSON_IsObject(it) ? cJSON_GetObjectItemCaseSensitive(it, "answer") : it;
	if (cJSON_IsString(v))
		return ril_line_text(out, v, err);
	if (!cJSON_IsNumber(v) && !cJSON_IsBool(v))
		return ril_fail(err, RIL_ECORRUPT, "an answer is neither text nor a number");
	out->at = ril_line_json(v, err);
	out->n = out->at ? strlen(out->at) : 0;
	return out->at ? 0 : -1;
}

int ril_line_gold(struct ril_question_line *q, const cJSON *j, struct ril_err *err)
{
	size_t n;
	const cJSON *it = first_of(j, &n);
	free(q->answer);
	if (!(q->answer = ril_new(n, sizeof *q->answer, err)))
		return -1;
	for (; q->answers < n; it = it->next, q->answers++)
		if (answer_text(&q->answer[q->answers], it, err))
			return -1;
	if (cJSON_IsArray(j))
		return ril_line_field(q, "", "answers", j, err);
	cJSON *list = cJSON_CreateArray(), *copy = cJSON_Duplicate(j, true);
	int rc = list && copy && cJSON_AddItemToArray(list, copy) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
	if (rc)
		cJSON_Delete(copy);
	else
		rc = ril_line_field(q, "", "answers", list, err);
	cJSON_Delete(list);
	return rc;
}

int ril_line_answers(struct ril_question_line *q, const cJSON *record, struct ril_err *err)
{
	const cJSON *one = ril_line_member(record, "answer"), *many = ril_line_member(record, "answers");
	if (one && many)
		return ril_fail(err, RIL_ECORRUPT, "both 'answer' and 'answers'");
	return one || many ? ril_line_gold(q, one ? one : many, err) : 0;
}

int ril_line_rest(struct ril_question_line *q, const cJSON *record, const char *const *done, struct ril_err *err)
{
	static const char *const own[] = {"choices", "type", "judge", NULL};
	for (const cJSON *it = record->child; it; it = it->next) {
		int k = 0, m = 0;
		while (done[k] && strcmp(it->string, done[k]))
			k++;
		while (own[m] && strcmp(it->string, own[m]))
			m++;
		if (!done[k] && !cJSON_IsNull(it) && ril_line_field(q, own[m] ? "" : "data.", it->string, it, err))
			return -1;
	}
	return 0;
}

/* ---- the project's own form ---- */

static int read_question(struct ril_question_line *q, const cJSON *j, struct ril_err *err)
{
	if (!cJSON_IsString(j))
		return ril_fail(err, RIL_ECORRUPT, "'question' is not text");
	return ril_line_text(&q->question, j, err) || ril_line_field(q, "", "question", j, err) ? -1 : 0;
}

/* Data of other trainers: their names for what is read here, which would travel on as a field and not be seen. */
static int check_foreign(const cJSON *record, const char *own, const char *const *foreign, struct ril_err *err)
{
	if (cJSON_GetObjectItemCaseSensitive(record, own))
		return 0;
	for (; *foreign; foreign++)
		if (ril_line_member(record, *foreign))
			return ril_fail(err, RIL_ECORRUPT, "no '%s', but '%s', which is not read", own, *foreign);
	return 0;
}

static int read_own(struct ril_question_line *q, const cJSON *record, struct ril_err *err)
{
	static const char *const pictures[] = {"images", NULL};
	static const char *const questions[] = {"messages", "conversations", "prompt", "problem", NULL};
	static const char *const done[] = {"id", "question", "answer", "answers", "image", NULL};
	const cJSON *question = cJSON_GetObjectItemCaseSensitive(record, "question"),
		    *picture = ril_line_member(record, "image");
	if (check_foreign(record, "image", pictures, err) || check_foreign(record, "question", questions, err))
		return -1;
	if (!question)
		return ril_fail(err, RIL_ECORRUPT, "no 'question'");
	if (read_question(q, question, err) || ril_line_answers(q, record, err) ||
	    (picture && read_pictures(q, picture, err)))
		return -1;
	return ril_line_rest(q, record, done, err);
}

/* ---- a record ---- */

static enum ril_data_format format_of(const cJSON *record, enum ril_data_format wanted)
{
	if (wanted != RIL_DATA_ANY)
		return wanted;
	enum ril_data_format benchmark = ril_benchmark_record(record);
	if (benchmark != RIL_DATA_ANY)
		return benchmark;
	if (cJSON_GetObjectItemCaseSensitive(record, "question"))
		return RIL_DATA_QUESTION;
	if (ril_line_member(record, "conversations"))
		return RIL_DATA_CONVERSATIONS;
	if (ril_line_member(record, "messages") || cJSON_IsArray(ril_line_member(record, "prompt")))
		return RIL_DATA_MESSAGES;
	return ril_pair_is(record) ? RIL_DATA_PAIRS : RIL_DATA_QUESTION;
}

/* Fields that come twice would hide one another. */
static int check_names(const cJSON *record, struct ril_err *err)
{
	for (const cJSON *a = record->child; a; a = a->next)
		for (const cJSON *b = a->next; b; b = b->next)
			if (!strcmp(a->string, b->string))
				return ril_fail(err, RIL_ECORRUPT, "'%s' twice", a->string);
	return 0;
}

/* Records of other trainers' may have none: then it is their place. */
static int read_id(struct ril_question_line *q, const cJSON *record, struct ril_err *err)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(record, "id");
	struct ril_buf place = {0};
	if (cJSON_IsNumber(id))
		return (q->id = ril_line_json(id, err)) ? 0 : -1;
	if (cJSON_IsString(id))
		return ril_line_plain(&q->id, id, "id", err);
	if (!q->placed || (id && !cJSON_IsNull(id)))
		return ril_fail(err, RIL_ECORRUPT, id ? "'id' is neither text nor a number" : "no 'id'");
	if (ril_buf_printf(&place, err, "#%lld", (long long)q->place))
		return -1;
	q->id = place.data;
	return 0;
}

int ril_line_read(struct ril_question_line *q, cJSON *record, enum ril_data_format wanted, const char *path,
		  struct ril_err *err)
{
	if (!cJSON_IsObject(record))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	if (check_names(record, err))
		return -1;
	enum ril_data_format format = format_of(record, wanted);
	bool pair = format == RIL_DATA_PAIRS,
	     talk = pair || format == RIL_DATA_CONVERSATIONS || format == RIL_DATA_MESSAGES;
	q->placed = talk;
	if (!talk && format != RIL_DATA_QUESTION && ril_benchmark_settle(record, format, path, &q->placed, err))
		return -1;
	if (read_id(q, record, err))
		return -1;
	int rc = pair && ril_pair_settle(record, err) ? -1
		 : talk                               ? ril_conversation_read(q, record, format, err)
						      : read_own(q, record, err);
	return rc ? ril_context(err, "id '%s'", q->id) : 0;
}
