/* table.c -- see table.h. */
#include "score/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct ril_table {
	const char *path;
	FILE *f;
	char *line;
	size_t cap;
	long number;
	char key[32];
	cJSON *row;
	struct ril_question q;
	struct ril_item item;
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

static void forget_row(struct ril_table *t)
{
	ril_question_free(&t->q);
	cJSON_Delete(t->row);
	t->row = NULL;
}

void ril_table_free(struct ril_table *t)
{
	if (!t)
		return;
	forget_row(t);
	if (t->f != stdin)
		fclose(t->f);
	free(t->line);
	free(t);
}

static int read_row(struct ril_table *t, size_t n, struct ril_err *err)
{
	if (!(t->row = ril_json_parse(t->line, n, err)) || ril_item_from_row(&t->item, &t->q, t->row, err))
		return ril_context(err, "%s: line %ld", t->path, t->number);
	if (!*t->q.key) {
		snprintf(t->key, sizeof t->key, "line %ld", t->number);
		t->q.key = t->key;
	}
	return 0;
}

int ril_table_next(struct ril_table *t, struct ril_item **out, struct ril_err *err)
{
	ssize_t n;
	*out = NULL;
	forget_row(t);
	while (errno = 0, (n = getline(&t->line, &t->cap, t->f)) >= 0) {
		t->number++;
		if (strspn(t->line, " \t\r\n") == (size_t)n)
			continue;
		if (read_row(t, (size_t)n, err))
			return -1;
		*out = &t->item;
		return 0;
	}
	return ferror(t->f) ? ril_fail_errno(err, "%s: reading", t->path) : 0;
}

static int member(struct ril_buf *out, const char *name, const char *text, size_t n, struct ril_err *err)
{
	return ril_buf_printf(out, err, "\"%s\": ", name) || ril_json_quote(out, text, n, false, err) || ril_buf_puts(out, ", ", err)
		       ? -1 : 0;
}

/* What was compared may have been cut inside a character. */
static int member_repaired(struct ril_buf *out, const char *name, const struct ril_buf *b, struct ril_err *err)
{
	struct ril_buf fixed = {0};
	int rc = ril_utf8_repair(&fixed, b->data, b->len, err) || ril_buf_add(&fixed, "", 0, err) ||
			 member(out, name, fixed.data, fixed.len, err) ? -1 : 0;
	ril_buf_free(&fixed);
	return rc;
}

int ril_verdict_line(struct ril_buf *out, const struct ril_item *it, const struct ril_verdict *v, const char *judge, struct ril_err *err)
{
	const struct ril_question *q = it->q;
	if (ril_buf_puts(out, "{", err) || member(out, "id", q->key, strlen(q->key), err) ||
	    (*q->type && member(out, "type", q->type, strlen(q->type), err)) || member(out, "judge", judge, strlen(judge), err) ||
	    member_repaired(out, "response", &v->got, err) || member_repaired(out, "answer", &v->want, err))
		return -1;
	return isnan(v->score) ? ril_buf_puts(out, "\"score\": null}\n", err) : ril_buf_printf(out, err, "\"score\": %.10g}\n", v->score);
}
