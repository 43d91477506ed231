/* streams.c -- the emulated device's streams: queues that are done as late as a real device might do them, events, graphs.
 *
 * What is put into a stream waits until somebody waits for it, and then as much is done as is waited for: of that stream up to there,
 * of others what a wait for an event needs.  So a host that does not wait, or changes pinned memory that is still to be copied,
 * gets what it deserves, and so does a stream that uses what another one makes without waiting for its event.  An event that is
 * asked after says "not yet" once.  RIL_SIMT_NOW=1 does everything at once, for a debugger: the operation is then on the stack.
 *
 * RIL_SIMT_STREAMS=beside: with every step of one stream the others go as far as they can, as they do on a device.
 * RIL_SIMT_UNORDERED=1: streams do not wait for events, which must be seen in what they leave.
 * RIL_SIMT_DONE=FILE: lines of what was done, in that order: stream, kind, kernel; FILE.PID.
 * A stream under capture collects the same records into a graph. */
#include "streams.h"

#include "simt_internal.h"
#include "trace.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- records ---- */

struct CUevent_st {
	uint64_t recorded, happened; /* times */
	double at;                   /* seconds */
	bool asked;
};

struct list {
	struct simt_record *at;
	size_t n, room;
};

struct CUgraph_st {
	struct list list;
};
struct CUgraphExec_st {
	struct list list;
};
struct CUstream_st {
	int number;
	struct CUstream_st *next;
	struct list queue;
	size_t done;          /* of the queue, from its start */
	struct list *capture; /* NULL: none */
	bool spoilt;
};

enum { MOST = 4096 }; /* records that may wait in a stream */

static struct CUstream_st stream_0;

static void append(struct list *l, const struct simt_record *r)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->at = realloc(l->at, l->room * sizeof *l->at);
		if (!l->at)
			abort();
	}
	l->at[l->n++] = *r;
}

static void append_copy(struct list *l, struct simt_record r)
{
	if (r.closure) {
		void *own = simt_room(r.bytes);
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

static bool told(const char *variable, const char *value)
{
	const char *v = getenv(variable);
	return v && !strcmp(v, value);
}

/* ---- doing ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* NULL: nobody wants to know. */
static FILE *open_done(void)
{
	const char *file = getenv("RIL_SIMT_DONE");
	char path[512];
	snprintf(path, sizeof path, "%s.%d", file ? file : "", (int)getpid());
	FILE *to = file ? fopen(path, "w") : NULL;
	if (file && !to)
		simt_fault("%s cannot be written", path);
	return to;
}

static void tell_done(const struct CUstream_st *s, const struct simt_record *r)
{
	static const char *const kinds[] = {"kernel", "call", "copy", "set", "free", "event", "wait"};
	static FILE *to;
	static bool asked;
	size_t length = 0;
	if (!asked)
		to = open_done();
	asked = true;
	if (!to)
		return;
	const char *name = r->kind == SIMT_KERNEL ? simt_kernel_name(&r->kernel, &length) : "";
	fprintf(to, "%d\t%s\t%.*s\n", s->number, kinds[r->kind], (int)length, name);
	fflush(to);
}

static bool may_go_on(const struct CUstream_st *s)
{
	const struct simt_record *r = s->queue.at + s->done;
	return s->done < s->queue.n && !(r->kind == SIMT_WAIT && r->event->happened < r->time);
}

static void advance(const struct CUevent_st *, uint64_t time);

/* The next record of a stream, or what it waits for. */
static void step(struct CUstream_st *s)
{
	struct simt_record r = s->queue.at[s->done]; /* the queue may move */
	if (!may_go_on(s)) {
		advance(r.event, r.time);
		return;
	}
	s->done++;
	if (r.kind == SIMT_EVENT)
		*r.event = (struct CUevent_st){r.event->recorded, r.time, seconds(), r.event->asked};
	else if (r.kind != SIMT_WAIT)
		simt_do(&r);
	tell_done(s, &r);
	free(r.closure);
	if (s->done == s->queue.n)
		s->queue.n = s->done = 0;
}

/* A step, and those that others can do beside it. */
static void step_beside(struct CUstream_st *s)
{
	static int beside = -1;
	if (beside < 0)
		beside = told("RIL_SIMT_STREAMS", "beside");
	step(s);
	for (struct CUstream_st *t = beside ? &stream_0 : NULL; t; t = t->next)
		while (t != s && may_go_on(t))
			step(t);
}

/* Does the stream have it before it that the event comes about for that time? */
static bool brings(const struct CUstream_st *s, const struct CUevent_st *e, uint64_t time)
{
	for (size_t i = s->done; i < s->queue.n; i++)
		if (s->queue.at[i].kind == SIMT_EVENT && s->queue.at[i].event == e && s->queue.at[i].time == time)
			return true;
	return false;
}

static void advance(const struct CUevent_st *e, uint64_t time)
{
	struct CUstream_st *s = &stream_0;
	while (s && e->happened < time && !brings(s, e, time))
		s = s->next;
	if (!s)
		simt_fault("an event that no stream brings");
	while (e->happened < time)
		step_beside(s);
}

static void flush(struct CUstream_st *s)
{
	if (s->done == s->queue.n)
		return;
	simt_gate(true);
	while (s->done < s->queue.n)
		step_beside(s);
	simt_gate(false);
}

static void flush_event(const struct CUevent_st *e)
{
	if (e->happened == e->recorded)
		return;
	simt_gate(true);
	advance(e, e->recorded);
	simt_gate(false);
}

void simt_flush_all(void)
{
	for (struct CUstream_st *s = &stream_0; s; s = s->next)
		flush(s);
}

static struct CUstream_st *stream_of(cudaStream_t s)
{
	return s ? s : &stream_0;
}

void simt_flush(cudaStream_t s)
{
	flush(stream_of(s));
}

static void put_in(struct CUstream_st *s, const struct simt_record *r)
{
	static int now = -1;
	if (now < 0)
		now = told("RIL_SIMT_NOW", "1");
	append(&s->queue, r);
	if (now || s->queue.n - s->done >= MOST)
		flush(s);
}

void simt_put_in(cudaStream_t stream, const struct simt_record *r)
{
	struct CUstream_st *s = stream_of(stream);
	if (s->capture)
		append(s->capture, r);
	else
		put_in(s, r);
}

bool simt_captures(cudaStream_t s)
{
	return stream_of(s)->capture;
}

bool simt_spoils_capture(cudaStream_t s)
{
	stream_of(s)->spoilt |= stream_of(s)->capture != NULL;
	return stream_of(s)->capture;
}

/* ---- streams ---- */

cudaError_t cudaStreamCreate(cudaStream_t *s)
{
	static int streams;
	*s = simt_room(sizeof **s);
	**s = (struct CUstream_st){.number = ++streams};
	struct CUstream_st *last = &stream_0;
	while (last->next)
		last = last->next;
	last->next = *s;
	return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
	(void)flags;
	return cudaStreamCreate(s);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	struct CUstream_st *before = &stream_0;
	simt_flush_all(); /* others may wait for events of it */
	while (before->next != s)
		before = before->next;
	before->next = s->next;
	free(s->queue.at);
	free(s);
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
	if (simt_spoils_capture(s))
		return simt_failed(cudaErrorStreamCaptureUnsupported);
	simt_flush(s);
	simt_check_zones();
	return simt_lost() ? simt_failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t s)
{
	return cudaStreamSynchronize(s);
}

/* For what the event was recorded for last. */
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags)
{
	const struct simt_record r = {.kind = SIMT_WAIT, .event = e, .time = e->recorded};
	static int unordered = -1;
	(void)flags;
	if (unordered < 0)
		unordered = told("RIL_SIMT_UNORDERED", "1");
	if (!simt_captures(s) && !unordered)
		simt_put_in(s, &r);
	return cudaSuccess;
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
	(void)flags;
	*e = simt_room(sizeof **e);
	**e = (struct CUevent_st){0};
	return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
	return cudaEventCreateWithFlags(e, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
	simt_flush_all();
	free(e);
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
	struct simt_record r = {.kind = SIMT_EVENT, .event = e};
	if (simt_captures(s))
		return cudaSuccess;
	r.time = ++e->recorded;
	e->asked = false;
	simt_put_in(s, &r);
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
	flush_event(e);
	return simt_lost() ? simt_failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t e)
{
	if (e->happened < e->recorded && !e->asked) {
		e->asked = true;
		return simt_failed(cudaErrorNotReady);
	}
	return cudaEventSynchronize(e);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
	if (from->happened < from->recorded || to->happened < to->recorded)
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
	s->capture = simt_room(sizeof *s->capture);
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
	*graph = simt_room(sizeof **graph);
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
	*exec = simt_room(sizeof **exec);
	(*exec)->list = (struct list){0};
	for (size_t i = 0; i < graph->list.n; i++)
		append_copy(&(*exec)->list, graph->list.at[i]);
	return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
	struct CUstream_st *x = stream_of(s);
	for (size_t i = 0; i < exec->list.n; i++)
		append_copy(&x->queue, exec->list.at[i]);
	if (x->queue.n - x->done >= MOST)
		flush(x);
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	simt_flush_all();
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
