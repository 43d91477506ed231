/* pass.h -- one pass over packed tokens, as an object on the device.
 *
 * What the host knows of a pass (ids, positions, segments, cache rows, wanted rows, targets) is described by struct
 * ril_tokens and goes up once, in one block, as struct ril_pass; every operation of every layer reads it there.
 *
 * Ownership: a pass lives on its tape until ril_tape_reset; what it was made from may be changed at once. */
#ifndef RIL_NN_PASS_H
#define RIL_NN_PASS_H

#include "nn/config.h"
#include "nn/tape.h"

/* Keys and values of earlier tokens, one row each, for step-by-step decoding. */
struct ril_kv {
	int64_t rows, layers;
	struct ril_mat k, v; /* [layers * rows, kv_heads * head_dim]: layer i's rows from i * rows; device */
};

/* A pass as the host describes it; arrays are host memory. */
struct ril_tokens {
	int64_t T;
	const int32_t *ids;        /* [T] */
	const int32_t *vrow;       /* [T]: row of `vis` that replaces the embedding, -1: none; NULL: no pictures */
	const int32_t *pos;        /* [3,T] with M-RoPE, else [T] */
	const struct ril_seg *seg; /* [nseg]; key rows are rows of this pass, or of the cache when there is one */
	int nseg;
	const int32_t *rows; /* [nrows]: rows whose hidden states are wanted, ascending; NULL: all */
	int64_t nrows;
	const int32_t *head;   /* [R]: rows of the result that the heads read; NULL: none */
	const int32_t *target; /* [R]: the token that each predicts; NULL: none */
	int64_t R;
	const struct ril_rng_at *names; /* [T]: whose tokens they are, for dropout; NULL: nobody's */
	const float *
		noise; /* [noisy, hidden]: row noise_of[i] is added to the embedding of token noise_to[i]; NULL: none */
	const int32_t *noise_to, *noise_of; /* [noisy] */
	int64_t noisy;
	struct ril_kv *kv;       /* NULL: none */
	const int32_t *kv_row;   /* [T]: cache row that takes this token's key and value */
	struct ril_val **hidden; /* tests: [layers+1] gets every layer's input and the final output; NULL: not wanted */
};

/* The same on the device. */
struct ril_pass {
	int64_t T, nrows, R;
	const int32_t *ids, *vrow, *pos, *rows, *head, *target, *kv_row;
	struct ril_names names, wanted; /* with dropout: of the rows, of those of them that are wanted */
	struct ril_segs full, slide;    /* attention of full and of sliding layers */
	int32_t top;                    /* the largest position */
	/* DeepStack: tokens that show a picture's, [seen]; the rows of their features, [stack, seen] */
	int64_t stack, seen;
	const int32_t *seen_at, *deep;
	/* what is added to embeddings: rows noise_of of `noise` to rows noise_to, [noisy] */
	int64_t noisy;
	const int32_t *noise_to, *noise_of;
	struct ril_val *noise; /* NULL: nothing */
	struct ril_kv *kv;
	struct ril_val **hidden;
};

/* NULL after a failure (the tape has the error). */
const struct ril_pass *ril_pass_make(struct ril_tape *, const struct ril_config *, const struct ril_tokens *);

/* Several host arrays in one block on the device, each aligned; lives as long as the pass.  Arrays of no bytes, or NULL,
 * come out NULL. */
struct ril_upload {
	const void *host;
	size_t bytes;
	const void *device; /* out */
};
int ril_tape_upload(struct ril_tape *, struct ril_upload *, int n);

#endif
