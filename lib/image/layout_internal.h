/* layout_internal.h -- what a layout of pixels does its own way: the rows of the table in pixels.c. */
#ifndef RIL_IMAGE_LAYOUT_INTERNAL_H
#define RIL_IMAGE_LAYOUT_INTERNAL_H

#include "base/json.h"
#include "image/pixels.h"

/* Normalised value of each byte in each channel, rounded where the reference rounds. */
struct ril_pixel_table {
	float of[3][256];
};

struct ril_pixel_kind {
	enum ril_pixel_layout layout;
	const char *const *model_types; /* of config.json, ended by NULL; messages name the first */
	bool in_tiles;                  /* bounded in tiles, else in pixels */
	bool needs_processor;           /* there must be a processor's file */
	double mean[3], std[3];         /* where the folder is silent */
	/* Settings from config.json and the processor's file (NULL: there is none). */
	int (*read)(struct ril_pixel_settings *, const cJSON *config, const cJSON *processor, struct ril_err *);
	int (*check)(const struct ril_pixel_settings *, struct ril_err *);
	int (*plan)(struct ril_pixel_plan *, const struct ril_pixel_settings *, int32_t w, int32_t h, struct ril_err *);
	/* out [rows,width] from the picture resized to the plan's size, and the picture itself. */
	int (*fill)(float *out, const struct ril_rgb *resized, const struct ril_rgb *, const struct ril_pixel_plan *,
		    const struct ril_pixel_settings *, const struct ril_pixel_table *, struct ril_err *);
};
extern const struct ril_pixel_kind ril_pixels_qwen, ril_pixels_internvl, ril_pixels_internvl_chat, ril_pixels_smolvlm;

/* Every kind, ended by NULL. */
extern const struct ril_pixel_kind *const ril_pixel_kinds[];
void ril_pixel_start(struct ril_pixel_settings *, const struct ril_pixel_kind *); /* defaults */

/* For `fill`: the canvas's square tiles row by row, then where the plan has a row more `whole` as one tile. */
int ril_pixel_tiles(float *out, const struct ril_rgb *canvas, const struct ril_rgb *whole,
		    const struct ril_pixel_plan *, const struct ril_pixel_settings *, const struct ril_pixel_table *,
		    struct ril_err *);

/* For `read`: a number; what all layouts share.  For `check`: a setting between lo and hi. */
int ril_pixel_int(const cJSON *, const char *name, int32_t *out, struct ril_err *);
int ril_pixel_common(struct ril_pixel_settings *, const cJSON *, struct ril_err *);
int ril_pixel_range(const char *name, int64_t value, int64_t lo, int64_t hi, struct ril_err *);

#endif
