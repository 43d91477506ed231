/* jinja_expr.c -- expressions of chat templates, evaluated as they are read; see jinja.h.  What must not be evaluated
 * (the other side of a decided `and` or `or`) is read with j->dead set: operations then give undefined and cannot fail.
 */
#include "text/jinja_internal.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct ril_jinja J;
typedef struct ril_jinja_value V;

/* ---- reading ---- */

static void skip_blank(J *j)
{
	while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r'))
		j->at++;
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool ril_jinja_take(J *j, const char *op)
{
	skip_blank(j);
	size_t n = strlen(op);
	if ((size_t)(j->end - j->at) < n || memcmp(j->at, op, n))
		return false;
	j->at += n;
	return true;
}

bool ril_jinja_take_word(J *j, const char *word)
{
	const char *before = j->at;
	if (!ril_jinja_take(j, word))
		return false;
	if (j->at < j->end && word_char(*j->at)) {
		j->at = before;
		return false;
	}
	return true;
}

size_t ril_jinja_name(J *j, const char **name)
{
	skip_blank(j);
	*name = j->at;
	if (j->at < j->end && *j->at >= '0' && *j->at <= '9')
		return 0;
	while (j->at < j->end && word_char(*j->at))
		j->at++;
	return (size_t)(j->at - *name);
}

bool ril_jinja_done(J *j)
{
	skip_blank(j);
	return j->at == j->end;
}

static bool expect(J *j, const char *op)
{
	if (ril_jinja_take(j, op))
		return true;
	ril_jinja_fail(j, "'%s' expected before '%.*s'", op, (int)(j->end - j->at < 40 ? j->end - j->at : 40), j->at);
	return false;
}

/* ---- values ---- */

V ril_jinja_string(const char *s)
{
	return ril_jinja_text(s, strlen(s));
}

void *ril_jinja_room(J *j, size_t n, size_t size)
{
	void *p = ril_arena_alloc(j->arena, n ? n : 1, size, j->err);
	if (!p)
		j->failed = true;
	return p;
}

bool ril_jinja_true(const V *v)
{
	return v->type == RIL_JINJA_STRING ? v->n > 0 : v->type >= RIL_JINJA_BOOL && v->i != 0;
}

V *ril_jinja_find(J *j, const char *name, size_t len)
{
	for (size_t k = j->nvar; k-- > 0;)
		if (j->var[k].len == len && !memcmp(j->var[k].name, name, len))
			return &j->var[k].value;
	return NULL;
}

int ril_jinja_print(J *j, const V *v, struct ril_buf *out)
{
	if (v->type == RIL_JINJA_STRING)
		return ril_buf_add(out, v->s, v->n, j->err);
	if (v->type == RIL_JINJA_INT)
		return ril_buf_printf(out, j->err, "%lld", (long long)v->i);
	if (v->type == RIL_JINJA_UNDEFINED)
		return 0;
	ril_jinja_fail(j, "a value that is neither text nor a number is printed");
	return -1;
}

static bool equal(const V *a, const V *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == RIL_JINJA_STRING)
		return a->n == b->n && !memcmp(a->s, b->s, a->n);
	return a->type < RIL_JINJA_BOOL || (a->type < RIL_JINJA_STRING && a->i == b->i);
}

static bool contains(J *j, const V *in, const V *what)
{
	if (in->type == RIL_JINJA_STRING && what->type == RIL_JINJA_STRING)
		return !what->n || (in->n && memmem(in->s, in->n, what->s, what->n));
	for (int64_t k = 0; k < in->i; k++) {
		V key = in->type == RIL_JINJA_DICT   ? ril_jinja_string(in->member[k].key)
			: in->type == RIL_JINJA_LIST ? in->item[k]
						     : (V){0};
		if (equal(&key, what))
			return true;
	}
	if (in->type < RIL_JINJA_STRING)
		ril_jinja_fail(j, "'in' something that holds nothing");
	return false;
}

static V member(const V *of, const char *name, size_t len)
{
	for (int64_t k = 0; of->type == RIL_JINJA_DICT && k < of->i; k++)
		if (strlen(of->member[k].key) == len && !memcmp(of->member[k].key, name, len))
			return of->member[k].value;
	return (V){0};
}

static V concat(J *j, const V *a, const V *b)
{
	char *s = ril_jinja_room(j, a->n + b->n, 1);
	if (!s)
		return (V){0};
	memcpy(s, a->s, a->n);
	memcpy(s + a->n, b->s, b->n);
	return ril_jinja_text(s, a->n + b->n);
}

static V add(J *j, const V *a, const V *b, int sign)
{
	if (a->type == RIL_JINJA_INT && b->type == RIL_JINJA_INT)
		return (V){.type = RIL_JINJA_INT, .i = a->i + sign * b->i};
	if (sign > 0 && a->type == RIL_JINJA_STRING && b->type == RIL_JINJA_STRING)
		return concat(j, a, b);
	ril_jinja_fail(j, "+ or - between values that do not add");
	return (V){0};
}

/* ---- primaries ---- */

static V read_string(J *j)
{
	char quote = *j->at++, *s = ril_jinja_room(j, (size_t)(j->end - j->at), 1);
	size_t n = 0;
	if (!s)
		return (V){0};
	while (j->at < j->end && *j->at != quote) {
		char c = *j->at++;
		if (c == '\\' && j->at < j->end) {
			c = *j->at++;
			if (!strchr("nrt\\'\"", c))
				ril_jinja_fail(j, "escape '\\%c' in a string", c);
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
		}
		s[n++] = c;
	}
	if (j->at == j->end)
		ril_jinja_fail(j, "a string that does not end");
	else
		j->at++;
	return ril_jinja_text(s, n);
}

/* name=value, ... of namespace(...) */
static V read_namespace(J *j)
{
	struct ril_jinja_member *m = ril_jinja_room(j, 16, sizeof *m);
	V v = {.type = RIL_JINJA_DICT, .member = m};
	while (m && !j->failed && !ril_jinja_take(j, ")")) {
		const char *name;
		size_t len = ril_jinja_name(j, &name);
		char *key = ril_jinja_room(j, len + 1, 1);
		if (!len || v.i == 16 || !key || !expect(j, "="))
			return ril_jinja_fail(j, "namespace() of another form than name=value"), (V){0};
		memcpy(key, name, len);
		key[len] = 0;
		m[v.i].key = key;
		m[v.i++].value = ril_jinja_expr(j);
		if (!ril_jinja_take(j, ",") && !expect(j, ")"))
			break;
		if (j->at[-1] == ')')
			break;
	}
	return v;
}

static V read_list(J *j)
{
	V *item = ril_jinja_room(j, 64, sizeof *item), v = {.type = RIL_JINJA_LIST, .item = item};
	while (item && !j->failed && !ril_jinja_take(j, "]")) {
		if (v.i == 64)
			return ril_jinja_fail(j, "a list of more than 64 items"), (V){0};
		item[v.i++] = ril_jinja_expr(j);
		if (!ril_jinja_take(j, ",")) {
			expect(j, "]");
			break;
		}
	}
	return v;
}

static V read_name(J *j)
{
	const char *name;
	size_t len = ril_jinja_name(j, &name);
#define IS(word) (len == sizeof word - 1 && !memcmp(name, word, len))
	if (!len)
		return ril_jinja_fail(j, "'%.*s': not understood", (int)(j->end - j->at < 40 ? j->end - j->at : 40),
				      j->at),
		       (V){0};
	if (IS("true") || IS("True"))
		return ril_jinja_bool(true);
	if (IS("false") || IS("False"))
		return ril_jinja_bool(false);
	if (IS("none") || IS("None"))
		return (V){.type = RIL_JINJA_NONE};
	if (IS("namespace") && ril_jinja_take(j, "("))
		return read_namespace(j);
	if (IS("raise_exception") && ril_jinja_take(j, "(")) {
		V why = ril_jinja_expr(j);
		expect(j, ")");
		if (!j->dead)
			ril_jinja_fail(j, "the template refuses: %.*s", (int)why.n, why.s ? why.s : "");
		return (V){0};
	}
#undef IS
	V *v = ril_jinja_find(j, name, len);
	return v ? *v : (V){0};
}

static V read_primary(J *j)
{
	skip_blank(j);
	if (j->at == j->end)
		return ril_jinja_fail(j, "an expression ends too soon"), (V){0};
	if (*j->at == '\'' || *j->at == '"')
		return read_string(j);
	if (*j->at >= '0' && *j->at <= '9') {
		V v = {.type = RIL_JINJA_INT};
		while (j->at < j->end && *j->at >= '0' && *j->at <= '9' && v.i < INT32_MAX)
			v.i = v.i * 10 + (*j->at++ - '0');
		return v;
	}
	if (ril_jinja_take(j, "["))
		return read_list(j);
	if (ril_jinja_take(j, "(")) {
		V v = ril_jinja_expr(j);
		expect(j, ")");
		return v;
	}
	return read_name(j);
}

/* ---- what follows a primary: .name  .method(...)  [index]  [a:b:c]  |filter ---- */

static V read_argument(J *j)
{
	V arg = {0};
	if (ril_jinja_take(j, ")"))
		return arg;
	arg = ril_jinja_expr(j);
	expect(j, ")");
	return arg;
}

static V read_dot(J *j, V v)
{
	const char *name;
	size_t len = ril_jinja_name(j, &name);
	if (!len)
		return ril_jinja_fail(j, "a name expected after '.'"), v;
	if (ril_jinja_take(j, "(")) {
		V arg = read_argument(j);
		return ril_jinja_apply(j, &v, name, len, &arg);
	}
	if (!j->dead && v.type != RIL_JINJA_DICT)
		ril_jinja_fail(j, "'.%.*s' of something that has no members", (int)len, name);
	return member(&v, name, len);
}

static V slice(J *j, const V *v, const V bound[3])
{
	int64_t step = bound[2].type == RIL_JINJA_INT ? bound[2].i : 1;
	if (v->type != RIL_JINJA_LIST || (step != 1 && step != -1) || (step == -1 && (bound[0].type || bound[1].type)))
		return ril_jinja_fail(j, "a slice of another form than list[a:b] or list[::-1]"), (V){0};
	V out = {.type = RIL_JINJA_LIST, .item = ril_jinja_room(j, (size_t)v->i, sizeof *out.item)};
	int64_t a = bound[0].type == RIL_JINJA_INT ? bound[0].i : 0,
		b = bound[1].type == RIL_JINJA_INT ? bound[1].i : v->i;
	a += a < 0 ? v->i : 0;
	b += b < 0 ? v->i : 0;
	for (int64_t k = 0; out.item && k < v->i; k++) {
		int64_t from = step < 0 ? v->i - 1 - k : k;
		if (from >= a && from < b)
			out.item[out.i++] = v->item[from];
	}
	return out;
}

static V read_index(J *j, V v)
{
	V bound[3] = {{0}};
	int colons = 0;
	while (!j->failed && !ril_jinja_take(j, "]")) {
		if (ril_jinja_take(j, ":")) {
			if (++colons > 2)
				ril_jinja_fail(j, "a slice with three colons");
		} else {
			bound[colons] = ril_jinja_expr(j);
		}
	}
	if (j->dead || j->failed)
		return (V){0};
	if (colons)
		return slice(j, &v, bound);
	if (v.type == RIL_JINJA_DICT && bound[0].type == RIL_JINJA_STRING)
		return member(&v, bound[0].s, bound[0].n);
	int64_t k = bound[0].type == RIL_JINJA_INT ? bound[0].i : INT64_MAX;
	k += k < 0 ? v.i : 0;
	if (v.type == RIL_JINJA_LIST && k >= 0 && k < v.i)
		return v.item[k];
	ril_jinja_fail(j, "an index that is not there");
	return (V){0};
}

static V read_postfix(J *j)
{
	V v = read_primary(j);
	while (!j->failed) {
		if (ril_jinja_take(j, ".")) {
			v = read_dot(j, v);
		} else if (ril_jinja_take(j, "[")) {
			v = read_index(j, v);
		} else if (ril_jinja_take(j, "|")) {
			const char *name;
			size_t len = ril_jinja_name(j, &name);
			V arg = {0};
			if (ril_jinja_take(j, "("))
				arg = read_argument(j);
			v = ril_jinja_apply(j, &v, name, len, &arg);
		} else {
			break;
		}
	}
	return v;
}

/* ---- operators, loosest last ---- */

static V read_unary(J *j)
{
	if (!ril_jinja_take(j, "-"))
		return read_postfix(j);
	V v = read_postfix(j), zero = {.type = RIL_JINJA_INT};
	return j->dead ? (V){0} : add(j, &zero, &v, -1);
}

static V read_sum(J *j)
{
	V a = read_unary(j);
	while (!j->failed) {
		int op = ril_jinja_take(j, "+") ? '+' : ril_jinja_take(j, "-") ? '-' : ril_jinja_take(j, "~") ? '~' : 0;
		if (!op)
			break;
		V b = read_unary(j);
		if (j->dead || j->failed)
			a = (V){0};
		else if (op == '~' && (a.type != RIL_JINJA_STRING || b.type != RIL_JINJA_STRING))
			ril_jinja_fail(j, "~ between values that are not text");
		else
			a = add(j, &a, &b, op == '-' ? -1 : 1);
	}
	return a;
}

static V read_test(J *j, V v)
{
	static const char *const types[] = {"undefined", "none", "boolean", "integer", "string", "sequence", "mapping"};
	bool negate = ril_jinja_take_word(j, "not"), is = false;
	const char *name;
	size_t len = ril_jinja_name(j, &name);
#define IS(word) (len == sizeof word - 1 && !memcmp(name, word, len))
	if (IS("defined"))
		is = v.type != RIL_JINJA_UNDEFINED;
	else if (IS("true") || IS("false"))
		is = v.type == RIL_JINJA_BOOL && v.i == (name[0] == 't');
	else if (IS("iterable"))
		is = v.type >= RIL_JINJA_STRING;
	else if (len == strlen(types[v.type]) && !memcmp(name, types[v.type], len))
		is = true;
	else if (!IS("string") && !IS("none") && !IS("undefined") && !IS("mapping") && !IS("boolean") &&
		 !IS("integer") && !IS("sequence"))
		ril_jinja_fail(j, "test '%.*s' is not supported", (int)len, name);
	if (IS("sequence"))
		is = v.type >= RIL_JINJA_STRING;
#undef IS
	return ril_jinja_bool(is != negate);
}

static V compare(J *j, const V *a, const V *b, const char *op)
{
	if (j->dead)
		return (V){0};
	if (op[1] == '=' && (op[0] == '=' || op[0] == '!'))
		return ril_jinja_bool(equal(a, b) == (op[0] == '='));
	if (a->type != RIL_JINJA_INT || b->type != RIL_JINJA_INT)
		return ril_jinja_fail(j, "'%s' between values that are not numbers", op), (V){0};
	return ril_jinja_bool(op[0] == '<' ? a->i < b->i || (op[1] && a->i == b->i)
					   : a->i > b->i || (op[1] && a->i == b->i));
}

static V read_comparison(J *j)
{
	static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
	V a = read_sum(j);
	while (!j->failed) {
		const char *before = j->at;
		bool negate = ril_jinja_take_word(j, "not");
		if (ril_jinja_take_word(j, "in")) {
			V b = read_sum(j);
			a = j->dead || j->failed ? (V){0} : ril_jinja_bool(contains(j, &b, &a) != negate);
			continue;
		}
		j->at = before;
		if (ril_jinja_take_word(j, "is")) {
			a = read_test(j, a);
			continue;
		}
		size_t k = 0;
		while (k < 6 && !ril_jinja_take(j, ops[k]))
			k++;
		if (k == 6)
			break;
		V b = read_sum(j);
		a = compare(j, &a, &b, ops[k]);
	}
	return a;
}

static V read_not(J *j)
{
	int nots = 0;
	while (ril_jinja_take_word(j, "not"))
		nots++;
	V v = read_comparison(j);
	return nots ? ril_jinja_bool(ril_jinja_true(&v) != (nots & 1)) : v;
}

static V read_and(J *j)
{
	V a = read_not(j);
	while (!j->failed && ril_jinja_take_word(j, "and")) {
		bool decided = !ril_jinja_true(&a);
		j->dead += decided;
		V b = read_not(j);
		j->dead -= decided;
		a = decided ? a : b;
	}
	return a;
}

static V read_or(J *j)
{
	V a = read_and(j);
	while (!j->failed && ril_jinja_take_word(j, "or")) {
		bool decided = ril_jinja_true(&a);
		j->dead += decided;
		V b = read_and(j);
		j->dead -= decided;
		a = decided ? a : b;
	}
	return a;
}

/* x, or x if c else y: x is read over first, to find out whether an `if` follows.  Each nesting so doubles the reading;
 * the depth is small. */
V ril_jinja_expr(J *j)
{
	if (++j->depth > RIL_JINJA_DEPTH)
		return ril_jinja_fail(j, "an expression nested too deeply"), (V){0};
	const char *start = j->at;
	j->dead++;
	read_or(j);
	j->dead--;
	bool conditional = !j->failed && ril_jinja_take_word(j, "if");
	bool take = true;
	if (conditional) {
		V c = read_or(j);
		take = ril_jinja_true(&c);
	}
	const char *after = j->at;
	V v = {0};
	if (!j->failed && (take || !conditional)) {
		j->at = start;
		v = read_or(j);
		j->at = conditional ? after : j->at;
	}
	if (conditional && !j->failed && ril_jinja_take_word(j, "else")) {
		j->dead += take;
		V other = ril_jinja_expr(j);
		j->dead -= take;
		v = take ? v : other;
	}
	j->depth--;
	return v;
}
