/* internvl_fresh.c -- a fresh InternVL folder, native or original: chat template, tokens, the processor's files. */
#include "nn/fresh_internal.h"

static const char template[] = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
			       "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for "
			       "part in message['content'] %}"
			       "{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% elif 'text' in part "
			       "%}{{ part['text'] }}{% endif %}"
			       "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
			       "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/* ---- tokens ---- */

static const struct ril_bpe_token own_tokens[] = {
	{"<img>", true}, {"</img>", true}, {"<IMG_CONTEXT>", true}, {"<quad>", true}, {"</quad>", true},
	{"<ref>", true}, {"</ref>", true}, {"<box>", true},         {"</box>", true}, {"<video>", true},
};

/* Where InternVL's processor looks for its marks. */
/* clang-format off */
#define MARKS "\"start_image_token\": \"<img>\", \"end_image_token\": \"</img>\", " \
	      "\"context_image_token\": \"<IMG_CONTEXT>\", \"video_token\": \"<video>\""
/* clang-format on */
static const struct ril_bpe_own own = {
	.token = own_tokens,
	.n = sizeof own_tokens / sizeof *own_tokens,
	.config = MARKS ",\n \"extra_special_tokens\": {" MARKS "}",
};
static const struct ril_fresh_id native_ids[] = {{"image_token_id", "<IMG_CONTEXT>"}, {0}};

/* ---- the processor's files ---- */

static double side_of(const cJSON *config)
{
	return ril_fresh_number(cJSON_GetObjectItemCaseSensitive(config, "vision_config"), "image_size", 448);
}

/* Adds what both forms say, writes the file and frees the tree. */
static int write_preprocessor(const char *dir, cJSON *p, struct ril_err *err)
{
	static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
	cJSON_AddTrueToObject(p, "do_normalize");
	cJSON_AddTrueToObject(p, "do_resize");
	cJSON_AddNumberToObject(p, "resample", 3);
	cJSON_AddItemToObject(p, "image_mean", cJSON_CreateDoubleArray(mean, 3));
	cJSON_AddItemToObject(p, "image_std", cJSON_CreateDoubleArray(std, 3));
	int rc = ril_fresh_write(dir, "preprocessor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

/* Tokens of a tile: what image_seq_length says, or follows from the sizes. */
static int write_processor(const char *dir, const cJSON *config, struct ril_err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double side = ril_fresh_number(v, "image_size", 448) / ril_fresh_number(v, "patch_size", 14) *
		      ril_fresh_number(config, "downsample_ratio", .5);
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "image_seq_length", ril_fresh_number(config, "image_seq_length", side * side));
	cJSON_AddStringToObject(p, "processor_class", "InternVLProcessor");
	int rc = ril_fresh_write(dir, "processor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

static int write_native(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	double side = side_of(config);
	cJSON *p = cJSON_CreateObject(), *size = cJSON_AddObjectToObject(p, "size");
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
	return write_preprocessor(dir, p, err) || write_processor(dir, config, err) ? -1 : 0;
}

/* The original form has its tiling in config.json. */
static int write_original(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	double side = side_of(config);
	if ((f->max_tiles && ril_fresh_set(config, "max_dynamic_patch", (double)f->max_tiles, err)) ||
	    (f->min_tiles && ril_fresh_set(config, "min_dynamic_patch", (double)f->min_tiles, err)))
		return -1;
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "crop_size", side);
	cJSON_AddStringToObject(p, "feature_extractor_type", "CLIPFeatureExtractor");
	cJSON_AddNumberToObject(p, "size", side);
	return write_preprocessor(dir, p, err);
}

const struct ril_fresh_family ril_internvl_fresh = {
	.chat_name = "InternVL",
	.template = template,
	.tokens = &own,
	.ids = native_ids,
	.bounded_in = "tiles",
	.pictures = write_native,
};
const struct ril_fresh_family ril_internvl_chat_fresh = {
	.chat_name = "InternVL",
	.template = template,
	.tokens = &own,
	.bounded_in = "tiles",
	.pictures = write_original,
};
