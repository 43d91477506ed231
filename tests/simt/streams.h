/* streams.h -- what is put into the emulated device's streams (streams.c), and who does it (runtime.c). */
#ifndef RIL_SIMT_STREAMS_H
#define RIL_SIMT_STREAMS_H

#include "meet.h"

#include <stdbool.h>
#include <stdlib.h>

static inline void *simt_room(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	if (!p)
		abort();
	return p;
}

enum simt_kind { SIMT_KERNEL, SIMT_CALL, SIMT_COPY, SIMT_SET, SIMT_FREE, SIMT_EVENT, SIMT_WAIT };

struct simt_record {
	enum simt_kind kind;
	struct simt_kernel kernel;
	void (*call)(const void *ctx);
	void *closure; /* KERNEL, CALL: [bytes]; COPY: what pageable memory held, or NULL */
	void *dst;
	const void *src;
	size_t bytes;
	int value;
	cudaEvent_t event; /* EVENT, WAIT: and which of the times that it was recorded */
	uint64_t time;
};

/* Takes the record's closure. */
void simt_put_in(cudaStream_t, const struct simt_record *);
/* Under capture nothing can be waited for, or allocated: notes that it was tried. */
bool simt_spoils_capture(cudaStream_t);
bool simt_captures(cudaStream_t);
void simt_flush(cudaStream_t); /* all of one stream, and what that waits for */
void simt_flush_all(void);

/* runtime.c: does any but EVENT and WAIT; and is the device lost? */
void simt_do(const struct simt_record *);
bool simt_lost(void);

#endif
