/* events.c -- TensorBoard's event files; see events.h.
 *
 * The few fields that scalars need are put down by hand: a number and a tag are a dozen bytes, for which a library of protocol
 * buffers and its generated code would be a large guest.  The CRC goes by a table of a byte's 256 remainders; zlib has
 * another polynomial's only. */
#include "log/events.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OURS ".ril" /* how our files' names end */

struct ril_events {
	FILE *f;
	char path[RIL_PATH];
	struct ril_buf event, summary, value;
};

/* ---- checksums ---- */

uint32_t ril_crc32c(const void *bytes, size_t n)
{
	static uint32_t table[256];
	const uint8_t *p = bytes;
	uint32_t crc = 0xffffffff;
	for (uint32_t i = 0; i < 256 && !table[255]; i++) {
		uint32_t x = i;
		for (int bit = 0; bit < 8; bit++)
			x = x & 1 ? x >> 1 ^ 0x82f63b78 : x >> 1;
		table[i] = x;
	}
	while (n--)
		crc = table[(crc ^ *p++) & 255] ^ crc >> 8;
	return ~crc;
}

uint32_t ril_crc32c_masked(const void *bytes, size_t n)
{
	uint32_t crc = ril_crc32c(bytes, n);
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

/* ---- protocol buffers ---- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static int put_varint(struct ril_buf *b, uint64_t x, struct ril_err *err)
{
	uint8_t out[10];
	size_t n = 0;
	for (; x >= 128; x >>= 7)
		out[n++] = (uint8_t)(x | 128);
	out[n++] = (uint8_t)x;
	return ril_buf_add(b, out, n, err);
}

static int put_key(struct ril_buf *b, int field, int kind, struct ril_err *err)
{
	return put_varint(b, (uint64_t)(field << 3 | kind), err);
}

static int put_little(struct ril_buf *b, uint64_t x, size_t bytes, struct ril_err *err)
{
	uint8_t out[8];
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(x >> 8 * i);
	return ril_buf_add(b, out, bytes, err);
}

static int put_double(struct ril_buf *b, int field, double x, struct ril_err *err)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return put_key(b, field, FIXED64, err) || put_little(b, bits, 8, err) ? -1 : 0;
}

static int put_float(struct ril_buf *b, int field, double x, struct ril_err *err)
{
	float narrow = (float)x;
	uint32_t bits;
	memcpy(&bits, &narrow, sizeof bits);
	return put_key(b, field, FIXED32, err) || put_little(b, bits, 4, err) ? -1 : 0;
}

static int put_bytes(struct ril_buf *b, int field, const void *x, size_t n, struct ril_err *err)
{
	return put_key(b, field, BYTES, err) || put_varint(b, n, err) || ril_buf_add(b, x, n, err) ? -1 : 0;
}

/* ---- events ---- */

enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, SUMMARY = 5, SESSION_LOG = 7, START = 1 };

static int begin(struct ril_events *e, double time, int64_t step, struct ril_err *err)
{
	e->event.len = 0;
	return put_double(&e->event, WALL_TIME, time, err) || put_key(&e->event, STEP, VARINT, err) ||
			       put_varint(&e->event, (uint64_t)step, err)
		       ? -1
		       : 0;
}

static int wrong(const struct ril_events *e, struct ril_err *err)
{
	return ril_fail_errno(err, "%s", ril_short(e->path));
}

/* The event as a record. */
static int end(struct ril_events *e, struct ril_err *err)
{
	struct ril_buf head = {0}, tail = {0};
	int rc = put_little(&head, e->event.len, 8, err) ||
				 put_little(&head, ril_crc32c_masked(head.data, 8), 4, err) ||
				 put_little(&tail, ril_crc32c_masked(e->event.data, e->event.len), 4, err)
			 ? -1
			 : 0;
	if (!rc && (fwrite(head.data, head.len, 1, e->f) != 1 || fwrite(e->event.data, e->event.len, 1, e->f) != 1 ||
		    fwrite(tail.data, tail.len, 1, e->f) != 1))
		rc = wrong(e, err);
	ril_buf_free(&head);
	ril_buf_free(&tail);
	return rc;
}

static int put_scalar(struct ril_events *e, const char *group, const char *name, double x, struct ril_err *err)
{
	struct ril_buf tag = {0};
	int rc = ril_buf_printf(&tag, err, "%s/%s", group, name);
	for (size_t i = strlen(group); !rc && i < tag.len; i++)
		if (tag.data[i] == '.')
			tag.data[i] = '/';
	e->value.len = 0;
	if (!rc)
		rc = put_bytes(&e->value, 1, tag.data, tag.len, err) || put_float(&e->value, 2, x, err) ||
				     put_bytes(&e->summary, 1, e->value.data, e->value.len, err)
			     ? -1
			     : 0;
	ril_buf_free(&tag);
	return rc;
}

int ril_events_row(struct ril_events *e, const char *group, const struct ril_row *row, double time, struct ril_err *err)
{
	if (!row->n)
		return 0;
	e->summary.len = 0;
	for (size_t i = 0; i < row->n; i++)
		if (put_scalar(e, group, row->at[i].name, row->at[i].value, err))
			return -1;
	if (begin(e, isnan(row->time) ? time : row->time, row->step, err) ||
	    put_bytes(&e->event, SUMMARY, e->summary.data, e->summary.len, err))
		return -1;
	return end(e, err);
}

/* ---- files ---- */

static bool is_ours(const char *name)
{
	size_t n = strlen(name), end = strlen(OURS);
	return strstr(name, "tfevents") && n > end && !strcmp(name + n - end, OURS);
}

static int remove_earlier(const char *dir, struct ril_err *err)
{
	DIR *d = opendir(dir);
	if (!d)
		return ril_fail_errno(err, "%s", ril_short(dir));
	int rc = 0;
	for (const struct dirent *x; !rc && (x = readdir(d));)
		if (is_ours(x->d_name) && unlinkat(dirfd(d), x->d_name, 0))
			rc = ril_fail_errno(err, "%s/%s", ril_short(dir), ril_short(x->d_name));
	closedir(d);
	return rc;
}

/* Readers take a folder's files in the order of their names, which begin with the time. */
static int create(struct ril_events *e, const char *dir, double now, struct ril_err *err)
{
	char host[128] = "host";
	gethostname(host, sizeof host - 1);
	if (ril_path(e->path, err, "%s/events.out.tfevents.%010.0f.%s.%lld" OURS, dir, floor(now), host,
		     (long long)getpid()))
		return -1;
	int fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return wrong(e, err);
	if (!(e->f = fdopen(fd, "w"))) {
		close(fd);
		return wrong(e, err);
	}
	return 0;
}

struct ril_events *ril_events_open(const char *dir, struct ril_err *err)
{
	static const char version[] = "brain.Event:2";
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	double now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	struct ril_events *e = ril_new(1, sizeof *e, err);
	if (!e)
		return NULL;
	if (ril_mkdirs(dir, err) || remove_earlier(dir, err) || create(e, dir, now, err) || begin(e, now, 0, err) ||
	    put_bytes(&e->event, FILE_VERSION, version, strlen(version), err) || end(e, err) || begin(e, now, 0, err) ||
	    put_bytes(&e->event, SESSION_LOG, (const char[]){1 << 3 | VARINT, START}, 2, err) || end(e, err)) {
		ril_events_close(e, NULL);
		return NULL;
	}
	return e;
}

int ril_events_flush(struct ril_events *e, struct ril_err *err)
{
	return fflush(e->f) ? wrong(e, err) : 0;
}

int ril_events_close(struct ril_events *e, struct ril_err *err)
{
	if (!e)
		return 0;
	int rc = e->f && fclose(e->f) ? wrong(e, err) : 0;
	ril_buf_free(&e->event);
	ril_buf_free(&e->summary);
	ril_buf_free(&e->value);
	free(e);
	return rc;
}
