/* config.h -- config.json in every form the hub carries, read into one struct.
 *
 * Qwen2-VL and Qwen2.5-VL flat (transformers 4.49) and nested (5.x: text_config, rope_parameters, dtype), InternVL native
 * (InternVLForConditionalGeneration) and original (InternVLChatModel), SmolVLM and Idefics3, text-only Qwen2/Qwen2.5 and Qwen3.  Fields that
 * a file leaves out take the reference implementation's defaults; what would change the numbers and is not implemented
 * is refused by name.  How pictures are processed is read by lib/image from preprocessor_config.json. */
#ifndef RIL_NN_CONFIG_H
#define RIL_NN_CONFIG_H

#include "base/err.h"
#include "nn/family.h"
#include "nn/rope.h"

enum { RIL_MAX_LAYERS = 512, RIL_MAX_EOS = 8, RIL_MAX_STACK = 8 };

struct ril_decoder_config {
	int64_t vocab, hidden, inner, layers, heads, kv_heads, head_dim, max_positions;
	double norm_eps, rope_theta;
	struct ril_rope_scaling rope;
	int64_t mrope[3]; /* pairs turned by the temporal, height and width position; all 0: one position */
	bool interleaved; /* the sections take turns, T H W T H W, instead of lying one after another */
	bool qkv_bias, o_bias, qk_norm;
	bool tied;      /* the language head is the embedding table */
	int64_t window; /* tokens a sliding layer sees; 0: none slides */
	uint8_t sliding[RIL_MAX_LAYERS];
};

struct ril_vision_config {
	int64_t hidden, inner, layers, heads, patch, channels;
	enum ril_act act, projector_act;
	double norm_eps;
	/* Qwen */
	int64_t temporal, merge, window, out_hidden;
	double rope_theta;
	uint8_t full[RIL_MAX_LAYERS]; /* blocks with attention over the whole picture */
	/* Qwen3-VL */
	int64_t side;  /* of the square of learned positions */
	int64_t stack; /* DeepStack: features besides the embedding, added after the decoder's first layers */
	int32_t stacked[RIL_MAX_STACK]; /* the blocks after which they are taken */
	/* InternVL, SmolVLM */
	int64_t image;       /* tile side in pixels */
	int64_t shuffle;     /* patches merged per side: 1 / downsample_ratio; scale_factor */
	int64_t used_layers; /* vision_feature_layer */
	bool rms_norm, qk_norm, qkv_bias, fused_qkv, keep_cls, shuffle_v1, thumbnail, final_norm;
};

struct ril_config {
	const struct ril_family *family;
	char model_type[64];
	bool original; /* InternVLChatModel */
	bool nested;   /* Qwen with text_config */
	/* where a fresh folder of this form has its decoder and its language head */
	const char *decoder_prefix, *head_name;
	struct ril_decoder_config text;
	struct ril_vision_config vision; /* text only: all 0 */
	int32_t image_token;             /* id whose embeddings the picture replaces; -1: none */
	int32_t video_token;             /* barred in sampling; -1: none */
	int32_t eos[RIL_MAX_EOS];
	int neos; /* generation_config.json, else config.json */
};

int ril_config_read(struct ril_config *, const char *dir, struct ril_err *);

/* Rows of a picture with this grid: of pixels (patches; tiles), of each such row, and of embeddings (image tokens).
 * Text only: none. */
int64_t ril_config_pixel_rows(const struct ril_config *, const int32_t grid[3]);
int64_t ril_config_pixel_cols(const struct ril_config *);
int64_t ril_config_image_tokens(const struct ril_config *, const int32_t grid[3]);
/* Values of a row of embeddings: the decoder's width, as often as a picture enters it (DeepStack). */
int64_t ril_config_image_cols(const struct ril_config *);

#endif
