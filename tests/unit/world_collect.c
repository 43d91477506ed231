/* world_collect.c -- sums, shares and gathering of a world by messages, whatever carries them: forked processes whose messages
 * go through sockets, on a device that the host reads and on one that it does not.  Every sum has the bits of one made in the
 * order of the ranks and rounded once (RIL_TEST_F64). */
#include "../ril_test.h"

#include "base/unused.h"
#include "ops/backend.h"
#include "world/collect_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 5 };

/* ---- messages through sockets: each peer's go in order ---- */

struct queue {
	struct {
		char *p;
		size_t bytes;
	} at[8];
	int n;
};
static int peer[MOST];
static struct queue out[MOST], in[MOST];

static int begin(struct queue *q, void *p, size_t bytes)
{
	if (q->n == 8)
		return -1;
	q->at[q->n].p = p;
	q->at[q->n++].bytes = bytes;
	return 0;
}

static int fake_send(int to, const void *p, size_t bytes)
{
	return begin(&out[to], (void *)(uintptr_t)p, bytes);
}

static int fake_receive(int from, void *p, size_t bytes)
{
	return begin(&in[from], p, bytes);
}

static int pump(struct queue *q, int fd, bool to)
{
	while (q->n) {
		ssize_t n = to ? send(fd, q->at[0].p, q->at[0].bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
			       : recv(fd, q->at[0].p, q->at[0].bytes, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n <= 0)
			return -1;
		q->at[0].p += n;
		q->at[0].bytes -= (size_t)n;
		if (!q->at[0].bytes)
			memmove(&q->at[0], &q->at[1], (size_t)--q->n * sizeof q->at[0]);
	}
	return 0;
}

static int fake_done(void)
{
	int left = 0;
	for (int r = 0; r < MOST; r++) {
		if (pump(&out[r], peer[r], true) || pump(&in[r], peer[r], false))
			return -1;
		left += out[r].n + in[r].n;
	}
	return !left;
}

static int fake_any_thread(void)
{
	return 1;
}

static const char *fake_text(void)
{
	return "a socket";
}

static const struct ril_transport fake = {.version = RIL_TRANSPORT,
					  .library = fake_text,
					  .any_thread = fake_any_thread,
					  .send = fake_send,
					  .receive = fake_receive,
					  .done = fake_done,
					  .why = fake_text};

/* ---- what a rank does ---- */

static ril_real number(int64_t i, int rank)
{
	return (ril_real)((i * 7919 + rank * 104729) % 2001 - 1000) / 1024 * (ril_real)(1 + rank * 1e-3);
}

static void put(void *block, enum ril_dtype type, int64_t i, ril_real x)
{
	if (type == RIL_BF16)
		((uint16_t *)block)[i] = ril_f32_bf16((float)x);
	else
		((ril_real *)block)[i] = x;
}

static ril_real get(const void *block, enum ril_dtype type, int64_t i)
{
	return type == RIL_BF16 ? (ril_real)ril_bf16_f32(((const uint16_t *)block)[i]) : ((const ril_real *)block)[i];
}

/* Element i of the sum. */
static void put_sum(void *block, enum ril_dtype type, int64_t i, int size)
{
	ril_real one[1], sum = 0;
	float narrow = 0;
	for (int r = 0; r < size; r++) {
		put(one, type, 0, number(i, r));
		sum = r ? sum + get(one, type, 0) : get(one, type, 0);
		narrow = r ? narrow + (float)get(one, type, 0) : (float)get(one, type, 0);
	}
	put(block, type, i, type == RIL_BF16 ? (ril_real)narrow : sum);
}

static void check_block(const struct ril_world *w, enum ril_dtype type, int64_t count, const int64_t *bound)
{
	struct ril_err err = {0};
	size_t each = ril_dtype_size(type), bytes = (size_t)count * each;
	char *block = malloc(bytes + 1), *want = malloc(bytes + 1);
	for (int64_t i = 0; i < count; i++) {
		put(block, type, i, number(i, w->rank));
		put_sum(want, type, i, w->size);
	}
	int64_t from = bound[w->rank], n = bound[w->rank + 1] - from;
	struct ril_sum sum = {.block = block, .bound = bound, .type = type};
	w->reduce_begin(w, &sum);
	CHECK(!w->reduce_end(w, &err), "%s", err.msg);
	CHECK(!memcmp(block + (size_t)from * each, want + (size_t)from * each, (size_t)n * each),
	      "rank %d of %d: sums of %lld elements of %zu bytes", w->rank, w->size, (long long)count, each);
	for (int64_t i = 0; i < count; i++)
		if (i < from || i >= from + n)
			put(block, type, i, 7);
	CHECK(!w->all_gather(w, block, bound, each, &err) && !memcmp(block, want, bytes), "gathered: %s", err.msg);
	free(block);
	free(want);
}

static void check_blocks(const struct ril_world *w)
{
	/* the last two in several pieces, and more of one rank than of another */
	static const int64_t counts[] = {0, 1, 255, 257, 70001, 3000001, 4500000};
	int64_t bound[MOST + 1];
	for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
		for (int type = 0; type < 2; type++) {
			ril_world_bounds(w, counts[k], bound);
			check_block(w, type ? RIL_BF16 : RIL_REAL, counts[k], bound);
			for (int r = 0; r <= w->size; r++) /* ragged: the first rank has little, or nothing */
				bound[r] = counts[k] * r * r / (w->size * w->size);
			check_block(w, type ? RIL_BF16 : RIL_REAL, counts[k], bound);
		}
	}
}

static int owner(const int64_t *bound, int64_t i)
{
	int r = 0;
	while (i >= bound[r + 1])
		r++;
	return r;
}

/* Several blocks begun at once, to be summed and, every third, gathered; and asked for something else meanwhile. */
static void check_background(const struct ril_world *w)
{
	enum { BLOCKS = 6, MOST_OF_ONE = 300001 };
	static ril_real block[BLOCKS][MOST_OF_ONE], want[MOST_OF_ONE];
	int64_t bound[BLOCKS][MOST + 1];
	struct ril_sum sum[BLOCKS];
	struct ril_err err = {0};
	double wrong = 0, ranks = 1, before = 0;
	for (int k = 0; k < BLOCKS; k++) {
		int64_t n = k == 2 ? 0 : MOST_OF_ONE - k;
		ril_world_bounds(w, n, bound[k]);
		for (int64_t i = 0; i < n; i++)
			block[k][i] = number(i, w->rank);
		sum[k] = (struct ril_sum){.block = block[k], .bound = bound[k], .type = RIL_REAL, .gather = k % 3 == 1};
		w->reduce_begin(w, &sum[k]);
		if (k == 3)
			CHECK(!w->sum(w, &ranks, 1, &err) && ranks == w->size, "%g ranks: %s", ranks, err.msg);
	}
	CHECK(!w->reduce_end(w, &err), "%s", err.msg);
	for (int k = 0; k < BLOCKS; k++) {
		bool all = sum[k].gather;
		for (int64_t i = all ? 0 : bound[k][w->rank]; i < bound[k][all ? w->size : w->rank + 1]; i++) {
			put_sum(want, RIL_REAL, i, w->size);
			if (all)
				put(want, RIL_REAL, i, number(i, owner(bound[k], i)));
			wrong += want[i] != block[k][i];
		}
		CHECK(sum[k].from >= before && sum[k].to >= sum[k].from, "one after the other");
		before = sum[k].to;
	}
	CHECK(wrong == 0, "rank %d of %d: %g numbers in the background", w->rank, w->size, wrong);
	CHECK(!w->reduce_end(w, &err), "nothing was begun: %s", err.msg);
}

static void check_little(const struct ril_world *w)
{
	static const size_t numbers[] = {1, 512, 513, 20000}, shared[] = {1, 10, (4 << 20) + 17};
	struct ril_err err = {0};
	for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
		size_t n = numbers[k], wrong = 0;
		double *x = malloc(n * sizeof *x);
		for (size_t i = 0; i < n; i++)
			x[i] = 1. / (double)(i + 3 * (size_t)w->rank + 1);
		CHECK(!w->sum(w, x, n, &err), "%s", err.msg);
		for (size_t i = 0; i < n; i++) {
			double sum = 1. / (double)(i + 1);
			for (size_t r = 1; r < (size_t)w->size; r++)
				sum += 1. / (double)(i + 3 * r + 1);
			wrong += sum != x[i];
		}
		CHECK(!wrong, "%zu of %zu numbers", wrong, n);
		free(x);
	}
	for (size_t k = 0; k < sizeof shared / sizeof *shared; k++) {
		size_t n = shared[k], wrong = 0;
		char *mine = malloc(n), *all = malloc(n * (size_t)w->size);
		for (size_t i = 0; i < n; i++)
			mine[i] = (char)(i * 31 + (size_t)w->rank * 7);
		CHECK(!w->share(w, mine, n, all, &err), "%s", err.msg);
		for (size_t i = 0; i < n * (size_t)w->size; i++)
			wrong += all[i] != (char)(i % n * 31 + i / n * 7);
		CHECK(!wrong, "%zu of %zu shared bytes", wrong, n);
		free(mine);
		free(all);
	}
}

/* What was checked goes to the parent; the exit code says whether all was well. */
static int rank_main(int rank, int size, int report)
{
	struct ril_err err = {0};
	struct ril_ops far = *ril_ops();
	const struct ril_ops *near = ril_ops();
	struct ril_joined j = {.world = {.rank = rank,
					 .size = size,
					 .sum = ril_collect_sum,
					 .share = ril_collect_share,
					 .reduce_begin = ril_collect_reduce_begin,
					 .reduce_end = ril_collect_reduce_end,
					 .all_gather = ril_collect_all_gather},
			       .by = &fake};
	CHECK(!ril_collect_ready(&j, &err), "%s", err.msg);
	check_blocks(&j.world);
	check_little(&j.world);
	check_background(&j.world);
	ril_collect_free(&j);
	far.async = true; /* the host copies what it reads, and nothing goes on beside it */
	ril_backend_use(&far);
	CHECK(!ril_collect_ready(&j, &err), "%s", err.msg);
	check_blocks(&j.world);
	check_background(&j.world);
	ril_backend_use(near);
	ril_collect_free(&j);
	int passed = test_passed;
	return write(report, &passed, sizeof passed) != sizeof passed || test_failed;
}

static void run(int size)
{
	int fd[MOST][MOST], report[2], passed, status;
	CHECK(!pipe(report), "a pipe");
	for (int a = 0; a < size; a++) {
		for (int b = a + 1; b < size; b++) {
			int pair[2];
			CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "sockets");
			fd[a][b] = pair[0];
			fd[b][a] = pair[1];
		}
	}
	for (int r = 0; r < size; r++) {
		pid_t child = fork();
		CHECK(child >= 0, "fork");
		if (child)
			continue;
		test_passed = test_failed = 0;
		for (int k = 0; k < size; k++)
			peer[k] = k == r ? -1 : fd[r][k];
		_exit(rank_main(r, size, report[1]));
	}
	for (int r = 0; r < size; r++)
		CHECK(wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status), "a rank of %d", size);
	for (int r = 0; r < size; r++) {
		CHECK(read(report[0], &passed, sizeof passed) == sizeof passed && passed > 50, "checked %d", passed);
		for (int k = 0; k < size; k++)
			if (k != r)
				close(fd[r][k]);
	}
	close(report[0]);
	close(report[1]);
}

int main(void)
{
	run(2);
	run(3);
	run(5);
	TEST_END();
}
