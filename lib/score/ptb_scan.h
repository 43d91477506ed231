/* ptb_scan.h -- internal to the caption tokeniser: ptb.c turns text into code points and matches into tokens, ptb_rules.c
 * chooses the longest match, ptb_words.c, ptb_numbers.c and ptb_address.c hold the matchers. */
#ifndef RIL_SCORE_PTB_SCAN_H
#define RIL_SCORE_PTB_SCAN_H

#include <stdbool.h>
#include <stdint.h>

enum { PTB_LETTER = 1, PTB_DIGIT = 2, PTB_UPPER = 4, PTB_SPACE = 8, PTB_MARK = 16 /* joins words only */,
       PTB_ALNUM = PTB_LETTER | PTB_DIGIT };

/* A caption as code points; s[n] is '\n' and PTB_PAD zeros follow, so that literals may be compared without bounds. */
enum { PTB_PAD = 32 };
struct ptb_scan {
	const uint32_t *s; /* [n + 1 + PTB_PAD] */
	const uint8_t *k;  /* [n + 1 + PTB_PAD], PTB_LETTER ... */
	int n;
	bool url; /* a '@', "http", "www." or ".com" and the like occurs: only then are addresses looked for */
};

enum ptb_form {
	PTB_PLAIN,  /* the text itself, soft hyphens left out, &amp; as & */
	PTB_RAW,    /* the text itself */
	PTB_GLUED,  /* blanks become U+00A0, brackets -lrb- and -rrb- */
	PTB_QUOTES, /* quotes as ` `` ' '' */
	PTB_FIXED,  /* `text` instead */
	PTB_SKIP,   /* no token */
};

/* The token [at, end) at a position; `total` counts the context that the rule looked at, by which the longest rule wins. */
struct ptb_match {
	int total, end;
	enum ptb_form form;
	const char *text;
};
struct ptb_match ril_ptb_next(const struct ptb_scan *, int at);

/* ---- the matchers: each returns the end of its match, or 0 ---- */

int ril_ptb_apos(const struct ptb_scan *, int at);
int ril_ptb_letter(const struct ptb_scan *, int at);
int ril_ptb_word(const struct ptb_scan *, int at);
int ril_ptb_clitic(const struct ptb_scan *, int at);
int ril_ptb_not_clitic(const struct ptb_scan *, int at);
int ril_ptb_negated(const struct ptb_scan *, int at);
int ril_ptb_apostrophe_word(const struct ptb_scan *, int at);
int ril_ptb_thing(const struct ptb_scan *, int at);
int ril_ptb_slashed(const struct ptb_scan *, int at);
int ril_ptb_capitals(const struct ptb_scan *, int at);
int ril_ptb_acronym(const struct ptb_scan *, int at);
int ril_ptb_dashed(const struct ptb_scan *, int at);
int ril_ptb_number(const struct ptb_scan *, int at);
int ril_ptb_date(const struct ptb_scan *, int at);
int ril_ptb_fraction(const struct ptb_scan *, int at);
int ril_ptb_phone(const struct ptb_scan *, int at);
int ril_ptb_closing_abbreviation(const struct ptb_scan *, int at);
int ril_ptb_abbreviation(const struct ptb_scan *, int at);
int ril_ptb_number_abbreviation(const struct ptb_scan *, int at);
int ril_ptb_sentence_start(const struct ptb_scan *, int at);
int ril_ptb_file_name(const struct ptb_scan *, int at);
int ril_ptb_full_url(const struct ptb_scan *, int at);
int ril_ptb_likely_url(const struct ptb_scan *, int at);
int ril_ptb_email(const struct ptb_scan *, int at);
int ril_ptb_tag(const struct ptb_scan *, int at);
int ril_ptb_smiley(const struct ptb_scan *, int at);
int ril_ptb_asian_smiley(const struct ptb_scan *, int at);

/* ---- what the matchers are made of ---- */

/* A literal; its small letters match in either case, everything else as it is. */
static inline int ptb_lit(const struct ptb_scan *t, int i, const char *w)
{
	for (; *w; w++, i++)
		if (t->s[i] != (unsigned char)*w && !((unsigned)*w - 'a' < 26 && t->s[i] + 32 == (unsigned char)*w))
			return 0;
	return i;
}

static inline int ptb_any(const struct ptb_scan *t, int i, const char *const *list)
{
	int best = 0;
	for (; *list; list++) {
		int e = ptb_lit(t, i, *list);
		if (e > best)
			best = e;
	}
	return best;
}

static inline bool ptb_in(uint32_t c, const char *set)
{
	for (; *set; set++)
		if (c == (unsigned char)*set)
			return true;
	return false;
}

static inline bool ptb_ascii_letter(uint32_t c) { return (c | 32) - 'a' < 26; }

static inline bool ptb_ascii_digit(uint32_t c) { return c - '0' < 10; }

static inline bool ptb_ascii_alnum(uint32_t c) { return ptb_ascii_letter(c) || ptb_ascii_digit(c); }

static inline bool ptb_space_or_end(const struct ptb_scan *t, int i) { return t->k[i] & PTB_SPACE; }

static inline int ptb_run(const struct ptb_scan *t, int i, unsigned classes)
{
	while (t->k[i] & classes)
		i++;
	return i;
}

static inline int ptb_digits(const struct ptb_scan *t, int i, int least, int most)
{
	int e = i;
	while (e - i < most && ptb_ascii_digit(t->s[e]))
		e++;
	return e - i >= least ? e : 0;
}

#endif
