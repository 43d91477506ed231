/* math_claim.c -- what a text answers with.
 *
 * A text that is a formula, or words alone, is that.  In any other, what stands behind "the answer is", "answer:" or
 * "####" counts; without such, what is in bold in the last line that has any; without that, the last sentence that holds
 * a formula.  Formulas in one such place must all have one value, and so must all answers since the last turn ("so",
 * "wait, the answer is"), which takes back what came before.  Questions answer nothing, and denied formulas do not
 * count. */
#include "score/judge/math_internal.h"

#include <ctype.h>

enum { LONGEST = 2000, FAILURES = 100 };

struct reading {
	struct ril_math *m, *other;
	const char *end; /* of the text */
	int failures;    /* formulas that could not be read to their end */
	bool any, clash, cued;
	struct ril_span where;
};

/* ---- words ---- */

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '\'';
}

/* Is one of the words, in any case, in the text?  Those of other scripts stand anywhere. */
static bool holds(const char *from, const char *end, const char *const *set, size_t n)
{
	for (const char *p = from; p < end; p++)
		for (size_t k = 0; k < n; k++) {
			size_t len = strlen(set[k]);
			if ((size_t)(end - p) < len || strncasecmp(p, set[k], len))
				continue;
			if (*set[k] & 0x80 ||
			    ((p == from || !word_char(p[-1])) && (p + len == end || !word_char(p[len]))))
				return true;
		}
	return false;
}
#define HOLDS(from, end, set) holds(from, end, set, sizeof(set) / sizeof *(set))

static const char *const denials[] = {"not",   "isn't", "aren't",    "wasn't", "cannot", "can't",
				      "never", "wrong", "incorrect", "不是",   "不等于"};
static const char *const turns[] = {"wait",      "no",   "actually", "sorry",   "correction", "but",     "so",
				    "therefore", "thus", "hence",    "finally", "final",      "however", "instead",
				    "所以",      "因此", "不对",     "更正",    "最终"};
static const char *const corrections[] = {"wait", "no", "actually", "sorry", "correction", "oops", "不对", "更正"};
static const char *const doubts[] = {"could", "might", "maybe", "perhaps", "possibly", "alternatively", "可能", "也许"};
static const char reasons[] = "|because|since|as|for|where|which|when|from|given|if|with|by|that|after|due|so|";

/* ---- formulas ---- */

static bool trailing(char c)
{
	return isspace((unsigned char)c) || (unsigned char)c == RIL_MATH_BOLD || strchr(".,;:$'_", c);
}

/* A tag at the end, </s> or <|im_end|>: its length. */
static size_t end_tag(struct ril_span s)
{
	const char *open = s.n && s.s[s.n - 1] == '>' ? memrchr(s.s, '<', s.n) : NULL;
	return open && (open[1] == '/' || open[1] == '|') ? (size_t)(s.s + s.n - open) : 0;
}

static struct ril_span trim(struct ril_span s)
{
	while (s.n && (isspace((unsigned char)*s.s) || (unsigned char)*s.s == RIL_MATH_BOLD || strchr("$:'_", *s.s)))
		s.s++, s.n--;
	for (size_t tag = 0; s.n && (trailing(s.s[s.n - 1]) || (tag = end_tag(s))); tag = 0)
		s.n -= tag ? tag : 1;
	return s;
}

/* All of s as one formula. */
static bool whole(struct ril_math *m, struct ril_span s)
{
	struct ril_math_parse p = {.m = m, .at = s.s, .end = s.s + s.n};
	return s.n && s.n <= LONGEST && ril_math_formula(&p) && p.at == p.end && ril_math_sound(m);
}

/* Does a number word begin somewhere? */
static bool has_number(struct ril_math *m, struct ril_span s)
{
	for (const char *p = s.s, *end = s.s + s.n; p < end; p++) {
		struct ril_math_parse at = {.m = m, .at = p, .end = end};
		m->n = 0;
		m->n_digits = 0;
		if ((p == s.s || !word_char(p[-1])) && ril_math_number_words(&at) >= 0)
			return true;
	}
	return false;
}

/* All of s as words, a few of them: letters, a vowel or a character beyond ASCII among them. */
static bool words(struct ril_math *m, struct ril_span s)
{
	static const char *const verbs[] = {"is", "are", "be", "was", "answer", "答案", "equals"};
	struct ril_math_parse p = {.m = m};
	size_t n = 0, vowels = 0, blanks = 0, run = 0; /* run: of more than one letter */
	m->root = -1;
	while (s.n && (*s.s == '"' || *s.s == ' '))
		s.s++, s.n--;
	while (s.n && (s.s[s.n - 1] == '"' || s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '.'))
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		if (!isalpha((unsigned char)s.s[i]) && !(s.s[i] & 0x80) && !strchr(" '-,", s.s[i]))
			return false;
		if ((unsigned char)s.s[i] >= 0xF8 || (unsigned char)s.s[i] == 0xCF)
			return false;
		n += isalpha((unsigned char)s.s[i]) || s.s[i] & 0x80;
		blanks += s.s[i] == ' ';
		run |= s.s[i] & 0x80 || (i && isalpha((unsigned char)s.s[i]) && isalpha((unsigned char)s.s[i - 1]));
		vowels += strchr("aeiouyAEIOUY", s.s[i]) || s.s[i] & 0x80;
	}
	if (blanks > 5 || HOLDS(s.s, s.s + s.n, verbs) || has_number(m, s))
		return false;
	if (s.n > 4 && !strncasecmp(s.s, "the ", 4))
		s.s += 4, s.n -= 4;
	m->n = 0;
	bool name = ril_math_word_in("|pi|inf|infinity|Infinity|", s.s, s.n);
	m->root = !name && vowels && run && (n > 2 || (n == 2 && !strncasecmp(s.s, "no", 2)))
			  ? ril_math_node(&p, RIL_MATH_WORDS, s)
			  : -1;
	return m->root >= 0;
}

/* A number, \frac, x = 5, (1, 2), "twenty" at s. */
static bool begins_formula(const char *from, const char *s, const char *end)
{
	unsigned char c = (unsigned char)*s;
	const char *n = s + 1;
	if (s > from && (word_char(s[-1]) || s[-1] == '_'))
		return false;
	while (n < end && *n == ' ')
		n++;
	if (isdigit(c) || (c == '.' && s + 1 < end && isdigit((unsigned char)s[1])))
		return true;
	if (c == '\\')
		return n < end && isalpha((unsigned char)s[1]);
	if (strchr("-+([", c) || c == RIL_MATH_OPEN || c == RIL_MATH_PM)
		return n < end && (isdigit((unsigned char)*n) || strchr("-\\.(", *n));
	if (c == 0xCF || (end - s > 2 && !memcmp(s, "∞", 3)))
		return true;
	if (!isalpha(c))
		return false;
	size_t k = ril_math_letters(s, end);
	if (k == 1)
		return n < end && (strchr("=<>^", *n) || (strchr("+-*/", *n) && !strchr("aAI", c) && n + 1 < end));
	if (!strncasecmp(s, "minus ", 6) || !strncasecmp(s, "negative ", 9) || (k == 4 && !strncmp(s, "sqrt", 4)))
		return true;
	return k > 1;
}

/* Behind the `$` that closes the formula at s, and those that follow with a comma, "and" or "or" between: "$x = 1$ and
 * $x = 2$" is one list.  NULL: it is not closed. */
static const char *formulas(const char *s, const char *end)
{
	const char *shut = NULL;
	while (s < end && *s == '$' && (s = memchr(s + 1, '$', (size_t)(end - s) - 1))) {
		shut = ++s;
		while (s < end && (*s == ' ' || *s == ','))
			s++;
		size_t n = ril_math_letters(s, end);
		s += ril_math_word_in("|and|or|", s, n) ? n : 0;
		while (s < end && *s == ' ')
			s++;
	}
	return shut;
}

/* The formula that begins at *at, in prose or between `$`; behind it then.  False: none. */
static bool formula_at(struct reading *r, struct ril_math *m, const char *from, const char **at, const char *end)
{
	const char *s = *at;
	if (*s == '$') {
		const char *shut = formulas(s, end);
		if (!shut)
			return false;
		struct ril_span in = trim((struct ril_span){s + 1, (size_t)(shut - s) - 2});
		if (!words(m, in) && !whole(m, in))
			return r->failures++, r->any = r->clash = true, false;
		*at = shut;
		return true;
	}
	struct ril_math_parse p = {.m = m, .at = s, .end = end, .prose = true};
	if (r->failures >= FAILURES || !begins_formula(from, s, end))
		return false;
	if (!ril_math_formula(&p)) {
		r->failures += !isalpha((unsigned char)*s);
		r->clash |= *s == '\\';
		r->any |= *s == '\\';
		return false;
	}
	*at = p.at;
	if (!ril_math_sound(m))
		r->any = r->clash = true;
	return ril_math_sound(m);
}

/* ---- one place ---- */

/* Does one of the words stand right before s? */
static bool follows(const char *from, const char *s, const char *set)
{
	const char *end = s;
	while (end > from && (end[-1] == ' ' || end[-1] == '$'))
		end--;
	const char *w = end;
	while (w > from && isalpha((unsigned char)w[-1]))
		w--;
	return ril_math_word_in(set, w, (size_t)(end - w));
}

/* "one of them", "two decimal places", and without a cue any "one" and "the two people": no answers. */
static bool vague(const struct reading *r, const char *from, const char *s, const char *behind, const char *end)
{
	static const char *const counted[] = {" decimal", " significant", "-digit", " digits"};
	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
		if ((size_t)(end - behind) > strlen(counted[i]) && !strncasecmp(behind, counted[i], strlen(counted[i])))
			return true;
	if (!isalpha((unsigned char)*s) || behind - s == 1)
		return false;
	bool one = behind - s == 3 && !strncasecmp(s, "one", 3);
	if (!r->cued &&
	    (one || follows(from, s, "|the|these|those|their|your|my|its|his|her|of|both|all|any|in|to|The|In|")))
		return true;
	return end - behind > 3 && !strncasecmp(behind, " of ", 4);
}

/* "is wrong" at s. */
static bool denied_behind(const char *s, const char *end)
{
	static const char *const said[] = {"is not", "is wrong",  "is incorrect", "is false",
					   "isn't",  "was wrong", "不对",         "是错"};
	while (s < end && (*s == ' ' || *s == ',' || (unsigned char)*s == RIL_MATH_BOLD))
		s++;
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if ((size_t)(end - s) >= strlen(said[i]) && !strncasecmp(s, said[i], strlen(said[i])))
			return true;
	return false;
}

/* The next formula of a place, which must be what the others were. */
static bool next_claim(struct reading *r, const char *from, const char **at, const char *end, bool denied)
{
	struct ril_math *m = r->any ? r->other : r->m;
	const char *s = *at;
	if (!formula_at(r, m, from, at, end))
		return false;
	if (denied || vague(r, from, s, *at, end) || denied_behind(*at, end))
		return false;
	if (!r->any)
		r->where = trim((struct ril_span){s, (size_t)(*at - s)});
	else
		r->clash = r->clash || !ril_math_equal(r->m, m);
	r->any = true;
	return true;
}

/* Past a word, with what an apostrophe parts of it, or a character. */
static size_t step(const char *s, const char *end)
{
	size_t n = ril_math_letters(s, end);
	if (n && s + n + 1 < end && s[n] == '\'')
		n += 1 + ril_math_letters(s + n + 1, end);
	for (n = n ? n : 1; s + n < end && (s[n] & 0xC0) == 0x80;)
		n++;
	return n;
}

/* Does a word or phrase that denies what follows it begin at s? */
static bool denial_at(const char *from, const char *s, const char *end)
{
	size_t n = step(s, end);
	for (size_t i = 0; i < sizeof denials / sizeof *denials; i++) {
		size_t k = strlen(denials[i]);
		if ((size_t)(end - s) >= k && !strncasecmp(s, denials[i], k) && (*s & 0x80 || n == k))
			return true;
	}
	return (n == 6 && !strncasecmp(s, "rather", 6)) || (n == 7 && !strncasecmp(s, "instead", 7)) ||
	       (n == 3 && !strncasecmp(s, "but", 3) &&
		follows(from, s, "|anything|everything|all|Anything|Everything|All|"));
}

/* Words that answer, up to a mark. */
static bool claim_words(struct reading *r, struct ril_span s)
{
	struct ril_math *m = r->any ? r->other : r->m;
	size_t n = 0;
	while (n < s.n && !strchr(",;:(.!", s.s[n]))
		n++;
	s = trim((struct ril_span){s.s, n});
	if (!words(m, s))
		return false;
	if (!r->any)
		r->where = s;
	else
		r->clash = r->clash || !ril_math_equal(r->m, m);
	return r->any = true;
}

/* All formulas from `at` on, up to where reasons follow; without one, words.  False: nothing. */
static bool claims(struct reading *r, const char *at, const char *end)
{
	const char *from = at;
	bool found = false, denied = false, unread = false;
	while (at < end && !(found && ril_math_word_in(reasons, at, ril_math_letters(at, end)))) {
		const char *before = at;
		int failures = r->failures;
		if (next_claim(r, from, &at, end, denied)) {
			found = true;
			continue;
		}
		unread |= r->failures > failures;
		if (at > before) { /* denied */
			denied = false;
			continue;
		}
		size_t n = step(at, end);
		if (*at == '$') {
			const char *shut = memchr(at + 1, '$', (size_t)(end - at) - 1);
			n = shut ? (size_t)(shut + 1 - at) : 1;
		}
		if (n > 1 || !isspace((unsigned char)*at))
			denied = denial_at(from, at, end) || (denied && !strchr(",;:", *at));
		at += n;
	}
	if (!found && r->cued && !unread)
		return claim_words(r, (struct ril_span){from, (size_t)(end - from)});
	return found;
}

/* ---- sentences ---- */

struct sentence {
	const char *from, *end;
	bool question;
};

/* "2. " before words: it counts a list's items. */
static const char *skip_number(const char *s, const char *end)
{
	const char *p = s;
	while (p < end && isdigit((unsigned char)*p))
		p++;
	if (p == s || p + 1 >= end || (*p != '.' && *p != ')') || p[1] != ' ')
		return s;
	for (p++; p < end && *p == ' ';)
		p++;
	return p < end && *p != '\n' ? p : s;
}

static bool next_sentence(const char **at, const char *end, struct sentence *s)
{
	const char *p = *at;
	bool formula = false;
	while (p < end && (isspace((unsigned char)*p) || (unsigned char)*p == RIL_MATH_BOLD))
		p++;
	if (p == end)
		return false;
	s->from = skip_number(p, end);
	for (p = s->from; p < end; p++) {
		formula ^= *p == '$';
		if (!formula && (*p == '\n' || (strchr(".?!", *p) && (p + 1 == end || isspace((unsigned char)p[1]) ||
								      (unsigned char)p[1] == RIL_MATH_BOLD))))
			break;
	}
	s->end = p;
	s->question = p < end && *p == '?';
	*at = p < end ? p + 1 : end;
	return true;
}

/* Behind "answer ... is", "answer:", "####" at or after *at; denied: an "is not".  NULL: there is none. */
static const char *cue(const char *from, const char *end, const char **begin, bool *denied)
{
	for (const char *p = from; p < end; p++) {
		bool hashes = end - p > 3 && !memcmp(p, "####", 4), chinese = end - p > 5 && !memcmp(p, "答案", 6);
		bool word = end - p > 5 && !strncasecmp(p, "answer", 6) && (p == from || !word_char(p[-1]));
		const char *q = p + (hashes ? 4 : 6);
		*begin = p;
		*denied = false;
		if (hashes)
			return q;
		if (!word && !chinese)
			continue;
		for (size_t n; q < end && q < p + 80 && !isdigit((unsigned char)*q); q += n) {
			n = step(q, end);
			if (*q == ':' || *q == '=')
				return q + 1;
			bool is = ril_math_word_in("|is|are|be|equals|was|", q, n);
			if (!is && strncmp(q, "是", 3) && strncmp(q, "为", 3) && strncmp(q, "不是", 6) &&
			    !(n == 3 && !strncasecmp(q, "isn", 3)))
				continue;
			const char *shut = q + (strncmp(q, "不是", 6) ? n : 6);
			const char *to = end - shut > 8 ? shut + 8 : end;
			*denied = !is ? n == 3 && isalpha((unsigned char)*q) : HOLDS(shut, to, denials);
			*denied |= shut == q + 6;
			while (shut < end && (*shut == ' ' || *shut == ':'))
				shut++;
			return shut;
		}
	}
	return NULL;
}

/* Nothing but the words that lead to another cue: "Final answer: the final answer is". */
static bool leads_on(struct ril_span s)
{
	for (size_t i = 0, n; i < s.n; i += n ? n : 1) {
		n = ril_math_letters(s.s + i, s.s + s.n);
		if (n ? !ril_math_word_in("|the|The|my|My|our|Our|final|Final|correct|so|So|thus|Thus|therefore|"
					  "Therefore|hence|Hence|and|",
					  s.s + i, n)
		      : isdigit((unsigned char)s.s[i]) || s.s[i] == '\\' || s.s[i] & 0x80)
			return false;
	}
	return true;
}

/* What one sentence says behind its cues; `more`: the next sentence, for a cue at a line's end. */
static bool cued_claims(struct reading *r, struct sentence s, const char *more)
{
	const char *at = s.from, *begin, *later, *value;
	bool found = false, denied, unused;
	while ((value = cue(at, s.end, &begin, &denied))) {
		const char *end = cue(value, s.end, &later, &unused) ? later : s.end;
		if (HOLDS(at, begin, turns))
			r->any = r->clash = false;
		at = end;
		found = true;
		struct ril_span here = trim((struct ril_span){value, (size_t)(end - value)});
		if (denied || (end < s.end && here.n && leads_on(here)))
			continue;
		struct sentence next = {here.s, here.s + here.n, false};
		r->cued = true;
		if (!here.n && end == s.end && next_sentence(&more, r->end, &next))
			r->clash |= !claims(r, next.from, next.end);
		else
			r->clash |= !claims(r, value, end);
		r->any |= r->clash;
	}
	return found;
}

/* Does this hold a formula?  It is in r->other then. */
static bool probe(const struct reading *r, const char *from, const char *end)
{
	struct reading other = *r;
	other.m = r->other;
	other.any = other.clash = other.cued = false;
	return claims(&other, from, end);
}

static void read_cued(struct reading *r, struct ril_span text)
{
	struct sentence s;
	for (const char *at = text.s; next_sentence(&at, r->end, &s);) {
		if (s.question || cued_claims(r, s, at) || !r->any)
			continue;
		size_t n = ril_math_letters(s.from, s.end);
		r->cued = false;
		if (HOLDS(s.from, s.from + n, corrections)) { /* "Wait, no: 6." */
			if (!probe(r, s.from + n, s.end))
				continue;
			r->any = r->clash = false;
			claims(r, s.from + n, s.end);
		} else if (HOLDS(s.from, s.end, doubts) && probe(r, s.from, s.end)) { /* "It could also be 6." */
			r->clash |= !ril_math_equal(r->m, r->other);
		}
	}
}

/* ---- without a cue ---- */

/* The formulas in bold of the last line that has one. */
static void read_bold(struct reading *r, struct ril_span text)
{
	const char *end = r->end, *open = NULL, *line = text.s;
	for (const char *p = text.s; p < end; p++) {
		if (*p == '\n')
			line = p, open = NULL;
		if ((unsigned char)*p != RIL_MATH_BOLD)
			continue;
		if (!open) {
			open = p + 1;
			continue;
		}
		struct ril_span in = trim((struct ril_span){open, (size_t)(p - open)});
		bool later = !r->any || r->where.s < line;
		if (whole(r->other, in)) {
			if (later)
				r->clash = !whole(r->m, in), r->where = in;
			else
				r->clash = r->clash || !ril_math_equal(r->m, r->other);
			r->any = true;
		}
		open = NULL;
	}
}

/* "The number of circles with 8 neighbours is 3": what stands behind the last verb of a sentence that holds several. */
static void read_verb(struct reading *r, struct sentence s)
{
	static const char verbs[] = "|is|are|was|were|be|equals|gives|get|to|about|approximately|";
	const char *behind = NULL;
	for (const char *p = s.from; p < s.end; p++)
		if (begins_formula(s.from, p, s.end) && !isalpha((unsigned char)*p) && follows(s.from, p, verbs))
			behind = p;
	if (!behind)
		return;
	r->any = r->clash = false;
	claims(r, behind, s.end);
}

/* The last sentence with a formula; two that are nothing else must agree. */
static void read_last(struct reading *r, struct ril_span text)
{
	struct sentence s, last = {NULL, NULL, false}, before = last;
	for (const char *at = text.s; next_sentence(&at, r->end, &s);) {
		if (s.question)
			continue;
		r->any = r->clash = false;
		if (claims(r, s.from, s.end))
			before = last, last = s;
	}
	r->any = r->clash = false;
	if (!last.from || !claims(r, last.from, last.end))
		return;
	if (r->clash)
		read_verb(r, last);
	if (!before.from || r->clash)
		return;
	struct ril_span a = trim((struct ril_span){before.from, (size_t)(before.end - before.from)}),
			b = trim((struct ril_span){last.from, (size_t)(last.end - last.from)});
	if (whole(r->other, a) && !ril_math_equal(r->m, r->other) && whole(r->other, b))
		r->clash = true;
}

bool ril_math_claim(struct ril_math m[2], struct ril_span text, struct ril_span *where)
{
	struct ril_span all = trim(text);
	struct reading r = {.m = &m[0], .other = &m[1], .end = text.s + text.n};
	*where = all;
	if (words(&m[0], all) || whole(&m[0], all))
		return true;
	read_cued(&r, text);
	if (!r.any)
		read_bold(&r, text);
	r.cued = false;
	if (!r.any)
		read_last(&r, text);
	*where = r.where;
	return r.any && !r.clash;
}
