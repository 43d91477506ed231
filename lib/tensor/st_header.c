/* st_header.c -- the JSON header of a safetensors container.
 *
 * The header has one fixed grammar: names to {dtype, shape, data_offsets}, and __metadata__ of strings.  Every frame of
 * a stream passes through here, and a large model's header has hundreds of kilobytes, so it is scanned in one pass
 * without a tree: strings are decoded in place in one copy of the text, tensors go straight into the table.  The
 * scanner knows nothing but this grammar, hence needs no recursion, and refuses everything else, also what base/scan.h
 * (whose escapes it shares) lets pass: other members, fractions, signs, leading zeros, raw control characters, NULs. */
#include "base/json.h"
#include "base/scan.h"
#include "tensor/st_internal.h"

#include <stdlib.h>

struct scan {
	char *start, *at, *end;
	struct ril_err *err;
};

static int bad(struct scan *s, const char *what)
{
	return ril_fail(s->err, RIL_ECORRUPT, "safetensors header, byte %zu: %s", (size_t)(s->at - s->start), what);
}

static void blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static int expect(struct scan *s, char c)
{
	char what[] = "expected ' '";
	what[10] = c;
	return take(s, c) ? 0 : bad(s, what);
}

/* s->at is behind the backslash; the decoded form is never longer than the escape. */
static int escape(struct scan *s, char **to)
{
	const char *behind, *why;
	char bytes[4];
	size_t n = ril_scan_escape(s->at, s->end, bytes, &behind, &why);
	if (!n || !bytes[0])
		return bad(s, n ? "a NUL in a string" : why);
	memcpy(*to, bytes, n);
	*to += n;
	s->at += behind - s->at;
	return 0;
}

/* A string, decoded in place and ended with a NUL (there is room: the closing quote's). */
static char *string(struct scan *s)
{
	if (expect(s, '"'))
		return NULL;
	char *text = s->at, *to = s->at;
	for (;;) {
		if (s->at == s->end)
			return bad(s, "cut off inside a string"), NULL;
		unsigned char c = (unsigned char)*s->at++;
		if (c == '"')
			break;
		if (c < 0x20)
			return bad(s, "a control character in a string"), NULL;
		if (c != '\\')
			*to++ = (char)c;
		else if (escape(s, &to))
			return NULL;
	}
	*to = 0;
	return text;
}

static int number(struct scan *s, uint64_t *out)
{
	blanks(s);
	const char *from = s->at;
	*out = 0;
	for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*s->at - '0'), out))
			return bad(s, "number too large");
	if (s->at == from || (*from == '0' && s->at - from > 1))
		return bad(s, "expected a whole number");
	return 0;
}

/* A list of at most `most` numbers; returns how many, or -1. */
static int numbers(struct scan *s, uint64_t *out, int most)
{
	int n = 0;
	if (expect(s, '['))
		return -1;
	if (take(s, ']'))
		return 0;
	do {
		if (n == most)
			return bad(s, "list too long");
		if (number(s, &out[n++]))
			return -1;
	} while (take(s, ','));
	return expect(s, ']') ? -1 : n;
}

static int shape(struct scan *s, struct ril_st_entry *e)
{
	uint64_t dim[RIL_MAX_DIMS];
	if ((e->ndim = numbers(s, dim, RIL_MAX_DIMS)) < 0)
		return -1;
	for (int i = 0; i < e->ndim; i++) {
		if (dim[i] > INT64_MAX)
			return bad(s, "dimension too large");
		e->dim[i] = (int64_t)dim[i];
	}
	return 0;
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static int member(struct scan *s, struct ril_st_slot *t, int *has)
{
	const char *name = string(s);
	if (!name || expect(s, ':'))
		return -1;
	int what = 0;
	if (!strcmp(name, "dtype"))
		what = HAS_DTYPE;
	else if (!strcmp(name, "shape"))
		what = HAS_SHAPE;
	else if (!strcmp(name, "data_offsets"))
		what = HAS_OFFSETS;
	if (!what || (*has & what))
		return bad(s, what ? "a member twice" : "unknown member");
	*has |= what;
	if (what == HAS_SHAPE)
		return shape(s, &t->e);
	if (what == HAS_DTYPE) {
		const char *type = string(s);
		if (type && !(t->e.dtype = ril_dtype_parse(type)))
			return bad(s, "unknown dtype");
		return type ? 0 : -1;
	}
	uint64_t offset[2];
	if (numbers(s, offset, 2) != 2)
		return s->err && s->err->code ? -1 : bad(s, "two offsets expected");
	t->begin = offset[0];
	t->end = offset[1];
	return 0;
}

static int tensor(struct scan *s, struct ril_st_slot *t)
{
	int has = 0;
	if (expect(s, '{'))
		return -1;
	do
		if (member(s, t, &has))
			return -1;
	while (take(s, ','));
	if (expect(s, '}'))
		return -1;
	if (has != HAS_ALL)
		return bad(s, "dtype, shape or data_offsets missing");
	if (ril_st_measure(&t->e, s->err))
		return ril_context(s->err, "safetensors header");
	if (t->end < t->begin || t->end - t->begin != t->e.bytes)
		return bad(s, "shape and offsets disagree");
	return 0;
}

static int metadata(struct scan *s, struct ril_st *st)
{
	if (expect(s, '{'))
		return -1;
	if (take(s, '}'))
		return 0;
	do {
		if (ril_grow(&st->meta, &st->capmeta, st->nmeta + 1, sizeof *st->meta, s->err))
			return -1;
		struct ril_st_pair *p = &st->meta[st->nmeta];
		if (!(p->key = string(s)) || expect(s, ':') || !(p->value = string(s)))
			return -1;
		st->nmeta++;
	} while (take(s, ','));
	return expect(s, '}');
}

static int top_member(struct scan *s, struct ril_st *st, bool *has_meta)
{
	const char *name = string(s);
	if (!name || expect(s, ':'))
		return -1;
	if (!strcmp(name, "__metadata__")) {
		if (*has_meta)
			return bad(s, "__metadata__ twice");
		*has_meta = true;
		return metadata(s, st);
	}
	if (ril_grow(&st->slot, &st->cap, st->n + 1, sizeof *st->slot, s->err))
		return -1;
	struct ril_st_slot *t = &st->slot[st->n];
	*t = (struct ril_st_slot){.e.name = name};
	if (tensor(s, t))
		return ril_context(s->err, "tensor '%s'", name);
	st->n++;
	return 0;
}

int ril_st_scan(struct ril_st *st, const char *json, size_t n, struct ril_err *err)
{
	size_t at;
	bool has_meta = false;
	if (!ril_utf8_valid(json, n, &at))
		return ril_fail(err, RIL_ECORRUPT, "safetensors header, byte %zu: invalid UTF-8", at);
	if (!(st->text = ril_strndup(json, n, err)))
		return -1;
	struct ril_err quiet = {0};
	struct scan s = {st->text, st->text, st->text + n, err ? err : &quiet};
	s.err->code = 0;
	if (n == 0 || json[0] != '{')
		return bad(&s, "does not begin with '{'");
	s.at++;
	if (!take(&s, '}')) {
		do
			if (top_member(&s, st, &has_meta))
				return -1;
		while (take(&s, ','));
		if (expect(&s, '}'))
			return -1;
	}
	blanks(&s);
	return s.at == s.end ? 0 : bad(&s, "text after the header");
}
