/* config.c -- reads config.json in every form the hub carries; see config.h.
 *
 * Source of fields, defaults and precedence: the configuration classes of transformers 4.49 and 5.23, and for the
 * original InternVL layout the configuration that ships with those checkpoints. */
#include "nn/config.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUPPORTED "qwen2_5_vl, internvl, internvl_chat, qwen2 and qwen3"

static cJSON *member(const cJSON *o, const char *name)
{
	cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);
	return m && !cJSON_IsNull(m) ? m : NULL;
}

/* A size: present, and between 1 and max. */
static int need_size(const cJSON *o, const char *name, int64_t max, int64_t *out, struct ril_err *err)
{
	*out = 0;
	if (ril_json_int(o, name, out, err))
		return -1;
	if (!member(o, name))
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is missing", name);
	if (*out < 1 || *out > max)
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is %lld, not in [1, %lld]", name, (long long)*out,
				(long long)max);
	return 0;
}

static int size_or(const cJSON *o, const char *name, int64_t max, int64_t otherwise, int64_t *out, struct ril_err *err)
{
	*out = otherwise;
	return member(o, name) ? need_size(o, name, max, out, err) : 0;
}

/* A square size written as a number or as [height, width]. */
static int side_or(const cJSON *o, const char *name, int64_t otherwise, int64_t *out, struct ril_err *err)
{
	cJSON *m = member(o, name);
	if (!cJSON_IsArray(m))
		return size_or(o, name, 1 << 16, otherwise, out, err);
	cJSON *h = cJSON_GetArrayItem(m, 0), *w = cJSON_GetArrayItem(m, 1);
	if (cJSON_GetArraySize(m) != 2 || !cJSON_IsNumber(h) || !cJSON_IsNumber(w) || h->valueint != w->valueint ||
	    h->valueint < 1)
		return ril_fail(err, RIL_ECORRUPT, "field '%s' is not a square size", name);
	*out = h->valueint;
	return 0;
}

static int need_act(const cJSON *o, const char *name, const char *otherwise, enum ril_act *out, struct ril_err *err)
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

/* ---- decoder ---- */

static int read_mrope(struct ril_decoder_config *d, const cJSON *rope, struct ril_err *err)
{
	cJSON *section = rope ? member(rope, "mrope_section") : NULL;
	if (cJSON_GetArraySize(section) != 3)
		return ril_fail(err, RIL_ECORRUPT, "field 'mrope_section' is not a list of three numbers");
	int64_t sum = 0;
	for (int i = 0; i < 3; i++) {
		cJSON *n = cJSON_GetArrayItem(section, i);
		if (!cJSON_IsNumber(n) || n->valueint < 0)
			return ril_fail(err, RIL_ECORRUPT, "field 'mrope_section' is not a list of three numbers");
		d->mrope[i] = n->valueint;
		sum += n->valueint;
	}
	if (sum != d->head_dim / 2)
		return ril_fail(err, RIL_ECORRUPT,
				"field 'mrope_section' adds up to %lld, half of the head size is %lld", (long long)sum,
				(long long)(d->head_dim / 2));
	return 0;
}

static int read_rope(struct ril_decoder_config *d, const cJSON *o, bool mrope, struct ril_err *err)
{
	cJSON *rope = member(o, "rope_parameters");
	if (!rope)
		rope = member(o, "rope_scaling");
	const char *type = "default";
	double partial = 1;
	d->rope_theta = mrope ? 1e6 : 1e4;
	if (ril_json_num(o, "rope_theta", &d->rope_theta, err) ||
	    ril_json_num(o, "partial_rotary_factor", &partial, err))
		return -1;
	if (rope && (ril_json_str(rope, "type", &type, err) || ril_json_str(rope, "rope_type", &type, err) ||
		     ril_json_num(rope, "rope_theta", &d->rope_theta, err)))
		return -1;
	/* "dynamic" changes nothing up to max_position_embeddings, where packs stop anyhow. */
	if (strcmp(type, "default") && strcmp(type, "mrope") && strcmp(type, "dynamic"))
		return ril_fail(err, RIL_EFAIL, "rotary positions of type '%s' are not supported", type);
	if (partial != 1)
		return ril_fail(err, RIL_EFAIL, "field 'partial_rotary_factor' other than 1 is not supported");
	if (!(d->rope_theta > 0))
		return ril_fail(err, RIL_ECORRUPT, "field 'rope_theta' is not positive");
	return mrope ? read_mrope(d, rope, err) : 0;
}

/* Which layers slide: layer_types where written, else those from max_window_layers on, as the reference derives it. */
static int read_windows(struct ril_decoder_config *d, const cJSON *o, struct ril_err *err)
{
	bool use = false;
	int64_t from = 28, window = 4096;
	if (ril_json_bool(o, "use_sliding_window", &use, err) || ril_json_int(o, "max_window_layers", &from, err) ||
	    ril_json_int(o, "sliding_window", &window, err))
		return -1;
	cJSON *types = member(o, "layer_types");
	if (types && cJSON_GetArraySize(types) != d->layers)
		return ril_fail(err, RIL_ECORRUPT, "field 'layer_types' has %d entries for %lld layers",
				cJSON_GetArraySize(types), (long long)d->layers);
	if (!use)
		return 0;
	if (window < 1)
		return ril_fail(err, RIL_ECORRUPT, "field 'sliding_window' is not positive");
	d->window = window;
	for (int64_t i = 0; i < d->layers; i++) {
		const char *t = types ? cJSON_GetStringValue(cJSON_GetArrayItem(types, (int)i)) : NULL;
		d->sliding[i] = types ? t && !strcmp(t, "sliding_attention") : i >= from;
	}
	return 0;
}

static int read_heads(struct ril_decoder_config *d, const cJSON *o, bool qwen3, struct ril_err *err)
{
	if (need_size(o, "num_attention_heads", 1 << 12, &d->heads, err) ||
	    size_or(o, "num_key_value_heads", 1 << 12, d->heads, &d->kv_heads, err) ||
	    size_or(o, "head_dim", 1 << 12, qwen3 ? 128 : d->hidden / d->heads, &d->head_dim, err))
		return -1;
	if (d->heads % d->kv_heads)
		return ril_fail(err, RIL_ECORRUPT, "field 'num_key_value_heads': %lld does not divide %lld heads",
				(long long)d->kv_heads, (long long)d->heads);
	if (!member(o, "head_dim") && !qwen3 && d->hidden % d->heads)
		return ril_fail(err, RIL_ECORRUPT, "field 'hidden_size': %lld is not divisible by %lld heads",
				(long long)d->hidden, (long long)d->heads);
	if (d->head_dim % 2)
		return ril_fail(err, RIL_ECORRUPT, "field 'head_dim': %lld is odd", (long long)d->head_dim);
	return 0;
}

static int read_decoder(struct ril_decoder_config *d, const cJSON *o, struct ril_err *err)
{
	const char *type = "";
	enum ril_act act = RIL_ACT_SILU;
	if (ril_json_str(o, "model_type", &type, err))
		return -1;
	bool vl = !strcmp(type, "qwen2_5_vl") || !strcmp(type, "qwen2_5_vl_text"), qwen3 = !strcmp(type, "qwen3");
	if (!vl && !qwen3 && strcmp(type, "qwen2"))
		return ril_fail(err, RIL_EFAIL,
				"language model type '%s' is not supported; qwen2, qwen3 and qwen2_5_vl are", type);
	bool bias = !qwen3;
	d->norm_eps = vl ? 1e-5 : 1e-6;
	if (need_size(o, "vocab_size", 1 << 24, &d->vocab, err) ||
	    need_size(o, "hidden_size", 1 << 17, &d->hidden, err) ||
	    need_size(o, "intermediate_size", 1 << 19, &d->inner, err) ||
	    need_size(o, "num_hidden_layers", RIL_MAX_LAYERS, &d->layers, err) || read_heads(d, o, qwen3, err) ||
	    size_or(o, "max_position_embeddings", INT32_MAX / 4, 32768, &d->max_positions, err) ||
	    ril_json_num(o, "rms_norm_eps", &d->norm_eps, err) || need_act(o, "hidden_act", "silu", &act, err) ||
	    (qwen3 && ril_json_bool(o, "attention_bias", &bias, err)) ||
	    ril_json_bool(o, "tie_word_embeddings", &d->tied, err))
		return -1;
	if (act != RIL_ACT_SILU)
		return ril_fail(err, RIL_EFAIL, "field 'hidden_act': only silu is supported in the decoder");
	d->qkv_bias = bias;
	d->o_bias = qwen3 && bias;
	d->qk_norm = qwen3;
	return read_rope(d, o, vl, err) || read_windows(d, o, err) ? -1 : 0;
}

/* ---- vision towers ---- */

static int check_heads(const struct ril_vision_config *v, struct ril_err *err)
{
	if (v->hidden % v->heads)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: hidden_size %lld is not divisible by %lld heads",
				(long long)v->hidden, (long long)v->heads);
	return 0;
}

static int read_qwen_vision(struct ril_vision_config *v, const cJSON *o, struct ril_err *err)
{
	static const int full[] = {7, 15, 23, 31};
	cJSON *rope = member(o, "rope_parameters"), *list = member(o, "fullatt_block_indexes");
	v->rope_theta = 1e4;
	v->norm_eps = 1e-6;
	if (need_size(o, "depth", RIL_MAX_LAYERS, &v->layers, err) ||
	    need_size(o, "hidden_size", 1 << 17, &v->hidden, err) ||
	    need_size(o, "intermediate_size", 1 << 19, &v->inner, err) ||
	    need_size(o, "num_heads", 1 << 12, &v->heads, err) ||
	    need_size(o, "out_hidden_size", 1 << 17, &v->out_hidden, err) || check_heads(v, err) ||
	    size_or(o, "patch_size", 1 << 10, 14, &v->patch, err) ||
	    size_or(o, member(o, "in_channels") ? "in_channels" : "in_chans", 16, 3, &v->channels, err) ||
	    size_or(o, "temporal_patch_size", 16, 2, &v->temporal, err) ||
	    size_or(o, "spatial_merge_size", 16, 2, &v->merge, err) ||
	    size_or(o, "window_size", 1 << 16, 112, &v->window, err) ||
	    need_act(o, "hidden_act", "silu", &v->act, err) ||
	    (rope && ril_json_num(rope, "rope_theta", &v->rope_theta, err)))
		return -1;
	if (v->act != RIL_ACT_SILU)
		return ril_fail(err, RIL_EFAIL, "vision_config: only hidden_act silu is supported");
	if (v->hidden / v->heads % 4)
		return ril_fail(err, RIL_ECORRUPT, "vision_config: head size %lld is not a multiple of 4",
				(long long)(v->hidden / v->heads));
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

static int read_intern_vision(struct ril_vision_config *v, const cJSON *o, bool original, struct ril_err *err)
{
	bool mean_pool = true, positions = true, mask = false;
	v->norm_eps = 1e-6;
	v->qk_norm = original;
	v->fused_qkv = original;
	if (need_size(o, "num_hidden_layers", RIL_MAX_LAYERS, &v->layers, err) ||
	    need_size(o, "hidden_size", 1 << 17, &v->hidden, err) ||
	    need_size(o, "intermediate_size", 1 << 19, &v->inner, err) ||
	    need_size(o, "num_attention_heads", 1 << 12, &v->heads, err) || check_heads(v, err) ||
	    side_or(o, "image_size", original ? 224 : 448, &v->image, err) ||
	    side_or(o, "patch_size", 14, &v->patch, err) || size_or(o, "num_channels", 16, 3, &v->channels, err) ||
	    need_act(o, "hidden_act", "gelu", &v->act, err) || ril_json_num(o, "layer_norm_eps", &v->norm_eps, err) ||
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
static int read_intern_top(struct ril_config *c, const cJSON *top, struct ril_err *err)
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
	    need_act(top, "projector_hidden_act", "gelu", &v->projector_act, err))
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

/* ---- token ids ---- */

static cJSON *read_if_there(const char *dir, const char *name, struct ril_err *err)
{
	struct ril_buf path = {0};
	cJSON *o = NULL;
	if (!ril_buf_printf(&path, err, "%s/%s", dir, name) && !access(path.data, F_OK))
		o = ril_json_read(path.data, err);
	ril_buf_free(&path);
	return o;
}

/* The id of an added token, from whichever tokenizer file tells, the smallest first; -1: none does. */
static int32_t added_token(const char *dir, const char *content, struct ril_err *err)
{
	int32_t id = -1;
	cJSON *o = read_if_there(dir, "added_tokens.json", err), *m = o ? member(o, content) : NULL;
	if (cJSON_IsNumber(m))
		id = m->valueint;
	cJSON_Delete(o);
	static const char *const file[] = {"tokenizer_config.json", "tokenizer.json"};
	static const char *const list[] = {"added_tokens_decoder", "added_tokens"};
	for (int i = 0; i < 2 && id < 0 && !err->code; i++) {
		o = read_if_there(dir, file[i], err);
		cJSON *tokens = o ? member(o, list[i]) : NULL;
		cJSON_ArrayForEach(m, tokens)
		{
			const char *s = cJSON_GetStringValue(member(m, "content"));
			cJSON *number = member(m, "id");
			if (s && !strcmp(s, content))
				id = number ? number->valueint : m->string ? (int)strtol(m->string, NULL, 10) : -1;
		}
		cJSON_Delete(o);
	}
	return id;
}

static void take_eos(struct ril_config *c, const cJSON *o)
{
	const cJSON *m = o ? member(o, "eos_token_id") : NULL, *e;
	if (!m || c->neos)
		return;
	if (cJSON_IsNumber(m))
		c->eos[c->neos++] = m->valueint;
	if (!cJSON_IsArray(m))
		return;
	cJSON_ArrayForEach(e, m) if (cJSON_IsNumber(e) && c->neos < RIL_MAX_EOS) c->eos[c->neos++] = e->valueint;
}

static int read_ids(struct ril_config *c, const char *dir, const cJSON *top, const cJSON *text, struct ril_err *err)
{
	bool qwen = c->family == RIL_QWEN2_5_VL && c->text.vocab > 151656;
	int64_t image = qwen ? 151655 : -1, video = qwen ? 151656 : -1;
	if (ril_json_int(top, "image_token_index", &image, err) || ril_json_int(top, "image_token_id", &image, err) ||
	    ril_json_int(top, "video_token_id", &video, err))
		return -1;
	struct ril_err e = {0};
	if (c->family == RIL_INTERNVL && image < 0)
		image = added_token(dir, "<IMG_CONTEXT>", &e);
	cJSON *gen = e.code ? NULL : read_if_there(dir, "generation_config.json", &e);
	take_eos(c, gen);
	cJSON_Delete(gen);
	if (e.code)
		return ril_fail(err, e.code, "%s", e.msg);
	take_eos(c, top);
	take_eos(c, text);
	if (image >= c->text.vocab || video >= c->text.vocab)
		return ril_fail(err, RIL_ECORRUPT, "image or video token id is outside the vocabulary of %lld",
				(long long)c->text.vocab);
	c->image_token = c->family == RIL_TEXT ? -1 : (int32_t)image;
	c->video_token = c->family == RIL_TEXT ? -1 : (int32_t)video;
	return 0;
}

/* ---- the whole ---- */

static int need_object(const cJSON *top, const char *name, cJSON **out, struct ril_err *err)
{
	*out = member(top, name);
	return cJSON_IsObject(*out) ? 0 : ril_fail(err, RIL_ECORRUPT, "object '%s' is missing", name);
}

static int read_qwen(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	cJSON *vision;
	c->family = RIL_QWEN2_5_VL;
	c->nested = !!member(top, "text_config");
	*text = c->nested ? member(top, "text_config") : top;
	if (need_object(top, "vision_config", &vision, err) || read_decoder(&c->text, *text, err) ||
	    ril_json_bool(top, "tie_word_embeddings", &c->text.tied, err) || read_qwen_vision(&c->vision, vision, err))
		return -1;
	if (c->vision.out_hidden != c->text.hidden)
		return ril_fail(err, RIL_ECORRUPT,
				"vision_config: out_hidden_size %lld is not the decoder's hidden_size %lld",
				(long long)c->vision.out_hidden, (long long)c->text.hidden);
	return 0;
}

static int read_intern(struct ril_config *c, const cJSON *top, bool original, const cJSON **text, struct ril_err *err)
{
	cJSON *vision, *llm;
	c->family = RIL_INTERNVL;
	c->original = original;
	if (need_object(top, "vision_config", &vision, err) ||
	    need_object(top, original ? "llm_config" : "text_config", &llm, err) || read_decoder(&c->text, llm, err) ||
	    (!original && ril_json_bool(top, "tie_word_embeddings", &c->text.tied, err)) ||
	    read_intern_vision(&c->vision, vision, original, err))
		return -1;
	*text = llm;
	return read_intern_top(c, top, err);
}

static int read_config(struct ril_config *c, const char *dir, const cJSON *top, struct ril_err *err)
{
	const char *type = NULL;
	const cJSON *text = top;
	if (!cJSON_IsObject(top) || ril_json_str(top, "model_type", &type, err) || !type)
		return ril_fail(err, RIL_ECORRUPT, "field 'model_type' is missing");
	snprintf(c->model_type, sizeof c->model_type, "%s", type);
	int rc;
	if (!strcmp(type, "qwen2_5_vl")) {
		rc = read_qwen(c, top, &text, err);
	} else if (!strcmp(type, "internvl") || !strcmp(type, "internvl_chat")) {
		rc = read_intern(c, top, !strcmp(type, "internvl_chat"), &text, err);
	} else if (!strcmp(type, "qwen2") || !strcmp(type, "qwen3")) {
		c->family = RIL_TEXT;
		rc = read_decoder(&c->text, top, err);
	} else {
		return ril_fail(err, RIL_EFAIL, "model_type '%s' is not supported; " SUPPORTED " are", type);
	}
	return rc ? -1 : read_ids(c, dir, top, text, err);
}

int ril_config_read(struct ril_config *c, const char *dir, struct ril_err *err)
{
	struct ril_buf path = {0};
	*c = (struct ril_config){.image_token = -1, .video_token = -1};
	if (ril_buf_printf(&path, err, "%s/config.json", dir))
		return -1;
	cJSON *top = ril_json_read(path.data, err);
	int rc = top ? read_config(c, dir, top, err) : -1;
	if (rc && top)
		ril_context(err, "%s", path.data);
	cJSON_Delete(top);
	ril_buf_free(&path);
	return rc;
}

/* ---- pictures ---- */

int64_t ril_config_pixel_rows(const struct ril_config *c, const int32_t grid[3])
{
	int64_t cells = (int64_t)grid[0] * grid[1] * grid[2];
	return c->family == RIL_QWEN2_5_VL || cells <= 1 || !c->vision.thumbnail ? cells : cells + 1;
}

int64_t ril_config_pixel_cols(const struct ril_config *c)
{
	const struct ril_vision_config *v = &c->vision;
	return v->channels * (c->family == RIL_QWEN2_5_VL ? v->temporal * v->patch * v->patch : v->image * v->image);
}

int64_t ril_config_image_tokens(const struct ril_config *c, const int32_t grid[3])
{
	const struct ril_vision_config *v = &c->vision;
	int64_t rows = ril_config_pixel_rows(c, grid);
	if (c->family == RIL_QWEN2_5_VL)
		return rows / (v->merge * v->merge);
	int64_t side = v->image / v->patch / v->shuffle;
	return rows * side * side;
}
