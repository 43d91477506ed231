/* join.c -- shards put together again; see join.h.
 *
 * Of the groups at hand, one of each shard, the one of the lowest place comes next.  Shards that have come to a barrier wait
 * until all have. */
#include "stream/join.h"

#include "stream/shard.h"
#include "base/json.h"

#include <stdlib.h>

struct part {
	struct ril_reader *in;
	struct ril_record *rec; /* at hand; NULL: the input has ended */
	struct ril_shard_mark mark;
	struct ril_shard_place at; /* of the group at hand, or the one before */
};

struct joining {
	struct ril_join *j;
	struct part *part;           /* [j->n] */
	struct ril_shard_place done; /* the last group written; {first - 1, 0} before any */
};

static const char *name(const struct part *p)
{
	return ril_reader_name(p->in);
}

static enum ril_kind kind(const struct part *p)
{
	return p->rec ? ril_record_kind(p->rec) : RIL_END;
}

/* ---- a shard's next record ---- */

/* <0, 0, >0: a comes before b, is b, comes behind it; a question comes behind its parts. */
static int compare(struct ril_shard_place a, struct ril_shard_place b)
{
	if (a.place != b.place)
		return a.place < b.place ? -1 : 1;
	uint64_t x = (uint64_t)a.part - 1, y = (uint64_t)b.part - 1;
	return x < y ? -1 : x > y;
}

static int check_group(struct part *p, struct ril_err *err)
{
	struct ril_shard_place before = p->at;
	const struct ril_shard *s = &p->mark.shard;
	const char *label = ril_record_label(p->rec);
	if (ril_shard_get_place(p->rec, &p->at, err))
		return ril_context(err, "%s", name(p));
	long long place = (long long)p->at.place;
	if (p->at.place < p->mark.first || p->at.place > p->mark.last)
		return ril_fail(err, RIL_EFAIL, "%s: %s has place %lld, which is none of this stream's", name(p), label,
				place);
	/* the key of what came before the question in its conversation is not the one that was hashed */
	bool known = s->by_place || !p->at.part;
	if (known && !ril_shard_has(s, ril_shard_key_hash(ril_record_key(p->rec)), p->at.place))
		return ril_fail(err, RIL_EFAIL, "%s: %s belongs to another shard than %lld/%lld", name(p), label,
				(long long)s->index, (long long)s->of);
	if (before.place && compare(p->at, before) <= 0)
		return ril_fail(err, RIL_EFAIL, "%s: %s has place %lld, which comes twice or out of order", name(p),
				label, place);
	return 0;
}

static int advance(struct part *p, struct ril_err *err)
{
	ril_record_free(p->rec);
	p->rec = NULL;
	if (ril_reader_next(p->in, &p->rec, err))
		return -1;
	if (kind(p) == RIL_HEAD)
		p->at = (struct ril_shard_place){0};
	return kind(p) == RIL_GROUP ? check_group(p, err) : 0;
}

static int advance_all(const struct joining *g, struct ril_err *err)
{
	for (size_t i = 0; i < g->j->n; i++)
		if (advance(&g->part[i], err))
			return -1;
	return 0;
}

/* ---- HEADs: one run, one division, every shard once ---- */

/* What each shard may have of its own. */
static bool own_field(const char *field)
{
	return !strcmp(field, "lineage") || !strcmp(field, "shard");
}

static int same_fields(const struct part *a, const struct part *b, struct ril_err *err)
{
	for (size_t i = 0; i < ril_record_meta_count(a->rec); i++) {
		const char *field, *text, *other;
		ril_record_meta_at(a->rec, i, &field, &text);
		other = ril_record_meta(b->rec, field);
		if (!own_field(field) && (!other || strcmp(text, other) != 0))
			return ril_fail(err, RIL_EFAIL, "%s and %s differ in '%s': they are not shards of one stream",
					name(a), name(b), field);
	}
	return 0;
}

/* The next line of a lineage, parsed; NULL at the end (*text NULL) or on failure. */
static cJSON *next_line(const char **text, struct ril_err *err)
{
	const char *line = *text;
	if (!line || !*line)
		return *text = NULL, NULL;
	size_t n = strcspn(line, "\n");
	*text = line + n + (line[n] == '\n');
	return ril_json_parse(line, n, err);
}

static bool same_tool(const cJSON *a, const cJSON *b)
{
	static const char *const what[] = {"program", "version", "seed", "model"};
	bool same = true;
	for (int i = 0; i < 4 && same; i++) {
		const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, what[i]);
		const cJSON *y = cJSON_GetObjectItemCaseSensitive(b, what[i]);
		same = (!x && !y) || (x && y && cJSON_Compare(x, y, true));
	}
	return same;
}

/* The same tools, with the same models and seeds; their arguments name the shards' files. */
static int same_lineage(const struct part *a, const struct part *b, struct ril_err *err)
{
	const char *x = ril_record_meta(a->rec, "lineage"), *y = ril_record_meta(b->rec, "lineage");
	for (bool more = true; more;) {
		struct ril_err why = {0};
		cJSON *p = next_line(&x, &why), *q = next_line(&y, &why);
		more = p && q;
		bool same = !why.code && (more ? same_tool(p, q) : !x && !y);
		cJSON_Delete(p);
		cJSON_Delete(q);
		if (why.code)
			return *err = why, ril_context(err, "%s: the lineage", name(a));
		if (!same)
			return ril_fail(
				err, RIL_EFAIL,
				"%s and %s went through different tools, versions, seeds or models (see their lineage)",
				name(a), name(b));
	}
	return 0;
}

static int check_mark(struct part *p, const struct part *first, struct ril_err *err)
{
	int rc = ril_shard_get_head(p->rec, &p->mark, err);
	if (rc < 0)
		return ril_context(err, "%s", name(p));
	if (!rc)
		return ril_fail(err, RIL_EFAIL, "%s is no shard: ril-encode did not divide it", name(p));
	if (p->mark.shard.of != first->mark.shard.of)
		return ril_fail(err, RIL_EFAIL, "%s is one of %lld shards, %s one of %lld", name(first),
				(long long)first->mark.shard.of, name(p), (long long)p->mark.shard.of);
	if (strcmp(p->mark.run, first->mark.run) != 0)
		return ril_fail(err, RIL_EFAIL,
				"%s and %s are shards of different runs: of other data, order or settings", name(first),
				name(p));
	return same_fields(first, p, err) || same_fields(p, first, err) || same_lineage(first, p, err) ? -1 : 0;
}

/* Every shard once: *first is the place of shard 0. */
static int check_all(const struct joining *g, size_t *first, struct ril_err *err)
{
	size_t of = (size_t)g->part[0].mark.shard.of, missing = 0;
	size_t *seen = ril_new(of, sizeof *seen, err); /* 1 + the part that it is */
	int rc = seen ? 0 : -1;
	for (size_t i = 0; i < g->j->n && !rc; i++) {
		size_t *at = &seen[g->part[i].mark.shard.index];
		if (*at)
			rc = ril_fail(err, RIL_EFAIL, "shard %zu/%zu comes twice: %s and %s", (size_t)(at - seen), of,
				      name(&g->part[*at - 1]), name(&g->part[i]));
		*at = i + 1;
	}
	while (!rc && missing < of && seen[missing])
		missing++;
	if (!rc && missing < of)
		rc = ril_fail(err, RIL_EFAIL, "shard %zu/%zu is missing", missing, of);
	if (!rc)
		*first = seen[0] - 1;
	free(seen);
	return rc;
}

/* All parts have a HEAD, or all have ended: 1, 0. */
static int begin(struct joining *g, struct ril_err *err)
{
	struct ril_join *j = g->j;
	size_t first = 0;
	for (size_t i = 0; i < j->n; i++) {
		if (!g->part[i].rec != !g->part[0].rec)
			return ril_fail(err, RIL_EFAIL, "%s has fewer segments than %s",
					name(&g->part[g->part[i].rec ? 0 : i]), name(&g->part[g->part[i].rec ? i : 0]));
	}
	if (!g->part[0].rec)
		return 0;
	for (size_t i = 0; i < j->n; i++)
		if (check_mark(&g->part[i], &g->part[0], err))
			return -1;
	if (check_all(g, &first, err))
		return -1;
	g->done = (struct ril_shard_place){g->part[0].mark.first - 1, 0};
	ril_shard_unmark(g->part[first].rec);
	return ril_writer_head(j->out, g->part[first].rec, &j->lineage, NULL, err) || advance_all(g, err) ? -1 : 1;
}

/* ---- groups ---- */

/* Places between the last group and this one that no shard has. */
static int64_t gap(struct ril_shard_place done, struct ril_shard_place at)
{
	if (at.place == done.place)
		return 0;
	return at.place - done.place - 1 + (done.part > 0); /* parts without their question: that is missing */
}

static int missing(struct joining *g, int64_t n, struct ril_err *err)
{
	g->j->missing += n;
	if (!n || g->j->partial)
		return 0;
	ril_fail(err, RIL_EFAIL,
		 "%lld %s missing after place %lld: groups were dropped, or the shards end before the run did",
		 (long long)n, n == 1 ? "question is" : "questions are", (long long)g->done.place - (g->done.part > 0));
	return ril_setting(err, "partial");
}

static int put(struct joining *g, struct part *p, struct ril_err *err)
{
	if (compare(p->at, g->done) <= 0)
		return ril_fail(err, RIL_EFAIL, "%s: %s has place %lld, which another shard has too", name(p),
				ril_record_label(p->rec), (long long)p->at.place);
	if (missing(g, gap(g->done, p->at), err))
		return -1;
	g->done = p->at;
	g->j->groups++;
	ril_shard_unmark(p->rec);
	return ril_writer_put(g->j->out, p->rec, err) || advance(p, err) ? -1 : 0;
}

static struct part *lowest(const struct joining *g)
{
	struct part *best = NULL;
	for (size_t i = 0; i < g->j->n; i++) {
		struct part *p = &g->part[i];
		if (kind(p) == RIL_GROUP && (!best || compare(p->at, best->at) < 0))
			best = p;
	}
	return best;
}

/* ---- barriers ---- */

static int disagree(const struct part *a, const struct part *b, struct ril_err *err)
{
	const struct part *step = kind(a) == RIL_STEP ? a : b, *other = step == a ? b : a;
	long long s = (long long)ril_step_number(step->rec);
	if (kind(other) != RIL_STEP)
		return ril_fail(err, RIL_EFAIL, "%s ends before step %lld, which %s has", name(other), s, name(step));
	if (s != ril_step_number(other->rec))
		return ril_fail(err, RIL_EFAIL, "%s has step %lld where %s has step %lld", name(step), s, name(other),
				(long long)ril_step_number(other->rec));
	return ril_fail(err, RIL_EFAIL, "%s and %s differ in whether step %lld asks for a checkpoint", name(a), name(b),
			s);
}

/* No shard has a group at hand.  1: a barrier was written; 0: the segment has ended. */
static int barrier(struct joining *g, struct ril_err *err)
{
	const struct part *a = &g->part[0];
	bool step = kind(a) == RIL_STEP;
	for (size_t i = 1; i < g->j->n; i++) {
		const struct part *b = &g->part[i];
		if ((kind(b) == RIL_STEP) != step ||
		    (step && (ril_step_number(a->rec) != ril_step_number(b->rec) ||
			      ril_step_checkpoint(a->rec) != ril_step_checkpoint(b->rec))))
			return disagree(a, b, err);
	}
	if (!step)
		return 0;
	g->j->steps++;
	return ril_writer_step(g->j->out, ril_step_number(a->rec), ril_step_checkpoint(a->rec), err) ||
			       advance_all(g, err)
		       ? -1
		       : 1;
}

static int join_segment(struct joining *g, struct ril_err *err)
{
	int64_t last = g->part[0].mark.last;
	for (int more = 1; more;) {
		struct part *p = lowest(g);
		more = p ? !put(g, p, err) ? 1 : -1 : barrier(g, err);
		if (more < 0)
			return -1;
	}
	return missing(g, gap(g->done, (struct ril_shard_place){last + 1, 0}), err);
}

int ril_join(struct ril_join *j, struct ril_err *err)
{
	struct joining g = {.j = j, .part = ril_new(j->n, sizeof *g.part, err)};
	if (!g.part)
		return -1;
	for (size_t i = 0; i < j->n; i++)
		g.part[i].in = j->in[i];
	int rc = advance_all(&g, err), more = 1;
	while (!rc && (more = begin(&g, err)) > 0)
		rc = join_segment(&g, err);
	for (size_t i = 0; i < j->n; i++)
		ril_record_free(g.part[i].rec);
	free(g.part);
	return rc || more < 0 ? -1 : 0;
}
