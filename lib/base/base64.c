/* base64.c -- see base64.h. */
#include "base/base64.h"

/* A character's six bits, or -1. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int wrong(struct ril_err *err, size_t at)
{
	return ril_fail(err, RIL_ECORRUPT, "not base64 at character %zu", at);
}

int ril_base64_decode(struct ril_buf *out, const char *text, size_t n, struct ril_err *err)
{
	size_t digits = n;
	if (n % 4)
		return ril_fail(err, RIL_ECORRUPT, "base64 of %zu characters, no multiple of four", n);
	while (digits && n - digits < 2 && text[digits - 1] == '=')
		digits--;
	if (ril_buf_reserve(out, n / 4 * 3 + 1, err))
		return -1;
	uint32_t bits = 0;
	for (size_t i = 0; i < digits; i++) {
		int d = digit(text[i]);
		if (d < 0)
			return wrong(err, i);
		bits = bits << 6 | (uint32_t)d;
		if (i % 4) /* the second, third and fourth of four digits complete a byte */
			out->data[out->len++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	out->data[out->len] = 0;
	/* one left over: the last digit holds 4 bits of no byte; two: 2 */
	uint32_t rest = digits % 4 == 2 ? bits & 15 : digits % 4 == 3 ? bits & 3 : 0;
	return rest ? wrong(err, digits - 1) : 0;
}
