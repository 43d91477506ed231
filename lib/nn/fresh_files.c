/* fresh_files.c -- the small files of a fresh model folder; see fresh.h.  They are written as the hub's folders of each
 * family have them, so that other software opens the result. */
#include "nn/fresh.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_model(const cJSON *config, const char *type)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(config, "model_type");
	return cJSON_IsString(m) && !strcmp(m->valuestring, type);
}

static bool is_intern(const cJSON *config)
{
	return is_model(config, "internvl") || is_model(config, "internvl_chat");
}

const char *ril_fresh_template(const cJSON *config)
{
	static const char intern[] = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
				     "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for "
				     "part in message['content'] %}"
				     "{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% elif 'text' in part "
				     "%}{{ part['text'] }}{% endif %}"
				     "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
				     "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
	static const char qwen[] = "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
				   "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
				   "{{ '<|im_start|>' + message['role'] + '\n' }}"
				   "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part "
				   "in message['content'] %}"
				   "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
				   "{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
				   "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
				   "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
	return is_intern(config) ? intern : qwen;
}

static int write_json(const char *dir, const char *name, const cJSON *tree, struct ril_err *err)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	char *text = tree ? cJSON_Print(tree) : NULL;
	int rc = text ? ril_file_put(path, text, strlen(text), false, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(text);
	return rc;
}

static int set_number(cJSON *object, const char *name, double value, struct ril_err *err)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return cJSON_AddNumberToObject(object, name, value) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
}

static int32_t token(const struct ril_tokenizer *t, const char *text)
{
	return ril_tokenizer_id(t, text, strlen(text));
}

/* object[name] = the id of the token, where the tokenizer has it; `needed`: it must. */
static int set_token(cJSON *object, const char *name, const struct ril_tokenizer *t, const char *text, bool needed,
		     struct ril_err *err)
{
	int32_t id = token(t, text);
	if (id < 0)
		return needed ? ril_fail(err, RIL_EFAIL, "the tokenizer has no '%s', which this architecture needs",
					 text)
			      : 0;
	return set_number(object, name, id, err);
}

/* Where the decoder's settings are: a member, or the config itself. */
static cJSON *text_part(cJSON *config)
{
	static const char *const names[] = {"text_config", "llm_config"};
	for (int k = 0; k < 2; k++) {
		cJSON *part = cJSON_GetObjectItemCaseSensitive(config, names[k]);
		if (cJSON_IsObject(part))
			return part;
	}
	return config;
}

static int check_vocabulary(const cJSON *text, const struct ril_tokenizer *t, struct ril_err *err)
{
	int64_t vocab = 0;
	if (ril_json_int(text, "vocab_size", &vocab, err))
		return ril_context(err, "config.json");
	if (vocab < ril_tokenizer_size(t))
		return ril_fail(err, RIL_EFAIL, "config.json: vocab_size %lld is less than the tokenizer's %d",
				(long long)vocab, (int)ril_tokenizer_size(t));
	return 0;
}

static int set_tokens(cJSON *config, const struct ril_tokenizer *t, struct ril_err *err)
{
	static const char *const qwen[][2] = {{"vision_start_token_id", "<|vision_start|>"},
					      {"vision_end_token_id", "<|vision_end|>"},
					      {"vision_token_id", "<|vision_pad|>"},
					      {"image_token_id", "<|image_pad|>"},
					      {"video_token_id", "<|video_pad|>"}};
	cJSON *text = text_part(config);
	if (check_vocabulary(text, t, err) || set_token(text, "bos_token_id", t, "<|endoftext|>", false, err) ||
	    set_token(text, "eos_token_id", t, "<|im_end|>", true, err))
		return -1;
	for (size_t k = 0; is_model(config, "qwen2_5_vl") && k < sizeof qwen / sizeof *qwen; k++)
		if (set_token(config, qwen[k][0], t, qwen[k][1], true, err))
			return -1;
	return is_model(config, "internvl") ? set_token(config, "image_token_id", t, "<IMG_CONTEXT>", true, err) : 0;
}

static int write_generation(const char *dir, const struct ril_tokenizer *t, struct ril_err *err)
{
	cJSON *g = cJSON_CreateObject(), *eos = cJSON_AddArrayToObject(g, "eos_token_id");
	int32_t ends[] = {token(t, "<|im_end|>"), token(t, "<|endoftext|>")};
	bool ok = eos;
	for (int k = 0; k < 2; k++)
		if (ends[k] >= 0)
			ok = ok && cJSON_AddItemToArray(eos, cJSON_CreateNumber(ends[k]));
	if (ends[1] >= 0)
		ok = ok && cJSON_AddNumberToObject(g, "pad_token_id", ends[1]);
	int rc = ok ? write_json(dir, "generation_config.json", g, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_Delete(g);
	return rc;
}

/* A member that is a number, or a list whose first item is. */
static double number_of(const cJSON *object, const char *name, double other)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
	m = cJSON_IsArray(m) ? m->child : m;
	return cJSON_IsNumber(m) ? m->valuedouble : other;
}

static cJSON *qwen_pictures(const cJSON *config, const struct ril_fresh *f)
{
	static const double mean[] = {0.48145466, 0.4578275, 0.40821073}, std[] = {0.26862954, 0.26130258, 0.27577711};
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double patch = number_of(v, "patch_size", 14), merge = number_of(v, "spatial_merge_size", 2),
	       side = patch * merge;
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "min_pixels", f->min_pixels ? (double)f->min_pixels : 4 * side * side);
	cJSON_AddNumberToObject(p, "max_pixels", f->max_pixels ? (double)f->max_pixels : 16384 * side * side);
	cJSON_AddNumberToObject(p, "patch_size", patch);
	cJSON_AddNumberToObject(p, "temporal_patch_size", number_of(v, "temporal_patch_size", 2));
	cJSON_AddNumberToObject(p, "merge_size", merge);
	cJSON_AddItemToObject(p, "image_mean", cJSON_CreateDoubleArray(mean, 3));
	cJSON_AddItemToObject(p, "image_std", cJSON_CreateDoubleArray(std, 3));
	cJSON_AddStringToObject(p, "image_processor_type", "Qwen2VLImageProcessor");
	cJSON_AddStringToObject(p, "processor_class", "Qwen2_5_VLProcessor");
	return p;
}

static cJSON *intern_pictures(const cJSON *config, const struct ril_fresh *f)
{
	static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double side = number_of(v, "image_size", 448);
	cJSON *p = cJSON_CreateObject();
	if (is_model(config, "internvl_chat")) {
		cJSON_AddNumberToObject(p, "crop_size", side);
		cJSON_AddStringToObject(p, "feature_extractor_type", "CLIPFeatureExtractor");
		cJSON_AddNumberToObject(p, "size", side);
	} else {
		cJSON *size = cJSON_AddObjectToObject(p, "size");
		cJSON_AddNumberToObject(size, "height", side);
		cJSON_AddNumberToObject(size, "width", side);
		cJSON_AddTrueToObject(p, "crop_to_patches");
		cJSON_AddNumberToObject(p, "min_patches", f->min_tiles ? (double)f->min_tiles : 1);
		cJSON_AddNumberToObject(p, "max_patches", f->max_tiles ? (double)f->max_tiles : 12);
		cJSON_AddTrueToObject(p, "do_convert_rgb");
		cJSON_AddTrueToObject(p, "do_rescale");
		cJSON_AddNumberToObject(p, "rescale_factor", 1 / 255.0);
		cJSON_AddStringToObject(p, "image_processor_type", "GotOcr2ImageProcessorFast");
		cJSON_AddStringToObject(p, "processor_class", "InternVLProcessor");
	}
	cJSON_AddTrueToObject(p, "do_normalize");
	cJSON_AddTrueToObject(p, "do_resize");
	cJSON_AddNumberToObject(p, "resample", 3);
	cJSON_AddItemToObject(p, "image_mean", cJSON_CreateDoubleArray(mean, 3));
	cJSON_AddItemToObject(p, "image_std", cJSON_CreateDoubleArray(std, 3));
	return p;
}

/* Tokens of a tile: what image_seq_length says, or follows from the sizes. */
static int write_intern_processor(const char *dir, const cJSON *config, struct ril_err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double side = number_of(v, "image_size", 448) / number_of(v, "patch_size", 14) *
		      number_of(config, "downsample_ratio", .5);
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "image_seq_length", number_of(config, "image_seq_length", side * side));
	cJSON_AddStringToObject(p, "processor_class", "InternVLProcessor");
	int rc = write_json(dir, "processor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

static int write_pictures(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	bool intern = is_intern(config);
	if (!intern && !is_model(config, "qwen2_5_vl"))
		return 0;
	if (is_model(config, "internvl_chat") &&
	    ((f->max_tiles && set_number(config, "max_dynamic_patch", (double)f->max_tiles, err)) ||
	     (f->min_tiles && set_number(config, "min_dynamic_patch", (double)f->min_tiles, err))))
		return -1;
	cJSON *p = intern ? intern_pictures(config, f) : qwen_pictures(config, f);
	int rc = write_json(dir, "preprocessor_config.json", p, err);
	cJSON_Delete(p);
	return rc || !is_model(config, "internvl") ? rc : write_intern_processor(dir, config, err);
}

static int set_dtype(cJSON *config, enum ril_dtype dtype, struct ril_err *err)
{
	const char *name = cJSON_HasObjectItem(config, "dtype") ? "dtype" : "torch_dtype";
	if (!dtype)
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(config, name);
	const char *value = dtype == RIL_F32 ? "float32" : dtype == RIL_BF16 ? "bfloat16" : "float16";
	return cJSON_AddStringToObject(config, name, value) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
}

int ril_fresh_files(const char *dir, cJSON *config, const struct ril_tokenizer *t, const struct ril_fresh *f,
		    struct ril_err *err)
{
	return set_tokens(config, t, err) || set_dtype(config, f->dtype, err) || write_generation(dir, t, err) ||
			       write_pictures(dir, config, f, err) || write_json(dir, "config.json", config, err)
		       ? -1
		       : 0;
}
