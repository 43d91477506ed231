/* benchmark.c -- records of benchmarks, as their files are distributed, to records of the own form.
 *
 * A benchmark is a row of the table below: what its members are called, where its pictures lie beside the file, and
 * which judge its own scorer corresponds to.  Members that become a question, answers, an id or choices are renamed; all
 * others travel as fields.  A file is a list or lines of records, or one object with a list of them in it, which is cut
 * into records in place (base/scan.h), so that no tree of the whole file is made.
 *
 * The layouts: ChartQA, README; DocVQA, rrc.cvc.uab.es, challenge 17, "Ground Truth Format"; TextVQA, textvqa.org,
 * "Dataset"; MathVista, data/testmini.json; VizWiz-VQA, vizwiz.org, "Visual question answering"; POPE, output/coco;
 * VQAv2, visualqa.org, "VQA Annotation Format".  Those whose questions and answers lie apart: annotations.c.  What MMMU has
 * of its own: mmmu.c. */
#include "data/dataset_internal.h"

#include "base/unused.h"

#include <stdlib.h>

enum { TELLS = 4, SPLITS = 3 };

struct layout {
	enum ril_data_format format;
	const char *name, *judge;
	const char *list;                                   /* of a file that is one object; NULL: lines or a list */
	const char *tells[TELLS];                           /* members that a record of it has, and others have not */
	const char *id, *question, *answers, *image, *type; /* members; NULL: none */
	const char *before, *after;                         /* what stands around a picture's name in its path */
	const char *split[SPLITS];                          /* parts of file names that are the record's type */
};

static const struct layout layouts[] = {
	{RIL_DATA_VQAV2,
	 "VQAv2",
	 "vqa",
	 "questions",
	 {NULL},
	 "question_id",
	 "question",
	 "answers",
	 NULL,
	 "answer_type",
	 "",
	 "",
	 {NULL}},
	{RIL_DATA_CHARTQA,
	 "ChartQA",
	 "relaxed",
	 NULL,
	 {"imgname", "query", "label"},
	 NULL,
	 "query",
	 "label",
	 "imgname",
	 NULL,
	 "png/",
	 "",
	 {"human", "augmented"}},
	{RIL_DATA_DOCVQA,
	 "DocVQA",
	 "anls",
	 "data",
	 {"questionId", "docId"},
	 "questionId",
	 "question",
	 "answers",
	 "image",
	 "question_types",
	 "",
	 "",
	 {NULL}},
	{RIL_DATA_TEXTVQA,
	 "TextVQA",
	 "vizwiz",
	 "data",
	 {"question_id", "image_id", "image_classes"},
	 "question_id",
	 "question",
	 "answers",
	 "image_id",
	 NULL,
	 "train_images/",
	 ".jpg",
	 {NULL}},
	{RIL_DATA_MATHVISTA,
	 "MathVista",
	 "mathvista",
	 NULL,
	 {"pid", "question_type", "answer_type", "metadata"},
	 "pid",
	 "question",
	 "answer",
	 "image",
	 "metadata",
	 "",
	 "",
	 {NULL}},
	{RIL_DATA_VIZWIZ,
	 "VizWiz",
	 "vizwiz",
	 NULL,
	 {"answerable", "answers", "answer_type", "image"},
	 NULL,
	 "question",
	 "answers",
	 "image",
	 "answer_type",
	 "",
	 "",
	 {NULL}},
	{RIL_DATA_POPE,
	 "POPE",
	 "pope",
	 NULL,
	 {"question_id", "image", "text", "label"},
	 "question_id",
	 "text",
	 "label",
	 "image",
	 NULL,
	 "",
	 "",
	 {"random", "popular", "adversarial"}},
	{RIL_DATA_MMMU,
	 "MMMU",
	 "mmmu",
	 NULL,
	 {"options", "question_type", "img_type", "subfield"},
	 "id",
	 "question",
	 "answer",
	 NULL,
	 NULL,
	 "",
	 "",
	 {NULL}},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static const struct layout *layout_of(enum ril_data_format format)
{
	const struct layout *l = layouts;
	while (l < layouts + LAYOUTS && l->format != format)
		l++;
	return l < layouts + LAYOUTS ? l : NULL;
}

enum ril_data_format ril_data_format_named(const char *name)
{
	static const char all[] = RIL_DATA_FORMATS;
	int k = RIL_DATA_ANY;
	for (const char *s = all; *s; k++) {
		size_t n = strcspn(s, "|");
		if (n == strlen(name) && !memcmp(s, name, n))
			return (enum ril_data_format)k;
		s += n + (s[n] == '|');
	}
	return RIL_DATA_ANY;
}

/* ---- a record ---- */

enum ril_data_format ril_benchmark_record(const cJSON *record)
{
	for (const struct layout *l = layouts; l < layouts + LAYOUTS; l++) {
		int k = 0;
		while (k < TELLS && l->tells[k] && cJSON_GetObjectItemCaseSensitive(record, l->tells[k]))
			k++;
		if (k && (k == TELLS || !l->tells[k]) &&
		    ((l->id && !strcmp(l->id, "id")) || !cJSON_GetObjectItemCaseSensitive(record, "id")))
			return l->format;
	}
	return RIL_DATA_ANY;
}

int ril_data_put(cJSON *record, const char *name, const char *text, struct ril_err *err)
{
	cJSON_DeleteItemFromObjectCaseSensitive(record, name);
	return cJSON_AddStringToObject(record, name, text) ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
}

/* Calls a member by another name. */
static int rename_member(cJSON *record, const char *from, const char *to, struct ril_err *err)
{
	if (!from || !strcmp(from, to) || !ril_line_member(record, from))
		return 0;
	if (cJSON_GetObjectItemCaseSensitive(record, to))
		return ril_fail(err, RIL_ECORRUPT, "both '%s' and '%s'", from, to);
	cJSON *it = cJSON_DetachItemFromObjectCaseSensitive(record, from);
	if (cJSON_AddItemToObject(record, to, it))
		return 0;
	cJSON_Delete(it);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

static int settle_picture(cJSON *record, const struct layout *l, struct ril_err *err)
{
	const cJSON *name = l->image ? ril_line_member(record, l->image) : NULL,
		    *set = ril_line_member(record, "set_name");
	bool test = l->format == RIL_DATA_TEXTVQA && cJSON_IsString(set) && !strcmp(set->valuestring, "test");
	struct ril_buf path = {0};
	if (!l->image)
		return 0;
	if (!cJSON_IsString(name) || !*name->valuestring)
		return ril_fail(err, RIL_ECORRUPT, name ? "'%s' is no picture's name" : "no '%s'", l->image);
	int rc = ril_buf_printf(&path, err, "%s%s%s", test ? "test_images/" : l->before, name->valuestring, l->after);
	if (!rc)
		rc = ril_data_put(record, "image", path.data, err);
	ril_buf_free(&path);
	return rc;
}

/* A text as it is; of several (DocVQA's question_types) all, in one; of MathVista's metadata the task. */
static int settle_type(cJSON *record, const struct layout *l, const char *path, struct ril_err *err)
{
	const cJSON *from = l->type ? ril_line_member(record, l->type) : NULL;
	struct ril_buf type = {0};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int rc = 0;
	if (cJSON_IsObject(from))
		from = ril_line_member(from, "task");
	for (const cJSON *it = cJSON_IsArray(from) ? from->child : from; it && !rc; it = it->next) {
		if (cJSON_IsString(it))
			rc = ril_buf_printf(&type, err, "%s%s", type.len ? ", " : "", it->valuestring);
		if (!cJSON_IsArray(from))
			break;
	}
	for (int k = 0; k < SPLITS && l->split[k] && !type.len && !rc; k++)
		if (strstr(name, l->split[k]))
			rc = ril_buf_puts(&type, l->split[k], err);
	if (!rc && type.len && !ril_line_member(record, "type"))
		rc = ril_data_put(record, "type", type.data, err);
	ril_buf_free(&type);
	return rc;
}

/* The benchmark's own prompt where the file has it; else the question, its unit and its choices, by letter. */
static int settle_query(cJSON *record, struct ril_err *err)
{
	const cJSON *query = ril_line_member(record, "query"), *question = ril_line_member(record, "question"),
		    *unit = ril_line_member(record, "unit"), *choices = ril_line_member(record, "choices");
	struct ril_buf b = {0};
	if (cJSON_IsString(query))
		return ril_data_put(record, "question", query->valuestring, err);
	if (!cJSON_IsString(question))
		return ril_fail(err, RIL_ECORRUPT, "no 'question'");
	int rc = ril_buf_puts(&b, question->valuestring, err), k = 0;
	if (!rc && cJSON_IsString(unit) && *unit->valuestring)
		rc = ril_buf_printf(&b, err, " (unit: %s)", unit->valuestring);
	for (const cJSON *it = cJSON_IsArray(choices) ? choices->child : NULL; it && !rc; it = it->next, k++)
		rc = !cJSON_IsString(it) ? ril_fail(err, RIL_ECORRUPT, "a choice is not text")
		     : k > 25            ? ril_fail(err, RIL_ECORRUPT, "more choices than letters")
			      : ril_buf_printf(&b, err, "%s\n(%c) %s", k ? "" : "\nChoices:", 'A' + k, it->valuestring);
	if (!rc)
		rc = ril_data_put(record, "question", b.data, err);
	ril_buf_free(&b);
	return rc;
}

int ril_benchmark_settle(cJSON *record, enum ril_data_format format, const char *path, bool *placed,
			 struct ril_err *err)
{
	const struct layout *l = layout_of(format);
	if (!l)
		return ril_fail(err, RIL_ECORRUPT,
				"a record, where the benchmark's file is one object with lists in it");
	if (l->id && !ril_line_member(record, l->id) && !ril_line_member(record, "id"))
		return ril_fail(err, RIL_ECORRUPT, "no '%s'", l->id);
	*placed = !l->id;
	if (rename_member(record, l->id, "id", err))
		return -1;
	if (!ril_line_member(record, l->question))
		return ril_fail(err, RIL_ECORRUPT, "no '%s'", l->question);
	if (rename_member(record, l->question, "question", err) || settle_picture(record, l, err) ||
	    settle_type(record, l, path, err) ||
	    (strcmp(l->answers, "answers") && rename_member(record, l->answers, "answer", err)) ||
	    (format == RIL_DATA_MATHVISTA && settle_query(record, err)) ||
	    (format == RIL_DATA_MMMU && ril_mmmu_settle(record, err)))
		return -1;
	return ril_line_member(record, "judge") ? 0 : ril_data_put(record, "judge", l->judge, err);
}

/* ---- a whole file ---- */

/* What the members of one object say of the file. */
struct shape {
	bool questions, images, annotations, info, foil, records; /* lists of these names; records: `data` */
	bool talk;                                                /* it is a record itself */
	struct ril_scan_text first; /* the first record of `data`; without such a list the first member, if an object */
};

static struct ril_scan_text skipped(struct ril_scan *s)
{
	const char *at = ril_scan_peek(s) ? s->at : "";
	ril_scan_skip(s);
	return (struct ril_scan_text){at, s->failed ? 0 : (size_t)(s->at - at)};
}

static void note_member(struct shape *o, struct ril_scan *s)
{
	static const char *const own[] = {"question",    "messages", "conversations", "prompt",
					  "instruction", "query",    "problem",       "id"};
	struct ril_scan_text key = ril_scan_key(s);
	bool list = ril_scan_peek(s) == '[', data = list && ril_scan_is(key, "data"),
	     annotations = list && ril_scan_is(key, "annotations");
	o->questions |= list && ril_scan_is(key, "questions");
	o->images |= list && ril_scan_is(key, "images");
	o->info |= ril_scan_is(key, "info");
	for (size_t k = 0; k < sizeof own / sizeof *own; k++)
		o->talk |= ril_scan_is(key, own[k]);
	struct ril_scan_text value = skipped(s);
	if (annotations && value.n) {
		o->annotations = true;
		o->foil = memmem(value.s, value.n, "\"foil\"", strlen("\"foil\""));
	}
	if (data || (!o->first.n && value.n && *value.s == '{'))
		o->first = value;
	o->records |= data;
}

/* The benchmark that a record in the text is of: of the text itself, or of the first in a list. */
static enum ril_data_format format_in(struct ril_scan_text t)
{
	enum ril_data_format format = RIL_DATA_ANY;
	struct ril_scan s;
	if (t.n && *t.s == '[') {
		ril_scan_start(&s, t.s, t.n, NULL);
		ril_scan_open(&s, '[');
		t = ril_scan_more(&s) ? skipped(&s) : (struct ril_scan_text){"", 0};
		ril_scan_free(&s);
	}
	cJSON *record = t.n ? ril_json_parse(t.s, t.n, NULL) : NULL;
	if (cJSON_IsObject(record))
		format = ril_benchmark_record(record);
	cJSON_Delete(record);
	return format;
}

/* Is the text one object and nothing else?  Looked at without touching what follows the first. */
static bool one_object(const char *s, const char *end)
{
	int64_t depth = 0;
	for (bool quoted = false; s < end; s++) {
		if (quoted && *s == '\\')
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted && (depth += (*s == '{' || *s == '[') - (*s == '}' || *s == ']')) <= 0)
			break;
	}
	for (s++; s < end && strchr(" \t\r\n", *s) && *s;)
		s++;
	return s >= end;
}

enum ril_data_format ril_benchmark_file(const char *text, size_t n, enum ril_data_format wanted)
{
	struct ril_scan s;
	struct shape o = {0};
	if (wanted == RIL_DATA_VQAV2 || wanted == RIL_DATA_CAPTIONS || wanted == RIL_DATA_FOIL)
		return wanted;
	if (!n || *text != '{' || !one_object(text, text + n) || (wanted != RIL_DATA_ANY && !layout_of(wanted)))
		return RIL_DATA_ANY;
	ril_scan_start(&s, text, n, NULL);
	for (ril_scan_open(&s, '{'); ril_scan_more(&s);)
		note_member(&o, &s);
	bool whole = !s.failed && !ril_scan_left(&s);
	ril_scan_free(&s);
	if (!whole || o.talk)
		return RIL_DATA_ANY;
	if (wanted != RIL_DATA_ANY)
		return o.records || (wanted == RIL_DATA_MATHVISTA && o.first.n && format_in(o.first) == wanted)
			       ? wanted
			       : RIL_DATA_ANY;
	if (o.questions)
		return RIL_DATA_VQAV2;
	if (o.images && (o.annotations || o.info))
		return o.foil ? RIL_DATA_FOIL : RIL_DATA_CAPTIONS;
	enum ril_data_format in = format_in(o.first);
	return o.records || in == RIL_DATA_MATHVISTA ? in : RIL_DATA_ANY;
}

/* A file's values as they are handed out. */
struct walk {
	struct ril_scan s;
	struct ril_data_part part;
	const char *counted; /* part.line is its line */
	size_t index;
	int (*each)(void *ctx, const struct ril_data_part *, size_t index, struct ril_err *);
	void *ctx;
	struct ril_err *err;
};

static int hand_out(struct walk *w)
{
	struct ril_scan_text t = skipped(&w->s);
	if (w->s.failed)
		return -1;
	for (; w->counted < t.s; w->counted++)
		w->part.line += *w->counted == '\n';
	w->part.at = t.s;
	w->part.n = t.n;
	return w->each(w->ctx, &w->part, w->index++, w->err);
}

static int hand_out_list(struct walk *w, const char *name)
{
	if (ril_scan_peek(&w->s) != '[')
		return ril_fail(w->err, RIL_ECORRUPT, "'%s' is not a list", name);
	for (ril_scan_open(&w->s, '['); ril_scan_more(&w->s);)
		if (hand_out(w))
			return -1;
	return w->s.failed ? -1 : 0;
}

int ril_data_scanned(const struct ril_data_file *f, struct ril_scan *s, struct ril_err *err)
{
	int64_t line = f->line;
	if (!s->failed && !ril_scan_end(s))
		return 0;
	for (const char *at = f->at; at < s->at; at++)
		line += *at == '\n';
	return ril_context(err, "line %lld", (long long)line);
}

int ril_data_each(const struct ril_data_file *f, const char *name,
		  int (*each)(void *ctx, const struct ril_data_part *, size_t index, struct ril_err *), void *ctx,
		  struct ril_err *err)
{
	struct walk w = {.part = {.line = f->line}, .counted = f->at, .each = each, .ctx = ctx, .err = err};
	int lists = 0, rc = 0;
	ril_scan_start(&w.s, f->at, (size_t)(f->end - f->at), err);
	for (ril_scan_open(&w.s, '{'); !rc && ril_scan_more(&w.s);) {
		struct ril_scan_text key = ril_scan_key(&w.s);
		if (!name)
			rc = hand_out(&w);
		else if (!ril_scan_is(key, name))
			ril_scan_skip(&w.s);
		else
			rc = lists++ ? ril_fail(err, RIL_ECORRUPT, "'%s' twice", name) : hand_out_list(&w, name);
	}
	if (!rc || w.s.failed)
		rc = ril_data_scanned(f, &w.s, err);
	ril_scan_free(&w.s);
	return rc || !name || lists ? rc : ril_fail(err, RIL_ECORRUPT, "no list '%s'", name);
}

struct reading {
	struct ril_data_file *f;
	enum ril_data_format format;
};

static int add_part(void *ctx, const struct ril_data_part *part, RIL_UNUSED size_t index, struct ril_err *err)
{
	struct reading *r = ctx;
	return ril_data_add(r->f, ril_json_parse(part->at, part->n, err), r->format, part->line, err);
}

int ril_benchmark_read(struct ril_data_file *f, enum ril_data_format format, struct ril_err *err)
{
	const struct layout *l = layout_of(format);
	struct reading r = {f, format};
	switch (format) {
	case RIL_DATA_VQAV2: return ril_vqav2_read(f, err);
	case RIL_DATA_CAPTIONS: return ril_captions_records(f, err);
	case RIL_DATA_FOIL: return ril_foil_records(f, err);
	default: return ril_data_each(f, l->list, add_part, &r, err);
	}
}
