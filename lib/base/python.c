/* python.c -- see python.h.
 *
 * Python's float() first maps its argument to ASCII: decimal digits to 0-9, white space to a blank, and gives up at any
 * other character; below 127 everything stays as it is, so that U+001C..U+001F, which are white space to str.split(),
 * are none here.  Then underscores are checked and taken out, and what is left must be a number to its last byte. */
#include "base/python.h"

#include <pthread.h>
#include <stdlib.h>
#include <utf8proc.h>

static locale_t c_locale;

static void make_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t ril_c_locale(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_locale);
	return c_locale;
}

static bool wide_space(int32_t u)
{
	return u == 0x85 || u == 0xa0 || u == 0x1680 || (u >= 0x2000 && u <= 0x200a) || u == 0x2028 || u == 0x2029 ||
	       u == 0x202f || u == 0x205f || u == 0x3000;
}

size_t ril_python_space(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
	utf8proc_int32_t u;
	utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &u);
	return k > 0 && wide_space(u) ? (size_t)k : 0;
}

/* Unicode keeps the digits of a script in one ascending run of ten (a stability policy since 6.3), and runs that touch
 * each other (the mathematical ones) are all of ten: the place in the run, modulo ten, is the value. */
int ril_python_digit(int32_t c)
{
	if (c < 0x80)
		return c >= '0' && c <= '9' ? c - '0' : -1;
	int32_t first = c;
	while (first > 0x80 && utf8proc_category(first) == UTF8PROC_CATEGORY_ND)
		first--;
	return first == c ? -1 : (c - first - 1) % 10;
}

/* The text in ASCII, at most as long; false: it holds what is in no number. */
static bool to_ascii(char *out, size_t *len, const char *s, size_t n)
{
	size_t m = 0;
	for (size_t i = 0; i < n;) {
		utf8proc_int32_t c = (unsigned char)s[i];
		utf8proc_ssize_t k = 1;
		if (c >= 0x7f)
			k = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(n - i), &c);
		if (k <= 0 || !c || (c >= 0x7f && !wide_space(c) && ril_python_digit(c) < 0))
			return false;
		int digit = ril_python_digit(c);
		out[m++] = c < 0x7f ? (char)c : digit >= 0 ? (char)('0' + digit) : ' ';
		i += (size_t)k;
	}
	*len = m;
	return true;
}

static bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes underscores out; false where one is not between two digits. */
static bool without_underscores(char *s, size_t *len)
{
	size_t m = 0;
	char before = 0;
	for (size_t i = 0; i < *len; i++) {
		if (s[i] == '_' && !(ascii_digit(before) && i + 1 < *len && ascii_digit(s[i + 1])))
			return false;
		before = s[i];
		if (before != '_')
			s[m++] = before;
	}
	*len = m;
	return true;
}

static size_t digits(const char *p)
{
	size_t n = 0;
	while (ascii_digit(p[n]))
		n++;
	return n;
}

/* strtod() takes these and more: hexadecimal, nan(...). */
static bool is_number(const char *p)
{
	p += *p == '+' || *p == '-';
	static const char *const words[] = {"inf", "infinity", "nan"};
	for (size_t i = 0; i < 3; i++)
		if (!strcasecmp_l(p, words[i], ril_c_locale()))
			return true;
	size_t n = digits(p);
	p += n;
	if (*p == '.') {
		size_t more = digits(++p);
		n += more;
		p += more;
	}
	if (!n)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		size_t k = digits(p);
		if (!k)
			return false;
		p += k;
	}
	return !*p;
}

int ril_python_float(double *out, const char *s, size_t n, struct ril_err *err)
{
	char *copy = ril_new(n + 1, 1, err), *from = copy;
	size_t len;
	if (!copy)
		return -1;
	if (!ril_c_locale())
		return free(copy), ril_fail(err, RIL_EFAIL, "out of memory");
	int is = to_ascii(copy, &len, s, n);
	if (is) {
		while (len && strchr(" \t\n\r\v\f", *from))
			from++, len--;
		while (len && strchr(" \t\n\r\v\f", from[len - 1]))
			len--;
		is = without_underscores(from, &len);
	}
	if (is) {
		from[len] = 0;
		is = is_number(from);
	}
	if (is)
		*out = strtod_l(from, NULL, ril_c_locale());
	free(copy);
	return is;
}
