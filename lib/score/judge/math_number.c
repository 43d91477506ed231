/* math_number.c -- numerals and number words.
 *
 * Thousands are parted by commas, blanks or apostrophes, or by points where a decimal comma or a second point shows that
 * they are no decimal point: 1,234.5  1 234.5  1'234  1.234,5  1.234.567  12,34,567.  A comma that parts no thousands parts the
 * members of a list, but {,} is a decimal comma.  Within brackets commas part members, always. */
#include "score/judge/math_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

size_t ril_math_letters(const char *s, const char *end)
{
	size_t n = 0;
	while (s + n < end && isalpha((unsigned char)s[n]))
		n++;
	return n;
}

bool ril_math_word_in(const char *words, const char *s, size_t n)
{
	for (const char *p = words + 1; n && *p; p = strchr(p, '|') + 1)
		if (!strncmp(p, s, n) && p[n] == '|')
			return true;
	return false;
}

int ril_math_node(struct ril_math_parse *p, enum ril_math_kind kind, struct ril_span text)
{
	if (p->m->n == RIL_MATH_NODES)
		return -1;
	p->m->node[p->m->n] = (struct ril_math_node){.kind = kind, .child = -1, .next = -1, .text = text};
	return p->m->n++;
}

/* ---- numerals ---- */

static size_t digits(const char *s, const char *end)
{
	size_t n = 0;
	while (s + n < end && isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* Groups of three digits, each after `sep`: length, and how many. */
static size_t groups(const char *s, const char *end, unsigned char sep, size_t *count)
{
	size_t n = 0;
	*count = 0;
	while (s + n < end && (unsigned char)s[n] == sep && digits(s + n + 1, end) == 3)
		n += 4, ++*count;
	return n;
}

/* Lakhs and crores: groups of two digits and a last one of three, each after a comma; their length. */
static size_t indian(const char *s, const char *end)
{
	size_t n = 0;
	while (s + n < end && s[n] == ',' && digits(s + n + 1, end) == 2)
		n += 3;
	return n && s + n < end && s[n] == ',' && digits(s + n + 1, end) == 3 ? n + 4 : 0;
}

/* The digits before the decimal mark, the mark that may follow (0: none). */
static const char *whole_part(const struct ril_math_parse *p, const char *s, unsigned char *decimal)
{
	static const unsigned char seps[] = {',', ' ', '\'', RIL_MATH_COMMA, '.'};
	size_t n = digits(s, p->end), count;
	*decimal = '.';
	if (s + n < p->end && (unsigned char)s[n] == RIL_MATH_COMMA && digits(s + n + 1, p->end) != 3)
		*decimal = RIL_MATH_COMMA;
	if (!n || n > 3 || *s == '0')
		return s + n;
	if (n < 3 && !p->bracket && indian(s + n, p->end))
		return s + n + indian(s + n, p->end);
	for (size_t k = 0; k < sizeof seps; k++) {
		size_t g = groups(s + n, p->end, seps[k], &count);
		const char *after = s + n + g;
		bool comma = after + 1 < p->end && *after == ',' && isdigit((unsigned char)after[1]);
		if (!g || (seps[k] == ',' && p->bracket))
			continue;
		if (seps[k] == '.' && (p->bracket || (count == 1 && !comma)))
			continue;
		if (seps[k] == '.' || (seps[k] == ' ' && comma && !p->bracket))
			*decimal = ',';
		return after;
	}
	return s + n;
}

/* e+5 behind a mantissa: its length. */
static size_t exponent(const char *s, const char *end, int *out)
{
	size_t sign = s + 1 < end && strchr("+-", s[1]) ? 1 : 0, n;
	if (s >= end || (*s | 32) != 'e' || !(n = digits(s + 1 + sign, end)))
		return 0;
	n += 1 + sign;
	if (s + n < end && (isalpha((unsigned char)s[n]) || s[n] == '.'))
		return 0;
	long e = strtol(s + 1, NULL, 10);
	*out = e > 100000 ? 100000 : e < -100000 ? -100000 : (int)e;
	return n;
}

int ril_math_number(struct ril_math_parse *p)
{
	unsigned char mark;
	int e = 0;
	const char *s = p->at, *at = whole_part(p, s, &mark), *whole = at;
	size_t fraction = at < p->end && (unsigned char)*at == mark ? digits(at + 1, p->end) : 0;
	if (at == s && !fraction)
		return -1;
	if (fraction)
		at += 1 + fraction;
	const char *mantissa = at;
	at += exponent(at, p->end, &e);
	int node = ril_math_node(p, RIL_MATH_NUMBER, (struct ril_span){s, (size_t)(mantissa - s)});
	if (node < 0 || fraction > 100000)
		return -1;
	p->m->node[node].exponent = e - (int)fraction;
	p->m->node[node].decimal = mantissa > whole;
	p->at = at;
	return node;
}

/* ---- words ---- */

static const char *const small[] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
				    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
				    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
static const struct {
	const char *word;
	uint64_t value;
} large[] = {{"thousand", 1000}, {"million", 1000000}, {"billion", 1000000000}, {"trillion", 1000000000000}};
static const char *const parts[] = {"half",   "third", "quarter", "fifth",  "sixth", "seventh",
				    "eighth", "ninth", "tenth",   "fourth", "halve", "hundredth"};
static const int part_of[] = {2, 3, 4, 5, 6, 7, 8, 9, 10, 4, 2, 100};

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !strncasecmp(s, word, n);
}

static int find(const char *s, size_t n, const char *const *set, int count)
{
	for (int i = 0; i < count; i++)
		if (is(s, n, set[i]))
			return i;
	return -1;
}

/* A word of a number below: its place among the words is its kind. */
struct amount {
	uint64_t sum, group; /* group: below a thousand, being read */
	int last;            /* 0 nothing yet, 1 units, 2 tens, 3 hundred, 4 a larger one */
};

static bool add_word(struct amount *a, const char *s, size_t n)
{
	int k = find(s, n, small, 20), t = find(s, n, tens, 8);
	if (k >= 0 && (!a->last || (a->last == 2 && k && k < 10) || (a->last >= 3 && k)))
		return a->group += (uint64_t)k, a->last = 1, true;
	if (t >= 0 && (!a->last || a->last >= 3))
		return a->group += (uint64_t)(t + 2) * 10, a->last = 2, true;
	if (is(s, n, "hundred") && a->last == 1 && a->group < 20)
		return a->group *= 100, a->last = 3, true;
	for (size_t i = 0; i < sizeof large / sizeof *large; i++)
		if (is(s, n, large[i].word) && a->last && a->last < 4 && a->group &&
		    (!a->sum || a->sum % (large[i].value * 1000) == 0)) {
			a->sum += a->group * large[i].value;
			a->group = 0;
			a->last = 4;
			return true;
		}
	return false;
}

/* The word behind blanks or a hyphen at s. */
static const char *next_word(const char *s, const char *end, size_t *n)
{
	while (s < end && (*s == ' ' || *s == '-'))
		s++;
	return *n = ril_math_letters(s, end), s;
}

static int number_node(struct ril_math_parse *p, uint64_t value, int e)
{
	struct ril_math *m = p->m;
	size_t left = sizeof m->digits - m->n_digits;
	int n = snprintf(m->digits + m->n_digits, left, "%llu", (unsigned long long)value);
	if (n < 0 || (size_t)n >= left)
		return -1;
	int node = ril_math_node(p, RIL_MATH_NUMBER, (struct ril_span){m->digits + m->n_digits, (size_t)n});
	m->n_digits += (size_t)n;
	if (node >= 0)
		m->node[node].exponent = e, m->node[node].decimal = e < 0;
	return node;
}

/* "point one four" behind a whole number. */
static const char *point_words(const char *s, const char *end, uint64_t *value, int *e)
{
	size_t n;
	const char *w = next_word(s, end, &n);
	if (!is(w, n, "point"))
		return s;
	for (w = next_word(w + n, end, &n); *e > -9 && *value < 1000000000; w = next_word(w + n, end, &n)) {
		int k = find(w, n, small, 10);
		if (k < 0)
			break;
		*value = *value * 10 + (uint64_t)k;
		--*e;
		s = w + n;
	}
	return s;
}

/* "thirds" at w: 3; 0: no such word. */
static int denominator(const char *w, size_t n)
{
	int k = find(w, n, parts, 12);
	if (k < 0 && n && (w[n - 1] | 32) == 's')
		k = find(w, n - 1, parts, 12);
	return k < 0 ? 0 : part_of[k];
}

static int ratio_node(struct ril_math_parse *p, uint64_t above, int below)
{
	int r = ril_math_node(p, RIL_MATH_RATIO, (struct ril_span){"", 0}), a = number_node(p, above, 0),
	    b = number_node(p, (uint64_t)below, 0);
	if (r < 0 || a < 0 || b < 0)
		return -1;
	p->m->node[r].child = a;
	p->m->node[a].next = b;
	return r;
}

/* "thirds", "and a half" behind a number: a fraction; -1: neither. */
static int fraction_words(struct ril_math_parse *p, const char *s, uint64_t value)
{
	size_t n;
	const char *w = next_word(s, p->end, &n);
	int below = denominator(w, n);
	if (below && value) {
		p->at = w + n;
		return ratio_node(p, value, below);
	}
	if (!is(w, n, "and"))
		return -1;
	w = next_word(w + n, p->end, &n);
	if (!is(w, n, "a") && !is(w, n, "one"))
		return -1;
	w = next_word(w + n, p->end, &n);
	if (!(below = denominator(w, n)) || value > 1000000000)
		return -1;
	p->at = w + n;
	return ratio_node(p, value * (uint64_t)below + 1, below);
}

int ril_math_number_words(struct ril_math_parse *p)
{
	struct amount a = {0};
	size_t n;
	int e = 0;
	const char *w = next_word(p->at, p->end, &n), *s = p->at;
	if (w != p->at || !n)
		return -1;
	if (is(w, n, "half"))
		return p->at = w + n, ratio_node(p, 1, 2);
	if (is(w, n, "a")) { /* a hundred, a half */
		w = next_word(w + n, p->end, &n);
		if (denominator(w, n) == 2 || is(w, n, "quarter") || is(w, n, "third"))
			return p->at = w + n, ratio_node(p, 1, denominator(w, n));
		if (!is(w, n, "hundred") && !is(w, n, "thousand") && !is(w, n, "million"))
			return -1;
		a = (struct amount){.group = 1, .last = 1};
	}
	for (;;) {
		const char *back = s;
		if (add_word(&a, w, n)) {
			s = w + n;
			w = next_word(s, p->end, &n);
			continue;
		}
		if (!is(w, n, "and") || a.last < 3)
			break;
		w = next_word(w + n, p->end, &n); /* a hundred and five */
		if (!add_word(&a, w, n)) {
			s = back;
			break;
		}
		s = w + n;
		w = next_word(s, p->end, &n);
	}
	if (!a.last)
		return -1;
	uint64_t value = a.sum + a.group;
	int node = fraction_words(p, s, value);
	if (node >= 0)
		return node;
	s = point_words(s, p->end, &value, &e);
	p->at = s;
	return number_node(p, value, e);
}
