/* memory.c -- the memory of the emulated device.
 *
 * Device memory lies in one reserved range that is closed (PROT_NONE) unless a kernel or a copy runs: a host that reads or
 * writes it ends at once, with the place named.  RIL_SIMT_OPEN=1 leaves it open, for a debugger; RIL_SIMT_KEYS=0 closes it
 * page by page, as on a processor without keys; as that takes most of a test's time there, only one in RIL_SIMT_GATE times
 * (16).  Behind each block of it is a zone of a pattern, looked at when the block is freed and when somebody waits for the
 * device; new memory is filled with NaN, freed memory with another NaN, and an address serves again only long after.
 * RIL_SIMT_MEMORY: how much there is, in MiB.  Where launches are only told (trace.h) nothing of it is ever touched.
 *
 * Shared memory ends at a closed page, so that most of what a kernel does beyond its end is found at once, and is filled
 * with NaN before each block. */
#include "simt_internal.h"

#include "trace.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { LOWEST = 45 }; /* no address of the program's own is below 2 to this; the sanitizer's tables are */
#else
#define POISON(p, n) ((void)(p))
#define UNPOISON(p, n) ((void)(p))
enum { LOWEST = 32 };
#endif
#define UNCHECKED __attribute__((no_sanitize_address))

enum { PAGE = 4096, ALIGN = 256, ZONE = 256, FRESH = 0xff, BEYOND = 0xa5, LARGE = 1 << 20, KEPT = 1 << 18 };
enum { OPEN = PROT_READ | PROT_WRITE, GROWTH = 1 << 20, TRIED = 512 };
static const uint16_t FREED = 0x7ffd; /* a NaN as float and as bfloat16 */

#define RESERVED ((size_t)64 << 30)
#define RESTING ((size_t)128 << 20) /* bytes freed since, before an address serves again */

char *simt_device_base, *simt_device_end;
int simt_device_file;   /* what the range is of: another process can map it */
static size_t used;     /* from base; a zone comes first */
static size_t paged;    /* from base: not closed for ever */
static size_t live;     /* bytes of blocks that are not freed */
static size_t gone;     /* bytes ever freed */
static size_t capacity; /* of the device */
static bool is_open, always_open;
static bool untouched; /* memory is only reserved */
/* Where the processor has keys for memory the range has one of its own, and the gate is a register; else (-1) the range's
 * pages are changed, which takes longer the more there are. */
static int key = -1;
static unsigned seldom = 1, closings; /* the pages are changed at one of so many closings */

struct area {
	char *p;
	size_t bytes, stride;
	size_t gone; /* what `gone` was when it was freed */
	bool freed, borrowed;
};
static struct area *area; /* [areas], by address */
static size_t areas, area_room;

/* ---- the range ---- */

static void touched(int sig, siginfo_t *info, void *context);

static void start(void)
{
	static char other_stack[64 << 10];
	const char *open = getenv("RIL_SIMT_OPEN"), *slow = getenv("RIL_SIMT_KEYS"), *mib = getenv("RIL_SIMT_MEMORY");
	const char *gate = getenv("RIL_SIMT_GATE");
	if (simt_device_base)
		return;
	simt_device_file = memfd_create("simt", MFD_CLOEXEC);
	bool sized = simt_device_file >= 0 && !ftruncate(simt_device_file, (off_t)RESERVED);
	simt_device_base = mmap(NULL, RESERVED, PROT_NONE, MAP_SHARED | MAP_NORESERVE, simt_device_file, 0);
	if (!sized || simt_device_base == MAP_FAILED) {
		perror("simt: device memory");
		abort();
	}
	simt_device_end = simt_device_base + RESERVED;
	untouched = simt_tracing();
	used = ZONE;
	is_open = open && *open == '1';
	always_open = is_open;
	if (!always_open && !(slow && *slow == '0'))
		key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	if (key < 0)
		seldom = gate && *gate >= '1' ? (unsigned)strtoul(gate, NULL, 10) : 16;
	capacity = (mib ? strtoull(mib, NULL, 10) : 16384) << 20;
	if (capacity > RESERVED / 2)
		capacity = RESERVED / 2;
	stack_t alternative = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
	struct sigaction sa = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaltstack(&alternative, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static void closed_or_open(char *p, size_t bytes, bool open)
{
	int rc = key >= 0 ? pkey_mprotect(p, bytes, OPEN, key) : mprotect(p, bytes, open ? OPEN : PROT_NONE);
	if (rc) {
		perror("simt: mprotect");
		abort();
	}
}

void simt_gate(bool open)
{
	if (untouched || always_open || open == is_open || !paged || (!open && closings++ % seldom))
		return;
	is_open = open;
	if (key >= 0)
		pkey_set(key, open ? 0 : PKEY_DISABLE_ACCESS);
	else
		closed_or_open(simt_device_base, paged, open);
}

bool simt_is_device(const void *p)
{
	return simt_device_base && (const char *)p >= simt_device_base && (const char *)p < simt_device_end;
}

/* The last area that begins at or before p; NULL: none. */
static struct area *area_at(const void *p)
{
	size_t low = 0, high = areas;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (area[middle].p <= (const char *)p)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &area[low - 1] : NULL;
}

bool simt_device_find(const void *p, char **start_, size_t *bytes, bool *freed)
{
	struct area *a = simt_is_device(p) ? area_at(p) : NULL;
	if (!a)
		return false;
	*start_ = a->p;
	*bytes = a->bytes;
	*freed = a->freed;
	return true;
}

/* ---- blocks ---- */

UNCHECKED static void check_zone(const struct area *a)
{
	const unsigned char *end = (const unsigned char *)a->p + a->bytes;
	for (size_t i = 0; !untouched && i < a->stride - a->bytes; i++)
		if (end[i] != BEYOND)
			simt_fault("memory was written beyond the end of the block of %zu bytes at %p, byte %zu behind "
				   "it%s",
				   a->bytes, (void *)a->p, i, a->freed ? " (freed since)" : "");
}

void simt_check_zones(void)
{
	bool was = is_open;
	simt_gate(true);
	for (size_t i = 0; i < areas; i++)
		if (!area[i].freed)
			check_zone(&area[i]);
	simt_gate(was);
}

static void fill_fresh(struct area *a)
{
	if (untouched)
		return;
	UNPOISON(a->p, a->stride);
	memset(a->p, FRESH, a->bytes);
	memset(a->p + a->bytes, BEYOND, a->stride - a->bytes);
	POISON(a->p + a->bytes, a->stride - a->bytes);
}

static void fill_freed(struct area *a)
{
	size_t filled = a->bytes < LARGE ? a->bytes : KEPT;
	if (untouched)
		return;
	UNPOISON(a->p, a->stride);
	for (size_t i = 0; i + 2 <= filled; i += 2)
		memcpy(a->p + i, &FREED, 2);
	if (a->bytes >= LARGE) { /* its pages go back */
		uintptr_t from = ((uintptr_t)a->p + KEPT + PAGE - 1) / PAGE * PAGE;
		uintptr_t to = ((uintptr_t)a->p + a->bytes) / PAGE * PAGE;
		madvise((void *)from, to - from, MADV_REMOVE);
	}
	POISON(a->p, a->stride);
}

/* Whether a freed block holds what it was filled with. */
UNCHECKED static void check_freed(const struct area *a)
{
	size_t filled = a->bytes < LARGE ? a->bytes : KEPT;
	for (size_t i = 0; !untouched && i + 2 <= filled; i += 2)
		if (a->p[i] != (char)(FREED & 0xff) || a->p[i + 1] != (char)(FREED >> 8))
			simt_fault("freed memory was written: byte %zu of the block of %zu bytes at %p", i, a->bytes,
				   (void *)a->p);
}

static struct area *rested(size_t stride)
{
	static size_t at; /* the search goes round */
	for (size_t i = 0; i < areas && i < TRIED; i++) {
		at = at + 1 < areas ? at + 1 : 0;
		if (area[at].freed && area[at].stride == stride && gone - area[at].gone > RESTING)
			return &area[at];
	}
	return NULL;
}

static struct area *grown(size_t stride)
{
	if (stride > RESERVED / 2 - used)
		return NULL;
	if (areas == area_room) {
		area_room = area_room ? 2 * area_room : 1024;
		area = realloc(area, area_room * sizeof *area);
		if (!area)
			abort();
	}
	area[areas] = (struct area){.p = simt_device_base + used, .stride = stride};
	used += stride;
	if (used > paged && !untouched) {
		size_t more = (used - paged + GROWTH - 1) / GROWTH * GROWTH;
		closed_or_open(simt_device_base + paged, more, is_open);
		POISON(simt_device_base + paged, more);
		paged += more;
	}
	return &area[areas++];
}

void *simt_device_get(size_t bytes)
{
	start();
	if (bytes > capacity - live)
		return NULL;
	size_t stride = (bytes + ALIGN - 1) / ALIGN * ALIGN + ZONE;
	struct area *a = gone > RESTING ? rested(stride) : NULL;
	bool was = is_open, again = a;
	if (!a)
		a = grown(stride);
	if (!a)
		return NULL;
	simt_gate(true);
	if (again)
		check_freed(a);
	a->bytes = bytes;
	a->freed = false;
	live += bytes;
	fill_fresh(a);
	simt_gate(was);
	if (simt_checks)
		simt_checks->got(a->p, bytes);
	return a->p;
}

void *simt_device_borrow(int file, size_t at, size_t bytes)
{
	size_t into = at % PAGE, whole = (into + bytes + ZONE + PAGE - 1) / PAGE * PAGE;
	start();
	used = (used + PAGE - 1) / PAGE * PAGE;
	struct area *a = grown(whole);
	char *p = a ? mmap(a->p, whole, PROT_NONE, MAP_SHARED | MAP_FIXED, file, (off_t)(at - into)) : MAP_FAILED;
	if (p == MAP_FAILED)
		return NULL;
	closed_or_open(p, whole, is_open);
	UNPOISON(p, whole);
	*a = (struct area){
		.p = p + into, .bytes = bytes, .stride = (bytes + ALIGN - 1) / ALIGN * ALIGN + ZONE, .borrowed = true};
	if (simt_checks) {
		simt_checks->got(a->p, bytes);
		simt_checks->host_wrote(a->p, bytes);
	}
	return a->p;
}

/* Its addresses never serve again. */
bool simt_device_give_back(void *p)
{
	struct area *a = simt_is_device(p) ? area_at(p) : NULL;
	if (!a || a->p != p || !a->borrowed)
		return false;
	size_t into = (uintptr_t)p % PAGE, whole = (into + a->bytes + ZONE + PAGE - 1) / PAGE * PAGE;
	if (simt_checks)
		simt_checks->put(p, a->bytes);
	*a = (struct area){.p = p, .freed = true};
	return mmap((char *)p - into, whole, PROT_NONE, MAP_SHARED | MAP_FIXED, simt_device_file,
		    (char *)p - into - simt_device_base) != MAP_FAILED;
}

void simt_device_put(void *p, bool fill)
{
	struct area *a = simt_is_device(p) ? area_at(p) : NULL;
	bool was = is_open;
	if (!a || a->p != p || a->borrowed)
		simt_fault("freeing %p, which is no block of device memory", p);
	if (a->freed)
		simt_fault("freeing the block of %zu bytes at %p a second time", a->bytes, p);
	simt_gate(true);
	check_zone(a);
	a->freed = true;
	live -= a->bytes;
	gone += a->bytes;
	a->gone = gone;
	if (fill)
		fill_freed(a);
	simt_gate(was);
	if (simt_checks)
		simt_checks->put(p, a->bytes);
}

void simt_device_info(size_t *unused, size_t *total)
{
	start();
	*total = capacity;
	*unused = capacity - live;
}

void simt_expect_device(const char *what, const void *p, size_t bytes)
{
	struct area *a = simt_is_device(p) ? area_at(p) : NULL;
	const char *at = p;
	if (!bytes)
		return;
	if (!a)
		simt_fault("%s: %zu bytes at %p are not the device's memory", what, bytes, p);
	if (a->freed)
		simt_fault("%s: %zu bytes at %p: freed memory", what, bytes, p);
	if (at + bytes > a->p + a->bytes)
		simt_fault("%s: %zu bytes at %p go beyond the end of the block of %zu bytes at %p", what, bytes, p,
			   a->bytes, (void *)a->p);
}

/* Numbers that are no addresses are taken for one only where the host happens to have memory there. */
void simt_check_arguments(const struct simt_kernel *k, const void *closure, size_t bytes)
{
	unsigned char there;
	for (size_t at = sizeof(void *); at + sizeof(void *) <= bytes; at += sizeof(void *)) {
		uintptr_t word;
		memcpy(&word, (const char *)closure + at, sizeof word);
		if (word >> LOWEST == 0 || word >> 47 || simt_is_device((void *)word))
			continue;
		if (!mincore((void *)(word / PAGE * PAGE), 1, &there) || errno != ENOMEM)
			simt_fault("kernel %s: an argument is an address of the host's memory (%p, at byte %zu)",
				   k->name, (void *)word, at - sizeof(void *));
	}
}

/* ---- shared memory ---- */

const size_t simt_shared_limit = 227 << 10;

static char *shared_end; /* a closed page begins here */
static char *shared_low;

char *simt_shared_start(size_t bytes)
{
	const size_t room = (simt_shared_limit + PAGE - 1) / PAGE * PAGE;
	if (!shared_end) {
		shared_low = mmap(NULL, room + 2 * PAGE, OPEN, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (shared_low == MAP_FAILED || mprotect(shared_low, PAGE, PROT_NONE) ||
		    mprotect(shared_low + PAGE + room, PAGE, PROT_NONE)) {
			perror("simt: shared memory");
			abort();
		}
		shared_end = shared_low + PAGE + room;
	}
	char *p = shared_end - (bytes + 127) / 128 * 128;
	UNPOISON(p, (size_t)(shared_end - p));
	memset(p, FRESH, bytes);
	memset(p + bytes, BEYOND, (size_t)(shared_end - p) - bytes);
	POISON(shared_end - room, (size_t)(p - (shared_end - room)));
	POISON(p + bytes, (size_t)(shared_end - p) - bytes);
	return p;
}

UNCHECKED void simt_shared_end(size_t bytes)
{
	for (const char *p = simt_shared_memory + bytes; p < shared_end; p++)
		if (*p != (char)BEYOND)
			simt_fault("a write beyond the %zu bytes of shared memory, byte %zu behind them", bytes,
				   (size_t)(p - simt_shared_memory) - bytes);
}

void *simt_shared(size_t bytes, size_t align)
{
	(void)bytes; /* a struct that ends in an array may be launched with less */
	if (align > 128)
		simt_fault("shared memory is aligned to 128 bytes, not to %zu", align);
	return simt_shared_memory;
}

/* ---- what was touched ---- */

static void say_where(const char *at)
{
	bool kernel = simt_kernel.function;
	if (kernel && shared_end && at >= shared_end && at < shared_end + PAGE)
		simt_fault("beyond the %zu bytes of shared memory, byte %zu behind them", simt_kernel.shared,
			   (size_t)(at - simt_shared_memory) - simt_kernel.shared);
	if (kernel && simt_is_device(at))
		simt_fault("%p is beyond all device memory", (const void *)at);
	if (simt_is_device(at))
		simt_fault("the host touched the device's memory, at %p", (const void *)at);
	if (kernel && at >= simt_self->fiber.stack && at < simt_self->fiber.stack + PAGE)
		simt_fault("the thread's stack is too small");
	simt_fault("segmentation fault at %p", (const void *)at);
}

static void touched(int sig, siginfo_t *info, void *context)
{
	void *frame[32];
	(void)sig;
	(void)context;
	backtrace_symbols_fd(frame, backtrace(frame, 32), 2);
	say_where(info->si_addr);
}
