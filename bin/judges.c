/* judges.c -- see judge_options.h. */
#include "judge_options.h"

#include "plan_options.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

/* One --judge or --term. */
struct judge {
	const char *name; /* of the judge */
	int from, to;     /* where its own options stand */
	struct ril_http_options server;
	char *key;
};

static bool is_llm(const char *judge)
{
	return !strncmp(judge, "llm:", 4);
}

/* http:URL too, for those who write it as llm:DIR; NULL: it is no server. */
static const char *address_of(const char *judge)
{
	if (!strncmp(judge, "http:http", 9))
		judge += 5;
	return !strncmp(judge, "http://", 7) || !strncmp(judge, "https://", 8) ? judge : NULL;
}

static const char *judge_of_term(const char *term)
{
	const char *eq = strchr(term, '=');
	return eq ? eq + 1 : "";
}

bool judges_compute(const struct judge_args *a)
{
	for (size_t i = 0; i < a->judges.n; i++)
		if (is_llm(a->judges.at[i]))
			return true;
	for (size_t i = 0; i < a->terms.n; i++)
		if (is_llm(judge_of_term(a->terms.at[i])))
			return true;
	return false;
}

/* ---- memory ---- */

/* The judge, and the replies to as many items as it is asked at once, whose prompts begin alike. */
static int measure(void *ctx, const struct ril_plan_batch *batch, struct ril_memory *m, struct ril_err *err)
{
	const struct judge *j = ctx;
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .reads = RIL_PARTS_ALL};
	struct ril_model *model = ril_model_sketch(j->name + strlen("llm:"), &use, err);
	int rc = model ? ril_plan_answers(m, model, batch, false, err) : -1;
	if (!rc)
		ril_memory_model(m, model, NULL);
	ril_model_free(model);
	return rc;
}

/* Before a judge is loaded: does it fit the device? */
static int guard(const struct ril_tool *t, const struct judge_args *a, struct judge *j, struct ril_err *err)
{
	struct plan_of p = {.tool = t,
			    .batch = {.groups = 1, .responses = RIL_GRADER_ASKED, .length = a->tokens},
			    .measure = measure,
			    .ctx = j};
	return is_llm(j->name) && plan_guard(&p, err) ? ril_context(err, "judge '%s'", j->name) : 0;
}

/* ---- one judge ---- */

/* The last of a list that stands between two places; NULL: none does. */
static const char *between(const struct ril_strlist *l, int from, int to)
{
	const char *found = NULL;
	for (size_t i = 0; i < l->n; i++)
		if (l->place[i] > from && l->place[i] < to)
			found = l->at[i];
	return found;
}

/* The place of the first --judge or --term behind `from`. */
static int next_place(const struct judge_args *a, int from)
{
	int next = INT_MAX;
	const struct ril_strlist *const lists[] = {&a->judges, &a->terms};
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (lists[k]->place[i] > from && lists[k]->place[i] < next)
				next = lists[k]->place[i];
	return next;
}

static int set_up(struct judges *s, size_t k, const char *name, int place, const struct ril_tool *t,
		  const struct judge_args *a, struct ril_err *err)
{
	struct judge *j = &s->each[k];
	struct ril_grader_judge *g = &s->judge[k];
	int first = next_place(a, -1);
	*j = (struct judge){.name = name, .from = place, .to = next_place(a, place)};
	*g = (struct ril_grader_judge){.name = name, .prompt = between(&a->prompts, j->from, j->to)};
	if (!g->prompt)
		g->prompt = between(&a->prompts, -1, first);
	const char *url = address_of(name);
	if (!url)
		return guard(t, a, j, err);
	j->server = (struct ril_http_options){.url = url, .model = between(&a->models, j->from, j->to)};
	if (!j->server.model)
		return ril_fail(err, RIL_EUSAGE, "%s: which of its models? --judge-model NAME behind it", url);
	g->server = &j->server;
	return endpoint_options(&a->endpoint, j->from, j->to, &j->server, &j->key, err);
}

/* ---- all ---- */

static struct ril_grader_options grader_options(const struct ril_tool *t, const struct judge_args *a)
{
	return (struct ril_grader_options){
		.structured = a->structured,
		.cache = a->cache,
		.fail_on_invalid = !strcmp(a->on_invalid, "fail"),
		.retries = (int)a->retries,
		.max_new_tokens = (int32_t)a->tokens,
		.timeout = a->timeout,
		.seed = (uint32_t)t->common.seed,
	};
}

static bool is_taken(const struct judges *s, size_t k, const char *name)
{
	static const char *const own[] = {"answer", "similarity", "format", "length", "repetition", "rouge", "cider"};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(own[i], name))
			return true;
	for (size_t i = 0; i < k; i++)
		if (!strcmp(s->name[i], name))
			return true;
	return false;
}

static int name_term(struct judges *s, size_t k, const char *term, struct ril_err *err)
{
	size_t n = strcspn(term, "=");
	bool good = n && n < 40 && term[n] == '=' && term[n + 1] && isalpha((unsigned char)*term);
	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)term[i]) || term[i] == '_' || term[i] == '-';
	if (!good)
		return ril_fail(err, RIL_EUSAGE, "--term: '%s' is not NAME=JUDGE", term);
	if (!(s->name[k] = ril_strndup(term, n, err)))
		return -1;
	return is_taken(s, k, s->name[k])
		       ? ril_fail(err, RIL_EUSAGE, "--term: there is a term '%s' already", s->name[k])
		       : 0;
}

static int open_terms(struct judges *s, const struct ril_tool *t, const struct judge_args *a, struct ril_err *err)
{
	for (size_t k = 0; k < a->terms.n; k++) {
		size_t at = a->judges.n + k;
		struct ril_grader_options how = grader_options(t, a);
		if (name_term(s, k, a->terms.at[k], err) ||
		    set_up(s, at, judge_of_term(a->terms.at[k]), a->terms.place[k], t, a, err))
			return -1;
		how.judge = &s->judge[at];
		how.judges = 1;
		how.term = s->name[k];
		if (!(s->term[k] = ril_grader_open(&how, err)))
			return ril_context(err, "--term %s", s->name[k]);
		s->terms++;
	}
	return 0;
}

int judges_open(struct judges *s, const struct ril_tool *t, const struct judge_args *a, bool terms, struct ril_err *err)
{
	*s = (struct judges){.n = a->judges.n + a->terms.n, .names = a->terms.n};
	s->each = ril_new(s->n, sizeof *s->each, err);
	s->judge = ril_new(s->n, sizeof *s->judge, err);
	s->term = ril_new(a->terms.n, sizeof *s->term, err);
	s->name = ril_new(a->terms.n, sizeof *s->name, err);
	if (!s->each || !s->judge || !s->term || !s->name)
		return -1;
	if (a->terms.n && !terms)
		return ril_fail(err, RIL_EUSAGE, "--term is for streams");
	if (endpoint_check(&a->endpoint, next_place(a, -1), err))
		return -1;
	for (size_t k = 0; k < a->judges.n; k++)
		if (set_up(s, k, a->judges.at[k], a->judges.place[k], t, a, err))
			return -1;
	struct ril_grader_options how = grader_options(t, a);
	how.judge = s->judge;
	how.judges = a->judges.n;
	return (s->grader = ril_grader_open(&how, err)) ? open_terms(s, t, a, err) : -1;
}

void judges_close(struct judges *s)
{
	for (size_t k = 0; k < s->terms; k++)
		ril_grader_free(s->term[k]);
	ril_grader_free(s->grader);
	for (size_t k = 0; s->each && k < s->n; k++)
		endpoint_forget(s->each[k].key);
	for (size_t k = 0; s->name && k < s->names; k++)
		free(s->name[k]);
	free(s->each);
	free(s->judge);
	free(s->term);
	free(s->name);
}

void judges_free_args(struct judge_args *a)
{
	ril_strlist_free(&a->judges);
	ril_strlist_free(&a->terms);
	ril_strlist_free(&a->models);
	ril_strlist_free(&a->prompts);
	endpoint_free(&a->endpoint);
}

/* ---- talk ---- */

static void say_grader(const struct ril_tool *t, const char *what, const struct ril_grader *g)
{
	const struct ril_grader_counts *c = ril_grader_counts(g);
	struct ril_http_counts h = {0};
	if (c->asked || c->cached)
		ril_say(t, "%s: %lld replies, %lld verdicts from the cache, %lld asked again, %lld unreadable", what,
			(long long)c->asked, (long long)c->cached, (long long)c->retried, (long long)c->invalid);
	ril_grader_servers(g, &h);
	if (h.requests)
		ril_say(t, "%s: %lld requests, %lld + %lld tokens; %lld tried again, %lld failed%s%s", what,
			(long long)h.requests, (long long)h.prompt_tokens, (long long)h.tokens, (long long)h.retries,
			(long long)h.failed, h.last[0] ? ": " : "", h.last);
}

static void say_votes(const struct judges *s, const struct ril_tool *t)
{
	const struct ril_votes *v = ril_grader_votes(s->grader);
	if (!v || !v->items)
		return;
	ril_say(t, "%zu judges, %lld responses: %lld undecided, %lld unanimous (%.1f %%)", v->judges,
		(long long)v->items, (long long)(v->items - v->decided), (long long)v->unanimous,
		100.0 * (double)v->unanimous / (double)v->items);
	for (size_t k = 0; k < v->judges; k++)
		ril_say(t, "  '%s' voted on %lld of %lld decided, with the majority on %lld", s->judge[k].name,
			(long long)v->cast[k], (long long)v->decided, (long long)v->with[k]);
}

void judges_say(const struct judges *s, const struct ril_tool *t)
{
	if (!s->grader)
		return;
	say_grader(t, "judge", s->grader);
	say_votes(s, t);
	for (size_t k = 0; k < s->terms; k++)
		say_grader(t, s->name[k], s->term[k]);
}
