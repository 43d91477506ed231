/* data_tar.c -- tar files by member, and WebDataset shards: samples as the own form of the same questions; what is refused. */
#include "../data_rig.h"
#include "../tar_rig.h"

#include "data/files.h"
#include "data/tar.h"

#include <zlib.h>

static const char *put_bytes(const char *name, const struct ril_buf *b)
{
	static char path[128];
	struct ril_err e = {0};
	put_as(name, "");
	snprintf(path, sizeof path, "%s/%s", data_dir, name);
	CHECK(!ril_file_put(path, b->data, b->len, false, &e), "%s", e.msg);
	return path;
}

static const char *put_gzip(const char *name, const struct ril_buf *b, size_t cut)
{
	static char path[128];
	struct ril_buf packed = {0};
	ril_buf_reserve(&packed, b->len + 1024, NULL);
	z_stream z = {.next_in = (void *)b->data,
		      .avail_in = (uInt)b->len,
		      .next_out = (void *)packed.data,
		      .avail_out = (uInt)packed.cap};
	CHECK(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
		      deflate(&z, Z_FINISH) == Z_STREAM_END,
	      "gzip");
	packed.len = z.total_out - cut;
	deflateEnd(&z);
	snprintf(path, sizeof path, "%s", put_bytes(name, &packed));
	ril_buf_free(&packed);
	return path;
}

/* ---- members ---- */

static bool holds(const struct ril_tar *t, const char *name, const char *text)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	const struct ril_tar_member *m = ril_tar_find(t, name);
	bool good = m && !ril_tar_read(t, m, &b, &e) && b.len == strlen(text) && !memcmp(b.data, text, b.len);
	ril_buf_free(&b);
	return good;
}

static void test_members(void)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	char longest[300], pax[400];
	memset(longest, 'n', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	tar_member(&b, "folder/", '5', "", 0);
	tar_text(&b, "./a.txt", "A");
	tar_member(&b, "././@LongLink", 'L', longest, sizeof longest);
	tar_text(&b, "cut", "long");
	snprintf(pax, sizeof pax, "24 mtime=1700000000.123\n22 path=p/\xc3\xa9.long.txt\n9 size=3\n");
	tar_member(&b, "x", 'x', pax, strlen(pax));
	tar_text(&b, "short", "pax");
	tar_text(&b, "empty", "");
	tar_text(&b, "folder/b.txt", "B");
	tar_end(&b);
	for (int k = 0; k < 2; k++) {
		const char *path = k ? put_gzip("x.tar.gz", &b, 0) : put_bytes("x.tar", &b);
		struct ril_tar *t = ril_tar_open(path, &e);
		CHECK(ril_tar_begins(path) && t && t->n == 5, "%s", e.msg);
		CHECK(t && holds(t, "a.txt", "A") && holds(t, longest, "long") &&
			      holds(t, "p/\xc3\xa9.long.txt", "pax") && holds(t, "empty", "") &&
			      holds(t, "folder/b.txt", "B"),
		      "members");
		CHECK(t && !ril_tar_find(t, "short") && !ril_tar_find(t, "folder/"), "others");
		ril_tar_free(t);
	}
	/* a cut anywhere is told */
	size_t whole = b.len;
	for (size_t n = 0; n + 512 < whole; n += n % 512 == 511 || n % 512 == 0 ? 1 : 510) {
		b.len = n;
		struct ril_tar *t = ril_tar_open(put_bytes("x.tar", &b), &e);
		CHECK(!t && e.code == RIL_ECORRUPT && strstr(e.msg, "x.tar: "), "cut at %zu: %s", n, e.msg);
		ril_tar_free(t);
	}
	b.len = whole;
	for (size_t cut = 1; cut < 40; cut += 3) {
		struct ril_tar *t = ril_tar_open(put_gzip("x.tar.gz", &b, cut), &e);
		CHECK(!t && e.code == RIL_ECORRUPT && strstr(e.msg, "gzip: "), "gzip cut by %zu: %s", cut, e.msg);
		ril_tar_free(t);
	}
	ril_buf_free(&b);
}

static void test_bad(void)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	tar_text(&b, "a", "1");
	tar_text(&b, "./a", "2");
	tar_end(&b);
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "member 'a' twice"), "%s", e.msg);
	b.data[130] ^= 1;
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "byte 0: no header"), "%s", e.msg);
	b.len = 0;
	tar_header(&b, "a", (size_t)077777777777, '0');
	tar_end(&b);
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "cut off within 'a'"), "%s", e.msg);
	b.len = 0;
	tar_member(&b, "a", 'S', "", 0);
	tar_end(&b);
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "sparse"), "%s", e.msg);
	b.len = 0;
	tar_member(&b, "a", '1', "", 0);
	tar_end(&b);
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "byte 0: links are not read"), "%s", e.msg);
	b.len = 0;
	tar_header(&b, "L", (size_t)1 << 30, 'L');
	tar_end(&b);
	CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "a header of 1073741824 bytes"), "%s", e.msg);
	static const char *const pax[] = {"9 path=x", "99 path=x\n", "x path=x\n", "7 path \n"};
	for (int k = 0; k < 4; k++) {
		b.len = 0;
		tar_member(&b, "x", 'x', pax[k], strlen(pax[k]));
		tar_text(&b, "a", "1");
		tar_end(&b);
		CHECK(!ril_tar_open(put_bytes("x.tar", &b), &e) && strstr(e.msg, "a bad pax header"), "%d: %s", k,
		      e.msg);
	}
	CHECK(!ril_tar_open(data_dir, &e) && !ril_tar_open("/no/such.tar", &e) && strstr(e.msg, "/no/such.tar"), "%s",
	      e.msg);
	CHECK(!ril_tar_begins(data_dir) && !ril_tar_begins("/no/such.tar") && !ril_tar_begins(put("{}")),
	      "no tar file");
	ril_buf_free(&b);
}

/* ---- pictures by path ---- */

static void test_files(void)
{
	struct ril_buf b = {0}, bytes = {0}, name = {0};
	struct ril_err e = {0};
	tar_text(&b, "f/a.png", "picture");
	tar_end(&b);
	put_bytes("x.tar", &b);
	struct ril_files *f = ril_files_new(data_dir, &e);
	for (int k = 0; k < 2; k++) {
		bytes.len = name.len = 0;
		CHECK(!ril_files_read(f, "x.tar/f/a.png", &bytes, &name, &e) && !strcmp(bytes.data, "picture") &&
			      strstr(name.data, "x.tar/f/a.png"),
		      "%s", e.msg);
		ril_files_rest(f);
	}
	CHECK(ril_files_read(f, "x.tar/f/b.png", &bytes, &name, &e) && strstr(e.msg, "no such member"), "%s", e.msg);
	CHECK(ril_files_read(f, "y.tar/f/b.png", &bytes, &name, &e) && strstr(e.msg, "No such file"), "%s", e.msg);
	put("{}");
	CHECK(ril_files_read(f, "d.json/b.png", &bytes, &name, &e) && strstr(e.msg, "d.json: "), "%s", e.msg);
	ril_files_free(f);
	ril_buf_free(&b);
	ril_buf_free(&bytes);
	ril_buf_free(&name);
}

/* ---- samples ---- */

static void test_samples(void)
{
	struct ril_dataset want, got;
	struct ril_err e = {0};
	struct ril_buf b = {0};
	tar_text(&b, "README", "no sample");
	tar_text(&b, "d/1.jpg", "");
	tar_text(&b, "d/1.json",
		 "{\"image\":\"old.jpg\",\"conversations\":[{\"from\":\"human\",\"value\":\"<image>Q\"},{\"from\":"
		 "\"gpt\",\"value\":\"A\"}]}");
	tar_text(&b, "d/2.txt", "A caption.");
	tar_text(&b, "d/2.JPEG", "");
	tar_text(&b, "d/2.npy", "");
	tar_text(&b, "3.json", "{\"id\":\"three\",\"question\":\"Q <image> <image>\",\"answer\":\"B\"}");
	tar_text(&b, "3.left.png", "");
	tar_text(&b, "3.right.webp", "");
	tar_text(&b, "3.cls", "7");
	tar_text(&b, "3.txt", "aside");
	tar_text(&b, "4.json", "{\"url\":\"u\",\"key\":\"k\",\"image\":null}");
	tar_text(&b, "4.txt", "none");
	tar_text(&b, "5.json", "{\"question\":\"Q\",\"image\":\"y.png\"}");
	tar_end(&b);
	put_bytes("s-0.tar", &b);
	const struct ril_data_source own = {
		.path = put("{\"id\":\"d/1\",\"image\":[\"s-0.tar/d/"
			    "1.jpg\"],\"conversations\":[{\"from\":\"human\",\"value\":\"<image>Q\"},{\"from\":\"gpt\","
			    "\"value\":\"A\"}]}\n"
			    "{\"id\":\"d/2\",\"image\":[\"s-0.tar/d/2.JPEG\"],\"question\":\"Describe this picture in "
			    "one sentence.\",\"answer\":\"A caption.\"}\n"
			    "{\"id\":\"three\",\"image\":[\"s-0.tar/3.left.png\",\"s-0.tar/"
			    "3.right.webp\"],\"question\":\"Q <image> "
			    "<image>\",\"answer\":\"B\",\"cls\":\"7\",\"txt\":\"aside\"}\n"
			    "{\"id\":\"4\",\"question\":\"Describe this picture in one "
			    "sentence.\",\"answer\":\"none\",\"url\":\"u\",\"key\":\"k\"}\n"
			    "{\"id\":\"5\",\"question\":\"Q\",\"image\":\"y.png\"}\n")};
	char path[128];
	snprintf(path, sizeof path, "%s/s-0.tar", data_dir);
	const struct ril_data_source shard = {.path = path};
	CHECK(!ril_dataset_load(&want, &own, 1, &e) && !ril_dataset_load(&got, &shard, 1, &e), "%s", e.msg);
	CHECK(want.n == 5 && got.n == 5, "%zu samples", got.n);
	check_lasting(&got, path, RIL_DATA_ANY);
	for (size_t i = 0; i < want.n && want.n == got.n; i++)
		CHECK(same(&want.at[i], &got.at[i]), "sample %zu", i);
	ril_dataset_free(&want);
	ril_dataset_free(&got);
	/* two files, one after the other; an id of both */
	struct ril_data_source both[] = {shard, {.path = put("{\"id\":\"other\",\"question\":\"Q\"}")}};
	CHECK(!ril_dataset_load(&got, both, 2, &e) && got.n == 6 && strstr(got.at[5].file, "d.json"), "%s", e.msg);
	ril_dataset_free(&got);
	both[1].path = put("\n{\"id\":\"three\",\"question\":\"Q\"}");
	CHECK(ril_dataset_load(&got, both, 2, &e) &&
		      strstr(e.msg, "d.json: line 2: id 'three' is that of another record"),
	      "%s", e.msg);
	ril_buf_free(&b);
}

static void test_bad_samples(void)
{
	static const struct {
		const char *name[3], *text[3], *says;
	} bad[] = {
		{{"1.png", "1.cls"}, {"", "2"}, "x.tar: sample '1': neither .json nor .txt"},
		{{"1.json"}, {"{\"question\":\"Q\"}"}, "x.tar: sample '1': no picture among"},
		{{"1.txt"}, {"T"}, "no picture among"},
		{{"1.png", "1.json"}, {"", "{"}, "sample '1': '1.json': not JSON"},
		{{"1.png", "1.json"}, {"", "[]"}, "'1.json': not an object"},
		{{"1.png", "1.txt"}, {"", "\xff"}, "sample '1': '1.txt': invalid UTF-8"},
		{{"1.png", "1.json"}, {"", "{}"}, "id '1': no 'question'"},
		{{"1.txt", "2.txt", "1.png"}, {"", "", ""}, "sample '1': no picture"},
		{{"1.png", "1.json"},
		 {"", "{\"messages\":[{\"role\":\"user\",\"content\":\"<image><image>\"}]}"},
		 "2 <image> marks for 1 pictures"},
	};
	struct ril_dataset d;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ril_err e = {0};
		struct ril_buf b = {0};
		for (int k = 0; k < 3 && bad[i].name[k]; k++)
			tar_text(&b, bad[i].name[k], bad[i].text[k]);
		tar_end(&b);
		CHECK(ril_dataset_read(&d, put_bytes("x.tar", &b), RIL_DATA_ANY, &e) && e.code == RIL_ECORRUPT &&
			      strstr(e.msg, bad[i].says),
		      "%zu: %s", i, e.msg);
		ril_buf_free(&b);
	}
	struct ril_buf b = {0};
	struct ril_err e = {0};
	tar_text(&b, "1.txt", "a");
	tar_text(&b, "1.png", "");
	tar_text(&b, "2.txt", "a");
	tar_text(&b, "2.png", "");
	tar_text(&b, "1.jpg", "");
	tar_text(&b, "1.json", "{}");
	tar_end(&b);
	CHECK(ril_dataset_read(&d, put_bytes("x.tar", &b), RIL_DATA_ANY, &e) && strstr(e.msg, "'1'"), "a key again: %s",
	      e.msg);
	ril_buf_free(&b);
}

int main(void)
{
	test_members();
	test_bad();
	test_files();
	test_samples();
	test_bad_samples();
	data_end();
	TEST_END();
}
