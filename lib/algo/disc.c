/* disc.c -- the discriminator on a batch; see disc.h. */
#include "algo/disc.h"

#include "algo/mirror_internal.h"
#include "algo/penalty_internal.h"
#include "base/json.h"
#include "base/logistic.h"
#include "base/progress.h"
#include "ops/backend.h"

#include <math.h>
#include <stdlib.h>

/* What a pass adds up; doubles alone. */
struct sums {
	struct ril_bce_sums bce;
	double squares; /* of what noise does to the logits */
};

/* What a batch's responses have, on the device and on the host. */
struct logits {
	struct sums *sums; /* of one pass */
	int64_t *start;    /* [work.n + 1]: each group's first response */
	ril_real *z;       /* [work.R] */
	int8_t *label;     /* [work.R]: 1 student, 0 teacher, -1 neither */
};

struct ril_disc {
	struct ril_model *model;
	struct ril_optim *optim;
	struct ril_tokenizer *tok;
	struct ril_disc_options how;
	struct ril_tape *tape;
	struct ril_pack *pack;
	struct ril_mirror store;
	struct ril_penalty penalty;
	/* of the current batch */
	struct ril_work work;
	struct ril_work_options layout;
	struct logits host, device; /* in the store */
	int64_t total[2];           /* teacher, student responses in the world */
	double weight[2];           /* of one of each in the loss */
	double pairs;               /* of one of each of a group, in the world */
};

struct ril_disc *ril_disc_new(struct ril_model *m, struct ril_optim *optim, struct ril_tokenizer *tok,
			      const struct ril_disc_options *how, struct ril_err *err)
{
	struct ril_disc *d = ril_new(1, sizeof *d, err);
	if (!d)
		return NULL;
	*d = (struct ril_disc){.model = m, .optim = optim, .tok = tok, .how = *how};
	if (!d->how.world)
		d->how.world = &ril_world_one;
	d->penalty = (struct ril_penalty){.weight = how->r1, .sigma = how->sigma, .seed = how->seed};
	d->tape = ril_tape_new(err);
	d->pack = ril_pack_new(err);
	if (!d->tape || !d->pack) {
		ril_disc_free(d);
		return NULL;
	}
	ril_tape_compute(d->tape, m->params->compute);
	ril_tape_recompute(d->tape, how->recompute);
	ril_gather_for(m->params->gather, d->tape);
	return d;
}

void ril_disc_free(struct ril_disc *d)
{
	if (!d)
		return;
	ril_work_clear(&d->work);
	ril_mirror_free(&d->store);
	ril_penalty_free(&d->penalty);
	ril_tape_free(d->tape);
	ril_pack_free(d->pack);
	free(d);
}

void ril_disc_rest(struct ril_disc *d)
{
	ril_tape_reset(d->tape);
	ril_tape_trim(d->tape);
}

size_t ril_disc_peak(const struct ril_disc *d)
{
	return ril_tape_peak(d->tape);
}

static struct logits lay(void *block, const struct ril_work *w)
{
	struct sums *sums = block;
	int64_t *start = (void *)(sums + 1);
	ril_real *z = (void *)(start + w->n + 1);
	return (struct logits){sums, start, z, (int8_t *)(z + w->R)};
}

/* Bytes of it. */
static size_t laid(const struct ril_work *w)
{
	return sizeof(struct sums) + (w->n + 1) * sizeof(int64_t) + (size_t)w->R * (sizeof(ril_real) + 1);
}

/* Where groups begin, and their pairs. */
static void count_pairs(struct ril_disc *d, double *pairs)
{
	for (size_t i = 0; i < d->work.n; i++) {
		const struct ril_work_group *g = &d->work.group[i];
		double sides[2] = {0};
		d->host.start[i] = g->first;
		for (int64_t k = g->first; k < g->first + g->in.text.n; k++)
			if (d->host.label[k] >= 0)
				sides[d->host.label[k]]++;
		*pairs += sides[0] * sides[1];
	}
	d->host.start[d->work.n] = d->work.R;
}

/* Labels and their counts. */
static int label(struct ril_disc *d, struct ril_err *err)
{
	double total[3] = {0}; /* by label, and pairs */
	if (ril_mirror_grow(&d->store, laid(&d->work), err))
		return -1;
	d->host = lay(d->store.host, &d->work);
	d->device = lay(d->store.device, &d->work);
	for (size_t k = 0; k < (size_t)d->work.R; k++) {
		const struct ril_work_response *x = &d->work.response[k];
		if (x->len < 1)
			return ril_fail(err, RIL_EFAIL, "'%s': response %d is empty",
					d->work.group[x->group].in.text.name, x->index);
		d->host.label[k] = x->source == 0 ? 1 : x->source > 0 ? 0 : -1;
		if (d->host.label[k] >= 0)
			total[d->host.label[k]]++;
	}
	count_pairs(d, &total[2]);
	ril_mirror_up(&d->store, d->host.label, (size_t)d->work.R);
	ril_mirror_up(&d->store, d->host.start, (d->work.n + 1) * sizeof *d->host.start);
	if (d->how.world->sum(d->how.world, total, 3, err))
		return -1;
	d->pairs = total[2];
	for (int side = 0; side < 2; side++)
		d->total[side] = (int64_t)total[side];
	ril_bce_weights(d->total, d->weight);
	return 0;
}

/* learns: the batch is trained on, and judged perhaps. */
static int begin(struct ril_disc *d, const struct ril_batch *b, bool learns, struct ril_err *err)
{
	d->layout = (struct ril_work_options){.pixels = d->how.pixels,
					      .blind = d->how.blind,
					      .again = learns && d->how.r1 > 0 ? ril_penalty_real : NULL,
					      .form = RIL_PACK_SHARED,
					      .use = RIL_PACK_SCORE,
					      .micro_batch = d->how.micro_batch};
	return ril_work_fill(&d->work, b, &d->model->config, &d->layout, err) || label(d, err) ? -1 : 0;
}

/* Which noise is drawn. */
struct draw {
	int64_t t, k; /* training step; optimiser step of it */
};

/* Logits [n,1] of micro-batch m, and in training those with noise after them (noise NULL: judgement). */
static int forward(struct ril_disc *d, size_t m, const struct draw *noise, struct ril_val **z, struct ril_err *err)
{
	struct ril_val *vis;
	struct ril_work_options how = d->layout;
	if (!noise)
		how.again = NULL;
	ril_tape_reset(d->tape);
	if (ril_work_pack(&d->work, m, &how, d->tape, d->model, d->pack, &vis, err) ||
	    (how.again && ril_penalty_draw(&d->penalty, &d->work, m, noise->t, noise->k, d->pack,
					   d->model->config.text.hidden, err)))
		return -1;
	return ril_pack_score(d->tape, d->model, d->pack, vis, z, err);
}

/* The wait of a pass, and what it found: its sums, and with `logits` host.z. */
static int end_pass(struct ril_disc *d, bool logits, struct sums *sums, struct ril_err *err)
{
	const char *end = logits ? (const char *)(d->host.z + d->work.R) : (const char *)(d->host.sums + 1);
	size_t bytes = (size_t)(end - (const char *)d->host.sums);
	ril_tape_reset(d->tape);
	if (ril_tape_check(d->tape, err))
		return -1;
	ril_mirror_down(&d->store, d->host.sums, bytes);
	*sums = *d->host.sums;
	if (d->how.world->sum(d->how.world, (double *)sums, sizeof *sums / sizeof(double), err))
		return -1;
	return sums->bce.broken > 0 || !isfinite(sums->squares)
		       ? ril_fail(err, RIL_ENONFINITE, "the discriminator's logit is not finite")
		       : 0;
}

/* The loss of groups [from, to), whose first logit is z's. */
static void add_loss(const struct ril_disc *d, struct ril_mat dz, struct ril_mat z, size_t from, size_t to)
{
	const int8_t *label = d->device.label + d->work.group[from].first;
	if (d->how.loss == RIL_DISC_BRADLEY_TERRY)
		ril_ops()->pair_loss(dz, &d->device.sums->bce, z, label,
				     (struct ril_pairs){.start = d->device.start + from,
							.groups = (int64_t)(to - from),
							.weight = d->pairs > 0 ? 1 / d->pairs : 0,
							.smoothing = d->how.smoothing});
	else
		ril_ops()->bce_loss(dz, &d->device.sums->bce, z, label,
				    (struct ril_bce){d->weight[0], d->weight[1], d->how.smoothing});
}

/* Is there anything to learn from the batch? */
static bool teaches(const struct ril_disc *d)
{
	return d->how.loss == RIL_DISC_BRADLEY_TERRY ? d->pairs > 0 : d->total[0] + d->total[1] > 0;
}

/* The loss of micro-batch m, whose logits are z. */
static int add_losses(struct ril_disc *d, size_t m, struct ril_val *z, struct ril_err *err)
{
	struct ril_mat dz = ril_tape_seed(d->tape, z);
	int64_t n = d->pack->R - d->pack->again;
	double each = d->total[0] ? d->how.r1 / (double)d->total[0] : 0;
	add_loss(d, dz.p ? ril_mat_rows(dz, 0, n) : dz, ril_mat_rows(z->m, 0, n), d->work.cut[m], d->work.cut[m + 1]);
	return ril_penalty_add(&d->penalty, d->pack, dz, z->m, each, &d->device.sums->squares, err);
}

/* Gradients of the whole batch. */
static int learn_parts(struct ril_disc *d, struct draw noise, struct ril_err *err)
{
	struct ril_reduce *reduce = d->optim->reduce;
	size_t passes;
	if (ril_gather_passes(d->model->params->gather, d->work.cuts, &passes, err))
		return -1;
	for (size_t m = 0; m < passes; m++) {
		struct ril_val *z;
		bool last = m + 1 == passes;
		if (m < d->work.cuts)
			ril_reduce_pass(reduce, d->tape, last);
		if (m < d->work.cuts ? forward(d, m, &noise, &z, err) || add_losses(d, m, z, err) ||
					       ril_reduce_backward(reduce, d->tape, err)
				     : ril_reduce_idle(reduce, d->tape, last, err))
			return -1;
	}
	ril_reduce_rest(d->optim->reduce);
	return 0;
}

static int train(struct ril_disc *d, struct draw noise, struct sums *sums, double *norm, struct ril_err *err)
{
	const struct ril_drops drops = {d->optim->seed, RIL_DROPS_DISC, (uint32_t)noise.t, (uint32_t)noise.k};
	if (d->layout.again && ril_penalty_begin(&d->penalty, d->model, d->tape, err))
		return -1;
	ril_ops()->zero(d->device.sums, sizeof *d->device.sums);
	ril_params_zero_grad(d->model->params);
	ril_tape_record(d->tape, true);
	ril_tape_drops(d->tape, d->optim->how.lr > 0 ? &drops : NULL); /* a rate of 0 trains nothing */
	int rc = learn_parts(d, noise, err);
	ril_tape_drops(d->tape, NULL);
	if (rc)
		return -1;
	return end_pass(d, false, sums, err) || ril_optim_step(d->optim, noise.t, norm, err) ? -1 : 0;
}

static int judge(struct ril_disc *d, struct ril_disc_stats *s, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct sums sums;
	struct ril_gather *g = d->model->params->gather;
	size_t passes;
	ril_tape_record(d->tape, false);
	if (ril_gather_passes(g, d->work.cuts, &passes, err))
		return -1;
	for (size_t m = 0; m < passes; m++) {
		struct ril_val *z;
		ril_gather_begin(g, false);
		if ((m < d->work.cuts && forward(d, m, NULL, &z, err)) || ril_gather_end(g, err))
			return -1;
		if (m < d->work.cuts)
			ops->copy(d->device.z + d->work.group[d->work.cut[m]].first, z->m.p, ril_mat_bytes(z->m));
	}
	ops->zero(d->device.sums, sizeof *d->device.sums);
	if (d->work.n)
		add_loss(d, RIL_NO_MAT, ril_mat_of(d->device.z, RIL_REAL, d->work.R, 1), 0, d->work.n);
	if (end_pass(d, true, &sums, err))
		return -1;
	s->after = sums.bce;
	for (int64_t k = 0; k < d->work.R; k++)
		if (d->host.label[k] >= 0)
			s->logit[d->host.label[k]] += (double)d->host.z[k] / (double)d->total[d->host.label[k]];
	return d->how.world->sum(d->how.world, s->logit, 2, err);
}

static float similarity(enum ril_similarity how, double z)
{
	switch (how) {
	case RIL_SIMILARITY_PROBABILITY: return (float)ril_logistic(-z);
	case RIL_SIMILARITY_LOGIT: return (float)-z;
	default: return z < 0;
	}
}

static int write_group(const struct ril_disc *d, const struct ril_work_group *g, struct ril_err *err)
{
	int64_t n = g->in.text.n;
	float *v = ril_new((size_t)n, sizeof *v, err);
	if (!v)
		return -1;
	for (int64_t k = 0; k < n; k++)
		v[k] = (float)d->host.z[g->first + k];
	int rc = ril_record_set(g->record, "disc.logit", RIL_F32, 1, &n, v, err);
	for (int64_t k = 0; k < n; k++)
		v[k] = similarity(d->how.similarity, (double)d->host.z[g->first + k]);
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
		const struct ril_responses *r = &d->work.group[x->group].in.resp;
		const int32_t *ids = r->ids + r->start[x->index];
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

/* The steps on a batch. */
static int learn(struct ril_disc *d, const struct ril_batch *b, int64_t t, struct ril_disc_stats *s,
		 struct ril_err *err)
{
	int rc = begin(d, b, true, err);
	int64_t steps = !rc && teaches(d) ? d->how.steps : 0;
	for (int64_t k = 0; k < steps && !rc; k++) {
		struct sums sums;
		rc = train(d, (struct draw){t, k}, &sums, &s->norm, err);
		if (k)
			continue;
		s->before = sums.bce;
		if (d->layout.again && d->total[0])
			s->r1 = sums.squares / (double)d->total[0];
	}
	s->trained = steps > 0;
	return rc;
}

/* The steps on a batch and on earlier groups, after which its own are kept. */
static int learn_with_earlier(struct ril_disc *d, const struct ril_batch *b, int64_t t, struct ril_disc_stats *s,
			      struct ril_err *err)
{
	int64_t most = d->how.replayed ? d->how.replayed : (int64_t)b->n;
	struct ril_batch both = *b;
	if (!(both.group = ril_new(b->n + (size_t)most, sizeof *both.group, err)))
		return -1;
	memcpy(both.group, b->group, b->n * sizeof *both.group);
	s->replayed = ril_replay_draw(d->how.replay, t, most, both.group + b->n, err);
	int rc = s->replayed < 0 ? -1 : 0;
	if (!rc) {
		both.n += (size_t)s->replayed;
		rc = learn(d, &both, t, s, err);
	}
	ril_work_clear(&d->work);
	free(both.group);
	return rc ? rc : ril_replay_keep(d->how.replay, b, t, err);
}

/* What was counted, of the world. */
static int pool(const struct ril_disc *d, struct ril_disc_stats *s, struct ril_err *err)
{
	double n[3] = {(double)s->student, (double)s->uncanonical, (double)s->replayed};
	if (d->how.world->sum(d->how.world, n, 3, err))
		return -1;
	s->student = (int64_t)n[0];
	s->uncanonical = (int64_t)n[1];
	s->replayed = (int64_t)n[2];
	return 0;
}

int ril_disc_batch(struct ril_disc *d, struct ril_batch *b, int64_t t, struct ril_disc_stats *s, struct ril_err *err)
{
	double t0 = ril_now();
	*s = (struct ril_disc_stats){.r1 = NAN};
	bool learns = d->optim && d->how.steps > 0, earlier = learns && d->how.replay;
	int rc = 0;
	if (d->optim)
		s->lr = ril_learning_rate(&d->optim->how, t);
	if (earlier)
		rc = learn_with_earlier(d, b, t, s, err);
	else if (learns)
		rc = learn(d, b, t, s, err);
	if (!rc && (earlier || !learns))
		rc = begin(d, b, false, err);
	if (!rc)
		rc = judge(d, s, err);
	if (!s->trained)
		s->before = s->after;
	for (size_t i = 0; i < d->work.n && !rc; i++)
		rc = write_group(d, &d->work.group[i], err);
	if (!rc)
		rc = look_at_encoding(d, s, err) || pool(d, s, err) ? -1 : 0;
	ril_work_clear(&d->work);
	s->seconds = ril_now() - t0;
	return rc ? ril_context(err, "step %lld", (long long)t) : 0;
}

double ril_bce_accuracy(const struct ril_bce_sums *b)
{
	double n = b->n[0] + b->n[1];
	return n > 0 ? (b->right[0] + b->right[1]) / n : NAN;
}

static int bce_json(const struct ril_bce_sums *b, const char *name, struct ril_buf *out, struct ril_err *err)
{
	if (!(b->n[0] + b->n[1] > 0))
		return ril_buf_printf(out, err, ",\"%s\":null", name);
	return ril_buf_printf(
		out, err,
		",\"%s\":{\"accuracy\":%.6g,\"student_accuracy\":%.6g,\"teacher_accuracy\":%.6g,\"loss\":%.9g}", name,
		ril_bce_accuracy(b), b->n[1] > 0 ? b->right[1] / b->n[1] : 0, b->n[0] > 0 ? b->right[0] / b->n[0] : 0,
		b->loss);
}

int ril_disc_json(const struct ril_disc_stats *s, int64_t t, struct ril_buf *out, struct ril_err *err)
{
	double n = s->after.n[0] + s->after.n[1];
	if (ril_buf_printf(out, err, "{\"step\":%lld", (long long)t) || bce_json(&s->before, "before", out, err) ||
	    bce_json(&s->after, "after", out, err))
		return -1;
	if (s->replayed && ril_buf_printf(out, err, ",\"replayed\":%lld", (long long)s->replayed))
		return -1;
	if (!isnan(s->r1) && ril_buf_printf(out, err, ",\"r1\":%.9g", s->r1))
		return -1;
	return ril_buf_printf(out, err,
			      ",\"saturation\":%.6g,\"uncanonical\":%.6g,\"student_logit\":%.6g,\"teacher_logit\":%.6g,"
			      "\"student\":%lld,\"teacher\":%lld,\"lr\":%.9g,\"grad_norm\":%.9g,\"seconds\":%.6g}\n",
			      n > 0 ? s->after.saturated / n : 0,
			      s->student ? (double)s->uncanonical / (double)s->student : 0, s->logit[1], s->logit[0],
			      (long long)s->after.n[1], (long long)s->after.n[0], s->lr, s->norm, s->seconds);
}
