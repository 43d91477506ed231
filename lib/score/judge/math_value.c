/* math_value.c -- are two formulas equal?
 *
 * Numbers that are written out are compared digit by digit.  Everything else is computed, in complex numbers, with letters
 * standing for some fixed numbers of both signs: formulas that agree at these are equal, within 1e-12 of the value (1e-8
 * at a quarter of them, where terms may cancel), and within 2e-6 where one is written with a decimal point and the other
 * is not, since that one may be rounded.
 * Where there is no finite value (10^400, 1/0), two are equal if they are written alike. */
#include "score/judge/math_internal.h"

#include <complex.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 8, MEMBERS = 64, COMPARISONS = 20000 };

/* A part of a formula. */
struct part {
	const struct ril_math *m;
	int at, sign; /* sign: which of the two that a plus-minus stands for; 0: not chosen yet */
	int *left;    /* comparisons that may still be made: sets of sets would take forever */
};

static const struct ril_math_node *node(struct part p)
{
	return &p.m->node[p.at];
}

static struct part child(struct part p)
{
	p.at = node(p)->child;
	return p;
}

static struct part next(struct part p)
{
	p.at = node(p)->next;
	return p;
}

/* ---- numbers as written ---- */

/* Digits without zeros around; their count, and the power of ten of the last one. */
static size_t significant(struct ril_span s, char *out, size_t size, int *exponent)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (isdigit((unsigned char)s.s[i]) && (n || s.s[i] != '0')) {
			if (n < size)
				out[n] = s.s[i];
			n++;
		}
	if (n > size)
		return *exponent += (int)(n - size), size;
	while (n && out[n - 1] == '0')
		n--, ++*exponent;
	return n;
}

/* Is it a number written out, perhaps with a sign? */
static bool literal(struct part p, bool *negative)
{
	*negative = false;
	for (; node(p)->kind == RIL_MATH_NEGATIVE; p = child(p))
		*negative = !*negative;
	return node(p)->kind == RIL_MATH_NUMBER;
}

static bool same_literal(struct part a, struct part b)
{
	char x[400], y[400];
	bool minus_a, minus_b;
	literal(a, &minus_a);
	literal(b, &minus_b);
	while (node(a)->kind == RIL_MATH_NEGATIVE)
		a = child(a);
	while (node(b)->kind == RIL_MATH_NEGATIVE)
		b = child(b);
	int e = node(a)->exponent, f = node(b)->exponent;
	size_t n = significant(node(a)->text, x, sizeof x, &e), k = significant(node(b)->text, y, sizeof y, &f);
	if (!n || !k)
		return n == k;
	return n == k && e == f && minus_a == minus_b && !memcmp(x, y, n);
}

static double number_value(const struct ril_math_node *v)
{
	char s[440];
	int e = v->exponent;
	size_t n = significant(v->text, s, 400, &e);
	snprintf(s + n, sizeof s - n, "e%d", e);
	double x = n ? strtod(s, NULL) : 0;
	return n && x == 0 ? NAN : x; /* too small to be told from 0 */
}

/* ---- computing ---- */

/* What a letter stands for at a point: between 0.3 and 2.7, of either sign. */
static double letter(struct ril_span name, int point)
{
	uint64_t h = 1469598103934665603u + (uint64_t)point * 0x9E3779B97F4A7C15u;
	for (size_t i = 0; i < name.n; i++)
		if (!strchr("{}", name.s[i]))
			h = (h ^ (unsigned char)name.s[i]) * 1099511628211u;
	h ^= h >> 29;
	h *= 0xBF58476D1CE4E5B9u;
	h ^= h >> 32;
	double x = .3 + 2.4 * (double)(h >> 12 & 0xFFFFFF) / 0x1000000;
	return h & 1 ? -x : x;
}

static double complex symbol(struct ril_span name, int point)
{
	if (ril_span_is(name, "\xCF\x80"))
		return M_PI;
	if (ril_span_is(name, "e"))
		return M_E;
	return ril_span_is(name, "i") ? I : (double complex)letter(name, point);
}

static double complex eval(struct part p, int point);

static double complex binomial(double n, double k)
{
	double r = 1;
	if (k < 0 || k > 500 || n != floor(n) || k != floor(k))
		return NAN;
	for (double i = 1; i <= k; i++)
		r *= (n - k + i) / i;
	return r;
}

static double complex call(struct part p, int point)
{
	static const struct {
		const char *name;
		double complex (*f)(double complex);
	} known[] = {{"sin", csin},     {"cos", ccos},     {"tan", ctan},   {"arcsin", casin},
		     {"arccos", cacos}, {"arctan", catan}, {"sinh", csinh}, {"cosh", ccosh},
		     {"tanh", ctanh},   {"exp", cexp},     {"ln", clog}};
	struct ril_span f = node(p)->text;
	struct part arg = child(p), second = next(arg);
	double complex x = eval(arg, point);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (ril_span_is(f, known[i].name))
			return known[i].f(x);
	if (ril_span_is(f, "sqrt")) { /* odd roots of negative numbers are real */
		double complex n = second.at < 0 ? 2 : eval(second, point);
		bool odd = cimag(n) == 0 && cimag(x) == 0 && creal(x) < 0 && fmod(creal(n), 2) == 1;
		return second.at < 0 ? csqrt(x) : odd ? -cpow(-x, 1 / n) : cpow(x, 1 / n);
	}
	if (ril_span_is(f, "log") || ril_span_is(f, "lg"))
		return clog(x) / clog(second.at < 0 ? 10 : eval(second, point));
	if (ril_span_is(f, "abs"))
		return cabs(x);
	if (ril_span_is(f, "!"))
		return cimag(x) == 0 && creal(x) >= 0 && creal(x) == floor(creal(x)) ? tgamma(creal(x) + 1) : NAN;
	if (ril_span_is(f, "binom"))
		return binomial(creal(x), creal(eval(second, point)));
	if (ril_span_is(f, "cot"))
		return 1 / ctan(x);
	if (ril_span_is(f, "sec") || ril_span_is(f, "csc"))
		return 1 / (ril_span_is(f, "sec") ? ccos(x) : csin(x));
	return NAN; /* a base: equal to what is written alike */
}

/* Whole powers by multiplication: exact where the numbers are. */
static double complex power(double complex x, double complex y)
{
	double n = creal(y);
	if (cimag(y) != 0 || n != floor(n) || fabs(n) > 1024)
		return cimag(x) == 0 && cimag(y) == 0 && creal(x) >= 0 ? pow(creal(x), n) : cpow(x, y);
	if (cimag(x) == 0)
		return pow(creal(x), n);
	double complex r = 1;
	for (double i = 0; i < fabs(n); i++)
		r *= x;
	return n < 0 ? 1 / r : r;
}

/* 10^-400 is not 0. */
static double complex raise(double complex x, double complex y)
{
	double complex r = power(x, y);
	return r == 0 && x != 0 ? NAN : r;
}

static double complex eval(struct part p, int point)
{
	const struct ril_math_node *v = node(p);
	double complex x = v->kind == RIL_MATH_PRODUCT ? 1 : 0;
	switch (v->kind) {
	case RIL_MATH_NUMBER: return number_value(v);
	case RIL_MATH_SYMBOL: return symbol(v->text, point);
	case RIL_MATH_SUM:
	case RIL_MATH_MIXED:
		for (struct part k = child(p); k.at >= 0; k = next(k))
			x += eval(k, point);
		return x;
	case RIL_MATH_PRODUCT:
		for (struct part k = child(p); k.at >= 0; k = next(k))
			x *= eval(k, point);
		return x;
	case RIL_MATH_RATIO: return eval(child(p), point) / eval(next(child(p)), point);
	case RIL_MATH_POWER: return raise(eval(child(p), point), eval(next(child(p)), point));
	case RIL_MATH_NEGATIVE: return -eval(child(p), point);
	case RIL_MATH_PLUSMINUS: return p.sign * eval(child(p), point);
	case RIL_MATH_PERCENT: return eval(child(p), point) / 100;
	case RIL_MATH_CALL: return call(p, point);
	default: return NAN;
	}
}

/* ---- looking at trees ---- */

static bool any(struct part p, bool (*is)(const struct ril_math_node *))
{
	bool found = is(node(p));
	for (struct part k = child(p); !found && k.at >= 0; k = next(k))
		found = any(k, is);
	return found;
}

static bool is_decimal(const struct ril_math_node *v)
{
	return v->kind == RIL_MATH_NUMBER && v->decimal;
}

static bool is_letter(const struct ril_math_node *v)
{
	return v->kind == RIL_MATH_SYMBOL && !ril_span_is(v->text, "e") && !ril_span_is(v->text, "i") &&
	       !ril_span_is(v->text, "\xCF\x80");
}

/* sin(pi), 0.1 + 0.2 - 0.3: not quite 0.  1.6e-19 is another thing. */
static bool may_cancel(const struct ril_math_node *v)
{
	return v->kind == RIL_MATH_CALL || v->kind == RIL_MATH_SUM;
}

static bool is_plus_minus(const struct ril_math_node *v)
{
	return v->kind == RIL_MATH_PLUSMINUS;
}

static bool is_structure(const struct ril_math_node *v)
{
	return v->kind == RIL_MATH_LIST || v->kind == RIL_MATH_UNION || v->kind == RIL_MATH_CHAIN ||
	       v->kind == RIL_MATH_MATRIX || v->kind == RIL_MATH_WORDS;
}

static bool alike(struct part a, struct part b)
{
	const struct ril_math_node *x = node(a), *y = node(b);
	if (x->kind == RIL_MATH_NUMBER && y->kind == RIL_MATH_NUMBER)
		return same_literal(a, b);
	if (x->kind != y->kind || x->open != y->open || x->shut != y->shut || x->relation != y->relation ||
	    !ril_span_eq(x->text, y->text))
		return false;
	struct part i = child(a), k = child(b);
	for (; i.at >= 0 && k.at >= 0; i = next(i), k = next(k))
		if (!alike(i, k))
			return false;
	return i.at == k.at;
}

/* ---- comparing ---- */

static bool finite_number(double complex x)
{
	return isfinite(creal(x)) && isfinite(cimag(x));
}

/* `zero`: what is smaller than this equals 0. */
static bool close_to(double complex x, double complex y, double within, double zero)
{
	double most = fmax(cabs(x), cabs(y));
	if (x == 0 || y == 0)
		return most <= zero;
	return cabs(x - y) <= within * most;
}

static bool equal_values(struct part a, struct part b)
{
	bool minus;
	if (literal(a, &minus) && literal(b, &minus))
		return same_literal(a, b);
	bool rounded = any(a, is_decimal) != any(b, is_decimal);
	double zero = any(a, may_cancel) || any(b, may_cancel) ? 1e-12 : 0;
	int points = any(a, is_letter) || any(b, is_letter) ? POINTS : 1, met = 0, exact = 0;
	for (int i = 0; i < points; i++) {
		double complex x = eval(a, i), y = eval(b, i);
		if (!finite_number(x) && !finite_number(y))
			continue;
		if (!finite_number(x) || !finite_number(y) ||
		    !close_to(x, y,
			      rounded      ? 2e-6
			      : points > 1 ? 1e-8
					   : 1e-12,
			      zero))
			return false;
		met++;
		exact += rounded || close_to(x, y, 1e-12, zero);
	}
	return (2 * met >= points && 4 * exact >= 3 * met) || alike(a, b);
}

/* 50% is .5; where only one has the sign it may also be a unit that the other left out. */
static bool equal_scalars(struct part a, struct part b)
{
	bool x = node(a)->kind == RIL_MATH_PERCENT, y = node(b)->kind == RIL_MATH_PERCENT;
	if (x && y)
		return equal_values(child(a), child(b));
	return equal_values(a, b) || (x && equal_values(child(a), b)) || (y && equal_values(a, child(b)));
}

/* lhs - rhs of two equations, a fixed multiple of one another. */
static bool equal_equations(struct part a, struct part b)
{
	double complex ratio = 0;
	for (int i = 0; i < POINTS; i++) {
		double complex x = eval(child(a), i) - eval(next(child(a)), i),
			       y = eval(child(b), i) - eval(next(child(b)), i), r = x / y;
		if (!finite_number(r) || cabs(r) < 1e-9 || (i && !close_to(r, ratio, 1e-8, 0)))
			return alike(a, b);
		ratio = r;
	}
	return true;
}

static bool equal(struct part a, struct part b);

/* The members of a list, twice where they have a plus-minus; false: too many. */
static bool members(struct part p, struct part *out, size_t *n)
{
	bool list = node(p)->kind == RIL_MATH_LIST || node(p)->kind == RIL_MATH_UNION;
	*n = 0;
	for (struct part k = list ? child(p) : p; k.at >= 0; k.at = list ? next(k).at : -1) {
		bool two = !is_structure(node(k)) && any(k, is_plus_minus);
		for (int sign = two ? -1 : 1; sign <= 1; sign += 2) {
			if (*n == MEMBERS)
				return false;
			out[*n] = k;
			out[(*n)++].sign = sign;
		}
	}
	return true;
}

static bool all_in(const struct part *a, size_t n, const struct part *b, size_t k)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;
		while (j < k && !equal(a[i], b[j]))
			j++;
		if (j == k)
			return false;
	}
	return true;
}

/* Ordered where both have round or square brackets, which must then be the same, or one has them and the other none. */
static bool equal_lists(struct part a, struct part b)
{
	struct part x[MEMBERS], y[MEMBERS];
	size_t n, k;
	if (!members(a, x, &n) || !members(b, y, &k))
		return false;
	bool list_a = node(a)->kind == RIL_MATH_LIST, list_b = node(b)->kind == RIL_MATH_LIST;
	unsigned char open_a = list_a ? node(a)->open : 0, open_b = list_b ? node(b)->open : 0;
	bool free_a = !open_a || open_a == '{', free_b = !open_b || open_b == '{';
	if (free_a && free_b)
		return all_in(x, n, y, k) && all_in(y, k, x, n);
	if (n != k || open_a == '{' || open_b == '{' ||
	    (!free_a && !free_b && (open_a != open_b || node(a)->shut != node(b)->shut)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!equal(x[i], y[i]))
			return false;
	return true;
}

static bool equal_words(struct ril_span a, struct ril_span b)
{
	size_t i = 0, k = 0;
	while (i < a.n && k < b.n) {
		if (tolower((unsigned char)a.s[i]) != tolower((unsigned char)b.s[k]))
			return false;
		i++, k++;
		while (i < a.n && k < b.n && a.s[i] == ' ' && a.s[i - 1] == ' ')
			i++;
		while (k < b.n && i < a.n && b.s[k] == ' ' && b.s[k - 1] == ' ')
			k++;
	}
	return i == a.n && k == b.n;
}

/* Is it said that a number equals another? */
static bool identity(struct part p)
{
	return node(p)->kind == RIL_MATH_CHAIN && !any(p, is_letter);
}

static bool equation(struct part chain)
{
	struct part second = next(child(chain));
	return next(second).at < 0 && node(second)->relation == RIL_MATH_EQ;
}

static bool equal_side(struct part chain, struct part other)
{
	for (struct part k = child(chain); k.at >= 0; k = next(k))
		if (equal(k, other))
			return true;
	return false;
}

static bool equal_rows(struct part a, struct part b)
{
	struct part i = child(a), k = child(b);
	for (; i.at >= 0 && k.at >= 0; i = next(i), k = next(k))
		if (!equal_lists(i, k))
			return false;
	return i.at == k.at;
}

static bool equal(struct part a, struct part b)
{
	enum ril_math_kind x = node(a)->kind, y = node(b)->kind;
	if (--*a.left < 0)
		return false;
	if (identity(a))
		return equal_side(a, b);
	if (identity(b))
		return equal_side(b, a);
	if (x == RIL_MATH_CHAIN || y == RIL_MATH_CHAIN)
		return x == y && (equation(a) && equation(b) ? equal_equations(a, b) : alike(a, b));
	if (x == RIL_MATH_WORDS || y == RIL_MATH_WORDS)
		return x == y && equal_words(node(a)->text, node(b)->text);
	if (x == RIL_MATH_MATRIX || y == RIL_MATH_MATRIX)
		return x == y && equal_rows(a, b);
	if (x == RIL_MATH_UNION || y == RIL_MATH_UNION || x == RIL_MATH_LIST || y == RIL_MATH_LIST ||
	    (a.sign == 0 && any(a, is_plus_minus)) || (b.sign == 0 && any(b, is_plus_minus)))
		return equal_lists(a, b);
	return equal_scalars(a, b);
}

bool ril_math_equal(const struct ril_math *a, const struct ril_math *b)
{
	int left = COMPARISONS;
	if (a->root < 0 || b->root < 0) /* nothing was read */
		return false;
	return equal((struct part){a, a->root, 0, &left}, (struct part){b, b->root, 0, &left});
}

/* ---- what is wrong in itself ---- */

/* Is b a number written out that a is rounded to?  To a whole one only where that is said. */
static bool rounded(struct part a, struct part b, bool near)
{
	bool minus;
	double complex x = eval(a, 0), y = eval(b, 0);
	if (!literal(b, &minus))
		return false;
	while (node(b)->kind == RIL_MATH_NEGATIVE)
		b = child(b);
	double by = (cabs(y) - cabs(x)) / pow(10, node(b)->exponent);
	return (near || node(b)->exponent < 0) && finite_number(x) && cimag(x) == 0 && creal(x) * creal(y) > 0 &&
	       by > -.4999999 && by < .5000001;
}

static bool agree(struct part a, struct part b, unsigned char relation)
{
	bool near = relation == RIL_MATH_NEAR;
	return (near || relation == RIL_MATH_EQ) && (equal(a, b) || rounded(a, b, near) || rounded(b, a, near));
}

static bool sound(struct part p)
{
	struct part first = child(p);
	if (identity(p))
		for (struct part k = first, n; (n = next(k)).at >= 0; k = n)
			if (!agree(k, n, node(n)->relation) || !agree(first, n, node(n)->relation))
				return false;
	for (struct part k = first; k.at >= 0; k = next(k))
		if (!sound(k))
			return false;
	return true;
}

bool ril_math_sound(const struct ril_math *m)
{
	int left = COMPARISONS;
	return sound((struct part){m, m->root, 0, &left});
}

/* A number that needs no computing: 3, -3, 1/3, 2^5. */
static bool plain_number(struct part p)
{
	while (node(p)->kind == RIL_MATH_NEGATIVE)
		p = child(p);
	enum ril_math_kind k = node(p)->kind;
	if (k == RIL_MATH_RATIO || k == RIL_MATH_POWER)
		return plain_number(child(p)) && plain_number(next(child(p)));
	return k == RIL_MATH_NUMBER || k == RIL_MATH_MIXED || k == RIL_MATH_PERCENT;
}

/* 1.5 * 10^3 */
static bool scientific(struct part a, struct part b)
{
	return node(b)->kind == RIL_MATH_POWER && node(child(b))->kind == RIL_MATH_NUMBER &&
	       number_value(node(child(b))) == 10 && node(a)->kind == RIL_MATH_NUMBER;
}

static bool undone(struct part p)
{
	enum ril_math_kind kind = node(p)->kind;
	struct part first = child(p);
	int numbers = 0, all = 0;
	if (kind == RIL_MATH_CALL && (ril_span_is(node(p)->text, "!") || ril_span_is(node(p)->text, "binom")))
		return !any(p, is_letter);
	for (struct part k = first; k.at >= 0; k = next(k)) {
		if (undone(k))
			return true;
		numbers += plain_number(k);
		all++;
	}
	if (kind == RIL_MATH_PRODUCT && all == 2 && scientific(first, next(first)))
		return false;
	if (kind == RIL_MATH_RATIO && all == 2 && numbers == 2) {
		struct part b = next(first);
		while (node(first)->kind == RIL_MATH_NEGATIVE)
			first = child(first);
		while (node(b)->kind == RIL_MATH_NEGATIVE)
			b = child(b);
		return node(first)->kind == RIL_MATH_RATIO || node(b)->kind == RIL_MATH_RATIO;
	}
	return (kind == RIL_MATH_SUM || kind == RIL_MATH_PRODUCT) && numbers > 1;
}

bool ril_math_undone(const struct ril_math *m)
{
	struct part p = {m, m->root, 0, NULL};
	if (!identity(p))
		return undone(p);
	for (struct part k = child(p); k.at >= 0; k = next(k))
		if (!undone(k))
			return false; /* 6 * 7 = 42 */
	return true;
}
