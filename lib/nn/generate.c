/* generate.c -- batched decoding; see generate.h.
 *
 * Cache rows: the prompts one after another, then for each response its tail and max_new_tokens rows.  Nothing moves
 * when a response ends: its rows are simply no longer named by a segment.  Rows of a pass are cut into prefill passes
 * and passes through the language head by their shape alone, so results do not depend on the number of threads. */
#include "nn/generate.h"

#include "base/thread.h"
#include "ops/backend.h"

#include <stdlib.h>

enum { PREFILL_TOKENS = 8192, HEAD_ELEMENTS = 1 << 24 };

/* A response being written. */
struct row {
	struct ril_gen_at at; /* position: tokens it has */
	int64_t prefix, P;    /* its prompt's cache rows */
	int64_t own;          /* first of its own */
	int64_t tail;         /* tokens of its own end of the prompt, in the first of its own rows */
	int32_t next;         /* rope position of its first token */
	struct ril_generated *out;
};

struct ril_generator {
	struct ril_model *model;
	struct ril_tape *tape;
	struct ril_kv *kv;
	/* of the current call */
	const struct ril_gen_options *how;
	struct row *row; /* those still going, in order */
	int64_t nrow;
	ril_real *logits; /* host, [rows of one head pass, V] */
	size_t logits_cap;
	struct ril_err *errs; /* [workers] */
};

struct ril_generator *ril_generator_new(struct ril_model *m, struct ril_err *err)
{
	struct ril_generator *g = ril_new(1, sizeof *g, err);
	if (!g)
		return NULL;
	g->model = m;
	g->tape = ril_tape_new(err);
	g->errs = ril_new((size_t)ril_threads(), sizeof *g->errs, err);
	if (!g->tape || !g->errs) {
		ril_generator_free(g);
		return NULL;
	}
	return g;
}

void ril_generator_free(struct ril_generator *g)
{
	if (!g)
		return;
	ril_kv_free(g->kv);
	ril_tape_free(g->tape);
	free(g->row);
	free(g->logits);
	free(g->errs);
	free(g);
}

void ril_generator_rest(struct ril_generator *g)
{
	ril_tape_reset(g->tape);
	ril_tape_trim(g->tape);
	ril_kv_free(g->kv);
	g->kv = NULL;
	free(g->logits);
	g->logits = NULL;
	g->logits_cap = 0;
}

void ril_gen_free(struct ril_generated *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(out[i].ids);
		free(out[i].logp);
		out[i] = (struct ril_generated){0};
	}
}

/* Lays out cache rows and the list of responses. */
static int plan(struct ril_generator *g, const struct ril_gen_prompt *p, size_t n, struct ril_generated *out,
		struct ril_err *err)
{
	size_t responses = 0, rows, at = 0;
	int64_t prefix = 0, own = 0;
	int64_t tails = 0;
	for (size_t i = 0; i < n; i++) {
		responses += (size_t)p[i].n;
		own += p[i].P;
		for (int32_t k = 0; p[i].tail && k < p[i].n; k++)
			tails += p[i].tail[k].n;
	}
	memset(out, 0, responses * sizeof *out);
	if (!ril_mul(&rows, responses, (size_t)g->how->max_new_tokens) || rows > INT32_MAX ||
	    own > INT32_MAX - (int64_t)rows)
		return ril_fail(err, RIL_EFAIL, "%zu responses of up to %d tokens are too many at once", responses,
				g->how->max_new_tokens);
	int64_t need = own + tails + (int64_t)rows;
	if (need > INT32_MAX)
		return ril_fail(err, RIL_EFAIL, "%lld cached tokens are too many at once", (long long)need);
	if (!g->kv || g->kv->rows < need) {
		ril_kv_free(g->kv);
		if (!(g->kv = ril_kv_new(g->model, need, err)))
			return -1;
	}
	free(g->row);
	if (!(g->row = ril_new(responses, sizeof *g->row, err)))
		return -1;
	g->nrow = (int64_t)responses;
	for (size_t i = 0; i < n; prefix += p[i++].P) {
		for (int32_t k = 0; k < p[i].n; k++, at++) {
			int64_t tail = p[i].tail ? p[i].tail[k].n : 0;
			g->row[at] = (struct row){{i, k, 0}, prefix, p[i].P, own, tail, 0, &out[at]};
			own += tail + g->how->max_new_tokens;
			out[at].finish = 1;
			out[at].ids = ril_new((size_t)g->how->max_new_tokens, sizeof *out[at].ids, err);
			out[at].logp = ril_new((size_t)g->how->max_new_tokens, sizeof *out[at].logp, err);
			if (!out[at].ids || !out[at].logp)
				return -1;
		}
	}
	return 0;
}

/* ---- choosing ---- */

struct choice {
	struct ril_generator *g;
	int64_t first;
	const int32_t *line;
};

static void choose_one(void *ctx, int tile, int worker)
{
	struct choice *c = ctx;
	struct ril_generator *g = c->g;
	struct row *r = &g->row[c->first + tile];
	struct ril_err *err = &g->errs[worker];
	int64_t V = g->model->config.text.vocab;
	int64_t line = c->line ? c->line[tile] : tile;
	double logp;
	if (err->code)
		return;
	if (!g->how->choose(g->how->ctx, worker, r->at, g->logits + line * V, V, &r->out->ids[r->at.position], &logp,
			    err))
		r->out->logp[r->at.position] = (float)logp;
}

/* Chooses the next token of rows [first, first+n); row first+i's logits are line[i] of g->logits (NULL: i). */
static int choose(struct ril_generator *g, int64_t first, int64_t n, const int32_t *line, struct ril_err *err)
{
	struct choice c = {g, first, line};
	memset(g->errs, 0, (size_t)ril_threads() * sizeof *g->errs);
	ril_parallel((int)n, choose_one, &c);
	for (int i = 0; i < ril_threads(); i++)
		if (g->errs[i].code) {
			*err = g->errs[i];
			return -1;
		}
	for (int64_t i = first; i < first + n; i++)
		g->row[i].out->n = ++g->row[i].at.position;
	return 0;
}

/* hidden [n,H], through the head into g->logits. */
static int head(struct ril_generator *g, struct ril_val *hidden, struct ril_err *err)
{
	struct ril_val *z = ril_model_logits(g->tape, g->model, hidden);
	if (ril_tape_check(g->tape, err))
		return -1;
	size_t n = (size_t)(z->m.rows * z->m.cols);
	if (ril_grow(&g->logits, &g->logits_cap, n, sizeof *g->logits, err))
		return -1;
	ril_ops()->to_host(g->logits, z->m.p, n * sizeof *g->logits);
	return 0;
}

static int64_t head_rows(const struct ril_generator *g)
{
	int64_t n = HEAD_ELEMENTS / g->model->config.text.vocab;
	return n < 1 ? 1 : n;
}

/* Rows line[n] (host) of x. */
static struct ril_val *pick(struct ril_generator *g, struct ril_val *x, const int32_t *line, int64_t n)
{
	struct ril_upload up = {line, (size_t)n * sizeof *line, NULL};
	return ril_tape_upload(g->tape, &up, 1) ? NULL : ril_t_gather(g->tape, x, up.device, n);
}

/* Chooses for rows [first, first+n) from hidden [n,H]. */
static int choose_all(struct ril_generator *g, struct ril_val *hidden, int64_t first, int64_t n, struct ril_err *err)
{
	int32_t *line = ril_tape_host(g->tape, (size_t)n, sizeof *line);
	for (int64_t lo = 0; lo < n && line; lo += head_rows(g)) {
		int64_t k = head_rows(g) < n - lo ? head_rows(g) : n - lo;
		for (int64_t i = 0; i < k; i++)
			line[i] = (int32_t)(lo + i);
		struct ril_val *part = k == n ? hidden : pick(g, hidden, line, k);
		if (head(g, part, err) || choose(g, first + lo, k, NULL, err))
			return -1;
	}
	return ril_tape_check(g->tape, err);
}

static bool is_eos(const struct ril_config *c, int32_t id)
{
	for (int i = 0; i < c->neos; i++)
		if (c->eos[i] == id)
			return true;
	return false;
}

static void drop_finished(struct ril_generator *g)
{
	int64_t k = 0;
	for (int64_t i = 0; i < g->nrow; i++) {
		struct row *r = &g->row[i];
		if (is_eos(&g->model->config, r->out->ids[r->at.position - 1]))
			r->out->finish = 0;
		else if (r->at.position < g->how->max_new_tokens)
			g->row[k++] = *r;
	}
	g->nrow = k;
}

/* ---- prefill ---- */

/* The arrays of one pass, on the tape. */
struct pass {
	int32_t *ids, *vrow, *pos, *kv_row, *rows;
	struct ril_seg *seg;
};

static int pass_new(struct ril_generator *g, struct pass *s, int64_t T, int64_t nseg, struct ril_err *err)
{
	size_t t = (size_t)T, pr = (size_t)ril_model_pos_rows(&g->model->config);
	s->ids = ril_tape_host(g->tape, t, sizeof *s->ids);
	s->vrow = ril_tape_host(g->tape, t, sizeof *s->vrow);
	s->pos = ril_tape_host(g->tape, t * pr, sizeof *s->pos);
	s->kv_row = ril_tape_host(g->tape, t, sizeof *s->kv_row);
	s->rows = ril_tape_host(g->tape, (size_t)nseg, sizeof *s->rows);
	s->seg = ril_tape_host(g->tape, (size_t)nseg, sizeof *s->seg);
	return ril_tape_check(g->tape, err);
}

/* Chooses the first tokens of rows [first, first+rows): every response of prompt a+i begins from line i of hidden. */
static int first_tokens(struct ril_generator *g, struct ril_val *hidden, size_t a, int64_t n, int64_t first,
			int64_t rows, struct ril_err *err)
{
	int64_t r = first;
	int32_t *idx = ril_tape_host(g->tape, (size_t)n, sizeof *idx);
	int32_t *line = ril_tape_host(g->tape, (size_t)rows, sizeof *line);
	for (int64_t lo = 0; lo < n && idx && line; lo += head_rows(g)) {
		int64_t hi = lo + head_rows(g) < n ? lo + head_rows(g) : n, from = r;
		for (int64_t i = lo; i < hi; i++)
			idx[i] = (int32_t)i;
		for (; r < first + rows && (int64_t)(g->row[r].at.prompt - a) < hi; r++)
			line[r - first] = (int32_t)((int64_t)(g->row[r].at.prompt - a) - lo);
		if (head(g, pick(g, hidden, idx + lo, hi - lo), err) ||
		    choose(g, from, r - from, line + (from - first), err))
			return -1;
	}
	return ril_tape_check(g->tape, err);
}

/* Prefills prompts [a,b), whose cache rows begin at `base` and whose responses at row `first`, and chooses the first
 * tokens.  Sets each response's rope position. */
static int prefill_some(struct ril_generator *g, const struct ril_gen_prompt *p, size_t a, size_t b, int64_t T,
			int64_t base, int64_t first, struct ril_err *err)
{
	const struct ril_config *c = &g->model->config;
	int64_t n = (int64_t)(b - a), at = 0, vis = 0, rows = 0;
	struct pass s;
	ril_tape_reset(g->tape);
	struct ril_picture_set *set = ril_tape_host(g->tape, (size_t)n, sizeof *set);
	if (pass_new(g, &s, T, n, err))
		return -1;
	for (size_t i = a; i < b; at += p[i++].P) {
		int32_t next;
		memcpy(s.ids + at, p[i].ids, (size_t)p[i].P * sizeof *s.ids);
		if (ril_model_positions(c, p[i].ids, p[i].P, p[i].vision.grid, p[i].vision.n, s.pos + at, T,
					s.vrow + at, (int32_t)vis, &next, err))
			return ril_context(err, "'%s'", p[i].name);
		set[i - a] = p[i].vision;
		vis += ril_pictures_tokens(c, &p[i].vision);
		s.seg[i - a] =
			(struct ril_seg){(int32_t)at, (int32_t)p[i].P, 0, 0, (int32_t)(base + at), (int32_t)p[i].P, 1};
		s.rows[i - a] = (int32_t)(at + p[i].P - 1);
		for (int64_t k = 0; k < p[i].P; k++)
			s.kv_row[at + k] = (int32_t)(base + at + k);
		for (int32_t k = 0; k < p[i].n; k++)
			g->row[first + rows++].next = next;
	}
	struct ril_val *pics;
	if (ril_pictures_embed(g->tape, g->model, set, (size_t)n, &pics, err))
		return -1;
	struct ril_tokens tok = {.T = T,
				 .ids = s.ids,
				 .vrow = s.vrow,
				 .pos = s.pos,
				 .seg = s.seg,
				 .nseg = (int)n,
				 .rows = s.rows,
				 .nrows = n,
				 .kv = g->kv,
				 .kv_row = s.kv_row};
	struct ril_val *hidden = ril_model_decode(g->tape, g->model, ril_pass_make(g->tape, c, &tok), pics);
	return p[a].tail ? ril_tape_check(g->tape, err) : first_tokens(g, hidden, a, n, first, rows, err);
}

static int prefill(struct ril_generator *g, const struct ril_gen_prompt *p, size_t n, struct ril_err *err)
{
	int64_t base = 0, first = 0;
	for (size_t a = 0, b; a < n; a = b) {
		int64_t T = 0, rows = 0;
		for (b = a; b < n && (b == a || T + p[b].P <= PREFILL_TOKENS); b++) {
			T += p[b].P;
			rows += p[b].n;
		}
		if (prefill_some(g, p, a, b, T, base, first, err))
			return -1;
		base += T;
		first += rows;
	}
	return 0;
}

/* Prefills the tails of rows [a,b), T tokens, behind their prompts, and chooses the first tokens. */
static int tails_some(struct ril_generator *g, const struct ril_gen_prompt *p, int64_t a, int64_t b, int64_t T,
		      struct ril_err *err)
{
	int pos_rows = ril_model_pos_rows(&g->model->config);
	int64_t at = 0;
	struct pass s;
	ril_tape_reset(g->tape);
	if (pass_new(g, &s, T, b - a, err))
		return -1;
	for (int64_t i = a; i < b; i++) {
		struct row *r = &g->row[i];
		memcpy(s.ids + at, p[r->at.prompt].tail[r->at.response].ids, (size_t)r->tail * sizeof *s.ids);
		for (int64_t k = 0; k < r->tail; k++) {
			s.kv_row[at + k] = (int32_t)(r->own + k);
			for (int d = 0; d < pos_rows; d++)
				s.pos[d * T + at + k] = r->next + (int32_t)k;
		}
		s.seg[i - a] = (struct ril_seg){(int32_t)at,
						(int32_t)r->tail,
						(int32_t)r->prefix,
						(int32_t)r->P,
						(int32_t)r->own,
						(int32_t)r->tail,
						1};
		r->next += (int32_t)r->tail;
		at += r->tail;
		s.rows[i - a] = (int32_t)(at - 1);
	}
	struct ril_tokens tok = {.T = T,
				 .ids = s.ids,
				 .pos = s.pos,
				 .seg = s.seg,
				 .nseg = (int)(b - a),
				 .rows = s.rows,
				 .nrows = b - a,
				 .kv = g->kv,
				 .kv_row = s.kv_row};
	return choose_all(g, ril_model_decode(g->tape, g->model, ril_pass_make(g->tape, &g->model->config, &tok), NULL),
			  a, b - a, err);
}

static int prefill_tails(struct ril_generator *g, const struct ril_gen_prompt *p, struct ril_err *err)
{
	for (int64_t a = 0, b; a < g->nrow; a = b) {
		int64_t T = 0;
		for (b = a; b < g->nrow && (b == a || T + g->row[b].tail <= PREFILL_TOKENS); b++)
			T += g->row[b].tail;
		if (tails_some(g, p, a, b, T, err))
			return -1;
	}
	return 0;
}

/* One more token for every response still going. */
static int decode_step(struct ril_generator *g, struct ril_err *err)
{
	int pos_rows = ril_model_pos_rows(&g->model->config);
	int64_t T = g->nrow;
	struct pass s;
	ril_tape_reset(g->tape);
	if (pass_new(g, &s, T, T, err))
		return -1;
	for (int64_t i = 0; i < T; i++) {
		const struct row *r = &g->row[i];
		int32_t done = r->at.position;
		s.ids[i] = r->out->ids[done - 1];
		s.kv_row[i] = (int32_t)(r->own + r->tail + done - 1);
		for (int k = 0; k < pos_rows; k++)
			s.pos[k * T + i] = r->next + done - 1;
		s.seg[i] = (struct ril_seg){
			(int32_t)i, 1, (int32_t)r->prefix, (int32_t)r->P, (int32_t)r->own, (int32_t)r->tail + done, 1};
	}
	struct ril_tokens tok = {
		.T = T, .ids = s.ids, .pos = s.pos, .seg = s.seg, .nseg = (int)T, .kv = g->kv, .kv_row = s.kv_row};
	struct ril_val *hidden =
		ril_model_decode(g->tape, g->model, ril_pass_make(g->tape, &g->model->config, &tok), NULL);
	return choose_all(g, hidden, 0, T, err);
}

int ril_generate(struct ril_generator *g, const struct ril_gen_prompt *p, size_t n, const struct ril_gen_options *how,
		 struct ril_generated *out, struct ril_err *err)
{
	g->how = how;
	ril_tape_record(g->tape, false);
	if (plan(g, p, n, out, err) || prefill(g, p, n, err) || (n && p[0].tail && prefill_tails(g, p, err)))
		return -1;
	for (drop_finished(g); g->nrow; drop_finished(g))
		if (decode_step(g, err))
			return -1;
	ril_tape_reset(g->tape);
	return 0;
}
