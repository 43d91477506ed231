/* saved.c -- the table of saved teacher responses; see saved.h. */
#include "answer/answer.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>

struct row {
	size_t id, text; /* in saved.bytes while it grows */
	int32_t teacher, finish;
	size_t order;
};

struct ril_saved {
	struct ril_buf bytes;
	struct row *row;
	size_t n, cap;
	struct ril_saved_response *at; /* [n], sorted by id, teacher, order; after ril_saved_index */
	char **teacher;
	size_t nteachers, teacher_cap;
};

struct ril_saved *ril_saved_new(struct ril_err *err)
{
	return ril_new(1, sizeof(struct ril_saved), err);
}

void ril_saved_free(struct ril_saved *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nteachers; i++)
		free(s->teacher[i]);
	free(s->teacher);
	free(s->row);
	free(s->at);
	ril_buf_free(&s->bytes);
	free(s);
}

/* ---- reading ---- */

static int teacher_number(struct ril_saved *s, const char *name, int32_t *number, struct ril_err *err)
{
	for (*number = 0; (size_t)*number < s->nteachers; (*number)++)
		if (!strcmp(s->teacher[*number], name))
			return 0;
	if (ril_grow(&s->teacher, &s->teacher_cap, s->nteachers + 1, sizeof *s->teacher, err) ||
	    !(s->teacher[s->nteachers] = ril_strdup(name, err)))
		return -1;
	s->nteachers++;
	return 0;
}

/* The member as text with an end; where it lies in the table's bytes. */
static int keep_text(struct ril_saved *s, const cJSON *line, const char *name, size_t *at, struct ril_err *err)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(line, name);
	if (!cJSON_IsString(m))
		return ril_fail(err, RIL_ECORRUPT, m ? "'%s' is not text" : "no '%s'", name);
	*at = s->bytes.len;
	if (ril_json_text(&s->bytes, m, err))
		return -1;
	if (s->bytes.len > *at && memchr(s->bytes.data + *at, 0, s->bytes.len - *at))
		return ril_fail(err, RIL_ECORRUPT, "'%s' holds a NUL", name);
	return ril_buf_add(&s->bytes, "", 1, err);
}

/* The id as ril-encode reads it: text, or a number as it is written. */
static int keep_id(struct ril_saved *s, const cJSON *line, size_t *at, struct ril_err *err)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(line, "id");
	if (!cJSON_IsNumber(id))
		return keep_text(s, line, "id", at, err);
	char *printed = cJSON_PrintUnformatted(id);
	*at = s->bytes.len;
	int rc = printed ? ril_buf_add(&s->bytes, printed, strlen(printed) + 1, err)
			 : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(printed);
	return rc;
}

static int read_finish(const cJSON *line, int32_t *finish, struct ril_err *err)
{
	const char *f = "stop";
	if (ril_json_str(line, "finish", &f, err))
		return -1;
	*finish = !strcmp(f, "length");
	return *finish || !strcmp(f, "stop")
		       ? 0
		       : ril_fail(err, RIL_ECORRUPT, "'finish' is neither \"stop\" nor \"length\"");
}

static int read_line(struct ril_saved *s, const char *text, size_t n, struct ril_err *err)
{
	cJSON *line = ril_json_parse(text, n, err);
	if (!line)
		return -1;
	struct row r = {.order = s->n};
	const char *teacher = NULL;
	int rc = keep_id(s, line, &r.id, err) || keep_text(s, line, "response", &r.text, err) ||
				 read_finish(line, &r.finish, err) || ril_json_str(line, "teacher", &teacher, err)
			 ? -1
			 : 0;
	if (!rc && (!teacher || !*teacher))
		rc = ril_fail(err, RIL_ECORRUPT, "no 'teacher'");
	if (!rc)
		rc = teacher_number(s, teacher, &r.teacher, err) || ril_grow(&s->row, &s->cap, s->n + 1, sizeof r, err)
			     ? -1
			     : 0;
	if (!rc)
		s->row[s->n++] = r;
	cJSON_Delete(line);
	return rc;
}

int ril_saved_read(struct ril_saved *s, const char *path, struct ril_err *err)
{
	struct ril_buf b = {0};
	size_t number = 1, before = s->n;
	int rc = ril_read_file(&b, path, err);
	for (size_t at = 0; !rc && at < b.len; number++) {
		const char *nl = memchr(b.data + at, '\n', b.len - at);
		size_t n = nl ? (size_t)(nl - b.data) - at : b.len - at;
		size_t blank = strspn(b.data + at, " \t\r\n");
		if (blank < n && (rc = read_line(s, b.data + at, n, err)))
			ril_context(err, "%s: line %zu", path, number);
		at += n + 1;
	}
	if (!rc && s->n == before)
		rc = ril_fail(err, RIL_EFAIL, "%s: no responses", path);
	ril_buf_free(&b);
	return rc;
}

/* ---- looking up ---- */

static int compare(const char *id_a, int32_t teacher_a, const char *id_b, int32_t teacher_b)
{
	int c = strcmp(id_a, id_b);
	return c ? c : (teacher_a > teacher_b) - (teacher_a < teacher_b);
}

static int compare_rows(const void *a, const void *b, void *bytes)
{
	const struct row *x = a, *y = b;
	const char *base = bytes;
	int c = compare(base + x->id, x->teacher, base + y->id, y->teacher);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

int ril_saved_index(struct ril_saved *s, struct ril_err *err)
{
	s->at = ril_new(s->n, sizeof *s->at, err);
	if (!s->at)
		return -1;
	qsort_r(s->row, s->n, sizeof *s->row, compare_rows, s->bytes.data);
	for (size_t i = 0; i < s->n; i++)
		s->at[i] = (struct ril_saved_response){s->bytes.data + s->row[i].id, s->bytes.data + s->row[i].text,
						       s->row[i].teacher, s->row[i].finish};
	free(s->row);
	s->row = NULL;
	return 0;
}

size_t ril_saved_count(const struct ril_saved *s)
{
	return s->n;
}

int32_t ril_saved_teachers(const struct ril_saved *s)
{
	return (int32_t)s->nteachers;
}

const char *ril_saved_teacher(const struct ril_saved *s, int32_t teacher)
{
	return s->teacher[teacher];
}

/* The first row not before (id, teacher). */
static size_t lower_bound(const struct ril_saved *s, const char *id, int32_t teacher)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (compare(s->at[mid].id, s->at[mid].teacher, id, teacher) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t ril_saved_find(const struct ril_saved *s, const char *id, int32_t teacher,
		      const struct ril_saved_response **first)
{
	size_t from = lower_bound(s, id, teacher);
	*first = s->at + from;
	return lower_bound(s, id, teacher + 1) - from;
}

int ril_saved_line(struct ril_buf *out, const char *id, const char *teacher, const char *text, int32_t finish,
		   struct ril_err *err)
{
	return ril_buf_puts(out, "{\"id\": ", err) || ril_json_quote(out, id, strlen(id), false, err) ||
			       ril_buf_puts(out, ", \"response\": ", err) ||
			       ril_json_quote(out, text, strlen(text), false, err) ||
			       ril_buf_puts(out, ", \"teacher\": ", err) ||
			       ril_json_quote(out, teacher, strlen(teacher), false, err) ||
			       ril_buf_printf(out, err, ", \"finish\": \"%s\"}\n", finish ? "length" : "stop")
		       ? -1
		       : 0;
}

/* ---- as an answerer ---- */

struct saved_teacher {
	const struct ril_saved *s;
	int32_t teacher;
};

/* The order of n answers, as indices. */
static int32_t *shuffled(const struct saved_teacher *v, const struct ril_query *q, int32_t n,
			 const struct ril_query_how *how, struct ril_err *err)
{
	const char *name = v->s->teacher[v->teacher];
	struct ril_rng_at at = {.step = how->step, .question = q->hash, .response = ril_hash32(name, strlen(name))};
	int32_t *order = ril_new((size_t)n, sizeof *order, err);
	for (int32_t i = 0; order && i < n; i++)
		order[i] = i;
	for (int32_t i = 0; order && i < n - 1; i++) {
		at.position = (uint32_t)i;
		int32_t k = i + (int32_t)ril_rng_below(how->seed, how->purpose, at, (uint32_t)(n - i)), swap = order[i];
		order[i] = order[k];
		order[k] = swap;
	}
	return order;
}

static int saved_ask(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *how,
		     ril_take_answer *take, void *take_ctx, struct ril_err *err)
{
	const struct saved_teacher *v = ctx;
	for (size_t i = 0; i < n; i++) {
		const struct ril_saved_response *at;
		size_t has = ril_saved_find(v->s, q[i].key, v->teacher, &at);
		int32_t end = has < (size_t)q[i].first + (size_t)q[i].n ? (int32_t)has : q[i].first + q[i].n;
		if (q[i].first >= end)
			continue;
		if (has > INT32_MAX)
			return ril_fail(err, RIL_EFAIL, "'%s': too many saved responses", q[i].key);
		int32_t *order = shuffled(v, &q[i], (int32_t)has, how, err);
		int rc = order ? 0 : -1;
		for (int32_t k = q[i].first; !rc && k < end; k++) {
			const struct ril_saved_response *r = &at[order[k]];
			struct ril_answer a = {
				.question = i, .number = k, .text = r->text, .finish = r->finish, .score = NAN};
			rc = take(take_ctx, &a, err) < 0 ? -1 : 0;
		}
		free(order);
		if (rc)
			return -1;
	}
	return 0;
}

int ril_saved_open(struct ril_answerer *who, const struct ril_saved *s, int32_t teacher, struct ril_err *err)
{
	struct saved_teacher *v = ril_new(1, sizeof *v, err);
	if (!v)
		return -1;
	*v = (struct saved_teacher){s, teacher};
	*who = (struct ril_answerer){.ask = saved_ask, .free = free, .ctx = v};
	return 0;
}
