/* grid.c -- text tables; see grid.h. */
#include "base/grid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int ril_grid_cell(struct ril_grid *t, struct ril_err *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = n < 0 ? NULL : ril_new((size_t)n + 1, 1, err);
	if (!text || ril_grow(&t->cell, &t->cap, t->n + 1, sizeof *t->cell, err))
		return free(text), -1;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	t->cell[t->n++] = text;
	return 0;
}

int ril_grid_heading(struct ril_grid *t, const char *names, struct ril_err *err)
{
	t->cols = 0;
	for (const char *p = names;; p++) {
		size_t n = strcspn(p, "|");
		if (ril_grid_cell(t, err, "%.*s", (int)n, p))
			return -1;
		t->cols++;
		p += n;
		if (!*p)
			return 0;
	}
}

int ril_grid_rest(struct ril_grid *t, struct ril_err *err)
{
	while (t->n % t->cols)
		if (ril_grid_cell(t, err, "%s", ""))
			return -1;
	return 0;
}

/* Code points: near enough to columns for what we print. */
static size_t width(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80;
	return n;
}

static bool numeric(const char *s)
{
	return s[strspn(s, "0123456789+-.,eE%x/ nainf")] == 0;
}

struct column {
	size_t width;
	bool right, used;
};

static struct column measure(const struct ril_grid *t, size_t col)
{
	struct column c = {0, true, t->n <= t->cols};
	for (size_t i = col; i < t->n; i += t->cols) {
		size_t w = width(t->cell[i]);
		c.width = w > c.width ? w : c.width;
		c.right &= i == col || numeric(t->cell[i]);
		c.used |= i != col && w;
	}
	if (t->right) {
		c.right = t->right[col];
		c.used = true;
	}
	return c;
}

static int show_row(const struct ril_grid *t, size_t row, const struct column *c, struct ril_buf *out,
		    struct ril_err *err)
{
	for (size_t i = 0; i < t->cols; i++) {
		const char *s = t->cell[row * t->cols + i];
		int pad = (int)(c[i].width - width(s));
		if (c[i].used &&
		    ril_buf_printf(out, err, "%*s%s%*s  ", c[i].right ? pad : 0, "", s, c[i].right ? 0 : pad, ""))
			return -1;
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = 0;
	return ril_buf_puts(out, "\n", err);
}

int ril_grid_show(const struct ril_grid *t, struct ril_buf *out, struct ril_err *err)
{
	struct column *c = ril_new(t->cols, sizeof *c, err);
	int rc = c ? 0 : -1;
	for (size_t i = 0; i < t->cols && !rc; i++)
		c[i] = measure(t, i);
	for (size_t row = 0; row < t->n / t->cols && !rc; row++)
		rc = show_row(t, row, c, out, err);
	free(c);
	return rc;
}

void ril_grid_free(struct ril_grid *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = (struct ril_grid){0};
}
