/* thread.c -- a pool of threads that take tiles from one atomic counter; see thread.h.
 *
 * Tiny models issue tens of thousands of calls a second, so a worker spins briefly for the next call before it sleeps
 * on the condition variable: waking costs more than most tiles. */
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_THREADS = 256, SPIN = 2000 };

static struct {
	int n;                /* threads, the caller's included */
	pthread_t id[MAX_THREADS];
	pthread_mutex_t lock;
	pthread_cond_t wake;
	_Atomic unsigned call; /* changes with every call */
	_Atomic int next, busy;
	int tiles, sleepers;
	void (*fn)(void *, int, int);
	void *ctx;
	bool stop;
} pool = {.n = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Thread_local bool inside;

static void take_tiles(int worker)
{
	int tile;
	inside = true;
	while ((tile = atomic_fetch_add(&pool.next, 1)) < pool.tiles)
		pool.fn(pool.ctx, tile, worker);
	inside = false;
}

static void wait_for_call(unsigned seen)
{
	for (int i = 0; i < SPIN; i++) {
		if (atomic_load_explicit(&pool.call, memory_order_acquire) != seen)
			return;
		__builtin_ia32_pause();
	}
	pthread_mutex_lock(&pool.lock);
	pool.sleepers++;
	while (atomic_load(&pool.call) == seen)
		pthread_cond_wait(&pool.wake, &pool.lock);
	pool.sleepers--;
	pthread_mutex_unlock(&pool.lock);
}

static void *worker_main(void *arg)
{
	int worker = (int)(long)arg;
	unsigned seen = 0;
	for (;;) {
		wait_for_call(seen);
		seen = atomic_load(&pool.call);
		if (pool.stop)
			return NULL;
		take_tiles(worker);
		atomic_fetch_sub(&pool.busy, 1);
	}
}

static void announce(void)
{
	pthread_mutex_lock(&pool.lock);
	atomic_fetch_add(&pool.call, 1);
	if (pool.sleepers)
		pthread_cond_broadcast(&pool.wake);
	pthread_mutex_unlock(&pool.lock);
}

int ril_threads_start(int n, struct ril_err *err)
{
	if (n == 0) {
		cpu_set_t set;
		n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
	}
	if (n < 1 || n > MAX_THREADS)
		return ril_fail(err, RIL_EUSAGE, "%d threads: not in 1..%d", n, MAX_THREADS);
	ril_threads_stop();
	for (int i = 1; i < n; i++) {
		if (pthread_create(&pool.id[i], NULL, worker_main, (void *)(long)i)) {
			pool.n = i;
			ril_threads_stop();
			return ril_fail(err, RIL_EFAIL, "cannot start thread %d", i);
		}
	}
	pool.n = n;
	return 0;
}

void ril_threads_stop(void)
{
	if (pool.n > 1) {
		pool.stop = true;
		announce();
		for (int i = 1; i < pool.n; i++)
			pthread_join(pool.id[i], NULL);
	}
	pool.n = 1;
	pool.stop = false;
	atomic_store(&pool.call, 0);
}

int ril_threads(void)
{
	return pool.n;
}

void ril_parallel(int tiles, void (*fn)(void *, int, int), void *ctx)
{
	if (tiles <= 1 || pool.n == 1 || inside) {
		for (int t = 0; t < tiles; t++)
			fn(ctx, t, 0);
		return;
	}
	pool.fn = fn;
	pool.ctx = ctx;
	pool.tiles = tiles;
	atomic_store(&pool.next, 0);
	atomic_store(&pool.busy, pool.n - 1);
	announce();
	take_tiles(0);
	for (int spins = 0; atomic_load(&pool.busy) > 0; spins++) {
		if (spins < SPIN)
			__builtin_ia32_pause();
		else
			sched_yield();
	}
}
