/* ril-inspect.c -- looks into a stream at any joint, into a model's weights, or at a run while it goes on. */
#include "tool.h"
#include "watch.h"

#include "base/json.h"
#include "base/unused.h"
#include "stream/show.h"
#include "tensor/show_model.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	bool head, stats, check, json, diff, verify, watch, once;
	const char *field, *key;
	int64_t limit;
	double every;
} o = {.limit = 20, .every = 1};

static int print(struct ril_buf *b, struct ril_err *err)
{
	int rc = b->len ? ril_print(b->data, b->len, err) : 0;
	b->len = 0;
	return rc;
}

/* A folder or a .safetensors file is a model; anything else is a stream. */
static bool is_model(const char *path)
{
	struct stat st;
	size_t n = strlen(path);
	return (!stat(path, &st) && S_ISDIR(st.st_mode)) || (n > 12 && !strcmp(path + n - 12, ".safetensors"));
}

/* ---- models ---- */

static int model_field(const struct ril_folder *f, struct ril_buf *b, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_folder_find(f, o.field);
	if (!e)
		return ril_fail(err, RIL_EFAIL, "no tensor '%s'", o.field);
	if (!o.json)
		return ril_show_values(b, e, err);
	return ril_show_values_json(b, e, err) || ril_buf_puts(b, "\n", err) ? -1 : 0;
}

static int model_stats(const struct ril_folder *f, struct ril_buf *b, struct ril_err *err)
{
	struct ril_stats *s = ril_stats_new(err);
	int rc = s ? 0 : -1;
	for (size_t i = 0; i < ril_folder_count(f) && !rc; i++)
		rc = ril_stats_add_entry(s, ril_folder_at(f, i), err);
	if (!rc && o.stats)
		rc = ril_stats_show(s, b, o.json, err);
	if (!rc && o.check && ril_stats_nonfinite(s))
		rc = ril_fail(err, RIL_ENONFINITE, "%lld weights are not finite", (long long)ril_stats_nonfinite(s));
	if (!rc && o.check)
		rc = ril_buf_printf(b, err, "ok: %zu tensors\n", ril_folder_count(f));
	ril_stats_free(s);
	return rc;
}

static int model(const char *path, struct ril_buf *b, struct ril_err *err)
{
	struct ril_folder *f = ril_folder_open(path, err);
	if (!f)
		return -1;
	int rc = o.field              ? model_field(f, b, err)
		 : o.stats || o.check ? model_stats(f, b, err)
				      : (o.json ? ril_show_model_json : ril_show_model)(b, f, o.verify, err);
	ril_folder_free(f);
	return rc ? ril_context(err, "%s", path) : 0;
}

/* ---- streams ---- */

struct view {
	struct ril_buf *b;
	struct ril_grid groups;
	struct ril_stats *stats;
	int64_t seen, shown;
};

/* What goes before a value. */
static int before(struct view *v, const struct ril_record *r, char gap, struct ril_err *err)
{
	const char *key = ril_record_key(r);
	if (o.json)
		return ril_buf_puts(v->b, "{\"key\":", err) || ril_json_quote(v->b, key, strlen(key), false, err) ||
				       ril_buf_puts(v->b, ",\"value\":", err)
			       ? -1
			       : 0;
	return o.key ? 0 : ril_buf_printf(v->b, err, "%s%c", key, gap);
}

/* One field of one group: its text, or its numbers. */
static int field(struct view *v, const struct ril_record *r, struct ril_err *err)
{
	const char *text = ril_record_meta(r, o.field);
	const struct ril_st_entry *e = ril_record_get(r, o.field);
	if (!text && !e)
		return 0;
	v->shown++;
	if (before(v, r, e && e->ndim > 1 ? '\n' : '\t', err))
		return -1;
	int rc = text ? (o.json ? ril_show_text_json : ril_show_text)(v->b, text, err)
		      : (o.json ? ril_show_values_json : ril_show_values)(v->b, e, err);
	return rc ? -1 : ril_buf_puts(v->b, o.json ? "}\n" : text ? "\n" : "", err);
}

static int group(struct view *v, const struct ril_record *r, struct ril_err *err)
{
	struct ril_responses resp;
	v->seen++;
	if (o.head || (o.key && strcmp(o.key, ril_record_key(r))))
		return 0;
	if (o.check)
		return ril_responses_get(r, &resp, err);
	if (o.field)
		return field(v, r, err);
	v->shown++;
	if (o.stats)
		return ril_stats_add(v->stats, r, err);
	if (o.json)
		return ril_show_json(v->b, r, err);
	return o.limit && v->seen > o.limit ? 0 : ril_groups_row(&v->groups, r, v->seen, err);
}

static int record(struct view *v, const struct ril_record *r, struct ril_err *err)
{
	bool quiet = o.check || o.field || o.stats;
	switch (ril_record_kind(r)) {
	case RIL_GROUP: return group(v, r, err);
	case RIL_HEAD: return quiet ? 0 : (o.json ? ril_show_json : ril_show_head)(v->b, r, err);
	default:
		if (quiet || o.head || o.key)
			return 0;
		if (o.json)
			return ril_show_json(v->b, r, err);
		return o.limit && v->seen > o.limit ? 0 : ril_groups_step(&v->groups, r, err);
	}
}

static int summary(struct view *v, struct ril_totals t, struct ril_err *err)
{
	if (o.field || o.key)
		return v->shown ? 0
				: ril_fail(err, RIL_EFAIL, "no group%s%s%s%s", o.key ? " " : "", o.key ? o.key : "",
					   o.field ? " has " : "", o.field ? o.field : "");
	if (o.stats)
		return ril_stats_show(v->stats, v->b, o.json, err);
	if (o.json && !o.check)
		return 0;
	if (o.json)
		return ril_buf_printf(
			v->b, err, "{\"ok\":true,\"segments\":%lld,\"groups\":%lld,\"steps\":%lld,\"bytes\":%llu}\n",
			(long long)t.segments, (long long)t.groups, (long long)t.steps, (unsigned long long)t.bytes);
	if (o.limit && t.groups > o.limit && !o.head && !o.check &&
	    ril_buf_printf(v->b, err, "... (--limit 0 shows all)\n"))
		return -1;
	return ril_buf_printf(v->b, err, "%s%lld groups, %lld steps, %lld segment%s, %llu bytes\n",
			      o.check ? "ok: " : "", (long long)t.groups, (long long)t.steps, (long long)t.segments,
			      t.segments == 1 ? "" : "s", (unsigned long long)t.bytes);
}

static int stream(const char *path, struct ril_buf *b, struct ril_err *err)
{
	struct ril_reader *r = ril_reader_open(path, err);
	struct ril_record *rec = NULL;
	struct view v = {.b = b};
	int rc = !r || !(v.stats = ril_stats_new(err)) || ril_groups_heading(&v.groups, err) ? -1 : 0;
	while (!rc && !(rc = ril_reader_next(r, &rec, err)) && rec) {
		rc = record(&v, rec, err) ? ril_context(err, "%s", ril_reader_name(r)) : print(b, err);
		ril_record_free(rec);
	}
	/* What was read is shown even when the stream breaks off: that is when one looks. */
	if (r && v.groups.n > v.groups.cols)
		ril_grid_show(&v.groups, b, rc ? NULL : err);
	if (!rc)
		rc = summary(&v, ril_reader_totals(r), err);
	ril_grid_free(&v.groups);
	ril_stats_free(v.stats);
	ril_reader_free(r);
	return rc;
}

static int diff(const char *x, const char *y, struct ril_buf *b, struct ril_err *err)
{
	struct ril_diff d;
	if (is_model(x) != is_model(y))
		return ril_fail(err, RIL_EUSAGE, "--diff compares two streams or two models");
	if ((is_model(x) ? ril_diff_models : ril_diff_streams)(x, y, b, &d, err))
		return -1;
	return d.different ? ril_fail(err, RIL_EFAIL, "%lld of %lld %s differ", (long long)d.different,
				      (long long)d.compared, is_model(x) ? "tensors" : "frames")
			   : 0;
}

static int run(RIL_UNUSED struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	const char *path = operands->n ? operands->at[0] : "-";
	struct ril_buf b = {0};
	int rc;
	if (o.diff != (operands->n == 2))
		return ril_fail(err, RIL_EUSAGE, o.diff ? "--diff needs two operands" : "two operands need --diff");
	if (o.stats && o.check)
		return ril_fail(err, RIL_EUSAGE, "--stats and --check do not go together");
	if (o.key && (o.stats || o.check || o.diff))
		return ril_fail(err, RIL_EUSAGE, "--key goes with --field, --json or the table");
	if (o.watch &&
	    (o.head || o.stats || o.check || o.json || o.diff || o.verify || o.field || o.key || !operands->n))
		return ril_fail(err, RIL_EUSAGE,
				operands->n ? "--watch goes with --once and --every only" : "--watch needs a run");
	if (o.once && !o.watch)
		return ril_fail(err, RIL_EUSAGE, "--once goes with --watch");
	if (o.watch)
		return watch(path, &(struct watch_options){o.once, o.every}, err);
	rc = o.diff           ? diff(path, operands->at[1], &b, err)
	     : is_model(path) ? model(path, &b, err)
			      : stream(path, &b, err);
	struct ril_err late = {0};
	if (print(&b, &late) && !rc)
		rc = ril_fail(err, late.code, "%s", late.msg);
	ril_buf_free(&b);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct ril_opt opts[] = {
		{RIL_OPT_FLAG, 0, "head", &o.head, NULL, "show only the header and the lineage", 0, 0, NULL},
		{RIL_OPT_STR, 'f', "field", &o.field, "NAME", "show one field of every group, or one tensor of a model",
		 0, 0, NULL},
		{RIL_OPT_STR, 'k', "key", &o.key, "KEY", "show only groups with this key", 0, 0, NULL},
		{RIL_OPT_FLAG, 0, "stats", &o.stats, NULL, "show statistics of every field", 0, 0, NULL},
		{RIL_OPT_FLAG, 'c', "check", &o.check, NULL, "verify everything, show only the verdict", 0, 0, NULL},
		{RIL_OPT_FLAG, 'j', "json", &o.json, NULL, "write JSON", 0, 0, NULL},
		{RIL_OPT_FLAG, 'd', "diff", &o.diff, NULL, "compare two streams or two models; exit 1 when they differ",
		 0, 0, NULL},
		{RIL_OPT_INT, 'n', "limit", &o.limit, "N", "groups in the table; 0: all", 0, 1e9, NULL},
		{RIL_OPT_FLAG, 0, "verify", &o.verify, NULL, "let a model's id depend on its data, too", 0, 0, NULL},
		{RIL_OPT_FLAG, 'w', "watch", &o.watch, NULL,
		 "show a run, or a file of metrics, and how it goes on; q ends it", 0, 0, NULL},
		{RIL_OPT_FLAG, 0, "once", &o.once, NULL, "with --watch: as it is now, and end", 0, 0, NULL},
		{RIL_OPT_REAL, 0, "every", &o.every, "SECONDS", "how often --watch looks", 0.05, 3600, NULL},
		{0},
	};
	struct ril_tool tool = {
		.name = "ril-inspect",
		.summary = "Look into a RIL stream, a model or a run",
		.operands = "[FILE|MODEL|RUN]...",
		.opts = opts,
		.max_operands = 2,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
