/* verdict_cache.c -- verdicts on disk.
 *
 * Two runs may write at once: a process appends all its lines with one write() under an exclusive lock on the file,
 * and reads under a shared one, so nobody sees half a line of a living writer.  A line cut off by a crash is left
 * out, and the next writer ends it with a line break.  Later lines do not overrule earlier ones. */
#include "score/judge/outside.h"

#include "base/intern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct ril_verdict_cache {
	const char *path;
	int fd;
	off_t read; /* bytes taken in, up to the end of a line */
	bool torn;  /* the file ends inside a line */
	struct ril_intern keys;
	double *score; /* [keys] */
	size_t cap;
};

struct ril_verdict_cache *ril_verdict_cache_open(const char *path, struct ril_err *err)
{
	struct ril_verdict_cache *c = ril_new(1, sizeof *c, err);
	if (!c)
		return NULL;
	c->path = path;
	c->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (c->fd < 0)
		ril_fail_errno(err, "%s", path);
	if (c->fd < 0 || ril_verdict_cache_refresh(c, err)) {
		ril_verdict_cache_free(c);
		return NULL;
	}
	return c;
}

void ril_verdict_cache_free(struct ril_verdict_cache *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	ril_intern_free(&c->keys);
	free(c->score);
	free(c);
}

static int lock(const struct ril_verdict_cache *c, int how, struct ril_err *err)
{
	while (flock(c->fd, how))
		if (errno != EINTR)
			return ril_fail_errno(err, "%s: locking", c->path);
	return 0;
}

static int take_line(struct ril_verdict_cache *c, const char *line, size_t n, struct ril_err *err)
{
	cJSON *j = ril_json_parse(line, n, NULL);
	const cJSON *key = cJSON_GetObjectItemCaseSensitive(j, "key"),
		    *score = cJSON_GetObjectItemCaseSensitive(j, "score");
	/* Other lines are remains of a crash, or not ours: passed over. */
	if (!cJSON_IsString(key) || (!cJSON_IsNumber(score) && !cJSON_IsNull(score))) {
		cJSON_Delete(j);
		return 0;
	}
	size_t before = c->keys.n;
	int64_t k = ril_intern_str(&c->keys, key->valuestring, err);
	int rc = k < 0 || ril_grow(&c->score, &c->cap, c->keys.n, sizeof *c->score, err) ? -1 : 0;
	if (!rc && (size_t)k == before)
		c->score[k] = cJSON_IsNull(score) ? NAN : score->valuedouble;
	cJSON_Delete(j);
	return rc;
}

/* Reads from c->read to the end; the lock is held. */
static int take_in(struct ril_verdict_cache *c, struct ril_err *err)
{
	struct stat st;
	struct ril_buf b = {0};
	int rc = 0;
	if (fstat(c->fd, &st))
		return ril_fail_errno(err, "%s", c->path);
	if (st.st_size < c->read) /* someone began it anew */
		c->read = 0;
	size_t left = (size_t)(st.st_size - c->read);
	if (ril_buf_reserve(&b, left + 1, err))
		return -1;
	while (b.len < left) {
		ssize_t k = pread(c->fd, b.data + b.len, left - b.len, c->read + (off_t)b.len);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			rc = k ? ril_fail_errno(err, "%s", c->path) : 0;
			break;
		}
		b.len += (size_t)k;
	}
	size_t done = 0;
	for (char *end; !rc && done < b.len && (end = memchr(b.data + done, '\n', b.len - done));
	     done = (size_t)(end - b.data) + 1)
		rc = take_line(c, b.data + done, (size_t)(end - b.data) - done, err);
	c->read += (off_t)done;
	c->torn = done < b.len;
	ril_buf_free(&b);
	return rc;
}

int ril_verdict_cache_refresh(struct ril_verdict_cache *c, struct ril_err *err)
{
	if (lock(c, LOCK_SH, err))
		return -1;
	int rc = take_in(c, err);
	flock(c->fd, LOCK_UN);
	return rc;
}

bool ril_verdict_cache_find(const struct ril_verdict_cache *c, const char *key, double *score)
{
	int64_t k = ril_intern_find_str(&c->keys, key);
	if (k >= 0)
		*score = c->score[k];
	return k >= 0;
}

static int write_line(struct ril_buf *out, const struct ril_cache_entry *e, struct ril_err *err)
{
	if (ril_buf_printf(out, err, "{\"key\": \"%s\", \"score\": ", e->key))
		return -1;
	if (isnan(e->score) ? ril_buf_puts(out, "null", err) : ril_buf_printf(out, err, "%.17g", e->score))
		return -1;
	return ril_buf_puts(out, ", \"reply\": ", err) || ril_json_quote(out, e->reply, strlen(e->reply), false, err) ||
			       ril_buf_puts(out, "}\n", err)
		       ? -1
		       : 0;
}

int ril_verdict_cache_add(struct ril_verdict_cache *c, const struct ril_cache_entry *e, size_t n, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (lock(c, LOCK_EX, err))
		return -1;
	/* What came meanwhile is taken in first: then c->read is the end, and c->torn is known. */
	int rc = take_in(c, err);
	if (!rc && c->torn)
		rc = ril_buf_puts(&b, "\n", err);
	for (size_t i = 0; !rc && i < n; i++)
		rc = write_line(&b, &e[i], err);
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
