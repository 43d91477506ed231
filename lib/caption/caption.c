/* caption.c -- the corpus of captions: pictures, references, candidates, all tokenised and interned as they come. */
#include "base/json.h"
#include "caption/caption_internal.h"
#include "caption/ptb.h"

#include <stdlib.h>

struct ril_captions *ril_captions_new(enum ril_caption_tokeniser tokeniser, struct ril_err *err)
{
	struct ril_captions *c = ril_new(1, sizeof *c, err);
	if (c)
		c->tokeniser = tokeniser;
	return c;
}

void ril_captions_free(struct ril_captions *c)
{
	if (!c)
		return;
	ril_intern_free(&c->words);
	ril_intern_free(&c->keys);
	ril_intern_free(&c->domains);
	free(c->tok);
	free(c->text);
	free(c->picture);
	free(c->ref);
	free(c->item);
	ril_buf_free(&c->clean);
	ril_buf_free(&c->tokens);
	free(c);
}

/* ---- text ---- */

/* Length of the control character or line separator at s, 0 if there is none. */
static size_t control_at(const unsigned char *s, size_t n)
{
	if (s[0] < 0x20 || s[0] == 0x7F)
		return 1;
	if (s[0] == 0xC2 && n > 1 && s[1] < 0xA0)
		return 2;
	return s[0] == 0xE2 && n > 2 && s[1] == 0x80 && (s[2] == 0xA8 || s[2] == 0xA9) ? 3 : 0;
}

/* What Python's str.split() parts at, beyond ASCII; the length of it, or 0. */
static size_t wide_blank_at(const unsigned char *s, size_t n)
{
	if (s[0] == 0xC2)
		return n > 1 && (s[1] == 0xA0 || s[1] == 0x85) ? 2 : 0;
	if (n < 3)
		return 0;
	if (s[0] == 0xE1)
		return s[1] == 0x9A && s[2] == 0x80 ? 3 : 0;
	if (s[0] == 0xE2)
		return (s[1] == 0x80 && (s[2] <= 0x8A || s[2] == 0xA8 || s[2] == 0xA9 || s[2] == 0xAF)) ||
				       (s[1] == 0x81 && s[2] == 0x9F)
			       ? 3
			       : 0;
	return s[0] == 0xE3 && s[1] == 0x80 && s[2] == 0x80 ? 3 : 0;
}

/* The text with control characters as blanks, in c->clean. */
static int clean(struct ril_captions *c, const char *text, size_t n, struct ril_err *err)
{
	size_t at;
	if (!ril_utf8_valid(text, n, &at))
		return ril_fail(err, RIL_ECORRUPT, "a caption is not valid UTF-8 (byte %zu)", at);
	c->clean.len = 0;
	if (ril_buf_add(&c->clean, text, n, err))
		return -1;
	char *s = c->clean.data;
	bool met = false;
	size_t out = 0;
	for (size_t i = 0, len; i < n; i += len) {
		unsigned char b = (unsigned char)s[i];
		len = 1;
		if (b < 0x20 || b == 0x7F || b == 0xC2 || b == 0xE2) {
			size_t ctl = control_at((const unsigned char *)s + i, n - i);
			met |= ctl;
			/* A C1 control is a sign of Windows-1252 to the tokeniser: it is only counted. */
			if (ctl == 1 || ctl == 3) {
				s[out++] = ' ';
				len = ctl;
				continue;
			}
		}
		s[out++] = s[i];
	}
	c->clean.len = out;
	s[out] = 0;
	c->counts.control += met;
	return 0;
}

static int push_token(struct ril_captions *c, const char *s, size_t n, struct ril_err *err)
{
	int64_t id = ril_intern(&c->words, s, n, err);
	if (id < 0 || ril_grow(&c->tok, &c->cap_tok, c->n_tok + 1, sizeof *c->tok, err))
		return -1;
	c->tok[c->n_tok++] = (uint32_t)id;
	return 0;
}

/* Tokens between single blanks; *other is set when white-space splitting gives another list. */
static int split_raw(struct ril_captions *c, const char *s, size_t n, bool *other, struct ril_err *err)
{
	for (size_t i = 0, from = 0; i <= n; i++) {
		if (i < n && s[i] != ' ') {
			*other |= (unsigned char)s[i] >= 0xC2 && wide_blank_at((const unsigned char *)s + i, n - i);
			continue;
		}
		*other |= i == from;
		if (push_token(c, s + from, i - from, err))
			return -1;
		from = i + 1;
	}
	return 0;
}

static int split_words(struct ril_captions *c, const char *s, size_t n, struct ril_err *err)
{
	for (size_t i = 0, from = 0, len; i <= n; i += len) {
		len = i == n || s[i] == ' ' ? 1 : wide_blank_at((const unsigned char *)s + i, n - i);
		if (!len) {
			len = 1;
			continue;
		}
		if (i > from && push_token(c, s + from, i - from, err))
			return -1;
		from = i + len;
	}
	return 0;
}

/* The new text's number, or -1. */
static int64_t add_text(struct ril_captions *c, const char *text, size_t n, size_t *empty, struct ril_err *err)
{
	struct ril_buf *out = &c->clean;
	bool other = false;
	if (clean(c, text, n, err))
		return -1;
	if (c->tokeniser == RIL_CAP_PTB) {
		out = &c->tokens;
		out->len = 0;
		if (ril_ptb_tokenise(out, c->clean.data, c->clean.len, err))
			return -1;
	}
	if (c->n_text >= UINT32_MAX || out->len >= UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "too many captions");
	if (ril_grow(&c->text, &c->cap_text, c->n_text + 1, sizeof *c->text, err))
		return -1;
	struct ril_caption_text t = {.raw = c->n_tok};
	if (split_raw(c, out->data, out->len, &other, err))
		return -1;
	t.n_raw = (uint32_t)(c->n_tok - t.raw);
	t.word = other ? c->n_tok : t.raw;
	if (other && split_words(c, out->data, out->len, err))
		return -1;
	t.n_word = (uint32_t)(c->n_tok - t.word);
	*empty += !t.n_word;
	c->text[c->n_text] = t;
	return (int64_t)c->n_text++;
}

/* ---- pictures ---- */

int64_t ril_captions_picture(struct ril_captions *c, const char *key, struct ril_err *err)
{
	size_t n = c->keys.n;
	if (n >= UINT32_MAX - 1)
		return ril_fail(err, RIL_EFAIL, "too many pictures");
	if (ril_grow(&c->picture, &c->cap_picture, n + 1, sizeof *c->picture, err))
		return -1;
	int64_t id = ril_intern(&c->keys, key, strlen(key), err);
	if (id < 0)
		return -1;
	if (c->keys.n == n)
		return ril_fail(err, RIL_ECORRUPT, "picture '%s' is there twice", key);
	c->picture[id] = (struct ril_caption_picture){-1, -1, 0, -1};
	return id;
}

int64_t ril_captions_find(const struct ril_captions *c, const char *key)
{
	return ril_intern_find(&c->keys, key, strlen(key));
}

int ril_captions_reference(struct ril_captions *c, int64_t picture, const char *text, size_t n, struct ril_err *err)
{
	if (ril_grow(&c->ref, &c->cap_ref, c->n_ref + 1, sizeof *c->ref, err))
		return -1;
	int64_t t = add_text(c, text, n, &c->counts.empty_references, err), r = (int64_t)c->n_ref;
	if (t < 0)
		return ril_context(err, "reference of '%s'", ril_captions_key(c, picture));
	struct ril_caption_picture *im = c->picture + picture;
	c->ref[c->n_ref++] = (struct ril_caption_ref){(uint32_t)t, -1};
	if (im->last >= 0)
		c->ref[im->last].next = r;
	else
		im->first = r;
	im->last = r;
	im->n++;
	return 0;
}

int64_t ril_captions_candidate(struct ril_captions *c, int64_t picture, const char *text, size_t n, struct ril_err *err)
{
	if (ril_grow(&c->item, &c->cap_item, c->n_item + 1, sizeof *c->item, err))
		return -1;
	int64_t t = add_text(c, text, n, &c->counts.empty_candidates, err);
	if (t < 0)
		return ril_context(err, "caption of '%s'", ril_captions_key(c, picture));
	c->item[c->n_item] = (struct ril_caption_item){(uint32_t)picture, (uint32_t)t};
	return (int64_t)c->n_item++;
}

/* ---- looking ---- */

const struct ril_caption_counts *ril_captions_counts(const struct ril_captions *c)
{
	return &c->counts;
}
size_t ril_captions_items(const struct ril_captions *c)
{
	return c->n_item;
}
size_t ril_captions_pictures(const struct ril_captions *c)
{
	return c->keys.n;
}
int64_t ril_captions_item_picture(const struct ril_captions *c, size_t item)
{
	return c->item[item].picture;
}
size_t ril_captions_references(const struct ril_captions *c, int64_t picture)
{
	return c->picture[picture].n;
}

const char *ril_captions_key(const struct ril_captions *c, int64_t picture)
{
	return ril_intern_text(&c->keys, (size_t)picture);
}

const char *ril_captions_domain(const struct ril_captions *c, int64_t picture)
{
	int64_t d = c->picture[picture].domain;
	return d < 0 ? "" : ril_intern_text(&c->domains, (size_t)d);
}

int ril_captions_set_domain(struct ril_captions *c, int64_t picture, const char *domain, struct ril_err *err)
{
	int64_t d = *domain ? ril_intern(&c->domains, domain, strlen(domain), err) : -1;
	if (*domain && d < 0)
		return -1;
	c->picture[picture].domain = d;
	return 0;
}

static int join(const struct ril_captions *c, uint32_t text, struct ril_buf *out, struct ril_err *err)
{
	const struct ril_caption_text *t = c->text + text;
	for (uint32_t i = 0; i < t->n_raw; i++)
		if ((i && ril_buf_puts(out, " ", err)) ||
		    ril_buf_puts(out, ril_intern_text(&c->words, c->tok[t->raw + i]), err))
			return -1;
	return 0;
}

int ril_captions_candidate_tokens(const struct ril_captions *c, size_t item, struct ril_buf *out, struct ril_err *err)
{
	return join(c, c->item[item].text, out, err);
}

int ril_captions_reference_tokens(const struct ril_captions *c, int64_t picture, size_t ref, struct ril_buf *out,
				  struct ril_err *err)
{
	int64_t r = c->picture[picture].first;
	while (ref-- && r >= 0)
		r = c->ref[r].next;
	return r < 0 ? ril_fail(err, RIL_EFAIL, "picture '%s' has no such reference", ril_captions_key(c, picture))
		     : join(c, c->ref[r].text, out, err);
}
