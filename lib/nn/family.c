/* family.c -- the list of families, and the one that is text only; see family.h. */
#include "nn/family_internal.h"
#include "nn/config_internal.h"

#include <string.h>

static const struct ril_family *const families[] = {&ril_qwen2_vl,      &ril_qwen2_5_vl, &ril_qwen3_vl, &ril_internvl,
						    &ril_internvl_chat, &ril_smolvlm,    &ril_text_only};
enum { NFAMILIES = sizeof families / sizeof *families };

const struct ril_family *ril_family_find(const char *model_type)
{
	for (int i = 0; i < NFAMILIES; i++)
		for (const char *const *t = families[i]->model_types; *t; t++)
			if (!strcmp(*t, model_type))
				return families[i];
	return NULL;
}

int ril_family_refuse(const char *model_type, struct ril_err *err)
{
	struct ril_buf known = {0};
	size_t n = 0, k = 0;
	int rc = 0;
	for (int i = 0; i < NFAMILIES; i++)
		for (const char *const *t = families[i]->model_types; *t; t++)
			n++;
	for (int i = 0; i < NFAMILIES; i++)
		for (const char *const *t = families[i]->model_types; !rc && *t; t++)
			rc = ril_config_list(&known, *t, k++, n, err);
	if (!rc)
		ril_fail(err, RIL_EFAIL, "model_type '%s' is not supported; %s are", model_type, known.data);
	ril_buf_free(&known);
	return -1;
}

bool ril_family_pictures(const struct ril_family *f)
{
	return f->tower;
}

/* ---- text only: Qwen2, Qwen2.5, Qwen3 ---- */

static int read_text(struct ril_config *c, const cJSON *top, const cJSON **text, struct ril_err *err)
{
	*text = top;
	return ril_config_decoder(&c->text, top, err);
}

static const char *const text_types[] = {"qwen2", "qwen3", NULL};
static const struct ril_fresh_family text_fresh = {.template = ril_qwen2_5_vl_template};
const struct ril_family ril_text_only = {.model_types = text_types, .read = read_text, .fresh = &text_fresh};
