/* filter.c -- see filter.h. */
#include "score/filter.h"

#include <math.h>
#include <stdio.h>

/* Sums over a step for the metrics file; [0] student, [1] teachers. */
struct sums {
	double answer[2], reward[2];
	int64_t n[2], undecided, groups;
};

struct pass {
	const struct ril_score_filter *how;
	struct ril_reader *in;
	struct ril_writer *out; /* NULL: none */
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

static int score_group(struct pass *p, struct ril_record *rec, struct ril_err *err)
{
	struct ril_grades g;
	if (ril_grader_group(p->how->grader, rec, &g, err) || ril_reward_sum(&p->how->reward, rec, err))
		return -1;
	add_up(&p->sums, rec, &g);
	for (int32_t i = 0; p->how->report && i < g.n; i++) {
		const char *judge = ril_grader_name(p->how->grader, g.item[i].q);
		if (ril_report_add(p->how->report, &g.item[i], &g.verdict[i], judge, g.source[i], err))
			return -1;
	}
	return p->out ? ril_writer_put(p->out, rec, err) : 0;
}

static void put_mean(FILE *m, const char *name, double sum, int64_t n)
{
	if (n)
		fprintf(m, ", \"%s\": %.6g", name, sum / (double)n);
}

static int write_metrics(const char *path, int64_t step, const struct sums *s, struct ril_err *err)
{
	static const char *const side[] = {"student", "teacher"};
	FILE *m = fopen(path, "ae");
	if (!m)
		return ril_fail_errno(err, "%s", path);
	fprintf(m, "{\"step\": %lld, \"groups\": %lld, \"undecided\": %lld", (long long)step, (long long)s->groups,
		(long long)s->undecided);
	for (int k = 0; k < 2; k++) {
		if (!s->n[k])
			continue;
		fprintf(m, ", \"%s\": {\"n\": %lld", side[k], (long long)s->n[k]);
		put_mean(m, "answer", s->answer[k], s->n[k]);
		put_mean(m, "reward", s->reward[k], s->n[k]);
		fprintf(m, "}");
	}
	fprintf(m, "}\n");
	bool bad = ferror(m);
	return fclose(m) || bad ? ril_fail_errno(err, "%s", path) : 0;
}

static int end_step(struct pass *p, const struct ril_record *rec, struct ril_err *err)
{
	struct sums s = p->sums;
	p->sums = (struct sums){0};
	if (p->out && ril_writer_step(p->out, ril_step_number(rec), ril_step_checkpoint(rec), err))
		return -1;
	return p->how->metrics ? write_metrics(p->how->metrics, ril_step_number(rec), &s, err) : 0;
}

static int pass_on(struct pass *p, struct ril_record *rec, struct ril_err *err)
{
	switch (ril_record_kind(rec)) {
	case RIL_HEAD: return p->out ? ril_writer_head(p->out, rec, p->how->lineage, NULL, err) : 0;
	case RIL_GROUP: return score_group(p, rec, err);
	case RIL_STEP: return end_step(p, rec, err);
	default: return 0;
	}
}

static int pass_all(struct pass *p, struct ril_err *err)
{
	struct ril_record *rec = NULL;
	int rc = 0;
	while (!rc && !(rc = ril_reader_next(p->in, &rec, err)) && rec) {
		rc = pass_on(p, rec, err);
		ril_record_free(rec);
		rec = NULL;
	}
	if (!rc && p->out)
		rc = ril_writer_end(p->out, err);
	if (rc && p->out)
		ril_writer_abort(p->out, p->how->lineage->program, err);
	return rc;
}

int ril_score_stream(const struct ril_score_filter *how, struct ril_err *err)
{
	const struct ril_writer_options options = {.gzip = how->gzip};
	struct pass p = {.how = how, .in = ril_reader_open(how->input, err)};
	int rc = p.in && (!how->output || (p.out = ril_writer_open(how->output, &options, err))) ? 0 : -1;
	if (!rc && p.out)
		ril_reader_watch(p.in, p.out);
	rc = rc ? rc : pass_all(&p, err);
	ril_writer_free(p.out);
	ril_reader_free(p.in);
	return rc;
}
