/* tiles_internal.h -- what towers on square tiles share (InternVL, SmolVLM): every tile is a sequence of its own, its
 * patches row by row; pixel shuffle joins k x k neighbours into one row of embeddings. */
#ifndef RIL_NN_TILES_INTERNAL_H
#define RIL_NN_TILES_INTERNAL_H

#include "nn/model.h"

/* What the tower's rows are made of, on the device. */
struct ril_tiles {
	int64_t tiles, patches, rows; /* patches of a tile; rows of all tiles, `lead` of each before its patches */
	const int32_t *merge;         /* [tiles * patches]: rows in the order in which pixel shuffle joins them */
	struct ril_segs seg;          /* one a tile */
};
/* Refuses grids that are none of tiles; -1: the tape has failed. */
int ril_tiles_plan(struct ril_tape *, struct ril_tiles *, const struct ril_model *, const struct ril_tower_input *,
		   int64_t lead);
/* Tiles [n, channels, S, S] as rows of patches [n * patches, channels * patch * patch], as the convolution reads them:
 * what is left of S beyond whole patches is not read. */
struct ril_val *ril_tiles_patches(struct ril_tape *, const struct ril_vision_config *, const float *tiles, int64_t n);
/* The tower's rows [rows, C] joined: [tiles * patches / k^2, C * k^2]. */
struct ril_val *ril_tiles_shuffle(struct ril_tape *, const struct ril_vision_config *, const struct ril_tiles *,
				  struct ril_val *x);

/* Of a picture, for struct ril_tower: tiles, and the whole where there are several (with `thumbnail`). */
int64_t ril_tiles_pixel_rows(const struct ril_config *, const int32_t grid[3]);
int64_t ril_tiles_pixel_cols(const struct ril_config *);
int64_t ril_tiles_image_tokens(const struct ril_config *, const int32_t grid[3]);

#endif
