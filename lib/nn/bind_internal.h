/* bind_internal.h -- how a model file asks for its parameters: names are a prefix and a printf format, errors stick. */
#ifndef RIL_NN_BIND_INTERNAL_H
#define RIL_NN_BIND_INTERNAL_H

#include "nn/model.h"

struct ril_bind {
	struct ril_params *params;
	enum ril_part part;
	const char *prefix;
	/* Under which prefixes PEFT knows the layers; the first is written.  NULL: as `prefix`. */
	const char *const *modules;
	bool failed;
	struct ril_err *err;
};

/* A vector [n] (norm weight, bias), a matrix [rows, cols], anything else.  NULL after a failure. */
struct ril_param *ril_bind_vec(struct ril_bind *, int64_t n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct ril_param *ril_bind_any(struct ril_bind *, bool is_vec, int ndim, const int64_t *dim, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* fmt.weight [out, in] and, if it has one, fmt.bias [out]. */
struct ril_linear ril_bind_linear(struct ril_bind *, bool bias, int64_t out, int64_t in, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* fmt.weight [n] and, for a layer norm, fmt.bias [n]. */
struct ril_norm ril_bind_norm(struct ril_bind *, bool bias, int64_t n, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The first of the prefixes (ending with NULL) under which the folder has `probe`; `otherwise` if there is none. */
const char *ril_bind_prefix(const struct ril_params *, const char *const *prefixes, const char *probe,
			    const char *otherwise);

/* ---- the decoder ---- */
struct ril_decoder *ril_decoder_bind(struct ril_model *, struct ril_err *);
void ril_decoder_free(struct ril_decoder *);
struct ril_param *ril_decoder_embedding(const struct ril_decoder *);

#endif
