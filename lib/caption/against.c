/* against.c -- see against.h. */
#include "caption/against.h"

#include "caption/caption_internal.h"
#include "caption/file.h"

#include <stdlib.h>

struct ril_caption_corpus {
	struct ril_captions *c;
	struct ril_bags bags;
};

/* Bags of all texts of c, which are numbered one after the other. */
static int bag_all(struct ril_bags *b, const struct ril_captions *c, struct ril_err *err)
{
	int rc = ril_bags_init(b, c, err);
	for (size_t i = 0; !rc && i < c->n_text; i++) {
		const struct ril_caption_text *t = c->text + i;
		rc = ril_bags_add(b, &(struct ril_bag_text){(uint32_t)i, c->tok + t->word, t->n_word}, 1, err);
	}
	return rc;
}

struct ril_caption_corpus *ril_caption_corpus_read(const char *annotations, struct ril_err *err)
{
	struct ril_caption_corpus *k = ril_new(1, sizeof *k, err);
	if (!k)
		return NULL;
	int rc = !(k->c = ril_captions_new(RIL_CAP_PTB, err)) || ril_captions_read_references(k->c, annotations, err) ||
				 bag_all(&k->bags, k->c, err)
			 ? -1
			 : 0;
	size_t pictures = rc ? 0 : ril_captions_pictures(k->c);
	for (size_t p = 0; p < pictures; p++)
		for (int64_t r = k->c->picture[p].first; r >= 0; r = k->c->ref[r].next)
			ril_bags_count(&k->bags, k->c->ref[r].text, (uint32_t)p);
	if (!rc && pictures < 2)
		rc = ril_fail(err, RIL_ECORRUPT,
			      "%s: document frequencies need the references of two pictures at least", annotations);
	if (rc) {
		ril_caption_corpus_free(k);
		return NULL;
	}
	return k;
}

void ril_caption_corpus_free(struct ril_caption_corpus *k)
{
	if (!k)
		return;
	ril_bags_free(&k->bags);
	ril_captions_free(k->c);
	free(k);
}

static int add_texts(struct ril_captions *c, const char *const *references, size_t n_references,
		     const char *const *text, size_t n, struct ril_err *err)
{
	int64_t picture = ril_captions_picture(c, "", err);
	if (picture < 0)
		return -1;
	for (size_t i = 0; i < n_references; i++)
		if (ril_captions_reference(c, picture, references[i], strlen(references[i]), err))
			return -1;
	for (size_t i = 0; i < n; i++)
		if (ril_captions_candidate(c, picture, text[i], strlen(text[i]), err) < 0)
			return -1;
	return 0;
}

/* What was added is scored: references are texts 0 to n_references - 1. */
static int score(const struct ril_captions *c, const struct ril_bags *bags, const struct ril_cider *d,
		 const uint32_t *ref, size_t n_references, double *cider, double *rouge, struct ril_err *err)
{
	struct ril_buf scratch = {0};
	double plain;
	int rc = 0;
	for (size_t i = 0; !rc && i < ril_captions_items(c); i++) {
		struct ril_caption_case q = {
			.c = c, .bags = bags, .text = c->item[i].text, .ref = ref, .n = n_references};
		if (cider)
			ril_cider_score(&cider[i], &plain, d, &q);
		if (rouge)
			rc = ril_rouge_l(&rouge[i], &q, &scratch, err);
		if (rouge && !c->text[q.text].n_word)
			rouge[i] = 0; /* an empty text is no longest subsequence of an empty reference */
	}
	ril_buf_free(&scratch);
	return rc;
}

int ril_caption_against(const struct ril_caption_corpus *k, const char *const *references, size_t n_references,
			const char *const *text, size_t n, double *cider, double *rouge, struct ril_err *err)
{
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, err);
	uint32_t *ref = ril_new(n_references, sizeof *ref, err);
	struct ril_bags bags = {0};
	struct ril_cider d = {0};
	int rc = c && ref ? add_texts(c, references, n_references, text, n, err) : -1;
	for (size_t i = 0; !rc && i < n_references; i++)
		ref[i] = (uint32_t)i;
	if (!rc && cider)
		rc = bag_all(&bags, c, err) || ril_bags_borrow(&bags, c, &k->bags, k->c, err) ||
				     ril_cider_init(&d, c, &bags, ril_captions_pictures(k->c), err)
			     ? -1
			     : 0;
	if (!rc)
		rc = score(c, &bags, &d, ref, n_references, cider, rouge, err);
	ril_cider_free(&d);
	ril_bags_free(&bags);
	free(ref);
	ril_captions_free(c);
	return rc;
}
