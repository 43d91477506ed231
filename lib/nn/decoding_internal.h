/* decoding_internal.h -- the responses being written, as arrays on the device.
 *
 * What a decoding step reads and what it leaves behind stays there: ids, positions, cache rows, segments, keys of the
 * next draw, which rows are done, and the tokens written so far.  The host says once how every row begins and asks, now
 * and then, which rows are done; those still going then close up, so that the next steps are smaller.
 *
 * There are two sets of the per-row arrays, and closing up copies one to the other.  Nothing moves between the host and
 * the device in a step without a look, and in one with a look the mask comes down and, where rows ended, a list goes up.
 *
 * Ownership: ril_decoding_free gives all of it back; ril_decoding_room keeps the memory from call to call. */
#ifndef RIL_NN_DECODING_INTERNAL_H
#define RIL_NN_DECODING_INTERNAL_H

#include "base/mem.h"
#include "ops/backend.h"

struct ril_decoding {
	struct ril_decode now;   /* n: rows still in the batch */
	struct ril_decode start; /* host: how every row begins, to be filled before ril_decoding_start */
	/* the rest is decoding.c's */
	struct ril_decode spare; /* the other set */
	int64_t rows;            /* at the start */
	size_t known;            /* bytes of `start`: what the host knows of a set */
	int32_t *list;           /* [rows], device: rows that stay */
	char *device, *host;
	size_t device_bytes, host_bytes;
	int32_t *seen, *stay; /* [rows], host */
	char *written;        /* host: the outputs */
};

/* Makes room for rows that each write up to `max` tokens; window 0: no layer has one.  Sets `start` up, its arrays
 * zero, and `now`, whose ids are 0; eos and neos are the caller's to set. */
int ril_decoding_room(struct ril_decoding *, int64_t rows, int axes, int64_t window, int32_t max, struct ril_err *);
void ril_decoding_free(struct ril_decoding *);

/* Takes `start` to the device. */
void ril_decoding_start(struct ril_decoding *);

/* Asks which rows are done; then, at once or after a further step, closes up.  False: a row has failed, and all stay. */
void ril_decoding_look(struct ril_decoding *);
bool ril_decoding_close_up(struct ril_decoding *);

/* A row that could not choose, and how many tokens it has; -1: none. */
int64_t ril_decoding_failed(struct ril_decoding *, int32_t *tokens);

/* The outputs, copied to the host: [rows, max] each. */
void ril_decoding_read(struct ril_decoding *, const int32_t **ids, const ril_real **logp);

#endif
