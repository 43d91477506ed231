/* dataset.c -- JSON lines to questions; see dataset.h.
 *
 * Fields are turned into the group's metadata here, once, so that nothing of the JSON tree has to be kept. */
#include "data/dataset.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one line ---- */

static int text_of(struct ril_data_text *out, const cJSON *string, struct ril_err *err)
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

/* A text that becomes a name or a path, and so may not hold a NUL. */
static int plain_text(char **out, const cJSON *string, const char *what, struct ril_err *err)
{
	struct ril_data_text t;
	if (text_of(&t, string, err))
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
static char *json_text(const cJSON *j, struct ril_err *err)
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

static int add_field(struct ril_question_line *q, const char *prefix, const char *name, const cJSON *value,
		     struct ril_err *err)
{
	struct ril_buf full = {0};
	struct ril_data_field *f = ril_resize(q->field, q->fields + 1, sizeof *f, err);
	if (!f)
		return -1;
	q->field = f;
	if (ril_buf_printf(&full, err, "%s%s", prefix, name))
		return -1;
	f += q->fields++;
	*f = (struct ril_data_field){full.data, json_text(value, err)};
	return f->value ? 0 : -1;
}

/* A value as a list of one; a list as it is.  `it` walks either. */
static const cJSON *first_of(const cJSON *j, size_t *n)
{
	*n = cJSON_IsArray(j) ? (size_t)cJSON_GetArraySize(j) : 1;
	return cJSON_IsArray(j) ? j->child : j;
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
		if (plain_text(&q->picture[q->pictures], it, "image", err))
			return -1;
	}
	cJSON *list = cJSON_CreateStringArray((const char *const *)q->picture, (int)n);
	int rc = list ? add_field(q, "", "image.path", list, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_Delete(list);
	return rc;
}

static int answer_text(struct ril_data_text *out, const cJSON *it, struct ril_err *err)
{
	/* vqaEval's own form of an answer: {"answer": "yes", "answer_id": 1, ...} */
	const cJSON *v = cJSON_IsObject(it) ? cJSON_GetObjectItemCaseSensitive(it, "answer") : it;
	if (cJSON_IsString(v))
		return text_of(out, v, err);
	if (!cJSON_IsNumber(v) && !cJSON_IsBool(v))
		return ril_fail(err, RIL_ECORRUPT, "an answer is neither text nor a number");
	out->at = json_text(v, err);
	out->n = out->at ? strlen(out->at) : 0;
	return out->at ? 0 : -1;
}

static int read_answers(struct ril_question_line *q, const cJSON *j, struct ril_err *err)
{
	size_t n;
	const cJSON *it = first_of(j, &n);
	if (!(q->answer = ril_new(n, sizeof *q->answer, err)))
		return -1;
	for (; q->answers < n; it = it->next, q->answers++)
		if (answer_text(&q->answer[q->answers], it, err))
			return -1;
	if (cJSON_IsArray(j))
		return add_field(q, "", "answers", j, err);
	cJSON *list = cJSON_CreateArray(), *copy = cJSON_Duplicate(j, true);
	int rc = list && copy && cJSON_AddItemToArray(list, copy) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
	if (rc)
		cJSON_Delete(copy);
	else
		rc = add_field(q, "", "answers", list, err);
	cJSON_Delete(list);
	return rc;
}

static int read_question(struct ril_question_line *q, const cJSON *j, struct ril_err *err)
{
	if (!cJSON_IsString(j))
		return ril_fail(err, RIL_ECORRUPT, "'question' is not text");
	return text_of(&q->question, j, err) || add_field(q, "", "question", j, err) ? -1 : 0;
}

/* Data of other trainers: their names for what is read here, which would travel on as a field and not be seen. */
static int check_foreign(const cJSON *line, const char *own, const char *const *foreign, struct ril_err *err)
{
	const cJSON *it;
	if (cJSON_GetObjectItemCaseSensitive(line, own))
		return 0;
	for (; *foreign; foreign++)
		if ((it = cJSON_GetObjectItemCaseSensitive(line, *foreign)) && !cJSON_IsNull(it))
			return ril_fail(err, RIL_ECORRUPT, "no '%s', but '%s', which is not read", own, *foreign);
	return 0;
}

static int read_known(struct ril_question_line *q, const cJSON *line, struct ril_err *err)
{
	const cJSON *picture = cJSON_GetObjectItemCaseSensitive(line, "image"),
		    *question = cJSON_GetObjectItemCaseSensitive(line, "question");
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(line, "answer"),
		    *many = cJSON_GetObjectItemCaseSensitive(line, "answers");
	one = cJSON_IsNull(one) ? NULL : one;
	many = cJSON_IsNull(many) ? NULL : many;
	static const char *const pictures[] = {"images", NULL};
	static const char *const questions[] = {"messages", "conversations", "prompt", "problem", NULL};
	if (check_foreign(line, "image", pictures, err) || check_foreign(line, "question", questions, err))
		return -1;
	if (!question)
		return ril_fail(err, RIL_ECORRUPT, "no 'question'");
	if (one && many)
		return ril_fail(err, RIL_ECORRUPT, "both 'answer' and 'answers'");
	if (read_question(q, question, err) || ((one || many) && read_answers(q, one ? one : many, err)))
		return -1;
	return picture && !cJSON_IsNull(picture) ? read_pictures(q, picture, err) : 0;
}

static int read_rest(struct ril_question_line *q, const cJSON *line, struct ril_err *err)
{
	static const char *const done[] = {"id", "question", "answer", "answers", "image", NULL};
	static const char *const own[] = {"choices", "type", "judge", NULL};
	for (const cJSON *it = line->child; it; it = it->next) {
		int k = 0, m = 0;
		while (done[k] && strcmp(it->string, done[k]))
			k++;
		while (own[m] && strcmp(it->string, own[m]))
			m++;
		if (!done[k] && !cJSON_IsNull(it) && add_field(q, own[m] ? "" : "data.", it->string, it, err))
			return -1;
	}
	return 0;
}

/* Fields that come twice would hide one another. */
static int check_names(const cJSON *line, struct ril_err *err)
{
	for (const cJSON *a = line->child; a; a = a->next)
		for (const cJSON *b = a->next; b; b = b->next)
			if (!strcmp(a->string, b->string))
				return ril_fail(err, RIL_ECORRUPT, "'%s' twice", a->string);
	return 0;
}

static int read_line(struct ril_question_line *q, const cJSON *line, struct ril_err *err)
{
	if (!cJSON_IsObject(line))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(line, "id");
	if (cJSON_IsNumber(id) ? !(q->id = json_text(id, err))
			       : cJSON_IsString(id) && plain_text(&q->id, id, "id", err))
		return -1;
	if (!q->id)
		return ril_fail(err, RIL_ECORRUPT, id ? "'id' is neither text nor a number" : "no 'id'");
	if (check_names(line, err) || read_known(q, line, err) || read_rest(q, line, err))
		return ril_context(err, "id '%s'", q->id);
	return 0;
}

/* ---- the file ---- */

static int by_id(const void *a, const void *b)
{
	const struct ril_question_line *x = *(const struct ril_question_line *const *)a,
				       *y = *(const struct ril_question_line *const *)b;
	int c = strcmp(x->id, y->id);
	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static int check_ids(const struct ril_dataset *d, struct ril_err *err)
{
	const struct ril_question_line **sorted = ril_new(d->n, sizeof *sorted, err);
	if (!sorted)
		return -1;
	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->at[i];
	qsort(sorted, d->n, sizeof *sorted, by_id);
	int rc = 0;
	for (size_t i = 1; i < d->n && !rc; i++)
		if (!strcmp(sorted[i]->id, sorted[i - 1]->id))
			rc = ril_fail(err, RIL_ECORRUPT, "%s: line %lld: id '%s' is that of line %lld too", d->path,
				      (long long)sorted[i]->line, sorted[i]->id, (long long)sorted[i - 1]->line);
	free(sorted);
	return rc;
}

static int add_line(struct ril_dataset *d, const char *text, size_t n, int64_t number, struct ril_err *err)
{
	while (n && (text[n - 1] == '\r' || text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (!n)
		return 0;
	if (ril_grow(&d->at, &d->cap, d->n + 1, sizeof *d->at, err))
		return -1;
	cJSON *line = ril_json_parse(text, n, err);
	struct ril_question_line *q = &d->at[d->n];
	*q = (struct ril_question_line){.line = number};
	d->n += line != NULL;
	int rc = line ? read_line(q, line, err) : -1;
	cJSON_Delete(line);
	return rc ? ril_context(err, "%s: line %lld", d->path, (long long)number) : 0;
}

int ril_dataset_read(struct ril_dataset *d, const char *path, struct ril_err *err)
{
	struct ril_buf file = {0};
	bool standard = !strcmp(path, "-");
	*d = (struct ril_dataset){.path = ril_strdup(standard ? "standard input" : path, err)};
	int rc = d->path ? ril_read_file(&file, standard ? "/dev/stdin" : path, err) : -1;
	int64_t number = 0;
	for (size_t at = 0; !rc && at < file.len;) {
		const char *end = memchr(file.data + at, '\n', file.len - at);
		size_t n = end ? (size_t)(end - (file.data + at)) : file.len - at;
		rc = add_line(d, file.data + at, n, ++number, err);
		at += n + 1;
	}
	ril_buf_free(&file);
	if (!rc && !d->n)
		rc = ril_fail(err, RIL_EFAIL, "%s: no question in it", d->path);
	if (!rc)
		rc = check_ids(d, err);
	if (rc)
		ril_dataset_free(d);
	return rc;
}

void ril_dataset_free(struct ril_dataset *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct ril_question_line *q = &d->at[i];
		for (size_t k = 0; k < q->pictures; k++)
			free(q->picture[k]);
		for (size_t k = 0; k < q->answers; k++)
			free(q->answer[k].at);
		for (size_t k = 0; k < q->fields; k++) {
			free(q->field[k].name);
			free(q->field[k].value);
		}
		free(q->id);
		free(q->question.at);
		free(q->picture);
		free(q->answer);
		free(q->field);
	}
	free(d->at);
	free(d->path);
	*d = (struct ril_dataset){0};
}
