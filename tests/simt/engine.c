/* engine.c -- runs a kernel: block after block, and within a block one thread at a time, each until it must wait.
 *
 * Threads that could go on are bits, by warp; whoever has to wait hands over to one of them itself.  A warp goes on as
 * long as one of its lanes can, so its stacks stay in the cache.  RIL_SIMT_ORDER: "reverse" takes threads and blocks from
 * the other end, "random" or "random:SEED" in an order of chance; a kernel's results must not depend on it.
 *
 * Nobody who waits is left behind: when no thread can go on, one waits for what cannot come, and the process ends with
 * what everybody waits at. */
#include "simt_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct simt_here simt_here;
struct simt_kernel simt_kernel;
struct simt_thread *simt_self;
int64_t simt_block_index;
int simt_threads;
char *simt_shared_memory;
const struct simt_checks *simt_checks;

const char *const simt_meeting_name[] = {
	[SIMT_NONE] = "nothing",
	[SIMT_BARRIER] = "__syncthreads",
	[SIMT_BARRIER_OR] = "__syncthreads_or",
	[SIMT_BARRIER_AND] = "__syncthreads_and",
	[SIMT_BARRIER_COUNT] = "__syncthreads_count",
	[SIMT_SYNCWARP] = "__syncwarp",
	[SIMT_BALLOT] = "a vote",
	[SIMT_SHUFFLE] = "__shfl_sync",
	[SIMT_SHUFFLE_XOR] = "__shfl_xor_sync",
	[SIMT_SHUFFLE_UP] = "__shfl_up_sync",
	[SIMT_SHUFFLE_DOWN] = "__shfl_down_sync",
	[SIMT_MMA] = "ril_mma",
	[SIMT_LDMATRIX] = "ril_ldmatrix",
	[SIMT_LDMATRIX_TRANS] = "ril_ldmatrix_trans",
};

static struct simt_thread thread[SIMT_MAX_THREADS];
static struct simt_warp warp[SIMT_MAX_WARPS];
static struct simt_fiber outside;
static const void *closure;

/* The block's state. */
static struct {
	uint32_t ready; /* warps with a lane that can go on */
	int left;       /* threads that have not exited */
	int arrived;    /* at the barrier */
	int sum;        /* of what was brought there */
	enum simt_meeting meeting;
	struct simt_thread *first; /* who came to the barrier first */
} block;

static enum { FORWARD, REVERSE, RANDOM } order;
static uint32_t chance = 1;

/* ---- messages ---- */

static void place(const struct simt_thread *t)
{
	fprintf(stderr, "kernel %s, block (%u,%u,%u), thread (%u,%u,%u)", simt_kernel.name, simt_here.block.x,
		simt_here.block.y, simt_here.block.z, t->at.x, t->at.y, t->at.z);
}

void simt_fault(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fflush(stdout);
	fputs("simt: ", stderr);
	if (simt_kernel.function && simt_self) {
		place(simt_self);
		fputs(": ", stderr);
	}
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static bool same_place(const struct simt_thread *a, const struct simt_thread *b)
{
	return a->meeting == b->meeting && a->mask == b->mask && a->line == b->line && (!a->file || a->file == b->file);
}

static bool has_exited(const struct simt_thread *t)
{
	return t->warp->exited >> t->lane & 1;
}

/* Who waits at what, neighbours at one place in one line. */
static void tell_all(void)
{
	for (int i = 0, j; i < simt_threads; i = j) {
		const struct simt_thread *t = &thread[i];
		bool gone = has_exited(t);
		for (j = i + 1;
		     j < simt_threads && has_exited(&thread[j]) == gone && (gone || same_place(t, &thread[j])); j++)
			;
		fprintf(stderr, "  threads %d to %d ", i, j - 1);
		if (gone)
			fputs("have exited\n", stderr);
		else if (t->meeting == SIMT_NONE)
			fputs("run\n", stderr);
		else if (t->meeting <= SIMT_BARRIER_COUNT)
			fprintf(stderr, "wait at %s, %s:%d\n", simt_meeting_name[t->meeting], t->file, t->line);
		else
			fprintf(stderr, "wait at %s, mask %08x, %s:%d\n", simt_meeting_name[t->meeting], t->mask,
				t->file, t->line);
	}
}

/* A meeting that cannot come about. */
static void __attribute__((noreturn, format(printf, 1, 2))) diverged(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fflush(stdout);
	fputs("simt: ", stderr);
	place(simt_self);
	fputs(": divergence: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	tell_all();
	abort();
}

/* ---- who goes on ---- */

static uint32_t draw(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 17;
	chance ^= chance << 5;
	return chance;
}

/* One of the bits, which are not all 0. */
static inline int choose(uint32_t bits)
{
	if (__builtin_expect(order == FORWARD, 1))
		return __builtin_ctz(bits);
	if (order == REVERSE)
		return 31 - __builtin_clz(bits);
	int from = (int)(draw() % 32);
	uint32_t turned = from ? bits >> from | bits << (32 - from) : bits;
	return (__builtin_ctz(turned) + from) % 32;
}

static inline struct simt_thread *next_thread(struct simt_warp *w)
{
	if (!w->ready || order == RANDOM) {
		if (!block.ready)
			return NULL;
		w = &warp[choose(block.ready)];
	}
	int lane = choose(w->ready);
	w->ready &= ~(1u << lane);
	if (!w->ready)
		block.ready &= ~(1u << (w - warp));
	return w->lane + lane;
}

static inline void go_on(struct simt_warp *w, uint32_t lanes)
{
	w->ready |= lanes;
	if (w->ready)
		block.ready |= 1u << (w - warp);
}

static inline void become(struct simt_thread *to)
{
	simt_self = to;
	simt_here.thread = to->at;
}

/* Until somebody makes this thread ready and hands over to it. */
static inline void wait_here(void)
{
	struct simt_thread *from = simt_self, *to = next_thread(from->warp);
	if (__builtin_expect(!to, 0))
		diverged("nobody can go on");
	become(to);
	simt_fiber_switch(&from->fiber, &to->fiber, false);
}

/* ---- meetings ---- */

static inline void arrive(struct simt_thread *t, enum simt_meeting what, uint32_t mask, const char *file, int line)
{
	t->meeting = what;
	t->mask = mask;
	t->file = file;
	t->line = line;
}

static int barrier_result(enum simt_meeting what, int sum)
{
	switch (what) {
	case SIMT_BARRIER_OR: return sum > 0;
	case SIMT_BARRIER_AND: return sum == simt_threads;
	default: return sum;
	}
}

int simt_barrier(enum simt_meeting what, int x, const char *file, int line)
{
	struct simt_thread *t = simt_self;
	arrive(t, what, 0, file, line);
	if (block.left < simt_threads)
		diverged("at %s, %s:%d, which exited threads do not reach", simt_meeting_name[what], file, line);
	if (block.arrived && !same_place(t, block.first))
		diverged("at %s, %s:%d, while others wait at %s, %s:%d", simt_meeting_name[what], file, line,
			 simt_meeting_name[block.first->meeting], block.first->file, block.first->line);
	if (!block.arrived++) {
		block.first = t;
		block.sum = 0;
	}
	block.sum += x != 0;
	if (block.arrived < simt_threads) {
		wait_here();
		return (int)t->result;
	}
	int result = barrier_result(what, block.sum);
	block.arrived = 0;
	if (simt_checks)
		simt_checks->barrier();
	for (int i = 0; i < simt_threads; i++) {
		thread[i].meeting = SIMT_NONE;
		thread[i].result = (uint64_t)result;
	}
	for (int i = 0; i < simt_threads; i += SIMT_LANES) {
		struct simt_warp *w = &warp[i / SIMT_LANES];
		go_on(w, w->here & ~(w == t->warp ? 1u << t->lane : 0));
	}
	return result;
}

static struct simt_pending *pending_of(struct simt_warp *w, uint32_t mask)
{
	for (int i = 0; i < w->pendings; i++)
		if (w->pending[i].mask == mask)
			return &w->pending[i];
	if (w->pendings == SIMT_LANES)
		diverged("more masks than lanes");
	w->pending[w->pendings] = (struct simt_pending){mask, 0};
	return &w->pending[w->pendings++];
}

/* Whether this thread and those it meets are at one place, and nobody is missing for ever. */
static void check_meeting(const struct simt_thread *t, const struct simt_pending *p)
{
	const struct simt_warp *w = t->warp;
	const char *what = simt_meeting_name[t->meeting];
	if (!(t->mask >> t->lane & 1))
		diverged("%s, %s:%d, with a mask (%08x) that has not lane %d itself", what, t->file, t->line, t->mask,
			 t->lane);
	if (t->mask & ~w->here)
		diverged("%s, %s:%d: the mask (%08x) names lanes that the block has not", what, t->file, t->line,
			 t->mask);
	if (t->mask & w->exited)
		diverged("%s, %s:%d: the mask (%08x) names lanes that have exited", what, t->file, t->line, t->mask);
	if (p->arrived && !same_place(t, w->lane + __builtin_ctz(p->arrived))) {
		const struct simt_thread *other = w->lane + __builtin_ctz(p->arrived);
		diverged("at %s, %s:%d, while lane %d of its mask (%08x) waits at %s, %s:%d", what, t->file, t->line,
			 other->lane, t->mask, simt_meeting_name[other->meeting], other->file, other->line);
	}
}

uint64_t simt_warp(enum simt_meeting what, uint32_t mask, uint64_t x, int by, int width, const char *file, int line)
{
	struct simt_thread *t = simt_self;
	struct simt_warp *w = t->warp;
	struct simt_pending *p = pending_of(w, mask);
	arrive(t, what, mask, file, line);
	check_meeting(t, p);
	t->x = x;
	t->by = by;
	t->width = width;
	p->arrived |= 1u << t->lane;
	if (p->arrived != mask) {
		wait_here();
		return t->result;
	}
	*p = w->pending[--w->pendings];
	simt_warp_meet(w, mask, what);
	if (simt_checks)
		simt_checks->met(w, mask);
	for (uint32_t m = mask; m; m &= m - 1)
		w->lane[__builtin_ctz(m)].meeting = SIMT_NONE;
	go_on(w, mask & ~(1u << t->lane));
	return t->result;
}

/* ---- a thread's life ---- */

static void check_exit(const struct simt_thread *t)
{
	for (int i = 0; i < t->warp->pendings; i++)
		if (t->warp->pending[i].mask >> t->lane & 1)
			diverged("exits, while lanes wait for it");
	if (block.arrived)
		diverged("exits, while others wait at %s, %s:%d", simt_meeting_name[block.first->meeting],
			 block.first->file, block.first->line);
}

static void thread_run(void)
{
	simt_fiber_entered();
	simt_kernel.run(closure);
	struct simt_thread *t = simt_self;
	t->warp->exited |= 1u << t->lane;
	block.left--;
	check_exit(t);
	t->copies = 0;
	struct simt_thread *to = block.left ? next_thread(t->warp) : NULL;
	if (block.left && !to)
		diverged("exits, and nobody can go on");
	if (to)
		become(to);
	simt_fiber_switch(&t->fiber, to ? &to->fiber : &outside, true);
	abort();
}

static void block_start(void)
{
	block.ready = 0;
	block.arrived = 0;
	block.left = simt_threads;
	for (int i = 0; i < simt_threads; i++) {
		struct simt_thread *t = &thread[i];
		simt_fiber_start(&t->fiber, i, thread_run);
		t->meeting = SIMT_NONE;
		t->copies = t->group = 0;
	}
	for (int i = 0; i < simt_threads; i += SIMT_LANES) {
		struct simt_warp *w = &warp[i / SIMT_LANES];
		int lanes = simt_threads - i < SIMT_LANES ? simt_threads - i : SIMT_LANES;
		w->here = lanes == SIMT_LANES ? 0xffffffffu : (1u << lanes) - 1;
		w->exited = w->ready = 0;
		w->pendings = 0;
		go_on(w, w->here);
	}
}

static void block_run(int64_t index)
{
	struct dim3 g = simt_kernel.grid;
	simt_block_index = index;
	simt_here.block.x = (unsigned)(index % g.x);
	simt_here.block.y = (unsigned)(index / g.x % g.y);
	simt_here.block.z = (unsigned)(index / g.x / g.y);
	simt_shared_memory = simt_shared_start(simt_kernel.shared);
	block_start();
	if (simt_checks)
		simt_checks->block();
	struct simt_thread *first = next_thread(&warp[0]);
	become(first);
	simt_fiber_switch(&outside, &first->fiber, false);
	simt_shared_end(simt_kernel.shared);
}

/* ---- a kernel ---- */

static void read_order(void)
{
	const char *s = getenv("RIL_SIMT_ORDER");
	static bool known;
	if (known)
		return;
	known = true;
	if (s && !strcmp(s, "reverse"))
		order = REVERSE;
	if (s && !strncmp(s, "random", 6)) {
		order = RANDOM;
		chance = s[6] == ':' ? (uint32_t)strtoul(s + 7, NULL, 10) : 1;
		chance = chance * 2654435761u | 1;
	}
}

static void kernel_threads(struct dim3 b)
{
	simt_threads = (int)(b.x * b.y * b.z);
	for (int i = 0; i < simt_threads; i++) {
		struct simt_thread *t = &thread[i];
		t->index = i;
		t->lane = i % SIMT_LANES;
		t->warp = &warp[i / SIMT_LANES];
		t->at.x = (unsigned)i % b.x;
		t->at.y = (unsigned)i / b.x % b.y;
		t->at.z = (unsigned)i / b.x / b.y;
		t->warp->lane = t - t->lane;
	}
}

void simt_run_kernel(const struct simt_kernel *k, const void *arguments, size_t bytes)
{
	int64_t blocks = (int64_t)k->grid.x * k->grid.y * k->grid.z;
	read_order();
	simt_kernel = *k;
	simt_here.threads = k->block;
	simt_here.blocks = k->grid;
	closure = arguments;
	kernel_threads(k->block);
	if (simt_checks)
		simt_checks->launch(arguments, bytes);
	int64_t first = order == RANDOM ? (int64_t)(draw() % blocks) : 0;
	for (int64_t i = 0; i < blocks; i++)
		block_run(order == REVERSE ? blocks - 1 - i : (first + i) % blocks);
	simt_kernel.function = NULL;
	simt_self = NULL;
}
