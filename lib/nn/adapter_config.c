/* adapter_config.c -- what stands beside adapters: PEFT's adapter_config.json, the folder of their base; see adapter.h. */
#include "nn/adapter.h"

#include "base/file.h"
#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG "adapter_config.json"

enum { MAX_RANK = 1 << 16 };

/* ---- a spec ---- */

static int spec_number(const char *value, double max, double *out)
{
	char *end;
	*out = strtod(value, &end);
	return *value && !*end && *out > 0 && *out <= max ? 0 : -1;
}

static int spec_share(const char *value, double *out)
{
	char *end;
	*out = strtod(value, &end);
	return *value && !*end && *out >= 0 && *out < 1 ? 0 : -1;
}

static int spec_item(struct ril_lora_spec *s, const char *name, const char *value, struct ril_err *err)
{
	double n;
	if (!strcmp(name, "rank") && !spec_number(value, MAX_RANK, &n) && n == floor(n))
		s->rank = (int64_t)n;
	else if (!strcmp(name, "alpha") && !spec_number(value, 1e6, &n))
		s->alpha = n;
	else if (!strcmp(name, "rslora") && (!strcmp(value, "0") || !strcmp(value, "1")))
		s->rslora = *value == '1';
	else if (!strcmp(name, "dropout") && !spec_share(value, &n))
		s->dropout = n;
	else if (!strcmp(name, "targets") && *value && strlen(value) < sizeof s->targets)
		snprintf(s->targets, sizeof s->targets, "%s", value);
	else
		return ril_fail(err, RIL_EUSAGE,
				"adapters: '%.40s=%.40s': the settings are rank=N, alpha=R, targets=NAME+NAME or all, "
				"rslora=0 or 1, and dropout=R, from 0 to less than 1",
				name, value);
	return 0;
}

int ril_lora_parse(struct ril_lora_spec *s, const char *text, struct ril_err *err)
{
	char *copy = ril_strdup(text, err), *rest = copy;
	*s = (struct ril_lora_spec){.rank = 16, .targets = "all"};
	int rc = copy ? 0 : -1;
	for (char *item; !rc && (item = strsep(&rest, ","));) {
		char *value = strchr(item, '=');
		if (value)
			*value++ = 0;
		rc = spec_item(s, item, value ? value : "", err);
	}
	free(copy);
	if (!s->alpha)
		s->alpha = 2 * (double)s->rank;
	return rc;
}

/* ---- a folder ---- */

static bool has(const char *dir, const char *name)
{
	char path[RIL_PATH];
	struct ril_err none = {0};
	return !ril_path(path, &none, "%s/%s", dir, name) && !access(path, F_OK);
}

bool ril_is_adapter(const char *dir)
{
	return has(dir, CONFIG);
}

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list;
}

static bool says_nothing(const cJSON *x)
{
	return cJSON_IsNull(x) || cJSON_IsFalse(x) || ((cJSON_IsObject(x) || cJSON_IsArray(x)) && !x->child);
}

/* A member that says that the layers compute otherwise than W + s B A: a kind of adapter that has a name, or whatever later
 * versions switch on (use_...) or describe (..._config), but for what only begins adapters. */
static bool computes_otherwise(const char *name)
{
	static const char *const known[] = {"fan_in_fan_out",    "lora_bias",         "alora_invocation_tokens",
					    "rank_pattern",      "alpha_pattern",     "trainable_token_indices",
					    "layer_replication", "target_parameters", NULL};
	static const char *const begins[] = {"use_rslora",     "loftq_config",   "eva_config", "corda_config",
					     "lora_ga_config", "runtime_config", NULL};
	static const char config[] = "_config";
	size_t n = strlen(name), m = strlen(config);
	bool later = !strncmp(name, "use_", strlen("use_")) || (n > m && !strcmp(name + n - m, config));
	return is_one_of(name, known) || (later && !is_one_of(name, begins));
}

/* What is trained whole beside the adapters: here a discriminator's score head alone. */
static int refuse_saved(const cJSON *list, struct ril_err *err)
{
	for (const cJSON *it = cJSON_IsArray(list) ? list->child : NULL; it; it = it->next)
		if (!cJSON_IsString(it) || strcmp(it->valuestring, "score") != 0)
			return ril_fail(err, RIL_EFAIL, "modules_to_save '%s' is not supported; score is",
					cJSON_IsString(it) ? ril_short(it->valuestring) : "");
	return 0;
}

/* What would change the numbers and is not implemented is refused by name. */
static int refuse(const cJSON *config, struct ril_err *err)
{
	for (const cJSON *x = config->child; x; x = x->next)
		if (!says_nothing(x) && computes_otherwise(x->string))
			return ril_fail(err, RIL_EFAIL, "%s is not supported", ril_short(x->string));
	const char *type = "LORA", *bias = "none";
	if (ril_json_str(config, "peft_type", &type, err) || ril_json_str(config, "bias", &bias, err) ||
	    refuse_saved(cJSON_GetObjectItemCaseSensitive(config, "modules_to_save"), err))
		return -1;
	if (strcmp(type, "LORA"))
		return ril_fail(err, RIL_EFAIL, "peft_type '%.40s' is not supported; LORA is", type);
	return strcmp(bias, "none") ? ril_fail(err, RIL_EFAIL, "bias '%.40s' is not supported; none is", bias) : 0;
}

/* As it is given, from where we are; else from where the adapters are. */
static int find_base(struct ril_adapters *a, const char *dir, const char *base, struct ril_err *err)
{
	char path[RIL_PATH];
	if (*base != '/' && !has(base, "config.json") && !ril_path(path, err, "%s/%s", dir, base) &&
	    has(path, "config.json"))
		base = path, a->moved = true;
	else if (!has(base, "config.json"))
		return ril_fail(
			err, RIL_EFAIL,
			"the base model '%.80s' is not here: it is looked for as a folder, from the current one "
			"and from %s; a link of that name will do",
			base, dir);
	return (a->base = ril_strdup(base, err)) ? 0 : -1;
}

static int read_config(struct ril_adapters *a, const char *dir, struct ril_err *err)
{
	char path[RIL_PATH];
	const char *base = "";
	if (ril_path(path, err, "%s/" CONFIG, dir))
		return -1;
	cJSON *config = ril_json_read(path, err);
	if (!config)
		return -1;
	a->alpha = 8;
	a->rank = 8; /* PEFT's defaults */
	int rc = cJSON_IsObject(config) ? refuse(config, err) : ril_fail(err, RIL_ECORRUPT, "not an object");
	if (!rc)
		rc = ril_json_int(config, "r", &a->rank, err) || ril_json_num(config, "lora_alpha", &a->alpha, err) ||
		     ril_json_bool(config, "use_rslora", &a->rslora, err) ||
		     ril_json_num(config, "lora_dropout", &a->dropout, err) ||
		     ril_json_str(config, "base_model_name_or_path", &base, err);
	if (!rc && !(a->dropout >= 0 && a->dropout < 1))
		rc = ril_fail(err, RIL_ECORRUPT, "lora_dropout is %g, not from 0 to less than 1", a->dropout);
	if (!rc && (a->rank < 1 || a->rank > MAX_RANK || !*base))
		rc = ril_fail(err, RIL_ECORRUPT, "%s", *base ? "r is out of range" : "no base_model_name_or_path");
	if (!rc)
		rc = find_base(a, dir, base, err);
	cJSON_Delete(config);
	return rc ? ril_context(err, "%s", path), -1 : 0;
}

struct ril_adapters *ril_adapters_open(const char *dir, struct ril_err *err)
{
	struct ril_adapters *a = ril_new(1, sizeof *a, err);
	if (a &&
	    (!(a->dir = ril_strdup(dir, err)) || read_config(a, dir, err) || !(a->from = ril_folder_open(dir, err)))) {
		ril_adapters_free(a);
		return NULL;
	}
	return a;
}

struct ril_adapters *ril_adapters_fresh(const struct ril_lora_spec *how, const char *base, struct ril_err *err)
{
	struct ril_adapters *a = ril_new(1, sizeof *a, err);
	if (!a)
		return NULL;
	*a = (struct ril_adapters){
		.rank = how->rank, .alpha = how->alpha, .rslora = how->rslora, .dropout = how->dropout, .how = *how};
	if (!(a->base = ril_strdup(base, err))) {
		ril_adapters_free(a);
		return NULL;
	}
	return a;
}

void ril_adapters_free(struct ril_adapters *a)
{
	if (!a)
		return;
	ril_folder_free(a->from);
	free(a->dir);
	free(a->base);
	free(a->at);
	free(a);
}

int ril_adapters_agree(const struct ril_adapters *a, const struct ril_lora_spec *s, struct ril_err *err)
{
	if (a->rank == s->rank && a->alpha == s->alpha && a->rslora == s->rslora && a->dropout == s->dropout)
		return 0;
	return ril_fail(err, RIL_EUSAGE, "the folder's adapters have rank %lld, alpha %g, rslora %d, dropout %g",
			(long long)a->rank, a->alpha, a->rslora, a->dropout);
}

/* ---- writing ---- */

/* Layers by their whole names: a pattern would also mean layers that have no adapter. */
static bool add_targets(cJSON *config, const struct ril_adapters *a)
{
	cJSON *list = cJSON_AddArrayToObject(config, "target_modules");
	bool ok = list;
	for (size_t i = 0; ok && i < a->n; i++)
		ok = cJSON_AddItemToArray(list, cJSON_CreateString(a->at[i]->module));
	return ok;
}

static bool add_score(cJSON *config, bool score)
{
	if (!score)
		return cJSON_AddNullToObject(config, "modules_to_save");
	cJSON *list = cJSON_AddArrayToObject(config, "modules_to_save");
	return list && cJSON_AddItemToArray(list, cJSON_CreateString("score"));
}

int ril_adapters_write_config(const struct ril_params *ps, const char *dir, bool durable, struct ril_err *err)
{
	const struct ril_adapters *a = ps->adapters;
	char path[RIL_PATH], base[PATH_MAX];
	bool score = false;
	for (size_t i = 0; i < ps->n; i++)
		score |= ps->at[i]->part == RIL_PART_SCORE;
	if (ril_path(path, err, "%s/" CONFIG, dir))
		return -1;
	if (!realpath(a->base, base))
		return ril_fail_errno(err, "%s", a->base);
	cJSON *c = cJSON_CreateObject();
	bool ok = c && cJSON_AddStringToObject(c, "peft_type", "LORA") &&
		  cJSON_AddStringToObject(c, "task_type", score ? "SEQ_CLS" : "CAUSAL_LM") &&
		  cJSON_AddStringToObject(c, "base_model_name_or_path", base) &&
		  cJSON_AddBoolToObject(c, "inference_mode", true) &&
		  cJSON_AddNumberToObject(c, "r", (double)a->rank) &&
		  cJSON_AddNumberToObject(c, "lora_alpha", a->alpha) &&
		  cJSON_AddNumberToObject(c, "lora_dropout", a->dropout) &&
		  cJSON_AddBoolToObject(c, "use_rslora", a->rslora) && cJSON_AddStringToObject(c, "bias", "none") &&
		  add_targets(c, a) && add_score(c, score);
	char *text = ok ? cJSON_Print(c) : NULL;
	int rc =
		text ? ril_file_put(path, text, strlen(text), durable, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(text);
	cJSON_Delete(c);
	return rc;
}
