/* annotations.c -- benchmarks whose questions and answers, or pictures and captions, stand in lists of their own and meet
 * through ids: VQAv2, captions in the layout of COCO's (NoCaps and VizWiz have it too), FOIL.
 *
 * One list is indexed by id, as places in the text; the other is gone through, and becomes the records.  So memory is the
 * text and an index.  An id is a number or a text; 7 and "7" are the same.  Captions that VizWiz marks is_rejected or
 * is_precanned are left out, and pictures that have no other, as its scorer does; a caption of no picture is an error.
 * The layouts: cocodataset.org, "Data format", 4; nocaps.org; vizwiz.org, "Image captioning"; foilunitn.github.io. */
#include "data/dataset_internal.h"

#include "data/gunzip.h"

#include "base/intern.h"
#include "base/unused.h"

#include <stdlib.h>

const char ril_ask_caption[] = "Describe this picture in one sentence.";
static const char ask_foil[] = "Is this a correct description of the picture: \"{caption}\"  Answer yes or no.",
		  place_of_caption[] = "{caption}";

struct entry {
	struct ril_data_part part;
	size_t next; /* of the same id, + 1; 0: none */
};

/* The entries of one id. */
struct chain {
	size_t first, last; /* + 1 */
	bool used;
};

/* A list by its entries' ids. */
struct index {
	const char *list, *id; /* names of the list, and of the id in its entries */
	bool once;             /* an id may come once only */
	struct ril_intern ids;
	struct chain *chain; /* [ids] */
	struct entry *at;    /* [n] */
	size_t n, cap, chain_cap;
	struct ril_buf text; /* of an id */
};

struct joining {
	struct ril_data_file *f;
	struct index index;
	const char *list;      /* that is gone through */
	struct ril_buf subset; /* of VQAv2 */
	/* Makes an entry of that list a record of the own form; *leave: it is to be left out. */
	int (*settle)(struct joining *, cJSON *entry, bool *leave, struct ril_err *);
};

static void joining_free(struct joining *j)
{
	ril_intern_free(&j->index.ids);
	free(j->index.chain);
	free(j->index.at);
	ril_buf_free(&j->index.text);
	ril_buf_free(&j->subset);
}

/* ---- the index ---- */

static cJSON *object_of(const struct ril_data_part *part, struct ril_err *err)
{
	cJSON *it = ril_json_parse(part->at, part->n, err);
	if (!it || cJSON_IsObject(it))
		return it;
	cJSON_Delete(it);
	ril_fail(err, RIL_ECORRUPT, "not an object");
	return NULL;
}

/* The id's number in the index; `add`: a new one is taken in.  -1: failure, or *absent. */
static int64_t number_of(struct index *x, const cJSON *entry, const char *name, bool add, struct ril_err *err)
{
	const cJSON *id = ril_line_member(entry, name);
	if (!cJSON_IsNumber(id) && !cJSON_IsString(id))
		return ril_fail(err, RIL_ECORRUPT, id ? "'%s' is neither a number nor text" : "no '%s'", name);
	char *number = cJSON_IsNumber(id) ? ril_line_json(id, err) : NULL;
	const char *text = number ? number : id->valuestring;
	int64_t k = -1;
	if (text && (k = add ? ril_intern_str(&x->ids, text, err) : ril_intern_find_str(&x->ids, text)) < 0 && !add)
		ril_fail(err, RIL_ECORRUPT, "its %s '%s' is not in '%s'", name, text, x->list);
	free(number);
	return k;
}

/* The id of an entry that is read in place: a text, or a number as it would be printed; other numbers are left to `object_of`. */
static bool plain_id(const struct ril_data_part *part, const char *name, struct ril_buf *id)
{
	struct ril_scan s;
	bool plain = false;
	id->len = 0;
	ril_scan_start(&s, part->at, part->n, NULL);
	for (ril_scan_open(&s, '{'); ril_scan_more(&s);) {
		bool wanted = ril_scan_is(ril_scan_key(&s), name);
		if (!wanted || ril_scan_peek(&s) != '0') {
			ril_scan_skip(&s);
			continue;
		}
		struct ril_scan_text t = ril_scan_number(&s);
		plain = !id->len && t.n <= 15 && (*t.s != '0' || t.n == 1) && !ril_buf_add(id, t.s, t.n, NULL) &&
			strspn(id->data, "0123456789") == t.n;
		if (!plain)
			break;
	}
	plain = plain && !s.failed;
	ril_scan_free(&s);
	return plain;
}

static int put_entry(struct index *x, const struct ril_data_part *part, int64_t k, bool first, struct ril_err *err)
{
	if (ril_grow(&x->at, &x->cap, x->n + 1, sizeof *x->at, err) ||
	    ril_grow(&x->chain, &x->chain_cap, x->ids.n, sizeof *x->chain, err))
		return -1;
	struct chain *c = &x->chain[k];
	if (!first && x->once)
		return ril_fail(err, RIL_ECORRUPT, "%s '%s' twice", x->id, ril_intern_text(&x->ids, (size_t)k));
	x->at[x->n++] = (struct entry){*part, 0};
	if (first)
		*c = (struct chain){.first = x->n};
	else
		x->at[c->last - 1].next = x->n;
	c->last = x->n;
	return 0;
}

static int index_part(void *ctx, const struct ril_data_part *part, size_t number, struct ril_err *err)
{
	struct index *x = ctx;
	size_t before = x->ids.n;
	int64_t k = -1;
	if (plain_id(part, x->id, &x->text)) {
		k = ril_intern(&x->ids, x->text.data, x->text.len, err);
	} else {
		cJSON *entry = object_of(part, err);
		k = entry ? number_of(x, entry, x->id, true, err) : -1;
		cJSON_Delete(entry);
	}
	int rc = k < 0 || put_entry(x, part, k, (size_t)k == before, err) ? -1 : 0;
	return rc ? ril_context(err, "line %lld: %s %zu", (long long)part->line, x->list, number + 1) : 0;
}

/* The first of an id's entries, + 1. */
static int find(struct joining *j, const cJSON *entry, const char *name, size_t *first, struct ril_err *err)
{
	int64_t k = number_of(&j->index, entry, name, false, err);
	if (k < 0)
		return -1;
	j->index.chain[k].used = true;
	*first = j->index.chain[k].first;
	return 0;
}

/* ---- the list that is gone through ---- */

static int join_part(void *ctx, const struct ril_data_part *part, size_t number, struct ril_err *err)
{
	struct joining *j = ctx;
	bool leave = false;
	cJSON *entry = object_of(part, err);
	if (!entry || j->settle(j, entry, &leave, err)) {
		cJSON_Delete(entry);
		entry = NULL;
		ril_context(err, "%s %zu", j->list, number + 1);
	}
	if (!leave || !entry)
		return ril_data_add(j->f, entry, RIL_DATA_QUESTION, part->line, err);
	cJSON_Delete(entry);
	return 0;
}

/* Something indexed that belongs to nothing. */
static int check_used(const struct index *x, const char *of, struct ril_err *err)
{
	for (size_t k = 0; k < x->ids.n; k++)
		if (!x->chain[k].used)
			return ril_fail(err, RIL_ECORRUPT, "line %lld: %s '%s' is not in '%s'",
					(long long)x->at[x->chain[k].first - 1].part.line, x->id,
					ril_intern_text(&x->ids, k), of);
	return 0;
}

/* The text of an entry's member; borrowed. */
static const char *text_of(const cJSON *entry, const char *name, struct ril_err *err)
{
	const cJSON *it = ril_line_member(entry, name);
	if (cJSON_IsString(it))
		return it->valuestring;
	ril_fail(err, RIL_ECORRUPT, it ? "'%s' is not text" : "no '%s'", name);
	return NULL;
}

static int put_item(cJSON *entry, const char *name, cJSON *item, struct ril_err *err)
{
	if (item && cJSON_AddItemToObject(entry, name, item))
		return 0;
	cJSON_Delete(item);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

/* ---- VQAv2 ---- */

/* Adds what the annotation says and the question does not. */
static int add_annotation(struct joining *j, cJSON *question, struct ril_err *err)
{
	size_t first = 0;
	if (find(j, question, "question_id", &first, err))
		return -1;
	const struct ril_data_part *part = &j->index.at[first - 1].part;
	cJSON *entry = object_of(part, err);
	int rc = entry ? 0 : -1;
	while (!rc && entry->child) {
		cJSON *it = cJSON_DetachItemViaPointer(entry, entry->child);
		if (cJSON_GetObjectItemCaseSensitive(question, it->string))
			cJSON_Delete(it);
		else
			rc = put_item(question, it->string, it, err);
	}
	cJSON_Delete(entry);
	return rc;
}

static int settle_vqa(struct joining *j, cJSON *entry, RIL_UNUSED bool *leave, struct ril_err *err)
{
	const cJSON *id = ril_line_member(entry, "image_id");
	struct ril_buf name = {0};
	bool placed;
	if (!cJSON_IsNumber(id) || id->valuedouble < 0 || id->valuedouble > 999999999999)
		return ril_fail(err, RIL_ECORRUPT, id ? "'image_id' is not a picture's number" : "no 'image_id'");
	int rc = ril_buf_printf(&name, err, "COCO_%s_%012.0f.jpg", j->subset.data, id->valuedouble);
	if (!rc)
		rc = ril_data_put(entry, "image", name.data, err);
	ril_buf_free(&name);
	return rc || (j->f->from->annotations && add_annotation(j, entry, err)) ||
			       ril_benchmark_settle(entry, RIL_DATA_VQAV2, j->f->from->path, &placed, err)
		       ? -1
		       : 0;
}

/* data_subtype, which names the pictures: val2014, or of a part of the test pictures test-dev2015. */
static int read_subset(struct joining *j, struct ril_err *err)
{
	struct ril_scan s;
	struct ril_scan_text t;
	int rc = 0;
	ril_scan_start(&s, j->f->at, (size_t)(j->f->end - j->f->at), err);
	for (ril_scan_open(&s, '{'); !rc && ril_scan_more(&s);) {
		struct ril_scan_text key = ril_scan_key(&s);
		bool subset = ril_scan_is(key, "data_subtype"), type = ril_scan_is(key, "data_type");
		if ((!subset && !type) || ril_scan_peek(&s) != '"')
			ril_scan_skip(&s);
		else if (t = ril_scan_string(&s), type)
			rc = ril_scan_is(t, "mscoco") ? 0 : ril_fail(err, RIL_ECORRUPT, "its pictures are not COCO's");
		else
			rc = ril_buf_add(&j->subset, t.s, t.n, err);
	}
	rc = rc ? -1 : ril_data_scanned(j->f, &s, err);
	ril_scan_free(&s);
	char *dev = j->subset.len ? strstr(j->subset.data, "-dev") : NULL;
	if (dev)
		memmove(dev, dev + 4, strlen(dev + 4) + 1);
	return rc || j->subset.len ? rc : ril_fail(err, RIL_ECORRUPT, "no 'data_subtype'");
}

static int index_annotations(struct joining *j, struct ril_buf *text, struct ril_err *err)
{
	const char *path = j->f->from->annotations;
	if (ril_read_file(text, path, err) || ril_gunzip_text(text, err))
		return -1;
	struct ril_data_file other = {.from = j->f->from, .at = text->data, .end = text->data + text->len, .line = 1};
	return ril_data_each(&other, "annotations", index_part, &j->index, err) ? ril_context(err, "%s", path) : 0;
}

int ril_vqav2_read(struct ril_data_file *f, struct ril_err *err)
{
	struct joining j = {.f = f,
			    .index = {.list = "annotations", .id = "question_id", .once = true},
			    .list = "questions",
			    .settle = settle_vqa};
	struct ril_buf text = {0};
	int rc = read_subset(&j, err) || (f->from->annotations && index_annotations(&j, &text, err)) ||
				 ril_data_each(f, j.list, join_part, &j, err)
			 ? -1
			 : 0;
	ril_buf_free(&text);
	joining_free(&j);
	return rc;
}

/* ---- captions ---- */

/* Adds the picture's captions that are not left out; *leave: it has captions, and all are. */
static int add_captions(struct joining *j, cJSON *picture, bool *leave, struct ril_err *err)
{
	cJSON *answers = cJSON_CreateArray();
	size_t first = 0;
	int rc = !answers ? ril_fail(err, RIL_EFAIL, "out of memory") : find(j, picture, "id", &first, err);
	for (size_t k = rc ? 0 : first; k && !rc; k = j->index.at[k - 1].next) {
		cJSON *entry = object_of(&j->index.at[k - 1].part, err);
		bool out = cJSON_IsTrue(ril_line_member(entry, "is_rejected")) ||
			   cJSON_IsTrue(ril_line_member(entry, "is_precanned"));
		if (!entry || (!out && !text_of(entry, "caption", err)))
			rc = -1;
		else if (!out)
			rc = cJSON_AddItemToArray(answers, cJSON_DetachItemFromObjectCaseSensitive(entry, "caption"))
				     ? 0
				     : ril_fail(err, RIL_EFAIL, "out of memory");
		cJSON_Delete(entry);
	}
	*leave = !rc && !answers->child;
	if (!rc)
		return put_item(picture, "answers", answers, err);
	cJSON_Delete(answers);
	return rc;
}

static int settle_captions(struct joining *j, cJSON *picture, bool *leave, struct ril_err *err)
{
	const char *ask = j->f->from->ask ? j->f->from->ask : ril_ask_caption, *file = NULL;
	const cJSON *domain = ril_line_member(picture, "domain");
	if ((j->index.n && add_captions(j, picture, leave, err)) || !(file = text_of(picture, "file_name", err)) ||
	    ril_data_put(picture, "image", file, err) || ril_data_put(picture, "question", ask, err) ||
	    (cJSON_IsString(domain) && ril_data_put(picture, "type", domain->valuestring, err)))
		return -1;
	cJSON_DeleteItemFromObjectCaseSensitive(picture, "file_name");
	return 0;
}

int ril_captions_records(struct ril_data_file *f, struct ril_err *err)
{
	static const char name[] = "\"annotations\"";
	struct joining j = {.f = f,
			    .index = {.list = "annotations", .id = "image_id"},
			    .list = "images",
			    .settle = settle_captions};
	bool captions = memmem(f->at, (size_t)(f->end - f->at), name, strlen(name));
	int rc = (captions && ril_data_each(f, "annotations", index_part, &j.index, err)) ||
				 ril_data_each(f, j.list, join_part, &j, err) || check_used(&j.index, j.list, err)
			 ? -1
			 : 0;
	joining_free(&j);
	return rc;
}

/* ---- FOIL ---- */

static int put_question(cJSON *entry, const char *ask, const char *caption, struct ril_err *err)
{
	struct ril_buf b = {0};
	const char *at = strstr(ask, place_of_caption);
	int rc = ril_buf_add(&b, ask, (size_t)(at - ask), err) || ril_buf_puts(&b, caption, err) ||
				 ril_buf_puts(&b, at + strlen(place_of_caption), err) ||
				 ril_data_put(entry, "question", b.data, err)
			 ? -1
			 : 0;
	ril_buf_free(&b);
	return rc;
}

/* IMAGE/FOIL/original, or .../foil: as captions of FOIL are called where they are scored. */
static int put_foil_id(cJSON *entry, bool foil, struct ril_err *err)
{
	const cJSON *id[] = {ril_line_member(entry, "image_id"), ril_line_member(entry, "foil_id")};
	struct ril_buf b = {0};
	int rc = 0;
	for (int k = 0; k < 2 && !rc; k++) {
		char *number = cJSON_IsNumber(id[k]) ? ril_line_json(id[k], err) : NULL;
		const char *text = cJSON_IsString(id[k]) ? id[k]->valuestring : number;
		rc = text ? ril_buf_printf(&b, err, "%s/", text) : ril_fail(err, RIL_ECORRUPT, "no 'foil_id'");
		free(number);
	}
	rc = rc || ril_buf_puts(&b, foil ? "foil" : "original", err) || ril_data_put(entry, "id", b.data, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

static int settle_foil(struct joining *j, cJSON *entry, RIL_UNUSED bool *leave, struct ril_err *err)
{
	const char *caption = text_of(entry, "caption", err), *file = NULL;
	const cJSON *is = ril_line_member(entry, "foil");
	bool foil = cJSON_IsTrue(is);
	size_t first = 0;
	if (!caption || find(j, entry, "image_id", &first, err))
		return -1;
	if (!cJSON_IsBool(is))
		return ril_fail(err, RIL_ECORRUPT, "'foil' is neither true nor false");
	cJSON *picture = object_of(&j->index.at[first - 1].part, err);
	int rc = !picture || !(file = text_of(picture, "file_name", err)) || put_foil_id(entry, foil, err) ||
				 put_question(entry, j->f->from->ask ? j->f->from->ask : ask_foil, caption, err) ||
				 ril_data_put(entry, "image", file, err) ||
				 ril_data_put(entry, "answer", foil ? "no" : "yes", err) ||
				 ril_data_put(entry, "type", foil ? "foil" : "original", err) ||
				 ril_data_put(entry, "judge", "yesno", err)
			 ? -1
			 : 0;
	cJSON_Delete(picture);
	return rc;
}

int ril_foil_records(struct ril_data_file *f, struct ril_err *err)
{
	struct joining j = {.f = f,
			    .index = {.list = "images", .id = "id", .once = true},
			    .list = "annotations",
			    .settle = settle_foil};
	if (f->from->ask && !strstr(f->from->ask, place_of_caption))
		return ril_fail(err, RIL_EUSAGE, "a question about a caption needs %s", place_of_caption),
		       ril_setting(err, "ask");
	int rc = ril_data_each(f, j.index.list, index_part, &j.index, err) ||
				 ril_data_each(f, j.list, join_part, &j, err)
			 ? -1
			 : 0;
	joining_free(&j);
	return rc;
}
