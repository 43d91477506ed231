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

int ril_base64_encode(struct ril_buf *out, const void *bytes, size_t n, struct ril_err *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = bytes;
	size_t room;
	if (!ril_mul(&room, n / 3 + 1, 4))
		return ril_fail(err, RIL_EFAIL, "out of memory (base64 of %zu bytes)", n);
	if (ril_buf_reserve(out, room, err))
		return -1;
	char *to = out->data + out->len;
	for (size_t i = 0; i < n; i += 3, to += 4) {
		size_t left = n - i;
		uint32_t bits =
			(uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0u);
		to[0] = digits[bits >> 18];
		to[1] = digits[bits >> 12 & 63];
		to[2] = left > 1 ? digits[bits >> 6 & 63] : '=';
		to[3] = left > 2 ? digits[bits & 63] : '=';
	}
	out->len = (size_t)(to - out->data);
	out->data[out->len] = 0;
	return 0;
}
