/* shard.c -- WebDataset shards: tar files whose members that share a name up to its first dot are one sample; see dataset.h.
 *
 * A sample is a record in KEY.json, of any form, or a caption in KEY.txt, beside its pictures KEY.jpg, KEY.1.png, ...: the
 * record's own mention of pictures is then the name they had before, and is left out.  KEY.txt and KEY.cls beside a
 * record travel as fields; members of other kinds are let be.  The members of a sample follow one another, as WebDataset's
 * own reader wants it; a key that comes again is an error.  A picture's path is SHARD/MEMBER, as if the shard were a folder:
 * so every tool that reads the stream's paths finds it (gallery.c). */
#include "data/dataset_internal.h"

#include "data/tar.h"

#include <stdlib.h>
#include <strings.h>

struct sample {
	const struct ril_tar *tar;
	size_t first, end; /* members */
	size_t key;        /* bytes of the first member's name that are its key */
};

/* Bytes of a member's name before the first dot of its last part; 0: it belongs to no sample. */
static size_t key_length(const char *name)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name, *dot = strchr(last, '.');
	return dot && dot > last ? (size_t)(dot - name) : 0;
}

/* What follows the key's dot. */
static const char *kind_of(const struct sample *s, size_t member)
{
	return s->tar->at[member].name + s->key + 1;
}

static bool is_picture(const char *kind)
{
	static const char *const ends[] = {"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"};
	const char *dot = strrchr(kind, '.'), *last = dot ? dot + 1 : kind;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (!strcasecmp(last, ends[i]))
			return true;
	return false;
}

/* The sample's member of that kind; NULL: it has none. */
static const struct ril_tar_member *member_of(const struct sample *s, const char *kind)
{
	for (size_t i = s->first; i < s->end; i++)
		if (!strcasecmp(kind_of(s, i), kind))
			return &s->tar->at[i];
	return NULL;
}

/* The text of a member, as a field. */
static int put_member(cJSON *record, const char *name, const struct sample *s, const struct ril_tar_member *m,
		      struct ril_err *err)
{
	struct ril_buf b = {0}, quoted = {0};
	size_t at;
	int rc = ril_tar_read(s->tar, m, &b, err);
	if (!rc && !ril_utf8_valid(b.data, b.len, &at))
		rc = ril_fail(err, RIL_ECORRUPT, "invalid UTF-8 at byte %zu", at);
	if (!rc)
		rc = ril_json_quote(&quoted, b.data, b.len, false, err);
	cJSON *text = rc ? NULL : ril_json_parse(quoted.data, quoted.len, err);
	if (text && !cJSON_AddItemToObject(record, name, text)) {
		cJSON_Delete(text);
		text = NULL;
		ril_fail(err, RIL_EFAIL, "out of memory");
	}
	ril_buf_free(&b);
	ril_buf_free(&quoted);
	return !rc && text ? 0 : ril_context(err, "'%s'", m->name);
}

/* The pictures' paths take the place of those that the record mentions. */
static int put_pictures(cJSON *record, const struct sample *s, struct ril_err *err)
{
	const char *slash = strrchr(s->tar->path, '/'), *shard = slash ? slash + 1 : s->tar->path;
	cJSON *list = cJSON_CreateArray();
	struct ril_buf b = {0};
	int rc = list ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
	for (size_t i = s->first; i < s->end && !rc; i++) {
		if (!is_picture(kind_of(s, i)))
			continue;
		b.len = 0;
		rc = ril_buf_printf(&b, err, "%s/%s", shard, s->tar->at[i].name);
		cJSON *path = rc ? NULL : cJSON_CreateString(b.data);
		if (!rc && (!path || !cJSON_AddItemToArray(list, path)))
			rc = ril_fail(err, RIL_EFAIL, "out of memory");
	}
	ril_buf_free(&b);
	bool any = list && list->child,
	     said = cJSON_HasObjectItem(record, "image") || cJSON_HasObjectItem(record, "images");
	if (!rc && !any && !said)
		rc = ril_fail(err, RIL_ECORRUPT, "no picture among its members, and none in its record");
	if (!rc && any) {
		cJSON_DeleteItemFromObjectCaseSensitive(record, "image");
		cJSON_DeleteItemFromObjectCaseSensitive(record, "images");
		if (cJSON_AddItemToObject(record, "image", list))
			return 0;
		rc = ril_fail(err, RIL_EFAIL, "out of memory");
	}
	cJSON_Delete(list);
	return rc;
}

static bool has_text(const cJSON *record)
{
	static const char *const names[] = {"question", "conversations", "messages",    "prompt",
					    "query",    "text",          "instruction", "problem"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (ril_line_member(record, names[i]))
			return true;
	return false;
}

static cJSON *read_json(const struct sample *s, const struct ril_tar_member *m, struct ril_err *err)
{
	struct ril_buf b = {0};
	cJSON *record = ril_tar_read(s->tar, m, &b, err) ? NULL : ril_json_parse(b.data, b.len, err);
	ril_buf_free(&b);
	if (record && !cJSON_IsObject(record)) {
		cJSON_Delete(record);
		record = NULL;
		ril_fail(err, RIL_ECORRUPT, "not an object");
	}
	if (!record)
		ril_context(err, "'%s'", m->name);
	return record;
}

/* The sample's members as one record, which is the caller's. */
static cJSON *record_of(const char *ask, const struct sample *s, struct ril_err *err)
{
	const struct ril_tar_member *json = member_of(s, "json"), *txt = member_of(s, "txt"),
				    *cls = member_of(s, "cls");
	cJSON *record = json ? read_json(s, json, err) : cJSON_CreateObject();
	bool caption = record && txt && !has_text(record);
	int rc = record ? 0 : json ? -1 : ril_fail(err, RIL_EFAIL, "out of memory");
	if (!rc && !json && !txt)
		rc = ril_fail(err, RIL_ECORRUPT, "neither .json nor .txt among its members");
	char *key = rc ? NULL : ril_strndup(s->tar->at[s->first].name, s->key, err);
	if (!rc && (!key || (!ril_line_member(record, "id") && ril_data_put(record, "id", key, err)) ||
		    put_pictures(record, s, err)))
		rc = -1;
	if (!rc && caption &&
	    (ril_data_put(record, "question", ask ? ask : ril_ask_caption, err) ||
	     put_member(record, "answer", s, txt, err)))
		rc = -1;
	if (!rc && txt && !caption)
		rc = put_member(record, "txt", s, txt, err);
	if (!rc && cls)
		rc = put_member(record, "cls", s, cls, err);
	free(key);
	if (!rc)
		return record;
	cJSON_Delete(record);
	return NULL;
}

cJSON *ril_shard_record(const struct ril_data_text_file *file, size_t first, size_t end, struct ril_err *err)
{
	const char *name = file->tar->at[first].name;
	const struct sample s = {file->tar, first, end, key_length(name)};
	cJSON *record = record_of(file->from.ask, &s, err);
	if (!record) {
		char *key = ril_strndup(name, s.key, NULL);
		ril_context(err, "sample '%s'", key ? key : "");
		free(key);
	}
	return record;
}

/* The end of the sample that begins at a member. */
static size_t sample_end(const struct ril_tar *tar, size_t first)
{
	size_t key = key_length(tar->at[first].name), end = first + 1;
	while (key && end < tar->n && key_length(tar->at[end].name) == key &&
	       !memcmp(tar->at[end].name, tar->at[first].name, key))
		end++;
	return end;
}

int ril_shard_read(struct ril_data_file *f, struct ril_data_text_file *file, struct ril_err *err)
{
	int rc = ril_data_open_tar(f->d, file, err) ? ril_data_fault(f, err) : 0;
	const struct ril_tar *tar = file->tar;
	for (size_t i = 0, end; tar && i < tar->n && !rc; i = end) {
		end = sample_end(tar, i);
		if (!key_length(tar->at[i].name))
			continue;
		f->part_at = i;
		f->part_n = (uint32_t)(end - i);
		rc = ril_data_add(f, ril_shard_record(file, i, end, err), f->from->format, 0, err);
	}
	f->part_n = 0;
	return rc;
}
