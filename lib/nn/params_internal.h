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
	int asked;                      /* parameters that an architecture has asked for */
	enum ril_dtype dtype;           /* of what a draft is asked for */
	bool is_sorted, draft, changed; /* changed: parameters were dropped or added */
	ril_real *vecs;                 /* vectors converted from another type, device */
	int64_t vecs_n;
	/* of another process: which file they are from, the blocks */
	char *lender;
	void **borrowed; /* [borrows] */
	size_t borrows;
};

/* Does a pass read it? */
static inline bool ril_param_read_by_passes(const struct ril_params *ps, const struct ril_param *p)
{
	return p->part & ps->reads;
}

/* Is it brought to where passes read it once and for all? */
static inline bool ril_param_stays(const struct ril_params *ps, const struct ril_param *p)
{
	return ril_param_read_by_passes(ps, p) && !(ps->shared && p->offset >= 0);
}

static inline struct ril_mat ril_row(const void *p, enum ril_dtype type, int64_t n)
{
	return ril_mat_of(p, type, 1, n);
}

/* Where element `at` is, of those that lie at p; at may be negative, or what lies at p have no memory. */
static inline void *ril_element(const void *p, enum ril_dtype type, int64_t at)
{
	return (void *)((uintptr_t)p + (uintptr_t)(at * (int64_t)ril_dtype_size(type)));
}

/* Memory on the device. */
void *ril_params_block(size_t n, size_t size, struct ril_err *);
/* The published bytes of elements [at, at + to.cols) as elements of another type at `to`, device. */
int ril_param_stored(const struct ril_param *, int64_t at, struct ril_mat to, struct ril_err *);

/* A new entry at the table's end, without data; ril_param_matrix: its shape as passes read it, ril_param_check: is it this one,
 * and of a type that can be read? */
struct ril_param *ril_params_append(struct ril_params *, const char *name, int ndim, const int64_t *dim,
				    struct ril_err *);
struct ril_mat ril_param_matrix(const struct ril_param *);
int ril_param_check(const struct ril_params *, const struct ril_param *, int ndim, const int64_t *dim,
		    struct ril_err *);
/* Brings the stored values of one that is no vector to where passes read it. */
int ril_param_bring(const struct ril_params *, struct ril_param *, struct ril_err *);

/* What forward passes read of a parameter that is not trained. */
enum ril_dtype ril_param_read_as(const struct ril_params *, const struct ril_param *);
/* Gives its copy on the device back once something else there holds the same. */
void ril_param_release(struct ril_param *);
/* Reads the parameter where ps->shares has it on the device, if it does; w.type says in which type. */
bool ril_param_share(const struct ril_params *ps, struct ril_param *);
/* Reads the weights of the process that wrote this file (params_lend.c). */
int ril_params_borrow(struct ril_params *, const char *file, struct ril_err *);

/* Elements [at, at + n) of a trained parameter as they are now, in the published type, to the host: from its master where
 * forward passes read another type; or from `values` [count], device, which are laid out as the masters.  `n` elements of
 * room on the device may be needed for that. */
int ril_param_read(const struct ril_params *, const struct ril_param *, const ril_real *values, void *out, int64_t at,
		   int64_t n, void *room, struct ril_err *);

#endif
