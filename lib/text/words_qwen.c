/* words_qwen.c -- Qwen2's pre-tokeniser expression written out by hand:
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} |  ?[^\s\p{L}\p{N}]+[\r\n]* |
 *     \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * Every character is a letter, a number, white space or something else, so the alternatives cover all text and the
 * first that matches follows from the classes of the first two characters.  ASCII goes through a table. */
#include "text/words.h"

#include <utf8proc.h>

enum { OTHER = 0, LETTER = 1, NUMBER = 2, SPACE = 3, BREAK = 4 /* \r \n */, WIDE = 5 /* not ASCII: decode */ };

static const unsigned char class_of[256] = {
	['\t'] = SPACE, ['\v'] = SPACE,         ['\f'] = SPACE,         [' '] = SPACE,          ['\n'] = BREAK,
	['\r'] = BREAK, ['0' ... '9'] = NUMBER, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER, [0x80 ... 0xFF] = WIDE,
};

static bool white(int32_t c)
{
	return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202F || c == 0x205F || c == 0x3000;
}

static int wide_class(const unsigned char *s, size_t *len)
{
	int32_t c;
	if (s[0] < 0xE0) {
		*len = 2;
		c = (s[0] & 0x1F) << 6 | (s[1] & 0x3F);
	} else if (s[0] < 0xF0) {
		*len = 3;
		c = (s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
	} else {
		*len = 4;
		c = (s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 | (s[3] & 0x3F);
	}
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return LETTER;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return NUMBER;
	default: return white(c) ? SPACE : OTHER;
	}
}

/* Class and length of the character at s[at]; -1 at the end. */
static inline int classify(const unsigned char *s, size_t n, size_t at, size_t *len)
{
	*len = 1;
	if (at >= n)
		return -1;
	int c = class_of[s[at]];
	return c == WIDE ? wide_class(s + at, len) : c;
}

static inline size_t run_of(const unsigned char *s, size_t n, size_t at, int class)
{
	for (;;) {
		size_t len = 1;
		while (at < n && class_of[s[at]] == class)
			at++;
		if (at >= n || class_of[s[at]] != WIDE || wide_class(s + at, &len) != class)
			return at;
		at += len;
	}
}

/* 's 't 're 've 'm 'll 'd in either case; the long s folds to s.  0 if there is none. */
static size_t contraction(const unsigned char *s, size_t n)
{
	if (n < 2)
		return 0;
	int a = s[1] | 0x20;
	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return 2;
	if (n < 3)
		return 0;
	int b = s[2] | 0x20;
	return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') || (s[1] == 0xC5 && s[2] == 0xBF) ? 3 : 0;
}

/* White space from `at`: through its last line break, if it has one; else all of it but what the next word takes. */
static size_t space_end(const unsigned char *s, size_t n, size_t at)
{
	size_t end = at, after_break = 0, last = at, len;
	for (int c; (c = classify(s, n, end, &len)) == SPACE || c == BREAK; end += len) {
		last = end;
		if (c == BREAK)
			after_break = end + 1;
	}
	return after_break ? after_break : end == n || last == at ? end : last;
}

size_t ril_words_qwen(const unsigned char *s, size_t n, size_t at)
{
	size_t len, next_len;
	if (s[at] == '\'') {
		size_t k = contraction(s + at, n - at);
		if (k)
			return at + k;
	}
	int c = classify(s, n, at, &len);
	if (c == LETTER)
		return run_of(s, n, at + len, LETTER);
	if (c == NUMBER)
		return at + len;
	if (c == BREAK)
		return space_end(s, n, at);
	int next = classify(s, n, at + len, &next_len);
	if (next == LETTER)
		return run_of(s, n, at + len + next_len, LETTER);
	if (c == OTHER || (s[at] == ' ' && next == OTHER)) {
		size_t end = run_of(s, n, at + len, OTHER);
		while (end < n && class_of[s[end]] == BREAK)
			end++;
		return end;
	}
	return space_end(s, n, at);
}
