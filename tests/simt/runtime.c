/* runtime.c -- the host's side of the emulated runtime: kernels, copies, memory; streams are in streams.c.
 *
 * Of pageable memory a copy is taken at the call, as the real runtime does.  RIL_SIMT_TRACE=1 tells what would be done
 * (trace.h).  RIL_SIMT_LOST=N: the device is lost at the Nth kernel, and stays so. */
#include "simt_internal.h"

#include "streams.h"
#include "trace.h"

#include <string.h>

/* ---- doing ---- */

static void do_copy(const struct simt_record *r)
{
	const void *src = r->closure ? r->closure : r->src;
	if (simt_is_device(r->dst))
		simt_expect_device("copying to", r->dst, r->bytes);
	if (simt_is_device(src))
		simt_expect_device("copying from", src, r->bytes);
	memmove(r->dst, src, r->bytes);
	if (simt_is_device(src) && !simt_is_device(r->dst))
		simt_reads(src, r->bytes);
	if (simt_checks && simt_is_device(r->dst)) {
		if (simt_is_device(src))
			simt_checks->host_copied(r->dst, src, r->bytes);
		else
			simt_checks->host_wrote(r->dst, r->bytes);
	}
}

/* Whether it is told instead of done: what would run, or touch device memory.  A library's work tells of itself. */
static bool told(const struct simt_record *r)
{
	if (!simt_tracing())
		return false;
	if (r->kind == SIMT_KERNEL)
		simt_trace_kernel(&r->kernel);
	return r->kind == SIMT_KERNEL || r->kind == SIMT_COPY || r->kind == SIMT_SET;
}

static bool lost;

bool simt_lost(void)
{
	return lost;
}

/* From the kernel on that RIL_SIMT_LOST counts to nothing is done. */
static bool loses(const struct simt_record *r)
{
	static int64_t left = -1;
	if (left < 0) {
		const char *v = getenv("RIL_SIMT_LOST");
		left = v ? strtoll(v, NULL, 10) : 0;
	}
	if (left && r->kind == SIMT_KERNEL && !--left)
		lost = true;
	return lost;
}

void simt_do(const struct simt_record *r)
{
	if (loses(r) || told(r))
		return;
	switch (r->kind) {
	case SIMT_KERNEL: simt_run_kernel(&r->kernel, r->closure, r->bytes); break;
	case SIMT_CALL: r->call(r->closure); break;
	case SIMT_COPY: do_copy(r); break;
	case SIMT_SET:
		simt_expect_device("setting", r->dst, r->bytes);
		memset(r->dst, r->value, r->bytes);
		if (simt_checks)
			simt_checks->host_wrote(r->dst, r->bytes);
		break;
	case SIMT_FREE: simt_device_put(r->dst, true); break;
	default: break;
	}
}

/* ---- kernels ---- */

enum { KERNELS = 1024 };
static struct {
	const void *function;
	size_t shared;
} allowed[KERNELS];
static int alloweds;

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute which, int value)
{
	if (which != cudaFuncAttributeMaxDynamicSharedMemorySize)
		return cudaSuccess;
	if (value < 0 || (size_t)value > simt_shared_limit)
		return simt_failed(cudaErrorInvalidValue);
	int i = 0;
	while (i < alloweds && allowed[i].function != kernel)
		i++;
	if (i == KERNELS)
		abort();
	alloweds += i == alloweds;
	allowed[i].function = kernel;
	allowed[i].shared = (size_t)value;
	return cudaSuccess;
}

static size_t shared_allowed(const void *kernel)
{
	for (int i = 0; i < alloweds; i++)
		if (allowed[i].function == kernel && allowed[i].shared > SIMT_SHARED_UNASKED)
			return allowed[i].shared;
	return SIMT_SHARED_UNASKED;
}

void simt_queue_kernel(const struct simt_kernel *k, const void *closure, size_t bytes, cudaStream_t stream)
{
	uint64_t threads = (uint64_t)k->block.x * k->block.y * k->block.z;
	bool grid = k->grid.x && k->grid.y && k->grid.z && k->grid.x <= INT32_MAX && k->grid.y <= 65535 &&
		    k->grid.z <= 65535;
	if (!grid || !threads || threads > SIMT_MAX_THREADS || k->block.z > 64) {
		simt_failed(cudaErrorInvalidConfiguration);
		return;
	}
	if (k->shared > shared_allowed(k->function)) {
		simt_failed(cudaErrorInvalidValue);
		return;
	}
	simt_check_arguments(k, closure, bytes);
	struct simt_record r = {.kind = SIMT_KERNEL, .kernel = *k, .closure = simt_room(bytes), .bytes = bytes};
	memcpy(r.closure, closure, bytes);
	simt_put_in(stream, &r);
}

void simt_host_call(cudaStream_t stream, void (*run)(const void *ctx), const void *ctx, size_t bytes)
{
	struct simt_record r = {.kind = SIMT_CALL, .call = run, .closure = simt_room(bytes), .bytes = bytes};
	memcpy(r.closure, ctx, bytes);
	simt_put_in(stream, &r);
}

/* ---- waiting for all ---- */

cudaError_t cudaDeviceSynchronize(void)
{
	simt_flush_all();
	simt_check_zones();
	return lost ? simt_failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaDeviceReset(void)
{
	return cudaDeviceSynchronize();
}

/* ---- memory ---- */

cudaError_t cudaMalloc(void **p, size_t bytes)
{
	if (lost)
		return simt_failed(cudaErrorLaunchFailure);
	*p = simt_device_get(bytes);
	return *p ? cudaSuccess : simt_failed(cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void *p)
{
	if (!p)
		return cudaSuccess;
	simt_flush_all();
	simt_device_put(p, true);
	return cudaSuccess;
}

cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t s)
{
	if (simt_spoils_capture(s))
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	return cudaMalloc(p, bytes);
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t s)
{
	struct simt_record r = {.kind = SIMT_FREE, .dst = p};
	if (simt_spoils_capture(s))
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	if (p)
		simt_put_in(s, &r);
	return cudaSuccess;
}

enum { PINNED = 256 };
static struct {
	char *p;
	size_t bytes;
} pinned[PINNED];

static bool is_pinned(const void *p)
{
	for (int i = 0; i < PINNED; i++)
		if (pinned[i].p && (const char *)p >= pinned[i].p && (const char *)p < pinned[i].p + pinned[i].bytes)
			return true;
	return false;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
	int i = 0;
	while (i < PINNED && pinned[i].p)
		i++;
	if (i == PINNED || posix_memalign(p, 4096, bytes ? bytes : 1))
		return simt_failed(cudaErrorMemoryAllocation);
	memset(*p, 0xff, bytes);
	pinned[i].p = *p;
	pinned[i].bytes = bytes;
	return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags)
{
	(void)flags;
	return cudaMallocHost(p, bytes);
}

cudaError_t cudaFreeHost(void *p)
{
	simt_flush_all();
	for (int i = 0; i < PINNED; i++) {
		if (p && pinned[i].p == p) {
			pinned[i].p = NULL;
			free(p);
			return cudaSuccess;
		}
	}
	return p ? simt_failed(cudaErrorInvalidValue) : cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total)
{
	simt_device_info(unused, total);
	return cudaSuccess;
}

/* Which side each must be on. */
static void check_sides(const void *dst, const void *src, enum cudaMemcpyKind kind)
{
	bool to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
	bool from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
	if (kind == cudaMemcpyDefault)
		return;
	if (simt_is_device(dst) != to)
		simt_fault("a copy to %p, which is not the %s's memory", dst, to ? "device" : "host");
	if (simt_is_device(src) != from)
		simt_fault("a copy from %p, which is not the %s's memory", src, from ? "device" : "host");
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s)
{
	struct simt_record r = {.kind = SIMT_COPY, .dst = dst, .src = src, .bytes = bytes};
	if (!bytes)
		return cudaSuccess;
	check_sides(dst, src, kind);
	bool capture = simt_captures(s);
	if (!simt_is_device(src) && !is_pinned(src) && !capture) {
		r.closure = simt_room(bytes);
		memcpy(r.closure, src, bytes);
	}
	simt_put_in(s, &r);
	if (!simt_is_device(dst) && !is_pinned(dst) && !capture)
		simt_flush(s);
	return cudaSuccess;
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind)
{
	cudaError_t e = cudaMemcpyAsync(dst, src, bytes, kind, NULL);
	simt_flush_all();
	return e;
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t s)
{
	struct simt_record r = {.kind = SIMT_SET, .dst = dst, .value = value, .bytes = bytes};
	if (!bytes)
		return cudaSuccess;
	simt_expect_device("setting", dst, bytes);
	simt_put_in(s, &r);
	return cudaSuccess;
}

cudaError_t cudaMemset(void *dst, int value, size_t bytes)
{
	return cudaMemsetAsync(dst, value, bytes, NULL);
}
