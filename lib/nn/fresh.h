/* fresh.h -- freshly initialised model folders, of any size, from a config.json. */
#ifndef RIL_NN_FRESH_H
#define RIL_NN_FRESH_H

#include "base/dtype.h"
#include "base/json.h"
#include "text/bpe_train.h"
#include "text/tokenizer.h"

struct ril_fresh {
	uint32_t seed;
	enum ril_dtype dtype;           /* F32, BF16, F16; RIL_NONE: as the config says */
	double range;                   /* standard deviation of matrices; 0: the config's initializer_range */
	int64_t min_pixels, max_pixels; /* Qwen's image settings; 0: the family's usual ones */
	int64_t min_tiles, max_tiles;   /* InternVL's; SmolVLM's, the most only */
	uint64_t shard_bytes;           /* a new file after this much */
};

/* Whether the bounds of pictures suit the config's family and each other; before anything is written. */
int ril_fresh_check(const cJSON *config, const struct ril_fresh *, struct ril_err *);

/* Writes config.json (special tokens' ids filled in from the tokenizer), generation_config.json,
 * preprocessor_config.json and what else the family's processor reads.  `config` is changed. */
int ril_fresh_files(const char *dir, cJSON *config, const struct ril_tokenizer *, const struct ril_fresh *,
		    struct ril_err *);

/* Writes model.safetensors, or shards and their index: what dir/config.json asks for, matrices normal, norms 1, biases
 * 0. A number depends on the seed, the parameter's name and the place in it only.  Little of it is in memory at a time.
 */
int ril_fresh_weights(const char *dir, const struct ril_fresh *, int64_t *elements, int *files, struct ril_err *);

/* The type that dir/config.json gives the weights; RIL_NONE with an error. */
enum ril_dtype ril_fresh_dtype(const char *dir, struct ril_err *);

/* Of the config's family: the tokens that a tokenizer to be trained for it needs besides Qwen's (NULL: none), the chat
 * template, in words of our own, and whether a template that a folder has already, by its name (text/chat.h), suits. */
const struct ril_bpe_own *ril_fresh_tokens(const cJSON *config);
const char *ril_fresh_template(const cJSON *config);
bool ril_fresh_suits(const cJSON *config, const char *chat_name);

#endif
