/* qwen2_vl_config.c -- Qwen2-VL's config.json: flat (transformers 4.45) and nested (5.x).  Its tower's width is embed_dim; hidden_size is
 * that of what it puts out.
 *
 * Source of fields, defaults and precedence: configuration_qwen2_vl of transformers 4.45 and 5.24. */
#include "nn/config_internal.h"
#include "nn/qwen_vl_internal.h"

static int read_vision(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	cJSON *rope = ril_config_member(o, "rope_parameters");
	double ratio = 4;
	v->rope_theta = 1e4;
	v->norm_eps = 1e-6;
	if (ril_config_size_or(o, "depth", RIL_MAX_LAYERS, 32, &v->layers, err) ||
	    ril_config_size_or(o, "embed_dim", 1 << 17, 1280, &v->hidden, err) ||
	    ril_config_size(o, "hidden_size", 1 << 17, &v->out_hidden, err) ||
	    ril_config_size_or(o, "num_heads", 1 << 12, 16, &v->heads, err) || ril_config_vision_heads(v, err) ||
	    ril_qwen_read_patches(v, o, 14, err) || ril_config_act(o, "hidden_act", "quick_gelu", &v->act, err) ||
	    ril_json_num(o, "mlp_ratio", &ratio, err) ||
	    (rope && ril_json_num(rope, "rope_theta", &v->rope_theta, err)))
		return -1;
	if (!(ratio > 0) || !((double)v->hidden * ratio < 1 << 19) || (double)v->hidden * ratio < 1)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: mlp_ratio %g of %lld is no width", ratio,
				(long long)v->hidden);
	v->inner = (int64_t)((double)v->hidden * ratio);
	return 0;
}

int ril_qwen2_vl_read(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	cJSON *vision;
	return ril_config_object(top, "vision_config", &vision, err) || ril_qwen_read_text(c, top, text, err) ||
			       read_vision(&c->vision, vision, err) || ril_qwen_check(c, "hidden_size", err)
		       ? -1
		       : 0;
}
