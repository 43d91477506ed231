/* ema.c -- a moving average of the weights; see ema.h. */
#include "nn/ema.h"

#include "nn/params_internal.h"
#include "ops/backend.h"

#include <stdlib.h>

/* e = alpha w + beta e. */
static void add(struct ril_ema *a, double alpha, double beta)
{
	const struct ril_params *p = a->params;
	for (int r = 0; r < p->runs; r++) {
		const struct ril_run *run = &p->run[r];
		int64_t n = run->kept.to - run->kept.from;
		struct ril_mat w =
			p->master ? ril_row(p->master + run->kept_at, RIL_REAL, n)
				  : ril_row(ril_element(run->published, run->type, run->kept.from), run->type, n);
		ril_ops()->axpby(ril_row(a->e + run->kept_at, RIL_REAL, n), alpha, w, beta);
	}
}

struct ril_ema *ril_ema_new(const struct ril_params *p, double decay, struct ril_err *err)
{
	struct ril_ema *a = ril_new(1, sizeof *a, err);
	if (!a)
		return NULL;
	*a = (struct ril_ema){.params = p, .decay = decay};
	if (!(a->e = ril_ops()->get(ril_ema_bytes(a)))) {
		ril_fail(err, RIL_EFAIL, "out of memory for the average of %lld parameters", (long long)p->kept);
		ril_ema_free(a);
		return NULL;
	}
	add(a, 1, 0);
	return a;
}

void ril_ema_free(struct ril_ema *a)
{
	if (!a)
		return;
	ril_ops()->put(a->e);
	free(a);
}

void ril_ema_step(struct ril_ema *a)
{
	add(a, 1 - a->decay, a->decay);
}

size_t ril_ema_bytes(const struct ril_ema *a)
{
	return (size_t)a->params->kept * sizeof *a->e;
}

int ril_ema_save(const struct ril_ema *a, const char *dir, bool durable, struct ril_err *err)
{
	return ril_params_save_values(a->params, a->e, dir, durable, err);
}
