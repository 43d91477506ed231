/* cache.c -- answers on disk; see cache.h.
 *
 * Two runs may write at once: a process appends all its lines with one write() under an exclusive lock on the file,
 * and reads under a shared one, so nobody sees half a line of a living writer.  A line cut off by a crash is left
 * out, and the next writer ends it with a line break.  Later lines do not overrule earlier ones.
 *
 * What is held of a line is a hash of its key and where it begins, 16 to 32 bytes, so that a million of them are no matter; the line
 * itself says whether it is the one. */
#include "answer/cache.h"

#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct ril_cache {
	const char *path;
	int fd;
	off_t read; /* bytes taken in, up to the end of a line */
	bool torn;  /* the file ends inside a line */
	struct places {
		uint32_t *hash; /* [1 << bits], open addressing, at most three quarters full */
		uint64_t *line; /* [1 << bits]: where it begins, from 1; 0: free */
		size_t n;
		unsigned bits;
	} places;
	struct ril_buf line, reply; /* of what was found last */
};

/* ---- places ---- */

static void places_free(struct places *p)
{
	free(p->hash);
	free(p->line);
	*p = (struct places){0};
}

static void put(struct places *p, uint32_t hash, uint64_t line)
{
	size_t mask = ((size_t)1 << p->bits) - 1, i = hash & mask;
	while (p->line[i])
		i = (i + 1) & mask;
	p->hash[i] = hash;
	p->line[i] = line;
	p->n++;
}

static int widen(struct places *p, struct ril_err *err)
{
	struct places w = {.bits = p->bits ? p->bits + 1 : 10};
	size_t size = (size_t)1 << w.bits;
	w.hash = ril_new(size, sizeof *w.hash, err);
	w.line = ril_new(size, sizeof *w.line, err);
	if (!w.hash || !w.line)
		return places_free(&w), -1;
	for (size_t i = 0; p->bits && i < (size_t)1 << p->bits; i++)
		if (p->line[i])
			put(&w, p->hash[i], p->line[i]);
	places_free(p);
	*p = w;
	return 0;
}

/* The next line whose key has this hash, from slot *i on, which becomes the one behind it; 0: there is no more. */
static uint64_t next_place(const struct places *p, uint32_t hash, size_t *i)
{
	size_t mask = ((size_t)1 << p->bits) - 1;
	for (; p->bits && p->line[*i & mask]; ++*i)
		if (p->hash[*i & mask] == hash)
			return p->line[(*i)++ & mask];
	return 0;
}

/* ---- the file ---- */

struct ril_cache *ril_cache_open(const char *path, struct ril_err *err)
{
	struct ril_cache *c = ril_new(1, sizeof *c, err);
	if (!c)
		return NULL;
	c->path = path;
	c->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (c->fd < 0)
		ril_fail_errno(err, "%s", path);
	if (c->fd < 0 || ril_cache_refresh(c, err)) {
		ril_cache_free(c);
		return NULL;
	}
	return c;
}

void ril_cache_free(struct ril_cache *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	places_free(&c->places);
	ril_buf_free(&c->line);
	ril_buf_free(&c->reply);
	free(c);
}

static int lock(const struct ril_cache *c, int how, struct ril_err *err)
{
	while (flock(c->fd, how))
		if (errno != EINTR)
			return ril_fail_errno(err, "%s: locking", c->path);
	return 0;
}

/* What a line says, with its reply in c->reply; false: it is the remains of a crash, or not ours. */
static bool read_line(struct ril_cache *c, const cJSON *j, struct ril_cached *out)
{
	const cJSON *key = cJSON_GetObjectItemCaseSensitive(j, "key"),
		    *score = cJSON_GetObjectItemCaseSensitive(j, "score"),
		    *finish = cJSON_GetObjectItemCaseSensitive(j, "finish"),
		    *reply = cJSON_GetObjectItemCaseSensitive(j, "reply");
	if (!cJSON_IsString(key) || !(cJSON_IsNumber(score) || cJSON_IsNull(score) || cJSON_IsString(finish)))
		return false;
	*out = (struct ril_cached){.key = key->valuestring, .score = cJSON_IsNumber(score) ? score->valuedouble : NAN};
	if (cJSON_IsString(finish))
		out->finish = !strcmp(finish->valuestring, "length")    ? RIL_CACHED_LENGTH
			      : !strcmp(finish->valuestring, "refused") ? RIL_CACHED_REFUSED
									: RIL_CACHED_STOP;
	c->reply.len = 0;
	return !ril_buf_puts(&c->reply, cJSON_IsString(reply) ? reply->valuestring : "", NULL);
}

/* The whole line that begins there, in c->line without its end. */
static int fetch_line(struct ril_cache *c, uint64_t from, struct ril_err *err)
{
	enum { PIECE = 4096 };
	char *end = NULL;
	for (c->line.len = 0; !end;) {
		if (ril_buf_reserve(&c->line, PIECE, err))
			return -1;
		char *to = c->line.data + c->line.len;
		ssize_t k = pread(c->fd, to, PIECE, (off_t)(from + c->line.len));
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k ? ril_fail_errno(err, "%s", c->path)
				 : ril_fail(err, RIL_EFAIL, "%s: was changed while it was in use", c->path);
		end = memchr(to, '\n', (size_t)k);
		c->line.len += (size_t)k;
	}
	c->line.len = (size_t)(end - c->line.data);
	return 0;
}

/* The line of a key, of those that were taken in: 1, and what it says; 0: none has it. */
static int look_up(struct ril_cache *c, const char *key, uint32_t hash, struct ril_cached *out, struct ril_err *err)
{
	size_t i = hash;
	for (uint64_t at; (at = next_place(&c->places, hash, &i));) {
		if (fetch_line(c, at - 1, err))
			return -1;
		cJSON *j = ril_json_parse(c->line.data, c->line.len, NULL);
		bool ours = j && read_line(c, j, out), same = ours && !strcmp(out->key, key);
		cJSON_Delete(j);
		if (!ours)
			return ril_fail(err, RIL_EFAIL, "%s: was changed while it was in use", c->path);
		out->key = key;
		out->reply = c->reply.data;
		if (same)
			return 1;
	}
	return 0;
}

/* The line that begins at that place of the file. */
static int take_line(struct ril_cache *c, const char *line, size_t n, off_t at, struct ril_err *err)
{
	cJSON *j = ril_json_parse(line, n, NULL);
	struct ril_cached e, first;
	int rc = 0;
	if (j && read_line(c, j, &e)) {
		uint32_t hash = ril_hash32(e.key, strlen(e.key));
		rc = look_up(c, e.key, hash, &first, err);
		if (!rc && (!c->places.bits || c->places.n >= (size_t)3 << (c->places.bits - 2)))
			rc = widen(&c->places, err);
		if (!rc)
			put(&c->places, hash, (uint64_t)at + 1);
	}
	cJSON_Delete(j);
	return rc < 0 ? -1 : 0;
}

/* Reads from c->read to the end, a piece at a time; the lock is held. */
static int take_in(struct ril_cache *c, struct ril_err *err)
{
	enum { PIECE = 1 << 20 };
	struct stat st;
	struct ril_buf b = {0};
	if (fstat(c->fd, &st))
		return ril_fail_errno(err, "%s", c->path);
	if (st.st_size < c->read) { /* someone began it anew */
		c->read = 0;
		places_free(&c->places);
	}
	int rc = 0;
	off_t at = c->read; /* of what is read next; b holds what is before it, from c->read on */
	while (!rc && at < st.st_size) {
		size_t want = (size_t)(st.st_size - at) < PIECE ? (size_t)(st.st_size - at) : PIECE, done = 0;
		if ((rc = ril_buf_reserve(&b, want, err)))
			break;
		ssize_t k = pread(c->fd, b.data + b.len, want, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			rc = k ? ril_fail_errno(err, "%s", c->path) : 0;
			break;
		}
		b.len += (size_t)k;
		at += k;
		for (char *end; !rc && (end = memchr(b.data + done, '\n', b.len - done));
		     done = (size_t)(end - b.data) + 1)
			rc = take_line(c, b.data + done, (size_t)(end - b.data) - done, c->read + (off_t)done, err);
		memmove(b.data, b.data + done, b.len - done);
		b.len -= done;
		c->read += (off_t)done;
	}
	c->torn = b.len > 0;
	ril_buf_free(&b);
	return rc;
}

int ril_cache_refresh(struct ril_cache *c, struct ril_err *err)
{
	if (lock(c, LOCK_SH, err))
		return -1;
	int rc = take_in(c, err);
	flock(c->fd, LOCK_UN);
	return rc;
}

int ril_cache_find(struct ril_cache *c, const char *key, struct ril_cached *out, struct ril_err *err)
{
	return look_up(c, key, ril_hash32(key, strlen(key)), out, err);
}

static int write_line(struct ril_buf *out, const struct ril_cached *e, bool scored, struct ril_err *err)
{
	static const char *const finish[] = {"stop", "length", "refused"};
	int rc = ril_buf_printf(out, err, "{\"key\": \"%s\", ", e->key);
	if (!rc && !scored)
		rc = ril_buf_printf(out, err, "\"finish\": \"%s\"", finish[e->finish]);
	else if (!rc)
		rc = isnan(e->score) ? ril_buf_puts(out, "\"score\": null", err)
				     : ril_buf_printf(out, err, "\"score\": %.17g", e->score);
	return rc || ril_buf_puts(out, ", \"reply\": ", err) ||
			       ril_json_quote(out, e->reply, strlen(e->reply), false, err) ||
			       ril_buf_puts(out, "}\n", err)
		       ? -1
		       : 0;
}

int ril_cache_add(struct ril_cache *c, const struct ril_cached *e, size_t n, bool scored, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (lock(c, LOCK_EX, err))
		return -1;
	/* What came meanwhile is taken in first: then c->read is the end, and c->torn is known. */
	int rc = take_in(c, err);
	if (!rc && c->torn)
		rc = ril_buf_puts(&b, "\n", err);
	for (size_t i = 0; !rc && i < n; i++)
		rc = write_line(&b, &e[i], scored, err);
	for (size_t done = 0; !rc && done < b.len;) {
		ssize_t k = write(c->fd, b.data + done, b.len - done);
		if (k < 0 && errno != EINTR)
			rc = ril_fail_errno(err, "%s", c->path);
		done += k > 0 ? (size_t)k : 0;
	}
	rc = rc ? rc : take_in(c, err);
	flock(c->fd, LOCK_UN);
	ril_buf_free(&b);
	return rc;
}

/* ---- keys ---- */

void ril_cache_hash(struct ril_sha256 *h, const char *s)
{
	ril_cache_hash_n(h, s, strlen(s));
}

void ril_cache_hash_n(struct ril_sha256 *h, const char *s, size_t n)
{
	uint8_t length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t)((uint64_t)n >> 8 * i);
	ril_sha256_add(h, length, sizeof length);
	ril_sha256_add(h, s, n);
}

void ril_cache_key(const char *question_key, int32_t number, char key[65])
{
	struct ril_sha256 h;
	char text[16];
	if (!number) {
		memcpy(key, question_key, 65);
		return;
	}
	snprintf(text, sizeof text, "%d", number);
	ril_sha256_start(&h);
	ril_cache_hash(&h, question_key);
	ril_cache_hash(&h, text);
	ril_sha256_end(&h, key);
}
