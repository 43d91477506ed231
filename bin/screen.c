/* screen.c -- see screen.h. */
#include "screen.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended, suspended, resumed, resized;
static struct {
	bool draw, keys;       /* keys: standard input is a terminal, set to our ways */
	struct termios before; /* of standard input */
	sigset_t outside;      /* the mask that waits have */
} screen;

static void on_signal(int sig)
{
	switch (sig) {
	case SIGWINCH: resized = 1; break;
	case SIGTSTP: suspended = 1; break;
	case SIGCONT: resumed = 1; break;
	default: ended = sig;
	}
}

static int say(const char *codes, struct ril_err *err)
{
	struct iovec v = {(void *)codes, strlen(codes)};
	return ril_write_all(1, &v, 1, err);
}

static int take(struct ril_err *err)
{
	struct termios t = screen.before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	if (screen.keys && tcsetattr(0, TCSANOW, &t))
		return ril_fail_errno(err, "the terminal");
	return screen.draw ? say("\033[?1049h\033[?25l\033[2J", err) : 0;
}

static void give(void)
{
	struct ril_err err;
	if (screen.draw)
		say("\033[0m\033[?25h\033[?1049l", &err);
	if (screen.keys)
		tcsetattr(0, TCSANOW, &screen.before);
}

int screen_open(bool draw, struct ril_err *err)
{
	static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
	const struct sigaction ours = {.sa_handler = on_signal};
	sigset_t mask;
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (draw || all[i] != SIGTSTP) {
			sigaddset(&mask, all[i]);
			sigaction(all[i], &ours, NULL);
		}
	sigprocmask(SIG_BLOCK, &mask, &screen.outside);
	screen.draw = draw;
	screen.keys = draw && isatty(0) && !tcgetattr(0, &screen.before);
	if (take(err)) {
		screen_close();
		return -1;
	}
	return 0;
}

void screen_close(void)
{
	give();
	screen.draw = screen.keys = false;
}

static size_t from_environment(const char *name, size_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	long n = text ? strtol(text, &end, 10) : 0;
	return n > 0 && n < 100000 && !*end ? (size_t)n : otherwise;
}

void screen_size(size_t *columns, size_t *rows)
{
	struct winsize size;
	if (isatty(1) && !ioctl(1, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		*columns = size.ws_col;
		*rows = size.ws_row;
		return;
	}
	*columns = from_environment("COLUMNS", *columns);
	*rows = from_environment("LINES", *rows);
}

/* Stopped by the terminal's key: it is somebody else's until we go on. */
static void suspend(void)
{
	suspended = 0;
	give();
	raise(SIGSTOP);
}

static bool quit_key(void)
{
	char key[64];
	ssize_t n = read(0, key, sizeof key);
	if (!n) /* the terminal is gone */
		return true;
	return n > 0 && (memchr(key, 'q', (size_t)n) || memchr(key, 'Q', (size_t)n));
}

enum screen_event screen_wait(double seconds)
{
	struct pollfd in = {.fd = screen.keys ? 0 : -1, .events = POLLIN};
	struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
	struct ril_err err;
	int n = ppoll(&in, 1, &time, &screen.outside);
	if (suspended)
		suspend();
	bool ours = resumed && !take(&err), redraw = ours || resized;
	if (resumed && !ours)
		return SCREEN_QUIT;
	resumed = resized = 0;
	if (ended || (n > 0 && quit_key()))
		return SCREEN_QUIT;
	return redraw || n > 0 ? SCREEN_REDRAW : SCREEN_TIME;
}

bool screen_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < 3; i++) {
		const char *v = getenv(names[i]);
		if (v && *v)
			return strcasestr(v, "UTF-8") || strcasestr(v, "utf8");
	}
	return false;
}
