/* pack.c -- packed batches; see pack.h. */
#include "nn/pack.h"

#include "base/rng.h"

#include <stdlib.h>

/* Growing arrays, kept from one reset to the next. */
struct ril_pack_store {
	const struct ril_config *config;
	enum ril_pack_form form;
	enum ril_pack_use use;
	int32_t *ids, *vrow, *row, *target, *head, *rows, *seen; /* row: head rows as rows of the pass */
	int32_t *axis[3];                                        /* positions while adding, one array an axis */
	int32_t *pos;                                            /* [3,T] when done */
	int32_t *prompt_pos, *prompt_vrow;                       /* [3,P], [P] of the group being added */
	struct ril_seg *seg;
	struct ril_rng_at *names; /* [T] */
	size_t cap_ids, cap_vrow, cap_row, cap_target, cap_head, cap_rows, cap_seen, cap_axis[3], cap_pos,
		cap_prompt_pos, cap_prompt_vrow, cap_seg, cap_names;
	int64_t T, R;
	int nseg;
	/* responses with noise: rows of the pass that their heads read, logits of the same as they are, rows of their tokens */
	int32_t *again, *twin, *noisy, *each; /* each: 0, 1, 2... [noisy] */
	size_t cap_again, cap_twin, cap_noisy, cap_each;
	/* of the last pass */
	struct ril_val *hidden;
	const int32_t *target_at; /* device */
};

struct ril_pack *ril_pack_new(struct ril_err *err)
{
	struct ril_pack *p = ril_new(1, sizeof *p, err);
	if (p && !(p->store = ril_new(1, sizeof *p->store, err))) {
		free(p);
		return NULL;
	}
	return p;
}

void ril_pack_free(struct ril_pack *p)
{
	if (!p)
		return;
	struct ril_pack_store *s = p->store;
	void *all[] = {s->ids,     s->vrow,    s->row,     s->target, s->head,       s->rows,        s->seen,
		       s->axis[0], s->axis[1], s->axis[2], s->pos,    s->prompt_pos, s->prompt_vrow, s->seg,
		       s->again,   s->twin,    s->noisy,   s->each,   s->names};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
	free(s);
	free(p);
}

void ril_pack_reset(struct ril_pack *p, const struct ril_config *c, enum ril_pack_form form, enum ril_pack_use use)
{
	struct ril_pack_store *s = p->store;
	*p = (struct ril_pack){.store = s};
	s->config = c;
	s->form = form;
	s->use = use;
	s->T = s->R = s->nseg = 0;
}

/* Response i of those that take part: its first id, and how many. */
static const int32_t *response(const struct ril_pack_group *g, int32_t i, int64_t *n)
{
	int32_t k = g->pick ? g->pick[i] : i;
	*n = g->start[k + 1] - g->start[k];
	return g->ids + g->start[k];
}

/* Tokens of all responses that take part. */
static int64_t response_tokens(const struct ril_pack_group *g)
{
	int64_t total = 0;
	for (int32_t i = 0; i < g->n; i++) {
		int64_t n;
		response(g, i, &n);
		total += n;
	}
	return total;
}

/* Tokens of a response that the pass computes: for the policy, its last one predicts nothing. */
static int64_t computed(const struct ril_pack_group *g, int32_t i, enum ril_pack_use use)
{
	int64_t n;
	response(g, i, &n);
	return use == RIL_PACK_POLICY && n > 0 ? n - 1 : n;
}

int64_t ril_pack_cost(const struct ril_pack_group *g, enum ril_pack_form form, enum ril_pack_use use)
{
	int64_t tokens = form == RIL_PACK_NAIVE ? g->P * g->n : g->n ? g->P : 0;
	for (int32_t i = 0; i < g->n; i++)
		tokens += computed(g, i, use);
	return tokens;
}

static int check_ids(const struct ril_config *c, const int32_t *ids, int64_t n, struct ril_err *err)
{
	for (int64_t k = 0; k < n; k++)
		if (ids[k] < 0 || ids[k] >= c->text.vocab)
			return ril_fail(err, RIL_ECORRUPT, "token id %d is outside the model's vocabulary of %lld",
					ids[k], (long long)c->text.vocab);
	return 0;
}

static int check_group(const struct ril_config *c, const struct ril_pack_group *g, struct ril_err *err)
{
	if (g->P < 1)
		return ril_fail(err, RIL_ECORRUPT, "the prompt is empty");
	if (check_ids(c, g->prompt, g->P, err))
		return -1;
	for (int32_t i = 0; i < g->n; i++) {
		int64_t n;
		const int32_t *ids = response(g, i, &n);
		if (ids < g->ids || n < 0)
			return ril_fail(err, RIL_ECORRUPT, "resp.start does not ascend");
		if (g->P + n > c->text.max_positions)
			return ril_fail(err, RIL_EFAIL,
					"prompt and response %d are longer than the model's %lld positions",
					g->pick ? g->pick[i] : i, (long long)c->text.max_positions);
		if (check_ids(c, ids, n, err))
			return -1;
	}
	return 0;
}

/* Makes room for what the group will add. */
static int reserve(struct ril_pack_store *s, const struct ril_pack_group *g, struct ril_err *err)
{
	int64_t add = ril_pack_cost(g, s->form, s->use);
	if (s->T + add > INT32_MAX / 4)
		return ril_fail(err, RIL_EFAIL, "a pack of more than %d tokens", INT32_MAX / 4);
	int64_t wanted = s->use == RIL_PACK_SCORE ? g->n : response_tokens(g);
	size_t T = (size_t)(s->T + add), R = (size_t)(s->R + wanted);
	size_t P = (size_t)g->P;
	return ril_grow(&s->names, &s->cap_names, T, sizeof *s->names, err) ||
			       ril_grow(&s->ids, &s->cap_ids, T, 4, err) ||
			       ril_grow(&s->vrow, &s->cap_vrow, T, 4, err) ||
			       ril_grow(&s->axis[0], &s->cap_axis[0], T, 4, err) ||
			       ril_grow(&s->axis[1], &s->cap_axis[1], T, 4, err) ||
			       ril_grow(&s->axis[2], &s->cap_axis[2], T, 4, err) ||
			       ril_grow(&s->row, &s->cap_row, R, 4, err) ||
			       ril_grow(&s->target, &s->cap_target, R, 4, err) ||
			       ril_grow(&s->prompt_pos, &s->cap_prompt_pos, 3 * P, 4, err) ||
			       ril_grow(&s->prompt_vrow, &s->cap_prompt_vrow, P, 4, err) ||
			       ril_grow(&s->seg, &s->cap_seg, (size_t)s->nseg + (size_t)g->n + 1, sizeof *s->seg, err)
		       ? -1
		       : 0;
}

/* Names of the n tokens that come next: by their group, their place in the response, or in the prompt (-1), that all of the group's
 * responses share. */
static void add_names(struct ril_pack_store *s, const struct ril_pack_group *g, int32_t response, int64_t n)
{
	const uint32_t question = ril_hash32(g->name, strlen(g->name));
	for (int64_t k = 0; k < n; k++)
		s->names[s->T + k] = (struct ril_rng_at){
			.question = question, .response = (uint32_t)response, .position = (uint32_t)k};
}

static void add_prompt(struct ril_pack_store *s, const struct ril_pack_group *g)
{
	size_t P = (size_t)g->P;
	add_names(s, g, -1, g->P);
	memcpy(s->ids + s->T, g->prompt, P * 4);
	memcpy(s->vrow + s->T, s->prompt_vrow, P * 4);
	for (int a = 0; a < ril_model_pos_rows(s->config); a++)
		memcpy(s->axis[a] + s->T, s->prompt_pos + a * g->P, P * 4);
	s->T += g->P;
}

static void add_tokens(struct ril_pack_store *s, const int32_t *ids, int64_t n, int32_t position)
{
	for (int64_t k = 0; k < n; k++, s->T++) {
		s->ids[s->T] = ids[k];
		s->vrow[s->T] = -1;
		for (int a = 0; a < ril_model_pos_rows(s->config); a++)
			s->axis[a][s->T] = position + (int32_t)k;
	}
}

static void add_segment(struct ril_pack_store *s, int64_t row, int64_t n, int64_t prompt, int64_t P)
{
	if (n)
		s->seg[s->nseg++] = (struct ril_seg){
			(int32_t)row, (int32_t)n, (int32_t)prompt, (int32_t)P, (int32_t)row, (int32_t)n, 1};
}

/* Response i of the group, whose first response's logit is number `first`, is an earlier one once more; its n tokens begin at `row`. */
static int add_again(struct ril_pack *p, const struct ril_pack_group *g, int32_t i, int32_t first, int64_t row,
		     int64_t n, struct ril_err *err)
{
	struct ril_pack_store *s = p->store;
	size_t A = (size_t)p->again + 1, T = (size_t)(p->noisy + n);
	int32_t k = 0;
	while (g->pick[k] != g->pick[i])
		k++;
	if (ril_grow(&s->again, &s->cap_again, A, 4, err) || ril_grow(&s->twin, &s->cap_twin, A, 4, err) ||
	    ril_grow(&s->noisy, &s->cap_noisy, T, 4, err) || ril_grow(&s->each, &s->cap_each, T, 4, err))
		return -1;
	s->again[p->again] = (int32_t)(row + n - 1);
	s->twin[p->again++] = first + k;
	for (int64_t t = 0; t < n; t++, p->noisy++) {
		s->noisy[p->noisy] = (int32_t)(row + t);
		s->each[p->noisy] = (int32_t)p->noisy;
	}
	return 0;
}

/* Rows whose results the heads want, for a response whose computed tokens begin at `row`; `before`: the prompt's last. */
static void add_wanted(struct ril_pack_store *s, const struct ril_pack_group *g, int32_t i, int64_t before, int64_t row)
{
	int64_t n;
	const int32_t *ids = response(g, i, &n);
	if (s->use == RIL_PACK_SCORE) {
		s->row[s->R++] = (int32_t)(n ? row + n - 1 : before);
		return;
	}
	for (int64_t k = 0; k < n; k++) {
		s->row[s->R] = (int32_t)(k ? row + k - 1 : before);
		s->target[s->R++] = ids[k];
	}
}

static int add_group(struct ril_pack *p, const struct ril_pack_group *g, int32_t from, struct ril_err *err)
{
	struct ril_pack_store *s = p->store;
	int32_t next, first = (int32_t)s->R;
	if (check_group(s->config, g, err) || reserve(s, g, err) ||
	    ril_model_positions(s->config, g->prompt, g->P, g->grid, g->pictures, s->prompt_pos, g->P, s->prompt_vrow,
				(int32_t)p->V, &next, err))
		return -1;
	for (int k = 0; k < g->pictures; k++)
		p->V += ril_config_image_tokens(s->config, &g->grid[3 * k]);
	int64_t prompt = s->T;
	for (int32_t i = 0; i < g->n; i++) {
		int64_t all, n = computed(g, i, s->use);
		if (i == 0 || s->form == RIL_PACK_NAIVE) {
			prompt = s->T;
			add_prompt(s, g);
			if (s->form == RIL_PACK_SHARED)
				add_segment(s, prompt, g->P, 0, 0);
		}
		int64_t row = s->T;
		add_names(s, g, g->pick ? g->pick[i] : i, n);
		add_tokens(s, response(g, i, &all), n, next);
		if (s->form == RIL_PACK_SHARED)
			add_segment(s, row, n, prompt, g->P);
		else
			add_segment(s, prompt, g->P + n, 0, 0);
		if (i < from)
			add_wanted(s, g, i, prompt + g->P - 1, row);
		else if (add_again(p, g, i, first, row, n, err))
			return -1;
	}
	return 0;
}

int ril_pack_add(struct ril_pack *p, const struct ril_pack_group *g, struct ril_err *err)
{
	return ril_pack_add_again(p, g, g->n, err);
}

int ril_pack_add_again(struct ril_pack *p, const struct ril_pack_group *g, int32_t from, struct ril_err *err)
{
	return add_group(p, g, from, err) ? ril_context(err, "%s", g->name) : 0;
}

/* What heads read of responses with noise comes after everything else. */
static int append_again(struct ril_pack *p, struct ril_err *err)
{
	struct ril_pack_store *s = p->store;
	size_t R = (size_t)(s->R + p->again);
	if (ril_grow(&s->row, &s->cap_row, R, 4, err))
		return -1;
	if (p->again)
		memcpy(s->row + s->R, s->again, (size_t)p->again * 4);
	s->R += p->again;
	p->twin = s->twin;
	return 0;
}

/* Each wanted row once, ascending, and where each head row finds its own among them. */
static int64_t unique_rows(struct ril_pack_store *s)
{
	int64_t n = 0;
	memset(s->seen, 0, (size_t)s->T * sizeof *s->seen);
	for (int64_t r = 0; r < s->R; r++)
		s->seen[s->row[r]] = 1;
	for (int64_t i = 0; i < s->T; i++) {
		if (!s->seen[i])
			continue;
		s->seen[i] = (int32_t)n;
		s->rows[n++] = (int32_t)i;
	}
	for (int64_t r = 0; r < s->R; r++)
		s->head[r] = s->seen[s->row[r]];
	return n;
}

int ril_pack_done(struct ril_pack *p, struct ril_err *err)
{
	struct ril_pack_store *s = p->store;
	size_t T = (size_t)s->T;
	int axes = ril_model_pos_rows(s->config);
	if (append_again(p, err) || ril_grow(&s->pos, &s->cap_pos, 3 * T, 4, err) ||
	    ril_grow(&s->seen, &s->cap_seen, T, 4, err) || ril_grow(&s->rows, &s->cap_rows, T, 4, err) ||
	    ril_grow(&s->head, &s->cap_head, (size_t)s->R, 4, err))
		return -1;
	for (int a = 0; a < axes && T; a++)
		memcpy(s->pos + (size_t)a * T, s->axis[a], T * 4);
	int64_t n = T ? unique_rows(s) : 0;
	p->tokens = (struct ril_tokens){.T = s->T,
					.ids = s->ids,
					.vrow = p->V ? s->vrow : NULL,
					.pos = s->pos,
					.seg = s->seg,
					.nseg = s->nseg,
					.rows = s->rows,
					.nrows = n,
					.head = s->head,
					.names = s->names,
					.target = s->use == RIL_PACK_POLICY ? s->target : NULL,
					.R = s->R};
	p->R = s->R;
	return 0;
}

/* Hidden states of the head rows [R,H]. */
static struct ril_val *head_rows(struct ril_tape *t, struct ril_model *m, const struct ril_pass *p, struct ril_val *vis)
{
	return p ? ril_t_gather(t, ril_model_decode(t, m, p, vis), p->head, p->R) : NULL;
}

static int check_vision(const struct ril_pack *p, const struct ril_val *vis, struct ril_err *err)
{
	if (p->V != (vis ? vis->m.rows : 0))
		return ril_fail(err, RIL_ECORRUPT, "%lld rows of picture embeddings for %lld image tokens",
				(long long)(vis ? vis->m.rows : 0), (long long)p->V);
	return 0;
}

int ril_pack_rows(struct ril_tape *t, struct ril_model *m, const struct ril_pack *p, struct ril_val *vis,
		  struct ril_val **h, struct ril_err *err)
{
	*h = NULL;
	if (ril_tape_error(t, err) || check_vision(p, vis, err))
		return -1;
	const struct ril_pass *pass = p->R ? ril_pass_make(t, &m->config, &p->tokens) : NULL;
	p->store->target_at = pass ? pass->target : NULL;
	*h = p->store->hidden = pass ? head_rows(t, m, pass, vis) : NULL;
	return ril_tape_error(t, err);
}

struct ril_val *ril_pack_hidden(const struct ril_pack *p)
{
	return p->store->hidden;
}

int ril_pack_logp(struct ril_tape *t, struct ril_model *m, const struct ril_pack *p, struct ril_val *vis, double inv_t,
		  struct ril_logps to, struct ril_err *err)
{
	struct ril_val *h;
	if (ril_pack_rows(t, m, p, vis, &h, err))
		return -1;
	if (h)
		ril_t_head_logp(t, h, p->store->target_at, &m->head, inv_t, to);
	return ril_tape_error(t, err);
}

int ril_pack_score(struct ril_tape *t, struct ril_model *m, const struct ril_pack *p, struct ril_val *vis,
		   struct ril_val **z, struct ril_err *err)
{
	struct ril_tokens tokens = p->tokens;
	*z = NULL;
	if (ril_tape_error(t, err) || check_vision(p, vis, err))
		return -1;
	if (p->noise && p->noisy) {
		tokens.noise = p->noise;
		tokens.noisy = p->noisy;
		tokens.noise_to = p->store->noisy;
		tokens.noise_of = p->store->each;
	}
	if (p->R)
		*z = ril_model_score(t, m, head_rows(t, m, ril_pass_make(t, &m->config, &tokens), vis));
	return ril_tape_error(t, err);
}
