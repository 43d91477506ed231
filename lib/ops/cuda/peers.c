/* peers.c -- the stream that messages between devices go into, and its order beside the backend's; see ops/peers.h. */
#include "ranks_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
	cudaStream_t stream;
	cudaEvent_t parted, rejoined;
	cudaEvent_t *mark; /* [room], of which the first `made` are there */
	int marks, made;
	size_t room;
} peers;

static int name_device(struct ril_peer *me, struct ril_err *err)
{
	struct cudaDeviceProp p;
	cudaError_t rc = cudaGetDeviceProperties(&p, ril_cuda.index);
	if (rc != cudaSuccess)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: %s", ril_cuda.index, cudaGetErrorString(rc));
	snprintf(me->kind, sizeof me->kind, "compute capability %d.%d", p.major, p.minor);
	for (size_t i = 0; i < sizeof p.uuid.bytes; i++)
		snprintf(me->device + 2 * i, 3, "%02x", (unsigned char)p.uuid.bytes[i]);
	return 0;
}

static int peers_open(struct ril_peer *me, void **stream, struct ril_err *err)
{
	cudaError_t rc = cudaSuccess;
	*me = (struct ril_peer){0};
	if (name_device(me, err))
		return -1;
	if (!peers.stream)
		rc = cudaStreamCreateWithFlags(&peers.stream, cudaStreamNonBlocking);
	if (rc == cudaSuccess && !peers.parted)
		rc = cudaEventCreateWithFlags(&peers.parted, cudaEventDisableTiming);
	if (rc == cudaSuccess && !peers.rejoined)
		rc = cudaEventCreateWithFlags(&peers.rejoined, cudaEventDisableTiming);
	if (rc != cudaSuccess)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: a stream: %s", ril_cuda.index, cudaGetErrorString(rc));
	*stream = peers.stream;
	return 0;
}

static void peers_close(void)
{
	if (peers.parted)
		ril_cuda_ok(cudaEventDestroy(peers.parted), "event");
	if (peers.rejoined)
		ril_cuda_ok(cudaEventDestroy(peers.rejoined), "event");
	while (peers.made)
		ril_cuda_ok(cudaEventDestroy(peers.mark[--peers.made]), "event");
	free(peers.mark);
	if (peers.stream)
		ril_cuda_ok(cudaStreamDestroy(peers.stream), "stream");
	memset(&peers, 0, sizeof peers);
}

/* `after` comes after what is in `before`. */
static void order(cudaStream_t after, cudaStream_t before, cudaEvent_t event)
{
	if (ril_cuda_ok(cudaEventRecord(event, before), "event"))
		ril_cuda_ok(cudaStreamWaitEvent(after, event, 0), "event");
}

static void peers_part(void)
{
	order(peers.stream, ril_cuda.stream, peers.parted);
}

static void peers_rejoin(void)
{
	order(ril_cuda.stream, peers.stream, peers.rejoined);
}

/* ---- marks: events, which are used again once they are forgotten ---- */

static int no_event(cudaError_t rc, struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "cuda:%d: an event: %s", ril_cuda.index, cudaGetErrorString(rc));
}

static int make_mark(struct ril_err *err)
{
	if (ril_grow(&peers.mark, &peers.room, (size_t)peers.made + 1, sizeof *peers.mark, err))
		return -1;
	cudaError_t rc = cudaEventCreate(&peers.mark[peers.made]); /* which keeps its time */
	if (rc != cudaSuccess)
		return no_event(rc, err);
	peers.made++;
	return 0;
}

static int peers_mark(struct ril_err *err)
{
	if (peers.marks == peers.made && make_mark(err))
		return -1;
	cudaError_t rc = cudaEventRecord(peers.mark[peers.marks], peers.stream);
	return rc == cudaSuccess ? peers.marks++ : no_event(rc, err);
}

static int peers_done(int mark, struct ril_err *err)
{
	cudaError_t rc = cudaEventQuery(peers.mark[mark]);
	if (rc == cudaSuccess)
		return 1;
	cudaGetLastError();
	return rc == cudaErrorNotReady
		       ? 0
		       : ril_fail(err, RIL_EFAIL, "cuda:%d: %s, in messages between devices or before them",
				  ril_cuda.index, cudaGetErrorString(rc));
}

static double peers_between(int from, int to)
{
	float ms = 0;
	ril_cuda_ok(cudaEventElapsedTime(&ms, peers.mark[from], peers.mark[to]), "an event's time");
	return 1e-3 * (double)ms;
}

static void peers_forget(void)
{
	peers.marks = 0;
}

/* ---- sums ---- */

/* Kernels are launched into the backend's stream, which for this one is another. */
static void peers_sum(void *own, const void *parts, int rank, int size, int64_t stride, int64_t n, enum ril_dtype type)
{
	cudaStream_t backend = ril_cuda.stream;
	ril_cuda.stream = peers.stream;
	ril_cuda_sum_ranks(own, parts, rank, size, stride, n, type);
	ril_cuda.stream = backend;
}

const struct ril_peers ril_cuda_peers = {.open = peers_open,
					 .close = peers_close,
					 .part = peers_part,
					 .rejoin = peers_rejoin,
					 .mark = peers_mark,
					 .done = peers_done,
					 .between = peers_between,
					 .forget = peers_forget,
					 .sum = peers_sum};
