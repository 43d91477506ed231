/* mention.c -- see mention_internal.h.
 *
 * The words that lead to a mention and that follow it say whether it is denied ("not A", "A is wrong"), decided ("the
 * answer is B", "no, B", bold, alone on its line) or doubted ("maybe B").  Denied ones are dropped; decided ones count
 * before bare letters, and those before texts.  After the last turn ("so", "but", "wait") that a mention of that rank
 * follows, all of the rank must name one option, and no doubt about another may come later. */
#include "score/judge/mention_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <utf8proc.h>

enum word_class {
	NOTHING,
	LINK,   /* may stand between a mention and what speaks of it */
	NAME,   /* the same, and calls what it stands beside an option */
	JOIN,   /* the next mention is spoken of as the last was */
	DENIAL, /* not this one */
	CUE,    /* this one */
	BREAK,  /* what came before may be taken back */
	TURN,   /* it is, for this one */
	DOUBT,
};

/* What a word means before a mention and after it. */
static const struct word {
	const char *w;
	enum word_class before, after;
} words[] = {
	{"option", NAME, LINK},
	{"choice", NAME, CUE},
	{"letter", NAME, LINK},
	{"the", LINK, LINK},
	{"a", LINK, LINK},
	{"an", LINK, LINK},
	{"is", LINK, LINK},
	{"it's", LINK, LINK},
	{"it", LINK, LINK},
	{"be", LINK, LINK},
	{"was", LINK, LINK},
	{"would", LINK, LINK},
	{"must", LINK, LINK},
	{"should", LINK, LINK},
	{"to", LINK, NOTHING},
	{"that", LINK, NOTHING},
	{"think", LINK, NOTHING},
	{"believe", LINK, NOTHING},
	{"say", LINK, NOTHING},
	{"see", LINK, NOTHING},
	{"i", LINK, NOTHING},
	{"i'd", LINK, NOTHING},
	{"therefore", TURN, NOTHING},
	{"thus", TURN, NOTHING},
	{"hence", TURN, NOTHING},
	{"so", TURN, NOTHING},
	{"finally", TURN, NOTHING},
	{"but", BREAK, NOTHING},
	{"however", BREAK, NOTHING},
	{"wait", TURN, NOTHING},
	{"actually", TURN, NOTHING},
	{"sorry", TURN, NOTHING},
	{"correction", TURN, NOTHING},
	{"i mean", TURN, NOTHING},
	{"instead", TURN, NOTHING},
	{"no", DENIAL, NOTHING}, /* a turn where a mark follows: see word_at */
	{"or", JOIN, NOTHING},
	{"nor", JOIN, NOTHING},
	{"and", JOIN, NOTHING},
	{"not", DENIAL, DENIAL},
	{"neither", DENIAL, NOTHING},
	{"never", DENIAL, DENIAL},
	{"isn't", DENIAL, DENIAL},
	{"wasn't", DENIAL, DENIAL},
	{"can't", DENIAL, DENIAL},
	{"cannot", DENIAL, DENIAL},
	{"don't", DENIAL, NOTHING},
	{"doesn't", DENIAL, DENIAL},
	{"without", DENIAL, NOTHING},
	{"except", DENIAL, NOTHING},
	{"anything but", DENIAL, NOTHING},
	{"everything but", DENIAL, NOTHING},
	{"all but", DENIAL, NOTHING},
	{"other than", DENIAL, NOTHING},
	{"rather than", DENIAL, NOTHING},
	{"instead of", DENIAL, NOTHING},
	{"exclude", DENIAL, NOTHING},
	{"eliminate", DENIAL, NOTHING},
	{"rule out", DENIAL, NOTHING},
	{"wrong", DENIAL, DENIAL},
	{"incorrect", DENIAL, DENIAL},
	{"false", DENIAL, DENIAL},
	{"right", LINK, CUE},
	{"correct", LINK, CUE},
	{"best", LINK, CUE},
	{"answer", CUE, CUE},
	{"choose", CUE, NOTHING},
	{"pick", CUE, NOTHING},
	{"select", CUE, NOTHING},
	{"go with", CUE, NOTHING},
	{"could", DOUBT, DOUBT},
	{"might", DOUBT, DOUBT},
	{"may", DOUBT, DOUBT},
	{"maybe", DOUBT, NOTHING},
	{"perhaps", DOUBT, NOTHING},
	{"possibly", DOUBT, NOTHING},
	{"also", DOUBT, DOUBT},
	{"是", LINK, LINK},
	{"为", LINK, NOTHING},
	{"项", LINK, LINK},
	{"选项", NAME, LINK},
	{"应该", LINK, LINK},
	{"应该是", LINK, NOTHING},
	{"答案", CUE, CUE},
	{"选", CUE, NOTHING},
	{"选择", CUE, NOTHING},
	{"正确", LINK, CUE},
	{"正确答案", CUE, CUE},
	{"不是", DENIAL, DENIAL},
	{"而不是", DENIAL, NOTHING},
	{"不选", DENIAL, NOTHING},
	{"排除", DENIAL, NOTHING},
	{"不正确", DENIAL, DENIAL},
	{"错误", DENIAL, DENIAL},
	{"不对", TURN, DENIAL},
	{"而是", TURN, NOTHING},
	{"所以", TURN, NOTHING},
	{"因此", TURN, NOTHING},
	{"更正", TURN, NOTHING},
	{"和", JOIN, NOTHING},
	{"或", JOIN, NOTHING},
	{"可能", DOUBT, DOUBT},
};
enum { WORDS = sizeof words / sizeof *words };

struct mention {
	size_t at, end;
	size_t option;
	bool text; /* the option's text, not its letter */
	bool denied, decided, doubted, named;
};

/* A text being read. */
struct reading {
	const char *text;
	struct mention *m;
	size_t n, cap;
};

static bool word_char(const char *s, size_t at)
{
	return isalnum((unsigned char)s[at]) || s[at] == '\'';
}

/* The longest known word that begins at `at` (or ends there, if `back`), and its length. */
static const struct word *word_at(const char *s, size_t at, bool back, size_t *length)
{
	const struct word *best = NULL;
	*length = 0;
	for (size_t i = 0; i < WORDS; i++) {
		size_t n = strlen(words[i].w), from = back ? at - n : at;
		if (n <= *length || (back && n > at) || strncasecmp(s + from, words[i].w, n))
			continue;
		if (!(*words[i].w & 0x80) && ((from && word_char(s, from - 1)) || word_char(s, from + n)))
			continue;
		best = &words[i];
		*length = n;
	}
	return best;
}

/* "No, B" takes something back; "no dog" denies it. */
static enum word_class class_before(const struct word *w, const char *after)
{
	if (w && !strcmp(w->w, "no") && *after && strchr(",.!;-", *after))
		return TURN;
	return w ? w->before : NOTHING;
}

/* ---- finding mentions ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Could the character at `at` belong to the word of the mention that begins behind it, or ends before it?  CJK and most
 * punctuation cannot. */
static bool joined(const char *s, size_t at, bool before)
{
	utf8proc_int32_t c;
	bool beyond; /* the mention's word would go on behind the mark */
	while (before && at && (s[at] & 0xC0) == 0x80)
		at--;
	if (s[at] & 0x80) {
		utf8proc_iterate((const utf8proc_uint8_t *)s + at, -1, &c);
		return c < 0x2000 || (c > 0x206F && c < 0x2E80);
	}
	beyond = before ? at && isalnum((unsigned char)s[at - 1]) : s[at] && isalnum((unsigned char)s[at + 1]);
	switch (s[at]) {
	case '&':
	case '\\': return true;
	case '+':
	case '#': return !before;
	case '-':
	case '\'': return beyond;
	case '.': /* "B.C.", but "cat.B" */ return beyond && !(before && at > 1 && isalnum((unsigned char)s[at - 2]));
	default: return isalnum((unsigned char)s[at]);
	}
}

/* "3" is not in "-3", "0,3", "3/4" or "3,000". */
static bool in_number(const char *s, size_t at, size_t end)
{
	bool before = at && isdigit((unsigned char)s[at]) &&
		      (s[at - 1] == '-' || (at > 1 && strchr(".,/", s[at - 1]) && isdigit((unsigned char)s[at - 2])));
	bool after = end > at && isdigit((unsigned char)s[end - 1]) && s[end] && strchr(".,/", s[end]) &&
		     isdigit((unsigned char)s[end + 1]);
	return before || after;
}

static bool whole(const char *s, size_t at, size_t end)
{
	return !in_number(s, at, end) && !(at && joined(s, at - 1, true)) && !joined(s, end, false);
}

/* The length of `option` at s, in any case, blanks being one; 0 if it is not there. */
static size_t text_at(const char *s, struct ril_span option)
{
	size_t i = 0, k = 0;
	while (k < option.n) {
		if (blank(option.s[k])) {
			if (!blank(s[i]))
				return 0;
			while (blank(s[i]))
				i++;
			while (blank(option.s[k]))
				k++;
			continue;
		}
		utf8proc_int32_t a, b;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + i, -1, &a);
		utf8proc_ssize_t m =
			utf8proc_iterate((const utf8proc_uint8_t *)option.s + k, (utf8proc_ssize_t)(option.n - k), &b);
		if (n <= 0 || m <= 0 || !a || utf8proc_tolower(a) != utf8proc_tolower(b))
			return 0;
		i += (size_t)n;
		k += (size_t)m;
	}
	return i;
}

/* "A dog" and "I see" hold no letter: before a word these two must be followed by one that no article precedes. */
static bool article(const char *s, size_t end)
{
	static const char *const follow[] = {"is",    "was",   "or",     "and",   "but",  "because",
					     "since", "as",    "not",    "isn't", "nor",  "instead",
					     "would", "seems", "looks",  "can't", "must", "should",
					     "could", "might", "cannot", "rather"};
	if (s[end] != ' ' || !isalpha((unsigned char)s[end + 1]))
		return false;
	if (!word_char(s, end + 2) && isupper((unsigned char)s[end + 1]))
		return false;
	for (size_t i = 0; i < sizeof follow / sizeof *follow; i++) {
		size_t n = strlen(follow[i]);
		if (!strncasecmp(s + end + 1, follow[i], n) && !word_char(s, end + 1 + n))
			return false;
	}
	return true;
}

static bool letter_at(const char *s, size_t at, size_t options, size_t *option)
{
	int c = toupper((unsigned char)s[at]);
	*option = (size_t)(c - 'A');
	return c >= 'A' && *option < options && whole(s, at, at + 1) && !((c == 'A' || c == 'I') && article(s, at + 1));
}

/* An option's text without its article. */
static struct ril_span bare(struct ril_span option)
{
	static const char *const articles[] = {"a ", "an ", "the "};
	for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
		size_t n = strlen(articles[i]);
		if (option.n > n + 1 && !strncasecmp(option.s, articles[i], n))
			return (struct ril_span){option.s + n, option.n - n};
	}
	return option;
}

/* The longest option's text here, as it is written or, if there is none, without articles.  An option that is a single
 * letter is no text: as a letter it names an option already. */
static void find_text(const char *s, struct mention *m, const struct ril_span *option, size_t options)
{
	for (int pass = 0; pass < 2 && m->end == m->at; pass++)
		for (size_t k = 0; k < options; k++) {
			struct ril_span o = pass ? bare(option[k]) : option[k];
			size_t n = o.n > 1 || (o.n && !isalpha((unsigned char)*o.s)) ? text_at(s + m->at, o) : 0;
			if (n <= m->end - m->at || !whole(s, m->at, m->at + n))
				continue;
			m->end = m->at + n;
			m->option = k;
			m->text = true;
		}
}

static int find_mentions(struct reading *r, const struct ril_span *option, size_t options, struct ril_err *err)
{
	const char *s = r->text;
	size_t len = strlen(s);
	for (size_t i = 0; i < len;) {
		struct mention m = {.at = i, .end = i};
		find_text(s, &m, option, options);
		if (m.end == i && letter_at(s, i, options, &m.option))
			m.end++;
		i = m.end > i ? m.end : i + 1;
		if (m.end == m.at)
			continue;
		if (ril_grow(&r->m, &r->cap, r->n + 1, sizeof *r->m, err))
			return -1;
		r->m[r->n++] = m;
	}
	return 0;
}

/* ---- weighing them ---- */

/* What the words before a mention say of it. */
static void look_back(const struct reading *r, size_t k)
{
	const char *s = r->text;
	struct mention *m = &r->m[k];
	size_t at = m->at, from = k ? r->m[k - 1].end : 0, n;
	bool comma = false, apart = false, join = false;
	for (; at > from; at -= n) {
		n = 1;
		comma |= strchr(",/", s[at - 1]) != NULL;
		apart |= strchr(".!?;", s[at - 1]) != NULL;
		if (strchr(" \t*_([:='-,/.!?;", s[at - 1]))
			continue;
		const struct word *w = word_at(s, at, true, &n);
		enum word_class c = n <= at - from ? class_before(w, s + at) : NOTHING;
		if (c == NOTHING || c == BREAK || ((comma || apart) && c != TURN))
			return;
		join |= c == JOIN;
		m->named |= c == NAME;
		m->decided |= c == CUE || c == TURN;
		m->doubted |= c == DOUBT;
		m->denied |= c == DENIAL;
		if (c == TURN || c == DENIAL)
			return;
	}
	if (k && !apart && (join || comma)) {
		m->decided |= r->m[k - 1].decided;
		m->denied |= join && r->m[k - 1].denied;
	}
}

/* And the words after it. */
static void look_on(const struct reading *r, size_t k)
{
	const char *s = r->text;
	struct mention *m = &r->m[k];
	size_t n;
	for (size_t at = m->end; s[at]; at += n) {
		n = 1;
		if (strchr(" \t*_)]", s[at]))
			continue;
		const struct word *w = word_at(s, at, false, &n);
		enum word_class c = w ? w->after : NOTHING;
		m->denied |= c == DENIAL;
		m->decided |= c == CUE;
		m->doubted |= c == DOUBT;
		if (c != LINK && c != DOUBT)
			return;
	}
}

/* Has its line to itself, but for marks and its own option's text. */
static bool alone(const struct reading *r, size_t k)
{
	const char *s = r->text;
	size_t at = r->m[k].at, end = r->m[k].end;
	while (at && strchr(" \t*_(['-#>", s[at - 1]))
		at--;
	for (size_t next = k + 1;; next++) {
		while (s[end] && strchr(" \t\r*_)].:,'-(!", s[end]))
			end++;
		if (next >= r->n || r->m[next].at != end || !r->m[next].text || r->m[next].option != r->m[k].option)
			break;
		end = r->m[next].end;
	}
	return (!at || s[at - 1] == '\n') && (!s[end] || s[end] == '\n');
}

/* Small letters are mentions only where something says so; -1: none, else its rank. */
static int rank(const struct reading *r, const struct mention *m)
{
	const char *s = r->text;
	bool bracket = m->at && strchr("([", s[m->at - 1]) && s[m->end] && strchr(")]", s[m->end]);
	if (m->denied || (!m->text && islower((unsigned char)s[m->at]) && !m->decided && !m->named && !bracket))
		return -1;
	return m->decided ? 2 : !m->text;
}

static bool turns_between(const char *s, size_t from, size_t to)
{
	for (size_t n; from < to; from++) {
		const struct word *w = word_at(s, from, false, &n);
		enum word_class c = class_before(w, s + from + n);
		if (c == TURN || c == BREAK)
			return true;
	}
	return false;
}

/* A letter with another option's text right behind it contradicts itself. */
static bool contradicted(const struct reading *r, size_t k)
{
	const struct mention *m = &r->m[k];
	if (m->text || k + 1 == r->n || !m[1].text || m[1].option == m->option)
		return false;
	return strspn(r->text + m->end, " \t*_).:-(") >= m[1].at - m->end;
}

static void weigh(struct reading *r)
{
	const char *s = r->text;
	for (size_t k = 0; k < r->n; k++) {
		struct mention *m = &r->m[k];
		look_back(r, k);
		look_on(r, k);
		m->decided |= alone(r, k);
		m->decided |= m->at > 1 && (!memcmp(s + m->at - 2, "**", 2) || !memcmp(s + m->at - 2, "__", 2));
	}
}

static int decide(struct reading *r)
{
	int best = -1, got = -1;
	size_t last = 0;
	weigh(r);
	for (size_t k = 0; k < r->n; k++) {
		int now = rank(r, &r->m[k]);
		best = now > best ? now : best;
	}
	for (size_t k = r->n; best >= 0 && k-- > 0;) {
		const struct mention *m = &r->m[k];
		if (rank(r, m) != best)
			continue;
		if (got >= 0 && turns_between(r->text, m->end, last))
			break;
		if (contradicted(r, k) || (got >= 0 && got != (int)m->option))
			return -1;
		got = (int)m->option;
		last = m->at;
	}
	for (size_t k = 0; got >= 0 && k < r->n; k++)
		if (r->m[k].doubted && r->m[k].at > last && (int)r->m[k].option != got && rank(r, &r->m[k]) >= 0)
			return -1;
	return got;
}

int ril_mention_decided(int *out, const char *text, const struct ril_span *option, size_t options, struct ril_err *err)
{
	struct reading r = {.text = text};
	int rc = find_mentions(&r, option, options, err);
	*out = rc ? -1 : decide(&r);
	free(r.m);
	return rc;
}
