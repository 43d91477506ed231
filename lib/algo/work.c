/* work.c -- a batch laid out for training; see work.h. */
#include "algo/work.h"

#include <stdlib.h>

void ril_work_clear(struct ril_work *w)
{
	free(w->group);
	free(w->response);
	free(w->picks);
	free(w->cut);
	*w = (struct ril_work){0};
}

static bool takes_part(const struct ril_work_options *o, const struct ril_responses *r, int32_t i)
{
	return !o->uses || o->uses(o->ctx, r->source[i]);
}

static int allocate(struct ril_work *w, const struct ril_work_options *o, struct ril_err *err)
{
	size_t again = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct ril_responses *r = &w->group[i].in.resp;
		for (int32_t k = 0; k < r->n; k++)
			if (takes_part(o, r, k)) {
				w->R++;
				w->T += r->start[k + 1] - r->start[k];
				again += o->again && o->again(r->source[k]);
			}
	}
	w->response = ril_new((size_t)w->R, sizeof *w->response, err);
	w->picks = ril_new((size_t)w->R + again, sizeof *w->picks, err);
	w->cut = ril_new(w->n + 1, sizeof *w->cut, err);
	return w->response && w->picks && w->cut ? 0 : -1;
}

static void lay_out(struct ril_work *w, const struct ril_work_options *o)
{
	int64_t R = 0, T = 0;
	int32_t *pick = w->picks;
	for (size_t i = 0; i < w->n; i++) {
		struct ril_work_group *g = &w->group[i];
		const struct ril_responses *r = &g->in.resp;
		g->first = R;
		g->token = T;
		g->in.text.pick = pick;
		g->in.text.n = g->again = 0;
		for (int32_t k = 0; k < r->n; k++) {
			if (!takes_part(o, r, k))
				continue;
			int32_t len = r->start[k + 1] - r->start[k];
			w->response[R] = (struct ril_work_response){i, k, r->source[k], r->finish[k], T, len};
			*pick++ = k;
			R++;
			T += len;
			g->in.text.n++;
		}
		for (int32_t k = 0; k < g->in.text.n; k++)
			if (o->again && o->again(w->response[g->first + k].source)) {
				*pick++ = g->in.text.pick[k];
				g->again++;
			}
	}
}

/* As a pack takes it, with those once more. */
static struct ril_pack_group with_again(const struct ril_work_group *g)
{
	struct ril_pack_group p = g->in.text;
	p.n += g->again;
	return p;
}

/* Groups without a response that takes part are left to whichever micro-batch they fall into; they cost nothing. */
static void cut(struct ril_work *w, const struct ril_work_options *o)
{
	int64_t most = o->tokens ? o->tokens : RIL_MICRO_TOKENS, tokens = 0, groups = 0;
	w->cuts = 0;
	w->cut[0] = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct ril_pack_group p = with_again(&w->group[i]);
		int64_t cost = p.n ? ril_pack_cost(&p, o->form, o->use) : 0;
		if (groups && cost && (tokens + cost > most || (o->micro_batch && groups == o->micro_batch))) {
			w->cut[++w->cuts] = i;
			tokens = groups = 0;
		}
		tokens += cost;
		groups += p.n > 0;
	}
	if (groups)
		w->cut[++w->cuts] = w->n;
}

int ril_work_fill(struct ril_work *w, const struct ril_batch *b, const struct ril_config *c,
		  const struct ril_work_options *o, struct ril_err *err)
{
	*w = (struct ril_work){.n = b->n};
	w->group = ril_new(b->n, sizeof *w->group, err);
	if (!w->group)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		w->group[i].record = b->group[i];
		if (o->other ? ril_group_view_other(b->group[i], c, &w->group[i].in, err)
			     : ril_group_view(b->group[i], c, o->pixels, &w->group[i].in, err))
			goto fail;
	}
	if (allocate(w, o, err))
		goto fail;
	lay_out(w, o);
	cut(w, o);
	return 0;
fail:
	ril_work_clear(w);
	return -1;
}

int ril_work_pack(const struct ril_work *w, size_t m, const struct ril_work_options *o, struct ril_tape *tape,
		  struct ril_model *model, struct ril_pack *pack, struct ril_val **vis, struct ril_err *err)
{
	size_t a = w->cut[m], b = w->cut[m + 1], sets = 0;
	ril_pack_reset(pack, &model->config, o->form, o->use);
	struct ril_pictures *set = ril_new(b - a, sizeof *set, err);
	if (!set)
		return -1;
	int rc = 0;
	for (size_t i = a; i < b && !rc; i++) {
		const struct ril_group *g = &w->group[i].in;
		if (!g->text.n)
			continue;
		set[sets] = o->pixels || !g->start.embeds ? g->vision : g->start;
		set[sets++].blank = o->blind;
		const struct ril_pack_group p = o->again ? with_again(&w->group[i]) : g->text;
		rc = ril_pack_add_again(pack, &p, g->text.n, err);
	}
	if (!rc)
		rc = ril_pack_done(pack, err);
	if (!rc)
		rc = ril_pictures_embed(tape, model, set, sets, vis, err);
	free(set);
	return rc;
}
