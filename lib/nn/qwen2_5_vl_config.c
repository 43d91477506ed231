/* qwen2_5_vl_config.c -- Qwen2.5-VL's config.json: flat (transformers 4.49) and nested (5.x); what Qwen2-VL's and Qwen3-VL's have in
 * common with it.
 *
 * Source of fields, defaults and precedence: configuration_qwen2_5_vl of transformers 4.49 and 5.23. */
#include "nn/config_internal.h"
#include "nn/qwen_vl_internal.h"

/* ---- what all have ---- */

int ril_qwen_read_text(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	c->nested = !!ril_config_member(top, "text_config");
	c->decoder_prefix = c->nested ? "model.language_model." : "model.";
	*text = c->nested ? ril_config_member(top, "text_config") : top;
	if (ril_config_decoder(&c->text, *text, err) || ril_json_bool(top, "tie_word_embeddings", &c->text.tied, err))
		return -1;
	if (c->text.vocab > 151656) { /* where the file is silent */
		c->image_token = 151655;
		c->video_token = 151656;
	}
	return 0;
}

int ril_qwen_read_patches(struct ril_vision_config *v, const cJSON *o, int64_t patch, struct ril_err *err)
{
	const char *channels = ril_config_member(o, "in_channels") ? "in_channels" : "in_chans";
	return ril_config_size_or(o, "patch_size", 1 << 10, patch, &v->patch, err) ||
			       ril_config_size_or(o, channels, 16, 3, &v->channels, err) ||
			       ril_config_size_or(o, "temporal_patch_size", 16, 2, &v->temporal, err) ||
			       ril_config_size_or(o, "spatial_merge_size", 16, 2, &v->merge, err)
		       ? -1
		       : 0;
}

int ril_qwen_check(const struct ril_config *c, const char *out_field, struct ril_err *err)
{
	const struct ril_vision_config *v = &c->vision;
	if (v->hidden / v->heads % 4)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: head size %lld is not a multiple of 4",
				(long long)(v->hidden / v->heads));
	if (v->out_hidden != c->text.hidden)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: %s %lld is not the decoder's hidden_size %lld",
				out_field, (long long)v->out_hidden, (long long)c->text.hidden);
	return 0;
}

/* ---- Qwen2.5-VL ---- */

static int read_vision(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	static const int full[] = {7, 15, 23, 31};
	cJSON *rope = ril_config_member(o, "rope_parameters"), *list = ril_config_member(o, "fullatt_block_indexes");
	v->rope_theta = 1e4;
	v->norm_eps = 1e-6;
	if (ril_config_size(o, "depth", RIL_MAX_LAYERS, &v->layers, err) ||
	    ril_config_size(o, "hidden_size", 1 << 17, &v->hidden, err) ||
	    ril_config_size(o, "intermediate_size", 1 << 19, &v->inner, err) ||
	    ril_config_size(o, "num_heads", 1 << 12, &v->heads, err) ||
	    ril_config_size(o, "out_hidden_size", 1 << 17, &v->out_hidden, err) || ril_config_vision_heads(v, err) ||
	    ril_qwen_read_patches(v, o, 14, err) ||
	    ril_config_size_or(o, "window_size", 1 << 16, 112, &v->window, err) ||
	    ril_config_act(o, "hidden_act", "silu", &v->act, err) ||
	    (rope && ril_json_num(rope, "rope_theta", &v->rope_theta, err)))
		return -1;
	if (v->act != RIL_ACT_SILU)
		return ril_fail(err, RIL_EFAIL, "vision_config: only hidden_act silu is supported");
	if (v->window < v->merge * v->patch)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: window_size %lld is less than a merged patch",
				(long long)v->window);
	int n = list ? cJSON_GetArraySize(list) : 4;
	for (int i = 0; i < n; i++) {
		int at = list ? cJSON_GetArrayItem(list, i)->valueint : full[i];
		if (at >= 0 && at < v->layers)
			v->full[at] = 1;
	}
	return 0;
}

int ril_qwen2_5_vl_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	cJSON *vision;
	return ril_config_object(top, "vision_config", &vision, err) || ril_qwen_read_text(c, top, text, err) ||
			       read_vision(&c->vision, vision, err) || ril_qwen_check(c, "out_hidden_size", err)
		       ? -1
		       : 0;
}
