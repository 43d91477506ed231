/* replay.c -- groups of earlier batches; see replay.h. */
#include "algo/replay.h"

#include "base/rng.h"

#include <stdlib.h>

struct ril_replay {
	struct ril_record **at; /* [n] of [capacity] */
	int64_t n, capacity;
	bool pixels;
	uint32_t seed;
};

enum { DRAWS, PLACES }; /* what a random number is for */

struct ril_replay *ril_replay_new(int64_t capacity, bool pixels, uint32_t seed, struct ril_err *err)
{
	struct ril_replay *r = ril_new(1, sizeof *r, err);
	if (!r)
		return NULL;
	*r = (struct ril_replay){.capacity = capacity, .pixels = pixels, .seed = seed};
	if (!(r->at = ril_new((size_t)capacity, sizeof *r->at, err))) {
		free(r);
		return NULL;
	}
	return r;
}

void ril_replay_free(struct ril_replay *r)
{
	if (!r)
		return;
	for (int64_t i = 0; i < r->n; i++)
		ril_record_free(r->at[i]);
	free(r->at);
	free(r);
}

int64_t ril_replay_count(const struct ril_replay *r)
{
	return r->n;
}

/* A number below n, the i-th of step t. */
static int64_t below(const struct ril_replay *r, uint32_t what, int64_t t, int64_t i, int64_t n)
{
	struct ril_rng_at at = {.step = (uint32_t)t, .question = what, .position = (uint32_t)i};
	return ril_rng_below(r->seed, RIL_RNG_REPLAY, at, (uint32_t)n);
}

int64_t ril_replay_draw(const struct ril_replay *r, int64_t t, int64_t n, struct ril_record **out, struct ril_err *err)
{
	n = n < r->n ? n : r->n;
	int64_t *left = ril_new((size_t)r->n, sizeof *left, err);
	if (!left)
		return -1;
	for (int64_t i = 0; i < r->n; i++)
		left[i] = i;
	for (int64_t i = 0; i < n; i++) {
		int64_t k = i + below(r, DRAWS, t, i, r->n - i);
		out[i] = r->at[left[k]];
		left[k] = left[i];
	}
	free(left);
	return n;
}

/* What D reads of a group. */
static struct ril_record *stripped(const struct ril_replay *r, const struct ril_record *group, struct ril_err *err)
{
	static const char *const derived[] = {"disc.*", "reward*", "advantage", "logp.*", "resp.logp"};
	struct ril_record *copy = ril_record_copy(group, err);
	for (size_t i = 0; copy && i < sizeof derived / sizeof *derived; i++)
		ril_record_drop(copy, derived[i]);
	if (copy && !r->pixels)
		ril_record_drop(copy, "vision.pixels");
	return copy;
}

int ril_replay_keep(struct ril_replay *r, const struct ril_batch *b, int64_t t, struct ril_err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		struct ril_record *copy = stripped(r, b->group[i], err);
		if (!copy)
			return -1;
		int64_t place = r->n < r->capacity ? r->n++ : below(r, PLACES, t, (int64_t)i, r->capacity);
		ril_record_free(r->at[place]);
		r->at[place] = copy;
	}
	return 0;
}

/* ---- the file ---- */

int ril_replay_save(const struct ril_replay *r, const char *path, struct ril_err *err)
{
	struct ril_writer *w = ril_writer_open(path, &(struct ril_writer_options){0}, err);
	struct ril_record *head = w ? ril_record_new(RIL_HEAD, NULL, err) : NULL;
	int rc = head ? ril_writer_put(w, head, err) : -1;
	for (int64_t i = 0; i < r->n && !rc; i++)
		rc = ril_writer_put(w, r->at[i], err);
	if (!rc)
		rc = ril_writer_end(w, err);
	ril_record_free(head);
	ril_writer_free(w);
	return rc;
}

/* Which groups of a file are read. */
struct share {
	int64_t number; /* of the next group */
	int rank, ranks;
	bool what_fits;
};

/* Takes the record, or frees it. */
static int take(struct ril_replay *r, struct ril_record *rec, struct share *s, const char *path, struct ril_err *err)
{
	bool group = ril_record_kind(rec) == RIL_GROUP, ours = group && s->number++ % s->ranks == s->rank;
	if (ours && r->n < r->capacity) {
		r->at[r->n++] = rec;
		return 0;
	}
	ril_record_free(rec);
	if (!ours || s->what_fits)
		return 0;
	ril_fail(err, RIL_EFAIL, "%s: holds more than %lld groups", path, (long long)r->capacity);
	return ril_setting(err, "replay");
}

static int load(struct ril_replay *r, const char *path, struct share *s, struct ril_err *err)
{
	struct ril_reader *in = ril_reader_open(path, err);
	struct ril_record *rec;
	int rc = in ? 0 : -1;
	while (!rc && !(rc = ril_reader_next(in, &rec, err)) && rec)
		rc = take(r, rec, s, path, err);
	ril_reader_free(in);
	return rc;
}

int ril_replay_load(struct ril_replay *r, const char *path, struct ril_err *err)
{
	return load(r, path, &(struct share){.ranks = 1}, err);
}

int ril_replay_load_share(struct ril_replay *r, const char *path, int64_t *number, int rank, int ranks,
			  struct ril_err *err)
{
	struct share s = {.number = *number, .rank = rank, .ranks = ranks, .what_fits = true};
	int rc = load(r, path, &s, err);
	*number = s.number;
	return rc;
}
