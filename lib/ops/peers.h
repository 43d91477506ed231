/* peers.h -- devices of several processes that send to each other: what a backend gives to those who arrange it.
 *
 * Messages between devices are put into a stream of their own, beside the backend's, and so is the sum of what they
 * bring: what the backend is given meanwhile is done at the same time.  part() and rejoin() order the two: what is in one
 * before the call comes before what is in the other after it.  Marks say how far the stream has come, and when.
 * Who carries the messages gets the stream as the driver's handle and needs nothing else of the backend. */
#ifndef RIL_OPS_PEERS_H
#define RIL_OPS_PEERS_H

#include "base/dtype.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* A device among those of other processes, in text. */
struct ril_peer {
	char kind[64];   /* the same for devices that compute alike */
	char device[64]; /* no two devices have the same */
};

struct ril_peers {
	/* Once a process.  *stream: the driver's handle. */
	int (*open)(struct ril_peer *me, void **stream, struct ril_err *);
	void (*close)(void);
	void (*part)(void);   /* what the stream gets from now on comes after all of the backend's calls so far */
	void (*rejoin)(void); /* the backend's calls from now on come after all that the stream has got so far */
	/* A mark behind all that the stream has got so far: its number, from 0; -1 on failure. */
	int (*mark)(struct ril_err *);
	/* Of what lies before a mark: 1 done, 0 not yet, -1 failed. */
	int (*done)(int mark, struct ril_err *);
	double (*between)(int from, int to); /* seconds between the device's coming to two marks, both done */
	void (*forget)(void);                /* the marks so far: numbers begin at 0 again */
	/* own[n] becomes the sum of `size` ranks' parts in their order, made in float and rounded once; own is rank `rank`'s
	 * part, the others' lie at parts + k * stride elements, in their order.  F32 or BF16, device; in the stream. */
	void (*sum)(void *own, const void *parts, int rank, int size, int64_t stride, int64_t n, enum ril_dtype);
};

#endif
