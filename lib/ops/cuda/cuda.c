/* cuda.c -- the CUDA backend's table, the device, its memory and copies, and what went wrong.
 *
 * Everything is put into one stream and done in that order.  The runtime library is linked in whole and looks for the
 * driver when it is first called: a program with this backend in it starts on a machine that has neither.
 *
 * The host's memory reaches the device through a ring of pinned pieces: what is given to to_device has been copied when it
 * returns, its way over the bus goes on behind it, and of a large block (weights in a mapped file) one piece is read
 * while the ones before it travel.  The host waits only when the ring has come round to a piece still on its way. */
#include "cuda_internal.h"

#include "cuda.h"
#include "ops/failure.h"
#include "ranks_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct ril_cuda ril_cuda;

/* ---- failures ---- */

static struct ril_err failure;  /* the first since the last sync() */
static const char *last_kernel; /* launched most lately: where to look when the device fails later */

void ril_cuda_fail(int code, const char *fmt, ...)
{
	struct ril_err err = {0};
	va_list args;
	va_start(args, fmt);
	ril_vfail(&err, code, fmt, args);
	va_end(args);
	ril_failure_keep(&failure, &err);
}

bool ril_cuda_ok(cudaError_t rc, const char *what)
{
	if (rc != cudaSuccess)
		ril_cuda_fail(RIL_EFAIL, "cuda:%d: %s: %s", ril_cuda.index, what, cudaGetErrorString(rc));
	return rc == cudaSuccess;
}

bool ril_cuda_launching(const void *kernel, const char *name, size_t shared)
{
	enum { WITHOUT_ASKING = 48 << 10 };
	if (failure.code)
		return false; /* what it would read may not be there */
	if (shared <= WITHOUT_ASKING)
		return true;
	return ril_cuda_ok(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared),
			   name);
}

void ril_cuda_launched(const char *name)
{
	last_kernel = name;
	ril_cuda_ok(cudaGetLastError(), name);
}

/* ---- calls that are noted ---- */

/* While calls are noted nothing may be asked for that is done but once; what asks for it makes the note void. */
static struct {
	bool on, isvoid;
} noting;

static bool void_note(void)
{
	noting.isvoid |= noting.on;
	return noting.on;
}

static void cuda_note(void)
{
	noting.isvoid = false;
	noting.on = !failure.code &&
		    ril_cuda_ok(cudaStreamBeginCapture(ril_cuda.stream, cudaStreamCaptureModeRelaxed), "noting calls");
}

static void *cuda_noted(void)
{
	cudaGraph_t graph = NULL;
	cudaGraphExec_t calls = NULL;
	bool on = noting.on;
	noting.on = false;
	if (!on || !ril_cuda_ok(cudaStreamEndCapture(ril_cuda.stream, &graph), "noting calls"))
		return NULL;
	if (!noting.isvoid)
		ril_cuda_ok(cudaGraphInstantiate(&calls, graph, 0), "noting calls");
	ril_cuda_ok(cudaGraphDestroy(graph), "noting calls");
	return calls;
}

static void cuda_again(void *noted)
{
	if (!failure.code)
		ril_cuda_ok(cudaGraphLaunch(noted, ril_cuda.stream), "calls noted before");
}

static void cuda_forget(void *noted)
{
	if (noted)
		ril_cuda_ok(cudaGraphExecDestroy(noted), "calls noted before");
}

/* ---- scratch ---- */

static struct {
	void *p;
	size_t bytes;
} room[RIL_ROOMS];

/* Kernels that use the old piece may still be to come: memory is given back in the stream's order. */
void *ril_cuda_scratch(enum ril_cuda_room which, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
		ril_cuda_fail(RIL_EFAIL, "cuda:%d: scratch of %zu x %zu bytes", ril_cuda.index, n, size);
		return NULL;
	}
	if (room[which].p && bytes <= room[which].bytes)
		return room[which].p;
	if (void_note())
		return NULL;
	bytes += bytes / 4 + 256;
	if (room[which].p)
		ril_cuda_ok(cudaFreeAsync(room[which].p, ril_cuda.stream), "scratch");
	room[which].p = NULL;
	room[which].bytes = 0;
	if (!ril_cuda_ok(cudaMallocAsync(&room[which].p, bytes, ril_cuda.stream), "memory for scratch"))
		return NULL;
	room[which].bytes = bytes;
	return room[which].p;
}

/* ---- memory ---- */

/* A block that does not share the driver's granules of 2 MiB with others can be lent alone; one beyond half a granule has
 * as many to itself anyway. */
static void *cuda_get(size_t bytes)
{
	enum { GRANULE = 2 << 20 };
	void *p;
	if (bytes > GRANULE / 2 && bytes < SIZE_MAX - GRANULE)
		bytes = (bytes + GRANULE - 1) / GRANULE * GRANULE;
	cudaError_t rc = cudaMalloc(&p, bytes ? bytes : 1);
	if (rc == cudaSuccess)
		return p;
	cudaGetLastError();
	if (rc != cudaErrorMemoryAllocation) /* else the caller says what it was for */
		ril_cuda_ok(rc, "asking for memory");
	return NULL;
}

static void cuda_put(void *p)
{
	if (p)
		ril_cuda_ok(cudaFree(p), "giving memory back");
}

static size_t cuda_memory(void)
{
	size_t unused = 0, total = 0;
	return ril_cuda_ok(cudaMemGetInfo(&unused, &total), "asking for the memory left") ? unused : 0;
}

static void cuda_copy(void *dst, const void *src, size_t bytes)
{
	if (bytes)
		ril_cuda_ok(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, ril_cuda.stream), "copy");
}

static void cuda_zero(void *dst, size_t bytes)
{
	if (bytes)
		ril_cuda_ok(cudaMemsetAsync(dst, 0, bytes, ril_cuda.stream), "zeroing");
}

/* ---- to the device ---- */

enum { PIECES = 8, PIECE = 4 << 20 };

static struct {
	char *memory; /* [PIECES, PIECE], pinned */
	cudaEvent_t left[PIECES];
	int next;
} ring;

static bool ring_make(void)
{
	if (ring.memory)
		return true;
	for (int i = 0; i < PIECES; i++)
		if (!ring.left[i] &&
		    !ril_cuda_ok(cudaEventCreateWithFlags(&ring.left[i], cudaEventDisableTiming), "event"))
			return false;
	return ril_cuda_ok(cudaMallocHost((void **)&ring.memory, (size_t)PIECES * PIECE), "pinned memory");
}

static void cuda_to_device(void *dst, const void *src, size_t bytes)
{
	if (void_note())
		return;
	for (size_t at = 0, n; at < bytes && ring_make(); at += n) {
		char *piece = ring.memory + (size_t)ring.next * PIECE;
		n = bytes - at < PIECE ? bytes - at : PIECE;
		if (!ril_cuda_ok(cudaEventSynchronize(ring.left[ring.next]), "copy to the device"))
			return;
		memcpy(piece, (const char *)src + at, n);
		if (!ril_cuda_ok(cudaMemcpyAsync((char *)dst + at, piece, n, cudaMemcpyHostToDevice, ril_cuda.stream),
				 "copy to the device") ||
		    !ril_cuda_ok(cudaEventRecord(ring.left[ring.next], ril_cuda.stream), "copy to the device"))
			return;
		ring.next = (ring.next + 1) % PIECES;
	}
}

/* ---- to the host ---- */

static void cuda_to_host(void *dst, const void *src, size_t bytes)
{
	if (bytes &&
	    ril_cuda_ok(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, ril_cuda.stream), "copy to the host"))
		ril_cuda_ok(cudaStreamSynchronize(ril_cuda.stream), "copy to the host");
}

static struct {
	void *dst;
	char *pinned;
	size_t bytes, room;
	cudaEvent_t there;
} late;

static void cuda_fetch(void *dst, const void *src, size_t bytes)
{
	late.bytes = 0;
	if (void_note())
		return;
	if (bytes > late.room) {
		if (late.pinned)
			ril_cuda_ok(cudaFreeHost(late.pinned), "pinned memory");
		late.room = 0;
		late.pinned = NULL;
		if (!ril_cuda_ok(cudaMallocHost((void **)&late.pinned, bytes), "pinned memory"))
			return;
		late.room = bytes;
	}
	if (!late.there && !ril_cuda_ok(cudaEventCreateWithFlags(&late.there, cudaEventDisableTiming), "event"))
		return;
	if (!ril_cuda_ok(cudaMemcpyAsync(late.pinned, src, bytes, cudaMemcpyDeviceToHost, ril_cuda.stream),
			 "copy to the host") ||
	    !ril_cuda_ok(cudaEventRecord(late.there, ril_cuda.stream), "copy to the host"))
		return;
	late.dst = dst;
	late.bytes = bytes;
}

static void cuda_fetched(void)
{
	if (late.bytes && ril_cuda_ok(cudaEventSynchronize(late.there), "copy to the host"))
		memcpy(late.dst, late.pinned, late.bytes);
	late.bytes = 0;
}

/* ---- waiting ---- */

/* After a number that must be finite was not: says so once. */
static void check_finite(void)
{
	int set = 0;
	cuda_to_host(&set, ril_cuda.nonfinite, sizeof set);
	if (set) {
		ril_cuda_fail(RIL_ENONFINITE, "no token could be chosen: a logit is not finite, or every id is barred");
		cuda_zero(ril_cuda.nonfinite, sizeof set);
	}
}

static int cuda_sync(struct ril_err *err)
{
	cudaError_t rc = cudaStreamSynchronize(ril_cuda.stream);
	if (rc != cudaSuccess)
		ril_cuda_fail(RIL_EFAIL, "cuda:%d: %s, in %s or before it", ril_cuda.index, cudaGetErrorString(rc),
			      last_kernel ? last_kernel : "a copy");
	else
		check_finite();
	return ril_failure_tell(&failure, err);
}

/* ---- opening ---- */

static struct ril_ops table = {.name = "cuda",
			       .async = true,
			       .compute = RIL_BF16,
			       .memory = cuda_memory,
			       .get = cuda_get,
			       .put = cuda_put,
			       .to_device = cuda_to_device,
			       .to_host = cuda_to_host,
			       .copy = cuda_copy,
			       .zero = cuda_zero,
			       .fetch = cuda_fetch,
			       .fetched = cuda_fetched,
			       .sync = cuda_sync,
			       .where = ril_cuda_where,
			       .lend = ril_cuda_lend,
			       .borrow = ril_cuda_borrow,
			       .give_back = ril_cuda_give_back,
			       .peers = &ril_cuda_peers,
			       .note = cuda_note,
			       .noted = cuda_noted,
			       .again = cuda_again,
			       .forget = cuda_forget,
#define RIL_CUDA_ENTRY(op) .op = ril_cuda_##op,
			       RIL_OPS(RIL_CUDA_ENTRY)
#undef RIL_CUDA_ENTRY
};

static int attribute(enum cudaDeviceAttr which)
{
	int value = 0;
	return cudaDeviceGetAttribute(&value, which, ril_cuda.index) == cudaSuccess ? value : 0;
}

static int find_device(int index, bool wrap, struct ril_err *err)
{
	int n = 0;
	cudaError_t rc = cudaGetDeviceCount(&n);
	cudaGetLastError();
	if (rc == cudaErrorInsufficientDriver)
		return ril_fail(err, RIL_EFAIL,
				"cuda:%d: no NVIDIA driver, or one older than CUDA %d.%d, for which this was built",
				index, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
	if (rc != cudaSuccess)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: %s", index, cudaGetErrorString(rc));
	if (wrap && n > 0)
		index %= n;
	if (index >= n)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: this machine has %d CUDA device%s, counted from 0", index, n,
				n == 1 ? "" : "s");
	ril_cuda.index = index;
	ril_cuda.capability =
		10 * attribute(cudaDevAttrComputeCapabilityMajor) + attribute(cudaDevAttrComputeCapabilityMinor);
	ril_cuda.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
	if (ril_cuda.capability < 80)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: compute capability %d.%d; 8.0 (Ampere) or later is needed",
				index, ril_cuda.capability / 10, ril_cuda.capability % 10);
	return 0;
}

/* A sixty-fourth of the memory there is. */
static void choose_chunk(void)
{
	enum { MOST = 256 << 20 };
	size_t unused = 0, total = 0;
	ril_cuda_ok(cudaMemGetInfo(&unused, &total), "asking for the memory there is");
	ril_cuda.chunk = total / 64 < MOST ? (int64_t)(total / 64) : MOST;
}

int ril_cuda_start(int index, bool wrap, const struct ril_ops **ops, char *how, size_t n, struct ril_err *err)
{
	static char name[32];
	char blas[96] = "";
	if (find_device(index, wrap, err))
		return -1;
	index = ril_cuda.index;
	bool open = ril_cuda_ok(cudaSetDevice(index), "opening the device") &&
		    ril_cuda_ok(cudaStreamCreateWithFlags(&ril_cuda.stream, cudaStreamNonBlocking), "a stream") &&
		    ril_cuda_ok(cudaMalloc((void **)&ril_cuda.nonfinite, sizeof(int)), "opening the device");
	if (open) {
		cuda_zero(ril_cuda.nonfinite, sizeof(int));
		choose_chunk();
	}
	if (cuda_sync(err) || ril_cuda_blas_open(blas, sizeof blas, err))
		return -1;
	snprintf(name, sizeof name, "cuda:%d", index);
	table.name = name;
	*ops = &table;
	if (how && n)
		snprintf(how, n, "%s: compute capability %d.%d, %d multiprocessors; %s", name, ril_cuda.capability / 10,
			 ril_cuda.capability % 10, ril_cuda.multiprocessors, blas);
	return 0;
}
