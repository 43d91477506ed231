/* report.h -- what a file of captions adds up to: metrics with intervals, by domain where pictures have one,
 * single captions, FOIL's pairs.
 *
 * Sections: "caption_scores" (domain, metric, captions, value, low, high; domain "all" is everything), "items" (image,
 * one column a metric), "foil" (metric, pairs, accuracy, low, high).  JSON begins with "captions" {METRIC: value} over
 * everything. */
#ifndef RIL_CAPTION_REPORT_H
#define RIL_CAPTION_REPORT_H

#include "caption/caption.h"
#include "base/sheet.h"
#include "base/resampling.h"

int ril_caption_report(const struct ril_captions *, const struct ril_caption_options *, const struct ril_resampling *,
		       bool per_item, struct ril_sheet *, struct ril_err *);
/* A corpus read by ril_captions_read_foil. */
int ril_foil_report(const struct ril_captions *, const struct ril_caption_options *, const struct ril_resampling *,
		    struct ril_sheet *, struct ril_err *);

/* What other reports show of captions: rows "label, metric, captions, value, low, high" in the sheet's last section,
 * and the headline's member "captions". */
int ril_caption_rows(const struct ril_caption_scores *, unsigned metrics, const char *label,
		     const struct ril_resampling *, struct ril_sheet *, struct ril_err *);
int ril_caption_headline(const struct ril_caption_scores *, unsigned metrics, struct ril_sheet *, struct ril_err *);
/* Intervals of all metrics that were scored, over captions; NaN without resamples. */
int ril_caption_intervals(const struct ril_caption_scores *, const struct ril_resampling *,
			  struct ril_interval out[RIL_CAP_METRICS], struct ril_err *);

#endif
