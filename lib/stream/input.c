/* input.c -- a descriptor's bytes, unpacked where they are gzip; see stream_internal.h.
 *
 * Large reads go straight to their destination; only small ones pass through the buffer.  What follows a gzip member
 * may be another (`cat a.gz b.gz`, blocked gzip) or a plain segment: so the kind of input is looked at wherever one
 * begins. */
#include "base/progress.h"
#include "stream/stream_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

int ril_input_open(struct ril_input *in, const char *path, struct ril_err *err)
{
	struct stat st;
	*in = (struct ril_input){.fd = STDIN_FILENO, .watch.fd = -1};
	if (strcmp(path, "-")) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (in->fd < 0)
			return ril_fail_errno(err, "cannot open");
		in->own = true;
	}
	if (fstat(in->fd, &st))
		return ril_fail_errno(err, "cannot read");
	if (S_ISDIR(st.st_mode))
		return ril_fail(err, RIL_EFAIL, "is a folder");
	in->regular = S_ISREG(st.st_mode);
	in->buf = ril_new(BUFFER, 1, err);
	return in->buf ? 0 : -1;
}

void ril_input_close(struct ril_input *in)
{
	if (in->z_open)
		inflateEnd(&in->z);
	if (in->own)
		close(in->fd);
	free(in->buf);
	*in = (struct ril_input){.fd = -1};
}

/* Rests, where that was asked for, once the wait is not a short one. */
static int wait_for_input(struct ril_input *in, struct ril_err *err)
{
	enum { SHORT_MS = 20 };
	size_t watched = in->watch.fd >= 0;
	int ready = in->rest ? ril_wait_readable(in->fd, SHORT_MS, &in->watch, watched, err) : 0;
	if (ready)
		return ready;
	if (in->rest)
		in->rest(in->rest_ctx);
	return ril_wait_readable(in->fd, -1, &in->watch, watched, err);
}

static int read_once(struct ril_input *in, void *to, size_t n, size_t *got, struct ril_err *err)
{
	ssize_t k;
	*got = 0;
	if (in->end)
		return 0;
	do {
		if (!in->regular && (in->watch.fd >= 0 || in->rest)) {
			int ready = wait_for_input(in, err);
			if (ready < 0)
				return -1;
			if (!ready)
				continue;
		}
		k = read(in->fd, to, n);
		if (k >= 0)
			break;
		if (errno == EAGAIN)
			ril_wait_readable(in->fd, -1, NULL, 0, NULL);
		else if (errno != EINTR)
			return ril_fail_errno(err, "read");
	} while (true);
	in->end = k == 0;
	*got = (size_t)k;
	return 0;
}

/* One read(); 0 bytes mark the end. */
static int read_some(struct ril_input *in, void *to, size_t n, size_t *got, struct ril_err *err)
{
	double t0 = in->regular ? 0 : ril_now();
	int rc = read_once(in, to, n, got, err);
	if (!in->regular)
		in->waited += ril_now() - t0;
	return rc;
}

/* Makes sure that `want` bytes are in the buffer, unless the input ends before. */
static int fill(struct ril_input *in, size_t want, struct ril_err *err)
{
	if (in->at == in->len)
		in->at = in->len = 0;
	if (in->at + want > BUFFER) {
		memmove(in->buf, in->buf + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
	}
	while (in->len - in->at < want && !in->end) {
		size_t got;
		if (read_some(in, in->buf + in->len, BUFFER - in->len, &got, err))
			return -1;
		in->len += got;
	}
	return 0;
}

static int look_for_gzip(struct ril_input *in, struct ril_err *err)
{
	static const unsigned char magic[] = {0x1f, 0x8b, 8};
	if (fill(in, sizeof magic, err))
		return -1;
	in->packed = in->len - in->at >= sizeof magic && !memcmp(in->buf + in->at, magic, sizeof magic);
	if (!in->packed)
		return 0;
	if (in->z_open ? inflateReset(&in->z) : inflateInit2(&in->z, 16 + MAX_WBITS))
		return ril_fail(err, RIL_EFAIL, "gzip: %s", in->z.msg ? in->z.msg : "out of memory");
	in->z_open = true;
	return 0;
}

static int read_packed(struct ril_input *in, unsigned char *to, size_t n, size_t *got, struct ril_err *err)
{
	*got = 0;
	while (*got < n) {
		if (fill(in, 1, err))
			return -1;
		if (in->at == in->len)
			return ril_fail(err, RIL_ECORRUPT, "gzip data is cut off");
		in->z.next_in = in->buf + in->at;
		in->z.avail_in = (uInt)(in->len - in->at);
		in->z.next_out = to + *got;
		in->z.avail_out = n - *got > (1u << 30) ? 1u << 30 : (uInt)(n - *got);
		int rc = inflate(&in->z, Z_NO_FLUSH);
		in->at = in->len - in->z.avail_in;
		*got = (size_t)(in->z.next_out - to);
		if (rc == Z_STREAM_END)
			return look_for_gzip(in, err); /* what is left of n is the next member's */
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return ril_fail(err, rc == Z_MEM_ERROR ? RIL_EFAIL : RIL_ECORRUPT, "gzip: %s",
					in->z.msg ? in->z.msg : "corrupt data");
	}
	return 0;
}

static int read_plain(struct ril_input *in, unsigned char *to, size_t n, size_t *got, struct ril_err *err)
{
	*got = 0;
	while (*got < n) {
		size_t have = in->len - in->at, left = n - *got;
		if (have) {
			size_t k = have < left ? have : left;
			memcpy(to + *got, in->buf + in->at, k);
			in->at += k;
			*got += k;
		} else if (in->end) {
			break;
		} else if (left >= BUFFER) {
			size_t k;
			if (read_some(in, to + *got, left, &k, err))
				return -1;
			*got += k;
		} else if (fill(in, 1, err)) {
			return -1;
		}
	}
	return 0;
}

int ril_input_read(struct ril_input *in, void *to, size_t n, size_t *got, struct ril_err *err)
{
	*got = 0;
	while (*got < n) {
		size_t k;
		bool packed = in->packed;
		if ((packed ? read_packed : read_plain)(in, (unsigned char *)to + *got, n - *got, &k, err))
			return -1;
		*got += k;
		if (!packed && k == 0)
			break;
	}
	in->total += *got;
	return 0;
}

double ril_input_share(const struct ril_input *in)
{
	struct stat st;
	if (!in->regular || fstat(in->fd, &st) || st.st_size <= 0)
		return 0;
	off_t at = lseek(in->fd, 0, SEEK_CUR), left = (off_t)(in->len - in->at);
	return at <= left ? 0 : at - left >= st.st_size ? 1 : (double)(at - left) / (double)st.st_size;
}

int ril_input_begin(struct ril_input *in, struct ril_err *err)
{
	return in->packed ? 0 : look_for_gzip(in, err);
}
