/* csv.c -- tables of comma-separated values; see csv.h. */
#include "log/csv.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>

static size_t column(const struct ril_csv *t, const char *name)
{
	size_t i = 0;
	while (i < t->n && strcmp(t->name[i], name))
		i++;
	return i;
}

static int learn(struct ril_csv *t, const struct ril_row *row, bool *more, struct ril_err *err)
{
	for (size_t i = 0; i < row->n; i++) {
		if (column(t, row->at[i].name) < t->n)
			continue;
		*more = true;
		if (ril_grow(&t->name, &t->cap, t->n + 1, sizeof *t->name, err) ||
		    !(t->name[t->n] = ril_strdup(row->at[i].name, err)))
			return -1;
		t->n++;
	}
	return 0;
}

/* The fewest digits that read back as x; nothing for what is not finite. */
static int put_number(struct ril_buf *b, double x, struct ril_err *err)
{
	char text[32] = "";
	for (int digits = 6; isfinite(x) && digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	return ril_buf_puts(b, text, err);
}

static int put_name(struct ril_buf *b, const char *name, struct ril_err *err)
{
	if (!strpbrk(name, ",\"\r\n"))
		return ril_buf_puts(b, name, err);
	int rc = ril_buf_puts(b, "\"", err);
	for (; *name && !rc; name++)
		rc = ril_buf_printf(b, err, *name == '"' ? "\"%c" : "%c", *name);
	return rc || ril_buf_puts(b, "\"", err) ? -1 : 0;
}

static int put_header(const struct ril_csv *t, struct ril_buf *b, struct ril_err *err)
{
	int rc = ril_buf_puts(b, "step,time", err);
	for (size_t i = 0; i < t->n && !rc; i++)
		rc = ril_buf_puts(b, ",", err) || put_name(b, t->name[i], err) ? -1 : 0;
	return rc || ril_buf_puts(b, "\r\n", err) ? -1 : 0;
}

static int put_row(const struct ril_csv *t, const struct ril_row *row, struct ril_buf *b, struct ril_err *err)
{
	double *cell = ril_new(t->n, sizeof *cell, err);
	if (!cell)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		cell[i] = NAN;
	for (size_t i = 0; i < row->n; i++)
		cell[column(t, row->at[i].name)] = row->at[i].value;
	int rc = ril_buf_printf(b, err, "%lld,", (long long)row->step) || put_number(b, row->time, err) ? -1 : 0;
	for (size_t i = 0; i < t->n && !rc; i++)
		rc = ril_buf_puts(b, ",", err) || put_number(b, cell[i], err) ? -1 : 0;
	free(cell);
	return rc || ril_buf_puts(b, "\r\n", err) ? -1 : 0;
}

static int append(const struct ril_csv *t, const struct ril_buf *b, struct ril_err *err)
{
	FILE *f = fopen(t->path, "ae");
	bool ok = f && fwrite(b->data, b->len, 1, f) == 1;
	if (f && fclose(f))
		ok = false;
	return ok ? 0 : ril_fail_errno(err, "%s", ril_short(t->path));
}

/* The rows from where `rows` stands on. */
static int put_rows(struct ril_csv *t, struct ril_rows *rows, int64_t until, struct ril_buf *b, struct ril_err *err)
{
	int rc = 0;
	while (!rc && rows->lines < until) {
		rc = ril_rows_next(rows, err);
		if (rc == 1)
			rc = put_row(t, &rows->row, b, err);
		else if (!rc)
			rc = ril_fail(err, RIL_EFAIL, "%s became shorter", ril_short(rows->path));
	}
	return rc;
}

int ril_csv_update(struct ril_csv *t, struct ril_rows *rows, int64_t *taken, struct ril_err *err)
{
	bool more = !t->written;
	const struct ril_rows_mark from = ril_rows_mark(rows);
	struct ril_buf b = {0};
	int rc, fresh;
	while ((fresh = ril_rows_next(rows, err)) == 1)
		if (learn(t, &rows->row, &more, err))
			return -1;
	*taken = rows->lines - from.lines;
	if (fresh < 0 || !*taken)
		return fresh;
	int64_t until = rows->lines;
	const bool cut = rows->cut;
	rc = ril_rows_seek(rows, more ? (struct ril_rows_mark){0} : from, err);
	if (!rc && more)
		rc = put_header(t, &b, err);
	if (!rc)
		rc = put_rows(t, rows, until, &b, err);
	if (!rc)
		rc = more ? ril_file_put(t->path, b.data, b.len, false, err) : append(t, &b, err);
	t->written = !rc;
	rows->cut = cut;
	ril_buf_free(&b);
	return rc;
}

void ril_csv_close(struct ril_csv *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->name[i]);
	free(t->name);
	*t = (struct ril_csv){0};
}
