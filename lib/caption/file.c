/* file.c -- captions from JSON files; see file.h.
 *
 * Annotations of a whole data set are large: both files are read in place (base/scan.h).  The results come first, for
 * their ids alone, so that only references of pictures that are scored are tokenised; then the annotations, then the
 * candidates.  A caption meets its picture through the id, never through its place in a file. */
#include "caption/file.h"

#include "base/json.h"
#include "base/scan.h"
#include "caption/caption_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
	struct ril_captions *c;
	struct ril_intern known; /* pictures of the annotations */
	const struct ril_caption_rules *rules;
	struct ril_err *err;
	/* The entry that was read last. */
	char id[RIL_CAPTION_ID];
	struct ril_buf caption, domain;
	bool has_id, has_caption, has_domain, rejected;
	bool all; /* every picture is read, not only those of the corpus */
};

/* ---- ids ---- */

/* A number as text: integers without fraction or exponent. */
static void number_id(double d, char out[RIL_CAPTION_ID])
{
	snprintf(out, RIL_CAPTION_ID, d == floor(d) && fabs(d) < 9007199254740992.0 ? "%.0f" : "%.17g", d);
}

int ril_caption_id(const cJSON *id, char out[RIL_CAPTION_ID], struct ril_err *err)
{
	if (cJSON_IsString(id) && strlen(id->valuestring) < RIL_CAPTION_ID)
		return memcpy(out, id->valuestring, strlen(id->valuestring) + 1), 0;
	if (cJSON_IsNumber(id))
		return number_id(id->valuedouble, out), 0;
	const char *what = !id ? "missing" : cJSON_IsString(id) ? "too long" : "neither a number nor a string";
	return ril_fail(err, RIL_ECORRUPT, "its id is %s", what);
}

static int set_id(struct reading *r, struct ril_scan_text t)
{
	if (t.n >= RIL_CAPTION_ID || memchr(t.s, 0, t.n))
		return ril_fail(r->err, RIL_ECORRUPT, "its id is too long, or has a NUL");
	memcpy(r->id, t.s, t.n);
	r->id[t.n] = 0;
	r->has_id = true;
	return 0;
}

static int read_id(struct reading *r, struct ril_scan *s)
{
	char kind = ril_scan_peek(s);
	if (kind == '"')
		return set_id(r, ril_scan_string(s));
	if (kind != '0')
		return ril_fail(r->err, RIL_ECORRUPT, "its id is neither a number nor a string");
	struct ril_scan_text t = ril_scan_number(s);
	if (set_id(r, t))
		return -1;
	bool plain = t.n <= 15 && *t.s != '-' && (*t.s != '0' || t.n == 1) && strspn(r->id, "0123456789") == t.n;
	if (!plain) {
		char *end;
		double d = strtod(r->id, &end);
		if (*end)
			return ril_scan_fail(s, "not a number");
		number_id(d, r->id);
	}
	return 0;
}

/* ---- entries ---- */

static int copy_string(struct reading *r, struct ril_scan *s, struct ril_buf *out, const char *what)
{
	if (ril_scan_peek(s) != '"')
		return s->failed ? -1 : ril_fail(r->err, RIL_ECORRUPT, "its %s is not a string", what);
	struct ril_scan_text t = ril_scan_string(s);
	out->len = 0;
	return s->failed || ril_buf_add(out, t.s, t.n, r->err) ? -1 : 0;
}

/* An object with an id under the given name, and what else there may be. */
static int read_entry(struct reading *r, struct ril_scan *s, const char *id_name)
{
	r->has_id = r->has_caption = r->has_domain = r->rejected = false;
	for (ril_scan_open(s, '{'); ril_scan_more(s);) {
		struct ril_scan_text key = ril_scan_key(s);
		int rc = 0;
		if (ril_scan_is(key, id_name))
			rc = read_id(r, s);
		else if (ril_scan_is(key, "caption") && (r->has_caption = true))
			rc = copy_string(r, s, &r->caption, "caption");
		else if (ril_scan_is(key, "domain") && ril_scan_peek(s) == '"' && (r->has_domain = true))
			rc = copy_string(r, s, &r->domain, "domain");
		else if (ril_scan_is(key, "is_rejected") || ril_scan_is(key, "is_precanned"))
			r->rejected |= ril_scan_true(s);
		else
			ril_scan_skip(s);
		if (rc || s->failed)
			return -1;
	}
	return s->failed ? -1 : r->has_id ? 0 : ril_fail(r->err, RIL_ECORRUPT, "its id is missing");
}

static int need_caption(const struct reading *r)
{
	return r->has_caption ? 0 : ril_fail(r->err, RIL_ECORRUPT, "its caption is missing");
}

/* An entry of the results in either layout: {"image_id", "caption"} in a list, or "ID": caption in an object. */
static int read_result(struct reading *r, struct ril_scan *s, bool object)
{
	if (!object)
		return read_entry(r, s, "image_id") || need_caption(r) ? -1 : 0;
	return set_id(r, ril_scan_key(s)) || copy_string(r, s, &r->caption, "caption") ? -1 : 0;
}

/* ---- results, twice ---- */

static int take_id(struct reading *r)
{
	return ril_captions_picture(r->c, r->id, r->err) < 0 ? -1 : 0;
}

static int take_candidate(struct reading *r)
{
	int64_t picture = ril_captions_find(r->c, r->id);
	if (ril_intern_find_str(&r->known, r->id) < 0)
		return ril_fail(r->err, RIL_ECORRUPT, "the annotations have no picture '%s'", r->id);
	if (!ril_captions_references(r->c, picture)) {
		if (!r->rules || !r->rules->vizwiz)
			return ril_fail(r->err, RIL_ECORRUPT, "the annotations have no caption of picture '%s'", r->id);
		r->c->counts.pictures_dropped++;
		return 0;
	}
	return ril_captions_candidate(r->c, picture, r->caption.data, r->caption.len, r->err) < 0 ? -1 : 0;
}

static int take_alone(struct reading *r)
{
	int64_t picture = ril_captions_picture(r->c, r->id, r->err);
	return picture < 0 || ril_captions_candidate(r->c, picture, r->caption.data, r->caption.len, r->err) < 0 ? -1
														 : 0;
}

static int each_result(struct reading *r, const struct ril_buf *file, int (*take)(struct reading *))
{
	struct ril_scan s;
	ril_scan_start(&s, file->data, file->len, r->err);
	char kind = ril_scan_peek(&s);
	size_t i = 0;
	int rc = 0;
	if (kind && kind != '[' && kind != '{')
		rc = ril_fail(r->err, RIL_ECORRUPT, "neither a list of captions nor an object");
	else
		ril_scan_open(&s, kind);
	for (; !rc && ril_scan_more(&s); i++)
		if (read_result(r, &s, kind == '{') || take(r))
			rc = ril_context(r->err, "entry %zu", i);
	rc = rc || ril_scan_end(&s) ? -1 : 0;
	if (!rc && !i)
		rc = ril_fail(r->err, RIL_ECORRUPT, "it holds no caption");
	ril_scan_free(&s);
	return rc;
}

/* ---- annotations ---- */

static int know(struct reading *r)
{
	return ril_intern_str(&r->known, r->id, r->err) < 0 ? -1 : 0;
}

static int add_reference(struct reading *r)
{
	int64_t picture = ril_captions_find(r->c, r->id);
	if (know(r))
		return -1;
	if (picture < 0 && r->all && (picture = ril_captions_picture(r->c, r->id, r->err)) < 0)
		return -1;
	return picture < 0 ? 0 : ril_captions_reference(r->c, picture, r->caption.data, r->caption.len, r->err);
}

static int read_pictures(struct reading *r, struct ril_scan *s)
{
	size_t i = 0;
	for (ril_scan_open(s, '['); ril_scan_more(s); i++) {
		if (read_entry(r, s, "id") || know(r))
			return ril_context(r->err, "picture %zu", i);
		int64_t picture = r->has_domain ? ril_captions_find(r->c, r->id) : -1;
		if (picture >= 0 && ril_captions_set_domain(r->c, picture, r->domain.data, r->err))
			return -1;
	}
	return s->failed ? -1 : 0;
}

/* A list of {"image_id", "caption"}. */
static int read_annotations(struct reading *r, struct ril_scan *s)
{
	size_t i = 0;
	for (ril_scan_open(s, '['); ril_scan_more(s); i++) {
		int rc = read_entry(r, s, "image_id");
		if (!rc && r->rejected && r->rules && r->rules->vizwiz) {
			r->c->counts.refs_dropped++;
			rc = know(r);
		} else if (!rc) {
			rc = need_caption(r) || add_reference(r) ? -1 : 0;
		}
		if (rc)
			return ril_context(r->err, "annotation %zu", i);
	}
	return s->failed ? -1 : 0;
}

/* "ID": [captions]. */
static int read_plain_references(struct reading *r, struct ril_scan *s, struct ril_scan_text key)
{
	if (set_id(r, key) || know(r))
		return -1;
	if (ril_scan_peek(s) != '[')
		return ril_fail(r->err, RIL_ECORRUPT, "'%s' is not a list of captions", r->id);
	for (ril_scan_open(s, '['); ril_scan_more(s);)
		if (copy_string(r, s, &r->caption, "caption") || add_reference(r))
			return ril_context(r->err, "picture '%s'", r->id);
	return s->failed ? -1 : 0;
}

/* A member of the annotations' object.  A file of coco-caption's has "annotations"; another has ids only. */
static int read_member(struct reading *r, struct ril_scan *s, bool coco)
{
	struct ril_scan_text key = ril_scan_key(s);
	bool list = ril_scan_is(key, "annotations"), pictures = ril_scan_is(key, "images");
	if (!coco)
		return read_plain_references(r, s, key);
	if (list && ril_scan_peek(s) != '[')
		return ril_fail(r->err, RIL_ECORRUPT, "'annotations' is not a list");
	if (list)
		return read_annotations(r, s);
	if (pictures && ril_scan_peek(s) == '[')
		return read_pictures(r, s);
	ril_scan_skip(s);
	return s->failed ? -1 : 0;
}

static int read_references(struct reading *r, const struct ril_buf *file)
{
	static const char name[] = "\"annotations\"";
	bool coco = memmem(file->data, file->len, name, sizeof name - 1);
	struct ril_scan s;
	ril_scan_start(&s, file->data, file->len, r->err);
	char kind = ril_scan_peek(&s);
	int rc = 0;
	if (kind == '[')
		rc = read_annotations(r, &s);
	else if (kind && kind != '{')
		rc = ril_fail(r->err, RIL_ECORRUPT, "neither an object nor a list");
	else
		for (ril_scan_open(&s, '{'); !rc && ril_scan_more(&s);)
			rc = read_member(r, &s, coco);
	rc = rc || ril_scan_end(&s) ? -1 : 0;
	ril_scan_free(&s);
	return rc;
}

/* Room for what a file of so many bytes may hold, so that the arrays are not moved as they grow. */
static int make_room(struct ril_captions *c, size_t bytes, struct ril_err *err)
{
	if (ril_grow(&c->tok, &c->cap_tok, bytes / 8, sizeof *c->tok, err) ||
	    ril_grow(&c->text, &c->cap_text, bytes / 64, sizeof *c->text, err) ||
	    ril_grow(&c->ref, &c->cap_ref, bytes / 64, sizeof *c->ref, err))
		return -1;
	ril_mem_dense(c->tok, c->cap_tok * sizeof *c->tok);
	return 0;
}

static int read_both(struct reading *r, const char *results, const struct ril_buf *res, const char *annotations,
		     const struct ril_buf *ann)
{
	struct ril_captions *c = r->c;
	if (make_room(c, annotations ? ann->len : res->len, r->err))
		return -1;
	if (each_result(r, res, annotations ? take_id : take_alone))
		return ril_context(r->err, "%s", results);
	if (!annotations)
		return 0;
	if (read_references(r, ann))
		return ril_context(r->err, "%s", annotations);
	if (each_result(r, res, take_candidate))
		return ril_context(r->err, "%s", results);
	c->counts.pictures_unscored = r->known.n - ril_captions_pictures(c);
	if (!ril_captions_items(c))
		return ril_fail(r->err, RIL_ECORRUPT, "%s: no picture with a reference is left", annotations);
	return 0;
}

int ril_captions_read(struct ril_captions *c, const char *results, const char *annotations,
		      const struct ril_caption_rules *rules, struct ril_err *err)
{
	struct reading r = {.c = c, .rules = rules, .err = err};
	struct ril_buf res = {0}, ann = {0};
	int rc = ril_read_file(&res, results, err) || (annotations && ril_read_file(&ann, annotations, err)) ? -1 : 0;
	if (!rc)
		rc = read_both(&r, results, &res, annotations, &ann);
	ril_intern_free(&r.known);
	ril_buf_free(&r.caption);
	ril_buf_free(&r.domain);
	ril_buf_free(&res);
	ril_buf_free(&ann);
	return rc;
}

int ril_captions_read_references(struct ril_captions *c, const char *annotations, struct ril_err *err)
{
	struct reading r = {.c = c, .err = err, .all = true};
	struct ril_buf ann = {0};
	int rc = ril_read_file(&ann, annotations, err) || make_room(c, ann.len, err) ? -1 : 0;
	if (!rc && read_references(&r, &ann))
		rc = ril_context(err, "%s", annotations);
	ril_intern_free(&r.known);
	ril_buf_free(&r.caption);
	ril_buf_free(&r.domain);
	ril_buf_free(&ann);
	return rc;
}
