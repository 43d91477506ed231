/* tar.c -- damaged tar files and shards: opening one either works, and then every member lies within the file, or says where
 * and why. */
#include "../data_rig.h"
#include "../tar_rig.h"

#include "base/rng.h"
#include "data/tar.h"

static uint32_t draw(uint32_t n)
{
	static uint32_t turn;
	return ril_rng_below(29, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, turn++}, n);
}

/* The checksum is put right, so that what lies behind it is reached. */
static void settle(struct ril_buf *b, size_t header)
{
	unsigned sum = 0;
	unsigned char *h = (unsigned char *)b->data + header;
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

static void damage(struct ril_buf *b)
{
	size_t at = draw((uint32_t)b->len);
	if (!draw(6)) {
		b->len = at;
		return;
	}
	b->data[at] = draw(3) ? (char)draw(256) : "07x5L S\n=9"[draw(10)];
	if (draw(8) && at / 512 * 512 + 512 <= b->len && b->data[at / 512 * 512])
		settle(b, at / 512 * 512);
}

static void check(const char *path, size_t size)
{
	struct ril_err e = {0};
	struct ril_dataset d;
	struct ril_tar *t = ril_tar_open(path, &e);
	CHECK(t || (e.code && strstr(e.msg, path) == e.msg), "%s", e.msg);
	for (size_t i = 0; t && i < t->n; i++) {
		struct ril_buf b = {0};
		CHECK(*t->at[i].name && t->at[i].at + t->at[i].n <= size && !ril_tar_read(t, &t->at[i], &b, &e) &&
			      ril_tar_find(t, t->at[i].name) == &t->at[i],
		      "member %zu: %s", i, e.msg);
		ril_buf_free(&b);
	}
	ril_tar_free(t);
	e = (struct ril_err){0};
	if (!ril_dataset_read(&d, path, RIL_DATA_ANY, &e))
		ril_dataset_free(&d);
	else
		CHECK(e.code && strstr(e.msg, path) == e.msg, "%s", e.msg);
}

int main(void)
{
	char path[128];
	struct ril_buf whole = {0};
	struct ril_err e = {0};
	tar_text(&whole, "1.json", "{\"question\":\"Q\",\"answer\":\"A\"}");
	tar_text(&whole, "1.png", "bytes");
	tar_member(&whole, "@", 'L', "a/very/long/name.2.txt", 23);
	tar_text(&whole, "2.txt", "text");
	tar_member(&whole, "@", 'x', "19 path=a/very.jpg\n9 size=4\n", 28);
	tar_text(&whole, "3.jpg", "more");
	tar_end(&whole);
	snprintf(path, sizeof path, "%s", put_as("x.tar", ""));
	for (int turn = 0; turn < 20000; turn++) {
		struct ril_buf b = {0};
		ril_buf_add(&b, whole.data, whole.len, NULL);
		for (uint32_t k = 1 + draw(3); k > 0 && b.len; k--)
			damage(&b);
		CHECK(!ril_file_put(path, b.data, b.len, false, &e), "%s", e.msg);
		check(path, b.len);
		ril_buf_free(&b);
	}
	ril_buf_free(&whole);
	data_end();
	TEST_END();
}
