/* runtime.c -- the host's side of the emulated runtime: streams, events, graphs, copies.
 *
 * What is put into a stream waits in one queue until somebody waits for the device: as late as a real device might do it,
 * so that a host that does not wait, or changes pinned memory that is still to be copied, gets what it deserves.
 * RIL_SIMT_NOW=1 does everything at once, for a debugger: the operation is then on the stack.  Of pageable memory a copy
 * is taken at the call, as the real runtime does.  RIL_SIMT_TRACE=1 tells what would be done (trace.h).  RIL_SIMT_LOST=N: the
 * device is lost at the Nth kernel, and stays so.  A stream under capture collects the same records into a graph. */
#include "simt_internal.h"

#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- records ---- */

enum kind { KERNEL, CALL, COPY, SET, EVENT, FREE, TOLD };

struct CUevent_st {
	int due;   /* records in the queue */
	double at; /* seconds */
};

struct record {
	enum kind kind;
	struct simt_kernel kernel;
	void (*call)(const void *ctx);
	void *closure; /* KERNEL, CALL: [bytes]; COPY: what pageable memory held, or NULL */
	void *dst;
	const void *src;
	size_t bytes;
	int value;
	cudaEvent_t event;
};

struct list {
	struct record *at;
	size_t n, room;
};

struct CUgraph_st {
	struct list list;
};
struct CUgraphExec_st {
	struct list list;
};
struct CUstream_st {
	struct list *capture; /* NULL: none */
	bool spoilt;
};

enum { MOST = 4096 }; /* records that may wait */

static struct list queue;
static size_t done; /* of the queue, from its start */
static struct CUstream_st stream_0;

static void *room_for(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	if (!p)
		abort();
	return p;
}

static void append(struct list *l, const struct record *r)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->at = realloc(l->at, l->room * sizeof *l->at);
		if (!l->at)
			abort();
	}
	l->at[l->n++] = *r;
}

static void append_copy(struct list *l, struct record r)
{
	if (r.closure) {
		void *own = room_for(r.bytes);
		memcpy(own, r.closure, r.bytes);
		r.closure = own;
	}
	append(l, &r);
}

static void list_end(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].closure);
	free(l->at);
	*l = (struct list){0};
}

/* ---- doing ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void do_copy(const struct record *r)
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
static bool told(const struct record *r)
{
	if (!simt_tracing())
		return false;
	if (r->kind == KERNEL)
		simt_trace_kernel(&r->kernel);
	return r->kind == KERNEL || r->kind == COPY || r->kind == SET;
}

static bool lost;

/* From the kernel on that RIL_SIMT_LOST counts to nothing is done. */
static bool loses(const struct record *r)
{
	static int64_t left = -1;
	if (left < 0) {
		const char *v = getenv("RIL_SIMT_LOST");
		left = v ? strtoll(v, NULL, 10) : 0;
	}
	if (left && r->kind == KERNEL && !--left)
		lost = true;
	return lost && r->kind != EVENT;
}

static void do_record(struct record *r)
{
	switch (loses(r) || told(r) ? TOLD : r->kind) {
	case KERNEL: simt_run_kernel(&r->kernel, r->closure, r->bytes); break;
	case CALL: r->call(r->closure); break;
	case COPY: do_copy(r); break;
	case SET:
		simt_expect_device("setting", r->dst, r->bytes);
		memset(r->dst, r->value, r->bytes);
		if (simt_checks)
			simt_checks->host_wrote(r->dst, r->bytes);
		break;
	case EVENT:
		r->event->due--;
		r->event->at = seconds();
		break;
	case FREE: simt_device_put(r->dst, true); break;
	case TOLD: break;
	}
	free(r->closure);
	r->closure = NULL;
}

/* Until the event has come about; NULL: everything. */
static void flush(const struct CUevent_st *until)
{
	if (done == queue.n || (until && !until->due))
		return;
	simt_gate(true);
	while (done < queue.n && !(until && !until->due)) {
		struct record r = queue.at[done++]; /* the queue may move */
		do_record(&r);
	}
	simt_gate(false);
	if (done == queue.n)
		queue.n = done = 0;
}

static struct CUstream_st *stream_of(cudaStream_t s)
{
	return s ? s : &stream_0;
}

static void put_in(cudaStream_t s, const struct record *r)
{
	static int now = -1;
	if (now < 0) {
		const char *v = getenv("RIL_SIMT_NOW");
		now = v && *v == '1';
	}
	if (stream_of(s)->capture) {
		append(stream_of(s)->capture, r);
		return;
	}
	append(&queue, r);
	if (now || queue.n - done >= MOST)
		flush(NULL);
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
	struct record r = {.kind = KERNEL, .kernel = *k, .closure = room_for(bytes), .bytes = bytes};
	memcpy(r.closure, closure, bytes);
	put_in(stream, &r);
}

void simt_host_call(cudaStream_t stream, void (*run)(const void *ctx), const void *ctx, size_t bytes)
{
	struct record r = {.kind = CALL, .call = run, .closure = room_for(bytes), .bytes = bytes};
	memcpy(r.closure, ctx, bytes);
	put_in(stream, &r);
}

/* ---- waiting for all ---- */

cudaError_t cudaDeviceSynchronize(void)
{
	flush(NULL);
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
	flush(NULL);
	simt_device_put(p, true);
	return cudaSuccess;
}

cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t s)
{
	if (stream_of(s)->capture) {
		stream_of(s)->spoilt = true;
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	}
	return cudaMalloc(p, bytes);
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t s)
{
	struct record r = {.kind = FREE, .dst = p};
	if (stream_of(s)->capture) {
		stream_of(s)->spoilt = true;
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	}
	if (p)
		put_in(s, &r);
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
	flush(NULL);
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
	struct record r = {.kind = COPY, .dst = dst, .src = src, .bytes = bytes};
	if (!bytes)
		return cudaSuccess;
	check_sides(dst, src, kind);
	bool capture = stream_of(s)->capture;
	if (!simt_is_device(src) && !is_pinned(src) && !capture) {
		r.closure = room_for(bytes);
		memcpy(r.closure, src, bytes);
	}
	put_in(s, &r);
	if (!simt_is_device(dst) && !is_pinned(dst) && !capture)
		flush(NULL);
	return cudaSuccess;
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind)
{
	cudaError_t e = cudaMemcpyAsync(dst, src, bytes, kind, NULL);
	flush(NULL);
	return e;
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t s)
{
	struct record r = {.kind = SET, .dst = dst, .value = value, .bytes = bytes};
	if (!bytes)
		return cudaSuccess;
	simt_expect_device("setting", dst, bytes);
	put_in(s, &r);
	return cudaSuccess;
}

cudaError_t cudaMemset(void *dst, int value, size_t bytes)
{
	return cudaMemsetAsync(dst, value, bytes, NULL);
}

/* ---- streams ---- */

cudaError_t cudaStreamCreate(cudaStream_t *s)
{
	*s = room_for(sizeof **s);
	**s = (struct CUstream_st){0};
	return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
	(void)flags;
	return cudaStreamCreate(s);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	flush(NULL);
	free(s);
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
	if (stream_of(s)->capture) {
		stream_of(s)->spoilt = true;
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	}
	return cudaDeviceSynchronize();
}

cudaError_t cudaStreamQuery(cudaStream_t s)
{
	return cudaStreamSynchronize(s);
}

/* All streams share one queue, so that one always waits for the other. */
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags)
{
	(void)s;
	(void)e;
	(void)flags;
	return cudaSuccess;
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
	(void)flags;
	*e = room_for(sizeof **e);
	**e = (struct CUevent_st){0};
	return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
	return cudaEventCreateWithFlags(e, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
	flush(e);
	free(e);
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
	struct record r = {.kind = EVENT, .event = e};
	if (stream_of(s)->capture)
		return cudaSuccess;
	e->due++;
	put_in(s, &r);
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
	flush(e);
	return lost ? simt_failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t e)
{
	return cudaEventSynchronize(e);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
	if (from->due || to->due)
		return simt_failed(cudaErrorNotReady);
	*ms = (float)(1e3 * (to->at - from->at));
	return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
	(void)mode;
	if (!s || s->capture)
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	s->capture = room_for(sizeof *s->capture);
	*s->capture = (struct list){0};
	s->spoilt = false;
	return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
	*graph = NULL;
	if (!s || !s->capture)
		return simt_failed(cudaErrorInvalidValue);
	struct list l = *s->capture;
	free(s->capture);
	s->capture = NULL;
	if (s->spoilt) {
		list_end(&l);
		return simt_failed(cudaErrorStreamCaptureInvalidated);
	}
	*graph = room_for(sizeof **graph);
	(*graph)->list = l;
	return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t s, enum cudaStreamCaptureStatus *status)
{
	struct CUstream_st *x = stream_of(s);
	*status = !x->capture ? cudaStreamCaptureStatusNone
		  : x->spoilt ? cudaStreamCaptureStatusInvalidated
			      : cudaStreamCaptureStatusActive;
	return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
	(void)flags;
	*exec = room_for(sizeof **exec);
	(*exec)->list = (struct list){0};
	for (size_t i = 0; i < graph->list.n; i++)
		append_copy(&(*exec)->list, graph->list.at[i]);
	return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
	(void)s;
	for (size_t i = 0; i < exec->list.n; i++)
		append_copy(&queue, exec->list.at[i]);
	if (queue.n - done >= MOST)
		flush(NULL);
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	flush(NULL);
	list_end(&exec->list);
	free(exec);
	return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	if (graph)
		list_end(&graph->list);
	free(graph);
	return cudaSuccess;
}
