/* thread.c -- a pool of threads that take tiles from one atomic word; see thread.h.
 *
 * The word holds the call's number, its tiles and the next tile, so that taking a tile also tells which call it belongs
 * to.  A call is over when its tiles are done: a worker that is late (asleep, or its processor is lent to another
 * process) is not waited for, and finds nothing left.
 *
 * Tiny models issue tens of thousands of calls a second and waking a thread costs more than most tiles, so a worker
 * spins for some 50 microseconds before it sleeps; a stage that waits for its input thus costs nothing. */
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_THREADS = 256, SPIN = 2000, TILE_BITS = 24, MAX_TILES = (1 << TILE_BITS) - 2 * MAX_THREADS };

static struct {
	int n; /* threads, the caller's included */
	pthread_t id[MAX_THREADS];
	pthread_mutex_t lock;
	pthread_cond_t called, finished;
	_Atomic uint64_t job; /* call << 48 | tiles << 24 | next tile */
	_Atomic int done, sleepers;
	_Atomic bool waiting, stop;
	void (*fn)(void *, int, int); /* stable while a tile of the call is not done */
	void *ctx;
} pool = {.n = 1,
	  .lock = PTHREAD_MUTEX_INITIALIZER,
	  .called = PTHREAD_COND_INITIALIZER,
	  .finished = PTHREAD_COND_INITIALIZER};

static _Thread_local bool inside;
static _Thread_local int self; /* this thread's worker number */

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static inline unsigned call_of(uint64_t job)
{
	return (unsigned)(job >> (2 * TILE_BITS));
}

static void take_tiles(void)
{
	int did = 0, tiles;
	inside = true;
	for (;;) {
		uint64_t job = atomic_fetch_add(&pool.job, 1);
		int tile = (int)(job & ((1 << TILE_BITS) - 1));
		tiles = (int)(job >> TILE_BITS & ((1 << TILE_BITS) - 1));
		if (tile >= tiles)
			break;
		pool.fn(pool.ctx, tile, self);
		did++;
	}
	inside = false;
	if (did && atomic_fetch_add(&pool.done, did) + did == tiles && atomic_load(&pool.waiting)) {
		pthread_mutex_lock(&pool.lock);
		pthread_cond_signal(&pool.finished);
		pthread_mutex_unlock(&pool.lock);
	}
}

static void wait_for_call(unsigned seen)
{
	for (int i = 0; i < SPIN; i++) {
		if (call_of(atomic_load_explicit(&pool.job, memory_order_acquire)) != seen)
			return;
		pause_cpu();
	}
	pthread_mutex_lock(&pool.lock);
	atomic_fetch_add(&pool.sleepers, 1);
	while (call_of(atomic_load(&pool.job)) == seen)
		pthread_cond_wait(&pool.called, &pool.lock);
	atomic_fetch_sub(&pool.sleepers, 1);
	pthread_mutex_unlock(&pool.lock);
}

static void *worker_main(void *arg)
{
	unsigned seen = 0;
	self = (int)(intptr_t)arg;
	for (;;) {
		wait_for_call(seen);
		seen = call_of(atomic_load(&pool.job));
		if (atomic_load(&pool.stop))
			return NULL;
		take_tiles();
	}
}

static void call(int tiles)
{
	unsigned number = (call_of(atomic_load(&pool.job)) + 1) & 0xffff;
	atomic_store(&pool.done, 0);
	atomic_store(&pool.job, (uint64_t)number << (2 * TILE_BITS) | (uint64_t)tiles << TILE_BITS);
	if (atomic_load(&pool.sleepers)) {
		pthread_mutex_lock(&pool.lock);
		pthread_cond_broadcast(&pool.called);
		pthread_mutex_unlock(&pool.lock);
	}
}

/* Processors that this process may keep busy: its affinity, and its container's share of time (cgroup 2), beyond which
 * all threads would be stopped together. */
static int processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
	long quota, period;
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
	if (f) {
		if (fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0 && quota / period < n)
			n = (int)((quota + period - 1) / period);
		fclose(f);
	}
	return n > MAX_THREADS ? MAX_THREADS : n;
}

int ril_threads_start(int n, struct ril_err *err)
{
	if (n == 0)
		n = processors();
	if (n < 1 || n > MAX_THREADS)
		return ril_fail(err, RIL_EUSAGE, "%d threads: not in 1..%d", n, MAX_THREADS);
	ril_threads_stop();
	for (int i = 1; i < n; i++) {
		if (pthread_create(&pool.id[i], NULL, worker_main, (void *)(intptr_t)i)) {
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
		atomic_store(&pool.stop, true);
		call(0);
		for (int i = 1; i < pool.n; i++)
			pthread_join(pool.id[i], NULL);
	}
	pool.n = 1;
	atomic_store(&pool.stop, false);
	atomic_store(&pool.job, 0);
}

int ril_threads(void)
{
	return pool.n;
}

void ril_threads_apart(void)
{
	inside = true;
}

static void wait_for_tiles(int tiles)
{
	for (int i = 0; i < SPIN; i++) {
		if (atomic_load_explicit(&pool.done, memory_order_acquire) == tiles)
			return;
		pause_cpu();
	}
	pthread_mutex_lock(&pool.lock);
	atomic_store(&pool.waiting, true);
	while (atomic_load(&pool.done) != tiles)
		pthread_cond_wait(&pool.finished, &pool.lock);
	atomic_store(&pool.waiting, false);
	pthread_mutex_unlock(&pool.lock);
}

void ril_parallel(int tiles, void (*fn)(void *, int, int), void *ctx)
{
	if (tiles <= 1 || pool.n == 1 || inside || tiles > MAX_TILES) {
		for (int t = 0; t < tiles; t++)
			fn(ctx, t, self);
		return;
	}
	pool.fn = fn;
	pool.ctx = ctx;
	call(tiles);
	take_tiles();
	wait_for_tiles(tiles);
}
