/* screen.h -- the terminal as a screen that is drawn again and again: its size, keys, and that it is left as it was found, whichever way
 * the program ends.
 *
 * While it is open: the alternate screen, no cursor, keys without echo and without the enter key.  SIGINT, SIGTERM, SIGHUP and SIGQUIT
 * ask for the end; SIGTSTP gives the terminal back until SIGCONT; SIGWINCH only wakes.  They are let in during waits alone,
 * so that the terminal is never half set. */
#ifndef RIL_BIN_SCREEN_H
#define RIL_BIN_SCREEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum screen_event {
	SCREEN_TIME,   /* nothing came */
	SCREEN_REDRAW, /* another size, or the terminal is ours again */
	SCREEN_QUIT,   /* the key q, or a signal */
};

/* Takes signals over; draw: whether the terminal is to be a screen, too. */
int screen_open(bool draw, struct ril_err *);
void screen_close(void); /* harmless twice */
/* Columns and rows of standard output; what COLUMNS and LINES say, or the defaults given, where it is no terminal. */
void screen_size(size_t *columns, size_t *rows);
enum screen_event screen_wait(double seconds);
/* The terminal's characters, by LC_ALL, LC_CTYPE, LANG. */
bool screen_utf8(void);

#endif
