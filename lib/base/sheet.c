/* sheet.c -- see sheet.h. */
#include "base/sheet.h"

#include "base/grid.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int ril_sheet_section(struct ril_sheet *s, const char *name, const char *const *columns, struct ril_err *err)
{
	if (ril_grow(&s->section, &s->cap, s->n + 1, sizeof *s->section, err))
		return -1;
	struct ril_section *sec = &s->section[s->n];
	*sec = (struct ril_section){.name = name, .column = columns};
	while (columns[sec->columns])
		sec->columns++;
	return (int)s->n++;
}

int ril_sheet_row(struct ril_sheet *s, struct ril_err *err)
{
	struct ril_section *sec = &s->section[s->n - 1];
	size_t from = sec->rows * sec->columns;
	if (ril_grow(&sec->cell, &sec->cap, from + sec->columns, sizeof *sec->cell, err))
		return -1;
	memset(sec->cell + from, 0, sec->columns * sizeof *sec->cell);
	sec->rows++;
	return 0;
}

static struct ril_cell *last_cell(struct ril_sheet *s, size_t column)
{
	struct ril_section *sec = &s->section[s->n - 1];
	return &sec->cell[(sec->rows - 1) * sec->columns + column];
}

int ril_sheet_text(struct ril_sheet *s, size_t column, const char *text, struct ril_err *err)
{
	struct ril_cell *c = last_cell(s, column);
	free(c->text);
	c->text = ril_strdup(text, err);
	c->digits = -1;
	c->set = c->text;
	return c->text ? 0 : -1;
}

void ril_sheet_number(struct ril_sheet *s, size_t column, double value, int digits)
{
	struct ril_cell *c = last_cell(s, column);
	c->number = value;
	c->digits = digits;
	c->set = true;
}

/* A cell's text in a table, numbers rounded for the eye or `exact`; tabs and line breaks, which would break it, become
 * blanks. */
static int show(struct ril_buf *out, const struct ril_cell *c, bool exact, struct ril_err *err)
{
	if (!c->set)
		return ril_buf_add(out, "", 0, err);
	if (c->digits >= 0 && isnan(c->number))
		return ril_buf_puts(out, "-", err);
	if (c->digits >= 0)
		return exact ? ril_buf_printf(out, err, "%.10g", c->number)
			     : ril_buf_printf(out, err, "%.*f", c->digits, c->number);
	size_t from = out->len;
	if (ril_buf_puts(out, c->text, err))
		return -1;
	for (size_t i = from; i < out->len; i++)
		if ((unsigned char)out->data[i] < ' ')
			out->data[i] = ' ';
	return 0;
}

static int print_tsv(const struct ril_section *sec, struct ril_buf *out, struct ril_err *err)
{
	int rc = ril_buf_puts(out, "section", err);
	for (size_t k = 0; !rc && k < sec->columns; k++)
		rc = ril_buf_printf(out, err, "\t%s", sec->column[k]);
	for (size_t i = 0; !rc && i < sec->rows; i++) {
		rc = ril_buf_printf(out, err, "\n%s", sec->name);
		for (size_t k = 0; !rc && k < sec->columns; k++)
			rc = ril_buf_puts(out, "\t", err) || show(out, &sec->cell[i * sec->columns + k], true, err) ? -1
														    : 0;
	}
	return rc ? rc : ril_buf_puts(out, "\n", err);
}

/* Texts to the left, numbers to the right; the first row tells which a column holds. */
static int print_table(const struct ril_section *sec, struct ril_buf *out, struct ril_err *err)
{
	bool *right = ril_new(sec->columns, sizeof *right, err);
	struct ril_grid g = {.cols = sec->columns, .right = right};
	struct ril_buf cell = {0};
	int rc = right ? 0 : -1;
	for (size_t k = 0; !rc && k < sec->columns; k++) {
		right[k] = sec->rows && sec->cell[k].set && sec->cell[k].digits >= 0;
		rc = ril_grid_cell(&g, err, "%s", sec->column[k]);
	}
	for (size_t i = 0; !rc && i < sec->rows * sec->columns; i++) {
		cell.len = 0;
		rc = show(&cell, &sec->cell[i], false, err) || ril_grid_cell(&g, err, "%s", cell.data) ? -1 : 0;
	}
	rc = rc ? rc : ril_grid_show(&g, out, err);
	ril_buf_free(&cell);
	ril_grid_free(&g);
	free(right);
	return rc;
}

static int print_json(const struct ril_sheet *s, struct ril_buf *out, struct ril_err *err)
{
	int rc = ril_buf_puts(out, "{\n", err) ||
				 ril_buf_add(out, s->headline.data ? s->headline.data : "", s->headline.len, err)
			 ? -1
			 : 0;
	for (size_t j = 0; !rc && j < s->n; j++) {
		const struct ril_section *sec = &s->section[j];
		rc = ril_buf_printf(out, err, "%s\"%s\": [", j ? ",\n" : "", sec->name);
		for (size_t i = 0; !rc && i < sec->rows; i++) {
			const char *sep = "";
			rc = ril_buf_printf(out, err, "%s\n  {", i ? "," : "");
			for (size_t k = 0; !rc && k < sec->columns; k++) {
				const struct ril_cell *c = &sec->cell[i * sec->columns + k];
				if (!c->set)
					continue;
				rc = ril_buf_printf(out, err, "%s\"%s\": ", sep, sec->column[k]);
				sep = ", ";
				if (!rc && c->digits < 0)
					rc = ril_json_quote(out, c->text, strlen(c->text), false, err);
				else if (!rc && !isfinite(c->number))
					rc = ril_buf_puts(out, "null", err);
				else if (!rc)
					rc = ril_buf_printf(out, err, "%.10g", c->number);
			}
			rc = rc ? rc : ril_buf_puts(out, "}", err);
		}
		rc = rc ? rc : ril_buf_puts(out, "]", err);
	}
	return rc ? rc : ril_buf_puts(out, "\n}\n", err);
}

int ril_sheet_print(const struct ril_sheet *s, enum ril_sheet_format format, struct ril_buf *out, struct ril_err *err)
{
	if (format == RIL_SHEET_JSON)
		return print_json(s, out, err);
	for (size_t i = 0; i < s->n; i++) {
		if (i && ril_buf_puts(out, "\n", err))
			return -1;
		if (format == RIL_SHEET_TSV ? print_tsv(&s->section[i], out, err)
					    : print_table(&s->section[i], out, err))
			return -1;
	}
	return 0;
}

void ril_sheet_free(struct ril_sheet *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct ril_section *sec = &s->section[i];
		for (size_t k = 0; k < sec->rows * sec->columns; k++)
			free(sec->cell[k].text);
		free(sec->cell);
	}
	free(s->section);
	ril_buf_free(&s->headline);
	*s = (struct ril_sheet){0};
}
