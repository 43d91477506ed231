/* ril-join -- the shards of a stream, each gone its own way, put together again. */
#include "tool.h"

#include "stream/join.h"

#include <stdlib.h>

static struct {
	const char *out;
	bool gzip, partial;
} opt = {.out = "-"};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "partial", &opt.partial, NULL, "go on where questions are missing, and count them", 0, 0,
	 NULL},
	{0},
};

/* Its output is opened first: a reader of it that has gone ends the waits for shards. */
static int open_all(struct ril_join *j, const struct ril_strlist *shards, struct ril_err *err)
{
	j->out = ril_writer_open(opt.out, &(struct ril_writer_options){.gzip = opt.gzip}, err);
	if (!j->out || !(j->in = ril_new(shards->n, sizeof(struct ril_reader *), err)))
		return -1;
	for (; j->n < shards->n; j->n++) {
		if (!(j->in[j->n] = ril_reader_open(shards->at[j->n], err)))
			return -1;
		ril_reader_watch(j->in[j->n], j->out);
	}
	return 0;
}

static int run(struct ril_tool *t, const struct ril_strlist *shards, struct ril_err *err)
{
	if (!shards->n)
		return ril_fail(err, RIL_EUSAGE, "shards are needed");
	struct ril_join j = {.lineage = ril_tool_lineage(t, NULL), .partial = opt.partial};
	int rc = open_all(&j, shards, err);
	if (!rc)
		rc = ril_join(&j, err);
	if (!rc)
		rc = ril_writer_end(j.out, err);
	if (!rc)
		ril_say(t, "%zu shards: %lld groups, %lld steps; %lld questions missing", j.n, (long long)j.groups,
			(long long)j.steps, (long long)j.missing);
	else if (j.out)
		ril_writer_abort(j.out, t->name, err);
	ril_writer_free(j.out);
	for (size_t i = 0; i < j.n; i++)
		ril_reader_free(j.in[i]);
	free(j.in);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-join",
		.summary = "Put the shards of a stream together again",
		.operands = "SHARD...",
		.opts = options,
		.max_operands = 1 << 16,
		.output = &opt.out,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
