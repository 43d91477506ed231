/* ril-score -- judges responses and assembles rewards; scores tables and captions; reports and compares runs.
 *
 * As a filter it adds `reward.answer` and `reward` to every group and passes steps on as they come.  With --report,
 * --table, --captions, --tokenise or --compare stdout is the result, and a stream goes only to a named -o. */
#include "judge_options.h"

#include "caption/file.h"
#include "caption/report.h"
#include "score/compare.h"
#include "score/filter.h"
#include "caption/ptb.h"
#include "score/table.h"
#include "base/unused.h"

#include <stdlib.h>

static struct {
	const char *in, *out, *reward, *report, *by, *table, *metrics, *source;
	struct judge_args judge;
	const char *captions, *references, *foil, *tokeniser, *caption_metrics, *rules;
	const char *java, *meteor_jar, *spice_jar, *wordnet;
	const char *format, *length, *cider;
	bool rouge, compare, gzip, per_item, tokenise;
	int64_t repetition, resamples;
	double confidence;
} opt = {
	.in = "-",
	.reward = "answer",
	.judge = JUDGE_DEFAULT,
	.tokeniser = "ptb",
	.caption_metrics = "builtin",
	.rules = "coco",
	.resamples = 1000,
	.confidence = 95,
	.source = "student",
};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'i', "input", &opt.in, "FILE", "stream to read; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE",
	 "stream to write; - is stdout, the default unless a report goes there", 0, 0, NULL},
	{RIL_OPT_FLAG, 'z', "gzip", &opt.gzip, NULL, "write gzip", 0, 0, NULL},
	JUDGE_OPTIONS(opt.judge),
	{RIL_OPT_STR, 0, "reward", &opt.reward, "SUM", "the reward, as 'similarity + 0.5*min(answer, 1)'", 0, 0, NULL},
	{RIL_OPT_STR, 0, "format", &opt.format, "REGEX",
	 "the term format: 1 if all of the response matches; or think-answer", 0, 0, NULL},
	{RIL_OPT_STR, 0, "length", &opt.length, "A-B", "the term length: 1 up to A tokens, falling to 0 at B", 0, 0,
	 NULL},
	{RIL_OPT_INT, 0, "repetition", &opt.repetition, "N",
	 "the term repetition: share of n-grams of N tokens that are repeated", 1, 1000, NULL},
	{RIL_OPT_FLAG, 0, "rouge", &opt.rouge, NULL, "the term rouge: ROUGE-L against the answers", 0, 0, NULL},
	{RIL_OPT_STR, 0, "cider", &opt.cider, "FILE",
	 "the term cider: CIDEr-D against the answers, document frequencies from FILE's references", 0, 0, NULL},
	{RIL_OPT_STR, 0, "metrics", &opt.metrics, "FILE", "append a JSON line of means to FILE at every step", 0, 0,
	 NULL},
	{RIL_OPT_CHOICE, 0, "report", &opt.report, NULL, "report on stdout", 0, 0, "table|json|tsv"},
	{RIL_OPT_STR, 0, "by", &opt.by, "FIELD", "report by this field of the questions instead of the type", 0, 0,
	 NULL},
	{RIL_OPT_INT, 0, "resamples", &opt.resamples, "N", "bootstrap resamples and random flips; 0: no intervals", 0,
	 1000000, NULL},
	{RIL_OPT_REAL, 0, "confidence", &opt.confidence, "PERCENT", "level of the intervals", 1, 99.99, NULL},
	{RIL_OPT_FLAG, 0, "compare", &opt.compare, NULL, "compare two streams, given as operands, question by question",
	 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "source", &opt.source, NULL, "whose responses --compare looks at", 0, 0,
	 "student|teacher|all"},
	{RIL_OPT_STR, 0, "table", &opt.table, "FILE", "judge the rows of a JSON-lines table; - is stdin", 0, 0, NULL},
	{RIL_OPT_STR, 0, "captions", &opt.captions, "FILE", "score the captions of a coco-caption results file", 0, 0,
	 NULL},
	{RIL_OPT_STR, 0, "references", &opt.references, "FILE", "the annotations with the reference captions", 0, 0,
	 NULL},
	{RIL_OPT_STR, 0, "foil", &opt.foil, "FILE", "score FOIL's pairs of captions instead", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "rules", &opt.rules, NULL, "vizwiz leaves rejected and canned references out", 0, 0,
	 "coco|vizwiz"},
	{RIL_OPT_STR, 0, "caption-metrics", &opt.caption_metrics, "LIST", "metrics by name, parted by commas", 0, 0,
	 NULL},
	{RIL_OPT_FLAG, 0, "per-item", &opt.per_item, NULL, "report every caption as well", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "tokeniser", &opt.tokeniser, NULL, "tokeniser of captions; none: blanks part tokens", 0, 0,
	 "ptb|none"},
	{RIL_OPT_FLAG, 0, "tokenise", &opt.tokenise, NULL, "print the tokens of --captions, or of the input's lines", 0,
	 0, NULL},
	{RIL_OPT_STR, 0, "java", &opt.java, "PROGRAM", "Java for the jars", 0, 0, NULL},
	{RIL_OPT_STR, 0, "meteor-jar", &opt.meteor_jar, "FILE", "meteor-1.5.jar, for the metric METEOR", 0, 0, NULL},
	{RIL_OPT_STR, 0, "spice-jar", &opt.spice_jar, "FILE", "spice-1.0.jar, for the metric SPICE", 0, 0, NULL},
	{RIL_OPT_STR, 0, "wordnet", &opt.wordnet, "DIR", "WordNet's dictionary, for meteor-ws", 0, 0, NULL},
	{0},
};

static int print_sheet(const struct ril_sheet *s, struct ril_err *err)
{
	enum ril_sheet_format format = RIL_SHEET_TABLE;
	if (opt.report && strcmp(opt.report, "table"))
		format = strcmp(opt.report, "json") ? RIL_SHEET_TSV : RIL_SHEET_JSON;
	struct ril_buf b = {0};
	int rc = ril_sheet_print(s, format, &b, err) ? -1 : ril_print(b.data, b.len, err);
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

static int run_filter(struct ril_tool *t, const struct judges *judges, struct ril_err *err)
{
	struct ril_score_filter f = {
		.grader = judges->grader,
		.more = judges->term,
		.nmore = judges->terms,
		.input = opt.in,
		.output = opt.out,
		.gzip = opt.gzip,
		.metrics = opt.metrics,
		.lineage = ril_tool_lineage(t, NULL),
	};
	f.lineage.device = NULL; /* judging is not the device's matter */
	if (opt.report && opt.out && !strcmp(opt.out, "-"))
		return ril_fail(err, RIL_EUSAGE, "the report and the stream cannot both go to stdout");
	const struct ril_form_options form = {opt.format, opt.length, opt.repetition};
	const struct ril_wording_options wording = {opt.cider, opt.rouge};
	if (ril_reward_parse(&f.reward, opt.reward, err))
		return -1;
	for (size_t k = 0; k < judges->terms; k++)
		ril_reward_judged(&f.reward, judges->name[k]);
	int rc = !(f.form = ril_form_open(&form, err))                     ? -1
		 : !(f.wording = ril_wording_open(&wording, err))          ? -1
		 : opt.report && !(f.report = ril_report_new(opt.by, err)) ? -1
									   : ril_score_stream(&f, err);
	if (!rc && f.report)
		rc = print_report(t, f.report, err);
	ril_report_free(f.report);
	ril_form_free(f.form);
	ril_wording_free(f.wording);
	ril_reward_free(&f.reward);
	return rc;
}

/* ---- tables ---- */

static int judge_rows(struct ril_grader *g, struct ril_item *it, size_t n, struct ril_verdict *v, struct ril_report *r,
		      struct ril_err *err)
{
	struct ril_buf lines = {0};
	int rc = ril_grader_items(g, it, n, v, err)
			 ? ril_context(err, "%s", strcmp(opt.table, "-") ? opt.table : "stdin")
			 : 0;
	for (size_t i = 0; !rc && i < n; i++) {
		const char *judge = ril_grader_name(g, it[i].q);
		rc = r ? ril_report_add(r, &it[i], &v[i], judge, 0, err)
		       : ril_verdict_line(&lines, &it[i], &v[i], judge, err);
	}
	if (!rc && !r)
		rc = ril_print(lines.data, lines.len, err);
	ril_buf_free(&lines);
	return rc;
}

static int run_table(struct ril_tool *t, struct ril_grader *grader, struct ril_err *err)
{
	size_t batch = ril_grader_batch(grader), n = 0, rows = 0;
	struct ril_table *table = ril_table_open(opt.table, err);
	struct ril_report *report = opt.report ? ril_report_new(opt.by, err) : NULL;
	struct ril_verdict *v = ril_new(batch, sizeof *v, err);
	struct ril_item *it = NULL;
	int rc = table && v && (report || !opt.report) ? 0 : -1;
	while (!rc && !(rc = ril_table_read(table, batch, &it, &n, err)) && n) {
		rc = judge_rows(grader, it, n, v, report, err);
		rows += n;
	}
	if (!rc && !rows)
		rc = ril_fail(err, RIL_EFAIL, "%s: no rows", opt.table);
	if (!rc && report)
		rc = print_report(t, report, err);
	for (size_t i = 0; v && i < batch; i++)
		ril_verdict_free(&v[i]);
	free(v);
	ril_report_free(report);
	ril_table_free(table);
	return rc;
}

static int run_compare(struct ril_tool *t, struct ril_grader *grader, const struct ril_strlist *operands,
		       struct ril_err *err)
{
	struct ril_resampling how = resampling(t);
	struct ril_sheet sheet = {0};
	if (operands->n != 2)
		return ril_fail(err, RIL_EUSAGE, "--compare needs two streams");
	const struct ril_comparison of = {
		.a = operands->at[0],
		.b = operands->at[1],
		.source = *opt.source == 's'   ? RIL_COMPARE_STUDENT
			  : *opt.source == 't' ? RIL_COMPARE_TEACHER
					       : RIL_COMPARE_ALL,
		.judge_anew = opt.judge.judges.n > 0,
	};
	int rc = ril_compare_streams(&of, grader, &how, &sheet, err) || print_sheet(&sheet, err) ? -1 : 0;
	ril_sheet_free(&sheet);
	return rc;
}

/* ---- captions ---- */

static void say_counts(const struct ril_tool *t, const struct ril_caption_counts *c)
{
	const struct {
		size_t n;
		const char *what;
	} said[] = {
		{c->pictures_unscored, "pictures of the annotations have no caption and were left out"},
		{c->empty_candidates, "captions have no tokens: every score 0"},
		{c->empty_references, "references have no tokens"},
		{c->control, "texts hold control characters or line separators, taken as blanks"},
		{c->refs_dropped, "references were rejected or canned and were dropped"},
		{c->pictures_dropped, "pictures had no reference left and were left out"},
	};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (said[i].n)
			ril_say(t, "%zu %s", said[i].n, said[i].what);
}

static int print_tokens(const struct ril_captions *c, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < ril_captions_items(c); i++)
		rc = ril_captions_candidate_tokens(c, i, &b, err) || ril_buf_puts(&b, "\n", err) ? -1 : 0;
	rc = rc ? rc : ril_print(b.data, b.len, err);
	ril_buf_free(&b);
	return rc;
}

static int report_captions(struct ril_tool *t, const struct ril_captions *c, struct ril_err *err)
{
	struct ril_caption_options how = {
		.java = opt.java, .meteor_jar = opt.meteor_jar, .spice_jar = opt.spice_jar, .wordnet = opt.wordnet};
	struct ril_resampling intervals = resampling(t);
	struct ril_sheet sheet = {0};
	if (ril_caption_metrics_parse(opt.caption_metrics, &how.metrics, err))
		return -1;
	int rc = opt.foil ? ril_foil_report(c, &how, &intervals, &sheet, err)
			  : ril_caption_report(c, &how, &intervals, opt.per_item, &sheet, err);
	rc = rc ? rc : print_sheet(&sheet, err);
	ril_sheet_free(&sheet);
	return rc;
}

static int run_captions(struct ril_tool *t, struct ril_err *err)
{
	const struct ril_caption_rules rules = {.vizwiz = !strcmp(opt.rules, "vizwiz")};
	if (!opt.references && (opt.foil || !opt.tokenise))
		return ril_fail(err, RIL_EUSAGE, "--captions and --foil need --references");
	struct ril_captions *c = ril_captions_new(strcmp(opt.tokeniser, "none") ? RIL_CAP_PTB : RIL_CAP_NONE, err);
	if (!c)
		return -1;
	int rc = opt.foil ? ril_captions_read_foil(c, opt.foil, opt.references, err)
			  : ril_captions_read(c, opt.captions, opt.references, &rules, err);
	if (!rc)
		say_counts(t, ril_captions_counts(c));
	if (!rc)
		rc = opt.tokenise ? print_tokens(c, err) : report_captions(t, c, err);
	ril_captions_free(c);
	return rc;
}

/* The tokens of the input's lines, a line each. */
static int run_tokenise(struct ril_err *err)
{
	FILE *f = strcmp(opt.in, "-") ? fopen(opt.in, "re") : stdin;
	struct ril_buf b = {0};
	char *line = NULL;
	size_t cap = 0, at;
	ssize_t n;
	long number = 0;
	if (!f)
		return ril_fail_errno(err, "%s", opt.in);
	int rc = 0;
	while (!rc && (n = getline(&line, &cap, f)) >= 0) {
		number++;
		n -= n && line[n - 1] == '\n';
		if (!ril_utf8_valid(line, (size_t)n, &at))
			rc = ril_fail(err, RIL_ECORRUPT, "%s: line %ld: not UTF-8 at byte %zu", opt.in, number, at);
		else
			rc = ril_ptb_tokenise(&b, line, (size_t)n, err) || ril_buf_puts(&b, "\n", err) ? -1 : 0;
		if (!rc && b.len >= 65536) {
			rc = ril_print(b.data, b.len, err);
			b.len = 0;
		}
	}
	if (!rc && ferror(f))
		rc = ril_fail_errno(err, "%s", opt.in);
	rc = rc ? rc : ril_print(b.data, b.len, err);
	free(line);
	ril_buf_free(&b);
	if (f != stdin)
		fclose(f);
	return rc;
}

/* ---- */

/* Only an llm: judge computes. */
static bool computes(RIL_UNUSED const struct ril_tool *t)
{
	return judges_compute(&opt.judge);
}

static int run_judged(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	struct judges j;
	bool stream = !opt.compare && !opt.table;
	int rc = judges_open(&j, t, &opt.judge, stream, err) ? -1
		 : opt.compare                               ? run_compare(t, j.grader, operands, err)
		 : opt.table                                 ? run_table(t, j.grader, err)
							     : run_filter(t, &j, err);
	judges_say(&j, t);
	judges_close(&j);
	return rc;
}

static int run(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	bool captions = opt.captions || opt.foil;
	int results = opt.compare + !!opt.table + (captions || opt.tokenise);
	if (results > 1 || (opt.captions && opt.foil))
		return ril_fail(err, RIL_EUSAGE, "--compare, --table, --captions and --foil do not go together");
	if (results && opt.out)
		return ril_fail(err, RIL_EUSAGE,
				"-o: no stream is written with --compare, --table, --captions, --foil or --tokenise");
	if (results && (opt.format || opt.length || opt.repetition || opt.rouge || opt.cider))
		return ril_fail(err, RIL_EUSAGE,
				"--format, --length, --repetition, --rouge and --cider are for streams");
	if (opt.references && !captions)
		return ril_fail(err, RIL_EUSAGE, "--references goes with --captions or --foil");
	if (!opt.compare && operands->n > 1)
		return ril_fail(err, RIL_EUSAGE, "unexpected operand '%s'", operands->at[1]);
	if (operands->n == 1)
		opt.in = operands->at[0];
	if (!results && !opt.report && !opt.out)
		opt.out = "-"; /* known from here on, so that a failure is told downstream */
	if (captions)
		return run_captions(t, err);
	int rc = opt.tokenise ? run_tokenise(err) : run_judged(t, operands, err);
	judges_free_args(&opt.judge);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-score",
		.summary = "Judge responses, assemble rewards, score captions, report results",
		.operands = "[FILE | A B]",
		.opts = options,
		.max_operands = 2,
		.output = &opt.out,
		.computes = computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
