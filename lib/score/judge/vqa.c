/* vqa.c -- VQA accuracy as the released evaluations compute it: VQAv2's vqaEval.py and, for VizWiz, the answer
 * processor of its challenge server.
 *
 * What the released code does, and so do we, where one would expect something else:
 *   - a mark is deleted when it touches a blank anywhere in the text, or when digit, comma, digit stands anywhere
 *     in it; else every occurrence becomes a blank.  Both are decided on the text before any mark was touched;
 *   - the period rule was meant to spare decimal points on both sides, but its look-behind is misspelt: a period goes
 *     unless a digit follows, and only the first 32 go, since the flag is passed as the count;
 *   - VQAv2 leaves answer and response unnormalised when all human answers agree.
 * An answer counts min(1, matches among the others / 3), averaged over which answer is left out. */
#include "score/judge/judge.h"
#include "score/judge/vqa_internal.h"

#include "base/python.h"

#include <stdlib.h>
#include <utf8proc.h>

/* A contraction is recognised with any one of its apostrophes missing. */
static const char *const contractions =
	" 'ow's'at 'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've"
	" hasn't haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't"
	" mightn't've must've mustn't needn't not've o'clock oughtn't shan't she'd've should've shouldn't"
	" shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd"
	" something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're"
	" they've wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've who'd"
	" who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'd've"
	" y'all'll you'd you'd've you'll you're you've ";

/* The length of the digit at s (any script's, as Python's \d), 0 if there is none. */
static size_t digit(const char *s)
{
	utf8proc_int32_t c;
	if (!(*s & 0x80))
		return *s >= '0' && *s <= '9';
	utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c);
	return k > 0 && ril_python_digit(c) >= 0 ? (size_t)k : 0;
}

static bool digit_before(const char *text, const char *p)
{
	const char *q = p;
	while (q > text && (*--q & 0xC0) == 0x80)
		;
	return q < p && digit(q) == (size_t)(p - q);
}

static bool has_number_comma(const char *s)
{
	for (const char *p = s; (p = strchr(p, ',')); p++)
		if (digit(p + 1) && digit_before(s, p))
			return true;
	return false;
}

static bool touches_blank(const char *s, char mark)
{
	for (const char *p = s; (p = strchr(p, mark)); p++)
		if (p[1] == ' ' || (p > s && p[-1] == ' '))
			return true;
	return false;
}

int ril_vqa_punctuation(struct ril_buf *out, const char *s, enum ril_period_rule rule, struct ril_err *err)
{
	static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";
	bool drop[128] = {0}, comma = has_number_comma(s);
	for (const char *m = marks; *m; m++)
		drop[(int)*m] = comma || touches_blank(s, *m);
	out->len = 0;
	if (ril_buf_reserve(out, strlen(s) + 1, err))
		return -1;
	char *text = out->data;
	size_t n = 0;
	for (const char *p = s; *p; p++) {
		bool mark = strchr(marks, *p);
		if (!mark || !drop[(int)*p])
			text[n++] = mark ? ' ' : *p;
	}
	text[n] = 0;
	size_t kept = 0;
	int gone = 0;
	/* In place: what stands before the period is looked up in the text as it was, kept in `before`. */
	bool before = false;
	for (size_t i = 0; i < n;) {
		size_t d = digit(text + i), k = d ? d : 1;
		bool period =
			text[i] == '.' && !digit(text + i + 1) && gone < 32 && !(rule == RIL_PERIOD_NEITHER && before);
		before = d;
		gone += period;
		for (size_t j = 0; !period && j < k; j++)
			text[kept++] = text[i + j];
		i += k;
	}
	out->len = kept;
	text[kept] = 0;
	return 0;
}

static bool article(struct ril_span w)
{
	return ril_span_is(w, "a") || ril_span_is(w, "an") || ril_span_is(w, "the");
}

static const char *number_of(struct ril_span w)
{
	static const char *const word[] = {"zero", "one",   "two",   "three", "four", "five",
					   "six",  "seven", "eight", "nine",  "ten"};
	static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
	if (ril_span_is(w, "none"))
		return "0";
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (ril_span_is(w, word[i]))
			return digits[i];
	return NULL;
}

/* The contraction of which w lacks exactly one apostrophe. */
static bool contraction(struct ril_span w, struct ril_span *out)
{
	for (const char *p = contractions + 1; *p; p += strcspn(p, " ") + 1) {
		size_t n = strcspn(p, " "), same = 0;
		if (n != w.n + 1)
			continue;
		while (same < w.n && p[same] == w.s[same])
			same++;
		/* Where the texts part, the apostrophe must be the one left out; any of a run would do, and there are
		 * none. */
		if (p[same] == '\'' && !memcmp(p + same + 1, w.s + same, w.n - same)) {
			*out = (struct ril_span){p, n};
			return true;
		}
	}
	return false;
}

static int digits_and_articles(struct ril_buf *out, const char *s, struct ril_err *err)
{
	struct ril_buf low = {0};
	struct ril_spans words = {0};
	int rc = ril_lower(&low, s, strlen(s), err) || ril_split(&words, low.data, low.len, err) ? -1 : 0;
	out->len = 0;
	for (size_t i = 0; !rc && i < words.n; i++) {
		struct ril_span w = words.at[i];
		const char *number = number_of(w);
		if (number)
			w = (struct ril_span){number, strlen(number)};
		if (article(w))
			continue;
		if (ril_span_is(w, "somebody'd")) /* so in the released table */
			w = (struct ril_span){"somebodyd", 9};
		else
			contraction(w, &w);
		rc = ril_buf_puts(out, out->len ? " " : "", err) || ril_buf_add(out, w.s, w.n, err) ? -1 : 0;
	}
	if (!rc)
		rc = ril_buf_add(out, "", 0, err);
	ril_buf_free(&low);
	ril_spans_free(&words);
	return rc;
}

/* Tabs and line feeds become blanks, white space around goes. */
static int tidy(struct ril_buf *out, const char *s, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = ril_buf_puts(&b, s, err);
	for (size_t i = 0; !rc && i < b.len; i++)
		if (b.data[i] == '\n' || b.data[i] == '\t')
			b.data[i] = ' ';
	struct ril_span t = rc ? (struct ril_span){"", 0} : ril_trim(b.data, b.len);
	out->len = 0;
	rc = rc ? rc : ril_buf_add(out, t.s, t.n, err);
	ril_buf_free(&b);
	return rc;
}

int ril_vqa_normalise(struct ril_buf *out, const char *s, struct ril_err *err)
{
	struct ril_buf a = {0}, b = {0};
	int rc = tidy(&a, s, err) || ril_vqa_punctuation(&b, a.data, RIL_PERIOD_AFTER, err) ||
				 digits_and_articles(out, b.data, err)
			 ? -1
			 : 0;
	ril_buf_free(&a);
	ril_buf_free(&b);
	return rc;
}

/* The challenge server's processor begins on its own: lower case, commas and question marks go, "'s" is set apart. */
int ril_vizwiz_normalise(struct ril_buf *out, const char *s, struct ril_err *err)
{
	struct ril_buf low = {0}, b = {0};
	int rc = ril_lower(&low, s, strlen(s), err);
	for (size_t i = 0; !rc && i < low.len; i++) {
		if (low.data[i] == ',' || low.data[i] == '?')
			continue;
		/* The marks go first, so "'?s" is set apart too. */
		size_t next = i + 1;
		while (next < low.len && (low.data[next] == ',' || low.data[next] == '?'))
			next++;
		bool apart = low.data[i] == '\'' && next < low.len && low.data[next] == 's';
		rc = (apart && ril_buf_puts(&b, " ", err)) || ril_buf_add(&b, low.data + i, 1, err) ? -1 : 0;
	}
	if (!rc)
		rc = ril_buf_add(&b, "", 0, err) || ril_vqa_normalise(out, b.data, err) ? -1 : 0;
	ril_buf_free(&low);
	ril_buf_free(&b);
	return rc;
}

typedef int normalise_fn(struct ril_buf *, const char *, struct ril_err *);

/* Each of the answers is left out once. */
static double leave_one_out(const struct ril_buf *answer, size_t n, const char *response)
{
	size_t matches = 0;
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		matches += !strcmp(answer[i].data, response);
	for (size_t i = 0; i < n; i++) {
		size_t others = matches - !strcmp(answer[i].data, response);
		sum += others >= 3 ? 1 : (double)others / 3;
	}
	return sum / (double)n;
}

static int check(struct ril_item *it, struct ril_verdict *v, normalise_fn *normalise, bool unless_all_agree,
		 struct ril_err *err)
{
	size_t n = it->q->n_answers, best = 0, most = 0;
	bool agree = unless_all_agree;
	if (n < 2)
		return ril_fail(err, RIL_EFAIL, "people's answers are needed, ten in the benchmark, and there is %zu",
				n);
	struct ril_buf *answer = ril_new(n, sizeof *answer, err);
	int rc = answer ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = tidy(&answer[i], it->q->answers[i], err);
		agree = agree && !rc && !strcmp(answer[i].data, answer[0].data);
	}
	if (agree)
		rc = rc ? rc : tidy(&v->got, it->response, err);
	for (size_t i = 0; !rc && !agree && i < n; i++)
		rc = normalise(&answer[i], it->q->answers[i], err);
	if (!rc && !agree)
		rc = normalise(&v->got, it->response, err);
	for (size_t i = 0; !rc && i < n; i++) { /* shown: the commonest answer */
		size_t same = 0;
		for (size_t j = 0; j < n; j++)
			same += !strcmp(answer[i].data, answer[j].data);
		if (same > most)
			most = same, best = i;
	}
	if (!rc) {
		v->score = leave_one_out(answer, n, v->got.data);
		rc = ril_buf_add(&v->want, answer[best].data, answer[best].len, err);
	}
	for (size_t i = 0; answer && i < n; i++)
		ril_buf_free(&answer[i]);
	free(answer);
	return rc;
}

int ril_check_vqa(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return check(it, v, ril_vqa_normalise, true, err);
}

int ril_check_vizwiz(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return check(it, v, ril_vizwiz_normalise, false, err);
}
