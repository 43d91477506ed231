/* trace.c -- see trace.h. */
#include "base/trace.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct ril_trace {
	FILE *to;
	char *path;
	int rank;
	int64_t step;
	double epoch; /* seconds from 1970 to the zero of ril_now */
	struct ril_buf text;
	struct ril_err err; /* the first failure */
};

static void name_track(struct ril_trace *t, enum ril_track track, const char *name)
{
	if (!t->err.code)
		ril_buf_printf(
			&t->text, &t->err,
			",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s\"}}",
			t->rank, (int)track, name);
}

struct ril_trace *ril_trace_open(const char *path, int rank, struct ril_err *err)
{
	struct ril_trace *t = ril_new(1, sizeof *t, err);
	struct timespec now;
	if (!t || !(t->path = ril_strdup(path, err))) {
		free(t);
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	t->epoch = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - ril_now();
	t->rank = rank;
	ril_buf_printf(&t->text, &t->err,
		       "[{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"rank %d\"}}", rank,
		       rank);
	name_track(t, RIL_TRACK_PASSES, "passes");
	name_track(t, RIL_TRACK_WORLD, "sums over the ranks");
	if (!(t->to = fopen(path, "we")))
		ril_fail_errno(&t->err, "%s", path);
	if (ril_trace_flush(t, err)) {
		ril_trace_close(t, NULL);
		return NULL;
	}
	return t;
}

void ril_trace_step(struct ril_trace *t, int64_t step)
{
	if (t)
		t->step = step;
}

void ril_trace_span(struct ril_trace *t, enum ril_track track, const char *category, const char *of, double from,
		    double to)
{
	if (!t || t->err.code)
		return;
	struct ril_buf name = {0};
	if (!ril_buf_printf(&name, &t->err, of ? "%s %s" : "%s", category, of) &&
	    !ril_buf_puts(&t->text, ",\n{\"name\":", &t->err) &&
	    !ril_json_quote(&t->text, name.data, name.len, true, &t->err))
		ril_buf_printf(&t->text, &t->err,
			       ",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,"
			       "\"args\":{\"step\":%lld}}",
			       category, t->rank, (int)track, (t->epoch + from) * 1e6, (to - from) * 1e6,
			       (long long)t->step);
	ril_buf_free(&name);
}

int ril_trace_flush(struct ril_trace *t, struct ril_err *err)
{
	if (!t)
		return 0;
	if (!t->err.code && ((t->text.len && fwrite(t->text.data, t->text.len, 1, t->to) != 1) || fflush(t->to)))
		ril_fail_errno(&t->err, "%s", t->path);
	t->text.len = 0;
	return t->err.code ? ril_fail(err, t->err.code, "%s", t->err.msg) : 0;
}

int ril_trace_close(struct ril_trace *t, struct ril_err *err)
{
	if (!t)
		return 0;
	if (!t->err.code)
		ril_buf_puts(&t->text, "\n]\n", &t->err);
	int rc = ril_trace_flush(t, err);
	if (t->to && fclose(t->to) && !rc)
		rc = ril_fail_errno(err, "%s", t->path);
	ril_buf_free(&t->text);
	free(t->path);
	free(t);
	return rc;
}
