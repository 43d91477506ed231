/* json.c -- JSON helpers over cJSON; see json.h. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Length of the valid sequence at s, or minus the length of the maximal invalid part (Unicode 15, table 3-7). */
static int utf8_step(const unsigned char *s, size_t n)
{
	unsigned c = s[0];
	if (c < 0x80)
		return 1;
	int len = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
	if (!len)
		return -1;
	for (int i = 1; i < len; i++) {
		unsigned lo = 0x80, hi = 0xBF;
		if (i == 1) {
			if (c == 0xE0)
				lo = 0xA0;
			if (c == 0xED)
				hi = 0x9F;
			if (c == 0xF0)
				lo = 0x90;
			if (c == 0xF4)
				hi = 0x8F;
		}
		if ((size_t)i >= n || s[i] < lo || s[i] > hi)
			return -i;
	}
	return len;
}

bool ril_utf8_valid(const char *s, size_t n, size_t *at)
{
	size_t i = 0;
	while (i < n) {
		uint64_t eight;
		if (n - i >= 8 && (memcpy(&eight, s + i, 8), !(eight & 0x8080808080808080u))) {
			i += 8; /* eight ASCII characters at once */
			continue;
		}
		int k = utf8_step((const unsigned char *)s + i, n - i);
		if (k < 0) {
			if (at)
				*at = i;
			return false;
		}
		i += (size_t)k;
	}
	return true;
}

int ril_utf8_repair(struct ril_buf *out, const char *s, size_t n, struct ril_err *err)
{
	for (size_t i = 0; i < n;) {
		int k = utf8_step((const unsigned char *)s + i, n - i);
		if (k > 0 ? ril_buf_add(out, s + i, (size_t)k, err) : ril_buf_add(out, "\xEF\xBF\xBD", 3, err))
			return -1;
		i += (size_t)(k > 0 ? k : -k);
	}
	return 0;
}

/* Copies text with every \u0000 escape inside replaced by C0 80; an escaped backslash before it is not an escape. */
static int protect_nul(struct ril_buf *out, const char *text, size_t n, struct ril_err *err)
{
	size_t from = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		if (text[i] != '\\')
			continue;
		if (i + 6 <= n && !memcmp(text + i + 1, "u0000", 5)) {
			if (ril_buf_add(out, text + from, i - from, err) || ril_buf_add(out, "\xC0\x80", 2, err))
				return -1;
			from = i + 6;
			i += 5;
		} else {
			i++;
		}
	}
	return ril_buf_add(out, text + from, n - from, err);
}

cJSON *ril_json_parse(const char *text, size_t n, struct ril_err *err)
{
	size_t at;
	if (!ril_utf8_valid(text, n, &at))
		return ril_fail(err, RIL_ECORRUPT, "invalid UTF-8 at byte %zu", at), NULL;
	struct ril_buf safe = {0};
	if (memchr(text, 0, n))
		return ril_fail(err, RIL_ECORRUPT, "a NUL byte in JSON text"), NULL;
	bool rewritten = n && memmem(text, n, "\\u0000", 6);
	if (rewritten) {
		if (protect_nul(&safe, text, n, err))
			return ril_buf_free(&safe), NULL;
		text = safe.data;
		n = safe.len;
	}
	const char *end = NULL;
	cJSON *tree = cJSON_ParseWithLengthOpts(text, n, &end, 0);
	if (!tree) {
		ril_fail(err, RIL_ECORRUPT, "not JSON at byte %zu", end ? (size_t)(end - text) : 0);
	} else {
		while (end < text + n && strchr(" \t\r\n", *end))
			end++;
		if (end < text + n) {
			ril_fail(err, RIL_ECORRUPT, "text after the JSON value at byte %zu", (size_t)(end - text));
			cJSON_Delete(tree);
			tree = NULL;
		}
	}
	ril_buf_free(&safe);
	return tree;
}

cJSON *ril_json_read(const char *path, struct ril_err *err)
{
	struct ril_buf b = {0};
	cJSON *tree = NULL;
	if (!ril_read_file(&b, path, err)) {
		tree = ril_json_parse(b.data, b.len, err);
		if (!tree)
			ril_context(err, "%s", path);
	}
	ril_buf_free(&b);
	return tree;
}

int ril_json_text(struct ril_buf *out, const cJSON *string, struct ril_err *err)
{
	const char *s = string->valuestring;
	for (const char *z; (z = strstr(s, "\xC0\x80")); s = z + 2)
		if (ril_buf_add(out, s, (size_t)(z - s), err) || ril_buf_add(out, "", 1, err))
			return -1;
	return ril_buf_puts(out, s, err);
}

static int quote_escape(struct ril_buf *out, unsigned cp, struct ril_err *err)
{
	static const char plain[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	for (const char *p = plain; *p; p += 2)
		if ((unsigned char)*p == cp)
			return ril_buf_printf(out, err, "\\%c", p[1]);
	if (cp >= 0x10000)
		return ril_buf_printf(out, err, "\\u%04x\\u%04x", 0xD7C0 + (cp >> 10), 0xDC00 + (cp & 0x3FF));
	return ril_buf_printf(out, err, "\\u%04x", cp);
}

static unsigned utf8_decode(const unsigned char *s, int len)
{
	static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	unsigned cp = s[0] & mask[len];
	for (int i = 1; i < len; i++)
		cp = cp << 6 | (s[i] & 0x3F);
	return cp;
}

int ril_json_quote(struct ril_buf *out, const char *s, size_t n, bool ascii, struct ril_err *err)
{
	const unsigned char *u = (const unsigned char *)s;
	if (ril_buf_add(out, "\"", 1, err))
		return -1;
	for (size_t i = 0, k; i < n; i += k) {
		int len = utf8_step(u + i, n - i);
		k = (size_t)(len > 0 ? len : -len);
		unsigned cp = len > 0 ? utf8_decode(u + i, len) : 0xFFFD;
		bool escape = cp < 0x20 || cp == '"' || cp == '\\' || cp == 0x7F || (ascii && cp >= 0x80);
		int rc = escape    ? quote_escape(out, cp, err)
			 : len > 0 ? ril_buf_add(out, s + i, k, err)
				   : ril_buf_add(out, "\xEF\xBF\xBD", 3, err);
		if (rc)
			return -1;
	}
	return ril_buf_add(out, "\"", 1, err);
}

/* The member, or NULL when absent or null. */
static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
	return m && !cJSON_IsNull(m) ? m : NULL;
}

int ril_json_num(const cJSON *object, const char *name, double *out, struct ril_err *err)
{
	const cJSON *m = member(object, name);
	if (m && !cJSON_IsNumber(m))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not a number", name);
	if (m)
		*out = m->valuedouble;
	return 0;
}

int ril_json_int(const cJSON *object, const char *name, int64_t *out, struct ril_err *err)
{
	double d = (double)*out;
	const cJSON *m = member(object, name);
	if (!m)
		return 0;
	if (ril_json_num(object, name, &d, err))
		return -1;
	if (d != floor(d) || fabs(d) > 9007199254740992.0)
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not an integer", name);
	*out = (int64_t)d;
	return 0;
}

int ril_json_bool(const cJSON *object, const char *name, bool *out, struct ril_err *err)
{
	const cJSON *m = member(object, name);
	if (m && !cJSON_IsBool(m))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not true or false", name);
	if (m)
		*out = cJSON_IsTrue(m);
	return 0;
}

int ril_json_str(const cJSON *object, const char *name, const char **out, struct ril_err *err)
{
	const cJSON *m = member(object, name);
	if (m && !cJSON_IsString(m))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is not a string", name);
	if (m)
		*out = m->valuestring;
	return 0;
}
