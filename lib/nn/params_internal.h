/* params_internal.h -- what params.c (the table), params_device.c (memory, training) and params_save.c (writing back)
 * share. */
#ifndef RIL_NN_PARAMS_INTERNAL_H
#define RIL_NN_PARAMS_INTERNAL_H

#include "nn/params.h"

struct ril_params_store {
	struct ril_folder *folder; /* NULL for a draft */
	struct ril_arena *entries; /* the parameters; names and values of those that the folder lacks */
	struct ril_param **sorted; /* [n] by name, while `is_sorted` */
	size_t cap, cap_sorted;
	enum ril_dtype dtype;           /* of what a draft is asked for */
	bool is_sorted, draft, changed; /* changed: parameters were dropped or added */
	ril_real *vecs;                 /* vectors converted from another type, device */
};

/* Elements [at, at + n) of a parameter as they are now, in the published type, to the host: from its master where
 * forward passes read another type.  `n` elements of room on the device may be needed for that. */
int ril_param_read(const struct ril_params *, const struct ril_param *, void *out, int64_t at, int64_t n, void *room,
		   struct ril_err *);

#endif
