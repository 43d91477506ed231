/* opt.c -- table-driven command lines; see opt.h. */
#include "base/opt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int ril_strlist_add(struct ril_strlist *l, const char *s, struct ril_err *err)
{
	if (ril_grow(&l->at, &l->cap, l->n + 1, sizeof *l->at, err))
		return -1;
	l->at[l->n++] = s;
	return 0;
}

static int add_placed(struct ril_strlist *l, const char *s, int place, struct ril_err *err)
{
	if (ril_grow(&l->place, &l->cap_place, l->n + 1, sizeof *l->place, err) || ril_strlist_add(l, s, err))
		return -1;
	l->place[l->n - 1] = place;
	return 0;
}

void ril_strlist_free(struct ril_strlist *l)
{
	free(l->at);
	free(l->place);
	*l = (struct ril_strlist){0};
}

static const struct ril_opt *find_long(const struct ril_opt *const *tables, const char *name, size_t n)
{
	for (; *tables; tables++)
		for (const struct ril_opt *o = *tables; o->type; o++)
			if (o->name && strlen(o->name) == n && !memcmp(o->name, name, n))
				return o;
	return NULL;
}

/* How many letters must be changed, put in or taken out to make b of a's first n; at most `most` are told apart. */
static size_t letters_apart(const char *a, size_t n, const char *b, size_t most)
{
	if (!n || !*b)
		return n ? n : strlen(b);
	char c = *a == '_' ? '-' : *a;
	if (c == *b)
		return letters_apart(a + 1, n - 1, b + 1, most);
	if (!most)
		return 1;
	size_t x = letters_apart(a + 1, n - 1, b + 1, most - 1), y = letters_apart(a + 1, n - 1, b, most - 1),
	       z = letters_apart(a, n, b + 1, most - 1);
	x = y < x ? y : x;
	return 1 + (z < x ? z : x);
}

/* The option that a mistyped name may have meant: the nearest within two letters, else the longest of which it is the
 * start, or that it starts with; NULL where none is near. */
static const struct ril_opt *find_near(const struct ril_opt *const *tables, const char *name, size_t n)
{
	const struct ril_opt *near = NULL;
	size_t best = n > 4 ? 3 : 2, start = 2;
	for (const struct ril_opt *const *t = tables; *t; t++)
		for (const struct ril_opt *o = *t; o->type; o++) {
			size_t apart = o->name ? letters_apart(name, n, o->name, 2) : best;
			if (apart < best)
				near = o, best = apart;
		}
	for (; !near && *tables; tables++)
		for (const struct ril_opt *o = *tables; o->type; o++) {
			size_t len = o->name ? strlen(o->name) : 0, m = len < n ? len : n;
			if (m > start && !memcmp(o->name, name, m))
				return o;
		}
	return near;
}

static int unknown_option(const struct ril_opt *const *tables, const char *name, size_t n, struct ril_err *err)
{
	const struct ril_opt *near = find_near(tables, name, n);
	return ril_fail(err, RIL_EUSAGE, "unknown option --%.*s%s%s%s", (int)(n < 60 ? n : 60), name,
			near ? " (did you mean --" : "", near ? near->name : "", near ? "?)" : "");
}

static const struct ril_opt *find_letter(const struct ril_opt *const *tables, char c)
{
	for (; *tables; tables++)
		for (const struct ril_opt *o = *tables; o->type; o++)
			if (o->letter == c)
				return o;
	return NULL;
}

static bool in_choices(const char *choices, const char *v)
{
	size_t n = strlen(v);
	for (const char *c = choices; *c;) {
		const char *bar = strchrnul(c, '|');
		if ((size_t)(bar - c) == n && !memcmp(c, v, n))
			return true;
		c = *bar ? bar + 1 : bar;
	}
	return false;
}

static int set_number(const struct ril_opt *o, const char *shown, const char *v, struct ril_err *err)
{
	char *end;
	errno = 0;
	double d;
	int64_t i = 0;
	if (o->type == RIL_OPT_INT) {
		i = strtoll(v, &end, 10);
		d = (double)i;
	} else {
		d = strtod(v, &end);
	}
	if (end == v || *end || errno || !isfinite(d))
		return ril_fail(err, RIL_EUSAGE, "%s: '%s' is not %s", shown, v,
				o->type == RIL_OPT_INT ? "an integer" : "a number");
	if ((o->min != 0 || o->max != 0) && (d < o->min || d > o->max))
		return ril_fail(err, RIL_EUSAGE, "%s: %s is not in %.15g..%.15g", shown, v, o->min, o->max);
	if (o->type == RIL_OPT_INT)
		*(int64_t *)o->to = i;
	else
		*(double *)o->to = d;
	return 0;
}

static int set(const struct ril_opt *o, const char *shown, const char *v, int place, struct ril_err *err)
{
	switch (o->type) {
	case RIL_OPT_INT:
	case RIL_OPT_REAL: return set_number(o, shown, v, err);
	case RIL_OPT_CHOICE:
		if (!in_choices(o->choices, v))
			return ril_fail(err, RIL_EUSAGE, "%s: '%s' is not one of %s", shown, v, o->choices);
		/* fallthrough */
	case RIL_OPT_STR: *(const char **)o->to = v; return 0;
	case RIL_OPT_LIST: return add_placed(o->to, v, place, err);
	default: return ril_fail(err, RIL_EUSAGE, "%s takes no value", shown);
	}
}

static int parse_long(const struct ril_opt *const *tables, int argc, char **argv, int *i, struct ril_err *err)
{
	const char *a = argv[*i] + 2, *eq = strchr(a, '=');
	size_t n = eq ? (size_t)(eq - a) : strlen(a);
	const struct ril_opt *o = find_long(tables, a, n);
	char shown[64];
	snprintf(shown, sizeof shown, "--%.*s", (int)n, a);
	if (!o && !eq && n > 3 && !memcmp(a, "no-", 3) && (o = find_long(tables, a + 3, n - 3)) &&
	    o->type == RIL_OPT_FLAG)
		return *(bool *)o->to = false, 0;
	if (!o || (n > 3 && !memcmp(a, "no-", 3) && strncmp(o->name, "no-", 3)))
		return unknown_option(tables, a, n, err);
	if (o->type == RIL_OPT_FLAG)
		return eq ? ril_fail(err, RIL_EUSAGE, "%s takes no value", shown) : (*(bool *)o->to = true, 0);
	if (!eq && *i + 1 >= argc)
		return ril_fail(err, RIL_EUSAGE, "%s needs a value", shown);
	const char *value = eq ? eq + 1 : argv[++*i];
	return set(o, shown, value, *i, err);
}

static int parse_letters(const struct ril_opt *const *tables, int argc, char **argv, int *i, struct ril_err *err)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		const struct ril_opt *o = find_letter(tables, *c);
		char shown[3] = {'-', *c, 0};
		if (!o)
			return ril_fail(err, RIL_EUSAGE, "unknown option %s", shown);
		if (o->type == RIL_OPT_FLAG) {
			*(bool *)o->to = true;
			continue;
		}
		if (!c[1] && *i + 1 >= argc)
			return ril_fail(err, RIL_EUSAGE, "%s needs a value", shown);
		const char *value = c[1] ? c + 1 : argv[++*i];
		return set(o, shown, value, *i, err);
	}
	return 0;
}

int ril_opt_parse(const struct ril_opt *const *tables, int argc, char **argv, struct ril_strlist *operands,
		  struct ril_err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		int rc;
		if (!strcmp(a, "--")) {
			for (i++; i < argc; i++)
				if (ril_strlist_add(operands, argv[i], err))
					return -1;
			return 0;
		}
		if (a[0] != '-' || !a[1])
			rc = ril_strlist_add(operands, a, err);
		else if (a[1] == '-')
			rc = parse_long(tables, argc, argv, &i, err);
		else
			rc = parse_letters(tables, argc, argv, &i, err);
		if (rc)
			return -1;
	}
	return 0;
}

static void show_default(const struct ril_opt *o, FILE *f)
{
	const char *s;
	switch (o->type) {
	case RIL_OPT_INT:
		if (!(*(int64_t *)o->to < o->min)) /* below: the option must be given */
			fprintf(f, " [%lld]", (long long)*(int64_t *)o->to);
		break;
	case RIL_OPT_REAL:
		if (!isnan(*(double *)o->to)) /* else what it stands for depends on others */
			fprintf(f, " [%g]", *(double *)o->to);
		break;
	case RIL_OPT_STR:
	case RIL_OPT_CHOICE:
		if ((s = *(const char **)o->to) && *s)
			fprintf(f, " [%s]", s);
		break;
	default: break;
	}
}

void ril_opt_help(const struct ril_opt *table, FILE *f)
{
	for (const struct ril_opt *o = table; o->type; o++) {
		char left[160] = "  ";
		size_t n = 2;
		if (o->letter)
			n += (size_t)snprintf(left + n, sizeof left - n, "-%c%s", o->letter, o->name ? ", " : "");
		if (o->name)
			n += (size_t)snprintf(left + n, sizeof left - n, "--%s", o->name);
		const char *arg = o->type == RIL_OPT_CHOICE ? o->choices : o->arg;
		if (o->type != RIL_OPT_FLAG)
			n += (size_t)snprintf(left + n, sizeof left - n, " %s", arg ? arg : "VALUE");
		if (n > 30)
			fprintf(f, "%s\n%32s%s", left, "", o->help);
		else
			fprintf(f, "%-32s%s", left, o->help);
		show_default(o, f);
		if (o->type == RIL_OPT_LIST)
			fputs(" (repeatable)", f);
		fputc('\n', f);
	}
}

void ril_opt_list(const struct ril_opt *table, FILE *f)
{
	static const char *const type[] = {"", "flag", "int", "real", "str", "choice", "list"};
	for (const struct ril_opt *o = table; o->type; o++)
		fprintf(f, "%s%s\t%c\t%s\t%s\n", o->name ? "--" : "", o->name ? o->name : "",
			o->letter ? o->letter : '-', type[o->type],
			o->type == RIL_OPT_CHOICE ? o->choices
			: o->arg                  ? o->arg
						  : "-");
}
