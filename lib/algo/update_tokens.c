/* update_tokens.c -- the numbers of a batch's response tokens: up once before the passes, back once after them, and in
 * between on the device, where forward pass, loss and backward pass exchange them. */
#include "algo/update_internal.h"

#include <math.h>

static struct ril_token_values lay(void *block, int64_t T)
{
	double *x = block;
	struct ril_loss_sums *sums = (void *)(x + 7 * T);
	return (struct ril_token_values){.old = x,
					 .entropy = x + T,
					 .logp = x + 2 * T,
					 .ref = x + 3 * T,
					 .dlogp = x + 4 * T,
					 .advantage = x + 5 * T,
					 .weight = x + 6 * T,
					 .sums = sums,
					 .side = (uint8_t *)(sums + RIL_SIDES)};
}

/* Bytes up to the end of `side`, from the block's first. */
static size_t laid(int64_t T)
{
	return (size_t)T * (7 * sizeof(double) + 1) + RIL_SIDES * sizeof(struct ril_loss_sums);
}

int ril_update_send(struct ril_update *u, int64_t N, int64_t tokens, struct ril_err *err)
{
	const struct ril_work *w = &u->work;
	if (ril_mirror_grow(&u->store, laid(w->T), err))
		return -1;
	u->host = lay(u->store.host, w->T);
	u->device = lay(u->store.device, w->T);
	for (int64_t k = 0; k < w->R; k++) {
		const struct ril_work_response *x = &w->response[k];
		bool masked = u->how.mask_truncated && x->finish == 1;
		double weight = ril_token_weight(u->how.objective, N, u->length, x->len, tokens);
		for (int64_t i = x->token; i < x->token + x->len; i++) {
			u->host.advantage[i] = masked ? NAN : u->advantage[k];
			u->host.weight[i] = weight;
			u->host.side[i] = (uint8_t)ril_side_of(x->source);
		}
	}
	size_t known = (size_t)((char *)u->host.advantage - u->store.host);
	ril_mirror_up(&u->store, u->host.advantage, laid(w->T) - known);
	return 0;
}

void ril_update_fetch(struct ril_update *u)
{
	int64_t arrays = !u->how.record ? 2 : u->ref ? 4 : 3;
	ril_mirror_down(&u->store, u->host.old, (size_t)(arrays * u->work.T) * sizeof(double));
}

int ril_update_sums(struct ril_update *u, struct ril_err *err)
{
	size_t bytes = RIL_SIDES * sizeof *u->host.sums;
	ril_mirror_down(&u->store, u->host.sums, bytes);
	return u->how.world->sum(u->how.world, (double *)u->host.sums, bytes / sizeof(double), err);
}
