/* clock.h -- where a stage's time goes: at work, or waiting for input, for room in the pipe behind it, for a version.
 *
 * Reader, writer and edge add up the time of their blocking calls; a clock reads those sums, the wall clock and the
 * process's processor time once a step.  What is no wait is work, so busy and the waits are the wall clock's time.
 * Readings go to metrics and talk, never into a stream or a state: those repeat byte for byte. */
#ifndef RIL_LOOP_CLOCK_H
#define RIL_LOOP_CLOCK_H

#include "stream/edge.h"
#include "stream/stream.h"

struct ril_times {
	double wall, wait_in, wait_out, wait_edge; /* seconds */
	double cpu;                                /* of all threads: more than busy where several work */
};
double ril_times_busy(const struct ril_times *);

struct ril_clock {
	/* NULL: the stage has none */
	const struct ril_reader *in;
	const struct ril_writer *out;
	const struct ril_edge *edge;
	struct ril_times start, lap; /* readings at the start and at the last line of metrics */
};

void ril_clock_start(struct ril_clock *); /* in, out and edge are set */
struct ril_times ril_clock_total(const struct ril_clock *);

/* Adds to a line, which is one JSON object and ends in "}\n", what came to pass since the line before:
 * "wall", "busy", "wait_in", "wait_out", "wait_edge", "cpu"; and "time", the date in seconds since 1970. */
int ril_clock_json(struct ril_clock *, struct ril_buf *line, struct ril_err *);

/* "busy 62%, waits in 30%, edge 8%", for the line of progress; waits below a half per cent are left out. */
enum { RIL_CLOCK_NOTE = 80, RIL_CLOCK_SUM = 160 };
void ril_clock_note(const struct ril_clock *, char out[RIL_CLOCK_NOTE]);
/* "busy 12.3 s with 1.8 processors; waited 20.1 s for input, 0.0 s to write, 5.2 s for versions" */
void ril_clock_sum(const struct ril_clock *, char out[RIL_CLOCK_SUM]);

#endif
