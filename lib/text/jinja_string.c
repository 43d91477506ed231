/* jinja_string.c -- string methods and filters of chat templates; see jinja.h. */
#include "text/jinja_internal.h"

#include <ctype.h>

typedef struct ril_jinja J;
typedef struct ril_jinja_value V;

static V strip(const V *v, const V *chars, bool left, bool right)
{
	const char *set = chars->type == RIL_JINJA_STRING ? chars->s : " \t\n\r\v\f", *s = v->s;
	size_t nset = chars->type == RIL_JINJA_STRING ? chars->n : 6, n = v->n;
	while (left && n && memchr(set, *s, nset))
		s++, n--;
	while (right && n && memchr(set, s[n - 1], nset))
		n--;
	return ril_jinja_text(s, n);
}

static V split(J *j, const V *v, const V *by)
{
	V list = {.type = RIL_JINJA_LIST};
	if (by->type != RIL_JINJA_STRING || !by->n)
		return ril_jinja_fail(j, "split() without a separator"), list;
	size_t count = 1;
	for (const char *s = v->s, *end = v->s + v->n, *m; (m = memmem(s, (size_t)(end - s), by->s, by->n));
	     s = m + by->n)
		count++;
	list.item = ril_jinja_room(j, count, sizeof *list.item);
	if (!list.item)
		return list;
	const char *s = v->s, *end = v->s + v->n, *m;
	while ((m = memmem(s, (size_t)(end - s), by->s, by->n))) {
		list.item[list.i++] = ril_jinja_text(s, (size_t)(m - s));
		s = m + by->n;
	}
	list.item[list.i++] = ril_jinja_text(s, (size_t)(end - s));
	return list;
}

/* The first letter large, the others small; ASCII's, as names of roles have. */
static V capitalize(J *j, const V *v)
{
	char *s = ril_jinja_room(j, v->n, 1);
	for (size_t k = 0; s && k < v->n; k++)
		s[k] = (char)(k ? tolower((unsigned char)v->s[k]) : toupper((unsigned char)v->s[k]));
	return s ? ril_jinja_text(s, v->n) : (V){0};
}

/* A string method or filter; arg is undefined when there is none. */
V ril_jinja_apply(J *j, const V *v, const char *name, size_t len, const V *arg)
{
#define IS(word) (len == sizeof word - 1 && !memcmp(name, word, len))
	if (j->dead)
		return (V){0};
	if (IS("length") || IS("count")) {
		if (v->type == RIL_JINJA_LIST || v->type == RIL_JINJA_DICT)
			return (V){.type = RIL_JINJA_INT, .i = v->i};
	} else if (v->type == RIL_JINJA_STRING) {
		if (IS("strip") || IS("trim"))
			return strip(v, arg, true, true);
		if (IS("lstrip") || IS("rstrip"))
			return strip(v, arg, name[0] == 'l', name[0] == 'r');
		if (IS("split"))
			return split(j, v, arg);
		if (IS("startswith") && arg->type == RIL_JINJA_STRING)
			return ril_jinja_bool(v->n >= arg->n && !memcmp(v->s, arg->s, arg->n));
		if (IS("endswith") && arg->type == RIL_JINJA_STRING)
			return ril_jinja_bool(v->n >= arg->n && !memcmp(v->s + v->n - arg->n, arg->s, arg->n));
		if (IS("string") || IS("safe"))
			return *v;
		if (IS("capitalize"))
			return capitalize(j, v);
	}
#undef IS
	ril_jinja_fail(j, "'%.*s' is not supported", (int)len, name);
	return (V){0};
}
