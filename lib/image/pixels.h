/* pixels.h -- from an RGB picture to what a vision tower eats: resized, cut, normalised, in the tower's own order.
 *
 * A layout is a file of its own (layout_internal.h).  There are three (the reference's "PIL" processors):
 *   Qwen2.5-VL  [patches, 3*temporal*patch*patch], patches in merge order (the merge x merge patches that become one
 *               token stand together), each patch channel-major with its picture repeated `temporal` times;
 *   InternVL    [tiles, 3, S, S], tiles row by row, then the thumbnail when there is more than one;
 *   SmolVLM     [tiles, 3, S, S], the same of a picture that is first scaled to a longest side.
 *
 * Ownership: ril_pixels owns `values`; ril_pixels_free releases it and zeroes the struct. */
#ifndef RIL_IMAGE_PIXELS_H
#define RIL_IMAGE_PIXELS_H

#include "image/rgb.h"

enum ril_pixel_layout { RIL_PIXELS_QWEN = 1, RIL_PIXELS_INTERNVL, RIL_PIXELS_SMOLVLM };

/* A model's image settings. */
struct ril_pixel_settings {
	enum ril_pixel_layout layout;
	double mean[3], std[3], rescale; /* value = (byte * rescale - mean) / std; rescale: 1/255, as the file has it */
	bool keep_key;                   /* do_convert_rgb false: a transparent colour is not painted white */
	enum ril_filter filter;
	bool pads; /* do_pad says nothing: all tiles are of one size */
	/* Qwen2.5-VL */
	int32_t patch, merge, temporal;
	int64_t min_pixels, max_pixels;
	/* InternVL */
	int32_t tile, min_tiles, max_tiles; /* tile: side S of a square tile; max_tiles <= 1: one tile, no tiling */
	bool thumbnail;
	/* SmolVLM: tile as above; max_tiles N > 0 instead of `longest`: k * tile with the largest k * k <= N */
	int32_t longest; /* the longest side is scaled to it before anything else */
	bool splits;     /* false: one tile */
};

/* Defaults of the reference processors, which the model's files then override. */
/* From a model folder's config.json and processor_config.json or preprocessor_config.json. */
int ril_pixel_settings_load(struct ril_pixel_settings *, const char *dir, struct ril_err *);
/* Bounds that a user asks for instead of the folder's; 0: the folder's. */
struct ril_pixel_bounds {
	int64_t min_pixels, max_pixels, min_tiles, max_tiles;
};
/* RIL_EUSAGE where the layout is not bounded in what is asked for. */
int ril_pixel_bound(struct ril_pixel_settings *, const struct ril_pixel_bounds *, struct ril_err *);
/* Refuses settings that cannot work (zero sizes, min above max, absurd caps), naming the setting. */
int ril_pixel_check(const struct ril_pixel_settings *, struct ril_err *);

/* What a picture of w x h becomes, before any work is done. */
struct ril_pixel_plan {
	int32_t first_w, first_h; /* resized to this before (SmolVLM); 0: at once */
	int32_t w, h;             /* resized to (InternVL, SmolVLM: the canvas of all tiles) */
	int32_t grid[3];          /* as vision.grid: Qwen 1, rows, columns of patches; else 1, rows, columns of tiles */
	int32_t rows;             /* patches, or tiles with the thumbnail */
	int32_t width;            /* values per row */
};
int ril_pixel_plan(struct ril_pixel_plan *, const struct ril_pixel_settings *, int32_t w, int32_t h, struct ril_err *);

struct ril_pixels {
	float *values; /* [rows, width] */
	int32_t grid[3];
	int32_t rows, width;
};
int ril_pixels_make(struct ril_pixels *, const struct ril_rgb *, const struct ril_pixel_settings *, struct ril_err *);
void ril_pixels_free(struct ril_pixels *);

#endif
