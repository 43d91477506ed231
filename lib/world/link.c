/* link.c -- blocks that go from device to device; see link.h for who carries them, ops/peers.h for the device's side.
 *
 * Sums keep the promise of nn/world.h.  A library's own reduction adds in an order that its algorithm, its channels and the
 * machines decide, and rounds BF16 at each hop.  So here every rank sends each owner the owner's part, as collect.c does through
 * the host, and the owner's device adds them up in float in the order of the ranks: the bits are those of the host's way.
 * A rank sends and receives (n - 1)/n of a block, as in a ring.  Between machines it is less good: no sums are made
 * within a machine before they leave it, so each device sends the other machines' parts of its own gradient over its own way out.
 *
 * A sum is begun in the middle of a pass.  It is put into the devices' own stream behind an event of the backend's, which says that
 * the pass is done with its block, and the host goes on with the pass: both are done at the same time.  Marks in the stream
 * tell when a sum is there.  Sums share the room for what comes in, so one follows the other.
 *
 * What all have decided together is the same on all ranks: whether blocks go this way depends on everybody's device and
 * library, and is found out once.  A rank that waits looks at the library's errors, gives up what is on its way when there is one,
 * and fails; one that has gone without an error is for those who watch (watch.c), who end the process. */
#include "world/link_internal.h"

#include "world/pieces_internal.h"

#include "base/mem.h"
#include "base/progress.h"
#include "ops/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 400 };

struct ril_linked {
	const struct ril_link *by; /* NULL: through the host */
	const struct ril_peers *peers;
	void *stream;
	char *in; /* [size - 1][piece], device */
	size_t room;
	bool used;                    /* also once given up */
	bool timed;                   /* the host waits for a block's pass before its sum */
	struct ril_sum *first, *last; /* begun since the stream was waited for */
	struct ril_err err;           /* of the first that failed */
	char words[WORDS];
};

/* What a rank brings to the decision. */
struct offer {
	int32_t able;
	struct ril_peer me;
	char library[64];
	char why[160]; /* not able */
};

static struct ril_linked *linked(const struct ril_world *w)
{
	return ((const struct ril_joined *)(const void *)w)->link;
}

/* ---- waiting ---- */

static void pause_after(int looks)
{
	enum { AT_ONCE = 200, SHORT = 20000, LONG = 500000, MANY = 2000 };
	if (looks >= AT_ONCE)
		nanosleep(&(struct timespec){.tv_nsec = looks < MANY ? SHORT : LONG}, NULL);
}

/* Where a rank is gone its library's error comes first, often: those who watch know who it was, and end the process. */
static int gave_up(struct ril_linked *l, struct ril_err *err)
{
	ril_fail(err, RIL_EFAIL, "%s: %s", l->by->library(), l->by->why());
	l->by->abort();
	l->by = NULL;
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	return -1;
}

/* Until the library has given the device what it was told. */
static int given(struct ril_linked *l, struct ril_err *err)
{
	int rc;
	for (int looks = 0; !(rc = l->by->ready()); looks++)
		pause_after(looks);
	return rc < 0 ? gave_up(l, err) : 0;
}

/* Has the device come to a mark?  As the seam says it. */
static int come_to(struct ril_linked *l, int mark, struct ril_err *err)
{
	int rc = l->peers->done(mark, err);
	return l->by->ready() < 0 ? gave_up(l, err) : rc;
}

static int wait_for(struct ril_linked *l, int mark, struct ril_err *err)
{
	int rc;
	for (int looks = 0; !(rc = come_to(l, mark, err)); looks++)
		pause_after(looks);
	return rc < 0 ? -1 : 0;
}

/* All that is in the stream, for the host and for the backend's next calls.  *last: a mark behind it. */
static int wait_for_all(struct ril_linked *l, int *last, struct ril_err *err)
{
	l->peers->rejoin();
	return (*last = l->peers->mark(err)) < 0 ? -1 : wait_for(l, *last, err);
}

static int still(const struct ril_linked *l, struct ril_err *err)
{
	return l->by ? 0 : ril_fail(err, RIL_EFAIL, "messages between the devices have been given up");
}

/* Ends a group of which a call may have failed. */
static int end_group(struct ril_linked *l, int rc, struct ril_err *err)
{
	return l->by->end() || rc ? gave_up(l, err) : given(l, err);
}

/* ---- sums ---- */

static int64_t piece_of(const struct ril_linked *l, int size, size_t each)
{
	enum { GRAIN = 256 }; /* elements */
	int64_t n = (int64_t)(l->room / each) / (size - 1) / GRAIN * GRAIN;
	return n > GRAIN ? n : GRAIN;
}

static int exchange(struct ril_linked *l, const struct ril_world *w, char *block, size_t each, const int64_t *bound,
		    int64_t k, int64_t piece, struct ril_err *err)
{
	struct ril_range mine = ril_piece_of(bound, w->rank, k, piece);
	int rc = l->by->begin();
	if (rc)
		return gave_up(l, err);
	for (int d = 1; d < w->size && !rc; d++) {
		int from = (w->rank + w->size - d) % w->size, to = (w->rank + d) % w->size;
		struct ril_range theirs = ril_piece_of(bound, to, k, piece);
		int64_t slot = from < w->rank ? from : from - 1;
		if (mine.to > mine.from)
			rc = l->by->receive(from, l->in + (size_t)(slot * piece) * each,
					    (size_t)(mine.to - mine.from) * each, l->stream);
		if (!rc && theirs.to > theirs.from)
			rc = l->by->send(to, block + (size_t)theirs.from * each,
					 (size_t)(theirs.to - theirs.from) * each, l->stream);
	}
	return end_group(l, rc, err);
}

static int begin_sum(struct ril_linked *l, const struct ril_world *w, struct ril_sum *s, struct ril_err *err)
{
	size_t each = ril_dtype_size(s->type);
	int64_t piece = piece_of(l, w->size, each), all = ril_piece_rounds(w, s->bound, piece);
	if (still(l, err) || (l->timed && ril_ops()->sync(err)))
		return -1;
	l->peers->part();
	if ((s->mark[0] = l->peers->mark(err)) < 0)
		return -1;
	for (int64_t k = 0; k < all; k++) {
		struct ril_range mine = ril_piece_of(s->bound, w->rank, k, piece);
		if (exchange(l, w, s->block, each, s->bound, k, piece, err))
			return -1;
		l->peers->sum((char *)s->block + (size_t)mine.from * each, l->in, w->rank, w->size, piece,
			      mine.to - mine.from, s->type);
	}
	return (s->mark[1] = l->peers->mark(err)) < 0 ? -1 : 0;
}

static void reduce_begin(const struct ril_world *w, struct ril_sum *s)
{
	struct ril_linked *l = linked(w);
	s->next = NULL;
	s->done = false;
	if (l->first)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
	if (!l->err.code)
		begin_sum(l, w, s, &l->err);
}

static int failed(const struct ril_linked *l, struct ril_err *err)
{
	return l->err.code ? ril_fail(err, l->err.code, "%s", l->err.msg) : 0;
}

/* The device's times, by the host's clock: the host has just seen the device come to the last mark. */
static void note_times(struct ril_linked *l, int last, double now)
{
	for (struct ril_sum *s = l->first; s; s = s->next) {
		s->from = now - l->peers->between(s->mark[0], last);
		s->to = now - l->peers->between(s->mark[1], last);
		s->done = true;
	}
}

int ril_link_settle(const struct ril_joined *j, struct ril_err *err)
{
	struct ril_linked *l = j->link;
	int last;
	if (!l->err.code && l->first && !wait_for_all(l, &last, &l->err)) {
		note_times(l, last, ril_now());
		l->peers->forget();
	}
	l->first = NULL;
	return failed(l, err);
}

static int reduce_end(const struct ril_world *w, struct ril_err *err)
{
	return ril_link_settle((const struct ril_joined *)(const void *)w, err);
}

static int reduce_done(const struct ril_world *w, const struct ril_sum *s, bool wait, struct ril_err *err)
{
	struct ril_linked *l = linked(w);
	int rc = 1;
	if (failed(l, err))
		return -1;
	if (!s->done)
		rc = wait ? 1 + wait_for(l, s->mark[1], &l->err) : come_to(l, s->mark[1], &l->err);
	return failed(l, err) ? -1 : rc;
}

/* ---- gathering ---- */

/* Ranges of one length that follow each other are one call; else each is sent from its owner to all. */
static int all_gather(const struct ril_world *w, void *block, const int64_t *bound, size_t size, struct ril_err *err)
{
	struct ril_linked *l = linked(w);
	bool equal = true;
	int rc, last;
	if (still(l, err) || ril_background_settle((const struct ril_joined *)(const void *)w, err))
		return -1;
	for (int r = 1; r < w->size; r++)
		equal = equal && bound[r + 1] - bound[r] == bound[1] - bound[0];
	if (equal && bound[1] == bound[0])
		return 0;
	l->peers->part();
	if (l->by->begin())
		return gave_up(l, err);
	rc = equal ? l->by->gather((char *)block + (size_t)bound[0] * size, (size_t)(bound[1] - bound[0]) * size,
				   w->rank, l->stream)
		   : 0;
	for (int r = 0; r < w->size && !equal && !rc; r++)
		if (bound[r + 1] > bound[r])
			rc = l->by->broadcast(r, (char *)block + (size_t)bound[r] * size,
					      (size_t)(bound[r + 1] - bound[r]) * size, l->stream);
	if (end_group(l, rc, err) || wait_for_all(l, &last, err))
		return -1;
	l->peers->forget();
	return 0;
}

/* ---- can this rank? ---- */

static int load(struct ril_linked *l, struct ril_err *err)
{
	static const struct ril_plugin nccl = {
		.kind = "link", .name = "nccl", .library = "NCCL", .symbol = RIL_LINK_SYMBOL, .version = RIL_LINK};
	return (l->by = ril_plugin_load(&nccl, err)) ? 0 : -1;
}

static int prepare(struct ril_linked *l, const struct ril_world *w, const char *how, struct ril_peer *me,
		   struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (!strcmp(how, "host"))
		return ril_fail(err, RIL_EFAIL, "told to");
	if (!ops->peers)
		return ril_fail(err, RIL_EFAIL, "%s sends nothing itself", ops->name);
	if (load(l, err) || ops->peers->open(me, &l->stream, err))
		return -1;
	l->peers = ops->peers;
	if (!(l->in = ops->get(l->room)))
		return ril_fail(err, RIL_EFAIL, "%s: no memory for %zu bytes of %d ranks", ops->name, l->room, w->size);
	return 0;
}

/* ---- can all? ---- */

/* The same on all ranks. */
static int judge(const struct ril_joined *j, const struct offer *all, struct ril_err *err)
{
	for (int r = 0; r < j->world.size; r++) {
		const struct offer *o = &all[r];
		if (!o->able)
			return ril_fail(err, RIL_EFAIL, "rank %d, on %s: %s", r, j->host[r], o->why);
		if (strcmp(o->me.kind, all[0].me.kind) != 0)
			return ril_fail(err, RIL_EFAIL, "rank %d, on %s, has a device of %s, rank 0 one of %s", r,
					j->host[r], o->me.kind, all[0].me.kind);
		if (strcmp(o->library, all[0].library) != 0)
			return ril_fail(err, RIL_EFAIL, "rank %d, on %s, has %s, rank 0 %s", r, j->host[r], o->library,
					all[0].library);
		for (int before = 0; before < r; before++)
			if (!strcmp(o->me.device, all[before].me.device))
				return ril_fail(err, RIL_EFAIL, "ranks %d and %d, on %s, have one device", before, r,
						j->host[r]);
	}
	return 0;
}

static int offers(struct ril_joined *j, const char *how, struct ril_err *err, struct ril_err *why)
{
	struct ril_linked *l = j->link;
	struct offer mine = {0}, *all = ril_new((size_t)j->world.size, sizeof *all, err);
	if (!all)
		return -1;
	mine.able = !prepare(l, &j->world, how, &mine.me, why);
	snprintf(mine.why, sizeof mine.why, "%.159s", why->msg);
	if (mine.able)
		snprintf(mine.library, sizeof mine.library, "%s", l->by->library());
	*why = (struct ril_err){0};
	int rc = j->world.share(&j->world, &mine, sizeof mine, all, err);
	if (!rc)
		judge(j, all, why);
	free(all);
	return rc;
}

/* ---- meeting ---- */

/* As judge() takes them. */
static int all_well(struct ril_joined *j, bool well, const char *said, struct ril_err *why, struct ril_err *err)
{
	struct offer mine = {.able = well}, *all = ril_new((size_t)j->world.size, sizeof *all, err);
	if (!all)
		return -1;
	snprintf(mine.why, sizeof mine.why, "%.159s", said);
	int rc = j->world.share(&j->world, &mine, sizeof mine, all, err);
	for (int r = 0; r < j->world.size && !rc && !why->code; r++)
		if (!all[r].able)
			ril_fail(why, RIL_EFAIL, "rank %d, on %s: %s", r, j->host[r], all[r].why);
	free(all);
	return rc;
}

/* 1: all are there.  0: `said` says why not. */
static int meet_all(struct ril_linked *l, const struct ril_world *w, const void *place, char *said, size_t n)
{
	struct timespec now, until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ril_world_patience();
	int rc = l->by->meet(place, w->rank, w->size);
	for (int looks = 0; !rc && !(rc = l->by->ready()); looks++) {
		pause_after(looks);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > until.tv_sec) {
			snprintf(said, n, "%s has not brought the ranks together in %ld s (RIL_WORLD_PATIENCE)",
				 l->by->library(), ril_world_patience());
			return 0;
		}
	}
	if (rc < 0)
		snprintf(said, n, "%s: %s", l->by->library(), l->by->why());
	return rc > 0;
}

static int meet(struct ril_joined *j, struct ril_err *why, struct ril_err *err)
{
	struct ril_linked *l = j->link;
	const struct ril_world *w = &j->world;
	char place[RIL_LINK_PLACE] = {0}, said[WORDS] = "", *all = ril_new((size_t)w->size, sizeof place, err);
	bool well = all && (w->rank || !l->by->place(place));
	if (!well && all)
		snprintf(said, sizeof said, "%s: %s", l->by->library(), l->by->why());
	int rc = !all || all_well(j, well, said, why, err) ? -1 : 0;
	if (!rc && !why->code)
		rc = w->share(w, place, sizeof place, all, err);
	if (!rc && !why->code) {
		well = meet_all(l, w, all, said, sizeof said);
		rc = all_well(j, well, said, why, err);
	}
	if (rc || why->code)
		l->by->abort();
	free(all);
	return rc;
}

/* ---- opening ---- */

static void through_the_host(struct ril_linked *l)
{
	if (l->in)
		ril_ops()->put(l->in);
	if (l->peers)
		l->peers->close();
	l->in = NULL;
	l->peers = NULL;
	l->by = NULL;
}

int ril_link_open(struct ril_joined *j, const char *how, bool timed, size_t room, struct ril_err *err)
{
	struct ril_err why = {0};
	struct ril_linked *l = j->link = ril_new(1, sizeof *l, err);
	if (!l)
		return -1;
	l->room = room;
	l->timed = timed;
	int rc = offers(j, how, err, &why);
	if (!rc && !why.code)
		rc = meet(j, &why, err);
	if (rc || why.code)
		through_the_host(l);
	if (!rc && why.code && !strcmp(how, "nccl")) {
		*err = why;
		return ril_setting(err, "transport");
	}
	if (rc)
		return -1;
	l->used = !why.code;
	if (l->used) {
		j->world.reduce_begin = reduce_begin;
		j->world.reduce_end = reduce_end;
		j->world.reduce_done = reduce_done;
		j->world.all_gather = all_gather;
	}
	snprintf(l->words, sizeof l->words, why.code ? "blocks go through the host: %s" : "blocks go by %s",
		 why.code ? why.msg : l->by->library());
	return 0;
}

bool ril_link_used(const struct ril_joined *j)
{
	return j->link && j->link->used;
}

int ril_joined_link(struct ril_joined *j, const char *how, bool timed, struct ril_err *err)
{
	enum { ROOM = 64 << 20 };
	return j && j->world.size > 1 ? ril_link_open(j, how, timed, ROOM, err) : 0;
}

const char *ril_joined_blocks(const struct ril_joined *j)
{
	return j && j->link ? j->link->words : NULL;
}

void ril_link_leave(struct ril_joined *j)
{
	if (j->link && j->link->by)
		j->link->by->leave();
}

void ril_link_free(struct ril_joined *j)
{
	if (j->link)
		through_the_host(j->link);
	free(j->link);
	j->link = NULL;
}
