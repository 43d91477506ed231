/* nfc.c -- Unicode NFC where it is needed, by utf8proc.
 *
 * Nearly all text is in NFC already.  A character is calm when it neither changes nor joins what stands before it: all
 * below U+0300, and above it what is no mark, no Hangul jamo and has no decomposition (a subset of Unicode's
 * NFC_Quick_Check = Yes, ccc = 0). Calm stretches are copied; only a run of other characters, with the one before it,
 * goes through the full algorithm.
 *
 * The reference's tables are those of Unicode 9: a mark assigned later neither moves nor joins there, and so it is
 * here. */
#include "text/tokenizer_internal.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Characters that moved or joined first after Unicode 9: measured over all code points of Unicode 15. */
static bool late(int32_t c)
{
	static const int32_t range[][2] = {
		{0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
		{0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
		{0xa82c, 0xa82c},   {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50},
		{0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
		{0x11930, 0x11930}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0}, {0x11a34, 0x11a34},
		{0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97},
		{0x11f41, 0x11f42}, {0x16ff0, 0x16ff1}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae},
		{0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
	};
	size_t lo = 0, hi = sizeof range / sizeof *range;
	if (c < 0x7fd || (c >= 0x2000 && c < 0xa82c) || (c >= 0xac00 && c < 0x10d24))
		return false; /* most text */
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (c > range[mid][1])
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sizeof range / sizeof *range && c >= range[lo][0];
}

static bool calm(int32_t c)
{
	if (c < 0x300 || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3))
		return true;
	if (c >= 0x1100 && c <= 0x11FF)
		return false;
	const utf8proc_property_t *p = utf8proc_get_property(c);
	return (p->decomp_seqindex == UINT16_MAX && p->category != UTF8PROC_CATEGORY_MN &&
		p->category != UTF8PROC_CATEGORY_MC && p->category != UTF8PROC_CATEGORY_ME) ||
	       late(c);
}

/* The first restless character at or after `at` (n if none); *before is where the character before it begins, or
 * ends where that is a late one, which nothing may join. */
static size_t find_restless(const unsigned char *s, size_t n, size_t at, size_t *before)
{
	*before = at;
	while (at < n) {
		if (s[at] < 0xCC) { /* below U+0300 */
			*before = at;
			at += s[at] < 0x80 ? 1 : 2;
			continue;
		}
		utf8proc_int32_t c;
		utf8proc_ssize_t len = utf8proc_iterate(s + at, (utf8proc_ssize_t)(n - at), &c);
		if (len <= 0 || !calm(c))
			return at;
		*before = late(c) ? at + (size_t)len : at;
		at += (size_t)len;
	}
	return n;
}

static size_t restless_end(const unsigned char *s, size_t n, size_t at)
{
	while (at < n) {
		utf8proc_int32_t c;
		utf8proc_ssize_t len = utf8proc_iterate(s + at, (utf8proc_ssize_t)(n - at), &c);
		if (len > 0 && calm(c))
			break;
		at += len > 0 ? (size_t)len : 1;
	}
	return at;
}

static int normalize(struct ril_buf *out, const unsigned char *s, size_t n, struct ril_err *err)
{
	utf8proc_uint8_t *nfc = NULL;
	utf8proc_ssize_t len = utf8proc_map(s, (utf8proc_ssize_t)n, &nfc, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (len < 0)
		return ril_fail(err, RIL_EFAIL, "NFC: %s", utf8proc_errmsg(len));
	int rc = ril_buf_add(out, nfc, (size_t)len, err);
	free(nfc);
	return rc;
}

int ril_nfc(struct ril_buf *out, const char *text, size_t n, struct ril_err *err)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t copied = 0, before, at = find_restless(s, n, 0, &before);
	if (at == n)
		return 1;
	while (at < n) {
		size_t end = restless_end(s, n, at);
		if (ril_buf_add(out, s + copied, before - copied, err) || normalize(out, s + before, end - before, err))
			return -1;
		copied = end;
		at = find_restless(s, n, end, &before);
	}
	return ril_buf_add(out, s + copied, n - copied, err);
}
