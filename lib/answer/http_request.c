/* http_request.c -- what a server is sent: the JSON of one chat completion; see http_internal.h.
 *
 * A message without pictures is a plain text, which every server reads; others are lists of parts.  Members of the user's own
 * come last, in place of ours of the same name. */
#include "answer/http_internal.h"

#include "base/base64.h"
#include "image/rgb.h"

#include <stdlib.h>

enum { BYTES_A_TOKEN = 4, PIXELS_A_TOKEN = 28 * 28 }; /* for guesses */

struct writer {
	const struct ril_http_options *how;
	struct ril_files *files;
	const struct ril_query *q;
	struct ril_http_body *out;
	size_t shown; /* pictures so far */
};

/* The type of a file that servers read as it is; NULL: another. */
static const char *type_of(const struct ril_buf *f)
{
	static const struct {
		const char *type, *start;
		size_t n;
	} known[] = {{"jpeg", "\xff\xd8\xff", 3}, {"png", "\x89PNG\r\n\x1a\n", 8}, {"gif", "GIF8", 4}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (f->len > known[i].n && !memcmp(f->data, known[i].start, known[i].n))
			return known[i].type;
	return f->len > 12 && !memcmp(f->data, "RIFF", 4) && !memcmp(f->data + 8, "WEBP", 4) ? "webp" : NULL;
}

static int put_bytes(struct writer *w, const struct ril_buf *file, const char *type, struct ril_err *err)
{
	struct ril_buf *b = &w->out->json;
	return ril_buf_printf(b, err, "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/%s;base64,",
			      type) ||
			       ril_base64_encode(b, file->data, file->len, err) || ril_buf_puts(b, "\"}}", err)
		       ? -1
		       : 0;
}

/* One that servers may not read, or one whose size is asked for. */
static int put_decoded(struct writer *w, const struct ril_buf *file, const char *type, struct ril_err *err)
{
	struct ril_rgb p = {0};
	struct ril_buf png = {0};
	int rc = ril_rgb_decode(&p, file->data, file->len, err);
	if (!rc) {
		w->out->guessed += (int64_t)p.w * p.h / PIXELS_A_TOKEN;
		rc = type                         ? put_bytes(w, file, type, err)
		     : ril_rgb_png(&p, &png, err) ? -1
						  : put_bytes(w, &png, "png", err);
	}
	ril_rgb_free(&p);
	ril_buf_free(&png);
	return rc;
}

static int put_picture(struct writer *w, struct ril_err *err)
{
	struct ril_buf file = {0}, name = {0};
	int rc = ril_files_read(w->files, w->q->picture[w->shown++], &file, &name, err);
	if (!rc) {
		const char *type = type_of(&file);
		rc = type && !w->how->dry ? put_bytes(w, &file, type, err) : put_decoded(w, &file, type, err);
		if (rc)
			ril_context(err, "%s", name.data);
	}
	w->out->pictures++;
	ril_buf_free(&file);
	ril_buf_free(&name);
	return rc;
}

static int put_text(struct writer *w, const struct ril_chat_part *p, struct ril_err *err)
{
	w->out->guessed += (int64_t)p->len / BYTES_A_TOKEN;
	return ril_json_quote(&w->out->json, p->text, p->len, false, err);
}

static int put_part(struct writer *w, const struct ril_chat_part *p, struct ril_err *err)
{
	if (!p->text)
		return put_picture(w, err);
	struct ril_buf *b = &w->out->json;
	return ril_buf_puts(b, "{\"type\": \"text\", \"text\": ", err) || put_text(w, p, err) ||
			       ril_buf_puts(b, "}", err)
		       ? -1
		       : 0;
}

static int put_message(struct writer *w, const struct ril_chat_message *m, struct ril_err *err)
{
	struct ril_buf *b = &w->out->json;
	if (ril_buf_puts(b, "{\"role\": ", err) || ril_json_quote(b, m->role, strlen(m->role), false, err) ||
	    ril_buf_puts(b, ", \"content\": ", err))
		return -1;
	if (!m->n)
		return ril_buf_puts(b, "\"\"}", err);
	if (m->n == 1 && m->part[0].text)
		return put_text(w, m->part, err) || ril_buf_puts(b, "}", err) ? -1 : 0;
	for (size_t i = 0; i < m->n; i++)
		if (ril_buf_puts(b, i ? ", " : "[", err) || put_part(w, &m->part[i], err))
			return -1;
	return ril_buf_puts(b, "]}", err);
}

/* A verbatim question is its text alone. */
static int put_messages(struct writer *w, struct ril_err *err)
{
	const struct ril_query *q = w->q;
	struct ril_chat_part whole = {q->text, q->len};
	struct ril_chat_message only = {"user", &whole, 1};
	struct ril_chat_messages all = {.at = &only, .n = 1};
	struct ril_chat_turn *turn = NULL;
	int rc = 0;
	if (!q->verbatim) {
		if (!(turn = ril_new(q->turns + 1, sizeof *turn, err)))
			return -1;
		if (q->turns)
			memcpy(turn, q->turn, q->turns * sizeof *turn);
		turn[q->turns] = (struct ril_chat_turn){"user", q->text, q->len};
		rc = ril_chat_messages(w->how->system, turn, q->turns + 1, q->pictures, &all, err);
	}
	rc = rc ? rc : ril_buf_puts(&w->out->json, ", \"messages\": [", err);
	for (size_t i = 0; !rc && i < all.n; i++)
		rc = (i && ril_buf_puts(&w->out->json, ", ", err)) || put_message(w, &all.at[i], err) ? -1 : 0;
	rc = rc ? rc : ril_buf_puts(&w->out->json, "]", err);
	if (!q->verbatim)
		ril_chat_messages_free(&all);
	free(turn);
	return rc;
}

/* A member, unless the user has one of that name. */
static bool own(const cJSON *more, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(more, name);
}

static int put_number(struct ril_buf *b, const cJSON *more, const char *name, double value, struct ril_err *err)
{
	return own(more, name) ? 0 : ril_buf_printf(b, err, ", \"%s\": %.10g", name, value);
}

static int put_sampling(struct writer *w, const struct ril_query_how *how, int32_t first, int32_t n, const cJSON *more,
			struct ril_err *err)
{
	const struct ril_sampling *s = &how->sampling;
	struct ril_buf *b = &w->out->json;
	uint32_t draw[4];
	ril_rng4(how->seed, how->purpose, (struct ril_rng_at){how->step, w->q->hash, (uint32_t)first, 0}, draw);
	if (put_number(b, more, "temperature", s->greedy ? 0 : s->temperature, err) ||
	    put_number(b, more, "max_tokens", how->max_new_tokens, err) ||
	    put_number(b, more, "seed", draw[0] & INT32_MAX, err) || (n > 1 && put_number(b, more, "n", n, err)) ||
	    (!s->greedy && s->top_p < 1 && put_number(b, more, "top_p", s->top_p, err)) ||
	    (!s->greedy && s->top_k > 0 && put_number(b, more, "top_k", (double)s->top_k, err)))
		return -1;
	return 0;
}

static int put_stops(struct writer *w, const cJSON *more, struct ril_err *err)
{
	struct ril_buf *b = &w->out->json;
	if (!w->how->stops || own(more, "stop"))
		return 0;
	for (size_t i = 0; i < w->how->stops; i++)
		if (ril_buf_puts(b, i ? ", " : ", \"stop\": [", err) ||
		    ril_json_quote(b, w->how->stop[i], strlen(w->how->stop[i]), false, err))
			return -1;
	return ril_buf_puts(b, "]", err);
}

static int put_more(struct ril_buf *b, const cJSON *more, struct ril_err *err)
{
	for (const cJSON *m = more ? more->child : NULL; m; m = m->next) {
		char *value = cJSON_IsNull(m) ? NULL : cJSON_PrintUnformatted(m);
		if (cJSON_IsNull(m))
			continue;
		int rc = !value ? ril_fail(err, RIL_EFAIL, "out of memory")
				: ril_buf_puts(b, ", ", err) ||
					  ril_json_quote(b, m->string, strlen(m->string), false, err) ||
					  ril_buf_puts(b, ": ", err) || ril_buf_puts(b, value, err);
		cJSON_free(value);
		if (rc)
			return -1;
	}
	return 0;
}

/* The schema, in a form that the server may read. */
static int put_form(struct writer *w, int form, struct ril_err *err)
{
	static const char *const before[] = {", \"response_format\": {\"type\": \"json_schema\", \"json_schema\": "
					     "{\"name\": \"answer\", \"strict\": true, "
					     "\"schema\": ",
					     ", \"response_format\": {\"type\": \"json_object\", \"schema\": "};
	static const char *const after[] = {"}}", "}"};
	struct ril_buf *b = &w->out->json;
	if (form == RIL_HTTP_FREE)
		return 0;
	return ril_buf_puts(b, before[form], err) || ril_buf_puts(b, w->how->schema, err) ||
			       ril_buf_puts(b, after[form], err)
		       ? -1
		       : 0;
}

int ril_http_request(const struct ril_http_options *o, struct ril_files *files, const struct ril_query *q,
		     const struct ril_http_ask *ask, const struct ril_query_how *how, const cJSON *more,
		     struct ril_http_body *out, struct ril_err *err)
{
	struct writer w = {o, files, q, out, 0};
	struct ril_buf *b = &out->json;
	b->len = 0;
	out->pictures = out->guessed = 0;
	int rc = ril_buf_puts(b, "{\"model\": ", err) || ril_json_quote(b, o->model, strlen(o->model), false, err) ||
		 put_messages(&w, err) || put_sampling(&w, how, ask->first, ask->n, more, err) ||
		 put_stops(&w, more, err) || put_form(&w, ask->form, err) || put_more(b, more, err) ||
		 ril_buf_puts(b, "}", err);
	return rc ? ril_context(err, "'%s'", q->key) : 0;
}
