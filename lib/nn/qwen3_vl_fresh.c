/* qwen3_vl_fresh.c -- a fresh Qwen3-VL folder: chat template, token ids, preprocessor_config.json. */
#include "nn/qwen_vl_internal.h"

static const char template[] = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
			       "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for "
			       "part in message['content'] %}"
			       "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
			       "{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
			       "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
			       "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

static int write_pictures(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	static const double half[] = {.5, .5, .5};
	return ril_qwen_write_pictures(&(struct ril_qwen_processor){"Qwen3VLProcessor", 16, half, half}, dir, config, f,
				       err);
}

static const struct ril_fresh_id ids[] = {
	{"vision_start_token_id", "<|vision_start|>"},
	{"vision_end_token_id", "<|vision_end|>"},
	{"image_token_id", "<|image_pad|>"},
	{"video_token_id", "<|video_pad|>"},
	{0},
};
const struct ril_fresh_family ril_qwen3_vl_fresh = {
	.chat_name = "Qwen2.5-VL",
	.template = template,
	.ids = ids,
	.bounded_in = "pixels",
	.pictures = write_pictures,
};
