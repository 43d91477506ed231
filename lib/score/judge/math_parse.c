/* math_parse.c -- formulas in the plain notation to trees.
 *
 *     list    = chain {(, | ; | and | or) chain}
 *     chain   = union {(= | < | ... ) union}          x = 5 and x in S are what is said of x
 *     union   = sum {u sum}
 *     sum     = [sign] product {(+ | - | +-) product}
 *     product = power {[* | /] power}                 side by side: 2x, 3(x + 1), not 2 3
 *     power   = primary [!] [^ exponent] [%]
 *
 * An operator is taken with what follows it or not at all, so that a formula ends where words go on.  Units, quoted
 * words and, outside of prose, other words behind a value are left out. */
#include "score/judge/math_internal.h"

#include <ctype.h>

#define NO_TEXT ((struct ril_span){"", 0})

static int parse_list(struct ril_math_parse *);
static int parse_sum(struct ril_math_parse *);
static int parse_power(struct ril_math_parse *);
static int primary(struct ril_math_parse *);

/* ---- small things ---- */

static struct ril_math_node *at(struct ril_math_parse *p, int node)
{
	return &p->m->node[node];
}

static void blanks(struct ril_math_parse *p)
{
	while (p->at < p->end && (isspace((unsigned char)*p->at) ||
				  (!p->prose && (*p->at == '$' || (unsigned char)*p->at == RIL_MATH_BOLD))))
		p->at++;
}

static unsigned char next(struct ril_math_parse *p)
{
	blanks(p);
	return p->at < p->end ? (unsigned char)*p->at : 0;
}

static bool take(struct ril_math_parse *p, unsigned char c)
{
	if (!c || next(p) != c)
		return false;
	p->at++;
	return true;
}

/* The word `w` as a whole, quoted or not. */
static bool take_word(struct ril_math_parse *p, const char *w)
{
	const char *s = (blanks(p), p->at);
	bool quoted = s < p->end && *s == '"';
	s += quoted;
	while (quoted && s < p->end && *s == ' ')
		s++;
	size_t n = ril_math_letters(s, p->end);
	if (n != strlen(w) || strncasecmp(s, w, n))
		return false;
	s += n;
	while (quoted && s < p->end && (*s == ' ' || *s == ','))
		s++;
	if (quoted && (s >= p->end || *s++ != '"'))
		return false;
	p->at = s;
	return true;
}

/* \name at p->at. */
static bool take_command(struct ril_math_parse *p, const char *name)
{
	size_t n = strlen(name);
	if (next(p) != '\\' || (size_t)(p->end - p->at) <= n || strncmp(p->at + 1, name, n) ||
	    (p->at + 1 + n < p->end && isalpha((unsigned char)p->at[1 + n])))
		return false;
	p->at += n + 1;
	return true;
}

static int wrap(struct ril_math_parse *p, enum ril_math_kind kind, int child)
{
	int n = child < 0 ? -1 : ril_math_node(p, kind, NO_TEXT);
	if (n >= 0)
		at(p, n)->child = child;
	return n;
}

static int pair(struct ril_math_parse *p, enum ril_math_kind kind, int a, int b)
{
	int n = b < 0 ? -1 : wrap(p, kind, a);
	if (n >= 0)
		at(p, a)->next = b;
	return n;
}

static const char functions[] = "|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|lg|exp|sqrt|abs|";

/* ---- primaries ---- */

/* One argument of a command: {...}, a digit, a letter or a command. */
static int argument(struct ril_math_parse *p)
{
	if (isdigit(next(p))) {
		int n = ril_math_node(p, RIL_MATH_NUMBER, (struct ril_span){p->at, 1});
		p->at++;
		return n;
	}
	if (p->depth >= RIL_MATH_DEPTH)
		return -1;
	p->depth++;
	int n = primary(p);
	p->depth--;
	return n;
}

static bool whole_number(struct ril_math_parse *p, int n)
{
	return n >= 0 && at(p, n)->kind == RIL_MATH_NUMBER && !at(p, n)->decimal && !at(p, n)->exponent;
}

static bool proper(struct ril_math_parse *p, int ratio)
{
	int a = ratio < 0 ? -1 : at(p, ratio)->child, b = a < 0 ? -1 : at(p, a)->next;
	if (!whole_number(p, a) || !whole_number(p, b))
		return false;
	struct ril_span x = at(p, a)->text, y = at(p, b)->text;
	return x.n < y.n || (x.n == y.n && memcmp(x.s, y.s, x.n) < 0);
}

static int fraction(struct ril_math_parse *p)
{
	int a = argument(p);
	return a < 0 ? -1 : pair(p, RIL_MATH_RATIO, a, argument(p));
}

/* Behind a number, without blanks: 3:2 and 12:30, which are lists, 1011_2, which is no number of tens. */
static int parts(struct ril_math_parse *p, int n)
{
	int last = n, list = -1;
	if (p->at + 1 < p->end && *p->at == '_' && (isdigit((unsigned char)p->at[1]) || p->at[1] == '{')) {
		p->at++;
		n = pair(p, RIL_MATH_CALL, n, argument(p));
		if (n >= 0)
			at(p, n)->text = (struct ril_span){"base", 4};
		return n;
	}
	while (n >= 0 && p->at + 1 < p->end && *p->at == ':' && isdigit((unsigned char)p->at[1])) {
		p->at++;
		int b = ril_math_number(p);
		if (b >= 0 && list < 0)
			n = list = pair(p, RIL_MATH_LIST, n, b);
		else if (b >= 0)
			at(p, last)->next = b;
		last = b;
		n = b < 0 ? -1 : n;
	}
	if (n >= 0 && list >= 0)
		at(p, list)->open = at(p, list)->shut = ':';
	return n;
}

/* A number and, side by side with a whole one, a proper fraction: 1 1/2, 1\frac{1}{2}. */
static int number(struct ril_math_parse *p)
{
	static const char *const large[] = {"thousand", "million", "billion", "trillion"};
	int n = ril_math_number(p), r = -1, before = p->m->n;
	const char *back = p->at;
	for (int k = 0; n >= 0 && k < 4; k++)
		if (take_word(p, large[k]))
			return at(p, n)->exponent += 3 * (k + 1), n;
	p->at = back;
	if (!whole_number(p, n))
		return n;
	if (p->at < p->end && *p->at == ' ' && isdigit(next(p))) {
		int a = ril_math_number(p);
		if (a >= 0 && take(p, '/') && isdigit(next(p)))
			r = pair(p, RIL_MATH_RATIO, a, ril_math_number(p));
	} else if (take_command(p, "frac")) {
		r = fraction(p);
	}
	if (proper(p, r))
		return pair(p, RIL_MATH_MIXED, n, r);
	p->at = back;
	p->m->n = before;
	return n;
}

/* What stands in brackets: one thing is that thing, several are a list. */
static int brackets(struct ril_math_parse *p)
{
	static const unsigned char open[] = {'(', '[', '{', RIL_MATH_OPEN, ']', 0},
				   shut[] = {')', ']', '}', RIL_MATH_SHUT};
	const char *which = strchr((const char *)open, *p->at);
	size_t k = (size_t)(which - (const char *)open);
	char outer = p->bracket;
	p->at++;
	p->bracket = k == 2 ? outer : 1; /* {...} also groups, around thousands too */
	bool empty = k == 3 && take(p, RIL_MATH_SHUT);
	int n = empty ? ril_math_node(p, RIL_MATH_LIST, NO_TEXT) : parse_list(p);
	p->bracket = outer;
	unsigned char c = next(p);
	bool set = k == 2 || k == 3;
	if (n < 0 || (!empty && (set ? c != shut[k] : c != ')' && c != ']' && (k < 4 || c != '['))))
		return -1;
	p->at += !empty;
	bool list = at(p, n)->kind == RIL_MATH_LIST && !at(p, n)->open;
	if (!list && (k == 3 || k == 4))
		n = wrap(p, RIL_MATH_LIST, n);
	else if (!list)
		return n;
	if (n >= 0) {
		at(p, n)->open = set ? '{' : k == 4 ? '(' : open[k];
		at(p, n)->shut = set ? '}' : c == '[' ? ')' : c;
	}
	return n;
}

/* \matrix a & b \\ c & d \endmatrix */
static int matrix(struct ril_math_parse *p)
{
	int m = ril_math_node(p, RIL_MATH_MATRIX, NO_TEXT), *row = m < 0 ? NULL : &at(p, m)->child;
	while (row && !take_command(p, "endmatrix")) {
		int r = ril_math_node(p, RIL_MATH_LIST, NO_TEXT), *item;
		if (r < 0)
			return -1;
		at(p, r)->open = '(', at(p, r)->shut = ')';
		*row = r;
		row = &at(p, r)->next;
		item = &at(p, r)->child;
		do {
			int v = parse_sum(p);
			if (v < 0)
				return -1;
			*item = v;
			item = &at(p, v)->next;
		} while (take(p, '&'));
		if (!take(p, RIL_MATH_ROW) && next(p) != '\\')
			return -1;
	}
	return m;
}

/* sin x, sin^2 x, log_2 8, \sqrt[3]{8}: the name was read. */
static int call(struct ril_math_parse *p, struct ril_span name)
{
	int second = -1, power = -1, n, arg;
	if (ril_span_is(name, "sqrt")) {
		bool index = next(p) == '[';
		if (index && (p->at++, (second = parse_sum(p)) < 0 || !take(p, ']')))
			return -1;
		arg = isdigit(next(p)) ? ril_math_number(p) : argument(p);
	} else {
		if (take(p, '_') && (second = argument(p)) < 0)
			return -1;
		if (take(p, '^') && (power = argument(p)) < 0)
			return -1;
		arg = parse_power(p);
		if (arg >= 0 && at(p, arg)->kind == RIL_MATH_NUMBER && p->at < p->end && isalpha((unsigned char)*p->at))
			arg = pair(p, RIL_MATH_PRODUCT, arg, parse_power(p)); /* sin 2x */
	}
	n = wrap(p, RIL_MATH_CALL, arg);
	if (n < 0)
		return -1;
	at(p, n)->text = name;
	at(p, arg)->next = second;
	return power < 0 ? n : pair(p, RIL_MATH_POWER, n, power);
}

static int command(struct ril_math_parse *p)
{
	if (take_command(p, "frac"))
		return fraction(p);
	if (take_command(p, "matrix"))
		return matrix(p);
	if (take_command(p, "binom")) {
		struct ril_span name = {"binom", 5};
		int a = argument(p), n = a < 0 ? -1 : pair(p, RIL_MATH_CALL, a, argument(p));
		if (n >= 0)
			at(p, n)->text = name;
		return n;
	}
	size_t n = ril_math_letters(p->at + 1, p->end);
	if (!ril_math_word_in(functions, p->at + 1, n))
		return -1;
	struct ril_span name = {p->at + 1, n};
	p->at += n + 1;
	return call(p, name);
}

/* A letter with what is below it: x, x_1, x_{max}. */
static int symbol(struct ril_math_parse *p, size_t n)
{
	struct ril_span name = {p->at, n};
	p->at += n;
	if (p->at + 1 < p->end && *p->at == '_') {
		const char *shut = p->at[1] == '{' ? memchr(p->at, '}', (size_t)(p->end - p->at)) : NULL;
		p->at = shut ? shut + 1 : p->at + 2;
		name.n = (size_t)(p->at - name.s);
	}
	return ril_math_node(p, RIL_MATH_SYMBOL, name);
}

static const char english[] =
	"|and|or|so|is|if|of|the|an|are|not|no|we|it|to|in|at|by|as|for|its|has|but|was|So|It|We|The|No|If|";

/* Letters: a function, a constant's name, a number word, or the first of several factors. */
static int letters(struct ril_math_parse *p)
{
	size_t n = ril_math_letters(p->at, p->end);
	struct ril_span name = {p->at, n};
	if (n == 1 && p->prose && p->end - p->at > 2 && p->at[1] == ' ' && isalpha((unsigned char)p->at[2]))
		return -1; /* I think */
	if (n == 1)
		return symbol(p, 1);
	if (ril_span_is(name, "pi"))
		return p->at += 2, ril_math_node(p, RIL_MATH_SYMBOL, (struct ril_span){"\xCF\x80", 2});
	if (ril_math_word_in("|inf|infinity|Infinity|", name.s, n))
		return p->at += n, ril_math_node(p, RIL_MATH_INFINITY, NO_TEXT);
	int words = ril_math_number_words(p);
	if (words >= 0)
		return words;
	if (ril_math_word_in(functions, name.s, n)) {
		p->at += n;
		return next(p) == '(' || !p->prose ? call(p, name) : -1;
	}
	return p->prose || n > 3 || ril_math_word_in(english, name.s, n) ? -1 : symbol(p, 1);
}

static int primary(struct ril_math_parse *p)
{
	unsigned char c = next(p);
	if (isdigit(c) || (c == '.' && p->at + 1 < p->end && isdigit((unsigned char)p->at[1])))
		return parts(p, number(p));
	if (c == '(' || c == '[' || c == '{' || c == RIL_MATH_OPEN || (c == ']' && !p->bracket && !p->prose))
		return brackets(p);
	if (c == '|' && !p->prose) {
		p->at++;
		int n = wrap(p, RIL_MATH_CALL, parse_sum(p));
		if (n >= 0)
			at(p, n)->text = (struct ril_span){"abs", 3};
		return n >= 0 && take(p, '|') ? n : -1;
	}
	if (c == '\\')
		return command(p);
	if (isalpha(c))
		return letters(p);
	if (p->end - p->at > 2 && !memcmp(p->at, "∞", 3))
		return p->at += 3, ril_math_node(p, RIL_MATH_INFINITY, NO_TEXT);
	return p->end - p->at > 1 && (c == 0xCE || c == 0xCF) ? symbol(p, 2) : -1;
}

/* ---- operators ---- */

static int parse_exponent(struct ril_math_parse *p)
{
	bool minus = take(p, '-');
	int n = isdigit(next(p)) ? ril_math_number(p) : parse_power(p);
	return minus ? wrap(p, RIL_MATH_NEGATIVE, n) : n;
}

static int parse_power(struct ril_math_parse *p)
{
	if (p->depth >= RIL_MATH_DEPTH)
		return -1;
	p->depth++;
	int n = primary(p);
	const char *back = p->at;
	while (n >= 0 && p->at < p->end && *p->at == '!' && !(p->at + 1 < p->end && p->at[1] == '=') && !p->prose) {
		p->at++;
		n = wrap(p, RIL_MATH_CALL, n);
		if (n >= 0)
			at(p, n)->text = (struct ril_span){"!", 1};
		back = p->at;
	}
	if (n >= 0 && take(p, '^'))
		n = pair(p, RIL_MATH_POWER, n, parse_exponent(p));
	else
		p->at = back;
	back = p->at;
	if (n >= 0 && (take(p, '%') || take_word(p, "percent")))
		n = wrap(p, RIL_MATH_PERCENT, n);
	else if (n >= 0)
		p->at = back;
	p->depth--;
	return n;
}

/* May a factor begin here, without a sign of multiplication before it? */
static bool side_by_side(struct ril_math_parse *p)
{
	const char *back = p->at, *s = (blanks(p), p->at);
	unsigned char c = next(p);
	p->at = back;
	bool digits = c == '{' && isdigit((unsigned char)back[-1]) && s + 1 < p->end && isdigit((unsigned char)s[1]);
	if ((s > back && p->prose) || digits || ril_math_unit(p, s, true))
		return false;
	return c == '(' || c == '{' || c == '\\' || isalpha(c) || (c >= 0xCE && c < RIL_MATH_CUP);
}

static int parse_product(struct ril_math_parse *p)
{
	int n = parse_power(p);
	while (n >= 0) {
		const char *back = p->at;
		int before = p->m->n;
		bool over = false, times = !side_by_side(p);
		if (times && !take(p, '*') && !(over = take(p, '/')))
			return p->at = back, n;
		bool minus = times && take(p, '-');
		int b = parse_power(p);
		if (minus)
			b = wrap(p, RIL_MATH_NEGATIVE, b);
		if (b < 0) {
			p->at = back;
			p->m->n = before;
			return n;
		}
		if (!over && at(p, n)->kind == RIL_MATH_PRODUCT && at(p, n)->open) {
			int last = at(p, n)->child;
			while (at(p, last)->next >= 0)
				last = at(p, last)->next;
			at(p, last)->next = b;
			continue;
		}
		n = pair(p, over ? RIL_MATH_RATIO : RIL_MATH_PRODUCT, n, b);
		if (n >= 0 && !over)
			at(p, n)->open = 1; /* more factors may follow */
	}
	return n;
}

static int signed_product(struct ril_math_parse *p)
{
	bool minus = false, both = false;
	for (unsigned char c; (c = next(p)) == '-' || c == '+' || c == RIL_MATH_PM; p->at++)
		minus ^= c == '-', both |= c == RIL_MATH_PM;
	while (take_word(p, "minus") || take_word(p, "negative"))
		minus = !minus;
	int n = parse_product(p);
	if (minus && n >= 0 && at(p, n)->kind == RIL_MATH_PERCENT)
		at(p, n)->child = wrap(p, RIL_MATH_NEGATIVE, at(p, n)->child);
	else if (minus)
		n = wrap(p, RIL_MATH_NEGATIVE, n);
	if (n >= 0 && at(p, n)->kind == RIL_MATH_PERCENT && at(p, n)->child < 0)
		return -1;
	return both ? wrap(p, RIL_MATH_PLUSMINUS, n) : n;
}

static int parse_sum(struct ril_math_parse *p)
{
	int n = signed_product(p), last = n, sum = -1;
	while (n >= 0) {
		const char *back = p->at;
		ril_math_skip_units(p); /* 3 cm + 4 cm */
		unsigned char c = next(p);
		int before = p->m->n;
		int b = c == '+' || c == '-' || c == RIL_MATH_PM ? signed_product(p) : -1;
		if (b < 0) {
			p->at = back;
			p->m->n = before;
			return n;
		}
		if (sum < 0)
			n = sum = pair(p, RIL_MATH_SUM, n, b);
		else
			at(p, last)->next = b;
		last = b;
	}
	return n;
}

/* An interval of a union begins: not so within one. */
static int parse_union(struct ril_math_parse *p)
{
	int n = parse_sum(p), last = n;
	bool many = false;
	while (n >= 0 && (take(p, RIL_MATH_CUP) || (at(p, n)->kind == RIL_MATH_LIST && take_word(p, "U")))) {
		int b = parse_sum(p);
		if (b < 0)
			return -1;
		if (!many)
			n = pair(p, RIL_MATH_UNION, n, b);
		else
			at(p, last)->next = b;
		many = true;
		last = b;
	}
	return n;
}

static unsigned char relation(struct ril_math_parse *p)
{
	static const struct {
		const char *sign;
		unsigned char what;
	} signs[] = {{"<=", RIL_MATH_LE}, {">=", RIL_MATH_GE}, {"!=", RIL_MATH_NE}, {"==", RIL_MATH_EQ},
		     {"=", RIL_MATH_EQ},  {"<", RIL_MATH_LT},  {">", RIL_MATH_GT},  {"\xFF", RIL_MATH_NEAR}};
	if (take_command(p, "in"))
		return RIL_MATH_IN;
	blanks(p);
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		size_t n = strlen(signs[i].sign);
		if ((size_t)(p->end - p->at) >= n && !memcmp(p->at, signs[i].sign, n))
			return p->at += n, signs[i].what;
	}
	return 0;
}

/* The sides, without the name before them. */
static int parse_chain(struct ril_math_parse *p)
{
	int n = parse_union(p), first = n, last = n, sides = 1;
	while (n >= 0) {
		ril_math_skip_units(p);
		const char *back = p->at;
		int before = p->m->n;
		unsigned char r = relation(p);
		int b = r ? parse_union(p) : -1;
		if (b < 0) {
			p->at = back;
			p->m->n = before;
			break;
		}
		at(p, b)->relation = r;
		bool said = r == RIL_MATH_EQ || r == RIL_MATH_IN || r == RIL_MATH_NEAR;
		if (sides == 1 && said && ril_math_names(p->m, first)) {
			n = first = last = b;
			continue;
		}
		at(p, last)->next = b;
		last = b;
		sides++;
	}
	if (n < 0 || sides == 1)
		return n;
	n = wrap(p, RIL_MATH_CHAIN, first);
	int list = n < 0 ? -1 : ril_math_interval(p, n);
	return list < 0 ? n : list;
}

static bool separator(struct ril_math_parse *p, bool *either)
{
	bool comma = take(p, ',') || take(p, ';') || take(p, RIL_MATH_COMMA), both = take_word(p, "and"),
	     or = !both && take_word(p, "or");
	*either |= or ;
	return comma || both || or ;
}

/* Several with "or" between them that are intervals are a union. */
static int parse_list(struct ril_math_parse *p)
{
	bool either = false, intervals;
	int n = parse_chain(p), last = n, list = -1;
	intervals = n >= 0 && at(p, n)->kind == RIL_MATH_LIST && at(p, n)->open;
	while (n >= 0) {
		const char *back = p->at;
		int before = p->m->n;
		int b = separator(p, &either) ? parse_chain(p) : -1;
		if (b < 0) {
			p->at = back;
			p->m->n = before;
			break;
		}
		intervals &= at(p, b)->kind == RIL_MATH_LIST && at(p, b)->open;
		if (list < 0)
			n = list = pair(p, RIL_MATH_LIST, n, b);
		else
			at(p, last)->next = b;
		last = b;
	}
	if (list >= 0 && either && intervals)
		at(p, list)->kind = RIL_MATH_UNION;
	return n;
}

bool ril_math_formula(struct ril_math_parse *p)
{
	p->m->n = 0;
	p->m->n_digits = 0;
	p->depth = 0;
	p->bracket = 0;
	p->m->root = parse_list(p);
	return p->m->root >= 0;
}
