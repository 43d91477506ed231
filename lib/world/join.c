/* join.c -- finds the launcher, loads what speaks with it, and joins; see join.h. */
#include "world/collect_internal.h"
#include "world/link_internal.h"
#include "world/siblings_internal.h"
#include "world/watch_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/unused.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PLACE "../libexec/ril"

static const char *const plugins[] = {"openmpi", "mpich"};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

static long number(const char *variable)
{
	const char *text = getenv(variable);
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 0;
	return end && end != text && !*end ? n : 0;
}

/* The processes that a launcher of MPI has started this one among, 0 without one, and the plug-in that understands it.  Not
 * what Slurm says of a job: its batch script is one process, whatever the job may start. */
static long launched(const char **plugin)
{
	long n;
	*plugin = plugins[0];
	if ((n = number("OMPI_COMM_WORLD_SIZE")) > 0)
		return n;
	if (getenv("PMIX_RANK") && (n = number("SLURM_STEP_NUM_TASKS")) > 0)
		return n;
	*plugin = plugins[1];
	return number("PMI_SIZE");
}

bool ril_world_started(void)
{
	const char *plugin;
	return launched(&plugin) > 0;
}

/* Beside the program: ../libexec/ril/KIND-NAME.so. */
static int plugin_path(char path[RIL_PATH], const char *kind, const char *name, struct ril_err *err)
{
	char self[RIL_PATH];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return ril_fail_errno(err, "/proc/self/exe");
	self[n] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	return ril_path(path, err, "%s/" PLACE "/%s-%s.so", self, kind, name);
}

const void *ril_plugin_load(const struct ril_plugin *p, struct ril_err *err)
{
	char path[RIL_PATH];
	if (plugin_path(path, p->kind, p->name, err))
		return NULL;
	if (access(path, F_OK)) {
		ril_fail(err, RIL_EFAIL, "%s is not there: the tools were built without %s", path, p->library);
		return NULL;
	}
	void *library = dlopen(path, RTLD_NOW | (p->global ? RTLD_GLOBAL : RTLD_LOCAL));
	if (!library) {
		ril_fail(err, RIL_EFAIL, "%s", dlerror());
		return NULL;
	}
	const int *table = dlsym(library, p->symbol);
	if (table && *table == p->version)
		return table;
	ril_fail(err, RIL_EFAIL, "%s: of another version of the tools", path);
	return NULL;
}

static int load(struct ril_joined *j, const char *name, struct ril_err *err)
{
	/* Open MPI loads parts of itself, which look for symbols among all */
	const struct ril_plugin mpi = {.kind = "world",
				       .name = name,
				       .library = "this MPI",
				       .symbol = RIL_TRANSPORT_SYMBOL,
				       .version = RIL_TRANSPORT,
				       .global = true};
	return (j->by = ril_plugin_load(&mpi, err)) ? 0 : -1;
}

/* The one that was asked for, or the first there is. */
static int load_any(struct ril_joined *j, const char *name, struct ril_err *err)
{
	if (name)
		return load(j, name, err);
	for (int i = 0; i < PLUGINS; i++) {
		char path[RIL_PATH];
		if (!plugin_path(path, "world", plugins[i], err) && !access(path, F_OK))
			return load(j, plugins[i], err);
	}
	return ril_fail(err, RIL_EFAIL, "the tools were built without MPI");
}

/* A launcher knows a rank, not the stages of its pipeline: a second one of them that joined would take the first one's messages.
 * So whoever joins takes a name, a socket's without a file, which is free again when the process ends. */
static int claim(struct ril_err *err)
{
	const char *job = getenv("PMIX_NAMESPACE"), *rank = getenv("PMIX_RANK");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char *key = name.sun_path + 1; /* behind a zero byte: abstract */
	size_t room = sizeof name.sun_path - 1;
	struct stat st;
	if (job && rank)
		snprintf(key, room, "ril-world/%s.%s", job, rank);
	else if (number("PMI_FD") > 0 && !fstat((int)number("PMI_FD"), &st))
		snprintf(key, room, "ril-world/%lld", (long long)st.st_ino);
	else
		return 0; /* nobody to be mistaken for */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !bind(fd, (const struct sockaddr *)(const void *)&name,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(key))))
		return 0; /* held until the process ends */
	bool taken = fd >= 0 && errno == EADDRINUSE;
	if (fd >= 0)
		close(fd);
	return taken ? ril_fail(err, RIL_EFAIL,
				"another process of this pipeline has joined as this rank: one more needs a launcher "
				"of its own")
		     : 0;
}

static void unload(struct ril_joined *j)
{
	ril_watch_free(j->watch);
	ril_link_free(j);
	ril_collect_free(j);
	free(j->host);
	free(j); /* the library stays: it has threads and handlers of its own */
}

/* ---- patience, until the ranks can watch over each other ---- */

static struct {
	ril_world_lost *lost;
	long seconds;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool together;
} start = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* A second, or less if they have come together: with the lock held. */
static void wait_a_second(void)
{
	struct timespec until;
	int rc = clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	while (!start.together && !rc)
		rc = pthread_cond_timedwait(&start.changed, &start.lock, &until);
}

static void *be_patient(RIL_UNUSED void *ctx)
{
	enum { LOOKS = 3 }; /* one after the other */
	char text[160];
	int gone = 0, which = 0, of = 0;
	pthread_mutex_lock(&start.lock);
	for (long s = 0; !start.together && s < start.seconds && gone < LOOKS; s++) {
		wait_a_second();
		pthread_mutex_unlock(&start.lock);
		gone = ril_sibling_gone(&which, &of) ? gone + 1 : 0;
		pthread_mutex_lock(&start.lock);
	}
	bool late = !start.together;
	pthread_mutex_unlock(&start.lock);
	if (gone == LOOKS)
		snprintf(text, sizeof text, "process %d of the %d started on this machine has ended and had not joined",
			 which, of);
	else
		snprintf(
			text, sizeof text,
			"the processes that were started together have not come together in %ld s (RIL_WORLD_PATIENCE)",
			start.seconds);
	if (late)
		start.lost(text, RIL_EFAIL);
	return NULL;
}

long ril_world_patience(void)
{
	enum { SECONDS = 60 };
	long told = number("RIL_WORLD_PATIENCE");
	return told > 0 ? told : SECONDS;
}

static int start_patience(ril_world_lost *lost, struct ril_err *err)
{
	start.lost = lost;
	start.seconds = ril_world_patience();
	start.together = false;
	int rc = ril_watch_thread(&start.thread, be_patient, NULL);
	return rc ? ril_fail(err, RIL_EFAIL, "a thread: %s", strerror(rc)) : 0;
}

static void end_patience(void)
{
	pthread_mutex_lock(&start.lock);
	start.together = true;
	pthread_cond_signal(&start.changed);
	pthread_mutex_unlock(&start.lock);
	pthread_join(start.thread, NULL);
}

static int enter(struct ril_joined *j, long expected, ril_world_lost *lost, struct ril_err *err)
{
	struct ril_world *w = &j->world;
	char host[RIL_HOST_NAME] = "";
	if (claim(err))
		return -1;
	if (j->by->join(&w->rank, &w->size))
		return ril_fail(err, RIL_EFAIL, "%s", j->by->why());
	w->sum = ril_collect_sum;
	w->share = ril_collect_share;
	w->reduce_begin = ril_collect_reduce_begin;
	w->reduce_end = ril_collect_reduce_end;
	w->reduce_done = ril_collect_reduce_done;
	w->all_gather = ril_collect_all_gather;
	if (expected && w->size != expected)
		return ril_fail(err, RIL_EFAIL,
				"the launcher started %ld processes, %s finds %d: it is another MPI's launcher",
				expected, j->by->library(), w->size);
	if (gethostname(host, sizeof host - 1))
		snprintf(host, sizeof host, "?");
	if (!(j->host = ril_new((size_t)w->size, sizeof *j->host, err)) || ril_collect_ready(j, err))
		return -1;
	if (w->share(w, host, sizeof host, j->host, err))
		return -1;
	return w->size == 1 || (j->watch = ril_watch_start(w, j->host, lost, err)) ? 0 : -1;
}

int ril_world_join(struct ril_joined **out, const char *how, ril_world_lost *lost, struct ril_err *err)
{
	const char *plugin;
	long n = launched(&plugin);
	*out = NULL;
	if (!strcmp(how, "none") || (!strcmp(how, "auto") && n < 2))
		return 0;
	if (strcmp(how, "auto") != 0 && strcmp(how, "mpi") != 0)
		plugin = how;
	else if (!n)
		plugin = NULL;
	struct ril_joined *j = ril_new(1, sizeof *j, err);
	if (!j)
		return -1;
	int rc = load_any(j, plugin, err) || start_patience(lost, err) ? -1 : 0;
	if (!rc) {
		rc = enter(j, n, lost, err);
		end_patience();
	}
	if (rc) {
		unload(j);
		if (n > 1)
			ril_context(err, "one of %ld processes that were started together", n);
		return ril_setting(err, "world");
	}
	*out = j;
	return 0;
}

const struct ril_world *ril_joined_world(const struct ril_joined *j)
{
	return j ? &j->world : &ril_world_one;
}

const char *ril_joined_host(const struct ril_joined *j, int rank)
{
	return j->host[rank];
}

const char *ril_joined_library(const struct ril_joined *j)
{
	return j->by->library();
}

void ril_joined_leave(struct ril_joined *j)
{
	if (!j)
		return;
	ril_background_free(j->background);
	j->background = NULL;
	ril_link_leave(j);
	if (j->watch)
		ril_watch_end(j->watch);
	j->by->leave();
	unload(j);
}

void ril_world_heard(void)
{
	enum { TRIES = 200 };
	const struct timespec a_while = {.tv_nsec = 5000000};
	struct stat st;
	int unread = 0;
	if (fstat(STDERR_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return;
	for (int i = 0; i < TRIES && !ioctl(STDERR_FILENO, FIONREAD, &unread) && unread; i++)
		nanosleep(&a_while, NULL);
}

void ril_joined_end(struct ril_joined *j, int code, const char *why)
{
	if (!j)
		return;
	ril_background_free(j->background);
	j->background = NULL;
	ril_world_heard();
	if (j->watch)
		ril_watch_tell(j->watch, code, why);
	j->by->end(code);
}
