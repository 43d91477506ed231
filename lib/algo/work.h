/* work.h -- a batch laid out for training: which responses take part, in which order, cut into micro-batches.
 *
 * The responses that take part have places in one array over the whole batch, group after group, so that everything per
 * token (log-probabilities, gradients) is one array and a micro-batch a contiguous part of it; their ids stay in the
 * records.  Micro-batches hold
 * whole groups and depend on the batch alone; gradients add up over them before the one optimiser step.
 *
 * Ownership: the work borrows the batch's records, and owns its arrays from fill to clear. */
#ifndef RIL_ALGO_WORK_H
#define RIL_ALGO_WORK_H

#include "loop/batch.h"
#include "algo/group.h"
#include "nn/pack.h"

struct ril_work_group {
	struct ril_group in; /* of its text, `pick` and n are the responses that take part */
	struct ril_record *record;
	int32_t again; /* of these, how many a pass computes once more, with noise: they follow in `pick` */
	int64_t first; /* the first of them in response[] */
	int64_t token; /* place of its tokens in every array per token */
};

struct ril_work_response {
	size_t group;
	int32_t index, source, finish; /* index within the group of the stream */
	int64_t token, len;
};

struct ril_work {
	struct ril_work_group *group; /* [n] */
	size_t n;
	struct ril_work_response *response; /* [R] */
	int64_t R;
	int64_t T;      /* tokens of all of them */
	int32_t *picks; /* [R, and those once more]: all groups' */
	size_t *cut;    /* [cuts+1]: micro-batch i is groups [cut[i], cut[i+1]) */
	size_t cuts;
};

struct ril_work_options {
	bool (*uses)(void *ctx, int32_t source); /* NULL: all responses */
	void *ctx;
	bool (*again)(int32_t source); /* which are computed once more, with noise (nn/pack.h); NULL: none */
	bool pixels;
	bool blind; /* embeddings of pictures are zeros (nn/pictures.h); not with pixels */
	bool other; /* the model is not the stream's: from pixels, without looking at embeddings */
	enum ril_pack_form form;
	enum ril_pack_use use;
	int64_t micro_batch; /* most groups in a micro-batch; 0: as many as fit */
	int64_t tokens;      /* and most tokens, unless one group has more; 0: RIL_MICRO_TOKENS */
};
enum { RIL_MICRO_TOKENS = 8192 };

int ril_work_fill(struct ril_work *, const struct ril_batch *, const struct ril_config *,
		  const struct ril_work_options *, struct ril_err *);
void ril_work_clear(struct ril_work *);

/* Packs micro-batch i, without those once more where o->again is NULL, and embeds its pictures on the tape: from pixels by
 * `model` with o->pixels, else from the start model's embeddings in the groups. */
int ril_work_pack(const struct ril_work *, size_t i, const struct ril_work_options *, struct ril_tape *,
		  struct ril_model *, struct ril_pack *, struct ril_val **vis, struct ril_err *);

#endif
