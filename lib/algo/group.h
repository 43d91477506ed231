/* group.h -- a group of the stream as the models see it: prompt, pictures, responses, checked once.
 *
 * Ownership: everything points into the record and lives until its fields change. */
#ifndef RIL_ALGO_GROUP_H
#define RIL_ALGO_GROUP_H

#include "nn/pack.h"
#include "nn/pictures.h"
#include "stream/stream.h"

struct ril_group {
	struct ril_pack_group text; /* key, prompt, responses, grid: as a pack takes them */
	uint32_t hash;              /* of the key: the question in random numbers */
	struct ril_pictures vision; /* n = 0: no pictures; as the model at hand needs them: embeddings, or pixels */
	struct ril_pictures start;  /* the same with the start model's embeddings, where the group has them */
	struct ril_responses resp;
};

/* `pixels`: embeddings are to be computed from vision.pixels, which must then be there; else vision.embeds must. */
int ril_group_view(const struct ril_record *, const struct ril_config *, bool pixels, struct ril_group *,
		   struct ril_err *);

/* For another model than the stream's, which reads the same ids: from vision.pixels, and vision.embeds are nothing to it. */
int ril_group_view_other(const struct ril_record *, const struct ril_config *, struct ril_group *, struct ril_err *);

/* Metadata as a number: absent leaves *out as it was; text that is none is RIL_ECORRUPT naming key and field. */
int ril_group_number(const struct ril_record *, const char *name, double *out, struct ril_err *);
/* Sets metadata to the shortest decimal text that reads back as v. */
int ril_group_set_number(struct ril_record *, const char *name, double v, struct ril_err *);

/* A tensor of one F32 per response, or NULL when it is absent; another shape is an error (*err is then set). */
const float *ril_group_scalars(const struct ril_record *, const char *name, int32_t n, struct ril_err *);

#endif
