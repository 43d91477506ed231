/* llm.c -- a local text model as judge.
 *
 * All questions of a call are tokenised whole, as the model's chat template has them; what their ids have in common
 * at the start (instructions, question, reference answer) is prefilled once, and the rest of each is its own end of
 * the prompt: the ids are those of the unshared form.  The first reply is greedy; a repeated question is sampled at
 * temperature .3, .6, .9, ..., each number drawn from (seed, attempt, text of the prompt, position), so a run repeats
 * exactly. */
#include "score/judge/outside.h"
#include "score/judge/prompt_internal.h"
#include "score/judge/text_internal.h"

#include "base/rng.h"
#include "base/sha256.h"
#include "nn/generate.h"
#include "tensor/folder.h"
#include "text/chat.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

struct llm {
	const char *dir;
	char *identity;
	struct ril_prompt prompt;
	struct ril_model *model;
	struct ril_generator *generator;
	struct ril_tokenizer *tokenizer;
	struct ril_chat *chat;
	int32_t max_new_tokens;
	uint32_t seed;
};

/* The prompts of one call. */
struct question {
	struct ril_ids ids;
	uint32_t hash;
};
struct call {
	struct llm *m;
	struct question *q; /* [n] */
	size_t n;
	int attempt;
};

/* ---- verdicts ---- */

static struct ril_span undecorated(struct ril_span s)
{
	for (;;) {
		struct ril_span t = ril_trim(s.s, s.n);
		while (t.n && strchr("*_\"'`.", t.s[t.n - 1]))
			t.n--;
		while (t.n && strchr("*_\"'`", *t.s))
			t.s++, t.n--;
		if (t.n == s.n)
			return t;
		s = t;
	}
}

bool ril_llm_verdict(const char *reply, double *score)
{
	static const char mark[] = "final decision:";
	const char *at = strcasestr(reply, mark), *from = reply;
	if (at) {
		from = at + strlen(mark);
		if (strcasestr(from, mark))
			return false;
	}
	struct ril_span s = undecorated((struct ril_span){from, strlen(from)});
	bool yes = s.n == 3 && !strncasecmp(s.s, "yes", 3), no = s.n == 2 && !strncasecmp(s.s, "no", 2);
	*score = yes;
	return yes || no;
}

/* ---- asking ---- */

static int make_question(struct llm *m, const struct ril_item *it, struct question *q, struct ril_err *err)
{
	struct ril_buf text = {0};
	int rc = ril_prompt_fill(&m->prompt, it, &text, err);
	struct ril_chat_part part = {text.data, text.len};
	struct ril_chat_message user = {"user", &part, 1};
	if (!rc)
		rc = ril_chat_encode(m->chat, &user, 1, NULL, 0, &q->ids, err);
	if (!rc)
		q->hash = ril_hash32(text.data, text.len);
	int64_t room = m->model->config.text.max_positions;
	if (!rc && room > 0 && (int64_t)q->ids.n + m->max_new_tokens > room)
		rc = ril_fail(err, RIL_EFAIL, "a prompt of %zu tokens does not fit the model's %lld", q->ids.n,
			      (long long)room);
	ril_buf_free(&text);
	return rc ? ril_context(err, "'%s'", it->q->key) : 0;
}

/* Ids that all prompts begin with, leaving every one at least one of its own. */
static size_t common_start(const struct question *q, size_t n)
{
	size_t k = q[0].ids.n - 1;
	for (size_t i = 1; i < n; i++) {
		size_t same = 0;
		while (same < k && same + 1 < q[i].ids.n && q[i].ids.at[same] == q[0].ids.at[same])
			same++;
		k = same;
	}
	return k;
}

static int read_replies(struct llm *m, const struct ril_generated *g, size_t n, struct ril_reply *reply,
			struct ril_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (ril_tokenizer_text(m->tokenizer, g[i].ids, (size_t)g[i].n, true, &reply[i].text, err) ||
		    ril_buf_add(&reply[i].text, "", 0, err))
			return -1;
		/* One that was cut may have said more. */
		reply[i].read = g[i].finish == 0 && ril_llm_verdict(reply[i].text.data, &reply[i].score);
	}
	return 0;
}

static int generate(struct call *c, struct ril_reply *reply, struct ril_err *err)
{
	struct ril_generated *out = ril_new(c->n, sizeof *out, err);
	struct ril_gen_tail *tail = ril_new(c->n, sizeof *tail, err);
	if (!out || !tail) {
		free(out);
		free(tail);
		return -1;
	}
	size_t start = common_start(c->q, c->n);
	for (size_t i = 0; i < c->n; i++)
		tail[i] = (struct ril_gen_tail){c->q[i].ids.at + start, (int64_t)(c->q[i].ids.n - start), c->q[i].hash};
	struct ril_gen_prompt prompt = {
		.name = "judge", .ids = c->q[0].ids.at, .P = (int64_t)start, .n = (int32_t)c->n, .tail = tail};
	const struct ril_gen_options how = {
		.max_new_tokens = c->m->max_new_tokens,
		.sampling = {.temperature = c->attempt ? .3 * c->attempt : 1, .top_p = 1, .greedy = !c->attempt},
		.seed = c->m->seed,
		.purpose = RIL_RNG_JUDGE,
		.step = (uint32_t)c->attempt};
	int rc = ril_generate(c->m->generator, &prompt, 1, &how, out, err) || read_replies(c->m, out, c->n, reply, err)
			 ? -1
			 : 0;
	ril_gen_free(out, c->n);
	free(out);
	free(tail);
	ril_generator_rest(c->m->generator);
	return rc;
}

static int llm_ask(void *ctx, const struct ril_item *const *it, size_t n, int attempt, struct ril_reply *reply,
		   struct ril_err *err)
{
	struct llm *m = ctx;
	struct call c = {m, ril_new(n, sizeof *c.q, err), n, attempt};
	int rc = c.q ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++)
		rc = make_question(m, it[i], &c.q[i], err);
	rc = rc ? rc : generate(&c, reply, err);
	for (size_t i = 0; c.q && i < n; i++)
		ril_ids_free(&c.q[i].ids);
	free(c.q);
	return rc ? ril_context(err, "llm:%s", m->dir) : 0;
}

/* ---- opening ---- */

static void llm_free(void *ctx)
{
	struct llm *m = ctx;
	ril_generator_free(m->generator);
	ril_chat_free(m->chat);
	ril_tokenizer_free(m->tokenizer);
	ril_model_free(m->model);
	ril_prompt_free(&m->prompt);
	free(m->identity);
	free(m);
}

/* The small files that change replies as much as weights do; each with its length, absent as empty. */
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

/* All bytes of the weights, since fine-tuning may change few of them: they are read once a run, and only for a cache,
 * which alone needs to know the judge again. */
static int identify(struct llm *m, bool cached, struct ril_err *err)
{
	struct ril_sha256 h;
	struct ril_buf b = {0};
	char hex[65], weights[RIL_ID_SIZE];
	const char *key = ril_tokenizer_key(m->tokenizer);
	ril_model_id(ril_params_folder(m->model->params), cached, weights);
	ril_sha256_start(&h);
	ril_sha256_add(&h, weights, sizeof weights);
	if (hash_settings(&h, m->dir, err))
		return -1;
	ril_sha256_add(&h, key, strlen(key) + 1);
	ril_sha256_add(&h, m->prompt.text.data, m->prompt.text.len);
	ril_sha256_end(&h, hex);
	if (ril_buf_printf(&b, err, "llm:%s:%d", hex, m->max_new_tokens))
		return -1;
	m->identity = b.data;
	return 0;
}

static int open_all(struct llm *m, const struct ril_grader_options *how, struct ril_err *err)
{
	if (ril_prompt_load(&m->prompt, how->prompt, err) || !(m->model = ril_model_open(m->dir, RIL_HEAD_LM, 0, err)))
		return -1;
	if (m->model->config.family != RIL_TEXT)
		return ril_fail(err, RIL_EFAIL, "%s: a judge is a text model (Qwen2.5, Qwen3), this is %s", m->dir,
				m->model->config.model_type);
	if (!(m->tokenizer = ril_tokenizer_load(m->dir, err)) ||
	    !(m->generator = ril_generator_new(m->model, m->tokenizer, err)) ||
	    !(m->chat = ril_chat_load(m->dir, m->tokenizer, err)))
		return -1;
	ril_chat_thinking_off(m->chat, true);
	return identify(m, how->cache, err);
}

int ril_llm_open(struct ril_witness *w, const char *dir, const struct ril_grader_options *how, struct ril_err *err)
{
	struct llm *m = ril_new(1, sizeof *m, err);
	if (!m)
		return -1;
	m->dir = dir;
	m->max_new_tokens = how->max_new_tokens;
	m->seed = how->seed;
	if (open_all(m, how, err)) {
		llm_free(m);
		return -1;
	}
	*w = (struct ril_witness){.identity = m->identity, .ask = llm_ask, .free = llm_free, .ctx = m};
	return 0;
}
