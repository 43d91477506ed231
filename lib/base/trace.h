/* trace.h -- when what was done: spans of time, as a file of the Trace Event Format that chrome://tracing, Perfetto and speedscope read.
 *
 * An array of complete events, {"name", "cat", "ph": "X", "pid", "tid", "ts", "dur", "args": {"step"}}, with ts and dur in
 * microseconds ("Trace Event Format", Google, 2016).  ts counts from 1970, so that files of several processes, and machines
 * whose clocks agree, lie beside each other.  The array's end is written last; readers do without it.
 *
 * Ownership: the file is the trace's.  All functions take NULL for a trace, and do nothing; one thread calls. */
#ifndef RIL_BASE_TRACE_H
#define RIL_BASE_TRACE_H

#include "base/err.h"

#include <stdint.h>

/* Rows of a process: what it computes, and what goes on beside it. */
enum ril_track { RIL_TRACK_PASSES, RIL_TRACK_WORLD };

struct ril_trace;
/* Writes the file anew; `rank` is the process's number in it. */
struct ril_trace *ril_trace_open(const char *path, int rank, struct ril_err *);
/* Which training step the spans to come are of. */
void ril_trace_step(struct ril_trace *, int64_t step);
/* `category` is a word ("backward"); the span's name is both, "backward layers.3", or with `of` NULL the word.  from, to: ril_now().
 * What cannot be kept is said by the next flush. */
void ril_trace_span(struct ril_trace *, enum ril_track, const char *category, const char *of, double from, double to);
/* Writes what there is. */
int ril_trace_flush(struct ril_trace *, struct ril_err *);
/* Ends the array and closes the file. */
int ril_trace_close(struct ril_trace *, struct ril_err *);

#endif
