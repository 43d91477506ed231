/* err_format.c -- the text of a message: printf's, but a value in quotes is kept short.
 *
 * Messages put what came from a file (a key, a field, a path named in data) in single quotes: '%s'.  Here, and not at
 * every one of those places, it is bounded to RIL_SHORT bytes, cut between characters, and its control characters are
 * written as escapes, so that no message floods the terminal, or commands it. */
#include "base/err_internal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct text {
	char *at;
	size_t room; /* left, without the NUL */
	struct {
		va_list ap;
	} args;
};

static void advance(struct text *t, int n)
{
	size_t k = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room;
	t->at += k;
	t->room -= k;
}

static void put(struct text *t, const char *s, size_t n)
{
	advance(t, snprintf(t->at, t->room + 1, "%.*s", (int)n, s));
}

/* The longest beginning of s[n] that ends between characters and has at most `most` bytes. */
static size_t whole_characters(const char *s, size_t n, size_t most)
{
	if (n <= most)
		return n;
	for (size_t k = most; k + 4 > most && k; k--)
		if ((s[k] & 0xC0) != 0x80)
			return k;
	return most; /* no UTF-8 */
}

/* A control character of one byte, or of two (U+0080 to U+009F). */
static size_t control(const char *s, size_t n)
{
	unsigned char a = (unsigned char)s[0], b = n > 1 ? (unsigned char)s[1] : 0;
	return a < 0x20 || a == 0x7F ? 1 : a == 0xC2 && b >= 0x80 && b < 0xA0 ? 2 : 0;
}

static void put_short(struct text *t, const char *s, size_t most)
{
	size_t n = strnlen(s, RIL_SHORT + 1);
	size_t k = whole_characters(s, n, most < RIL_SHORT ? most : RIL_SHORT);
	for (size_t i = 0; i < k;) {
		size_t c = control(s + i, k - i);
		for (size_t j = 0; j < c; j++)
			advance(t, snprintf(t->at, t->room + 1, "\\x%02x", (unsigned char)s[i + j]));
		if (!c)
			put(t, s + i, 1);
		i += c ? c : 1;
	}
	if (k < n)
		put(t, "…", strlen("…"));
}

/* s[n] need not end with NUL. */
static void put_counted(struct text *t, const char *s, size_t n)
{
	char copy[RIL_SHORT + 2];
	n = strnlen(s, n < RIL_SHORT + 1 ? n : RIL_SHORT + 1);
	memcpy(copy, s, n);
	copy[n] = 0;
	put_short(t, copy, RIL_SHORT);
}

/* One conversion, `spec` from its % to its letter. */
static void convert(struct text *t, const char *spec, size_t n, bool quoted)
{
	char one[32], letter = spec[n - 1], length = n > 2 ? spec[n - 2] : 0;
	int star[2] = {0, 0}, stars = 0;
	snprintf(one, sizeof one, "%.*s", (int)n, spec);
	for (size_t i = 0; i < n && stars < 2; i++)
		if (spec[i] == '*')
			star[stars++] = va_arg(t->args.ap, int);
#define PRINT(TYPE)                                                                                                    \
	do {                                                                                                           \
		TYPE v = va_arg(t->args.ap, TYPE);                                                                     \
		advance(t, stars == 2   ? snprintf(t->at, t->room + 1, one, star[0], star[1], v)                       \
			   : stars == 1 ? snprintf(t->at, t->room + 1, one, star[0], v)                                \
					: snprintf(t->at, t->room + 1, one, v));                                       \
	} while (0)
	if (letter == 's' && quoted) {
		const char *s = va_arg(t->args.ap, const char *), *dot = memchr(spec, '.', n);
		unsigned most = RIL_SHORT;
		if (dot && dot[1] == '*')
			put_counted(t, s, star[stars - 1] < 0 ? SIZE_MAX : (size_t)star[stars - 1]);
		else
			put_short(t, s, dot && sscanf(dot + 1, "%u", &most) == 1 ? most : RIL_SHORT);
	} else if (letter == 's') {
		PRINT(const char *);
	} else if (strchr("aefgAEFG", letter)) {
		PRINT(double);
	} else if (letter == 'p') {
		PRINT(void *);
	} else if (length == 'z') {
		PRINT(size_t);
	} else if (length == 'l' && n > 3 && spec[n - 3] == 'l') {
		PRINT(long long);
	} else if (length == 'l') {
		PRINT(long);
	} else {
		PRINT(int);
	}
#undef PRINT
}

size_t ril_err_format(char *out, size_t size, const char *fmt, va_list ap)
{
	struct text t = {.at = out, .room = size - 1};
	va_copy(t.args.ap, ap);
	*out = 0;
	for (const char *p = fmt; *p;) {
		size_t n = strcspn(p, "%");
		put(&t, p, n);
		p += n;
		if (!*p)
			break;
		n = 1 + strspn(p + 1, "-+ #0123456789.*hlz") + 1;
		if (p[1] == '%')
			put(&t, "%", 1);
		else
			convert(&t, p, n, p > fmt && p[-1] == '\'');
		p += n;
	}
	va_end(t.args.ap);
	return (size_t)(t.at - out);
}

const char *ril_short(const char *s)
{
	enum { TURNS = 4, ROOM = 4 * RIL_SHORT + sizeof "…" };
	static _Thread_local char kept[TURNS][ROOM];
	static _Thread_local unsigned turn;
	struct text t = {.at = kept[turn++ % TURNS], .room = ROOM - 1};
	char *from = t.at;
	*from = 0;
	put_short(&t, s, RIL_SHORT);
	return from;
}
