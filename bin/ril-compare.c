/* ril-compare -- settings, several seeds each, beside one of them: means, intervals, paired differences and tests. */
#include "tool.h"

#include "score/trials.h"

static struct {
	const char *baseline, *method, *report;
	int64_t resamples;
	double confidence;
} opt = {.method = "bootstrap", .report = "table", .resamples = 10000, .confidence = 95};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'b', "baseline", &opt.baseline, "SETTING", "what the others are compared with", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "method", &opt.method, NULL, "of intervals and of tests over seeds", 0, 0, "bootstrap|t"},
	{RIL_OPT_CHOICE, 0, "report", &opt.report, NULL, "form of the result", 0, 0, "table|json|tsv"},
	{RIL_OPT_INT, 0, "resamples", &opt.resamples, "N", "bootstrap resamples and random flips; 0: no such intervals",
	 0, 1e8, NULL},
	{RIL_OPT_REAL, 0, "confidence", &opt.confidence, "PERCENT", "level of the intervals", 1, 99.99, NULL},
	{0},
};

/* A table is for the eye: below it stands how its figures were made. */
static int print(const struct ril_sheet *s, const struct ril_trials_how *how, struct ril_err *err)
{
	struct ril_buf b = {0};
	bool table = !strcmp(opt.report, "table");
	int rc = ril_sheet_print(s,
				 table                         ? RIL_SHEET_TABLE
				 : !strcmp(opt.report, "json") ? RIL_SHEET_JSON
							       : RIL_SHEET_TSV,
				 &b, err);
	if (!rc && table)
		rc = ril_buf_puts(&b, "\n", err) || ril_trials_methods(how, &b, err) || ril_buf_puts(&b, "\n", err) ? -1
														    : 0;
	rc = rc ? rc : ril_print(b.data, b.len, err);
	ril_buf_free(&b);
	return rc;
}

static int run(struct ril_tool *t, const struct ril_strlist *operands, struct ril_err *err)
{
	const struct ril_trials_how how = {
		.method = *opt.method == 't' ? RIL_TRIALS_T : RIL_TRIALS_BOOTSTRAP,
		.baseline = opt.baseline,
		.resampling = {(uint32_t)t->common.seed, opt.resamples, opt.confidence},
	};
	struct ril_trials trials = {0};
	struct ril_sheet sheet = {0};
	int rc = operands->n ? 0 : ril_trials_read(&trials, "-", err);
	for (size_t i = 0; !rc && i < operands->n; i++)
		rc = ril_trials_read(&trials, operands->at[i], err);
	if (!rc)
		rc = ril_trials_compare(&trials, &how, &sheet, err) || print(&sheet, &how, err) ? -1 : 0;
	ril_sheet_free(&sheet);
	ril_trials_free(&trials);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-compare",
		.summary = "Compare settings over seeds and questions",
		.operands = "[FILE]...",
		.opts = options,
		.max_operands = 1 << 16,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
