/* watch.c -- see watch.h.
 *
 * In a terminal the page fills the screen and stays until q or a signal.  Elsewhere a page is printed whenever there is something
 * new, as plain lines, until the run is over. */
#include "watch.h"

#include "screen.h"
#include "tool.h"

#include "base/file.h"
#include "view/view.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PLAIN_COLUMNS = 80, PLAIN_ROWS = 200 };

static struct ril_view_as view_now(bool screen)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	struct ril_view_as v = {
		.columns = PLAIN_COLUMNS,
		.rows = PLAIN_ROWS,
		.colour = isatty(1) && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb")),
		.utf8 = screen_utf8(),
		.screen = screen,
		.now = (double)t.tv_sec + (double)t.tv_nsec / 1e9,
		.to_go_on = "ril-train --resume goes on with it",
		.to_record = "ril-train --record does that",
	};
	screen_size(&v.columns, &v.rows);
	if (!screen && isatty(1))
		v.rows = PLAIN_ROWS; /* it may scroll */
	return v;
}

static int draw(const struct ril_view *w, bool screen, bool another, struct ril_err *err)
{
	struct ril_view_as v = view_now(screen);
	struct ril_buf page = {0};
	int rc = screen ? ril_buf_puts(&page, "\033[H", err) : another ? ril_buf_puts(&page, "\n", err) : 0;
	rc = rc || ril_view_show(w, &v, &page, err) ? -1 : ril_print(page.data, page.len, err);
	ril_buf_free(&page);
	return rc;
}

static bool over(const struct ril_view *w)
{
	return ril_view_state(w) >= RIL_VIEW_FINISHED;
}

/* Until it is told to end; without a screen until the run is over. */
static int go_on(struct ril_view *w, bool screen, double every, struct ril_err *err)
{
	enum screen_event event = SCREEN_REDRAW;
	for (bool first = true; event != SCREEN_QUIT; first = false) {
		bool changed;
		if (ril_view_update(w, &changed, err))
			return -1;
		if ((screen || changed || first) && draw(w, screen, !first, err))
			return -1;
		if (!screen && over(w))
			return 0;
		event = screen_wait(every);
	}
	return 0;
}

int watch(const char *path, const struct watch_options *o, struct ril_err *err)
{
	bool changed, screen = isatty(1) && !o->once;
	const char *term = getenv("TERM");
	if (screen && (!term || !strcmp(term, "dumb")))
		screen = false;
	struct ril_view *w = ril_view_open(path, err);
	if (!w)
		return -1;
	int rc;
	if (o->once) {
		rc = ril_view_update(w, &changed, err) || draw(w, false, false, err) ? -1 : 0;
	} else if (!(rc = screen_open(screen, err))) {
		rc = go_on(w, screen, o->every, err);
		screen_close();
	}
	ril_view_free(w);
	return rc;
}
