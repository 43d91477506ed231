/* filter.c -- see filter.h. */
#include "score/filter.h"

#include <math.h>

/* Sums over a step for the metrics file; [0] student, [1] teachers. */
struct sums {
	double answer[2], reward[2];
	int64_t n[2], undecided, groups;
};

struct pass {
	const struct ril_score_filter *how;
	struct ril_stage stage;
	struct sums sums;
};

static void add_up(struct sums *s, const struct ril_record *rec, const struct ril_grades *g)
{
	const float *reward = ril_record_get(rec, "reward")->data;
	s->groups++;
	for (int32_t i = 0; i < g->n; i++) {
		int side = g->source[i] > 0;
		if (isnan(g->verdict[i].score)) {
			s->undecided++;
			continue;
		}
		s->answer[side] += g->verdict[i].score;
		s->reward[side] += reward[i];
		s->n[side]++;
	}
}

/* The i-th group of those that the graders have seen. */
static int score_group(struct pass *p, struct ril_record *rec, size_t i_group, struct ril_err *err)
{
	struct ril_grades g;
	if (ril_grader_grades(p->how->grader, rec, i_group, &g, err) ||
	    ril_form_group(p->how->form, g.item, rec, err) ||
	    ril_wording_group(p->how->wording, g.item, (size_t)g.n, rec, err) ||
	    ril_reward_sum(&p->how->reward, rec, err))
		return -1;
	add_up(&p->sums, rec, &g);
	for (int32_t i = 0; p->how->report && i < g.n; i++) {
		const char *judge = ril_grader_name(p->how->grader, g.item[i].q);
		if (ril_report_add(p->how->report, &g.item[i], &g.verdict[i], judge, g.source[i], err))
			return -1;
	}
	return 0;
}

static int put_mean(struct ril_buf *b, const char *name, double sum, int64_t n, struct ril_err *err)
{
	return n ? ril_buf_printf(b, err, ", \"%s\": %.6g", name, sum / (double)n) : 0;
}

static int write_metrics(struct pass *p, int64_t step, const struct sums *s, struct ril_err *err)
{
	static const char *const side[] = {"student", "teacher"};
	struct ril_buf b = {0};
	if (!p->how->metrics)
		return 0;
	int rc = ril_buf_printf(&b, err, "{\"step\": %lld, \"groups\": %lld, \"undecided\": %lld", (long long)step,
				(long long)s->groups, (long long)s->undecided);
	for (int k = 0; k < 2 && !rc; k++) {
		if (!s->n[k])
			continue;
		rc = ril_buf_printf(&b, err, ", \"%s\": {\"n\": %lld", side[k], (long long)s->n[k]) ||
		     put_mean(&b, "answer", s->answer[k], s->n[k], err) ||
		     put_mean(&b, "reward", s->reward[k], s->n[k], err) || ril_buf_puts(&b, "}", err);
	}
	rc = rc || ril_buf_puts(&b, "}\n", err) || ril_metrics_step(p->how->metrics, &p->stage.clock, &b, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

static int score_groups(struct pass *p, const struct ril_batch *b, struct ril_err *err)
{
	for (size_t k = 0; b->n && k < p->how->nmore; k++)
		if (ril_grader_groups(p->how->more[k], b->group, b->n, err))
			return -1;
	if (b->n && ril_grader_groups(p->how->grader, b->group, b->n, err))
		return -1;
	for (size_t i = 0; i < b->n; i++)
		if (score_group(p, b->group[i], i, err))
			return -1;
	return 0;
}

/* As many groups as the graders like best. */
static size_t at_once(const struct ril_score_filter *how)
{
	size_t n = ril_grader_groups_at_once(how->grader);
	for (size_t k = 0; k < how->nmore; k++)
		n = n > ril_grader_groups_at_once(how->more[k]) ? n : ril_grader_groups_at_once(how->more[k]);
	return n;
}

static int pass_all(struct pass *p, struct ril_err *err)
{
	struct ril_batch *b = &p->stage.batch;
	int rc;
	while ((rc = ril_stage_next(&p->stage, err)) == 1) {
		int64_t step = ril_stage_step(&p->stage);
		bool ended = b->barrier;
		if (score_groups(p, b, err) || ril_stage_put(&p->stage, b->checkpoint, err))
			return -1;
		ril_batch_clear(b); /* its memory, before the wait for the next */
		if (!ended)
			continue;
		struct sums s = p->sums;
		p->sums = (struct sums){0};
		if (write_metrics(p, step, &s, err))
			return -1;
	}
	return rc ? -1 : ril_stage_end(&p->stage, err);
}

int ril_score_stream(const struct ril_score_filter *how, struct ril_err *err)
{
	struct pass p = {
		.how = how,
		.stage = {.lineage = how->lineage,
			  .steps = RIL_STEPS_PASSED_ON,
			  .limit = at_once(how),
			  .may_be_empty = true},
	};
	int rc = ril_stage_open(&p.stage, how->input, how->output, how->gzip, err) || pass_all(&p, err) ? -1 : 0;
	ril_stage_close(&p.stage, rc ? err : NULL);
	return rc;
}
