/* scan.c -- JSON read in place; see scan.h. */
#include "base/scan.h"

#include "base/json.h"

static void fault(struct ril_scan *s, const char *what)
{
	size_t at = (size_t)(s->at - s->begin);
	if (!s->failed && s->own)
		ril_fail(s->err, RIL_ECORRUPT, "%s, byte %zu: %s", s->name, at, what);
	else if (!s->failed)
		ril_fail(s->err, RIL_ECORRUPT, "%s at byte %zu", what, at);
	s->failed = true;
}

/* Something else stands where c should: a strict scan says c, another what it says of such a place. */
static void missing(struct ril_scan *s, char c, const char *otherwise)
{
	char what[] = "expected ' '";
	what[10] = c;
	fault(s, s->own ? what : otherwise);
}

int ril_scan_fail(struct ril_scan *s, const char *what)
{
	fault(s, what);
	return -1;
}

static void start(struct ril_scan *s, size_t n)
{
	size_t at = 0;
	s->at = s->begin;
	s->end = s->begin + n;
	if (!ril_utf8_valid(s->begin, n, &at)) {
		s->at += at;
		fault(s, "invalid UTF-8");
	}
}

void ril_scan_start(struct ril_scan *s, const char *text, size_t n, struct ril_err *err)
{
	*s = (struct ril_scan){.begin = text, .err = err};
	start(s, n);
}

void ril_scan_start_strict(struct ril_scan *s, char *text, size_t n, const char *name, struct ril_err *err)
{
	*s = (struct ril_scan){.begin = text, .own = text, .name = name, .err = err};
	start(s, n);
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

bool ril_scan_left(struct ril_scan *s)
{
	blanks(s);
	return s->at < s->end;
}

int ril_scan_end(struct ril_scan *s)
{
	if (ril_scan_left(s))
		fault(s, "text after the JSON value");
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
		missing(s, kind, "not JSON as expected");
		return;
	}
	s->at++;
	s->lists = s->lists << 1 | (kind == '[');
	s->first = true;
}

bool ril_scan_more(struct ril_scan *s)
{
	char c = ril_scan_peek(s), close = s->lists & 1 ? ']' : '}';
	bool first = s->first;
	s->first = false;
	if (c == close || (!s->own && (c == ']' || c == '}'))) {
		s->at++;
		s->lists >>= 1;
		return false;
	}
	if (!first && c == ',') {
		s->at++;
		return !s->failed;
	}
	/* Where the text ends at once, a strict scan misses the element, and its reader says so. */
	if (!first || (!c && !s->own))
		missing(s, close, "not JSON");
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

/* The escape behind a backslash, at p: its one to four bytes of UTF-8 go to `to` and their number is returned, *behind is
 * the byte after it.  0: there is none, and *why says so. */
static size_t decode(const char *p, const char *end, char to[4], const char **behind, const char **why)
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

/* Adds decoded bytes to the string: at *to, in a strict scan's own text (they are never longer than what they stand for), or
 * to the buffer. */
static int put(struct ril_scan *s, char **to, const char *from, size_t n)
{
	if (!*to) {
		s->failed |= ril_buf_add(&s->text, from, n, s->err) != 0;
		return s->failed ? -1 : 0;
	}
	memmove(*to, from, n);
	*to += n;
	return 0;
}

/* The escape behind a backslash at p; the byte after it, or NULL and *why. */
static const char *escape(struct ril_scan *s, char **to, const char *p, const char **why)
{
	const char *behind;
	char bytes[4];
	size_t n = decode(p, s->end, bytes, &behind, why);
	if (n && !bytes[0] && s->own) {
		*why = "a NUL in a string";
		return NULL;
	}
	return !n || put(s, to, bytes, n) ? NULL : behind;
}

/* The closing quote or first backslash from p on; for a strict scan also a control character. */
static const char *plain_end(const struct ril_scan *s, const char *p)
{
	unsigned char low = s->own ? 0x20 : 0;
	while (p < s->end && *p != '"' && *p != '\\' && (unsigned char)*p >= low)
		p++;
	return p;
}

/* A string cannot be read on from p.  A strict scan tells why, at the byte behind. */
static struct ril_scan_text broken(struct ril_scan *s, const char *p, const char *why)
{
	bool cut = p == s->end;
	if (s->own) {
		s->at = cut ? p : p + 1;
		fault(s, cut ? "cut off inside a string" : why);
	} else {
		s->at = cut ? s->at : p;
		fault(s, cut ? "a string without end" : "a bad escape");
	}
	return (struct ril_scan_text){"", 0};
}

/* The rest of a string that began at `from` and cannot be taken as it stands, because of the byte at p. */
static struct ril_scan_text decoded(struct ril_scan *s, const char *from, const char *p)
{
	char *begin = s->own ? s->own + (from - s->begin) : NULL, *to = begin;
	const char *why = "";
	s->text.len = 0;
	for (; p < s->end && *p == '\\'; p = plain_end(s, from)) {
		const char *next = put(s, &to, from, (size_t)(p - from)) ? NULL : escape(s, &to, p + 1, &why);
		if (!next)
			return broken(s, p, why);
		from = next;
	}
	if (p == s->end || *p != '"' || put(s, &to, from, (size_t)(p - from)))
		return broken(s, p, "a control character in a string");
	s->at = p + 1;
	if (!begin)
		return (struct ril_scan_text){s->text.data, s->text.len};
	*to = 0;
	return (struct ril_scan_text){begin, (size_t)(to - begin)};
}

struct ril_scan_text ril_scan_string(struct ril_scan *s)
{
	if (ril_scan_peek(s) != '"')
		return missing(s, '"', "not a string"), (struct ril_scan_text){"", 0};
	const char *from = s->at + 1, *p = plain_end(s, from);
	if (p == s->end || *p != '"')
		return decoded(s, from, p);
	if (s->own)
		s->own[p - s->begin] = 0;
	s->at = p + 1;
	return (struct ril_scan_text){from, (size_t)(p - from)};
}

struct ril_scan_text ril_scan_key(struct ril_scan *s)
{
	struct ril_scan_text key = ril_scan_string(s);
	s->first = false;
	if (ril_scan_peek(s) != ':')
		missing(s, ':', "not JSON");
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

int ril_scan_whole(struct ril_scan *s, uint64_t *out)
{
	bool number = ril_scan_peek(s) == '0';
	const char *from = s->at;
	*out = 0;
	for (; number && s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
		if (__builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*s->at - '0'), out))
			return ril_scan_fail(s, "number too large");
	if (s->at == from || (*from == '0' && s->at - from > 1))
		return ril_scan_fail(s, "expected a whole number");
	return 0;
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
