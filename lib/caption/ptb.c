/* ptb.c -- the tokeniser that published caption scores rest on: Stanford CoreNLP 3.4.1's PTBTokenizer with
 * -preserveLines -lowerCase, followed by the removal of sixteen punctuation tokens, as coco-caption runs it.
 *
 * The rules are written down from the tokeniser's observed behaviour (ptb_rules.c); `scripts/bench-captions` compares
 * them with the original where Java is present.  Two differences are deliberate.  A caption is looked at alone: the
 * original reads all captions as one text, so that the first word of the next caption can decide about a final "b.".
 * And every line break inside a caption is a blank: the original replaces \n only, and \r, VT, FF, NEL, U+2028 and
 * U+2029 shift all later captions by one line, onto other pictures. */
#include "caption/ptb.h"
#include "caption/ptb_internal.h"

#include <stdlib.h>
#include <utf8proc.h>

/* ---- characters ---- */

/* Marks and symbols that the original's word rule lists beside the letters. */
static const uint16_t word_marks[][2] = {
	{0x00AD, 0x00AD}, {0x02C2, 0x02C5}, {0x02D2, 0x02DF}, {0x02E5, 0x036F}, {0x0375, 0x0375}, {0x0378, 0x0379},
	{0x0384, 0x0385}, {0x03F6, 0x03F6}, {0x0483, 0x0487}, {0x055A, 0x055F}, {0x0591, 0x05BD}, {0x05BF, 0x05BF},
	{0x05C1, 0x05C2}, {0x05C4, 0x05C5}, {0x05C7, 0x05C7}, {0x0615, 0x061A}, {0x064B, 0x065E}, {0x0670, 0x0670},
	{0x06D6, 0x06EF}, {0x06FA, 0x06FF}, {0x070F, 0x070F}, {0x0711, 0x0711}, {0x0730, 0x074F}, {0x07A6, 0x07B1},
	{0x07EB, 0x07F5}, {0x0900, 0x0903}, {0x093C, 0x093C}, {0x093E, 0x094E}, {0x0951, 0x0955}, {0x0962, 0x0963},
	{0x0981, 0x0983}, {0x09BC, 0x09C4}, {0x09C7, 0x09C8}, {0x09CB, 0x09CD}, {0x09D7, 0x09D7}, {0x09E2, 0x09E3},
	{0x0A01, 0x0A03}, {0x0A3C, 0x0A3C}, {0x0A3E, 0x0A4F}, {0x0A81, 0x0A83}, {0x0ABC, 0x0ACF}, {0x0B82, 0x0B82},
	{0x0BBE, 0x0BC2}, {0x0BC6, 0x0BC8}, {0x0BCA, 0x0BCD}, {0x0C01, 0x0C03}, {0x0C3E, 0x0C56}, {0x0D3E, 0x0D44},
	{0x0D46, 0x0D48}, {0x0E30, 0x0E3A}, {0x0E47, 0x0E4E}, {0x0EB1, 0x0EBC}, {0x0EC8, 0x0ECD},
};

static uint8_t wide_class(uint32_t c)
{
	if (c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x3000)
		return RIL_PTB_SPACE;
	if (c > 0xFFFF) /* the original sees two halves of a surrogate pair: no letters */
		return 0;
	for (size_t i = 0; i < sizeof word_marks / sizeof *word_marks; i++)
		if (c >= word_marks[i][0] && c <= word_marks[i][1] &&
		    utf8proc_category((int32_t)c) != UTF8PROC_CATEGORY_ND)
			return RIL_PTB_MARK;
	switch (utf8proc_category((int32_t)c)) {
	case UTF8PROC_CATEGORY_LU: return RIL_PTB_LETTER | RIL_PTB_UPPER;
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return RIL_PTB_LETTER;
	case UTF8PROC_CATEGORY_ND: return RIL_PTB_DIGIT;
	default: return 0;
	}
}

static uint8_t char_class(uint32_t c)
{
	static const uint8_t ascii[128] = {
		['\t'] = RIL_PTB_SPACE,         [' '] = RIL_PTB_SPACE,
		['0' ... '9'] = RIL_PTB_DIGIT,  ['A' ... 'Z'] = RIL_PTB_LETTER | RIL_PTB_UPPER,
		['a' ... 'z'] = RIL_PTB_LETTER,
	};
	return c < 0x80 ? ascii[c] : wide_class(c);
}

static bool breaks_line(uint32_t c)
{
	return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Addresses are rare and their rules slow: a cheap sign that one may be there. */
static bool may_hold_address(const char *text, size_t n)
{
	static const char *const domain[] = {"com", "net", "org", "edu"};
	if (memchr(text, '@', n) || memmem(text, n, "://", 3))
		return true;
	const char *end = text + n;
	for (const char *dot = text; (dot = memchr(dot, '.', (size_t)(end - dot))); dot++) {
		if (dot - text >= 3 && !strncasecmp(dot - 3, "www", 3))
			return true;
		for (size_t k = 0; end - dot > 3 && k < sizeof domain / sizeof *domain; k++)
			if (!strncasecmp(dot + 1, domain[k], 3))
				return true;
	}
	return false;
}

/* Room for code points and classes; short captions need no allocation. */
struct room {
	uint32_t s[512];
	uint8_t k[512];
	void *big;
};

static int make_room(struct room *r, uint32_t **s, uint8_t **k, size_t n, struct ril_err *err)
{
	size_t need = n + 1 + RIL_PTB_PAD, bytes;
	*s = r->s;
	*k = r->k;
	if (need <= 512) {
		memset(r->s, 0, need * sizeof *r->s);
		memset(r->k, 0, need);
		return 0;
	}
	if (n > INT32_MAX / 8 || !ril_mul(&bytes, need, sizeof **s + 1))
		return ril_fail(err, RIL_EFAIL, "a caption of %zu bytes is too long", n);
	if (!(r->big = ril_new(bytes, 1, err)))
		return -1;
	*s = r->big;
	*k = (uint8_t *)(*s + need);
	return 0;
}

static int decode(struct ril_ptb_scan *t, struct room *r, const char *text, size_t n, struct ril_err *err)
{
	uint32_t *s;
	uint8_t *k;
	int m = 0;
	if (make_room(r, &s, &k, n, err))
		return -1;
	for (size_t i = 0; i < n; m++) {
		utf8proc_int32_t c = (unsigned char)text[i];
		utf8proc_ssize_t step = 1;
		if (c >= 0x80 &&
		    (step = utf8proc_iterate((const uint8_t *)text + i, (utf8proc_ssize_t)(n - i), &c)) < 1)
			return ril_fail(err, RIL_ECORRUPT, "a caption is not valid UTF-8 (byte %zu)", i);
		s[m] = breaks_line((uint32_t)c) ? ' ' : (uint32_t)c;
		k[m] = char_class(s[m]);
		i += (size_t)step;
	}
	s[m] = '\n';
	k[m] = RIL_PTB_SPACE;
	*t = (struct ril_ptb_scan){s, k, m, may_hold_address(text, n)};
	return 0;
}

/* ---- tokens out ---- */

static int put(struct ril_buf *out, uint32_t c, struct ril_err *err)
{
	if (c < 0x80) {
		char b = (char)c;
		return ril_buf_add(out, &b, 1, err);
	}
	uint8_t b[4];
	return ril_buf_add(out, b, (size_t)utf8proc_encode_char((utf8proc_int32_t)c, b), err);
}

static bool cased(uint32_t c)
{
	return utf8proc_tolower((int32_t)c) != (int32_t)c || utf8proc_toupper((int32_t)c) != (int32_t)c;
}

/* Within one word, as far as text segmentation for a sigma goes. */
static bool joins_word(const struct ril_ptb_scan *t, int i)
{
	uint32_t c = t->s[i];
	return (t->k[i] & (RIL_PTB_LETTER | RIL_PTB_DIGIT | RIL_PTB_MARK) && c < 0x2E80) || c == '.' || c == '-' ||
	       c == '_' || c == '\'' || c == 0x2019;
}

/* A capital sigma that is its word's last letter, and not its only one, gets the final form. */
static bool final_sigma(const struct ril_ptb_scan *t, int at, int end, int i)
{
	bool before = false, after = false;
	for (int j = i - 1; j >= at && joins_word(t, j); j--)
		before |= cased(t->s[j]);
	for (int j = i + 1; j < end && joins_word(t, j); j++)
		after |= cased(t->s[j]);
	return before && !after;
}

/* Lower case as Java's: the dotted capital I becomes two code points. */
static int put_lower(struct ril_buf *out, const struct ril_ptb_scan *t, int at, int end, int i, struct ril_err *err)
{
	uint32_t c = t->s[i];
	if (c < 0x80)
		return put(out, c - 'A' < 26 ? c + 32 : c, err);
	if (c == 0x130)
		return put(out, 'i', err) || put(out, 0x307, err) ? -1 : 0;
	if (c == 0x3A3)
		return put(out, final_sigma(t, at, end, i) ? 0x3C2 : 0x3C3, err);
	return put(out, (uint32_t)utf8proc_tolower((int32_t)c), err);
}

static int put_plain(struct ril_buf *out, const struct ril_ptb_scan *t, int at, int end, struct ril_err *err)
{
	size_t before = out->len;
	int i = at;
	if (ril_buf_reserve(out, (size_t)(end - at), err))
		return -1;
	for (; i < end && t->s[i] < 0x80 && (t->k[i] & RIL_PTB_ALNUM); i++) { /* nearly everything, and quick */
		uint32_t c = t->s[i];
		out->data[out->len++] = (char)(c - 'A' < 26 ? c + 32 : c);
	}
	out->data[out->len] = 0;
	for (; i < end; i++) {
		if (t->s[i] == 0xAD)
			continue;
		if (put_lower(out, t, at, end, i, err))
			return -1;
		if (t->s[i] == '&' && i + 5 <= end && t->s[i + 4] == ';' && (t->s[i + 1] | 32) == 'a' &&
		    (t->s[i + 2] | 32) == 'm' && (t->s[i + 3] | 32) == 'p')
			i += 4;
	}
	return out->len == before ? put(out, '-', err) : 0; /* nothing but soft hyphens */
}

static int put_raw(struct ril_buf *out, const struct ril_ptb_scan *t, int at, int end, struct ril_err *err)
{
	for (int i = at; i < end; i++)
		if (put_lower(out, t, at, end, i, err))
			return -1;
	return 0;
}

static int put_glued(struct ril_buf *out, const struct ril_ptb_scan *t, int at, int end, struct ril_err *err)
{
	for (int i = at; i < end; i++) {
		uint32_t c = t->s[i];
		int rc = c == ' '   ? put(out, 0xA0, err)
			 : c == '(' ? ril_buf_puts(out, "-lrb-", err)
			 : c == ')' ? ril_buf_puts(out, "-rrb-", err)
				    : put_lower(out, t, at, end, i, err);
		if (rc)
			return -1;
	}
	return 0;
}

static int put_quotes(struct ril_buf *out, const struct ril_ptb_scan *t, int at, int end, struct ril_err *err)
{
	for (int i = at; i < end; i++) {
		const char *q = NULL;
		switch (t->s[i]) {
		case '&':
			q = (t->s[i + 1] | 32) == 'q' ? "''" : "'";
			i += 5;
			break; /* &quot; &apos; */
		case '"':
		case 0x94:
		case 0x201D:
		case 0xBB: q = "''"; break;
		case 0x93:
		case 0x201C:
		case 0xAB: q = "``"; break;
		case 0x91:
		case 0x2018:
		case 0x201B:
		case 0x2039: q = "`"; break;
		case 0x92:
		case 0x2019:
		case 0x203A: q = "'"; break;
		}
		if (q ? ril_buf_puts(out, q, err) : put_lower(out, t, at, end, i, err))
			return -1;
	}
	return 0;
}

/* The tokens that coco-caption drops; its list has -LRB- and the like as well, which lower-casing has made -lrb-. */
static bool dropped(const char *w, size_t n)
{
	switch (n) {
	case 1: return strchr("'`.?!,:-;", *w);
	case 2: return !memcmp(w, "''", 2) || !memcmp(w, "``", 2) || !memcmp(w, "--", 2);
	case 3: return !memcmp(w, "...", 3);
	default: return false;
	}
}

static int emit(struct ril_buf *out, size_t start, const struct ril_ptb_scan *t, int at, const struct ril_ptb_match *m,
		struct ril_err *err)
{
	if (m->form == RIL_PTB_SKIP)
		return 0;
	size_t before = out->len;
	if (before > start && put(out, ' ', err))
		return -1;
	size_t word = out->len;
	int rc = m->form == RIL_PTB_PLAIN    ? put_plain(out, t, at, m->end, err)
		 : m->form == RIL_PTB_RAW    ? put_raw(out, t, at, m->end, err)
		 : m->form == RIL_PTB_GLUED  ? put_glued(out, t, at, m->end, err)
		 : m->form == RIL_PTB_QUOTES ? put_quotes(out, t, at, m->end, err)
					     : ril_buf_puts(out, m->text, err);
	if (rc)
		return -1;
	if (dropped(out->data + word, out->len - word)) {
		out->len = before;
		out->data[before] = 0;
	}
	return 0;
}

int ril_ptb_tokenise(struct ril_buf *out, const char *text, size_t n, struct ril_err *err)
{
	struct ril_ptb_scan t;
	struct room room;
	room.big = NULL;
	size_t start = out->len;
	int rc = ril_buf_reserve(out, n + 16, err) || ril_buf_add(out, "", 0, err);
	rc = rc || decode(&t, &room, text, n, err) ? -1 : 0;
	for (int i = 0; !rc && i < t.n;) {
		if (t.s[i] == ' ' || t.s[i] == '\t') {
			i = ril_ptb_run(&t, i, RIL_PTB_SPACE);
			continue;
		}
		struct ril_ptb_match m = ril_ptb_next(&t, i);
		rc = emit(out, start, &t, i, &m, err);
		i = m.end;
	}
	free(room.big);
	return rc;
}
