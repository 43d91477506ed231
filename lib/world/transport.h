/* transport.h -- what carries bytes between the processes of a world, and the table that a plug-in brings.
 *
 * Libraries of MPI do not agree on a binary interface, and most machines have none.  So the tools are linked with none: what
 * calls MPI (mpi/mpi.c) is compiled once with each library's own compiler, into a shared object that join.c loads when a world
 * is joined.  Between the two stand only the types of C.
 *
 * One thread calls at a time; which one, may change where any_thread says so.  Messages from one rank to another arrive in
 * the order in which they were sent. */
#ifndef RIL_WORLD_TRANSPORT_H
#define RIL_WORLD_TRANSPORT_H

#include <stddef.h>

enum { RIL_TRANSPORT = 2 }; /* of this table; another number is another table */
#define RIL_TRANSPORT_SYMBOL "ril_transport"

/* Functions return 0, or -1, after which why() says what happened. */
struct ril_transport {
	int version; /* RIL_TRANSPORT */
	int (*join)(int *rank, int *size);
	int (*any_thread)(void);      /* once joined: may it be called from more than one thread? */
	const char *(*library)(void); /* "Open MPI 4.1.4" */
	/* Begin; the memory stays as it is until done() has returned 1.  At most 2^31 - 1 bytes. */
	int (*send)(int to, const void *, size_t bytes);
	int (*receive)(int from, void *, size_t bytes);
	int (*done)(void);     /* all that was begun: 1; not yet: 0 */
	void (*leave)(void);   /* all ranks, after all was done */
	void (*end)(int code); /* ends the processes of all ranks, this one last, with that exit code */
	const char *(*why)(void);
};

#endif
