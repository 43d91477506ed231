/* llm.c -- a text model as judge, here or behind a server.
 *
 * The first reply is greedy; a repeated question is sampled at temperature .3, .6, .9, ..., each number drawn from
 * (seed, attempt, text of the prompt, position), so a run repeats exactly. */
#include "score/judge/asked.h"
#include "score/judge/prompt_internal.h"
#include "score/judge/text_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct llm {
	char *name, *identity;
	struct ril_prompt prompt;
};

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

bool ril_structured_verdict(const char *reply, double *score)
{
	cJSON *j = ril_json_parse(reply, strlen(reply), NULL);
	const cJSON *d = cJSON_GetObjectItemCaseSensitive(j, "decision");
	const char *said = cJSON_IsString(d) && cJSON_GetArraySize(j) == 1 ? d->valuestring : "";
	bool yes = !strcmp(said, "Yes"), no = !strcmp(said, "No");
	cJSON_Delete(j);
	*score = yes;
	return yes || no;
}

/* A reply that was cut may have said more. */
static bool read_verdict(const struct ril_answer *a, double *score)
{
	return a->finish == 0 && ril_llm_verdict(a->text, score);
}

/* A server that cannot be held to a form, or passes over it, writes as the prompt says. */
static bool read_structured(const struct ril_answer *a, double *score)
{
	if (a->text[strspn(a->text, " \t\r\n")] != '{')
		return read_verdict(a, score);
	return a->finish == 0 && ril_structured_verdict(a->text, score);
}

static int put(void *ctx, const struct ril_item *it, struct ril_buf *text, struct ril_query *ask, struct ril_err *err)
{
	const struct llm *m = ctx;
	if (ril_prompt_fill(&m->prompt, it, text, err))
		return -1;
	ask->text = text->data;
	ask->len = text->len;
	ask->hash = ril_hash32(text->data, text->len);
	ask->verbatim = true;
	return 0;
}

static void llm_free(void *ctx)
{
	struct llm *m = ctx;
	ril_prompt_free(&m->prompt);
	free(m->name);
	free(m->identity);
	free(m);
}

static int print(char **out, struct ril_err *err, const char *a, const char *b)
{
	struct ril_buf text = {0};
	if (ril_buf_puts(&text, a, err) || ril_buf_puts(&text, b, err))
		return ril_buf_free(&text), -1;
	*out = text.data;
	return 0;
}

/* Only a cache needs to know the judge again. */
static int open_model(struct llm *m, struct ril_answerer *who, const struct ril_grader_judge *judge,
		      const struct ril_grader_options *how, struct ril_err *err)
{
	char tokens[16];
	if (ril_prompt_load(&m->prompt, judge->prompt, err) || print(&m->name, err, judge->name, ""))
		return -1;
	const struct ril_local_options o = {.name = m->name,
					    .text_only = true,
					    .thinking_off = true,
					    .identify = how->cache,
					    .made_with = m->prompt.text.data,
					    .made_with_len = m->prompt.text.len};
	if (ril_local_open(who, judge->name + strlen("llm:"), &o, err))
		return -1;
	snprintf(tokens, sizeof tokens, ":%d", how->max_new_tokens);
	if (!who->identity || !print(&m->identity, err, who->identity, tokens))
		return 0;
	who->free(who->ctx);
	return -1;
}

/* The judge that m is, asked by `who`. */
static struct ril_asked_judge judge_of(struct llm *m, const struct ril_answerer *who,
				       const struct ril_grader_options *how)
{
	return (struct ril_asked_judge){.who = *who,
					.identity = m->identity,
					.how = {.sampling = {.temperature = 1, .top_p = 1, .greedy = true},
						.max_new_tokens = how->max_new_tokens,
						.seed = how->seed,
						.purpose = RIL_RNG_JUDGE,
						.alike = true},
					.warmer = .3,
					.put = put,
					.read = read_verdict,
					.free = llm_free,
					.ctx = m};
}

int ril_llm_judge_open(struct ril_asked_judge *j, const struct ril_grader_judge *judge,
		       const struct ril_grader_options *how, struct ril_err *err)
{
	struct llm *m = ril_new(1, sizeof *m, err);
	struct ril_answerer who;
	if (!m)
		return -1;
	if (open_model(m, &who, judge, how, err)) {
		llm_free(m);
		return -1;
	}
	*j = judge_of(m, &who, how);
	return 0;
}

/* ---- behind a server ---- */

static const char verdict_schema[] =
	"{\"type\": \"object\", \"properties\": {\"decision\": {\"type\": \"string\", \"enum\": [\"Yes\", \"No\"]}}, "
	"\"required\": [\"decision\"], \"additionalProperties\": false}";

/* What its verdicts depend on: all that is asked of it, the prompt and the tokens it may write. */
static int identify_server(struct llm *m, const struct ril_http_options *o, const struct ril_grader_options *how,
			   struct ril_err *err)
{
	struct ril_sha256 h;
	char hex[65], tokens[24];
	ril_sha256_start(&h);
	ril_http_hash(&h, o);
	ril_cache_hash_n(&h, m->prompt.text.data, m->prompt.text.len);
	snprintf(tokens, sizeof tokens, "%d", how->max_new_tokens);
	ril_cache_hash(&h, tokens);
	ril_sha256_end(&h, hex);
	return print(&m->identity, err, "http:", hex);
}

int ril_server_judge_open(struct ril_asked_judge *j, const struct ril_grader_judge *judge,
			  const struct ril_grader_options *how, struct ril_err *err)
{
	struct llm *m = ril_new(1, sizeof *m, err);
	struct ril_http_options o = *judge->server;
	struct ril_answerer who;
	if (!m)
		return -1;
	o.schema = how->structured ? verdict_schema : NULL;
	if (ril_prompt_load(&m->prompt, judge->prompt, err) || identify_server(m, &o, how, err) ||
	    ril_http_open(&who, &o, err)) {
		llm_free(m);
		return -1;
	}
	*j = judge_of(m, &who, how);
	if (how->structured)
		j->read = read_structured;
	return 0;
}
