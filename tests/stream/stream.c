/* stream.c -- tests of records, readers and writers: round trips, cuts, flipped bits, what is published when. */
#include "../ril_test.h"
#include "build.h"

#include "base/file.h"
#include "stream/stream.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

static char dir[] = "/tmp/ril-stream.XXXXXX";
static char *args[] = {
	"prog",
	"--api-key",
	"hunter2",
	"-m",
	"http://u:pw@host/x",
	"--secret=xyz",
	"--tokenizer",
	"T",
	"cmd:API_KEY='hunter2' ask --top-token=hunter2 -H 'Authorization: Bearer hunter2' -H \"x-api-key: hunter2\" "
	"--password hunter2 https://u:hunter2@host/y key=1 --tokens 5"};
static const struct ril_lineage lineage = {"prog", "0.1", 9, args, 7, "cpu", "abc"};

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int turn;
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static struct ril_record *group(int i, struct ril_err *e)
{
	char key[16];
	snprintf(key, sizeof key, "k/%d", i);
	struct ril_record *r = ril_record_new(RIL_GROUP, key, e);
	int32_t ids[3] = {i, 2, 3};
	int64_t n = 3;
	CHECK(r && !ril_record_set(r, "prompt.ids", RIL_I32, 1, &n, ids, e) &&
		      !ril_record_set_meta(r, "question", "wie\n\"viele\"?", e),
	      "%s", e->msg);
	return r;
}

static int write_stream(const char *path, const char *model, int groups, int per_step, bool gzip)
{
	struct ril_err e = {0};
	struct ril_writer_options o = {gzip};
	struct ril_writer *w = ril_writer_open(path, &o, &e);
	struct ril_record *head = ril_record_new(RIL_HEAD, NULL, &e);
	int rc = !w || ril_record_set_meta(head, "model", model, &e) ||
		 ril_record_set_meta(head, "tokenizer", "t", &e) || ril_writer_head(w, head, &lineage, NULL, &e);
	ril_record_free(head);
	for (int i = 0; i < groups && !rc; i++) {
		struct ril_record *r = group(i, &e);
		rc = ril_writer_put(w, r, &e);
		ril_record_free(r);
		if (!rc && (i + 1) % per_step == 0)
			rc = ril_writer_step(w, (i + 1) / per_step, i == groups - 1, &e);
	}
	if (!rc)
		rc = ril_writer_end(w, &e);
	ril_writer_free(w);
	CHECK(rc || !e.code, "%s", e.msg);
	return rc ? e.code : 0;
}

struct seen {
	int heads, groups, steps, code;
	int64_t last_step;
	char msg[256];
};

static struct seen read_stream(const char *path)
{
	struct ril_err e = {0};
	struct seen s = {0};
	struct ril_record *rec = NULL;
	struct ril_reader *r = ril_reader_open(path, &e);
	int rc = r ? 0 : -1;
	while (!rc && !(rc = ril_reader_next(r, &rec, &e)) && rec) {
		s.heads += ril_record_kind(rec) == RIL_HEAD;
		s.groups += ril_record_kind(rec) == RIL_GROUP;
		if (ril_record_kind(rec) == RIL_STEP) {
			s.steps++;
			s.last_step = ril_step_number(rec);
		}
		ril_record_free(rec);
	}
	s.code = rc ? e.code : 0;
	snprintf(s.msg, sizeof s.msg, "%.255s", e.msg);
	ril_reader_free(r);
	return s;
}

static struct ril_buf slurp(const char *path)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	CHECK(!ril_read_file(&b, path, &e), "%s", e.msg);
	return b;
}

static void spill(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd))
		CHECK(0, "%s", path);
}

/* Reads `from`, writes `to`; changes each group when asked. */
static void filter(const char *from, const char *to, bool change)
{
	struct ril_err e = {0};
	struct ril_reader *r = ril_reader_open(from, &e);
	struct ril_writer *w = ril_writer_open(to, NULL, &e);
	struct ril_record *rec = NULL;
	int rc = !r || !w;
	while (!rc && !(rc = ril_reader_next(r, &rec, &e)) && rec) {
		float reward[2] = {1, NAN};
		int64_t n = 2;
		switch (ril_record_kind(rec)) {
		case RIL_HEAD: rc = ril_writer_head(w, rec, &lineage, NULL, &e); break;
		case RIL_STEP: rc = ril_writer_step(w, ril_step_number(rec), ril_step_checkpoint(rec), &e); break;
		default:
			rc = change ? ril_record_set(rec, "reward", RIL_F32, 1, &n, reward, &e) : 0;
			rc = rc || ril_writer_put(w, rec, &e);
		}
		ril_record_free(rec);
	}
	rc = rc || ril_writer_end(w, &e);
	CHECK(!rc, "%s", e.msg);
	ril_writer_free(w);
	ril_reader_free(r);
}

static void test_cat(const struct ril_buf *plain, const struct ril_buf *packed)
{
	static const struct ril_buf junk = {"xyz", 3, 3};
	const struct {
		const char *name;
		const struct ril_buf *a, *b;
		size_t cut;
		int code, groups;
	} cats[] = {
		{"plain plain", plain, plain, 0, 0, 8},   {"gzip gzip", packed, packed, 0, 0, 8},
		{"plain gzip", plain, packed, 0, 0, 8},   {"gzip plain", packed, plain, 0, 0, 8},
		{"tail cut", plain, plain, 1, 3, 8},      {"garbage", plain, &junk, 0, 3, 4},
		{"gzip garbage", packed, &junk, 0, 3, 4},
	};
	for (size_t i = 0; i < sizeof cats / sizeof *cats; i++) {
		struct ril_buf b = {0};
		ril_buf_add(&b, cats[i].a->data, cats[i].a->len, NULL);
		ril_buf_add(&b, cats[i].b->data, cats[i].b->len - cats[i].cut, NULL);
		spill(in_dir("cat"), b.data, b.len);
		struct seen s = read_stream(in_dir("cat"));
		CHECK(s.code == cats[i].code && s.groups == cats[i].groups, "%s: %d %s", cats[i].name, s.groups, s.msg);
		ril_buf_free(&b);
	}
}

static void test_round_trip(void)
{
	char cmd[600];
	CHECK(write_stream(in_dir("a.ril"), "m", 4, 2, false) == 0, "write");
	struct seen s = read_stream(in_dir("a.ril"));
	CHECK(!s.code && s.heads == 1 && s.groups == 4 && s.steps == 2 && s.last_step == 2, "%s", s.msg);
	CHECK(write_stream(in_dir("a.gz"), "m", 4, 2, true) == 0, "write gzip");
	s = read_stream(in_dir("a.gz"));
	CHECK(!s.code && s.groups == 4 && s.steps == 2, "gzip: %s", s.msg);
	snprintf(cmd, sizeof cmd, "gzip -dc %s | cmp - %s", in_dir("a.gz"), in_dir("a.ril"));
	CHECK(system(cmd) == 0, "gzip(1) unpacks it to the same bytes");
	struct ril_buf plain = slurp(in_dir("a.ril")), packed = slurp(in_dir("a.gz"));
	static const char kept[] = "\\\"--tokenizer\\\",\\\"T\\\"";
	CHECK(!memmem(plain.data, plain.len, "hunter2", 7) && !memmem(plain.data, plain.len, "xyz", 3) &&
		      !memmem(plain.data, plain.len, "pw@", 3) && memmem(plain.data, plain.len, kept, sizeof kept - 1),
	      "secrets are masked, other arguments are not");
	test_cat(&plain, &packed);
	ril_buf_free(&plain);
	ril_buf_free(&packed);
	write_stream(in_dir("b.ril"), "another", 1, 1, false);
	snprintf(cmd, sizeof cmd, "cat %s %s >%s", in_dir("a.ril"), in_dir("b.ril"), in_dir("cat"));
	CHECK(system(cmd) == 0 && read_stream(in_dir("cat")).code == RIL_EFAIL,
	      "segments of two models do not go together");
}

/* Two segments through two filters: unchanged groups keep their bytes, and so do the fields beside a changed one. */
static void test_filter(void)
{
	char cmd[600];
	struct ril_err e = {0};
	struct ril_record *rec = NULL;
	snprintf(cmd, sizeof cmd, "cat %s %s >%s", in_dir("a.ril"), in_dir("a.ril"), in_dir("two"));
	CHECK(system(cmd) == 0, "cat");
	filter(in_dir("two"), in_dir("same"), false);
	filter(in_dir("same"), in_dir("changed"), true);
	struct seen s = read_stream(in_dir("changed"));
	CHECK(!s.code && s.heads == 2 && s.groups == 8 && s.steps == 4, "%s", s.msg);
	struct ril_reader *r = ril_reader_open(in_dir("changed"), &e);
	CHECK(r && !ril_reader_next(r, &rec, &e) && rec, "%s", e.msg);
	int lines = 1;
	for (const char *p = ril_record_meta(rec, "lineage"); p && (p = strchr(p, '\n')); p++)
		lines++;
	CHECK(lines == 3, "%d lines of lineage", lines);
	ril_record_free(rec);
	CHECK(!ril_reader_next(r, &rec, &e) && rec && !strcmp(ril_record_key(rec), "k/0"), "%s", e.msg);
	const struct ril_st_entry *ids = ril_record_need(rec, "prompt.ids", RIL_I32, 1, &e),
				  *reward = ril_record_get(rec, "reward");
	CHECK(ids && ((const int32_t *)ids->data)[1] == 2 && reward && isnan(((const float *)reward->data)[1]),
	      "fields");
	CHECK(!strcmp(ril_record_meta(rec, "question"), "wie\n\"viele\"?"), "metadata");
	CHECK(!ril_record_need(rec, "prompt.ids", RIL_F32, 1, &e) && strstr(e.msg, "record 1 'k/0'") &&
		      strstr(e.msg, "prompt.ids"),
	      "%s", e.msg);
	CHECK(!ril_record_need(rec, "nope", RIL_F32, 1, &e) && e.code == RIL_EFAIL, "%s", e.msg);
	ril_record_drop(rec, "prompt.*");
	CHECK(!ril_record_get(rec, "prompt.ids") && ril_record_count(rec) == 1, "dropped");
	ril_record_free(rec);
	ril_reader_free(r);
}

static void test_responses(void)
{
	struct ril_err e = {0};
	struct ril_record *r = group(1, &e);
	static const int32_t a[2] = {5, 6}, b[1] = {7};
	static const float logp[2] = {-1, -2};
	struct ril_new_response one = {a, 2, 0, 0, logp, "f\xC3\xBCnf"},
				two[] = {{b, 1, 1, 1, NULL, "x\"y"}, {b, 0, 2, 0, NULL, ""}};
	int64_t n = 1;
	CHECK(!ril_responses_add(r, &one, 1, &e), "%s", e.msg);
	CHECK(!ril_record_set(r, "reward", RIL_F32, 1, &n, logp, &e) &&
		      !ril_record_set(r, "disc.logit", RIL_F32, 1, &n, logp, &e),
	      "%s", e.msg);
	CHECK(!ril_responses_add(r, two, 2, &e), "%s", e.msg);
	struct ril_responses got;
	CHECK(!ril_responses_get(r, &got, &e) && got.n == 3 && got.start[1] == 2 && got.start[2] == 3 &&
		      got.start[3] == 3 && got.ids[2] == 7 && got.source[2] == 2 && got.finish[1] == 1,
	      "%s", e.msg);
	const struct ril_st_entry *lp = ril_record_get(r, "resp.logp");
	CHECK(lp && ((const float *)lp->data)[1] == -2 && isnan(((const float *)lp->data)[2]), "log-probs");
	CHECK(!strcmp(ril_record_meta(r, "resp.text"), "[\"f\xC3\xBCnf\",\"x\\\"y\",\"\"]"), "%s",
	      ril_record_meta(r, "resp.text"));
	CHECK(!ril_record_get(r, "reward") && !ril_record_get(r, "disc.logit"), "what was derived is gone");
	n = 3;
	static const int32_t mood[3] = {1, 2, 3};
	CHECK(!ril_record_set(r, "resp.mood", RIL_I32, 1, &n, mood, &e), "%s", e.msg);
	CHECK(ril_responses_add(r, &one, 1, &e) && strstr(e.msg, "resp.mood"), "%s", e.msg);
	ril_record_drop(r, "resp.mood");
	n = 4;
	static const int32_t descends[4] = {0, 2, 1, 3};
	CHECK(!ril_record_set(r, "resp.start", RIL_I32, 1, &n, descends, &e) && ril_responses_get(r, &got, &e) &&
		      e.code == RIL_ECORRUPT,
	      "%s", e.msg);
	ril_record_drop(r, "resp.*");
	CHECK(!ril_responses_get(r, &got, &e) && got.n == 0 && ril_record_count(r) == 1, "%s", e.msg);
	ril_record_free(r);
}

static void test_head(void)
{
	struct ril_err e = {0};
	struct ril_record *h = ril_head_extend(NULL, &lineage, &e);
	CHECK(h && ril_head_teacher(h, "x \"y\"", &e) == 1 && ril_head_teacher(h, "z", &e) == 2 &&
		      ril_head_teacher(h, "x \"y\"", &e) == 1,
	      "%s", e.msg);
	CHECK(!ril_head_expect(h, "model", "m", &e) && !ril_record_set_meta(h, "model", "m", &e) &&
		      !ril_head_expect(h, "model", "m", &e) && ril_head_expect(h, "model", "n", &e) &&
		      e.code == RIL_EFAIL,
	      "%s", e.msg);
	ril_record_free(h);
}

/* Cut at every byte: exit 3, and every step that was handed out is whole. */
static void test_cut(const char *name)
{
	struct ril_buf b = slurp(in_dir(name));
	int bad = 0;
	spill(in_dir("cut"), b.data, b.len);
	for (size_t n = b.len; n-- > 0;) {
		bad += truncate(in_dir("cut"), (off_t)n) != 0;
		struct seen s = read_stream(in_dir("cut"));
		bad += s.code != RIL_ECORRUPT || (s.steps && s.groups < 2 * s.last_step);
	}
	CHECK(bad == 0, "%s: %d of %zu cuts not found", name, bad, b.len);
	ril_buf_free(&b);
}

static void test_flip(void)
{
	struct ril_buf b = slurp(in_dir("a.ril"));
	int bad = 0;
	spill(in_dir("flip"), b.data, b.len);
	int fd = open(in_dir("flip"), O_WRONLY);
	for (size_t at = 0; at < b.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			char flipped = (char)(b.data[at] ^ 1 << bit);
			bad += pwrite(fd, &flipped, 1, (off_t)at) != 1;
			int code = read_stream(in_dir("flip")).code;
			if (code != RIL_ECORRUPT && bad++ < 5)
				fprintf(stderr, "byte %zu bit %d: code %d\n", at, bit, code);
		}
		bad += pwrite(fd, &b.data[at], 1, (off_t)at) != 1;
	}
	close(fd);
	CHECK(bad == 0 && read_stream(in_dir("flip")).code == 0, "%d of %zu flipped bits not found", bad, b.len * 8);
	ril_buf_free(&b);
}

/* Where the frames begin; at[n] is the end. */
static size_t frames(const struct ril_buf *b, size_t *at)
{
	size_t n = 0, pos = 0;
	while (pos < b->len) {
		struct ril_err e = {0};
		uint64_t header;
		at[n++] = pos;
		memcpy(&header, b->data + pos, 8);
		struct ril_st *st = ril_st_header(b->data + pos + 8, header, &e);
		CHECK(st, "%s", e.msg);
		pos += 8 + header + ril_st_data_bytes(st) + 4;
		ril_st_free(st);
	}
	at[n] = pos;
	return n;
}

/* A frame that is dropped or doubled is noticed at the next barrier. */
static void test_order(void)
{
	struct ril_buf b = slurp(in_dir("a.ril"));
	size_t at[16], n = frames(&b, at);
	CHECK(n == 8, "%zu frames", n);
	for (size_t i = 0; i < n; i++) {
		struct ril_buf x = {0};
		ril_buf_add(&x, b.data, at[i], NULL);
		ril_buf_add(&x, b.data + at[i + 1], b.len - at[i + 1], NULL);
		spill(in_dir("less"), x.data, x.len);
		CHECK(read_stream(in_dir("less")).code == RIL_ECORRUPT, "frame %zu dropped", i);
		x.len = 0;
		ril_buf_add(&x, b.data, at[i + 1], NULL);
		ril_buf_add(&x, b.data + at[i], b.len - at[i], NULL);
		spill(in_dir("more"), x.data, x.len);
		CHECK(read_stream(in_dir("more")).code == RIL_ECORRUPT, "frame %zu doubled", i);
		ril_buf_free(&x);
	}
	ril_buf_free(&b);
}

/* How many names in the folder begin so. */
static int entries(const char *prefix)
{
	char cmd[600];
	int n = -1;
	snprintf(cmd, sizeof cmd, "find %s -name '%s*' | wc -l", dir, prefix);
	FILE *p = popen(cmd, "r");
	if (!p || fscanf(p, "%d", &n) != 1)
		n = -1;
	if (p)
		pclose(p);
	return n;
}

static void test_publishing(void)
{
	struct ril_err e = {0};
	struct ril_writer *w = ril_writer_open(in_dir("p.ril"), NULL, &e);
	CHECK(w && !ril_writer_head(w, NULL, &lineage, NULL, &e), "%s", e.msg);
	CHECK(access(in_dir("p.ril"), F_OK) && entries("p.ril") == 1, "nothing under the name before the end");
	ril_writer_free(w);
	CHECK(entries("p.ril") == 0, "an unfinished file is removed");
	CHECK(write_stream("/dev/full", "m", 1, 1, false) == RIL_EFAIL, "/dev/full");
	CHECK(write_stream("/dev/full", "m", 1, 1, true) == RIL_EFAIL, "/dev/full, gzip");
	CHECK(!ril_writer_open(in_dir("no/such/folder"), NULL, &e) && e.code == RIL_EFAIL, "%s", e.msg);
	CHECK(!ril_reader_open(in_dir("nope"), &e) && e.code == RIL_EFAIL && strstr(e.msg, "nope"), "%s", e.msg);
	CHECK(!ril_reader_open(dir, &e), "a folder is no stream");
	spill(in_dir("empty"), "", 0);
	CHECK(read_stream(in_dir("empty")).code == RIL_ECORRUPT, "an empty file is no stream");
	/* A file system that fills up: the file size limit stands in for it. */
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, small;
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 600;
	setrlimit(RLIMIT_FSIZE, &small);
	int code = write_stream(in_dir("big.ril"), "m", 10, 2, false);
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK(code == RIL_EFAIL && entries("big.ril") == 0, "a full disk leaves nothing (%d)", code);
}

static void test_terminal(void)
{
	struct ril_err e = {0};
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	const char *terminal = master < 0 || grantpt(master) || unlockpt(master) ? NULL : ptsname(master);
	if (!terminal)
		SKIP("no pseudo-terminal");
	else
		CHECK(!ril_writer_open(terminal, NULL, &e) && e.code == RIL_EUSAGE && strstr(e.msg, "terminal"), "%s",
		      e.msg);
	close(master);
}

/* A stream of one group frame, with another version and with tensors and metadata from the future. */
static int future(const char *version)
{
	static const uint8_t blob[5] = {9, 8, 7, 6, 5};
	const struct ril_st_entry x = {
		.name = "new.blob", .dtype = RIL_U8, .ndim = 1, .dim = {5}, .count = 5, .data = blob, .bytes = 5};
	const char *kinds[2] = {"head", "group"}, *meta[8] = {"ril", NULL, "key", "k", "new.text", "[1, 2 ]"};
	struct ril_buf b = {0};
	struct ril_err e = {0};
	for (int i = 0; i < 2; i++) {
		char ril[32];
		struct ril_buf frame = {0};
		snprintf(ril, sizeof ril, "%s %s", kinds[i], version);
		meta[1] = ril;
		CHECK(!test_st_build(&frame, &x, 1, meta, &e), "%s", e.msg);
		uint32_t crc = (uint32_t)crc32_z(0, (unsigned char *)frame.data, frame.len);
		ril_buf_add(&frame, &crc, 4, &e);
		ril_buf_add(&b, frame.data, frame.len, &e);
		ril_buf_free(&frame);
	}
	spill(in_dir("future"), b.data, b.len);
	ril_buf_free(&b);
	struct ril_reader *r = ril_reader_open(in_dir("future"), &e);
	struct ril_writer *w = ril_writer_open(in_dir("passed"), NULL, &e);
	struct ril_record *rec = NULL;
	int rc = ril_reader_next(r, &rec, &e) || ril_writer_put(w, rec, &e);
	ril_record_free(rec);
	rec = NULL;
	rc = rc || ril_reader_next(r, &rec, &e) || ril_record_set_meta(rec, "mine", "1", &e) ||
	     ril_writer_put(w, rec, &e) || ril_writer_end(w, &e);
	ril_record_free(rec);
	ril_reader_free(r);
	ril_writer_free(w);
	return rc ? e.code : 0;
}

static void test_future(void)
{
	struct ril_err e = {0};
	struct ril_record *rec = NULL;
	CHECK(future("2.0") == RIL_ECORRUPT, "a newer major version");
	CHECK(future("1.7") == 0, "a newer minor version");
	struct ril_reader *r = ril_reader_open(in_dir("passed"), &e);
	CHECK(r && !ril_reader_next(r, &rec, &e), "%s", e.msg);
	ril_record_free(rec);
	CHECK(!ril_reader_next(r, &rec, &e) && rec && !strcmp(ril_record_meta(rec, "new.text"), "[1, 2 ]"),
	      "unknown metadata");
	const struct ril_st_entry *x = ril_record_get(rec, "new.blob");
	CHECK(x && x->bytes == 5 && !memcmp(x->data, "\x09\x08\x07\x06\x05", 5), "unknown tensor");
	ril_record_free(rec);
	ril_reader_free(r);
}

static void test_abort(void)
{
	struct ril_err e = {0}, why = {.code = RIL_EFAIL, .msg = "out of ideas: really"};
	char *fifo = strdup(in_dir("fifo"));
	CHECK(!mkfifo(fifo, 0600), "mkfifo");
	int keep = open(fifo, O_RDWR); /* lets both ends open; the pipe holds what is written */
	struct ril_writer *w = ril_writer_open(fifo, NULL, &e);
	CHECK(w && !ril_writer_head(w, NULL, &lineage, NULL, &e), "%s", e.msg);
	ril_writer_abort(w, "ril-x", &why);
	ril_writer_free(w);
	struct seen s = read_stream(fifo);
	CHECK(s.code == RIL_EFAIL && strstr(s.msg, "ril-x: out of ideas: really"), "%s", s.msg);
	why.code = s.code;
	snprintf(why.msg, sizeof why.msg, "%s", s.msg);
	w = ril_writer_open(fifo, NULL, &e);
	ril_writer_abort(w, "ril-y", &why);
	ril_writer_free(w);
	s = read_stream(fifo);
	CHECK(s.code == RIL_EFAIL && strstr(s.msg, "ABORT from ril-x: out of ideas: really") && !strstr(s.msg, "ril-y"),
	      "passed on, it still names the stage where it began: %s", s.msg);
	close(keep);
	free(fifo);
}

/* A frame that claims a terabyte makes us allocate no more than what arrives. */
static void test_claims(void)
{
	static const char json[] =
		"{\"a\":{\"dtype\":\"U8\",\"shape\":[1099511627776],\"data_offsets\":[0,1099511627776]}}";
	char image[256] = {0};
	uint64_t n = sizeof json - 1;
	memcpy(image, &n, 8);
	memcpy(image + 8, json, n);
	struct rlimit old;
	getrlimit(RLIMIT_AS, &old);
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory alone would not fit */
	struct rlimit small = {1ull << 33, old.rlim_max};
	setrlimit(RLIMIT_AS, &small);
#endif
	spill(in_dir("claim"), image, 8 + n + 20);
	struct seen s = read_stream(in_dir("claim"));
	CHECK(s.code == RIL_ECORRUPT && strstr(s.msg, "truncated"), "%s", s.msg);
	setrlimit(RLIMIT_AS, &old);
}

/* How far a file was read, packed or not; a pipe does not know. */
static void test_share(void)
{
	enum { GROUPS = 2000 };
	for (int packed = 0; packed < 2; packed++) {
		struct ril_err e = {0};
		const char *path = in_dir("share");
		CHECK(!write_stream(path, "m", GROUPS, 100, packed), "written");
		struct ril_reader *in = ril_reader_open(path, &e);
		struct ril_record *r = NULL;
		int groups = 0, off = 0;
		double before = 0;
		while (!ril_reader_next(in, &r, &e) && r) {
			double share = ril_reader_share(in);
			groups += ril_record_kind(r) == RIL_GROUP;
			off += share < before || share > 1 ||
			       (ril_record_kind(r) == RIL_GROUP && fabs(share - (double)groups / GROUPS) > .05);
			before = share;
			ril_record_free(r);
		}
		CHECK(groups == GROUPS && !off && ril_reader_share(in) == 1, "%s: %d off, ends with %g", e.msg, off,
		      ril_reader_share(in));
		ril_reader_free(in);
	}
	struct ril_err e = {0};
	const char *fifo = in_dir("share-fifo");
	CHECK(!mkfifo(fifo, 0600), "mkfifo");
	int keep = open(fifo, O_RDWR);
	struct ril_reader *in = ril_reader_open(fifo, &e);
	CHECK(in && ril_reader_share(in) == 0, "a pipe: %s", e.msg);
	ril_reader_free(in);
	close(keep);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_round_trip();
	test_filter();
	test_responses();
	test_head();
	test_cut("a.ril");
	test_cut("a.gz");
	test_flip();
	test_order();
	test_publishing();
	test_terminal();
	test_future();
	test_abort();
	test_claims();
	test_share();
	char cmd[64];
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	CHECK(system(cmd) == 0, "clean-up");
	TEST_END();
}
