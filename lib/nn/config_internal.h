/* config_internal.h -- what the readers of config.json share: fields with their checks, and the language model's settings.
 *
 * Every function fails with the field's name; the file is named by ril_config_read. */
#ifndef RIL_NN_CONFIG_INTERNAL_H
#define RIL_NN_CONFIG_INTERNAL_H

#include "base/json.h"
#include "nn/config.h"

/* A member; NULL where it is missing or null. */
cJSON *ril_config_member(const cJSON *, const char *name);
int ril_config_object(const cJSON *, const char *name, cJSON **out, struct ril_err *);
/* A size: between 1 and max; it must be there, or is `otherwise`. */
int ril_config_size(const cJSON *, const char *name, int64_t max, int64_t *out, struct ril_err *);
int ril_config_size_or(const cJSON *, const char *name, int64_t max, int64_t otherwise, int64_t *out, struct ril_err *);
/* A square size, written as a number or as [height, width]. */
int ril_config_side_or(const cJSON *, const char *name, int64_t otherwise, int64_t *out, struct ril_err *);
int ril_config_act(const cJSON *, const char *name, const char *otherwise, enum ril_act *out, struct ril_err *);
/* The tower's heads share its width evenly. */
int ril_config_vision_heads(const struct ril_vision_config *, struct ril_err *);
/* Adds name i of n to a list "a, b and c". */
int ril_config_list(struct ril_buf *, const char *name, size_t i, size_t n, struct ril_err *);

/* decoder_config.c: the language model's part, which names its own type. */
int ril_config_decoder(struct ril_decoder_config *, const cJSON *, struct ril_err *);
/* rope_config.c: its rotary positions, where the file is silent of the theta that is there; mrope: in sections.  YaRN's may
 * reach further than max_positions, which then grows. */
int ril_config_rope(struct ril_decoder_config *, const cJSON *, bool mrope, struct ril_err *);

#endif
