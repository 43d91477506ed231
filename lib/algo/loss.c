/* loss.c -- weights of tokens and responses; see loss.h. */
#include "algo/loss.h"

#include <math.h>

double ril_token_weight(enum ril_objective o, int64_t N, double L, int64_t len, int64_t tokens)
{
	switch (ril_objective_row(o)->divisor) {
	case RIL_BY_TOKENS: return 1 / (double)tokens;
	case RIL_BY_LENGTH: return 1 / ((double)N * (double)len);
	case RIL_BY_RESPONSES: return 1 / (double)N;
	default: return 1 / ((double)N * L);
	}
}

struct ril_surrogate ril_surrogate_of(enum ril_objective o, const struct ril_loss_settings *how)
{
	const struct ril_objective_row *row = ril_objective_row(o);
	return (struct ril_surrogate){.low = 1 - (isnan(how->below) ? row->below : how->below),
				      .high = 1 + (isnan(how->above) ? row->above : how->above),
				      .beta = how->beta,
				      .cap = how->cap,
				      .bonus = how->bonus,
				      .clip = row->clip,
				      .kl = how->kl};
}

void ril_loss_sums_add(struct ril_loss_sums *to, const struct ril_loss_sums *s)
{
	to->loss += s->loss;
	to->k3 += s->k3;
	to->ratio += s->ratio;
	to->tokens += s->tokens;
	to->clipped += s->clipped;
}

void ril_bce_weights(const int64_t total[2], double w[2])
{
	double half = total[0] && total[1] ? .5 : 1;
	for (int side = 0; side < 2; side++)
		w[side] = total[side] ? half / (double)total[side] : 0;
}
