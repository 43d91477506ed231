/* table.c -- see table.h. */
#include "score/table.h"

#include <stdio.h>
#include <stdlib.h>

struct table_row {
	cJSON *json;
	struct ril_question q;
	char key[32];
};

struct ril_table {
	const char *path;
	FILE *f;
	char *line;
	size_t cap;
	long number;
	struct table_row *row; /* [room]; items point into it */
	struct ril_item *item; /* [room] */
	size_t n, room;
};

struct ril_table *ril_table_open(const char *path, struct ril_err *err)
{
	struct ril_table *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	t->path = strcmp(path, "-") ? path : "stdin";
	t->f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (t->f)
		return t;
	ril_fail_errno(err, "%s", path);
	free(t);
	return NULL;
}

static void forget_rows(struct ril_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		ril_question_free(&t->row[i].q);
		cJSON_Delete(t->row[i].json);
		t->row[i].json = NULL;
	}
	t->n = 0;
}

void ril_table_free(struct ril_table *t)
{
	if (!t)
		return;
	forget_rows(t);
	free(t->row);
	free(t->item);
	if (t->f != stdin)
		fclose(t->f);
	free(t->line);
	free(t);
}

static int read_row(struct ril_table *t, size_t n, struct ril_err *err)
{
	struct table_row *row = &t->row[t->n];
	*row = (struct table_row){.json = ril_json_parse(t->line, n, err)};
	if (!row->json || ril_item_from_row(&t->item[t->n], &row->q, row->json, err)) {
		cJSON_Delete(row->json);
		return ril_context(err, "%s: line %ld", t->path, t->number);
	}
	if (!*row->q.key) {
		snprintf(row->key, sizeof row->key, "line %ld", t->number);
		row->q.key = row->key;
	}
	t->n++;
	return 0;
}

int ril_table_read(struct ril_table *t, size_t max, struct ril_item **out, size_t *n, struct ril_err *err)
{
	ssize_t length;
	forget_rows(t);
	*n = 0;
	if (max > t->room) {
		free(t->row);
		free(t->item);
		t->row = ril_new(max, sizeof *t->row, err);
		t->item = ril_new(max, sizeof *t->item, err);
		t->room = t->row && t->item ? max : 0;
	}
	if (!t->room)
		return -1;
	while (t->n < max && (length = getline(&t->line, &t->cap, t->f)) >= 0) {
		t->number++;
		if (strspn(t->line, " \t\r\n") != (size_t)length && read_row(t, (size_t)length, err))
			return -1;
	}
	*out = t->item;
	*n = t->n;
	return ferror(t->f) ? ril_fail_errno(err, "%s: reading", t->path) : 0;
}

static int member(struct ril_buf *out, const char *name, const char *text, size_t n, struct ril_err *err)
{
	return ril_buf_printf(out, err, "\"%s\": ", name) || ril_json_quote(out, text, n, false, err) ||
			       ril_buf_puts(out, ", ", err)
		       ? -1
		       : 0;
}

/* What was compared may have been cut inside a character. */
static int member_repaired(struct ril_buf *out, const char *name, const struct ril_buf *b, struct ril_err *err)
{
	struct ril_buf fixed = {0};
	int rc = ril_utf8_repair(&fixed, b->data, b->len, err) || ril_buf_add(&fixed, "", 0, err) ||
				 member(out, name, fixed.data, fixed.len, err)
			 ? -1
			 : 0;
	ril_buf_free(&fixed);
	return rc;
}

int ril_verdict_line(struct ril_buf *out, const struct ril_item *it, const struct ril_verdict *v, const char *judge,
		     struct ril_err *err)
{
	const struct ril_question *q = it->q;
	if (ril_buf_puts(out, "{", err) || member(out, "id", q->key, strlen(q->key), err) ||
	    (*q->type && member(out, "type", q->type, strlen(q->type), err)) ||
	    member(out, "judge", judge, strlen(judge), err) || member_repaired(out, "response", &v->got, err) ||
	    member_repaired(out, "answer", &v->want, err))
		return -1;
	return isnan(v->score) ? ril_buf_puts(out, "\"score\": null}\n", err)
			       : ril_buf_printf(out, err, "\"score\": %.10g}\n", v->score);
}
