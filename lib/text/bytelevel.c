/* bytelevel.c -- the alphabet that byte-level BPE files are written in (GPT-2's): printable Latin-1 characters stand
 * for themselves, the 68 other bytes for U+0100, U+0101, ... in order. */
#include "text/tokenizer_internal.h"

static bool plain(int b)
{
	return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

static int code_of(int byte)
{
	if (plain(byte))
		return byte;
	int k = 0;
	for (int b = 0; b < byte; b++)
		k += !plain(b);
	return 256 + k;
}

/* byte -> code point; built once, by whoever comes first (the same values from any thread). */
static const uint16_t *codes(void)
{
	static uint16_t table[256];
	if (!__atomic_load_n(&table[255], __ATOMIC_ACQUIRE)) {
		for (int b = 0; b < 255; b++)
			__atomic_store_n(&table[b], (uint16_t)code_of(b), __ATOMIC_RELAXED);
		__atomic_store_n(&table[255], (uint16_t)code_of(255), __ATOMIC_RELEASE);
	}
	return table;
}

static int byte_of(int code)
{
	if (code < 256)
		return plain(code) ? code : -1;
	const uint16_t *c = codes();
	static const struct {
		int lo, hi;
	} gaps[] = {{0, 32}, {127, 160}, {173, 173}};
	for (int g = 0; g < 3; g++)
		if (code <= c[gaps[g].hi])
			return gaps[g].lo + code - c[gaps[g].lo];
	return -1;
}

int ril_bytelevel_decode(struct ril_buf *out, const char *s, size_t n, struct ril_err *err)
{
	const unsigned char *u = (const unsigned char *)s;
	if (ril_buf_reserve(out, n, err))
		return -1;
	for (size_t i = 0; i < n;) {
		int code = u[i] < 0x80                ? u[i]
			   : u[i] < 0xE0 && i + 1 < n ? (u[i] & 0x1F) << 6 | (u[i + 1] & 0x3F)
						      : 1 << 20;
		int byte = byte_of(code);
		if (byte < 0)
			return 1;
		out->data[out->len++] = (char)byte;
		i += code < 0x80 ? 1 : 2;
	}
	out->data[out->len] = 0;
	return 0;
}

int ril_bytelevel_encode(struct ril_buf *out, const char *bytes, size_t n, struct ril_err *err)
{
	const uint16_t *c = codes();
	for (size_t i = 0; i < n; i++) {
		int code = c[(unsigned char)bytes[i]];
		char two[2] = {(char)(0xC0 | code >> 6), (char)(0x80 | (code & 0x3F))}, one = (char)code;
		if (code < 0x80 ? ril_buf_add(out, &one, 1, err) : ril_buf_add(out, two, 2, err))
			return -1;
	}
	return 0;
}
