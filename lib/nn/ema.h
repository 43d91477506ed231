/* ema.h -- an exponential moving average of the weights that are trained (Polyak and Juditsky 1992; as
 * torch.optim.swa_utils.get_ema_multi_avg_fn):
 *
 *     e = d e + (1 - d) w      after every optimiser step, e = w before the first
 *
 * w are the masters, or without masters the published weights; e is ril_real, on the device, laid out as the training blocks
 * are, kept elements alone (params.h).  In a world every process has room for all of it, and up to date is its own range (ril_optim_whole).
 *
 * Ownership: the average borrows the parameters and owns its block. */
#ifndef RIL_NN_EMA_H
#define RIL_NN_EMA_H

#include "nn/params.h"

struct ril_ema {
	const struct ril_params *params;
	double decay;
	ril_real *e; /* [params->kept], device */
};

/* Of parameters that ril_params_train has laid out; 0 < decay < 1. */
struct ril_ema *ril_ema_new(const struct ril_params *, double decay, struct ril_err *);
void ril_ema_free(struct ril_ema *);
void ril_ema_step(struct ril_ema *);
size_t ril_ema_bytes(const struct ril_ema *);

/* The model's folder with the average in the place of what is trained, in the folder's types. */
int ril_ema_save(const struct ril_ema *, const char *dir, bool durable, struct ril_err *);

#endif
