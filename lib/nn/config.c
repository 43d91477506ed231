/* config.c -- reads config.json in every form the hub carries; see config.h.  What a family's file has of its own is read
 * beside the family (as in qwen2_5_vl_config.c), the language model in decoder_config.c.
 *
 * Source of fields, defaults and precedence: the configuration classes of transformers 4.49 and 5.23. */
#include "nn/config_internal.h"
#include "nn/family_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
	cJSON *o = read_if_there(dir, "added_tokens.json", err), *m = o ? ril_config_member(o, content) : NULL;
	if (cJSON_IsNumber(m))
		id = m->valueint;
	cJSON_Delete(o);
	static const char *const file[] = {"tokenizer_config.json", "tokenizer.json"};
	static const char *const list[] = {"added_tokens_decoder", "added_tokens"};
	for (int i = 0; i < 2 && id < 0 && !err->code; i++) {
		o = read_if_there(dir, file[i], err);
		cJSON *tokens = o ? ril_config_member(o, list[i]) : NULL;
		cJSON_ArrayForEach(m, tokens)
		{
			const char *s = cJSON_GetStringValue(ril_config_member(m, "content"));
			cJSON *number = ril_config_member(m, "id");
			if (s && !strcmp(s, content))
				id = number ? number->valueint : m->string ? (int)strtol(m->string, NULL, 10) : -1;
		}
		cJSON_Delete(o);
	}
	return id;
}

static void take_eos(struct ril_config *c, const cJSON *o)
{
	const cJSON *m = o ? ril_config_member(o, "eos_token_id") : NULL, *e;
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
	int64_t image = c->image_token, video = c->video_token;
	if (ril_json_int(top, "image_token_index", &image, err) || ril_json_int(top, "image_token_id", &image, err) ||
	    ril_json_int(top, "video_token_id", &video, err))
		return -1;
	struct ril_err e = {0};
	if (c->family->image_word && image < 0)
		image = added_token(dir, c->family->image_word, &e);
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
	bool pictures = ril_family_pictures(c->family);
	c->image_token = pictures ? (int32_t)image : -1;
	c->video_token = pictures ? (int32_t)video : -1;
	return 0;
}

/* ---- the whole ---- */

/* Weights in fewer bits come with scales beside them, which nothing here reads. */
static int refuse_quantised(const cJSON *o, struct ril_err *err)
{
	const cJSON *q = ril_config_member(o, "quantization_config");
	const char *method = "unknown";
	if (!q)
		return 0;
	return ril_json_str(q, "quant_method", &method, err)
		       ? -1
		       : ril_fail(err, RIL_EFAIL,
				  "weights quantised by method '%s' are not supported; the same model in BF16, F16 or "
				  "F32 is",
				  method);
}

static int read_config(struct ril_config *c, const char *dir, const cJSON *top, struct ril_err *err)
{
	const char *type = NULL;
	const cJSON *text = top;
	if (!cJSON_IsObject(top) || ril_json_str(top, "model_type", &type, err) || !type)
		return ril_fail(err, RIL_ECORRUPT, "field 'model_type' is missing");
	snprintf(c->model_type, sizeof c->model_type, "%s", type);
	if (!(c->family = ril_family_find(type)))
		return ril_family_refuse(type, err);
	return refuse_quantised(top, err) || c->family->read(c, top, &text, err) || refuse_quantised(text, err) ||
			       read_ids(c, dir, top, text, err)
		       ? -1
		       : 0;
}

int ril_config_read(struct ril_config *c, const char *dir, struct ril_err *err)
{
	struct ril_buf path = {0};
	*c = (struct ril_config){
		.image_token = -1, .video_token = -1, .decoder_prefix = "model.", .head_name = "lm_head.weight"};
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
	return c->family->tower ? c->family->tower->pixel_rows(c, grid) : 0;
}

int64_t ril_config_pixel_cols(const struct ril_config *c)
{
	return c->family->tower ? c->family->tower->pixel_cols(c) : 0;
}

int64_t ril_config_image_tokens(const struct ril_config *c, const int32_t grid[3])
{
	return c->family->tower ? c->family->tower->image_tokens(c, grid) : 0;
}

int64_t ril_config_image_cols(const struct ril_config *c)
{
	return c->text.hidden * (1 + c->vision.stack);
}
