/* export.h -- a model folder as llama.cpp's files: the language model with its tokenizer, the vision tower with its projector.
 *
 * Matrices are of the type that is asked for; what has one dimension, and position tables, are float, and so llama.cpp wants
 * them.  A matrix whose rows are no whole blocks of Q8_0, and a tower's first convolution, are F16 in its place.  Adapters are
 * added to their weights.  Data goes through in pieces, straight from the mapped folder. */
#ifndef RIL_GGUF_EXPORT_H
#define RIL_GGUF_EXPORT_H

#include "gguf/gguf.h"
#include "nn/model.h"

struct ril_export {
	enum ril_gguf_type type;
	const char *name;                                         /* general.name */
	void (*progress)(void *ctx, int64_t done, int64_t total); /* bytes of weights; may be NULL */
	void *ctx;
};

/* The model is one that was opened for later (its weights are read in the folder alone).  RIL_EFAIL names what llama.cpp cannot
 * compute: another architecture, sliding windows, positions stretched as Llama 3's are, pictures' layers left out. */
int ril_export_text(const struct ril_model *, const struct ril_export *, const char *path, struct ril_err *);
int ril_export_vision(const struct ril_model *, const struct ril_export *, const char *path, struct ril_err *);

#endif
