/* link.h -- what carries blocks between the devices of a world's ranks, and the table that a plug-in brings.
 *
 * As with MPI (transport.h) the tools are linked with no such library: what calls NCCL (nccl/nccl.c) is a shared object
 * that link.c loads once a world has been joined.  Between the two stand only the types of C.
 *
 * One thread calls, the one that opened the device.  Nothing here waits: calls put work into a stream of the device's, and
 * ready() says when the library itself has accepted it.  All ranks make the same calls in the same order; messages from one
 * rank to another arrive in the order in which they were sent. */
#ifndef RIL_WORLD_LINK_H
#define RIL_WORLD_LINK_H

#include <stddef.h>

enum {
	RIL_LINK = 1, /* of this table; another number is another table */
	RIL_LINK_PLACE = 128
};
#define RIL_LINK_SYMBOL "ril_link"

/* Functions return 0, or -1, after which why() says what happened.  Memory is the device's, the stream the driver's handle. */
struct ril_link {
	int version;                                        /* RIL_LINK */
	const char *(*library)(void);                       /* "NCCL 2.28.9" */
	int (*place)(void *place);                          /* [RIL_LINK_PLACE], rank 0: where all meet */
	int (*meet)(const void *place, int rank, int size); /* begins; ready() says when all are there */
	/* 1: what was called is with the device; 0: not yet; -1: something has failed, here or with another rank */
	int (*ready)(void);
	/* A group of calls is begun, and ended by end(): they are done together, in no order. */
	int (*begin)(void);
	int (*end)(void);
	int (*send)(int to, const void *, size_t bytes, void *stream);
	int (*receive)(int from, void *, size_t bytes, void *stream);
	/* all[size][bytes] becomes everybody's, of which each has its own */
	int (*gather)(void *all, size_t bytes, int rank, void *stream);
	int (*broadcast)(int from, void *, size_t bytes, void *stream); /* `from` has it, all get it */
	void (*leave)(void);                                            /* all ranks, after all was done */
	void (*abort)(void); /* gives up what is on its way; nothing may be called after it */
	const char *(*why)(void);
};

#endif
