/* clock.c -- where a stage's time goes; see clock.h. */
#include "loop/clock.h"

#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct ril_times reading(const struct ril_clock *c)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (struct ril_times){
		.wall = ril_now(),
		.wait_in = c->in ? ril_reader_waited(c->in) : 0,
		.wait_out = c->out ? ril_writer_waited(c->out) : 0,
		.wait_edge = c->edge ? ril_edge_waited(c->edge) : 0,
		.cpu = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec,
	};
}

static struct ril_times between(const struct ril_times *a, const struct ril_times *b)
{
	return (struct ril_times){
		.wall = b->wall - a->wall,
		.wait_in = b->wait_in - a->wait_in,
		.wait_out = b->wait_out - a->wait_out,
		.wait_edge = b->wait_edge - a->wait_edge,
		.cpu = b->cpu - a->cpu,
	};
}

double ril_times_busy(const struct ril_times *t)
{
	double busy = t->wall - t->wait_in - t->wait_out - t->wait_edge;
	return busy > 0 ? busy : 0; /* differences of sums: a rounding below nothing is nothing */
}

void ril_clock_start(struct ril_clock *c)
{
	c->start = c->lap = reading(c);
}

struct ril_times ril_clock_total(const struct ril_clock *c)
{
	const struct ril_times now = reading(c);
	return between(&c->start, &now);
}

int ril_clock_json(struct ril_clock *c, struct ril_buf *line, struct ril_err *err)
{
	const struct ril_times now = reading(c), t = between(&c->lap, &now);
	struct timespec date;
	clock_gettime(CLOCK_REALTIME, &date);
	c->lap = now;
	line->len -= strlen("}\n");
	return ril_buf_printf(
		line, err,
		",\"time\":%.3f,\"wall\":%.6g,\"busy\":%.6g,\"wait_in\":%.6g,\"wait_out\":%.6g,\"wait_edge\":%.6g,"
		"\"cpu\":%.6g}\n",
		(double)date.tv_sec + (double)date.tv_nsec / 1e9, t.wall, ril_times_busy(&t), t.wait_in, t.wait_out,
		t.wait_edge, t.cpu);
}

void ril_clock_note(const struct ril_clock *c, char out[RIL_CLOCK_NOTE])
{
	const struct ril_times t = ril_clock_total(c);
	const struct {
		const char *name;
		double seconds;
	} wait[] = {{"in", t.wait_in}, {"out", t.wait_out}, {"edge", t.wait_edge}};
	double whole = t.wall > 0 ? t.wall : 1;
	const char *before = ", waits ";
	int at = snprintf(out, RIL_CLOCK_NOTE, "busy %.0f%%", 100 * ril_times_busy(&t) / whole);
	for (size_t i = 0; i < sizeof wait / sizeof *wait && at < RIL_CLOCK_NOTE; i++) {
		if (wait[i].seconds < .005 * whole)
			continue;
		at += snprintf(out + at, (size_t)(RIL_CLOCK_NOTE - at), "%s%s %.0f%%", before, wait[i].name,
			       100 * wait[i].seconds / whole);
		before = ", ";
	}
}

void ril_clock_sum(const struct ril_clock *c, char out[RIL_CLOCK_SUM])
{
	const struct ril_times t = ril_clock_total(c);
	double busy = ril_times_busy(&t);
	int at = snprintf(out, RIL_CLOCK_SUM,
			  "busy %.1f s with %.1f processors; waited %.1f s for input, %.1f s to write", busy,
			  busy > 0 ? t.cpu / busy : 0, t.wait_in, t.wait_out);
	if (c->edge && at < RIL_CLOCK_SUM)
		snprintf(out + at, (size_t)(RIL_CLOCK_SUM - at), ", %.1f s for versions", t.wait_edge);
}
