/* fresh_files.c -- the small files of a fresh model folder; see fresh.h.  They are written as the hub's folders of each
 * family have them, so that other software opens the result. */
#include "nn/family_internal.h"
#include "nn/fresh_internal.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

/* What cannot be opened is refused when the weights are made; until then it counts as text. */
static const struct ril_fresh_family *family_of(const cJSON *config)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(config, "model_type");
	const struct ril_family *f = cJSON_IsString(m) ? ril_family_find(m->valuestring) : NULL;
	return f ? f->fresh : ril_text_only.fresh;
}

const char *ril_fresh_template(const cJSON *config)
{
	return family_of(config)->template;
}

bool ril_fresh_suits(const cJSON *config, const char *chat_name)
{
	const char *name = family_of(config)->chat_name;
	return !name || !strncmp(chat_name, name, strlen(name));
}

const struct ril_bpe_own *ril_fresh_tokens(const cJSON *config)
{
	return family_of(config)->tokens;
}

static int check_bounds(const char *what, const char *bounded_in, int64_t lo, int64_t hi, struct ril_err *err)
{
	if (!lo && !hi)
		return 0;
	if (!bounded_in)
		return ril_fail(err, RIL_EUSAGE, "a text model has no pictures to be bounded in %s", what);
	if (strcmp(what, bounded_in))
		return ril_fail(err, RIL_EUSAGE, "this model's pictures are bounded in %s", bounded_in);
	if (lo && hi && lo > hi)
		return ril_fail(err, RIL_EUSAGE, "at least %lld and at most %lld %s: no picture is so", (long long)lo,
				(long long)hi, what);
	return 0;
}

int ril_fresh_check(const cJSON *config, const struct ril_fresh *f, struct ril_err *err)
{
	const char *in = family_of(config)->bounded_in;
	if (family_of(config)->only_above && f->min_tiles)
		return ril_fail(err, RIL_EUSAGE, "this model's pictures have no least number of tiles");
	return check_bounds("pixels", in, f->min_pixels, f->max_pixels, err) ||
			       check_bounds("tiles", in, f->min_tiles, f->max_tiles, err)
		       ? -1
		       : 0;
}

/* ---- helpers of the families ---- */

int ril_fresh_write(const char *dir, const char *name, const cJSON *tree, struct ril_err *err)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	char *text = tree ? cJSON_Print(tree) : NULL;
	int rc = text ? ril_file_put(path, text, strlen(text), false, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(text);
	return rc;
}

int ril_fresh_set(cJSON *object, const char *name, double value, struct ril_err *err)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return cJSON_AddNumberToObject(object, name, value) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
}

/* A member that is a number, or a list whose first item is. */
double ril_fresh_number(const cJSON *object, const char *name, double other)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
	m = cJSON_IsArray(m) ? m->child : m;
	return cJSON_IsNumber(m) ? m->valuedouble : other;
}

/* ---- tokens ---- */

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
	return ril_fresh_set(object, name, id, err);
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

/* The token that ends a turn. */
static const char *end_of(const cJSON *config)
{
	const char *end = family_of(config)->end;
	return end ? end : "<|im_end|>";
}

static int set_tokens(cJSON *config, const struct ril_tokenizer *t, struct ril_err *err)
{
	const struct ril_fresh_family *f = family_of(config);
	cJSON *text = text_part(config);
	if (check_vocabulary(text, t, err) ||
	    set_token(text, "bos_token_id", t, f->begin ? f->begin : "<|endoftext|>", false, err) ||
	    set_token(text, "eos_token_id", t, end_of(config), true, err))
		return -1;
	for (const struct ril_fresh_id *k = f->ids; k && k->field; k++)
		if (set_token(config, k->field, t, k->token, true, err))
			return -1;
	return 0;
}

static int write_generation(const char *dir, const cJSON *config, const struct ril_tokenizer *t, struct ril_err *err)
{
	cJSON *g = cJSON_CreateObject(), *eos = cJSON_AddArrayToObject(g, "eos_token_id");
	int32_t ends[] = {token(t, end_of(config)), token(t, "<|endoftext|>")};
	bool ok = eos;
	for (int k = 0; k < 2; k++)
		if (ends[k] >= 0)
			ok = ok && cJSON_AddItemToArray(eos, cJSON_CreateNumber(ends[k]));
	if (ends[1] >= 0)
		ok = ok && cJSON_AddNumberToObject(g, "pad_token_id", ends[1]);
	int rc =
		ok ? ril_fresh_write(dir, "generation_config.json", g, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_Delete(g);
	return rc;
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
	int (*pictures)(const char *, cJSON *, const struct ril_fresh *, struct ril_err *) =
		family_of(config)->pictures;
	return set_tokens(config, t, err) || set_dtype(config, f->dtype, err) ||
			       write_generation(dir, config, t, err) || (pictures && pictures(dir, config, f, err)) ||
			       ril_fresh_write(dir, "config.json", config, err)
		       ? -1
		       : 0;
}
