/* internvl_config.c -- InternVL's config.json: native (InternVLForConditionalGeneration) and original (InternVLChatModel).
 *
 * Source of fields, defaults and precedence: configuration_internvl of transformers 5.23; for the original layout the
 * configuration that ships with those checkpoints. */
#include "nn/config_internal.h"
#include "nn/family_internal.h"

#include <math.h>
#include <string.h>

static int read_norm_type(struct ril_vision_config *v, const cJSON *o, const char *otherwise, struct ril_err *err)
{
	const char *norm = otherwise;
	if (ril_json_str(o, "norm_type", &norm, err))
		return -1;
	v->rms_norm = !strcmp(norm, "rms_norm");
	if (!v->rms_norm && strcmp(norm, "layer_norm"))
		return ril_fail(err, RIL_EFAIL, "vision_config: norm_type '%s' is not supported", norm);
	return 0;
}

static int read_vision(struct ril_vision_config *v, const cJSON *o, bool original, struct ril_err *err)
{
	bool mean_pool = true, positions = true, mask = false;
	v->norm_eps = 1e-6;
	v->qk_norm = original;
	v->fused_qkv = original;
	if (ril_config_size(o, "num_hidden_layers", RIL_MAX_LAYERS, &v->layers, err) ||
	    ril_config_size(o, "hidden_size", 1 << 17, &v->hidden, err) ||
	    ril_config_size(o, "intermediate_size", 1 << 19, &v->inner, err) ||
	    ril_config_size(o, "num_attention_heads", 1 << 12, &v->heads, err) || ril_config_vision_heads(v, err) ||
	    ril_config_side_or(o, "image_size", original ? 224 : 448, &v->image, err) ||
	    ril_config_side_or(o, "patch_size", 14, &v->patch, err) ||
	    ril_config_size_or(o, "num_channels", 16, 3, &v->channels, err) ||
	    ril_config_act(o, "hidden_act", "gelu", &v->act, err) ||
	    ril_json_num(o, "layer_norm_eps", &v->norm_eps, err) ||
	    ril_json_bool(o, original ? "qkv_bias" : "attention_bias", &v->qkv_bias, err) ||
	    ril_json_bool(o, original ? "qk_normalization" : "use_qk_norm", &v->qk_norm, err) ||
	    ril_json_bool(o, "use_mean_pooling", &mean_pool, err) || ril_json_bool(o, "use_mask_token", &mask, err) ||
	    ril_json_bool(o, "use_absolute_position_embeddings", &positions, err) ||
	    read_norm_type(v, o, original ? "rms_norm" : "layer_norm", err))
		return -1;
	v->final_norm = !original && !mean_pool;
	if (!positions || mask)
		return ril_fail(err, RIL_EFAIL, "vision_config: %s is not supported",
				mask ? "use_mask_token" : "a tower without position embeddings");
	if (v->image % v->patch)
		return ril_fail(err, RIL_ECORRUPT,
				"vision_config: image_size %lld is not a multiple of patch_size %lld",
				(long long)v->image, (long long)v->patch);
	return 0;
}

/* What surrounds the InternVL tower: which layer, pixel shuffle, thumbnail. */
static int read_top(struct ril_config *c, const cJSON *top, struct ril_err *err)
{
	struct ril_vision_config *v = &c->vision;
	double ratio = 0.5;
	int64_t select = -1, force = v->image;
	const char *shuffle = c->original ? "v1" : "v2", *strategy = "default";
	v->thumbnail = !c->original;
	if (ril_json_num(top, "downsample_ratio", &ratio, err) ||
	    ril_json_int(top, c->original ? "select_layer" : "vision_feature_layer", &select, err) ||
	    ril_json_int(top, "force_image_size", &force, err) || ril_json_str(top, "ps_version", &shuffle, err) ||
	    ril_json_str(top, "vision_feature_select_strategy", &strategy, err) ||
	    ril_json_bool(top, "use_thumbnail", &v->thumbnail, err) ||
	    ril_config_act(top, "projector_hidden_act", "gelu", &v->projector_act, err))
		return -1;
	v->shuffle = ratio > 0 && ratio <= 1 ? llround(1 / ratio) : 0;
	v->shuffle_v1 = !strcmp(shuffle, "v1");
	v->keep_cls = strcmp(strategy, "default") != 0;
	v->used_layers = select < 0 ? v->layers + 1 + select : select;
	v->final_norm = v->final_norm && select == -1; /* hidden states of a layer come without it */
	if (v->keep_cls)
		return ril_fail(err, RIL_EFAIL, "vision_feature_select_strategy '%s' is not supported", strategy);
	if (!v->shuffle || v->image / v->patch % v->shuffle)
		return ril_fail(err, RIL_ECORRUPT, "field 'downsample_ratio': %g does not divide %lld patches", ratio,
				(long long)(v->image / v->patch));
	if (v->used_layers < 0 || v->used_layers > v->layers)
		return ril_fail(err, RIL_ECORRUPT, "vision layer %lld of %lld is asked for", (long long)select,
				(long long)v->layers);
	if (force != v->image)
		return ril_fail(err, RIL_EFAIL,
				"force_image_size %lld differs from the tower's image_size %lld: not supported",
				(long long)force, (long long)v->image);
	return 0;
}

static int read_form(struct ril_config *c, const cJSON *top, bool original, const cJSON **text, struct ril_err *err)
{
	cJSON *vision, *llm;
	c->original = original;
	c->decoder_prefix = original ? "language_model.model." : "model.language_model.";
	c->head_name = original ? "language_model.lm_head.weight" : "lm_head.weight";
	if (ril_config_object(top, "vision_config", &vision, err) ||
	    ril_config_object(top, original ? "llm_config" : "text_config", &llm, err) ||
	    ril_config_decoder(&c->text, llm, err) ||
	    (!original && ril_json_bool(top, "tie_word_embeddings", &c->text.tied, err)) ||
	    read_vision(&c->vision, vision, original, err))
		return -1;
	*text = llm;
	return read_top(c, top, err);
}

int ril_internvl_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	return read_form(c, top, false, text, err);
}

int ril_internvl_chat_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	return read_form(c, top, true, text, err);
}
