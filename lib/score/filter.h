/* filter.h -- the pass over a stream: every group judged, its reward assembled, and passed on at once; steps too. */
#ifndef RIL_SCORE_FILTER_H
#define RIL_SCORE_FILTER_H

#include "loop/stage.h"
#include "score/form.h"
#include "score/grader.h"
#include "score/report.h"
#include "score/reward.h"
#include "score/wording.h"

struct ril_score_filter {
	struct ril_grader *grader;
	struct ril_grader *const *more; /* [nmore]: terms of their own, each with whoever judges it */
	size_t nmore;
	struct ril_reward reward;
	struct ril_form *form; /* terms added to those that the stream has; as does */
	struct ril_wording *wording;
	struct ril_report *report;  /* gets every verdict; NULL: none */
	const char *input, *output; /* output NULL: no stream is written */
	bool gzip;
	const char *metrics; /* file that gets a line of JSON a step; NULL: none */
	struct ril_lineage lineage;
};

/* Reads to the end.  A failure is passed on downstream as ABORT; nothing is published then. */
int ril_score_stream(const struct ril_score_filter *, struct ril_err *);

#endif
