/* ril-log -- a run's metrics for other programs: TensorBoard's event files, tables of comma-separated values. */
#include "signals.h"
#include "tool.h"

#include "base/file.h"
#include "log/csv.h"
#include "log/events.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static struct {
	const char *format, *out;
	bool follow;
} opt = {.format = "tensorboard"};

static const struct ril_opt options[] = {
	{RIL_OPT_CHOICE, 'f', "format", &opt.format, NULL, "what to write", 0, 0, "tensorboard|csv|both"},
	{RIL_OPT_STR, 'o', "output", &opt.out, "DIR", "folder of the event file (default: RUN/tensorboard)", 0, 0,
	 NULL},
	{RIL_OPT_FLAG, 0, "follow", &opt.follow, NULL, "go on as the run does, until SIGTERM or SIGINT", 0, 0, NULL},
	{0},
};

/* A file of metrics and what becomes of it. */
struct source {
	char path[RIL_PATH], table[RIL_PATH], group[64];
	struct ril_rows events, rows; /* as each format has read it */
	struct ril_csv csv;
};

struct log {
	const struct ril_tool *tool;
	const char *run;
	bool folder; /* `run` is one */
	struct source *at;
	size_t n, cap;
	struct ril_events *events;
	int64_t lines;
};

/* ---- which files ---- */

static bool is_metrics(const char *name)
{
	size_t n = strlen(name);
	return n > 6 && !strcmp(name + n - 6, ".jsonl");
}

/* The stage that wrote it, as ril-train names its files. */
static void name_group(struct source *s, const char *file)
{
	snprintf(s->group, sizeof s->group, "%.*s", is_metrics(file) ? (int)strlen(file) - 6 : 60, file);
	if (!strcmp(s->group, "metrics"))
		snprintf(s->group, sizeof s->group, "update");
	if (!strcmp(s->group, "disc"))
		snprintf(s->group, sizeof s->group, "discriminate");
}

static bool known(const struct log *l, const char *path)
{
	size_t i = 0;
	while (i < l->n && strcmp(l->at[i].path, path))
		i++;
	return i < l->n;
}

static int add_source(struct log *l, const char *path, const char *name, struct ril_err *err)
{
	if (known(l, path))
		return 0;
	if (ril_grow(&l->at, &l->cap, l->n + 1, sizeof *l->at, err))
		return -1;
	struct source *s = &l->at[l->n];
	*s = (struct source){0};
	const char *dot = strrchr(name, '.');
	int stem = (int)(strlen(path) - (dot ? strlen(dot) : 0));
	if (ril_path(s->path, err, "%s", path) || ril_path(s->table, err, "%.*s.csv", stem, path))
		return -1;
	name_group(s, name);
	l->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

/* Stages begin to write when they have something to say: a folder is looked through again and again. */
static int find_sources(struct log *l, struct ril_err *err)
{
	if (!l->folder) {
		const char *slash = strrchr(l->run, '/');
		return add_source(l, l->run, slash ? slash + 1 : l->run, err);
	}
	DIR *d = opendir(l->run);
	if (!d)
		return ril_fail_errno(err, "%s", ril_short(l->run));
	size_t before = l->n;
	int rc = 0;
	for (const struct dirent *x; !rc && (x = readdir(d));) {
		char path[RIL_PATH];
		if (is_metrics(x->d_name))
			rc = ril_path(path, err, "%s/%s", l->run, x->d_name) || add_source(l, path, x->d_name, err) ? -1
														    : 0;
	}
	closedir(d);
	if (l->n > before)
		qsort(l->at + before, l->n - before, sizeof *l->at, by_name);
	return rc;
}

/* ---- what is new in them ---- */

static int write_events(struct log *l, struct source *s, struct ril_err *err)
{
	int rc;
	s->events.path = s->path;
	while ((rc = ril_rows_next(&s->events, err)) == 1) {
		if (ril_events_row(l->events, s->group, &s->events.row, s->events.changed, err))
			return -1;
		l->lines++;
	}
	return rc;
}

static int write_table(struct log *l, struct source *s, struct ril_err *err)
{
	int64_t taken = 0;
	s->rows.path = s->path;
	s->csv.path = s->table;
	int rc = ril_csv_update(&s->csv, &s->rows, &taken, err);
	l->lines += l->events ? 0 : taken;
	return rc;
}

static int write_new(struct log *l, struct ril_err *err)
{
	if (find_sources(l, err))
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if ((l->events && write_events(l, &l->at[i], err)) ||
		    (strcmp(opt.format, "tensorboard") && write_table(l, &l->at[i], err)))
			return -1;
	return l->events ? ril_events_flush(l->events, err) : 0;
}

/* ---- the run ---- */

static int open_log(struct log *l, struct ril_err *err)
{
	char dir[RIL_PATH];
	struct stat st;
	if (stat(l->run, &st))
		return ril_fail_errno(err, "%s", ril_short(l->run));
	l->folder = S_ISDIR(st.st_mode);
	if (!strcmp(opt.format, "csv"))
		return 0;
	const char *slash = strrchr(l->run, '/');
	int n = l->folder ? (int)strlen(l->run) : slash ? (int)(slash - l->run) : 0;
	if (opt.out ? ril_path(dir, err, "%s", opt.out)
		    : ril_path(dir, err, "%.*s/tensorboard", n ? n : 1, n ? l->run : "."))
		return -1;
	return (l->events = ril_events_open(dir, err)) ? 0 : -1;
}

static int log_all(struct log *l, struct ril_err *err)
{
	const struct timespec pause = {.tv_nsec = 300000000};
	if (open_log(l, err) || write_new(l, err))
		return -1;
	while (opt.follow && !ril_stop_asked()) {
		nanosleep(&pause, NULL); /* a signal ends it */
		if (write_new(l, err))
			return -1;
	}
	if (opt.follow && write_new(l, err)) /* what came while the signal did */
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].events.cut || l->at[i].rows.cut)
			ril_say(l->tool, "%s: its last line has no end and was left out", l->at[i].path);
	return l->lines ? 0 : ril_fail(err, RIL_EFAIL, "%s: no metrics in it", ril_short(l->run));
}

static int run(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	if (!operands->n)
		return ril_fail(err, RIL_EUSAGE, "a run folder or a file of metrics is needed");
	struct log l = {.tool = t, .run = operands->at[0]};
	if (opt.follow)
		ril_signals_take_over();
	int rc = log_all(&l, err);
	if (ril_events_close(l.events, rc ? NULL : err))
		rc = -1;
	for (size_t i = 0; i < l.n; i++) {
		ril_rows_close(&l.at[i].events);
		ril_rows_close(&l.at[i].rows);
		ril_csv_close(&l.at[i].csv);
	}
	free(l.at);
	if (!rc)
		ril_tool_note(t, "%lld lines", (long long)l.lines);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-log",
		.summary = "Write a run's metrics as TensorBoard and spreadsheets read them",
		.operands = "RUN",
		.opts = options,
		.max_operands = 1,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
