/* update.c -- the policy's training step; see update.h. */
#include "algo/update_internal.h"

#include "base/progress.h"
#include "ops/backend.h"

#include <math.h>
#include <stdlib.h>

struct ril_update *ril_update_new(struct ril_model *student, struct ril_model *ref, struct ril_optim *optim,
				  const struct ril_update_options *how, struct ril_err *err)
{
	struct ril_update *u = ril_new(1, sizeof *u, err);
	if (!u)
		return NULL;
	*u = (struct ril_update){.student = student, .ref = ref, .optim = optim, .how = *how};
	if (!u->how.reward)
		u->how.reward = how->objective == RIL_RIL ? "reward" : "reward.answer";
	if (!u->how.world)
		u->how.world = &ril_world_one;
	u->tape = ril_tape_new(err);
	u->pack = ril_pack_new(err);
	if (!u->tape || !u->pack) {
		ril_update_free(u);
		return NULL;
	}
	ril_tape_compute(u->tape, student->params->compute);
	ril_tape_recompute(u->tape, how->recompute);
	ril_gather_for(student->params->gather, u->tape);
	return u;
}

void ril_update_forget(struct ril_update *u)
{
	ril_work_clear(&u->work);
	if (u->how.distill)
		ril_distill_forget(u->how.distill);
	free(u->advantage);
	free(u->chosen.group);
	u->advantage = NULL;
	u->chosen = (struct ril_batch){0};
}

void ril_update_free(struct ril_update *u)
{
	if (!u)
		return;
	ril_update_forget(u);
	ril_mirror_free(&u->store);
	ril_tape_free(u->tape);
	ril_pack_free(u->pack);
	free(u);
}

void ril_update_rest(struct ril_update *u)
{
	ril_tape_reset(u->tape);
	ril_tape_trim(u->tape);
	if (u->how.distill)
		ril_distill_rest(u->how.distill);
}

size_t ril_update_peak(const struct ril_update *u)
{
	return ril_tape_peak(u->tape) + (u->how.distill ? ril_distill_peak(u->how.distill) : 0);
}

static bool takes_part(void *ctx, int32_t source)
{
	const struct ril_update *u = ctx;
	return ril_objective_uses(u->how.objective, source);
}

/* ---- what the groups say ---- */

/* One number that all groups must agree on. */
static int agree(const struct ril_record *g, const char *name, double *all, struct ril_err *err)
{
	double v = NAN;
	if (ril_group_number(g, name, &v, err))
		return -1;
	if (isnan(v) || v == *all)
		return 0;
	if (!isnan(*all))
		return ril_fail(err, RIL_EFAIL, "'%s': %s is %g, in the batch's other groups %g", ril_record_key(g),
				name, v, *all);
	*all = v;
	return 0;
}

static int check_policy(const struct ril_record *g, int64_t version, struct ril_err *err)
{
	double policy = (double)version;
	if (ril_group_number(g, "policy", &policy, err))
		return -1;
	if (policy != (double)version)
		return ril_fail(err, RIL_EFAIL,
				"'%s': its responses are of policy version %g, this policy is version %lld: each step "
				"needs responses of the student as it is then",
				ril_record_key(g), policy, (long long)version);
	return 0;
}

static int check_overlong(const struct ril_update *u, struct ril_err *err)
{
	if (!(u->how.overlong > 0) || u->most >= u->how.overlong)
		return 0;
	if (isnan(u->most))
		ril_fail(err, RIL_EFAIL, "the groups carry no max_new_tokens, up to which rewards are to fall");
	else
		ril_fail(err, RIL_EFAIL, "max_new_tokens is %g, less than the %g tokens over which rewards are to fall",
			 u->most, u->how.overlong);
	return ril_setting(err, "overlong");
}

static int check_groups(struct ril_update *u, const struct ril_batch *b, int64_t t, struct ril_err *err)
{
	u->temperature = u->length = NAN;
	for (size_t i = 0; i < b->n; i++) {
		const struct ril_record *g = b->group[i];
		const char *how = ril_record_meta(g, "truncated_sampling");
		if (check_policy(g, t - 1, err) || agree(g, "temperature", &u->temperature, err) ||
		    agree(g, "max_new_tokens", &u->length, err))
			return -1;
		if (how && !u->how.allow_truncated_sampling)
			return ril_fail(err, RIL_EFAIL,
					"'%s': responses were drawn with %s: not the policy's distribution",
					ril_record_key(g), ril_short(how)),
			       ril_setting(err, "allow truncated sampling");
	}
	if (ril_update_settle(u, err))
		return -1;
	if (isnan(u->temperature))
		u->temperature = 1;
	if (u->temperature <= 0)
		return ril_fail(err, RIL_ECORRUPT, "temperature %g", u->temperature);
	u->most = u->length;
	if (u->how.length > 0)
		u->length = u->how.length;
	if (b->n && check_overlong(u, err))
		return -1;
	if (b->n && !(u->length > 0) && ril_objective_row(u->how.objective)->divisor == RIL_BY_CONSTANT)
		return ril_fail(err, RIL_EFAIL,
				"the groups carry no max_new_tokens, from which the loss takes its constant"),
		       ril_setting(err, "length");
	return 0;
}

/* ---- advantages and weights ---- */

static int group_advantages(struct ril_update *u, const struct ril_work_group *g, struct ril_update_stats *s,
			    struct ril_err *err)
{
	const struct ril_responses *r = &g->in.resp;
	const float *reward = ril_group_scalars(g->record, u->how.reward, r->n, err);
	if (!reward)
		return err->code ? -1
				 : ril_fail(err, RIL_EFAIL, "'%s': %s is missing (ril-score)", g->in.text.name,
					    u->how.reward);
	for (int32_t i = 0; i < r->n; i++)
		if (isinf(reward[i]))
			return ril_fail(err, RIL_ENONFINITE, "'%s': %s of response %d is infinite", g->in.text.name,
					u->how.reward, i);
	double *A = ril_new((size_t)r->n, sizeof *A + sizeof(float), err);
	if (!A)
		return -1;
	float *shaped = (float *)(A + r->n);
	for (int32_t i = 0; i < r->n; i++)
		shaped[i] = u->how.overlong > 0 ? reward[i] + (float)ril_overlong(r->start[i + 1] - r->start[i],
										  u->most, u->how.overlong)
						: reward[i];
	struct ril_group_stats gs = ril_advantages(u->how.objective, r->n, shaped, r->source, A);
	for (int64_t k = g->first; k < g->first + g->in.text.n; k++) {
		const struct ril_work_response *x = &u->work.response[k];
		u->advantage[k] = A[x->index];
		struct ril_side_stats *side = &s->side[ril_side_of(x->source)];
		if (!isnan(reward[x->index])) {
			side->reward += (double)reward[x->index];
			side->rewarded++;
		}
	}
	free(A);
	s->zero_variance += gs.zero_variance;
	s->undecided += gs.undecided;
	return 0;
}

/* Advantages that are normalised over the batch. */
static int scale_advantages(struct ril_update *u, struct ril_err *err)
{
	const struct ril_work *w = &u->work;
	int64_t *len = ril_new((size_t)w->R, sizeof *len, err);
	if (!len)
		return -1;
	for (int64_t k = 0; k < w->R; k++)
		len[k] = w->response[k].len;
	int rc = ril_advantages_scale(u->how.objective, w->R, len, u->advantage, u->how.world, err);
	free(len);
	return rc;
}

static int weigh(struct ril_update *u, struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_work *w = &u->work;
	for (size_t i = 0; i < w->n; i++) {
		const struct ril_work_group *g = &w->group[i];
		if (!g->in.text.n)
			return ril_fail(err, RIL_EFAIL, "'%s': no response that the objective could use",
					g->in.text.name);
		if (u->how.objective != RIL_SFT && group_advantages(u, g, s, err))
			return -1;
	}
	if (scale_advantages(u, err))
		return -1;
	double count[2] = {(double)w->R, (double)w->T};
	if (u->how.world->sum(u->how.world, count, 2, err))
		return -1;
	s->N = (int64_t)count[0];
	return ril_update_send(u, s->N, (int64_t)count[1], err);
}

/* ---- passes ---- */

static struct ril_logps logps_from(struct ril_logps x, int64_t token)
{
	return (struct ril_logps){x.logp + token, x.entropy ? x.entropy + token : NULL,
				  x.dlogp ? x.dlogp + token : NULL, x.dentropy ? x.dentropy + token : NULL};
}

/* Log-probabilities of micro-batch m under a model, at its place in the arrays; device. */
static int forward(struct ril_update *u, size_t m, struct ril_model *model, bool pixels, struct ril_logps to,
		   struct ril_err *err)
{
	struct ril_val *vis;
	struct ril_work_options layout = u->layout;
	layout.pixels = pixels;
	ril_tape_reset(u->tape);
	if (ril_work_pack(&u->work, m, &layout, u->tape, model, u->pack, &vis, err))
		return -1;
	return ril_pack_logp(u->tape, model, u->pack, vis, 1 / u->temperature,
			     logps_from(to, u->work.group[u->work.cut[m]].token), err);
}

static int reference(struct ril_update *u, struct ril_err *err)
{
	ril_tape_record(u->tape, false);
	for (size_t m = 0; m < u->work.cuts; m++)
		if (forward(u, m, u->ref, false, (struct ril_logps){.logp = u->device.ref}, err))
			return ril_context(err, "reference");
	return 0;
}

/* Loss and its gradient by log-probability, for the tokens of micro-batch m. */
static void losses(struct ril_update *u, size_t m, bool first, const struct ril_logps *of)
{
	const struct ril_ops *ops = ril_ops();
	const struct ril_token_values *d = &u->device;
	const struct ril_work_group *g = &u->work.group[u->work.cut[m]];
	const struct ril_objective_row *row = ril_objective_row(u->how.objective);
	int64_t at = g->token,
		end = u->work.cut[m + 1] < u->work.n ? u->work.group[u->work.cut[m + 1]].first : u->work.R;
	struct ril_loss_tokens x = {u->pack->R, d->logp + at, d->weight + at, d->side + at};
	if (u->how.objective == RIL_SFT) {
		ops->sft_loss(d->dlogp + at, d->sums, x);
		return;
	}
	struct ril_loss_settings how = u->how.loss;
	if (!u->ref)
		how.beta = 0;
	struct ril_policy_tokens p = {.advantage = d->advantage + at,
				      .old = first ? NULL : d->old + at,
				      .ref = d->ref + at,
				      .sampler = d->sampler + at,
				      .entropy = of->entropy ? of->entropy + at : NULL,
				      .start = row->sequence ? d->start + g->first : NULL,
				      .responses = end - g->first};
	ops->policy_loss(d->dlogp + at, d->dentropy + at, d->sums, x, p, ril_surrogate_of(u->how.objective, &how));
}

/* Old log-probabilities are the first pass's, unless that one has dropout: then a pass without finds them, as the sampler and the
 * reference have none. */
static bool old_apart(const struct ril_update *u)
{
	const struct ril_adapters *a = u->student->params->adapters;
	return a && a->dropout > 0 && u->how.objective != RIL_SFT && u->optim->how.lr > 0;
}

static int old_pass(struct ril_update *u, struct ril_err *err)
{
	const struct ril_logps to = {.logp = u->device.old, .entropy = u->device.entropy};
	struct ril_gather *g = u->student->params->gather;
	size_t passes;
	ril_tape_record(u->tape, false);
	if (ril_gather_passes(g, u->work.cuts, &passes, err))
		return -1;
	for (size_t m = 0; m < passes; m++) {
		ril_gather_begin(g, false);
		if ((m < u->work.cuts && forward(u, m, u->student, u->how.pixels, to, err)) || ril_gather_end(g, err))
			return ril_context(err, "old log-probabilities");
	}
	return 0;
}

/* The first and only wait of a pass: the optimiser may not step on what is not a number. */
static int end_pass(struct ril_update *u, struct ril_update_stats *s, struct ril_err *err)
{
	if (ril_tape_check(u->tape, err) || ril_update_sums(u, err))
		return -1;
	s->loss = 0;
	for (int i = 0; i < RIL_SIDES; i++) {
		s->side[i].loss = u->host.sums[i];
		s->loss += u->host.sums[i].loss;
	}
	double term = 0;
	if (u->how.distill && ril_distill_end(u->how.distill, &term, &s->distill, err))
		return -1;
	s->loss += term;
	return isfinite(s->loss) ? 0 : ril_fail(err, RIL_ENONFINITE, "the loss is not finite");
}

/* What a pass fills: the first one's entropies are reported, the loss reads its own pass's. */
static struct ril_logps wanted(const struct ril_update *u, bool first)
{
	const struct ril_token_values *d = &u->device;
	bool bonus = u->how.objective != RIL_SFT && u->how.loss.bonus != 0;
	return (struct ril_logps){d->logp,
				  first   ? d->entropy
				  : bonus ? d->later
					  : NULL,
				  d->dlogp, bonus ? d->dentropy : NULL};
}

static int gradient_part(struct ril_update *u, size_t m, bool first, struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_logps to = wanted(u, first);
	if (forward(u, m, u->student, u->how.pixels, to, err))
		return -1;
	s->packed_tokens += u->pack->tokens.T;
	if (u->how.distill &&
	    ril_distill_part(u->how.distill, m, u->tape, ril_pack_hidden(u->pack), &u->student->head, err))
		return -1;
	losses(u, m, first, &to);
	return ril_reduce_backward(u->optim->reduce, u->tape, err);
}

/* The micro-batches of a pass, with dropout where the adapters have any. */
static int gradient_parts(struct ril_update *u, bool first, struct ril_update_stats *s, struct ril_err *err)
{
	size_t passes;
	if (ril_gather_passes(u->student->params->gather, u->work.cuts, &passes, err))
		return -1;
	for (size_t m = 0; m < passes; m++) {
		if (m >= u->work.cuts) {
			if (ril_reduce_idle(u->optim->reduce, u->tape, m + 1 == passes, err))
				return -1;
			continue;
		}
		ril_reduce_pass(u->optim->reduce, u->tape, m + 1 == passes);
		if (gradient_part(u, m, first, s, err))
			return -1;
	}
	ril_reduce_rest(u->optim->reduce);
	return 0;
}

int ril_update_gradient(struct ril_update *u, bool first, struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_drops drops = {.seed = u->optim->seed, .step = (uint32_t)u->step, .pass = (uint32_t)u->pass};
	ril_params_zero_grad(u->student->params);
	ril_ops()->zero(u->device.sums, RIL_SIDES * sizeof *u->device.sums);
	ril_tape_record(u->tape, true);
	ril_tape_drops(u->tape, u->optim->how.lr > 0 ? &drops : NULL); /* a rate of 0 measures, and trains nothing */
	s->packed_tokens = 0;
	int rc = gradient_parts(u, first, s, err);
	ril_tape_drops(u->tape, NULL);
	ril_tape_reset(u->tape);
	return rc ? -1 : end_pass(u, s, err);
}

static int lay_out(struct ril_update *u, const struct ril_batch *b, int64_t t, struct ril_update_stats *s,
		   struct ril_err *err)
{
	u->layout = (struct ril_work_options){.uses = takes_part,
					      .ctx = u,
					      .pixels = u->how.pixels,
					      .form = RIL_PACK_SHARED,
					      .use = RIL_PACK_POLICY,
					      .micro_batch = u->how.micro_batch,
					      .tokens = u->how.micro_tokens};
	if (u->how.objective == RIL_SFT)
		u->temperature = u->length = 1;
	else if (check_groups(u, b, t, err))
		return -1;
	if (u->how.wanted && u->how.objective != RIL_SFT) {
		if (ril_update_choose(u, b, s, err))
			return -1;
		b = &u->chosen;
	}
	s->groups = (int64_t)b->n;
	if (ril_work_fill(&u->work, b, &u->student->config, &u->layout, err))
		return -1;
	u->advantage = ril_new((size_t)u->work.R, sizeof *u->advantage, err);
	return u->advantage ? 0 : -1;
}

int ril_update_begin(struct ril_update *u, const struct ril_batch *b, int64_t t, struct ril_update_stats *s,
		     struct ril_err *err)
{
	*s = (struct ril_update_stats){.drawn = (int64_t)b->n, .distills = u->how.distill != NULL};
	u->step = t;
	u->pass = 0;
	if (lay_out(u, b, t, s, err) || weigh(u, s, err))
		return -1;
	return !u->how.distill
		       ? 0
		       : ril_distill_begin(u->how.distill, u->chosen.group ? &u->chosen : b, &u->work, &u->layout,
					   u->how.mask_truncated, u->temperature, u->how.world, err);
}

static int all_passes(struct ril_update *u, int64_t t, struct ril_update_stats *s, struct ril_err *err)
{
	bool apart = old_apart(u);
	if (apart && old_pass(u, err))
		return -1;
	for (u->pass = 0; u->pass < u->how.mu; u->pass++) {
		bool first = u->pass == 0 && !apart;
		if (ril_update_gradient(u, first, s, err))
			return -1;
		if (first)
			ril_ops()->copy(u->device.old, u->device.logp, (size_t)u->work.T * sizeof(double));
		if (ril_optim_step(u->optim, t, &s->norm, err))
			return -1;
	}
	return 0;
}

int ril_update_batch(struct ril_update *u, struct ril_batch *b, int64_t t, struct ril_update_stats *s,
		     struct ril_err *err)
{
	double t0 = ril_now();
	int rc = ril_update_begin(u, b, t, s, err);
	if (!rc && u->ref && s->N && u->how.objective != RIL_SFT)
		rc = reference(u, err);
	s->lr = ril_learning_rate(&u->optim->how, t);
	if (!rc && s->N)
		rc = all_passes(u, t, s, err);
	if (!rc) {
		ril_update_fetch(u);
		rc = ril_update_describe(u, s, err);
	}
	if (!rc && u->how.record)
		rc = ril_update_record(u, err);
	ril_update_forget(u);
	s->seconds = ril_now() - t0;
	return rc ? ril_context(err, "step %lld", (long long)t) : 0;
}
