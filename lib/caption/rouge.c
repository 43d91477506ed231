/* rouge.c -- ROUGE-L (Lin, 2004) as coco-caption's rouge.py computes it: the highest precision and the highest
 * recall over the references, taken apart, and beta = 1.2. */
#include "caption/caption_internal.h"

/* Longest common subsequence, with one row of the table. */
static size_t common(uint32_t *row /* [nb + 1] */, const uint32_t *a, size_t na, const uint32_t *b, size_t nb)
{
	memset(row, 0, (nb + 1) * sizeof *row);
	for (size_t i = 0; i < na; i++) {
		uint32_t diagonal = 0;
		for (size_t j = 0; j < nb; j++) {
			uint32_t up = row[j + 1], left = row[j], longer = up > left ? up : left;
			row[j + 1] = a[i] == b[j] ? diagonal + 1 : longer;
			diagonal = up;
		}
	}
	return row[nb];
}

int ril_rouge_l(double *score, const struct ril_caption_case *q, struct ril_buf *scratch, struct ril_err *err)
{
	const double beta2 = 1.2 * 1.2;
	const struct ril_captions *c = q->c;
	const struct ril_caption_text *h = c->text + q->text;
	double precision = 0, recall = 0;
	scratch->len = 0;
	if (ril_buf_reserve(scratch, ((size_t)h->n_raw + 1) * sizeof(uint32_t), err))
		return -1;
	for (size_t i = 0; i < q->n; i++) {
		const struct ril_caption_text *r = c->text + q->ref[i];
		double lcs =
			(double)common((uint32_t *)scratch->data, c->tok + r->raw, r->n_raw, c->tok + h->raw, h->n_raw);
		double p = lcs / h->n_raw, rec = lcs / r->n_raw;
		precision = p > precision ? p : precision;
		recall = rec > recall ? rec : recall;
	}
	*score = precision > 0 && recall > 0 ? (1 + beta2) * precision * recall / (recall + beta2 * precision) : 0;
	return 0;
}
