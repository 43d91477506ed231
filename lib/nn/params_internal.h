/* params_internal.h -- what params.c (the table, training blocks) and params_save.c (writing back) share. */
#ifndef RIL_NN_PARAMS_INTERNAL_H
#define RIL_NN_PARAMS_INTERNAL_H

#include "nn/params.h"

struct ril_params_store {
	struct ril_folder *folder; /* NULL for a draft */
	struct ril_arena *names;   /* of parameters that the folder lacks, and their values */
	struct ril_param **sorted; /* [n] by name, while `is_sorted` */
	size_t cap;
	bool is_sorted, draft, changed; /* changed: parameters were dropped or added */
	bool uploaded;                  /* weights live on a device that cannot read host memory */
	void *weights;                  /* uploaded weights */
	ril_real *vecs;                 /* vectors converted from another type */
	void *forward;                  /* trainable parameters in their published type, where that is not ril_real */
	int parts;
};

/* The published bytes of a parameter as they are now: borrowed, or made in `tmp`. */
const void *ril_param_bytes(const struct ril_param *, struct ril_buf *tmp, struct ril_err *);

#endif
