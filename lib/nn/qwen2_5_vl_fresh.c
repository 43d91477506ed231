/* qwen2_5_vl_fresh.c -- fresh Qwen2-VL and Qwen2.5-VL folders: chat template, token ids, preprocessor_config.json. */
#include "nn/qwen_vl_internal.h"

const char ril_qwen2_5_vl_template[] =
	"{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
	"{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
	"{{ '<|im_start|>' + message['role'] + '\n' }}"
	"{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part "
	"in message['content'] %}"
	"{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
	"{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
	"{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

int ril_qwen_write_pictures(const struct ril_qwen_processor *how, const char *dir, const cJSON *config,
			    const struct ril_fresh *f, struct ril_err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double patch = ril_fresh_number(v, "patch_size", how->patch),
	       merge = ril_fresh_number(v, "spatial_merge_size", 2), side = patch * merge;
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "min_pixels", f->min_pixels ? (double)f->min_pixels : 4 * side * side);
	cJSON_AddNumberToObject(p, "max_pixels", f->max_pixels ? (double)f->max_pixels : 16384 * side * side);
	cJSON_AddNumberToObject(p, "patch_size", patch);
	cJSON_AddNumberToObject(p, "temporal_patch_size", ril_fresh_number(v, "temporal_patch_size", 2));
	cJSON_AddNumberToObject(p, "merge_size", merge);
	cJSON_AddItemToObject(p, "image_mean", cJSON_CreateDoubleArray(how->mean, 3));
	cJSON_AddItemToObject(p, "image_std", cJSON_CreateDoubleArray(how->std, 3));
	cJSON_AddStringToObject(p, "image_processor_type", "Qwen2VLImageProcessor");
	cJSON_AddStringToObject(p, "processor_class", how->name);
	int rc = ril_fresh_write(dir, "preprocessor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

/* OpenAI's CLIP's. */
static const double mean[] = {0.48145466, 0.4578275, 0.40821073}, std[] = {0.26862954, 0.26130258, 0.27577711};

static int write_2_5(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	return ril_qwen_write_pictures(&(struct ril_qwen_processor){"Qwen2_5_VLProcessor", 14, mean, std}, dir, config,
				       f, err);
}

static int write_2(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	return ril_qwen_write_pictures(&(struct ril_qwen_processor){"Qwen2VLProcessor", 14, mean, std}, dir, config, f,
				       err);
}

const struct ril_fresh_id ril_qwen_ids[] = {
	{"vision_start_token_id", "<|vision_start|>"}, {"vision_end_token_id", "<|vision_end|>"},
	{"vision_token_id", "<|vision_pad|>"},         {"image_token_id", "<|image_pad|>"},
	{"video_token_id", "<|video_pad|>"},           {0},
};
const struct ril_fresh_family ril_qwen2_5_vl_fresh = {
	.chat_name = "Qwen2.5-VL",
	.template = ril_qwen2_5_vl_template,
	.ids = ril_qwen_ids,
	.bounded_in = "pixels",
	.pictures = write_2_5,
};
const struct ril_fresh_family ril_qwen2_vl_fresh = {
	.chat_name = "Qwen2.5-VL",
	.template = ril_qwen2_5_vl_template,
	.ids = ril_qwen_ids,
	.bounded_in = "pixels",
	.pictures = write_2,
};
