/* muon.h -- Muon: steps of matrices along their momentum, orthogonalised (Jordan et al., "Muon: An optimizer for hidden layers
 * in neural networks", 2024; as torch.optim.Muon).
 *
 *     m = b m + (1 - b) g,   u = b m + (1 - b) g (Nesterov),   o = NS(u / |u|),   w = (1 - lr decay) w - lr s o
 *
 * NS is five Newton-Schulz steps x = a x + (b A + c A A) x, A = x x', which bring all singular values near 1.  They are
 * computed in the type of passes (BF16 as PyTorch does, or ril_real) by the operations that models are made of, on the
 * smaller of x x' and x' x.  s is the scale by which one rate serves all shapes [rows, cols]:
 *
 *     match-rms-adamw   0.2 sqrt(max(rows, cols)): an entry moves about as far as AdamW moves it (Liu et al., "Muon is
 *                       scalable for LLM training", arXiv 2502.16982), so that the two share a rate and a decay
 *     original          sqrt(max(1, rows / cols)): Jordan's
 *
 * Ownership: it borrows parameters and momentum and owns its room on the device, which is as large as the largest matrix
 * needs. */
#ifndef RIL_NN_MUON_H
#define RIL_NN_MUON_H

#include "nn/params.h"

enum ril_muon_scale { RIL_MUON_MATCH_RMS, RIL_MUON_ORIGINAL };
#define RIL_MUON_SCALES "match-rms-adamw|original"

struct ril_muon_step {
	double lr, weight_decay, momentum;
	double clip; /* the gradient is multiplied by it first */
	enum ril_muon_scale scale;
};

struct ril_muon;
/* Where a matrix has its momentum, device; NULL: it is not to be stepped. */
typedef ril_real *ril_muon_momentum(const void *ctx, const struct ril_param *);
/* For the trained parameters p->hidden that have momentum, which must not move. */
struct ril_muon *ril_muon_new(const struct ril_params *, ril_muon_momentum *, const void *ctx, struct ril_err *);
void ril_muon_free(struct ril_muon *);
size_t ril_muon_bytes(const struct ril_muon *);
/* One step of all of them: their masters and momentum.  Gradients must be finite.  Waits once, for the norms. */
int ril_muon_step(struct ril_muon *, struct ril_muon_step, struct ril_err *);

#endif
