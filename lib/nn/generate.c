/* generate.c -- batched decoding; see generate.h.
 *
 * Cache rows: the prompts one after another, then for each response its tail and max_new_tokens rows.  Nothing moves in
 * the cache when a response ends: its rows are simply no longer named by a segment.  Rows of a pass are cut into prefill
 * passes and passes through the language head by their shape alone, so results do not depend on the number of threads.
 *
 * A decoding step reads what the step before left on the device (decoding_internal.h).  Where the host is the device it
 * looks after every step which responses ended; else now and then, and one step late, so that the device never waits
 * for the host: the step that was begun meanwhile has computed ended responses in vain. */
#include "nn/generate.h"

#include "nn/decoding_internal.h"
#include "ops/backend.h"
#include "text/tokenizer.h"

#include <stdlib.h>

enum { PREFILL_TOKENS = 8192, HEAD_ELEMENTS = 1 << 24, LOOK_EVERY = 8 };

/* A response, in order of the prompts. */
struct row {
	size_t prompt;
	int32_t response;  /* of the prompt's */
	int64_t prefix, P; /* its prompt's cache rows */
	int64_t own;       /* first of its own */
	int64_t tail;      /* tokens of its own end of the prompt, in the first of its own rows */
	int32_t next;      /* rope position of its first token */
};

struct ril_generator {
	struct ril_model *model;
	struct ril_tape *tape;
	struct ril_kv *kv;
	size_t cache_peak;
	struct ril_decoding d;
	char *fixed;        /* device: the ids that end a response, then barred */
	const bool *barred; /* [V], device: never chosen */
	/* of the current call */
	const struct ril_gen_options *how;
	const struct ril_gen_prompt *prompt;
	struct row *row;
	int64_t nrow;
	int32_t top; /* the largest position any token can have */
	/* a step's calls, kept while rows and arrays stay the same */
	struct {
		int64_t n;
		const int32_t *id;
		int64_t steps; /* like these so far */
		void *calls;   /* NULL: none */
	} same;
};

/* Ids that end a response, and those that are never chosen, to the device. */
static int fix_ids(struct ril_generator *g, const struct ril_tokenizer *tok, struct ril_err *err)
{
	const struct ril_config *c = &g->model->config;
	size_t V = (size_t)c->text.vocab, bytes = sizeof c->eos + V * sizeof(bool);
	char *host = ril_new(1, bytes, err);
	if (!host)
		return -1;
	bool *barred = (bool *)(host + sizeof c->eos);
	memcpy(host, c->eos, sizeof c->eos);
	for (int64_t v = 0; v < c->text.vocab; v++)
		barred[v] = v == c->image_token || v == c->video_token || (tok && v >= ril_tokenizer_size(tok));
	g->fixed = ril_ops()->get(bytes);
	if (g->fixed) {
		ril_ops()->to_device(g->fixed, host, bytes);
		g->barred = (const bool *)(g->fixed + sizeof c->eos);
	}
	free(host);
	return g->fixed ? 0 : ril_fail(err, RIL_EFAIL, "out of memory for a vocabulary of %zu ids", V);
}

struct ril_generator *ril_generator_new(struct ril_model *m, const struct ril_tokenizer *tok, struct ril_err *err)
{
	struct ril_generator *g = ril_new(1, sizeof *g, err);
	if (!g)
		return NULL;
	g->model = m;
	g->tape = ril_tape_new(err);
	if (!g->tape || fix_ids(g, tok, err)) {
		ril_generator_free(g);
		return NULL;
	}
	ril_tape_compute(g->tape, m->params->compute);
	return g;
}

/* Kept calls hold addresses of this call's cache. */
static void forget_steps(struct ril_generator *g)
{
	if (ril_ops()->forget)
		ril_ops()->forget(g->same.calls);
	memset(&g->same, 0, sizeof g->same);
}

void ril_generator_free(struct ril_generator *g)
{
	if (!g)
		return;
	forget_steps(g);
	ril_decoding_free(&g->d);
	ril_ops()->put(g->fixed);
	ril_kv_free(g->kv);
	ril_tape_free(g->tape);
	free(g->row);
	free(g);
}

void ril_generator_rest(struct ril_generator *g)
{
	ril_tape_reset(g->tape);
	ril_tape_trim(g->tape);
	ril_kv_free(g->kv);
	g->kv = NULL;
	ril_decoding_free(&g->d);
}

struct ril_generator_size ril_generator_size(const struct ril_generator *g)
{
	return (struct ril_generator_size){g->cache_peak, ril_tape_peak(g->tape)};
}

void ril_gen_free(struct ril_generated *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(out[i].ids);
		free(out[i].logp);
		out[i] = (struct ril_generated){0};
	}
}

/* ---- the plan of a call ---- */

/* Room in the cache and for `rows` responses. */
static int make_room(struct ril_generator *g, size_t rows, int64_t cached, struct ril_err *err)
{
	const struct ril_config *c = &g->model->config;
	if (!g->kv || g->kv->rows < cached) {
		ril_kv_free(g->kv);
		if (!(g->kv = ril_kv_new(g->model, cached, err)))
			return -1;
		size_t bytes = ril_mat_bytes(g->kv->k) + ril_mat_bytes(g->kv->v);
		g->cache_peak = bytes > g->cache_peak ? bytes : g->cache_peak;
	}
	free(g->row);
	g->nrow = (int64_t)rows;
	if (!(g->row = ril_new(rows, sizeof *g->row, err)) ||
	    ril_decoding_room(&g->d, g->nrow, ril_model_pos_rows(c), c->text.window, g->how->max_new_tokens, err))
		return -1;
	g->d.now.eos = (const int32_t *)g->fixed;
	g->d.now.neos = c->neos;
	return 0;
}

/* How row r, number i, begins. */
static void start_row(struct ril_generator *g, int64_t i, const struct row *r)
{
	struct ril_decode *d = &g->d.start;
	const struct ril_gen_prompt *p = &g->prompt[r->prompt];
	uint32_t step = g->how->step, hash = p->tail ? p->tail[r->response].hash : p->hash;
	d->key[i] = (struct ril_rng_at){step, hash, (uint32_t)(p->first + (p->tail ? 0 : r->response)), 0};
	d->kv_row[i] = (int32_t)(r->own + r->tail - 1);
	d->full[i] = (struct ril_seg){(int32_t)i,       1, (int32_t)r->prefix, (int32_t)r->P, (int32_t)r->own,
				      (int32_t)r->tail, 1};
	d->out[i] = (int32_t)i;
}

/* Lays out cache rows and responses. */
static int plan(struct ril_generator *g, size_t n, struct ril_err *err)
{
	const struct ril_gen_prompt *p = g->prompt;
	size_t responses = 0, rows, at = 0;
	int64_t prefix = 0, own = 0, tails = 0;
	for (size_t i = 0; i < n; i++) {
		responses += (size_t)p[i].n;
		own += p[i].P;
		for (int32_t k = 0; p[i].tail && k < p[i].n; k++)
			tails += p[i].tail[k].n;
	}
	if (!ril_mul(&rows, responses, (size_t)g->how->max_new_tokens) || rows > INT32_MAX ||
	    own > INT32_MAX - (int64_t)rows)
		return ril_fail(err, RIL_EFAIL, "%zu responses of up to %d tokens are too many at once", responses,
				g->how->max_new_tokens);
	int64_t need = own + tails + (int64_t)rows;
	if (need > INT32_MAX)
		return ril_fail(err, RIL_EFAIL, "%lld cached tokens are too many at once", (long long)need);
	if (make_room(g, responses, need, err))
		return -1;
	for (size_t i = 0; i < n; prefix += p[i++].P) {
		for (int32_t k = 0; k < p[i].n; k++, at++) {
			int64_t tail = p[i].tail ? p[i].tail[k].n : 0;
			g->row[at] = (struct row){i, k, prefix, p[i].P, own, tail, 0};
			own += tail + g->how->max_new_tokens;
			start_row(g, (int64_t)at, &g->row[at]);
		}
	}
	ril_decoding_start(&g->d); /* keys; positions follow */
	return 0;
}

/* After the prefill: rotary positions, which prompts and tails have given. */
static void place(struct ril_generator *g)
{
	struct ril_decode *d = &g->d.start;
	int32_t top = 0;
	for (int64_t i = 0; i < g->nrow; i++) {
		for (int a = 0; a < d->axes; a++)
			d->pos[a * g->nrow + i] = g->row[i].next - 1;
		top = g->row[i].next > top ? g->row[i].next : top;
	}
	g->top = top + g->how->max_new_tokens;
	ril_decoding_start(&g->d);
}

/* ---- choosing ---- */

/* Chooses the next token of rows [first, first+n); row first+i's hidden state is row line[i] (device; NULL: i) of
 * hidden [*,H].  What was computed on the way is forgotten.  A failure is the tape's. */
static void choose(struct ril_generator *g, struct ril_val *hidden, const int32_t *line, int64_t first, int64_t n)
{
	const struct ril_decode *d = &g->d.now;
	struct ril_tape_mark mark = ril_tape_enter(g->tape);
	struct ril_val *z = ril_model_logits(g->tape, g->model, hidden);
	if (!z)
		return;
	struct ril_draws rows = {.n = n,
				 .seed = g->how->seed,
				 .purpose = g->how->purpose,
				 .key = d->key + first,
				 .line = line,
				 .done = d->done + first,
				 .barred = g->barred};
	ril_ops()->sample(d->id + first, d->logp + first, z->m, rows, g->how->sampling);
	ril_tape_leave(g->tape, mark);
}

/* Rows whose logits are computed at once. */
static int64_t head_rows(const struct ril_generator *g)
{
	int64_t n = HEAD_ELEMENTS / g->model->config.text.vocab;
	return n < 1 ? 1 : n;
}

/* Rows [from, from+n) of x. */
static struct ril_val *part(struct ril_generator *g, struct ril_val *x, int64_t from, int64_t n)
{
	return x ? ril_tape_wrap(g->tape, ril_mat_rows(x->m, from, n)) : NULL;
}

/* Chooses for rows [first, first+n) from hidden [n,H]. */
static void choose_all(struct ril_generator *g, struct ril_val *hidden, int64_t first, int64_t n)
{
	for (int64_t lo = 0, k; lo < n; lo += k) {
		k = head_rows(g) < n - lo ? head_rows(g) : n - lo;
		choose(g, part(g, hidden, lo, k), NULL, first + lo, k);
	}
}

/* Chooses the first tokens of rows [first, first+rows): every response of prompt a+i begins from row i of hidden [n,H]. */
static void first_tokens(struct ril_generator *g, struct ril_val *hidden, size_t a, int64_t n, int64_t first,
			 int64_t rows)
{
	int64_t most = head_rows(g), r = first;
	int32_t *line = ril_tape_host(g->tape, (size_t)rows, sizeof *line);
	for (int64_t i = 0; line && i < rows; i++)
		line[i] = (int32_t)((int64_t)(g->row[first + i].prompt - a) % most);
	struct ril_upload up = {line, (size_t)rows * sizeof *line, NULL};
	if (!line || ril_tape_upload(g->tape, &up, 1))
		return;
	for (int64_t lo = 0; lo < n; lo += most) {
		int64_t hi = lo + most < n ? lo + most : n, from = r;
		while (r < first + rows && (int64_t)(g->row[r].prompt - a) < hi)
			r++;
		if (r > from)
			choose(g, part(g, hidden, lo, hi - lo), (const int32_t *)up.device + (from - first), from,
			       r - from);
	}
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

/* Prefills prompts [a,b), whose cache rows begin at `base` and whose responses at row `first`, and chooses the first
 * tokens.  Sets each response's rope position. */
static int prefill_some(struct ril_generator *g, const struct ril_gen_prompt *p, size_t a, size_t b, int64_t T,
			int64_t base, int64_t first, struct ril_err *err)
{
	const struct ril_config *c = &g->model->config;
	int64_t n = (int64_t)(b - a), at = 0, vis = 0, rows = 0;
	struct pass s;
	ril_tape_reset(g->tape);
	struct ril_pictures *set = ril_tape_host(g->tape, (size_t)n, sizeof *set);
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
	if (!p[a].tail)
		first_tokens(g, hidden, a, n, first, rows);
	return ril_tape_check(g->tape, err);
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
		memcpy(s.ids + at, p[r->prompt].tail[r->response].ids, (size_t)r->tail * sizeof *s.ids);
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
	struct ril_val *hidden =
		ril_model_decode(g->tape, g->model, ril_pass_make(g->tape, &g->model->config, &tok), NULL);
	choose_all(g, hidden, a, b - a);
	return ril_tape_check(g->tape, err);
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

/* ---- decoding ---- */

/* The calls of one step. */
static int run_step(struct ril_generator *g, struct ril_err *err)
{
	const struct ril_decode *d = &g->d.now;
	int n = (int)d->n;
	struct ril_pass pass = {.T = n,
				.ids = d->id,
				.pos = d->pos,
				.kv_row = d->kv_row,
				.full = {d->full, n},
				.slide = {d->slide ? d->slide : d->full, n},
				.top = g->top,
				.kv = g->kv};
	ril_tape_reset(g->tape);
	struct ril_val *hidden = ril_model_decode(g->tape, g->model, &pass, NULL);
	if (!hidden)
		return ril_tape_check(g->tape, err) ? -1 : ril_fail(err, RIL_EFAIL, "a decoding step failed");
	choose_all(g, hidden, 0, n);
	ril_ops()->advance(*d);
	return 0;
}

/* One more token for every response in the batch.  Where the device can keep calls, the first step of a shape is done as
 * it comes (and makes what room it needs), the second is kept, and from then on that is what a step is. */
static int decode_step(struct ril_generator *g, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	if (g->same.n != g->d.now.n || g->same.id != g->d.now.id) {
		forget_steps(g);
		g->same.n = g->d.now.n;
		g->same.id = g->d.now.id;
	}
	if (g->same.steps++ == 1 && ops->note) {
		ops->note();
		int rc = run_step(g, err);
		g->same.calls = ops->noted();
		if (rc)
			return rc;
	}
	if (!g->same.calls)
		return run_step(g, err);
	ops->again(g->same.calls);
	return 0;
}

/* All responses to their ends.  What fails on the device is found at a look, or at the end. */
static int decode(struct ril_generator *g, struct ril_err *err)
{
	struct ril_decoding *d = &g->d;
	const struct ril_ops *ops = ril_ops();
	int32_t every = g->how->look_every > 0 ? g->how->look_every : ops->async ? LOOK_EVERY : 1;
	bool well = true;
	forget_steps(g);
	ops->advance(d->now);
	for (int32_t tokens = 1; well && tokens < g->how->max_new_tokens && d->now.n; tokens++) {
		bool look = tokens % every == 0;
		if (look)
			ril_decoding_look(d);
		if (look && !ops->async)
			well = ril_decoding_close_up(d);
		if (well && d->now.n && decode_step(g, err))
			return -1;
		if (look && ops->async)
			well = ril_decoding_close_up(d);
	}
	if (ril_tape_check(g->tape, err))
		return -1;
	return well ? 0 : ril_fail(err, RIL_EFAIL, "no token could be chosen");
}

static bool is_eos(const struct ril_config *c, int32_t id)
{
	for (int i = 0; i < c->neos; i++)
		if (c->eos[i] == id)
			return true;
	return false;
}

/* The outputs as responses of their own. */
static int hand_out(struct ril_generator *g, struct ril_generated *out, struct ril_err *err)
{
	const int32_t *ids;
	const ril_real *logp;
	int32_t max = g->how->max_new_tokens;
	ril_decoding_read(&g->d, &ids, &logp);
	for (int64_t i = 0; i < g->nrow; i++, out++, ids += max, logp += max) {
		int32_t n = 1;
		while (n < max && !is_eos(&g->model->config, ids[n - 1]))
			n++;
		out->ids = ril_new((size_t)n, sizeof *out->ids, err);
		out->logp = ril_new((size_t)n, sizeof *out->logp, err);
		if (!out->ids || !out->logp)
			return -1;
		out->n = n;
		out->finish = is_eos(&g->model->config, ids[n - 1]) ? 0 : 1;
		memcpy(out->ids, ids, (size_t)n * sizeof *ids);
		for (int32_t k = 0; k < n; k++)
			out->logp[k] = (float)logp[k];
	}
	return 0;
}

/* Adds which response it was that could not go on. */
static int name_response(struct ril_generator *g, struct ril_err *err)
{
	int32_t tokens = 0;
	int64_t row = err->code == RIL_ENONFINITE ? ril_decoding_failed(&g->d, &tokens) : -1;
	if (row < 0)
		return -1;
	const struct row *r = &g->row[row];
	return ril_context(err, "'%s': response %d, token %d", g->prompt[r->prompt].name, r->response, tokens);
}

int ril_generate(struct ril_generator *g, const struct ril_gen_prompt *p, size_t n, const struct ril_gen_options *how,
		 struct ril_generated *out, struct ril_err *err)
{
	size_t responses = 0;
	for (size_t i = 0; i < n; i++)
		responses += (size_t)p[i].n;
	memset(out, 0, responses * sizeof *out);
	if (!responses)
		return 0;
	g->how = how;
	g->prompt = p;
	ril_tape_record(g->tape, false);
	if (plan(g, n, err))
		return -1;
	if (prefill(g, p, n, err) || (p[0].tail && prefill_tails(g, p, err)))
		return name_response(g, err);
	place(g);
	if (decode(g, err))
		return name_response(g, err);
	ril_tape_reset(g->tape);
	return hand_out(g, out, err);
}
