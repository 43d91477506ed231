/* text.c -- conversations as text and ids, greedy answers back as text, and the tokenizer's own cases. */
#include "fidelity.h"

#include "base/json.h"
#include "text/chat_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_PARTS = 64, MAX_MESSAGES = 32 };

/* Messages of a case: content is text, or a list of {type: text | image}. */
struct dialogue {
	struct ril_chat_message message[MAX_MESSAGES];
	struct ril_chat_part part[MAX_PARTS];
	struct ril_buf text[MAX_PARTS];
	size_t n, parts;
};

static int add_part(struct dialogue *d, const cJSON *text, struct ril_err *err)
{
	if (d->parts == MAX_PARTS)
		return ril_fail(err, RIL_EFAIL, "too many parts");
	struct ril_buf *b = &d->text[d->parts];
	if (text && (ril_json_text(b, text, err) || ril_buf_puts(b, "", err)))
		return -1;
	d->part[d->parts++] = (struct ril_chat_part){text ? b->data : NULL, b->len};
	return 0;
}

static int read_dialogue(struct dialogue *d, const cJSON *messages, struct ril_err *err)
{
	const cJSON *m, *c;
	cJSON_ArrayForEach(m, messages)
	{
		const cJSON *content = cJSON_GetObjectItem(m, "content");
		struct ril_chat_part *first = &d->part[d->parts];
		size_t before = d->parts;
		if (d->n == MAX_MESSAGES)
			return ril_fail(err, RIL_EFAIL, "too many messages");
		if (cJSON_IsString(content) && add_part(d, content, err))
			return -1;
		if (!cJSON_IsString(content)) {
			cJSON_ArrayForEach(c, content) if (add_part(d, cJSON_GetObjectItem(c, "text"), err)) return -1;
		}
		d->message[d->n++] = (struct ril_chat_message){cJSON_GetStringValue(cJSON_GetObjectItem(m, "role")),
							       first, d->parts - before};
	}
	return 0;
}

static void free_dialogue(struct dialogue *d)
{
	for (size_t i = 0; i < d->parts; i++)
		ril_buf_free(&d->text[i]);
}

static bool same_text(const struct ril_buf *got, const cJSON *want)
{
	struct ril_buf w = {0};
	bool same = want && !ril_json_text(&w, want, NULL) && w.len == got->len && !memcmp(w.data, got->data, w.len);
	ril_buf_free(&w);
	return same;
}

static bool same_ids(const struct ril_ids *got, const int32_t *want, int64_t n)
{
	return (int64_t)got->n == n && !memcmp(got->at, want, (size_t)n * sizeof *want);
}

static int compare_case(struct subject *s, const cJSON *o, const struct inputs *in, struct ril_tokenizer *t,
			struct ril_chat *chat, struct dialogue *d, struct ril_err *err)
{
	struct ril_chat_picture form[64];
	struct ril_buf text = {0}, response = {0};
	struct ril_ids ids = {0}, answer = {0};
	const cJSON *want = cJSON_GetObjectItem(o, "prompt_text"), *greedy = cJSON_GetObjectItem(o, "greedy_text");
	for (int i = 0; i < in->pictures; i++) {
		const int32_t *g = &in->grid[3 * i];
		form[i] = (struct ril_chat_picture){(int32_t)ril_config_image_tokens(&s->model->config, g), g[1], g[2]};
	}
	int rc = read_dialogue(d, cJSON_GetObjectItem(o, "messages"), err) ||
		 ril_chat_render(chat, d->message, d->n, &text, err) ||
		 ril_chat_encode(chat, d->message, d->n, form, (size_t)in->pictures, &ids, err) ||
		 ril_json_text(&response, cJSON_GetObjectItem(o, "response"), err) ||
		 ril_tokenizer_encode(t, response.data ? response.data : "", response.len, true, &answer, err) ||
		 ril_ids_add(&answer, ril_chat_eos(chat), err);
	if (!rc) {
		row_exact(s->f, "prompt_text", same_text(&text, want));
		row_exact(s->f, "prompt_ids", same_ids(&ids, in->prompt, in->P));
		row_exact(s->f, "response_ids", same_ids(&answer, in->response, in->n));
		if (ril_family_pictures(s->model->config.family))
			row_exact(s->f, "image token", s->model->config.image_token == chat->image_id);
	}
	int64_t n;
	const int32_t *best = ints(in->st, "greedy_ids", &n);
	text.len = 0;
	if (!rc && best && greedy) {
		rc = ril_tokenizer_text(t, best, (size_t)n, true, &text, err);
		if (!rc)
			row_exact(s->f, "greedy_text", same_text(&text, greedy));
	}
	ril_buf_free(&text);
	ril_buf_free(&response);
	ril_ids_free(&ids);
	ril_ids_free(&answer);
	return rc ? -1 : 0;
}

void check_text(struct subject *s, const char *name, const struct inputs *in)
{
	char path[1024];
	struct ril_err err = {0};
	struct dialogue *d = calloc(1, sizeof *d);
	snprintf(path, sizeof path, "%s/%s/cases/%s.json", s->f->data, s->home, name);
	cJSON *o = ril_json_read(path, &err);
	struct ril_tokenizer *t = o ? ril_tokenizer_load(s->dir, &err) : NULL;
	struct ril_chat *chat = t ? ril_chat_load(s->dir, t, &err) : NULL;
	if (!chat || compare_case(s, o, in, t, chat, d, &err))
		row_error(s->f, "text", &err);
	free_dialogue(d);
	free(d);
	ril_chat_free(chat);
	ril_tokenizer_free(t);
	cJSON_Delete(o);
}

/* ---- tokenizer cases ---- */

static bool tokenizer_case(struct ril_tokenizer *t, const char *line, size_t n)
{
	struct ril_err err = {0};
	struct ril_buf text = {0}, back = {0};
	struct ril_ids ids = {0};
	cJSON *o = ril_json_parse(line, n, &err);
	const cJSON *want = o ? cJSON_GetObjectItem(o, "ids") : NULL, *id = want ? want->child : NULL;
	bool same = o && !ril_json_text(&text, cJSON_GetObjectItem(o, "text"), &err) &&
		    !ril_tokenizer_encode(t, text.data ? text.data : "", text.len, true, &ids, &err) &&
		    !ril_tokenizer_text(t, ids.at, ids.n, false, &back, &err) &&
		    same_text(&back, cJSON_GetObjectItem(o, "decoded")) && (size_t)cJSON_GetArraySize(want) == ids.n;
	for (size_t i = 0; same && i < ids.n; i++, id = id->next)
		same = id->valueint == ids.at[i];
	cJSON_Delete(o);
	ril_buf_free(&text);
	ril_buf_free(&back);
	ril_ids_free(&ids);
	return same;
}

void check_tokenizer(struct fidelity *f, const char *folder)
{
	char path[1024], label[128];
	struct ril_err err = {0};
	struct ril_buf b = {0};
	long n = 0, wrong = 0;
	snprintf(f->folder, sizeof f->folder, "%s", folder);
	snprintf(f->name, sizeof f->name, "cases.jsonl");
	snprintf(path, sizeof path, "%s/%s", f->data, folder);
	struct ril_tokenizer *t = ril_tokenizer_load(path, &err);
	snprintf(path, sizeof path, "%s/%s/cases.jsonl", f->data, folder);
	if (!t || ril_read_file(&b, path, &err)) {
		row_error(f, "ids", &err);
	} else {
		for (char *s = b.data, *nl; s && (nl = strchr(s, '\n')); s = nl + 1, n++)
			wrong += !tokenizer_case(t, s, (size_t)(nl - s));
		snprintf(label, sizeof label, "ids and text, %ld cases, %ld wrong", n, wrong);
		row_exact(f, label, n && !wrong);
	}
	ril_buf_free(&b);
	ril_tokenizer_free(t);
}
