/* distill.h -- a teacher's distribution as a term of the student's loss (Hinton et al., arXiv 1503.02531; on the student's own
 * responses Agarwal et al., "On-policy distillation of language models", arXiv 2306.13649, and Gu et al., "MiniLLM",
 * arXiv 2306.08543):
 *
 *     weight / tokens  sum over the batch's response tokens of KL(teacher || student), or `reverse` KL(student || teacher)
 *
 * over the whole vocabulary, both at the policy's temperature, on the responses that the objective uses.  The teacher reads the
 * same ids, so its tokenizer is the student's; pictures it embeds itself, from vision.pixels.  Where the two have another number of
 * vocabulary rows (one is padded further), both softmaxes are over the rows that both have.  In the loss it is the divergence
 * itself, with its own gradient: how the student's samples depend on the student is not in it.
 *
 * Logits are there for some rows at a time; the gradient by the student's hidden states is left where the tape takes it from
 * (ril_tape_seed), that of its head is added at once.
 *
 * Ownership: models are borrowed. */
#ifndef RIL_ALGO_DISTILL_H
#define RIL_ALGO_DISTILL_H

#include "algo/work.h"
#include "nn/world.h"

struct ril_distill_options {
	double weight;
	bool reverse;
};

struct ril_distill;
/* RIL_EFAIL where the vocabularies share no row. */
struct ril_distill *ril_distill_new(struct ril_model *teacher, const struct ril_model *student,
				    const struct ril_distill_options *, struct ril_err *);
void ril_distill_free(struct ril_distill *);
void ril_distill_rest(struct ril_distill *);         /* gives memory back while waiting */
size_t ril_distill_peak(const struct ril_distill *); /* bytes of the teacher's activations, and of logits */
size_t ril_distill_room(const struct ril_model *teacher, const struct ril_model *student); /* of logits alone */

/* The batch that `own` lays out for the student with these options; leave_out: responses cut by length have no divergence. */
int ril_distill_begin(struct ril_distill *, const struct ril_batch *, const struct ril_work *own,
		      const struct ril_work_options *, bool leave_out, double temperature, const struct ril_world *,
		      struct ril_err *);
/* Micro-batch m, of which h are the student's hidden states [R,C] before its head, on a tape that records. */
int ril_distill_part(struct ril_distill *, size_t m, struct ril_tape *, struct ril_val *h,
		     const struct ril_linear *head, struct ril_err *);
/* Once all parts are done: the term of the loss, and the mean divergence of a token, in the world.  Waits. */
int ril_distill_end(struct ril_distill *, double *loss, double *mean, struct ril_err *);
void ril_distill_forget(struct ril_distill *); /* what belongs to the batch */

#endif
