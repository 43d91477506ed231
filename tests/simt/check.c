/* check.c -- every access of a kernel to memory, looked at.
 *
 * Kernels are compiled with -fsanitize=thread and linked without its library: the functions that it calls before each read
 * and write are here.  Said at once, with kernel, block, thread and the earlier access:
 *   races       two threads at one place, one of them writing, with nothing between that orders them.  Within a block a
 *               barrier orders all; within a warp a meeting orders its lanes (each lane knows up to which step it has met
 *               each other).  Between blocks of a launch nothing does, save atomics on both sides, or what a fence and an
 *               atomic hand from one block to a later one;
 *   reads       of what nobody has written, in shared and in device memory;
 *   places      beyond a block of device memory, in freed memory, beyond shared memory, in the host's memory.
 *
 * For each two bytes a cell remembers the last write and a few reads: those that together meet any later write. */
#include "simt_internal.h"

#include "base/unused.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- cells ---- */

struct access {
	uint32_t launch; /* 0: none */
	uint32_t block;  /* in the order of running, from 1 */
	uint32_t epoch;  /* barriers before it, in the block */
	uint32_t clock;  /* the thread's own */
	uint16_t thread;
	uint8_t bytes; /* of the two: 1, 2 or both */
	bool atomic;
};

struct cell {
	struct access write, read, other, far; /* far: a reader of another warp than read's; other: of the same */
	uint32_t readers;                      /* block of an earlier reader in this launch */
	uint32_t readers_launch;
};

enum { NONE, FRESH, SET, FREED }; /* what a byte of memory is */

#define SHARED_ROOM ((size_t)232 << 10)

static struct cell shared_cell[SHARED_ROOM / 2];
static unsigned char shared_state[SHARED_ROOM];
static struct cell *device_cell;    /* [range / 2], untouched pages are not there */
static unsigned char *device_state; /* [range] */

static struct {
	uint32_t launch, block, epoch;
	uint32_t clock[SIMT_MAX_THREADS];
	uint32_t met[SIMT_MAX_THREADS][SIMT_LANES]; /* the clock up to which a lane of its warp is known */
	const char *closure;
	size_t bytes;
} now;

/* What blocks before handed on by a fence and an atomic: all of those up to `released` that had fenced. */
static bool *fenced; /* [block] */
static uint32_t fenced_room;
static uint32_t acquired; /* blocks up to here, that had fenced then */

static bool in_shared; /* what is looked at is shared memory */

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("simt: room for the checks");
		abort();
	}
	return p;
}

static void make_room(void)
{
	size_t range = (size_t)(simt_device_end - simt_device_base);
	if (device_state)
		return;
	device_state = reserve(range);
	device_cell = reserve(range / 2 * sizeof *device_cell);
}

/* ---- order ---- */

/* Whether what `a` did is before what the present thread does. */
static bool ordered(const struct access *a)
{
	const struct simt_thread *t = simt_self;
	if (a->launch != now.launch)
		return true;
	if (a->block != now.block) /* shared memory is made anew for each */
		return in_shared || (a->block <= acquired && fenced[a->block]);
	if (a->epoch != now.epoch || a->thread == t->index)
		return true;
	return a->thread / SIMT_LANES == t->index / SIMT_LANES && now.met[t->index][a->thread % SIMT_LANES] >= a->clock;
}

static bool clashes(const struct access *a, const struct access *b)
{
	return a->launch && a->bytes & b->bytes && !(a->atomic && b->atomic) && !ordered(a);
}

static void __attribute__((noreturn)) race(const struct access *a, const char *earlier, const void *p, bool write)
{
	const char *shared = in_shared ? "shared " : "";
	const char *what = write ? "writes" : "reads";
	if (a->block != now.block)
		simt_fault("race: %s %smemory at %p that another block of the launch has %s", what, shared, p, earlier);
	simt_fault("race: %s %smemory at %p that thread %d has %s, with no barrier between", what, shared, p, a->thread,
		   earlier);
}

static struct access present(unsigned bytes, bool atomic)
{
	return (struct access){
		now.launch,     now.block, now.epoch, now.clock[simt_self->index], (uint16_t)simt_self->index,
		(uint8_t)bytes, atomic};
}

static void note_read(struct cell *c, struct access a)
{
	if (c->read.launch != a.launch || c->read.block != a.block || c->read.epoch != a.epoch) {
		if (c->read.launch == a.launch && c->read.block != a.block) {
			c->readers = c->read.block;
			c->readers_launch = a.launch;
		}
		c->read = a;
		c->other.launch = c->far.launch = 0;
	} else if (c->read.thread == a.thread) {
		c->read.clock = a.clock;
		c->read.bytes |= a.bytes;
	} else if (c->read.thread / SIMT_LANES == a.thread / SIMT_LANES) {
		c->other = a;
	} else {
		c->far = a;
	}
}

static void touch(struct cell *c, const char *p, unsigned bytes, bool write, bool atomic)
{
	struct access a = present(bytes, atomic);
	if (clashes(&c->write, &a))
		race(&c->write, "written", p, write);
	if (!write) {
		note_read(c, a);
		return;
	}
	struct access early = {.launch = c->readers_launch, .block = c->readers, .bytes = 3};
	const struct access *reads[] = {&c->read, &c->other, &c->far, &early};
	for (int i = 0; i < 4; i++)
		if (clashes(reads[i], &a))
			race(reads[i], "read", p, write);
	c->write = a;
}

static void touch_all(struct cell *first, const char *base, const char *p, size_t bytes, bool write, bool atomic)
{
	size_t from = (size_t)(p - base), to = from + bytes;
	for (size_t i = from / 2; i <= (to - 1) / 2; i++) {
		unsigned which = (2 * i >= from ? 1u : 0) | (2 * i + 1 >= from && 2 * i + 1 < to ? 2u : 0);
		touch(&first[i], base + 2 * i, which, write, atomic);
	}
}

/* ---- places ---- */

static void check_state(unsigned char *state, const char *p, size_t bytes, bool write, const char *kind)
{
	for (size_t i = 0; i < bytes; i++) {
		if (state[i] == FREED)
			simt_fault("%s freed %smemory at %p", write ? "writes" : "reads", kind, (const void *)(p + i));
		if (state[i] == NONE)
			simt_fault("%s beyond a block of %smemory, at %p", write ? "writes" : "reads", kind,
				   (const void *)(p + i));
		if (!write && state[i] == FRESH)
			simt_fault("reads %smemory at %p that nobody has written", kind, (const void *)(p + i));
	}
	if (write)
		memset(state, SET, bytes);
}

/* Of the emulation and the program itself: tables, what a launch brought, the threads' own memory. */
static bool harmless(const char *p)
{
	extern char __executable_start[], end[];
	const char *stack = simt_self->fiber.stack;
	return (p >= stack && p < stack + simt_stack_bytes) || (p >= __executable_start && p < end) ||
	       (p >= now.closure && p < now.closure + now.bytes) || p == (const char *)simt_self;
}

static void check_access(const void *at, size_t bytes, bool write, bool atomic)
{
	const char *p = at;
	if (!simt_kernel.function || !bytes)
		return;
	in_shared = !simt_is_device(p);
	if (!in_shared) {
		check_state(device_state + (p - simt_device_base), p, bytes, write, "device ");
		touch_all(device_cell, simt_device_base, p, bytes, write, atomic);
		return;
	}
	const char *shared = simt_shared_memory;
	if (p >= shared - SHARED_ROOM && p < shared + SHARED_ROOM) {
		if (p < shared || p + bytes > shared + simt_kernel.shared)
			simt_fault("%s at %p: outside of the %zu bytes of shared memory", write ? "writes" : "reads",
				   at, simt_kernel.shared);
		check_state(shared_state + (p - shared), p, bytes, write, "shared ");
		touch_all(shared_cell, shared, p, bytes, write, atomic);
	} else if (!harmless(p)) {
		simt_fault("%s the host's memory at %p", write ? "writes" : "reads", at);
	}
}

/* ---- what the engine tells ---- */

static void check_launch(const void *closure, size_t bytes)
{
	uint64_t blocks = (uint64_t)simt_kernel.grid.x * simt_kernel.grid.y * simt_kernel.grid.z + 2;
	make_room();
	now.launch++;
	now.block = acquired = 0;
	now.closure = closure;
	now.bytes = bytes;
	if (blocks > fenced_room) {
		fenced_room = (uint32_t)blocks;
		free(fenced);
		fenced = calloc(fenced_room, sizeof *fenced);
		if (!fenced)
			abort();
	} else {
		memset(fenced, 0, (size_t)blocks * sizeof *fenced);
	}
}

static void check_block(void)
{
	now.block++;
	now.epoch = 1;
	acquired = 0;
	for (int i = 0; i < simt_threads; i++)
		now.clock[i] = 1;
	memset(now.met, 0, (size_t)simt_threads * sizeof now.met[0]);
	memset(shared_state, FRESH, simt_kernel.shared);
}

static void check_barrier(void)
{
	now.epoch++;
}

/* Each lane of the mask now knows what any of them knew. */
static void check_met(struct simt_warp *w, uint32_t mask)
{
	uint32_t all[SIMT_LANES] = {0};
	int first = w->lane->index;
	for (uint32_t m = mask; m; m &= m - 1) {
		int lane = __builtin_ctz(m);
		now.met[first + lane][lane] = now.clock[first + lane]++;
		for (int i = 0; i < SIMT_LANES; i++)
			all[i] = all[i] > now.met[first + lane][i] ? all[i] : now.met[first + lane][i];
	}
	for (uint32_t m = mask; m; m &= m - 1)
		memcpy(now.met[first + __builtin_ctz(m)], all, sizeof all);
}

static void check_unset(void *at, size_t bytes)
{
	const char *p = at;
	if (p >= simt_shared_memory && p + bytes <= simt_shared_memory + simt_kernel.shared)
		memset(shared_state + (p - simt_shared_memory), FRESH, bytes);
}

static void set_device(const void *p, size_t bytes, int state)
{
	make_room();
	memset(device_state + ((const char *)p - simt_device_base), state, bytes);
}

static void check_got(void *p, size_t bytes)
{
	set_device(p, bytes, FRESH);
}

static void check_put(void *p, size_t bytes)
{
	set_device(p, bytes, FREED);
}

static void check_host_wrote(void *p, size_t bytes)
{
	set_device(p, bytes, SET);
}

/* What was not set is not set in the copy either. */
static void check_host_copied(void *p, const void *from, size_t bytes)
{
	memmove(device_state + ((char *)p - simt_device_base), device_state + ((const char *)from - simt_device_base),
		bytes);
}

static void check_host_reads(const void *p, size_t bytes)
{
	make_room();
	check_state(device_state + ((const char *)p - simt_device_base), p, bytes, false, "device ");
}

static void check_fence(void)
{
	fenced[now.block] = true;
}

static void check_atomic(RIL_UNUSED const void *p)
{
	acquired = now.block - 1;
}

__attribute__((constructor(101))) static void install(void)
{
	static const struct simt_checks checks = {
		.launch = check_launch,
		.block = check_block,
		.barrier = check_barrier,
		.met = check_met,
		.access = check_access,
		.unset = check_unset,
		.got = check_got,
		.put = check_put,
		.host_wrote = check_host_wrote,
		.host_copied = check_host_copied,
		.host_reads = check_host_reads,
		.fence = check_fence,
		.atomic = check_atomic,
	};
	simt_checks = &checks;
}

/* ---- what the compiler calls ---- */

#define ACCESS(name, n, write)                                                                                         \
	void name(void *p);                                                                                            \
	void name(void *p)                                                                                             \
	{                                                                                                              \
		check_access(p, n, write, false);                                                                      \
	}
#define ACCESSES(n)                                                                                                    \
	ACCESS(__tsan_read##n, n, false)                                                                               \
	ACCESS(__tsan_write##n, n, true)                                                                               \
	ACCESS(__tsan_unaligned_read##n, n, false)                                                                     \
	ACCESS(__tsan_unaligned_write##n, n, true)                                                                     \
	ACCESS(__tsan_volatile_read##n, n, false)                                                                      \
	ACCESS(__tsan_volatile_write##n, n, true)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

#define RANGE(name, write)                                                                                             \
	void name(void *p, unsigned long n);                                                                           \
	void name(void *p, unsigned long n)                                                                            \
	{                                                                                                              \
		check_access(p, n, write, false);                                                                      \
	}
RANGE(__tsan_read_range, false)
RANGE(__tsan_write_range, true)

#define NOTHING(name, ...)                                                                                             \
	void name(__VA_ARGS__);                                                                                        \
	void name(__VA_ARGS__)                                                                                         \
	{                                                                                                              \
	}
NOTHING(__tsan_init, void)
NOTHING(__tsan_func_entry, RIL_UNUSED void *p)
NOTHING(__tsan_func_exit, void)
NOTHING(__tsan_vptr_update, RIL_UNUSED void **p, RIL_UNUSED void *q)
NOTHING(__tsan_vptr_read, RIL_UNUSED void **p)
