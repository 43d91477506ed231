/* qwen_vl_internal.h -- what the towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL share: pictures as patches in merge order (every
 * merge x merge patches that become one image token lie together), turned by their rows and columns; three positions a token. */
#ifndef RIL_NN_QWEN_VL_INTERNAL_H
#define RIL_NN_QWEN_VL_INTERNAL_H

#include "nn/bind_internal.h"
#include "nn/family_internal.h"
#include "nn/rope.h"

/* Begins to bind a tower: its rotary positions and the weight of its first convolution.  The result binds the rest; `nested`: how a
 * fresh folder names it. */
struct ril_bind ril_qwen_bind(struct ril_model *, bool nested, struct ril_rope *, struct ril_linear *patch,
			      struct ril_err *);
/* The rotary table reaches the largest of n places. */
int ril_qwen_reach(struct ril_tape *, struct ril_rope *, const int32_t *place, int64_t n);

/* Patches and frames of all pictures; refuses a grid that merged patches do not fill. */
int ril_qwen_count(struct ril_tape *, const struct ril_vision_config *, const struct ril_tower_input *,
		   int64_t *patches, int64_t *frames);

/* The rows of a tower that has them in merge order. */
struct ril_qwen_rows {
	int64_t T, V;         /* patches, image tokens */
	const int32_t *host;  /* [2,T]: each patch's row and column in its picture, until the reset */
	const int32_t *place; /* the same on the device */
	struct ril_segs frames;
};
int ril_qwen_rows(struct ril_tape *, struct ril_qwen_rows *, const struct ril_vision_config *, struct ril_rope *,
		  const struct ril_tower_input *);

/* A block of layer norms, attention over the whole picture and two layers with an activation between: Qwen2-VL's and Qwen3-VL's. */
struct ril_qwen_block {
	struct ril_norm norm1, norm2;
	struct ril_linear qkv, proj, fc1, fc2;
};
/* fc: what its two layers are called, without the 1 and 2. */
void ril_qwen_bind_block(struct ril_bind *, const struct ril_vision_config *, struct ril_qwen_block *, int i,
			 const char *fc);
/* x [T, hidden] behind the block, as a segment of its own. */
struct ril_val *ril_qwen_block(struct ril_tape *, const struct ril_vision_config *, const struct ril_qwen_block *,
			       const struct ril_qwen_rows *, const struct ril_rope *, struct ril_val *x);

/* For struct ril_tower.  Tokens have (time, row, column) of their merged cell, all shifted by the position after the text before
 * the picture; what follows goes on after the largest position used; time does not advance within a picture. */
int64_t ril_qwen_pixel_rows(const struct ril_config *, const int32_t grid[3]);
int64_t ril_qwen_pixel_cols(const struct ril_config *);
int64_t ril_qwen_image_tokens(const struct ril_config *, const int32_t grid[3]);
int32_t ril_qwen_place(const struct ril_config *, const int32_t grid[3], int32_t *pos, int64_t stride, int64_t at,
		       int32_t from);

/* qwen2_5_vl_config.c: `text` of a flat (transformers 4.4x) or a nested (5.x) file, the language model's settings, its names; token ids
 * where the file is silent. */
int ril_qwen_read_text(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
/* Patches, merging, channels of a vision_config. */
int ril_qwen_read_patches(struct ril_vision_config *, const cJSON *, int64_t patch, struct ril_err *);
/* The tower's width and that of what it puts out, once read. */
int ril_qwen_check(const struct ril_config *, const char *out_field, struct ril_err *);

/* qwen2_5_vl_fresh.c: preprocessor_config.json. */
struct ril_qwen_processor {
	const char *name; /* processor_class */
	double patch;     /* where the config is silent */
	const double *mean, *std;
};
int ril_qwen_write_pictures(const struct ril_qwen_processor *, const char *dir, const cJSON *config,
			    const struct ril_fresh *, struct ril_err *);
extern const struct ril_fresh_id ril_qwen_ids[];

#endif
