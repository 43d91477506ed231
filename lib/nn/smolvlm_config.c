/* smolvlm_config.c -- SmolVLM's and Idefics3's config.json.
 *
 * Source of fields, defaults and precedence: configuration_idefics3 and configuration_smolvlm of transformers 5.24; the
 * files of SmolVLM-Instruct, SmolVLM-256M, SmolVLM-500M and SmolVLM2 leave sizes of the tower out. */
#include "nn/config_internal.h"
#include "nn/family_internal.h"

static int read_vision(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	v->norm_eps = 1e-6;
	v->qkv_bias = v->thumbnail = true;
	if (ril_config_size_or(o, "num_hidden_layers", RIL_MAX_LAYERS, 12, &v->layers, err) ||
	    ril_config_size_or(o, "hidden_size", 1 << 17, 1152, &v->hidden, err) ||
	    ril_config_size_or(o, "intermediate_size", 1 << 19, 3072, &v->inner, err) ||
	    ril_config_size_or(o, "num_attention_heads", 1 << 12, 16, &v->heads, err) ||
	    ril_config_vision_heads(v, err) || ril_config_side_or(o, "image_size", 224, &v->image, err) ||
	    ril_config_side_or(o, "patch_size", 32, &v->patch, err) ||
	    ril_config_size_or(o, "num_channels", 16, 3, &v->channels, err) ||
	    ril_config_act(o, "hidden_act", "gelu_pytorch_tanh", &v->act, err) ||
	    ril_json_num(o, "layer_norm_eps", &v->norm_eps, err))
		return -1;
	v->used_layers = v->layers;
	if (v->image < v->patch)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: image_size %lld is less than patch_size %lld",
				(long long)v->image, (long long)v->patch);
	return 0;
}

/* The reference finds a patch's position by comparing fractions of the side in float.  Where that gives a patch its
 * neighbour's (25, 29, 31 a side; no published model has these), which ones depends on the processor it runs on. */
static bool own_positions(int64_t side)
{
	double step = 1.0 / (double)side;
	float each = 1.0F / (float)side;
	for (int64_t i = 1; i < side; i++) {
		float at = (float)i * each, bound = (float)(step + step * (double)(i - 1));
		if (at < bound)
			return false;
	}
	return true;
}

/* The image token where the file is silent: Idefics3's of 8 B. */
enum { LLAMA3_IMAGE = 128257 };

int ril_smolvlm_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	cJSON *vision, *llm;
	struct ril_vision_config *v = &c->vision;
	c->decoder_prefix = "model.text_model.";
	if (ril_config_object(top, "vision_config", &vision, err) || ril_config_object(top, "text_config", &llm, err) ||
	    ril_config_decoder(&c->text, llm, err) || read_vision(v, vision, err) ||
	    ril_config_size_or(top, "scale_factor", 64, 2, &v->shuffle, err))
		return -1;
	if (c->text.vocab > LLAMA3_IMAGE)
		c->image_token = LLAMA3_IMAGE;
	c->text.tied = false; /* what the part says of itself does not count */
	if (ril_json_bool(top, "tie_word_embeddings", &c->text.tied, err))
		return -1;
	int64_t side = v->image / v->patch;
	if (side % v->shuffle)
		return ril_fail(err, RIL_ECORRUPT, "field 'scale_factor': %lld does not divide %lld patches",
				(long long)v->shuffle, (long long)side);
	if (!own_positions(side))
		return ril_fail(err, RIL_EFAIL,
				"%lld patches a side are not supported: the reference implementation's positions of "
				"them depend on how it rounds",
				(long long)side);
	*text = llm;
	return 0;
}
