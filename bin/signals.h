/* signals.h -- signals, and the launcher that may vanish: the one place that knows of either.
 *
 * Here and not in the library, which neither catches signals nor ends a process: it is the tool that decides what a
 * signal means.  Every tool ends by one as usual, leaving no temporary file behind.  A tool that feeds a loop (ril-encode,
 * ril-rollout) takes SIGINT and SIGTERM over and asks, once a batch, whether to stop: it then finishes the step at work
 * with a checkpoint and ends its stream as it should, so that all stages after it save and end.
 *
 * A launcher puts its process id into RIL_LAUNCHER.  When that process is gone, it is as if SIGTERM had come; every tool
 * that was started by it then fails at its end.  Without the variable nobody is watched: nohup, setsid and shells that
 * exit are no matter. */
#ifndef RIL_BIN_SIGNALS_H
#define RIL_BIN_SIGNALS_H

#include <stdbool.h>

void ril_signals_catch(void);       /* every tool; remembers the launcher, too */
void ril_signals_take_over(void);   /* SIGINT, SIGTERM: asked for below; the second one ends the tool at once */
void ril_signals_take_one(int sig); /* that one alone */
int ril_stop_signal(void);          /* the one that came, or 0 */
bool ril_stop_asked(void);          /* a signal came, or the launcher is gone */
bool ril_launcher_gone(void);

#endif
