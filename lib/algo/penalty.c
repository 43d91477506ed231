/* penalty.c -- R1 by noise; see penalty_internal.h. */
#include "algo/penalty_internal.h"

#include "base/thread.h"
#include "base/unused.h"
#include "nn/gather.h"
#include "ops/backend.h"

#include <math.h>
#include <stdlib.h>

void ril_penalty_free(struct ril_penalty *p)
{
	ril_mirror_free(&p->sum);
	ril_mirror_free(&p->store);
	free(p->noise);
}

bool ril_penalty_real(int32_t source)
{
	return source > 0;
}

/* Adds the squares of a matrix of any type, widened in parts where there is no kernel for it. */
static int add_squares(double *sum, struct ril_mat w, struct ril_tape *t, struct ril_err *err)
{
	enum { ROWS = 4096 };
	const struct ril_ops *ops = ril_ops();
	if (w.type == RIL_REAL || w.type == RIL_BF16) {
		ops->sum_squares(sum, w);
		return 0;
	}
	int64_t most = w.rows < ROWS ? w.rows : ROWS;
	struct ril_tape_mark mark = ril_tape_enter(t);
	struct ril_val *wide = ril_tape_val(t, most, w.cols);
	for (int64_t r = 0; wide && r < w.rows; r += most) {
		int64_t n = w.rows - r < most ? w.rows - r : most;
		ops->convert(ril_mat_rows(wide->m, 0, n), ril_mat_rows(w, r, n));
		ops->sum_squares(sum, ril_mat_rows(wide->m, 0, n));
	}
	ril_tape_leave(t, mark);
	return ril_tape_error(t, err);
}

int ril_penalty_begin(struct ril_penalty *p, const struct ril_model *m, struct ril_tape *t, struct ril_err *err)
{
	const struct ril_param *table = ril_model_embedding(m);
	struct ril_gather *gather = m->params->gather;
	if (ril_mirror_grow(&p->sum, sizeof(double), err) || ril_gather_one(gather, table, err))
		return -1;
	struct ril_mat w = table->w;
	double *sum = (double *)p->sum.host;
	ril_tape_reset(t);
	ril_ops()->zero(p->sum.device, sizeof *sum);
	if (add_squares((double *)p->sum.device, w, t, err) || ril_gather_end(gather, err))
		return -1;
	ril_mirror_down(&p->sum, sum, sizeof *sum);
	p->scale = p->sigma * sqrt(*sum / ((double)w.rows * (double)w.cols));
	return 0;
}

/* ---- noise ---- */

struct draw {
	const struct ril_penalty *p;
	const struct ril_work *work;
	const struct response *at;
	int64_t hidden;
	uint32_t step, again;
};
struct response {
	const struct ril_work_response *r;
	int64_t token; /* the first of its rows of noise */
};

/* One response's.  A response has fewer than 2^16 places in its group, and a step fewer optimiser steps that matter. */
static void draw_one(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct draw *d = ctx;
	const struct ril_work_response *r = d->at[tile].r;
	const struct ril_rng_at at = {.step = d->step,
				      .question = d->work->group[r->group].in.hash,
				      .response = (uint32_t)r->index ^ d->again << 16};
	float *out = d->p->noise + d->at[tile].token * d->hidden;
	size_t n = (size_t)(r->len * d->hidden);
	ril_rng_normals(d->p->seed, RIL_RNG_PENALTY, at, out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = (float)(d->p->scale * (double)out[i]);
}

int ril_penalty_draw(struct ril_penalty *p, const struct ril_work *w, size_t m, int64_t t, int64_t k,
		     struct ril_pack *pack, int64_t hidden, struct ril_err *err)
{
	struct response *all = ril_new((size_t)pack->again, sizeof *all, err);
	struct draw d = {p, w, all, hidden, (uint32_t)t, (uint32_t)k};
	int64_t tokens = 0;
	int n = 0;
	if (!all || ril_grow(&p->noise, &p->room, (size_t)(pack->noisy * hidden), sizeof *p->noise, err)) {
		free(all);
		return -1;
	}
	for (size_t g = w->cut[m]; g < w->cut[m + 1]; g++)
		for (int32_t i = 0; i < w->group[g].in.text.n; i++) {
			const struct ril_work_response *r = &w->response[w->group[g].first + i];
			if (!ril_penalty_real(r->source))
				continue;
			all[n++] = (struct response){r, tokens};
			tokens += r->len;
		}
	ril_parallel(n, draw_one, &d);
	free(all);
	pack->noise = p->noise;
	return 0;
}

/* ---- the loss ---- */

int ril_penalty_add(struct ril_penalty *p, const struct ril_pack *pack, struct ril_mat dz, struct ril_mat z,
		    double each, double *sum, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	int64_t A = pack->again, first = pack->R - A;
	if (!A)
		return 0;
	size_t apart = (size_t)A * sizeof(ril_real), twins = (size_t)A * sizeof *pack->twin;
	if (ril_mirror_grow(&p->store, apart + twins, err))
		return -1;
	struct ril_mat d = ril_mat_of(p->store.device, RIL_REAL, A, 1), again = ril_mat_rows(z, first, A),
		       dagain = ril_mat_rows(dz, first, A);
	const int32_t *twin = (const int32_t *)(p->store.device + apart);
	memcpy(p->store.host + apart, pack->twin, twins);
	ril_mirror_up(&p->store, p->store.host + apart, twins);
	ops->gather(d, z, twin);
	ops->axpy(d, -1, again);
	ops->sum_squares(sum, d);
	ops->axpby(d, 0, again, 2 * each); /* d loss / d z; the one with noise has its opposite */
	ops->gather_bwd(dz, d, twin);
	ops->axpy(dagain, -1, d);
	return 0;
}
