/* ref_attention.h -- attention over packed segments, a query at a time. */
#ifndef RIL_TEST_OPS_REF_ATTENTION_H
#define RIL_TEST_OPS_REF_ATTENTION_H

#include "ref_kind.h"

/* ---- attention: d = Hq, Hkv, D; layout ---- */

static const double SCALE = .3;

static void attention_shape(struct run *r)
{
	int64_t q = r->layout->q_rows, k = r->layout->k_rows, wide = r->d[0] * r->d[2], narrow = r->d[1] * r->d[2];
	io_set(&r->in[0], q, wide, wide, false); /* o before: rows in no segment keep it */
	io_set(&r->in[1], q, wide, wide + r->pad, true);
	io_set(&r->in[2], k, narrow, narrow + r->pad, true);
	io_set(&r->in[3], k, narrow, narrow + 2 * r->pad, true);
	io_set(&r->out[0], q, wide, wide + 3 * r->pad, true);
	io_set(&r->out[1], q, r->d[0], r->d[0], false); /* lse */
	r->out[0].start = r->out[1].real = true;
	r->out[0].inside = 0x1p-8; /* probabilities may be rounded; they weigh values of at most 1 */
}

/* One query row of one head; key row j of segment s is row key_row(s, j). */
static int64_t key_row(const struct ril_seg *s, int64_t j)
{
	return j < s->pn ? s->p0 + j : s->k0 + j - s->pn;
}

static void attend(const struct run *r, const struct ril_seg *s, int64_t i, int64_t h, double *const in[], double *o)
{
	int64_t D = r->d[2], wide = r->d[0] * D, narrow = r->d[1] * D, kv = h / (r->d[0] / r->d[1]) * D;
	int64_t own = s->causal ? i + 1 + s->kn - s->qn : s->kn, keys = s->pn + (own < 0 ? 0 : own);
	const double *q = in[1] + (s->q0 + i) * wide + h * D;
	double sum = 0, max = -INFINITY, *score = malloc((size_t)(keys + 1) * sizeof *score);
	for (int64_t j = 0; j < keys; j++) {
		score[j] = 0;
		for (int64_t c = 0; c < D; c++)
			score[j] += SCALE * q[c] * in[2][key_row(s, j) * narrow + kv + c];
		max = fmax(max, score[j]);
	}
	for (int64_t j = 0; j < keys; j++)
		sum += score[j] = exp(score[j] - max);
	for (int64_t c = 0; c < D; c++)
		o[c] = 0;
	for (int64_t j = 0; j < keys; j++)
		for (int64_t c = 0; c < D; c++)
			o[c] += score[j] / sum * in[3][key_row(s, j) * narrow + kv + c];
	free(score);
}

static void attention_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int s = 0; s < r->layout->nseg; s++)
		for (int64_t i = 0; i < r->layout->seg[s].qn; i++)
			for (int64_t h = 0; h < r->d[0]; h++)
				attend(r, &r->layout->seg[s], i, h, in,
				       out[0] + (r->layout->seg[s].q0 + i) * r->d[0] * r->d[2] + h * r->d[2]);
}

static struct ril_segs attention_segs(const struct run *r)
{
	return (struct ril_segs){r->seg, r->layout->nseg};
}

static struct ril_heads attention_heads(const struct run *r)
{
	return (struct ril_heads){r->d[0], r->d[1], r->d[2], SCALE};
}

static void attention_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->attention(OUT(0), out[1], IN(1), IN(2), IN(3), attention_segs(r), attention_heads(r));
}

static void attention_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			       void *const din[])
{
	ops()->attention_bwd(DIN(1), DIN(2), DIN(3), DOUT(0), OUT(0), out[1], IN(1), IN(2), IN(3), attention_segs(r),
			     attention_heads(r));
}

/* The output that the gradients are made from is rounded, and so are scores and their gradients in a product. */
enum { ATTENTION_ROUNDINGS = 4 };

static double attention_work(const struct run *r)
{
	double pairs = 0;
	for (int s = 0; s < r->layout->nseg; s++) {
		const struct ril_seg *g = &r->layout->seg[s];
		pairs += (double)g->qn * (g->pn + (g->causal ? g->kn - (g->qn - 1) / 2. : g->kn));
	}
	return 4 * pairs * (double)(r->d[0] * r->d[2]);
}

static const struct kind attention_kind = {"attention",        attention_shape, attention_naive,    attention_forward,
					   attention_backward, attention_work,  ATTENTION_ROUNDINGS};

#endif
