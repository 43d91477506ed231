/* qwen3_vl_config.c -- Qwen3-VL's config.json.
 *
 * Source of fields, defaults and precedence: configuration_qwen3_vl of transformers 5.24. */
#include "nn/config_internal.h"
#include "nn/qwen_vl_internal.h"

#include <math.h>

/* The blocks after which a feature is taken, ascending. */
static int read_stack(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	static const int usual[] = {8, 16, 24};
	const cJSON *list = ril_config_member(o, "deepstack_visual_indexes");
	int n = list ? cJSON_GetArraySize(list) : 3;
	if (n > RIL_MAX_STACK)
		return ril_fail(err, RIL_EFAIL, "field 'deepstack_visual_indexes': %d features are more than %d", n,
				RIL_MAX_STACK);
	for (int i = 0; i < n; i++) {
		const cJSON *at = list ? cJSON_GetArrayItem(list, i) : NULL;
		double block = !list ? usual[i] : cJSON_IsNumber(at) ? at->valuedouble : -1;
		if (!(block >= 0 && block < (double)v->layers) || (i && block <= v->stacked[i - 1]))
			return ril_fail(err, RIL_ECORRUPT,
					"field 'deepstack_visual_indexes' is no ascending list of blocks below %lld",
					(long long)v->layers);
		v->stacked[i] = (int32_t)block;
	}
	v->stack = n;
	return 0;
}

static int read_vision(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	cJSON *rope = ril_config_member(o, "rope_parameters");
	int64_t positions;
	v->rope_theta = 1e4;
	v->norm_eps = 1e-6;
	if (ril_config_size_or(o, "depth", RIL_MAX_LAYERS, 27, &v->layers, err) ||
	    ril_config_size(o, "hidden_size", 1 << 17, &v->hidden, err) ||
	    ril_config_size(o, "intermediate_size", 1 << 19, &v->inner, err) ||
	    ril_config_size(o, "num_heads", 1 << 12, &v->heads, err) ||
	    ril_config_size(o, "out_hidden_size", 1 << 17, &v->out_hidden, err) || ril_config_vision_heads(v, err) ||
	    ril_qwen_read_patches(v, o, 16, err) ||
	    ril_config_size_or(o, "num_position_embeddings", 1 << 24, 2304, &positions, err) ||
	    ril_config_act(o, "hidden_act", "gelu_pytorch_tanh", &v->act, err) ||
	    (rope && ril_json_num(rope, "rope_theta", &v->rope_theta, err)) || read_stack(v, o, err))
		return -1;
	v->side = llround(sqrt((double)positions));
	if (v->side * v->side != positions)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: num_position_embeddings %lld is not a square",
				(long long)positions);
	return 0;
}

int ril_qwen3_vl_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	cJSON *vision, *llm;
	if (ril_config_object(top, "vision_config", &vision, err) || ril_config_object(top, "text_config", &llm, err) ||
	    ril_qwen_read_text(c, top, text, err) || read_vision(&c->vision, vision, err) ||
	    ril_qwen_check(c, "out_hidden_size", err))
		return -1;
	if (c->vision.stack >= c->text.layers)
		return ril_fail(err, RIL_EFAIL, "%lld DeepStack features for a decoder of %lld layers: not supported",
				(long long)c->vision.stack, (long long)c->text.layers);
	if (c->vision.hidden % 2)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: hidden_size %lld is odd",
				(long long)c->vision.hidden);
	return 0;
}
