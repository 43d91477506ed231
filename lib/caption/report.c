/* report.c -- see report.h. */
#include "caption/report.h"

#include "caption/file.h"
#include "base/intern.h"

#include <math.h>
#include <stdlib.h>

/* Label, metric, count, value, interval: the rows of all sections but "items". */
static int add_row(struct ril_sheet *s, const char *label, const char *metric, size_t n, double value,
		   struct ril_interval in, struct ril_err *err)
{
	size_t c = 0;
	if (ril_sheet_row(s, err) || (label && ril_sheet_text(s, c++, label, err)) ||
	    ril_sheet_text(s, c++, metric, err))
		return -1;
	ril_sheet_number(s, c++, (double)n, 0);
	ril_sheet_number(s, c++, value, 4);
	if (!isnan(in.low)) {
		ril_sheet_number(s, c++, in.low, 4);
		ril_sheet_number(s, c++, in.high, 4);
	}
	return 0;
}

int ril_caption_rows(const struct ril_caption_scores *scores, unsigned metrics, const char *label,
		     const struct ril_resampling *how, struct ril_sheet *s, struct ril_err *err)
{
	struct ril_interval in[RIL_CAP_METRICS];
	int rc = ril_caption_intervals(scores, how, in, err);
	for (int m = 0; !rc && m < RIL_CAP_METRICS; m++)
		if (metrics & RIL_CAP_BIT(m))
			rc = add_row(s, label, ril_caption_metric_name(m), scores->n, scores->corpus[m], in[m], err);
	return rc;
}

/* The items of one domain, scored by themselves: document frequencies are theirs. */
static int add_domain(const struct ril_captions *c, const struct ril_caption_options *o, const char *domain,
		      const struct ril_resampling *how, struct ril_sheet *s, struct ril_err *err)
{
	size_t n = 0, *items = ril_new(ril_captions_items(c), sizeof *items, err);
	for (size_t i = 0; items && i < ril_captions_items(c); i++)
		if (!strcmp(ril_captions_domain(c, ril_captions_item_picture(c, i)), domain))
			items[n++] = i;
	struct ril_caption_scores *scores = items ? ril_captions_score(c, o, items, n, err) : NULL;
	int rc = scores ? ril_caption_rows(scores, o->metrics, domain, how, s, err) : -1;
	ril_caption_scores_free(scores);
	free(items);
	return rc;
}

static int add_domains(const struct ril_captions *c, const struct ril_caption_options *o,
		       const struct ril_resampling *how, struct ril_sheet *s, struct ril_err *err)
{
	struct ril_intern domains = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < ril_captions_items(c); i++) {
		const char *d = ril_captions_domain(c, ril_captions_item_picture(c, i));
		rc = *d && ril_intern_str(&domains, d, err) < 0 ? -1 : 0;
	}
	for (size_t d = 0; !rc && d < domains.n; d++)
		rc = add_domain(c, o, ril_intern_text(&domains, (size_t)d), how, s, err);
	ril_intern_free(&domains);
	return rc;
}

static int add_items(const struct ril_captions *c, const struct ril_caption_scores *scores, unsigned metrics,
		     struct ril_sheet *s, struct ril_err *err)
{
	/* The columns live as long as the program: sheets borrow them. */
	static const char *column[RIL_CAP_METRICS + 2];
	size_t n = 0;
	column[n++] = "image";
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		if ((metrics & RIL_CAP_BIT(m)) && scores->value[m])
			column[n++] = ril_caption_metric_name(m);
	column[n] = NULL;
	if (ril_sheet_section(s, "items", column, err) < 0)
		return -1;
	for (size_t i = 0; i < scores->n; i++) {
		const char *key = ril_captions_key(c, ril_captions_item_picture(c, scores->item[i]));
		if (ril_sheet_row(s, err) || ril_sheet_text(s, 0, key, err))
			return -1;
		n = 1;
		for (int m = 0; m < RIL_CAP_METRICS; m++)
			if ((metrics & RIL_CAP_BIT(m)) && scores->value[m])
				ril_sheet_number(s, n++, scores->value[m][i], 6);
	}
	return 0;
}

int ril_caption_headline(const struct ril_caption_scores *scores, unsigned metrics, struct ril_sheet *s,
			 struct ril_err *err)
{
	const char *sep = "\"captions\": {";
	for (int m = 0; m < RIL_CAP_METRICS; m++) {
		double x = scores->corpus[m];
		if (!(metrics & RIL_CAP_BIT(m)))
			continue;
		if (ril_buf_printf(&s->headline, err, "%s\"%s\": ", sep, ril_caption_metric_name(m)))
			return -1;
		if (isnan(x) ? ril_buf_puts(&s->headline, "null", err) : ril_buf_printf(&s->headline, err, "%.10g", x))
			return -1;
		sep = ", ";
	}
	return ril_buf_puts(&s->headline, "},\n", err);
}

int ril_caption_report(const struct ril_captions *c, const struct ril_caption_options *o,
		       const struct ril_resampling *how, bool per_item, struct ril_sheet *s, struct ril_err *err)
{
	static const char *const columns[] = {"domain", "metric", "captions", "value", "low", "high", NULL};
	if (!ril_captions_items(c))
		return ril_fail(err, RIL_EFAIL, "no captions to score");
	struct ril_caption_scores *scores = ril_captions_score(c, o, NULL, 0, err);
	int rc = !scores || ril_sheet_section(s, "caption_scores", columns, err) < 0 ||
				 add_domains(c, o, how, s, err) ||
				 ril_caption_rows(scores, o->metrics, "all", how, s, err) ||
				 ril_caption_headline(scores, o->metrics, s, err) ||
				 (per_item && add_items(c, scores, o->metrics, s, err))
			 ? -1
			 : 0;
	ril_caption_scores_free(scores);
	return rc;
}

/* Pairs are items 2i (original) and 2i+1 (foil): the share of pairs in which the original scores higher. */
int ril_foil_report(const struct ril_captions *c, const struct ril_caption_options *o, const struct ril_resampling *how,
		    struct ril_sheet *s, struct ril_err *err)
{
	static const char *const columns[] = {"metric", "pairs", "accuracy", "low", "high", NULL};
	size_t pairs = ril_captions_items(c) / 2, resamples = (size_t)how->resamples;
	struct ril_caption_scores *scores = pairs ? ril_captions_score(c, o, NULL, 0, err) : NULL;
	uint32_t *pick = ril_new(pairs, sizeof *pick, err);
	double *value = ril_new(resamples, sizeof *value, err);
	if (!pairs)
		ril_fail(err, RIL_EFAIL, "no pairs to score");
	int rc = !scores || !pick || !value || ril_sheet_section(s, "foil", columns, err) < 0 ? -1 : 0;
	for (int m = 0; !rc && m < RIL_CAP_METRICS; m++) {
		if (!(o->metrics & RIL_CAP_BIT(m)) || !scores->value[m])
			continue;
		const double *v = scores->value[m];
		for (size_t b = 0; b < resamples; b++) {
			size_t won = 0;
			ril_resample(pick, pairs, how->seed, (uint32_t)b, 0);
			for (size_t i = 0; i < pairs; i++)
				won += v[2 * pick[i]] > v[2 * pick[i] + 1];
			value[b] = (double)won / (double)pairs;
		}
		rc = add_row(s, NULL, ril_caption_metric_name(m), pairs, ril_foil_pairwise(scores, m),
			     ril_percentiles(value, resamples, how->confidence), err);
	}
	ril_caption_scores_free(scores);
	free(pick);
	free(value);
	return rc;
}
