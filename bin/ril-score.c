/* ril-score -- judges responses and assembles rewards; scores tables and captions; reports and compares runs.
 *
 * As a filter it adds `reward.answer` and `reward` to every group and passes steps on as they come.  With --report,
 * --table, --captions, --tokenise or --compare stdout is the result, and a stream goes only to a named -o. */
#include "tool.h"

#include "score/compare.h"
#include "score/report.h"
#include "score/reward.h"
#include "score/table.h"

#include <stdlib.h>

static struct {
	const char *in, *out, *judge, *reward, *report, *table, *metrics;
	bool compare, gzip;
	int64_t resamples;
	double confidence;
} opt = {.in = "-", .reward = "answer", .resamples = 1000, .confidence = 95};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "stream to write; - is stdout, the default unless a report goes there", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	{RIL_OPT_STR, 0, "judge", &opt.judge, "NAME", "judge for every record, instead of the record's own", 0, 0, NULL},
	{RIL_OPT_STR, 0, "reward", &opt.reward, "SUM", "the reward, as 'similarity + 0.5*answer'", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "report", &opt.report, NULL, "report on stdout", 0, 0, "table|json|tsv"},
	{RIL_OPT_STR, 0, "table", &opt.table, "FILE", "judge the rows of a JSON-lines table; - is stdin", 0, 0, NULL},
	{RIL_OPT_FLAG, 0, "compare", &opt.compare, NULL, "compare two streams, given as operands, question by question", 0, 0, NULL},
	{RIL_OPT_INT, 0, "resamples", &opt.resamples, "N", "bootstrap resamples and random flips; 0: no intervals", 0, 1000000, NULL},
	{RIL_OPT_REAL, 0, "confidence", &opt.confidence, "PERCENT", "level of the intervals", 1, 99.99, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a JSON line of means to FILE at every step", 0, 0, NULL},
	{0},
};

static int say_out(const struct ril_buf *b, struct ril_err *err)
{
	if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout))
		return ril_fail_errno(err, "stdout");
	return 0;
}

static int print_sheet(const struct ril_sheet *s, struct ril_err *err)
{
	enum ril_sheet_format format = RIL_SHEET_TABLE;
	if (opt.report && strcmp(opt.report, "table"))
		format = strcmp(opt.report, "json") ? RIL_SHEET_TSV : RIL_SHEET_JSON;
	struct ril_buf b = {0};
	int rc = ril_sheet_print(s, format, &b, err) ? -1 : say_out(&b, err);
	ril_buf_free(&b);
	return rc;
}

static struct ril_resampling resampling(const struct ril_tool *t)
{
	return (struct ril_resampling){(uint32_t)t->common.seed, opt.resamples, opt.confidence};
}

static int print_report(const struct ril_tool *t, struct ril_report *r, struct ril_err *err)
{
	struct ril_resampling how = resampling(t);
	struct ril_sheet sheet = {0};
	if (!ril_report_rows(r))
		return ril_fail(err, RIL_EFAIL, "nothing to report: the input holds no responses");
	int rc = ril_report_fill(r, &how, &sheet, err) || print_sheet(&sheet, err) ? -1 : 0;
	ril_sheet_free(&sheet);
	return rc;
}

/* ---- streams ---- */

/* Means of a step for the metrics file. */
struct step_sums { double answer[2], reward[2]; int64_t n[2], rewarded[2], undecided, groups; }; /* [0] student, [1] teachers */

struct filter {
	struct ril_tool *tool;
	struct ril_grader *grader;
	struct ril_reward reward;
	struct ril_report *report; /* NULL unless asked for */
	struct ril_reader *in;
	struct ril_writer *out; /* NULL when only a report is wanted */
	struct step_sums sums;
	int64_t undecided;
};

static void sum_step(struct filter *f, const struct ril_record *rec, const struct ril_grades *g)
{
	const float *reward = ril_record_get(rec, "reward")->data;
	f->sums.groups++;
	for (int32_t i = 0; i < g->n; i++) {
		int side = g->source[i] > 0;
		if (isnan(g->verdict[i].score)) {
			f->sums.undecided++;
			f->undecided++;
			continue;
		}
		f->sums.answer[side] += g->verdict[i].score;
		f->sums.reward[side] += reward[i];
		f->sums.n[side]++;
	}
}

static int score_group(struct filter *f, struct ril_record *rec, struct ril_err *err)
{
	struct ril_grades g;
	if (ril_grader_group(f->grader, rec, &g, err) || ril_reward_sum(&f->reward, rec, err))
		return -1;
	sum_step(f, rec, &g);
	for (int32_t i = 0; f->report && i < g.n; i++) {
		const char *judge = opt.judge ? opt.judge : g.item[i].q->judge;
		if (ril_report_add(f->report, &g.item[i], &g.verdict[i], judge, g.source[i], err))
			return -1;
	}
	return f->out ? ril_writer_put(f->out, rec, err) : 0;
}

static void put_mean(FILE *m, const char *name, double sum, int64_t n)
{
	if (n)
		fprintf(m, ", \"%s\": %.6g", name, sum / (double)n);
}

static int end_step(struct filter *f, const struct ril_record *rec, struct ril_err *err)
{
	struct step_sums s = f->sums;
	f->sums = (struct step_sums){0};
	if (f->out && ril_writer_step(f->out, ril_step_number(rec), ril_step_checkpoint(rec), err))
		return -1;
	if (!opt.metrics)
		return 0;
	FILE *m = fopen(opt.metrics, "ae");
	if (!m)
		return ril_fail_errno(err, "%s", opt.metrics);
	fprintf(m, "{\"step\": %lld, \"groups\": %lld, \"undecided\": %lld", (long long)ril_step_number(rec), (long long)s.groups,
		(long long)s.undecided);
	put_mean(m, "answer.student", s.answer[0], s.n[0]);
	put_mean(m, "answer.teacher", s.answer[1], s.n[1]);
	put_mean(m, "reward.student", s.reward[0], s.n[0]);
	put_mean(m, "reward.teacher", s.reward[1], s.n[1]);
	fprintf(m, "}\n");
	bool bad = ferror(m);
	return fclose(m) || bad ? ril_fail_errno(err, "%s", opt.metrics) : 0;
}

static int pass_on(struct filter *f, struct ril_record *rec, struct ril_err *err)
{
	struct ril_tool *t = f->tool;
	const struct ril_lineage line = {t->name, RIL_VERSION, t->argc, t->argv, (uint32_t)t->common.seed, NULL, NULL};
	switch (ril_record_kind(rec)) {
	case RIL_HEAD:
		return f->out ? ril_writer_head(f->out, rec, &line, NULL, err) : 0;
	case RIL_GROUP:
		return score_group(f, rec, err);
	case RIL_STEP:
		return end_step(f, rec, err);
	default:
		return 0;
	}
}

static int filter_all(struct filter *f, struct ril_err *err)
{
	struct ril_record *rec = NULL;
	int rc = 0;
	while (!rc && !(rc = ril_reader_next(f->in, &rec, err)) && rec) {
		rc = pass_on(f, rec, err);
		ril_record_free(rec);
		rec = NULL;
	}
	if (!rc && f->report)
		rc = print_report(f->tool, f->report, err);
	if (!rc && f->out)
		rc = ril_writer_end(f->out, err);
	if (rc && f->out)
		ril_writer_abort(f->out, f->tool->name, err);
	if (!rc && f->undecided)
		ril_say(f->tool, "%lld responses were left undecided by their judge (reward NaN)", (long long)f->undecided);
	return rc;
}

static int run_filter(struct ril_tool *t, struct ril_grader *grader, struct ril_err *err)
{
	const struct ril_writer_options how = {.gzip = opt.gzip};
	const char *out = opt.out ? opt.out : opt.report ? NULL : "-";
	if (opt.report && out && !strcmp(out, "-"))
		return ril_fail(err, RIL_EUSAGE, "the report and the stream cannot both go to stdout");
	struct filter f = {.tool = t, .grader = grader};
	int rc = ril_reward_parse(&f.reward, opt.reward, err);
	if (!rc && (!(f.in = ril_reader_open(opt.in, err)) || (out && !(f.out = ril_writer_open(out, &how, err))) ||
		    (opt.report && !(f.report = ril_report_new(err)))))
		rc = -1;
	if (!rc && f.out)
		ril_reader_watch(f.in, f.out);
	if (!rc)
		rc = filter_all(&f, err);
	ril_report_free(f.report);
	ril_writer_free(f.out);
	ril_reader_free(f.in);
	ril_reward_free(&f.reward);
	return rc;
}

/* ---- tables ---- */

static int judge_row(struct ril_grader *g, struct ril_item *it, struct ril_verdict *v, struct ril_report *r, struct ril_err *err)
{
	const char *judge = opt.judge ? opt.judge : it->q->judge;
	if (ril_grader_items(g, it, 1, v, err))
		return ril_context(err, "%s", opt.table);
	if (r)
		return ril_report_add(r, it, v, judge, 0, err);
	struct ril_buf line = {0};
	int rc = ril_verdict_line(&line, it, v, judge, err) ? -1 : say_out(&line, err);
	ril_buf_free(&line);
	return rc;
}

static int run_table(struct ril_tool *t, struct ril_grader *grader, struct ril_err *err)
{
	struct ril_table *table = ril_table_open(opt.table, err);
	struct ril_report *report = opt.report ? ril_report_new(err) : NULL;
	struct ril_verdict v = {0};
	struct ril_item *it = NULL;
	int64_t rows = 0;
	int rc = table && (report || !opt.report) ? 0 : -1;
	while (!rc && !(rc = ril_table_next(table, &it, err)) && it) {
		rc = judge_row(grader, it, &v, report, err);
		rows++;
	}
	if (!rc && !rows)
		rc = ril_fail(err, RIL_EFAIL, "%s: no rows", opt.table);
	if (!rc && report)
		rc = print_report(t, report, err);
	ril_verdict_free(&v);
	ril_report_free(report);
	ril_table_free(table);
	return rc;
}

static int run_compare(struct ril_tool *t, struct ril_grader *grader, const struct ril_strlist *operands, struct ril_err *err)
{
	struct ril_resampling how = resampling(t);
	struct ril_sheet sheet = {0};
	if (operands->n != 2)
		return ril_fail(err, RIL_EUSAGE, "--compare needs two streams");
	int rc = ril_compare_streams(operands->at[0], operands->at[1], grader, opt.judge, &how, &sheet, err) || print_sheet(&sheet, err)
			 ? -1 : 0;
	ril_sheet_free(&sheet);
	return rc;
}

static int run(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	if (opt.compare + !!opt.table > 1)
		return ril_fail(err, RIL_EUSAGE, "--table and --compare do not go together");
	if ((opt.compare || opt.table) && opt.out)
		return ril_fail(err, RIL_EUSAGE, "-o: no stream is written with --table or --compare");
	if (!opt.compare && operands->n > 1)
		return ril_fail(err, RIL_EUSAGE, "unexpected operand '%s'", operands->at[1]);
	if (operands->n == 1)
		opt.in = operands->at[0];
	struct ril_grader *g = ril_grader_open(opt.judge, err);
	int rc = !g ? -1 : opt.compare ? run_compare(t, g, operands, err) : opt.table ? run_table(t, g, err) : run_filter(t, g, err);
	ril_grader_free(g);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-score", .summary = "Judge responses, assemble rewards, report results", .operands = "[FILE | A B]",
		.opts = options, .max_operands = 2, .run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
