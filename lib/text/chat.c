/* chat.c -- rendering conversations in a folder's dialect; see chat.h.  Which dialect: chat_load.c. */
#include "text/chat_internal.h"

#include <ctype.h>
#include <stdlib.h>

const struct ril_picture_form ril_picture_forms[] = {
	{"Qwen2.5-VL", "<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|>", "<|vision_start|>",
	 "<|image_pad|>", "<|vision_end|>", false},
	{"InternVL", "<IMG_CONTEXT>\n", "<img>", "<img>", "<IMG_CONTEXT>", "</img>\n", false},
	{"SmolVLM", "<image>", "<fake_token_around_image>", "<fake_token_around_image><global-img>", "<image>",
	 "<fake_token_around_image>", true},
	{0},
};

void ril_chat_free(struct ril_chat *c)
{
	if (!c)
		return;
	free(c->prelude);
	free(c->system);
	free(c->opening);
	free(c->opening_off);
	free(c);
}

const char *ril_chat_name(const struct ril_chat *c)
{
	return c->name;
}

int32_t ril_chat_eos(const struct ril_chat *c)
{
	return c->eos;
}

void ril_chat_thinking_off(struct ril_chat *c, bool off)
{
	c->thinking_off = off;
}

/* ---- walking a conversation: text goes to `text`; pictures become a placeholder there, or ids ---- */

struct walk {
	const struct ril_chat *chat;
	struct ril_buf text;
	struct ril_ids *ids;                    /* NULL: render as text */
	const struct ril_chat_picture *picture; /* [n_pictures] */
	size_t n_pictures, at;
	struct ril_err *err;
};

static int flush(struct walk *w)
{
	int rc = ril_tokenizer_encode(w->chat->tokenizer, w->text.data, w->text.len, true, w->ids, w->err);
	w->text.len = 0;
	return rc;
}

/* Text, then n times the image id. */
static int put_tokens(struct walk *w, int32_t n)
{
	if (flush(w))
		return -1;
	for (; n > 0; n--)
		if (ril_ids_add(w->ids, w->chat->image_id, w->err))
			return -1;
	return 0;
}

/* Tiles row by row, each `n` tokens behind its place; what comes next begins a paragraph. */
static int put_tiles(struct walk *w, const struct ril_chat_picture *p, int32_t n)
{
	for (int32_t k = 0, r = 1, c = 1; k < p->rows * p->columns; k++) {
		if (ril_buf_printf(&w->text, w->err, "%s<row_%d_col_%d>", w->chat->picture->mark, r, c) ||
		    put_tokens(w, n) || (c == p->columns && ril_buf_puts(&w->text, "\n", w->err)))
			return -1;
		r += c == p->columns;
		c = c % p->columns + 1;
	}
	return ril_buf_puts(&w->text, "\n", w->err);
}

static int put_picture(struct walk *w)
{
	const struct ril_picture_form *f = w->chat->picture;
	if (!f)
		return ril_fail(w->err, RIL_EFAIL, "the chat template (%s) has no place for pictures", w->chat->name);
	if (!w->ids)
		return ril_buf_puts(&w->text, f->placeholder, w->err);
	if (w->at == w->n_pictures)
		return ril_fail(w->err, RIL_EFAIL, "more pictures in the messages than the %zu given", w->n_pictures);
	const struct ril_chat_picture *p = &w->picture[w->at++];
	int32_t tiles = f->tiled ? p->rows * p->columns : 0, n = tiles > 1 ? p->tokens / (tiles + 1) : p->tokens;
	return (tiles > 1 && put_tiles(w, p, n)) || ril_buf_puts(&w->text, f->before, w->err) || put_tokens(w, n) ||
			       ril_buf_puts(&w->text, f->after, w->err)
		       ? -1
		       : 0;
}

/* An earlier answer without its thought: what follows the last </think>, less line breaks. */
static int put_answer(struct walk *w, const struct ril_chat_message *m)
{
	static const char close[] = "</think>";
	struct ril_buf b = {0};
	int rc = 0;
	for (size_t k = 0; !rc && k < m->n; k++)
		rc = m->part[k].text ? ril_buf_add(&b, m->part[k].text, m->part[k].len, w->err)
				     : ril_fail(w->err, RIL_EFAIL, "a picture in an answer");
	const char *s = b.data, *end = s + b.len;
	for (const char *at; !rc && s && (at = memmem(s, (size_t)(end - s), close, strlen(close)));) {
		s = at + strlen(close);
		if (!memmem(s, (size_t)(end - s), close, strlen(close)))
			while (s < end && *s == '\n')
				s++;
	}
	if (!rc && s)
		rc = ril_buf_add(&w->text, s, (size_t)(end - s), w->err);
	ril_buf_free(&b);
	return rc;
}

static int put_parts(struct walk *w, const struct ril_chat_message *m)
{
	for (size_t k = 0; k < m->n; k++)
		if (m->part[k].text ? ril_buf_add(&w->text, m->part[k].text, m->part[k].len, w->err) : put_picture(w))
			return -1;
	return 0;
}

/* "User: " and what was said; a picture follows the colon at once. */
static int put_speaker(struct walk *w, const struct ril_chat_message *m)
{
	bool picture = m->n && !m->part[0].text;
	return ril_buf_printf(&w->text, w->err, "%c%s:%s", toupper((unsigned char)*m->role), m->role + 1,
			      picture ? "" : " ") ||
			       put_parts(w, m) || ril_buf_puts(&w->text, RIL_END_OF_UTTERANCE "\n", w->err)
		       ? -1
		       : 0;
}

static int put_message(struct walk *w, const struct ril_chat_message *m)
{
	if (w->chat->prelude)
		return put_speaker(w, m);
	if (ril_buf_printf(&w->text, w->err, "<|im_start|>%s\n", m->role))
		return -1;
	if (w->chat->drops_thoughts && !strcmp(m->role, "assistant") ? put_answer(w, m) : put_parts(w, m))
		return -1;
	return ril_buf_puts(&w->text, "<|im_end|>\n", w->err);
}

static int walk(struct walk *w, const struct ril_chat_message *m, size_t n)
{
	const struct ril_chat *c = w->chat;
	if (!n)
		return ril_fail(w->err, RIL_EFAIL, "a conversation without messages");
	if (c->drops_thoughts && !strcmp(m[n - 1].role, "assistant"))
		return ril_fail(w->err, RIL_EFAIL, "a conversation that ends with an answer (%s)", c->name);
	bool own_system = !strcmp(m[0].role, "system");
	if (c->system && (c->system_always || !own_system) &&
	    ril_buf_printf(&w->text, w->err, "<|im_start|>system\n%s<|im_end|>\n", c->system))
		return -1;
	if (c->prelude && ril_buf_puts(&w->text, c->prelude, w->err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_message(w, &m[i]))
			return -1;
	return ril_buf_puts(&w->text, c->prelude ? "Assistant:" : "<|im_start|>assistant\n", w->err) ||
			       ril_buf_puts(&w->text, c->thinking_off ? c->opening_off : c->opening, w->err)
		       ? -1
		       : 0;
}

int ril_chat_render(const struct ril_chat *c, const struct ril_chat_message *m, size_t n, struct ril_buf *out,
		    struct ril_err *err)
{
	struct walk w = {.chat = c, .err = err};
	int rc = walk(&w, m, n) || ril_buf_add(out, w.text.data, w.text.len, err) ? -1 : 0;
	ril_buf_free(&w.text);
	return rc;
}

/* A text that spells the image token would be taken for pictures. */
static int check_images(const struct walk *w, size_t from)
{
	int64_t want = 0, have = 0;
	for (size_t i = 0; i < w->n_pictures; i++)
		want += w->picture[i].tokens;
	for (size_t i = from; i < w->ids->n; i++)
		have += w->ids->at[i] == w->chat->image_id && w->chat->image_id >= 0;
	if (w->at != w->n_pictures)
		return ril_fail(w->err, RIL_EFAIL, "%zu pictures given, %zu in the messages", w->n_pictures, w->at);
	if (have != want)
		return ril_fail(w->err, RIL_EFAIL, "the text itself contains the image token '%s'",
				w->chat->picture->token);
	return 0;
}

int ril_chat_encode(const struct ril_chat *c, const struct ril_chat_message *m, size_t n,
		    const struct ril_chat_picture *picture, size_t n_pictures, struct ril_ids *out, struct ril_err *err)
{
	struct walk w = {.chat = c, .ids = out, .picture = picture, .n_pictures = n_pictures, .err = err};
	size_t from = out->n;
	int rc = walk(&w, m, n) || flush(&w) || check_images(&w, from) ? -1 : 0;
	ril_buf_free(&w.text);
	return rc;
}

/* ---- turns ---- */

static const char image_mark[] = "<image>";

/* The next mark in [s,end), or NULL. */
static const char *find_mark(const char *s, const char *end)
{
	return s < end ? memmem(s, (size_t)(end - s), image_mark, strlen(image_mark)) : NULL;
}

static bool is_user(const struct ril_chat_turn *t)
{
	return !strcmp(t->role, "user");
}

static size_t count_marks(const struct ril_chat_turn *t, size_t n)
{
	size_t marks = 0;
	for (size_t i = 0; i < n; i++)
		for (const char *at = t[i].text; is_user(&t[i]) && (at = find_mark(at, t[i].text + t[i].len));
		     at += strlen(image_mark))
			marks++;
	return marks;
}

/* Text and pictures in turn, `first` pictures before all; part has room for first + 2 * marks + 1. */
static size_t split_turn(const struct ril_chat_turn *t, size_t first, struct ril_chat_part *part)
{
	const char *s = t->text, *end = s + t->len;
	size_t n = 0;
	if (!is_user(t)) {
		part[0] = (struct ril_chat_part){s, t->len};
		return 1;
	}
	while (n < first)
		part[n++] = (struct ril_chat_part){0};
	for (const char *at; (at = find_mark(s, end)); s = at + strlen(image_mark)) {
		if (at > s)
			part[n++] = (struct ril_chat_part){s, (size_t)(at - s)};
		part[n++] = (struct ril_chat_part){0};
	}
	if (s < end)
		part[n++] = (struct ril_chat_part){s, (size_t)(end - s)};
	return n;
}

int ril_chat_messages(const char *system, const struct ril_chat_turn *turn, size_t n, size_t n_pictures,
		      struct ril_chat_messages *out, struct ril_err *err)
{
	size_t marks = count_marks(turn, n), used = 0, parts;
	*out = (struct ril_chat_messages){0};
	if (marks && marks != n_pictures)
		return ril_fail(err, RIL_EFAIL, "the question has %zu %s marks for %zu pictures", marks, image_mark,
				n_pictures);
	if (!ril_mul(&parts, n_pictures, 2))
		return ril_fail(err, RIL_EFAIL, "too many pictures");
	struct ril_chat_part *part = out->part = ril_new(parts + n + 1, sizeof *part, err);
	out->at = ril_new(n + 1, sizeof *out->at, err);
	if (!part || !out->at)
		return ril_chat_messages_free(out), -1;
	size_t first = marks ? 0 : n_pictures;
	if (system && strcmp(turn[0].role, "system")) {
		part[used] = (struct ril_chat_part){system, strlen(system)};
		out->at[out->n++] = (struct ril_chat_message){"system", &part[used++], 1};
	}
	for (size_t i = 0; i < n; i++) {
		struct ril_chat_message *m = &out->at[out->n++];
		*m = (struct ril_chat_message){turn[i].role, &part[used], split_turn(&turn[i], first, &part[used])};
		used += m->n;
		first = is_user(&turn[i]) ? 0 : first;
	}
	return 0;
}

void ril_chat_messages_free(struct ril_chat_messages *m)
{
	free(m->part);
	free(m->at);
	*m = (struct ril_chat_messages){0};
}

int ril_chat_encode_turns(const struct ril_chat *c, const char *system, const struct ril_chat_turn *turn, size_t n,
			  const struct ril_chat_picture *picture, size_t n_pictures, struct ril_ids *out,
			  struct ril_err *err)
{
	struct ril_chat_messages m;
	if (ril_chat_messages(system, turn, n, n_pictures, &m, err))
		return -1;
	int rc = ril_chat_encode(c, m.at, m.n, picture, n_pictures, out, err);
	ril_chat_messages_free(&m);
	return rc;
}

/* ---- answers ---- */

static int32_t id_of(const struct ril_tokenizer *t, const char *token)
{
	return ril_tokenizer_id(t, token, strlen(token));
}

int32_t ril_chat_answer_end(const struct ril_tokenizer *t)
{
	int32_t speaker = id_of(t, RIL_END_OF_UTTERANCE), chatml = id_of(t, "<|im_end|>");
	return speaker >= 0 ? speaker : chatml >= 0 ? chatml : ril_tokenizer_eos(t);
}

int ril_chat_answer(struct ril_tokenizer *t, const char *text, size_t n, struct ril_ids *out, struct ril_err *err)
{
	if (id_of(t, RIL_END_OF_UTTERANCE) < 0 || (n && isspace((unsigned char)*text)))
		return ril_tokenizer_encode(t, text, n, false, out, err);
	struct ril_buf spaced = {0};
	int rc = ril_buf_puts(&spaced, " ", err) || ril_buf_add(&spaced, text, n, err) ||
				 ril_tokenizer_encode(t, spaced.data, spaced.len, false, out, err)
			 ? -1
			 : 0;
	ril_buf_free(&spaced);
	return rc;
}

int ril_chat_said(const struct ril_tokenizer *t, const int32_t *ids, size_t n, struct ril_buf *out, struct ril_err *err)
{
	size_t from = out->len;
	if (ril_tokenizer_text(t, ids, n, true, out, err))
		return -1;
	if (id_of(t, RIL_END_OF_UTTERANCE) >= 0 && out->len > from && out->data[from] == ' ') {
		memmove(out->data + from, out->data + from + 1, out->len - from); /* the NUL behind it, too */
		out->len--;
	}
	return 0;
}
