/* stream.c -- a mutation fuzzer of the stream reader, the same bytes every time.
 *
 * Frames of the sample stream are damaged, doubled and swapped, half of the time with their checksum put right again,
 * so that what lies behind it is reached.  Nothing may crash (run it from the sanitizers' build, too), and what is not
 * the original must not be taken for a whole stream when its checksums were left alone.
 *
 *	stream SECONDS		runs longer than `make check` does
 *
 * With clang, -DRIL_LIBFUZZER -fsanitize=fuzzer makes a libFuzzer target of it. */
#include "../ril_test.h"

#include "base/rng.h"
#include "stream/show.h"

#include <sys/mman.h>
#include <time.h>
#include <zlib.h>

/* Everything a reader and a responses' user does; the exit code it would end with. */
static int consume(const char *bytes, size_t n)
{
	static int fd = -1;
	static char path[64];
	struct ril_err e = {0};
	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) || pwrite(fd, bytes, n, 0) != (ssize_t)n)
		return -1;
	struct ril_reader *r = ril_reader_open(path, &e);
	struct ril_record *rec = NULL;
	struct ril_stats *stats = ril_stats_new(&e);
	struct ril_buf text = {0};
	int rc = 0;
	while (r && !(rc = ril_reader_next(r, &rec, &e)) && rec) {
		static const int32_t ids[2] = {1, 2};
		struct ril_new_response add = {ids, 2, 0, 0, NULL, "x"};
		struct ril_grid grid = {0};
		struct ril_err mine = {0};
		text.len = 0;
		ril_show_json(&text, rec, &mine);
		if (ril_record_kind(rec) == RIL_HEAD)
			ril_show_head(&text, rec, &mine);
		if (ril_record_kind(rec) == RIL_GROUP && !ril_groups_heading(&grid, &mine) &&
		    !ril_groups_row(&grid, rec, 1, &mine) && !ril_stats_add(stats, rec, &mine))
			ril_responses_add(rec, &add, 1, &mine);
		ril_grid_free(&grid);
		ril_record_free(rec);
	}
	ril_buf_free(&text);
	ril_stats_free(stats);
	ril_reader_free(r);
	return rc ? e.code : 0;
}

#ifdef RIL_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	consume((const char *)data, n);
	ril_st_free(ril_st_parse(data, n, NULL));
	return 0;
}
#else

enum { MAX_FRAMES = 32 };
static struct {
	size_t n, at[MAX_FRAMES + 1];
} frames;

static uint32_t draw(uint32_t turn, uint32_t which, uint32_t below)
{
	return ril_rng_below(1, RIL_RNG_TEST, (struct ril_rng_at){turn, which, 0, 0}, below);
}

static void find_frames(const struct ril_buf *b)
{
	for (size_t pos = 0; pos < b->len && frames.n < MAX_FRAMES;) {
		uint64_t header;
		memcpy(&header, b->data + pos, 8);
		struct ril_st *st = ril_st_header(b->data + pos + 8, header, NULL);
		frames.at[frames.n++] = pos;
		pos += 8 + header + ril_st_data_bytes(st) + 4;
		frames.at[frames.n] = pos;
		ril_st_free(st);
	}
}

/* Bytes that matter to a JSON scanner come more often than others. */
static char nasty(uint32_t turn, uint32_t k)
{
	static const char pool[] = "{}[]\",:\\u0019-.eE \n\0\xff\x80tfn";
	uint32_t r = draw(turn, k, 2 * sizeof pool);
	return r < sizeof pool ? pool[r] : (char)draw(turn, k + 1, 256);
}

/* One frame, a few bytes changed, inserted or removed; `mend` recomputes the checksum. */
static void mutate_frame(struct ril_buf *out, const char *frame, size_t n, uint32_t turn, bool mend)
{
	size_t from = out->len;
	ril_buf_add(out, frame, n, NULL);
	uint32_t changes = 1 + draw(turn, 10, 4);
	for (uint32_t i = 0; i < changes; i++) {
		size_t at = from + draw(turn, 20 + 4 * i, (uint32_t)(out->len - from - 4)), tail = out->len - at;
		uint32_t how = draw(turn, 21 + 4 * i, 8);
		if (how == 0 && tail > 12) {
			memmove(out->data + at, out->data + at + 1, tail - 1);
			out->len--;
		} else if (how == 1) {
			ril_buf_add(out, "", 1, NULL);
			memmove(out->data + at + 1, out->data + at, tail);
			out->data[at] = nasty(turn, 22 + 4 * i);
		} else {
			out->data[at] = nasty(turn, 22 + 4 * i);
		}
	}
	uint32_t crc = (uint32_t)crc32_z(0, (unsigned char *)out->data + from, out->len - from - 4);
	if (mend)
		memcpy(out->data + out->len - 4, &crc, 4);
}

static void mutate(struct ril_buf *out, const struct ril_buf *in, uint32_t turn, bool mend)
{
	uint32_t victim = draw(turn, 1, (uint32_t)frames.n), how = draw(turn, 2, 12);
	out->len = 0;
	for (size_t i = 0; i < frames.n; i++) {
		size_t k = how == 0 && i == victim ? draw(turn, 3, (uint32_t)frames.n) : i;
		const char *frame = in->data + frames.at[k];
		size_t n = frames.at[k + 1] - frames.at[k];
		if (i != victim || how == 0)
			ril_buf_add(out, frame, n, NULL);
		else if (how == 1)
			ril_buf_add(out, frame, draw(turn, 4, (uint32_t)n), NULL);
		else
			mutate_frame(out, frame, n, turn, mend);
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1.5;
	const char *root = getenv("RIL_ROOT");
	char path[512];
	struct ril_buf in = {0}, out = {0};
	struct ril_err e = {0};
	snprintf(path, sizeof path, "%s/share/examples/sample.ril", root ? root : ".");
	CHECK(!ril_read_file(&in, path, &e), "%s", e.msg);
	find_frames(&in);
	CHECK(frames.n == 8 && consume(in.data, in.len) == 0, "the sample itself");
	uint32_t turns = 0, accepted = 0, odd = 0;
	for (clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC); clock() < end && turns < UINT32_MAX;
	     turns++) {
		bool mend = turns % 2;
		mutate(&out, &in, turns, mend);
		int code = consume(out.data, out.len);
		bool same = out.len == in.len && !memcmp(out.data, in.data, in.len);
		odd += code != RIL_ECORRUPT && code != 0 && code != RIL_EFAIL;
		accepted += !mend && code == 0 && !same;
		ril_st_free(ril_st_parse(out.data, out.len < frames.at[1] - 4 ? out.len : frames.at[1] - 4, NULL));
	}
	CHECK(turns > 100 && accepted == 0 && odd == 0, "%u turns: %u damaged streams accepted, %u strange codes",
	      turns, accepted, odd);
	ril_buf_free(&in);
	ril_buf_free(&out);
	TEST_END();
}
#endif
