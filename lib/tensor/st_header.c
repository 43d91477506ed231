/* st_header.c -- the JSON header of a safetensors container.
 *
 * The header has one fixed grammar: names to {dtype, shape, data_offsets}, and __metadata__ of strings.  Every frame of
 * a stream passes through here, and a large model's header has hundreds of kilobytes, so it is read in one pass without a
 * tree: base/scan.h reads JSON, strictly, and decodes the strings where they lie in one copy of the text; tensors go
 * straight into the table.  What is known here is this grammar, which needs no recursion and refuses everything else
 * that JSON has: other members, fractions, signs, members twice. */
#include "base/scan.h"
#include "tensor/st_internal.h"

#include <stdlib.h>

/* A list of at most `most` numbers; returns how many, or -1. */
static int numbers(struct ril_scan *s, uint64_t *out, int most)
{
	int n = 0;
	for (ril_scan_open(s, '['); ril_scan_more(s);) {
		if (n == most)
			return ril_scan_fail(s, "list too long");
		if (ril_scan_whole(s, &out[n++]))
			return -1;
	}
	return s->failed ? -1 : n;
}

static int shape(struct ril_scan *s, struct ril_st_entry *e)
{
	uint64_t dim[RIL_MAX_DIMS];
	if ((e->ndim = numbers(s, dim, RIL_MAX_DIMS)) < 0)
		return -1;
	for (int i = 0; i < e->ndim; i++) {
		if (dim[i] > INT64_MAX)
			return ril_scan_fail(s, "dimension too large");
		e->dim[i] = (int64_t)dim[i];
	}
	return 0;
}

static int dtype(struct ril_scan *s, struct ril_st_entry *e)
{
	const char *name = ril_scan_string(s).s;
	if (!s->failed && !(e->dtype = ril_dtype_parse(name)))
		return ril_scan_fail(s, !strncmp(name, "F8_", 3)  ? "dtype F8 (quantised weights) is not supported"
					: !strncmp(name, "F4", 2) ? "dtype F4 (quantised weights) is not supported"
								  : "unknown dtype");
	return s->failed ? -1 : 0;
}

static int offsets(struct ril_scan *s, struct ril_st_slot *t)
{
	uint64_t offset[2];
	if (numbers(s, offset, 2) != 2)
		return ril_scan_fail(s, "two offsets expected");
	t->begin = offset[0];
	t->end = offset[1];
	return 0;
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static int member(struct ril_scan *s, struct ril_st_slot *t, int *has)
{
	struct ril_scan_text name = ril_scan_key(s);
	int what = 0;
	if (s->failed)
		return -1;
	if (ril_scan_is(name, "dtype"))
		what = HAS_DTYPE;
	else if (ril_scan_is(name, "shape"))
		what = HAS_SHAPE;
	else if (ril_scan_is(name, "data_offsets"))
		what = HAS_OFFSETS;
	if (!what || (*has & what))
		return ril_scan_fail(s, what ? "a member twice" : "unknown member");
	*has |= what;
	return what == HAS_SHAPE ? shape(s, &t->e) : what == HAS_DTYPE ? dtype(s, &t->e) : offsets(s, t);
}

static int tensor(struct ril_scan *s, struct ril_st_slot *t)
{
	int has = 0;
	ril_scan_open(s, '{');
	do
		if (member(s, t, &has))
			return -1;
	while (ril_scan_more(s));
	if (!s->failed && has != HAS_ALL)
		ril_scan_fail(s, "dtype, shape or data_offsets missing");
	if (s->failed)
		return -1;
	if (ril_st_measure(&t->e, s->err))
		return ril_context(s->err, "safetensors header");
	if (t->end < t->begin || t->end - t->begin != t->e.bytes)
		return ril_scan_fail(s, "shape and offsets disagree");
	return 0;
}

static int metadata(struct ril_scan *s, struct ril_st *st)
{
	for (ril_scan_open(s, '{'); ril_scan_more(s); st->nmeta++) {
		if (ril_grow(&st->meta, &st->capmeta, st->nmeta + 1, sizeof *st->meta, s->err))
			return -1;
		st->meta[st->nmeta].key = ril_scan_key(s).s;
		st->meta[st->nmeta].value = ril_scan_string(s).s;
	}
	return s->failed ? -1 : 0;
}

static int top_member(struct ril_scan *s, struct ril_st *st, bool *has_meta)
{
	struct ril_scan_text name = ril_scan_key(s);
	if (s->failed)
		return -1;
	if (ril_scan_is(name, "__metadata__")) {
		if (*has_meta)
			return ril_scan_fail(s, "__metadata__ twice");
		*has_meta = true;
		return metadata(s, st);
	}
	if (ril_grow(&st->slot, &st->cap, st->n + 1, sizeof *st->slot, s->err))
		return -1;
	struct ril_st_slot *t = &st->slot[st->n];
	*t = (struct ril_st_slot){.e.name = name.s};
	if (tensor(s, t))
		return ril_context(s->err, "tensor '%s'", name.s);
	st->n++;
	return 0;
}

int ril_st_scan(struct ril_st *st, const char *json, size_t n, struct ril_err *err)
{
	struct ril_scan s;
	bool has_meta = false;
	if (!(st->text = ril_strndup(json, n, err)))
		return -1;
	ril_scan_start_strict(&s, st->text, n, "safetensors header", err);
	if (n == 0 || json[0] != '{')
		return ril_scan_fail(&s, "does not begin with '{'");
	for (ril_scan_open(&s, '{'); ril_scan_more(&s);)
		if (top_member(&s, st, &has_meta))
			return -1;
	if (ril_scan_left(&s))
		ril_scan_fail(&s, "text after the header");
	return s.failed ? -1 : 0;
}
