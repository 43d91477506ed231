/* grader.c -- see grader.h.
 *
 * The items of several groups are judged in one call, so that a server has many requests at once. */
#include "score/grader.h"
#include "score/judge/asked.h"

#include <stdio.h>
#include <stdlib.h>

struct group {
	struct ril_question question;
	cJSON *text;
	size_t first; /* of its items */
	int32_t n;
};

struct ril_grader {
	struct ril_grader_options how;
	char *name;               /* NULL: each record's own judge */
	struct ril_asked **asked; /* [judges]; NULL: one of the rules of judge.h */
	bool any_asked, any_server;
	struct ril_verdict **own; /* [judges][cap_own]: where several vote */
	size_t cap_own;
	struct ril_votes votes;
	struct ril_grader_counts counts;
	struct ril_item *item; /* of all groups at hand */
	struct ril_verdict *verdict;
	size_t n_item, cap_item, cap_verdict, n_verdict;
	struct group *group;
	size_t n_group, cap_group;
};

/* ---- opening ---- */

static int open_judge(struct ril_grader *g, size_t k, struct ril_err *err)
{
	const struct ril_grader_judge *j = &g->how.judge[k];
	if (ril_judge_find(j->name))
		return 0;
	g->any_asked = true;
	g->any_server |= j->server != NULL;
	return (g->asked[k] = ril_asked_new(j, &g->how, err)) ? 0 : -1;
}

static int open_judges(struct ril_grader *g, struct ril_err *err)
{
	struct ril_buf name = {0};
	size_t n = g->how.judges;
	g->asked = ril_new(n, sizeof *g->asked, err);
	g->own = ril_new(n, sizeof *g->own, err);
	if (!g->asked || !g->own || ril_votes_new(&g->votes, n, err))
		return -1;
	for (size_t k = 0; k < n; k++) {
		int rc = open_judge(g, k, err) ||
					 ril_buf_printf(&name, err, "%s%s", k ? " + " : "", g->how.judge[k].name)
				 ? -1
				 : 0;
		g->name = name.data;
		if (rc)
			return -1;
	}
	return 0;
}

struct ril_grader *ril_grader_open(const struct ril_grader_options *how, struct ril_err *err)
{
	struct ril_grader *g = ril_new(1, sizeof *g, err);
	if (!g)
		return NULL;
	g->how = *how;
	if (!open_judges(g, err))
		return g;
	ril_grader_free(g);
	return NULL;
}

static void forget_groups(struct ril_grader *g)
{
	for (size_t i = 0; i < g->n_group; i++) {
		ril_question_free(&g->group[i].question);
		cJSON_Delete(g->group[i].text);
	}
	g->n_group = g->n_item = 0;
}

void ril_grader_free(struct ril_grader *g)
{
	if (!g)
		return;
	forget_groups(g);
	for (size_t k = 0; k < g->how.judges; k++) {
		if (g->asked)
			ril_asked_free(g->asked[k]);
		for (size_t i = 0; g->own && g->own[k] && i < g->cap_own; i++)
			ril_verdict_free(&g->own[k][i]);
		if (g->own)
			free(g->own[k]);
	}
	for (size_t i = 0; i < g->n_verdict; i++)
		ril_verdict_free(&g->verdict[i]);
	ril_votes_free(&g->votes);
	free(g->asked);
	free(g->own);
	free(g->name);
	free(g->group);
	free(g->item);
	free(g->verdict);
	free(g);
}

/* ---- what it did ---- */

const struct ril_grader_counts *ril_grader_counts(const struct ril_grader *g)
{
	return &g->counts;
}

const struct ril_votes *ril_grader_votes(const struct ril_grader *g)
{
	return g->how.judges > 1 ? &g->votes : NULL;
}

void ril_grader_servers(const struct ril_grader *g, struct ril_http_counts *sum)
{
	for (size_t k = 0; k < g->how.judges; k++)
		if (g->asked[k] && g->how.judge[k].server)
			ril_http_counts_add(sum, ril_asked_server(g->asked[k]));
}

const char *ril_grader_name(const struct ril_grader *g, const struct ril_question *q)
{
	return g->name ? g->name : q->judge;
}

size_t ril_grader_batch(const struct ril_grader *g)
{
	return g->any_server ? RIL_GRADER_SERVED : g->any_asked ? RIL_GRADER_ASKED : 1;
}

size_t ril_grader_groups_at_once(const struct ril_grader *g)
{
	return g->any_server ? RIL_GRADER_GROUPS : 1;
}

/* ---- items ---- */

static int judge_items(struct ril_grader *g, size_t k, struct ril_item *item, size_t n, struct ril_verdict *v,
		       struct ril_err *err)
{
	if (k < g->how.judges && g->asked[k])
		return ril_asked_items(g->asked[k], item, n, v, &g->counts, err);
	for (size_t i = 0; i < n; i++)
		if (ril_judge_item(k < g->how.judges ? g->how.judge[k].name : NULL, &item[i], &v[i], err))
			return -1;
	return 0;
}

static int make_own(struct ril_grader *g, size_t n, struct ril_err *err)
{
	if (n <= g->cap_own)
		return 0;
	for (size_t k = 0; k < g->how.judges; k++) {
		struct ril_verdict *more = ril_resize(g->own[k], n, sizeof *more, err);
		if (!more)
			return -1;
		memset(more + g->cap_own, 0, (n - g->cap_own) * sizeof *more);
		g->own[k] = more;
	}
	g->cap_own = n;
	return 0;
}

/* The majority's verdict; what was compared is the votes. */
static int count_votes(struct ril_grader *g, const struct ril_item *item, size_t i, struct ril_verdict *v,
		       double *score, struct ril_err *err)
{
	v->got.len = v->want.len = 0;
	for (size_t k = 0; k < g->how.judges; k++) {
		score[k] = g->own[k][i].score;
		if (ril_buf_printf(&v->got, err, "%s%.4g", k ? ", " : "", score[k]))
			return -1;
	}
	v->score = ril_votes_take(&g->votes, score);
	return item->q->n_answers ? ril_buf_puts(&v->want, item->q->answers[0], err) : ril_buf_puts(&v->want, "", err);
}

int ril_grader_items(struct ril_grader *g, struct ril_item *item, size_t n, struct ril_verdict *v, struct ril_err *err)
{
	if (g->how.judges < 2)
		return judge_items(g, 0, item, n, v, err);
	double *score = ril_new(g->how.judges, sizeof *score, err);
	int rc = !score || make_own(g, n, err) ? -1 : 0;
	for (size_t k = 0; !rc && k < g->how.judges; k++)
		rc = judge_items(g, k, item, n, g->own[k], err);
	for (size_t i = 0; !rc && i < n; i++)
		rc = count_votes(g, &item[i], i, &v[i], score, err);
	free(score);
	return rc;
}

/* ---- groups ---- */

static int read_group(struct ril_grader *g, struct group *at, const struct ril_record *r, struct ril_err *err)
{
	struct ril_responses resp;
	if (ril_responses_get(r, &resp, err))
		return -1;
	if (!resp.n)
		return ril_fail(err, RIL_EFAIL, "%s: no responses to score", ril_record_label(r));
	if (ril_question_from_record(&at->question, r, err) || !(at->text = ril_record_json(r, "resp.text", err)) ||
	    ril_grow(&g->item, &g->cap_item, g->n_item + (size_t)resp.n, sizeof *g->item, err))
		return -1;
	if (!cJSON_IsArray(at->text) || cJSON_GetArraySize(at->text) != resp.n)
		return ril_fail(err, RIL_ECORRUPT, "%s: resp.text is no list of %d texts", ril_record_label(r), resp.n);
	at->first = g->n_item;
	at->n = resp.n;
	const cJSON *t = at->text->child;
	for (int32_t i = 0; i < resp.n; i++, t = t->next) {
		if (!cJSON_IsString(t))
			return ril_fail(err, RIL_ECORRUPT, "%s: resp.text holds something that is not text",
					ril_record_label(r));
		g->item[g->n_item++] =
			(struct ril_item){.q = &at->question, .response = t->valuestring, .finish = resp.finish[i]};
	}
	return 0;
}

static int set_reward(struct ril_grader *g, const struct group *at, struct ril_record *r, struct ril_err *err)
{
	char name[64];
	float *score = ril_new((size_t)at->n, sizeof *score, err);
	if (!score)
		return -1;
	snprintf(name, sizeof name, "reward.%s", g->how.term ? g->how.term : "answer");
	for (int32_t i = 0; i < at->n; i++)
		score[i] = (float)g->verdict[at->first + (size_t)i].score;
	int rc = ril_record_set(r, name, RIL_F32, 1, &(int64_t){at->n}, score, err);
	free(score);
	return rc;
}

static int make_verdicts(struct ril_grader *g, size_t n, struct ril_err *err)
{
	if (ril_grow(&g->verdict, &g->cap_verdict, n, sizeof *g->verdict, err))
		return -1;
	for (; g->n_verdict < n; g->n_verdict++)
		g->verdict[g->n_verdict] = (struct ril_verdict){0};
	return 0;
}

int ril_grader_groups(struct ril_grader *g, struct ril_record *const *group, size_t n, struct ril_err *err)
{
	forget_groups(g);
	if (ril_grow(&g->group, &g->cap_group, n, sizeof *g->group, err))
		return -1;
	while (g->n_group < n) { /* their questions stay where they are: items point at them */
		struct group *at = &g->group[g->n_group++];
		*at = (struct group){0};
		if (read_group(g, at, group[g->n_group - 1], err))
			return -1;
	}
	if (make_verdicts(g, g->n_item, err) || ril_grader_items(g, g->item, g->n_item, g->verdict, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (set_reward(g, &g->group[i], group[i], err))
			return -1;
	return 0;
}

int ril_grader_grades(struct ril_grader *g, struct ril_record *group, size_t i, struct ril_grades *out,
		      struct ril_err *err)
{
	struct ril_responses resp;
	const struct group *at = &g->group[i];
	if (ril_responses_get(group, &resp, err))
		return -1;
	*out = (struct ril_grades){
		.n = at->n, .item = g->item + at->first, .verdict = g->verdict + at->first, .source = resp.source};
	return 0;
}
