/* pass.c -- passes on the device; see pass.h. */
#include "nn/pass.h"

#include "nn/model.h"
#include "nn/tape_internal.h"

enum { ALIGN = 64 };

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

int ril_tape_upload(struct ril_tape *t, struct ril_upload *u, int n)
{
	size_t total = 0, at = 0;
	for (int i = 0; i < n; i++)
		total += u[i].host ? aligned(u[i].bytes) : 0;
	struct ril_arena_mark m = ril_arena_mark(t->host);
	char *host = ril_tape_host(t, total, 1), *device = ril_tape_bytes(t, total);
	if (!host || !device)
		return -1;
	for (int i = 0; i < n; i++) {
		u[i].device = u[i].host && u[i].bytes ? device + at : NULL;
		if (u[i].device)
			memcpy(host + at, u[i].host, u[i].bytes);
		at += u[i].host ? aligned(u[i].bytes) : 0;
	}
	t->ops->to_device(device, host, total);
	ril_arena_reset(t->host, m);
	return 0;
}

/* Sliding layers: every query sees the last `window` tokens up to itself, so every query is a segment.  *n = 0: no query
 * sees more than the window, full and sliding attention are the same. */
static struct ril_seg *slide(struct ril_tape *t, int64_t window, const struct ril_tokens *tok, size_t *n)
{
	int64_t longest = 0, queries = 0;
	*n = 0;
	for (int i = 0; i < tok->nseg; i++) {
		const struct ril_seg *s = &tok->seg[i];
		longest = s->pn + s->kn > longest ? s->pn + s->kn : longest;
		queries += s->qn;
	}
	if (!window || longest <= window)
		return NULL;
	struct ril_seg *out = ril_tape_host(t, (size_t)queries, sizeof *out), *at = out;
	for (int i = 0; out && i < tok->nseg; i++) {
		struct ril_seg s = tok->seg[i];
		for (int32_t q = 0; q < s.qn; q++) {
			int32_t own = s.causal ? q + 1 + s.kn - s.qn : s.kn;
			int32_t kn = own < window ? own : (int32_t)window;
			int32_t room = (int32_t)window - kn, pn = room < s.pn ? room : s.pn;
			*at++ = (struct ril_seg){s.q0 + q, 1, s.p0 + s.pn - pn, pn, s.k0 + own - kn, kn, 0};
		}
	}
	*n = (size_t)queries;
	return out;
}

static int32_t largest(const int32_t *x, int64_t n)
{
	int32_t top = 0;
	for (int64_t i = 0; i < n; i++)
		top = x[i] > top ? x[i] : top;
	return top;
}

/* Where a token's embedding has features after it: its row among them all, and theirs. */
static int stack(struct ril_tape *t, int64_t n, const struct ril_tokens *k, int32_t **vrow, int32_t **at,
		 int32_t **deep, int64_t *seen)
{
	*vrow = *at = *deep = NULL;
	*seen = 0;
	if (!n || !k->vrow)
		return 0;
	for (int64_t i = 0; i < k->T; i++)
		*seen += k->vrow[i] >= 0;
	*vrow = ril_tape_host(t, (size_t)k->T, sizeof **vrow);
	*at = ril_tape_host(t, (size_t)*seen, sizeof **at);
	*deep = ril_tape_host(t, (size_t)(n * *seen), sizeof **deep);
	if (!*vrow || !*at || !*deep)
		return -1;
	for (int64_t i = 0, s = 0; i < k->T; i++) {
		(*vrow)[i] = k->vrow[i] < 0 ? -1 : k->vrow[i] * (int32_t)(n + 1);
		if (k->vrow[i] < 0)
			continue;
		for (int64_t f = 0; f < n; f++)
			(*deep)[f * *seen + s] = (*vrow)[i] + (int32_t)f + 1;
		(*at)[s++] = (int32_t)i;
	}
	return 0;
}

/* Names of the rows that are wanted; NULL: of all, or nobody asks. */
static struct ril_rng_at *names_of_rows(struct ril_tape *t, const struct ril_tokens *k)
{
	bool asks = ril_tape_dropping(t) && k->names && k->rows;
	struct ril_rng_at *out = asks ? ril_tape_host(t, (size_t)k->nrows, sizeof *out) : NULL;
	for (int64_t i = 0; out && i < k->nrows; i++)
		out[i] = k->names[k->rows[i]];
	return out;
}

/* What a pass brings to the device at once. */
enum {
	IDS,
	VROW,
	POS,
	ROWS,
	HEAD,
	TARGET,
	KV_ROW,
	FULL,
	SLIDE,
	SEEN_AT,
	DEEP,
	NAMES,
	WANTED,
	NOISE_TO,
	NOISE_OF,
	ARRAYS
};

const struct ril_pass *ril_pass_make(struct ril_tape *t, const struct ril_config *c, const struct ril_tokens *k)
{
	struct ril_pass *p = ril_tape_host(t, 1, sizeof *p);
	size_t T = (size_t)k->T * sizeof(int32_t), R = (size_t)k->R * sizeof(int32_t), nslide;
	int64_t positions = k->T * ril_model_pos_rows(c), n = c->vision.stack, seen;
	int32_t *vrow, *seen_at, *deep;
	if (stack(t, n, k, &vrow, &seen_at, &deep, &seen))
		return NULL;
	const struct ril_rng_at *wanted = names_of_rows(t, k), *names = ril_tape_dropping(t) ? k->names : NULL;
	const struct ril_seg *sliding = slide(t, c->text.window, k, &nslide);
	struct ril_upload u[ARRAYS] = {
		[IDS] = {k->ids, T, NULL},
		[VROW] = {vrow ? vrow : k->vrow, T, NULL},
		[POS] = {k->pos, (size_t)positions * sizeof(int32_t), NULL},
		[ROWS] = {k->rows, (size_t)k->nrows * sizeof(int32_t), NULL},
		[HEAD] = {k->head, R, NULL},
		[TARGET] = {k->target, R, NULL},
		[KV_ROW] = {k->kv ? k->kv_row : NULL, T, NULL},
		[FULL] = {k->seg, (size_t)k->nseg * sizeof *k->seg, NULL},
		[SLIDE] = {sliding, nslide * sizeof *sliding, NULL},
		[SEEN_AT] = {seen_at, (size_t)seen * sizeof *seen_at, NULL},
		[DEEP] = {deep, (size_t)(n * seen) * sizeof *deep, NULL},
		[NAMES] = {names, (size_t)k->T * sizeof *names, NULL},
		[WANTED] = {wanted, (size_t)k->nrows * sizeof *wanted, NULL},
		[NOISE_TO] = {k->noise ? k->noise_to : NULL, (size_t)k->noisy * sizeof(int32_t), NULL},
		[NOISE_OF] = {k->noise ? k->noise_of : NULL, (size_t)k->noisy * sizeof(int32_t), NULL},
	};
	if (!p || (nslide && !sliding) || ril_tape_upload(t, u, ARRAYS))
		return NULL;
	*p = (struct ril_pass){.T = k->T,
			       .nrows = k->nrows,
			       .R = k->R,
			       .ids = u[IDS].device,
			       .vrow = u[VROW].device,
			       .pos = u[POS].device,
			       .rows = u[ROWS].device,
			       .head = u[HEAD].device,
			       .target = u[TARGET].device,
			       .kv_row = u[KV_ROW].device,
			       .full = {u[FULL].device, k->nseg},
			       .top = largest(k->pos, positions),
			       .stack = seen ? n : 0,
			       .seen = seen,
			       .seen_at = u[SEEN_AT].device,
			       .deep = u[DEEP].device,
			       .names = {u[NAMES].device, names ? k->T : 0},
			       .wanted = {u[WANTED].device, wanted ? k->nrows : 0},
			       .noisy = k->noisy,
			       .noise_to = u[NOISE_TO].device,
			       .noise_of = u[NOISE_OF].device,
			       .kv = k->kv,
			       .hidden = k->hidden};
	if (k->noise && !(p->noise = ril_tape_input(t, k->noisy, c->text.hidden, k->noise)))
		return NULL;
	p->slide = nslide ? (struct ril_segs){u[SLIDE].device, (int)nslide} : p->full;
	return p;
}
