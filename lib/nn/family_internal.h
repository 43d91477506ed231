/* family_internal.h -- what a family of models does its own way: the rows of the table in family.c.
 *
 * A family without a tower is text only.  All members are constant; nothing here is allocated. */
#ifndef RIL_NN_FAMILY_INTERNAL_H
#define RIL_NN_FAMILY_INTERNAL_H

#include "base/json.h"
#include "nn/fresh_internal.h"
#include "nn/model.h"

/* The vision side. */
struct ril_tower {
	void *(*bind)(struct ril_model *, struct ril_err *); /* becomes model.vision */
	void (*free)(void *vision);                          /* takes NULL */
	struct ril_val *(*forward)(struct ril_tape *, struct ril_model *, const struct ril_tower_input *);
	/* of a picture with this grid: rows of pixels, of embeddings; and values of a row of pixels */
	int64_t (*pixel_rows)(const struct ril_config *, const int32_t grid[3]);
	int64_t (*pixel_cols)(const struct ril_config *);
	int64_t (*image_tokens)(const struct ril_config *, const int32_t grid[3]);
	/* Writes the three positions of a picture's tokens, pos [3, stride] from column `at`, counted from `from`; returns
	 * how far positions advance.  NULL: an image token's position is a text token's. */
	int32_t (*place)(const struct ril_config *, const int32_t grid[3], int32_t *pos, int64_t stride, int64_t at,
			 int32_t from);
	/* Image tokens that follow each other in the prompt, with text between such runs.  NULL: all of a picture. */
	int64_t (*run)(const struct ril_config *);
};

struct ril_family {
	const char *const *model_types; /* of config.json, ended by NULL */
	/* Fills the config; `text` becomes the language model's part of `top`. */
	int (*read)(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
	const char *decoder_module; /* where transformers 5 has it in memory; NULL: model.language_model. */
	const char *image_word;     /* the token whose id is looked up where config.json has none, or NULL */
	const struct ril_tower *tower;
	const struct ril_fresh_family *fresh;
};

extern const struct ril_family ril_qwen2_vl, ril_qwen2_5_vl, ril_qwen3_vl, ril_internvl, ril_internvl_chat, ril_smolvlm,
	ril_text_only;

/* The family of a model_type, or NULL. */
const struct ril_family *ril_family_find(const char *model_type);
/* Refuses a model_type, naming those that are known. */
int ril_family_refuse(const char *model_type, struct ril_err *);

/* Their readers of config.json. */
int ril_qwen3_vl_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
int ril_qwen2_vl_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
int ril_qwen2_5_vl_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
int ril_internvl_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
int ril_internvl_chat_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);
int ril_smolvlm_read(struct ril_config *, const cJSON *top, const cJSON **text, struct ril_err *);

#endif
