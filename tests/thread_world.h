/* thread_world.h -- a world whose ranks are threads of the test: everything meets in memory.
 *
 * One rank runs at a time: it holds the turn (`turn`, which a rank's thread takes first and gives back last), and lets it go only
 * where it waits for the others. */
#ifndef RIL_TEST_THREAD_WORLD_H
#define RIL_TEST_THREAD_WORLD_H

#include "base/unused.h"
#include "nn/world.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5 };
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int size, arrived; /* size: ranks, which the test sets before it starts them */
static long round_number;
static void *shown[MOST]; /* what each rank brought to the meeting */

static void meet(void)
{
	long mine = round_number;
	if (++arrived == size) {
		arrived = 0;
		round_number++;
		pthread_cond_broadcast(&changed);
	}
	while (round_number == mine)
		pthread_cond_wait(&changed, &turn);
}

static int thread_sum(const struct ril_world *w, double *x, size_t n, RIL_UNUSED struct ril_err *err)
{
	double *sum = calloc(n, sizeof *sum);
	shown[w->rank] = x;
	meet();
	for (int r = 0; r < w->size; r++)
		for (size_t i = 0; i < n; i++)
			sum[i] += ((double *)shown[r])[i];
	meet();
	memcpy(x, sum, n * sizeof *x);
	free(sum);
	return 0;
}

static ril_real get(const void *block, enum ril_dtype type, int64_t i)
{
	return type == RIL_BF16 ? (ril_real)ril_bf16_f32(((const uint16_t *)block)[i]) : ((const ril_real *)block)[i];
}

static void set(void *block, enum ril_dtype type, int64_t i, ril_real x)
{
	if (type == RIL_BF16)
		((uint16_t *)block)[i] = ril_f32_bf16((float)x);
	else
		((ril_real *)block)[i] = x;
}

/* In the order in which all ranks begin them. */
static void thread_reduce_begin(const struct ril_world *w, struct ril_sum *s)
{
	void *block = s->block;
	const int64_t *bound = s->bound;
	enum ril_dtype type = s->type;
	struct ril_range own = {bound[w->rank], bound[w->rank + 1]};
	shown[w->rank] = block;
	meet();
	for (int64_t i = own.from; i < own.to; i++) {
		ril_real sum = get(shown[0], type, i);
		for (int r = 1; r < w->size; r++)
			sum += get(shown[r], type, i);
		set(block, type, i, sum);
	}
	meet();
	for (int64_t i = 0; i < bound[w->size]; i++) /* "undefined" */
		if (i < own.from || i >= own.to)
			set(block, type, i, (ril_real)NAN);
}

static int thread_all_gather(const struct ril_world *w, void *block, const int64_t *bound, size_t bytes,
			     RIL_UNUSED struct ril_err *err)
{
	shown[w->rank] = block;
	meet();
	for (int r = 0; r < w->size; r++) {
		struct ril_range own = {bound[r], bound[r + 1]};
		if (r != w->rank)
			memcpy((char *)block + (size_t)own.from * bytes, (char *)shown[r] + (size_t)own.from * bytes,
			       (size_t)(own.to - own.from) * bytes);
	}
	meet();
	return 0;
}

static int thread_reduce_end(RIL_UNUSED const struct ril_world *w, RIL_UNUSED struct ril_err *err)
{
	return 0;
}

static int thread_reduce_done(RIL_UNUSED const struct ril_world *w, RIL_UNUSED const struct ril_sum *s,
			      RIL_UNUSED bool wait, RIL_UNUSED struct ril_err *err)
{
	return 1;
}

static struct ril_world thread_world(int rank, int ranks)
{
	return (struct ril_world){.rank = rank,
				  .size = ranks,
				  .sum = thread_sum,
				  .reduce_begin = thread_reduce_begin,
				  .reduce_end = thread_reduce_end,
				  .reduce_done = thread_reduce_done,
				  .all_gather = thread_all_gather};
}

#endif
