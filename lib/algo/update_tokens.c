/* update_tokens.c -- the numbers of a batch's response tokens: up once before the passes, back once after them, and in
 * between on the device, where forward pass, loss and backward pass exchange them. */
#include "algo/update_internal.h"

#include <math.h>

enum { ARRAYS = 10 }; /* of a number per token */

static struct ril_token_values lay(void *block, int64_t T, int64_t R)
{
	double *x = block;
	struct ril_loss_sums *sums = (void *)(x + ARRAYS * T);
	int64_t *start = (void *)(sums + RIL_SIDES);
	return (struct ril_token_values){.old = x,
					 .entropy = x + T,
					 .logp = x + 2 * T,
					 .ref = x + 3 * T,
					 .dlogp = x + 4 * T,
					 .dentropy = x + 5 * T,
					 .later = x + 6 * T,
					 .advantage = x + 7 * T,
					 .weight = x + 8 * T,
					 .sampler = x + 9 * T,
					 .sums = sums,
					 .start = start,
					 .side = (uint8_t *)(start + R + 1)};
}

/* Bytes up to the end of `side`, from the block's first. */
static size_t laid(int64_t T, int64_t R)
{
	return (size_t)T * (ARRAYS * sizeof(double) + 1) + RIL_SIDES * sizeof(struct ril_loss_sums) +
	       (size_t)(R + 1) * sizeof(int64_t);
}

int ril_update_sampler(const struct ril_work_group *g, const float **logp, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_get(g->record, "resp.logp");
	int32_t R = g->in.resp.start[g->in.resp.n];
	*logp = e ? e->data : NULL;
	if (e && (e->dtype != RIL_F32 || e->count != R))
		return ril_fail(err, RIL_ECORRUPT, "'%s': resp.logp is not F32 [%d]", g->in.text.name, R);
	return 0;
}

/* What importance weights divide by.  Only teachers may have said nothing. */
static int fill_sampler(struct ril_update *u, const struct ril_work_group *g, struct ril_err *err)
{
	const float *logp;
	if (ril_update_sampler(g, &logp, err))
		return -1;
	if (!logp)
		return ril_fail(err, RIL_EFAIL, "'%s': resp.logp is missing, by which importance weights divide",
				g->in.text.name);
	for (int64_t k = g->first; k < g->first + g->in.text.n; k++) {
		const struct ril_work_response *x = &u->work.response[k];
		const float *from = logp + g->in.resp.start[x->index];
		for (int64_t i = 0; i < x->len; i++) {
			if (!isfinite(from[i]) && (x->source == 0 || !isnan(from[i])))
				return ril_fail(
					err, RIL_EFAIL,
					"'%s': resp.logp of response %d is %g at token %lld: no importance weight",
					g->in.text.name, x->index, (double)from[i], (long long)i);
			u->host.sampler[x->token + i] = (double)from[i];
		}
	}
	return 0;
}

int ril_update_send(struct ril_update *u, int64_t N, int64_t tokens, struct ril_err *err)
{
	const struct ril_work *w = &u->work;
	if (ril_mirror_grow(&u->store, laid(w->T, w->R), err))
		return -1;
	u->host = lay(u->store.host, w->T, w->R);
	u->device = lay(u->store.device, w->T, w->R);
	for (size_t i = 0; i < w->n && u->how.loss.cap > 0 && u->how.objective != RIL_SFT; i++)
		if (fill_sampler(u, &w->group[i], err))
			return -1;
	for (int64_t k = 0; k < w->R; k++) {
		const struct ril_work_response *x = &w->response[k];
		bool masked = u->how.mask_truncated && x->finish == 1;
		double weight = ril_token_weight(u->how.objective, N, u->length, x->len, tokens);
		u->host.start[k] = x->token;
		for (int64_t i = x->token; i < x->token + x->len; i++) {
			u->host.advantage[i] = masked ? NAN : u->advantage[k];
			u->host.weight[i] = weight;
			u->host.side[i] = (uint8_t)ril_side_of(x->source);
		}
	}
	u->host.start[w->R] = w->T;
	size_t known = (size_t)((char *)u->host.advantage - u->store.host);
	ril_mirror_up(&u->store, u->host.advantage, laid(w->T, w->R) - known);
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
