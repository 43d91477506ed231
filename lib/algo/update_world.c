/* update_world.c -- a step's batch over the ranks of a world: what they must agree on, and statistics of all of them.
 *
 * The batch of a world is its ranks' batches, rank after rank, or where they are shards of one stream (shard.place in the
 * groups) that stream's. */
#include "algo/update_internal.h"

#include <math.h>
#include <stdlib.h>

/* ---- what all groups must say ---- */

enum { TEMPERATURE, LENGTH, SAID };
static const char *const said_names[SAID] = {"temperature", "max_new_tokens"};

int ril_update_settle(struct ril_update *u, struct ril_err *err)
{
	const struct ril_world *w = u->how.world;
	const double mine[SAID] = {u->temperature, u->length};
	double all[SAID] = {NAN, NAN};
	int from[SAID] = {0};
	double(*said)[SAID] = ril_new((size_t)w->size, sizeof *said, err);
	int rc = said ? w->share(w, mine, sizeof mine, said, err) : -1;
	for (int r = 0; r < w->size && !rc; r++) {
		for (int i = 0; i < SAID && !rc; i++) {
			if (isnan(said[r][i]) || said[r][i] == all[i])
				continue;
			if (!isnan(all[i]))
				rc = ril_fail(err, RIL_EFAIL,
					      "%s is %g in the groups of rank %d, %g in those of rank %d",
					      said_names[i], said[r][i], r, all[i], from[i]);
			all[i] = said[r][i];
			from[i] = r;
		}
	}
	free(said);
	u->temperature = all[TEMPERATURE];
	u->length = all[LENGTH];
	return rc;
}

/* ---- dynamic sampling ---- */

/* Where a group is in the world's batch: by its place in the stream whose shards the ranks have, else rank after rank. */
struct place {
	int64_t at;
	int rank;
	size_t index;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int64_t place_of(const struct ril_record *g)
{
	const char *text = ril_record_meta(g, "shard.place");
	return text ? strtoll(text + (*text == '['), NULL, 10) : 0;
}

/* Of the rank's own chosen groups, how many are among the first that the world wants. */
static size_t first_of_all(const struct ril_update *u, const struct place *all, size_t n)
{
	size_t mine = 0;
	for (size_t i = 0; i < n && (int64_t)i < u->how.wanted; i++)
		mine += all[i].rank == u->how.world->rank;
	return mine;
}

static int share_places(struct ril_update *u, const double *count, size_t most, struct place *all, struct ril_err *err)
{
	const struct ril_world *w = u->how.world;
	struct place *mine = ril_new(most, sizeof *mine, err),
		     *padded = ril_new(most * (size_t)w->size, sizeof *all, err);
	int rc = mine && padded ? 0 : -1;
	for (size_t i = 0; i < u->chosen.n && !rc; i++)
		mine[i] = (struct place){place_of(u->chosen.group[i]), w->rank, i};
	if (!rc)
		rc = w->share(w, mine, most * sizeof *mine, padded, err);
	for (int r = 0; r < w->size && !rc; r++)
		for (size_t i = 0; i < (size_t)count[r]; i++)
			*all++ = padded[(size_t)r * most + i];
	free(mine);
	free(padded);
	return rc;
}

int ril_update_choose_together(struct ril_update *u, struct ril_err *err)
{
	const struct ril_world *w = u->how.world;
	size_t n = 0, most = 1;
	if (w->size == 1)
		return 0;
	double *count = ril_new((size_t)w->size, sizeof *count, err);
	struct place *all = NULL;
	if (count)
		count[w->rank] = (double)u->chosen.n;
	int rc = count ? w->sum(w, count, (size_t)w->size, err) : -1;
	for (int r = 0; r < w->size && !rc; r++) {
		n += (size_t)count[r];
		most = (size_t)count[r] > most ? (size_t)count[r] : most;
	}
	if (!rc)
		rc = (all = ril_new(n, sizeof *all, err)) ? share_places(u, count, most, all, err) : -1;
	if (!rc && n) {
		qsort(all, n, sizeof *all, by_place);
		u->chosen.n = first_of_all(u, all, n);
	}
	free(count);
	free(all);
	return rc;
}

/* ---- statistics ---- */

static void pool_side(struct ril_side_stats *to, const struct ril_side_stats *from)
{
	to->responses += from->responses;
	to->tokens += from->tokens;
	to->truncated += from->truncated;
	to->reward += from->reward;
	to->entropy += from->entropy;
	to->rewarded += from->rewarded;
	for (int i = 0; i < from->nterms; i++)
		ril_side_add(to, from->term[i].name, from->term[i].sum, from->term[i].n);
}

int ril_update_pool(const struct ril_update *u, struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_world *w = u->how.world;
	if (w->size == 1)
		return 0;
	struct ril_update_stats *all = ril_new((size_t)w->size, sizeof *all, err), sum = *s;
	int rc = all ? w->share(w, s, sizeof *s, all, err) : -1;
	sum.drawn = sum.groups = sum.zero_variance = sum.undecided = sum.compared = sum.packed_tokens = 0;
	sum.logp_diff_mean = sum.importance = sum.capped = 0;
	for (int k = 0; k < RIL_SIDES; k++) /* whose losses are the world's already */
		sum.side[k] = (struct ril_side_stats){.loss = s->side[k].loss};
	for (int r = 0; r < w->size && !rc; r++) {
		sum.drawn += all[r].drawn;
		sum.groups += all[r].groups;
		sum.zero_variance += all[r].zero_variance;
		sum.undecided += all[r].undecided;
		sum.compared += all[r].compared;
		sum.packed_tokens += all[r].packed_tokens;
		sum.logp_diff_mean += all[r].logp_diff_mean;
		sum.logp_diff_max = fmax(sum.logp_diff_max, all[r].logp_diff_max);
		sum.importance += all[r].importance;
		sum.capped += all[r].capped;
		for (int k = 0; k < RIL_SIDES; k++)
			pool_side(&sum.side[k], &all[r].side[k]);
	}
	*s = sum;
	free(all);
	return rc;
}
