/* shard_options.c -- which shard of a stream; see shard_options.h.
 *
 * A launcher's variables are only looked at on demand: a batch script of Slurm's has SLURM_PROCID=0 and SLURM_NTASKS of the
 * job, and whoever tries a tool there wants all of the data.  The innermost launcher knows best: mpirun within a job starts
 * its ranks from a process that has Slurm's variables, too.  For the same reason SLURM_PROCID counts only in a step, whose
 * tasks SLURM_STEP_NUM_TASKS counts. */
#include "shard_options.h"

#include <errno.h>
#include <stdlib.h>

struct launcher {
	const char *name, *rank, *size;
};
static const struct launcher launchers[] = {
	{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
	{"PMI", "PMI_RANK", "PMI_SIZE"},
	{"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
};

static const char *set(const char *variable)
{
	const char *text = getenv(variable);
	return text && *text ? text : NULL;
}

static int from_launcher(const struct ril_tool *t, struct ril_shard *s, struct ril_err *err)
{
	for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
		const struct launcher *l = &launchers[i];
		const char *rank = set(l->rank), *size = set(l->size);
		struct ril_buf b = {0};
		if (!rank || !size)
			continue;
		int rc = ril_buf_printf(&b, err, "%s/%s", rank, size) || ril_shard_parse(s, b.data, err) ? -1 : 0;
		ril_buf_free(&b);
		if (rc)
			return ril_context(err, "%s/%s", l->rank, l->size);
		ril_say(t, "shard %lld/%lld, as %s says", (long long)s->index, (long long)s->of, l->name);
		return 0;
	}
	return ril_fail(
		err, RIL_EUSAGE,
		"no launcher says which rank this is: neither RIL_SHARD nor the variables of Open MPI, PMI or a "
		"step of Slurm's are set");
}

int shard_choose(const struct ril_tool *t, const struct shard_args *a, struct ril_shard *s, struct ril_err *err)
{
	const char *ours = set("RIL_SHARD"), *what = a->shard && strcmp(a->shard, "env") != 0 ? a->shard : ours;
	bool by_place = !strcmp(a->by, "place");
	*s = (struct ril_shard){0};
	if (!what && !a->shard)
		return by_place ? ril_fail(err, RIL_EUSAGE, "--shard-by goes with --shard") : 0;
	int rc;
	if (what && (what != ours || strcmp(ours, "env") != 0)) {
		rc = ril_shard_parse(s, what, err);
		rc = rc ? ril_context(err, "%s", what == ours ? "RIL_SHARD" : "--shard") : 0;
		if (!rc && what == ours)
			ril_say(t, "shard %s, as RIL_SHARD says", what);
	} else {
		rc = from_launcher(t, s, err);
	}
	s->by_place = by_place;
	return rc;
}
