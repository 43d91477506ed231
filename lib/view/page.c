/* page.c -- see page.h. */
#include "view/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

static const char *const looks[] = {"", "\033[1m", "\033[2m", "\033[36m", "\033[33m", "\033[32m", "\033[31m"};

/* One character as it may be shown: its bytes (at `*text`, which moves on), and its columns.  A tab or a line's end is a blank. */
struct glyph {
	const char *at;
	size_t n, columns;
};

static struct glyph next_glyph(const struct ril_page *p, const char **text)
{
	utf8proc_int32_t c;
	const char *at = *text;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)at, -1, &c);
	bool known = n > 0 && c >= 0;
	*text += known ? n : 1;
	if (known && (c == '\t' || c == '\n' || c == '\r'))
		return (struct glyph){" ", 1, 1};
	int columns = known ? utf8proc_charwidth(c) : 0;
	int kind = known ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
	bool mark = kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME;
	bool hidden = kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CS ||
		      kind == UTF8PROC_CATEGORY_CN || kind == UTF8PROC_CATEGORY_CO || kind == UTF8PROC_CATEGORY_ZL ||
		      kind == UTF8PROC_CATEGORY_ZP || (!columns && !mark);
	if (hidden || (c >= 128 && !p->utf8))
		return p->utf8 ? (struct glyph){"\xEF\xBF\xBD", 3, 1} : (struct glyph){"?", 1, 1};
	return (struct glyph){at, (size_t)n, (size_t)columns};
}

static void add(struct ril_page *p, const char *bytes, size_t n)
{
	if (!p->failed && ril_buf_add(p->out, bytes, n, p->err))
		p->failed = -1;
}

static void look(struct ril_page *p, enum ril_look l, bool on)
{
	const char *code = on ? looks[l] : "\033[0m";
	if (p->colour && l != RIL_LOOK_PLAIN)
		add(p, code, strlen(code));
}

bool ril_page_full(const struct ril_page *p)
{
	return p->row >= p->rows;
}

/* Glyphs until the text or the line ends. */
static void put_text(struct ril_page *p, enum ril_look l, const char *text)
{
	if (ril_page_full(p))
		return;
	look(p, l, true);
	while (*text && !p->failed) {
		struct glyph g = next_glyph(p, &text);
		if (p->column + g.columns > p->columns)
			break;
		add(p, g.at, g.n);
		p->column += g.columns;
	}
	look(p, l, false);
}

void ril_page_put(struct ril_page *p, enum ril_look l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = n < 0 || p->failed ? NULL : ril_new((size_t)n + 1, 1, p->err);
	if (!text) {
		p->failed = -1;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	put_text(p, l, text);
	free(text);
}

void ril_page_at(struct ril_page *p, size_t from)
{
	while (!ril_page_full(p) && !p->failed && p->column < from && p->column < p->columns) {
		add(p, " ", 1);
		p->column++;
	}
}

void ril_page_end(struct ril_page *p)
{
	if (ril_page_full(p))
		return;
	if (!p->screen) { /* no blanks at the end */
		while (p->out->len && p->out->data[p->out->len - 1] == ' ')
			p->out->data[--p->out->len] = 0;
		add(p, "\n", 1);
	} else {
		add(p, "\033[K", 3);
		if (p->row + 1 < p->rows)
			add(p, "\n", 1);
	}
	p->row++;
	p->column = 0;
}

void ril_page_close(struct ril_page *p)
{
	if (p->column)
		ril_page_end(p);
	if (p->screen)
		add(p, "\033[J", 3);
}

/* Bytes of the text that fit into so many columns: up to the last blank, if there is one, else to the last glyph; *blank bytes that
 * part them from the next line. */
static size_t fitting(const struct ril_page *p, const char *text, size_t room, size_t *blank)
{
	const char *at = text, *cut = NULL;
	size_t columns = 0;
	*blank = 0;
	while (*at) {
		const char *here = at;
		struct glyph g = next_glyph(p, &at);
		bool gap = g.n == 1 && *g.at == ' ';
		if (columns + g.columns > room) {
			if (gap) /* the line is full, and here it may end */
				cut = here;
			if (!cut)
				return (size_t)(here - text);
			*blank = 1;
			return (size_t)(cut - text);
		}
		if (gap)
			cut = here;
		columns += g.columns;
	}
	return (size_t)(at - text);
}

void ril_page_wrap(struct ril_page *p, enum ril_look l, const char *text, size_t lines)
{
	size_t from = p->column, room = p->columns > from ? p->columns - from : 0;
	if (room < 2) {
		ril_page_end(p);
		return;
	}
	for (size_t i = 0; i < lines && !ril_page_full(p) && !p->failed; i++) {
		size_t blank, n = fitting(p, text, room, &blank);
		bool more = text[n] != 0;
		if (more && i + 1 == lines)
			n = fitting(p, text, room - (p->utf8 ? 1 : 3), &blank);
		char *line = ril_strndup(text, n, p->err);
		if (!line) {
			p->failed = -1;
			return;
		}
		ril_page_at(p, from);
		put_text(p, l, line);
		free(line);
		if (more && i + 1 == lines)
			put_text(p, l, p->utf8 ? "\xE2\x80\xA6" : "...");
		ril_page_end(p);
		text += n + blank;
		if (!more)
			return;
	}
}

/* ---- curves ---- */

static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const ramp[] = {" ", "_", ".", "-", "=", "+", "*", "%", "#"};

size_t ril_page_columns(double column[RIL_PAGE_CURVE], const double *value, size_t n, size_t width, bool most)
{
	width = width < RIL_PAGE_CURVE ? width : RIL_PAGE_CURVE;
	width = n < width ? n : width;
	for (size_t i = 0; i < width; i++) {
		size_t found = 0;
		double sum = 0, largest = -INFINITY;
		for (size_t k = i * n / width; k < (i + 1) * n / width; k++)
			if (isfinite(value[k])) {
				sum += value[k];
				largest = fmax(largest, value[k]);
				found++;
			}
		column[i] = !found ? NAN : most ? largest : sum / (double)found;
	}
	return width;
}

void ril_page_curve(struct ril_page *p, enum ril_look l, const double *column, size_t n, double low, double high)
{
	struct ril_buf line = {0};
	for (size_t i = 0; i < n && !p->failed; i++) {
		double v = column[i];
		int height = isnan(v)     ? 0
			     : high > low ? 1 + (int)lround(7 * fmin(fmax((v - low) / (high - low), 0), 1))
					  : 1;
		if (ril_buf_puts(&line, p->utf8 ? blocks[height] : ramp[height], p->err))
			p->failed = -1;
	}
	if (line.len)
		put_text(p, l, line.data);
	ril_buf_free(&line);
}

void ril_page_bar(struct ril_page *p, enum ril_look l, double part, size_t width)
{
	size_t full = isfinite(part) ? (size_t)lround(fmin(fmax(part, 0), 1) * (double)width) : 0;
	for (size_t i = 0; i < width; i++)
		put_text(p, i < full ? l : RIL_LOOK_SOFT, p->utf8 ? (i < full ? "█" : "░") : i < full ? "#" : ".");
}
