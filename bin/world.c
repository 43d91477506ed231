/* world.c -- the processes that run a tool together; see world.h. */
#include "world.h"

#include "signals.h"

#include "base/file.h"
#include "base/rng.h"

#include <stdlib.h>
#include <unistd.h>

static struct ril_joined *joined;
static struct ril_reduce_options reduce;
static const struct ril_tool *tool;
static bool stops;
static char why[sizeof((struct ril_err *)NULL)->msg]; /* this rank failed */

const struct ril_world *world(void)
{
	return ril_joined_world(joined);
}

bool world_stops(void)
{
	return stops;
}

bool world_first(void)
{
	return world()->rank == 0;
}

/* The tool has said why. */
static void end_all(int code)
{
	ril_joined_end(joined, code, why);
}

/* Nobody waits for what this rank has begun; a temporary file does not stay behind. */
static void on_lost(const char *what, int code)
{
	if (why[0]) /* it is this rank that fails, and says so itself */
		return;
	fprintf(stderr, "%s: %s\n", tool->name, what);
	ril_file_abandon();
	ril_world_heard();
	_exit(code);
}

struct ril_reduce_options world_reduce(void)
{
	return reduce;
}

/* Each rank's file. */
static int open_trace(const struct world_args *a, struct ril_err *err)
{
	const char *path = a->trace;
	if (!path)
		return 0;
	if (world()->size > 1 && !strstr(path, "%r"))
		return ril_fail(err, RIL_EUSAGE, "--trace %s: each rank writes its own; %%r in it is the rank", path);
	if (world_path(&path, err) || !(reduce.trace = ril_trace_open(path, world()->rank, err)))
		return ril_context(err, "--trace");
	return 0;
}

int world_open(struct ril_tool *t, const struct world_args *a, struct ril_err *err)
{
	tool = t;
	if (ril_world_join(&joined, a->how, on_lost, err))
		return -1;
	reduce.bucket = a->bucket * 1e6;
	reduce.shard = a->zero > 1 && world()->size > 1;
	reduce.weights = a->zero > 2 && world()->size > 1;
	if (open_trace(a, err))
		return -1;
	if (!joined)
		return 0;
	t->failed = end_all;
	ril_tool_note(t, "rank %d of %d, on %s; %s", world()->rank, world()->size,
		      ril_joined_host(joined, world()->rank), ril_joined_library(joined));
	if (!world_first()) {
		t->common.quiet = true;
		t->common.verbose = false;
	}
	if (ril_joined_link(joined, a->transport, a->trace != NULL, err))
		return -1;
	if (ril_joined_blocks(joined))
		ril_tool_note(t, "%s", ril_joined_blocks(joined));
	return 0;
}

int world_path(const char **path, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (!(joined || ril_world_started()) || !*path || !strstr(*path, "%r"))
		return 0;
	int rc = 0;
	for (const char *s = *path; *s && !rc; s++) {
		bool rank = s[0] == '%' && s[1] == 'r';
		rc = rank ? ril_buf_printf(&b, err, "%d", world()->rank) : ril_buf_add(&b, s, 1, err);
		s += rank;
	}
	if (rc)
		ril_buf_free(&b);
	else
		*path = b.data; /* like the arguments themselves, until the process ends */
	return rc;
}

/* ---- the same for all ---- */

static uint32_t value_hash(const struct ril_opt *o)
{
	const char *text = o->type == RIL_OPT_STR || o->type == RIL_OPT_CHOICE ? *(const char **)o->to : NULL;
	switch (o->type) {
	case RIL_OPT_FLAG: return *(bool *)o->to;
	case RIL_OPT_INT: return ril_hash32(o->to, sizeof(int64_t));
	case RIL_OPT_REAL: return ril_hash32(o->to, sizeof(double));
	default: return text ? ril_hash32(text, strlen(text)) : 0;
	}
}

static bool among(const char *const *list, const char *name)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list;
}

/* Of an option that is each rank's own there is only whether it was given. */
static size_t hash_table(const struct ril_opt *o, const char *const *own, uint32_t *hash)
{
	size_t n = 0;
	for (; o->type; o++, n++) {
		bool text = o->type == RIL_OPT_STR || o->type == RIL_OPT_CHOICE;
		hash[n] = !among(own, o->name) ? value_hash(o) : text ? *(const char **)o->to != NULL : 0;
	}
	return n;
}

static const char *name_of(const struct ril_tool *t, size_t i)
{
	for (const struct ril_opt *o = t->opts; o->type; o++, i--)
		if (!i)
			return o->name;
	return t->common_opts[i].name;
}

int world_agree(const struct ril_tool *t, const char *const *own, const char *model, struct ril_err *err)
{
	/* of the options of all tools: where and how each computes is its own affair, what it computes is not */
	static const char *const common[] = {"device",       "threads", "quiet",   "verbose",
					     "list-options", "help",    "version", NULL};
	enum { MOST = 128 };
	const struct ril_world *w = world();
	uint32_t mine[MOST] = {0};
	if (w->size == 1)
		return 0;
	size_t n = hash_table(t->opts, own, mine);
	n += hash_table(t->common_opts, common, mine + n);
	mine[n++] = ril_hash32(model, strlen(model));
	uint32_t *all = ril_new((size_t)w->size * n, sizeof *all, err);
	int rc = all ? w->share(w, mine, n * sizeof *mine, all, err) : -1;
	for (size_t k = 0; k < (size_t)w->size * n && !rc; k++) {
		int rank = (int)(k / n);
		size_t i = k % n;
		if (all[k] == all[i])
			continue;
		rc = i == n - 1 ? ril_fail(err, RIL_EFAIL, "rank %d, on %s, has another model than rank 0", rank,
					   ril_joined_host(joined, rank))
				: ril_fail(err, RIL_EUSAGE, "rank %d, on %s, was given another --%s than rank 0", rank,
					   ril_joined_host(joined, rank), name_of(t, i));
	}
	free(all);
	return rc;
}

/* ---- steps ---- */

/* What a rank has before it. */
struct meeting {
	int64_t step, groups; /* groups: read up to here */
	int32_t have, checkpoint, barrier, stop;
};

static int compare(const struct meeting *a, int first, const struct meeting *b, int rank, struct ril_err *err)
{
	if (a->have != b->have) {
		const struct meeting *goes_on = a->have ? a : b;
		return ril_fail(err, RIL_EFAIL,
				"rank %d, on %s, has come to its stream's end where rank %d, on %s, has step %lld",
				a->have ? rank : first, ril_joined_host(joined, a->have ? rank : first),
				a->have ? first : rank, ril_joined_host(joined, a->have ? first : rank),
				(long long)goes_on->step);
	}
	if (a->step != b->step)
		return ril_fail(err, RIL_EFAIL, "rank %d, on %s, has step %lld before it, rank %d step %lld", rank,
				ril_joined_host(joined, rank), (long long)b->step, first, (long long)a->step);
	if (a->checkpoint != b->checkpoint || a->barrier != b->barrier)
		return ril_fail(err, RIL_EFAIL,
				"step %lld: its barrier says other things to rank %d, on %s, than to rank %d",
				(long long)a->step, rank, ril_joined_host(joined, rank), first);
	return 0;
}

int world_meet(const struct ril_stage *s, int have, struct ril_err *err)
{
	const struct ril_world *w = world();
	int64_t groups = 0;
	if (ril_trace_flush(reduce.trace, err))
		return -1;
	ril_trace_step(reduce.trace, have ? ril_stage_step(s) : s->done);
	stops = ril_world_started() && ril_stop_asked();
	if (w->size == 1)
		return 0;
	const struct meeting mine = {.step = have ? ril_stage_step(s) : s->done,
				     .groups = s->batches.groups,
				     .have = have,
				     .checkpoint = have && s->batch.checkpoint,
				     .barrier = have && s->batch.barrier,
				     .stop = stops};
	struct meeting *all = ril_new((size_t)w->size, sizeof *all, err);
	int rc = all ? w->share(w, &mine, sizeof mine, all, err) : -1;
	for (int r = 0; r < w->size && !rc; r++) {
		groups += all[r].groups;
		stops |= all[r].stop;
		rc = compare(&all[0], 0, &all[r], r, err);
	}
	free(all);
	if (!rc && !have && !groups)
		return ril_fail(err, RIL_EFAIL, "no rank's stream has groups");
	return rc;
}

void world_close(struct ril_err *err)
{
	ril_trace_close(reduce.trace, err->code ? NULL : err);
	reduce.trace = NULL;
	if (!joined)
		return;
	if (err->code) {
		snprintf(why, sizeof why, "%s", err->msg);
		ril_context(err, "rank %d of %d, on %s", world()->rank, world()->size,
			    ril_joined_host(joined, world()->rank));
		return;
	}
	ril_joined_leave(joined);
	joined = NULL;
}
