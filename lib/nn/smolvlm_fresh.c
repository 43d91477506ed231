/* smolvlm_fresh.c -- a fresh SmolVLM or Idefics3 folder: chat template, tokens, the processor's files. */
#include "nn/fresh_internal.h"

#include <math.h>

static const char template[] =
	"<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
	"{% if message['content'] is string %}{{ ': ' + message['content'] }}{% else %}"
	"{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
	"{% for part in message['content'] %}"
	"{% if part['type'] == 'image' %}{{ '<image>' }}{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
	"{% endfor %}{% endif %}{{ '<end_of_utterance>\n' }}{% endfor %}"
	"{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/* ---- tokens ---- */

#define ROW(r)                                                                                                         \
	{"<row_" r "_col_1>", true}, {"<row_" r "_col_2>", true}, {"<row_" r "_col_3>", true},                         \
		{"<row_" r "_col_4>", true}, {"<row_" r "_col_5>", true},                                              \
	{                                                                                                              \
		"<row_" r "_col_6>", true                                                                              \
	}
static const struct ril_bpe_token own_tokens[] = {
	{"<|endoftext|>", true},
	{"<|im_start|>", true},
	{"<|im_end|>", true},
	{"<global-img>", true},
	ROW("1"),
	ROW("2"),
	ROW("3"),
	ROW("4"),
	ROW("5"),
	ROW("6"),
	{"<fake_token_around_image>", true},
	{"<image>", true},
	{"<end_of_utterance>", true},
};
static const struct ril_bpe_own own = {
	.token = own_tokens,
	.n = sizeof own_tokens / sizeof *own_tokens,
	.whole = true,
	.eos = "<end_of_utterance>",
	.words = RIL_BPE_DIGITS,
};
static const struct ril_fresh_id ids[] = {{"image_token_id", "<image>"}, {0}};

/* ---- the processor's files ---- */

static double tile_of(const cJSON *config)
{
	return ril_fresh_number(cJSON_GetObjectItemCaseSensitive(config, "vision_config"), "image_size", 224);
}

static int write_preprocessor(const char *dir, const cJSON *config, double side, bool smolvlm, struct ril_err *err)
{
	static const double half[] = {.5, .5, .5};
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(p, "size"), "longest_edge", side);
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(p, "max_image_size"), "longest_edge", tile_of(config));
	cJSON_AddTrueToObject(p, "do_image_splitting");
	cJSON_AddTrueToObject(p, "do_convert_rgb");
	cJSON_AddTrueToObject(p, "do_resize");
	cJSON_AddNumberToObject(p, "resample", 1);
	cJSON_AddTrueToObject(p, "do_rescale");
	cJSON_AddNumberToObject(p, "rescale_factor", 1 / 255.0);
	cJSON_AddTrueToObject(p, "do_normalize");
	cJSON_AddItemToObject(p, "image_mean", cJSON_CreateDoubleArray(half, 3));
	cJSON_AddItemToObject(p, "image_std", cJSON_CreateDoubleArray(half, 3));
	cJSON_AddTrueToObject(p, "do_pad");
	cJSON_AddStringToObject(p, "image_processor_type",
				smolvlm ? "SmolVLMImageProcessor" : "Idefics3ImageProcessor");
	cJSON_AddStringToObject(p, "processor_class", smolvlm ? "SmolVLMProcessor" : "Idefics3Processor");
	int rc = ril_fresh_write(dir, "preprocessor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

/* Image tokens of a tile, as the sizes have it. */
static int write_processor(const char *dir, const cJSON *config, bool smolvlm, struct ril_err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "vision_config");
	double side = floor(tile_of(config) / ril_fresh_number(v, "patch_size", 32)) /
		      ril_fresh_number(config, "scale_factor", 2);
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "image_seq_len", side * side);
	cJSON_AddStringToObject(p, "processor_class", smolvlm ? "SmolVLMProcessor" : "Idefics3Processor");
	int rc = ril_fresh_write(dir, "processor_config.json", p, err);
	cJSON_Delete(p);
	return rc;
}

/* A picture has as many tiles as its longest side has, squared, at most: 4 x 4 and the whole, unless bounded. */
static int write_pictures(const char *dir, cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	double side = tile_of(config) * (f->max_tiles ? floor(sqrt((double)f->max_tiles)) : 4);
	bool smolvlm = !strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "model_type")), "smolvlm");
	return write_preprocessor(dir, config, side, smolvlm, err) || write_processor(dir, config, smolvlm, err) ? -1
														 : 0;
}

const struct ril_fresh_family ril_smolvlm_fresh = {
	.chat_name = "SmolVLM",
	.template = template,
	.tokens = &own,
	.ids = ids,
	.begin = "<|im_start|>",
	.end = "<end_of_utterance>",
	.bounded_in = "tiles",
	.only_above = true,
	.pictures = write_pictures,
};
