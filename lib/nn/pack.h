/* pack.h -- packed batches: groups of one prompt and its n responses, never padded.
 *
 * RIL_PACK_SHARED computes the prompt once and lets every response see [prompt | itself]; RIL_PACK_NAIVE repeats the
 * prompt before every response.  Both give the same numbers; a test proves it.
 *
 * For the policy the rows wanted are those that predict response tokens: the prompt's last row predicts each
 * response's first token.  A response's last token predicts nothing and is left out of the pass.  For the discriminator
 * the wanted row is each response's last token, EOS included; and responses may stand in a pass once more, with noise
 * added to the embeddings of their tokens, for the price of these tokens: the prompt is the same.
 *
 * Ownership: the pack owns its arrays and keeps them from one reset to the next; what is added is copied. */
#ifndef RIL_NN_PACK_H
#define RIL_NN_PACK_H

#include "nn/model.h"

enum ril_pack_form { RIL_PACK_SHARED, RIL_PACK_NAIVE };
enum ril_pack_use { RIL_PACK_POLICY, RIL_PACK_SCORE };

struct ril_pack_group {
	const char *name; /* for errors: the key */
	const int32_t *prompt;
	int64_t P;
	const int32_t *ids, *start;
	const int32_t *pick; /* [n]: which of the responses take part, by their place in start; NULL: the first n */
	int32_t n;           /* responses that take part; CSR as resp.ids, resp.start */
	const int32_t *grid;
	int pictures; /* vision.grid [pictures,3] */
};

struct ril_pack {
	struct ril_tokens tokens; /* for ril_pass_make; complete after ril_pack_done */
	int64_t V;                /* rows of embeddings that the groups' pictures have, in order of adding */
	/* policy: one entry per response token, in order; score: one per response, those with noise after all others */
	int64_t R;
	/* score, complete after ril_pack_done: of the R the last are with noise; the logit of each one as it is; their tokens */
	int64_t again;
	const int32_t *twin; /* [again] */
	int64_t noisy;
	const float *
		noise; /* [noisy, hidden], set before the pass and borrowed by it: what is added, in the order of tokens */
	struct ril_pack_store *store;
};

struct ril_pack *ril_pack_new(struct ril_err *);
void ril_pack_free(struct ril_pack *);
void ril_pack_reset(struct ril_pack *, const struct ril_config *, enum ril_pack_form, enum ril_pack_use);
int ril_pack_add(struct ril_pack *, const struct ril_pack_group *, struct ril_err *);
/* The same, score only, where of the responses that take part those from number `from` on are earlier ones once more, with
 * noise. */
int ril_pack_add_again(struct ril_pack *, const struct ril_pack_group *, int32_t from, struct ril_err *);
int ril_pack_done(struct ril_pack *, struct ril_err *);
/* Tokens that adding the group would compute: for cutting micro-batches. */
int64_t ril_pack_cost(const struct ril_pack_group *, enum ril_pack_form, enum ril_pack_use);

/* The passes over a pack, none of which waits for the device.  vis: embeddings of V image tokens (NULL when V is 0).
 * Policy: what ril_t_head_logp sets; a loss sets the gradients before the walk back. */
int ril_pack_logp(struct ril_tape *, struct ril_model *, const struct ril_pack *, struct ril_val *vis, double inv_t,
		  struct ril_logps, struct ril_err *);
/* What the head is given there, alone: hidden states [R,H]; NULL where R is 0.  hidden: those of the last such pass over the pack, which
 * live as long as the tape's values. */
int ril_pack_rows(struct ril_tape *, struct ril_model *, const struct ril_pack *, struct ril_val *vis,
		  struct ril_val **h, struct ril_err *);
struct ril_val *ril_pack_hidden(const struct ril_pack *);
/* Discriminator: *z are the logits [R,1] (NULL when R is 0), whose gradient a loss adds to (ril_tape_seed). */
int ril_pack_score(struct ril_tape *, struct ril_model *, const struct ril_pack *, struct ril_val *vis,
		   struct ril_val **z, struct ril_err *);

#endif
