/* ptb_internal.h -- internal to the caption tokeniser: ptb.c turns text into code points and matches into tokens,
 * ptb_rules.c chooses the longest match, ptb_words.c, ptb_numbers.c and ptb_address.c hold the matchers. */
#ifndef RIL_CAPTION_PTB_INTERNAL_H
#define RIL_CAPTION_PTB_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RIL_PTB_LETTER = 1,
	RIL_PTB_DIGIT = 2,
	RIL_PTB_UPPER = 4,
	RIL_PTB_SPACE = 8,
	RIL_PTB_MARK = 16, /* joins words only */
	RIL_PTB_ALNUM = RIL_PTB_LETTER | RIL_PTB_DIGIT,
};

/* A caption as code points; s[n] is '\n' and RIL_PTB_PAD zeros follow, so that literals are compared without bounds. */
enum { RIL_PTB_PAD = 32 };
struct ril_ptb_scan {
	const uint32_t *s; /* [n + 1 + RIL_PTB_PAD] */
	const uint8_t *k;  /* [n + 1 + RIL_PTB_PAD], RIL_PTB_LETTER ... */
	int n;
	bool url; /* a '@', "http", "www." or ".com" and the like occurs: only then are addresses looked for */
};

enum ril_ptb_form {
	RIL_PTB_PLAIN,  /* the text itself, soft hyphens left out, &amp; as & */
	RIL_PTB_RAW,    /* the text itself */
	RIL_PTB_GLUED,  /* blanks become U+00A0, brackets -lrb- and -rrb- */
	RIL_PTB_QUOTES, /* quotes as ` `` ' '' */
	RIL_PTB_FIXED,  /* `text` instead */
	RIL_PTB_SKIP,   /* no token */
};

/* The token [at, end) at a position; `total` counts the context that the rule looked at, by which the longest rule
 * wins. */
struct ril_ptb_match {
	int total, end;
	enum ril_ptb_form form;
	const char *text;
};
struct ril_ptb_match ril_ptb_next(const struct ril_ptb_scan *, int at);

/* ---- the matchers: each returns the end of its match, or 0 ---- */

int ril_ptb_apos(const struct ril_ptb_scan *, int at);
int ril_ptb_letter(const struct ril_ptb_scan *, int at);
int ril_ptb_word(const struct ril_ptb_scan *, int at);
int ril_ptb_clitic(const struct ril_ptb_scan *, int at);
int ril_ptb_not_clitic(const struct ril_ptb_scan *, int at);
int ril_ptb_negated(const struct ril_ptb_scan *, int at);
int ril_ptb_apostrophe_word(const struct ril_ptb_scan *, int at);
int ril_ptb_thing(const struct ril_ptb_scan *, int at);
int ril_ptb_slashed(const struct ril_ptb_scan *, int at);
int ril_ptb_capitals(const struct ril_ptb_scan *, int at);
int ril_ptb_acronym(const struct ril_ptb_scan *, int at);
int ril_ptb_dashed(const struct ril_ptb_scan *, int at);
int ril_ptb_number(const struct ril_ptb_scan *, int at);
int ril_ptb_date(const struct ril_ptb_scan *, int at);
int ril_ptb_fraction(const struct ril_ptb_scan *, int at);
int ril_ptb_phone(const struct ril_ptb_scan *, int at);
int ril_ptb_closing_abbreviation(const struct ril_ptb_scan *, int at);
int ril_ptb_abbreviation(const struct ril_ptb_scan *, int at);
int ril_ptb_number_abbreviation(const struct ril_ptb_scan *, int at);
int ril_ptb_sentence_start(const struct ril_ptb_scan *, int at);
int ril_ptb_file_name(const struct ril_ptb_scan *, int at);
int ril_ptb_full_url(const struct ril_ptb_scan *, int at);
int ril_ptb_likely_url(const struct ril_ptb_scan *, int at);
int ril_ptb_email(const struct ril_ptb_scan *, int at);
int ril_ptb_tag(const struct ril_ptb_scan *, int at);
int ril_ptb_smiley(const struct ril_ptb_scan *, int at);
int ril_ptb_asian_smiley(const struct ril_ptb_scan *, int at);

/* ---- what the matchers are made of ---- */

/* A literal; its small letters match in either case, everything else as it is. */
static inline int ril_ptb_lit(const struct ril_ptb_scan *t, int i, const char *w)
{
	for (; *w; w++, i++)
		if (t->s[i] != (unsigned char)*w && !((unsigned)*w - 'a' < 26 && t->s[i] + 32 == (unsigned char)*w))
			return 0;
	return i;
}

static inline int ril_ptb_any(const struct ril_ptb_scan *t, int i, const char *const *list)
{
	int best = 0;
	for (; *list; list++) {
		int e = ril_ptb_lit(t, i, *list);
		if (e > best)
			best = e;
	}
	return best;
}

static inline bool ril_ptb_in(uint32_t c, const char *set)
{
	for (; *set; set++)
		if (c == (unsigned char)*set)
			return true;
	return false;
}

static inline bool ril_ptb_ascii_letter(uint32_t c)
{
	return (c | 32) - 'a' < 26;
}

static inline bool ril_ptb_ascii_digit(uint32_t c)
{
	return c - '0' < 10;
}

static inline bool ril_ptb_ascii_alnum(uint32_t c)
{
	return ril_ptb_ascii_letter(c) || ril_ptb_ascii_digit(c);
}

static inline bool ril_ptb_space_or_end(const struct ril_ptb_scan *t, int i)
{
	return t->k[i] & RIL_PTB_SPACE;
}

static inline int ril_ptb_run(const struct ril_ptb_scan *t, int i, unsigned classes)
{
	while (t->k[i] & classes)
		i++;
	return i;
}

static inline int ril_ptb_digits(const struct ril_ptb_scan *t, int i, int least, int most)
{
	int e = i;
	while (e - i < most && ril_ptb_ascii_digit(t->s[e]))
		e++;
	return e - i >= least ? e : 0;
}

#endif
