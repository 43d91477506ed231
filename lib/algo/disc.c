/* disc.c -- the discriminator on a batch; see disc.h. */
#include "algo/disc.h"

#include "base/json.h"
#include "base/progress.h"

#include <math.h>
#include <stdlib.h>

struct ril_disc {
	struct ril_model *model;
	struct ril_optim *optim;
	struct ril_tokenizer *tok;
	struct ril_disc_options how;
	struct ril_tape *tape;
	struct ril_pack *pack;
	/* of the current batch */
	struct ril_work work;
	struct ril_work_options layout;
	double *z, *dz; /* [work.R] */
	int8_t *label;  /* [work.R] */
	int64_t total[2];
};

struct ril_disc *ril_disc_new(struct ril_model *m, struct ril_optim *optim, struct ril_tokenizer *tok,
			      const struct ril_disc_options *how, struct ril_err *err)
{
	struct ril_disc *d = ril_new(1, sizeof *d, err);
	if (!d)
		return NULL;
	*d = (struct ril_disc){.model = m, .optim = optim, .tok = tok, .how = *how};
	d->tape = ril_tape_new(err);
	d->pack = ril_pack_new(err);
	if (!d->tape || !d->pack) {
		ril_disc_free(d);
		return NULL;
	}
	return d;
}

static void forget_batch(struct ril_disc *d)
{
	ril_work_clear(&d->work);
	free(d->z);
	free(d->dz);
	free(d->label);
	d->z = d->dz = NULL;
	d->label = NULL;
}

void ril_disc_free(struct ril_disc *d)
{
	if (!d)
		return;
	forget_batch(d);
	ril_tape_free(d->tape);
	ril_pack_free(d->pack);
	free(d);
}

void ril_disc_rest(struct ril_disc *d)
{
	ril_tape_reset(d->tape);
	ril_tape_trim(d->tape);
}

static int begin(struct ril_disc *d, const struct ril_batch *b, struct ril_err *err)
{
	d->layout = (struct ril_work_options){.pixels = d->how.pixels,
					      .form = RIL_PACK_SHARED,
					      .use = RIL_PACK_SCORE,
					      .micro_batch = d->how.micro_batch};
	if (ril_work_fill(&d->work, b, &d->model->config, &d->layout, err))
		return -1;
	size_t R = (size_t)d->work.R;
	d->z = ril_new(R, sizeof *d->z, err);
	d->dz = ril_new(R, sizeof *d->dz, err);
	d->label = ril_new(R, sizeof *d->label, err);
	if (!d->z || !d->dz || !d->label)
		return -1;
	d->total[0] = d->total[1] = 0;
	for (size_t k = 0; k < R; k++) {
		const struct ril_work_response *x = &d->work.response[k];
		if (x->len < 1)
			return ril_fail(err, RIL_EFAIL, "'%s': response %d is empty", d->work.group[x->group].in.key,
					x->index);
		d->label[k] = x->source == 0 ? 1 : x->source > 0 ? 0 : -1;
		if (d->label[k] >= 0)
			d->total[d->label[k]]++;
	}
	return 0;
}

/* Logits of micro-batch m at their place in z; *out is where their gradient enters. */
static int forward(struct ril_disc *d, size_t m, struct ril_val **out, struct ril_err *err)
{
	struct ril_val *vis;
	int64_t at = d->work.group[d->work.cut[m]].first;
	ril_tape_reset(d->tape);
	if (ril_work_pack(&d->work, m, &d->layout, d->tape, d->model, d->pack, &vis, err) ||
	    ril_pack_score(d->tape, d->model, d->pack, vis, d->z + at, out, err))
		return -1;
	for (int64_t k = at; k < at + d->pack->R; k++)
		if (!isfinite(d->z[k]))
			return ril_fail(err, RIL_ENONFINITE, "the discriminator's logit is not finite");
	return 0;
}

static int train(struct ril_disc *d, int64_t t, struct ril_bce *bce, double *norm, struct ril_err *err)
{
	*bce = (struct ril_bce){0};
	ril_params_zero_grad(d->model->params);
	ril_tape_record(d->tape, true);
	for (size_t m = 0; m < d->work.cuts; m++) {
		struct ril_val *out;
		int64_t at = d->work.group[d->work.cut[m]].first;
		if (forward(d, m, &out, err))
			return -1;
		ril_bce_loss(d->z + at, d->label + at, (size_t)d->pack->R, d->total, d->dz + at, bce);
		ril_tape_seed(d->tape, out, d->dz + at);
		if (ril_tape_backward(d->tape, err))
			return -1;
	}
	ril_tape_reset(d->tape);
	return ril_optim_step(d->optim, t, norm, err);
}

static int judge(struct ril_disc *d, struct ril_disc_stats *s, struct ril_err *err)
{
	s->after = (struct ril_bce){0};
	ril_tape_record(d->tape, false);
	for (size_t m = 0; m < d->work.cuts; m++) {
		struct ril_val *out;
		if (forward(d, m, &out, err))
			return -1;
	}
	ril_tape_reset(d->tape);
	ril_bce_loss(d->z, d->label, (size_t)d->work.R, d->total, NULL, &s->after);
	for (int64_t k = 0; k < d->work.R; k++)
		if (d->label[k] >= 0)
			s->logit[d->label[k]] += d->z[k] / (double)d->total[d->label[k]];
	return 0;
}

static int write_group(const struct ril_disc *d, const struct ril_work_group *g, struct ril_err *err)
{
	int64_t n = g->n;
	float *v = ril_new((size_t)n, sizeof *v, err);
	if (!v)
		return -1;
	for (int64_t k = 0; k < n; k++)
		v[k] = (float)d->z[g->first + k];
	int rc = ril_record_set(g->record, "disc.logit", RIL_F32, 1, &n, v, err);
	for (int64_t k = 0; k < n; k++)
		v[k] = d->z[g->first + k] < 0;
	if (!rc)
		rc = ril_record_set(g->record, "reward.similarity", RIL_F32, 1, &n, v, err);
	free(v);
	return rc;
}

/* A student's ids that are not what its text encodes to tell D who wrote it, whatever the text says. */
static int look_at_encoding(struct ril_disc *d, struct ril_disc_stats *s, struct ril_err *err)
{
	struct ril_buf text = {0};
	struct ril_ids again = {0};
	int rc = 0;
	for (int64_t k = 0; k < d->work.R && d->tok && !rc; k++) {
		const struct ril_work_response *x = &d->work.response[k];
		const int32_t *ids = d->work.ids + x->token;
		if (x->source != 0)
			continue;
		s->student++;
		text.len = again.n = 0;
		rc = ril_tokenizer_decode(d->tok, ids, (size_t)x->len, false, &text, err);
		if (rc)
			break;
		bool same = ril_utf8_valid(text.data ? text.data : "", text.len, NULL);
		if (same)
			rc = ril_tokenizer_encode(d->tok, text.data ? text.data : "", text.len, true, &again, err);
		same = same && again.n == (size_t)x->len && !memcmp(again.at, ids, again.n * sizeof *ids);
		s->uncanonical += !same;
	}
	ril_buf_free(&text);
	ril_ids_free(&again);
	return rc;
}

int ril_disc_batch(struct ril_disc *d, struct ril_batch *b, int64_t t, struct ril_disc_stats *s, struct ril_err *err)
{
	double t0 = ril_now();
	*s = (struct ril_disc_stats){0};
	int rc = begin(d, b, err);
	int64_t steps = d->optim && d->total[0] + d->total[1] ? d->how.steps : 0;
	if (!rc && d->optim)
		s->lr = ril_learning_rate(&d->optim->how, t);
	for (int64_t k = 0; k < steps && !rc; k++) {
		struct ril_bce bce;
		rc = train(d, t, &bce, &s->norm, err);
		if (k == 0)
			s->before = bce;
	}
	if (!rc)
		rc = judge(d, s, err);
	if (!steps)
		s->before = s->after;
	for (size_t i = 0; i < d->work.n && !rc; i++)
		rc = write_group(d, &d->work.group[i], err);
	if (!rc)
		rc = look_at_encoding(d, s, err);
	forget_batch(d);
	s->seconds = ril_now() - t0;
	return rc ? ril_context(err, "step %lld", (long long)t) : 0;
}

double ril_bce_accuracy(const struct ril_bce *b)
{
	int64_t n = b->n[0] + b->n[1];
	return n ? (double)(b->right[0] + b->right[1]) / (double)n : NAN;
}

static int bce_json(const struct ril_bce *b, const char *name, struct ril_buf *out, struct ril_err *err)
{
	int64_t n = b->n[0] + b->n[1];
	if (!n)
		return ril_buf_printf(out, err, ",\"%s\":null", name);
	return ril_buf_printf(
		out, err,
		",\"%s\":{\"accuracy\":%.6g,\"student_accuracy\":%.6g,\"teacher_accuracy\":%.6g,\"loss\":%.9g}", name,
		ril_bce_accuracy(b), b->n[1] ? (double)b->right[1] / (double)b->n[1] : 0,
		b->n[0] ? (double)b->right[0] / (double)b->n[0] : 0, b->loss);
}

int ril_disc_json(const struct ril_disc_stats *s, int64_t t, struct ril_buf *out, struct ril_err *err)
{
	int64_t n = s->after.n[0] + s->after.n[1];
	if (ril_buf_printf(out, err, "{\"step\":%lld", (long long)t) || bce_json(&s->before, "before", out, err) ||
	    bce_json(&s->after, "after", out, err))
		return -1;
	return ril_buf_printf(out, err,
			      ",\"saturation\":%.6g,\"uncanonical\":%.6g,\"student_logit\":%.6g,\"teacher_logit\":%.6g,"
			      "\"student\":%lld,\"teacher\":%lld,\"lr\":%.9g,\"grad_norm\":%.9g,\"seconds\":%.6g}\n",
			      n ? (double)s->after.saturated / (double)n : 0,
			      s->student ? (double)s->uncanonical / (double)s->student : 0, s->logit[1], s->logit[0],
			      (long long)s->after.n[1], (long long)s->after.n[0], s->lr, s->norm, s->seconds);
}
