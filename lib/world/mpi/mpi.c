/* mpi.c -- a world's messages by MPI: the plug-in, see transport.h.  Nothing here but calls of MPI-3. */
#include "world/transport.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 1 };

static struct {
	MPI_Request *request; /* [n] of [room] */
	MPI_Status *status;
	int *bytes; /* [n]: of a message to come; -1: one that was sent */
	int n, room;
	int level; /* of threads */
	char why[MPI_MAX_ERROR_STRING + 1];
} state;

static int failed(int code)
{
	int n = 0;
	if (MPI_Error_string(code, state.why, &n))
		snprintf(state.why, sizeof state.why, "error %d", code);
	return -1;
}

static const char *why(void)
{
	return state.why;
}

static int join(int *rank, int *size)
{
	int begun = 0, rc = MPI_Initialized(&begun);
	if (!rc && !begun)
		rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &state.level);
	else if (!rc)
		rc = MPI_Query_thread(&state.level);
	if (!rc)
		rc = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	if (!rc)
		rc = MPI_Comm_rank(MPI_COMM_WORLD, rank);
	if (!rc)
		rc = MPI_Comm_size(MPI_COMM_WORLD, size);
	return rc ? failed(rc) : 0;
}

static int any_thread(void)
{
	return state.level >= MPI_THREAD_SERIALIZED;
}

static const char *library(void)
{
	static char text[MPI_MAX_LIBRARY_VERSION_STRING + 1];
	int n = 0;
	if (MPI_Get_library_version(text, &n))
		return "MPI";
	text[strcspn(text, ",\n")] = 0;
	for (char *c = text; *c; c++)
		if (*c == '\t')
			*c = ' ';
	return text;
}

static bool room(void)
{
	if (state.n < state.room)
		return true;
	int more = state.room ? 2 * state.room : 16;
	MPI_Request *request = realloc(state.request, (size_t)more * sizeof *request);
	state.request = request ? request : state.request;
	MPI_Status *status = realloc(state.status, (size_t)more * sizeof *status);
	state.status = status ? status : state.status;
	int *bytes = realloc(state.bytes, (size_t)more * sizeof *bytes);
	state.bytes = bytes ? bytes : state.bytes;
	if (!request || !status || !bytes)
		return snprintf(state.why, sizeof state.why, "out of memory"), false;
	state.room = more;
	return true;
}

static int send(int to, const void *p, size_t bytes)
{
	if (!room())
		return -1;
	int rc = MPI_Isend(p, (int)bytes, MPI_BYTE, to, TAG, MPI_COMM_WORLD, &state.request[state.n]);
	if (rc)
		return failed(rc);
	state.bytes[state.n++] = -1;
	return 0;
}

static int receive(int from, void *p, size_t bytes)
{
	if (!room())
		return -1;
	int rc = MPI_Irecv(p, (int)bytes, MPI_BYTE, from, TAG, MPI_COMM_WORLD, &state.request[state.n]);
	if (rc)
		return failed(rc);
	state.bytes[state.n++] = (int)bytes;
	return 0;
}

/* What came is what was waited for: ranks that do different things are told from each other by it. */
static int check_sizes(void)
{
	for (int i = 0; i < state.n; i++) {
		int have = 0;
		if (state.bytes[i] < 0)
			continue;
		if (MPI_Get_count(&state.status[i], MPI_BYTE, &have) || have != state.bytes[i]) {
			snprintf(state.why, sizeof state.why, "rank %d sent %d bytes where %d were due",
				 state.status[i].MPI_SOURCE, have, state.bytes[i]);
			return -1;
		}
	}
	return 0;
}

static int done(void)
{
	int all = 0, rc = MPI_Testall(state.n, state.request, &all, state.status);
	for (int i = 0; rc == MPI_ERR_IN_STATUS && i < state.n; i++)
		if (state.status[i].MPI_ERROR != MPI_SUCCESS && state.status[i].MPI_ERROR != MPI_ERR_PENDING)
			rc = state.status[i].MPI_ERROR;
	if (rc)
		return failed(rc);
	if (!all)
		return 0;
	if (check_sizes())
		return -1;
	state.n = 0;
	return 1;
}

static void leave(void)
{
	MPI_Finalize();
	free(state.request);
	free(state.status);
	free(state.bytes);
}

static void end(int code)
{
	MPI_Abort(MPI_COMM_WORLD, code);
	_Exit(code);
}

__attribute__((visibility("default"))) extern const struct ril_transport ril_transport;
const struct ril_transport ril_transport = {RIL_TRANSPORT, join, any_thread, library, send,
					    receive,       done, leave,      end,     why};
