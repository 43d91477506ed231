/* layout_internal.h -- the two families behind pixels.h, private to lib/image. */
#ifndef RIL_IMAGE_LAYOUT_INTERNAL_H
#define RIL_IMAGE_LAYOUT_INTERNAL_H

#include "image/pixels.h"

/* Normalised value of each byte in each channel, rounded where the reference rounds. */
struct ril_pixel_table {
	float of[3][256];
};

int ril_qwen_plan(struct ril_pixel_plan *, const struct ril_pixel_settings *, int32_t w, int32_t h, struct ril_err *);
/* `resized` has the plan's size; out is [rows,width]. */
void ril_qwen_patches(float *out, const struct ril_rgb *resized, const struct ril_pixel_settings *,
		      const struct ril_pixel_table *);

int ril_internvl_plan(struct ril_pixel_plan *, const struct ril_pixel_settings *, int32_t w, int32_t h,
		      struct ril_err *);
/* Tile (row, column) of a canvas, out is [3,S,S]. */
void ril_internvl_tile(float *out, const struct ril_rgb *canvas, int32_t row, int32_t column, int32_t side,
		       const struct ril_pixel_table *);

#endif
