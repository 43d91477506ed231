/* generate.h -- batched decoding with a key/value cache.
 *
 * Every prompt is prefilled once, whatever the number of its responses; then all responses of all prompts decode
 * together, one token each a pass, and leave the batch when they end.  Attention sees [prompt's cache | own cache]: the
 * same operations over the same segments as the trainer's shared-prefix form, so that both mean the same
 * log-probabilities.
 *
 * Which token comes next is the caller's choice (algo/sample.h): this layer knows nothing of temperature or chance.
 *
 * Ownership: the generator keeps its cache and tape from call to call; results are released with ril_gen_free. */
#ifndef RIL_NN_GENERATE_H
#define RIL_NN_GENERATE_H

#include "nn/pictures.h"

struct ril_generator;
struct ril_generator *ril_generator_new(struct ril_model *, struct ril_err *); /* the model is borrowed */
void ril_generator_free(struct ril_generator *);
void ril_generator_rest(struct ril_generator *); /* gives cache and activations back; for tools that wait */

/* Text tokens that end the prompt of one response only. */
struct ril_gen_tail {
	const int32_t *ids;
	int64_t n;
};

struct ril_gen_prompt {
	const char *name; /* for errors */
	const int32_t *ids;
	int64_t P;
	struct ril_picture_set vision; /* n = 0: none */
	int32_t n;                     /* responses wanted */
	/* [n], each of at least one token, or NULL: prompts that begin alike share that part (a judge's questions about
	 * many responses).  All prompts of a call have tails, or none. */
	const struct ril_gen_tail *tail;
};

/* Where a token is about to be chosen. */
struct ril_gen_at {
	size_t prompt;
	int32_t response, position;
};

struct ril_gen_options {
	int32_t max_new_tokens;
	/* Chooses from logits[V] (host); called for many rows at once, `worker` telling threads apart. */
	int (*choose)(void *ctx, int worker, struct ril_gen_at, const ril_real *logits, int64_t V, int32_t *id,
		      double *logp, struct ril_err *);
	void *ctx;
};

struct ril_generated {
	int32_t *ids; /* [n], the end-of-sequence id included */
	float *logp;  /* [n] */
	int32_t n;
	int32_t finish; /* 0 stop, 1 length */
};

/* out[sum of prompt[i].n]: prompt 0's responses, then prompt 1's...  Frees nothing on failure: call ril_gen_free
 * anyway. */
int ril_generate(struct ril_generator *, const struct ril_gen_prompt *, size_t n, const struct ril_gen_options *,
		 struct ril_generated *out, struct ril_err *);
void ril_gen_free(struct ril_generated *, size_t n);

#endif
