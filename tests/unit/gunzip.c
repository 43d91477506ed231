/* gunzip.c -- gzip files unpacked, in memory and into a file: whole, of several members, with something behind them, cut off at
 * every byte, damaged. */
#include "../ril_test.h"

#include "base/file.h"
#include "data/gunzip.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

static void pack(struct ril_buf *out, const char *text, size_t n)
{
	unsigned char room[1 << 16];
	z_stream z = {
		.next_in = (void *)(uintptr_t)text, .avail_in = (uInt)n, .next_out = room, .avail_out = sizeof room};
	CHECK(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
		      deflate(&z, Z_FINISH) == Z_STREAM_END && !ril_buf_add(out, (char *)room, z.total_out, NULL),
	      "gzip");
	deflateEnd(&z);
}

/* Both ways; what is wrong goes to *err.  The text, or NULL. */
static char *unpacked(const struct ril_buf *packed, struct ril_err *err)
{
	struct ril_buf text = {0}, from = {0};
	struct ril_err other = {0};
	int fd = ril_file_unnamed(err), to;
	CHECK(fd >= 0 && write(fd, packed->data, packed->len) == (ssize_t)packed->len &&
		      !ril_buf_add(&text, packed->data, packed->len, NULL),
	      "%s", err->msg);
	to = ril_gunzip_file(fd, true, err);
	int rc = ril_gunzip_text(&text, &other);
	CHECK((to < 0) == (rc != 0) && err->code == other.code, "a file: %s; memory: %s", err->msg, other.msg);
	if (to >= 0) {
		off_t n = lseek(to, 0, SEEK_END);
		CHECK(!ril_buf_reserve(&from, (size_t)n + 1, NULL) && !ril_read_at(to, from.data, (size_t)n, 0, err),
		      "%s", err->msg);
		CHECK((size_t)n == text.len && !memcmp(from.data, text.data, text.len), "two texts of one file");
		close(to);
	} else {
		CHECK(strstr(other.msg, "gzip: ") && !strncmp(other.msg, "line ", 5) && !strncmp(err->msg, "line ", 5),
		      "%s; %s", err->msg, other.msg);
	}
	close(fd);
	ril_buf_free(&from);
	if (!rc)
		return text.data;
	ril_buf_free(&text);
	return NULL;
}

/* Lines whose number a message may name. */
static void make_text(char *text, int n)
{
	for (int i = 0; i < n; i++)
		text[i] = i % 50 == 49 ? '\n' : (char)('a' + i * i % 23);
}

static void test_cut(const struct ril_buf *whole, const char *text)
{
	for (size_t n = 2; n < whole->len; n++) {
		struct ril_err err = {0};
		struct ril_buf cut = {whole->data, n, 0};
		char *got = unpacked(&cut, &err);
		long line = strtol(err.msg + 5, NULL, 10);
		CHECK(!got && err.code == RIL_ECORRUPT && line >= 1 && line <= 1 + (long)strlen(text) / 50,
		      "cut at %zu of %zu: %s", n, whole->len, err.msg);
		free(got);
	}
}

static void test_damaged(const struct ril_buf *whole, const char *text)
{
	int noticed = 0;
	for (size_t n = 10; n < whole->len; n += 3) {
		struct ril_err err = {0};
		whole->data[n] ^= 0x55;
		char *got = unpacked(whole, &err);
		noticed += !got;
		CHECK(!got || strcmp(got, text) == 0, "byte %zu changed, and another text", n);
		whole->data[n] ^= 0x55;
		free(got);
	}
	CHECK(noticed > 10, "%d changed bytes were noticed", noticed);
}

int main(void)
{
	static char text[2001], twice[4001];
	struct ril_err err = {0};
	struct ril_buf one = {0}, two = {0}, plain = {0};
	make_text(text, 2000);
	snprintf(twice, sizeof twice, "%s%s", text, text);
	pack(&one, text, strlen(text));
	char *got = unpacked(&one, &err);
	CHECK(got && !strcmp(got, text), "%s", err.msg);
	free(got);
	pack(&two, text, strlen(text));
	pack(&two, text, strlen(text));
	got = unpacked(&two, &err);
	CHECK(got && !strcmp(got, twice), "two members: %s", err.msg);
	free(got);
	ril_buf_add(&one, "\0\0\0\0", 4, NULL);
	got = unpacked(&one, &err);
	CHECK(got && !strcmp(got, text), "zeros behind it: %s", err.msg);
	free(got);
	one.len -= 4;
	test_cut(&one, text);
	test_damaged(&one, text);
	ril_buf_puts(&plain, "{}", NULL);
	CHECK(!ril_gunzip_text(&plain, &err) && !strcmp(plain.data, "{}"), "what is no gzip stays");
	ril_buf_free(&one);
	ril_buf_free(&two);
	ril_buf_free(&plain);
	TEST_END();
}
