/* teach_internal.h -- shared by teach.c (shares, saved responses) and teach_model.c (local teachers). */
#ifndef RIL_ALGO_TEACH_INTERNAL_H
#define RIL_ALGO_TEACH_INTERNAL_H

#include "algo/teach.h"

/* One response of a teacher, as text. */
struct ril_teach_text {
	const char *text;
	int32_t finish;
};

/* Adds those of the n texts, taken in order, that fit, up to `want`; how many it added, or -1. */
int32_t ril_teach_add(struct ril_teach *, struct ril_record *, const struct ril_teach_text *, int32_t n, int32_t want,
		      int32_t number, struct ril_teach_stats *, struct ril_err *);

struct ril_local;
struct ril_local *ril_local_new(const char *dir, const struct ril_teach_options *, uint32_t seed, struct ril_err *);
void ril_local_free(struct ril_local *);
/* The questions of a batch as the teacher sees them: one record a group, to be freed by the caller. */
int ril_local_encode(struct ril_local *, const struct ril_batch *, struct ril_batch *out, struct ril_err *);
/* Adds n more answers of at most max tokens to every such record. */
int ril_local_sample(struct ril_local *, struct ril_batch *, int32_t n, int32_t max, int64_t step, struct ril_err *);

#endif
