/* signals.c -- see signals.h. */
#include "signals.h"

#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static struct {
	pid_t pid; /* 0: nobody */
	int fd; /* a descriptor of the process, which tells its end even when the number is another's by then; or -1 */
} launcher = {0, -1};

/* Ended by a signal: no temporary file stays behind. */
static void on_fatal(int sig)
{
	ril_file_abandon();
	raise(sig); /* the handler was reset: this ends the process as the signal would have */
}

static void on_stop(int sig)
{
	stop = sig;
}

static void find_launcher(void)
{
	const char *text = getenv("RIL_LAUNCHER");
	char *end;
	long pid = text ? strtol(text, &end, 10) : 0;
	if (pid <= 1 || *end)
		return;
	launcher.pid = (pid_t)pid;
#ifdef SYS_pidfd_open
	launcher.fd = (int)syscall(SYS_pidfd_open, launcher.pid, 0); /* closed on exec */
#endif
}

void ril_signals_catch(void)
{
	static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction ours = {.sa_handler = on_fatal, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
		struct sigaction old;
		if (!sigaction(fatal[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(fatal[i], &ours, NULL);
	}
	find_launcher();
}

void ril_signals_take_one(int sig)
{
	const struct sigaction ours = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
	sigaction(sig, &ours, NULL);
}

void ril_signals_take_over(void)
{
	ril_signals_take_one(SIGINT);
	ril_signals_take_one(SIGTERM);
}

int ril_stop_signal(void)
{
	return stop;
}

bool ril_launcher_gone(void)
{
	if (launcher.fd >= 0)
		return poll(&(struct pollfd){.fd = launcher.fd, .events = POLLIN}, 1, 0) > 0;
	return launcher.pid && kill(launcher.pid, 0) && errno == ESRCH;
}

bool ril_stop_asked(void)
{
	return stop || ril_launcher_gone();
}
