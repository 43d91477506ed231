/* pieces_internal.h -- blocks in pieces, a round after the other, so that the room for what comes in is bounded. */
#ifndef RIL_WORLD_PIECES_INTERNAL_H
#define RIL_WORLD_PIECES_INTERNAL_H

#include "nn/world.h"

/* The part of rank r's range that is round k's: at most `piece` elements. */
static inline struct ril_range ril_piece_of(const int64_t *bound, int r, int64_t k, int64_t piece)
{
	int64_t from = bound[r] + k * piece, to = from + piece;
	from = from < bound[r + 1] ? from : bound[r + 1];
	to = to < bound[r + 1] ? to : bound[r + 1];
	return (struct ril_range){from, to};
}

/* As many as the longest range needs. */
static inline int64_t ril_piece_rounds(const struct ril_world *w, const int64_t *bound, int64_t piece)
{
	int64_t most = 0;
	for (int r = 0; r < w->size; r++) {
		int64_t n = (bound[r + 1] - bound[r] + piece - 1) / piece;
		most = n > most ? n : most;
	}
	return most;
}

#endif
