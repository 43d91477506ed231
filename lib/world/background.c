/* background.c -- blocks of gradients summed while the passes go on; see nn/world.h, reduce_begin.
 *
 * MPI moves bytes while it is called, not beside it.  So a thread takes what was begun off a queue, one block after the other,
 * and calls until that is summed; the thread that computes calls only once the queue is empty (settle): never two at once.
 * What it sums it sums inline, and so computes on a processor that passes may want too: of a gradient's time little.
 *
 * A plug-in that one thread alone may call, and a device whose memory the host cannot read, have no background: there the
 * queue is worked off by whoever waits for it.  Sums are the same: the same blocks in the same order.  Devices that send to
 * each other sum beside their passes themselves (link.c), and nothing is queued here. */
#include "world/collect_internal.h"
#include "world/link_internal.h"
#include "world/watch_internal.h"

#include "base/mem.h"
#include "base/progress.h"
#include "base/thread.h"
#include "ops/backend.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ril_background {
	const struct ril_joined *joined;
	bool possible, started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct ril_sum *first, *last; /* the queue; the first is under way */
	struct ril_err err;           /* of the first that failed */
	_Atomic bool ends;
};

static bool possible(const struct ril_joined *j)
{
	const struct ril_ops *ops = ril_ops();
	return j->world.size > 1 && j->by->any_thread && j->by->any_thread() && ops->host_memory && !ops->async;
}

struct ril_background *ril_background_new(const struct ril_joined *j, struct ril_err *err)
{
	struct ril_background *b = ril_new(1, sizeof *b, err);
	if (!b)
		return NULL;
	b->joined = j;
	b->possible = possible(j);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	return b;
}

void ril_background_free(struct ril_background *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	atomic_store(&b->ends, true);
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	if (b->started)
		pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

bool ril_background_ends(const struct ril_background *b)
{
	return b && atomic_load(&b->ends);
}

static void sum(const struct ril_background *b, struct ril_sum *s, struct ril_err *err)
{
	s->from = ril_now();
	if (!err->code)
		ril_collect_reduce(b->joined, s, err);
	s->to = ril_now();
}

static void *work(void *ctx)
{
	struct ril_background *b = ctx;
	ril_threads_apart();
	pthread_mutex_lock(&b->lock);
	while (!atomic_load(&b->ends)) {
		struct ril_sum *s = b->first;
		if (!s) {
			pthread_cond_wait(&b->changed, &b->lock);
			continue;
		}
		pthread_mutex_unlock(&b->lock);
		struct ril_err err = {.code = b->err.code}; /* after a failure nothing is sent */
		sum(b, s, &err);
		pthread_mutex_lock(&b->lock);
		if (!b->err.code)
			b->err = err;
		b->first = s->next;
		s->done = true;
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

void ril_collect_reduce_begin(const struct ril_world *w, struct ril_sum *s)
{
	struct ril_background *b = ((const struct ril_joined *)w)->background;
	s->next = NULL;
	s->done = false;
	pthread_mutex_lock(&b->lock);
	if (b->first)
		b->last->next = s;
	else
		b->first = s;
	b->last = s;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	/* where no thread can be had, whoever waits does it */
	if (b->possible && !b->started)
		b->started = !ril_watch_thread(&b->thread, work, b);
}

int ril_background_settle(const struct ril_joined *j, struct ril_err *err)
{
	struct ril_background *b = j->background;
	if (ril_link_used(j))
		return ril_link_settle(j, err);
	pthread_mutex_lock(&b->lock);
	while (b->first && b->started)
		pthread_cond_wait(&b->changed, &b->lock);
	for (; b->first; b->first = b->first->next) {
		sum(b, b->first, &b->err);
		b->first->done = true;
	}
	pthread_mutex_unlock(&b->lock);
	return b->err.code ? ril_fail(err, b->err.code, "%s", b->err.msg) : 0;
}

int ril_collect_reduce_end(const struct ril_world *w, struct ril_err *err)
{
	return ril_background_settle((const struct ril_joined *)w, err);
}

int ril_collect_reduce_done(const struct ril_world *w, const struct ril_sum *s, bool wait, struct ril_err *err)
{
	struct ril_background *b = ((const struct ril_joined *)w)->background;
	if (!b->started)
		return ril_background_settle(b->joined, err) ? -1 : 1;
	pthread_mutex_lock(&b->lock);
	while (wait && !s->done)
		pthread_cond_wait(&b->changed, &b->lock);
	int done = s->done, code = b->err.code;
	pthread_mutex_unlock(&b->lock);
	return code ? ril_fail(err, code, "%s", b->err.msg) : done;
}
