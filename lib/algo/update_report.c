/* update_report.c -- what a training step says about itself: statistics by side, JSON, fields for the groups. */
#include "algo/update_internal.h"

#include "base/logistic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum ril_side ril_side_of(int32_t source)
{
	return source == 0 ? RIL_SIDE_STUDENT : source > 0 ? RIL_SIDE_TEACHER : RIL_SIDE_GOLD;
}

static void compare(const float *sampler, const double *trainer, int64_t n, double cap, struct ril_update_stats *s)
{
	for (int64_t i = 0; i < n; i++) {
		if (isnan(sampler[i]))
			continue;
		double d = fabs((double)sampler[i] - trainer[i]);
		s->logp_diff_mean += d;
		s->logp_diff_max = fmax(s->logp_diff_max, d);
		s->compared++;
		if (cap > 0) {
			double c = exp(trainer[i] - (double)sampler[i]);
			s->importance += fmin(c, cap);
			s->capped += c > cap;
		}
	}
}

void ril_side_add(struct ril_side_stats *side, const char *name, double sum, int64_t n)
{
	int i = 0;
	while (i < side->nterms && strcmp(side->term[i].name, name))
		i++;
	if (i == RIL_TERMS)
		return;
	if (i == side->nterms)
		snprintf(side->term[side->nterms++].name, sizeof side->term[0].name, "%s", name);
	side->term[i].sum += sum;
	side->term[i].n += n;
}

static void add_term(struct ril_side_stats *side, const char *name, double v)
{
	if (!isnan(v))
		ril_side_add(side, name, v, 1);
}

/* Means of every scalar a response has: reward.NAME, and the discriminator's probability and saturation. */
static void add_terms(const struct ril_update *u, const struct ril_work_group *g, struct ril_update_stats *s)
{
	for (size_t f = 0; f < ril_record_count(g->record); f++) {
		const struct ril_st_entry *e = ril_record_at(g->record, f);
		bool logit = !strcmp(e->name, "disc.logit");
		if (e->dtype != RIL_F32 || e->ndim != 1 || e->dim[0] != g->in.resp.n ||
		    (strncmp(e->name, "reward.", 7) && !logit))
			continue;
		for (int64_t k = g->first; k < g->first + g->in.text.n; k++) {
			const struct ril_work_response *x = &u->work.response[k];
			struct ril_side_stats *side = &s->side[ril_side_of(x->source)];
			double v = (double)((const float *)e->data)[x->index];
			if (!logit) {
				add_term(side, e->name + 7, v);
				continue;
			}
			double D = ril_logistic(v);
			add_term(side, "disc", D);
			add_term(side, "disc_right", (D >= .5) == (x->source == 0));
			add_term(side, "disc_saturated", D < .01 || D > .99);
		}
	}
}

int ril_update_describe(const struct ril_update *u, struct ril_update_stats *s, struct ril_err *err)
{
	const struct ril_work *w = &u->work;
	for (int64_t k = 0; k < w->R; k++) {
		const struct ril_work_response *x = &w->response[k];
		struct ril_side_stats *side = &s->side[ril_side_of(x->source)];
		side->responses++;
		side->tokens += x->len;
		side->truncated += x->finish == 1;
		if (u->how.overlong > 0 && u->how.objective != RIL_SFT)
			add_term(side, "overlong", ril_overlong((double)x->len, u->most, u->how.overlong));
		for (int64_t i = x->token; i < x->token + x->len; i++)
			side->entropy += u->host.entropy[i];
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct ril_work_group *g = &w->group[i];
		const struct ril_responses *r = &g->in.resp;
		add_terms(u, g, s);
		if (u->how.objective == RIL_SFT)
			continue;
		const float *sampler;
		if (ril_update_sampler(g, &sampler, err))
			return -1;
		if (!sampler)
			continue;
		for (int64_t k = g->first; k < g->first + g->in.text.n; k++) {
			const struct ril_work_response *x = &w->response[k];
			compare(sampler + r->start[x->index], u->host.old + x->token, x->len, u->how.loss.cap, s);
		}
	}
	if (ril_update_pool(u, s, err))
		return -1;
	if (s->compared) {
		s->logp_diff_mean /= (double)s->compared;
		s->importance /= (double)s->compared;
		s->capped /= (double)s->compared;
	}
	return 0;
}

/* ---- fields for -o and --record ---- */

static int set_tokens(const struct ril_update *u, const struct ril_work_group *g, const char *name, const double *from,
		      float *scratch, struct ril_err *err)
{
	const struct ril_responses *r = &g->in.resp;
	int64_t R = r->start[r->n];
	for (int64_t i = 0; i < R; i++)
		scratch[i] = NAN;
	for (int64_t k = g->first; k < g->first + g->in.text.n; k++) {
		const struct ril_work_response *x = &u->work.response[k];
		for (int64_t i = 0; i < x->len; i++)
			scratch[r->start[x->index] + i] = (float)from[x->token + i];
	}
	return ril_record_set(g->record, name, RIL_F32, 1, &R, scratch, err);
}

static int record_group(const struct ril_update *u, const struct ril_work_group *g, struct ril_err *err)
{
	const struct ril_responses *r = &g->in.resp;
	int64_t n = r->n;
	size_t most = (size_t)(r->start[n] > n ? r->start[n] : n);
	float *scratch = ril_new(most, sizeof *scratch, err);
	if (!scratch)
		return -1;
	int rc = set_tokens(u, g, "logp.policy", u->host.logp, scratch, err);
	if (!rc && u->how.objective != RIL_SFT) {
		rc = set_tokens(u, g, "logp.old", u->host.old, scratch, err);
		if (!rc && u->ref)
			rc = set_tokens(u, g, "logp.ref", u->host.ref, scratch, err);
		for (int64_t i = 0; i < n; i++)
			scratch[i] = NAN;
		for (int64_t k = g->first; k < g->first + g->in.text.n; k++)
			scratch[u->work.response[k].index] = (float)u->advantage[k];
		if (!rc)
			rc = ril_record_set(g->record, "advantage", RIL_F32, 1, &n, scratch, err);
	}
	free(scratch);
	return rc;
}

int ril_update_record(const struct ril_update *u, struct ril_err *err)
{
	for (size_t i = 0; i < u->work.n; i++)
		if (record_group(u, &u->work.group[i], err))
			return -1;
	return 0;
}

/* ---- JSON ---- */

static int put(struct ril_buf *b, const char *name, double v, struct ril_err *err)
{
	return isfinite(v) ? ril_buf_printf(b, err, ",\"%s\":%.9g", name, v)
			   : ril_buf_printf(b, err, ",\"%s\":null", name);
}

static double share(double a, double n)
{
	return n != 0 ? a / n : NAN;
}

static int side_json(const struct ril_side_stats *s, const char *name, struct ril_buf *b, struct ril_err *err)
{
	int64_t n = s->responses;
	int rc = ril_buf_printf(b, err, ",\"%s\":{\"responses\":%lld", name, (long long)n);
	rc |= put(b, "tokens", (double)s->tokens, err);
	rc |= put(b, "length", share((double)s->tokens, (double)n), err);
	rc |= put(b, "truncated", share((double)s->truncated, (double)n), err);
	rc |= put(b, "entropy", share(s->entropy, (double)s->tokens), err);
	rc |= put(b, "loss", s->loss.loss, err);
	if (s->rewarded) {
		rc |= put(b, "reward", share(s->reward, (double)s->rewarded), err);
		rc |= put(b, "kl", share(s->loss.k3, s->loss.tokens), err);
		rc |= put(b, "clip_fraction", share(s->loss.clipped, s->loss.tokens), err);
		rc |= put(b, "ratio", share(s->loss.ratio, s->loss.tokens), err);
	}
	for (int i = 0; i < s->nterms; i++)
		rc |= put(b, s->term[i].name, share(s->term[i].sum, (double)s->term[i].n), err);
	return rc | ril_buf_puts(b, "}", err);
}

int ril_update_json(const struct ril_update_stats *s, int64_t t, const char *what, struct ril_buf *b,
		    struct ril_err *err)
{
	static const char *const side[RIL_SIDES] = {"student", "teacher", "gold"};
	struct ril_loss_sums all = {0};
	int64_t tokens = 0;
	int rc = ril_buf_printf(b, err, "{\"step\":%lld,\"objective\":\"%s\"", (long long)t, what);
	for (int i = 0; i < RIL_SIDES; i++) {
		tokens += s->side[i].tokens;
		ril_loss_sums_add(&all, &s->side[i].loss);
	}
	rc |= put(b, "loss", s->loss, err);
	rc |= put(b, "kl", share(all.k3, all.tokens), err);
	if (s->distills)
		rc |= put(b, "distill_kl", s->distill, err);
	rc |= put(b, "clip_fraction", share(all.clipped, all.tokens), err);
	rc |= put(b, "lr", s->lr, err);
	rc |= put(b, "grad_norm", s->norm, err);
	rc |= put(b, "groups", (double)s->groups, err);
	rc |= put(b, "drawn_groups", (double)s->drawn, err);
	rc |= put(b, "responses", (double)s->N, err);
	rc |= put(b, "zero_variance_groups", (double)s->zero_variance, err);
	rc |= put(b, "undecided", (double)s->undecided, err);
	if (s->compared) {
		rc |= put(b, "logp_delta_max", s->logp_diff_max, err);
		rc |= put(b, "logp_delta_mean", s->logp_diff_mean, err);
		if (s->importance > 0) {
			rc |= put(b, "importance", s->importance, err);
			rc |= put(b, "importance_capped", s->capped, err);
		}
	}
	rc |= put(b, "packed_tokens", (double)s->packed_tokens, err);
	rc |= put(b, "seconds", s->seconds, err);
	rc |= put(b, "tokens_per_second", s->seconds > 0 ? (double)tokens / s->seconds : 0, err);
	for (int i = 0; i < RIL_SIDES; i++)
		if (s->side[i].responses)
			rc |= side_json(&s->side[i], side[i], b, err);
	return rc | ril_buf_puts(b, "}\n", err) ? -1 : 0;
}
