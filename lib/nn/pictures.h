/* pictures.h -- the pictures of several groups as one matrix of embeddings, for a pass over all of them.
 *
 * A group carries its pictures' embeddings as the start model computed them (`embeds`), or the pixels from which the
 * model at hand computes its own, recorded on the tape when its projector or tower are trained. */
#ifndef RIL_NN_PICTURES_H
#define RIL_NN_PICTURES_H

#include "nn/model.h"

struct ril_pictures {
	const char *name; /* for errors: the key */
	int n;
	const int32_t *grid; /* [n,3] */
	const void *embeds;  /* [V, image cols] of type `dtype`, host; NULL: use pixels */
	enum ril_dtype dtype;
	int64_t V;
	const float *pixels; /* [pixel rows, pixel cols] */
	int64_t pixel_rows;
	bool blank; /* embeddings are zeros instead: where pictures stand is seen, what they show is not */
};

/* [sum of V, ril_config_image_cols]; NULL in *out when there are no pictures at all.  All sets have embeddings, or all have pixels. */
int ril_pictures_embed(struct ril_tape *, struct ril_model *, const struct ril_pictures *, size_t n,
		       struct ril_val **out, struct ril_err *);

/* Rows of embeddings that the pictures of a set fill. */
int64_t ril_pictures_tokens(const struct ril_config *, const struct ril_pictures *);

#endif
