/* math_relation.c -- what is said of something by = and <: its name, and the interval that an inequality is. */
#include "score/judge/math_internal.h"

static const struct ril_math_node *look(const struct ril_math *m, int node)
{
	return &m->node[node];
}

static struct ril_math_node *at(struct ril_math *m, int node)
{
	return &m->node[node];
}

/* AB, ABC: points of a figure. */
static bool points(const struct ril_math *m, int k)
{
	for (; k >= 0; k = look(m, k)->next)
		if (look(m, k)->kind != RIL_MATH_SYMBOL || look(m, k)->text.n != 1 || *look(m, k)->text.s < 'A' ||
		    *look(m, k)->text.s > 'Z')
			return false;
	return true;
}

/* x, f(x), f(2), (x, y), AB: what something is said of. */
bool ril_math_names(const struct ril_math *m, int n)
{
	const struct ril_math_node *v = &m->node[n];
	if (v->kind == RIL_MATH_SYMBOL)
		return true;
	if (v->kind == RIL_MATH_PRODUCT && points(m, v->child))
		return true;
	if (v->kind == RIL_MATH_PRODUCT)
		return look(m, v->child)->kind == RIL_MATH_SYMBOL &&
		       look(m, v->child)->text.s[look(m, v->child)->text.n] == '(' &&
		       m->node[look(m, v->child)->next].next < 0 &&
		       (look(m, look(m, v->child)->next)->kind == RIL_MATH_NUMBER ||
			ril_math_names(m, look(m, v->child)->next));
	bool all = v->kind == RIL_MATH_LIST && v->child >= 0;
	for (int k = v->child; all && k >= 0; k = look(m, k)->next)
		all = look(m, k)->kind == RIL_MATH_SYMBOL;
	return all;
}

static int negative_infinity(struct ril_math_parse *p)
{
	int n = ril_math_node(p, RIL_MATH_NEGATIVE, (struct ril_span){"", 0}),
	    all = ril_math_node(p, RIL_MATH_INFINITY, (struct ril_span){"", 0});
	if (n >= 0)
		at(p->m, n)->child = all;
	return all < 0 ? -1 : n;
}

/* a < x <= b, x > a, a >= x: an interval; -1: none. */
int ril_math_interval(struct ril_math_parse *p, int chain)
{
	int side[3], n = 0;
	for (int k = at(p->m, chain)->child; k >= 0; k = at(p->m, k)->next)
		if (n == 3 || (side[n++] = k) < 0)
			return -1;
	int x = n == 2 && ril_math_names(p->m, side[0]) ? 0 : 1;
	bool up = false, down = false;
	for (int i = 1; i < n; i++) {
		unsigned char r = at(p->m, side[i])->relation;
		up |= r == RIL_MATH_LT || r == RIL_MATH_LE;
		down |= r == RIL_MATH_GT || r == RIL_MATH_GE;
	}
	if (n < 2 || up == down || at(p->m, side[x])->kind != RIL_MATH_SYMBOL)
		return -1;
	/* The relation beside each end, from below to above; an end that is not there is open. */
	int a = x == 1 ? side[0] : -1, b = n == 3 ? side[2] : x == 0 ? side[1] : -1;
	unsigned char ra = x == 1 ? at(p->m, side[1])->relation : 0, rb = b >= 0 ? at(p->m, b)->relation : 0;
	for (int i = 1; i < n; i++)
		if (up != (at(p->m, side[i])->relation == RIL_MATH_LT || at(p->m, side[i])->relation == RIL_MATH_LE))
			return -1;
	int low = up ? a : b, high = up ? b : a;
	unsigned char rl = up ? ra : rb, rh = up ? rb : ra;
	if (low < 0)
		low = negative_infinity(p);
	if (high < 0)
		high = ril_math_node(p, RIL_MATH_INFINITY, (struct ril_span){"", 0});
	if (low < 0 || high < 0)
		return -1;
	at(p->m, high)->next = -1;
	int list = ril_math_node(p, RIL_MATH_LIST, (struct ril_span){"", 0});
	if (list >= 0) {
		at(p->m, list)->child = low;
		at(p->m, low)->next = high;
		at(p->m, list)->open = rl == RIL_MATH_LE || rl == RIL_MATH_GE ? '[' : '(';
		at(p->m, list)->shut = rh == RIL_MATH_LE || rh == RIL_MATH_GE ? ']' : ')';
	}
	return list;
}
