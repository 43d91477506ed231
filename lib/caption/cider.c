/* cider.c -- CIDEr and CIDEr-D (Vedantam, Zitnick, Parikh, CVPR 2015) as coco-caption computes them.
 *
 * What its cider_scorer.py prints as "CIDEr" is CIDEr-D: raw term frequencies, no stemming, matches clipped to the
 * reference and a Gaussian of the difference in length, which it counts in bigrams.  Plain CIDEr has neither clipping
 * nor Gaussian. */
#include "caption/caption_internal.h"

#include <math.h>
#include <stdlib.h>

static double weight(const struct ril_cider *d, const struct ril_bags *b, struct ril_gram g)
{
	return g.count * d->idf[b->use[g.id].df];
}

int ril_cider_init(struct ril_cider *d, const struct ril_captions *c, const struct ril_bags *b, size_t pictures,
		   struct ril_err *err)
{
	*d = (struct ril_cider){0};
	size_t n;
	if (!ril_mul(&n, c->n_text, RIL_GRAM_MAX) || !(d->idf = ril_new(pictures + 1, sizeof *d->idf, err)) ||
	    !(d->norm = ril_new(n, sizeof *d->norm, err)))
		return ril_cider_free(d), -1;
	for (size_t i = 0; i <= pictures; i++)
		d->idf[i] = log((double)pictures) - log(i > 1 ? (double)i : 1);
	for (size_t t = 0; t < c->n_text; t++) {
		if (!ril_bags_has(b, t))
			continue;
		for (int k = 0; k < RIL_GRAM_MAX; k++) {
			size_t m;
			const struct ril_gram *g = ril_bag(b, t, k, &m);
			double sum = 0;
			for (size_t i = 0; i < m; i++) {
				double w = weight(d, b, g[i]);
				sum += w * w;
			}
			d->norm[t * RIL_GRAM_MAX + (size_t)k] = sqrt(sum);
		}
	}
	return 0;
}

void ril_cider_free(struct ril_cider *d)
{
	free(d->idf);
	free(d->norm);
	*d = (struct ril_cider){0};
}

/* Cosine similarities of one order, with and without clipping; false when the two have no n-gram in common. */
static bool similarity(double *clipped, double *plain, const struct ril_cider *d, const struct ril_caption_case *q,
		       uint32_t ref, int k)
{
	size_t nh, nr;
	const struct ril_gram *h = ril_bag(q->bags, q->text, k, &nh), *r = ril_bag(q->bags, ref, k, &nr);
	double c = 0, p = 0;
	bool common = false;
	for (size_t i = 0, j = 0; i < nh && j < nr;) {
		if (h[i].id == r[j].id) {
			double wh = weight(d, q->bags, h[i++]), wr = weight(d, q->bags, r[j++]);
			c += (wh < wr ? wh : wr) * wr;
			p += wh * wr;
			common = true;
		} else if (h[i].id < r[j].id) {
			i++;
		} else {
			j++;
		}
	}
	double norm =
		d->norm[(size_t)q->text * RIL_GRAM_MAX + (size_t)k] * d->norm[(size_t)ref * RIL_GRAM_MAX + (size_t)k];
	*clipped = norm > 0 ? c / norm : 0;
	*plain = norm > 0 ? p / norm : 0;
	return common;
}

static double bigrams(const struct ril_captions *c, uint32_t text)
{
	uint32_t n = c->text[text].n_word;
	return n > 1 ? n - 1 : 0;
}

void ril_cider_score(double *cider_d, double *plain, const struct ril_cider *d, const struct ril_caption_case *q)
{
	const double sigma = 6;
	double sum_d = 0, sum = 0;
	for (size_t i = 0; i < q->n; i++) {
		double delta = bigrams(q->c, q->text) - bigrams(q->c, q->ref[i]);
		double all = 0, all_plain = 0;
		bool common = true; /* without a common n-gram there is no longer one */
		for (int k = 0; k < RIL_GRAM_MAX && common; k++) {
			double c, p;
			common = similarity(&c, &p, d, q, q->ref[i], k);
			all += c;
			all_plain += p;
		}
		sum_d += all * exp(-delta * delta / (2 * sigma * sigma));
		sum += all_plain;
	}
	*cider_d = 10 * sum_d / (RIL_GRAM_MAX * (double)q->n);
	*plain = 10 * sum / (RIL_GRAM_MAX * (double)q->n);
}
