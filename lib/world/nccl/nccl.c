/* nccl.c -- blocks between devices by NCCL: the plug-in, see link.h.  Nothing here but calls of NCCL (2.14 or later).
 *
 * The communicator does not block: whatever a call cannot do at once NCCL does behind it, and says so when asked.  So no rank
 * hangs in a call because another has gone. */
#include "world/link.h"

#include <nccl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(ncclUniqueId) == RIL_LINK_PLACE, "a place is NCCL's unique id");

static struct {
	ncclComm_t comm;
	char why[512];
} state;

static int failed(ncclResult_t rc)
{
	const char *more = ncclGetLastError(state.comm);
	snprintf(state.why, sizeof state.why, "%s%s%s", ncclGetErrorString(rc), more && *more ? ": " : "",
		 more ? more : "");
	state.why[strcspn(state.why, "\n")] = 0;
	return -1;
}

/* What goes on behind a call has not failed. */
static int begun(ncclResult_t rc)
{
	return rc == ncclSuccess || rc == ncclInProgress ? 0 : failed(rc);
}

static const char *why(void)
{
	return state.why;
}

static const char *library(void)
{
	static char text[64];
	int v = 0;
	if (ncclGetVersion(&v) != ncclSuccess)
		return "NCCL";
	snprintf(text, sizeof text, "NCCL %d.%d.%d", v / 10000, v / 100 % 100, v % 100);
	return text;
}

static int place(void *out)
{
	ncclUniqueId id;
	ncclResult_t rc = ncclGetUniqueId(&id);
	if (rc != ncclSuccess)
		return failed(rc);
	memcpy(out, &id, sizeof id);
	return 0;
}

static int meet(const void *where, int rank, int size)
{
	ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
	ncclUniqueId id;
	config.blocking = 0;
	memcpy(&id, where, sizeof id);
	return begun(ncclCommInitRankConfig(&state.comm, size, id, rank, &config));
}

static int ready(void)
{
	ncclResult_t now = ncclSuccess, rc = ncclCommGetAsyncError(state.comm, &now);
	if (rc != ncclSuccess)
		return failed(rc);
	return now == ncclSuccess ? 1 : now == ncclInProgress ? 0 : failed(now);
}

static int begin(void)
{
	return begun(ncclGroupStart());
}

static int end(void)
{
	return begun(ncclGroupEnd());
}

static int send(int to, const void *p, size_t bytes, void *stream)
{
	return begun(ncclSend(p, bytes, ncclInt8, to, state.comm, stream));
}

static int receive(int from, void *p, size_t bytes, void *stream)
{
	return begun(ncclRecv(p, bytes, ncclInt8, from, state.comm, stream));
}

static int gather(void *all, size_t bytes, int rank, void *stream)
{
	return begun(ncclAllGather((char *)all + (size_t)rank * bytes, all, bytes, ncclInt8, state.comm, stream));
}

static int broadcast(int from, void *p, size_t bytes, void *stream)
{
	return begun(ncclBroadcast(p, p, bytes, ncclInt8, from, state.comm, stream));
}

static void leave(void)
{
	enum { TRIES = 2000 };
	const struct timespec a_while = {.tv_nsec = 5000000};
	if (!state.comm)
		return;
	int rc = begun(ncclCommFinalize(state.comm)) ? -1 : ready();
	for (int i = 0; i < TRIES && !rc; i++) {
		nanosleep(&a_while, NULL);
		rc = ready();
	}
	if (rc == 1)
		ncclCommDestroy(state.comm);
	else
		ncclCommAbort(state.comm);
	state.comm = NULL;
}

static void give_up(void)
{
	if (state.comm)
		ncclCommAbort(state.comm);
	state.comm = NULL;
}

__attribute__((visibility("default"))) extern const struct ril_link ril_link;
const struct ril_link ril_link = {RIL_LINK, library, place,  meet,      ready, begin,   end,
				  send,     receive, gather, broadcast, leave, give_up, why};
