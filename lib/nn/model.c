/* model.c -- opening a folder as a model: configuration, parameters, heads; see model.h. */
#include "nn/model.h"
#include "base/rng.h"
#include "nn/adapter.h"
#include "nn/bind_internal.h"
#include "nn/family_internal.h"
#include "nn/fresh.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every name under which the hub carries the language head. */
static const char *const head_names[] = {"lm_head.weight", "language_model.lm_head.weight"};

static int bind_lm_head(struct ril_model *m, struct ril_err *err)
{
	const struct ril_decoder_config *c = &m->config.text;
	struct ril_param *embed = ril_decoder_embedding(m->decoder), *stored = NULL;
	for (int i = 0; i < 2 && !stored; i++)
		stored = ril_params_find(m->params, head_names[i]);
	if (c->tied) {
		m->head.w = embed;
		embed->heads = true;
		if (stored)
			stored->tied = embed;
		return 0;
	}
	const char *name = stored ? stored->name : m->config.head_name;
	m->head.w = ril_params_need(m->params, RIL_PART_LLM, false, name, 2, (int64_t[]){c->vocab, c->hidden}, err);
	return m->head.w ? 0 : -1;
}

/* The score head's names begin so: among adapters it is one of PEFT's modules_to_save. */
static const char *score_prefix(const struct ril_model *m)
{
	return m->params->adapters ? "base_model.model." : "";
}

/* The score head in the folder, or of the adapters in it: is there one? */
static int find_score(struct ril_model *m, bool *found, struct ril_err *err)
{
	*found = ril_params_find(m->params, "score.weight");
	if (!m->params->adapters)
		return 0;
	if (*found)
		return ril_fail(err, RIL_EFAIL,
				"%s: adapters of a discriminator are not supported; of a student they are",
				m->params->dir);
	struct ril_err why = {0};
	*found = ril_adapters_take(m->params, "base_model.model.score.weight", &why) &&
		 ril_adapters_take(m->params, "base_model.model.score.bias", &why);
	return why.code ? ril_fail(err, why.code, "%s", why.msg) : 0;
}

/* score.weight normal 0.02, score.bias 0, as a fresh sequence classifier of the reference implementation. */
static int add_score(struct ril_model *m, uint32_t seed, struct ril_err *err)
{
	int64_t H = m->config.text.hidden, one = 1;
	char weight[64], bias[64];
	snprintf(weight, sizeof weight, "%sscore.weight", score_prefix(m));
	snprintf(bias, sizeof bias, "%sscore.bias", score_prefix(m));
	float *w = ril_new((size_t)H, sizeof *w, err), zero = 0;
	if (!w)
		return -1;
	struct ril_rng_at at = {.question = ril_hash32("score.weight", 12)};
	for (int64_t i = 0; i < H; i++) {
		at.position = (uint32_t)i;
		w[i] = (float)(0.02 * ril_rng_normal(seed, RIL_RNG_INIT, at));
	}
	bool ok = ril_params_add(m->params, weight, 2, (int64_t[]){1, H}, w, err) &&
		  ril_params_add(m->params, bias, 1, &one, &zero, err);
	free(w);
	return ok ? 0 : -1;
}

static int bind_score(struct ril_model *m, struct ril_err *err)
{
	struct ril_bind b = {.params = m->params, .part = RIL_PART_SCORE, .prefix = score_prefix(m), .err = err};
	m->score = ril_bind_linear(&b, true, 1, m->config.text.hidden, "score");
	return b.failed ? -1 : 0;
}

static int bind(struct ril_model *m, enum ril_head head, uint32_t seed, struct ril_err *err)
{
	if (head == RIL_HEAD_SCORE) { /* before anything points into the table */
		for (int i = 0; i < 2; i++)
			ril_params_drop(m->params, head_names[i]);
		bool found;
		if (find_score(m, &found, err) || (!found && add_score(m, seed, err)))
			return -1;
	}
	if (!(m->decoder = ril_decoder_bind(m, err)))
		return -1;
	const struct ril_tower *tower = m->config.family->tower;
	if (tower && !(m->vision = tower->bind(m, err)))
		return -1;
	if (head == RIL_HEAD_SCORE ? bind_score(m, err) : bind_lm_head(m, err))
		return -1;
	if (m->params->adapters && ril_adapters_check(m->params, err))
		return -1;
	return ril_params_ready(m->params, err);
}

/* The adapters of `dir`, or fresh ones; NULL: it is a model without any.  *base: where W is. */
static int open_adapters(const char *dir, const struct ril_model_use *use, struct ril_adapters **a, const char **base,
			 struct ril_err *err)
{
	*a = NULL;
	*base = dir;
	if (ril_is_adapter(dir)) {
		if (!(*a = ril_adapters_open(dir, err)) || (use->lora && ril_adapters_agree(*a, use->lora, err)))
			return ril_adapters_free(*a), -1;
		*base = (*a)->base;
	} else if (use->lora) {
		*a = ril_adapters_fresh(use->lora, dir, err);
		return *a ? 0 : -1;
	}
	return 0;
}

static int settle(struct ril_model *m, struct ril_adapters *a, const struct ril_model_use *use, struct ril_err *err)
{
	m->params->adapters = a;
	m->params->reads = use->later ? 0 : use->reads;
	m->params->shares = use->shares ? use->shares->params : NULL;
	int rc = bind(m, use->head, use->seed, err);
	m->params->reads = use->reads;
	return rc;
}

static int find_files(struct ril_model *m, const char *dir, const char *base, struct ril_err *err)
{
	struct ril_buf own = {0};
	if (ril_buf_printf(&own, err, "%s/config.json", dir))
		return -1;
	m->files = ril_strdup(access(own.data, F_OK) ? base : dir, err);
	ril_buf_free(&own);
	return m->files ? 0 : -1;
}

/* Configuration and table from the base's folder. */
static struct ril_model *open_model(const char *dir, const struct ril_model_use *use, bool sketch, struct ril_err *err)
{
	struct ril_adapters *a;
	const char *base;
	if (open_adapters(dir, use, &a, &base, err))
		return NULL;
	struct ril_model *m = ril_new(1, sizeof *m, err);
	int rc = m ? ril_config_read(&m->config, base, err) : -1;
	enum ril_dtype type = !rc && sketch ? ril_fresh_dtype(base, err) : RIL_F32;
	if (!rc && sketch && ril_family_pictures(m->config.family) && m->config.image_token < 0)
		m->config.image_token = (int32_t)m->config.text.vocab - 1; /* not filled in yet: any will do */
	if (!rc && type)
		m->params = sketch ? ril_params_sketch(base, type, err) : ril_params_open(base, err);
	if (!rc && m->params) {
		if (!settle(m, a, use, err) && find_files(m, dir, base, err) == 0)
			return m;
	} else {
		ril_adapters_free(a);
	}
	ril_model_free(m);
	return NULL;
}

struct ril_model *ril_model_open_for(const char *dir, const struct ril_model_use *use, struct ril_err *err)
{
	return open_model(dir, use, false, err);
}

struct ril_model *ril_model_open(const char *dir, enum ril_head head, uint32_t seed, struct ril_err *err)
{
	return ril_model_open_for(dir, &(struct ril_model_use){.head = head, .seed = seed, .reads = RIL_PARTS_ALL},
				  err);
}

struct ril_model *ril_model_sketch(const char *dir, const struct ril_model_use *use, struct ril_err *err)
{
	return open_model(dir, use, true, err);
}

const struct ril_param *ril_model_embedding(const struct ril_model *m)
{
	return ril_decoder_embedding(m->decoder);
}

struct ril_model *ril_model_described(const char *dir, struct ril_err *err)
{
	const struct ril_model_use none = {0};
	struct ril_adapters *a;
	const char *base;
	if (open_adapters(dir, &none, &a, &base, err))
		return NULL;
	struct ril_model *m = ril_new(1, sizeof *m, err);
	int rc = m ? ril_config_read(&m->config, base, err) || find_files(m, dir, base, err) : -1;
	ril_adapters_free(a);
	if (!rc)
		return m;
	ril_model_free(m);
	return NULL;
}

void ril_model_free(struct ril_model *m)
{
	if (!m)
		return;
	ril_decoder_free(m->decoder);
	if (m->vision)
		m->config.family->tower->free(m->vision);
	ril_params_free(m->params);
	free(m->files);
	free(m);
}

struct ril_params *ril_model_layout(const char *dir, struct ril_config *out, struct ril_err *err)
{
	struct ril_model *m = ril_new(1, sizeof *m, err);
	struct ril_params *ps = NULL;
	if (m && !ril_config_read(&m->config, dir, err) && (m->params = ril_params_draft(err)) &&
	    !bind(m, RIL_HEAD_LM, 0, err)) {
		ps = m->params;
		m->params = NULL;
		*out = m->config;
	}
	ril_model_free(m);
	return ps;
}

/* A tower's rows are each picture's pixel rows, or so many of each, or some of them made one, whatever their order within the
 * picture. */
static int name_rows(struct ril_tape *t, const struct ril_model *m, const struct ril_tower_input *in)
{
	int64_t rows = 0;
	if (!ril_tape_dropping(t) || !in->names)
		return 0;
	for (int i = 0; i < in->n; i++)
		rows += ril_config_pixel_rows(&m->config, in->grid + 3 * i);
	struct ril_upload u = {in->names, (size_t)rows * sizeof *in->names, NULL};
	if (ril_tape_upload(t, &u, 1))
		return -1;
	ril_t_names(t, (struct ril_names){u.device, rows});
	return 0;
}

struct ril_val *ril_model_vision(struct ril_tape *t, struct ril_model *m, const struct ril_tower_input *in)
{
	bool sees = m->config.family->tower;
	if (sees && m->params->reads & RIL_PART_VISION)
		return name_rows(t, m, in) ? NULL : m->config.family->tower->forward(t, m, in);
	struct ril_err err = {0};
	ril_fail(&err, RIL_EFAIL, "%s: a %s was given pictures", m->params->dir,
		 sees ? "model that was opened without its vision part" : "text-only model");
	return ril_tape_fail(t, &err);
}

struct ril_val *ril_model_logits(struct ril_tape *t, struct ril_model *m, struct ril_val *hidden)
{
	return ril_t_linear_real(t, hidden, &m->head);
}

struct ril_val *ril_model_score(struct ril_tape *t, struct ril_model *m, struct ril_val *hidden)
{
	return ril_t_linear_real(t, hidden, &m->score);
}
