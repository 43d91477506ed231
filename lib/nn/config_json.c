/* config_json.c -- the fields of a config.json: sizes, activations, objects, checked and named; see config_internal.h. */
#include "nn/config_internal.h"

#include <string.h>

cJSON *ril_config_member(const cJSON *o, const char *name)
{
	cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);
	return m && !cJSON_IsNull(m) ? m : NULL;
}

/* A size: present, and between 1 and max. */
int ril_config_size(const cJSON *o, const char *name, int64_t max, int64_t *out, struct ril_err *err)
{
	*out = 0;
	if (ril_json_int(o, name, out, err))
		return -1;
	if (!ril_config_member(o, name))
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is missing", name);
	if (*out < 1 || *out > max)
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is %lld, not in [1, %lld]", name, (long long)*out,
				(long long)max);
	return 0;
}

int ril_config_size_or(const cJSON *o, const char *name, int64_t max, int64_t otherwise, int64_t *out,
		       struct ril_err *err)
{
	*out = otherwise;
	return ril_config_member(o, name) ? ril_config_size(o, name, max, out, err) : 0;
}

/* A square size written as a number or as [height, width]. */
int ril_config_side_or(const cJSON *o, const char *name, int64_t otherwise, int64_t *out, struct ril_err *err)
{
	cJSON *m = ril_config_member(o, name);
	if (!cJSON_IsArray(m))
		return ril_config_size_or(o, name, 1 << 16, otherwise, out, err);
	cJSON *h = cJSON_GetArrayItem(m, 0), *w = cJSON_GetArrayItem(m, 1);
	if (cJSON_GetArraySize(m) != 2 || !cJSON_IsNumber(h) || !cJSON_IsNumber(w) || h->valueint != w->valueint ||
	    h->valueint < 1)
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is not a square size", name);
	*out = h->valueint;
	return 0;
}

int ril_config_act(const cJSON *o, const char *name, const char *otherwise, enum ril_act *out, struct ril_err *err)
{
	static const struct {
		const char *name;
		enum ril_act act;
	} acts[] = {
		{"silu", RIL_ACT_SILU},
		{"swish", RIL_ACT_SILU},
		{"gelu", RIL_ACT_GELU},
		{"gelu_new", RIL_ACT_GELU_TANH},
		{"gelu_pytorch_tanh", RIL_ACT_GELU_TANH},
		{"quick_gelu", RIL_ACT_QUICK_GELU},
		{"relu", RIL_ACT_RELU},
	};
	const char *s = otherwise;
	if (ril_json_str(o, name, &s, err))
		return -1;
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		if (!strcmp(s, acts[i].name)) {
			*out = acts[i].act;
			return 0;
		}
	}
	return ril_fail(err, RIL_EFAIL, "field '%s': activation '%s' is not supported", name, s);
}

int ril_config_object(const cJSON *top, const char *name, cJSON **out, struct ril_err *err)
{
	*out = ril_config_member(top, name);
	return cJSON_IsObject(*out) ? 0 : ril_fail(err, RIL_ECORRUPT, "object '%s' is missing", name);
}

int ril_config_vision_heads(const struct ril_vision_config *v, struct ril_err *err)
{
	if (v->hidden % v->heads)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: hidden_size %lld is not divisible by %lld heads",
				(long long)v->hidden, (long long)v->heads);
	return 0;
}

int ril_config_list(struct ril_buf *b, const char *name, size_t i, size_t n, struct ril_err *err)
{
	return ril_buf_printf(b, err, "%s%s", !i ? "" : i + 1 < n ? ", " : " and ", name);
}
