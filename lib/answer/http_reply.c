/* http_reply.c -- what a server sends back; see http_internal.h.
 *
 * Read strictly: one JSON object in UTF-8 with a list of choices, each with a message whose content is a text, or null beside a
 * refusal.  Members that are not known are passed over.  A NUL, which no response may hold, makes a reply unreadable. */
#include "answer/http_internal.h"

#include <stdlib.h>

void ril_http_reply_free(struct ril_http_reply *r)
{
	for (size_t i = 0; i < r->n; i++)
		ril_buf_free(&r->choice[i].text);
	free(r->choice);
	*r = (struct ril_http_reply){0};
}

static const cJSON *member(const cJSON *of, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(of, name);
}

static int add_text(struct ril_buf *out, const cJSON *text, struct ril_err *err)
{
	size_t from = out->len;
	if (ril_json_text(out, text, err))
		return -1;
	return memchr(out->data + from, 0, out->len - from) ? ril_fail(err, RIL_ECORRUPT, "a choice's text holds a NUL")
							    : 0;
}

/* A text, or the texts of a list of parts. */
static int read_content(struct ril_buf *out, const cJSON *content, struct ril_err *err)
{
	if (ril_buf_add(out, "", 0, err))
		return -1;
	if (cJSON_IsString(content))
		return add_text(out, content, err);
	if (!content || cJSON_IsNull(content))
		return 0;
	if (!cJSON_IsArray(content))
		return ril_fail(err, RIL_ECORRUPT, "a choice's content is no text");
	for (const cJSON *p = content->child; p; p = p->next) {
		const cJSON *text = member(p, "text");
		if (!cJSON_IsString(text))
			return ril_fail(err, RIL_ECORRUPT, "a choice's content is no text");
		if (add_text(out, text, err))
			return -1;
	}
	return 0;
}

static bool is_blank(const char *s)
{
	return !s[strspn(s, " \t\r\n\v\f")];
}

static int read_choice(struct ril_http_choice *c, const cJSON *choice, struct ril_err *err)
{
	const cJSON *message = member(choice, "message"), *refusal = member(message, "refusal"),
		    *finish = member(choice, "finish_reason");
	if (!cJSON_IsObject(message))
		return ril_fail(err, RIL_ECORRUPT, "a choice without a message");
	if (read_content(&c->text, member(message, "content"), err))
		return -1;
	const char *reason = cJSON_IsString(finish) ? finish->valuestring : "stop";
	bool said_no = cJSON_IsString(refusal) && !is_blank(refusal->valuestring);
	c->finish = !strcmp(reason, "length");
	c->refused = said_no || !strcmp(reason, "content_filter") || is_blank(c->text.data);
	if (said_no && !c->text.len)
		return add_text(&c->text, refusal, err);
	return 0;
}

static int read_choices(struct ril_http_reply *r, const cJSON *body, struct ril_err *err)
{
	const cJSON *choices = member(body, "choices"), *usage = member(body, "usage");
	if (!cJSON_IsObject(body) || !cJSON_IsArray(choices) || !choices->child)
		return ril_fail(err, RIL_ECORRUPT, "no choices");
	for (const cJSON *c = choices->child; c; c = c->next) {
		if (ril_grow(&r->choice, &r->cap, r->n + 1, sizeof *r->choice, err))
			return -1;
		r->choice[r->n++] = (struct ril_http_choice){0};
		if (read_choice(&r->choice[r->n - 1], c, err))
			return -1;
	}
	const cJSON *in = member(usage, "prompt_tokens"), *out = member(usage, "completion_tokens");
	r->prompt_tokens =
		cJSON_IsNumber(in) && in->valuedouble >= 0 && in->valuedouble < 1e15 ? (int64_t)in->valuedouble : 0;
	r->tokens =
		cJSON_IsNumber(out) && out->valuedouble >= 0 && out->valuedouble < 1e15 ? (int64_t)out->valuedouble : 0;
	return 0;
}

int ril_http_read(struct ril_http_reply *r, const char *body, size_t n, struct ril_err *err)
{
	*r = (struct ril_http_reply){0};
	cJSON *j = ril_json_parse(body, n, err);
	int rc = j ? read_choices(r, j, err) : -1;
	cJSON_Delete(j);
	if (!rc)
		return 0;
	ril_http_reply_free(r);
	return ril_context(err, "the reply is no chat completion");
}

/* ---- complaints ---- */

/* {"error": {"message"}} as OpenAI has it, {"error": TEXT}, {"message"}, {"detail"}: as others do. */
static const char *message_of(const cJSON *body)
{
	const cJSON *error = member(body, "error");
	const cJSON *const at[] = {member(error, "message"), error, member(body, "message"), member(body, "detail")};
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (cJSON_IsString(at[i]))
			return at[i]->valuestring;
	return NULL;
}

/* n, or fewer where the last character was cut. */
static size_t whole_characters(const char *s, size_t n)
{
	size_t start = n;
	while (start && ((unsigned char)s[start - 1] & 0xC0) == 0x80)
		start--;
	unsigned char lead = start ? (unsigned char)s[start - 1] : 0;
	size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
	return lead >= 0xC0 && n - (start - 1) < need ? start - 1 : n;
}

void ril_http_complaint(char *out, size_t size, const char *body, size_t n)
{
	cJSON *j = ril_json_parse(body, n, NULL);
	const char *said = message_of(j);
	struct ril_buf text = {0};
	size_t k = 0, limit = size - 1;
	bool tag = false;
	size_t most = said ? strlen(said) : n;
	if (!ril_utf8_repair(&text, said ? said : body, most < 4096 ? most : 4096, NULL))
		for (size_t i = 0; i < text.len && k < limit; i++) {
			unsigned char c = (unsigned char)text.data[i];
			tag = !said && c == '<' ? true : tag; /* of a page of HTML: its words */
			bool blank = c <= ' ' || c == 127 || (tag && c == '>');
			if (blank && k && out[k - 1] != ' ')
				out[k++] = ' ';
			else if (!blank && !tag)
				out[k++] = (char)c;
			tag = tag && c != '>';
		}
	k = whole_characters(out, k);
	while (k && out[k - 1] == ' ')
		k--;
	out[k] = 0;
	ril_buf_free(&text);
	cJSON_Delete(j);
}
