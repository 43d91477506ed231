/* loss.c -- weights of tokens and responses; see loss.h. */
#include "algo/loss.h"

double ril_token_weight(enum ril_objective o, int64_t N, double L, int64_t len, int64_t tokens)
{
	switch (o) {
	case RIL_SFT: return 1 / (double)tokens;
	case RIL_GRPO: return 1 / ((double)N * (double)len);
	default: return 1 / ((double)N * L);
	}
}

struct ril_surrogate ril_surrogate_clipped(double eps, double beta)
{
	return (struct ril_surrogate){.low = 1 - eps, .high = 1 + eps, .beta = beta};
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
