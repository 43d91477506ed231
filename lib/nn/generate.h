/* generate.h -- batched decoding with a key/value cache.
 *
 * Every prompt is prefilled once, whatever the number of its responses; then all responses of all prompts decode
 * together, one token each a pass, and leave the batch when they end.  Attention sees [prompt's cache | own cache]: the
 * same operations over the same segments as the trainer's shared-prefix form, so that both mean the same
 * log-probabilities.
 *
 * Which token comes next is an operation of the device's (`sample` in ops/ops.h), told by values how to choose; logits
 * never come to the host.  A draw depends on (seed, purpose, step, question, response, position) alone: not on the batch,
 * the order of the prompts or the number of threads.  Never chosen are ids without a token, and those that stand for
 * pictures.
 *
 * Ownership: the generator keeps its cache and tape from call to call; results are released with ril_gen_free. */
#ifndef RIL_NN_GENERATE_H
#define RIL_NN_GENERATE_H

#include "nn/pictures.h"

struct ril_tokenizer; /* text/tokenizer.h */
struct ril_generator;
/* The model is borrowed; of the tokenizer only its size is read (NULL: every row of the head is a token). */
struct ril_generator *ril_generator_new(struct ril_model *, const struct ril_tokenizer *, struct ril_err *);
void ril_generator_free(struct ril_generator *);
void ril_generator_rest(struct ril_generator *); /* gives cache and activations back; for tools that wait */
struct ril_generator_size {
	size_t cache, activations; /* most bytes ever in use */
};
struct ril_generator_size ril_generator_size(const struct ril_generator *);

/* Text tokens that end the prompt of one response only: a question of its own. */
struct ril_gen_tail {
	const int32_t *ids;
	int64_t n;
	uint32_t hash; /* the question, in the key of its draws */
};

struct ril_gen_prompt {
	const char *name; /* for errors */
	const int32_t *ids;
	int64_t P;
	struct ril_pictures vision; /* n = 0: none */
	int32_t n;                  /* responses wanted */
	/* in the key of their draws */
	uint32_t hash; /* the question */
	int32_t first; /* number of the first response */
	/* [n], each of at least one token, or NULL: prompts that begin alike share that part (a judge's questions about
	 * many responses).  All prompts of a call have tails, or none. */
	const struct ril_gen_tail *tail;
};

struct ril_gen_options {
	int32_t max_new_tokens;
	struct ril_sampling sampling;
	uint32_t seed;
	enum ril_purpose purpose;
	uint32_t step;
	/* Tokens between two looks at which responses ended; 0: the backend's.  Changes no more than the shapes of
	 * passes do. */
	int32_t look_every;
};

struct ril_generated {
	int32_t *ids; /* [n], the end-of-sequence id included */
	float *logp;  /* [n] */
	int32_t n;
	int32_t finish; /* 0 stop, 1 length */
};

/* out[sum of prompt[i].n]: prompt 0's responses, then prompt 1's...  RIL_ENONFINITE, naming prompt, response and token,
 * when a logit is NaN or infinite or every id is barred.  Frees nothing on failure: call ril_gen_free
 * anyway. */
int ril_generate(struct ril_generator *, const struct ril_gen_prompt *, size_t n, const struct ril_gen_options *,
		 struct ril_generated *out, struct ril_err *);
void ril_gen_free(struct ril_generated *, size_t n);

#endif
