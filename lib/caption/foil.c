/* foil.c -- FOIL (Shekhar et al., ACL 2017): does a metric prefer a caption to itself with one wrong word?
 *
 * The file's annotations hold originals ("foil": false) and foils (true); a foil carries its original's "id".  A pair
 * is judged against the picture's other captions: with the original among them the question would be trivial. */
#include "base/json.h"
#include "caption/file.h"
#include "caption/caption_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* JSON nodes by an id: lists of them, in order. */
struct index {
	struct ril_intern ids;
	struct {
		int64_t first, last;
	} * head; /* [ids.n] */
	struct {
		const cJSON *e;
		int64_t next;
	} * node;
	size_t n, cap_head, cap_node;
};

static void index_free(struct index *x)
{
	ril_intern_free(&x->ids);
	free(x->head);
	free(x->node);
}

static int index_add(struct index *x, const cJSON *e, const char *field, struct ril_err *err)
{
	char id[RIL_CAPTION_ID];
	size_t before = x->ids.n;
	if (ril_caption_id(cJSON_GetObjectItemCaseSensitive(e, field), id, err))
		return -1;
	int64_t k = ril_intern(&x->ids, id, strlen(id), err);
	if (k < 0 || ril_grow(&x->head, &x->cap_head, x->ids.n, sizeof *x->head, err) ||
	    ril_grow(&x->node, &x->cap_node, x->n + 1, sizeof *x->node, err))
		return -1;
	if (x->ids.n > before)
		x->head[k].first = x->head[k].last = -1;
	x->node[x->n].e = e;
	x->node[x->n].next = -1;
	if (x->head[k].last >= 0)
		x->node[x->head[k].last].next = (int64_t)x->n;
	else
		x->head[k].first = (int64_t)x->n;
	x->head[k].last = (int64_t)x->n++;
	return 0;
}

/* The first node under an id, -1 if there is none. */
static int64_t index_find(const struct index *x, const char *id)
{
	int64_t k = ril_intern_find(&x->ids, id, strlen(id));
	return k < 0 ? -1 : x->head[k].first;
}

static const cJSON *annotations_of(const cJSON *tree, struct ril_err *err)
{
	const cJSON *list = cJSON_IsArray(tree) ? tree : cJSON_GetObjectItemCaseSensitive(tree, "annotations");
	if (!cJSON_IsArray(list))
		return ril_fail(err, RIL_ECORRUPT, "it has no list 'annotations'"), NULL;
	return list;
}

static int caption_of(const cJSON *e, struct ril_buf *out, struct ril_err *err)
{
	const cJSON *caption = cJSON_GetObjectItemCaseSensitive(e, "caption");
	out->len = 0;
	if (!cJSON_IsString(caption))
		return ril_fail(err, RIL_ECORRUPT, "its caption is not a string");
	return ril_json_text(out, caption, err) || ril_buf_add(out, "", 0, err) ? -1 : 0;
}

static bool same_text(const struct ril_buf *a, const struct ril_buf *b)
{
	static const char blank[] = " \t\r\n";
	size_t n = a->len, m = b->len, i = strspn(a->data, blank), j = strspn(b->data, blank);
	while (n > i && strchr(blank, a->data[n - 1]))
		n--;
	while (m > j && strchr(blank, b->data[m - 1]))
		m--;
	return n - i == m - j && !memcmp(a->data + i, b->data + j, n - i);
}

struct pairing {
	struct ril_captions *c;
	struct index originals, references;
	struct ril_buf original, foil, reference;
};

static int add_pair(struct pairing *p, const cJSON *foil, struct ril_err *err)
{
	char id[RIL_CAPTION_ID], picture_id[RIL_CAPTION_ID], number[RIL_CAPTION_ID], key[2 * RIL_CAPTION_ID + 2];
	const cJSON *foil_id = cJSON_GetObjectItemCaseSensitive(foil, "foil_id");
	const cJSON *of = cJSON_GetObjectItemCaseSensitive(foil, "id");
	if (ril_caption_id(of, id, err) || ril_caption_id(foil_id ? foil_id : of, number, err) ||
	    ril_caption_id(cJSON_GetObjectItemCaseSensitive(foil, "image_id"), picture_id, err))
		return -1;
	int64_t from = index_find(&p->originals, id), ref = index_find(&p->references, picture_id);
	if (from < 0)
		return ril_fail(err, RIL_ECORRUPT, "no original has its id %s", id);
	if (caption_of(p->originals.node[from].e, &p->original, err) || caption_of(foil, &p->foil, err))
		return -1;
	snprintf(key, sizeof key, "%s/%s", picture_id, number);
	int64_t picture = ril_captions_picture(p->c, key, err);
	if (picture < 0)
		return -1;
	for (; ref >= 0; ref = p->references.node[ref].next) {
		if (caption_of(p->references.node[ref].e, &p->reference, err))
			return -1;
		if (!same_text(&p->reference, &p->original) &&
		    ril_captions_reference(p->c, picture, p->reference.data, p->reference.len, err))
			return -1;
	}
	if (!ril_captions_references(p->c, picture))
		return ril_fail(err, RIL_ECORRUPT, "picture '%s' has no reference beside the original", picture_id);
	return ril_captions_candidate(p->c, picture, p->original.data, p->original.len, err) < 0 ||
			       ril_captions_candidate(p->c, picture, p->foil.data, p->foil.len, err) < 0
		       ? -1
		       : 0;
}

/* Sorts the entries into originals, by id, or pairs them; two passes over one list. */
static int each(struct pairing *p, const cJSON *list, bool pairs, struct ril_err *err)
{
	size_t i = 0;
	for (const cJSON *e = list->child; e; e = e->next, i++) {
		bool foil = false;
		if (ril_json_bool(e, "foil", &foil, err))
			return ril_context(err, "annotation %zu", i);
		if (foil == pairs && (pairs ? add_pair(p, e, err) : index_add(&p->originals, e, "id", err)))
			return ril_context(err, "annotation %zu", i);
	}
	return 0;
}

static int read_foils(struct pairing *p, const cJSON *tree, struct ril_err *err)
{
	const cJSON *list = annotations_of(tree, err);
	if (!list || each(p, list, false, err) || each(p, list, true, err))
		return -1;
	return ril_captions_items(p->c) ? 0 : ril_fail(err, RIL_ECORRUPT, "it holds no foil");
}

static int read_references(struct pairing *p, const cJSON *tree, struct ril_err *err)
{
	const cJSON *list = annotations_of(tree, err);
	for (const cJSON *e = list ? list->child : NULL; e; e = e->next)
		if (index_add(&p->references, e, "image_id", err))
			return -1;
	return list ? 0 : -1;
}

int ril_captions_read_foil(struct ril_captions *c, const char *foil, const char *annotations, struct ril_err *err)
{
	struct pairing p = {.c = c};
	cJSON *foils = ril_json_read(foil, err), *refs = foils ? ril_json_read(annotations, err) : NULL;
	int rc = refs ? 0 : -1;
	if (!rc && (rc = read_references(&p, refs, err)))
		ril_context(err, "%s", annotations);
	if (!rc && (rc = read_foils(&p, foils, err)))
		ril_context(err, "%s", foil);
	cJSON_Delete(foils);
	cJSON_Delete(refs);
	index_free(&p.originals);
	index_free(&p.references);
	ril_buf_free(&p.original);
	ril_buf_free(&p.foil);
	ril_buf_free(&p.reference);
	return rc;
}

double ril_foil_pairwise(const struct ril_caption_scores *s, enum ril_caption_metric m)
{
	size_t right = 0, pairs = s->n / 2;
	for (size_t i = 0; i < pairs; i++)
		right += s->value[m][2 * i] > s->value[m][2 * i + 1];
	return (double)right / (double)pairs;
}
