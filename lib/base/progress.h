/* progress.h -- "12/150  8%  0:31 elapsed, 5:40 left" on a terminal's one line, or a line now and then in a log. */
#ifndef RIL_BASE_PROGRESS_H
#define RIL_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ril_progress {
	FILE *to;         /* NULL: silent */
	const char *what; /* "ril-update: step" */
	int64_t total;    /* 0: unknown */
	bool tty;
	double start, last;
	int64_t first;
};

/* `first` units were done before this process began (resume): they do not count in the estimate. */
void ril_progress_start(struct ril_progress *, FILE *, const char *what, int64_t first, int64_t total);
/* `note` (may be NULL) is shown after the estimate.  Cheap when little time has passed since the last line. */
void ril_progress_show(struct ril_progress *, int64_t done, const char *note);
void ril_progress_end(struct ril_progress *);

double ril_now(void); /* seconds, monotonic */

#endif
