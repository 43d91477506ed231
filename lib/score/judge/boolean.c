/* boolean.c -- yes or no as a reward: what a response decides for, or nothing.
 *
 * As `choice`, it is made to be trained with: what is read depends on the response alone, so that a response is right
 * for yes or for no, never for both; both and neither are wrong.  Which parts of a response count says
 * final_internal.h; all must say the same.  (The judge `yesno` looks for the two words anywhere and is as it was.)
 *
 * Within a part, "no dog" is no answer, "not true" is no, "not yes" is nothing, "maybe yes" is nothing.  What is decided
 * (the whole part, a line, behind "the answer is", at a sentence's beginning before a mark, in bold, "the statement is
 * false") counts before any other yes or no, but its sentence must not say the opposite.  After the last turn ("wait", "but", "so") that one of that rank follows, all
 * of the rank must agree. */
#include "score/judge/final_internal.h"
#include "score/judge/judge.h"

#include <ctype.h>
#include <stdlib.h>
#include <utf8proc.h>

enum token_class {
	WORD,  /* none of those below */
	MARK,  /* , ; : and dashes */
	STOP,  /* . ! and the end of a line */
	QUERY, /* ? */
	BOLD,
	YES, /* yes and no: answers wherever they stand */
	NO,
	TRUTH, /* true and false: answers behind "is" and by themselves */
	UNTRUTH,
	IS_YES, /* verbs in Chinese, adverbs in English: answers only by themselves */
	IS_NO,
	NEGATION,
	COPULA,
	CUE,
	TURN,
	DOUBT,
	JOIN, /* or, and */
	LINK, /* may stand between the others */
};

struct token {
	enum token_class class;
	const char *at;
	bool starts_line; /* nothing but marks stands before it on its line */
};

static const struct {
	const char *word;
	enum token_class class;
} known[] = {
	{"yes", YES},
	{"yeah", YES},
	{"yep", YES},
	{"yup", YES},
	{"affirmative", YES},
	{"no", NO},
	{"nope", NO},
	{"nah", NO},
	{"true", TRUTH},
	{"correct", TRUTH},
	{"wrong", UNTRUTH},
	{"false", UNTRUTH},
	{"incorrect", UNTRUTH},
	{"untrue", UNTRUTH},
	{"not", NEGATION},
	{"isn't", NEGATION},
	{"isnt", NEGATION},
	{"aren't", NEGATION},
	{"wasn't", NEGATION},
	{"never", NEGATION},
	{"cannot", NEGATION},
	{"can't", NEGATION},
	{"doesn't", NEGATION},
	{"don't", NEGATION},
	{"neither", NEGATION},
	{"rather than", NEGATION},
	{"instead of", NEGATION},
	{"anything but", NEGATION},
	{"opposite of", NEGATION},
	{"no-one", WORD},
	{"without", NEGATION},
	{"is", COPULA},
	{"are", COPULA},
	{"was", COPULA},
	{"be", COPULA},
	{"it's", COPULA},
	{"that's", COPULA},
	{"seems", COPULA},
	{"answer", CUE},
	{"say", CUE},
	{"answer is", CUE},
	{"answer would be", CUE},
	{"answer should be", CUE},
	{"answer must be", CUE},
	{"conclude", CUE},
	{"choose", CUE},
	{"答案", CUE},
	{"答案是", CUE},
	{"答案为", CUE},
	{"回答", CUE},
	{"结论是", CUE},
	{"but", TURN},
	{"however", TURN},
	{"wait", TURN},
	{"actually", TURN},
	{"sorry", TURN},
	{"correction", TURN},
	{"i mean", TURN},
	{"so", TURN},
	{"therefore", TURN},
	{"thus", TURN},
	{"hence", TURN},
	{"finally", TURN},
	{"in conclusion", TURN},
	{"所以", TURN},
	{"因此", TURN},
	{"但", TURN},
	{"更正", TURN},
	{"其实", TURN},
	{"等等", TURN},
	{"maybe", DOUBT},
	{"perhaps", DOUBT},
	{"possibly", DOUBT},
	{"might", DOUBT},
	{"may", DOUBT},
	{"could", DOUBT},
	{"whether", DOUBT},
	{"if", DOUBT},
	{"unless", DOUBT},
	{"either", DOUBT},
	{"也许", DOUBT},
	{"不一定", DOUBT},
	{"未必", DOUBT},
	{"可能", DOUBT},
	{"如果", DOUBT},
	{"absolutely", IS_YES},
	{"of course", IS_YES},
	{"at all", LINK},
	{"i don't think so", IS_NO},
	{"y", IS_YES},
	{"n", IS_NO},
	{"a", LINK},
	{"an", LINK},
	{"the", LINK},
	{"indeed", LINK},
	{"definitely", LINK},
	{"clearly", LINK},
	{"certainly", LINK},
	{"probably", LINK},
	{"quite", LINK},
	{"really", LINK},
	{"entirely", LINK},
	{"simply", LINK},
	{"that", LINK},
	{"just", LINK},
	{"final", LINK},
	{"i", LINK},
	{"would", LINK},
	{"to", LINK},
	{"应该", LINK},
	{"应该是", LINK},
	{"是的", YES},
	{"是", IS_YES},
	{"对", IS_YES},
	{"对的", YES},
	{"有", IS_YES},
	{"正确", TRUTH},
	{"正确的", TRUTH},
	{"真", IS_YES},
	{"否", IS_NO},
	{"不是", IS_NO},
	{"不是的", NO},
	{"不对", UNTRUTH},
	{"不对的", UNTRUTH},
	{"没错", YES},
	{"并非如此", NO},
	{"答案不是", NEGATION},
	{"没有", IS_NO},
	{"不", IS_NO},
	{"错", IS_NO},
	{"错误", UNTRUTH},
	{"错误的", UNTRUTH},
	{"不正确", UNTRUTH},
	{"不正确的", UNTRUTH},
	{"假", IS_NO},
	{"错的", UNTRUTH},
	{"并非", NEGATION},
	{"or", JOIN},
	{"and", JOIN},
	{"nor", NEGATION},
	{"或", JOIN},
	{"或者", JOIN},
	{"还是", JOIN},
	{"和", JOIN},
	/* Questions and comparisons that hold the words above. */
	{"是否", DOUBT},
	{"是不是", DOUBT},
	{"对不对", DOUBT},
	{"有没有", DOUBT},
	{"对错", DOUBT},
	{"是非", DOUBT},
	{"而是", TURN},
};
enum { KNOWN = sizeof known / sizeof *known };

struct reading {
	struct token *t;
	size_t n, cap;
};

static bool letter(char c)
{
	return isalnum((unsigned char)c) || c == '\'' || c == '_';
}

/* Does the word that has been read to s go on?  A quotation mark ends it. */
static bool goes_on(const char *s, const char *end)
{
	return s < end && letter(*s) && (*s != '\'' || (s + 1 < end && letter(s[1])));
}

/* Does a word stand before s? */
static bool inside(const char *from, const char *s)
{
	return s > from && letter(s[-1]) && (s[-1] != '\'' || (s - 1 > from && letter(s[-2])));
}

/* The longest known word at s, and its length. */
static enum token_class word_at(const char *s, const char *end, bool joined, size_t *length)
{
	enum token_class class = WORD;
	*length = 0;
	for (size_t i = 0; i < KNOWN; i++) {
		size_t n = strlen(known[i].word);
		if (n <= *length || n > (size_t)(end - s) || strncasecmp(s, known[i].word, n))
			continue;
		if (!(*s & 0x80) && (joined || goes_on(s + n, end)))
			continue;
		class = known[i].class;
		*length = n;
	}
	return class;
}

static enum token_class mark(const char *s, size_t *n)
{
	*n = 1;
	if (s[0] == '*' && s[1] == '*')
		return *n = 2, BOLD;
	if (!strncmp(s, "。", 3))
		return *n = 3, STOP;
	if (!strncmp(s, "、", 3) || !strncmp(s, "—", 3) || !strncmp(s, "–", 3))
		return *n = 3, MARK;
	return *s == '?' ? QUERY : strchr(".!\n", *s) ? STOP : strchr(",;:()[]\"-=/|", *s) ? MARK : WORD;
}

/* (A): the letter of an option, which is the judge choice's business. */
static bool option_letter(const char *s, const char *end)
{
	return end - s > 2 && s[0] == '(' && isalpha((unsigned char)s[1]) && s[2] == ')';
}

/* Blanks, quotation marks, what LaTeX groups with and options' letters, at s: length. */
static size_t unseen(const char *s, const char *end, bool joined)
{
	static const char *const quotes[] = {"“", "”", "‘", "’", "「", "」", "『", "』"};
	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++)
		if (!strncmp(s, quotes[i], 3))
			return 3;
	if (option_letter(s, end))
		return 3;
	return strchr(" \t\r{}$`", *s) || (*s == '\'' && !(joined && goes_on(s, end)));
}

static int tokenise(struct reading *r, struct ril_span s, struct ril_err *err)
{
	bool line = true;
	for (const char *p = s.s, *end = s.s + s.n; p < end;) {
		size_t n, k;
		if ((n = unseen(p, end, inside(s.s, p)))) {
			p += n;
			continue;
		}
		enum token_class class = word_at(p, end, inside(s.s, p), &n);
		if (!n && (class = mark(p, &k)) != WORD)
			n = k;
		for (n = n ? n : 1; class == WORD && p + n < end && (letter(p[n]) || (p[n] & 0xC0) == 0x80) &&
				    !(*p & 0x80 && !(p[n] & 0x80));
		     n++)
			if (*p & 0x80 && (p[n] & 0xC0) != 0x80)
				break;
		if (*p == '\\') /* \text */
			for (class = BOLD; p + n < end && isalpha((unsigned char)p[n]);)
				n++;
		if (ril_grow(&r->t, &r->cap, r->n + 1, sizeof *r->t, err))
			return -1;
		r->t[r->n++] = (struct token){class, p, line};
		line = (line && (class == MARK || class == BOLD)) || *p == '\n';
		p += n;
	}
	return 0;
}

/* ---- what is beside a token ---- */

static enum token_class class_at(const struct reading *r, size_t i)
{
	return i < r->n ? r->t[i].class : STOP;
}

/* Ends what stands before it: a mark, or the text's end. */
static bool ends(enum token_class c)
{
	return c == MARK || c == STOP || c == BOLD || c == QUERY;
}

static bool begins_sentence(const struct reading *r, size_t i)
{
	while (i && class_at(r, i - 1) == BOLD)
		i--;
	return !i || r->t[i].starts_line || class_at(r, i - 1) == STOP || class_at(r, i - 1) == QUERY ||
	       class_at(r, i - 1) == TURN || (i > 1 && class_at(r, i - 1) == MARK && class_at(r, i - 2) == TURN);
}

/* The class of the first token before i that is no link and, if `marks`, no mark. */
static enum token_class before(const struct reading *r, size_t i, bool marks)
{
	while (i && (class_at(r, i - 1) == LINK || class_at(r, i - 1) == BOLD || (marks && class_at(r, i - 1) == MARK)))
		i--;
	return i ? class_at(r, i - 1) : STOP;
}

/* "no dog", "no doubt": the word that follows is what is denied.  What may follow an answer: */
static bool determiner(const struct reading *r, size_t i)
{
	static const char *const after[] = {"because", "since", "it",  "there", "this",      "that", "the",
					    "they",    "he",    "she", "i",     "we",        "not",  "as",
					    "is",      "or",    "and", "for",   "otherwise", "if",   "when"};
	enum token_class c = class_at(r, i + 1);
	if (c != WORD && c != LINK && c != COPULA && c != CUE)
		return false;
	const char *w = r->t[i + 1].at;
	if (isdigit((unsigned char)*w))
		return false;
	size_t n = strspn(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'");
	for (size_t k = 0; k < sizeof after / sizeof *after; k++)
		if (n == strlen(after[k]) && !strncasecmp(w, after[k], n))
			return false;
	return true;
}

/* A question, which answers nothing, is what ends with a question mark. */
static bool asked(const struct reading *r, size_t i)
{
	while (i < r->n && r->t[i].class != STOP && r->t[i].class != QUERY)
		i++;
	return class_at(r, i) == QUERY;
}

static bool says_yes(enum token_class c)
{
	return c == YES || c == TRUTH || c == IS_YES;
}

/* "choice (B) is incorrect" speaks of an option. */
static bool of_option(const struct reading *r, size_t i)
{
	while (i && class_at(r, i) != COPULA)
		i--;
	return i && (!strncasecmp(r->t[i - 1].at, "choice", 6) || !strncasecmp(r->t[i - 1].at, "option", 6));
}

struct answer {
	int value; /* 1 yes, 0 no, -1 none */
	bool decided, doubted;
};

/* "If there is a dog, yes": the sentence begins with a condition. */
static bool conditional(const struct reading *r, size_t i)
{
	while (i && class_at(r, i - 1) != STOP && class_at(r, i - 1) != QUERY && class_at(r, i - 1) != TURN)
		i--;
	return class_at(r, i) == DOUBT;
}

/* "Definitely not." */
static bool not_so(const struct reading *r, size_t i)
{
	size_t behind = i + 1;
	while (class_at(r, behind) == LINK)
		behind++;
	if (strncasecmp(r->t[i].at, "not", 3) || !ends(class_at(r, behind)))
		return false;
	while (i && !begins_sentence(r, i) && (class_at(r, i - 1) == LINK || class_at(r, i - 1) == IS_YES))
		i--;
	return begins_sentence(r, i);
}

static struct answer answer_at(const struct reading *r, size_t i)
{
	struct answer none = {-1, false, false}, a = none;
	enum token_class c = r->t[i].class, prior = before(r, i, false);
	bool plain = c == YES || c == NO, verb = c == IS_YES || c == IS_NO, cue = before(r, i, true) == CUE;
	bool alone = begins_sentence(r, i) && ends(class_at(r, i + 1));
	bool bold = i && class_at(r, i - 1) == BOLD && class_at(r, i + 1) == BOLD;
	bool said = prior == COPULA || (prior == NEGATION && !plain && !verb) || (prior == IS_YES && !verb) ||
		    (*r->t[i].at & 0x80 && ends(class_at(r, i + 1)));
	if (c == NEGATION && not_so(r, i) && !asked(r, i))
		return (struct answer){0, true, false};
	if (c < YES || c > IS_NO || asked(r, i) || (prior == COPULA && !plain && of_option(r, i)))
		return none;
	if (c == NO && determiner(r, i) && *r->t[i].at > 0)
		return none;
	if (verb && !(alone || bold || (cue && ends(class_at(r, i + 1)))))
		return none;
	if (!plain && !verb && !alone && !bold && !cue && !(said && !determiner(r, i)))
		return none;
	a.value = says_yes(c);
	a.decided = alone || bold || cue || (said && !plain);
	a.doubted = prior == DOUBT || before(r, i, true) == DOUBT;
	if (prior == NEGATION) {
		if (plain || verb)
			return none;
		a.value = !a.value; /* not true */
	}
	/* "it may be true", "is not the answer": looked for a few words back. */
	for (size_t k = i, far = 0; k && far < 5 && !ends(class_at(r, k - 1)); k--, far++)
		a.doubted |= class_at(r, k - 1) == DOUBT;
	a.doubted |= conditional(r, i);
	if (class_at(r, i + 1) == COPULA && (class_at(r, i + 2) == NEGATION || class_at(r, i + 2) == UNTRUTH))
		return none; /* yes is wrong */
	return a;
}

/* "yes, no", "yes or no": the other answer stands beside this one. */
static bool both(const struct reading *r, size_t i)
{
	size_t k = i + 1;
	while (class_at(r, k) == MARK || class_at(r, k) == JOIN)
		k++;
	enum token_class a = r->t[i].class, b = class_at(r, k);
	if (k >= r->n || b < YES || b > IS_NO || k == i + 1 || says_yes(a) == says_yes(b))
		return false;
	return (b != NO || !determiner(r, k)) && ((b != IS_YES && b != IS_NO) || ends(class_at(r, k + 1)));
}

/* 1, 0; -1: nothing decided, or both. */
static int decide(const struct reading *r)
{
	int got[2] = {-1, -1};                                                    /* by rank: decided, other */
	bool clash[2] = {false, false}, turned[2] = {false, false}, here = false; /* here: decided in this sentence */
	for (size_t i = 0; i < r->n; i++) {
		if (r->t[i].class == TURN)
			turned[0] = turned[1] = true;
		if (r->t[i].class == TURN || r->t[i].class == STOP)
			here = false;
		struct answer a = answer_at(r, i);
		if (a.value < 0)
			continue;
		int rank = !a.decided;
		bool again = got[rank] == a.value && !clash[rank]; /* a doubt takes nothing back */
		if (turned[rank] || (got[rank] < 0 && !clash[rank]))
			got[rank] = a.value, clash[rank] = false;
		clash[rank] |= got[rank] != a.value || (a.doubted && !again) || both(r, i);
		clash[0] |= here && got[0] != a.value; /* yes for dogs and no for cats */
		here |= a.decided;
		turned[rank] = false;
	}
	int rank = got[0] < 0;
	return clash[rank] ? -1 : got[rank];
}

struct paper {
	int got;
	bool any;
};

static int read_part(void *ctx, struct ril_span part, struct ril_err *err)
{
	struct paper *p = ctx;
	struct reading r = {0};
	int rc = tokenise(&r, part, err), got = rc ? -1 : decide(&r);
	p->got = p->any && p->got != got ? -1 : got;
	p->any = true;
	free(r.t);
	return rc;
}

static int read_text(int *out, const char *text, struct ril_err *err)
{
	struct ril_buf plain = {0};
	struct paper p = {.got = -1};
	int rc = ril_fold(&plain, text, err) || ril_final_parts(plain.data, read_part, &p, err) ? -1 : 0;
	ril_buf_free(&plain);
	*out = p.got;
	return rc;
}

/* An answer may also be a bare 1 or 0, as data sets have it. */
static int read_answer(int *out, const char *text, struct ril_err *err)
{
	if (!strcmp(text, "1") || !strcmp(text, "0"))
		return *out = *text == '1', 0;
	if (read_text(out, text, err))
		return -1;
	return *out >= 0 ? 0 : ril_fail(err, RIL_EFAIL, "the answer '%.80s' says neither yes nor no", text);
}

int ril_check_boolean(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	static const char *const name[] = {"", "no", "yes"};
	int got, want = -1, rc = read_text(&got, it->response, err);
	v->score = 0;
	for (size_t i = 0; !rc && i < it->q->n_answers && v->score == 0; i++) {
		rc = read_answer(&want, it->q->answers[i], err);
		v->score = !rc && got == want;
	}
	return rc || ril_buf_puts(&v->got, name[got + 1], err) || ril_buf_puts(&v->want, name[want + 1], err) ? -1 : 0;
}
