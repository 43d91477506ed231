/* wording.c -- see wording.h. */
#include "score/wording.h"

#include "caption/against.h"
#include "score/judge/final_internal.h"

#include <stdlib.h>

struct ril_wording {
	struct ril_caption_corpus *corpus; /* NULL: no CIDEr */
	bool rouge;
};

struct ril_wording *ril_wording_open(const struct ril_wording_options *how, struct ril_err *err)
{
	struct ril_wording *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->rouge = how->rouge;
	if (how->cider && !(w->corpus = ril_caption_corpus_read(how->cider, err))) {
		ril_wording_free(w);
		return NULL;
	}
	return w;
}

void ril_wording_free(struct ril_wording *w)
{
	if (!w)
		return;
	ril_caption_corpus_free(w->corpus);
	free(w);
}

/* The one text that all parts of a response are. */
struct answer {
	struct ril_buf text;
	bool any;
};

static int take_part(void *ctx, struct ril_span part, struct ril_err *err)
{
	struct answer *a = ctx;
	bool other = a->any && (part.n != a->text.len || memcmp(part.s, a->text.data, part.n) != 0);
	a->any = true;
	a->text.len = 0;
	return ril_buf_add(&a->text, part.s, other ? 0 : part.n, err);
}

static int put(struct ril_record *r, const char *name, const double *x, size_t n, struct ril_err *err)
{
	float *out = ril_new(n, sizeof *out, err);
	if (!out)
		return -1;
	for (size_t i = 0; i < n; i++)
		out[i] = (float)x[i];
	int rc = ril_record_set(r, name, RIL_F32, 1, &(int64_t){(int64_t)n}, out, err);
	free(out);
	return rc;
}

static int compare(const struct ril_wording *w, const struct ril_question *q, const char *const *text, size_t n,
		   struct ril_record *r, struct ril_err *err)
{
	double *cider = ril_new(2 * n, sizeof *cider, err), *rouge = cider + n;
	if (!cider)
		return -1;
	int rc = ril_caption_against(w->corpus, q->answers, q->n_answers, text, n, w->corpus ? cider : NULL,
				     w->rouge ? rouge : NULL, err);
	if (!rc && w->corpus)
		rc = put(r, "reward.cider", cider, n, err);
	if (!rc && w->rouge)
		rc = put(r, "reward.rouge", rouge, n, err);
	free(cider);
	return rc;
}

int ril_wording_group(const struct ril_wording *w, const struct ril_item *item, size_t n, struct ril_record *r,
		      struct ril_err *err)
{
	if ((!w->corpus && !w->rouge) || !n)
		return 0;
	if (!item->q->n_answers)
		return ril_fail(err, RIL_EFAIL, "%s: no answer to compare with", ril_record_label(r));
	struct answer *a = ril_new(n, sizeof *a, err);
	const char **text = ril_new(n, sizeof *text, err);
	int rc = a && text ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = ril_final_parts(item[i].response, take_part, &a[i], err);
		text[i] = a[i].text.data;
	}
	if (!rc)
		rc = compare(w, item->q, text, n, r, err);
	for (size_t i = 0; a && i < n; i++)
		ril_buf_free(&a[i].text);
	free(a);
	free(text);
	return rc;
}
