/* cpu.c -- the CPU backend's table, its memory, and how its files cut work into tiles. */
#include "cpu_internal.h"

#include "base/mem.h"
#include "base/unused.h"
#include "ops/failure.h"

#include <stdatomic.h>
#include <sys/mman.h>

/* ---- scratch: slots 0.. are the workers', the last three are shared ---- */

enum { MAX_WORKERS = 256, SLOTS = MAX_WORKERS + 3 };

static struct {
	void *p;
	size_t bytes;
} scratch[SLOTS];

/* ---- failures, until sync() tells of them ---- */

static atomic_bool out_of_memory; /* set by any worker */
static struct ril_err failure;    /* the first since the last sync(), from the thread that calls operations */

void ril_cpu_fail(const struct ril_err *err)
{
	ril_failure_keep(&failure, err);
}

void *ril_cpu_scratch(int worker, size_t n, size_t size)
{
	int slot = worker >= 0 ? worker : MAX_WORKERS - 1 - worker;
	size_t bytes;
	bool fits = ril_mul(&bytes, n, size);
	if (fits && scratch[slot].p && bytes <= scratch[slot].bytes)
		return scratch[slot].p;
	free(scratch[slot].p);
	scratch[slot].bytes = 0;
	bytes += bytes / 4 + RIL_VBYTES;
	if (!fits || posix_memalign(&scratch[slot].p, 64, bytes)) {
		scratch[slot].p = NULL;
		atomic_store(&out_of_memory, true);
		return NULL;
	}
	scratch[slot].bytes = bytes;
	return scratch[slot].p;
}

/* ---- splitting ---- */

struct ranges {
	int64_t n, grain;
	ril_range_fn *fn;
	void *ctx;
};

static void range_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct ranges *r = ctx;
	int64_t from = tile * r->grain;
	r->fn(r->ctx, from, ril_min(from + r->grain, r->n));
}

void ril_cpu_ranges(int64_t n, int64_t grain, ril_range_fn *fn, void *ctx)
{
	if (n <= 0)
		return;
	grain = ril_max(grain, 1);
	struct ranges r = {n, ril_even_part(n, grain, 1), fn, ctx};
	ril_parallel((int)ril_parts(n, r.grain), range_tile, &r);
}

struct row_sums {
	int64_t T, block, size;
	ril_sums_fn *fn;
	void *ctx;
	ril_real *part; /* [blocks, size] */
};

static void row_sums_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct row_sums *s = ctx;
	int64_t from = tile * s->block;
	ril_real *sums = s->part + tile * s->size;
	memset(sums, 0, (size_t)s->size * sizeof *sums);
	s->fn(s->ctx, from, ril_min(from + s->block, s->T), sums);
}

void ril_cpu_row_sums(int64_t T, int64_t C, int n, ril_sums_fn *fn, void *ctx, ril_real *const out[])
{
	enum { MAX_BLOCKS = 64 };
	if (T <= 0)
		return;
	int64_t block = ril_max(ril_max(RIL_GRAIN / ril_max(C, 1), 8), ril_parts(T, MAX_BLOCKS));
	struct row_sums s = {T, ril_even_part(T, block, 1), n * C, fn, ctx, NULL};
	int blocks = (int)ril_parts(T, s.block);
	s.part = ril_cpu_scratch(RIL_SHARED_A, (size_t)(blocks * s.size), sizeof *s.part);
	if (!s.part)
		return;
	ril_parallel(blocks, row_sums_tile, &s);
	for (int b = 0; b < blocks; b++)
		for (int i = 0; i < n; i++)
			for (int64_t c = 0; out[i] && c < C; c++)
				out[i][c] += s.part[b * s.size + i * C + c];
}

/* ---- memory ---- */

/* Large blocks ask for huge pages: faulting them in by small ones costs a sixth of a tiny model's training step. */
static void *cpu_get(size_t bytes)
{
	enum { HUGE = 1 << 21 };
	void *p;
	if (bytes < 2 * HUGE)
		return posix_memalign(&p, 64, bytes ? bytes : 64) ? NULL : p;
	if (posix_memalign(&p, HUGE, bytes))
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE); /* advice: without it everything works as well */
	return p;
}

static void cpu_copy(void *dst, const void *src, size_t bytes)
{
	if (bytes)
		memcpy(dst, src, bytes);
}

static void zero_range(void *dst, int64_t from, int64_t to)
{
	memset((char *)dst + from, 0, (size_t)(to - from));
}

static void cpu_zero(void *dst, size_t bytes)
{
	enum { GRAIN = 1 << 18 };
	ril_cpu_ranges((int64_t)bytes, GRAIN, zero_range, dst);
}

static void cpu_fetched(void)
{
}

static int cpu_sync(struct ril_err *err)
{
	if (atomic_exchange(&out_of_memory, false)) {
		struct ril_err memory = {0};
		ril_fail(&memory, RIL_EFAIL, "out of memory for scratch space");
		ril_failure_keep(&failure, &memory);
	}
	return ril_failure_tell(&failure, err);
}

const struct ril_ops ril_cpu_ops = {.name = "cpu",
				    .host_memory = true,
				    .compute = RIL_REAL,
				    .get = cpu_get,
				    .put = free,
				    .idle = ril_mem_idle,
				    .to_device = cpu_copy,
				    .to_host = cpu_copy,
				    .copy = cpu_copy,
				    .zero = cpu_zero,
				    .fetch = cpu_copy,
				    .fetched = cpu_fetched,
				    .sync = cpu_sync,
#define RIL_CPU_ENTRY(op) .op = ril_cpu_##op,
				    RIL_OPS(RIL_CPU_ENTRY)
#undef RIL_CPU_ENTRY
};
