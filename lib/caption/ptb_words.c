/* ptb_words.c -- matchers for words: apostrophes, compounds, abbreviations and acronyms. */
#include "caption/ptb_internal.h"

#include <stddef.h>

/* ---- matchers: each returns the end of its match at i, or 0 ---- */

int ril_ptb_apos(const struct ril_ptb_scan *t, int i)
{
	uint32_t c = t->s[i];
	return c == '\'' || c == 0x92 || c == 0x2019 ? i + 1 : c == '&' ? ril_ptb_lit(t, i, "&apos;") : 0;
}

/* Also the marks that are wrongly used for an apostrophe inside a word. */
static int apos_any(const struct ril_ptb_scan *t, int i)
{
	uint32_t c = t->s[i];
	return c == '`' || c == 0x91 || c == 0x2018 || c == 0x201B ? i + 1 : ril_ptb_apos(t, i);
}

/* A letter, or an entity for one such as &eacute;. */
int ril_ptb_letter(const struct ril_ptb_scan *t, int i)
{
	static const char *const accent[] = {"acute;", "grave;", "uml;", NULL};
	if (t->k[i] & (RIL_PTB_LETTER | RIL_PTB_MARK))
		return i + 1;
	return t->s[i] == '&' && ril_ptb_in(t->s[i + 1], "aeiouAEIOU") ? ril_ptb_any(t, i + 2, accent) : 0;
}

static int letters(const struct ril_ptb_scan *t, int i)
{
	int e = ril_ptb_letter(t, i), next;
	if (!e)
		return 0;
	while ((next = t->k[e] & RIL_PTB_DIGIT ? e + 1 : ril_ptb_letter(t, e)))
		e = next;
	return e;
}

int ril_ptb_word(const struct ril_ptb_scan *t, int i)
{
	int e = letters(t, i), next;
	while (e && ril_ptb_in(t->s[e], ".!?") && (next = letters(t, e + 1)))
		e = next;
	return e;
}

/* 's 'm 'd 're 've 'll */
int ril_ptb_clitic(const struct ril_ptb_scan *t, int i)
{
	static const char *const ends[] = {"m", "s", "d", "re", "ve", "ll", NULL};
	int a = ril_ptb_apos(t, i);
	return a ? ril_ptb_any(t, a, ends) : 0;
}

int ril_ptb_not_clitic(const struct ril_ptb_scan *t, int i)
{
	int a = (t->s[i] | 32) == 'n' ? apos_any(t, i + 1) : 0;
	return a ? ril_ptb_lit(t, a, "t") : 0;
}

/* The word before n't: where its n't begins.  It cannot end in n itself. */
int ril_ptb_negated(const struct ril_ptb_scan *t, int i)
{
	int e = i;
	while (ril_ptb_ascii_letter(t->s[e]) || t->s[e] == 0xAD)
		e++;
	int last = e - 2;
	while (last >= i && t->s[last] == 0xAD)
		last--;
	return last >= i && (t->s[last] | 32) != 'n' && ril_ptb_not_clitic(t, e - 1) ? e - 1 : 0;
}

/* Words that keep an apostrophe. */
int ril_ptb_apostrophe_word(const struct ril_ptb_scan *t, int i)
{
	static const char *const tail[] = {"em", "till", "til", "cause", NULL};
	static const char *const stem[] = {"dunkin", "somethin", "ol", "l", "d", "j", NULL};
	static const char *const whole[] = {"cont'd.", "cont'd", "nor'easter", "c'mon", "e'er",
					    "s'mores", "ev'ry",  "li'l",       "nat'l", NULL};
	int best = ril_ptb_any(t, i, whole), a = ril_ptb_apos(t, i), e;
	if (a) {
		if ((e = ril_ptb_lit(t, a, "n")))
			best = ril_ptb_apos(t, e) ? ril_ptb_apos(t, e) : e;
		if ((e = ril_ptb_any(t, a, tail)) > best)
			best = e;
		if (t->s[a] - '2' < 8 && (e = ril_ptb_lit(t, a + 1, "0s")) > best)
			best = e;
		return best;
	}
	if ((t->s[i] | 32) == 'o' && (a = apos_any(t, i + 1)) && (e = ril_ptb_lit(t, a, "o")))
		best = e;
	for (const char *const *w = stem; *w; w++)
		if ((e = ril_ptb_lit(t, i, *w)) && (e = ril_ptb_apos(t, e)) > best)
			best = e;
	uint32_t c = t->s[i];
	if (((c - 'A' < 26 && c != 'I' && c != 'Y') || c == 'n') && (a = apos_any(t, i + 1)) &&
	    (e = ril_ptb_run(t, a, RIL_PTB_LETTER)) >= a + 2 && e > best)
		best = e;
	e = ril_ptb_run(t, i, RIL_PTB_LETTER);
	if (e >= i + 2 && ril_ptb_in(t->s[e - 1], "aeiouyAEIOUY") && (a = apos_any(t, e)) &&
	    (ril_ptb_in(t->s[a], "aeiou") || t->s[a] - 'A' < 26) && (e = ril_ptb_run(t, a, RIL_PTB_LETTER)) > best)
		best = e;
	return best;
}

/* ---- compounds ---- */

static bool hyphen(uint32_t c)
{
	return c == '-' || c == '_' || c == 0x58A || c == 0x2010 || c == 0x2011;
}

static int thing_part(const struct ril_ptb_scan *t, int i)
{
	if (ril_ptb_in(t->s[i], "dDoOlL")) {
		int a = apos_any(t, i + 1);
		if (a && (t->k[a] & RIL_PTB_ALNUM) && (t->k[a + 1] & RIL_PTB_ALNUM))
			return ril_ptb_run(t, a, RIL_PTB_ALNUM);
	}
	return t->k[i] & RIL_PTB_ALNUM ? ril_ptb_run(t, i, RIL_PTB_ALNUM) : 0;
}

/* Letters and digits with hyphens: t-shirt, d'Avignon-5 */
int ril_ptb_thing(const struct ril_ptb_scan *t, int i)
{
	int e = thing_part(t, i), next;
	while (e && hyphen(t->s[e]) && (next = thing_part(t, e + 1)))
		e = next;
	return e;
}

static int slash_part(const struct ril_ptb_scan *t, int i, bool last)
{
	int e = i;
	while (ril_ptb_ascii_alnum(t->s[e]))
		e++;
	if (e == i)
		return 0;
	for (int k = 0; k < 2 && t->s[e] == '-' && ril_ptb_ascii_letter(t->s[e + 1]); k++) {
		for (e++; ril_ptb_ascii_letter(t->s[e]);)
			e++;
	}
	return last || t->s[e] == '/' || (t->s[e] == '\\' && t->s[e + 1] == '/') ? e : 0;
}

/* and/or, black-white/grey, either/or/both */
int ril_ptb_slashed(const struct ril_ptb_scan *t, int i)
{
	int e = slash_part(t, i, false), best = 0;
	for (int k = 0; k < 2 && e; k++) {
		int at = e + (t->s[e] == '\\' ? 2 : 1);
		if (t->s[at - 1] != '/' || !(e = slash_part(t, at, true)))
			break;
		best = e;
		e = slash_part(t, at, false);
	}
	return best;
}

/* AT&T, A+B: capitals only */
int ril_ptb_capitals(const struct ril_ptb_scan *t, int i)
{
	int e = i, best = 0;
	for (;;) {
		int from = e;
		while (t->s[e] - 'A' < 26)
			e++;
		if (e == from)
			return best;
		if (from > i)
			best = e;
		int amp = ril_ptb_lit(t, e, "&amp;");
		if (!amp && t->s[e] != '&' && t->s[e] != '+')
			return best;
		e = amp ? amp : e + 1;
	}
}

int ril_ptb_acronym(const struct ril_ptb_scan *t, int i)
{
	static const char *const pair[] = {"canada-u.s", "sino-u.s", "korean-u.s",   "eu-u.s", "japan-u.s",
					   "non-u.s",    "u.s.-u.k", "u.s.-u.s.s.r", NULL};
	int best = ril_ptb_any(t, i, pair), e = i + 1;
	if (!ril_ptb_ascii_letter(t->s[i]))
		return 0;
	while (t->s[e] == '.' && ril_ptb_ascii_letter(t->s[e + 1]))
		e += 2;
	return e > i + 1 && e > best ? e : best;
}

static int dashed_tail(const struct ril_ptb_scan *t, int i)
{
	if (t->s[i] != '-')
		return 0;
	int e = i + 1, a = ril_ptb_acronym(t, i + 1), best = 0, more;
	while (ril_ptb_ascii_alnum(t->s[e]) || t->s[e] == 0xAD)
		e++;
	if (e > i + 1)
		best = (more = dashed_tail(t, e)) ? more : e;
	if (a && t->s[a] == '.') {
		e = (more = dashed_tail(t, a + 1)) ? more : a + 1;
		if (e > best)
			best = e;
	}
	return best;
}

/* Hyphenated, with stops and commas in the first part: 1,000-foot, non-U.S.-led */
int ril_ptb_dashed(const struct ril_ptb_scan *t, int i)
{
	int e = i;
	if (!ril_ptb_ascii_alnum(t->s[i]))
		return 0;
	while (ril_ptb_ascii_alnum(t->s[e]) || ril_ptb_in(t->s[e], ".,") || t->s[e] == 0xAD)
		e++;
	return dashed_tail(t, e);
}

/* ---- abbreviations: they keep their stop ---- */

/* Those that mostly end a phrase.  Capitals in the list are required; in Pty. and Pte. the t must be small. */
int ril_ptb_closing_abbreviation(const struct ril_ptb_scan *t, int i)
{
	static const char *const list[] = {
		"jan.",  "feb.",   "mar.",  "apr.",  "jun.",  "jul.",  "aug.",   "sep.",  "sept.", "oct.",  "nov.",
		"dec.",  "mon.",   "tue.",  "tues.", "wed.",  "thu.",  "thurs.", "fri.",  "ala.",  "ariz.", "Az.",
		"Ark.",  "calif.", "colo.", "conn.", "ct.",   "dak.",  "Del.",   "fla.",  "ga.",   "Ill.",  "ind.",
		"kan.",  "kans.",  "ky.",   "La.",   "Mass.", "md.",   "mich.",  "minn.", "Miss.", "mo.",   "mont.",
		"neb.",  "nev.",   "okla.", "Ore.",  "Pa.",   "penn.", "tenn.",  "Tex.",  "va.",   "vt.",   "Wash.",
		"wis.",  "wisc.",  "wyo.",  "inc.",  "co.",   "cos.",  "corp.",  "ltd.",  "plc.",  "rt.",   "bancorp.",
		"bhd.",  "assn.",  "univ.", "intl.", "sys.",  "tel.",  "est.",   "ext.",  "sq.",   "jr.",   "sr.",
		"bros.", "ed.d.",  "ph.d.", "blvd.", "rd.",   "esq.",  "etc.",   "al.",   "seq.",  "bldg.", NULL};
	static const char *const party[] = {"tys.", "tes.", "ty.", "te.", NULL};
	int e = ril_ptb_any(t, i, list), f;
	if ((t->s[i] | 32) == 'p') {
		int p = (t->s[i + 1] | 32) == 'p' ? i + 2 : i + 1;
		if ((f = ril_ptb_any(t, p, party)) > e && !(t->s[p + 1] - 'A' < 26))
			e = f;
	}
	return e;
}

/* Those that mostly stand before a name, and acronyms. */
int ril_ptb_abbreviation(const struct ril_ptb_scan *t, int i)
{
	static const char *const list[] = {
		"mr.",   "mrs.",   "ms.",    "dr.",    "drs.",   "prof.",  "profs.",  "sen.",  "sens.", "rep.",
		"reps.", "atty.",  "attys.", "lt.",    "col.",   "gen.",   "messrs.", "gov.",  "govs.", "adm.",
		"rev.",  "maj.",   "sgt.",   "cpl.",   "pvt.",   "mt.",    "capt.",   "st.",   "ste.",  "ave.",
		"pres.", "lieut.", "hon.",   "brig.",  "cmdr.",  "comdr.", "pfc.",    "spc.",  "supt.", "supts.",
		"det.",  "ft.",    "adj.",   "adv.",   "asst.",  "assoc.", "ens.",    "insp.", "mlle.", "mme.",
		"msgr.", "sfc.",   "invt.",  "elec.",  "natl.",  "dept.",  "ph.",     "vs.",   "alex.", "wm.",
		"jos.",  "cie.",   "cf.",    "treas.", "a.k.a.", NULL};
	static const char *const mixed[] = {"fg.", "tg.", NULL};
	int e = ril_ptb_any(t, i, list), a = ril_ptb_acronym(t, i), f;
	if (a && t->s[a] == '.' && a + 1 > e)
		e = a + 1;
	if (!e && ril_ptb_ascii_letter(t->s[i]) && t->s[i + 1] == '.')
		e = i + 2;
	if ((t->s[i] | 32) == 'm' && !(t->s[i + 1] - 'A' < 26) && (f = ril_ptb_any(t, i + 1, mixed)) > e)
		e = f;
	return e;
}

/* Only before a number: fig. 5, no.5 */
int ril_ptb_number_abbreviation(const struct ril_ptb_scan *t, int i)
{
	static const char *const list[] = {"ca.",   "figs.", "fig.",  "prop.", "nos.", "no.",
					   "arts.", "art.",  "bldg.", "pp.",   "op.",  NULL};
	int e = ril_ptb_any(t, i, list);
	return e && (t->k[e + ((t->k[e] & RIL_PTB_SPACE) && e < t->n)] & RIL_PTB_DIGIT) ? e : 0;
}

/* Before these words an acronym ends its sentence; it matters for a single letter, which then gives up its stop. */
int ril_ptb_sentence_start(const struct ril_ptb_scan *t, int i)
{
	static const char *const list[] = {
		"About", "According", "Additionally", "After",   "An",    "A",     "As",    "At",   "But",   "Earlier",
		"Her",   "Here",      "He",           "However", "If",    "In",    "It",    "Last", "Many",  "More",
		"Mr.",   "Ms.",       "Now",          "Once",    "One",   "Other", "Our",   "She",  "Since", "Some",
		"So",    "Such",      "That",         "Their",   "There", "Then",  "These", "They", "The",   "This",
		"We",    "When",      "While",        "What",    "Yet",   "You",   NULL};
	for (const char *const *w = list; *w; w++) {
		int e = ril_ptb_lit(t, i, *w);
		if (e && ril_ptb_space_or_end(t, e))
			return e + 1;
	}
	return 0;
}
