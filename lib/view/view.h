/* view.h -- what a run is doing, from the files that it writes as it goes on; and that as a page for a terminal.
 *
 * A run is a folder as ril-train makes it (run.json, *.jsonl, record/, lock), or one file of metrics.  Files are read on from where
 * they were left; half a line counts once it is whole; one that was begun anew (a run that was resumed) is read anew. */
#ifndef RIL_VIEW_WATCH_H
#define RIL_VIEW_WATCH_H

#include "base/mem.h"

enum ril_view_state {
	RIL_VIEW_OPEN,     /* nobody can tell: no launcher has ever been at work on it */
	RIL_VIEW_RUNNING,  /* a launcher, or a stage that it left behind, is at work */
	RIL_VIEW_FINISHED, /* all steps are done */
	RIL_VIEW_ENDED,    /* nobody is at work, and steps are left */
};

struct ril_view;
struct ril_view *ril_view_open(const char *path, struct ril_err *);
void ril_view_free(struct ril_view *);
/* Reads what is new; *changed: whether anything is. */
int ril_view_update(struct ril_view *, bool *changed, struct ril_err *);
enum ril_view_state ril_view_state(const struct ril_view *);

struct ril_view_as {
	size_t columns, rows;
	bool colour, utf8;
	bool screen; /* as ril_page has it */
	double now;  /* seconds since 1970 */
	/* What one may do about a run that has ended, about answers that were not recorded, in the program's words; NULL: not said. */
	const char *to_go_on, *to_record;
};
/* Appends the page. */
int ril_view_show(const struct ril_view *, const struct ril_view_as *, struct ril_buf *out, struct ril_err *);

#endif
