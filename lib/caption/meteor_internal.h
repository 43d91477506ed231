/* meteor_internal.h -- METEOR's statistics and score, by the user's jar or by the built-in approximation.  Internal to
 * the caption metrics. */
#ifndef RIL_CAPTION_METEOR_INTERNAL_H
#define RIL_CAPTION_METEOR_INTERNAL_H

#include "caption/caption_internal.h"

/* The numbers of a "SCORE" line; pairs are (candidate, reference). */
enum {
	RIL_METEOR_LENGTH = 0,
	RIL_METEOR_FUNCTION = 2,
	RIL_METEOR_STAGE = 4, /* per stage: content words (c, r), function words (c, r) */
	RIL_METEOR_CHUNKS = 20,
	RIL_METEOR_MATCHED = 21,
	RIL_METEOR_STATS = 23,
};
double ril_meteor(const double stats[RIL_METEOR_STATS]);
/* A caption that is its reference counts no chunk, in sums as well. */
void ril_meteor_settle(double stats[RIL_METEOR_STATS]);

/* meteor-ws: exact, stem and WordNet-synonym stages (ws.c). */
struct ril_meteor_ws;
struct ril_meteor_ws *ril_meteor_ws_new(const struct ril_captions *, const char *wordnet /* folder or NULL */,
					struct ril_err *);
void ril_meteor_ws_free(struct ril_meteor_ws *);
/* Statistics against the reference that gives the highest score. */
int ril_meteor_ws_item(double stats[RIL_METEOR_STATS], struct ril_meteor_ws *, const struct ril_caption_case *,
		       struct ril_err *);

/* The original programs (jar.c), for all items at once: stats[i] and value[i] of METEOR, value[i] of SPICE. */
int ril_meteor_jar(struct ril_caption_scores *, const struct ril_captions *, const struct ril_caption_options *,
		   struct ril_err *);
int ril_spice_jar(struct ril_caption_scores *, const struct ril_captions *, const struct ril_caption_options *,
		  struct ril_err *);

#endif
