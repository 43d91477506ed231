/* local.c -- a model's folder as answerer: it sees question and pictures through its own chat template, tokenizer and
 * vision tower, and answers by sampling; see answer.h.
 *
 * Questions that begin alike (a judge's: instructions, question, reference answer) are tokenised whole; what their ids
 * have in common at the start is prefilled once, and the rest of each is its own end of the prompt: the ids are those
 * of the unshared form. */
#include "answer/answer.h"

#include "data/encode.h"
#include "nn/generate.h"
#include "tensor/folder.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { PICTURE_ROOM = 256 << 20 };

struct local {
	const char *dir, *name;
	char *identity;
	struct ril_encoder *encoder;
	struct ril_model *model;         /* the encoder's, */
	struct ril_tokenizer *tokenizer; /* also this */
	struct ril_generator *generator;
};

/* A question as the model sees it. */
struct prompt {
	struct ril_ids own;        /* a verbatim question's ids */
	struct ril_record *record; /* any other's group */
	const int32_t *ids;        /* [P], of one of them */
	int64_t P;
	struct ril_pictures pictures;
};

struct call {
	struct local *m;
	const struct ril_query *q;
	const struct ril_query_how *how;
	size_t n;
	struct prompt *prompt; /* [n] */
	ril_take_answer *take;
	void *ctx;
};

/* ---- prompts ---- */

static int make_verbatim(struct local *m, const struct ril_query *q, struct prompt *p, struct ril_err *err)
{
	const struct ril_chat_part part = {q->text, q->len};
	const struct ril_chat_message user = {"user", &part, 1};
	if (ril_chat_encode(ril_encoder_chat(m->encoder), &user, 1, NULL, 0, &p->own, err))
		return ril_context(err, "'%s'", q->key);
	p->ids = p->own.at;
	p->P = (int64_t)p->own.n;
	return 0;
}

/* The encoder's group holds embeddings as F32, grids and ids that fit its own model. */
static int make_record(struct local *m, const struct ril_question_line *line, struct prompt *p, struct ril_err *err)
{
	if (!(p->record = ril_encode_question(m->encoder, line, err)))
		return -1;
	const struct ril_st_entry *ids = ril_record_get(p->record, "prompt.ids"),
				  *grid = ril_record_get(p->record, "vision.grid"),
				  *embeds = ril_record_get(p->record, "vision.embeds");
	p->ids = ids->data;
	p->P = ids->dim[0];
	p->pictures.name = ril_record_key(p->record);
	if (!grid)
		return 0;
	p->pictures.n = (int)grid->dim[0];
	p->pictures.grid = grid->data;
	p->pictures.embeds = embeds->data;
	p->pictures.dtype = embeds->dtype;
	p->pictures.V = embeds->dim[0];
	return 0;
}

static int make_records(struct call *c, struct ril_question_line *line, const struct ril_question_line **at,
			struct ril_err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct ril_query *q = &c->q[i];
		line[i] = (struct ril_question_line){.id = (char *)q->key,
						     .turn = (struct ril_chat_turn *)q->turn,
						     .turns = q->turns,
						     .question = {(char *)q->text, q->len},
						     .picture = (char **)q->picture,
						     .pictures = q->pictures};
		at[i] = &line[i];
	}
	if (ril_encode_pictures(c->m->encoder, at, c->n, err))
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (make_record(c->m, at[i], &c->prompt[i], err))
			return -1;
	return 0;
}

static int check_room(const struct call *c, struct ril_err *err)
{
	int64_t room = c->m->model->config.text.max_positions;
	for (size_t i = 0; room && i < c->n; i++)
		if (c->prompt[i].P + c->how->max_new_tokens > room)
			return ril_fail(
				err, RIL_EFAIL,
				"'%s': a prompt of %lld tokens and %d new ones do not fit the model's %lld positions",
				c->q[i].key, (long long)c->prompt[i].P, c->how->max_new_tokens, (long long)room);
	return 0;
}

/* All questions of a call are verbatim, or none is. */
static int make_prompts(struct call *c, struct ril_err *err)
{
	int rc = 0;
	if (c->n && c->q[0].verbatim) {
		for (size_t i = 0; !rc && i < c->n; i++)
			rc = make_verbatim(c->m, &c->q[i], &c->prompt[i], err);
	} else {
		struct ril_question_line *line = ril_new(c->n, sizeof *line, err);
		const struct ril_question_line **at = ril_new(c->n, sizeof *at, err);
		rc = line && at ? make_records(c, line, at, err) : -1;
		free(line);
		free(at);
	}
	return rc ? -1 : check_room(c, err);
}

static void free_prompts(struct call *c)
{
	for (size_t i = 0; c->prompt && i < c->n; i++) {
		ril_ids_free(&c->prompt[i].own);
		ril_record_free(c->prompt[i].record);
	}
	free(c->prompt);
}

/* ---- answers ---- */

static int give(const struct call *c, size_t question, int32_t number, const struct ril_generated *g,
		struct ril_err *err)
{
	struct ril_buf text = {0};
	int rc = ril_chat_said(c->m->tokenizer, g->ids, (size_t)g->n, &text, err) || ril_buf_add(&text, "", 0, err) ? -1
														    : 0;
	struct ril_answer a = {.question = question,
			       .number = c->q[question].first + number,
			       .text = text.data,
			       .finish = g->finish,
			       .prompt_tokens = c->prompt[question].P,
			       .tokens = g->n,
			       .score = NAN};
	if (!rc)
		rc = c->take(c->ctx, &a, err) < 0 ? -1 : 0;
	ril_buf_free(&text);
	return rc;
}

/* Generates for `prompts` prompts and hands out what came, question by question. */
static int generate(struct call *c, const struct ril_gen_prompt *prompt, size_t prompts, struct ril_err *err)
{
	const struct ril_gen_options how = {.max_new_tokens = c->how->max_new_tokens,
					    .sampling = c->how->sampling,
					    .seed = c->how->seed,
					    .purpose = c->how->purpose,
					    .step = c->how->step};
	size_t all = 0, at = 0;
	for (size_t i = 0; i < c->n; i++)
		all += (size_t)c->q[i].n;
	struct ril_generated *out = ril_new(all, sizeof *out, err);
	if (!out)
		return -1;
	int rc = ril_generate(c->m->generator, prompt, prompts, &how, out, err);
	for (size_t i = 0; i < c->n; i++)
		for (int32_t k = 0; !rc && k < c->q[i].n; k++)
			rc = give(c, i, k, &out[at++], err);
	ril_gen_free(out, all);
	free(out);
	return rc;
}

/* Ids that all prompts begin with, leaving every one at least one of its own. */
static int64_t common_start(const struct prompt *p, size_t n)
{
	int64_t k = p[0].P - 1;
	for (size_t i = 1; i < n; i++) {
		int64_t same = 0;
		while (same < k && same + 1 < p[i].P && p[i].ids[same] == p[0].ids[same])
			same++;
		k = same;
	}
	return k;
}

static int generate_alike(struct call *c, struct ril_err *err)
{
	struct ril_gen_tail *tail = ril_new(c->n, sizeof *tail, err);
	if (!tail)
		return -1;
	int64_t start = common_start(c->prompt, c->n);
	for (size_t i = 0; i < c->n; i++)
		tail[i] = (struct ril_gen_tail){c->prompt[i].ids + start, c->prompt[i].P - start, c->q[i].hash};
	const struct ril_gen_prompt p = {.name = c->m->name ? c->m->name : c->m->dir,
					 .ids = c->prompt[0].ids,
					 .P = start,
					 .n = (int32_t)c->n,
					 .tail = tail};
	int rc = generate(c, &p, 1, err);
	free(tail);
	return rc;
}

static int generate_each(struct call *c, struct ril_err *err)
{
	struct ril_gen_prompt *p = ril_new(c->n, sizeof *p, err);
	if (!p)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		p[i] = (struct ril_gen_prompt){.name = c->q[i].key,
					       .ids = c->prompt[i].ids,
					       .P = c->prompt[i].P,
					       .vision = c->prompt[i].pictures,
					       .n = c->q[i].n,
					       .hash = c->q[i].hash,
					       .first = c->q[i].first};
	int rc = generate(c, p, c->n, err);
	free(p);
	return rc;
}

static int local_ask(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *how,
		     ril_take_answer *take, void *take_ctx, struct ril_err *err)
{
	struct local *m = ctx;
	struct call c = {m, q, how, n, ril_new(n, sizeof *c.prompt, err), take, take_ctx};
	int rc = c.prompt ? make_prompts(&c, err) : -1;
	if (!rc && n)
		rc = how->alike ? generate_alike(&c, err) : generate_each(&c, err);
	free_prompts(&c);
	ril_generator_rest(m->generator);
	return rc && m->name ? ril_context(err, "%s", m->name) : rc;
}

/* ---- opening ---- */

static void local_free(void *ctx)
{
	struct local *m = ctx;
	ril_generator_free(m->generator);
	ril_encoder_free(m->encoder);
	free(m->identity);
	free(m);
}

/* The small files that change answers as much as weights do; each with its length, absent as empty. */
static int hash_settings(struct ril_sha256 *h, const char *dir, struct ril_err *err)
{
	static const char *const names[] = {"config.json", "tokenizer_config.json", "chat_template.jinja",
					    "chat_template.json"};
	struct ril_buf path = {0}, file = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < sizeof names / sizeof *names; i++) {
		path.len = file.len = 0;
		rc = ril_buf_printf(&path, err, "%s/%s", dir, names[i]);
		if (!rc && !access(path.data, F_OK))
			rc = ril_read_file(&file, path.data, err);
		uint64_t n = file.len;
		ril_sha256_add(h, &n, sizeof n);
		ril_sha256_add(h, file.data, file.len);
	}
	ril_buf_free(&path);
	ril_buf_free(&file);
	return rc;
}

/* All bytes of the weights go in, since fine-tuning may change few of them. */
static int identify(struct local *m, const struct ril_local_options *o, struct ril_err *err)
{
	struct ril_sha256 h;
	struct ril_buf b = {0};
	char hex[65], weights[RIL_ID_SIZE];
	const char *key = ril_tokenizer_key(m->tokenizer);
	ril_model_id(ril_params_folder(m->model->params), true, weights);
	ril_sha256_start(&h);
	ril_sha256_add(&h, weights, sizeof weights);
	if (hash_settings(&h, m->dir, err))
		return -1;
	ril_sha256_add(&h, key, strlen(key) + 1);
	if (m->model->params->compute == RIL_BF16)
		ril_sha256_add(&h, "bf16", 5);
	if (o->made_with)
		ril_sha256_add(&h, o->made_with, o->made_with_len);
	ril_sha256_end(&h, hex);
	if (ril_buf_printf(&b, err, "llm:%s", hex))
		return -1;
	m->identity = b.data;
	return 0;
}

static int open_all(struct local *m, const struct ril_local_options *o, struct ril_err *err)
{
	const struct ril_encode_options encode = {.model = m->dir,
						  .image_root = o->image_root,
						  .system = o->system,
						  .decoder = true,
						  .room = PICTURE_ROOM};
	if (!(m->encoder = ril_encoder_new(&encode, err)))
		return -1;
	m->model = ril_encoder_model(m->encoder);
	m->tokenizer = ril_encoder_tokenizer(m->encoder);
	const struct ril_config *c = &m->model->config;
	if (o->text_only && ril_family_pictures(c->family))
		return ril_fail(err, RIL_EFAIL, "%s: a judge is a text model (Qwen2.5, Qwen3), this is %s", m->dir,
				c->model_type);
	if (!(m->generator = ril_generator_new(m->model, m->tokenizer, err)))
		return -1;
	ril_chat_thinking_off(ril_encoder_chat(m->encoder), o->thinking_off);
	return o->identify ? identify(m, o, err) : 0;
}

int ril_local_open(struct ril_answerer *who, const char *dir, const struct ril_local_options *o, struct ril_err *err)
{
	struct local *m = ril_new(1, sizeof *m, err);
	if (!m)
		return -1;
	m->dir = dir;
	m->name = o->name;
	if (open_all(m, o, err)) {
		local_free(m);
		return -1;
	}
	*who = (struct ril_answerer){.identity = m->identity, .ask = local_ask, .free = local_free, .ctx = m};
	return 0;
}
