/* http_key.c -- keys: a server's, which is secret, and that under which its answers are kept; see http.h. */
#include "answer/http.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

void ril_http_hash(struct ril_sha256 *h, const struct ril_http_options *o)
{
	char count[24];
	ril_cache_hash(h, o->model);
	ril_cache_hash(h, o->system ? o->system : "");
	snprintf(count, sizeof count, "%zu%s", o->stops, o->system ? "" : " as it is");
	ril_cache_hash(h, count);
	for (size_t i = 0; i < o->stops; i++)
		ril_cache_hash(h, o->stop[i]);
	ril_cache_hash(h, o->more ? o->more : "");
	ril_cache_hash(h, o->schema ? o->schema : "");
}

/* A key in the place of its variable's name would be repeated in messages. */
static bool is_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	return n && !s[n] && (*s < '0' || *s > '9');
}

char *ril_http_key(const char *file, const char *name, struct ril_err *err)
{
	if (!file && !is_name(name)) {
		ril_fail(err, RIL_EUSAGE, "the environment variable that holds a key is named, not the key");
		return NULL;
	}
	struct ril_buf b = {0};
	const char *from = file ? file : name, *set = file ? NULL : getenv(name);
	if (!file && !set) {
		ril_fail(err, RIL_EFAIL, "the environment has no %s", ril_short(name));
		return NULL;
	}
	if (file ? ril_read_file(&b, file, err) : ril_buf_puts(&b, set, err))
		return ril_buf_free(&b), NULL;
	while (b.len && strchr(" \t\r\n", b.data[b.len - 1]))
		b.len--;
	bool good = b.len && b.len < 8192;
	for (size_t i = 0; good && i < b.len; i++)
		good = b.data[i] > ' ' && b.data[i] < 127;
	char *key = good ? ril_strndup(b.data, b.len, err) : NULL;
	if (!good)
		ril_fail(err, RIL_EFAIL, "%s: a key is one line of letters, digits and signs", ril_short(from));
	explicit_bzero(b.data, b.cap);
	ril_buf_free(&b);
	return key;
}
