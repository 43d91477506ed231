/* jinja.c -- templates: cutting into text and tags, statements; see jinja.h.  There is no syntax tree: a template is a
 * list of parts, a loop runs its parts again, and expressions are read anew each time. */
#include "text/jinja_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum part_type { TEXT, PRINT, STATEMENT };
struct part {
	enum part_type type;
	const char *s;
	size_t n;
};
struct parts {
	struct part *at;
	size_t n, cap;
};

void ril_jinja_fail(struct ril_jinja *j, const char *fmt, ...)
{
	if (j->failed)
		return;
	va_list ap;
	va_start(ap, fmt);
	ril_vfail(j->err, RIL_ECORRUPT, fmt, ap); /* not RIL_EFAIL, which a lack of memory is */
	va_end(ap);
	j->failed = true;
}

/* ---- cutting ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of a tag, outside of its string literals; NULL if it never ends. */
static const char *tag_end(const char *s, const char *end, const char *close)
{
	char quote = 0;
	for (; s + 1 < end; s++) {
		if (quote) {
			if (*s == '\\')
				s++;
			else if (*s == quote)
				quote = 0;
		} else if (s[0] == close[0] && s[1] == close[1]) {
			return s;
		} else if ((*s == '"' || *s == '\'') && close[0] != '#') {
			quote = *s;
		}
	}
	return NULL;
}

static int add_part(struct ril_jinja *j, struct parts *p, enum part_type type, const char *s, const char *end)
{
	if (type == TEXT && s >= end)
		return 0;
	if (ril_grow(&p->at, &p->cap, p->n + 1, sizeof *p->at, j->err))
		return j->failed = true, -1;
	p->at[p->n++] = (struct part){type, s, (size_t)(end - s)};
	return 0;
}

/* Where the text before a tag ends: `{%-` eats all white space; without a sign, a statement eats its own line's
 * indentation. */
static const char *text_end(const char *from, const char *tag)
{
	const char *e = tag;
	if (tag[2] == '-') {
		while (e > from && blank(e[-1]))
			e--;
	} else if (tag[1] != '{' && tag[2] != '+') {
		while (e > from && (e[-1] == ' ' || e[-1] == '\t'))
			e--;
		if (e > from && e[-1] != '\n')
			e = tag;
	}
	return e;
}

static int cut(struct ril_jinja *j, const char *s, size_t n, struct parts *p)
{
	const char *end = s + n, *from = s;
	if (n && end[-1] == '\n')
		end--;
	while (from < end) {
		const char *tag = from;
		while ((tag = memchr(tag, '{', (size_t)(end - tag))) && tag + 1 < end && !strchr("{%#", tag[1]))
			tag++;
		if (!tag || tag + 2 >= end)
			return add_part(j, p, TEXT, from, end);
		const char close[] = {tag[1] == '{' ? '}' : tag[1], '}', 0};
		const char *body = tag + 2 + (tag[2] == '-' || tag[2] == '+'), *stop = tag_end(body, end, close);
		if (!stop)
			return ril_jinja_fail(j, "a tag '{%c' that does not end", tag[1]), -1;
		if (add_part(j, p, TEXT, from, text_end(from, tag)))
			return -1;
		bool eat = stop > body && stop[-1] == '-';
		if (tag[1] != '#' && add_part(j, p, tag[1] == '{' ? PRINT : STATEMENT, body,
					      stop - (eat || (stop > body && stop[-1] == '+'))))
			return -1;
		from = stop + 2;
		if (eat)
			while (from < end && blank(*from))
				from++;
		else if (tag[1] != '{' && from < end && *from == '\n')
			from++;
	}
	return 0;
}

/* ---- statements ---- */

static void read_part(struct ril_jinja *j, const struct part *p)
{
	j->at = p->s;
	j->end = p->s + p->n;
	j->dead = j->depth = 0;
}

static bool is_statement(struct ril_jinja *j, const struct part *p, const char *word)
{
	if (p->type != STATEMENT)
		return false;
	read_part(j, p);
	return ril_jinja_take_word(j, word);
}

/* The next part in (i, to) that belongs to the block opened at i: its end or, with `branches`, an elif or else. */
static size_t block_next(struct ril_jinja *j, const struct part *p, size_t i, size_t to, const char *close,
			 bool branches)
{
	int depth = 0;
	for (i++; i < to; i++) {
		if (p[i].type != STATEMENT)
			continue;
		if (!depth && (is_statement(j, &p[i], close) ||
			       (branches && (is_statement(j, &p[i], "elif") || is_statement(j, &p[i], "else")))))
			return i;
		depth += is_statement(j, &p[i], "if") || is_statement(j, &p[i], "for");
		depth -= is_statement(j, &p[i], "endif") || is_statement(j, &p[i], "endfor");
	}
	ril_jinja_fail(j, "a block without its '%s'", close);
	return to;
}

static void run(struct ril_jinja *j, const struct part *p, size_t from, size_t to, struct ril_buf *out);

static size_t run_if(struct ril_jinja *j, const struct part *p, size_t i, size_t to, struct ril_buf *out)
{
	bool taken = false;
	for (;;) {
		size_t next = block_next(j, p, i, to, "endif", true);
		bool otherwise = is_statement(j, &p[i], "else");
		if (!otherwise && !is_statement(j, &p[i], "if") && !is_statement(j, &p[i], "elif"))
			ril_jinja_fail(j, "a broken 'if'");
		if (j->failed)
			return to;
		if (!taken) {
			struct ril_jinja_value c = {0};
			if (!otherwise)
				c = ril_jinja_expr(j);
			if (!j->failed && (otherwise || ril_jinja_true(&c))) {
				taken = true;
				run(j, p, i + 1, next, out);
			}
		}
		if (j->failed || is_statement(j, &p[next], "endif"))
			return next;
		i = next;
	}
}

static void set_variable(struct ril_jinja *j, const char *name, size_t len, struct ril_jinja_value v)
{
	for (size_t k = j->frame; k < j->nvar; k++)
		if (j->var[k].len == len && !memcmp(j->var[k].name, name, len)) {
			j->var[k].value = v;
			return;
		}
	if (j->nvar == RIL_JINJA_VARIABLES)
		ril_jinja_fail(j, "more than %d variables", RIL_JINJA_VARIABLES);
	else
		j->var[j->nvar++] = (struct ril_jinja_variable){name, len, v};
}

static struct ril_jinja_value integer(int64_t i, enum ril_jinja_type type)
{
	return (struct ril_jinja_value){.type = type, .i = i};
}

static void set_loop(struct ril_jinja *j, struct ril_jinja_member m[7], int64_t k, int64_t n)
{
	m[0] = (struct ril_jinja_member){"index0", integer(k, RIL_JINJA_INT)};
	m[1] = (struct ril_jinja_member){"index", integer(k + 1, RIL_JINJA_INT)};
	m[2] = (struct ril_jinja_member){"first", integer(k == 0, RIL_JINJA_BOOL)};
	m[3] = (struct ril_jinja_member){"last", integer(k == n - 1, RIL_JINJA_BOOL)};
	m[4] = (struct ril_jinja_member){"length", integer(n, RIL_JINJA_INT)};
	m[5] = (struct ril_jinja_member){"revindex", integer(n - k, RIL_JINJA_INT)};
	m[6] = (struct ril_jinja_member){"revindex0", integer(n - k - 1, RIL_JINJA_INT)};
	set_variable(j, "loop", 4, (struct ril_jinja_value){.type = RIL_JINJA_DICT, .i = 7, .member = m});
}

static size_t run_for(struct ril_jinja *j, const struct part *p, size_t i, size_t to, struct ril_buf *out)
{
	const char *name;
	size_t last = block_next(j, p, i, to, "endfor", false), nvar = j->nvar, frame = j->frame;
	is_statement(j, &p[i], "for");
	size_t len = ril_jinja_name(j, &name);
	if (!len || !ril_jinja_take_word(j, "in"))
		ril_jinja_fail(j, "a 'for' of another form than 'for x in list'");
	struct ril_jinja_value list = {0};
	if (!j->failed)
		list = ril_jinja_expr(j);
	if (!j->failed && (list.type != RIL_JINJA_LIST || !ril_jinja_done(j)))
		ril_jinja_fail(j, "a 'for' over something that is not a list, or with a condition");
	struct ril_jinja_member m[7];
	for (int64_t k = 0; !j->failed && k < list.i; k++) {
		j->frame = j->nvar = nvar;
		set_variable(j, name, len, list.item[k]);
		set_loop(j, m, k, list.i);
		if (!j->failed)
			run(j, p, i + 1, last, out);
	}
	j->nvar = nvar;
	j->frame = frame;
	return last;
}

/* set x = e;  set space.x = e */
static void run_set(struct ril_jinja *j)
{
	const char *name, *member = NULL;
	size_t len = ril_jinja_name(j, &name), mlen = 0;
	if (len && ril_jinja_take(j, "."))
		mlen = ril_jinja_name(j, &member);
	if (!len || (member && !mlen) || !ril_jinja_take(j, "=")) {
		ril_jinja_fail(j, "a 'set' of another form than 'set x = value'");
		return;
	}
	struct ril_jinja_value v = ril_jinja_expr(j), *space;
	if (j->failed)
		return;
	if (!member) {
		set_variable(j, name, len, v);
		return;
	}
	space = ril_jinja_find(j, name, len);
	for (int64_t k = 0; space && space->type == RIL_JINJA_DICT && k < space->i; k++)
		if (strlen(space->member[k].key) == mlen && !memcmp(space->member[k].key, member, mlen)) {
			space->member[k].value = v;
			return;
		}
	ril_jinja_fail(j, "'%.*s.%.*s' is set, but not in a namespace that has it", (int)len, name, (int)mlen, member);
}

static void run(struct ril_jinja *j, const struct part *p, size_t from, size_t to, struct ril_buf *out)
{
	for (size_t i = from; i < to && !j->failed; i++) {
		if (p[i].type == TEXT) {
			if (ril_buf_add(out, p[i].s, p[i].n, j->err))
				j->failed = true;
		} else if (p[i].type == PRINT) {
			read_part(j, &p[i]);
			struct ril_jinja_value v = ril_jinja_expr(j);
			if (!j->failed && !ril_jinja_done(j))
				ril_jinja_fail(j, "'%.*s': not understood", (int)(p[i].n < 80 ? p[i].n : 80), p[i].s);
			if (!j->failed && ril_jinja_print(j, &v, out))
				j->failed = true;
		} else if (is_statement(j, &p[i], "if")) {
			i = run_if(j, p, i, to, out);
		} else if (is_statement(j, &p[i], "for")) {
			i = run_for(j, p, i, to, out);
		} else if (is_statement(j, &p[i], "set")) {
			run_set(j);
		} else {
			ril_jinja_fail(j, "statement '%.*s' is not supported", (int)(p[i].n < 80 ? p[i].n : 80),
				       p[i].s);
		}
	}
}

int ril_jinja_render(const char *text, size_t n, const struct ril_jinja_member *variable, size_t nvariables,
		     struct ril_arena *arena, struct ril_buf *out, struct ril_err *err)
{
	struct parts p = {0};
	struct ril_jinja *j = ril_new(1, sizeof *j, err);
	if (!j)
		return -1;
	j->arena = arena;
	j->err = err;
	for (size_t k = 0; k < nvariables; k++)
		set_variable(j, variable[k].key, strlen(variable[k].key), variable[k].value);
	if (!cut(j, text, n, &p))
		run(j, p.at, 0, p.n, out);
	int rc = j->failed ? -1 : 0;
	free(p.at);
	free(j);
	return rc;
}
