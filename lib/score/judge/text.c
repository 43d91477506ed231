/* text.c -- see text_internal.h. */
#include "score/judge/text_internal.h"

#include "base/python.h"

#include <ctype.h>
#include <stdlib.h>
#include <utf8proc.h>

struct ril_span ril_trim(const char *s, size_t n)
{
	size_t k, end = 0;
	while (n && (k = ril_python_space(s, n)))
		s += k, n -= k;
	for (size_t i = 0; i < n;) {
		k = ril_python_space(s + i, n - i);
		i += k ? k : 1;
		end = k ? end : i;
	}
	return (struct ril_span){s, end};
}

bool ril_span_eq(struct ril_span a, struct ril_span b)
{
	return a.n == b.n && !memcmp(a.s, b.s, a.n);
}

bool ril_span_is(struct ril_span a, const char *text)
{
	return ril_span_eq(a, (struct ril_span){text, strlen(text)});
}

int ril_lower(struct ril_buf *out, const char *s, size_t n, struct ril_err *err)
{
	if (ril_buf_reserve(out, n + 1, err))
		return -1;
	for (size_t i = 0; i < n;) {
		utf8proc_int32_t c;
		utf8proc_uint8_t enc[4];
		utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(n - i), &c);
		if (k <= 0) { /* not UTF-8: kept as it is */
			if (ril_buf_add(out, s + i, 1, err))
				return -1;
			i++;
			continue;
		}
		/* The one letter whose lower case is two characters everywhere. */
		utf8proc_ssize_t m = utf8proc_encode_char(c == 0x130 ? 'i' : utf8proc_tolower(c), enc);
		if (ril_buf_add(out, enc, (size_t)m, err) || (c == 0x130 && ril_buf_puts(out, "\xCC\x87", err)))
			return -1;
		i += (size_t)k;
	}
	return ril_buf_add(out, "", 0, err);
}

int ril_fold(struct ril_buf *out, const char *s, struct ril_err *err)
{
	utf8proc_uint8_t *plain = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s, 0, &plain,
					  UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
						  UTF8PROC_IGNORE);
	if (n == UTF8PROC_ERROR_NOMEM)
		return ril_fail(err, RIL_EFAIL, "out of memory");
	int rc = n < 0 ? ril_buf_add(out, "", 0, err) : ril_buf_add(out, plain, (size_t)n, err);
	free(plain);
	return rc;
}

static int add_span(struct ril_spans *out, const char *s, size_t n, struct ril_err *err)
{
	if (ril_grow(&out->at, &out->cap, out->n + 1, sizeof *out->at, err))
		return -1;
	out->at[out->n++] = (struct ril_span){s, n};
	return 0;
}

/* Pieces between separators; sep gives a separator's length, or 0. */
static int split_at(struct ril_spans *out, const char *s, size_t n, size_t (*sep)(const char *, size_t),
		    struct ril_err *err)
{
	size_t from = 0, k = 0;
	out->n = 0;
	for (size_t i = 0; i <= n; i += k ? k : 1) {
		k = i < n ? sep(s + i, n - i) : 1;
		if (!k)
			continue;
		if (i > from && add_span(out, s + from, i - from, err))
			return -1;
		from = i + k;
	}
	return 0;
}

static size_t not_word(const char *s, size_t n)
{
	return isalnum((unsigned char)*s) || *s == '\'' || *s == '-' ? 0 : (*s & 0x80) ? ril_python_space(s, n) : 1;
}

int ril_split(struct ril_spans *out, const char *s, size_t n, struct ril_err *err)
{
	return split_at(out, s, n, ril_python_space, err);
}

int ril_split_words(struct ril_spans *out, const char *s, size_t n, struct ril_err *err)
{
	return split_at(out, s, n, not_word, err);
}

void ril_spans_free(struct ril_spans *s)
{
	free(s->at);
	*s = (struct ril_spans){0};
}

size_t ril_chars(const char *s, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += (s[i] & 0xC0) != 0x80;
	return k;
}

static int decode(int32_t **out, size_t *n, const char *s, struct ril_err *err)
{
	size_t len = strlen(s), k = 0;
	int32_t *c = ril_new(len + 1, sizeof *c, err);
	if (!c)
		return -1;
	for (size_t i = 0; i < len;) {
		utf8proc_int32_t ch;
		utf8proc_ssize_t m =
			utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(len - i), &ch);
		c[k++] = m > 0 ? ch : (unsigned char)s[i];
		i += m > 0 ? (size_t)m : 1;
	}
	*out = c;
	*n = k;
	return 0;
}

int64_t ril_edit_distance(const char *a, const char *b, struct ril_err *err)
{
	int32_t *x = NULL, *y = NULL;
	int64_t *row = NULL, result = -1;
	size_t n, m;
	if (decode(&x, &n, a, err) || decode(&y, &m, b, err) || !(row = ril_new(m + 1, sizeof *row, err)))
		goto out;
	for (size_t j = 0; j <= m; j++)
		row[j] = (int64_t)j;
	for (size_t i = 1; i <= n; i++) {
		int64_t diagonal = row[0];
		row[0] = (int64_t)i;
		for (size_t j = 1; j <= m; j++) {
			int64_t best = diagonal + (x[i - 1] != y[j - 1]), above = row[j] + 1, left = row[j - 1] + 1;
			diagonal = row[j];
			best = above < best ? above : best;
			row[j] = left < best ? left : best;
		}
	}
	result = row[m];
out:
	free(x);
	free(y);
	free(row);
	return result;
}
