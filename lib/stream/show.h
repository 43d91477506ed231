/* show.h -- records as text, tables and JSON: what ril-inspect prints of streams.  All goes to buffers. */
#ifndef RIL_STREAM_SHOW_H
#define RIL_STREAM_SHOW_H

#include "base/grid.h"
#include "stream/stream.h"

double ril_st_number(const struct ril_st_entry *, int64_t i); /* any type, as a double */
/* One element; NaN and infinities as NaN, Infinity, -Infinity. */
int ril_show_element(struct ril_buf *, const struct ril_st_entry *, int64_t i, struct ril_err *);
/* All elements; blanks between them and a line for each row of the last dimension, or nested JSON lists (NaN: null). */
int ril_show_values(struct ril_buf *, const struct ril_st_entry *, struct ril_err *);
int ril_show_values_json(struct ril_buf *, const struct ril_st_entry *, struct ril_err *);

/* Metadata for people: a JSON string's text, anything else as it is. */
int ril_show_text(struct ril_buf *, const char *metadata, struct ril_err *);
/* Metadata as a JSON value: as it is where it is JSON on one line, else quoted. */
int ril_show_text_json(struct ril_buf *, const char *metadata, struct ril_err *);

/* Ids, teachers and lineage, a line each. */
int ril_show_head(struct ril_buf *, const struct ril_record *head, struct ril_err *);
/* One line of JSON: kind, key, metadata, and every tensor's type and shape. */
int ril_show_json(struct ril_buf *, const struct ril_record *, struct ril_err *);

/* The table of groups: a heading, a row a group, a row a barrier. */
int ril_groups_heading(struct ril_grid *, struct ril_err *);
int ril_groups_row(struct ril_grid *, const struct ril_record *group, int64_t number, struct ril_err *);
int ril_groups_step(struct ril_grid *, const struct ril_record *step, struct ril_err *);

/* ---- statistics: one row a field, over all groups ---- */
struct ril_stats;
struct ril_stats *ril_stats_new(struct ril_err *);
void ril_stats_free(struct ril_stats *);
int ril_stats_add(struct ril_stats *, const struct ril_record *group, struct ril_err *);
int ril_stats_add_entry(struct ril_stats *, const struct ril_st_entry *, struct ril_err *);
int ril_stats_show(const struct ril_stats *, struct ril_buf *, bool json, struct ril_err *);
int64_t ril_stats_nonfinite(const struct ril_stats *); /* infinities and NaNs seen in floating tensors */

/* ---- differences ---- */
struct ril_diff {
	int64_t compared, different;
};
/* Compares group frames and barriers (numbers and flags) of two streams in order, or the tensors of two models by name.
 * HEAD frames and checksums are exempt.  Each difference is a line in `out`. */
int ril_diff_streams(const char *a, const char *b, struct ril_buf *out, struct ril_diff *, struct ril_err *);
int ril_diff_models(const char *a, const char *b, struct ril_buf *out, struct ril_diff *, struct ril_err *);

#endif
