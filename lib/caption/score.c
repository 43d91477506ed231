/* score.c -- scores of a choice of candidates: names, the run over the metrics, corpus values. */
#include "caption/meteor_internal.h"

#include <math.h>
#include <stdlib.h>

static const char *const metric_name[RIL_CAP_METRICS] = {
	[RIL_CAP_BLEU1] = "BLEU-1",        [RIL_CAP_BLEU2] = "BLEU-2",
	[RIL_CAP_BLEU3] = "BLEU-3",        [RIL_CAP_BLEU4] = "BLEU-4",
	[RIL_CAP_METEOR] = "METEOR",       [RIL_CAP_ROUGE_L] = "ROUGE-L",
	[RIL_CAP_CIDER] = "CIDEr",         [RIL_CAP_CIDER_PLAIN] = "CIDEr-plain",
	[RIL_CAP_METEOR_WS] = "meteor-ws", [RIL_CAP_SPICE] = "SPICE",
};

enum {
	BLEU_BITS = RIL_CAP_BIT(RIL_CAP_BLEU1) | RIL_CAP_BIT(RIL_CAP_BLEU2) | RIL_CAP_BIT(RIL_CAP_BLEU3) |
		    RIL_CAP_BIT(RIL_CAP_BLEU4),
	CIDER_BITS = RIL_CAP_BIT(RIL_CAP_CIDER) | RIL_CAP_BIT(RIL_CAP_CIDER_PLAIN),
};

const char *ril_caption_metric_name(enum ril_caption_metric m)
{
	return metric_name[m];
}

static unsigned metric_bits(const char *s, size_t n)
{
	if (n == 7 && !strncasecmp(s, "builtin", n))
		return RIL_CAP_BUILTIN;
	if (n == 4 && !strncasecmp(s, "BLEU", n))
		return BLEU_BITS;
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		if (strlen(metric_name[m]) == n && !strncasecmp(s, metric_name[m], n))
			return RIL_CAP_BIT(m);
	return 0;
}

int ril_caption_metrics_parse(const char *list, unsigned *bits, struct ril_err *err)
{
	*bits = 0;
	for (const char *s = list;; s++) {
		size_t n = strcspn(s, ",");
		unsigned b = metric_bits(s, n);
		if (!b)
			return ril_fail(err, RIL_EUSAGE, "no caption metric is called '%.*s'", (int)n, s);
		*bits |= b;
		s += n;
		if (!*s)
			return 0;
	}
}

/* ---- one run ---- */

struct run {
	const struct ril_captions *c;
	const struct ril_caption_options *how;
	struct ril_caption_scores *out;
	struct ril_bags bags;
	struct ril_cider cider;
	struct ril_meteor_ws *ws;
	struct ril_buf scratch;
	uint32_t *ref; /* texts of the current picture's references */
	struct ril_bag_text *fresh;
	size_t cap_ref, cap_fresh;
};

static bool wants(const struct run *r, unsigned bits)
{
	return r->how->metrics & bits;
}

static int references(struct run *r, uint32_t picture, size_t *n, struct ril_err *err)
{
	const struct ril_caption_picture *im = r->c->picture + picture;
	if (!im->n)
		return ril_fail(err, RIL_ECORRUPT, "picture '%s' has a caption but no reference",
				ril_captions_key(r->c, picture));
	if (ril_grow(&r->ref, &r->cap_ref, im->n, sizeof *r->ref, err))
		return -1;
	*n = 0;
	for (int64_t i = im->first; i >= 0; i = r->c->ref[i].next)
		r->ref[(*n)++] = r->c->ref[i].text;
	return 0;
}

/* Bags of a candidate and of its n references. */
static int add_bags(struct run *r, uint32_t text, size_t n, struct ril_err *err)
{
	size_t m = 0;
	if (ril_grow(&r->fresh, &r->cap_fresh, n + 1, sizeof *r->fresh, err))
		return -1;
	for (size_t k = 0; k <= n; k++) {
		uint32_t at = k ? r->ref[k - 1] : text;
		const struct ril_caption_text *t = r->c->text + at;
		if (!ril_bags_has(&r->bags, at))
			r->fresh[m++] = (struct ril_bag_text){at, r->c->tok + t->word, t->n_word};
	}
	return ril_bags_add(&r->bags, r->fresh, m, err);
}

/* Bags of everything that is scored, and document frequencies: each picture once, however many candidates it has. */
static int prepare(struct run *r, struct ril_err *err)
{
	size_t pictures = 0, n = 0;
	bool *seen = ril_new(r->c->keys.n, sizeof *seen, err);
	int rc = seen ? ril_bags_init(&r->bags, r->c, err) : -1;
	for (size_t i = 0; i < r->out->n && !rc; i++) {
		const struct ril_caption_item *it = r->c->item + r->out->item[i];
		rc = references(r, it->picture, &n, err) || add_bags(r, it->text, n, err) ? -1 : 0;
		if (rc || seen[it->picture])
			continue;
		seen[it->picture] = true;
		for (size_t k = 0; k < n; k++)
			ril_bags_count(&r->bags, r->ref[k], (uint32_t)pictures);
		pictures++;
	}
	free(seen);
	if (!rc && wants(r, CIDER_BITS))
		rc = ril_cider_init(&r->cider, r->c, &r->bags, pictures, err);
	if (!rc && wants(r, RIL_CAP_BIT(RIL_CAP_METEOR_WS)))
		rc = (r->ws = ril_meteor_ws_new(r->c, r->how->wordnet, err)) ? 0 : -1;
	return rc;
}

static int score_item(struct run *r, size_t i, struct ril_err *err)
{
	const struct ril_caption_item *it = r->c->item + r->out->item[i];
	struct ril_caption_case q = {.c = r->c, .bags = &r->bags, .text = it->text};
	if (references(r, it->picture, &q.n, err))
		return -1;
	q.ref = r->ref;
	double **v = r->out->value, unused;
	if (wants(r, BLEU_BITS)) {
		if (ril_bleu_count(r->out->stats + i, &q, &r->scratch, err))
			return -1;
		for (int k = 0; k < RIL_GRAM_MAX; k++)
			if (v[RIL_CAP_BLEU1 + k])
				v[RIL_CAP_BLEU1 + k][i] = ril_bleu(r->out->stats + i, k + 1);
	}
	if (v[RIL_CAP_ROUGE_L] && ril_rouge_l(v[RIL_CAP_ROUGE_L] + i, &q, &r->scratch, err))
		return -1;
	if (wants(r, CIDER_BITS))
		ril_cider_score(v[RIL_CAP_CIDER] ? v[RIL_CAP_CIDER] + i : &unused,
				v[RIL_CAP_CIDER_PLAIN] ? v[RIL_CAP_CIDER_PLAIN] + i : &unused, &r->cider, &q);
	if (r->ws) {
		double *stats = r->out->meteor_ws + i * RIL_METEOR_STATS;
		if (ril_meteor_ws_item(stats, r->ws, &q, err))
			return -1;
		v[RIL_CAP_METEOR_WS][i] = ril_meteor(stats);
	}
	return 0;
}

static struct ril_caption_scores *scores_new(const struct ril_captions *c, unsigned metrics, const size_t *items,
					     size_t n, struct ril_err *err)
{
	struct ril_caption_scores *s = ril_new(1, sizeof *s, err);
	if (!s)
		return NULL;
	s->n = n;
	bool ok = (s->item = ril_new(n, sizeof *s->item, err)) && (s->stats = ril_new(n, sizeof *s->stats, err));
	for (int m = 0; m < RIL_CAP_METRICS && ok; m++) {
		s->corpus[m] = NAN;
		if (metrics & RIL_CAP_BIT(m))
			ok = (s->value[m] = ril_new(n, sizeof(double), err));
	}
	const size_t meteor = RIL_METEOR_STATS * sizeof(double);
	if (ok && (metrics & RIL_CAP_BIT(RIL_CAP_METEOR)))
		ok = (s->meteor = ril_new(n, meteor, err));
	if (ok && (metrics & RIL_CAP_BIT(RIL_CAP_METEOR_WS)))
		ok = (s->meteor_ws = ril_new(n, meteor, err));
	for (size_t i = 0; i < n && ok; i++) {
		s->item[i] = items ? items[i] : i;
		if (s->item[i] >= c->n_item)
			ok = ril_fail(err, RIL_EUSAGE, "there is no caption %zu", s->item[i]) == 0;
	}
	if (!ok)
		return ril_caption_scores_free(s), NULL;
	return s;
}

struct ril_caption_scores *ril_captions_score(const struct ril_captions *c, const struct ril_caption_options *how,
					      const size_t *items, size_t n, struct ril_err *err)
{
	n = items ? n : c->n_item;
	struct run r = {.c = c, .how = how, .out = scores_new(c, how->metrics, items, n, err)};
	int rc = r.out ? prepare(&r, err) : -1;
	for (size_t i = 0; i < n && !rc; i++)
		rc = score_item(&r, i, err);
	if (!rc && wants(&r, RIL_CAP_BIT(RIL_CAP_METEOR)))
		rc = ril_meteor_jar(r.out, c, how, err);
	if (!rc && wants(&r, RIL_CAP_BIT(RIL_CAP_SPICE)))
		rc = ril_spice_jar(r.out, c, how, err);
	for (int m = 0; m < RIL_CAP_METRICS && !rc; m++)
		if (r.out->value[m] && isnan(r.out->corpus[m])) /* METEOR's program has given it */
			r.out->corpus[m] = ril_caption_over(r.out, m, NULL, 0);
	ril_meteor_ws_free(r.ws);
	ril_bags_free(&r.bags);
	ril_cider_free(&r.cider);
	ril_buf_free(&r.scratch);
	free(r.ref);
	free(r.fresh);
	if (rc) {
		ril_caption_scores_free(r.out);
		return NULL;
	}
	return r.out;
}

void ril_caption_scores_free(struct ril_caption_scores *s)
{
	if (!s)
		return;
	for (int m = 0; m < RIL_CAP_METRICS; m++)
		free(s->value[m]);
	free(s->item);
	free(s->stats);
	free(s->meteor);
	free(s->meteor_ws);
	free(s);
}

/* ---- corpus values ---- */

const double *ril_caption_statistics(const struct ril_caption_scores *s, enum ril_caption_metric m, size_t *width)
{
	*width = m <= RIL_CAP_BLEU4 ? sizeof *s->stats / sizeof(double) : RIL_METEOR_STATS;
	return m <= RIL_CAP_BLEU4       ? (const double *)s->stats
	       : m == RIL_CAP_METEOR    ? s->meteor
	       : m == RIL_CAP_METEOR_WS ? s->meteor_ws
					: NULL;
}

double ril_caption_of_sums(enum ril_caption_metric m, const double *sum)
{
	return m <= RIL_CAP_BLEU4 ? ril_bleu((const struct ril_caption_stats *)sum, (int)(m - RIL_CAP_BLEU1) + 1)
				  : ril_meteor(sum);
}

double ril_caption_over(const struct ril_caption_scores *s, enum ril_caption_metric m, const uint32_t *pick, size_t n)
{
	size_t width;
	const double *stats = ril_caption_statistics(s, m, &width);
	double total = 0, sum[RIL_CAP_WIDTH] = {0};
	n = pick ? n : s->n;
	if (!n || !s->value[m])
		return NAN;
	for (size_t i = 0; i < n; i++) {
		size_t at = pick ? pick[i] : i;
		total += s->value[m][at];
		for (size_t k = 0; stats && k < width; k++)
			sum[k] += stats[at * width + k];
	}
	return stats ? ril_caption_of_sums(m, sum) : total / (double)n;
}
