/* disc.h -- the discriminator's training steps and its judgement of a batch.
 *
 * D has the student's architecture with a linear head read at each response's last token; D(q,o) = sigmoid(z) is the
 * probability that the student wrote it (student 1, teacher 0).  A response that D takes for a teacher's, D < 1/2,
 * earns the similarity reward 1; or it earns a continuous one.  Rewards are given on what D has just been trained on: its accuracy is reported before
 * and after. */
#ifndef RIL_ALGO_DISC_H
#define RIL_ALGO_DISC_H

#include "algo/loss.h"
#include "algo/replay.h"
#include "algo/work.h"
#include "nn/optim.h"
#include "nn/world.h"
#include "text/tokenizer.h"

/* What is minimised: the mean cross-entropy of responses, half of the student's and half of the teachers'; or that of all pairs of
 * a student's and a teacher's response to one question, -log sigmoid(z_student - z_teacher), in which D is a score (Bradley and
 * Terry; as in GAD, "Black-Box On-Policy Distillation of Large Language Models", arXiv 2511.10643, whose D is -z). */
enum ril_disc_loss { RIL_DISC_BCE, RIL_DISC_BRADLEY_TERRY };
#define RIL_DISC_LOSSES "bce|bradley-terry"
/* The similarity reward: 1[D < 1/2]; 1 - D; -z. */
enum ril_similarity { RIL_SIMILARITY_THRESHOLD, RIL_SIMILARITY_PROBABILITY, RIL_SIMILARITY_LOGIT };
#define RIL_SIMILARITIES "threshold|probability|logit"

struct ril_disc_options {
	enum ril_disc_loss loss;
	double smoothing; /* of labels: targets are 1 - smoothing/2 and smoothing/2 */
	enum ril_similarity similarity;
	struct ril_replay *replay; /* earlier groups, trained on beside the batch's, which then join them; NULL: none */
	int64_t replayed;          /* groups of them at each batch; 0: as many as the batch has */
	double r1,
		sigma; /* weight of the penalty on how much teachers' logits move with noise, and how much (penalty_internal.h); 0: none */
	uint32_t seed;       /* of that noise */
	int64_t steps;       /* optimiser steps on each batch before it is judged; 0: none */
	int64_t micro_batch; /* groups; 0: by tokens */
	bool blind;          /* D does not see the pictures, only where they stand; not with pixels */
	bool pixels;         /* D's projector or tower is trained: embeddings from vision.pixels */
	enum ril_recompute recompute;
	const struct ril_world *world; /* whose responses the means are over; NULL: this process alone */
};

struct ril_disc_stats {
	struct ril_bce_sums before,
		after;   /* the world's; before, with what was replayed, is `after` when nothing was trained */
	double norm, lr; /* of the last optimiser step */
	double logit[2]; /* mean z of teacher, student responses in the world */
	int64_t student,
		uncanonical; /* student responses; of these, not as the tokenizer would encode their text; the world's */
	bool trained;
	double r1; /* mean squared difference of teachers' logits with noise and without, before training; NaN: not looked at */
	int64_t replayed; /* groups of earlier batches that were trained on, the world's */
	double seconds;
};

struct ril_disc;
/* All borrowed; `optim` NULL: D is not trained; `tok` NULL: canonical encoding is not looked at. */
struct ril_disc *ril_disc_new(struct ril_model *, struct ril_optim *, struct ril_tokenizer *tok,
			      const struct ril_disc_options *, struct ril_err *);
void ril_disc_free(struct ril_disc *);
void ril_disc_rest(struct ril_disc *);         /* gives memory back while waiting */
size_t ril_disc_peak(const struct ril_disc *); /* bytes of activations */

/* Trains on the batch (training step t), then sets disc.logit and reward.similarity in every group. */
int ril_disc_batch(struct ril_disc *, struct ril_batch *, int64_t t, struct ril_disc_stats *, struct ril_err *);

double ril_bce_accuracy(const struct ril_bce_sums *); /* NaN without labelled responses */
int ril_disc_json(const struct ril_disc_stats *, int64_t t, struct ril_buf *out, struct ril_err *);

#endif
