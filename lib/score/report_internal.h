/* report_internal.h -- what report.c and benchmark.c share. */
#ifndef RIL_SCORE_REPORT_INTERNAL_H
#define RIL_SCORE_REPORT_INTERNAL_H

#include "caption/caption.h"
#include "base/intern.h"
#include "score/report.h"

struct report_row {
	double score;
	int32_t key, type, source;
	int32_t text;         /* of the response */
	int32_t figure, pair; /* hallusion: its figure and its question, -1 elsewhere */
	bool cut, pope;
	bool said_yes, is_yes; /* pope */
};

struct ril_report {
	const char *by; /* borrowed; NULL: the type */
	struct ril_intern keys, types, figures, pairs, texts;
	struct report_row *row;
	size_t n, cap;
	bool pope, hallusion;
	int32_t *sources; /* [n_sources] in order of first mention */
	size_t n_sources, cap_sources;
	struct ril_captions *captions;
	int32_t *item_source; /* [caption items] */
	size_t n_items, cap_items;
};

const char *ril_source_name(int32_t source, char buf[24]);
int ril_report_pope(const struct ril_report *, struct ril_sheet *, struct ril_err *);
int ril_report_hallusion(const struct ril_report *, struct ril_sheet *, struct ril_err *);
/* pass@k and how many responses differ, of sources with several responses to a question. */
int ril_report_samples(const struct ril_report *, const struct ril_resampling *, struct ril_sheet *, struct ril_err *);
/* What hallusion's aggregates need, read from a question into its row. */
int ril_report_note_benchmark(struct ril_report *, struct report_row *, const struct ril_item *,
			      const struct ril_verdict *, const char *judge, struct ril_err *);

#endif
