/* grader.c -- see grader.h. */
#include "score/grader.h"
#include "score/judge/asked.h"

#include <stdlib.h>

struct ril_grader {
	struct ril_grader_options how;
	struct ril_asked *asked; /* NULL: the rules of judge.h */
	struct ril_grader_counts counts;
	struct ril_item *item;
	struct ril_verdict *verdict;
	size_t cap_item, cap_verdict, n_verdict;
	struct ril_question question; /* the group's at hand */
	cJSON *text;
};

struct ril_grader *ril_grader_open(const struct ril_grader_options *how, struct ril_err *err)
{
	struct ril_grader *g = ril_new(1, sizeof *g, err);
	if (!g)
		return NULL;
	g->how = *how;
	if (how->judge && !ril_judge_find(how->judge) && !(g->asked = ril_asked_new(how->judge, how, err))) {
		ril_grader_free(g);
		return NULL;
	}
	return g;
}

const struct ril_grader_counts *ril_grader_counts(const struct ril_grader *g)
{
	return &g->counts;
}

const char *ril_grader_name(const struct ril_grader *g, const struct ril_question *q)
{
	return g->how.judge ? g->how.judge : q->judge;
}

size_t ril_grader_batch(const struct ril_grader *g)
{
	return g->asked ? RIL_GRADER_ASKED : 1;
}

static void forget_group(struct ril_grader *g)
{
	ril_question_free(&g->question);
	cJSON_Delete(g->text);
	g->text = NULL;
}

void ril_grader_free(struct ril_grader *g)
{
	if (!g)
		return;
	forget_group(g);
	ril_asked_free(g->asked);
	for (size_t i = 0; i < g->n_verdict; i++)
		ril_verdict_free(&g->verdict[i]);
	free(g->item);
	free(g->verdict);
	free(g);
}

int ril_grader_items(struct ril_grader *g, struct ril_item *item, size_t n, struct ril_verdict *v, struct ril_err *err)
{
	if (g->asked)
		return ril_asked_items(g->asked, item, n, v, &g->counts, err);
	for (size_t i = 0; i < n; i++)
		if (ril_judge_item(g->how.judge, &item[i], &v[i], err))
			return -1;
	return 0;
}

static int make_room(struct ril_grader *g, size_t n, struct ril_err *err)
{
	if (ril_grow(&g->item, &g->cap_item, n, sizeof *g->item, err) ||
	    ril_grow(&g->verdict, &g->cap_verdict, n, sizeof *g->verdict, err))
		return -1;
	for (; g->n_verdict < n; g->n_verdict++)
		g->verdict[g->n_verdict] = (struct ril_verdict){0};
	return 0;
}

static int read_items(struct ril_grader *g, const struct ril_record *r, const struct ril_responses *resp,
		      struct ril_err *err)
{
	if (ril_question_from_record(&g->question, r, err) || !(g->text = ril_record_json(r, "resp.text", err)) ||
	    make_room(g, (size_t)resp->n, err))
		return -1;
	if (!cJSON_IsArray(g->text) || cJSON_GetArraySize(g->text) != resp->n)
		return ril_fail(err, RIL_ECORRUPT, "%s: resp.text is no list of %d texts", ril_record_label(r),
				resp->n);
	const cJSON *t = g->text->child;
	for (int32_t i = 0; i < resp->n; i++, t = t->next) {
		if (!cJSON_IsString(t))
			return ril_fail(err, RIL_ECORRUPT, "%s: resp.text holds something that is not text",
					ril_record_label(r));
		g->item[i] =
			(struct ril_item){.q = &g->question, .response = t->valuestring, .finish = resp->finish[i]};
	}
	return 0;
}

static int grade(struct ril_grader *g, struct ril_record *r, const struct ril_responses *resp, struct ril_err *err)
{
	size_t n = (size_t)resp->n;
	if (read_items(g, r, resp, err) || ril_grader_items(g, g->item, n, g->verdict, err))
		return -1;
	float *score = ril_new(n, sizeof *score, err);
	if (!score)
		return -1;
	for (size_t i = 0; i < n; i++)
		score[i] = (float)g->verdict[i].score;
	int rc = ril_record_set(r, "reward.answer", RIL_F32, 1, &(int64_t){resp->n}, score, err);
	free(score);
	return rc;
}

int ril_grader_group(struct ril_grader *g, struct ril_record *r, struct ril_grades *out, struct ril_err *err)
{
	struct ril_responses resp;
	forget_group(g);
	if (ril_responses_get(r, &resp, err))
		return -1;
	if (!resp.n)
		return ril_fail(err, RIL_EFAIL, "%s: no responses to score", ril_record_label(r));
	if (grade(g, r, &resp, err) || ril_responses_get(r, &resp, err))
		return -1;
	*out = (struct ril_grades){.n = resp.n, .item = g->item, .verdict = g->verdict, .source = resp.source};
	return 0;
}
