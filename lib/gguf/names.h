/* names.h -- what llama.cpp calls the parameters of our families (its gguf-py/gguf/constants.py, tensor_mapping.py). */
#ifndef RIL_GGUF_NAMES_H
#define RIL_GGUF_NAMES_H

#include "nn/config.h"
#include "nn/params.h"

/* How one parameter becomes tensors: `parts` of them, of which each takes stretches of `block` elements, `step` apart, the
 * i-th's from i x `block` on.  A tensor begins with element `turn` of its stretches and ends with those before it: llama.cpp
 * puts InternVL's class token behind the patches, and takes positions in that order. */
enum { RIL_GGUF_PARTS = 3, RIL_GGUF_NAME = 64 /* the format's, with its NUL */ };
struct ril_gguf_name {
	char to[RIL_GGUF_PARTS][RIL_GGUF_NAME];
	int parts;
	int ndim; /* of each part */
	int64_t dim[RIL_MAX_DIMS];
	int64_t block, step, turn;
	int64_t head; /* rows of a head, whose halves are interleaved: row i of the first, then of the second; 0: none are */
	bool plain; /* kept in float whatever the file's type */
};

/* SmolVLM and Idefics3, whose language model is llama.cpp's `llama`: it turns neighbouring numbers of queries and keys, as Llama's own
 * weights lay, where Hugging Face's folders have them in halves. */
bool ril_gguf_is_idefics(const struct ril_config *);

/* Sets the names of a parameter of the language model, or of the vision tower and projector, of that config; an error names a
 * parameter that has none. */
int ril_gguf_name_of(struct ril_gguf_name *, const struct ril_param *, const struct ril_config *, struct ril_err *);

#endif
