/* distill.c -- the teacher's pass and the divergence; see distill.h. */
#include "algo/distill.h"

#include "algo/mirror_internal.h"
#include "ops/backend.h"

#include <stdlib.h>

enum { LOGITS = 1 << 22 }; /* of each model, at once, unless a row has more */

struct ril_distill {
	struct ril_model *teacher;
	struct ril_distill_options how;
	struct ril_tape *tape;
	struct ril_pack *pack;
	int64_t V, rows; /* of the vocabulary; of logits at once */
	ril_real *z[2];  /* [rows, V], device: the student's, the teacher's */
	struct ril_mirror store;
	/* of the current batch */
	struct ril_work work;
	struct ril_work_options layout;
	const struct ril_world *world;
	double temperature;
	double *kl, *weight; /* [work.T], in the store on the host */
};

static int64_t vocabulary(const struct ril_model *teacher, const struct ril_model *student)
{
	int64_t a = teacher->head.w->w.rows, b = student->head.w->w.rows;
	return a < b ? a : b;
}

static int64_t logit_rows(int64_t V)
{
	return V < LOGITS ? LOGITS / V : 1;
}

size_t ril_distill_room(const struct ril_model *teacher, const struct ril_model *student)
{
	int64_t V = vocabulary(teacher, student);
	return V > 0 ? 2 * (size_t)(logit_rows(V) * V) * sizeof(ril_real) : 0;
}

struct ril_distill *ril_distill_new(struct ril_model *teacher, const struct ril_model *student,
				    const struct ril_distill_options *how, struct ril_err *err)
{
	int64_t V = vocabulary(teacher, student);
	if (V < 1)
		return ril_fail(err, RIL_EFAIL, "%s: no vocabulary", teacher->params->dir), NULL;
	struct ril_distill *d = ril_new(1, sizeof *d, err);
	if (!d)
		return NULL;
	*d = (struct ril_distill){.teacher = teacher, .how = *how, .V = V, .rows = logit_rows(V)};
	d->tape = ril_tape_new(err);
	d->pack = ril_pack_new(err);
	bool room = d->tape && d->pack;
	for (int i = 0; i < 2 && room; i++)
		if (!(d->z[i] = ril_ops()->get((size_t)(d->rows * V) * sizeof(ril_real)))) {
			room = false;
			ril_fail(err, RIL_EFAIL, "out of memory for %lld x %lld logits", (long long)d->rows,
				 (long long)V);
		}
	if (!room) {
		ril_distill_free(d);
		return NULL;
	}
	ril_tape_compute(d->tape, teacher->params->compute);
	return d;
}

void ril_distill_free(struct ril_distill *d)
{
	if (!d)
		return;
	ril_distill_forget(d);
	ril_mirror_free(&d->store);
	ril_tape_free(d->tape);
	ril_pack_free(d->pack);
	for (int i = 0; i < 2; i++)
		ril_ops()->put(d->z[i]);
	free(d);
}

void ril_distill_rest(struct ril_distill *d)
{
	ril_tape_reset(d->tape);
	ril_tape_trim(d->tape);
}

size_t ril_distill_peak(const struct ril_distill *d)
{
	return ril_tape_peak(d->tape) + 2 * (size_t)(d->rows * d->V) * sizeof(ril_real);
}

void ril_distill_forget(struct ril_distill *d)
{
	ril_work_clear(&d->work);
}

/* ---- a batch ---- */

static void weigh(struct ril_distill *d, bool leave_out, double tokens)
{
	for (int64_t k = 0; k < d->work.R; k++) {
		const struct ril_work_response *x = &d->work.response[k];
		double weight = leave_out && x->finish == 1 ? 0 : d->how.weight / tokens;
		for (int64_t i = x->token; i < x->token + x->len; i++)
			d->weight[i] = weight;
	}
}

int ril_distill_begin(struct ril_distill *d, const struct ril_batch *b, const struct ril_work *own,
		      const struct ril_work_options *layout, bool leave_out, double temperature,
		      const struct ril_world *world, struct ril_err *err)
{
	double tokens = (double)own->T;
	d->layout = *layout;
	d->layout.pixels = d->layout.other = true; /* what the student's start embedded is nothing to the teacher */
	d->world = world;
	d->temperature = temperature;
	if (ril_work_fill(&d->work, b, &d->teacher->config, &d->layout, err) || world->sum(world, &tokens, 1, err) ||
	    ril_mirror_grow(&d->store, 2 * (size_t)own->T * sizeof(double), err))
		return ril_context(err, "%s", d->teacher->params->dir);
	bool alike = d->work.T == own->T && d->work.cuts == own->cuts &&
		     !memcmp(d->work.cut, own->cut, (own->cuts + 1) * sizeof *own->cut);
	if (!alike)
		return ril_fail(err, RIL_EFAIL, "%s: reads other tokens than the student", d->teacher->params->dir);
	d->kl = (double *)d->store.host;
	d->weight = d->kl + own->T;
	weigh(d, leave_out, tokens);
	ril_mirror_up(&d->store, d->weight, (size_t)own->T * sizeof(double));
	return 0;
}

/* The device's twin of a place in the store. */
static double *twin(const struct ril_distill *d, const double *host)
{
	return (double *)(d->store.device + ((const char *)host - d->store.host));
}

/* The teacher's hidden states of micro-batch m. */
static int pass(struct ril_distill *d, size_t m, struct ril_val **h, struct ril_err *err)
{
	struct ril_val *vis;
	ril_tape_reset(d->tape);
	ril_tape_record(d->tape, false);
	return ril_work_pack(&d->work, m, &d->layout, d->tape, d->teacher, d->pack, &vis, err) ||
			       ril_pack_rows(d->tape, d->teacher, d->pack, vis, h, err)
		       ? -1
		       : 0;
}

int ril_distill_part(struct ril_distill *d, size_t m, struct ril_tape *tape, struct ril_val *h,
		     const struct ril_linear *head, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct ril_val *theirs;
	if (!h)
		return ril_tape_error(tape, err);
	if (pass(d, m, &theirs, err))
		return ril_context(err, "%s", d->teacher->params->dir);
	ril_tape_reads(tape, head->w);
	ril_tape_adds_to(tape, head->w);
	if (ril_tape_error(tape, err))
		return -1;
	struct ril_mat dh = ril_tape_seed(tape, h), dw = head->w->grad, w = ril_mat_rows(head->w->w, 0, d->V),
		       v = ril_mat_rows(d->teacher->head.w->w, 0, d->V);
	int64_t at = d->work.group[d->work.cut[m]].token;
	if (dw.p)
		dw = ril_mat_rows(dw, 0, d->V);
	for (int64_t r = 0, n; r < h->m.rows; r += n) {
		n = h->m.rows - r < d->rows ? h->m.rows - r : d->rows;
		struct ril_mat s = ril_mat_of(d->z[0], RIL_REAL, n, d->V), t = ril_mat_of(d->z[1], RIL_REAL, n, d->V),
			       rows = ril_mat_rows(h->m, r, n);
		ops->linear(s, rows, w, NULL, false);
		ops->linear(t, ril_mat_rows(theirs->m, r, n), v, NULL, false);
		ops->kl_rows(s, twin(d, d->kl + at + r), s, t, twin(d, d->weight + at + r), 1 / d->temperature,
			     d->how.reverse);
		ops->linear_bwd(dh.p ? ril_mat_rows(dh, r, n) : dh, dw, NULL, s, rows, w);
	}
	return ril_tape_error(tape, err);
}

int ril_distill_end(struct ril_distill *d, double *loss, double *mean, struct ril_err *err)
{
	double sum[3] = {0}; /* of the loss, of divergences, tokens */
	if (ril_tape_check(d->tape, err))
		return ril_context(err, "%s", d->teacher->params->dir);
	ril_mirror_down(&d->store, d->kl, (size_t)d->work.T * sizeof(double));
	for (int64_t i = 0; i < d->work.T; i++) {
		bool counts = d->weight[i] > 0 || d->how.weight == 0;
		sum[0] += counts ? d->weight[i] * d->kl[i] : 0;
		sum[1] += counts ? d->kl[i] : 0;
		sum[2] += counts;
	}
	if (d->world->sum(d->world, sum, 3, err))
		return -1;
	*loss = sum[0];
	*mean = sum[2] > 0 ? sum[1] / sum[2] : 0;
	return 0;
}
