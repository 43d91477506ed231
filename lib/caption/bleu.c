/* bleu.c -- BLEU-1..4 (Papineni et al., ACL 2002) as coco-caption's bleu_scorer.py computes it: counts clipped
 * to the maximum over references, the closest reference length (the shorter of two equally close), and the constants
 * below in place of smoothing. */
#include "caption/caption_internal.h"

#include <math.h>

static size_t closest_length(const struct ril_caption_case *q)
{
	size_t len = q->c->text[q->text].n_word, best = 0, gap = SIZE_MAX;
	for (size_t i = 0; i < q->n; i++) {
		size_t r = q->c->text[q->ref[i]].n_word, d = r > len ? r - len : len - r;
		if (d < gap || (d == gap && r < best)) {
			gap = d;
			best = r;
		}
	}
	return best;
}

/* best[i] = the larger of it and how often the reference has the candidate's i-th n-gram; is there a common one? */
static bool clip(uint32_t *best, const struct ril_gram *h, size_t nh, const struct ril_gram *r, size_t nr)
{
	bool common = false;
	for (size_t i = 0, j = 0; i < nh && j < nr;) {
		if (h[i].id == r[j].id) {
			common = true;
			if (r[j].count > best[i])
				best[i] = r[j].count;
			i++;
			j++;
		} else if (h[i].id < r[j].id) {
			i++;
		} else {
			j++;
		}
	}
	return common;
}

int ril_bleu_count(struct ril_caption_stats *s, const struct ril_caption_case *q, struct ril_buf *scratch,
		   struct ril_err *err)
{
	size_t len = q->c->text[q->text].n_word;
	scratch->len = 0;
	if (ril_buf_reserve(scratch, len * sizeof(uint32_t), err))
		return -1;
	uint32_t *best = (uint32_t *)scratch->data;
	bool common = true; /* without a common n-gram there is no longer one */
	s->length = (double)len;
	s->closest = (double)closest_length(q);
	for (int k = 0; k < RIL_GRAM_MAX; k++) {
		size_t nh, nr;
		const struct ril_gram *h = ril_bag(q->bags, q->text, k, &nh);
		s->guess[k] = len > (size_t)k ? (double)(len - (size_t)k) : 0;
		s->correct[k] = 0;
		if (!common)
			continue;
		memset(best, 0, nh * sizeof *best);
		common = false;
		for (size_t i = 0; i < q->n; i++) {
			const struct ril_gram *r = ril_bag(q->bags, q->ref[i], k, &nr);
			common |= clip(best, h, nh, r, nr);
		}
		for (size_t i = 0; i < nh; i++)
			s->correct[k] += h[i].count < best[i] ? h[i].count : best[i];
	}
	return 0;
}

double ril_bleu(const struct ril_caption_stats *s, int order)
{
	const double small = 1e-9, tiny = 1e-15;
	double product = 1, ratio = (s->length + tiny) / (s->closest + small);
	for (int k = 0; k < order; k++)
		product *= (s->correct[k] + tiny) / (s->guess[k] + small);
	double bleu = pow(product, 1.0 / order);
	return ratio < 1 ? bleu * exp(1 - 1 / ratio) : bleu;
}
