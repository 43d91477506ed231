/* caption_file.c -- captions from JSON files; see caption_file.h.
 *
 * The results are read first, so that only references of pictures that are scored are tokenised.  A caption meets its
 * picture through the id alone, never through its place in a file. */
#include "score/caption_file.h"

#include "base/json.h"
#include "score/caption_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
	struct ril_captions *c;
	struct ril_intern known; /* pictures of the annotations */
	struct ril_buf text;
	const struct ril_caption_rules *rules;
	struct ril_caption_counts *counts;
};

/* printf is too slow for every annotation of a large file. */
static void put_integer(char *out, int64_t v)
{
	char digit[24], *d = digit + sizeof digit;
	uint64_t u = v < 0 ? (uint64_t)-v : (uint64_t)v;
	*--d = 0;
	do
		*--d = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--d = '-';
	strcpy(out, d);
}

int ril_caption_id(const cJSON *id, char out[RIL_CAPTION_ID], struct ril_err *err)
{
	if (cJSON_IsString(id) && strlen(id->valuestring) < RIL_CAPTION_ID) {
		strcpy(out, id->valuestring);
		return 0;
	}
	if (!cJSON_IsNumber(id))
		return ril_fail(err, RIL_ECORRUPT, "its id is %s", !id ? "missing" : cJSON_IsString(id) ? "too long" : "neither a number nor a string");
	double d = id->valuedouble;
	if (d != floor(d) || fabs(d) >= 9007199254740992.0)
		snprintf(out, RIL_CAPTION_ID, "%.17g", d);
	else
		put_integer(out, (int64_t)d);
	return 0;
}

/* The caption's bytes in r->text. */
static int caption_text(struct reading *r, const cJSON *caption, struct ril_err *err)
{
	if (!cJSON_IsString(caption))
		return ril_fail(err, RIL_ECORRUPT, "its caption is %s", caption ? "not a string" : "missing");
	r->text.len = 0;
	return ril_buf_reserve(&r->text, 0, err) || ril_json_text(&r->text, caption, err) ? -1 : 0;
}

/* An entry of either layout: {"image_id", "caption"} in a list, or "ID": caption in an object. */
static int entry_id(const cJSON *list, const cJSON *e, char out[RIL_CAPTION_ID], struct ril_err *err)
{
	if (!cJSON_IsObject(list))
		return ril_caption_id(cJSON_GetObjectItemCaseSensitive(e, "image_id"), out, err);
	if (strlen(e->string) >= RIL_CAPTION_ID)
		return ril_fail(err, RIL_ECORRUPT, "its id is too long");
	strcpy(out, e->string);
	return 0;
}

static const cJSON *entry_caption(const cJSON *list, const cJSON *e)
{
	return cJSON_IsObject(list) ? e : cJSON_GetObjectItemCaseSensitive(e, "caption");
}

/* ---- results ---- */

static int read_ids(struct reading *r, const cJSON *results, struct ril_err *err)
{
	if (!cJSON_IsArray(results) && !cJSON_IsObject(results))
		return ril_fail(err, RIL_ECORRUPT, "neither a list of captions nor an object");
	if (!results->child)
		return ril_fail(err, RIL_ECORRUPT, "it holds no caption");
	size_t i = 0;
	for (const cJSON *e = results->child; e; e = e->next, i++) {
		char id[RIL_CAPTION_ID];
		if (entry_id(results, e, id, err) || ril_captions_image(r->c, id, err) < 0)
			return ril_context(err, "entry %zu", i);
	}
	return 0;
}

static int read_candidates(struct reading *r, const cJSON *results, struct ril_err *err)
{
	size_t i = 0;
	for (const cJSON *e = results->child; e; e = e->next, i++) {
		char id[RIL_CAPTION_ID];
		if (entry_id(results, e, id, err))
			return -1;
		int64_t image = ril_captions_find(r->c, id);
		if (ril_intern_find(&r->known, id, strlen(id)) < 0)
			return ril_fail(err, RIL_ECORRUPT, "entry %zu: the annotations have no picture '%s'", i, id);
		if (!ril_captions_references(r->c, image)) {
			if (!r->rules || !r->rules->vizwiz)
				return ril_fail(err, RIL_ECORRUPT, "entry %zu: the annotations have no caption of picture '%s'", i, id);
			r->counts->images_dropped++;
			continue;
		}
		if (caption_text(r, entry_caption(results, e), err) ||
		    ril_captions_candidate(r->c, image, r->text.data, r->text.len, err) < 0)
			return ril_context(err, "entry %zu", i);
	}
	return 0;
}

/* ---- annotations ---- */

static int know(struct reading *r, const char *id, struct ril_err *err)
{
	return ril_intern(&r->known, id, strlen(id), err) < 0 ? -1 : 0;
}

static int read_images(struct reading *r, const cJSON *images, struct ril_err *err)
{
	size_t i = 0;
	for (const cJSON *e = images ? images->child : NULL; e; e = e->next, i++) {
		char id[RIL_CAPTION_ID];
		const char *domain = NULL;
		if (ril_caption_id(cJSON_GetObjectItemCaseSensitive(e, "id"), id, err) || know(r, id, err) || ril_json_str(e, "domain", &domain, err))
			return ril_context(err, "picture %zu", i);
		int64_t image = ril_captions_find(r->c, id);
		if (domain && image >= 0 && ril_captions_set_domain(r->c, image, domain, err))
			return -1;
	}
	return 0;
}

static bool rejected(const struct reading *r, const cJSON *e)
{
	return r->rules && r->rules->vizwiz &&
	       (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "is_rejected")) ||
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "is_precanned")));
}

static int add_reference(struct reading *r, const char *id, const cJSON *caption, struct ril_err *err)
{
	int64_t image = ril_captions_find(r->c, id);
	if (know(r, id, err))
		return -1;
	if (image < 0)
		return 0;
	return caption_text(r, caption, err) ? -1 : ril_captions_reference(r->c, image, r->text.data, r->text.len, err);
}

/* A list of {"image_id", "caption"}. */
static int read_annotations(struct reading *r, const cJSON *list, struct ril_err *err)
{
	size_t i = 0;
	for (const cJSON *e = list->child; e; e = e->next, i++) {
		char id[RIL_CAPTION_ID];
		if (ril_caption_id(cJSON_GetObjectItemCaseSensitive(e, "image_id"), id, err))
			return ril_context(err, "annotation %zu", i);
		if (rejected(r, e)) {
			r->counts->refs_dropped++;
			if (know(r, id, err))
				return -1;
		} else if (add_reference(r, id, cJSON_GetObjectItemCaseSensitive(e, "caption"), err)) {
			return ril_context(err, "annotation %zu", i);
		}
	}
	return 0;
}

/* An object of "ID": [captions]. */
static int read_plain_references(struct reading *r, const cJSON *object, struct ril_err *err)
{
	for (const cJSON *e = object->child; e; e = e->next) {
		if (!cJSON_IsArray(e))
			return ril_fail(err, RIL_ECORRUPT, "'%s' is not a list of captions", e->string);
		for (const cJSON *s = e->child; s; s = s->next)
			if (add_reference(r, e->string, s, err))
				return ril_context(err, "picture '%s'", e->string);
		if (!e->child && know(r, e->string, err))
			return -1;
	}
	return 0;
}

static int read_references(struct reading *r, const cJSON *tree, struct ril_err *err)
{
	if (cJSON_IsArray(tree))
		return read_annotations(r, tree, err);
	if (!cJSON_IsObject(tree))
		return ril_fail(err, RIL_ECORRUPT, "neither an object nor a list");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "annotations");
	if (!list)
		return read_plain_references(r, tree, err);
	if (!cJSON_IsArray(list))
		return ril_fail(err, RIL_ECORRUPT, "'annotations' is not a list");
	return read_images(r, cJSON_GetObjectItemCaseSensitive(tree, "images"), err) || read_annotations(r, list, err) ? -1 : 0;
}

int ril_captions_read(struct ril_captions *c, const char *results, const char *annotations, const struct ril_caption_rules *rules,
		      struct ril_err *err)
{
	struct reading r = {.c = c, .rules = rules, .counts = &c->counts};
	cJSON *res = ril_json_read(results, err), *ann = res ? ril_json_read(annotations, err) : NULL;
	int rc = ann ? 0 : -1;
	if (!rc && (rc = read_ids(&r, res, err)))
		ril_context(err, "%s", results);
	if (!rc && (rc = read_references(&r, ann, err)))
		ril_context(err, "%s", annotations);
	if (!rc && (rc = read_candidates(&r, res, err)))
		ril_context(err, "%s", results);
	if (!rc)
		r.counts->images_unscored = r.known.n - ril_captions_images(c);
	if (!rc && !ril_captions_items(c))
		rc = ril_fail(err, RIL_ECORRUPT, "%s: no picture with a reference is left", annotations);
	cJSON_Delete(res);
	cJSON_Delete(ann);
	ril_intern_free(&r.known);
	ril_buf_free(&r.text);
	return rc;
}
