/* ptb_numbers.c -- matchers for numbers, dates, fractions and telephone numbers. */
#include "caption/ptb_internal.h"

#include <stddef.h>

/* ---- numbers ---- */

int ril_ptb_number(const struct ril_ptb_scan *t, int i)
{
	int e = i + (t->s[i] == '-' || t->s[i] == '+');
	bool some = t->k[e] & RIL_PTB_DIGIT;
	e = ril_ptb_run(t, e, RIL_PTB_DIGIT);
	while ((ril_ptb_in(t->s[e], ".:,") || t->s[e] == 0xAD || t->s[e] == 0x66B || t->s[e] == 0x66C) &&
	       (t->k[e + 1] & RIL_PTB_DIGIT)) {
		some = true;
		e = ril_ptb_run(t, e + 1, RIL_PTB_DIGIT);
	}
	return some ? e : 0;
}

static int digit_run(const struct ril_ptb_scan *t, int i, int least, int most)
{
	int e = i;
	while (e - i < most && (t->k[e] & RIL_PTB_DIGIT))
		e++;
	return e - i >= least ? e : 0;
}

int ril_ptb_date(const struct ril_ptb_scan *t, int i)
{
	for (int k = 0; k < 2; k++) {
		if (!(i = digit_run(t, i, 1, 2)) || (t->s[i] != '-' && t->s[i] != '/'))
			return 0;
		i++;
	}
	return digit_run(t, i, 2, 4);
}

static int plain_fraction(const struct ril_ptb_scan *t, int i)
{
	int e = digit_run(t, i, 1, 4);
	if (!e)
		return 0;
	if (t->s[e] == 0x2044 || t->s[e] == '/')
		return digit_run(t, e + 1, 1, 4);
	return t->s[e] == '\\' && t->s[e + 1] == '/' ? digit_run(t, e + 2, 1, 4) : 0;
}

/* 3/4, 1-1/2, and 1 1/2 as one token */
int ril_ptb_fraction(const struct ril_ptb_scan *t, int i)
{
	int e = digit_run(t, i, 1, 4), mixed = 0;
	if (e && (ril_ptb_in(t->s[e], "- ") || t->s[e] == 0xA0))
		mixed = plain_fraction(t, e + 1);
	return mixed ? mixed : plain_fraction(t, i);
}

static bool phone_gap(uint32_t c)
{
	return c == '-' || c == ' ' || c == 0xA0;
}

static int phone_tail(const struct ril_ptb_scan *t, int i)
{
	int e = ril_ptb_digits(t, i, 3, 9), n = e - i, best = e && n >= 6 ? e : 0;
	if (e && n <= 4 && phone_gap(t->s[e]) && (e = ril_ptb_digits(t, e + 1, 3, 5)))
		best = e;
	return best;
}

static int phone_groups(const struct ril_ptb_scan *t, int i)
{
	int best = 0, e = ril_ptb_digits(t, i, 2, 4);
	if (e && phone_gap(t->s[e])) {
		int f = ril_ptb_digits(t, e + 1, 2, 4);
		best = phone_tail(t, e + 1);
		if (f && phone_gap(t->s[f]) && (f = phone_tail(t, f + 1)) > best)
			best = f;
	}
	return best;
}

static int phone_dotted(const struct ril_ptb_scan *t, int i)
{
	int e[4], n = 0, at = i;
	while (n < 4 && (e[n] = ril_ptb_digits(t, at, 2, 5))) {
		if (t->s[e[n++]] != '.')
			break;
		at = e[n - 1] + 1;
	}
	for (int lead = n == 4; lead >= 0; lead--) { /* an optional group in front of three */
		if (n < lead + 3)
			continue;
		int a = i, ok = 1;
		for (int g = 0; g < lead + 2; g++) {
			int len = e[g] - a;
			ok &= len <= 4 && len >= (g == lead + 1 ? 3 : 2);
			a = e[g] + 1;
		}
		if (ok && ril_ptb_digits(t, a, 3, 5))
			return ril_ptb_digits(t, a, 3, 5);
	}
	return 0;
}

int ril_ptb_phone(const struct ril_ptb_scan *t, int i)
{
	if (t->s[i] == '(') {
		int e = ril_ptb_digits(t, i + 1, 2, 3);
		if (!e || t->s[e] != ')')
			return 0;
		int gap = t->s[e + 1] == ' ' || t->s[e + 1] == 0xA0 ? phone_tail(t, e + 2) : 0;
		return gap ? gap : phone_tail(t, e + 1);
	}
	for (int k = 0; k < 2 && t->s[i] == '+'; k++)
		i++;
	int a = phone_groups(t, i), b = phone_dotted(t, i);
	return a > b ? a : b;
}
