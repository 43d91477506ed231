/* scan.c -- JSON read in place; see scan.h. */
#include "base/scan.h"

#include "base/json.h"

static void fault(struct ril_scan *s, const char *what)
{
	if (!s->failed)
		ril_fail(s->err, RIL_ECORRUPT, "%s at byte %zu", what, (size_t)(s->at - s->begin));
	s->failed = true;
}

int ril_scan_fail(struct ril_scan *s, const char *what)
{
	fault(s, what);
	return -1;
}

void ril_scan_start(struct ril_scan *s, const char *text, size_t n, struct ril_err *err)
{
	size_t at = 0;
	*s = (struct ril_scan){.begin = text, .at = text, .end = text + n, .err = err};
	if (!ril_utf8_valid(text, n, &at)) {
		s->at += at;
		fault(s, "invalid UTF-8");
	}
}

void ril_scan_free(struct ril_scan *s)
{
	ril_buf_free(&s->text);
}

static void blanks(struct ril_scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

int ril_scan_end(struct ril_scan *s)
{
	if (!s->failed) {
		blanks(s);
		if (s->at < s->end)
			fault(s, "text after the JSON value");
	}
	return s->failed ? -1 : 0;
}

char ril_scan_peek(struct ril_scan *s)
{
	if (s->failed)
		return 0;
	blanks(s);
	if (s->at == s->end)
		return 0;
	return *s->at == '-' || (unsigned)*s->at - '0' < 10 ? '0' : *s->at;
}

void ril_scan_open(struct ril_scan *s, char kind)
{
	if (ril_scan_peek(s) != kind) {
		fault(s, "not JSON as expected");
		return;
	}
	s->at++;
	s->first = true;
}

bool ril_scan_more(struct ril_scan *s)
{
	char c = ril_scan_peek(s);
	bool first = s->first;
	s->first = false;
	if (c == ']' || c == '}') {
		s->at++;
		return false;
	}
	if (!first && c == ',') {
		s->at++;
		return !s->failed;
	}
	if (!first || !c)
		fault(s, "not JSON");
	return !s->failed;
}

/* Four hexadecimal digits, -1 if there are none. */
static int hex4(const char *p, const char *end)
{
	int v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned digit = (unsigned)p[i] - '0', letter = ((unsigned)p[i] | 32) - 'a';
		if (digit > 9 && letter > 5)
			return -1;
		v = v << 4 | (int)(digit <= 9 ? digit : letter + 10);
	}
	return v;
}

static size_t put_code_point(char u[4], int c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = n; i-- > 1; c >>= 6)
		u[i] = (char)(0x80 | (c & 0x3F));
	u[0] = (char)(lead[n] | c);
	return n;
}

/* "uXXXX" at p, or two of them that are a pair; half a surrogate pair is no character. */
static size_t unicode(const char *p, const char *end, char to[4], const char **behind, const char **why)
{
	int c = hex4(p + 1, end), low = -1;
	p += 5;
	*why = "not four hexadecimal digits in an escape";
	if (c < 0)
		return 0;
	*why = "a lone surrogate";
	if (c >= 0xD800 && c < 0xDC00 && end - p > 2 && p[0] == '\\' && p[1] == 'u' &&
	    (low = hex4(p + 2, end)) >= 0xDC00 && low < 0xE000) {
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	}
	if (c >= 0xD800 && c < 0xE000)
		return 0;
	*behind = p;
	return put_code_point(to, c);
}

size_t ril_scan_escape(const char *p, const char *end, char to[4], const char **behind, const char **why)
{
	static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
	const char *k = p < end && *p ? strchr(from, *p) : NULL;
	if (p < end && *p == 'u')
		return unicode(p, end, to, behind, why);
	*why = p < end ? "unknown escape" : "cut off inside an escape";
	if (!k)
		return 0;
	*to = plain[k - from];
	*behind = p + 1;
	return 1;
}

/* The escape behind a backslash at p; the byte after it, or NULL. */
static const char *escape(struct ril_scan *s, const char *p)
{
	const char *behind, *why;
	char to[4];
	size_t n = ril_scan_escape(p, s->end, to, &behind, &why);
	return !n || ril_buf_add(&s->text, to, n, s->err) ? NULL : behind;
}

/* The closing quote or first backslash from p on. */
static const char *plain_end(const struct ril_scan *s, const char *p)
{
	while (p < s->end && *p != '"' && *p != '\\')
		p++;
	return p;
}

struct ril_scan_text ril_scan_string(struct ril_scan *s)
{
	struct ril_scan_text none = {"", 0};
	if (ril_scan_peek(s) != '"')
		return fault(s, "not a string"), none;
	const char *from = s->at + 1, *p = plain_end(s, from);
	if (p < s->end && *p == '"') {
		s->at = p + 1;
		return (struct ril_scan_text){from, (size_t)(p - from)};
	}
	s->text.len = 0;
	while (p < s->end && *p == '\\') {
		const char *next = ril_buf_add(&s->text, from, (size_t)(p - from), s->err) ? NULL : escape(s, p + 1);
		if (!next) {
			s->at = p;
			return fault(s, "a bad escape"), none;
		}
		from = next;
		p = plain_end(s, from);
	}
	if (p == s->end || ril_buf_add(&s->text, from, (size_t)(p - from), s->err))
		return fault(s, "a string without end"), none;
	s->at = p + 1;
	return (struct ril_scan_text){s->text.data, s->text.len};
}

struct ril_scan_text ril_scan_key(struct ril_scan *s)
{
	struct ril_scan_text key = ril_scan_string(s);
	if (ril_scan_peek(s) != ':')
		fault(s, "not JSON");
	else
		s->at++;
	return key;
}

struct ril_scan_text ril_scan_number(struct ril_scan *s)
{
	const char *from = s->at;
	if (ril_scan_peek(s) != '0')
		return fault(s, "not a number"), (struct ril_scan_text){"", 0};
	for (from = s->at; s->at < s->end && *s->at && strchr("+-.0123456789eE", *s->at);)
		s->at++;
	return (struct ril_scan_text){from, (size_t)(s->at - from)};
}

static bool word(struct ril_scan *s, const char *w)
{
	size_t n = strlen(w);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n))
		return fault(s, "not JSON"), false;
	s->at += n;
	return true;
}

bool ril_scan_true(struct ril_scan *s)
{
	if (ril_scan_peek(s) == 't')
		return word(s, "true");
	ril_scan_skip(s);
	return false;
}

/* Passes over a value: brackets by their depth, strings whole. */
void ril_scan_skip(struct ril_scan *s)
{
	size_t depth = 0;
	do {
		switch (ril_scan_peek(s)) {
		case '{':
		case '[':
			s->at++;
			depth++;
			break;
		case '}':
		case ']':
			if (!depth) {
				fault(s, "not JSON");
				return;
			}
			s->at++;
			depth--;
			break;
		case ',':
		case ':':
			if (!depth)
				fault(s, "not JSON");
			s->at++;
			break;
		case '"': ril_scan_string(s); break;
		case '0': ril_scan_number(s); break;
		case 't': word(s, "true"); break;
		case 'f': word(s, "false"); break;
		case 'n': word(s, "null"); break;
		default: fault(s, "not JSON");
		}
	} while (depth && !s->failed);
}
