/* rollout.c -- sampled responses for a batch; see rollout.h. */
#include "algo/rollout.h"

#include "algo/group.h"
#include "base/progress.h"
#include "text/chat.h"

#include <stdlib.h>

struct ril_rollout {
	struct ril_model *model;
	const struct ril_tokenizer *tok;
	struct ril_rollout_options how;
	struct ril_generator *gen;
};

struct ril_rollout *ril_rollout_new(struct ril_model *m, const struct ril_tokenizer *tok,
				    const struct ril_rollout_options *how, struct ril_err *err)
{
	struct ril_rollout *r = ril_new(1, sizeof *r, err);
	if (!r)
		return NULL;
	*r = (struct ril_rollout){.model = m, .tok = tok, .how = *how};
	if (!(r->gen = ril_generator_new(m, tok, err))) {
		ril_rollout_free(r);
		return NULL;
	}
	return r;
}

void ril_rollout_free(struct ril_rollout *r)
{
	if (!r)
		return;
	ril_generator_free(r->gen);
	free(r);
}

void ril_rollout_rest(struct ril_rollout *r)
{
	ril_generator_rest(r->gen);
}

struct ril_generator_size ril_rollout_size(const struct ril_rollout *r)
{
	return ril_generator_size(r->gen);
}

static const char *const derived[] = {"disc.*", "reward*", "advantage", "logp.*"};

/* True when the draw's distribution is not the one the log-probabilities describe (up to barred ids). */
static bool truncates(const struct ril_sampling *s)
{
	return s->greedy || s->top_k > 0 || s->top_p < 1;
}

/* Makes the group ready for new responses; *first: the number of the first of them. */
static int prepare(const struct ril_rollout *r, struct ril_record *rec, struct ril_group *g, int32_t *first,
		   struct ril_err *err)
{
	const struct ril_config *c = &r->model->config;
	if (r->how.replace) {
		ril_record_drop(rec, "resp.*");
		for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
			ril_record_drop(rec, derived[i]);
	}
	if (ril_group_view(rec, c, r->how.pixels, g, err))
		return -1;
	*first = 0;
	for (int32_t i = 0; i < g->resp.n; i++)
		*first += g->resp.source[i] == 0;
	if (*first && !r->how.append)
		return ril_fail(err, RIL_EFAIL, "'%s': has %d student responses already", g->text.name, *first),
		       ril_setting(err, "append|replace");
	if (c->text.max_positions && g->text.P + r->how.max_new_tokens > c->text.max_positions)
		return ril_fail(err, RIL_EFAIL,
				"'%s': a prompt of %lld tokens and %d new ones do not fit the model's %lld positions",
				g->text.name, (long long)g->text.P, r->how.max_new_tokens,
				(long long)c->text.max_positions);
	return 0;
}

static int add_metadata(const struct ril_rollout *r, struct ril_record *rec, int64_t policy, struct ril_err *err)
{
	const struct ril_sampling *s = &r->how.sampling;
	char how[96];
	if (ril_group_set_number(rec, "policy", (double)policy, err) ||
	    ril_group_set_number(rec, "temperature", s->temperature, err) ||
	    ril_group_set_number(rec, "max_new_tokens", r->how.max_new_tokens, err))
		return -1;
	if (!truncates(s)) {
		ril_record_drop(rec, "truncated_sampling");
		return 0;
	}
	if (s->greedy)
		snprintf(how, sizeof how, "greedy");
	else
		snprintf(how, sizeof how, "top-k %lld, top-p %g", (long long)s->top_k, s->top_p);
	return ril_record_set_meta(rec, "truncated_sampling", how, err);
}

/* Adds a group's new responses gen[n]. */
static int add_responses(const struct ril_rollout *r, struct ril_record *rec, const struct ril_generated *gen,
			 struct ril_rollout_stats *stats, struct ril_err *err)
{
	int32_t n = r->how.n;
	struct ril_new_response *add = ril_new((size_t)n, sizeof *add, err);
	struct ril_buf *text = ril_new((size_t)n, sizeof *text, err);
	int rc = add && text ? 0 : -1;
	for (int32_t k = 0; k < n && !rc; k++) {
		rc = ril_chat_said(r->tok, gen[k].ids, (size_t)gen[k].n, &text[k], err);
		add[k] = (struct ril_new_response){.ids = gen[k].ids,
						   .n = gen[k].n,
						   .source = 0,
						   .finish = gen[k].finish,
						   .logp = gen[k].logp,
						   .text = text[k].data ? text[k].data : ""};
		stats->responses++;
		stats->tokens += gen[k].n;
		stats->truncated += gen[k].finish;
	}
	if (!rc)
		rc = ril_responses_add(rec, add, n, err);
	for (int32_t k = 0; text && k < n; k++)
		ril_buf_free(&text[k]);
	free(text);
	free(add);
	return rc;
}

int ril_rollout_batch(struct ril_rollout *r, struct ril_batch *b, int64_t step, int64_t policy,
		      struct ril_rollout_stats *stats, struct ril_err *err)
{
	double t0 = ril_now();
	size_t n = b->n, all = n * (size_t)r->how.n;
	int rc = -1;
	struct ril_gen_prompt *prompt = ril_new(n, sizeof *prompt, err);
	struct ril_generated *out = ril_new(all, sizeof *out, err);
	if (!prompt || !out)
		goto end;
	for (size_t i = 0; i < n; i++) {
		struct ril_group g;
		int32_t first;
		if (prepare(r, b->group[i], &g, &first, err))
			goto end;
		prompt[i] = (struct ril_gen_prompt){.name = g.text.name,
						    .ids = g.text.prompt,
						    .P = g.text.P,
						    .vision = g.vision,
						    .n = r->how.n,
						    .hash = g.hash,
						    .first = first};
	}
	const struct ril_gen_options how = {.max_new_tokens = r->how.max_new_tokens,
					    .sampling = r->how.sampling,
					    .seed = r->how.seed,
					    .purpose = RIL_RNG_SAMPLE,
					    .step = (uint32_t)step};
	if (n && ril_generate(r->gen, prompt, n, &how, out, err))
		goto end;
	rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		rc = add_responses(r, b->group[i], out + i * (size_t)r->how.n, stats, err);
		if (!rc)
			rc = add_metadata(r, b->group[i], policy, err);
	}
end:
	if (out)
		ril_gen_free(out, all);
	free(out);
	free(prompt);
	stats->seconds += ril_now() - t0;
	return rc;
}
