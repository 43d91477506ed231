/* progress.c -- progress and time left; see progress.h. */
#include "base/progress.h"

#include <time.h>
#include <unistd.h>

double ril_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ril_progress_start(struct ril_progress *p, FILE *to, const char *what, int64_t first, int64_t total)
{
	*p = (struct ril_progress){.to = to, .what = what, .total = total, .first = first};
	p->tty = to && isatty(fileno(to));
	p->start = ril_now();
	p->last = p->start;
}

static void clock_text(char out[32], double s)
{
	long t = (long)(s + .5);
	if (t >= 3600)
		snprintf(out, 32, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
	else
		snprintf(out, 32, "%ld:%02ld", t / 60, t % 60);
}

void ril_progress_show(struct ril_progress *p, int64_t done, const char *note)
{
	double now = ril_now(), every = p->tty ? .2 : 10;
	bool last = p->total && done >= p->total;
	if (!p->to || (now - p->last < every && !last))
		return;
	p->last = now;
	char spent[32], left[48] = "";
	clock_text(spent, now - p->start);
	if (p->total && done > p->first && !last) {
		char t[32];
		clock_text(t, (now - p->start) / (double)(done - p->first) * (double)(p->total - done));
		snprintf(left, sizeof left, ", %s left", t);
	}
	fprintf(p->to, "%s%s %lld", p->tty ? "\r" : "", p->what, (long long)done);
	if (p->total)
		fprintf(p->to, "/%lld  %lld%%", (long long)p->total, (long long)(100 * done / p->total));
	fprintf(p->to, "  %s elapsed%s%s%s%s", spent, left, note ? "  " : "", note ? note : "",
		p->tty ? "\033[K" : "\n");
	fflush(p->to);
}

void ril_progress_end(struct ril_progress *p)
{
	if (p->to && p->tty && p->last > p->start)
		fputc('\n', p->to);
	p->to = NULL;
}
