/* join.c -- finds the launcher, loads what speaks with it, and joins; see join.h. */
#include "world/collect_internal.h"
#include "world/watch_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
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

static int plugin_path(char path[RIL_PATH], const char *name, struct ril_err *err)
{
	char self[RIL_PATH];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return ril_fail_errno(err, "/proc/self/exe");
	self[n] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	return ril_path(path, err, "%s/" PLACE "/world-%s.so", self, name);
}

static int load(struct ril_joined *j, const char *name, struct ril_err *err)
{
	char path[RIL_PATH];
	if (plugin_path(path, name, err))
		return -1;
	if (access(path, F_OK))
		return ril_fail(err, RIL_EFAIL, "%s is not there: the tools were built without this MPI", path);
	/* Open MPI loads parts of itself, which look for symbols among all */
	if (!(j->library = dlopen(path, RTLD_NOW | RTLD_GLOBAL)))
		return ril_fail(err, RIL_EFAIL, "%s", dlerror());
	const struct ril_transport *t = dlsym(j->library, RIL_TRANSPORT_SYMBOL);
	if (!t || t->version != RIL_TRANSPORT)
		return ril_fail(err, RIL_EFAIL, "%s: of another version of the tools", path);
	j->by = t;
	return 0;
}

/* The one that was asked for, or the first there is. */
static int load_any(struct ril_joined *j, const char *name, struct ril_err *err)
{
	if (name)
		return load(j, name, err);
	for (int i = 0; i < PLUGINS; i++) {
		char path[RIL_PATH];
		if (!plugin_path(path, plugins[i], err) && !access(path, F_OK))
			return load(j, plugins[i], err);
	}
	return ril_fail(err, RIL_EFAIL, "the tools were built without MPI");
}

static void unload(struct ril_joined *j)
{
	ril_watch_free(j->watch);
	ril_collect_free(j);
	free(j->host);
	free(j); /* the library stays: it has threads and handlers of its own */
}

static int enter(struct ril_joined *j, long expected, ril_world_lost *lost, struct ril_err *err)
{
	struct ril_world *w = &j->world;
	char host[RIL_HOST_NAME] = "";
	if (j->by->join(&w->rank, &w->size))
		return ril_fail(err, RIL_EFAIL, "%s", j->by->why());
	w->sum = ril_collect_sum;
	w->share = ril_collect_share;
	w->reduce_scatter = ril_collect_reduce_scatter;
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
	if (load_any(j, plugin, err) || enter(j, n, lost, err)) {
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
	if (j->watch)
		ril_watch_end(j->watch);
	j->by->leave();
	unload(j);
}

void ril_joined_end(struct ril_joined *j, int code, const char *why)
{
	if (!j)
		return;
	if (j->watch)
		ril_watch_tell(j->watch, code, why);
	j->by->end(code);
}
