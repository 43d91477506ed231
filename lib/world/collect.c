/* collect.c -- sums and gathering by messages; see nn/world.h.
 *
 * A block is summed as it is shared out: every rank sends each owner the owner's part, and the owner adds what came in the
 * order of the ranks, not in that of arrival.  Nothing is added twice, so a sum has the same bits however ranks and messages
 * are timed, and with gathering a rank sends and receives 2 (n - 1)/n of a block, as with the best of other ways (Thakur,
 * Rabenseifner and Gropp, "Optimization of Collective Communication Operations in MPICH", 2005, section 4).
 *
 * Messages are pieces, so that room on the host is bounded.  A device whose memory the host cannot read gets and gives them
 * by copies.  A rank that waits sleeps between its looks: the other stages of its pipeline are on the same processors. */
#include "world/collect_internal.h"
#include "world/pieces_internal.h"

#include "base/mem.h"
#include "base/thread.h"
#include "ops/backend.h"

#include <stdlib.h>
#include <time.h>

enum { ROOM = 32 << 20, LARGEST = 4 << 20 };

static size_t piece_bytes(const struct ril_world *w)
{
	size_t each = ROOM / (size_t)w->size / 64 * 64;
	return each > LARGEST ? LARGEST : each > 4096 ? each : 4096;
}

int ril_collect_ready(struct ril_joined *j, struct ril_err *err)
{
	size_t n = (size_t)j->world.size * piece_bytes(&j->world);
	j->in = ril_new(n, 1, err);
	j->out = ril_new(n, 1, err);
	j->acc = ril_new(piece_bytes(&j->world), 2, err); /* BF16 is added up in float */
	return j->in && j->out && j->acc && (j->background = ril_background_new(j, err)) ? 0 : -1;
}

void ril_collect_free(struct ril_joined *j)
{
	ril_background_free(j->background);
	j->background = NULL;
	free(j->in);
	free(j->out);
	free(j->acc);
}

static struct ril_joined *joined(const struct ril_world *w)
{
	return (struct ril_joined *)(uintptr_t)w;
}

/* Where a rank is gone its library's error comes first, often: those who watch know who it was, and end the process. */
static int lost(const struct ril_joined *j, struct ril_err *err)
{
	if (j->watch)
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	return ril_fail(err, RIL_EFAIL, "%s: %s", j->by->library(), j->by->why());
}

/* All that was begun.  Short waits are looked at again at once, longer ones more and more seldom. */
static int wait_all(const struct ril_joined *j, struct ril_err *err)
{
	enum { AT_ONCE = 200, LONGEST = 500000 };
	long pause = 10000; /* nanoseconds */
	for (int looks = 0, rc; (rc = j->by->done()) != 1; looks++) {
		if (rc < 0)
			return lost(j, err);
		if (ril_background_ends(j->background))
			return ril_fail(err, RIL_EFAIL, "given up");
		if (looks < AT_ONCE)
			continue;
		nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
		pause = pause < LONGEST ? pause + pause / 4 : LONGEST;
	}
	return 0;
}

/* ---- memory ---- */

/* A block, and who can read it. */
struct block {
	char *p;
	size_t size;  /* of an element */
	bool on_host; /* messages go from and to where it lies */
};

static struct block device_block(void *p, size_t size)
{
	const struct ril_ops *ops = ril_ops();
	return (struct block){p, size, ops->host_memory && !ops->async};
}

static int read_block(const struct block *b, void *to, int64_t at, int64_t n, struct ril_err *err)
{
	if (b->on_host)
		return memcpy(to, b->p + (size_t)at * b->size, (size_t)n * b->size), 0;
	ril_ops()->to_host(to, b->p + (size_t)at * b->size, (size_t)n * b->size);
	return ril_ops()->sync(err);
}

static void write_block(const struct block *b, int64_t at, const void *from, int64_t n)
{
	if (b->on_host)
		memcpy(b->p + (size_t)at * b->size, from, (size_t)n * b->size);
	else
		ril_ops()->to_device(b->p + (size_t)at * b->size, from, (size_t)n * b->size);
}

static int send_part(const struct ril_joined *j, const struct block *b, int to, struct ril_range part, char *room,
		     struct ril_err *err)
{
	size_t bytes = (size_t)(part.to - part.from) * b->size;
	if (!bytes)
		return 0;
	if (!b->on_host && read_block(b, room, part.from, part.to - part.from, err))
		return -1;
	return j->by->send(to, b->on_host ? b->p + (size_t)part.from * b->size : room, bytes) ? lost(j, err) : 0;
}

/* ---- sums ---- */

struct adding {
	void *acc;
	const char *from;
	int64_t n;
	enum ril_dtype type;
	bool first;
};
enum { TILE = 1 << 14 };

static void add_tile(void *ctx, int tile, int worker)
{
	const struct adding *a = ctx;
	int64_t from = (int64_t)tile * TILE, to = from + TILE < a->n ? from + TILE : a->n;
	(void)worker;
	if (a->type == RIL_F64) {
		double *acc = a->acc;
		const double *x = (const void *)a->from;
		for (int64_t i = from; i < to; i++)
			acc[i] = a->first ? x[i] : acc[i] + x[i];
	} else if (a->type == RIL_F32) {
		float *acc = a->acc;
		const float *x = (const void *)a->from;
		for (int64_t i = from; i < to; i++)
			acc[i] = a->first ? x[i] : acc[i] + x[i];
	} else {
		float *acc = a->acc;
		const uint16_t *x = (const void *)a->from;
		for (int64_t i = from; i < to; i++)
			acc[i] = a->first ? ril_bf16_f32(x[i]) : acc[i] + ril_bf16_f32(x[i]);
	}
}

static void add(struct adding a)
{
	ril_parallel((int)((a.n + TILE - 1) / TILE), add_tile, &a);
}

/* BF16 was added up in float and is rounded now. */
static void store_sum(const struct block *b, int64_t at, char *acc, int64_t n, enum ril_dtype type)
{
	for (int64_t i = 0; i < n && type == RIL_BF16; i++) {
		float x;
		memcpy(&x, acc + i * (int64_t)sizeof x, sizeof x);
		uint16_t y = ril_f32_bf16(x);
		memcpy(acc + i * (int64_t)sizeof y, &y, sizeof y);
	}
	write_block(b, at, acc, n);
}

static int reduce_round(const struct ril_joined *j, const struct block *b, enum ril_dtype type, const int64_t *bound,
			int64_t k, int64_t piece, struct ril_err *err)
{
	const struct ril_world *w = &j->world;
	size_t stride = (size_t)piece * b->size;
	struct ril_range mine = ril_piece_of(bound, w->rank, k, piece);
	int64_t n = mine.to - mine.from;
	for (int d = 1; d < w->size; d++) {
		int from = (w->rank + w->size - d) % w->size;
		if (n && j->by->receive(from, j->in + (size_t)from * stride, (size_t)n * b->size))
			return lost(j, err);
	}
	for (int d = 1; d < w->size; d++) {
		int to = (w->rank + d) % w->size;
		if (send_part(j, b, to, ril_piece_of(bound, to, k, piece), j->out + (size_t)to * stride, err))
			return -1;
	}
	if (n && read_block(b, j->in + (size_t)w->rank * stride, mine.from, n, err))
		return -1;
	if (wait_all(j, err))
		return -1;
	for (int r = 0; r < w->size && n; r++)
		add((struct adding){j->acc, j->in + (size_t)r * stride, n, type, r == 0});
	if (n)
		store_sum(b, mine.from, j->acc, n, type);
	return 0;
}

static int reduce(const struct ril_joined *j, const struct block *b, enum ril_dtype type, const int64_t *bound,
		  struct ril_err *err)
{
	int64_t piece = (int64_t)(piece_bytes(&j->world) / b->size), all = ril_piece_rounds(&j->world, bound, piece);
	for (int64_t k = 0; k < all; k++)
		if (reduce_round(j, b, type, bound, k, piece, err))
			return -1;
	return 0;
}

int ril_collect_reduce(const struct ril_joined *j, const struct ril_sum *s, struct ril_err *err)
{
	const struct block b = device_block(s->block, ril_dtype_size(s->type));
	return reduce(j, &b, s->type, s->bound, err);
}

/* ---- gathering ---- */

static int gather_round(const struct ril_joined *j, const struct block *b, const int64_t *bound, int64_t k,
			int64_t piece, struct ril_err *err)
{
	const struct ril_world *w = &j->world;
	size_t stride = (size_t)piece * b->size;
	struct ril_range mine = ril_piece_of(bound, w->rank, k, piece);
	for (int d = 1; d < w->size; d++) {
		int from = (w->rank + w->size - d) % w->size;
		struct ril_range part = ril_piece_of(bound, from, k, piece);
		char *to = b->on_host ? b->p + (size_t)part.from * b->size : j->in + (size_t)from * stride;
		if (part.to > part.from && j->by->receive(from, to, (size_t)(part.to - part.from) * b->size))
			return lost(j, err);
	}
	for (int d = 1; d < w->size; d++)
		if (send_part(j, b, (w->rank + d) % w->size, mine, j->out, err))
			return -1;
	if (wait_all(j, err))
		return -1;
	for (int r = 0; r < w->size && !b->on_host; r++) {
		struct ril_range part = ril_piece_of(bound, r, k, piece);
		if (r != w->rank && part.to > part.from)
			write_block(b, part.from, j->in + (size_t)r * stride, part.to - part.from);
	}
	return 0;
}

static int gather(const struct ril_joined *j, const struct block *b, const int64_t *bound, struct ril_err *err)
{
	int64_t piece = (int64_t)(piece_bytes(&j->world) / b->size), all = ril_piece_rounds(&j->world, bound, piece);
	for (int64_t k = 0; k < all; k++)
		if (gather_round(j, b, bound, k, piece, err))
			return -1;
	return 0;
}

int ril_collect_all_gather(const struct ril_world *w, void *p, const int64_t *bound, size_t size, struct ril_err *err)
{
	const struct block b = device_block(p, size);
	if (ril_background_settle(joined(w), err))
		return -1;
	return gather(joined(w), &b, bound, err);
}

/* ---- numbers of the host ---- */

int ril_collect_share(const struct ril_world *w, const void *mine, size_t bytes, void *all, struct ril_err *err)
{
	struct ril_joined *j = joined(w);
	if (ril_background_settle(j, err))
		return -1;
	memcpy((char *)all + (size_t)w->rank * bytes, mine, bytes);
	for (size_t at = 0, n; at < bytes; at += n) {
		n = bytes - at < LARGEST ? bytes - at : LARGEST;
		for (int r = 0; r < w->size; r++)
			if (r != w->rank && (j->by->receive(r, (char *)all + (size_t)r * bytes + at, n) ||
					     j->by->send(r, (const char *)mine + at, n)))
				return lost(j, err);
		if (wait_all(j, err))
			return -1;
	}
	return 0;
}

/* A few are sent to everybody, who all add them in the same order; many are shared out first. */
int ril_collect_sum(const struct ril_world *w, double *x, size_t n, struct ril_err *err)
{
	enum { FEW = 512 };
	struct ril_joined *j = joined(w);
	const struct block b = {(char *)x, sizeof *x, true};
	int rc;
	if (ril_background_settle(j, err))
		return -1;
	if (n <= FEW) {
		if (ril_collect_share(w, x, n * sizeof *x, j->in, err))
			return -1;
		for (int r = 0; r < w->size; r++)
			add((struct adding){x, j->in + (size_t)r * n * sizeof *x, (int64_t)n, RIL_F64, r == 0});
		return 0;
	}
	int64_t *bound = ril_new((size_t)w->size + 1, sizeof *bound, err);
	if (!bound)
		return -1;
	ril_world_bounds(w, (int64_t)n, bound);
	rc = reduce(j, &b, RIL_F64, bound, err) || gather(j, &b, bound, err) ? -1 : 0;
	free(bound);
	return rc;
}
